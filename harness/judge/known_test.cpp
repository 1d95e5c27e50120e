#include "harness/judge/known.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>

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

// What is wrong with the entries.
std::vector<std::string> apply(RunReport& report, const std::vector<KnownEntry>& list, const std::vector<Clause>& clauses,
                               std::string_view today) {
  return apply_known(report, list, clauses, today).faults;
}

const std::vector<Clause>& clauses() {
  static const std::vector<Clause> all{clause("rfc/all"), clause("rfc/other"), clause("gnutls-bye/own")};
  return all;
}

TEST(Known, AnAcceptedDeviationIsKnownAndKeepsItsReasonAndItsOwnVerdict) {
  RunReport report = report_of(Verdict::violates);
  EXPECT_THAT(apply(report, entries(), clauses(), day), IsEmpty());
  EXPECT_EQ(report.cells[0].verdict, Verdict::known);
  EXPECT_EQ(report.cells[0].was, Verdict::violates);
  EXPECT_EQ(report.cells[0].reason, "reported (https://example.org/1)");
}

TEST(Known, AnotherFailureThanTheAcceptedOneIsNotExcused) {
  RunReport report = report_of(Verdict::crashed);
  EXPECT_THAT(apply(report, entries(), clauses(), day), SizeIs(1));
  EXPECT_EQ(report.cells[0].verdict, Verdict::crashed);
}

TEST(Known, AnotherScenarioVersionRoleOrClauseIsNotExcused) {
  for (const std::string& text : {with("\"family/*\"", "\"elsewhere/*\""), with("\"3.7\"", "\"3.7.10\""), with("\"3.8\"", "\"3.7.9\""),
                                  with("\"rfc/*\"", "\"rfc/other\""), with("\"gnutls\"", "\"openssl\""),
                                  std::string(whole) + "role = \"server\"\n", std::string(whole) + "tls = \"1.2\"\n"}) {
    RunReport report = report_of(Verdict::violates);
    apply(report, entries(text), clauses(), day);
    EXPECT_EQ(report.cells[0].verdict, Verdict::violates) << text;
  }
}

TEST(Known, AnEntryThatNamesNoTlsVersionSpeaksOfTheOldOnesToo) {
  RunReport report = report_of(Verdict::violates);
  report.cells[0].tls = Tls::v1_0;
  EXPECT_THAT(apply(report, entries(), clauses(), day), IsEmpty());
  EXPECT_EQ(report.cells[0].verdict, Verdict::known);
  apply(report, entries(with("verdict ", "tls = \"1.3\"\nverdict ")), clauses(), day);
  EXPECT_EQ(report.cells[0].verdict, Verdict::violates);
}

TEST(Known, AnEntryThatExcusesNothingAnyMoreIsStale) {
  RunReport report = report_of(Verdict::conforms);
  EXPECT_THAT(apply(report, entries(), clauses(), day), ElementsAre(HasSubstr("known.toml:2: rfc/* on gnutls")));
  EXPECT_EQ(report.cells[0].verdict, Verdict::stale);
  EXPECT_EQ(report.cells[0].was, Verdict::conforms);
}

TEST(Known, ACellThatWasNotReachedMakesItsEntryStaleButStaysNotReached) {
  RunReport report = report_of(Verdict::not_reached);
  EXPECT_THAT(apply(report, entries(), clauses(), day), SizeIs(1));
  EXPECT_EQ(report.cells[0].verdict, Verdict::not_reached);
}

TEST(Known, OneFailingCellKeepsAnEntryThatSpeaksOfSeveral) {
  RunReport report = report_of(Verdict::violates);
  report.cells.push_back(report.cells[0]);
  report.cells[1].role = Role::server;
  report.cells[1].verdict = Verdict::conforms;
  EXPECT_THAT(apply(report, entries(), clauses(), day), IsEmpty());
  EXPECT_EQ(report.cells[0].verdict, Verdict::known);
  EXPECT_EQ(report.cells[1].verdict, Verdict::conforms);
}

TEST(Known, AnEntryCountsOnItsLastDayAndIsStaleOnTheNext) {
  RunReport report = report_of(Verdict::violates);
  EXPECT_THAT(apply(report, entries(), clauses(), "2027-06-30"), IsEmpty());
  EXPECT_THAT(apply(report, entries(), clauses(), "2027-07-01"), ElementsAre(HasSubstr("expired on 2027-06-30")));
  EXPECT_EQ(report.cells[0].verdict, Verdict::stale);
  EXPECT_EQ(report.cells[0].was, Verdict::violates);
}

TEST(Known, AnEntryThatNamesNoClauseIsStaleWhateverWasRun) {
  RunReport report = report_of(Verdict::violates);
  EXPECT_THAT(apply(report, entries(with("rfc/*", "rfc/no-such")), clauses(), day), ElementsAre(HasSubstr("no clause has such an id")));
}

