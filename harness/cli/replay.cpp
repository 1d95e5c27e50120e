#include <fmt/format.h>

#include <algorithm>

#include "harness/cli/commands.h"
#include "harness/cli/story.h"
#include "harness/data/diagnostic.h"
#include "harness/data/messages.h"
#include "harness/oracle/closing.h"
#include "harness/runner/replay_id.h"
#include "harness/transcript/telling.h"
#include "reports/pcapng.h"

namespace tlsbye {
namespace {

const Stack& stack_named(const std::vector<Stack>& stacks, const std::string& name, const std::string& version) {
  const Stack* found = nullptr;
  for (const Stack& stack : stacks)
    if (stack.name == name && (!found || stack.version == version) && (!stack.obtained || stack.version == version)) found = &stack;
  if (!found) throw Stop{exit_usage, fmt::format("tlsbye: the replay id names the stack `{}`, and there is no such peer program", name)};
  if (!version.empty() && found->version != version)
    tell_user("tlsbye: the id was made with {0} {1}; this is {0} {2} (`tlsbye get {0}@{1}`, or --lib {0}=PREFIX, for that one)\n",
               name, version, found->version);
  return *found;
}

Made make(Runner& runner, const Run& run) {
  auto result = runner.make(run);
  if (const auto* error = std::get_if<HarnessError>(&result)) throw Stop{exit_harness, "tlsbye: " + error->what};
  return std::move(std::get<Made>(result));
}

}  // namespace

int replay_command(const House& house, const ReplayWords& words) {
  const auto read = read_replay_id(words.id);
  if (const auto* problem = std::get_if<std::string>(&read)) throw Stop{exit_usage, "tlsbye: " + *problem};
  const RunKey& key = std::get<RunKey>(read);
  std::optional<PreparedProgram> program;
  if (words.program.any()) program.emplace(house, words.program);
  const std::vector<Scenario> scenarios = program ? program_scenarios_of(house) : scenarios_of(house);
  const std::vector<Clause> clauses = clauses_of(house);
  std::vector<std::string_view> ids;
  for (const Scenario& scenario : scenarios) ids.push_back(scenario.id);
  const auto scenario = std::find_if(scenarios.begin(), scenarios.end(), [&](const Scenario& it) { return it.id == key.scenario; });
  if (scenario == scenarios.end()) {
    const std::string hint = did_you_mean(key.scenario, ids);
    throw Stop{exit_usage, fmt::format("tlsbye: no scenario is called `{}`{}{}; --scenarios FOLDER for those of your own", key.scenario,
                                       hint.empty() ? "" : "; ", hint)};
  }

  FoundStacks found = stacks_of(house, words.patience);
  if (program) found.stacks.push_back({key.subject, key.subject_version, program->stack().abilities, {}});
  const auto is_there = [&](const std::string& name, const std::string& version) {
    return std::any_of(found.stacks.begin(), found.stacks.end(), [&](const Stack& it) { return it.name == name && it.version == version; });
  };
  if (!is_there(key.subject, key.subject_version) || !is_there(key.partner, key.partner_version))
    found = stacks_of(house, words.patience, {key.subject, key.partner});
  // A partner that --lib took the place of.
  for (Stack& stack : found.replaced)
    if (!is_there(stack.name, stack.version)) found.stacks.push_back(std::move(stack));
  Run run{&*scenario,
          &stack_named(found.stacks, key.subject, key.subject_version),
          &stack_named(found.stacks, key.partner, key.partner_version),
          key.role,
          key.tls,
          key.io,
          std::get<Schedule>(read_schedule(key.schedule))};
  if (program) run.program = &program->program();
  Runner runner(RunnerOptions{words.isolate, words.patience});
  Made shown = make(runner, run);
  Transcript& transcript = shown.transcript;
  for (const std::string& part : not_due(run.schedule, transcript, shown.delivered)) tell_user("tlsbye: {}\n", part);
  Provenance here;
  here.replay_words = program ? program->replay_words() : house.replay_words;
  const std::string capture =
      words.capture.empty() ? "" : pcapng(replay_id(run.key()), transcript, shown.capture, more_replay_words(here));
  if (const auto reference = reference_of(run.schedule)) {
    run.schedule = *reference;
    transcript.reference = answers(make(runner, run).transcript);
  }

  std::set<int> marked;
  std::string findings;
  std::size_t held = 0;
  const std::vector<Term> terms = terms_of(house);
  const Facts facts(transcript, terms);
  const Telling telling(transcript);
  for (const Clause& clause : clauses) {
    if (program && !is_of_wire_alone(clause)) continue;
    const Finding finding = judge(clause, facts);
    if (finding.kind == Finding::Kind::holds) ++held;
    if (finding.kind == Finding::Kind::holds || finding.kind == Finding::Kind::not_reached) continue;
    marked.insert(finding.evidence.begin(), finding.evidence.end());
    findings += fmt::format("\n{} ({})\n  {}\n  seen: {}, at", clause.id, spell(clause.strength), clause.says, finding.says);
    std::set<int> at;
    for (const int number : finding.evidence) at.insert(telling.shown_as(number));
    for (const int number : at) findings += " " + telling.label(number);
    findings += "\n";
  }
  fmt::print("{}: {}\n{}\n\n{}", scenario->id, scenario->title, describe(transcript.key()), tell_story(transcript, marked));
  fmt::print("\n{} clauses held here{}\n{}", held, findings.empty() ? ", none was broken" : "; broken:", findings);
  std::fflush(stdout);
  if (!words.capture.empty()) write_text(words.capture, capture);
  return exit_done;
}

}  // namespace tlsbye
