#include "harness/cli/house.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <system_error>

#include "harness/data/diagnostic.h"
#include "harness/data/glob.h"
#include "harness/data/messages.h"
#include "harness/data/version.h"
#include "harness/runner/plan.h"

namespace tlsbye {
namespace {

namespace fs = std::filesystem;

}  // namespace

House find_house() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) throw Stop{exit_harness, fmt::format("tlsbye: cannot find its own program file: {}", error.message())};
  const fs::path bin = program.parent_path();
  const fs::path shared = (bin / TLSBYE_WAY_TO_DATA).lexically_normal(), programs = (bin / TLSBYE_WAY_TO_PROGRAMS).lexically_normal();
  if (fs::is_directory(shared / "scenarios" / "clauses", error))
    return {shared / "scenarios", programs / "peers", programs / "rogues", programs / "kit"};
  for (fs::path above = bin; above.has_relative_path(); above = above.parent_path())
    if (fs::is_directory(above / "scenarios" / "clauses", error)) return {above / "scenarios", bin / "peers", bin / "rogues", bin / "kit"};
  throw Stop{exit_harness, fmt::format("tlsbye: no folder scenarios/clauses above {}, and none in {}", bin.string(), shared.string())};
}

std::vector<std::string> peer_names(const House& house) {
  constexpr std::string_view prefix = "tlsbye-peer-";
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(house.peers, error))
    if (const std::string name = entry.path().filename(); name.starts_with(prefix)) names.push_back(name.substr(prefix.size()));
  std::sort(names.begin(), names.end());
  return names;
}

Names known_names(const House& house) {
  Names names{peer_names(house), {}};
  for (const Scenario& scenario : scenarios_of(house)) names.scenarios.push_back(scenario.id);
  return names;
}

Fleet fleet_of(const House& house) {
  std::vector<fs::path> files{house.kit / "peers" / "fleet.toml"};
  const char *config = std::getenv("XDG_CONFIG_HOME"), *home = std::getenv("HOME");
  if (config && *config == '/')
    files.push_back(fs::path(config) / "tlsbye" / "fleet.toml");
  else if (home && *home == '/')
    files.push_back(fs::path(home) / ".config" / "tlsbye" / "fleet.toml");
  LoadedFleet loaded = load_fleet(files);
  if (!loaded.diagnostics.empty()) throw Stop{exit_usage, rendered(loaded.diagnostics)};
  return std::move(loaded.fleet);
}

FleetPlaces fleet_places(const House& house) {
  const fs::path cache = user_cache();
  if (cache.empty()) throw Stop{exit_usage, "tlsbye: there is no folder for obtained builds: neither XDG_CACHE_HOME nor HOME names one"};
  return {cache, house.kit};
}

namespace {

// Those that were obtained beside those at hand. The same file is the same build, whoever brought it.
void add_obtained(FoundStacks& found, FoundStacks obtained) {
  for (Stack& stack : obtained.stacks) {
    const auto same = std::find_if(found.stacks.begin(), found.stacks.end(), [&](const Stack& it) {
      return it.id() == stack.id() && !it.build_id.empty() && it.build_id == stack.build_id;
    });
    if (same != found.stacks.end()) {
      if (same->label.empty()) same->label = stack.label;
      continue;
    }
    const bool taken = std::any_of(found.stacks.begin(), found.stacks.end(), [&](const Stack& it) { return it.id() == stack.id(); });
    if (taken) stack.version += "+" + stack.label;
    found.stacks.push_back(std::move(stack));
  }
  std::move(obtained.problems.begin(), obtained.problems.end(), std::back_inserter(found.problems));
}

}  // namespace

FoundStacks stacks_of(const House& house, std::chrono::milliseconds patience, const std::vector<std::string>& obtained) {
  FoundStacks found = find_stacks(house.peers, patience, house.libraries);
  const auto is_named = [&](const Build& build) {
    return std::any_of(obtained.begin(), obtained.end(),
                       [&](const std::string& word) { return word == "all" || matches(word.substr(0, word.find('@')), build.stack); });
  };
  const auto say = [](const std::string& what) { tell_user("tlsbye: {}\n", what); };
  if (!obtained.empty() && !user_cache().empty())
    add_obtained(found, stacks_here(fleet_places(house), fleet_of(house), is_named, patience, say));
  std::stable_sort(found.stacks.begin(), found.stacks.end(), [](const Stack& one, const Stack& other) {
    return one.name != other.name ? one.name < other.name : compare_versions(one.version, other.version) < 0;
  });
  const auto run_with = [&](const Library& library) {
    return std::count_if(found.stacks.begin(), found.stacks.end(),
                         [&](const Stack& it) { return it.name == library.stack && !it.obtained; }) ==
           std::count_if(house.libraries.begin(), house.libraries.end(), [&](const Library& it) { return it.stack == library.stack; });
  };
  if (std::all_of(house.libraries.begin(), house.libraries.end(), run_with)) return found;
  std::string text;
  for (const Library& library : house.libraries)
    if (!fs::exists(house.peers / ("tlsbye-peer-" + library.stack)))
      text += fmt::format("tlsbye: --lib {}: there is no peer for `{}`\n", library.stack, library.stack);
  for (const std::string& problem : found.problems) text += fmt::format("tlsbye: --lib: {}\n", problem);
  text.pop_back();
  throw Stop{exit_usage, text};
}

