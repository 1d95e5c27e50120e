#include "harness/judge/known.h"

#include <gmock/gmock.h>

#include "harness/judge/testing.h"

namespace tlsbye {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view whole = R"(
[[known]]
clause   = "rfc/*"
stack    = "gnutls"
since    = "3.7"
before   = "3.8"
scenario = "family/*"
verdict  = "violates"
reason   = "reported"
link     = "https://example.org/1"
expires  = 2027-06-30
)";
constexpr std::string_view day = "2027-06-30";

std::string with(std::string_view line, std::string_view instead) {
  std::string text(whole);
  return text.replace(text.find(line), line.size(), instead);
}

std::vector<KnownEntry> entries(std::string_view text = whole) {
  LoadedKnown loaded = parse_known(text, "known.toml");
  EXPECT_THAT(loaded.diagnostics, IsEmpty());
  return loaded.entries;
}

std::string problem(std::string_view text) {
  const LoadedKnown loaded = parse_known(text, "known.toml");
  EXPECT_THAT(loaded.entries, IsEmpty());
  return loaded.diagnostics.empty() ? "" : loaded.diagnostics[0].render();
}

const std::vector<Clause>& clauses() {
  static const std::vector<Clause> all{clause("rfc/all"), clause("rfc/other"), clause("gnutls-bye/own")};
  return all;
}

TEST(Known, AnAcceptedDeviationIsKnownAndKeepsItsReasonAndItsOwnVerdict) {
  RunReport report = report_of(Verdict::violates);
  EXPECT_THAT(apply_known(report, entries(), clauses(), day), IsEmpty());
  EXPECT_EQ(report.cells[0].verdict, Verdict::known);
  EXPECT_EQ(report.cells[0].was, Verdict::violates);
  EXPECT_EQ(report.cells[0].reason, "reported (https://example.org/1)");
}

TEST(Known, AnotherFailureThanTheAcceptedOneIsNotExcused) {
  RunReport report = report_of(Verdict::crashed);
  EXPECT_THAT(apply_known(report, entries(), clauses(), day), SizeIs(1));
  EXPECT_EQ(report.cells[0].verdict, Verdict::crashed);
}

TEST(Known, AnotherScenarioVersionRoleOrClauseIsNotExcused) {
  for (const std::string& text : {with("\"family/*\"", "\"elsewhere/*\""), with("\"3.7\"", "\"3.7.10\""), with("\"3.8\"", "\"3.7.9\""),
                                  with("\"rfc/*\"", "\"rfc/other\""), with("\"gnutls\"", "\"openssl\""),
                                  std::string(whole) + "role = \"server\"\n", std::string(whole) + "tls = \"1.2\"\n"}) {
    RunReport report = report_of(Verdict::violates);
    apply_known(report, entries(text), clauses(), day);
    EXPECT_EQ(report.cells[0].verdict, Verdict::violates) << text;
  }
}

TEST(Known, AnEntryThatNamesNoTlsVersionSpeaksOfTheOldOnesToo) {
  RunReport report = report_of(Verdict::violates);
  report.cells[0].tls = Tls::v1_0;
  EXPECT_THAT(apply_known(report, entries(), clauses(), day), IsEmpty());
  EXPECT_EQ(report.cells[0].verdict, Verdict::known);
  apply_known(report, entries(with("verdict ", "tls = \"1.3\"\nverdict ")), clauses(), day);
  EXPECT_EQ(report.cells[0].verdict, Verdict::violates);
}

TEST(Known, AnEntryThatExcusesNothingAnyMoreIsStale) {
  RunReport report = report_of(Verdict::conforms);
  EXPECT_THAT(apply_known(report, entries(), clauses(), day), ElementsAre(HasSubstr("known.toml:2: rfc/* on gnutls")));
  EXPECT_EQ(report.cells[0].verdict, Verdict::stale);
  EXPECT_EQ(report.cells[0].was, Verdict::conforms);
}

TEST(Known, ACellThatWasNotReachedMakesItsEntryStaleButStaysNotReached) {
  RunReport report = report_of(Verdict::not_reached);
  EXPECT_THAT(apply_known(report, entries(), clauses(), day), SizeIs(1));
  EXPECT_EQ(report.cells[0].verdict, Verdict::not_reached);
}

TEST(Known, OneFailingCellKeepsAnEntryThatSpeaksOfSeveral) {
  RunReport report = report_of(Verdict::violates);
  report.cells.push_back(report.cells[0]);
  report.cells[1].role = Role::server;
  report.cells[1].verdict = Verdict::conforms;
  EXPECT_THAT(apply_known(report, entries(), clauses(), day), IsEmpty());
  EXPECT_EQ(report.cells[0].verdict, Verdict::known);
  EXPECT_EQ(report.cells[1].verdict, Verdict::conforms);
}

TEST(Known, AnEntryCountsOnItsLastDayAndIsStaleOnTheNext) {
  RunReport report = report_of(Verdict::violates);
  EXPECT_THAT(apply_known(report, entries(), clauses(), "2027-06-30"), IsEmpty());
  EXPECT_THAT(apply_known(report, entries(), clauses(), "2027-07-01"), ElementsAre(HasSubstr("expired on 2027-06-30")));
  EXPECT_EQ(report.cells[0].verdict, Verdict::stale);
  EXPECT_EQ(report.cells[0].was, Verdict::violates);
}

