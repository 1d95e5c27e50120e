// Debian's packages, as apt has them, without root and without a trace in the system: apt's lists, caches and state are in a folder of
// ours, nothing counts as installed, and nothing is ever configured. What apt verifies it verifies as always. How to reach mirrors (proxies
// and the like: Acquire) is taken from the system's own configuration, and nothing else is: what the system hooks into apt is not run.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "harness/fleet/fleet_file.h"

namespace tlsbye {

// One suite, seen by apt.
class Apt {
 public:
  // Prepares the folder and fetches the suite's index where `refresh` says so or none is there. Where that fails: why.
  static std::variant<Apt, std::string> open(const std::filesystem::path& folder, const FleetSuite& suite, const Fleet& fleet,
                                             bool refresh);

  // The newest version of the package that the suite itself has; empty where it has none.
  std::string version(const std::string& package) const;
  // How many bytes are to be fetched for it and all that it needs; 0 where apt does not say.
  std::size_t bytes(const std::string& package, const std::string& version) const;
  // Fetches it and all that it needs: the files, or why not.
  std::variant<std::vector<std::filesystem::path>, std::string> fetch(const std::string& package, const std::string& version) const;
  // Forgets what was fetched.
  void forget() const;

 private:
  Apt(std::filesystem::path folder, std::string suite) : folder_(std::move(folder)), suite_(std::move(suite)) {}
  std::vector<std::string> words(const std::string& program, std::vector<std::string> more) const;
  std::vector<std::string> install(const std::string& option, const std::string& package, const std::string& version) const;

  std::filesystem::path folder_;
  std::string suite_;
};

// "3.5.9" of "1:3.5.9+dfsg-1~deb13u1".
std::string upstream(const std::string& debian_version);

}  // namespace tlsbye
