// What the words of `tlsbye run` come to, before anything is run.
#pragma once

#include <vector>

#include "harness/cli/commands.h"
#include "harness/judge/judge.h"
#include "harness/runner/plan.h"

namespace tlsbye {

// Movable, not copyable: the plan points into the scenarios and stacks beside it.
struct Selected {
  Selected() = default;
  Selected(Selected&&) = default;
  Selected& operator=(Selected&&) = default;

  std::vector<Scenario> scenarios;
  std::vector<Clause> all_clauses, clauses;  // all that there are; those that are asked for
  FoundStacks found;
  std::vector<const Stack*> subjects, partners;
  Plan plan;
  Judge::Scope scope;
};

// The stack as reports speak of it.
StackInfo info_of(const Stack& stack);

// Starts each peer program once, to ask who it is. Throws Stop where a word fits nothing.
Selected choose(const House& house, const RunWords& words);

}  // namespace tlsbye
