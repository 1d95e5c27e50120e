#include "harness/explore/changed_scenarios.h"

#include <algorithm>
#include <map>
#include <utility>

namespace tlsbye {
namespace {

constexpr int most_draws = 50;  // until one fits

// A place in front of a line, or behind the last one.
std::ptrdiff_t any_place(const std::vector<std::string>& lines, Dice& dice) {
  return static_cast<std::ptrdiff_t>(dice.below(lines.size() + 1));
}

std::ptrdiff_t any_line(const std::vector<std::string>& lines, Dice& dice) {
  return static_cast<std::ptrdiff_t>(dice.below(lines.size()));
}

}  // namespace

ChangedScenarios::ChangedScenarios(const std::vector<Scenario>& scenarios) {
  std::map<std::string_view, const Scenario*> by_id;
  for (const Scenario& scenario : scenarios) by_id.emplace(scenario.id, &scenario);
  std::string_view last;
  for (const auto& [id, scenario] : by_id) {
    const std::string_view without_values = id.substr(0, id.find('@'));
    if (scenarios_.empty() || without_values != last) scenarios_.emplace_back();
    scenarios_.back().push_back(scenario);
    last = without_values;
  }
}

const Scenario& ChangedScenarios::any(Dice& dice) const {
  const auto& variants = scenarios_[dice.below(scenarios_.size())];
  return *variants[dice.below(variants.size())];
}

std::optional<ChangedScenarios::Changed> ChangedScenarios::draft(const Generator& generator, std::uint64_t number) const {
  if (scenarios_.empty()) return std::nullopt;
  Dice dice = generator.dice(number, "changed scenario");
  for (int draws = 0; draws < most_draws; ++draws) {
    const Scenario& scenario = any(dice);
    const Role role = dice.pick(scenario.roles);
    const Tls tls = dice.pick(scenario.versions);
    const Io io = dice.pick(scenario.modes);
    if (!generator.possible(scenario, role, tls, io)) continue;
    Draft draft = draft_of(scenario, role, tls, io);
    const std::vector<std::string> written = draft.lines;
    std::size_t changes = 1 + dice.below(most_changes);
    for (int tries = 0; tries < most_draws && changes > 0; ++tries) {
      Draft next = draft;
      next.lines = changed(draft, generator, dice);
      if (next.lines == written || next.lines == draft.lines || !generator.possible(next)) continue;
      draft = std::move(next);
      --changes;
    }
    if (draft.lines != written) return Changed{std::move(draft), &scenario};
  }
  return std::nullopt;
}

std::vector<std::string> ChangedScenarios::changed(const Draft& draft, const Generator& generator, Dice& dice) const {
  std::vector<std::string> lines = draft.lines;
  const auto begin = lines.begin();
  const std::size_t way = dice.below(100);
  if (way < 35) {
    const std::vector<Statement>& script = any(dice).script;
    const std::string line = in_columns(script[dice.below(script.size())].source);
    lines.insert(begin + any_place(lines, dice), line);
  } else if (way < 65) {
    const std::string line = generator.line(draft, dice);
    lines.insert(begin + any_place(lines, dice), line);
  } else if (way < 80) {
    lines.erase(begin + any_line(lines, dice));
  } else if (way < 90) {
    std::iter_swap(begin + any_line(lines, dice), begin + any_line(lines, dice));
  } else {
    const std::ptrdiff_t twice = any_line(lines, dice);
    lines.insert(begin + twice, std::string(lines[static_cast<std::size_t>(twice)]));
  }
  return lines;
}

}  // namespace tlsbye
