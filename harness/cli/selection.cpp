#include "harness/cli/selection.h"

#include <fmt/format.h>

#include <algorithm>

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
        throw Stop{exit_usage,
                   fmt::format("tlsbye: {}: its library was not there when tlsbye was built; install it (Debian: {}) and build again",
                               it.stack, it.package)};
  }
}

std::vector<const Stack*> selected(const std::vector<Stack>& stacks, const std::vector<std::string>& specs, std::string_view option) {
  std::vector<const Stack*> chosen;
  std::vector<std::string_view> names;
  for (const Stack& stack : stacks) names.push_back(stack.name);
  for (const std::string& spec : specs) {
    if (std::any_of(stacks.begin(), stacks.end(), [&](const Stack& stack) { return selects(spec, stack); })) continue;
    std::string there;
    for (const Stack& stack : stacks) there += (there.empty() ? "" : ", ") + stack.id();
    const std::string_view hint = nearest(spec.substr(0, spec.find('@')), names);
    throw Stop{exit_usage, fmt::format("tlsbye: {} {}: no such stack{}; there are: {}", option, spec,
                                       hint.empty() ? "" : fmt::format("; did you mean `{}`?", hint), there.empty() ? "none" : there)};
  }
  for (const Stack& stack : stacks)
    if (specs.empty() || std::any_of(specs.begin(), specs.end(), [&](const std::string& spec) { return selects(spec, stack); }))
      chosen.push_back(&stack);
  return chosen;
}

std::vector<const Stack*> partners_of(const std::vector<Stack>& stacks, const std::vector<std::string>& specs) {
  if (specs == std::vector<std::string>{"all"}) return selected(stacks, {}, "--partner");
  if (!specs.empty()) return selected(stacks, specs, "--partner");
  for (const Stack& stack : stacks)
    if (stack.name == "openssl") return {&stack};
  return {&stacks.front()};
}

template <typename Item, typename Id>
std::vector<std::string_view> ids_of(const std::vector<Item>& items, Id id) {
  std::vector<std::string_view> ids;
  for (const Item& item : items) ids.push_back(id(item));
  return ids;
}

// Old versions are looked at where a scenario names them.
std::vector<Tls> versions_of(const Plan& plan) {
  Judge::Scope everything;
  std::erase_if(everything.tls, [&](Tls tls) {
    const bool old = tls == Tls::v1_0 || tls == Tls::v1_1;
    return old && std::none_of(plan.runs.begin(), plan.runs.end(), [&](const Run& run) { return run.tls == tls; });
  });
  return everything.tls;
}

}  // namespace

StackInfo info_of(const Stack& stack) {
  return {stack.name, stack.version, stack.abilities, stack.library, stack.build_id, stack.compiler};
}

Selected choose(const House& house, const RunWords& words) {
  Selected chosen;
  chosen.scenarios = scenarios_of(house);
  chosen.all_clauses = clauses_of(house);
  check_globs(words.selection.scenarios, ids_of(chosen.scenarios, [](const Scenario& s) -> std::string_view { return s.id; }), "scenario");
  check_globs(words.clauses, ids_of(chosen.all_clauses, [](const Clause& c) -> std::string_view { return c.id; }), "clause");
  for (const Clause& clause : chosen.all_clauses)
    if (words.clauses.empty() || matches_any(words.clauses, clause.id)) chosen.clauses.push_back(clause);

  chosen.found = stacks_of(house, words.patience);
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
  chosen.partners = partners_of(chosen.found.stacks, words.selection.partners);
  chosen.plan = make_plan(chosen.scenarios, chosen.subjects, chosen.partners, words.selection);

  for (const Stack* stack : chosen.subjects) chosen.scope.stacks.push_back(info_of(*stack));
  chosen.scope.terms = terms_of(house);
  if (words.selection.role) chosen.scope.roles = {*words.selection.role};
  if (words.selection.io) chosen.scope.io = {*words.selection.io};
  chosen.scope.tls = words.selection.tls ? std::vector<Tls>{*words.selection.tls} : versions_of(chosen.plan);
  return chosen;
}

}  // namespace tlsbye
