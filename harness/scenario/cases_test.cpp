#include "harness/scenario/cases.h"

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
reason = "no datagrams"
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
  const CaseList list = parse_cases(cases, "cases.toml");
  ASSERT_THAT(list.diagnostics, IsEmpty());
  const CaseCoverage told = case_coverage(list, {carrying({"B01"})});
  ASSERT_THAT(told.missing, SizeIs(2));
  EXPECT_EQ(told.missing[0]->id, "B02");
  EXPECT_EQ(told.missing[0]->reason, "no datagrams");
  EXPECT_EQ(told.missing[1]->reason, "");
  EXPECT_THAT(told.strangers, IsEmpty());
  const std::string text = tell(told, list.cases.size());
  EXPECT_THAT(text, HasSubstr("1 of 3 cases"));
  EXPECT_THAT(text, HasSubstr("not carried: no datagrams"));
  EXPECT_THAT(text, HasSubstr("NOT CARRIED"));
}

TEST(Cases, WhatNamesNoneOrContradictsItselfIsTold) {
  const CaseList list = parse_cases(cases, "cases.toml");
  EXPECT_THAT(case_coverage(list, {carrying({"B02", "B0A"})}).strangers,
              ElementsAre("family/name: no case B0A", "B02: there is a reason why no scenario carries it, and yet one does"));
  EXPECT_THAT(parse_cases("[[case]]\nid = \"B01\"\n", "cases.toml").diagnostics, SizeIs(2));
}

TEST(TheProjectsCases, AreCarriedOrLeftOutWithAReason) {
  const std::filesystem::path scenarios = std::filesystem::path(TLSBYE_SOURCE_DIR) / "scenarios";
  const CaseList list = load_cases(scenarios / "clauses" / "cases.toml");
  EXPECT_THAT(list.diagnostics, IsEmpty());
  EXPECT_GT(list.cases.size(), 100u);
  const CaseCoverage told = case_coverage(list, load_scenarios(scenarios).scenarios);
  EXPECT_THAT(told.strangers, IsEmpty());
  for (const CaseRow* row : told.missing) EXPECT_NE(row->reason, "") << row->id << " " << row->says;
}

}  // namespace
}  // namespace tlsbye
