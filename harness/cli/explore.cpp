#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "harness/cli/campaign.h"
#include "harness/cli/commands.h"
#include "harness/cli/out_folder.h"
#include "harness/cli/provenance.h"
#include "harness/cli/selection.h"
#include "harness/data/file.h"
#include "harness/data/glob.h"
#include "harness/data/messages.h"
#include "harness/explore/explorer.h"
#include "harness/runner/replay_id.h"
#include "harness/runner/schedule.h"
#include "reports/run_file.h"
#include "reports/terminal.h"

namespace tlsbye {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// A file of results, and how ours begins.
struct ResultFile {
  std::string name;
  std::string_view begin;
};
const ResultFile seen_file{"explored.json", "{\n  \"format\": \"tlsbye-explored/1\""};
const ResultFile baseline_file{"baseline.json", "{\n  \"format\": \"tlsbye-run/1\""};

// What would be lost when results are written: a file that we did not write, or the scenarios that are run. Throws Stop there.
void refuse_to_replace(const House& house, std::string_view command, const fs::path& out, const std::vector<ResultFile>& files) {
  std::error_code error;
  for (const fs::path& folder : house.more)
    if (fs::equivalent(folder, out, error))
      throw Stop{exit_usage, fmt::format("tlsbye {}: the results would replace the scenarios in {}, which --scenarios takes; choose "
                                         "another folder with --out",
                                         command, folder.string())};
  for (const ResultFile& each : files) {
    const fs::path file = out / each.name;
    if (!fs::exists(fs::symlink_status(file, error))) continue;
    const auto read = read_file(file);
    const auto* text = std::get_if<std::string>(&read);
    if (text && text->starts_with(each.begin)) continue;
    throw Stop{exit_usage, fmt::format("tlsbye {}: {} was not written by tlsbye, and would be replaced; move it away, or choose another "
                                       "folder with --out",
                                       command, file.string())};
  }
}

// The scenario file of what is kept. What an earlier command left there stays until there is something to put in its place.
class ScenarioFile {
 public:
  explicit ScenarioFile(fs::path file) : file_(std::move(file)) {
    auto read = read_file(file_);
    if (auto* text = std::get_if<std::string>(&read)) earlier_ = now_ = std::move(*text);
  }

  // Empty: there is none any more. Throws Stop where it cannot be written.
  void replace(std::string text) {
    std::error_code ignored;
    if (text.empty())
      fs::remove(file_, ignored);
    else
      write_text(file_, text);
    now_ = std::move(text);
  }

  void tell_what_is_gone() const {
    constexpr std::string_view header = "\n[[scenario]]\n";
    std::size_t pairs = 0;
    for (std::size_t at = earlier_.find(header); at != std::string::npos; at = earlier_.find(header, at + 1)) ++pairs;
    if (pairs > 0 && now_ != earlier_)
      tell_user("tlsbye: {}: replaced; {} of an earlier command {} there\n", file_.string(),
                pairs == 1 ? "a pair" : fmt::format("{} pairs", pairs), pairs == 1 ? "was" : "were");
  }

