#include "harness/cli/provenance.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <fstream>

namespace tlsbye {
namespace {

// "Debian GNU/Linux 12 (bookworm), Linux 6.1.0 x86_64"
std::string system_name() {
  std::string distribution = "unknown distribution";
  std::ifstream release("/etc/os-release");
  for (std::string line; std::getline(release, line);) {
    constexpr std::string_view key = "PRETTY_NAME=";
    if (!line.starts_with(key)) continue;
    distribution = line.substr(key.size());
    std::erase(distribution, '"');
  }
  utsname kernel{};
  if (::uname(&kernel) != 0) return distribution;
  return fmt::format("{}, {} {} {}", distribution, kernel.sysname, kernel.release, kernel.machine);
}

// Without those on which no verdict depends, and without those `left_out`, which have a value too.
std::vector<std::string> deciding(const std::vector<std::string>& words, const std::vector<std::string_view>& left_out = {}) {
  std::vector<std::string_view> with_value{"--out", "--jobs", "--shard"};
  with_value.insert(with_value.end(), left_out.begin(), left_out.end());
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--isolate" || word == "--gate") continue;
    if (std::find(with_value.begin(), with_value.end(), word) != with_value.end()) {
      ++i;
      continue;
    }
    if (std::any_of(with_value.begin(), with_value.end(), [&](std::string_view it) { return word.starts_with(fmt::format("{}=", it)); }))
      continue;
    kept.push_back(word);
  }
  return kept;
}

std::string folders(const std::vector<std::filesystem::path>& named) {
  std::string text;
  for (const std::filesystem::path& folder : named) text += (text.empty() ? "" : ", ") + folder.string();
  return text;
}

}  // namespace

std::string deciding_command(const House& house) { return "tlsbye" + pasted(deciding(house.words)); }

std::string exploring_command(const House& house, std::uint64_t seed, std::size_t runs) {
  std::vector<std::string> words = deciding(house.words, {"--seed", "--runs", "--for"});
  words.insert(words.end(), {"--seed", std::to_string(seed), "--runs", std::to_string(runs)});
  return "tlsbye" + pasted(words);
}

Provenance provenance_of(const House& house, const RunWords& words, const Selected& chosen, const LoadedKnown& known) {
  Provenance made;
  made.tool = "tlsbye";
  made.version = TLSBYE_VERSION;
  made.commit = commit;
  made.day = today();
  made.words = deciding(house.words);
  const Selection& selection = words.selection;
  made.choice = {selection.stacks, selection.partners, selection.scenarios, words.clauses, selection.role,
                 selection.tls,    selection.io,       folders(house.more), words.sweep,   words.sweep ? words.pairs : 0};
  made.known = known_list(words.known.empty() ? "scenarios/known.toml" : words.known.string(), known);
  made.system = system_name();
  for (const Stack* stack : chosen.partners) made.partners.push_back(info_of(*stack));
  made.environment = peer_environment();
  made.replay_words = house.replay_words;
  return made;
}

}  // namespace tlsbye
