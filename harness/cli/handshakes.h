// Handshakes first: before a library is judged, one plain handshake in each role and TLS version that it promises must succeed.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "harness/cli/selection.h"

namespace tlsbye {

// One line for each column, and partner, in which none does: with what both sides said. No more of them once `interrupted` is set.
std::vector<std::string> failing_handshakes(const Selected& chosen, const RunnerOptions& options, const std::atomic<bool>& interrupted);

}  // namespace tlsbye
