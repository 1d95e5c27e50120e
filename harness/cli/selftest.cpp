#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "harness/cli/commands.h"
#include "harness/cli/liars.h"
#include "harness/cli/program.h"
#include "harness/cli/story.h"
#include "harness/oracle/mutate.h"
#include "harness/runner/replay_id.h"

namespace tlsbye {
namespace {

std::string_view kind_told(Finding::Kind kind) {
  switch (kind) {
    case Finding::Kind::not_reached:
      return "not reached";
    case Finding::Kind::holds:
      return "holds";
    case Finding::Kind::broken:
      return "broken";
    case Finding::Kind::crashed:
      return "crashed";
    case Finding::Kind::hung:
      return "hung";
  }
  return "";
}

bool caught(Finding::Kind kind) { return kind == Finding::Kind::broken || kind == Finding::Kind::crashed || kind == Finding::Kind::hung; }

const Stack& stack_called(const std::vector<Stack>& stacks, std::string_view name) {
  const auto found = std::find_if(stacks.begin(), stacks.end(), [&](const Stack& stack) { return stack.name == name; });
  if (found == stacks.end()) throw Stop{exit_harness, fmt::format("tlsbye: the selftest needs the peer `{}`, which is not there", name)};
  return *found;
}

Transcript transcript_of(Runner& runner, const Run& run) {
  auto result = runner.make(run);
  if (const auto* error = std::get_if<HarnessError>(&result)) throw Stop{exit_harness, fmt::format("tlsbye: {}", error->what)};
  return std::move(std::get<Made>(result).transcript);
}

// The client program that was started, with the lie or without it.
Transcript made_by_program(const House& house, Runner& runner, const Liar& liar, const Stack& partner, bool lies) {
  ProgramWords words;
  words.listen = "0";
  words.command = {(house.rogues / liar.program).string(), "{host}", "{port}", "{ca}"};
  if (lies) words.command.push_back(liar.lie);
  words.patience = std::chrono::minutes(1);  // it ends by itself
  const PreparedProgram program(house, words);
  Run run{&liar.scenario, &program.stack(), &partner, Role::client, liar.tls, Io::nonblocking, {}};
  run.program = &program.program();
  return transcript_of(runner, run);
}

// With what it is held against, where it is a run of a sweep.
Transcript made_with_reference(Runner& runner, Run run) {
  Transcript transcript = transcript_of(runner, run);
  const auto reference = run.schedule.empty() ? std::nullopt : reference_of(run.schedule);
  if (!reference) return transcript;
  run.schedule = *reference;
  transcript.reference = answers(transcript_of(runner, run));
  return transcript;
}

// Each liar's script once with the truth and once with the lie. True where every property was held and broken.
bool try_liars(const House& house, const std::vector<Liar>& liars, const Stack& rogue, const Stack& partner) {
  // Short: among the lies are peers that never answer.
  Runner runner(RunnerOptions{false, std::chrono::seconds(1)});
  std::map<std::string_view, bool> proven;
  fmt::print("{:<36} {:<26} {:<12} {}\n", "property", "liar", "honest run", "with the lie");
  bool all = true;
  for (const Liar& liar : liars) {
    Scenario lying = liar.scenario;
    if (!liar.blame) lying.options.push_back("lie-" + liar.lie);
    const auto run = [&](const Scenario& scenario) {
      return made_with_reference(runner, Run{&scenario, &rogue, &partner, liar.role, liar.tls, liar.io, liar.schedule});
    };
    const bool by_program = !liar.program.empty();
    const Transcript truth = by_program ? made_by_program(house, runner, liar, partner, false) : run(liar.scenario);
    const Transcript lie = liar.blame    ? with_blame(truth)
                           : by_program ? made_by_program(house, runner, liar, partner, true)
                                        : run(lying);
    const Finding honest = judge(*liar.property, liar.parameters, truth);
    const Finding with_lie = judge(*liar.property, liar.parameters, lie);
    const bool good = honest.kind == Finding::Kind::holds && caught(with_lie.kind);
    proven[liar.property->name] |= good;
    all &= good;
    fmt::print("{:<36} {:<26} {:<12} {}{}\n", liar.property->name, liar.name(), kind_told(honest.kind), kind_told(with_lie.kind),
               good ? "" : "   <- NOT PROVEN");
    if (!good) {
      const bool at_fault = honest.kind != Finding::Kind::holds;
      fmt::print("    {}\n{}", at_fault ? honest.says : with_lie.says, tell_story(at_fault ? truth : lie));
    }
  }
  for (const Property& property : properties()) {
    if (proven.contains(property.name)) continue;
    fmt::print("{:<36} {:<26} {:<12} {}\n", property.name, "none", "-", "-   <- NO LIAR");
    all = false;
  }
  fmt::print("{} properties, {} liars\n", properties().size(), liars.size());
  return all;
}

// Every clause that holds somewhere on a real stack: is there a small change to that transcript that breaks it?
bool try_clauses(const House& house, const std::vector<Stack>& stacks, const Stack& partner) {
  const std::vector<Scenario> scenarios = scenarios_of(house);
  const std::vector<Clause> clauses = clauses_of(house);
  std::vector<const Stack*> subjects;
  for (const Stack& stack : stacks) subjects.push_back(&stack);
  Runner runner(RunnerOptions{});
  enum class State { never_held, held, can_fail };
  std::vector<State> states(clauses.size(), State::never_held);
  // A clause that so many of its own transcripts, of so many scenarios, cannot be made to break has nothing that breaks it.
  constexpr int most_attempts = 200, most_of_a_scenario = 20;
  std::vector<int> attempts(clauses.size(), 0);
  std::vector<std::pair<const Scenario*, int>> of_a_scenario(clauses.size());
  for (const Run& run : make_plan(scenarios, subjects, {&partner}, {}).runs) {
    const Transcript transcript = transcript_of(runner, run);
    const Facts facts(transcript);
    for (std::size_t i = 0; i < clauses.size(); ++i) {
      if (states[i] == State::can_fail || attempts[i] == most_attempts) continue;
      auto& [scenario, tried] = of_a_scenario[i];
      if (std::exchange(scenario, run.scenario) != run.scenario) tried = 0;
      if (tried == most_of_a_scenario || judge(clauses[i], facts).kind != Finding::Kind::holds) continue;
      ++tried, ++attempts[i];
      states[i] = can_fail(clauses[i], transcript) ? State::can_fail : State::held;
    }
  }
  const auto count = [&](State state) { return std::count(states.begin(), states.end(), state); };
  fmt::print("\n{} clauses: {} hold somewhere, and each of {} of these is broken by a small change to a transcript on which it held\n",
             clauses.size(), count(State::held) + count(State::can_fail), count(State::can_fail));
  for (std::size_t i = 0; i < clauses.size(); ++i)
    if (states[i] == State::held) fmt::print("    {} <- NOTHING BREAKS IT\n", clauses[i].id);
  return count(State::held) == 0;
}

}  // namespace

int selftest_command(const House& house) {
  const LoadedLiars loaded = load_liars(house.scenarios / "liars.toml");
  if (!loaded.diagnostics.empty()) {
    std::string text;
    for (const Diagnostic& diagnostic : loaded.diagnostics) text += diagnostic.render();
    throw Stop{exit_usage, text};
  }
  const FoundStacks found = stacks_of(house);
  const FoundStacks rogues = find_stacks(house.rogues, std::chrono::seconds(10));
  const Stack& partner = stack_called(found.stacks, "openssl");
  const bool properties_fail = try_liars(house, loaded.liars, stack_called(rogues.stacks, "rogue"), partner);
  const bool clauses_fail = try_clauses(house, found.stacks, partner);
  fmt::print("\nselftest: {}\n", properties_fail && clauses_fail ? "every check can fail" : "NOT every check can fail");
  return properties_fail && clauses_fail ? exit_done : exit_no;
}

}  // namespace tlsbye
