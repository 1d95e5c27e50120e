// The report as SARIF 2.1.0, out/results.sarif, for code scanning: each clause is a rule with its citation as help, each cell that does not
// conform is a result, with the events and the replay id among its properties. The place of a result is the stack in its role and version,
// and, since viewers want a file, the clause's own.
#pragma once

#include <string>
#include <vector>

#include "harness/judge/judge.h"

namespace tlsbye {

// What violates, crashed, hung or is stale is an error, discouraged a warning, what differs only informs; a known deviation is suppressed,
// with its reason. The harness's own errors are not results, but make the run unsuccessful.
std::string sarif(const RunReport& report, const std::vector<Clause>& clauses);

}  // namespace tlsbye
