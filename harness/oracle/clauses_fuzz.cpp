// For libFuzzer: any text is clauses, or diagnostics that can be shown.
#include <cstdint>
#include <cstdlib>

#include "harness/oracle/oracle.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tlsbye;
  const LoadedClauses loaded = parse_clauses({reinterpret_cast<const char*>(data), size}, "family.toml", "family");
  for (const Diagnostic& it : loaded.diagnostics)
    if (it.problem.empty() || it.line < 0 || it.column < 0 || it.render().empty()) std::abort();
  for (const Clause& it : loaded.clauses)
    if (it.id.empty() || it.says.empty() || it.property == nullptr) std::abort();
  return 0;
}
