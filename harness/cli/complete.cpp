#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "harness/cli/commands.h"

namespace tlsbye {
namespace {

// Programs that are there, whether they work or not: a shell that completes a word does not wait for libraries to start.
void print_stacks(const House& house) {
  constexpr std::string_view prefix = "tlsbye-peer-";
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(house.peers, error))
    if (const std::string name = entry.path().filename(); name.starts_with(prefix)) fmt::print("{}\n", name.substr(prefix.size()));
}

}  // namespace

int complete_command(const House& house, const CLI::App& app, const std::string& what, const std::string& command) {
  if (what == "stacks") print_stacks(house);
  if (what == "lists")
    for (const std::string_view each : listed) fmt::print("{}\n", each);
  if (what == "scenarios")
    for (const Scenario& scenario : scenarios_of(house)) fmt::print("{}\n", scenario.id);
  if (what == "clauses")
    for (const Clause& clause : clauses_of(house)) fmt::print("{}\n", clause.id);
  for (const CLI::App* each : app.get_subcommands({})) {
    if (what == "commands" && !each->get_group().empty()) fmt::print("{}\n", each->get_name());
    if (what == "options" && each->get_name() == command)
      for (const CLI::Option* option : each->get_options())
        for (const std::string& name : option->get_lnames()) fmt::print("--{}\n", name);
  }
  return exit_done;
}

}  // namespace tlsbye
