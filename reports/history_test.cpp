#include "reports/history.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "reports/golden.h"

namespace tlsbye {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using Change = History::Change;

const std::string held = "rfc8446/held";

// One version, in which one clause has that verdict as client with TLS 1.3.
struct Version {
  std::string number;
  Verdict verdict = Verdict::conforms;
};

Cell cell_of(const std::string& version, Verdict verdict) {
  Cell cell;
  cell.clause = held;
  cell.stack = "gnutls";
  cell.version = version;
  cell.tls = Tls::v1_3;
  cell.verdict = verdict;
  cell.says = "seen";
  if (verdict != Verdict::not_reached && verdict != Verdict::unsupported)
    cell.replay = "family/name:gnutls@" + version + ":client:1.3:blocking:openssl@3.0.17";
  return cell;
}

RunReport run_of(const std::vector<Version>& versions) {
  RunReport run;
  for (const auto& [number, verdict] : versions) {
    run.stacks.push_back({"gnutls", number, {"tls-1.3"}, "/lib/" + number, ""});
    run.cells.push_back(cell_of(number, verdict));
  }
  return run;
}

// The spans of the only story that there is: "conforms 3.7.1-3.8.9".
std::vector<std::string> spans_of(const History& history) {
  const History::Library& library = history.libraries.at(0);
  std::vector<std::string> spans;
  if (library.clauses.empty()) return spans;
  for (const History::Span& span : library.clauses.at(0).spans)
    spans.push_back(span.shows + " " + versions(library, span.first, span.last));
  return spans;
}

std::vector<std::string> spans_of(const std::vector<Version>& versions) { return spans_of(history({run_of(versions)})); }

TEST(History, VersionsFollowEachOtherAsTheyWereReleasedAndThoseThatAgreeAreOneSpan) {
  EXPECT_THAT(spans_of({{"3.8.13"}, {"3.7.1"}, {"3.8.9"}}), ElementsAre("conforms 3.7.1-3.8.13"));
  EXPECT_THAT(spans_of({{"3.8.13"}, {"3.7.1", Verdict::violates}, {"3.8.9"}}), ElementsAre("violates 3.7.1", "conforms 3.8.9-3.8.13"));
}

TEST(History, TheLastChangeSaysWhetherItIsBrokenOrFixed) {
  const auto change_of = [](Verdict before, Verdict now) {
    return history({run_of({{"3.7", before}, {"3.8", now}})}).libraries.at(0).clauses.at(0).change;
  };
  EXPECT_EQ(change_of(Verdict::conforms, Verdict::violates), Change::broken);
  EXPECT_EQ(change_of(Verdict::violates, Verdict::crashed), Change::broken);
  EXPECT_EQ(change_of(Verdict::violates, Verdict::conforms), Change::fixed);
  EXPECT_EQ(change_of(Verdict::conforms, Verdict::conforms), Change::none);
}

TEST(History, AVersionThatDidNotComeToTheSituationNeitherBreaksNorMends) {
  for (const Verdict silent : {Verdict::not_reached, Verdict::unsupported, Verdict::harness_error}) {
    EXPECT_THAT(spans_of({{"3.7", Verdict::violates}, {"3.8", silent}}), ElementsAre("violates 3.7"));
    EXPECT_THAT(spans_of({{"3.7", silent}, {"3.8", Verdict::violates}}), ElementsAre("violates 3.8"));
    EXPECT_THAT(spans_of({{"3.7"}, {"3.8", silent}, {"3.9"}}), ElementsAre("conforms 3.7-3.9"));
    EXPECT_TRUE(spans_of({{"3.7", silent}, {"3.8", silent}}).empty());
  }
}

TEST(History, AChangeBehindASilentVersionCameInOneOfSeveral) {
  const History found = history({run_of({{"3.7", Verdict::violates}, {"3.8", Verdict::not_reached}, {"3.9"}})});
  EXPECT_THAT(tell(found, false), HasSubstr("3.8 to 3.9: " + held + "  violates 3.7, conforms 3.9  (client 1.3)"));
}

TEST(History, AnAcceptedDeviationIsWhatItWas) {
  RunReport run = run_of({{"3.7"}, {"3.8", Verdict::known}});
  run.cells[1].was = Verdict::violates;
  EXPECT_THAT(spans_of(history({run})), ElementsAre("conforms 3.7", "violates 3.8"));
}

TEST(History, SeveralRunsAreOneHistoryAndOfOneVersionTheWorstIsTold) {
  const RunReport old = run_of({{"3.7"}}), fresh = run_of({{"3.8", Verdict::violates}}), again = run_of({{"3.8"}});
  EXPECT_THAT(spans_of(history({fresh, old})), ElementsAre("conforms 3.7", "violates 3.8"));
  EXPECT_THAT(spans_of(history({again, old, fresh})), ElementsAre("conforms 3.7", "violates 3.8"));
  EXPECT_THAT(spans_of(history({fresh, again, old})), ElementsAre("conforms 3.7", "violates 3.8"));
}

TEST(History, TwoBuildsOfOneVersionAreTwo) {
  RunReport one = run_of({{"3.7"}}), other = run_of({{"3.7", Verdict::violates}});
  one.stacks[0].build_id = "aa";
  other.stacks[0].build_id = "bb";
  EXPECT_THAT(history({one, other}).libraries.at(0).builds, SizeIs(2));
}

RunReport narrow(RunReport run, std::string scenario) {
  run.provenance.tool = "tlsbye";
  run.provenance.choice.scenarios = {std::move(scenario)};
  run.provenance.partners = {{"openssl", "3.0.17", {}}};
  return run;
}

TEST(History, ARunThatWouldNotHaveSeenItNeitherBreaksNorMends) {
  const RunReport broken = run_of({{"3.7", Verdict::violates}}), broken_later = run_of({{"3.8", Verdict::violates}});
  EXPECT_THAT(spans_of(history({broken, narrow(run_of({{"3.8"}}), "other/*")})), ElementsAre("violates 3.7"));
  EXPECT_THAT(spans_of(history({narrow(run_of({{"3.7"}}), "other/*"), broken_later})), ElementsAre("violates 3.8"));
  EXPECT_THAT(spans_of(history({broken, narrow(run_of({{"3.8"}}), "family/*")})), ElementsAre("violates 3.7", "conforms 3.8"));
  // What stood before it goes on behind it.
  EXPECT_THAT(spans_of(history({broken, narrow(run_of({{"3.7.5"}}), "other/*"), broken_later})), ElementsAre("violates 3.7-3.8"));
}

TEST(History, ATraitThatAnswersOtherwiseIsTold) {
  RunReport run = run_of({{"3.7"}, {"3.8"}});
  for (const auto& [version, answer] : {std::pair("3.7", "kept"), std::pair("3.8", "discarded")})
    run.traits.push_back({"unread-data-at-close", "gnutls", version, Role::client, Tls::v1_3, {answer}, run.cells[0].replay});
  const History found = history({run});
  EXPECT_EQ(found.libraries[0].traits.at(0).change, Change::otherwise);
  EXPECT_THAT(tell(found, false), HasSubstr("3.8: unread-data-at-close  kept 3.7, discarded 3.8  (client 1.3)"));
}

TEST(History, WhatAVersionCannotDoAnyMoreIsOneLine) {
  RunReport run = run_of({{"3.7"}, {"3.8"}});
  run.stacks[0].abilities = {"tls-1.1", "tls-1.3"};
  run.stacks[1].abilities = {"tls-1.3", "peek"};
  EXPECT_THAT(tell(history({run}), false), HasSubstr("3.8 can peek; cannot tls-1.1 any more\n"));
}

TEST(History, WhatDidNotChangeIsSaidOfEachLibrary) {
  EXPECT_THAT(tell(history({run_of({{"3.7.1"}, {"3.8.13"}})}), false), HasSubstr("nothing changed from 3.7.1 to 3.8.13"));
  EXPECT_THAT(tell(history({run_of({{"3.7.1"}})}), false), HasSubstr("one version: nothing to compare it with"));
}

TEST(History, WhatConformsThroughoutIsToldOnlyWhereAllIsAskedFor) {
  const History found = history({run_of({{"3.7"}, {"3.8"}})});
  EXPECT_THAT(tell(found, false), Not(HasSubstr(held)));
  EXPECT_THAT(tell(found, true), HasSubstr(held));
}

TEST(History, OnlyWhatIsAskedForIsTold) {
  const RunReport run = run_of({{"3.7"}, {"3.8", Verdict::violates}});
  EXPECT_TRUE(history({run}, {{"openssl"}, {}}).libraries.empty());
  EXPECT_TRUE(history({run}, {{}, {"rfc5246/*"}}).libraries.at(0).clauses.empty());
  EXPECT_THAT(history({run}, {{"gnu*"}, {"rfc8446/*"}}).libraries.at(0).clauses, SizeIs(1));
}

}  // namespace
}  // namespace tlsbye
