// Globs, as the command line, clauses and lists of accepted deviations take them: `*`, `?`, `[...]`, and `{one,other}` for either of
// several. `*` also stands for slashes. A backslash takes away the meaning of what follows it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tlsbye {

// The globs without braces that `glob` stands for: "a/{b,c*}" for "a/b" and "a/c*". Braces without a comma between them stand for
// themselves, as in a shell. None where there would be more than a thousand.
std::vector<std::string> without_braces(std::string_view glob);

// Whether the whole of `text` matches.
bool matches(std::string_view glob, std::string_view text);
bool matches_any(const std::vector<std::string>& globs, std::string_view text);

}  // namespace tlsbye
