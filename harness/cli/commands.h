// The commands, one function each. Each prints to standard output, may throw Stop, and gives the exit code.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/cli/house.h"
#include "harness/judge/judge.h"
#include "harness/runner/plan.h"
#include "reports/transcripts.h"

namespace tlsbye {

struct RunWords {
  Selection selection;
  std::vector<std::string> clauses;
  unsigned jobs = 0;
  bool isolate = false;
  bool gate = false;
  bool sweep = false;
  std::size_t pairs = 0;  // campaign.h
  std::filesystem::path more_scenarios;
  std::filesystem::path out = "out";
  std::filesystem::path known;  // empty: scenarios/known.toml
  std::chrono::milliseconds patience{10000};
};
int run_command(const House& house, const RunWords& words);

// The reports that are made of a run file, and of the transcripts beside it. An empty path: not that one.
struct ReportFiles {
  std::filesystem::path markdown, html, junit, sarif;
  friend bool operator==(const ReportFiles&, const ReportFiles&) = default;
};
inline constexpr const char* transcripts_file = "transcripts.jsonl";
void write_reports(const RunReport& report, const std::vector<Clause>& clauses, const Transcripts& transcripts, const ReportFiles& files);
void write_text(const std::filesystem::path& file, const std::string& text);
int report_command(const House& house, const std::filesystem::path& run_file, const ReportFiles& files);

int list_command(const House& house, const std::string& kind, bool json, bool coverage, bool rows,
                 const std::filesystem::path& more_scenarios);
int show_command(const House& house, const std::string& what, const std::filesystem::path& out,
                 const std::filesystem::path& more_scenarios);
int replay_command(const House& house, const std::string& id, bool isolate, std::chrono::milliseconds patience,
                   const std::filesystem::path& more_scenarios);
int gate_command(const House& house, const std::filesystem::path& run_file, const std::filesystem::path& known);
int diff_command(const std::filesystem::path& before, const std::filesystem::path& after);
int selftest_command(const House& house);

}  // namespace tlsbye
