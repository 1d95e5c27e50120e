#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "harness/cli/commands.h"

namespace tlsbye {
int complete_command(const House& house, const CLI::App& app, const std::string& what, const std::string& command) {
  if (what == "stacks")  // a shell that completes a word does not wait for libraries to start
    for (const std::string& name : stack_names(house)) fmt::print("{}\n", name);
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
