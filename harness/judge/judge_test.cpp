#include "harness/judge/judge.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>
#include <stdexcept>

#include "harness/judge/testing.h"

namespace tlsbye {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Cell& cell(const RunReport& report, std::string_view clause, std::string_view stack = "gnutls", Role role = Role::client,
                 Tls tls = Tls::v1_3) {
  for (const Cell& each : report.cells)
    if (each.clause == clause && each.stack == stack && each.role == role && each.tls == tls) return each;
  throw std::out_of_range("no such cell");
}

Judge::Scope client_1_3(std::vector<StackInfo> stacks = {gnutls()}) {
  return {std::move(stacks), {Role::client}, {Tls::v1_3}, {Io::blocking}};
}

TEST(Verdict, BrokenIsAViolationOnlyWhereTheDocumentPromisesIt) {
  EXPECT_EQ(verdict_of(Finding::Kind::broken, Strength::must), Verdict::violates);
  EXPECT_EQ(verdict_of(Finding::Kind::broken, Strength::documented), Verdict::violates);
  EXPECT_EQ(verdict_of(Finding::Kind::broken, Strength::expected), Verdict::violates);
  EXPECT_EQ(verdict_of(Finding::Kind::broken, Strength::should), Verdict::discouraged);
  EXPECT_EQ(verdict_of(Finding::Kind::broken, Strength::may), Verdict::differs);
  EXPECT_EQ(verdict_of(Finding::Kind::broken, Strength::observed), Verdict::differs);
}

TEST(Verdict, WhatDiesOrHangsDoesSoWhateverTheStrength) {
  for (const Strength strength : {Strength::must, Strength::may}) {
    EXPECT_EQ(verdict_of(Finding::Kind::crashed, strength), Verdict::crashed);
    EXPECT_EQ(verdict_of(Finding::Kind::hung, strength), Verdict::hung);
    EXPECT_EQ(verdict_of(Finding::Kind::holds, strength), Verdict::conforms);
    EXPECT_EQ(verdict_of(Finding::Kind::not_reached, strength), Verdict::not_reached);
  }
}

TEST(Verdict, OurOwnFaultOutranksADeathAndADeathABrokenPromise) {
  EXPECT_LT(Verdict::not_reached, Verdict::unsupported);
  EXPECT_LT(Verdict::unsupported, Verdict::conforms);
  EXPECT_LT(Verdict::conforms, Verdict::violates);
  EXPECT_LT(Verdict::violates, Verdict::crashed);
  EXPECT_LT(Verdict::crashed, Verdict::harness_error);
}

TEST(Judge, ACellExistsWhereverItsClauseAppliesAndNowhereElse) {
  std::vector<Clause> clauses{clause("rfc/all"), clause("gnutls-bye/own")};
  clauses[1].applies.stacks = {"gnutls"};
  clauses[1].applies.tls = {Tls::v1_3};
  const RunReport report = Judge(clauses, {{gnutls(), openssl()}}, no_traits()).report();
  EXPECT_THAT(report.cells, SizeIs(2 * 4 + 2));
  EXPECT_EQ(report.cells.back().clause, "gnutls-bye/own");
  EXPECT_EQ(report.cells.back().role, Role::server);
}

TEST(Judge, AClauseOfTheOtherIoModeHasNoCell) {
  std::vector<Clause> clauses{clause("rfc/all")};
  clauses[0].applies.io = {Io::nonblocking};
  EXPECT_THAT(Judge(clauses, client_1_3(), no_traits()).report().cells, IsEmpty());
}

TEST(Judge, WithoutARunNothingIsReached) {
  const std::vector<Clause> clauses{clause("rfc/all")};
  const RunReport report = Judge(clauses, client_1_3(), no_traits()).report();
  EXPECT_EQ(report.cells[0].verdict, Verdict::not_reached);
  EXPECT_EQ(report.cells[0].replay, "");
  EXPECT_EQ(report.runs, 0U);
}

TEST(Judge, ACallOfASessionThatWasAbandonedBreaksNoPromise) {
  const std::vector<Clause> clauses{clause("rfc/all")};
  const auto problems = [&](bool abandoned) {
    Transcript refused = run("holds");
    if (abandoned) refused.add(1, RawCall{Side::subject, "abandon", 0, {}, {}});
    refused.add(1, NotDone{Side::subject, "close", "the peer says so", true});
    Judge judge(clauses, client_1_3(), no_traits());
    judge.take(0, refused, "refused");
    return judge.report().problems;
  };
  EXPECT_THAT(problems(false), ElementsAre(HasSubstr("promises `close`")));
  EXPECT_THAT(problems(true), IsEmpty());
}

TEST(Judge, WhoIsToTurnTheOtherSideAwayNeedNotShakeHands) {
  const std::vector<Clause> clauses{clause("rfc/all")};
  const auto problems = [&](std::vector<std::string> options) {
    Transcript failed = run("holds");
    for (const Side side : {Side::subject, Side::partner}) {
      ApiCall call;
      call.side = side;
      call.call = Call::handshake;
      call.outcome = Outcome::failed;
      failed.add(1, call);
    }
    failed.options = std::move(options);
    Judge judge(clauses, client_1_3(), no_traits());
    judge.take(0, failed, "failed");
    return judge.report().problems;
  };
  EXPECT_THAT(problems({"tickets"}), ElementsAre(HasSubstr("no handshake succeeds")));
  EXPECT_THAT(problems({"verify-certificate"}), IsEmpty());
  EXPECT_THAT(problems({"require-certificate"}), IsEmpty());
}

TEST(Judge, TheWorstRunDecidesAndIsNamed) {
  const std::vector<Clause> clauses{clause("rfc/all")};
  Judge judge(clauses, client_1_3(), no_traits());
  EXPECT_TRUE(judge.take(0, run("holds", "family/good"), "good"));
  EXPECT_TRUE(judge.take(1, run("broken", "family/bad"), "bad"));
  EXPECT_FALSE(judge.take(2, run("holds", "family/again"), "again"));
  const RunReport report = judge.report();
  const Cell& decided = report.cells[0];
  EXPECT_EQ(decided.verdict, Verdict::violates);
  EXPECT_EQ(decided.scenario, "family/bad");
  EXPECT_EQ(decided.replay, "bad");
  EXPECT_EQ(decided.says, "it was broken");
  ASSERT_THAT(decided.evidence, SizeIs(1));
  EXPECT_THAT(told(decided.evidence[0]), HasSubstr("> 1.1   subject"));
  EXPECT_EQ(decided.evidence[0].label, "1.1");
  EXPECT_THAT(judge.deciding(), ElementsAre("bad")) << "of the runs that no report names nothing has to be kept";
  EXPECT_EQ(report.runs, 3U);
}

TEST(Judge, OfEqualRunsTheEarlierInThePlanDecides) {
  const std::vector<Clause> clauses{clause("rfc/all")};
  Judge judge(clauses, client_1_3(), no_traits());
  judge.take(7, run("broken", "family/late"), "late");
  judge.take(3, run("broken", "family/early"), "early");
  judge.take(9, run("broken", "family/later"), "later");
  EXPECT_EQ(judge.report().cells[0].replay, "early");
}

TEST(Judge, NeitherTheOrderOfFeedingNorThatOfMergingMatters) {
  const std::vector<Clause> clauses{clause("rfc/all"), clause("rfc/should", Strength::should), clause("rfc/may", Strength::may)};
  const std::vector<Trait> questions{answer_of_the_run()};
  const std::vector<std::string> words{"holds", "broken", "not-reached", "broken",      "crashed",
                                       "holds", "throws", "holds",       "unsupported", "no-keys"};
  std::vector<std::size_t> order(words.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto feed = [&](Judge& judge, std::size_t index) {
    judge.take(index, run(words[index], "family/" + std::to_string(index)), std::to_string(index));
  };
  for (std::size_t last = 1; last <= words.size(); ++last) {  // whatever the worst is
    Judge one(clauses, client_1_3(), questions);
    for (std::size_t index = 0; index < last; ++index) feed(one, index);
    std::mt19937 random(static_cast<unsigned>(last));
    for (int round = 0; round < 20; ++round) {
      std::vector<std::size_t> shuffled(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(last));
      std::shuffle(shuffled.begin(), shuffled.end(), random);
      std::vector<Judge> workers(3, Judge(clauses, client_1_3(), questions));
      for (const std::size_t index : shuffled) feed(workers[random() % 3], index);
      if (round % 2) {  // (0 + 1) + 2, or 0 + (2 + 1)
        workers[0].merge(std::move(workers[1]));
        workers[0].merge(std::move(workers[2]));
      } else {
        workers[2].merge(std::move(workers[1]));
        workers[0].merge(std::move(workers[2]));
      }
      ASSERT_EQ(workers[0].report(), one.report()) << "round " << round << " of " << last << " runs";
    }
  }
}

TEST(Judge, DeviationsFromWhatIsOnlyAdvisedAreNotViolations) {
  const std::vector<Clause> clauses{clause("rfc/should", Strength::should), clause("rfc/may", Strength::may)};
  Judge judge(clauses, client_1_3(), no_traits());
  judge.take(0, run("broken"), "r");
  const RunReport report = judge.report();
  EXPECT_EQ(report.cells[0].verdict, Verdict::discouraged);
  EXPECT_EQ(report.cells[1].verdict, Verdict::differs);
}

TEST(Judge, ARoleOrVersionThatTheStackDoesNotClaimIsUnsupported) {
  const std::vector<Clause> clauses{clause("rfc/all")};
  StackInfo old = gnutls();
  old.abilities = {"client", "tls-1.2", "close", "close-write"};
  const RunReport report = Judge(clauses, {{old}}, no_traits()).report();
  EXPECT_EQ(cell(report, "rfc/all", "gnutls", Role::client, Tls::v1_2).verdict, Verdict::not_reached);
  EXPECT_EQ(cell(report, "rfc/all", "gnutls", Role::server, Tls::v1_2).verdict, Verdict::unsupported);
  EXPECT_THAT(cell(report, "rfc/all", "gnutls", Role::client, Tls::v1_3).says, HasSubstr("no TLS 1.3"));
}

TEST(Judge, AClauseOnNonBlockingSessionsIsUnsupportedByAStackThatOnlyBlocks) {
  std::vector<Clause> clauses{clause("rfc/nonblocking"), clause("rfc/either")};
  clauses[0].applies.io = {Io::nonblocking};
  StackInfo blocking = gnutls();
  blocking.abilities.emplace_back("blocking-only");
  Judge::Scope scope = client_1_3({blocking});
  scope.io = {Io::blocking, Io::nonblocking};
  const RunReport report = Judge(clauses, scope, no_traits()).report();
  EXPECT_EQ(cell(report, "rfc/nonblocking").verdict, Verdict::unsupported);
  EXPECT_EQ(cell(report, "rfc/either").verdict, Verdict::not_reached);
}

TEST(Judge, AClauseOnACallOrOptionThatTheStackHasNotIsUnsupported) {
  std::vector<Clause> clauses{clause("rfc/half-close"), clause("rfc/eof"), clause("rfc/either"), clause("rfc/without"),
                              clause("rfc/own-alert")};
  clauses[0].parameters["call"] = {"close-write"};
  clauses[1].parameters["given"] = {"option-ignore-eof"};
  clauses[2].parameters["call"] = {"close", "close-write"};
  clauses[3].parameters["given"] = {"not option-ignore-eof"};
  clauses[4].parameters["given"] = {"alert-by-application"};
  StackInfo poor = gnutls();
  poor.abilities = {"client", "tls-1.3", "close"};
  const RunReport report = Judge(clauses, client_1_3({poor}), no_traits()).report();
  EXPECT_EQ(cell(report, "rfc/half-close").verdict, Verdict::unsupported);
  EXPECT_EQ(cell(report, "rfc/eof").verdict, Verdict::unsupported);
  EXPECT_EQ(cell(report, "rfc/either").verdict, Verdict::not_reached);
  EXPECT_EQ(cell(report, "rfc/without").verdict, Verdict::not_reached);
  EXPECT_EQ(cell(report, "rfc/own-alert").verdict, Verdict::unsupported);
}

TEST(Judge, TheStacksOwnNoCountsForTheCallItWasAskedForOnly) {
  std::vector<Clause> clauses{clause("rfc/half-close"), clause("rfc/close")};
  clauses[0].parameters["call"] = {"close-write"};
  clauses[1].parameters["call"] = {"close"};
  Judge judge(clauses, client_1_3(), no_traits());
  judge.take(0, run("not-reached"), "before");
  judge.take(1, run("unsupported"), "r");  // close-write answered with "no such call"
  judge.take(2, run("not-reached"), "after");
  const RunReport report = judge.report();
  EXPECT_EQ(cell(report, "rfc/half-close").verdict, Verdict::unsupported);
  EXPECT_EQ(cell(report, "rfc/half-close").says, "no such call");
  EXPECT_EQ(cell(report, "rfc/close").verdict, Verdict::not_reached);
}

TEST(Judge, ACellOfWhichTheWireCouldReadNoRunSaysSo) {
  const std::vector<Clause> clauses{clause("rfc/all")};
  Judge judge(clauses, client_1_3(), no_traits());
  judge.take(0, run("no-keys"), "r");
  EXPECT_EQ(judge.report().cells[0].says, "the wire had no keys for any run");
  judge.take(1, run("not-reached"), "s");
  EXPECT_EQ(judge.report().cells[0].says, "no run came to the situation");
}

TEST(Judge, APropertyThatFailsItselfSpoilsItsOwnCellOnly) {
  std::vector<Clause> clauses{clause("rfc/broken-check"), clause("rfc/sound")};
  clauses[1].property = &always_holds();
  Judge judge(clauses, client_1_3(), no_traits());
  judge.take(0, run("throws"), "r");
  const RunReport report = judge.report();
  EXPECT_EQ(report.cells[0].verdict, Verdict::harness_error);
  EXPECT_THAT(report.cells[0].says, HasSubstr("the tester is at fault"));
  EXPECT_EQ(report.cells[1].verdict, Verdict::conforms);
}

TEST(Judge, ALostRunIsAProblemAndNeverLooksLikeNotReached) {
  const std::vector<Clause> clauses{clause("rfc/all"), clause("rfc/sound")};
  Judge judge(clauses, {{gnutls()}, {Role::client, Role::server}, {Tls::v1_3}, {Io::blocking}}, no_traits());
  judge.take(0, run("holds"), "r");
  judge.lose(1, run("").key(), "r1", "no more descriptors");
  RunKey server = run("").key();
  server.role = Role::server;
  judge.lose(2, server, "r2", "no more descriptors");
  const RunReport report = judge.report();
  EXPECT_EQ(cell(report, "rfc/all", "gnutls", Role::client).verdict, Verdict::conforms);
  EXPECT_EQ(cell(report, "rfc/all", "gnutls", Role::server).verdict, Verdict::harness_error);
  EXPECT_EQ(cell(report, "rfc/all", "gnutls", Role::server).replay, "r2");
  EXPECT_THAT(report.problems, ElementsAre("r1: no more descriptors", "r2: no more descriptors"));
}

TEST(Judge, ARunOfAStackThatNobodyAskedForIsRefused) {
  const std::vector<Clause> clauses{clause("rfc/all")};
  Judge judge(clauses, client_1_3({openssl()}), no_traits());
  EXPECT_THROW(judge.take(0, run("holds"), "r"), std::invalid_argument);
}

TEST(Judge, TraitsThatAnswerDifferentlyNameAllAnswers) {
  const std::vector<Clause> clauses;
  const std::vector<Trait> questions{answer_of_the_run()};
  Judge judge(clauses, client_1_3(), questions);
  EXPECT_TRUE(judge.take(4, run("kept"), "four")) << "the first to answer: its transcript is wanted";
  EXPECT_TRUE(judge.take(2, run("discarded"), "two"));
  EXPECT_FALSE(judge.take(6, run("discarded"), "six"));
  const RunReport report = judge.report();
  ASSERT_THAT(report.traits, SizeIs(1));
  EXPECT_THAT(report.traits[0].answers, ElementsAre("discarded", "kept"));
  EXPECT_EQ(report.traits[0].answer(), "discarded or kept");
  EXPECT_EQ(report.traits[0].replay, "two");
}

TEST(Judge, AnAnswerThatBlockingCallsAloneGaveIsMarkedWhereOthersWereTriedToo) {
  const std::vector<Clause> clauses;
  const std::vector<Trait> questions{answer_of_the_run()};
  const auto in = [](Io io, std::string word) {
    RunKey key = run(word).key();
    key.io = io;
    Transcript transcript(key);
    transcript.add(1, Told{std::move(word)});
    return transcript;
  };
  Judge judge(clauses, client_1_3(), questions), other(clauses, client_1_3(), questions);
  judge.take(1, in(Io::blocking, "kept"), "1");
  other.take(2, in(Io::blocking, "discarded"), "2");
  judge.merge(std::move(other));
  EXPECT_THAT(judge.report().traits.at(0).only, IsEmpty()) << "nothing else was tried";
  judge.take(3, in(Io::nonblocking, "kept"), "3");
  EXPECT_THAT(judge.report().traits.at(0).only, ElementsAre(Io::blocking, std::nullopt));
  judge.take(4, in(Io::nonblocking, "discarded"), "4");
  EXPECT_THAT(judge.report().traits.at(0).only, IsEmpty());
}

// Asked of every run: it closed, and failed in its last call.
std::vector<Trait> asked_for_a_failure(std::vector<std::string_view> names) {
  std::vector<Trait> made;
  for (const std::string_view name : names)
    made.push_back({name, "What?", {"failed", "done"}, {}, [](const Facts& facts) -> std::optional<Trait::Answer> {
                      const Event& last = facts.events().back();
                      return Trait::Answer{spell(last.as<ApiCall>()->outcome), {last.number}};
                    }});
  return made;
}
Transcript fails(Outcome outcome, std::string code) {
  Transcript transcript(run("kept").key());
  transcript.add(1, Told{"kept"});
  ApiCall call;
  call.side = Side::subject;
  call.outcome = outcome;
  call.code = std::move(code);
  transcript.add(1, call);
  return transcript;
}

TEST(Judge, AnAnswerThatIsAFailureKeepsWhatTheLibraryCalledIt) {
  const std::vector<Clause> clauses;
  const auto questions = asked_for_a_failure({"read-after-fin"});
  Judge judge(clauses, client_1_3(), questions), other(clauses, client_1_3(), questions);
  judge.take(1, fails(Outcome::done, "E_NONE"), "1");
  EXPECT_THAT(judge.report().traits.at(0).codes, IsEmpty()) << "no failure";
  judge.take(2, fails(Outcome::failed, "E_MAC"), "2");
  other.take(3, fails(Outcome::failed, "E_LENGTH"), "3");
  judge.merge(std::move(other));
  EXPECT_THAT(judge.report().traits.at(0).codes, ElementsAre(IsEmpty(), ElementsAre("E_LENGTH", "E_MAC")));
  judge.take(4, fails(Outcome::failed, ""), "4");
  EXPECT_THAT(judge.report().traits.at(0).codes, IsEmpty()) << "not every run had a name for it";
}

TEST(Judge, WhoMovesNoBytesIsNotAskedWhatTransportCallsComeTo) {
  const std::vector<Clause> clauses;
  const std::vector<std::string_view> of_transport{"sigpipe-on-broken-transport", "blocking-transport-that-would-block",
                                                   "interrupted-on-a-blocking-transport", "interrupted-on-a-non-blocking-transport"};
  for (const std::string_view name : of_transport)
    EXPECT_TRUE(std::any_of(traits().begin(), traits().end(), [&](const Trait& it) { return it.name == name; })) << name;
  auto questions = asked_for_a_failure(of_transport);
  questions.push_back(asked_for_a_failure({"read-after-fin"}).front());
  StackInfo carried = gnutls();
  carried.abilities.emplace_back("moves-no-bytes");
  for (const bool carries : {true, false}) {
    Judge judge(clauses, client_1_3({carries ? gnutls() : carried}), questions);
    judge.take(1, fails(Outcome::failed, "E"), "1");
    EXPECT_EQ(judge.report().traits.size(), carries ? 5U : 1U);
  }
}

TEST(Judge, WhoHasATwoWayCloseIsNotAskedForItsOnlyClose) {
  const std::vector<Clause> clauses;
  const auto questions = asked_for_a_failure({"one-way-close"});
  StackInfo one_way = gnutls();
  std::erase(one_way.abilities, "close");
  for (const bool both : {true, false}) {
    Judge judge(clauses, client_1_3({both ? gnutls() : one_way}), questions);
    judge.take(1, fails(Outcome::done, ""), "1");
    EXPECT_EQ(judge.report().traits.size(), both ? 0U : 1U);
  }
}

Transcript against(std::string word, std::string partner, std::string scenario = "family/name") {
  const Transcript told = run(std::move(word), std::move(scenario));
  RunKey key = told.key();
  key.partner = std::move(partner);
  key.partner_version = "1";
  Transcript transcript(key);
  for (const Event& event : told.events()) std::visit([&](const auto& what) { transcript.add(event.line, what); }, event.what);
  return transcript;
}

TEST(Judge, EveryPartnerIsToldWithTheWorstThatWasSeenAgainstIt) {
  const std::vector<Clause> clauses{clause("rfc8446/a"), clause("rfc8446/b")};
  Judge::Scope scope;
  scope.stacks = {gnutls()};
  Judge judge(clauses, scope), other(clauses, scope);
  judge.take(0, against("holds", "openssl"), "a");
  judge.take(1, against("holds", "wolfssl"), "b");
  other.take(2, against("broken", "wolfssl"), "c");
  other.take(3, against("nothing", "gnutls"), "d");
  judge.merge(std::move(other));
  const std::vector<Pair> pairs = judge.report().pairs;
  ASSERT_EQ(pairs.size(), 3U);
  const auto count = [](const Pair& pair, Verdict verdict) { return pair.totals[static_cast<std::size_t>(verdict)]; };
  EXPECT_EQ(pairs[0].partner, "gnutls");
  EXPECT_EQ(pairs[0].totals, Totals{}) << "what was not reached is not counted";
  EXPECT_EQ(count(pairs[1], Verdict::conforms), 2U);
  EXPECT_EQ(pairs[2].partner, "wolfssl");
  EXPECT_EQ(pairs[2].runs, 2U);
  EXPECT_EQ(count(pairs[2], Verdict::violates), 2U);
  EXPECT_EQ(count(pairs[2], Verdict::conforms), 0U);
}

TEST(Judge, ACellWithTwoVerdictsNamesThePartnersAndTheFirstRunThatDecidedAgainstEach) {
  const std::vector<Clause> clauses{clause("rfc/all")};
  Judge judge(clauses, client_1_3(), no_traits()), other(clauses, client_1_3(), no_traits());
  judge.take(5, against("holds", "openssl"), "later");
  judge.take(1, against("broken", "wolfssl"), "broken");
  other.take(0, against("holds", "openssl"), "first");
  other.take(2, against("holds", "wolfssl"), "held");
  other.take(3, against("nothing", "gnutls"), "unreached");
  judge.merge(std::move(other));
  const RunReport report = judge.report();
  ASSERT_THAT(report.disagreements, SizeIs(1));
  const Disagreement& it = report.disagreements[0];
  EXPECT_EQ(it.clause, "rfc/all");
  EXPECT_EQ(it.reason, "");
  EXPECT_THAT(it.found, ElementsAre(Disagreement::Found{"openssl", "1", Verdict::conforms, "first"},
                                    Disagreement::Found{"wolfssl", "1", Verdict::violates, "broken"}));
}

TEST(Judge, WhoCannotBeThePartnerInTheScenarioThatDecidedDisagreesWithNobody) {
  const std::vector<Clause> clauses{clause("rfc/all")};
  Judge judge(clauses, client_1_3(), no_traits()), other(clauses, client_1_3(), no_traits());
  judge.take(0, against("broken", "openssl", "family/two-way"), "a");
  judge.take(1, against("holds", "openssl", "family/one-way"), "b");
  other.take(2, against("holds", "mbedtls", "family/one-way"), "c");
  judge.merge(std::move(other));
  EXPECT_THAT(judge.report().disagreements, IsEmpty());
  judge.take(3, against("nothing", "mbedtls", "family/two-way"), "d");
  EXPECT_THAT(judge.report().disagreements, SizeIs(1)) << "it was the partner there, and nothing came of it";
}

TEST(Judge, APartnerThatDidNotDoWhatItsLinesSayInTheScenarioThatDecidedDisagreesWithNobody) {
  const std::vector<Clause> clauses{clause("rfc/all")};
  const auto disagreements = [&](std::initializer_list<decltype(Event::what)> with_mbedtls) {
    Judge judge(clauses, client_1_3(), no_traits());
    judge.take(0, against("broken", "openssl", "family/two-way"), "a");
    Transcript other = against("holds", "mbedtls", "family/two-way");
    for (const auto& event : with_mbedtls) std::visit([&](const auto& what) { other.add(2, what); }, event);
    judge.take(1, other, "b");
    return judge.report().disagreements.size();
  };
  const TransportEnd fin{Side::partner, false, false, End::fin};
  EXPECT_EQ(disagreements({NotDone{Side::partner, "close", "no ability close", true}}), 0U);
  EXPECT_EQ(disagreements({fin}), 0U) << "its close ended the transport too";
  EXPECT_EQ(disagreements({NotDone{Side::partner, "read", "it is still blocked in close"}}), 1U) << "the subject may be why";
  EXPECT_EQ(disagreements({NotDone{Side::subject, "close", "no ability close", true}}), 1U);
  EXPECT_EQ(disagreements({RawCall{Side::partner, "fin", 0, {}, {}}, fin}), 1U) << "the script ended it";
  EXPECT_EQ(disagreements({TransportEnd{Side::partner, false, true, End::fin}}), 1U) << "the wire ended it";
  EXPECT_EQ(disagreements({TransportEnd{Side::subject, false, false, End::fin}}), 1U);
}

TEST(Judge, APartnerUnderWhoseKeysTheWireCouldNotReadTheScenarioThatDecidedDisagreesWithNobody) {
  const std::vector<Clause> clauses{clause("rfc/all")};
  Judge judge(clauses, client_1_3(), no_traits());
  judge.take(0, against("broken", "openssl", "family/new-keys"), "a");
  judge.take(1, against("holds", "wolfssl", "family/close"), "b");
  judge.take(2, against("no-keys", "wolfssl", "family/new-keys"), "c");
  EXPECT_THAT(judge.report().disagreements, IsEmpty());
  judge.take(3, against("nothing", "wolfssl", "family/new-keys"), "d");
  EXPECT_THAT(judge.report().disagreements, SizeIs(1));
}

TEST(Judge, WhatOnePartnerNeverReachesIsNoDisagreement) {
  const std::vector<Clause> clauses{clause("rfc/all")};
  Judge judge(clauses, client_1_3(), no_traits());
  judge.take(0, against("broken", "openssl"), "a");
  judge.take(1, against("nothing", "wolfssl"), "b");
  judge.take(2, against("throws", "gnutls"), "c");
  EXPECT_THAT(judge.report().disagreements, IsEmpty());
}

TEST(Judge, TotalsCountEveryCellOnce) {
  const std::vector<Clause> clauses{clause("rfc/all")};
  Judge judge(clauses, {{gnutls()}}, no_traits());
  judge.take(0, run("broken"), "r");
  const Totals counts = totals(judge.report());
  EXPECT_EQ(counts[static_cast<std::size_t>(Verdict::violates)], 1U);
  EXPECT_EQ(counts[static_cast<std::size_t>(Verdict::not_reached)], 3U);
}

std::vector<EvidenceLine> evidence(const Transcript& transcript, const std::vector<int>& decisive, std::size_t most = 12) {
  return tell_evidence(transcript, Telling(transcript), decisive, most);
}

TEST(Evidence, ShowsTheDecisiveEventsAmongTheirNeighbours) {
  Transcript transcript;
  for (int i = 0; i < 20; ++i) transcript.add(1, Signal{Side::subject, "SIGPIPE"});
  std::vector<std::string> places;
  for (const EvidenceLine& line : evidence(transcript, {10, 15}, 5)) places.push_back(told(line).substr(0, 6));
  EXPECT_THAT(places, ElementsAre("  ...", "  1.9 ", "> 1.10", "  1.11", "  ...", "  1.14", "> 1.15"));
}

TEST(Evidence, KeepsTheFirstAndTheLastWhereTooManyAreDecisive) {
  Transcript transcript;
  std::vector<int> decisive;
  for (int i = 0; i < 30; ++i) decisive.push_back(transcript.add(1, Signal{Side::subject, "SIGPIPE"}));
  const auto lines = evidence(transcript, decisive, 4);
  ASSERT_THAT(lines, SizeIs(5));
  EXPECT_EQ(lines[2].label, "1.3");
  EXPECT_EQ(lines[3], (EvidenceLine{"", "...", false}));
  EXPECT_EQ(lines[4].label, "1.30");
}

TEST(Evidence, EndsWithTheLastDecisiveEvent) {
  Transcript transcript;
  for (int i = 0; i < 4; ++i) transcript.add(1, Signal{Side::subject, "SIGPIPE"});
  const auto lines = evidence(transcript, {3});
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_EQ(lines.back().label, "1.3");
}

TEST(Evidence, ADeliveryThatDecidesIsShownAsItsRecord) {
  Transcript transcript;
  Record record;
  record.wire_bytes = 24;
  const int sent = transcript.add(1, record), delivered = transcript.add(1, Delivered{sent, 24});
  const auto lines = evidence(transcript, {delivered});
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0].label, "1.1");
}

