// For tests: a stack that can do all that a script may ask for.
#pragma once

#include <fmt/format.h>

#include "harness/control/stacks.h"
#include "harness/scenario/script.h"

namespace tlsbye {

inline Stack able_stack() {
  Stack stack{"able", "1.0", {"client", "server", "tls-1.0", "tls-1.1", "tls-1.2", "tls-1.3", "threads", "fork", "starve"}, {}};
  for (const std::string_view option : Words<Option>::list) stack.abilities.emplace_back(option);
  for (const std::string_view call : Words<Call>::list) stack.abilities.emplace_back(call);
  for (const SwitchRow& row : switch_table()) stack.abilities.push_back(fmt::format("set-{}", row.name));
  return stack;
}

}  // namespace tlsbye
