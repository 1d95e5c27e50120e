#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <optional>

#include "harness/cli/commands.h"
#include "harness/data/diagnostic.h"
#include "harness/data/glob.h"
#include "harness/judge/advice.h"
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

// The last run, and which of its cells are asked for.
struct Seen {
  std::optional<RunReport> run;
  fs::path out;
  std::vector<std::string> stacks;

  // The cells for which `wanted` holds, on the stacks that are asked for.
  template <typename Wanted>
  std::vector<const Cell*> cells(Wanted wanted) const {
    std::vector<const Cell*> found;
    for (const Cell& cell : run->cells)
      if (wanted(cell) && (stacks.empty() || matches_any(stacks, cell.stack) || matches_any(stacks, cell.stack + "@" + cell.version)))
        found.push_back(&cell);
    return found;
  }
  std::string no_run() const { return fmt::format("no run in {}/: `tlsbye run` makes one", out.string()); }
  std::string none() const { return stacks.empty() ? "" : fmt::format(" of {}", fmt::join(stacks, ", ")); }
};

void show_clause(const Clause& clause, const std::vector<Clause>& clauses, const Seen& seen) {
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
  if (!seen.run) {
    fmt::print("  seen         nothing yet: {}\n", seen.no_run());
    return;
  }
  const auto cells = seen.cells([&](const Cell& cell) { return cell.clause == clause.id; });
  if (cells.empty()) fmt::print("  seen         the run in {}/ has no cell{} for it\n", seen.out.string(), seen.none());
  for (const Cell* it : cells) {
    const Cell& cell = *it;
    fmt::print("  {:<16} {:<7} TLS {}  {}{}{}\n", cell.stack + " " + cell.version, spell(cell.role), spell(cell.tls), spell(cell.verdict),
               cell.says.empty() ? "" : ": ", cell.says);
    if (!cell.replay.empty()) fmt::print("  {:<16} {}\n", "", cell.replay);
  }
  std::vector<const Cell*> told;
  for (const Cell* cell : cells)
    if (cell->verdict == Verdict::violates) told.push_back(cell);
  if (!told.empty()) fmt::print("\n{}", tell_cells({told.front()}, clauses, terminal_style(STDOUT_FILENO), seen.run->provenance));
}

void show_scenario(const Scenario& scenario, const Seen& seen) {
  fmt::print("{}: {}\n  {}\n", scenario.id, scenario.title, scenario.why);
  for (const std::string& row : scenario.cases) fmt::print("  case         {}\n", row);
  fmt::print("  stands in    {}:{}\n\n", scenario.file.filename().string(), scenario.file_line);
  for (std::size_t i = 0; i < scenario.lines.size(); ++i) fmt::print("{:>3} | {}\n", i + 1, scenario.lines[i]);
  if (!seen.run) {
    fmt::print("\nCells that it decided: {}\n", seen.no_run());
    return;
  }
  const auto cells = seen.cells([&](const Cell& cell) { return cell.scenario == scenario.id; });
  fmt::print("\nCells{} that it decided in the run in {}/:{}\n", seen.none(), seen.out.string(), cells.empty() ? " none" : "");
  for (const Cell* cell : cells)
    fmt::print("  {:<14} {:<52} {} {} {} {}\n", spell(cell->verdict), cell->clause, cell->stack, cell->version, spell(cell->role),
               spell(cell->tls));
}

}  // namespace

int show_command(const House& house, const ShowWords& words) {
  const std::string& what = words.what;
  const fs::path& out = words.out;
  const std::vector<Clause> clauses = clauses_of(house);
  const std::vector<Scenario> scenarios = scenarios_of(house);
  const Seen seen{last_run(out), out, words.stacks};
  const std::optional<RunReport>& run = seen.run;
  if (run)
    for (const std::string& stack : words.stacks)
      if (Seen{run, out, {stack}}.cells([](const Cell&) { return true; }).empty())
        throw Stop{exit_usage, fmt::format("tlsbye: the run in {}/ has nothing about {}", out.string(), stack)};
  const auto of_cells_alone = [&] {
    if (!words.stacks.empty()) throw Stop{exit_usage, "tlsbye show: --stack is for clauses and scenarios"};
  };
  if (what.find(':') != std::string::npos) {
    of_cells_alone();
    if (!run) throw Stop{exit_usage, fmt::format("tlsbye: {}", seen.no_run())};
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
    of_cells_alone();
    if (!advice.diagnostics.empty()) throw Stop{exit_usage, advice.diagnostics.front().render()};
    fmt::print("{}", tell_advice(*run, what, advice));
    return exit_done;
  }
  const std::vector<std::string> peers = peer_names(house);
  const auto is_stack = [&](const std::string& name) {
    return advice.words.contains(name) || std::find(peers.begin(), peers.end(), name) != peers.end();
  };
  if (const std::size_t to = what.find(".."); to != std::string::npos) {
    of_cells_alone();
    if (!advice.diagnostics.empty()) throw Stop{exit_usage, advice.diagnostics.front().render()};
    const std::array<std::string, 2> names{what.substr(0, to), what.substr(to + 2)};
    const auto was_run = [&](const std::string& name) {
      return run && std::any_of(run->stacks.begin(), run->stacks.end(), [&](const StackInfo& it) { return it.name == name; });
    };
    for (const std::string& name : names)
      if (!was_run(name) && !is_stack(name))
        throw Stop{exit_usage, fmt::format("tlsbye: no stack is called `{}`; `tlsbye list stacks` names them", name)};
    if (!was_run(names[0]) || !was_run(names[1]))
      throw Stop{exit_usage, fmt::format("tlsbye: no run in {}/ has both: `tlsbye run --stack {} --stack {}` makes one", out.string(),
                                         names[0], names[1])};
    fmt::print("{}", tell_move(*run, names[0], names[1], advice));
    return exit_done;
  }
  if (is_stack(what))
    throw Stop{exit_usage, fmt::format("tlsbye: {} {}: `tlsbye run --stack {}` makes one that has",
                                       run ? fmt::format("the run in {}/ has nothing about", out.string())
                                           : fmt::format("there is no run in {}/, and so nothing about", out.string()),
                                       what, what)};
  bool shown = false;
  std::vector<std::string_view> ids;
  for (const Clause& clause : clauses) {
    ids.push_back(clause.id);
    if (!matches(what, clause.id)) continue;
    if (shown) fmt::print("\n");
    show_clause(clause, clauses, seen);
    shown = true;
  }
  for (const Scenario& scenario : scenarios) {
    ids.push_back(scenario.id);
    if (!matches(what, scenario.id)) continue;
    if (shown) fmt::print("\n");
    show_scenario(scenario, seen);
    shown = true;
  }
  if (shown) return exit_done;
  for (const auto& [stack, unused] : advice.words) ids.push_back(stack);
  ids.insert(ids.end(), peers.begin(), peers.end());
  const std::string_view hint = nearest(what, ids);
  throw Stop{exit_usage, fmt::format("tlsbye: nothing is called `{}`{}; `tlsbye list` names clauses, scenarios and stacks", what,
                                     hint.empty() ? "" : fmt::format("; did you mean `{}`?", hint))};
}

}  // namespace tlsbye
