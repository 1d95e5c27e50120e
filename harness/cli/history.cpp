#include "reports/history.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "harness/cli/commands.h"
#include "harness/data/glob.h"

namespace tlsbye {

int history_command(const HistoryWords& words) {
  std::vector<RunReport> runs;
  for (const std::filesystem::path& file : words.run_files) runs.push_back(read_run(file));
  std::vector<std::string_view> stacks, names;
  for (const RunReport& run : runs) {
    for (const StackInfo& stack : run.stacks) stacks.push_back(stack.name);
    for (const Cell& cell : run.cells) names.push_back(cell.clause);
    for (const TraitAnswer& answer : run.traits) names.push_back(answer.trait);
  }
  const auto check = [](const std::vector<std::string>& globs, const std::vector<std::string_view>& there, std::string_view what) {
    for (const std::string& glob : globs)
      if (std::none_of(there.begin(), there.end(), [&](std::string_view name) { return matches(glob, name); }))
        throw Stop{exit_usage, fmt::format("tlsbye history: no {} of these runs matches `{}`", what, glob)};
  };
  check(words.of.stacks, stacks, "library");
  check(words.of.names, names, "clause or trait");
  const History found = history(runs, words.of);
  fmt::print("{}", words.json       ? history_json(found)
                   : words.markdown ? history_markdown(found)
                                    : tell(found, words.all, terminal_style(STDOUT_FILENO)));
  return exit_done;
}

}  // namespace tlsbye
