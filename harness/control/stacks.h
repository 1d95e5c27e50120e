// Which stacks there are: the peer programs of a directory, each asked once who it is.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/control/peer_process.h"

namespace tlsbye {

// A stack at a version, and the program that embeds it.
struct Stack {
  std::string name;
  std::string version;
  std::vector<std::string> abilities;
  std::filesystem::path program;

  bool can(std::string_view ability) const;
  std::string id() const { return name + "@" + version; }
};

struct FoundStacks {
  std::vector<Stack> stacks;          // by name
  std::vector<std::string> problems;  // programs that are no peers, one line each
};

// Starts every program `tlsbye-peer-*` of the directory, and ends it again.
FoundStacks find_stacks(const std::filesystem::path& directory, std::chrono::milliseconds patience);

// Abilities that the stack does not claim, put to the test: opens a session with each and sees that the peer says `unsupported`.
// One line for each that it carried out although it said it could not.
std::vector<std::string> probe_inabilities(const Stack& stack, std::chrono::milliseconds patience);

}  // namespace tlsbye
