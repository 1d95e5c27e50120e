#include "harness/judge/gate.h"

#include <fmt/format.h>
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
  KnownResult known;
  known.faults = {"known.toml:3: gone"};
  const GateResult result = gate(report_of(Verdict::conforms), known);
  EXPECT_FALSE(result.green);
  EXPECT_THAT(result.summary, HasSubstr("stale: known.toml:3: gone"));
}

TEST(Gate, TellsHowManyCellsEachEntryTookAndHowManyEntriesWereNotAsked) {
  KnownResult known;
  known.taken = {{"known.toml:1: a", 2}, {"known.toml:9: b", 30}, {"known.toml:20: c", 1}};
  known.not_asked = 12;
  known.narrower = "its scenarios were chosen (--scenario)";
  EXPECT_EQ(
      gate(report_of(Verdict::conforms), known).summary,
      "gate: green, 1 cells\n"
      "  known: 3 entries take 33 cells; 12 were not asked (this run may show less than others: its scenarios were chosen (--scenario))\n"
      "    30 cells  known.toml:9: b\n"
      "     2 cells  known.toml:1: a\n"
      "     1 cell   known.toml:20: c\n");
  EXPECT_THAT(gate(beside_a_conforming_cell(Verdict::violates), known).summary,
              HasSubstr("\n  known: 3 entries take 33 cells; 12 were not"));
  for (std::size_t i = 0; i < 100; ++i) known.taken.push_back({"e", 3});
  KnownEntry entry;
  entry.title = "rfc/all on gnutls";
  entry.file = "known.toml";
  for (std::size_t i = 0; i < 9; ++i) known.idle.push_back({entry, {"client 1.2", "client 1.3", "server 1.2", "server 1.3", "x"}, {}});
  const std::string long_one = gate(report_of(Verdict::conforms), known).summary;
  EXPECT_LE(std::count(long_one.begin(), long_one.end(), '\n'), 24);
  EXPECT_THAT(long_one, HasSubstr("9 entries accept also what does not fail any more (`tlsbye gate --prune` narrows them):\n"
                                  "    known.toml:0: rfc/all on gnutls: client 1.2, client 1.3, server 1.2, server 1.3, and 1 more\n"));
  EXPECT_THAT(long_one, HasSubstr("    and 5 more; --json has them all\n"));
}

TEST(Gate, IsNeverGreenForARunOfNothing) {
  RunReport nothing = report_of(Verdict::conforms);
  nothing.cells.clear();
  EXPECT_THAT(gate(nothing).faults, ElementsAre(HasSubstr("no cells")));
}

TEST(Gate, IsNeverGreenWhereACellDependsOnThePartnerAndNoListSaysWhy) {
  RunReport report = report_of(Verdict::conforms);
  const Cell cell = report.cells[0];
  report.disagreements = {{cell.clause,
                           cell.stack,
                           cell.version,
                           cell.role,
                           cell.tls,
                           {{"openssl", "3", Verdict::conforms, "one"}, {"wolfssl", "5", Verdict::differs, "other"}},
                           ""}};
  EXPECT_THAT(gate(report).faults, ElementsAre(HasSubstr("conforms with openssl 3, differs with wolfssl 5")));
  EXPECT_FALSE(gate(report).green);
  const LoadedKnown list = parse_known(
      fmt::format("[[partner-dependent]]\nclause = \"{}\"\nstack = \"{}\"\nreason = \"they differ\"\n", cell.clause, cell.stack),
      "known.toml");
  const auto explained = [&] {
    KnownResult known;
    explain_disagreements(report, list.partner_dependent, {clause(cell.clause)}, {}, known);
    return known;
  };
  KnownResult known = explained();
  EXPECT_TRUE(gate(report, known).green);
  report.disagreements[0].reason.clear();
  report.provenance.choice.scenarios = {"clean-reply/*"};
  EXPECT_TRUE(gate(report).green) << "of these scenarios one partner may have missed the one that decides";
  report.provenance.choice.scenarios.clear();
  report.disagreements.clear();
  known = explained();
  EXPECT_TRUE(gate(report, known).green) << "with one partner nothing can be seen to depend on it";
  report.provenance.choice.partners = {"all"};
  known = explained();
  EXPECT_FALSE(gate(report, known).green);
  EXPECT_THAT(gate(report, known).faults, ElementsAre(HasSubstr("stale: known.toml:1: ")));
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
  EXPECT_THAT(summary, HasSubstr("and 180 more"));
}

}  // namespace
}  // namespace tlsbye
