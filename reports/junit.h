// The report as JUnit XML, out/junit.xml, for whatever shows test results: a suite for each clause, with the citation and the replay ids as
// its properties, and in it a test case for each cell. The elements and attributes are those that the common schemas agree on
// (reports/testdata/junit.xsd), so that a strict reader takes the file too; that is why properties stand at suites, and not at cases.
#pragma once

#include <string>
#include <vector>

#include "harness/judge/judge.h"

namespace tlsbye {

// A case fails where its cell violates, crashed, hung or is stale, with what was seen and the events as its text; it is an error where the
// harness was at fault, and skipped where the deviation is known (with the reason), the stack has no such thing, or no run came to the
// situation. What is discouraged or differs passes, and says so.
std::string junit(const RunReport& report, const std::vector<Clause>& clauses);

}  // namespace tlsbye