TEST(Known, ALibrarysNameThatIsNearlyRightIsToldAndOneThatTookNoPartIsPassedOver) {
  RunReport report = report_of(Verdict::violates);
  EXPECT_THAT(apply(report, entries(with("\"gnutls\"", "\"gnutsl\"")), clauses(), day), ElementsAre(HasSubstr("did you mean `gnutls`?")));
  EXPECT_EQ(report.cells[0].verdict, Verdict::violates);
  for (const std::string_view other : {"\"mbedtls\"", "\"s2n-tls\"", "\"boringssl\""})
    EXPECT_THAT(apply(report, entries(with("\"gnutls\"", other)), clauses(), day), IsEmpty()) << other;
  EXPECT_THAT(apply(report, entries(with("\"gnutls\"", "\"GnuTLS\"")), clauses(), day), ElementsAre(HasSubstr("`gnutls`?")));
  EXPECT_THAT(apply(report, entries(with("\"gnutls\"", "\"gnutls@3.7.9\"")), clauses(), day), ElementsAre(HasSubstr("`since`")));
}

TEST(Known, AnEntryThatNoClauseCanSpeakOfIsStaleWhateverWasRun) {
  RunReport report = report_of(Verdict::violates);
  const auto of_clients = entries(with("verdict ", "role = \"client\"\nverdict "));
  ASSERT_EQ(of_clients.size(), 1u);
  std::vector<Clause> of_servers = clauses();
  for (Clause& clause : of_servers) clause.applies.roles = {Role::server};
  EXPECT_THAT(apply(report, of_clients, of_servers, day), ElementsAre(HasSubstr("no clause with such an id speaks of")));
  for (Clause& clause : of_servers) clause.applies = {};
  EXPECT_THAT(apply(report, of_clients, of_servers, day), IsEmpty());
}

TEST(Known, EntriesForWhatIsNotPartOfThisRunArePassedOver) {
  RunReport report = report_of(Verdict::violates);
  EXPECT_THAT(apply(report, entries(with("rfc/*", "gnutls-bye/*")), clauses(), day), IsEmpty());
  EXPECT_THAT(apply(report, entries(with("\"3.8\"", "\"3.7.1\"")), clauses(), day), IsEmpty());
}

TEST(Known, ApplyingAgainIsTheSameAsOnceAndWithoutEntriesAllIsTakenBack) {
  RunReport report = report_of(Verdict::violates);
  const RunReport before = report;
  apply(report, entries(), clauses(), day);
  const RunReport once = report;
  EXPECT_THAT(apply(report, entries(), clauses(), day), IsEmpty());
  EXPECT_EQ(report, once);
  apply(report, {}, clauses(), day);
  EXPECT_EQ(report, before);
}

TEST(Known, AnEntryThatAnEarlierOneMakesIdleIsFound) {
  const std::string other = with("\"reported\"", "\"something else\"");
  for (const std::string& later :
       {std::string(whole), other, with("\"rfc/*\"", "\"rfc/all\""), with("\"rfc/*\"", "[\"rfc/all\", \"rfc/other\"]"),
        with("\"3.7\"", "\"3.7.5\""), std::string(whole) + "role = \"server\"\n"}) {
    RunReport report = report_of(Verdict::violates);
    EXPECT_THAT(apply(report, entries(std::string(whole) + later), clauses(), day),
                ElementsAre(HasSubstr("it can take nothing: known.toml:2 accepts all of it already")))
        << later;
    EXPECT_EQ(report.cells[0].was, Verdict::violates);
  }
}

TEST(Known, AnEntryMayOverlapAnother) {
  for (const std::string& later :
       {with("\"3.8\"", "\"3.9\""), with("\"rfc/*\"", "\"{rfc,gnutls-bye}/*\""), with("\"violates\"", "\"hung\""),
        with("\"family/*\"", "\"*\""), with("\"gnutls\"", "[\"gnutls\", \"openssl\"]")}) {
    RunReport report = report_of(Verdict::violates);
    report.provenance.choice.scenarios = {"*"};
    EXPECT_THAT(apply(report, entries(std::string(whole) + later), clauses(), day), IsEmpty()) << later;
  }
}

