// How far the scenarios have come: for each case that other suites have (scenarios/clauses/cases.toml), the scenarios that carry it, the
// reason why none does (out-of-scope.toml, [[case]] with ref and reason), or nothing yet.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scenario/scenario.h"

namespace tlsbye {

struct CaseRow {
  std::string id;      // "B10"
  std::string says;    // "client closes, server replies, TLS 1.2"
  std::string origin;  // "OpenSSL test_shutdown 0; BoGo Shutdown-Shim"
};

struct CaseList {
  std::vector<CaseRow> cases;                   // in the order of the file
  std::map<std::string, std::string> left_out;  // id -> reason
  std::vector<Diagnostic> diagnostics;
};

// Both files in `directory`, scenarios/clauses.
CaseList load_cases(const std::filesystem::path& directory);
CaseList parse_cases(std::string_view cases, std::string_view out_of_scope);

struct CaseCoverage {
  struct Missing {
    const CaseRow* row;
    std::string reason;  // empty where nobody has given one yet
  };
  std::vector<Missing> missing;        // the cases that no scenario carries
  std::vector<std::string> strangers;  // "half-close/x: no case B99", "out-of-scope.toml: ..."; empty in a sound tree
};

// `list` must outlive the result.
CaseCoverage case_coverage(const CaseList& list, const std::vector<Scenario>& scenarios);

// A count, then a line for each missing case and for each stranger.
std::string tell(const CaseCoverage& coverage, std::size_t all);

}  // namespace tlsbye