// A handshake that is so many calls, and a signal in the line after it.
Transcript after_handshake(int calls, const std::string& words = "both     handshake") {
  Transcript transcript;
  transcript.script = {words, "subject  close"};
  transcript.add(1, Asked{Side::subject, "handshake", Call::handshake, "", Until::done, 0, Aside::no});
  for (int i = 1; i <= calls; ++i) {
    ApiCall call;
    call.call = Call::handshake;
    call.outcome = i == calls ? Outcome::done : Outcome::want_read;
    transcript.add(1, call);
  }
  transcript.add(2, Signal{Side::subject, "SIGPIPE"});
  return transcript;
}

TEST(Evidence, LeavesOutTheHandshakeUnlessItDecides) {
  const Transcript transcript = after_handshake(1);
  EXPECT_THAT(evidence(transcript, {3}), SizeIs(1));
  EXPECT_THAT(evidence(transcript, {2, 3}), SizeIs(2));
}

TEST(Evidence, IsTheSameHoweverMuchTheHandshakeTook) {
  const EvidenceLine one = evidence(after_handshake(1), {3}).at(0), other = evidence(after_handshake(5), {7}).at(0);
  EXPECT_EQ(one.label, "2.1");
  EXPECT_EQ(one.label, other.label);
  EXPECT_EQ(one.text, other.text);
}

