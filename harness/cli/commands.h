// The commands, one function each. Each prints to standard output, may throw Stop, and gives the exit code.
#pragma once

#include <array>
#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/cli/house.h"
#include "harness/judge/judge.h"
#include "harness/runner/plan.h"
#include "reports/references.h"
#include "reports/transcripts.h"

namespace CLI {
class App;
}

namespace tlsbye {

struct RunWords {
  Selection selection;
  std::vector<std::string> clauses;
  unsigned jobs = 0;
  bool isolate = false;
  bool gate = false;
  Verdict fail_on = Verdict::violates;  // of the gate: the mildest verdict that fails it
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
  std::filesystem::path markdown, html, junit, sarif, closing;
  friend bool operator==(const ReportFiles&, const ReportFiles&) = default;
};
inline constexpr const char* transcripts_file = "transcripts.jsonl";
void write_reports(const RunReport& report, const References& references, const Transcripts& transcripts, const ReportFiles& files);
void write_text(const std::filesystem::path& file, const std::string& text);
int report_command(const House& house, const std::filesystem::path& run_file, const ReportFiles& files);

// What `tlsbye list` names.
inline constexpr std::array<std::string_view, 7> listed{"scenarios",  "clauses", "contradictions", "stacks",
                                                        "properties", "traits",  "cells"};
int list_command(const House& house, const std::string& kind, bool json, bool coverage, bool rows,
                 const std::filesystem::path& more_scenarios);
int show_command(const House& house, const std::string& what, const std::filesystem::path& out,
                 const std::filesystem::path& more_scenarios);
// `capture`: where to write the run for Wireshark; empty: nowhere.
int replay_command(const House& house, const std::string& id, bool isolate, std::chrono::milliseconds patience,
                   const std::filesystem::path& more_scenarios, const std::filesystem::path& capture);
// Judges a run file. `update`: writes a first known.toml to `known` instead, which must not be there yet.
int gate_command(const House& house, const std::filesystem::path& run_file, const std::filesystem::path& known, Verdict fail_on,
                 bool update);
// The cells that a run with these words would have, as a run file in which nothing was reached; or one id a line.
int cells_command(const House& house, const RunWords& words, bool json);
// What a shell may complete a word to, one a line: commands, options of `command`, what `list` names, stacks, scenarios, clauses.
int complete_command(const House& house, const CLI::App& app, const std::string& what, const std::string& command);

struct DiffWords {
  std::filesystem::path before, after;
  bool all = false, markdown = false, json = false;
  bool fail_on_changed = false;  // otherwise only on what is worse now
};
int diff_command(const House& house, const DiffWords& words);
int selftest_command(const House& house);

}  // namespace tlsbye
