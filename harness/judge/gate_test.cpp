#include "harness/judge/gate.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "harness/judge/testing.h"

namespace tlsbye {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A report in which something conforms, with one more cell of that verdict.
RunReport beside_a_conforming_cell(Verdict verdict) {
  RunReport report = report_of(Verdict::conforms);
  report.cells.push_back(report_of(verdict, "rfc/other").cells[0]);
  return report;
}

TEST(Gate, IsGreenWhereAllConforms) {
  const GateResult result = gate(report_of(Verdict::conforms));
  EXPECT_TRUE(result.green);
  EXPECT_EQ(result.exit_code(), 0);
  EXPECT_THAT(result.summary, HasSubstr("green"));
}

TEST(Gate, IsRedForEachUnexpectedVerdict) {
  for (const Verdict verdict : {Verdict::violates, Verdict::hung, Verdict::crashed, Verdict::harness_error, Verdict::stale}) {
    const GateResult result = gate(beside_a_conforming_cell(verdict));
    EXPECT_EQ(result.exit_code(), 1) << spell(verdict);
    EXPECT_THAT(result.unexpected, ElementsAre(HasSubstr("rfc/other  (client 1.3)"))) << spell(verdict);
    EXPECT_THAT(result.faults, IsEmpty());
  }
}

TEST(Gate, LetsPassWhatIsAllowedKnownOrCouldNotBeReached) {
  for (const Verdict verdict : {Verdict::not_reached, Verdict::unsupported, Verdict::differs, Verdict::discouraged, Verdict::known})
    EXPECT_TRUE(gate(beside_a_conforming_cell(verdict)).green) << spell(verdict);
}

TEST(Gate, IsNeverGreenForARunThatProvesNothing) {
  EXPECT_FALSE(gate(RunReport{}).green);
  for (const Verdict verdict : {Verdict::not_reached, Verdict::unsupported, Verdict::known}) EXPECT_FALSE(gate(report_of(verdict)).green);
}

TEST(Gate, IsNeverGreenForARunThatWasNotCompletedOrHadProblems) {
  RunReport report = report_of(Verdict::conforms);
  report.complete = false;
  EXPECT_FALSE(gate(report).green);
  report.complete = true;
  report.problems = {"wolfssl: no such program"};
  EXPECT_FALSE(gate(report).green);
  EXPECT_THAT(gate(report).summary, HasSubstr("no such program"));
}

TEST(Gate, IsNeverGreenWithAStaleEntry) {
  const GateResult result = gate(report_of(Verdict::conforms), {"known.toml:3: gone"});
  EXPECT_FALSE(result.green);
  EXPECT_THAT(result.summary, HasSubstr("stale: known.toml:3: gone"));
}

TEST(Gate, WantsEachClaimedRoleAndVersionReached) {
  RunReport report = beside_a_conforming_cell(Verdict::not_reached);
  report.cells[1].role = Role::server;
  EXPECT_THAT(gate(report).faults, ElementsAre(HasSubstr("server of TLS 1.3")));
  report.stacks[0].abilities = {"client", "tls-1.3"};
  EXPECT_TRUE(gate(report).green);
}

TEST(Gate, MissesTheCellsThatAStackPromisesAndNoOthers) {
  const std::vector<Clause> clauses{clause("rfc/one"), clause("rfc/other"), clause("rfc/never-asked")};
  RunReport report = report_of(Verdict::conforms, "rfc/one");
  report.cells.push_back(report_of(Verdict::conforms, "rfc/other").cells[0]);
  EXPECT_THAT(missing_cells(report, clauses), IsEmpty()) << "a run of clients and TLS 1.3 alone";
  report.cells.push_back(report.cells[0]);
  report.cells.back().role = Role::server;
  EXPECT_THAT(missing_cells(report, clauses),
              ElementsAre(AllOf(HasSubstr("as server, TLS 1.3: 1 cell is missing"), HasSubstr("rfc/other"))));
}

TEST(Gate, TellsTheWorstFirstAndEqualCellsOfAStackOnce) {
  RunReport report = beside_a_conforming_cell(Verdict::violates);
  report.cells.push_back(report.cells[1]);
  report.cells.back().role = Role::server;
  report.cells.push_back(report_of(Verdict::crashed, "rfc/worst").cells[0]);
  EXPECT_THAT(gate(report).unexpected, ElementsAre(HasSubstr("crashed"), HasSubstr("(client 1.3, server 1.3)")));
}

TEST(Gate, SaysItOnOneScreen) {
  RunReport report = report_of(Verdict::conforms);
  for (int i = 0; i < 100; ++i) report.cells.push_back(report_of(Verdict::violates, "rfc/" + std::to_string(i)).cells[0]);
  for (int i = 0; i < 100; ++i) report.problems.push_back("problem " + std::to_string(i));
  const std::string summary = gate(report).summary;
  EXPECT_LE(std::count(summary.begin(), summary.end(), '\n'), 24);
  EXPECT_THAT(summary, HasSubstr("problem 0"));
  EXPECT_THAT(summary, HasSubstr("rfc/0"));
  EXPECT_THAT(summary, HasSubstr("and 179 more"));
}

}  // namespace
}  // namespace tlsbye
