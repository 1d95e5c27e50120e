#include "harness/judge/gate.h"

#include <fmt/format.h>

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

}  // namespace

int gate_command(const House& house, const std::filesystem::path& run_file, const std::filesystem::path& known_file) {
  RunReport report = read_run(run_file);
  const LoadedKnown known = load_known(known_file.empty() ? house.scenarios / "known.toml" : known_file);
  if (!known.diagnostics.empty()) {
    std::string text;
    for (const Diagnostic& diagnostic : known.diagnostics) text += diagnostic.render();
    throw Stop{exit_usage, text};
  }
  const std::vector<std::string> stale = apply_known(report, known.entries, clauses_of(house), today());
  const GateResult result = gate(report, stale);
  fmt::print("{}", result.summary);
  return result.green ? exit_done : exit_no;
}

int diff_command(const std::filesystem::path& before, const std::filesystem::path& after) {
  fmt::print("{}", tell(diff(read_run(before), read_run(after))));
  return exit_done;
}

}  // namespace tlsbye