TEST(Known, AnEntryThatCanNeverMatchIsFoundWhateverWasRun) {
  const std::pair<std::string, std::string> never[]{
      {with("\"3.8\"", "\"3.7\""), "no version is at least 3.7 and below 3.7"},
      {with("\"3.8\"", "\"2\""), "no version is at least 3.7 and below 2"},
      {with("\"3.8\"", "\"latest\""), "`before = \"latest\"` is not a version"},
      {with("\"3.7\"", "\"v3\""), "`since = \"v3\"` is not a version"},
      {with("\"3.7\"", "\"3-\""), "`since = \"3-\"` is not a version"},
      {with("\"3.7\"", "\"3..7\""), "`since = \"3..7\"` is not a version"},
      {with("\"3.7\"", "\">=3\""), "`since = \">=3\"` is not a version"},
      {with("\"gnutls\"", "\"frobnicate-tls\""), "no library is called `frobnicate-tls`"},
      {with("\"gnutls\"", "[\"gnutls\", \"gnutsl\"]"), "no library is called `gnutsl`; did you mean `gnutls`?"},
      {with("\"gnutls\"", "\"nothing*\""), "no library is called `nothing*`"},
      {with("\"rfc/*\"", "[\"rfc/all\", \"rfc/gone\"]"), "no clause has the id `rfc/gone`"},
      {with("\"rfc/*\"", "\"rfc/{all,gone}\""), "no clause has the id `rfc/gone`"}};
  for (const auto& [text, why] : never) {
    for (const Verdict verdict : {Verdict::violates, Verdict::conforms}) {
      RunReport report = report_of(verdict);
      EXPECT_THAT(apply(report, entries(text), clauses(), day), ElementsAre(HasSubstr(why))) << text;
      EXPECT_EQ(report.cells[0].verdict, verdict);
    }
    RunReport of_others = report_of(Verdict::violates, "gnutls-bye/own");
    EXPECT_THAT(apply(of_others, entries(text), clauses(), day), ElementsAre(HasSubstr(why))) << text;
  }
}

TEST(Known, ListsAndBracesStandForEachOfTheirWords) {
  for (const std::string& text : {with("\"rfc/*\"", "[\"rfc/other\", \"rfc/all\"]"), with("\"rfc/*\"", "\"rfc/{other,all}\""),
                                  with("\"rfc/*\"", "\"rfc/{other,a{l,}}{l,}\""), with("\"rfc/*\"", "\"rfc/{al,a}{l,}\""),
                                  with("\"family/*\"", "[\"elsewhere/*\", \"family/{a,name}\"]"),
                                  std::string(whole) + "role = [\"server\", \"client\"]\ntls = [\"1.2\", \"1.3\"]\n"}) {
    RunReport report = report_of(Verdict::violates);
    std::vector<Clause> more = clauses();
    for (const std::string id : {"rfc/al", "rfc/a", "rfc/otherl"}) more.push_back(clause(id));
    EXPECT_THAT(apply(report, entries(text), more, day), IsEmpty()) << text;
    EXPECT_EQ(report.cells[0].verdict, Verdict::known) << text;
  }
  for (const std::string_view bad : {"\"rfc/{all\"", "\"rfc/all}\"", "\"}{\"", "[]", "[\"rfc/all\", 7]", "[\"rfc/all\", \"\"]",
                                     "\"{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}\""})
    EXPECT_THAT(problem(with("\"rfc/*\"", bad)), HasSubstr("known.toml:3:")) << bad;
  EXPECT_THAT(problem(with("\"violates\"", "[\"violates\", \"hung\"]")), HasSubstr("an entry accepts one verdict"));
}

// A run with so many cells of gnutls, of which so many violate.
RunReport many(std::size_t cells, std::size_t broken) {
  RunReport report = report_of(Verdict::conforms);
  report.cells.clear();
  for (std::size_t i = 0; i < cells; ++i)
    report.cells.push_back(report_of(i < broken ? Verdict::violates : Verdict::conforms, "rfc/" + std::to_string(i)).cells[0]);
  return report;
}

TEST(Known, AnEntryThatCoversMoreThanATenthOfALibrarysCellsMustSayThatItMeansTo) {
  const std::string narrow = with("\"rfc/*\"", "\"rfc/?\"");  // rfc/0 to rfc/9
  std::vector<Clause> all;
  for (int i = 0; i < 100; ++i) all.push_back(clause("rfc/" + std::to_string(i)));
  RunReport report = many(100, 1);
  EXPECT_THAT(apply(report, entries(narrow), all, day), IsEmpty());
  EXPECT_THAT(apply(report, entries(), all, day), ElementsAre(HasSubstr("it covers 100 of 100 cells of gnutls 3.7.9, more than a tenth")))
      << "what conforms is covered too, and would be accepted if it broke";
  EXPECT_THAT(apply(report, entries(std::string(whole) + "broad = true\n"), all, day), IsEmpty());
  // Another library's cells make it no narrower.
  const RunReport other = many(2000, 0);
  for (Cell cell : other.cells) {
    cell.stack = "openssl";
    report.cells.push_back(cell);
  }
  EXPECT_THAT(apply(report, entries(), all, day), ElementsAre(HasSubstr("it covers 100 of 100 cells of gnutls 3.7.9")));
  EXPECT_THAT(apply(report, entries(narrow), all, day), IsEmpty());
  // Cells that other scenarios decide are not spoken of.
  report.cells[0].scenario = "rare/name";
  EXPECT_THAT(apply(report, entries(with("\"family/*\"", "\"rare/*\"")), all, day), IsEmpty());
  EXPECT_THAT(problem(std::string(whole) + "broad = 1\n"), HasSubstr("`broad` is neither true nor false"));
}