TEST(Evidence, DoesNotDependOnTheWordsOfTheScript) {
  EXPECT_EQ(evidence(after_handshake(1), {3}), evidence(after_handshake(1, "subject  write 1"), {3}));
  Transcript commented;
  commented.script = {"subject  close   # after the handshake"};
  commented.add(1, Signal{Side::subject, "SIGPIPE"});
  commented.add(1, Signal{Side::subject, "SIGPIPE"});
  EXPECT_THAT(evidence(commented, {2}), SizeIs(2)) << "a comment hides nothing";
}

TEST(Judge, OldVersionsHaveColumnsOnlyWhereTheStackHasThemAndAClauseNamesThem) {
  Clause named = clause("rfc2246/a");
  named.applies.tls = {Tls::v1_0, Tls::v1_2};
  const std::vector<Clause> clauses{named, clause("rfc5246/a")};
  Judge::Scope scope;
  scope.stacks = {gnutls(), openssl()};
  scope.stacks[0].abilities.emplace_back("tls-1.0");
  scope.roles = {Role::client};
  const std::vector<Cell> cells = Judge(clauses, scope).report().cells;
  std::vector<std::string> told;
  for (const Cell& cell : cells) told.push_back(cell.clause + " " + cell.stack + " " + std::string(spell(cell.tls)));
  EXPECT_THAT(
      told, ::testing::UnorderedElementsAre("rfc2246/a gnutls 1.0", "rfc2246/a gnutls 1.2", "rfc2246/a openssl 1.2", "rfc5246/a gnutls 1.2",
                                            "rfc5246/a gnutls 1.3", "rfc5246/a openssl 1.2", "rfc5246/a openssl 1.3"));
}

