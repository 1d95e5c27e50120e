#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <system_error>

#include "harness/cli/campaign.h"
#include "harness/cli/commands.h"
#include "harness/cli/handshakes.h"
#include "harness/cli/out_folder.h"
#include "harness/cli/provenance.h"
#include "harness/cli/results.h"
#include "harness/cli/selection.h"
#include "harness/cli/story.h"
#include "harness/data/diagnostic.h"
#include "harness/data/messages.h"
#include "harness/judge/gate.h"
#include "harness/judge/known.h"
#include "harness/runner/replay_id.h"
#include "reports/pcapng.h"
#include "reports/run_file.h"
#include "reports/terminal.h"

namespace tlsbye {
namespace {

namespace fs = std::filesystem;

// Why a selection leaves no run: which stack lacks what for how many.
std::string nothing_to_run(const Plan& plan) {
  if (plan.unsupported.empty())
    return "tlsbye: the selection leaves nothing to run: no scenario that it names is made for that role, TLS version and blocking mode";
  std::map<std::string, std::size_t> lacks;
  for (const UnsupportedRun& it : plan.unsupported)
    ++lacks[fmt::format("{} lacks `{}`", (it.by_partner ? it.run.partner : it.run.subject)->id(), it.ability)];
  std::string text = "tlsbye: the selection leaves nothing to run:";
  for (const auto& [who, runs] : lacks) text += fmt::format("\n  {} ({} run{})", who, runs, runs == 1 ? "" : "s");
  return text + "\n`tlsbye list stacks` names what each stack can do";
}

// What keeps a selection from showing anything, before anything is run.
void check_selection(const Selected& chosen, bool sweep) {
  const Plan& plan = chosen.plan;
  if (plan.runs.empty()) throw Stop{exit_usage, nothing_to_run(plan)};
  if (sweep && std::none_of(plan.runs.begin(), plan.runs.end(),
                            [](const Run& run) { return run.scenario->sweep_faults || run.scenario->sweep_cuts; }))
    throw Stop{exit_usage, "tlsbye: --sweep: none of the selected scenarios asks for a sweep (`sweep = [\"faults\", \"cuts\"]`)"};
}

}  // namespace

int run_command(const House& house, const RunWords& words) {
  const LoadedKnown known = known_of(house, words.known);
  Selected chosen = choose(house, words);
  check_selection(chosen, words.sweep);
  const OutFolder out(words.out, {"transcripts", "captures"});
  for (const Stack* subject : chosen.subjects)
    for (std::string& problem : probe_inabilities(*subject, words.patience)) chosen.found.problems.push_back(std::move(problem));
  const std::atomic<bool>& interrupted = interrupted_gently();
  for (std::string& problem : failing_handshakes(chosen, {words.isolate, words.patience}, interrupted)) {
    tell_user("tlsbye: {}\n", problem);
    chosen.found.problems.push_back(std::move(problem));
  }
  const Plan& plan = chosen.plan;
  const std::vector<Clause>& clauses = chosen.clauses;

  CampaignOptions options;
  options.jobs = words.jobs;
  options.sweep = words.sweep;
  options.pairs = words.pairs;
  options.runner.isolate = words.isolate;
  options.runner.patience = words.patience;
  options.progress = ::isatty(STDERR_FILENO);
  options.interrupted = &interrupted;
  const Provenance provenance = provenance_of(house, words, chosen, known);
  const Names names = known_names(house);  // now: a file that is changed meanwhile loses no run
  KeptRuns kept(words.out, more_replay_words(provenance));
  options.kept = &kept;
  RunReport report = Judge(clauses, chosen.scope).report();
  if (report.cells.empty() && !words.shard)
    report.problems.push_back(
        "a run of nothing: the run has no cells, since none of the chosen clauses speaks of the chosen stacks in these roles and TLS "
        "versions (0 cells)");
  else
    report = make_all(plan, clauses, chosen.scope, options);
  report.provenance = provenance;
  report.shard = words.shard;
  report.counts.before = chosen.found.problems;
  report.problems.insert(report.problems.begin(), chosen.found.problems.begin(), chosen.found.problems.end());
  KnownResult applied;
  if (!words.shard) {  // a part of a run does not show which entry is stale
    applied = apply_known(report, known.entries, chosen.all_clauses, today(), names);
    explain_disagreements(report, known.partner_dependent, chosen.all_clauses, names, applied);
  }

  const std::optional<Stop> unwritten = write_results(house, words.out, report, kept.transcripts, [&] { write_runs(words.out, kept); });

  // A disk that is full does not take away what was measured: it is told all the same.
  TerminalStyle style = terminal_style(STDOUT_FILENO);
  style.all = words.all;
  fmt::print("{}\n{} runs in {:.1f} s\n", terminal(report, chosen.all_clauses, style), report.runs, report.duration_s);
  if (!unwritten) {
    std::string others;
    for (const ReportFormat& format : report_formats())
      if (std::string_view(format.file) != page_file) others += fmt::format(" {}", format.file);
    fmt::print("The page: {}\nBeside it: run.json{}\n", (words.out / page_file).string(), others);
  }
  std::fflush(stdout);
  if (unwritten) throw *unwritten;
  constexpr std::size_t most_problems = 10;
  for (std::size_t i = 0; i < std::min(report.problems.size(), most_problems); ++i) tell_user("tlsbye: {}\n", report.problems[i]);
  if (report.problems.size() > most_problems)
    tell_user("tlsbye: and {} more problems; run.json has them all\n", report.problems.size() - most_problems);
  if (!report.complete) tell_user("tlsbye: interrupted; what was judged so far is written and marked incomplete\n");

  const bool own_fault =
      std::any_of(report.cells.begin(), report.cells.end(), [](const Cell& cell) { return cell.verdict == Verdict::harness_error; });
  const GateResult verdict = gate(report, applied, words.fail_on);
  if (words.gate) fmt::print("\n{}", verdict.summary);
  if (own_fault || !report.complete || !report.problems.empty()) return exit_harness;
  return words.gate && !verdict.green ? exit_no : exit_done;
}

}  // namespace tlsbye