TEST(Known, HowManyCellsEachEntryTookIsTold) {
  RunReport report = many(100, 5);
  const KnownResult result = apply_known(
      report, entries(std::string(whole) + "broad = true\n" + with("\"rfc/*\"", "\"gnutls-bye/*\"")), clauses(), day);
  EXPECT_THAT(result.faults, IsEmpty());
  ASSERT_THAT(result.taken, SizeIs(1));
  EXPECT_EQ(result.taken[0].cells, 5u);
  EXPECT_EQ(result.taken[0].entry, "known.toml:2: rfc/* on gnutls");
  EXPECT_EQ(result.not_asked, 1u);
}

TEST(Known, ARunThatMayShowLessMakesNoEntryStale) {
  const std::pair<std::string, void (*)(RunReport&)> runs[]{
      {"--scenario", [](RunReport& report) { report.provenance.choice.scenarios = {"clean-reply/*"}; }},
      {"--io", [](RunReport& report) { report.provenance.choice.io = Io::blocking; }},
      {"--partner", [](RunReport& report) { report.provenance.choice.partners = {"wolfssl"}; }},
      {"interrupted", [](RunReport& report) { report.complete = false; }}};
  for (const auto& [why, narrow] : runs) {
    RunReport report = report_of(Verdict::conforms);
    narrow(report);
    const KnownResult result = apply_known(report, entries(), clauses(), day);
    EXPECT_THAT(result.faults, IsEmpty()) << why;
    EXPECT_EQ(result.not_asked, 1u);
    EXPECT_THAT(result.narrower, HasSubstr(why));
    EXPECT_EQ(report.cells[0].verdict, Verdict::conforms);
  }
}

TEST(Known, ARunAgainstAllPartnersShowsNoLess) {
  RunReport report = report_of(Verdict::conforms);
  report.provenance.choice.partners = {"all"};
  EXPECT_THAT(apply(report, entries(), clauses(), day), ElementsAre(HasSubstr("none of its cells is `violates` in this run")));
}

TEST(Known, AVersionThatIsNoNumberIsNamedAsAWhole) {
  RunReport report = report_of(Verdict::violates);
  report.cells[0].version = "main";
  const std::string text = new_entries(report, Verdict::violates, "2027-06-30");
  EXPECT_THAT(text, HasSubstr("version = \"main\"\n"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("since")));
  const LoadedKnown loaded = parse_known(text, "known.toml", Reasons::optional);
  ASSERT_THAT(loaded.entries, SizeIs(1));
  EXPECT_THAT(apply(report, loaded.entries, clauses(), day), IsEmpty());
  EXPECT_EQ(report.cells[0].verdict, Verdict::known);
  RunReport other = report_of(Verdict::violates);
  EXPECT_EQ(apply_known(other, loaded.entries, clauses(), day).not_asked, 1u) << "of another version";
  EXPECT_THAT(apply(report, entries(std::string(whole) + "version = \"main\"\n"), clauses(), day),
              ElementsAre(HasSubstr("`version` stands in place of `since` and `before`")));
}

TEST(Known, AScenarioOfAnotherFolderIsNotAskedAndASlipOfThePenIsAFault) {
  const Names names{{}, {"family/name", "clean-reply/by-close"}};
  const auto held = [&](const std::string& scenario) {
    RunReport report = report_of(Verdict::conforms);
    return apply_known(report, entries(with("family/*", scenario)), clauses(), day, names);
  };
  EXPECT_THAT(held("family/*").faults, SizeIs(1)) << "stale";
  EXPECT_THAT(held("of-my-own/*").faults, IsEmpty());
  EXPECT_EQ(held("of-my-own/*").not_asked, 1u);
  EXPECT_THAT(held("clean-repyl/by-close").faults, ElementsAre(HasSubstr("did you mean `clean-reply/by-close`?")));
}

TEST(Known, AReasonIsOneLine) {
  EXPECT_EQ(entries(with("\"reported\"", "\"\"\"\nreported,\n   and mended\n\"\"\""))[0].reason, "reported, and mended");
}

TEST(KnownFile, WhatIsWrongIsToldOnce) {
  for (const std::string& text : {std::string("[[knwon]]\nclause = \"a\"\n"), with("\"gnutls\"", "\"\"")})
    EXPECT_THAT(parse_known(text, "known.toml").diagnostics, SizeIs(1)) << text;
}

