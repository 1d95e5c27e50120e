// The run file, out/run.json: RunReport as JSON, format "tlsbye-run/1". Its schema is reports/schema.json. Every other report can be made
// from it alone (and from the clauses' texts).
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

#include "harness/judge/judge.h"

namespace tlsbye {

// What is wrong with a run file and where: "run.json: cells[3].verdict: `fine` is not a verdict".
struct RunFileError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Keys come in a fixed order, one cell a line: equal reports give equal text.
std::string run_json(const RunReport& report);
// `name` is for messages. Strict: a missing, unknown or mistyped key throws RunFileError.
RunReport parse_run(std::string_view json, const std::string& name);

// Writes by way of a temporary file beside it, so that the file is whole or not there. Throws RunFileError in the system's words.
void write_run_file(const RunReport& report, const std::filesystem::path& file);
RunReport read_run_file(const std::filesystem::path& file);

}  // namespace tlsbye
