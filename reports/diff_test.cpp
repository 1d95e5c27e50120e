#include "reports/diff.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "reports/golden.h"

namespace tlsbye {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using Kind = Diff::Kind;

// The sample with gnutls at another version.
RunReport upgraded(const std::string& version) {
  RunReport report = sample_report();
  report.stacks[0].version = version;
  report.stacks[0].library = "/opt/lib/libgnutls.so.30";
  report.stacks[0].build_id = "77aa";
  for (Cell& cell : report.cells)
    if (cell.stack == "gnutls") cell.version = version;
  for (TraitAnswer& answer : report.traits)
    if (answer.stack == "gnutls") answer.version = version;
  return report;
}

// The sample after an upgrade that changes something of every kind.
RunReport changed() {
  RunReport report = upgraded("3.8.4");
  report.stacks.pop_back();  // wolfssl
  std::erase_if(report.cells, [](const Cell& cell) { return cell.stack == "wolfssl"; });
  report.stacks.push_back({"mbedtls", "3.6.0", {}});
  Cell fresh = report.cells.front();
  fresh.stack = "mbedtls";
  fresh.version = "3.6.0";
  report.cells.push_back(fresh);
  for (Cell& cell : report.cells) {
    const bool client = cell.role == Role::client, newer = cell.tls == Tls::v1_3;
    if (cell.stack == "openssl" && cell.verdict == Verdict::discouraged) cell.verdict = Verdict::conforms, cell.says = "it held";
    if (cell.stack == "openssl" && cell.clause.ends_with("may-be-told")) {
      cell.verdict = Verdict::known;
      cell.was = Verdict::conforms;
      cell.reason = "for a test";
    }
    if (cell.stack != "gnutls" || !cell.clause.ends_with("after-close-notify")) continue;
    if (client) cell.verdict = Verdict::violates, cell.says = "a | write after the close was sent";
    if (!client && newer) cell.evidence = {{"2.1", "subject  close                = sent         gnutls_bye 0", true}};
    if (!client && !newer) cell.clause = "rfc8446/another";
  }
  report.traits[0].answers = {"discarded"};
  report.traits.pop_back();
  return report;
}

Kind kind_of(Verdict before, Verdict after, std::optional<Verdict> was = std::nullopt) {
  RunReport old = sample_report(), fresh = sample_report();
  old.cells[0].verdict = before;
  fresh.cells[0].verdict = after;
  fresh.cells[0].was = was;
  return diff(old, fresh).cells.at(0).kind;
}

TEST(Diff, ARunDoesNotDifferFromItself) {
  const Diff none = diff(sample_report(), sample_report());
  EXPECT_TRUE(none.empty());
  EXPECT_FALSE(none.changed() || none.worse());
  EXPECT_EQ(tell(none), "nothing changed\n");
}

TEST(Diff, AsTextItIsAsItAlwaysWas) { expect_golden("diff.txt", tell(diff(sample_report(), changed()))); }

TEST(Diff, AsMarkdownItIsAsItAlwaysWas) { expect_golden("diff.md", diff_markdown(diff(sample_report(), changed()))); }

TEST(Diff, AsJsonItIsAsItAlwaysWas) { expect_golden("diff.json", diff_json(diff(sample_report(), changed()))); }

TEST(Diff, AnUpgradeIsComparedAcrossTheTwoVersions) {
  const Diff upgrade = diff(sample_report(), upgraded("3.8.4"));
  EXPECT_THAT(upgrade.cells, IsEmpty());
  EXPECT_THAT(upgrade.traits, IsEmpty());
  EXPECT_THAT(upgrade.stacks, SizeIs(1));
  EXPECT_FALSE(upgrade.changed()) << "another version alone is not a change of what it does";
  EXPECT_EQ(tell(upgrade),
            "cells: none; traits: none\nLibraries (1)\n  gnutls 3.7.9 -> 3.8.4\n"
            "      /usr/lib/libgnutls.so.30.34.3 (build id 4be1f0c2) -> /opt/lib/libgnutls.so.30 (build id 77aa)\n");
}

TEST(Diff, AnotherBuildOfTheSameVersionIsNamed) {
  const Diff found = diff(sample_report(), upgraded("3.7.9"));
  EXPECT_THAT(tell(found), HasSubstr("  gnutls 3.7.9 is another build\n"));
  EXPECT_FALSE(found.changed());
  RunReport elsewhere = sample_report();
  elsewhere.stacks[0].library = "/opt/lib/libgnutls.so.30";
  EXPECT_TRUE(diff(sample_report(), elsewhere).empty()) << "the same build at another place is the same library";
}

TEST(Diff, AStackWithSeveralVersionsIsComparedVersionByVersion) {
  RunReport both = sample_report();
  const RunReport newer = upgraded("3.8.4"), newest = upgraded("3.8.9");
  both.stacks.push_back(newer.stacks[0]);
  for (const Cell& cell : newer.cells)
    if (cell.stack == "gnutls") both.cells.push_back(cell);
  const Diff found = diff(sample_report(), both);
  EXPECT_EQ(found.count(Kind::added), both.cells.size() - sample_report().cells.size());
  EXPECT_EQ(found.cells.size(), found.count(Kind::added));
  EXPECT_FALSE(found.worse());
  EXPECT_GT(diff(both, newest).count(Kind::gone), 0U) << "nobody says which of the two became the third";
}

TEST(Diff, WorseIsAWorseVerdictOrAProofThatIsThereNoMore) {
  EXPECT_EQ(kind_of(Verdict::conforms, Verdict::violates), Kind::broken);
  EXPECT_EQ(kind_of(Verdict::violates, Verdict::hung), Kind::broken);
  EXPECT_EQ(kind_of(Verdict::known, Verdict::violates), Kind::broken);
  EXPECT_EQ(kind_of(Verdict::conforms, Verdict::not_reached), Kind::broken);
  EXPECT_EQ(kind_of(Verdict::conforms, Verdict::unsupported), Kind::broken);
  EXPECT_EQ(kind_of(Verdict::not_reached, Verdict::discouraged), Kind::broken);
}

// The first cell of the sample that conforms, and the two runs that differ in it alone.
struct Twins {
  RunReport before = sample_report(), after = sample_report();
  std::size_t at =
      static_cast<std::size_t>(std::find_if(before.cells.begin(), before.cells.end(),
                                            [](const Cell& cell) { return cell.verdict == Verdict::conforms && cell.tls == Tls::v1_3; }) -
                               before.cells.begin());
  Kind kind() const {
    const Diff found = diff(before, after);
    EXPECT_EQ(found.cells.size(), 1u);
    return found.cells.empty() ? Kind::added : found.cells.front().kind;
  }
};

TEST(Diff, WhatOnlyOneOfTheRunsWasAskedForIsNeitherBrokenNorFixed) {
  using Change = void (*)(RunReport&);
  const std::pair<std::string, Change> narrower[]{
      {"scenarios: ", [](RunReport& run) { run.provenance.choice.scenarios = {"half-close/*"}; }},
      {"blocking mode: all -> nonblocking", [](RunReport& run) { run.provenance.choice.io = Io::nonblocking; }},
      {"partners: ", [](RunReport& run) { run.provenance.partners.erase(run.provenance.partners.begin()); }}};
  for (const auto& [told, narrow] : narrower) {
    Twins it;
    Cell& cell = it.after.cells[it.at];
    cell.verdict = Verdict::not_reached;
    cell.replay.clear();
    EXPECT_EQ(it.kind(), Kind::broken) << told;
    narrow(it.after);
    EXPECT_EQ(it.kind(), Kind::otherwise) << told;
    EXPECT_FALSE(diff(it.before, it.after).worse());
    EXPECT_THAT(diff(it.before, it.after).made, ElementsAre(StartsWith(told)));
    EXPECT_THAT(tell(diff(it.before, it.after)), HasSubstr("The runs were made differently\n  " + told));
    std::swap(it.before, it.after);
    EXPECT_EQ(it.kind(), Kind::otherwise) << told << ", the other way";
    EXPECT_THAT(diff(it.before, it.before).made, IsEmpty());
  }
}

TEST(Diff, WhatASweepAloneFoundIsNoNewsAgainstARunWithout) {
  Twins it;
  it.before.provenance.choice.sweep = false;
  Cell& cell = it.after.cells[it.at];
  cell.verdict = Verdict::violates;
  EXPECT_EQ(it.kind(), Kind::broken) << "by a run that both make";
  cell.replay += "+send2=EAGAIN";
  EXPECT_EQ(it.kind(), Kind::otherwise);
  EXPECT_THAT(diff(it.before, it.after).made, ElementsAre("sweep: no -> yes"));
  std::swap(it.before, it.after);
  EXPECT_EQ(it.kind(), Kind::otherwise) << "and what it does not find is not fixed";
}

TEST(Diff, WhatAPartOfARunDoesNotHaveIsNeitherBrokenNorFixedNorGone) {
  using Change = void (*)(RunReport&);
  const std::pair<std::string, Change> parts[]{{"run was interrupted", [](RunReport& run) { run.complete = false; }},
                                               {"run is part 2/3", [](RunReport& run) { run.shard = Shard{2, 3}; }}};
  for (const auto& [told, cut] : parts) {
    Twins it;
    Cell& cell = it.after.cells[it.at];
    const std::string made_by = std::exchange(cell.replay, "");
    const auto in_another = [&](std::string_view scenario) { return std::string(scenario) + made_by.substr(made_by.find(':')); };
    cell.verdict = Verdict::not_reached;
    it.before.cells[it.at].replay = in_another("clean-reply/of-this-cell-alone");
    cut(it.after);
    EXPECT_EQ(it.kind(), Kind::otherwise) << told;
    EXPECT_THAT(diff(it.before, it.after).made, ElementsAre(HasSubstr("the new " + told)));
    std::swap(it.before, it.after);
    it.after.cells[it.at].verdict = Verdict::violates;
    it.after.cells[it.at].replay = in_another("clean-reply/another");
    EXPECT_EQ(it.kind(), Kind::otherwise) << "what a part lacks may have been broken before: " << told;
    std::swap(it.before, it.after);
    it.after.cells.erase(it.after.cells.begin() + static_cast<std::ptrdiff_t>(it.at));
    EXPECT_EQ(it.kind(), Kind::otherwise) << told;
  }
  Twins it;
  it.after.complete = false;
  it.after.cells[it.at].verdict = Verdict::violates;
  EXPECT_EQ(it.kind(), Kind::broken) << "by a run that both made";
}

TEST(Diff, ACellThatTheNewRunWasNotAskedForIsNotGone) {
  Twins it;
  const Cell cell = it.after.cells[it.at];
  it.after.cells.erase(it.after.cells.begin() + static_cast<std::ptrdiff_t>(it.at));
  EXPECT_EQ(it.kind(), Kind::gone);
  it.after.provenance.choice.clauses = {"no-such/*"};
  EXPECT_EQ(it.kind(), Kind::otherwise);
  it.after.provenance.choice.clauses = {cell.clause};
  EXPECT_EQ(it.kind(), Kind::gone);
  it.after.provenance.choice.role = other(cell.role);
  EXPECT_EQ(it.kind(), Kind::otherwise);
}

TEST(Diff, ACellThatNoneOfTheNewPartnersCanReachIsNotGone) {
  Twins it;
  const Cell cell = it.after.cells[it.at];
  it.after.cells.erase(it.after.cells.begin() + static_cast<std::ptrdiff_t>(it.at));
  const std::string version = fmt::format("tls-{}", spell(cell.tls)), role(spell(other(cell.role)));
  it.after.provenance.partners = {{"older", "1.0", {"tls-9.9", role}}};
  EXPECT_EQ(it.kind(), Kind::otherwise) << "not in that version of TLS";
  it.after.provenance.partners = {{"one-sided", "1.0", {version}}};
  EXPECT_EQ(it.kind(), Kind::otherwise) << "not at the other end";
  it.after.provenance.partners.push_back({"able", "1.0", {version, role}});
  EXPECT_EQ(it.kind(), Kind::gone);
}

TEST(Diff, AnotherListOfAcceptedDeviationsBreaksNothing) {
  Twins it;
  Cell& cell = it.before.cells[it.at];
  it.after.cells[it.at].verdict = Verdict::violates;
  cell.verdict = Verdict::known;
  cell.was = Verdict::violates;
  it.after.provenance.known = {};
  EXPECT_EQ(it.kind(), Kind::otherwise);
  EXPECT_THAT(diff(it.before, it.after).made, ElementsAre("accepted deviations: known.toml (3 entries, 0123456789abcdef) -> none"));
  it.after.cells[it.at].verdict = Verdict::crashed;
  EXPECT_EQ(it.kind(), Kind::broken);
}

TEST(Diff, ARunThatDoesNotSayHowItWasMadeIsSaidTo) {
  Twins it;
  it.before.provenance = {};
  EXPECT_THAT(diff(it.before, it.after).made, ElementsAre("the old run does not say how it was made"));
  it.after.provenance = {};
  EXPECT_THAT(diff(it.before, it.after).made, IsEmpty());
}

TEST(Diff, FixedIsABetterVerdictThatARunShowed) {
  EXPECT_EQ(kind_of(Verdict::violates, Verdict::conforms), Kind::fixed);
  EXPECT_EQ(kind_of(Verdict::crashed, Verdict::violates), Kind::fixed);
  EXPECT_EQ(kind_of(Verdict::not_reached, Verdict::conforms), Kind::otherwise) << "nothing showed that it was broken";
  EXPECT_EQ(kind_of(Verdict::not_reached, Verdict::violates), Kind::broken);
  EXPECT_EQ(kind_of(Verdict::violates, Verdict::not_reached), Kind::otherwise) << "nothing shows that it is fixed";
  EXPECT_EQ(kind_of(Verdict::violates, Verdict::known, Verdict::violates), Kind::otherwise) << "accepted, not fixed";
  EXPECT_EQ(kind_of(Verdict::not_reached, Verdict::unsupported), Kind::otherwise);
}

TEST(Diff, TheSameVerdictForAnotherReasonIsAChange) {
  const auto change = [](auto make) {
    RunReport after = sample_report();
    make(after.cells[0]);
    const Diff found = diff(sample_report(), after);
    EXPECT_FALSE(found.worse());
    return found.cells.empty() ? std::string() : told_apart(*found.cells.at(0).before, *found.cells.at(0).after);
  };
  EXPECT_EQ(change([](Cell& cell) { cell.says = "it held twice"; }), "says: it held -> it held twice");
  EXPECT_EQ(change([](Cell& cell) {
              cell.scenario = "half-close/other";
              cell.evidence = {{"2.1", "subject  close                = sent", true}};
            }),
            "")
      << "which of several runs decides says nothing about the library";
  EXPECT_EQ(change([](Cell& cell) {
              cell.evidence = {{"2.1", "subject  close                = sent", true}};
            }),
            "events: subject  close                = done         gnutls_bye 0 -> subject  close                = sent");
  EXPECT_EQ(change([](Cell& cell) { cell.evidence.clear(); }),
            "events: subject  close                = done         gnutls_bye 0 -> (none)");
  EXPECT_EQ(change([](Cell& cell) {
              cell.evidence = {{"2.4", "subject  close                = done         gnutls_bye 0", true}};
            }),
            "")
      << "an event's place is not part of it";
  EXPECT_EQ(change([](Cell& cell) {
              cell.evidence.insert(cell.evidence.begin(), {"1.9", "partner  read", false});
            }),
            "")
      << "it decides nothing";
}

TEST(Diff, WhatALibraryCannotAnyMoreIsOneLineAndNoLossOfCells) {
  RunReport before = sample_report(), after = upgraded("3.8.4");
  std::erase(after.stacks[0].abilities, "tls-1.2");
  const auto is_lost = [](const auto& it) { return it.stack == "gnutls" && it.tls == Tls::v1_2; };
  const auto cells = static_cast<std::size_t>(std::count_if(after.cells.begin(), after.cells.end(), is_lost));
  std::erase_if(after.cells, is_lost);
  std::erase_if(after.traits, is_lost);
  const Diff lost = diff(before, after);
  ASSERT_THAT(lost.abilities, SizeIs(1));
  EXPECT_EQ(lost.abilities[0].ability, "tls-1.2");
  EXPECT_EQ(lost.abilities[0].cells, cells);
  EXPECT_EQ(lost.abilities[0].answers, 1U);
  EXPECT_THAT(lost.cells, IsEmpty());
  EXPECT_THAT(lost.traits, IsEmpty());
  EXPECT_FALSE(lost.worse());
  EXPECT_TRUE(lost.changed());
  EXPECT_THAT(tell(lost), HasSubstr("gnutls 3.7.9 -> 3.8.4  cannot tls-1.2 any more  " + std::to_string(cells) + " cells, 1 answers\n"));
  const Diff gained = diff(after, before);
  EXPECT_THAT(tell(gained), HasSubstr("gnutls 3.8.4 -> 3.7.9  can tls-1.2 now  "));
  EXPECT_EQ(gained.count(Kind::added), 0U);
  // Cells that are missing for no such reason are gone.
  after.stacks[0].abilities = before.stacks[0].abilities;
  EXPECT_EQ(diff(before, after).count(Kind::gone), cells);
}

TEST(Diff, TraitsCountAlthoughNoVerdictChanged) {
  RunReport after = sample_report();
  after.traits[0].answers = {"discarded"};
  after.traits.pop_back();
  const Diff found = diff(sample_report(), after);
  EXPECT_THAT(found.cells, IsEmpty());
  EXPECT_THAT(found.traits, SizeIs(2));
  EXPECT_TRUE(found.changed());
  EXPECT_FALSE(found.worse());
  EXPECT_THAT(tell(found), HasSubstr("unread-data-at-close  kept -> discarded  (client 1.2)"));
  EXPECT_THAT(tell(found), HasSubstr("unread-data-at-close  error -> (no answer)  (server 1.3)"));
}

TEST(Diff, CellsThatCameOrWentAreNamed) {
  RunReport fewer = sample_report();
  fewer.cells.pop_back();
  EXPECT_TRUE(diff(sample_report(), fewer).worse());
  EXPECT_FALSE(diff(fewer, sample_report()).worse());
  EXPECT_TRUE(diff(fewer, sample_report()).changed());
  EXPECT_THAT(tell(diff(fewer, sample_report())),
              HasSubstr("Cells that are new (1)\n  wolfssl 5.5.4  rfc8446/a-dropped-transport-may-be-told"));
}

// The one change that is left where the last cell, of wolfssl, had that verdict and is not there any more.
Diff without_the_last(Verdict verdict, const std::string& version = "5.5.4", const std::vector<Clause>& clauses = {}) {
  RunReport before = sample_report(), after = sample_report();
  before.cells.back().verdict = verdict;
  after.cells.pop_back();
  after.stacks.back().version = version;
  for (Cell& cell : after.cells)
    if (cell.stack == "wolfssl") cell.version = version;
  return diff(before, after, clauses);
}

TEST(Diff, ACellThatProvedNothingIsNoLossWhereItsLibraryIsThere) {
  for (const Verdict verdict : {Verdict::not_reached, Verdict::unsupported}) {
    const Diff found = without_the_last(verdict);
    ASSERT_THAT(found.cells, SizeIs(1));
    EXPECT_EQ(found.cells[0].kind, Kind::otherwise);
    EXPECT_FALSE(found.worse());
    EXPECT_TRUE(found.changed());
    EXPECT_THAT(tell(found), HasSubstr(std::string(spell(verdict)) + " -> (no cell)"));
  }
  for (const Verdict verdict : {Verdict::conforms, Verdict::violates}) EXPECT_TRUE(without_the_last(verdict).worse());
  RunReport none = sample_report();
  none.stacks.pop_back();
  std::erase_if(none.cells, [](const Cell& cell) { return cell.stack == "wolfssl"; });
  EXPECT_EQ(diff(sample_report(), none).count(Kind::otherwise), 0U) << "with its library all of it is gone";
}

TEST(Diff, ACellIsNoLossWhereItsClauseDoesNotApplyToTheNewVersion) {
  const auto worse = [](const std::string& since, const std::string& before) {
    std::vector<Clause> clauses = sample_clauses();
    clauses.back().applies.since = since;
    clauses.back().applies.before = before;
    clauses.back().applies.io = {Io::nonblocking};
    const Diff found = without_the_last(Verdict::conforms, "5.7", clauses);
    EXPECT_EQ(found.count(Kind::otherwise) + found.count(Kind::gone), 1U);
    return found.worse();
  };
  EXPECT_FALSE(worse("", "5.7"));
  EXPECT_FALSE(worse("5.0", "5.6"));
  EXPECT_TRUE(worse("", "5.8")) << "it applies to both";
  EXPECT_TRUE(worse("", "")) << "it applies to all";
  EXPECT_TRUE(worse("5.6", "")) << "it applies to the new one, and not to the old one";
  EXPECT_TRUE(worse("", "5.5")) << "it applied to neither: nobody knows what the cell was";
  EXPECT_TRUE(without_the_last(Verdict::conforms, "5.7").worse()) << "without its clause nobody knows";
}

TEST(Diff, AScreenfulNamesSomeOfEveryKindAndCountsTheRest) {
  RunReport before = sample_report(), after = changed();
  for (int i = 0; i < 40; ++i)
    for (RunReport* report : {&before, &after}) {
      Cell cell = report->cells.front();
      cell.clause = "rfc0/" + std::to_string(i);
      cell.verdict = report == &before ? Verdict::conforms : Verdict::violates;
      report->cells.insert(report->cells.begin(), cell);
    }
  const std::string text = tell(diff(before, after), false), all = tell(diff(before, after), true);
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 24);
  EXPECT_GT(std::count(text.begin(), text.end(), '\n'), 20);
  EXPECT_THAT(text, HasSubstr("more; --all tells them\n"));
  for (const char* title : {"Libraries (", "for the worse (", "are gone (", "Traits that changed (", "something else now (", "neither for",
                            "for the better (", "are new ("})
    EXPECT_THAT(text, HasSubstr(title));
  EXPECT_THAT(all, HasSubstr("rfc0/39"));
  EXPECT_THAT(all, Not(HasSubstr("--all")));
}

