// Two runs side by side: which verdicts changed, which traits changed although no verdict did, what came and what went.
//
// A stack of the same version is compared with itself. A stack that has one version in the old run and another one in the new is
// compared across the two: that is what an upgrade looks like.
#pragma once

#include <string>
#include <vector>

#include "harness/judge/judge.h"

namespace tlsbye {

struct Diff {
  struct Change {
    Cell before, after;
  };
  struct TraitChange {
    TraitAnswer before, after;  // an answer is empty where that run had none
  };
  std::vector<Change> verdicts;  // for the worse first
  std::vector<TraitChange> traits;
  std::vector<Cell> added, removed;
  bool empty() const { return verdicts.empty() && traits.empty() && added.empty() && removed.empty(); }
};

Diff diff(const RunReport& before, const RunReport& after);
// For the reader; "nothing changed" where it is empty. Ends with a newline.
std::string tell(const Diff& diff);

}  // namespace tlsbye