TEST(Known, WhatOnlyASweepShowsIsStaleInASweepAlone) {
  const std::vector<KnownEntry> list = entries(std::string(whole) + "sweep = true\n");
  RunReport report = report_of(Verdict::conforms);
  EXPECT_THAT(apply(report, list, clauses(), day), IsEmpty());
  report.provenance.choice.sweep = true;
  EXPECT_THAT(apply(report, list, clauses(), day), IsEmpty()) << "it may take two faults";
  report.provenance.choice.pairs = default_pairs;
  EXPECT_THAT(apply(report, list, clauses(), day), SizeIs(1));
}

// The run with each of its clauses as client and server of TLS 1.2 and 1.3, all of them conforming.
RunReport grid() {
  RunReport report = report_of(Verdict::conforms);
  report.cells.clear();
  for (const std::string id : {"rfc/all", "rfc/other", "gnutls-bye/own"})
    for (const Role role : {Role::client, Role::server})
      for (const Tls tls : {Tls::v1_2, Tls::v1_3}) {
        Cell cell = report_of(Verdict::conforms, id).cells[0];
        cell.role = role;
        cell.tls = tls;
        report.cells.push_back(cell);
      }
  return report;
}

std::vector<KnownEntry> with_reasons(std::string text) {
  for (std::size_t at; (at = text.find("reason  = \"\"")) != std::string::npos;) text.replace(at, 12, "reason  = \"We know.\"");
  return entries(text);
}

TEST(NewEntries, AcceptWhatWasSeenAndNoOtherCellThatBreaks) {
  // Every set of cells of a clause that may break together.
  for (unsigned broken = 1; broken < 16; ++broken) {
    RunReport report = grid();
    for (std::size_t i = 0; i < 4; ++i)
      if (broken & 1U << i) report.cells[i].verdict = Verdict::violates;
    const std::vector<KnownEntry> list = with_reasons(new_entries(report, Verdict::violates, day));
    EXPECT_LE(list.size(), 2u);
    EXPECT_THAT(apply(report, list, clauses(), day), IsEmpty());
    for (const Cell& cell : report.cells) EXPECT_NE(cell.verdict, Verdict::violates);
    for (std::size_t other = 0; other < report.cells.size(); ++other) {
      for (const Verdict verdict : {Verdict::violates, Verdict::hung, Verdict::crashed}) {
        if (verdict == Verdict::violates && other < 4 && broken & 1U << other) continue;
        RunReport later = report;
        apply(later, {}, clauses(), day);
        later.cells[other].verdict = verdict;
        apply(later, list, clauses(), day);
        EXPECT_EQ(later.cells[other].verdict, verdict) << broken << " " << other;
      }
    }
  }
}

TEST(NewEntries, AreFoldedWhereAllAgree) {
  RunReport report = grid();
  for (std::size_t i = 0; i < 4; ++i) report.cells[i].verdict = Verdict::hung;
  const std::string text = new_entries(report, Verdict::violates, day);
  EXPECT_THAT(with_reasons(text), SizeIs(1));
  EXPECT_THAT(text, HasSubstr("role    = [\"client\", \"server\"]\ntls     = [\"1.2\", \"1.3\"]\nverdict = \"hung\"\n"));
}

TEST(NewEntries, AreOfOneVersionIfTheNextOneIsInTheRunToo) {
  RunReport report = grid();
  report.stacks.push_back(report.stacks[0]);
  report.stacks[1].version = "3.8.4";
  const std::size_t count = report.cells.size();
  for (std::size_t i = 0; i < count; ++i) {
    Cell newer = report.cells[i];
    newer.version = "3.8.4";
    report.cells.push_back(newer);
  }
  report.cells[0].verdict = Verdict::violates;
  const std::vector<KnownEntry> list = with_reasons(new_entries(report, Verdict::violates, day));
  report.cells[count].verdict = Verdict::violates;
  apply(report, list, clauses(), day);
  EXPECT_EQ(report.cells[0].verdict, Verdict::known);
  EXPECT_EQ(report.cells[count].verdict, Verdict::violates);
}

TEST(NewEntries, SayThatOnlyASweepShowedIt) {
  RunReport report = report_of(Verdict::violates);
  report.cells[0].replay = "r+send2=EAGAIN";
  EXPECT_THAT(new_entries(report, Verdict::violates, day), HasSubstr("\nsweep   = true\n"));
}

TEST(NewEntries, PassOverWhatIsAccepted) {
  RunReport report = grid();
  report.cells[0].verdict = report.cells[4].verdict = Verdict::violates;
  const std::string text = new_entries(report, Verdict::violates, day);
  EXPECT_THAT(text, HasSubstr("rfc/all"));
  EXPECT_THAT(text, HasSubstr("rfc/other"));
  apply(report, with_reasons(text), clauses(), day);
  EXPECT_THAT(new_entries(report, Verdict::violates, day), IsEmpty());
}

