// What reports quote beside the run: the texts of scenarios/clauses, and the questions of the traits.
#pragma once

#include <vector>

#include "harness/judge/advice.h"
#include "harness/judge/contradictions.h"
#include "harness/oracle/oracle.h"

namespace tlsbye {

struct References {
  std::vector<Clause> clauses;
  std::vector<Trait> traits;
  std::vector<Contradiction> contradictions;  // of contradictions.toml
  AdviceRules advice;
};

}  // namespace tlsbye
