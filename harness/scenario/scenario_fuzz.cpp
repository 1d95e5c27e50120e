// For libFuzzer: any text is scenarios, or diagnostics that can be shown.
#include <cstdint>
#include <cstdlib>

#include "harness/scenario/scenario.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tlsbye;
  const LoadedScenarios loaded = parse_scenarios({reinterpret_cast<const char*>(data), size}, "family.toml", "family");
  for (const Diagnostic& it : loaded.diagnostics)
    if (it.problem.empty() || it.line < 0 || it.column < 0 || it.render().empty()) std::abort();
  for (const Scenario& it : loaded.scenarios) {
    if (it.id.empty() || it.script.empty() || it.roles.empty() || it.versions.empty() || it.modes.empty()) std::abort();
    for (const Statement& statement : it.script)
      if (statement.line < 1 || static_cast<std::size_t>(statement.line) > it.lines.size() || statement.source.empty()) std::abort();
  }
  return 0;
}
