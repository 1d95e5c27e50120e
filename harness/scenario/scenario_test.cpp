#include "harness/scenario/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tlsbye {
namespace {

std::string rendered(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const auto& diagnostic : diagnostics) text += diagnostic.render();
  return text;
}

TEST(TheProjectsScenarios, LoadWithoutAComplaint) {
  const auto loaded = load_scenarios(std::filesystem::path(TLSBYE_SOURCE_DIR) / "scenarios");
  EXPECT_EQ(rendered(loaded.diagnostics), "");
  EXPECT_FALSE(loaded.scenarios.empty());
}

}  // namespace
}  // namespace tlsbye
