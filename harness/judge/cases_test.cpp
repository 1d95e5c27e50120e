#include "harness/judge/cases.h"

#include <gmock/gmock.h>

namespace tlsbye {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view cases = R"(
[[case]]
id = "B01"
origin = "a suite"
says = "one"
expected = "done"
family = ["F1"]
[[case]]
id = "B02"
origin = "another"
says = "two"
[[case]]
id = "B03"
origin = "a third"
says = "three"
)";

Scenario carrying(std::vector<std::string> ids) {
  Scenario scenario;
  scenario.id = "family/name";
  scenario.cases = std::move(ids);
  return scenario;
}

TEST(Cases, AreCarriedLeftOutWithAReasonOrStillMissing) {
  const CaseList list =
      parse_cases(cases, "[[case]]\nref = \"B02\"\nreason = \"no datagrams\"\n[[row]]\nref = \"RFC-1\"\nreason = \"r\"\n");
  ASSERT_THAT(list.diagnostics, IsEmpty());
  const CaseCoverage told = case_coverage(list, {carrying({"B01"})});
  ASSERT_THAT(told.missing, SizeIs(2));
  EXPECT_EQ(told.missing[0].row->id, "B02");
  EXPECT_EQ(told.missing[0].reason, "no datagrams");
  EXPECT_EQ(told.missing[1].reason, "");
  EXPECT_THAT(told.strangers, IsEmpty());
  const std::string text = tell(told, list.cases.size());
  EXPECT_THAT(text, HasSubstr("1 of 3 cases"));
  EXPECT_THAT(text, HasSubstr("not carried: no datagrams"));
  EXPECT_THAT(text, HasSubstr("NOT CARRIED"));
}

TEST(Cases, WhatNamesNoneOrContradictsItselfIsTold) {
  const CaseList list = parse_cases(cases, "[[case]]\nref = \"B09\"\nreason = \"r\"\n[[case]]\nref = \"B01\"\nreason = \"r\"\n");
  EXPECT_THAT(case_coverage(list, {carrying({"B01", "B0A"})}).strangers,
              ElementsAre("family/name: no case B0A", "out-of-scope.toml: B01 is left out, and yet a scenario carries it",
                          "out-of-scope.toml: no case B09"));
  EXPECT_THAT(parse_cases("[[case]]\nid = \"B01\"\n", "").diagnostics, SizeIs(2));
}

}  // namespace
}  // namespace tlsbye