TEST(Judge, AStackWithoutTheExtraCallOrTheSwitchSaysSo) {
  Clause peek = clause("a/peek");
  peek.parameters["call"] = {"peek"};
  Clause quiet = clause("a/quiet");
  quiet.parameters["call"] = {"set"};
  quiet.parameters["arguments"] = {"quiet-shutdown on"};
  const std::vector<Clause> clauses{peek, quiet};
  Judge::Scope scope;
  scope.stacks = {gnutls(), openssl()};
  scope.stacks[1].abilities.insert(scope.stacks[1].abilities.end(), {"peek", "set-quiet-shutdown"});
  scope.roles = {Role::client};
  scope.tls = {Tls::v1_3};
  const std::vector<Cell> cells = Judge(clauses, scope).report().cells;
  ASSERT_EQ(cells.size(), 4U);
  EXPECT_EQ(cells[0].verdict, Verdict::unsupported);
  EXPECT_EQ(cells[1].verdict, Verdict::not_reached);
  EXPECT_EQ(cells[2].verdict, Verdict::unsupported);
  EXPECT_EQ(cells[3].verdict, Verdict::not_reached);
}

TEST(Pasted, WordsAreWhatAShellMakesOfThemAndOneLine) {
  EXPECT_EQ(pasted({"a", "b c", "it's", ""}), " a 'b c' 'it'\\''s' ''");
  EXPECT_EQ(pasted({"a\nb", "\xe2\x80\xae'\\"}), " $'a\\x0ab' $'\\xe2\\x80\\xae\\'\\\\'");
}

}  // namespace
}  // namespace tlsbye
