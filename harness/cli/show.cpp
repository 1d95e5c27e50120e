#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>

#include "harness/cli/commands.h"
#include "harness/judge/advice.h"
#include "harness/scenario/diagnostic.h"
#include "reports/pcapng.h"
#include "reports/run_file.h"
#include "reports/terminal.h"

namespace tlsbye {
namespace {

namespace fs = std::filesystem;

std::optional<RunReport> last_run(const fs::path& out) {
  std::error_code error;
  if (!fs::exists(out / "run.json", error)) return std::nullopt;
  try {
    return read_run_file(out / "run.json");
  } catch (const RunFileError& problem) {
    throw Stop{exit_usage, fmt::format("tlsbye: {}", problem.what())};
  }
}

void show_clause(const Clause& clause, const std::vector<Clause>& clauses, const std::optional<RunReport>& run) {
  fmt::print("{}  ({})\n", clause.id, spell(clause.strength));
  fmt::print("  says         {}\n", clause.says);
  for (const std::string& citation : clause.cites) fmt::print("  cites        {}\n", citation);
  for (const std::string& row : clause.ref) fmt::print("  catalogue    {}\n", row);
  if (!clause.contradicts.empty()) fmt::print("  contradicts  {}\n", clause.contradicts);
  fmt::print("  tested by    {}: {}\n", clause.property->name, clause.property->meaning);
  for (const auto& [name, values] : clause.parameters) {
    fmt::print("                 {} =", name);
    for (const std::string& value : values) fmt::print(" {}", value);
    fmt::print("\n");
  }
  fmt::print("  stands in    {}:{}\n", clause.file.filename().string(), clause.file_line);
  if (!run) {
    fmt::print("  seen         nothing yet: there is no run file; `tlsbye run` makes one\n");
    return;
  }
  for (const Cell& cell : run->cells) {
    if (cell.clause != clause.id) continue;
    fmt::print("  {:<16} {:<7} TLS {}  {}{}{}\n", cell.stack + " " + cell.version, spell(cell.role), spell(cell.tls), spell(cell.verdict),
               cell.says.empty() ? "" : ": ", cell.says);
    if (!cell.replay.empty()) fmt::print("  {:<16} {}\n", "", cell.replay);
  }
  std::vector<const Cell*> told;
  for (const Cell& cell : run->cells)
    if (cell.clause == clause.id && cell.verdict == Verdict::violates) told.push_back(&cell);
  if (!told.empty()) fmt::print("\n{}", tell_cells({told.front()}, clauses, terminal_style(STDOUT_FILENO), run->provenance));
}

void show_scenario(const Scenario& scenario, const std::optional<RunReport>& run) {
  fmt::print("{}: {}\n  {}\n", scenario.id, scenario.title, scenario.why);
  for (const std::string& row : scenario.cases) fmt::print("  case         {}\n", row);
  fmt::print("  stands in    {}:{}\n\n", scenario.file.filename().string(), scenario.file_line);
  for (std::size_t i = 0; i < scenario.lines.size(); ++i) fmt::print("{:>3} | {}\n", i + 1, scenario.lines[i]);
  if (!run) return;
  fmt::print("\nCells that it decided in the last run:\n");
  for (const Cell& cell : run->cells)
    if (cell.scenario == scenario.id)
      fmt::print("  {:<14} {:<52} {} {} {} {}\n", spell(cell.verdict), cell.clause, cell.stack, cell.version, spell(cell.role),
                 spell(cell.tls));
}

}  // namespace

int show_command(const House& house, const std::string& what, const fs::path& out) {
  const std::vector<Clause> clauses = clauses_of(house);
  const std::vector<Scenario> scenarios = scenarios_of(house);
  const std::optional<RunReport> run = last_run(out);
  if (what.find(':') != std::string::npos) {
    const fs::path file = out / "transcripts" / (capture_name(what) + ".txt");
    std::ifstream stream(file);
    if (!stream)
      throw Stop{
          exit_usage,
          fmt::format("tlsbye: {} has no transcript of `{}`: it decided no cell in the last run; `tlsbye replay` makes the run again",
                      (out / "transcripts").string(), what)};
    fmt::print("{}", std::string(std::istreambuf_iterator<char>(stream), {}));
    return exit_done;
  }
  const AdviceRules advice = load_advice(house.scenarios / "clauses");
  const auto is_it = [&](const StackInfo& stack) { return stack.name == what; };
  if (run && std::any_of(run->stacks.begin(), run->stacks.end(), is_it)) {
    if (!advice.diagnostics.empty()) throw Stop{exit_usage, advice.diagnostics.front().render()};
    fmt::print("{}", tell_advice(*run, what, advice));
    return exit_done;
  }
  if (advice.words.contains(what))
    throw Stop{exit_usage,
               fmt::format("tlsbye: the last run has nothing about {}: `tlsbye run --stack {}` makes one that has", what, what)};
  bool shown = false;
  std::vector<std::string_view> ids;
  for (const Clause& clause : clauses) {
    ids.push_back(clause.id);
    if (!matches(what, clause.id)) continue;
    if (shown) fmt::print("\n");
    show_clause(clause, clauses, run);
    shown = true;
  }
  for (const Scenario& scenario : scenarios) {
    ids.push_back(scenario.id);
    if (!matches(what, scenario.id)) continue;
    if (shown) fmt::print("\n");
    show_scenario(scenario, run);
    shown = true;
  }
  if (shown) return exit_done;
  for (const auto& [stack, unused] : advice.words) ids.push_back(stack);
  const std::string_view hint = nearest(what, ids);
  throw Stop{exit_usage, fmt::format("tlsbye: nothing is called `{}`{}; `tlsbye list` names clauses, scenarios and stacks", what,
                                     hint.empty() ? "" : fmt::format("; did you mean `{}`?", hint))};
}

}  // namespace tlsbye