TEST(Known, AnEntryThatNamesNoClauseIsStaleWhateverWasRun) {
  RunReport report = report_of(Verdict::violates);
  EXPECT_THAT(apply_known(report, entries(with("rfc/*", "rfc/no-such")), clauses(), day),
              ElementsAre(HasSubstr("no clause has such an id")));
}

TEST(Known, ALibrarysNameThatIsNearlyRightIsToldAndOneThatTookNoPartIsPassedOver) {
  RunReport report = report_of(Verdict::violates);
  EXPECT_THAT(apply_known(report, entries(with("\"gnutls\"", "\"gnutsl\"")), clauses(), day),
              ElementsAre(HasSubstr("did you mean `gnutls`?")));
  EXPECT_EQ(report.cells[0].verdict, Verdict::violates);
  for (const std::string_view other : {"\"mbedtls\"", "\"s2n-tls\"", "\"boringssl\""})
    EXPECT_THAT(apply_known(report, entries(with("\"gnutls\"", other)), clauses(), day), IsEmpty()) << other;
  EXPECT_THAT(apply_known(report, entries(with("\"gnutls\"", "\"GnuTLS\"")), clauses(), day), ElementsAre(HasSubstr("`gnutls`?")));
  EXPECT_THAT(apply_known(report, entries(with("\"gnutls\"", "\"gnutls@3.7.9\"")), clauses(), day), ElementsAre(HasSubstr("`since`")));
}

TEST(Known, AnEntryThatNoClauseCanSpeakOfIsStaleWhateverWasRun) {
  RunReport report = report_of(Verdict::violates);
  const auto of_clients = entries(with("verdict ", "role = \"client\"\nverdict "));
  ASSERT_EQ(of_clients.size(), 1u);
  std::vector<Clause> of_servers = clauses();
  for (Clause& clause : of_servers) clause.applies.roles = {Role::server};
  EXPECT_THAT(apply_known(report, of_clients, of_servers, day), ElementsAre(HasSubstr("no clause with such an id speaks of")));
  for (Clause& clause : of_servers) clause.applies = {};
  EXPECT_THAT(apply_known(report, of_clients, of_servers, day), IsEmpty());
}

TEST(Known, EntriesForWhatIsNotPartOfThisRunArePassedOver) {
  RunReport report = report_of(Verdict::violates);
  EXPECT_THAT(apply_known(report, entries(with("rfc/*", "gnutls-bye/*")), clauses(), day), IsEmpty());
  EXPECT_THAT(apply_known(report, entries(with("\"3.8\"", "\"3.7.1\"")), clauses(), day), IsEmpty());
}

TEST(Known, ApplyingAgainIsTheSameAsOnceAndWithoutEntriesAllIsTakenBack) {
  RunReport report = report_of(Verdict::violates);
  const RunReport before = report;
  apply_known(report, entries(), clauses(), day);
  const RunReport once = report;
  EXPECT_THAT(apply_known(report, entries(), clauses(), day), IsEmpty());
  EXPECT_EQ(report, once);
  apply_known(report, {}, clauses(), day);
  EXPECT_EQ(report, before);
}

TEST(Known, TwoEntriesForOneCellAreBothNeeded) {
  RunReport report = report_of(Verdict::violates);
  EXPECT_THAT(apply_known(report, entries(std::string(whole) + std::string(whole)), clauses(), day), IsEmpty());
  EXPECT_EQ(report.cells[0].was, Verdict::violates);
}

TEST(KnownFile, EveryMistakeIsShownWithItsPlace) {
  EXPECT_THAT(problem(with("verdict ", "verdit ")), HasSubstr("known.toml:8:1"));
  EXPECT_THAT(problem(with("verdict ", "verdit ")), HasSubstr("did you mean `verdict`?"));
  EXPECT_THAT(problem(with("\"violates\"", "\"conforms\"")), HasSubstr("`conforms` is no verdict"));
  EXPECT_THAT(problem(with("\"reported\"", "\"  \"")), HasSubstr("`reason` is empty"));
  EXPECT_THAT(problem(with("2027-06-30", "\"2027-06-30\"")), HasSubstr("`expires` is not a date"));
  EXPECT_THAT(problem(with("expires  = 2027-06-30\n", "")), HasSubstr("has no `expires`"));
  EXPECT_THAT(problem(with("expires  = 2027-06-30\n", "")), HasSubstr("has no `expires`"));
  EXPECT_THAT(problem(with("[[known]]", "[[know]]")), HasSubstr("unknown key `know`"));
  EXPECT_THAT(problem(with("\"gnutls\"", "7")), HasSubstr("`stack` is not a string"));
  EXPECT_THAT(problem("[[known]"), HasSubstr("known.toml:1"));
  EXPECT_THAT(problem(std::string(whole) + "role = \"both\"\n"), HasSubstr("`both` is no role"));
}

TEST(KnownFile, AFileThatIsNotThereIsSaidToBe) {
  const LoadedKnown loaded = load_known("no/such/known.toml");
  ASSERT_THAT(loaded.diagnostics, SizeIs(1));
  EXPECT_THAT(loaded.diagnostics[0].render(), HasSubstr("No such file"));
}

TEST(KnownFile, OursIsSound) { EXPECT_THAT(load_known(TLSBYE_SOURCE_DIR "/scenarios/known.toml").diagnostics, IsEmpty()); }

TEST(KnownFile, TodayIsADay) { EXPECT_THAT(today(), ::testing::MatchesRegex("20[0-9][0-9]-[01][0-9]-[0-3][0-9]")); }

}  // namespace
}  // namespace tlsbye
