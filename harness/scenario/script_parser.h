// Inside the scenario module: the parser of scripts with what only the envelope knows.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scenario/scenario.h"

namespace tlsbye {

struct ScriptContext {
  std::string file;
  int first_line = 1;                                      // of the script, in the file
  std::map<std::string, std::string, std::less<>> values;  // what $NAME stands for
  // Limits that the envelope sets; without an envelope there are none.
  bool no_reset = false;                        // the transport is not TCP
  bool with_tls12 = false, with_tls13 = false;  // 1.2 stands for those before it, too
};

// Statements of all lines that are in order; a Diagnostic for each that is not. A `$NAME` is replaced before its line is read, but
// places are those of the line as it stands in the file.
std::vector<Statement> parse_script(std::string_view text, const ScriptContext& context, std::vector<Diagnostic>& diagnostics);

// `text` with its $NAMEs replaced; those without a value stay as they are.
std::string substitute(std::string_view text, const std::map<std::string, std::string, std::less<>>& values);

// The names after each `$` in `text`.
std::vector<std::string> names_used(std::string_view text);

std::vector<std::string> split_lines(std::string_view text);

}  // namespace tlsbye