std::vector<Scenario> scenarios_of(const House& house) {
  LoadedScenarios loaded = load_scenarios(house.scenarios);
  for (const fs::path& folder : house.more) {
    LoadedScenarios more = load_scenarios(folder);
    std::move(more.scenarios.begin(), more.scenarios.end(), std::back_inserter(loaded.scenarios));
    std::move(more.diagnostics.begin(), more.diagnostics.end(), std::back_inserter(loaded.diagnostics));
  }
  std::map<std::string_view, const Scenario*> seen;
  for (const Scenario& scenario : loaded.scenarios)
    if (const auto [known, fresh] = seen.emplace(scenario.id, &scenario); !fresh && known->second->file != scenario.file)
      loaded.diagnostics.push_back({scenario.file.string(), scenario.file_line, 1, "[[scenario]]",
                                    fmt::format("the scenario `{}` is in {} already", scenario.id, known->second->file.string()), ""});
  if (!loaded.diagnostics.empty()) throw Stop{exit_usage, rendered(loaded.diagnostics)};
  return std::move(loaded.scenarios);
}

std::vector<Clause> clauses_of(const House& house) {
  LoadedClauses loaded = load_clauses(house.scenarios / "clauses");
  for (const fs::path& folder : house.more) {
    std::error_code error;
    if (!fs::is_directory(folder / "clauses", error)) continue;
    LoadedClauses more = load_clauses(folder / "clauses");
    std::move(more.clauses.begin(), more.clauses.end(), std::back_inserter(loaded.clauses));
    std::move(more.diagnostics.begin(), more.diagnostics.end(), std::back_inserter(loaded.diagnostics));
  }
  std::map<std::string_view, const Clause*> seen;
  for (const Clause& clause : loaded.clauses)
    if (const auto [known, fresh] = seen.emplace(clause.id, &clause); !fresh && known->second->file != clause.file)
      loaded.diagnostics.push_back({clause.file.string(), clause.file_line, 1, "[[clause]]",
                                    fmt::format("the clause `{}` is in {} already", clause.id, known->second->file.string()), ""});
  if (!loaded.diagnostics.empty()) throw Stop{exit_usage, rendered(loaded.diagnostics)};
  return std::move(loaded.clauses);
}

std::vector<Term> terms_of(const House& house) {
  LoadedTerms loaded = load_terms(house.scenarios / "clauses");
  if (!loaded.diagnostics.empty()) throw Stop{exit_usage, rendered(loaded.diagnostics)};
  return std::move(loaded.terms);
}

References references_of(const House& house) {
  const fs::path folder = house.scenarios / "clauses";
  std::vector<Clause> clauses = clauses_of(house);
  Contradictions contradictions = load_contradictions(folder, clauses);
  AdviceRules advice = load_advice(folder);
  contradictions.diagnostics.insert(contradictions.diagnostics.end(), advice.diagnostics.begin(), advice.diagnostics.end());
  if (!contradictions.diagnostics.empty()) throw Stop{exit_usage, rendered(contradictions.diagnostics)};
  return {std::move(clauses), traits(), std::move(contradictions.list), std::move(advice)};
}

void check_globs(const std::vector<std::string>& globs, const std::vector<std::string_view>& ids, std::string_view kind) {
  for (const std::string& whole : globs) {
    const std::vector<std::string> parts = without_braces(whole);
    if (parts.empty()) throw Stop{exit_usage, fmt::format("tlsbye: the glob for {}s stands for more than a thousand others", kind)};
    for (const std::string& glob : parts) {
      if (std::any_of(ids.begin(), ids.end(), [&](std::string_view id) { return matches(glob, id); })) continue;
      const std::string hint = did_you_mean(glob, ids);
      throw Stop{exit_usage, fmt::format("tlsbye: no {} matches `{}`{}{}; `tlsbye list {}s` names them all", kind, glob,
                                         hint.empty() ? "" : "; ", hint, kind)};
    }
  }
}

}  // namespace tlsbye
