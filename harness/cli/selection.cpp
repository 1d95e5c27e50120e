#include "harness/cli/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "harness/data/diagnostic.h"
#include "harness/data/glob.h"

namespace tlsbye {
namespace {

// Asked for by name, and not built: more is known of it than that it is not there.
void refuse_left_out(const House& house, const std::vector<Stack>& stacks, const std::vector<std::string>& specs) {
  for (const LeftOut& it : stacks_left_out(house.peers)) {
    if (std::any_of(stacks.begin(), stacks.end(), [&](const Stack& stack) { return stack.name == it.stack; })) continue;
    for (const std::string& spec : specs)
      if (spec.substr(0, spec.find('@')) == it.stack)
        throw Stop{exit_usage, it.as_told() ? fmt::format("tlsbye: {}: the build was told to leave it out ({})", it.stack, it.package)
                                            : fmt::format("tlsbye: {}: its library was not there when tlsbye was built; install it ({}) "
                                                          "and build again",
                                                          it.stack, it.where())};
  }
}

std::vector<const Stack*> selected(const std::vector<Stack>& stacks, const std::vector<std::string>& specs, std::string_view option) {
  std::vector<const Stack*> chosen;
  std::vector<std::string_view> names;
  for (const Stack& stack : stacks) names.push_back(stack.name);
  for (const std::string& spec : specs) {
    if (const std::size_t at = spec.find('@'); at != std::string::npos && spec.find_first_not_of("<>=", at + 1) == std::string::npos)
      throw Stop{exit_usage, fmt::format("tlsbye: {} {}: no version behind the @", option, spec)};
    if (std::any_of(stacks.begin(), stacks.end(), [&](const Stack& stack) { return selects(spec, stack); })) continue;
    std::string there;
    for (const Stack& stack : stacks) there += (there.empty() ? "" : ", ") + stack.id();
    const std::string_view near = nearest(spec.substr(0, spec.find('@')), names);
    const std::string hint = spec.find(',') != std::string::npos ? fmt::format("; several are words of their own: {} A B", option)
                             : near.empty()                      ? ""
                                                                 : fmt::format("; did you mean `{}`?", near);
    throw Stop{exit_usage, fmt::format("tlsbye: {} {}: no such stack{}; there are: {} (`tlsbye get` obtains others)", option, spec, hint,
                                       there.empty() ? "none" : there)};
  }
  for (const Stack& stack : stacks)
    if ((specs.empty() && !stack.obtained) ||
        std::any_of(specs.begin(), specs.end(), [&](const std::string& spec) { return selects(spec, stack); }))
      chosen.push_back(&stack);
  return chosen;
}

bool is_all(const std::vector<std::string>& specs) { return specs == std::vector<std::string>{"all"}; }

// Unless named, the partner is the distribution's OpenSSL, whatever is judged. `all`: each library once, the installed build where there
// is one. What a version does as a partner is asked by name.
std::vector<const Stack*> partners_of(const FoundStacks& found, const std::vector<std::string>& specs) {
  if (is_all(specs)) {
    std::vector<const Stack*> chosen;
    for (const Stack& stack : found.stacks)
      if (!stack.obtained || std::none_of(found.stacks.begin(), found.stacks.end(),
                                          [&](const Stack& other) { return other.name == stack.name && !other.obtained; }))
        chosen.push_back(&stack);
    return chosen;
  }
  if (!specs.empty()) return selected(found.stacks, specs, "--partner");
  for (const auto& stacks : {&found.replaced, &found.stacks})
    for (const Stack& stack : *stacks)
      if (stack.name == "openssl" && !stack.obtained) return {&stack};
  return {&found.stacks.front()};
}

// The words that may name obtained builds: `all` of subjects, NAME@WHICH, and of all partners those that were not built here.
std::vector<std::string> words_for_obtained(const House& house, const Selection& selection) {
  std::vector<std::string> words;
  for (const std::string& word : selection.stacks)
    if (word == "all" || word.find('@') != std::string::npos) words.push_back(word);
  for (const std::string& word : selection.partners)
    if (word.find('@') != std::string::npos) words.push_back(word);
  if (is_all(selection.partners))
    for (const LeftOut& it : stacks_left_out(house.peers)) words.push_back(it.stack + "@*");
  return words;
}

template <typename Item, typename Id>
std::vector<std::string_view> ids_of(const std::vector<Item>& items, Id id) {
  std::vector<std::string_view> ids;
  for (const Item& item : items) ids.push_back(id(item));
  return ids;
}

// Old versions are looked at where a scenario names them.
std::vector<Tls> tls_versions_of(const Plan& plan) {
  Judge::Scope everything;
  std::erase_if(everything.tls, [&](Tls tls) {
    const bool old = tls == Tls::v1_0 || tls == Tls::v1_1;
    return old && std::none_of(plan.runs.begin(), plan.runs.end(), [&](const Run& run) { return run.tls == tls; });
  });
  return everything.tls;
}

// The columns of that part: they are dealt out by their number of runs, each to the part that has the fewest so far. It depends on the plan
// alone, so that all parts agree.
std::function<bool(const StackInfo&, Role, Tls)> part_of(const Plan& plan, const Shard& shard) {
  using Column = std::tuple<std::string, Role, Tls>;
  std::vector<std::pair<Column, std::size_t>> columns;
  std::map<Column, std::size_t> place;
  for (const Run& run : plan.runs) {
    const Column column{run.subject->id(), run.role, run.tls};
    const auto [known, fresh] = place.try_emplace(column, columns.size());
    if (fresh) columns.emplace_back(column, 0);
    ++columns[known->second].second;
  }
  std::stable_sort(columns.begin(), columns.end(), [](const auto& one, const auto& other) { return one.second > other.second; });
  std::vector<std::size_t> loads(shard.of);
  std::set<Column> ours;
  for (const auto& [column, runs] : columns) {
    const auto least = std::min_element(loads.begin(), loads.end());
    *least += runs;
    if (least == loads.begin() + static_cast<std::ptrdiff_t>(shard.number - 1)) ours.insert(column);
  }
  // What no run is made of is in the first part.
  std::set<Column> all;
  for (const auto& [column, runs] : columns) all.insert(column);
  return [ours, all, first = shard.number == 1](const StackInfo& stack, Role role, Tls tls) {
    const Column column{stack.name + "@" + stack.version, role, tls};
    return ours.contains(column) || (first && !all.contains(column));
  };
}

}  // namespace

StackInfo info_of(const Stack& stack) {
  return {stack.name, stack.version, stack.abilities, stack.library, stack.build_id, stack.compiler};
}

Selected choose(const House& house, const RunWords& words) {
  Selected chosen;
  chosen.scenarios = scenarios_of(house);
  chosen.all_clauses = clauses_of(house);
  std::vector<const Clause*> of_libraries;
  for (const Clause& clause : chosen.all_clauses)
    if (!clause.property->of_programs) of_libraries.push_back(&clause);
  check_globs(words.selection.scenarios, ids_of(chosen.scenarios, [](const Scenario& s) -> std::string_view { return s.id; }), "scenario");
  check_globs(words.clauses, ids_of(of_libraries, [](const Clause* c) -> std::string_view { return c->id; }), "clause");
  for (const Clause* clause : of_libraries)
    if (words.clauses.empty() || matches_any(words.clauses, clause->id)) chosen.clauses.push_back(*clause);

  chosen.found = stacks_of(house, words.patience, words_for_obtained(house, words.selection));
  if (chosen.found.stacks.empty()) {
    if (chosen.found.problems.empty())
      throw Stop{exit_harness, fmt::format("tlsbye: no peer program (tlsbye-peer-NAME) is in {}", house.peers.string())};
    std::string text = fmt::format("tlsbye: no peer program in {} works", house.peers.string());
    for (const std::string& problem : chosen.found.problems) text += "\n  " + problem;
    throw Stop{exit_harness, text};
  }
  refuse_left_out(house, chosen.found.stacks, words.selection.stacks);
  refuse_left_out(house, chosen.found.stacks, words.selection.partners);
  chosen.subjects = selected(chosen.found.stacks, words.selection.stacks, "--stack");
  chosen.partners = partners_of(chosen.found, words.selection.partners);
  chosen.plan = make_plan(chosen.scenarios, chosen.subjects, chosen.partners, words.selection);

  for (const Stack* stack : chosen.subjects) chosen.scope.stacks.push_back(info_of(*stack));
  chosen.scope.terms = terms_of(house);
  if (words.selection.role) chosen.scope.roles = {*words.selection.role};
  if (words.selection.io) chosen.scope.io = {*words.selection.io};
  if (words.shard) chosen.scope.covers = part_of(chosen.plan, *words.shard);
  chosen.scope.tls = words.selection.tls ? std::vector<Tls>{*words.selection.tls} : tls_versions_of(chosen.plan);
  return chosen;
}

}  // namespace tlsbye
