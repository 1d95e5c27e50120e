#include "harness/judge/gate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "harness/cli/commands.h"
#include "harness/judge/known.h"
#include "reports/diff.h"
#include "reports/run_file.h"

namespace tlsbye {
namespace {

RunReport read_run(const std::filesystem::path& file) {
  try {
    return read_run_file(file);
  } catch (const RunFileError& error) {
    throw Stop{exit_usage, fmt::format("tlsbye: {}", error.what())};
  }
}

// Half a year: long enough to fix it, short enough to remember why.
std::string half_a_year_from_now() {
  const auto date =
      std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now())) + std::chrono::months(6);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     std::min(static_cast<unsigned>(date.day()), 28U));
}

int write_first_known(const RunReport& report, const std::filesystem::path& file, Verdict fail_on) {
  if (std::filesystem::exists(file))
    throw Stop{exit_usage, fmt::format("tlsbye: {} is there already; --update only writes a first one", file.string())};
  std::ofstream stream(file, std::ios::binary);
  stream << first_known(report, fail_on, half_a_year_from_now());
  stream.close();
  if (!stream) throw Stop{exit_usage, fmt::format("tlsbye: cannot write {}", file.string())};
  fmt::print("written: {}; every entry needs its reason before the gate takes it\n", file.string());
  return exit_done;
}

}  // namespace

int gate_command(const House& house, const std::filesystem::path& run_file, const std::filesystem::path& known_file, Verdict fail_on,
                 bool update) {
  RunReport report = read_run(run_file);
  if (update) return write_first_known(report, known_file.empty() ? "known.toml" : known_file, fail_on);
  const LoadedKnown known = load_known(known_file.empty() ? house.scenarios / "known.toml" : known_file);
  if (!known.diagnostics.empty()) {
    std::string text;
    for (const Diagnostic& diagnostic : known.diagnostics) text += diagnostic.render();
    throw Stop{exit_usage, text};
  }
  const std::vector<Clause> clauses = clauses_of(house);
  const std::vector<std::string> stale = apply_known(report, known.entries, clauses, today());
  for (std::string& missing : missing_cells(report, clauses)) report.problems.push_back(std::move(missing));
  const GateResult result = gate(report, stale, fail_on);
  fmt::print("{}", result.summary);
  return result.green ? exit_done : exit_no;
}

int diff_command(const House& house, const DiffWords& words) {
  const Diff changes = diff(read_run(words.before), read_run(words.after), clauses_of(house));
  fmt::print("{}", words.json       ? diff_json(changes)
                   : words.markdown ? diff_markdown(changes)
                                    : tell(changes, words.all, terminal_style(STDOUT_FILENO)));
  return changes.worse() || (words.fail_on_changed && changes.changed()) ? exit_no : exit_done;
}

}  // namespace tlsbye