TEST(NewEntries, HoldWhateverALibrarySaysInTheirCommentsAndStrings) {
  for (const std::string evil : {"a\n[[known]]\nclause = \"*\"\n", "\"", "\\", "a\r\nb", "\x01\x7f", "\"\"\"", "# x", "\t"}) {
    RunReport report = report_of(Verdict::violates);
    report.cells[0].says = report.cells[0].replay = evil;
    report.cells[0].stack = report.cells[0].version = report.stacks[0].name = report.stacks[0].version = "x" + evil;
    const LoadedKnown loaded = parse_known(new_entries(report, Verdict::violates, day), "known.toml", Reasons::optional);
    EXPECT_THAT(loaded.diagnostics, IsEmpty()) << evil;
    ASSERT_THAT(loaded.entries, SizeIs(1));
    EXPECT_THAT(loaded.entries[0].clauses, ElementsAre("rfc/all"));
  }
}

TEST(PrunedText, TakesTheseOutAndLeavesTheRestAsItIs) {
  const std::string text =
      "# of the whole list\n\n[[known]]\nclause = \"a\"\n# of a\nreason = \"x\"\n\n# of b\n[[known]]\nclause = \"b\"\n\n"
      "[[known]]  # c\nclause = \"c\"";
  EXPECT_EQ(pruned_text(text, {}), text);
  EXPECT_EQ(pruned_text(text, {3}), "# of the whole list\n\n# of b\n[[known]]\nclause = \"b\"\n\n[[known]]  # c\nclause = \"c\"");
  EXPECT_EQ(pruned_text(text, {9, 12}), "# of the whole list\n\n[[known]]\nclause = \"a\"\n# of a\nreason = \"x\"\n\n# of b\n");
  EXPECT_EQ(pruned_text("", {1}), "");
}

// What is left of a list, all of whose entries accept violations in the grid, if these cells of the grid violate and no other.
std::string narrowed_to(const std::string& text, const std::set<std::size_t>& broken, std::string* told = nullptr) {
  RunReport report = grid();
  for (const std::size_t place : broken) report.cells.at(place).verdict = Verdict::violates;
  const KnownResult result = apply_known(report, entries(text), clauses(), day);
  EXPECT_THAT(result.faults, IsEmpty());
  if (told) told->clear();
  for (const KnownResult::Idle& idle : result.idle)
    if (told) *told += idle.told() + "\n";
  const std::string left = pruned_text(text, result.stale_lines, result.idle);
  // It accepts what is broken, and of what it listed nothing else.
  for (Cell& cell : report.cells) cell.verdict = cell.was.value_or(cell.verdict), cell.was.reset();
  EXPECT_THAT(apply_known(report, entries(left), clauses(), day).idle, IsEmpty());
  for (const Cell& cell : report.cells) EXPECT_NE(cell.verdict, Verdict::violates);
  return left;
}

TEST(Known, OfAnEntryThatListsSeveralThePartsThatTakeNothingAreToldAndTakenOut) {
  const std::string text = R"(# of the list
[[known]]
# it was seen
clause  = "rfc/all"
stack   = "gnutls"
role    = ["client", "server"]  # both
tls     = ["1.2", "1.3"]
verdict = "violates"
reason  = "We know."
expires = 2027-06-30

# the next
[[known]]
clause  = "rfc/{other,all}"
stack   = "gnutls"
role    = "client"
tls     = "1.2"
verdict = "hung"
reason  = "We know."
expires = 2027-06-30
)";
  const std::string of_violations = text.substr(0, text.find("# the next"));
  std::string told;
  // client 1.2, client 1.3, server 1.2, server 1.3
  EXPECT_EQ(narrowed_to(of_violations, {0, 1, 2, 3}, &told), of_violations);
  EXPECT_EQ(told, "");
  EXPECT_EQ(narrowed_to(of_violations, {0, 1, 2}, &told), R"(# of the list
[[known]]
# it was seen
clause  = "rfc/all"
stack   = "gnutls"
role    = "server"  # both
tls     = "1.2"
verdict = "violates"
reason  = "We know."
expires = 2027-06-30

[[known]]
# it was seen
clause  = "rfc/all"
stack   = "gnutls"
role    = "client"  # both
tls     = ["1.2", "1.3"]
verdict = "violates"
reason  = "We know."
expires = 2027-06-30

)");
  EXPECT_EQ(told, "known.toml:2: rfc/all on gnutls: server 1.3\n");
  for (unsigned broken = 1; broken < 16; ++broken) {
    std::set<std::size_t> places;
    for (std::size_t i = 0; i < 4; ++i)
      if (broken & 1U << i) places.insert(i);
    narrowed_to(of_violations, places);
  }
  // Clauses in braces: rfc/all as client of TLS 1.2 is mended, rfc/other is not.
  RunReport report = grid();
  report.cells[4].verdict = Verdict::hung;
  const std::string of_hangs = text.substr(text.find("# the next"));
  const KnownResult result = apply_known(report, entries(of_hangs), clauses(), day);
  ASSERT_THAT(result.idle, SizeIs(1));
  EXPECT_EQ(result.idle[0].told(), "known.toml:2: rfc/{other,all} on gnutls: rfc/all client 1.2");
  EXPECT_THAT(pruned_text(of_hangs, {}, result.idle), HasSubstr("clause  = \"rfc/other\"\nstack   = \"gnutls\"\nrole    = \"client\"\n"));
}

