// Builds of libraries that were obtained: a folder for each, in the user's cache, with the library, all that it needs, and a peer program
// that was compiled against its headers. Nothing is written outside of that folder.
//
//     CACHE/apt/SUITE/           apt's private state (apt.h)
//     CACHE/builds/STACK@LABEL/
//       root/                    what was unpacked; of a build of one's own, what its command installed, if it has one
//       tlsbye-peer-STACK        the peer
//       build.json               what it is; written last: without it the folder is what was left of a failure
//
// A peer is made anew where tlsbye itself is another than the one that made it.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "harness/control/stacks.h"
#include "harness/fleet/fleet_file.h"

namespace tlsbye {

// Where things are.
struct FleetPlaces {
  std::filesystem::path cache;
  std::filesystem::path kit;  // what peers are made of: adapters, headers, libraries, and the compiler's words (peers/CMakeLists.txt)
};
// CACHE of this user: XDG_CACHE_HOME/tlsbye/fleet, or ~/.cache/tlsbye/fleet. Empty where there is neither.
std::filesystem::path user_cache();

// A build that can be obtained, or was.
struct Build {
  std::string stack, label;
  std::string version;  // as far as it is known without the library: of a package; empty else
  std::string source;   // for people: "Debian trixie: libssl-dev 3.5.9-1"
  std::string package;  // its whole version; empty of one's own
  bool here = false;
  std::size_t bytes = 0;  // on disk, or to be fetched
  double seconds = 0;     // that it took to obtain; 0 where it is not here
  std::vector<std::string> lacks = {};  // what it takes to be obtained, and is not installed
  std::string id() const { return stack + "@" + label; }
};

// What a word of the command line asks for: STACK, STACK@LABEL, STACK@VERSION (harness/data/version.h), STACK@all, all.
bool asks_for(const std::string& word, const Build& build);
// Whether only that label can be meant, so that no other suite has to be asked.
bool may_ask_for(const std::string& word, const std::string& stack, const std::string& label);

// The builds that are here, by stack and version; folders without a build.json are left out.
std::vector<Build> builds_here(const std::filesystem::path& cache);

// Each of those that are here and wanted as a stack that can be run. What does not run is a problem. `say` reports what takes its time.
FoundStacks stacks_here(const FleetPlaces& places, const Fleet& fleet, const std::function<bool(const Build&)>& wanted,
                        std::chrono::milliseconds patience, const std::function<void(const std::string&)>& say);

// What can be had of the stacks and suites that may be asked for by any of the words. A suite that cannot be asked is a problem, one line.
struct Offer {
  std::vector<Build> builds;
  std::vector<std::string> problems;
};
Offer offer(const FleetPlaces& places, const Fleet& fleet, const std::vector<std::string>& words, bool refresh, bool with_bytes);

// What an interruption has left: a build that was about to be replaced is put back. Only for who alone works in the cache.
void recover(const std::filesystem::path& cache);

// Obtains it: the stack that it is, or why it cannot be had, in one line. What was there before stays until the new one works.
std::variant<Stack, std::string> obtain(const FleetPlaces& places, const Fleet& fleet, const Build& build,
                                        std::chrono::milliseconds patience);
// Takes it away. Where that fails: why.
std::optional<std::string> take_away(const std::filesystem::path& cache, const Build& build);

}  // namespace tlsbye