TEST(Diff, ColourIsForTerminalsOnly) {
  const Diff found = diff(sample_report(), changed());
  EXPECT_EQ(tell(found).find('\x1b'), std::string::npos);
  EXPECT_NE(tell(found, true, {.colour = true}).find('\x1b'), std::string::npos);
}

TEST(Diff, MarkdownFitsIntoAComment) {
  RunReport after = sample_report();
  for (int i = 0; i < 2000; ++i) {
    Cell cell = after.cells.front();
    cell.clause = "rfc0/" + std::to_string(i);
    after.cells.push_back(cell);
  }
  const std::string text = diff_markdown(diff(sample_report(), after));
  EXPECT_LT(text.size(), 60'000U);
  EXPECT_THAT(text, HasSubstr("more; `tlsbye diff --all` has them all."));
}

TEST(Diff, WhatOneOfTwoRunsWasNotAskedForIsOtherwise) {
  RunReport whole = sample_report();
  whole.provenance.tool = "tlsbye";
  RunReport one = whole;
  one.provenance.choice.stacks = {"gnutls"};
  std::erase_if(one.stacks, [](const StackInfo& stack) { return stack.name != "gnutls"; });
  std::erase_if(one.cells, [](const Cell& cell) { return cell.stack != "gnutls"; });
  std::erase_if(one.traits, [](const TraitAnswer& answer) { return answer.stack != "gnutls"; });
  for (const Diff& found : {diff(whole, one), diff(one, whole)}) {
    EXPECT_THAT(found.stacks, IsEmpty());
    EXPECT_THAT(found.traits, IsEmpty());
    EXPECT_EQ(found.count(Kind::otherwise), whole.cells.size() - one.cells.size());
    EXPECT_EQ(found.cells.size(), found.count(Kind::otherwise));
    EXPECT_THAT(found.made, ElementsAre(HasSubstr("stacks: ")));
    EXPECT_THAT(tell(found), HasSubstr("all of its cells: one of the runs was not asked for it"));
  }
  // Its two versions are another's, and one of them was asked for.
  RunReport both = whole, newer = whole;
  for (const StackInfo& stack : upgraded("3.8.4").stacks)
    if (stack.name == "gnutls") both.stacks.push_back(stack);
  for (const Cell& cell : upgraded("3.8.4").cells)
    if (cell.stack == "gnutls") both.cells.push_back(cell);
  newer.provenance.choice.stacks = {"gnutls@3.7", "openssl", "wolfssl"};
  EXPECT_FALSE(diff(both, newer).worse());
  newer.provenance.choice.stacks = {"gnutls@*", "openssl", "wolfssl"};
  EXPECT_TRUE(diff(both, newer).worse()) << "all of its versions were asked for, and one is gone";
}

}  // namespace
}  // namespace tlsbye