TEST(Known, WhatARunDidNotAskForIsNoPartThatTakesNothing) {
  const std::string text = with("\"rfc/*\"", "[\"rfc/all\", \"rfc/other\"]") + "role = [\"client\", \"server\"]\n";
  RunReport report = report_of(Verdict::violates);
  EXPECT_THAT(apply_known(report, entries(text), clauses(), day).idle, IsEmpty()) << "no cell of a server, none of the other clause";
  report.cells.push_back(report_of(Verdict::conforms).cells[0]);
  report.cells[1].role = Role::server;
  EXPECT_THAT(apply_known(report, entries(text), clauses(), day).idle, SizeIs(1));
  report.provenance.choice.scenarios = {"family/*"};
  EXPECT_THAT(apply_known(report, entries(text), clauses(), day).idle, IsEmpty()) << "another scenario may show it";
}

TEST(KnownList, HasTheSameFingerprintIfTheEntriesSayTheSame) {
  const auto list = [](const std::string& text) { return parse_known(text, "known.toml"); };
  std::set<std::string> fingerprints{known_list("a", list(std::string(whole))).fingerprint};
  EXPECT_FALSE(fingerprints.insert(known_list("b", list("# a comment\n" + std::string(whole))).fingerprint).second);
  EXPECT_FALSE(fingerprints.insert(known_list("a", list(with("reported", "for another reason"))).fingerprint).second);
  EXPECT_TRUE(fingerprints.insert(known_list("a", list(with("\"3.8\"", "\"3.9\""))).fingerprint).second);
  EXPECT_EQ(known_list("a", {}), (KnownList{"a", 0, ""}));
  for (const std::string more : {"tls = \"1.2\"", "tls = \"1.3\"", "role = \"client\"", "broad = true", "sweep = true"})
    EXPECT_TRUE(fingerprints.insert(known_list("a", list(std::string(whole) + more)).fingerprint).second) << more;
  const std::string dependent = "[[partner-dependent]]\nclause = \"rfc/*\"\nstack = \"gnutls\"\nreason = \"x\"\n";
  EXPECT_TRUE(fingerprints.insert(known_list("a", list(std::string(whole) + dependent)).fingerprint).second);
}

TEST(KnownFile, EveryMistakeIsShownWithItsPlace) {
  EXPECT_THAT(problem(with("verdict ", "verdit ")), HasSubstr("known.toml:8:1"));
  EXPECT_THAT(problem(with("verdict ", "verdit ")), HasSubstr("did you mean `verdict`?"));
  EXPECT_THAT(problem(with("\"violates\"", "\"conforms\"")), HasSubstr("`conforms` is not a verdict"));
  EXPECT_THAT(problem(with("\"reported\"", "\"  \"")), HasSubstr("`reason` is empty"));
  EXPECT_THAT(problem(with("2027-06-30", "\"2027-06-30\"")), HasSubstr("`expires` is not a date"));
  EXPECT_THAT(problem(with("expires  = 2027-06-30\n", "")), HasSubstr("has no `expires`"));
  EXPECT_THAT(problem(with("expires  = 2027-06-30\n", "")), HasSubstr("has no `expires`"));
  EXPECT_THAT(problem(with("[[known]]", "[[know]]")), HasSubstr("unknown key `know`"));
  EXPECT_THAT(problem(with("\"gnutls\"", "7")), HasSubstr("`stack` is not a string"));
  EXPECT_THAT(problem(with("stack ", "tls = 1.3\nstack ")), HasSubstr("write it in quotes: \"1.3\""));
  EXPECT_THAT(problem("[[known]"), HasSubstr("known.toml:1"));
  EXPECT_THAT(problem(std::string(whole) + "role = \"both\"\n"), HasSubstr("`both` is not a role"));
}

TEST(KnownFile, AFileThatIsNotThereIsSaidToBe) {
  const LoadedKnown loaded = load_known("no/such/known.toml");
  ASSERT_THAT(loaded.diagnostics, SizeIs(1));
  EXPECT_THAT(loaded.diagnostics[0].render(), HasSubstr("No such file"));
}

TEST(KnownFile, OursIsSound) { EXPECT_THAT(load_known(TLSBYE_SOURCE_DIR "/scenarios/known.toml").diagnostics, IsEmpty()); }

TEST(KnownFile, TodayIsADay) { EXPECT_THAT(today(), ::testing::MatchesRegex("20[0-9][0-9]-[01][0-9]-[0-3][0-9]")); }

