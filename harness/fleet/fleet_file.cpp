#include "harness/fleet/fleet_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/data/file.h"
#include "harness/data/rows.h"

namespace tlsbye {
namespace {

// What becomes a folder's name, and a word of the command line.
bool is_label(std::string_view text) {
  return !text.empty() && text.front() != '.' && text.front() != '-' &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == std::string_view::npos;
}

template <typename Item, typename Same>
void put(std::vector<Item>& list, Item item, Same same) {
  const auto known = std::find_if(list.begin(), list.end(), [&](const Item& it) { return same(it, item); });
  if (known == list.end())
    list.push_back(std::move(item));
  else
    *known = std::move(item);
}

}  // namespace

const FleetStack* Fleet::stack(std::string_view name) const {
  const auto found = std::find_if(stacks.begin(), stacks.end(), [&](const FleetStack& it) { return it.name == name; });
  return found == stacks.end() ? nullptr : &*found;
}

const FleetSuite* Fleet::suite(std::string_view name) const {
  const auto found = std::find_if(suites.begin(), suites.end(), [&](const FleetSuite& it) { return it.name == name; });
  return found == suites.end() ? nullptr : &*found;
}

void parse_fleet(std::string_view text, const std::string& file, LoadedFleet& into) {
  Fleet& fleet = into.fleet;
  const auto names = [](const auto& one, const auto& other) { return one.name == other.name; };
  // One kind of table at a time: all others are beside it.
  struct Kind {
    std::string_view name;
    std::vector<std::string_view> keys, required;
  };
  const std::vector<Kind> kinds{{"stack", {"name", "adapter", "pkg_config", "libraries", "debian"}, {"name"}},
                                {"suite", {"name", "with", "mirror", "keyring", "valid_until"}, {"name"}},
                                {"build", {"stack", "label", "prefix", "command", "takes"}, {"stack", "label"}}};
  const std::size_t before = into.diagnostics.size();
  Rows rows(text, file, into.diagnostics);
  std::vector<std::string_view> all;
  for (const Kind& kind : kinds) all.push_back(kind.name);
  for (const Kind& kind : kinds) {
    for (const toml::table* row : rows.tables(kind.name, kind.keys, kind.required, all)) {
      const auto text_of = [&](std::string_view key) { return rows.text(*row, key).value_or(""); };
      for (const std::string_view key : {"name", "label", "stack", "adapter"})
        if (const std::string word = text_of(key); !word.empty() && !is_label(word))
          rows.report(Rows::place(*row, key), fmt::format("`{}` must be a word of letters, digits and . _ -", word));
      if (kind.name == "stack") {
        const std::string adapter = text_of("adapter");
        FleetStack stack{text_of("name"), adapter.empty() ? text_of("name") : adapter, rows.texts(*row, "pkg_config"),
                         rows.texts(*row, "debian"), rows.texts(*row, "libraries")};
        if (stack.pkg_config.empty() == stack.libraries.empty())
          rows.report(Rows::place(*row, "name"), "a stack has a `pkg_config` or `libraries`, and not both");
        put(fleet.stacks, std::move(stack), names);
      } else if (kind.name == "suite") {
        put(fleet.suites,
            FleetSuite{text_of("name"), rows.texts(*row, "with"), text_of("mirror"), text_of("keyring"),
                       rows.yes(*row, "valid_until").value_or(true)},
            names);
      } else {
        FleetBuild build{text_of("stack"), text_of("label"), text_of("prefix"), text_of("command"), rows.texts(*row, "takes")};
        if (build.prefix.empty() == build.command.empty())
          rows.report(Rows::place(*row, "label"), "a build has a `prefix` or a `command`, and not both");
        put(fleet.builds, std::move(build),
            [](const FleetBuild& one, const FleetBuild& other) { return one.stack == other.stack && one.label == other.label; });
      }
    }
  }
  // What is wrong with the file as a whole each of the kinds has met.
  const auto same = [](const Diagnostic& one, const Diagnostic& other) {
    return one.line == other.line && one.column == other.column && one.problem == other.problem;
  };
  for (std::size_t i = before; i < into.diagnostics.size(); ++i)
    into.diagnostics.erase(std::remove_if(into.diagnostics.begin() + static_cast<std::ptrdiff_t>(i) + 1, into.diagnostics.end(),
                                          [&](const Diagnostic& it) { return same(it, into.diagnostics[i]); }),
                           into.diagnostics.end());
}

LoadedFleet load_fleet(const std::vector<std::filesystem::path>& files) {
  LoadedFleet loaded;
  for (const std::filesystem::path& file : files) {
    std::error_code error;
    if (!std::filesystem::exists(file, error)) continue;
    if (const auto text = read_text(file, loaded.diagnostics)) parse_fleet(*text, file.string(), loaded);
  }
  const auto missing = [&](std::string problem) {
    loaded.diagnostics.push_back({files.empty() ? "" : files.back().string(), 1, 1, "", std::move(problem), ""});
  };
  for (const FleetSuite& suite : loaded.fleet.suites)
    for (const std::string& other : suite.with)
      if (!loaded.fleet.suite(other)) missing(fmt::format("the suite `{}` is with `{}`, which there is not", suite.name, other));
  for (const FleetBuild& build : loaded.fleet.builds) {
    if (!loaded.fleet.stack(build.stack))
      missing(fmt::format("the build `{}@{}` is of a stack that there is not", build.stack, build.label));
    if (loaded.fleet.suite(build.label)) missing(fmt::format("the build `{}@{}` is called as a suite is", build.stack, build.label));
  }
  return loaded;
}

}  // namespace tlsbye
