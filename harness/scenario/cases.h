// How far the scenarios have come: for each case that other suites have (scenarios/clauses/cases.toml), the scenarios that carry it, the
// reason why none does, or nothing yet.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scenario/scenario.h"

namespace tlsbye {

struct CaseRow {
  std::string id;      // "B10"
  std::string says;    // "client closes, server replies, TLS 1.2"
  std::string origin;  // "OpenSSL test_shutdown 0; BoGo Shutdown-Shim"
  std::string reason;  // why no scenario carries it; empty if one does, or if no reason is given
};

struct CaseList {
  std::vector<CaseRow> cases;  // in the order of the file
  std::vector<Diagnostic> diagnostics;
};

CaseList load_cases(const std::filesystem::path& file);
CaseList parse_cases(std::string_view text, const std::string& file);

struct CaseCoverage {
  std::vector<const CaseRow*> missing;  // the cases that no scenario carries
  std::vector<std::string> strangers;   // "half-close/x: no case B99"; empty in a sound tree
};

// `list` must outlive the result.
CaseCoverage case_coverage(const CaseList& list, const std::vector<Scenario>& scenarios);

// A count, then a line for each missing case and for each stranger.
std::string tell(const CaseCoverage& coverage, std::size_t all);

}  // namespace tlsbye
