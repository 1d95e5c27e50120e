#include "harness/judge/coverage.h"

#include <gmock/gmock.h>

#include "harness/judge/testing.h"

namespace tlsbye {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view rows = R"(
[[row]]
id = "A-1"
section = "A"
strength = "MUST"
applies = "both"
says = "One."
source = "A 1"
[[row]]
id = "A-2"
section = "A"
says = "Two."
[[row]]
id = "B-1"
section = "B"
says = "Three."
)";
constexpr std::string_view out = R"(
[[row]]
ref = "B-1"
reason = "DTLS only"
)";

Clause testing_row(std::string ref) {
  Clause made = clause("rfc/one");
  made.ref = {std::move(ref)};
  return made;
}

TEST(Coverage, TellsWhatIsTestedWhatIsOutOfScopeAndWhatIsOpen) {
  const Catalogue catalogue = parse_catalogue(rows, out);
  ASSERT_THAT(catalogue.diagnostics, IsEmpty());
  const Coverage told = coverage(catalogue, {testing_row("A-1")});
  ASSERT_THAT(told.sections, SizeIs(2));
  EXPECT_THAT(told.sections[0].rows[0].clauses, ElementsAre("rfc/one"));
  EXPECT_TRUE(told.sections[0].rows[1].open());
  EXPECT_EQ(told.sections[1].rows[0].out_of_scope, "DTLS only");
  EXPECT_FALSE(told.sections[1].rows[0].open());
  EXPECT_THAT(told.strangers, IsEmpty());
  const std::string text = tell(told, true);
  EXPECT_THAT(text, HasSubstr("      1            0       1  A\n"));
  EXPECT_THAT(text, HasSubstr("      1            1       1  of 3 rows\n"));
  EXPECT_THAT(text, HasSubstr("out of scope: DTLS only"));
}

TEST(Coverage, NamesRefsThatLeadNowhere) {
  const Catalogue catalogue = parse_catalogue(rows, "[[row]]\nref = \"C-1\"\nreason = \"gone\"\n");
  EXPECT_THAT(coverage(catalogue, {testing_row("A-9")}).strangers, ElementsAre(HasSubstr("A-9"), HasSubstr("C-1")));
}

TEST(Coverage, NamesARowThatIsOutOfScopeAndYetTested) {
  const Catalogue catalogue = parse_catalogue(rows, out);
  EXPECT_THAT(coverage(catalogue, {testing_row("B-1")}).strangers, ElementsAre(HasSubstr("and yet rfc/one tests it")));
}

TEST(Catalogue, MistakesAreShownWithTheirPlace) {
  EXPECT_THAT(parse_catalogue("[[row]]\nid = \"A-1\"\nsection = \"A\"\nsay = \"x\"\n", "").diagnostics, SizeIs(2));
  const Catalogue twice = parse_catalogue(std::string(rows) + std::string(rows), std::string(out) + std::string(out));
  EXPECT_THAT(twice.diagnostics, SizeIs(4));
  EXPECT_EQ(twice.diagnostics[0].line, 19);
}

TEST(Catalogue, OursIsSound) {
  const Catalogue catalogue = load_catalogue(TLSBYE_SOURCE_DIR "/scenarios/clauses");
  for (const Diagnostic& diagnostic : catalogue.diagnostics) ADD_FAILURE() << diagnostic.render();
  EXPECT_GT(catalogue.rows.size(), 400U);
}

}  // namespace
}  // namespace tlsbye
