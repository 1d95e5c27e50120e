// The report as Markdown, out/matrix.md, short enough for a comment on GitHub whatever was run: totals, what did not conform clause by
// clause, accepted deviations, the traits as a table for those who port from one stack to another, partners, what differs, the
// contradictions between documents that any of this is about, and the rest of the matrix. Where there is no room for all, the end of a
// section is counted.
#pragma once

#include <string>

#include "harness/judge/judge.h"
#include "reports/references.h"

namespace tlsbye {

// Answers to traits that are not among `references` are shown by name only.
std::string markdown(const RunReport& report, const References& references);

// How to close safely on each stack of the report, out/closing-safely.md: sentences with the runs that show them (harness/judge/advice.h).
std::string closing_safely(const RunReport& report, const References& references);

}  // namespace tlsbye