TEST(PartnerDependent, AReasonIsGivenToTheDisagreementsThatItSpeaksOf) {
  const LoadedKnown loaded = parse_known(std::string(whole) + R"(
[[partner-dependent]]
clause = "rfc/*"
stack  = "gnutls"
tls    = "1.3"
reason = "they offer different things"
)",
                                         "known.toml");
  EXPECT_THAT(loaded.diagnostics, IsEmpty());
  EXPECT_THAT(loaded.entries, SizeIs(1));
  RunReport report;
  report.disagreements = {{"rfc/all", "gnutls", "3.7.9", Role::client, Tls::v1_3, {}, ""},
                          {"rfc/all", "gnutls", "3.7.9", Role::client, Tls::v1_2, {}, "an old reason"},
                          {"rfc/all", "openssl", "3.0.17", Role::client, Tls::v1_3, {}, ""}};
  KnownResult result;
  explain_disagreements(report, loaded.partner_dependent, clauses(), {}, result);
  EXPECT_THAT(result.faults, IsEmpty());
  EXPECT_EQ(report.disagreements[0].reason, "they offer different things");
  EXPECT_EQ(report.disagreements[1].reason, "");
  EXPECT_EQ(report.disagreements[2].reason, "");
  EXPECT_THAT(problem("[[partner-dependent]]\nclause = \"*\"\nstack = \"gnutls\"\n"), HasSubstr("reason"));
}

TEST(PartnerDependent, AnEntryThatCanNeverMatchIsAFault) {
  for (const auto& [line, why] : {std::pair("clause = \"no-such/*\"\nstack = \"gnutls\"", "no clause has such an id"),
                                  {"clause = \"rfc/*\"\nstack = \"gnutsl\"", "did you mean `gnutls`?"},
                                  {"clause = \"rfc/*\"\nstack = \"gnutls\"\nsince = \"4\"\nbefore = \"3\"", "no version is"}}) {
    const LoadedKnown loaded = parse_known(fmt::format("[[partner-dependent]]\n{}\nreason = \"x\"\n", line), "known.toml");
    RunReport report = report_of(Verdict::conforms);
    KnownResult result;
    explain_disagreements(report, loaded.partner_dependent, clauses(), {}, result);
    EXPECT_THAT(result.faults, ElementsAre(HasSubstr(why)));
    EXPECT_THAT(result.stale_lines, ElementsAre(1));
  }
}

TEST(PartnerDependent, AnEntryThatExplainsNothingIsAFaultInARunAgainstAllPartnersThatHasThoseOfTheEntry) {
  for (const auto& [line, faults] : {std::pair("", 1U), {"partner = \"wolfssl\"\n", 1U}, {"partner = [\"wolfssl\", \"go\"]\n", 0U}}) {
    RunReport report = many(100, 0);
    report.complete = true;
    report.provenance.choice.partners = {"all"};
    report.provenance.partners = {{"openssl", "3.0.22", {}}, {"wolfssl", "5.5.4", {}}};
    const std::string text = "[[partner-dependent]]\nclause = \"rfc/*\"\nstack = \"gnutls\"\nbroad = true\nreason = \"r\"\n";
    const LoadedKnown loaded = parse_known(text + line, "known.toml");
    KnownResult result;
    explain_disagreements(report, loaded.partner_dependent, clauses(), {}, result);
    EXPECT_THAT(result.faults, SizeIs(faults)) << line;
  }
  EXPECT_THAT(problem("[[known]]\nclause = \"rfc/1\"\nstack = \"gnutls\"\nverdict = \"violates\"\nreason = \"r\"\npartner = \"go\"\n"),
              HasSubstr("partner"));
}

TEST(PartnerDependent, AnEntryThatCoversMoreThanATenthOfALibrarysCellsMustSayThatItMeansTo) {
  const std::string text = "[[partner-dependent]]\nclause = \"*\"\nstack = \"*\"\nreason = \"r\"\n";
  for (const auto& [broad, faults] : {std::pair("", 1U), {"broad = true\n", 0U}}) {
    RunReport report = many(100, 0);
    report.disagreements = {{"rfc/1", "gnutls", "3.7.9", Role::client, Tls::v1_3, {}, ""}};
    const LoadedKnown loaded = parse_known(text + broad, "known.toml");
    ASSERT_THAT(loaded.partner_dependent, SizeIs(1));
    KnownResult result;
    explain_disagreements(report, loaded.partner_dependent, clauses(), {}, result);
    ASSERT_THAT(result.faults, SizeIs(faults));
    for (const std::string& fault : result.faults) EXPECT_THAT(fault, HasSubstr("it covers 100 of 100 cells of gnutls 3.7.9, more than"));
    EXPECT_THAT(result.stale_lines, IsEmpty()) << "it explains something: --prune leaves it";
  }
}

}  // namespace
}  // namespace tlsbye
