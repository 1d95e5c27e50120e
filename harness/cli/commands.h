// The commands, one function each. Each prints to standard output, may throw Stop, and gives the exit code.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/cli/house.h"
#include "harness/cli/program.h"
#include "harness/judge/judge.h"
#include "harness/runner/plan.h"
#include "reports/history.h"
#include "reports/references.h"
#include "reports/transcripts.h"

namespace CLI {
class App;
}

namespace tlsbye {

// A run file that the user names; throws Stop where it cannot be read.
RunReport read_run(const std::filesystem::path& file);

// How many connections a probe makes at most, where the words do not say.
inline constexpr unsigned default_connections = 60;

struct RunWords {
  Selection selection;
  std::vector<std::string> clauses;
  unsigned jobs = 0;
  bool isolate = false;
  bool all = false;            // tell the whole matrix
  std::optional<Shard> shard;  // only that part
  bool gate = false;
  Verdict fail_on = Verdict::violates;  // of the gate: the mildest verdict that fails it
  bool sweep = false;
  std::size_t pairs = 0;  // campaign.h
  std::filesystem::path out = "out";
  std::filesystem::path known;  // empty: scenarios/known.toml
  std::chrono::milliseconds patience{10000};
};
int run_command(const House& house, const RunWords& words);

// A report that is made of a run file, and of the transcripts beside it.
struct ReportFormat {
  const char* option;  // of `tlsbye report`
  const char* file;    // its name in the folder of results
  const char* help;
  bool shows_runs;  // makes use of the transcripts
  std::string (*make)(const RunReport& report, const References& references, const Transcripts& transcripts);
};
std::span<const ReportFormat> report_formats();
// A report to write, and where to.
struct ReportFile {
  const ReportFormat* format;
  std::filesystem::path file;
};
inline constexpr std::string_view page_file = "matrix.html";  // of the formats, the one for people
inline constexpr const char* transcripts_file = "transcripts.jsonl";
void write_reports(const RunReport& report, const References& references, const Transcripts& transcripts,
                   const std::vector<ReportFile>& files);
// Throws Stop where it cannot be written: exit 3 where the disk is full or fails, else 2.
void write_text(const std::filesystem::path& file, const std::string& text);
struct ReportWords {
  std::filesystem::path run_file;
  std::vector<ReportFile> files;
  bool terminal = false;  // on standard output, as after a run
  bool all = false;       // there, with the matrix
};
int report_command(const House& house, const ReportWords& words);

// What `tlsbye list` names.
inline constexpr std::array<std::string_view, 7> listed{"scenarios",  "clauses", "contradictions", "stacks",
                                                        "properties", "traits",  "cells"};
struct ListWords {
  std::string kind;  // of `listed`
  bool json = false;
  bool coverage = false, rows = false;  // of clauses
  RunWords cells;                       // the run whose cells are named
};
// `cells`: those that a run with these words would have, as a run file in which nothing was reached; or one id a line.
int list_command(const House& house, const ListWords& words);

struct ShowWords {
  std::string what;
  std::vector<std::string> stacks;  // what was seen on these: NAME[@VERSION], globs; empty: on all
  std::filesystem::path out = "out";
};
int show_command(const House& house, const ShowWords& words);

struct ReplayWords {
  std::string id;
  ProgramWords program;  // of a run of `tlsbye probe`
  bool isolate = false;
  std::chrono::milliseconds patience{10000};
  std::filesystem::path capture;  // where to write the run for Wireshark; empty: nowhere
};
int replay_command(const House& house, const ReplayWords& words);

struct JudgeWords {
  std::filesystem::path capture;
  std::filesystem::path keys;  // a key log; empty: what the capture holds
  bool markdown = false, json = false;
  bool gate = false;
  Verdict fail_on = Verdict::violates;
};
// Judges the connections of a capture.
int judge_command(const House& house, const JudgeWords& words);

struct ProbeWords {
  ProgramWords program;
  std::vector<std::string> scenarios, clauses;  // globs
  std::string partner = "openssl";
  std::optional<Tls> tls;
  unsigned at_most = default_connections;  // connections
  std::optional<unsigned> repeat;          // so many connections of each scenario; of a client that is started 2, otherwise 1
  bool gate = false;
  Verdict fail_on = Verdict::violates;
  std::filesystem::path out = "out";
  std::filesystem::path known;  // empty: none
};
// Runs the scenarios for real programs with a server, or a client.
int probe_command(const House& house, const ProbeWords& words);

struct GateWords {
  std::filesystem::path run_file;
  std::filesystem::path known;  // empty: scenarios/known.toml; of those that write: known.toml
  Verdict fail_on = Verdict::violates;
  bool update = false, prune = false;  // write the list instead of judging: what is new into it, what is stale out of it
  bool json = false;
};
// Judges a run file.
int gate_command(const House& house, const GateWords& words);
// What a shell may complete a word to, one a line: commands, options of `command`, what `list` names, stacks, scenarios, clauses.
int complete_command(const House& house, const CLI::App& app, const std::string& what, const std::string& command);

struct GetWords {
  std::vector<std::string> builds;  // as `asks_for` takes them (harness/fleet/builds.h)
  bool list = false, remove = false, refresh = false, json = false;
};
int get_command(const House& house, const GetWords& words);

struct MergeWords {
  std::vector<std::filesystem::path> run_files;
  std::filesystem::path out = "out";
  std::filesystem::path known;  // empty: scenarios/known.toml
};
int merge_command(const House& house, const MergeWords& words);

struct DiffWords {
  std::filesystem::path before, after;
  bool all = false, markdown = false, json = false;
  bool fail_on_changed = false;  // otherwise only on what is worse now
};
int diff_command(const House& house, const DiffWords& words);

struct HistoryWords {
  std::vector<std::filesystem::path> run_files;
  HistoryOf of;
  bool all = false, markdown = false, json = false;
};
int history_command(const HistoryWords& words);

// How many runs are explored where the words do not say.
inline constexpr std::size_t default_explored = 10'000;
struct ExploreWords {
  Selection selection;  // stacks and partners
  std::vector<std::string> clauses;
  std::uint64_t seed = 1;
  std::optional<std::size_t> runs;
  std::optional<std::chrono::milliseconds> time;
  std::filesystem::path against;  // run.json or known.toml; empty: the scenarios are run first
  std::filesystem::path out = "out/explored";
  unsigned jobs = 0;
  bool gate = false;
  std::chrono::milliseconds patience{10000};
};
int explore_command(const House& house, const ExploreWords& words);

struct ShrinkWords {
  std::string what;  // a scenario, or a replay id
  RunWords runs;     // which runs of it, judged by which clauses; where the result goes
};
int shrink_command(const House& house, const ShrinkWords& words);

int selftest_command(const House& house);

}  // namespace tlsbye