 private:
  fs::path file_;
  std::string earlier_, now_;
};

// What is not new: what the user names, or else what a plain run of all scenarios shows now.
// `unwritten`: that it could not be kept for the next time; exploring goes on.
Baseline baseline_of(const House& house, const ExploreWords& words, const Selected& chosen, const RunWords& plain,
                     std::optional<Stop>& unwritten) {
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
    if (const std::string why = narrower(run); !why.empty())
      tell_user("tlsbye: {} may show less than all scenarios do ({}): what they would show counts as new\n", words.against.string(), why);
    return Baseline(run);
  }
  CampaignOptions options;
  options.jobs = words.jobs;
  options.runner.patience = words.patience;
  options.progress = ::isatty(STDERR_FILENO);
  options.interrupted = &interrupted_gently();
  if (options.progress) tell_user("tlsbye: what the scenarios show is not new; they are run first\n");
  RunReport report = make_all(chosen.plan, chosen.clauses, chosen.scope, options);
  report.provenance = provenance_of(house, plain, chosen, {});
  if (!report.complete) throw Stop{exit_harness, "tlsbye: interrupted before anything was explored: the scenarios are run first"};
  try {
    write_run_file(report, words.out / baseline_file.name);
  } catch (const RunFileError& error) {
    unwritten = Stop{exit_harness, fmt::format("tlsbye: {}", error.what())};
  }
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

// `complete`: that it is all, shrunk.
std::string seen_json(const Explored& explored, bool complete, const KeptFile& place, const ExploreWords& words) {
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
                 {"complete", complete},
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

void tell_explored(const Explored& explored, bool written, const KeptFile& place, const ExploreWords& words) {
  tell_pairs(explored, place);
  fmt::print("{} runs in {:.1f} s ({:.0f} a second), seed {}: {} new pair{} of clause and library", explored.runs, explored.seconds,
             explored.seconds > 0 ? static_cast<double>(explored.runs) / explored.seconds : 0.0, words.seed, explored.pairs.size(),
             explored.pairs.size() == 1 ? "" : "s");
  if (written && !explored.pairs.empty())
    fmt::print("; written: {} and {}", (words.out / place.file()).string(), (words.out / seen_file.name).string());
  fmt::print("\n");
}

ExploreOptions options_of(const RunWords& words, const Selected& chosen) {
  ExploreOptions options;
  options.terms = chosen.scope.terms;
  options.jobs = words.jobs;
  options.runner.patience = words.patience;
  if (::isatty(STDERR_FILENO)) options.progress_columns = [] { return terminal_columns(STDERR_FILENO, 1); };
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
  const KeptFile place{house, words.out, "explored"};
  std::vector<ResultFile> files{{place.file(), scenario_file_begin}, seen_file};
  if (words.against.empty()) files.push_back(baseline_file);
  refuse_to_replace(house, "explore", words.out, files);
  const OutFolder out(words.out);
  std::optional<Stop> no_baseline, unwritten;
  const Baseline baseline = baseline_of(house, words, chosen, plain, no_baseline);

  ExploreOptions options = options_of(plain, chosen);
  options.hurried = &interrupted_again();
  options.seed = words.seed;
  options.runs = words.runs;
  options.time = words.time;
  if (!options.runs && !options.time) options.runs = default_explored;
  ScenarioFile scripts(words.out / place.file());
  // Whether it could be written. If the disk is full, the user is told what was found all the same.
  const auto write = [&](const Explored& explored, bool complete) {
    try {
      scripts.replace(scenario_file(explored.pairs, exploring_command(house, words.seed, explored.runs)));
      write_text(words.out / seen_file.name, seen_json(explored, complete, place, words));
      unwritten.reset();
    } catch (const Stop& stop) {
      unwritten = Stop{exit_harness, stop.message};
    }
    return !unwritten;
  };
  const auto before_shrinking = [&](const Explored& found) {
    const bool written = write(found, false);
    if (!found.complete)
      tell_user("{}tlsbye: interrupted; what was found so far is {}, and is being shrunk (again: it stays as it is)\n",
                options.progress_columns ? "\r\x1b[K" : "", written ? "written" : "kept in memory");
  };
  const Explored explored = explore(chosen.subjects, chosen.partners, chosen.scenarios, chosen.clauses, baseline, options, place.family,
                                    before_shrinking);
  // A search that was ended before it found anything has nothing to put in the place of what an earlier one found.
  const bool nothing = explored.pairs.empty() && (!explored.complete || explored.runs == 0);
  const bool written = !nothing && write(explored, explored.complete);
  tell_explored(explored, written, place, words);
  std::fflush(stdout);
  if (written) scripts.tell_what_is_gone();
  if (!explored.complete)
    tell_user("tlsbye: interrupted; {}\n", nothing   ? "nothing new was found so far, and nothing is written"
                                           : written ? "what was found so far is written"
                                                     : "what was found so far is told above");
  if (explored.complete && explored.runs == 0) throw Stop{exit_harness, "tlsbye explore: no run was made in that time: nothing was explored"};
  for (const std::string& problem : chosen.found.problems) tell_user("tlsbye: {}\n", problem);
  for (const std::optional<Stop>& failed : {no_baseline, unwritten})
    if (failed) throw *failed;
  if (std::any_of(explored.pairs.begin(), explored.pairs.end(), is_own_fault) || !explored.complete || !chosen.found.problems.empty())
    return exit_harness;
  return words.gate && !explored.pairs.empty() ? exit_no : exit_done;
}

int shrink_command(const House& house, const ShrinkWords& words) {
  Schedule schedule;
  Selected chosen = choose(house, narrowed(words, schedule));
  if (chosen.plan.runs.empty()) throw Stop{exit_usage, fmt::format("tlsbye: no run of {} is possible with these libraries", words.what)};
  for (Run& run : chosen.plan.runs) run.schedule = schedule;
  const KeptFile place{house, words.runs.out, "shrunk"};
  refuse_to_replace(house, "shrink", words.runs.out, {{place.file(), scenario_file_begin}});
  const OutFolder out(words.runs.out);
  ExploreOptions options = options_of(words.runs, chosen);
  options.hurried = options.interrupted;
  const Explored shrunk = shrink_runs(chosen.plan.runs, chosen.clauses, options, place.family);
  ScenarioFile scripts(words.runs.out / place.file());
  std::optional<Stop> unwritten;
  try {
    if (!shrunk.pairs.empty()) scripts.replace(scenario_file(shrunk.pairs, deciding_command(house)));
  } catch (const Stop& stop) {
    unwritten = Stop{exit_harness, stop.message};
  }
  tell_pairs(shrunk, place);
  fmt::print("{} runs of {}, {} to shrink what it breaks: {} pair{} of clause and library", shrunk.runs, words.what, shrunk.tries,
             shrunk.pairs.size(), shrunk.pairs.size() == 1 ? "" : "s");
  if (!shrunk.pairs.empty() && !unwritten) fmt::print("; written: {}", (words.runs.out / place.file()).string());
  fmt::print("\n");
  std::fflush(stdout);
  scripts.tell_what_is_gone();
  if (unwritten) throw *unwritten;
  if (!shrunk.complete) tell_user("tlsbye: interrupted; it is not shrunk to the end\n");
  if (!shrunk.complete || std::any_of(shrunk.pairs.begin(), shrunk.pairs.end(), is_own_fault)) return exit_harness;
  if (shrunk.pairs.empty())
    throw Stop{exit_usage, fmt::format("tlsbye: {} breaks none of these clauses: nothing is left to shrink", words.what)};
  return exit_done;
}

}  // namespace tlsbye
