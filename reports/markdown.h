// The report as Markdown, out/matrix.md: matrix, legend, findings, and the traits as a table for those who port from one stack to another.
#pragma once

#include <string>
#include <vector>

#include "harness/judge/judge.h"

namespace tlsbye {

// `traits` gives the questions behind the names; answers to traits that are not among them are shown by name only.
std::string markdown(const RunReport& report, const std::vector<Clause>& clauses, const std::vector<Trait>& traits);

}  // namespace tlsbye
