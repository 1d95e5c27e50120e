// Changed scenarios: the script of a scenario, in which the dice change one to three things. Random lines of the verb table seldom reach
// the state that a scenario reaches in many; its author did not think of one line more or less.
//
// A change puts in a line of another scenario, or one out of the verb table; or drops a line, swaps two, or doubles one. Roles, versions,
// blocking modes, transport and options stay those of the scenario.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/explore/draft.h"
#include "harness/explore/generator.h"
#include "harness/scenario/scenario.h"

namespace tlsbye {

class ChangedScenarios {
 public:
  struct Changed {
    Draft draft;
    const Scenario* from;
  };

  // The variants of a matrix are together drawn as often as one scenario. `scenarios` outlives this; their order does not matter.
  explicit ChangedScenarios(const std::vector<Scenario>& scenarios);

  static constexpr std::size_t most_changes = 3;
  // A draft that both stacks of the generator have the abilities for. Depends on the generator's seed and stacks, on the number, and on the
  // scenarios. Nothing if no scenario is for these stacks.
  std::optional<Changed> draft(const Generator& generator, std::uint64_t number) const;

 private:
  const Scenario& any(Dice& dice) const;
  std::vector<std::string> changed(const Draft& draft, const Generator& generator, Dice& dice) const;

  std::vector<std::vector<const Scenario*>> scenarios_;  // by id; the variants of one together
};

}  // namespace tlsbye
