#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "harness/cli/commands.h"
#include "harness/cli/selection.h"
#include "harness/data/messages.h"
#include "harness/judge/contradictions.h"
#include "harness/judge/coverage.h"
#include "harness/scenario/cases.h"
#include "reports/run_file.h"

namespace tlsbye {
namespace {

using Json = nlohmann::ordered_json;

std::string joined(const auto& words, std::string_view between = " ") {
  std::string text;
  for (const auto& word : words) text += fmt::format("{}{}", text.empty() ? "" : between, word);
  return text;
}

template <typename Enum>
std::vector<std::string> spelled(const std::vector<Enum>& values) {
  std::vector<std::string> words;
  for (const Enum value : values) words.emplace_back(spell(value));
  return words;
}

std::vector<std::string> swept(const Scenario& scenario) {
  std::vector<std::string> kinds;
  if (scenario.sweep_faults) kinds.emplace_back("faults");
  if (scenario.sweep_cuts) kinds.emplace_back("cuts");
  return kinds;
}

int list_scenarios(const House& house, bool json) {
  Json all = Json::array();
  const std::vector<Scenario> scenarios = scenarios_of(house);
  for (const Scenario& it : scenarios) {
    if (json)
      all.push_back({{"id", it.id},
                     {"title", it.title},
                     {"why", it.why},
                     {"cases", it.cases},
                     {"roles", spelled(it.roles)},
                     {"tls", spelled(it.versions)},
                     {"io", spelled(it.modes)},
                     {"needs", it.needs},
                     {"options", it.options},
                     {"sweep", swept(it)},
                     {"script", it.lines}});
    else
      fmt::print("{:<56} {:<12} {}\n", it.id, joined(it.cases, ","), it.title);
  }
  if (json) {
    fmt::print("{}\n", all.dump(2));
    return exit_done;
  }
  const CaseList list = load_cases(house.scenarios / "clauses" / "cases.toml");
  if (!list.diagnostics.empty()) throw Stop{exit_usage, list.diagnostics.front().render()};
  fmt::print("\n{}", tell(case_coverage(list, scenarios), list.cases.size()));
  return exit_done;
}

int list_clauses(const House& house, bool json, bool with_coverage, bool rows) {
  const std::vector<Clause> clauses = clauses_of(house);
  if (with_coverage) {
    const Catalogue catalogue = load_catalogue(house.scenarios / "clauses");
    if (!catalogue.diagnostics.empty()) {
      std::string text;
      for (const Diagnostic& diagnostic : catalogue.diagnostics) text += diagnostic.render();
      throw Stop{exit_usage, text};
    }
    fmt::print("{}", tell(coverage(catalogue, clauses), rows));
    return exit_done;
  }
  Json all = Json::array();
  for (const Clause& it : clauses) {
    if (json)
      all.push_back({{"id", it.id},
                     {"ref", it.ref},
                     {"strength", spell(it.strength)},
                     {"cites", it.cites},
                     {"says", it.says},
                     {"contradicts", it.contradicts},
                     {"property", it.property->name},
                     {"with", it.parameters}});
    else
      fmt::print("{:<64} {:<10} {}\n", it.id, spell(it.strength), it.says);
  }
  if (json) fmt::print("{}\n", all.dump(2));
  return exit_done;
}

int list_contradictions(const House& house, bool json) {
  const Contradictions all = load_contradictions(house.scenarios / "clauses", clauses_of(house));
  if (!all.diagnostics.empty()) throw Stop{exit_usage, all.diagnostics.front().render()};
  if (!json) {
    fmt::print("{}", tell(all));
    return exit_done;
  }
  Json list = Json::array();
  for (const Contradiction& it : all.list)
    list.push_back({{"id", it.id},
                    {"a", it.a},
                    {"b", it.b},
                    {"treatment", it.treatment},
                    {"clauses", it.clauses},
                    {"traits", it.traits},
                    {"outside", it.outside}});
  fmt::print("{}\n", list.dump(2));
  return exit_done;
}

int list_stacks(const House& house, bool json) {
  const FoundStacks found = stacks_of(house, std::chrono::seconds(10), {"all"});
  Json all = Json::array();
  for (const Stack& it : found.stacks) {
    if (json)
      all.push_back({{"id", it.name + " " + it.version},
                     {"name", it.name},
                     {"version", it.version},
                     {"abilities", it.abilities},
                     {"label", it.label},
                     {"obtained", it.obtained},
                     {"library", it.library},
                     {"build_id", it.build_id}});
    else
      fmt::print("{:<10} {:<10} {}{}{}\n{:21} {}\n", it.name, it.version, it.label.empty() ? "" : fmt::format("({}) ", it.label),
                 it.library, it.build_id.empty() ? "" : fmt::format(" (build id {})", it.build_id), "", joined(it.abilities));
  }
  if (json) fmt::print("{}\n", all.dump(2));
  if (!json)
    for (const LeftOut& it : stacks_left_out(house.peers)) {
      if (std::any_of(found.stacks.begin(), found.stacks.end(), [&](const Stack& stack) { return stack.name == it.stack; })) continue;
      fmt::print("{:<10} not built: {}\n", it.stack,
                 it.as_told() ? fmt::format("the build was told to leave it out ({})", it.package)
                              : fmt::format("its adapter is there, its library was not ({})", it.where()));
    }
  if (found.stacks.empty() && found.problems.empty())
    tell_user("tlsbye: none: no peer program (tlsbye-peer-NAME) is in {}\n", house.peers.string());
  for (const std::string& problem : found.problems) tell_user("tlsbye: {}\n", problem);
  return found.problems.empty() ? exit_done : exit_harness;
}

int list_properties(bool json) {
  Json all = Json::array();
  for (const Property& it : properties()) {
    if (json) {
      Json parameters = Json::array();
      for (const ParameterRow& row : it.parameters)
        parameters.push_back({{"name", row.name}, {"required", row.required}, {"meaning", row.meaning}, {"values", row.values}});
      all.push_back({{"name", it.name}, {"meaning", it.meaning}, {"parameters", parameters}});
      continue;
    }
    fmt::print("{}\n    {}\n", it.name, it.meaning);
    for (const ParameterRow& row : it.parameters)
      fmt::print("    {:<10} {:<14} {}{}\n", row.name, row.values, row.meaning, row.required ? " (required)" : "");
  }
  Json words = Json::array();
  if (!json) fmt::print("\nSituations, the words of `given`:\n");
  for (const Situation& it : situations()) {
    if (json)
      words.push_back({{"name", it.name}, {"meaning", it.meaning}});
    else
      fmt::print("    {:<32} {}\n", it.name, it.meaning);
  }
  if (json) fmt::print("{}\n", Json{{"properties", all}, {"situations", words}}.dump(2));
  return exit_done;
}

int list_traits(bool json) {
  Json all = Json::array();
  for (const Trait& it : traits()) {
    if (json)
      all.push_back({{"trait", it.name}, {"question", it.question}, {"answers", it.answers}, {"ref", it.ref}});
    else
      fmt::print("{:<32} {}\n{:<32} {}\n", it.name, it.question, "", joined(it.answers, " | "));
  }
  if (json) fmt::print("{}\n", all.dump(2));
  return exit_done;
}

int list_cells(const House& house, const RunWords& words, bool json) {
  const Selected chosen = choose(house, words);
  const RunReport empty = Judge(chosen.clauses, chosen.scope).report();
  if (json)
    fmt::print("{}", run_json(empty));
  else
    for (const Cell& cell : empty.cells)
      fmt::print("{:<64} {:<10} {:<10} {:<7} {}\n", cell.clause, cell.stack, cell.version, spell(cell.role), spell(cell.tls));
  return exit_done;
}

}  // namespace

int list_command(const House& house, const ListWords& words) {
  if (words.kind == "scenarios") return list_scenarios(house, words.json);
  if (words.kind == "clauses") return list_clauses(house, words.json, words.coverage, words.rows);
  if (words.kind == "contradictions") return list_contradictions(house, words.json);
  if (words.kind == "stacks") return list_stacks(house, words.json);
  if (words.kind == "properties") return list_properties(words.json);
  if (words.kind == "traits") return list_traits(words.json);
  return list_cells(house, words.cells, words.json);
}

}  // namespace tlsbye
