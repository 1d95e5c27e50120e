// Shrinking: the smallest draft that still shows the same. Lines are dropped, options taken away, words left out, actors and faults made
// simpler, numbers made smaller, for as long as `shows` says so of what is left.
#pragma once

#include <functional>

#include "harness/explore/draft.h"

namespace tlsbye {

using Shows = std::function<bool(const Draft&)>;

struct Shrunk {
  Draft draft;
  bool minimal = true;  // false: it ended early, and more may be left than is needed
};

// `draft` shows it. In what is given back, none of these steps is left: no line can go, no option, no word, no fault of the schedule. The
// result depends on the draft and on what `shows` answers alone. Ends early, with what there is by then, after `most_tries` questions, or
// where `stop` says so.
Shrunk shrink(Draft draft, const Shows& shows, std::size_t most_tries, const std::function<bool()>& stop = {});

}  // namespace tlsbye
