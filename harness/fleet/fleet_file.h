// fleet.toml: which libraries can be obtained, and from where. Its head says what it holds (peers/fleet.toml).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/data/diagnostic.h"

namespace tlsbye {

struct FleetStack {
  std::string name, adapter;
  std::vector<std::string> pkg_config;  // its names there: the first that a build has
  std::vector<std::string> debian;      // likewise its packages, of a suite; empty where Debian has none
  std::vector<std::string> libraries;   // to link, where pkg-config knows nothing
};

struct FleetSuite {
  std::string name;
  std::vector<std::string> with;
  std::string mirror, keyring;  // empty: the system's own
  bool valid_until = true;
};

struct FleetBuild {
  std::string stack, label;
  std::string prefix, command;     // one of them
  std::vector<std::string> takes;  // programs that the command starts
};

struct Fleet {
  std::vector<FleetStack> stacks;
  std::vector<FleetSuite> suites;
  std::vector<FleetBuild> builds;
  const FleetStack* stack(std::string_view name) const;
  const FleetSuite* suite(std::string_view name) const;
};

struct LoadedFleet {
  Fleet fleet;
  std::vector<Diagnostic> diagnostics;
};

// Adds what the file says to `fleet`; what has the same name takes the place of what was there.
void parse_fleet(std::string_view text, const std::string& file, LoadedFleet& into);
// Each of them that is there, in this order; then checks that all names that they use are there.
LoadedFleet load_fleet(const std::vector<std::filesystem::path>& files);

}  // namespace tlsbye
