#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <system_error>

#include "harness/cli/commands.h"
#include "harness/data/diagnostic.h"
#include "harness/data/messages.h"
#include "peers/protocol/channel.h"

namespace tlsbye {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string size_in_words(std::size_t bytes) { return bytes == 0 ? "" : fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6); }

// "takes cargo, which is not installed"
std::string lacking(const Build& build) {
  return fmt::format("takes {}, which {} not installed", fmt::join(build.lacks, " and "), build.lacks.size() == 1 ? "is" : "are");
}

// One at a time in the cache: whoever comes second waits.
Descriptor locked(const fs::path& cache) {
  std::error_code error;
  fs::create_directories(cache, error);
  if (error) throw Stop{exit_usage, fmt::format("tlsbye get: {}: {}", cache.string(), error.message())};
  Descriptor lock(::open((cache / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!lock)
    throw Stop{exit_usage,
               fmt::format("tlsbye get: {}: {}", (cache / ".lock").string(), std::error_code(errno, std::generic_category()).message())};
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    tell_user("tlsbye get: another one is at work in {}; waiting for it\n", cache.string());
    while (::flock(lock.get(), LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  return lock;
}

// Words that can mean nothing, before anything is asked.
void check_words(const std::vector<std::string>& words, const Fleet& fleet, const std::vector<Build>& here) {
  std::vector<std::string_view> names{"all"};
  for (const FleetStack& stack : fleet.stacks) names.push_back(stack.name);
  for (const std::string& word : words) {
    const std::string name = word.substr(0, word.find('@'));
    const bool known = std::find(names.begin(), names.end(), name) != names.end() || name == "*" ||
                       std::any_of(here.begin(), here.end(), [&](const Build& it) { return it.stack == name; });
    if (!known || (name == "all" && word != "all"))
      throw Stop{exit_usage, fmt::format("tlsbye get: `{}`: there is no stack `{}`; {}", word, name, did_you_mean(name, names))};
  }
}

int list(const std::vector<Build>& builds, bool json) {
  Json all = Json::array();
  for (const Build& it : builds) {
    if (json)
      all.push_back({{"build", it.id()},
                     {"stack", it.stack},
                     {"label", it.label},
                     {"version", it.version},
                     {"source", it.source},
                     {"here", it.here},
                     {"lacks", it.lacks},
                     {"bytes", it.bytes},
                     {"seconds", it.seconds}});
    else
      fmt::print("{:<24} {:<10} {:<8} {:>9} {:>7}  {}{}\n", it.id(), it.version, it.here ? "here" : "-", size_in_words(it.bytes),
                 it.here ? fmt::format("{:.0f} s", it.seconds) : "", it.lacks.empty() ? "" : lacking(it) + "; ", it.source);
  }
  if (json) fmt::print("{}\n", all.dump(2));
  return exit_done;
}

int remove(const fs::path& cache, const std::vector<Build>& here, const std::vector<std::string>& words) {
  int code = exit_done;
  for (const std::string& word : words) {
    if (std::any_of(here.begin(), here.end(), [&](const Build& it) { return asks_for(word, it); })) continue;
    if (word == "all") continue;
    throw Stop{exit_usage, fmt::format("tlsbye get --remove: `{}`: no such build is here; `tlsbye get --list` names them", word)};
  }
  for (const Build& build : here) {
    if (std::none_of(words.begin(), words.end(), [&](const std::string& word) { return asks_for(word, build); })) continue;
    const auto why = take_away(cache, build);
    fmt::print("{:<24} {}\n", build.id(), why ? "cannot be removed: " + *why : "removed");
    if (why) code = exit_harness;
  }
  // With all of them goes what was left of failures, and apt's lists.
  std::error_code error;
  if (std::find(words.begin(), words.end(), "all") != words.end())
    for (const char* part : {"builds", "apt"}) fs::remove_all(cache / part, error);
  return code;
}

}  // namespace

int get_command(const House& house, const GetWords& words) {
  const Fleet fleet = fleet_of(house);
  const FleetPlaces places = fleet_places(house);
  if (words.builds.empty() && !words.list)
    throw Stop{exit_usage, "tlsbye get: say which builds: openssl@3.5, gnutls@trixie, wolfssl@all, all; `tlsbye get --list` names them"};
  check_words(words.builds, fleet, builds_here(places.cache));
  const Descriptor lock = locked(places.cache);
  recover(places.cache);
  if (words.remove) return remove(places.cache, builds_here(places.cache), words.builds);

  const std::vector<std::string> asked = words.builds.empty() ? std::vector<std::string>{"all"} : words.builds;
  Offer offered = offer(places, fleet, asked, !words.list || words.refresh, words.list);
  for (const std::string& problem : offered.problems) tell_user("tlsbye get: {}\n", problem);
  if (words.list) {
    // What is here and can not be had any more is still here.
    for (const Build& build : builds_here(places.cache))
      if (std::any_of(asked.begin(), asked.end(), [&](const std::string& word) { return asks_for(word, build); }) &&
          std::none_of(offered.builds.begin(), offered.builds.end(), [&](const Build& it) { return it.id() == build.id() && it.here; }))
        offered.builds.push_back(build);
    list(offered.builds, words.json);
    return offered.problems.empty() ? exit_done : exit_harness;
  }
  int code = offered.problems.empty() ? exit_done : exit_harness;
  for (const std::string& word : asked) {
    if (std::any_of(offered.builds.begin(), offered.builds.end(), [&](const Build& it) { return asks_for(word, it); })) continue;
    if (code == exit_done)
      throw Stop{exit_usage, fmt::format("tlsbye get: `{}`: no such build can be had; `tlsbye get --list` names them", word)};
    tell_user("tlsbye get: `{}`: no suite that could be asked has such a build\n", word);
  }
  for (const Build& build : offered.builds) {
    if (build.here && !words.refresh) {
      fmt::print("{:<24} {:<10} is here\n", build.id(), build.version);
      continue;
    }
    // Who asks for all means all that can be made here; who names a build wants that one.
    const bool named = std::find(asked.begin(), asked.end(), build.id()) != asked.end();
    if (!build.lacks.empty() && !named) {
      fmt::print("{:<24} {:<10} left out: {}\n", build.id(), build.version, lacking(build));
      continue;
    }
    const auto began = std::chrono::steady_clock::now();
    const auto obtained = build.lacks.empty() ? obtain(places, fleet, build, std::chrono::seconds(10)) : lacking(build);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    if (const auto* why = std::get_if<std::string>(&obtained)) {
      fmt::print("{:<24} {:<10} FAILED\n", build.id(), build.version);
      std::fflush(stdout);
      tell_user("tlsbye get: {}: {}\n", build.id(), *why);
      code = exit_harness;
      continue;
    }
    const Stack& stack = std::get<Stack>(obtained);
    fmt::print("{:<24} {:<10} {} in {:.1f} s\n", build.id(), stack.version, stack.library, seconds);
    std::fflush(stdout);
  }
  return code;
}

}  // namespace tlsbye
