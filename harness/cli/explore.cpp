#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "harness/cli/campaign.h"
#include "harness/cli/commands.h"
#include "harness/cli/out_folder.h"
#include "harness/cli/provenance.h"
#include "harness/cli/selection.h"
#include "harness/data/glob.h"
#include "harness/explore/explorer.h"
#include "harness/runner/replay_id.h"
#include "harness/runner/schedule.h"
#include "reports/run_file.h"

namespace tlsbye {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* seen_name = "explored.json";
constexpr const char* baseline_name = "baseline.json";

// What is not new: what the user names, or else what a plain run of all scenarios shows now.
Baseline baseline_of(const House& house, const ExploreWords& words, const Selected& chosen, const RunWords& plain) {
  if (words.against.extension() == ".toml") {
    LoadedKnown known = load_known(words.against);
    if (!known.diagnostics.empty()) throw Stop{exit_usage, rendered(known.diagnostics)};
    return Baseline(std::move(known.entries), chosen.all_clauses);
  }
  if (!words.against.empty()) {
    const RunReport run = read_run(words.against);
    for (const Stack* stack : chosen.subjects)
      if (std::none_of(run.stacks.begin(), run.stacks.end(), [&](const StackInfo& it) { return it.name == stack->name; }))
        throw Stop{exit_usage, fmt::format("tlsbye: {} says nothing about {}; leave --against out, and the scenarios are run first",
                                           words.against.string(), stack->name)};
    return Baseline(run);
  }
  CampaignOptions options;
  options.jobs = words.jobs;
  options.runner.patience = words.patience;
  options.progress = ::isatty(STDERR_FILENO);
  options.interrupted = &interrupted_gently();
  if (options.progress) fmt::print(stderr, "tlsbye: what the scenarios show is not new; they are run first\n");
  RunReport report = make_all(chosen.plan, chosen.clauses, chosen.scope, options);
  report.provenance = provenance_of(house, plain, chosen, {});
  if (!report.complete) throw Stop{exit_harness, "tlsbye: interrupted before anything was explored: the scenarios are run first"};
  write_run_file(report, words.out / baseline_name);
  return Baseline(report);
}

// What is done again with what was kept, and where it stands.
struct KeptFile {
  const House& house;
  fs::path out;
  const char* family;  // the file's name is the first half of each scenario's id
  std::string file() const { return fmt::format("{}.toml", family); }
  std::string replay(const KeptPair& pair) const {
    Provenance here;
    here.replay_words = house.replay_words;
    here.replay_words.insert(here.replay_words.end(), {"--scenarios", out.string()});
    return fmt::format("{}{}", replay_id(pair.key(family)), more_replay_words(here));
  }
};

std::string seen_json(const Explored& explored, const KeptFile& place, const ExploreWords& words) {
  Json pairs = Json::array();
  for (const KeptPair& pair : explored.pairs) {
    Json evidence = Json::array();
    for (const EvidenceLine& line : pair.evidence)
      evidence.push_back({{"label", line.label}, {"text", line.text}, {"decisive", line.decisive}});
    pairs.push_back({{"group", pair.group()},
                     {"clause", pair.clause ? pair.clause->id : ""},
                     {"strength", pair.clause ? std::string(spell(pair.clause->strength)) : ""},
                     {"stack", pair.subject->name},
                     {"version", pair.subject->version},
                     {"role", spell(pair.draft.role)},
                     {"tls", spell(pair.draft.tls)},
                     {"io", spell(pair.draft.io)},
                     {"partner", pair.partner->name},
                     {"partner_version", pair.partner->version},
                     {"verdict", spell(pair.verdict)},
                     {"says", pair.says},
                     {"scenario", pair.key(place.family).scenario},
                     {"replay", replay_id(pair.key(place.family))},
                     {"command", "tlsbye replay " + place.replay(pair)},
                     {"run", pair.number},
                     {"lines_drawn", pair.lines_drawn},
                     {"shrunk", pair.shrunk},
                     {"repeats", pair.repeats},
                     {"options", pair.draft.options},
                     {"partner_options", pair.draft.partner_options},
                     {"transport", pair.draft.transport == TransportKind::tcp ? "tcp" : "socketpair"},
                     {"script", pair.draft.lines},
                     {"came", pair.came},
                     {"evidence", std::move(evidence)}});
  }
  const Json all{{"format", "tlsbye-explored/1"},
                 {"seed", words.seed},
                 {"runs", explored.runs},
                 {"complete", explored.complete},
                 {"command", exploring_command(place.house, words.seed, explored.runs)},
                 {"pairs", std::move(pairs)}};
  return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void tell_pairs(const Explored& explored, const KeptFile& place) {
  std::string group;
  for (const KeptPair& pair : explored.pairs) {
    const std::string own = fmt::format("{} {}: {}", pair.subject->name, pair.subject->version, pair.group());
    if (own != group) fmt::print("{}\n", own);
    group = own;
    fmt::print("  {}  {}: {}\n", pair.clause ? pair.clause->id : "(no clause)", spell(pair.verdict), pair.says);
    if (pair.draft.transport == TransportKind::tcp) fmt::print("    | (over TCP)\n");
    for (const std::string& option : pair.draft.options) fmt::print("    | (subject: option {})\n", option);
    for (const std::string& option : pair.draft.partner_options) fmt::print("    | (partner: option {})\n", option);
    for (const std::string& line : commented(pair.draft.lines, pair.came)) fmt::print("    | {}\n", line);
    fmt::print("    tlsbye replay {}\n", place.replay(pair));
    if (!pair.shrunk && pair.repeats)
      fmt::print("    more may be left than is needed: tlsbye shrink {}{}\n", place.replay(pair),
                 pair.clause ? " --clause " + pair.clause->id : "");
  }
  if (!group.empty()) fmt::print("\n");
}

void tell_explored(const Explored& explored, const KeptFile& place, const ExploreWords& words) {
  tell_pairs(explored, place);
  fmt::print("{} runs in {:.1f} s ({:.0f} a second), seed {}: {} new pair{} of clause and library", explored.runs, explored.seconds,
             explored.seconds > 0 ? static_cast<double>(explored.runs) / explored.seconds : 0.0, words.seed, explored.pairs.size(),
             explored.pairs.size() == 1 ? "" : "s");
  if (!explored.pairs.empty()) fmt::print("; written: {} and {}", (words.out / place.file()).string(), (words.out / seen_name).string());
  fmt::print("\n");
}

ExploreOptions options_of(const RunWords& words, const Selected& chosen) {
  ExploreOptions options;
  options.terms = chosen.scope.terms;
  options.jobs = words.jobs;
  options.runner.patience = words.patience;
  options.progress = ::isatty(STDERR_FILENO);
  options.interrupted = &interrupted_gently();
  return options;
}

bool is_about(const Clause& clause, const std::vector<const Stack*>& subjects) {
  const std::vector<std::string>& names = clause.applies.stacks;
  return names.empty() || std::any_of(subjects.begin(), subjects.end(), [&](const Stack* it) { return matches_any(names, it->name); });
}

bool is_own_fault(const KeptPair& pair) { return pair.verdict == Verdict::harness_error; }

// The runs that are to be shrunk: of a replay id the one, of a scenario all that the words select.
RunWords narrowed(const ShrinkWords& words, Schedule& schedule) {
  RunWords run = words.runs;
  if (words.what.find(':') == std::string::npos) {
    run.selection.scenarios = {words.what};
    return run;
  }
  const auto read = read_replay_id(words.what);
  if (const auto* problem = std::get_if<std::string>(&read)) throw Stop{exit_usage, "tlsbye: " + *problem};
  const RunKey& key = std::get<RunKey>(read);
  const auto named = [](const std::string& name, const std::string& version) { return version.empty() ? name : name + "@" + version; };
  run.selection = {
      {named(key.subject, key.subject_version)}, {named(key.partner, key.partner_version)}, {key.scenario}, key.tls, key.role, key.io};
  schedule = std::get<Schedule>(read_schedule(key.schedule));
  return run;
}

}  // namespace

int explore_command(const House& house, const ExploreWords& words) {
  RunWords plain;
  plain.selection = words.selection;
  plain.clauses = words.clauses;
  plain.patience = words.patience;
  plain.jobs = words.jobs;
  const Selected chosen = choose(house, plain);
  if (std::none_of(chosen.clauses.begin(), chosen.clauses.end(), [&](const Clause& clause) { return is_about(clause, chosen.subjects); }))
    throw Stop{exit_usage, "tlsbye explore: none of these clauses is about these libraries"};
  const OutFolder out(words.out);
  const KeptFile place{house, words.out, "explored"};
  // Earlier results must not stand beside, or instead of, what comes now.
  std::error_code ignored;
  for (const std::string& name : {place.file(), std::string(seen_name)}) fs::remove(words.out / name, ignored);
  const Baseline baseline = baseline_of(house, words, chosen, plain);

  ExploreOptions options = options_of(plain, chosen);
  options.hurried = &interrupted_again();
  options.seed = words.seed;
  options.runs = words.runs;
  options.time = words.time;
  if (!options.runs && !options.time) options.runs = default_explored;
  const auto write = [&](const Explored& explored) {
    if (!explored.pairs.empty()) write_text(words.out / place.file(), scenario_file(explored.pairs, exploring_command(house, words.seed, explored.runs)));
    write_text(words.out / seen_name, seen_json(explored, place, words));
  };
  const Explored explored =
      explore(chosen.subjects, chosen.partners, chosen.clauses, baseline, options, place.family, [&](const Explored& found) {
        write(found);
        if (!found.complete)
          fmt::print(stderr, "{}tlsbye: interrupted; what was found so far is written, and is being shrunk (again: it stays as it is)\n",
                     options.progress ? "\r\x1b[K" : "");
      });
  write(explored);
  tell_explored(explored, place, words);
  std::fflush(stdout);
  if (!explored.complete) fmt::print(stderr, "tlsbye: interrupted; what was found so far is written\n");
  if (explored.complete && explored.runs == 0) throw Stop{exit_harness, "tlsbye explore: no run was made in that time: nothing was explored"};
  for (const std::string& problem : chosen.found.problems) fmt::print(stderr, "tlsbye: {}\n", problem);
  if (std::any_of(explored.pairs.begin(), explored.pairs.end(), is_own_fault) || !explored.complete || !chosen.found.problems.empty())
    return exit_harness;
  return words.gate && !explored.pairs.empty() ? exit_no : exit_done;
}

int shrink_command(const House& house, const ShrinkWords& words) {
  Schedule schedule;
  Selected chosen = choose(house, narrowed(words, schedule));
  if (chosen.plan.runs.empty()) throw Stop{exit_usage, fmt::format("tlsbye: no run of {} is possible with these libraries", words.what)};
  for (Run& run : chosen.plan.runs) run.schedule = schedule;
  const OutFolder out(words.runs.out);
  const KeptFile place{house, words.runs.out, "shrunk"};
  std::error_code ignored;
  fs::remove(words.runs.out / place.file(), ignored);
  ExploreOptions options = options_of(words.runs, chosen);
  options.hurried = options.interrupted;
  const Explored shrunk = shrink_runs(chosen.plan.runs, chosen.clauses, options, place.family);
  if (!shrunk.pairs.empty()) write_text(words.runs.out / place.file(), scenario_file(shrunk.pairs, deciding_command(house)));
  tell_pairs(shrunk, place);
  fmt::print("{} runs of {}, {} to shrink what it breaks: {} pair{} of clause and library", shrunk.runs, words.what, shrunk.tries,
             shrunk.pairs.size(), shrunk.pairs.size() == 1 ? "" : "s");
  if (!shrunk.pairs.empty()) fmt::print("; written: {}", (words.runs.out / place.file()).string());
  fmt::print("\n");
  std::fflush(stdout);
  if (!shrunk.complete) fmt::print(stderr, "tlsbye: interrupted; it is not shrunk to the end\n");
  if (!shrunk.complete || std::any_of(shrunk.pairs.begin(), shrunk.pairs.end(), is_own_fault)) return exit_harness;
  if (shrunk.pairs.empty())
    throw Stop{exit_usage, fmt::format("tlsbye: {} breaks none of these clauses: nothing is left to shrink", words.what)};
  return exit_done;
}

}  // namespace tlsbye
