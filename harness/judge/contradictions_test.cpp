#include "harness/judge/contradictions.h"

#include <gmock/gmock.h>

#include "harness/judge/testing.h"

namespace tlsbye {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view sound = R"TOML([[contradiction]]
id        = "X-01"
a         = "One says yes."
b         = "The other says no."
treatment = "Both are clauses."
clauses   = ["rfc1/yes", "rfc2/no"]
traits    = ["second-close"]
)TOML";

Contradictions parsed(std::string_view text) {
  return parse_contradictions(text, "contradictions.toml", {testing::clause("rfc1/yes"), testing::clause("rfc2/no")});
}
std::string contradiction_in(std::string text, std::string_view from, std::string_view to) {
  text.replace(text.find(from), from.size(), to);
  const Contradictions read = parsed(text);
  return read.diagnostics.empty() ? "" : read.diagnostics.front().render();
}

TEST(Contradictions, AreToldWithBothSidesAndWhatIsDoneAboutThem) {
  const Contradictions read = parsed(sound);
  ASSERT_TRUE(read.diagnostics.empty()) << read.diagnostics.front().render();
  EXPECT_EQ(tell(read),
            "X-01  One says yes.\n      The other says no.\n  so  Both are clauses.\n      clause rfc1/yes\n"
            "      clause rfc2/no\n      trait  second-close\n");
}

TEST(Contradictions, NameClausesAndTraitsThatExist) {
  EXPECT_THAT(contradiction_in(std::string(sound), "rfc2/no", "rfc2/nn"), HasSubstr("did you mean `rfc2/no`"));
  EXPECT_THAT(contradiction_in(std::string(sound), "second-close", "second-clos"), HasSubstr("is none of the traits"));
}

TEST(Contradictions, NameSomethingOrSayWhyNot) {
  const std::string bare(sound.substr(0, sound.find("clauses   =")));
  EXPECT_THAT(contradiction_in(bare, "Both", "Both"), HasSubstr("says in `outside` why"));
  EXPECT_EQ(contradiction_in(bare + "outside = \"no peer yet\"", "Both", "Both"), "");
  EXPECT_THAT(contradiction_in(std::string(sound) + "outside = \"no peer yet\"", "Both", "Both"), HasSubstr("says in `outside` why"));
}

TEST(Contradictions, OfTheProjectAreSound) {
  const std::filesystem::path directory = std::filesystem::path(TLSBYE_SOURCE_DIR) / "scenarios" / "clauses";
  const Contradictions read = load_contradictions(directory, load_clauses(directory).clauses);
  for (const Diagnostic& diagnostic : read.diagnostics) ADD_FAILURE() << diagnostic.render();
  EXPECT_GE(read.list.size(), 26U);
}

}  // namespace
}  // namespace tlsbye
