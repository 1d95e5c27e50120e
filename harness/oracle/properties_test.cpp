#include <gmock/gmock.h>

#include <map>

#include "harness/oracle/finding.h"
#include "harness/oracle/tale.h"

namespace tlsbye {
namespace {

using Kind = Finding::Kind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// A client that resumes, and has sent early data, which the server accepts or not.
Tale sends_early(bool accepted) {
  return Tale()
      .answers(Call::write_early, Outcome::done, {but(data(5), [](Record& it) { it.early = true; })})
      .arrives(but(handshake_message("EncryptedExtensions"), [&](Record& it) { it.accepts_early = accepted; }));
}
Finding judged(std::string_view property, const Parameters& with, const Transcript& run) {
  const Property* it = find_property(property);
  EXPECT_NE(it, nullptr) << property;
  Finding finding = judge(*it, with, run);
  EXPECT_EQ(finding.evidence.empty(), finding.kind == Kind::not_reached) << property << ": " << finding.says;
  for (const int number : finding.evidence) EXPECT_TRUE(number >= 1 && number < run.next_number()) << property << ": event " << number;
  return finding;
}

const Record internal_error = alert(2, 80);

// A run on which the property holds, one that breaks it, and one that does not come to it.
struct Trio {
  Parameters with;
  Transcript holds, breaks, misses;
};
const std::map<std::string_view, Trio>& trios() {
  // Most begin like this.
  const auto closed = [] { return connected().close(Outcome::sent, {close_notify()}); };
  const auto both_closed = [&] { return closed().arrives(close_notify()).close(Outcome::done); };
  const auto at_end = [] { return connected().arrives(data(5)).arrives(close_notify()); };
  const auto faulty = [] { return connected().io(Call::close, Flow::send, -1, "EAGAIN", true).close(Outcome::want_write); };
  const auto limited = [] { return connected().extra(Call::set, "timeout 300"); };
  const TransportEnd cut{Side::partner, true, true, End::fin};
  const Transcript nothing = connected();
  static const std::map<std::string_view, Trio> all{
      {"answers",
       {{{"call", {"close"}}, {"given", {"fin-arrived"}}, {"outcome", {"cut"}}},
        connected().fin_arrives().close(Outcome::cut),
        connected().fin_arrives().close(Outcome::done),
        connected().close(Outcome::done)}},
      {"emits", {{{"call", {"close"}}, {"records", {"close_notify"}}}, closed(), connected().close(Outcome::done), nothing}},
      {"transport-calls",
       {{{"call", {"close"}}, {"none", {"recv"}}, {"some", {"send"}}},
        closed(),
        connected().io(Call::close, Flow::recv, 5).close(Outcome::done),
        nothing}},
      {"shows",
       {{{"call", {"close"}}, {"flag", {"shutdown"}}, {"is", {"SENT"}}},
        closed().last<ApiCall>([](ApiCall& api) {
          api.state = {{"shutdown", "SENT"}};
        }),
        closed().last<ApiCall>([](ApiCall& api) {
          api.state = {{"shutdown", "none"}};
        }),
        closed()}},
      {"session-goes-on",
       {{{"call", {"close-write"}}, {"then", {"read"}}, {"outcome", {"done"}}},
        connected().close_write(Outcome::done).arrives(data(5)).reads(5),
        connected().close_write(Outcome::done).reads(Outcome::failed),
        connected().reads(Outcome::failed).close_write(Outcome::done)}},
      {"does-not-wait",
       {{{"call", {"close-write"}}},
        connected().close_write(Outcome::done, {close_notify()}),
        connected().stays_blocked(Call::close_write, Flow::recv),
        closed()}},
      {"every-call-returns",
       {{}, both_closed(), connected().dies(Call::close), connected().last<ApiCall>([](ApiCall& api) { api.side = Side::partner; })}},
      {"repeated-calls-end",
       {{},
        connected().close(Outcome::sent).close(Outcome::done),
        connected().close(Outcome::sent).add(Endless{Side::subject, Call::close, 200}),
        connected().close(Outcome::done)}},
      {"direction-matches", {{}, faulty(), connected().io(Call::close, Flow::send, -1, "EAGAIN").close(Outcome::want_read), closed()}},
      {"transient-faults-leave-no-trace",
       {{{"call", {"close"}}},
        faulty().close(Outcome::sent, {close_notify()}),
        faulty().close(Outcome::failed, {close_notify()}),
        both_closed()}},
      {"success-means-own-close-notify-sent",
       {{{"call", {"close"}}}, closed(), connected().close(Outcome::sent), connected().close(Outcome::failed)}},
      {"sends-readable-records",
       {{}, connected().writes(5), connected().writes(5).answers(Call::write, Outcome::done, {garbage()}), connected().without_keys()}},
      {"one-close-notify", {{}, both_closed(), closed().close(Outcome::done, {close_notify()}), connected().close(Outcome::failed)}},
      {"nothing-after-close-notify", {{}, both_closed(), closed().writes(5), connected().writes(5)}},
      {"close-notify-is-warning",
       {{}, closed(), connected().close(Outcome::sent, {alert(2, 0)}), connected().close(Outcome::failed, {internal_error})}},
      {"close-notify-before-end",
       {{}, both_closed().script("fin").own_end_seen(), connected().close(Outcome::done).script("fin").own_end_seen(), both_closed()}},
      {"written-data-arrives-first",
       {{},
        connected().writes(5).close(Outcome::sent, {close_notify()}),
        connected()
            .answers(Call::write, Outcome::done, {data(3)})
            .last<ApiCall>([](ApiCall& api) { api.total = 5; })
            .close(Outcome::sent, {close_notify()}),
        closed()}},
      {"comes-back",
       {{{"call", {"close-write"}}},
        connected().close_write(Outcome::done, {close_notify()}),
        connected().stays_blocked(Call::close_write, Flow::recv),
        nothing}},
      {"wait-is-limited",
       {{{"call", {"close"}}},
        limited().blocks(Call::close, Flow::recv).passes(300).close(Outcome::failed),
        limited().blocks(Call::close, Flow::recv).passes(300).stays_blocked(Call::close, Flow::recv),
        limited().close(Outcome::failed)}},
      {"raises-no-signal",
       {{},
        connected().io(Call::close, Flow::send, -1, "EPIPE").close(Outcome::reset),
        connected().io(Call::close, Flow::send, -1, "EPIPE").add(Signal{Side::subject, "SIGPIPE"}).close(Outcome::reset),
        closed()}},
      {"alert-level",
       {{{"alert", {"error"}}, {"level", {"fatal"}}},
        connected().answers(Call::read, Outcome::failed, {alert(2, 20)}),
        connected().answers(Call::read, Outcome::failed, {alert(1, 20)}),
        closed()}},
      {"written-data-is-received",
       {{},
        connected().writes(5).close(Outcome::sent, {close_notify()}).partner(Call::read, Outcome::end_of_data, 5),
        connected().writes(5).close(Outcome::sent, {close_notify()}).partner(Call::read, Outcome::end_of_data, 4),
        connected().writes(5).partner(Call::read, Outcome::done, 5)}},
      {"early-data-is-ended-as-due",
       {{},
        sends_early(true).answers(Call::handshake, Outcome::done, {handshake_message("EndOfEarlyData"), handshake_message("Finished")}),
        sends_early(true).answers(Call::handshake, Outcome::done, {handshake_message("Finished")}),
        connected()}},
      {"data-intact",
       {{},
        connected().arrives(data(5)).reads(5),
        connected().arrives(data(5)).reads(5).last<ApiCall>([](ApiCall& api) { api.intact = false; }),
        nothing}},
      {"usage-bounded",
       {{{"of", {"descriptors"}}, {"growth", {"0"}}},
        connected().add(Usage{Side::subject, 7, 1000}).add(Usage{Side::subject, 7, 9000}),
        connected().add(Usage{Side::subject, 7, 1000}).add(Usage{Side::subject, 8, 1000}),
        connected().add(Usage{Side::subject, 7, 1000}).add(Usage{Side::partner, 8, 1000})}},
      {"as-without-faults",
       {{{"faults", {"EAGAIN"}}},
        faulty().close(Outcome::done).reference({{1, Call::close, Outcome::done}}),
        faulty().close(Outcome::failed).reference({{1, Call::close, Outcome::done}}),
        faulty().reference({{1, Call::close, Outcome::done}})}},
      {"same-error-wherever-it-ends",
       {{},
        connected().arrives(cut_short(close_notify())).add(cut).reads(Outcome::cut).reference({{1, Call::read, Outcome::cut}}),
        connected().arrives(cut_short(close_notify())).add(cut).reads(Outcome::failed).reference({{1, Call::read, Outcome::cut}}),
        connected().arrives(close_notify()).add(cut).reads(Outcome::failed).reference({{1, Call::read, Outcome::cut}})}},
      {"transport-closed-at-once",
       {{{"call", {"close-write"}}},
        connected().closes(Call::close_write).close_write(Outcome::done, {close_notify()}),
        connected().close_write(Outcome::done, {close_notify()}),
        connected().closes(Call::read).reads(Outcome::failed).close_write(Outcome::done)}},
      {"transport-left-open", {{}, both_closed().script("fin").own_end_seen(), both_closed().own_end_seen(), nothing}},
      {"success-means-reply-received", {{}, both_closed(), closed().close(Outcome::done), closed().close(Outcome::want_read)}},
      {"waits-for-reply",
       {{},
        closed().stays_blocked(Call::close, Flow::recv),
        connected().close(Outcome::done, {close_notify()}),
        connected().arrives(close_notify()).close(Outcome::done)}},
      {"end-of-data-means-close-notify",
       {{},
        at_end().reads(5).reads(Outcome::end_of_data),
        connected().fin_arrives().reads(Outcome::end_of_data),
        connected().fin_arrives().reads(Outcome::cut)}},
      {"truncation-is-told",
       {{},
        connected().fin_arrives().reads(Outcome::cut),
        connected().fin_arrives().close(Outcome::done),
        connected().arrives(close_notify()).fin_arrives().reads(Outcome::end_of_data)}},
      {"data-after-close-notify-ignored",
       {{},
        at_end().arrives(data(7)).reads(5).reads(Outcome::end_of_data),
        at_end().arrives(data(7)).reads(5).reads(7),
        at_end().reads(5)}},
      {"all-data-before-end",
       {{}, at_end().reads(5).reads(Outcome::end_of_data), at_end().reads(4).reads(Outcome::end_of_data), at_end().reads(5)}},
      {"end-of-data-stays",
       {{},
        at_end().reads(5).reads(Outcome::end_of_data).reads(Outcome::end_of_data),
        at_end().reads(5).reads(Outcome::end_of_data).reads(Outcome::cut),
        at_end().reads(5).reads(Outcome::end_of_data)}},
      {"transport-reusable",
       {{},
        both_closed().arrives(raw_bytes("PLAIN")).script("raw-read", "PLAIN"),
        both_closed().arrives(raw_bytes("PLAIN")).script("raw-read", "AIN"),
        both_closed().script("raw-read")}},
      {"success-means-answer-received", {{}, given_half_an_answer(18), given_half_an_answer(0), connected()}},
  };
  return all;
}

TEST(Properties, EachHasARunOnWhichItHoldsALiarThatBreaksItAndARunThatDoesNotReachIt) {
  for (const Property& property : properties()) {
    const auto it = trios().find(property.name);
    ASSERT_NE(it, trios().end()) << property.name << " has no trio of runs";
    const Trio& trio = it->second;
    const auto held = judged(property.name, trio.with, trio.holds);
    EXPECT_EQ(held.kind, Kind::holds) << property.name << ": " << held.says;
    const auto broke = judged(property.name, trio.with, trio.breaks);
    EXPECT_EQ(broke.kind, property.name == "every-call-returns"   ? Kind::crashed
                          : property.name == "repeated-calls-end" ? Kind::hung
                                                                  : Kind::broken)
        << property.name << ": " << broke.says;
    const auto missed = judged(property.name, trio.with, trio.misses);
    EXPECT_EQ(missed.kind, Kind::not_reached) << property.name << ": " << missed.says;
    EXPECT_THAT(held.says, Not(testing::IsEmpty())) << property.name;
    EXPECT_THAT(missed.says, Not(testing::IsEmpty())) << property.name;
  }
  EXPECT_EQ(trios().size(), properties().size());
}

TEST(Properties, AnAlertInTheClearThatSendingStoppedMayBeMadeOfTwo) {
  const Parameters fatal{{"alert", {"error"}}, {"level", {"fatal"}}};
  const auto sends = [&](long took, const Record& record) {
    return judged("alert-level", fatal, Tale().io(Call::close, Flow::send, took, "", true, 7).close(Outcome::sent, {record})).kind;
  };
  EXPECT_EQ(sends(7, in_the_clear(alert(1, 21))), Kind::broken);
  EXPECT_EQ(sends(1, in_the_clear(alert(1, 21))), Kind::not_reached);
  const Transcript later = Tale()
                               .io(Call::close, Flow::send, 1, "", true, 7)
                               .close(Outcome::want_write)
                               .close(Outcome::sent, {in_the_clear(alert(1, 21))});
  EXPECT_EQ(judged("alert-level", fatal, later).kind, Kind::not_reached);
}

TEST(Properties, TheLevelOfAnAlertThatTheApplicationNamedIsItsOwnAndOfOneThatWasDueTheLibrarys) {
  const Parameters fatal{{"alert", {"error"}}, {"level", {"fatal"}}};
  const auto sends = [](Tale tale) { return tale.answers(Call::send_alert, Outcome::done, {alert(1, 20)}); };
  EXPECT_EQ(judged("alert-level", fatal, sends(connected())).kind, Kind::not_reached);
  EXPECT_EQ(judged("alert-level", fatal, sends(connected().option("due-alert"))).kind, Kind::broken);
}

TEST(Properties, AfterAnErrorThatWasToldNoDataIsOwed) {
  const Tale at_end = connected().arrives(data(5)).arrives(close_notify());
  EXPECT_EQ(judged("all-data-before-end", {}, Tale(at_end).reads(Outcome::end_of_data)).kind, Kind::broken);
  EXPECT_EQ(judged("all-data-before-end", {}, Tale(at_end).reads(Outcome::alert).reads(Outcome::end_of_data)).kind, Kind::not_reached);
}

TEST(Properties, AreFoundByName) {
  EXPECT_EQ(find_property("emits")->name, "emits");
  EXPECT_EQ(find_property("emit"), nullptr);
}

TEST(Properties, WhatDependsOnTheWireIsNotReachedWhereItHadNoKeys) {
  const Transcript run = connected().close(Outcome::sent, {unreadable()}).arrives(unreadable()).close(Outcome::done).without_keys();
  for (const std::string_view name :
       {"one-close-notify", "nothing-after-close-notify", "close-notify-is-warning", "success-means-reply-received"}) {
    const Finding finding = judged(name, {}, run);
    EXPECT_EQ(finding.kind, Kind::not_reached) << name;
    EXPECT_EQ(finding.says, no_keys) << name;
  }
  EXPECT_EQ(judged("emits", {{"call", {"close"}}, {"records", {"close_notify"}}}, run).says, no_keys);
}

TEST(Properties, WithoutKeysASilentPeerStillDecides) {
  const Transcript run = connected().close(Outcome::done).without_keys();
  EXPECT_EQ(judged("success-means-reply-received", {}, run).kind, Kind::broken);
  EXPECT_EQ(judged("waits-for-reply", {}, run).kind, Kind::broken);
}

TEST(Properties, GivenIsAskedOfTheCallThatDecides) {
  const Transcript run = connected().close(Outcome::done);
  EXPECT_EQ(judged("success-means-reply-received", {{"given", {"option-tickets"}}}, run).kind, Kind::not_reached);
  EXPECT_EQ(judged("success-means-reply-received", {{"given", {"not option-tickets"}}}, run).kind, Kind::broken);
}

TEST(Answers, ChecksCodesReturnsAndErrnoToo) {
  const Transcript run =
      connected().close(Outcome::failed).last<ApiCall>([](ApiCall& api) { api.code = "E", api.returned = -1, api.error_number = "EPIPE"; });
  const auto kind = [&](std::string_view key, std::string_view value) {
    return judged("answers", {{"call", {"close"}}, {std::string(key), {std::string(value)}}}, run).kind;
  };
  EXPECT_EQ(kind("code", "E"), Kind::holds);
  EXPECT_EQ(kind("code", "F"), Kind::broken);
  EXPECT_EQ(kind("returns", "-1"), Kind::holds);
  EXPECT_EQ(kind("returns", "0"), Kind::broken);
  EXPECT_EQ(kind("errno", "EPIPE"), Kind::holds);
  EXPECT_EQ(kind("errno", "EIO"), Kind::broken);
  EXPECT_EQ(kind("never", "failed"), Kind::broken);
  EXPECT_EQ(kind("never", "done"), Kind::holds);
}

TEST(Answers, SpeaksOfSeveralKindsOfCalls) {
  const Transcript run = connected().close_write(Outcome::failed);
  EXPECT_EQ(judged("answers", {{"call", {"close", "close-write"}}, {"outcome", {"done"}}}, run).kind, Kind::broken);
}

TEST(Answers, ADeathInTheSituationIsTheAnswer) {
  const Parameters with{{"call", {"close"}}, {"outcome", {"done"}}};
  EXPECT_EQ(judged("answers", with, connected().dies(Call::close)).kind, Kind::crashed);
  EXPECT_EQ(judged("answers", with, connected().dies(Call::close, Died::How::spun)).kind, Kind::hung);
  EXPECT_EQ(judged("answers", with, connected().dies(Call::close, Died::How::garbled)).kind, Kind::not_reached);
  EXPECT_EQ(judged("answers", with, connected().dies(Call::read)).kind, Kind::not_reached);
}

TEST(Answers, ACallThatStaysBlockedAnsweredNothing) {
  EXPECT_EQ(judged("answers", {{"call", {"close"}}, {"outcome", {"done"}}}, connected().stays_blocked(Call::close, Flow::recv)).kind,
            Kind::not_reached);
}

TEST(Answers, EvidenceIsTheSituationAndTheCall) {
  const Finding finding = judged("answers", {{"call", {"close"}}, {"given", {"fin-arrived"}}, {"outcome", {"cut"}}},
                                 connected().fin_arrives().close(Outcome::done));
  EXPECT_THAT(finding.evidence, ElementsAre(6, 7));
  EXPECT_EQ(finding.says, "close answered done, not cut");
}

TEST(Emits, UnderstandsAlternativesNothingAndMore) {
  const auto kind = [](std::vector<std::string> records, std::initializer_list<Record> sends) {
    return judged("emits", {{"call", {"close"}}, {"records", std::move(records)}}, connected().close(Outcome::sent, sends)).kind;
  };
  EXPECT_EQ(kind({"nothing"}, {}), Kind::holds);
  EXPECT_EQ(kind({"nothing"}, {close_notify()}), Kind::broken);
  EXPECT_EQ(kind({"nothing|close_notify"}, {close_notify()}), Kind::holds);
  EXPECT_EQ(kind({"nothing|close_notify"}, {}), Kind::holds);
  EXPECT_EQ(kind({"nothing|close_notify"}, {internal_error}), Kind::broken);
  EXPECT_EQ(kind({"fatal-alert", "close_notify"}, {internal_error, close_notify()}), Kind::holds);
  EXPECT_EQ(kind({"fatal-alert"}, {alert(2, 0)}), Kind::broken);
  EXPECT_EQ(kind({"close_notify"}, {close_notify(), close_notify()}), Kind::broken);
  EXPECT_EQ(kind({"close_notify", "..."}, {close_notify(), close_notify()}), Kind::holds);
  EXPECT_EQ(kind({"application_data", "..."}, {close_notify(), data(5)}), Kind::broken);
  EXPECT_EQ(kind({"bad_record_mac"}, {alert(2, 20)}), Kind::holds);
}

TEST(Emits, WhatTheWireDidWithARecordIsNotTheSubjectsFault) {
  const Transcript run =
      connected().io(Call::close, Flow::send, 24).close(Outcome::sent).sent(close_notify(), false).sent(but(data(5), [](Record& it) {
        it.made = true;
      }));
  EXPECT_EQ(judged("emits", {{"call", {"close"}}, {"records", {"close_notify"}}}, run).kind, Kind::holds);
  EXPECT_EQ(judged("nothing-after-close-notify", {}, run).kind, Kind::holds);
}

TEST(Emits, ACallThatWaitsForGoodHasSentWhatItHasSent) {
  const Transcript run = connected().io(Call::close, Flow::send, 24).stays_blocked(Call::close, Flow::recv).sent(close_notify());
  EXPECT_EQ(judged("emits", {{"call", {"close"}}, {"records", {"close_notify"}}}, run).kind, Kind::holds);
  const Transcript full = connected().stays_blocked(Call::close, Flow::send);
  EXPECT_EQ(judged("emits", {{"call", {"close"}}, {"records", {"close_notify"}}}, full).kind, Kind::not_reached);
}

TEST(Emits, ARequestForNewKeysIsAnsweredWithAnyCall) {
  const Tale asked = connected().arrives(handshake_message("KeyUpdate"));
  const Transcript run = Tale(asked).answers(Call::read, Outcome::failed, {handshake_message("KeyUpdate"), internal_error});
  EXPECT_EQ(judged("emits", {{"call", {"read"}}, {"records", {"fatal-alert"}}}, run).kind, Kind::not_reached);
  EXPECT_EQ(judged("emits", {{"call", {"read"}}, {"given", {"key-update-arrived"}}, {"records", {"fatal-alert"}}}, run).kind, Kind::broken);
}

TEST(Emits, WhatAnEarlierWriteHadAnsweredForGoesOutFirst) {
  const auto closes = [](std::initializer_list<Record> sends) {
    const Tale writes = connected().answers(Call::write, Outcome::done).last<ApiCall>([](ApiCall& api) { api.bytes = api.total = 9; });
    return judged("emits", {{"call", {"close-write"}}, {"records", {"close_notify"}}}, Tale(writes).close_write(Outcome::done, sends)).kind;
  };
  EXPECT_EQ(closes({data(10), close_notify()}), Kind::holds);
  EXPECT_EQ(closes({close_notify(), data(10)}), Kind::broken);
  EXPECT_EQ(closes({data(9), data(9), close_notify()}), Kind::broken) << "that had not been written";
  EXPECT_EQ(closes({data(9)}), Kind::broken);
}

TEST(Emits, WhatIsStillOnItsWayIsNotMissing) {
  const Transcript run = connected().io(Call::close, Flow::send, 24).close(Outcome::sent);
  EXPECT_EQ(judged("emits", {{"call", {"close"}}, {"records", {"close_notify"}}}, run).kind, Kind::not_reached);
}

TEST(Emits, APieceOfARecordIsNoRecordOfALaterCall) {
  // The write's record never went out whole, and shows only when the transport ends.
  Record piece = data(10);
  piece.missing = piece.wire_bytes - 5;
  const Transcript run = connected()
                             .io(Call::write, Flow::send, 5, {}, true, 32)
                             .answers(Call::write, Outcome::want_write)
                             .close(Outcome::failed)
                             .script("hangup")
                             .sent(piece);
  const Facts facts(run);
  EXPECT_TRUE(facts.sent().empty() || facts.sent().back().record->missing == 0);
  EXPECT_EQ(judged("emits", {{"call", {"close"}}, {"records", {"nothing"}}}, run).kind, Kind::not_reached) << "the write was left undone";
  EXPECT_EQ(judged("emits", {{"call", {"write"}}, {"records", {"nothing"}}}, run).kind, Kind::not_reached);
}

TEST(SuccessMeansOwnCloseNotifySent, AsDoesAskingForTheReply) {
  const Parameters with{{"call", {"close"}}};
  EXPECT_EQ(judged("success-means-own-close-notify-sent", with, connected().close(Outcome::want_read)).kind, Kind::broken);
  EXPECT_EQ(judged("success-means-own-close-notify-sent", with, connected().stays_blocked(Call::close, Flow::recv)).kind, Kind::broken);
  const Transcript unseen = connected().io(Call::close, Flow::send, 24).close(Outcome::done);
  EXPECT_EQ(judged("success-means-own-close-notify-sent", with, unseen).kind, Kind::not_reached) << "the wire never saw it";
  // A stream whose records cannot be told apart any more, as behind a write that went on in the middle of another record.
  const auto spoilt = connected().answers(Call::write, Outcome::done, {garbage()}).answers(Call::read, Outcome::want_read, {raw_bytes("x")});
  EXPECT_EQ(judged("success-means-own-close-notify-sent", with, Tale(spoilt).close(Outcome::done, {raw_bytes("alert")})).kind, Kind::not_reached);
  EXPECT_EQ(judged("emits", {{"call", {"close"}}, {"records", {"close_notify"}}}, Tale(spoilt).close(Outcome::done, {raw_bytes("alert")})).kind,
            Kind::not_reached);
  // What the closing call spoilt itself is its own: half an alert, and then the next one.
  const auto own = connected().close(Outcome::want_write).close(Outcome::done, {raw_bytes("alert")});
  EXPECT_EQ(judged("success-means-own-close-notify-sent", with, own).kind, Kind::broken);
  const Transcript after_an_error = connected().reads(Outcome::failed).close(Outcome::done);
  EXPECT_EQ(judged("success-means-own-close-notify-sent", with, after_an_error).kind, Kind::not_reached) << "none is owed";
}

TEST(SuccessMeansOwnCloseNotifySent, BehindAnUnfinishedWriteOnlyWhereTheClauseSpeaksOfThat) {
  const Transcript run = connected().answers(Call::write, Outcome::want_write).close(Outcome::done);
  EXPECT_EQ(judged("success-means-own-close-notify-sent", {{"call", {"close"}}}, run).kind, Kind::not_reached);
  const Parameters with{{"call", {"close"}}, {"given", {"write-unfinished"}}};
  EXPECT_EQ(judged("success-means-own-close-notify-sent", with, run).kind, Kind::broken);
}

TEST(Unfinished, WhateverTheCallWasWhatComesInsteadIsUnclear) {
  const Parameters with{{"call", {"close-write"}}, {"records", {"close_notify"}}};
  const auto left = [](Call call, Outcome outcome) {
    return connected()
        .io(call, Flow::send, -1, "EAGAIN", true)
        .answers(call, outcome)
        .answers(Call::close_write, Outcome::done, {handshake_message("KeyUpdate"), close_notify()});
  };
  EXPECT_EQ(judged("emits", with, left(Call::key_update, Outcome::want_write)).kind, Kind::not_reached);
  EXPECT_EQ(judged("emits", with, left(Call::key_update, Outcome::failed)).kind, Kind::not_reached) << "it could not send all";
  EXPECT_EQ(judged("emits", with, left(Call::write, Outcome::want_write)).kind, Kind::not_reached);
  EXPECT_EQ(judged("emits", with, left(Call::key_update, Outcome::done)).kind, Kind::not_reached) << "the KeyUpdate was still to come";
}

TEST(Unfinished, AnEndThatTheScriptMadeUpIsNoEndAndNoReply) {
  const Tale made_up = Tale().option("ignore-eof").handshake().close(Outcome::sent).io(Call::close, Flow::recv, 0, "", true);
  const Transcript run = Tale(made_up).close(Outcome::sent).close(Outcome::done);
  for (const char* property : {"waits-for-reply", "success-means-reply-received"})
    EXPECT_NE(judged(property, {}, run).kind, Kind::broken) << property;
}

TEST(Unfinished, WhatTheOtherSidesLibraryWasToldIsNoProofOfWhatItRead) {
  const auto told = [](Call call) {
    return connected()
        .writes(5)
        .close_write(Outcome::done, {close_notify()})
        .partner(call, Outcome::done)
        .partner(Call::read, Outcome::end_of_data);
  };
  EXPECT_EQ(judged("written-data-is-received", {}, told(Call::peek)).kind, Kind::broken);
  EXPECT_EQ(judged("written-data-is-received", {}, told(Call::set)).kind, Kind::not_reached);
  EXPECT_EQ(judged("written-data-is-received", {}, told(Call::clear)).kind, Kind::not_reached);
}

TEST(Unfinished, WhatTheOtherSideReadsBehindACloseOfItsOwnIsItsOwnAffair) {
  const auto writes = [] { return connected().writes(5).close_write(Outcome::done, {close_notify()}); };
  const auto received = [](Tale tale) {
    return judged("written-data-is-received", {}, tale.partner(Call::read, Outcome::end_of_data)).kind;
  };
  const auto intact = [](Tale tale) {
    return judged("data-intact", {}, tale.partner(Call::read, Outcome::done, 2).last<ApiCall>([](ApiCall& api) { api.intact = false; }))
        .kind;
  };
  const Tale once = writes().partner(Call::close_write, Outcome::done);
  for (const auto& judged_so : {std::function<Kind(Tale)>(received), std::function<Kind(Tale)>(intact)}) {
    EXPECT_EQ(judged_so(once), Kind::broken);
    EXPECT_EQ(judged_so(writes().partner(Call::close, Outcome::sent)), Kind::not_reached);
    EXPECT_EQ(judged_so(Tale(once).partner(Call::close_write, Outcome::done)), Kind::not_reached) << "the second may be a two-way one";
    EXPECT_EQ(judged_so(writes().add(Asked{Side::partner, "io", {}, {}})), Kind::not_reached);
    EXPECT_EQ(judged_so(writes().add(RawCall{Side::partner, "raw-read", 27, {}, {}})), Kind::not_reached);
  }
}

TEST(Unfinished, WhichKeysComeBehindAKeyUpdateInTheHandshakeNobodyKnows) {
  const auto of_the_handshake = [](Record record) { return but(std::move(record), [](Record& it) { it.established = false; }); };
  const auto sends = [&](Record first) {
    return judged("sends-readable-records", {}, Tale().answers(Call::key_update, Outcome::done, {std::move(first), garbage()})).kind;
  };
  EXPECT_EQ(sends(handshake_message("KeyUpdate")), Kind::broken);
  EXPECT_EQ(sends(of_the_handshake(handshake_message("Certificate"))), Kind::broken);
  EXPECT_NE(sends(of_the_handshake(handshake_message("KeyUpdate"))), Kind::broken);
}

TEST(SendsReadableRecords, AnAlertInTheClearIsOneOnlyBeforeThereAreKeys) {
  const auto closes = [](Tale tale) {
    return judged("sends-readable-records", {}, tale.close(Outcome::sent, {in_the_clear(close_notify())})).kind;
  };
  EXPECT_EQ(closes(connected().writes(5)), Kind::broken);
  EXPECT_EQ(closes(connected()), Kind::not_reached);
  EXPECT_EQ(closes(connected().sent(unreadable())), Kind::not_reached) << "what nobody can read may be under no keys at all";
  EXPECT_EQ(closes(connected().writes(5).answers(Call::handshake, Outcome::want_read, {in_the_clear(handshake_message("ClientHello"))})),
            Kind::holds)
      << "another handshake has begun";
}

TEST(Unfinished, ATransportThatTheScriptEndedBeforeThisSessionWasNotEndedByTheLibrary) {
  const auto closes = [](Tale tale) {
    return judged("transport-left-open", {}, tale.handshake().close_write(Outcome::failed).own_end_seen()).kind;
  };
  EXPECT_EQ(closes(connected().new_session()), Kind::broken);
  EXPECT_NE(closes(connected().script("hangup").new_session()), Kind::broken);
  EXPECT_EQ(closes(connected().script("hangup").new_session(false)), Kind::broken);
}

TEST(Emits, AnAlertWaitsBehindWhatAnotherCallCouldNotSend) {
  const Parameters with{{"call", {"read"}}, {"given", {"damaged-record-arrived"}}, {"records", {"bad_record_mac"}}};
  const Tale blocked = connected().io(Call::close_write, Flow::send, -1, "EAGAIN", true).answers(Call::close_write, Outcome::want_write);
  EXPECT_EQ(judged("emits", with, connected().arrives(damaged(data(1))).reads(Outcome::failed)).kind, Kind::broken);
  EXPECT_EQ(judged("emits", with, Tale(blocked).arrives(damaged(data(1))).reads(Outcome::failed)).kind, Kind::not_reached);
}

TEST(Unfinished, AnEndThatTheSubjectDidNotSendIsTheOtherSidesOwn) {
  const auto read = [](Tale tale) { return judged("written-data-is-received", {}, tale.partner(Call::read, Outcome::end_of_data)).kind; };
  const auto closed = [] { return connected().writes(5).close_write(Outcome::done, {close_notify()}); };
  EXPECT_EQ(read(closed()), Kind::broken);
  EXPECT_EQ(read(connected().writes(5)), Kind::not_reached) << "the other side takes a bare end for a clean one";
  EXPECT_EQ(read(closed().add(Asked{Side::partner, "io", {}, {}})), Kind::not_reached) << "its transport was made to end";
}

TEST(Unfinished, WhatAWriteHasSentThatTheClauseDoesNotSpeakOfIsNotTooMuch) {
  const auto read = [](const Parameters& with, std::size_t total) {
    const Tale tale = connected().writes(5).arrives(data(1)).reads(1).writes(3).close_write(Outcome::done, {close_notify()});
    return judged("written-data-is-received", with, Tale(tale).partner(Call::read, Outcome::end_of_data, total)).kind;
  };
  const Parameters before_data{{"given", {"not data-arrived"}}};
  EXPECT_EQ(read({}, 8), Kind::holds);
  EXPECT_EQ(read({}, 9), Kind::broken);
  EXPECT_EQ(read(before_data, 8), Kind::not_reached);
  EXPECT_EQ(read(before_data, 4), Kind::broken) << "what it speaks of was lost";
}

TEST(Unfinished, DataBehindAnEndThatTheScriptMadeUpIsOwedByNobody) {
  const auto read = [](bool made_up) {
    return Tale(Tls::v1_3)
        .option("ignore-eof")
        .handshake()
        .arrives(data(10))
        .arrives(close_notify())
        .io(Call::read, Flow::recv, 0, "", made_up)
        .reads(Outcome::end_of_data);
  };
  EXPECT_EQ(judged("all-data-before-end", {}, read(false)).kind, Kind::broken);
  EXPECT_EQ(judged("all-data-before-end", {}, read(true)).kind, Kind::not_reached);
}

TEST(Unfinished, DataBehindAWriteThatWasNotMadeAgainIsNobodysFault) {
  const auto read = [](Tale tale) {
    return tale.partner(Call::read, Outcome::done, 2).last<ApiCall>([](ApiCall& api) { api.bytes = 2, api.intact = false; });
  };
  EXPECT_EQ(judged("data-intact", {}, read(connected().writes(2))).kind, Kind::broken);
  const Tale left = connected().io(Call::write, Flow::send, -1, "EAGAIN", true).answers(Call::write, Outcome::want_write);
  EXPECT_EQ(judged("data-intact", {}, read(Tale(left).close_write(Outcome::done, {data(2)}))).kind, Kind::not_reached);
  const Tale of_a_read = connected().io(Call::read, Flow::send, -1, "EAGAIN", true).answers(Call::read, Outcome::want_write);
  EXPECT_EQ(judged("data-intact", {}, read(Tale(of_a_read).writes(2))).kind, Kind::broken) << "what a read had to send is no data";
}

TEST(Unfinished, ACallThatAFaultMadePauseHasNotSaidItsLastWord) {
  const auto closes = [](bool injected, const Parameters& with, std::string_view property = "answers") {
    return judged(property, with, connected().io(Call::close, Flow::recv, -1, "EAGAIN", injected).close(Outcome::want_read)).kind;
  };
  const Parameters never{{"call", {"close"}}, {"given", {"handshake-done"}}, {"never", {"want-read"}}};
  const Parameters emits{{"call", {"close"}}, {"given", {"handshake-done"}}, {"records", {"close_notify"}}};
  EXPECT_EQ(closes(false, never), Kind::broken);
  EXPECT_EQ(closes(true, never), Kind::not_reached);
  EXPECT_EQ(closes(true, {{"call", {"close"}}, {"given", {"recv-would-block"}}, {"never", {"want-read"}}}), Kind::broken);
  EXPECT_EQ(closes(false, emits, "emits"), Kind::broken);
  EXPECT_EQ(closes(true, emits, "emits"), Kind::not_reached);
}

TEST(Unfinished, WhatTheTransportKeptACallFromIsNotHeldAgainstItsAnswer) {
  const auto answers = [](Io io, bool injected, const std::vector<std::string>& given) {
    const Transcript run = Tale(Tls::v1_3, io).handshake().io(Call::read, Flow::recv, -1, "EAGAIN", injected).reads(Outcome::failed);
    return judged("answers", {{"call", {"read"}}, {"given", given}, {"never", {"failed"}}}, run).kind;
  };
  EXPECT_EQ(answers(Io::blocking, true, {"handshake-done"}), Kind::not_reached);
  EXPECT_EQ(answers(Io::blocking, true, {"recv-would-block"}), Kind::broken);
  EXPECT_EQ(answers(Io::blocking, false, {"handshake-done"}), Kind::broken);
  EXPECT_EQ(answers(Io::nonblocking, true, {"handshake-done"}), Kind::broken);

  const auto owing = [](Call call, std::string_view given) {
    const Transcript run =
        connected().arrives(close_notify()).io(call, Flow::send, -1, "EPIPE").answers(call, Outcome::reset);
    return judged("answers", {{"call", {std::string(spell(call))}}, {"given", {std::string(given)}}, {"never", {"reset"}}}, run).kind;
  };
  EXPECT_EQ(owing(Call::read, "handshake-done"), Kind::not_reached);
  EXPECT_EQ(owing(Call::read, "send-broken"), Kind::broken);
  EXPECT_EQ(owing(Call::close, "handshake-done"), Kind::broken);
}

TEST(Unfinished, ACallBehindOneThatHasStillToSendMayWaitForIt) {
  const Parameters never{{"call", {"read"}}, {"given", {"handshake-done"}}, {"never", {"want-write"}}};
  EXPECT_EQ(judged("answers", never, connected().reads(Outcome::want_write)).kind, Kind::broken);
  EXPECT_EQ(judged("answers", never, connected().extra(Call::key_update, {}, Outcome::want_write).reads(Outcome::want_write)).kind,
            Kind::not_reached);
}

TEST(Unfinished, WhatLayUnreadBehindAMadeUpEndHadNotArrivedBeforeTheCallEither) {
  const Parameters given{{"call", {"read"}}, {"given", {"already close-notify-arrived"}}, {"outcome", {"end-of-data"}}};
  const auto reads = [&](bool made_up) {
    return judged("answers", given, connected().arrives(close_notify()).io(Call::read, Flow::recv, 0, "", made_up).reads(Outcome::cut))
        .kind;
  };
  EXPECT_EQ(reads(false), Kind::broken);
  EXPECT_EQ(reads(true), Kind::not_reached);
}

TEST(Unfinished, AMadeUpEndInsideARecordLeavesAPartOfIt) {
  const Parameters given{{"call", {"read"}}, {"given", {"recv-eof", "not partial-record-arrived"}}, {"outcome", {"cut"}}};
  const auto reads = [&](long received) {
    return judged("answers", given,
                  connected()
                      .arrives(data(10))
                      .io(Call::read, Flow::recv, received)
                      .io(Call::read, Flow::recv, 0, "", true)
                      .reads(Outcome::failed))
        .kind;
  };
  EXPECT_EQ(reads(static_cast<long>(data(10).wire_bytes)), Kind::broken);
  EXPECT_EQ(reads(5), Kind::not_reached);
}

TEST(Unfinished, AShortCountThatIsNoShorterIsNotAFault) {
  const Parameters given{{"call", {"close"}}, {"given", {"fault-injected"}}, {"outcome", {"want-write"}}};
  const auto closes = [&](std::size_t asked) {
    return judged("answers", given, connected().io(Call::close, Flow::send, 24, "", true, asked).close(Outcome::sent)).kind;
  };
  EXPECT_EQ(closes(31), Kind::broken);
  EXPECT_EQ(closes(24), Kind::not_reached);
}

TEST(Unfinished, WhatCameBehindATransientFaultMayBeTheCauseOfAFailure) {
  const auto closes = [](bool ticket) {
    Tale tale = connected().io(Call::close, Flow::recv, -1, "EAGAIN", true).close(Outcome::want_read);
    if (ticket) tale.arrives(handshake_message("NewSessionTicket"));
    return judged("transient-faults-leave-no-trace", {{"call", {"close"}}}, tale.close(Outcome::failed)).kind;
  };
  EXPECT_EQ(closes(false), Kind::broken);
  EXPECT_EQ(closes(true), Kind::not_reached);
}

TEST(Unfinished, WhatIsNotGenuineAndCameBehindATransientFaultMayBeTheCauseOfAFailure) {
  const auto reads = [](std::size_t bytes) {
    Tale tale = connected().io(Call::read, Flow::recv, -1, "EAGAIN", true).reads(Outcome::want_read).arrives(data(bytes));
    return judged("transient-faults-leave-no-trace", {{"call", {"read"}}}, tale.reads(Outcome::failed)).kind;
  };
  EXPECT_EQ(reads(16384), Kind::broken);
  EXPECT_EQ(reads(16385), Kind::not_reached) << "longer than TLS allows";
}

TEST(Direction, WhatBrokeIsNotWhatACallWaitsFor) {
  const auto closes = [](std::string error) {
    return judged("direction-matches", {{"call", {"close"}}},
                  connected().io(Call::close, Flow::send, -1, std::move(error)).close(Outcome::want_read))
        .kind;
  };
  EXPECT_EQ(closes("EAGAIN"), Kind::broken);
  EXPECT_EQ(closes("EPIPE"), Kind::not_reached);
}

TEST(DataAfterTheEnd, IsGivenOnlyByWhoTookItFromTheTransport) {
  const auto kind = [](bool takes_it, std::size_t then_reads) {
    Tale tale = Tale().arrives(but(in_the_clear(handshake_message("ServerHello")), [](Record& it) { it.wire_bytes = 900; })).handshake();
    tale.arrives(close_notify()).arrives(data(5)).io(Call::read, Flow::recv, 24);
    if (takes_it) tale.io(Call::read, Flow::recv, 27);
    tale.reads(Outcome::end_of_data);
    if (then_reads > 0) tale.reads(then_reads);
    return judged("data-after-close-notify-ignored", {}, tale).kind;
  };
  EXPECT_EQ(kind(true, 0), Kind::holds);
  EXPECT_EQ(kind(true, 5), Kind::broken);
  EXPECT_EQ(kind(false, 0), Kind::holds);
  EXPECT_EQ(kind(false, 6), Kind::holds) << "what the second read gave is made up: the data lies on the transport";
}

TEST(AsWithoutFaults, AReadThatTheOtherSideWasNotReadyForIsNoTraceOfTheFault) {
  const auto kind = [](bool skipped) {
    Tale tale = connected().io(Call::handshake, Flow::send, -1, "EAGAIN", true).next_line();
    if (skipped) tale.add(NotDone{Side::partner, "write", "it is still blocked on recv in handshake", false});
    return judged("as-without-faults", {{"faults", {"EAGAIN"}}},
                  tale.next_line().reads(Outcome::failed).reference({{3, Call::read, Outcome::done}}))
        .kind;
  };
  EXPECT_EQ(kind(false), Kind::broken);
  EXPECT_EQ(kind(true), Kind::not_reached);
}

TEST(SuccessMeansOwnCloseNotifySent, HalfARecordThatTheLibraryEndsItsStreamInHidesNone) {
  const auto kind = [](auto ends) {
    Tale tale = connected().io(Call::write, Flow::send, 5, {}, true, 32).answers(Call::write, Outcome::done);
    tale.close(Outcome::done);
    ends(tale);
    return judged("success-means-own-close-notify-sent", {{"call", {"close"}}},
                  tale.sent(but(data(10), [](Record& it) { it.missing = it.wire_bytes - 5; })))
        .kind;
  };
  EXPECT_EQ(kind([](Tale& tale) { tale.own_end_seen(); }), Kind::broken);
  EXPECT_EQ(kind([](Tale& tale) { tale.script("fin").own_end_seen(); }), Kind::not_reached) << "the script ended it";
  EXPECT_EQ(kind([](Tale&) {}), Kind::not_reached);
}

TEST(DataIntact, OtherDataBeginsWhenAnObjectIsCleared) {
  const auto reads = [](bool cleared) {
    Tale tale = connected().reads(5);
    if (cleared) tale.extra(Call::clear);
    return judged("data-intact", {}, tale.reads(6).last<ApiCall>([](ApiCall& api) { api.intact = false; })).kind;
  };
  EXPECT_EQ(reads(false), Kind::broken);
  EXPECT_EQ(reads(true), Kind::holds);
}

TEST(Shows, AFlagIsAskedForWhereTheCallAnsweredSo) {
  const auto shown = [](Outcome outcome) {
    return judged("shows", {{"call", {"close"}}, {"flag", {"shutdown"}}, {"is", {"SENT"}}, {"outcome", {"done"}}},
                  connected().close(outcome).last<ApiCall>([](ApiCall& api) { api.state = {{"shutdown", "none"}}; }))
        .kind;
  };
  EXPECT_EQ(shown(Outcome::done), Kind::broken);
  EXPECT_EQ(shown(Outcome::failed), Kind::not_reached);
}

TEST(DataIntact, WhatAPeekShowsIsWhatTheOtherSideWrote) {
  const auto sees = [](bool intact) {
    return judged("data-intact", {}, connected().arrives(data(5)).answers(Call::peek, Outcome::done).last<ApiCall>([&](ApiCall& api) {
             api.bytes = 5;
             api.intact = intact;
           })).kind;
  };
  EXPECT_EQ(sees(true), Kind::holds);
  EXPECT_EQ(sees(false), Kind::broken);
}

TEST(EndOfDataMeansCloseNotify, AQuietCloseOfEitherKindTakesTheEndForGranted) {
  const auto reads = [](Tale tale) { return judged("end-of-data-means-close-notify", {}, tale.reads(Outcome::end_of_data)).kind; };
  EXPECT_EQ(reads(connected()), Kind::broken);
  EXPECT_EQ(reads(Tale().option("quiet-shutdown").handshake().close_write(Outcome::done)), Kind::not_reached);
  const Tale off = Tale().option("quiet-shutdown").handshake().extra(Call::set, "quiet-shutdown off");
  EXPECT_EQ(reads(Tale(off).close(Outcome::done, {close_notify()})), Kind::broken);
  EXPECT_EQ(reads(Tale(off).close(Outcome::done)), Kind::not_reached) << "it may have stayed on";
}

TEST(AllDataBeforeEnd, ASecondOneWayCloseMayWaitAndThrowDataAway) {
  const auto reads = [](int closes) {
    Tale tale = connected().arrives(data(10)).arrives(close_notify());
    for (int i = 0; i < closes; ++i) tale.close_write(Outcome::done);
    return judged("all-data-before-end", {}, tale.reads(Outcome::end_of_data)).kind;
  };
  EXPECT_EQ(reads(1), Kind::broken);
  EXPECT_EQ(reads(2), Kind::not_reached);
}

TEST(CloseNotifyIsWarning, AnAlertOfTheApplicationsOwnIsNotTheLibrarys) {
  const Record fatal = but(close_notify(), [](Record& it) { it.alert->level = 2; });
  EXPECT_EQ(judged("close-notify-is-warning", {}, connected().close(Outcome::sent, {fatal})).kind, Kind::broken);
  EXPECT_EQ(
      judged("close-notify-is-warning", {}, connected().extra(Call::send_alert, "2 0", Outcome::want_write).close(Outcome::sent, {fatal}))
          .kind,
      Kind::not_reached);
}

TEST(AuthenticTraffic, ARecordLongerThanTlsAllowsAndAMessageForTheOtherRoleAreNot) {
  const Parameters given{{"call", {"close"}}, {"given", {"authentic-traffic"}}, {"never", {"failed"}}};
  const auto closes = [&](Tale tale) { return judged("answers", given, tale.close(Outcome::failed)).kind; };
  EXPECT_EQ(closes(connected().arrives(data(16384))), Kind::broken);
  EXPECT_EQ(closes(connected().arrives(data(16385))), Kind::not_reached);
  EXPECT_EQ(closes(connected().arrives(handshake_message("NewSessionTicket"))), Kind::broken);
  EXPECT_EQ(closes(connected().as_server().arrives(handshake_message("NewSessionTicket"))), Kind::not_reached);
  const Record piece = but(handshake_message("KeyUpdate"), [](Record& it) { it.content = "\x18", it.content_bytes = 1; });
  EXPECT_EQ(closes(connected().arrives(handshake_message("KeyUpdate"))), Kind::broken);
  EXPECT_EQ(closes(connected().arrives(piece)), Kind::not_reached);
}

TEST(Unfinished, ARetryWithOtherArgumentsIsAnotherCall) {
  const auto asks = [](std::size_t size) { return Asked{Side::subject, "write", Call::write, {}, Until::once, size}; };
  const auto twice = [&](std::size_t size) {
    return connected()
        .add(asks(100))
        .answers(Call::write, Outcome::want_write)
        .next_line()
        .add(asks(size))
        .writes(size)
        .close(Outcome::sent, {close_notify()})
        .close(Outcome::done);
  };
  const Parameters with{{"call", {"close"}}, {"given", {"close-sent"}}, {"outcome", {"failed"}}};
  EXPECT_EQ(judged("answers", with, twice(100)).kind, Kind::broken);
  EXPECT_EQ(judged("answers", with, twice(50)).kind, Kind::not_reached);
}

TEST(OneCloseNotify, CountsTwoInOneRecord) {
  const Record two = but(close_notify(), [](Record& it) { it.alert.reset(), it.content = std::string("\x01\x00\x01\x00", 4); });
  EXPECT_EQ(judged("one-close-notify", {}, connected().close(Outcome::sent, {two})).kind, Kind::broken);
}

TEST(NothingAfterCloseNotify, WhatTheScriptWritesPastTlsIsNotTheLibrarys) {
  const Transcript run = connected().close(Outcome::sent, {close_notify()}).script("raw-write", "PLAIN").sent(raw_bytes("PLAIN"));
  EXPECT_EQ(judged("nothing-after-close-notify", {}, run).kind, Kind::holds);
}

TEST(NothingAfterCloseNotify, WhatTheApplicationBroughtAboutIsNotTheLibrarys) {
  const auto closed = [] { return connected().close(Outcome::sent, {close_notify()}); };
  const auto flags_set = [&] { return closed().extra(Call::set, "shutdown none").close(Outcome::sent, {close_notify()}); };
  EXPECT_EQ(judged("nothing-after-close-notify", {}, flags_set()).kind, Kind::holds) << "it was told that it had sent none";
  EXPECT_EQ(judged("one-close-notify", {}, flags_set()).kind, Kind::holds);
  const auto alerted = [&] { return closed().answers(Call::send_alert, Outcome::done, {internal_error}); };
  EXPECT_EQ(judged("nothing-after-close-notify", {}, alerted()).kind, Kind::holds) << "the application named the alert";
  EXPECT_EQ(judged("nothing-after-close-notify", {}, alerted().option("due-alert")).kind, Kind::broken) << "the library chose it";
}

TEST(NothingAfterCloseNotify, SpeaksOfRecordsThatTheApplicationCarriesToTheTransport) {
  const auto over_memory = [] { return Tale().option("memory-bio").handshake().close(Outcome::sent, {close_notify()}); };
  EXPECT_EQ(judged("nothing-after-close-notify", {}, over_memory()).kind, Kind::holds);
  EXPECT_EQ(judged("nothing-after-close-notify", {}, over_memory().writes(5)).kind, Kind::broken);
  EXPECT_EQ(judged("one-close-notify", {}, over_memory().close(Outcome::done, {close_notify()})).kind, Kind::broken);
}

TEST(SuccessMeansOwnCloseNotifySent, NothingGoesOutOnATransportThatHasBroken) {
  const auto read_answered_the_end = [](std::string error) {
    return connected()
        .fin_arrives()
        .io(Call::read, Flow::send, -1, error, false, 31)
        .reads(Outcome::end_of_data)
        .close_write(Outcome::done);
  };
  const Parameters with{{"call", {"close-write"}}};
  EXPECT_EQ(judged("success-means-own-close-notify-sent", with, read_answered_the_end("EPIPE")).kind, Kind::not_reached);
  EXPECT_EQ(judged("success-means-own-close-notify-sent", with, read_answered_the_end("EAGAIN")).kind, Kind::broken);
}

TEST(SuccessMeansOwnCloseNotifySent, OneThatWentOutInTheHandshakeWasSent) {
  Tale tale;
  tale.close(Outcome::sent, {in_the_clear(close_notify())}).handshake().close(Outcome::want_read);
  EXPECT_EQ(judged("success-means-own-close-notify-sent", {{"call", {"close"}}}, tale).kind, Kind::not_reached);
}

TEST(CloseNotifyBeforeEnd, AnErrorBeforeExcuses) {
  const Transcript alerted = connected().arrives(internal_error).close(Outcome::done).script("fin").own_end_seen();
  const Transcript alerting = connected().reads(Outcome::failed).sent(internal_error).close(Outcome::done).script("fin").own_end_seen();
  const Transcript quiet = Tale().option("quiet-shutdown").handshake().close(Outcome::done).script("fin").own_end_seen();
  for (const Transcript& run : {alerted, alerting, quiet}) EXPECT_EQ(judged("close-notify-before-end", {}, run).kind, Kind::not_reached);
}

TEST(WrittenDataArrivesFirst, AWriteThatIsNotFinishedMayHaveSentMore) {
  const Transcript run = connected().writes(5).answers(Call::write, Outcome::want_write, {data(9)}).close(Outcome::sent, {close_notify()});
  EXPECT_EQ(judged("written-data-arrives-first", {}, run).kind, Kind::not_reached);
  EXPECT_EQ(judged("written-data-arrives-first", {{"given", {"write-unfinished"}}}, run).kind, Kind::holds);
  const Transcript twice = connected().writes(5).sent(data(5)).close(Outcome::sent, {close_notify()});
  EXPECT_EQ(judged("written-data-arrives-first", {}, twice).kind, Kind::broken);
}

TEST(WrittenDataArrivesFirst, AWriteThatWasHeldUpMayHaveTakenMoreThanItSaid) {
  for (const std::string error : {"EAGAIN", "EINTR"}) {
    const Transcript run =
        connected().io(Call::write, Flow::send, -1, error, true, 24).writes(1).sent(data(1)).close(Outcome::sent, {close_notify()});
    EXPECT_EQ(judged("written-data-arrives-first", {}, run).kind, Kind::holds) << error;
  }
}

TEST(TransportLeftOpen, ADeadProcessHasNoTransport) {
  EXPECT_EQ(judged("transport-left-open", {}, connected().close(Outcome::done).dies(Call::read).own_end_seen()).kind, Kind::not_reached);
}

TEST(SuccessMeansReplyReceived, WithIgnoreEofABareEndWillDo) {
  const Transcript run = Tale().option("ignore-eof").handshake().fin_arrives().close(Outcome::done);
  EXPECT_EQ(judged("success-means-reply-received", {}, run).kind, Kind::holds);
  EXPECT_EQ(judged("success-means-reply-received", {}, connected().fin_arrives().close(Outcome::done)).kind, Kind::broken);
}

TEST(SuccessMeansReplyReceived, QuietShutdownAndNoHandshakeAreOtherQuestions) {
  EXPECT_EQ(judged("success-means-reply-received", {}, Tale().option("quiet-shutdown").handshake().close(Outcome::done)).kind,
            Kind::not_reached);
  EXPECT_EQ(judged("success-means-reply-received", {}, Tale().close(Outcome::done)).kind, Kind::not_reached);
}

TEST(SuccessMeansReplyReceived, ADamagedPlainOrPartialReplyIsNone) {
  for (const Record& reply : {damaged(close_notify()), in_the_clear(close_notify()), cut_short(close_notify())})
    EXPECT_EQ(judged("success-means-reply-received", {}, connected().arrives(reply).close(Outcome::done)).kind, Kind::broken);
}

TEST(WaitsForReply, AnEndOrAnErrorIsAnAnswerOfSorts) {
  EXPECT_EQ(judged("waits-for-reply", {}, connected().fin_arrives().close(Outcome::done)).kind, Kind::not_reached);
  EXPECT_EQ(judged("waits-for-reply", {}, connected().arrives(internal_error).close(Outcome::done)).kind, Kind::not_reached);
  EXPECT_EQ(judged("waits-for-reply", {}, connected().close(Outcome::want_write)).kind, Kind::not_reached);
}

TEST(TruncationIsTold, OnlyByTheCallThatMeetsIt) {
  // A first close only sends, and a read may still find data.
  EXPECT_EQ(judged("truncation-is-told", {}, connected().arrives(alert(2, 50)).fin_arrives().close(Outcome::done)).kind, Kind::not_reached)
      << "it was an error alert that ended the session";
  EXPECT_EQ(judged("truncation-is-told", {}, connected().fin_arrives().close(Outcome::sent)).kind, Kind::not_reached);
  EXPECT_EQ(judged("truncation-is-told", {}, connected().arrives(data(5)).fin_arrives().reads(5)).kind, Kind::not_reached);
  EXPECT_EQ(judged("truncation-is-told", {}, connected().arrives(data(5)).fin_arrives().reads(5).reads(Outcome::end_of_data)).kind,
            Kind::broken);
  EXPECT_EQ(judged("truncation-is-told", {}, connected().arrives(cut_short(close_notify())).fin_arrives().close(Outcome::cut)).kind,
            Kind::holds);
}

TEST(TruncationIsTold, OnceIsEnough) {
  EXPECT_EQ(judged("truncation-is-told", {}, connected().fin_arrives().reads(Outcome::cut).close(Outcome::done)).kind, Kind::holds);
}

TEST(TruncationIsTold, AnEndThatTheScriptInventedIsAnEnd) {
  const Transcript run = connected().io(Call::read, Flow::recv, 0, {}, true).reads(Outcome::end_of_data);
  EXPECT_EQ(judged("truncation-is-told", {}, run).kind, Kind::broken);
}

TEST(AllDataBeforeEnd, OtherBytesAreAsBadAsMissingOnes) {
  const auto garbled = [](Tale tale) {
    return tale.reads(5).reads(Outcome::end_of_data).last<ApiCall>([](ApiCall& api) { api.intact = false; });
  };
  EXPECT_EQ(judged("all-data-before-end", {}, garbled(connected().arrives(data(5)).arrives(close_notify()))).kind, Kind::broken);
  const Record injected = but(data(5), [](Record& it) { it.made = true; });
  EXPECT_EQ(judged("all-data-before-end", {}, garbled(connected().arrives(injected).arrives(close_notify()))).kind, Kind::holds);
}

TEST(AllDataBeforeEnd, AfterACloseDataMayBeGone) {
  EXPECT_EQ(judged("all-data-before-end", {},
                   connected().arrives(data(5)).arrives(close_notify()).close(Outcome::done).reads(Outcome::end_of_data))
                .kind,
            Kind::not_reached);
}

TEST(AllDataBeforeEnd, AnOddAlertMayHaveEndedItBefore) {
  const Record two = but(close_notify(), [](Record& it) { it.alert.reset(), it.content = std::string("\x01\x00\x01\x00", 4); });
  const auto ended = [](Tale tale) { return tale.arrives(data(5)).arrives(close_notify()).reads(Outcome::end_of_data); };
  EXPECT_EQ(judged("all-data-before-end", {}, ended(connected())).kind, Kind::broken);
  EXPECT_EQ(judged("all-data-before-end", {}, ended(connected().arrives(two))).kind, Kind::not_reached);
  EXPECT_EQ(judged("all-data-before-end", {}, ended(Tale())).kind, Kind::not_reached) << "without a handshake";
}

TEST(EndOfDataStays, AfterItsOwnCloseIsAnotherQuestion) {
  const Transcript run = connected().arrives(close_notify()).reads(Outcome::end_of_data).close(Outcome::done).reads(Outcome::refused);
  EXPECT_EQ(judged("end-of-data-stays", {}, run).kind, Kind::not_reached);
}

TEST(TransportReusable, AfterAOneWayCloseToo) {
  const auto half_closed = [] {
    return connected()
        .close_write(Outcome::done, {close_notify()})
        .arrives(close_notify())
        .arrives(raw_bytes("PLAIN"))
        .reads(Outcome::end_of_data);
  };
  const Parameters with{{"call", {"close-write"}}};
  EXPECT_EQ(judged("transport-reusable", with, half_closed().script("raw-read", "PLAIN")).kind, Kind::holds);
  EXPECT_EQ(judged("transport-reusable", with, half_closed().script("raw-read", "plain")).kind, Kind::broken);
  EXPECT_EQ(judged("transport-reusable", {}, half_closed().script("raw-read", "plain")).kind, Kind::not_reached);
  EXPECT_EQ(judged("transport-reusable", with, half_closed().script("hangup").script("raw-read")).kind, Kind::not_reached)
      << "nobody reads from a descriptor that the script has closed";
}

TEST(TransportReusable, BytesThatCameAfterTheLastRawReadAreNotMissing) {
  const Transcript run = connected()
                             .close(Outcome::sent, {close_notify()})
                             .arrives(close_notify())
                             .close(Outcome::done)
                             .arrives(raw_bytes("ONE"))
                             .script("raw-read", "ONE")
                             .arrives(raw_bytes("TWO"));
  EXPECT_EQ(judged("transport-reusable", {}, run).kind, Kind::holds);
}

TEST(TransportReusable, WhereTlsGoesOnWithTheTransportTheBytesAreItsOwn) {
  const auto closed = [] {
    return connected().close(Outcome::sent, {close_notify()}).arrives(close_notify()).close(Outcome::done).arrives(raw_bytes("PLAIN"));
  };
  EXPECT_EQ(judged("transport-reusable", {}, closed().script("raw-read", "N")).kind, Kind::broken);
  const Transcript read = closed().io(Call::read, Flow::recv, 4).reads(Outcome::failed).script("raw-read", "N");
  EXPECT_EQ(judged("transport-reusable", {}, read).kind, Kind::not_reached);
  const auto told_the_end = [] {
    return connected().arrives(close_notify()).arrives(raw_bytes("PLAIN")).reads(Outcome::end_of_data);
  };
  EXPECT_EQ(judged("transport-reusable", {}, told_the_end().close(Outcome::done, {close_notify()}).script("raw-read", "N")).kind,
            Kind::broken);
  const Tale read_on = told_the_end().io(Call::read, Flow::recv, 4).reads(Outcome::failed);
  EXPECT_EQ(judged("transport-reusable", {}, Tale(read_on).close(Outcome::done, {close_notify()}).script("raw-read", "N")).kind,
            Kind::not_reached)
      << "the application read on behind the end";
}

TEST(TransportReusable, BytesPastTlsBeforeTheCloseNotifyLeaveNoRecordWhereItWas) {
  const auto closed = [](bool raw_before) {
    Tale tale = connected().close(Outcome::sent, {close_notify()});
    if (raw_before) tale.arrives(raw_bytes("X"));
    return tale.arrives(close_notify()).close(Outcome::done).arrives(raw_bytes("PLAIN")).script("raw-read", "N");
  };
  EXPECT_EQ(judged("transport-reusable", {}, closed(false)).kind, Kind::broken);
  EXPECT_EQ(judged("transport-reusable", {}, closed(true)).kind, Kind::not_reached);
}

TEST(TransportReusable, OfWhatTheWireCutTheRestIsNotMissing) {
  Tale tale = connected().close(Outcome::sent, {close_notify()}).arrives(close_notify()).close(Outcome::done);
  const int number = tale.next_number();
  tale.seen(raw_bytes("PLAIN")).add(Delivered{number, 3}).script("raw-read", "PLA");
  EXPECT_EQ(judged("transport-reusable", {}, tale).kind, Kind::holds);
}

TEST(DirectionMatches, WhereNeitherWayIsOpenEitherMayBeTold) {
  const auto stopped = [](Flow first, Flow second) {
    return connected().io(Call::close, first, -1, "EAGAIN").io(Call::close, second, -1, "EAGAIN");
  };
  for (const Outcome told : {Outcome::want_read, Outcome::want_write}) {
    EXPECT_EQ(judged("direction-matches", {}, stopped(Flow::send, Flow::recv).close(told)).kind, Kind::holds);
    EXPECT_EQ(judged("direction-matches", {}, stopped(Flow::recv, Flow::send).close(told)).kind, Kind::holds);
  }
  const auto went_on = [] {
    return connected().io(Call::close, Flow::send, -1, "EAGAIN").io(Call::close, Flow::send, 24).io(Call::close, Flow::recv, -1, "EAGAIN");
  };
  EXPECT_EQ(judged("direction-matches", {}, went_on().close(Outcome::want_write)).kind, Kind::broken) << "what was to be sent is out";
  EXPECT_EQ(judged("direction-matches", {}, went_on().close(Outcome::want_read)).kind, Kind::holds);
}

TEST(DirectionMatches, TheFlagCountsWhereItIsAskedFor) {
  const auto shown = [](const char* direction) {
    return connected().io(Call::close, Flow::send, -1, "EINTR", true).close(Outcome::interrupted).last<ApiCall>([&](ApiCall& api) {
      api.state = {{"direction", direction}};
    });
  };
  EXPECT_EQ(judged("direction-matches", {{"flag", {"direction"}}}, shown("send")).kind, Kind::holds);
  EXPECT_EQ(judged("direction-matches", {{"flag", {"direction"}}}, shown("recv")).kind, Kind::broken);
  EXPECT_EQ(judged("direction-matches", {}, shown("recv")).kind, Kind::not_reached);
}

TEST(TransientFaults, OneCloseNotifyAndNoneTwice) {
  const auto faulty = [] { return connected().io(Call::close, Flow::send, -1, "EINTR", true).close(Outcome::interrupted); };
  const Parameters with{{"call", {"close"}}};
  EXPECT_EQ(judged("transient-faults-leave-no-trace", with,
                   faulty().close(Outcome::sent, {close_notify()}).close(Outcome::sent, {close_notify()}))
                .kind,
            Kind::broken);
  EXPECT_EQ(judged("transient-faults-leave-no-trace", with, faulty().close(Outcome::done)).kind, Kind::broken);
  EXPECT_EQ(judged("transient-faults-leave-no-trace", with, faulty()).kind, Kind::not_reached);
}

TEST(TransientFaults, AnotherCallInBetweenIsAnotherQuestion) {
  const Transcript run =
      connected().io(Call::close, Flow::send, -1, "EAGAIN", true).close(Outcome::want_write).writes(5).close(Outcome::failed);
  EXPECT_EQ(judged("transient-faults-leave-no-trace", {{"call", {"close"}}}, run).kind, Kind::not_reached);
}

TEST(TransientFaults, GarbageIsTheSubjectsOwnWhereTheKeysWereThere) {
  const auto blocked = [](Tale tale) {
    return tale.io(Call::close, Flow::send, 5, {}, true, 24)
        .close(Outcome::want_write)
        .close(Outcome::sent, {garbage()})
        .arrives(alert(2, 20))
        .close(Outcome::alert);
  };
  const Parameters with{{"call", {"close"}}};
  const Finding finding = judged("transient-faults-leave-no-trace", with, blocked(connected().sent(handshake_message("Finished"))));
  EXPECT_EQ(finding.kind, Kind::broken);
  EXPECT_THAT(finding.says, HasSubstr("no key decrypts"));
  EXPECT_EQ(judged("transient-faults-leave-no-trace", with, blocked(connected())).kind, Kind::not_reached);
}

TEST(TransientFaults, WhatElseBefellTheCallMayBeTheCause) {
  const Parameters with{{"call", {"close"}}};
  const auto interrupted = [](Tale tale) { return tale.io(Call::close, Flow::send, -1, "EAGAIN", true).close(Outcome::want_write); };
  const Transcript asked = interrupted(connected().sent(handshake_message("Finished")).arrives(handshake_message("CertificateRequest")))
                               .close(Outcome::done, {garbage()});
  EXPECT_EQ(judged("transient-faults-leave-no-trace", with, asked).kind, Kind::not_reached) << "it answers a request for its certificate";
  const Transcript late =
      interrupted(connected().extra(Call::set, "timeout 500")).blocks(Call::close, Flow::recv).passes(500).close(Outcome::failed);
  EXPECT_EQ(judged("transient-faults-leave-no-trace", with, late).kind, Kind::not_reached) << "its time ran out";
}

TEST(TransientFaults, ASecondCloseAfterSuccessIsNoTraceOfTheFault) {
  const auto done = [] {
    return connected()
        .io(Call::close, Flow::send, -1, "EAGAIN", true)
        .close(Outcome::want_write)
        .close(Outcome::done, {close_notify()})
        .close(Outcome::done, {close_notify()});
  };
  EXPECT_EQ(judged("transient-faults-leave-no-trace", {{"call", {"close"}}}, done()).kind, Kind::holds);
  const Transcript before = connected()
                                .close(Outcome::done, {close_notify()})
                                .io(Call::close, Flow::send, -1, "EAGAIN", true)
                                .close(Outcome::want_write)
                                .close(Outcome::done, {close_notify()});
  EXPECT_EQ(judged("transient-faults-leave-no-trace", {{"call", {"close"}}}, before).kind, Kind::holds);
}

TEST(TransientFaults, RealTroubleIsAnotherQuestion) {
  const auto faulty = [] {
    return connected().io(Call::close, Flow::recv, -1, "EAGAIN", true).close(Outcome::want_read, {close_notify()});
  };
  const Parameters with{{"call", {"close"}}};
  EXPECT_EQ(judged("transient-faults-leave-no-trace", with, faulty().fin_arrives().close(Outcome::cut)).kind, Kind::not_reached);
  EXPECT_EQ(judged("transient-faults-leave-no-trace", with, faulty().close(Outcome::cut)).kind, Kind::broken);
}

TEST(EveryCallReturns, ADeathBetweenTwoCallsIsADeath) {
  const Transcript run = connected().add(Died{Side::subject, Died::How::crashed, "SIGKILL", std::nullopt});
  const Finding finding = judged("every-call-returns", {}, run);
  EXPECT_EQ(finding.kind, Kind::crashed);
  EXPECT_THAT(finding.says, HasSubstr("SIGKILL"));
}

TEST(RepeatedCallsEnd, OnlyTheSubjectsRepetitionsCountAndEachOfThemCameBack) {
  const Transcript run = connected().close(Outcome::sent).add(Endless{Side::subject, Call::close, 200});
  EXPECT_EQ(judged("every-call-returns", {}, run).kind, Kind::holds);
  const Transcript other = connected().close(Outcome::sent).close(Outcome::done).add(Endless{Side::partner, Call::close, 200});
  EXPECT_EQ(judged("repeated-calls-end", {}, other).kind, Kind::holds);
}

TEST(Emits, WhatAWaitingCallHasSentAndTheWireHasNotSeenMayBeWhatACallBesideItNeedNotSend) {
  const auto run = [](Call waiting, bool arrives = true) {
    Tale tale = connected();
    if (waiting == Call::close) tale.io(waiting, Flow::send, static_cast<long>(close_notify().wire_bytes));
    tale.blocks(waiting, Flow::recv).beside(Call::close_write, Outcome::done);
    if (waiting == Call::close && arrives) tale.sent(close_notify());
    return Transcript(tale.stays_blocked(waiting, Flow::recv));
  };
  const Parameters with{
      {"call", {"close-write"}}, {"given", {"threads", "beside", "not own-close-notify-sent"}}, {"records", {"close_notify"}}};
  EXPECT_EQ(judged("emits", with, run(Call::close)).kind, Kind::not_reached);
  EXPECT_EQ(judged("emits", with, run(Call::close, false)).kind, Kind::not_reached) << "and never comes there";
  EXPECT_EQ(judged("emits", with, run(Call::read)).kind, Kind::broken);
}

TEST(DataIntact, AReadOrAPeekBeforeAllEarlyDataWasReadMayGiveEitherAndLaterReadsAreInNoPlaceThatIsKnown) {
  const auto other = [](ApiCall& api) { api.intact = false; };
  const auto looks = [](ApiCall& api) { api.intact = false, api.bytes = 5; };
  for (const auto& [early, said] : {std::pair(Outcome::done, Kind::not_reached), {Outcome::end_of_data, Kind::broken}}) {
    const Tale tale = connected().answers(Call::read_early, early);
    EXPECT_EQ(judged("data-intact", {}, Tale(tale).reads(5).last<ApiCall>(other)).kind, said);
    EXPECT_EQ(judged("data-intact", {}, Tale(tale).answers(Call::peek, Outcome::done).last<ApiCall>(looks)).kind, said);
  }
  const auto then_all = [&](Tale tale) {
    return judged("data-intact", {}, tale.answers(Call::read_early, Outcome::end_of_data).reads(5).last<ApiCall>(other)).kind;
  };
  const Tale left = connected().answers(Call::read_early, Outcome::done);
  EXPECT_EQ(then_all(Tale(left).reads(5).last<ApiCall>(other)), Kind::not_reached);
  EXPECT_EQ(then_all(left), Kind::broken);
  const Tale between = Tale(left).reads(5);
  EXPECT_EQ(judged("data-intact", {}, Tale(between).answers(Call::read_early, Outcome::done).last<ApiCall>(looks)).kind, Kind::not_reached)
      << "the read between has taken early data, or other";
}

TEST(RepeatedCallsEnd, WhatTheScriptKeepsFromGoingOnNeedNotEnd) {
  const auto refused = [](bool injected) {
    return connected().io(Call::close, Flow::send, -1, "EAGAIN", injected).close(Outcome::want_write).add(Endless{Side::subject, Call::close, 200});
  };
  EXPECT_EQ(judged("repeated-calls-end", {}, refused(true)).kind, Kind::not_reached);
  EXPECT_EQ(judged("repeated-calls-end", {}, refused(false)).kind, Kind::hung);
}

TEST(EveryCallReturns, TheSignalIsNamed) {
  EXPECT_EQ(judged("every-call-returns", {}, connected().dies(Call::close)).says, "close crashed (SIGSEGV)");
  EXPECT_EQ(judged("every-call-returns", {}, connected().dies(Call::close, Died::How::silent)).kind, Kind::hung);
}

TEST(EveryCallReturns, AReadThatInventsDataNeverDoesAndAsksForNoRepetition) {
  const Transcript run = connected().reads(Outcome::done).add(Endless{Side::subject, Call::read, 0, 3, "more data than had come"});
  const Finding found = judged("every-call-returns", {}, run);
  EXPECT_EQ(found.kind, Kind::hung);
  EXPECT_EQ(found.says, "read goes on without end: more data than had come");
  EXPECT_NE(judged("repeated-calls-end", {}, run).kind, Kind::hung);
}

TEST(SessionGoesOn, WhatCameInBetweenMayHaveEndedIt) {
  const Parameters with{{"call", {"peek"}}, {"then", {"read"}}, {"outcome", {"done"}}};
  const auto peeked = [] { return connected().arrives(data(5)).answers(Call::peek, Outcome::done); };
  EXPECT_EQ(judged("session-goes-on", with, peeked().reads(Outcome::failed)).kind, Kind::broken);
  EXPECT_EQ(judged("session-goes-on", with, peeked().reset_arrives().reads(Outcome::reset)).kind, Kind::not_reached);
  const Transcript taken = peeked().script("raw-read", "x").reads(Outcome::failed);
  EXPECT_EQ(judged("session-goes-on", with, taken).kind, Kind::not_reached) << "the script took bytes away";
  const Transcript broken = peeked().io(Call::read, Flow::recv, -1, "ECONNRESET", true).reads(Outcome::reset);
  EXPECT_EQ(judged("session-goes-on", with, broken).kind, Kind::not_reached);
}

TEST(DataIntact, WhatIsReadBesideAnotherCallIsInNoOnesOrder) {
  const auto reads = [](Tale tale) { return tale.reads(5).last<ApiCall>([](ApiCall& api) { api.intact = false; }); };
  EXPECT_EQ(judged("data-intact", {}, reads(connected().arrives(data(5)))).kind, Kind::broken);
  EXPECT_EQ(judged("data-intact", {}, reads(connected().arrives(data(5)).beside(Call::write, Outcome::done))).kind, Kind::not_reached);
  const auto of_the_partner = [&] {
    return reads(
        connected().arrives(data(5)).partner(Call::write, Outcome::done).last<ApiCall>([](ApiCall& api) { api.aside = Aside::process; }));
  };
  EXPECT_EQ(judged("data-intact", {}, of_the_partner()).kind, Kind::not_reached);
}

TEST(EndOfDataStays, AnErrorInBetweenIsAnotherEnd) {
  const auto ended = [] { return connected().arrives(close_notify()).reads(Outcome::end_of_data); };
  EXPECT_EQ(judged("end-of-data-stays", {}, ended().reads(Outcome::failed)).kind, Kind::broken);
  const Transcript failed = ended().answers(Call::write, Outcome::reset).reads(Outcome::failed);
  EXPECT_EQ(judged("end-of-data-stays", {}, failed).kind, Kind::not_reached);
}

TEST(SessionGoesOn, ACloseBehindThePeersIsAnotherClose) {
  const Parameters with{{"call", {"read"}}, {"given", {"handshake-done"}}, {"then", {"close"}}, {"outcome", {"sent"}}};
  const auto read = [] { return connected().arrives(data(5)).reads(5); };
  EXPECT_EQ(judged("session-goes-on", with, read().close(Outcome::done, {close_notify()})).kind, Kind::broken);
  EXPECT_EQ(judged("session-goes-on", with, read().arrives(close_notify()).close(Outcome::done, {close_notify()})).kind, Kind::not_reached);
}

TEST(SessionGoesOn, TheFirstLaterCallDecides) {
  const Parameters with{{"call", {"read"}}, {"given", {"fin-arrived"}}, {"then", {"write"}}, {"outcome", {"done"}}};
  EXPECT_EQ(
      judged("session-goes-on", with, connected().fin_arrives().reads(Outcome::cut).writes(5).answers(Call::write, Outcome::failed)).kind,
      Kind::holds);
}

TEST(Properties, EachSessionOfARunHasItsOwnCloseNotify) {
  const auto session = [](Tale& tale) -> Tale& { return tale.handshake().close(Outcome::sent, {close_notify()}); };
  Tale once, twice;
  session(session(once).new_session());
  session(session(twice).new_session()).close(Outcome::sent, {close_notify()});
  EXPECT_EQ(judged("one-close-notify", {}, once).kind, Kind::holds);
  EXPECT_EQ(judged("one-close-notify", {}, twice).kind, Kind::broken) << "in the second session";
}

TEST(Properties, SpeakOfExtraCallsByTheirArguments) {
  const Transcript run = connected().extra(Call::set, "timeout 300").extra(Call::set, "quiet-shutdown on", Outcome::failed);
  const Parameters quiet{{"call", {"set"}}, {"arguments", {"quiet-shutdown on"}}, {"outcome", {"done"}}};
  EXPECT_EQ(judged("answers", quiet, run).kind, Kind::broken);
  const Parameters timeout{{"call", {"set"}}, {"arguments", {"timeout 300"}}, {"outcome", {"done"}}};
  EXPECT_EQ(judged("answers", timeout, run).kind, Kind::holds);
}

TEST(Properties, ALimitedWaitIsHeldAgainstTheStepInWhichItEnded) {
  const auto limited = [] { return connected().extra(Call::set, "timeout 300").blocks(Call::close, Flow::recv); };
  const Parameters with{{"call", {"close"}}};
  EXPECT_EQ(judged("wait-is-limited", with, limited().passes(1000).close(Outcome::failed)).kind, Kind::holds);
  EXPECT_EQ(judged("wait-is-limited", with, limited().passes(300).passes(300).close(Outcome::failed)).kind, Kind::broken) << "late";
  EXPECT_EQ(judged("wait-is-limited", with, limited().passes(200).close(Outcome::failed)).kind, Kind::broken) << "early, for nothing";
  EXPECT_EQ(judged("wait-is-limited", with, limited().passes(200).arrives(close_notify()).close(Outcome::done)).kind, Kind::not_reached);
  EXPECT_EQ(judged("wait-is-limited", with, limited().passes(200).stays_blocked(Call::close, Flow::recv)).kind, Kind::not_reached);
  const Transcript dribble = limited().passes(200).arrives(data(1)).passes(200).stays_blocked(Call::close, Flow::recv);
  EXPECT_EQ(judged("wait-is-limited", with, dribble).kind, Kind::broken) << "400 ms in all";
  EXPECT_EQ(judged("wait-is-limited", {{"call", {"close"}}, {"since", {"arrival"}}}, dribble).kind, Kind::not_reached);
}

TEST(Properties, ASweepsRunIsHeldAgainstTheOneWithoutFaults) {
  const auto faulty = [](std::string error) { return connected().io(Call::read, Flow::recv, -1, std::move(error), true); };
  const Parameters eagain{{"faults", {"EAGAIN", "short"}}};
  const std::vector<Transcript::LineAnswer> reference{{1, Call::read, Outcome::end_of_data, 5, Until::end}};
  const auto run = [&](std::string error, std::size_t bytes) {
    return faulty(std::move(error)).reads(bytes).reads(Outcome::end_of_data).reference(reference).transcript();
  };
  EXPECT_EQ(judged("as-without-faults", eagain, run("EAGAIN", 5)).kind, Kind::holds);
  EXPECT_EQ(judged("as-without-faults", eagain, run("EAGAIN", 4)).kind, Kind::broken) << "a byte was lost";
  EXPECT_EQ(judged("as-without-faults", eagain, run("EINTR", 5)).kind, Kind::not_reached) << "of another kind";
  EXPECT_EQ(judged("as-without-faults", eagain, faulty("EAGAIN").stays_blocked(Call::read, Flow::recv).reference(reference)).kind,
            Kind::broken);
}

TEST(Properties, RecordsMayStandAnywhereInAListAndBeProtectedOrNot) {
  const Transcript run = Tale().answers(Call::handshake, Outcome::failed,
                                        {in_the_clear(handshake_message("ServerHello")), handshake_message("Finished"), alert(2, 116)});
  const auto emits = [&](std::vector<std::string> records) {
    return judged("emits", {{"call", {"handshake"}}, {"records", std::move(records)}}, run).kind;
  };
  EXPECT_EQ(emits({"...", "protected fatal-alert"}), Kind::holds);
  EXPECT_EQ(emits({"...", "plain fatal-alert"}), Kind::broken);
  EXPECT_EQ(emits({"plain handshake", "...", "fatal-alert", "..."}), Kind::holds);
  EXPECT_EQ(emits({"...", "handshake"}), Kind::broken);
}

TEST(NothingAfterCloseNotify, AnObjectThatWasClearedIsAtAnotherConnection) {
  const auto closed = [] { return connected().close(Outcome::done, {close_notify()}); };
  const auto hello = in_the_clear(handshake_message("ClientHello"));
  const Transcript cleared = closed().extra(Call::clear).answers(Call::read, Outcome::want_read, {hello});
  EXPECT_EQ(judged("nothing-after-close-notify", {}, cleared).kind, Kind::holds);
  EXPECT_EQ(judged("nothing-after-close-notify", {}, closed().answers(Call::read, Outcome::want_read, {hello})).kind, Kind::broken);
}

TEST(Properties, WhatWasWrittenIsNotHeldAgainstWhoeverMetAnotherSideThatHadClosedBefore) {
  const auto judged_after = [](const std::function<void(Tale&)>& before) {
    Tale tale = connected().writes(5).close_write(Outcome::done, {close_notify()});
    before(tale);
    return judged("written-data-is-received", {}, tale.partner(Call::read, Outcome::end_of_data, 0)).kind;
  };
  EXPECT_EQ(judged_after([](Tale&) {}), Kind::broken);
  EXPECT_EQ(judged_after([](Tale& tale) { tale.partner(Call::close, Outcome::done); }), Kind::not_reached);
  EXPECT_EQ(judged_after([](Tale& tale) { tale.partner(Call::close_write, Outcome::done).shows("shutdown", "SENT|RECEIVED"); }),
            Kind::not_reached);
  EXPECT_EQ(judged_after([](Tale& tale) { tale.partner(Call::close_write, Outcome::done).shows("shutdown", "SENT"); }), Kind::broken);
}

// Of a subject whose calls nobody knows.
Finding of_the_wire(const Tale& tale, std::string_view property, const Parameters& parameters = {}) {
  return judged(property, parameters, tale.transcript());
}
Tale exchanged() { return Tale().of_the_wire_alone().sent(data(5)).arrives(data(5)); }

TEST(PropertiesOfTheWire, WhoEndsItsStreamHasSentItsCloseNotify) {
  constexpr std::string_view property = "close-notify-before-end";
  EXPECT_EQ(of_the_wire(exchanged().sent(close_notify()).own_end_seen(), property).kind, Finding::Kind::holds);
  EXPECT_EQ(of_the_wire(exchanged().own_end_seen(), property).kind, Finding::Kind::broken);
  EXPECT_EQ(of_the_wire(exchanged().arrives(close_notify()).own_end_seen(), property).kind, Finding::Kind::broken);
}

TEST(PropertiesOfTheWire, AnAlertInTheClearBehindRecordsUnderKeysIsNone) {
  const Record plain = in_the_clear(close_notify()), fatal = in_the_clear(alert(2, 0));
  EXPECT_EQ(of_the_wire(exchanged().sent(plain).own_end_seen(), "close-notify-before-end").kind, Finding::Kind::broken);
  EXPECT_EQ(of_the_wire(exchanged().sent(plain).sent(close_notify()), "nothing-after-close-notify").kind, Finding::Kind::holds);
  EXPECT_EQ(of_the_wire(exchanged().sent(plain).sent(close_notify()), "one-close-notify").kind, Finding::Kind::holds);
  const Parameters level{{"alert", {"error"}}, {"level", {"fatal"}}};
  EXPECT_EQ(of_the_wire(exchanged().sent(in_the_clear(alert(1, 10))), "alert-level", level).kind, Finding::Kind::not_reached);
  EXPECT_EQ(of_the_wire(exchanged().sent(fatal), "close-notify-is-warning").kind, Finding::Kind::not_reached);
  EXPECT_EQ(of_the_wire(Tale().of_the_wire_alone().sent(fatal), "close-notify-is-warning").kind, Finding::Kind::broken);  // before keys
}

TEST(PropertiesOfTheWire, WhatBelongsToTheNextSessionOnTheConnectionIsNotHeldAgainstThisOne) {
  constexpr std::string_view property = "sends-readable-records";
  const Record hello = in_the_clear(handshake_message("ClientHello"));
  const Tale client = exchanged().sent(close_notify()).arrives(close_notify());
  const Tale server = exchanged().as_server().sent(close_notify()).arrives(close_notify());
  EXPECT_EQ(of_the_wire(Tale(client).sent(hello).sent(garbage()), property).kind, Finding::Kind::holds);
  EXPECT_EQ(of_the_wire(Tale(server).arrives(hello).sent(garbage()), property).kind, Finding::Kind::holds);
  EXPECT_EQ(of_the_wire(Tale(server).sent(garbage()), property).kind, Finding::Kind::broken);
}

TEST(PropertiesOfTheWire, NobodyIsAccusedOfAnEndThatSomethingElseExplains) {
  constexpr std::string_view property = "close-notify-before-end";
  const auto partner_ends = [](End end) { return TransportEnd{Side::partner, false, false, end}; };
  for (const Finding& finding : {of_the_wire(exchanged(), property),                                               // the capture stops
                                 of_the_wire(exchanged().sent(unreadable()).own_end_seen(), property),             // no keys
                                 of_the_wire(exchanged().without_keys().own_end_seen(), property),                 //
                                 of_the_wire(exchanged().sent(garbage()).own_end_seen(), property),                // not all was read
                                 of_the_wire(exchanged().add(partner_ends(End::fin)).own_end_seen(), property),    // cut by the other side
                                 of_the_wire(exchanged().add(partner_ends(End::reset)).own_end_seen(), property),  //
                                 of_the_wire(exchanged().arrives(alert(2, 40)).own_end_seen(), property),          // an error
                                 of_the_wire(exchanged().sent(alert(2, 40)).own_end_seen(), property),             //
                                 of_the_wire(exchanged().arrives(in_the_clear(close_notify())).own_end_seen(), property),  // an attack, maybe
                                 of_the_wire(exchanged().arrives(in_the_clear(data(5))).own_end_seen(), property),         //
                                 of_the_wire(exchanged().sent(raw_bytes("QUIT")).own_end_seen(), property),  // it goes on in the clear
                                 of_the_wire(Tale().of_the_wire_alone().sent(data(5)).own_end_seen(), property)})  // half a handshake
    EXPECT_EQ(finding.kind, Finding::Kind::not_reached) << finding.says;
}

TEST(PropertiesOfTheWire, ACloseNotifyOfLevelFatalIsAnErrorWhereTheLevelCounts) {
  const auto given = [](Tls tls) { return Tale(tls).of_the_wire_alone().sent(data(5)).arrives(data(5)).arrives(alert(2, 0)).own_end_seen(); };
  EXPECT_EQ(of_the_wire(given(Tls::v1_2), "close-notify-before-end").kind, Finding::Kind::not_reached);
  EXPECT_EQ(of_the_wire(given(Tls::v1_3), "close-notify-before-end").kind, Finding::Kind::broken);
}

TEST(PropertiesOfTheWire, WhoseFinishedAnswersTheOthersHasComeThroughTheHandshake) {
  constexpr std::string_view property = "close-notify-before-end";
  const Record finished = but(handshake_message("Finished"), [](Record& it) { it.established = false; });
  const auto begun = [] { return Tale().of_the_wire_alone(); };
  EXPECT_EQ(of_the_wire(begun().arrives(finished).sent(finished).own_end_seen(), property).kind, Finding::Kind::broken);
  EXPECT_EQ(of_the_wire(begun().sent(finished).arrives(finished).own_end_seen(), property).kind, Finding::Kind::not_reached);
  EXPECT_EQ(of_the_wire(begun().sent(finished).own_end_seen(), property).kind, Finding::Kind::not_reached);
}

TEST(PropertiesOfTheWire, NobodyIsAccusedOfAnEndThatTheScriptMayHaveCaused) {
  constexpr std::string_view property = "close-notify-before-end";
  for (const Finding& finding :
       {of_the_wire(exchanged().add(TransportEnd{Side::partner, true, true, End::fin}).own_end_seen(), property),
        of_the_wire(exchanged().arrives(but(close_notify(), [](Record& it) { it.made = true; })).own_end_seen(), property),
        of_the_wire(exchanged().arrives(but(data(5), [](Record& it) { it.damaged = it.made = true; })).own_end_seen(), property)})
    EXPECT_EQ(finding.kind, Finding::Kind::not_reached) << finding.says;
}

TEST(PropertiesOfTheWire, WhatFollowsACloseNotifyIsSeenWithoutCalls) {
  constexpr std::string_view property = "nothing-after-close-notify";
  EXPECT_EQ(of_the_wire(exchanged().sent(close_notify()).sent(data(1)), property).kind, Finding::Kind::broken);
  EXPECT_EQ(of_the_wire(exchanged().sent(close_notify()).own_end_seen(), property).kind, Finding::Kind::holds);
  const Record hello = in_the_clear(handshake_message("ClientHello"));  // another session
  EXPECT_EQ(of_the_wire(exchanged().sent(close_notify()).sent(hello).sent(data(1)), property).kind, Finding::Kind::holds);
}

TEST(PropertiesOfTheWire, LevelsAndGarbageAreSeenWithoutCalls) {
  const Parameters fatal{{"alert", {"error"}}, {"level", {"fatal"}}};
  EXPECT_EQ(of_the_wire(exchanged().sent(alert(1, 40)), "alert-level", fatal).kind, Finding::Kind::broken);
  EXPECT_EQ(of_the_wire(exchanged().sent(alert(2, 40)), "alert-level", fatal).kind, Finding::Kind::holds);
  EXPECT_EQ(of_the_wire(exchanged().sent(garbage()), "sends-readable-records").kind, Finding::Kind::broken);
  EXPECT_EQ(of_the_wire(exchanged(), "sends-readable-records").kind, Finding::Kind::holds);
  EXPECT_EQ(of_the_wire(exchanged().sent(close_notify()).sent(close_notify()), "one-close-notify").kind, Finding::Kind::broken);
  EXPECT_EQ(of_the_wire(exchanged().sent(alert(2, 0)), "close-notify-is-warning").kind, Finding::Kind::broken);
}

TEST(Properties, EarlyDataThatWasRefusedIsNotEnded) {
  const auto done = [](std::initializer_list<Record> sends) { return sends_early(false).answers(Call::handshake, Outcome::done, sends); };
  EXPECT_EQ(judged("early-data-is-ended-as-due", {}, done({handshake_message("Finished")})).kind, Kind::holds);
  EXPECT_EQ(judged("early-data-is-ended-as-due", {}, done({handshake_message("EndOfEarlyData"), handshake_message("Finished")})).kind,
            Kind::broken);
  EXPECT_EQ(judged("early-data-is-ended-as-due", {}, sends_early(true).answers(Call::handshake, Outcome::cut)).kind, Kind::not_reached);
}

}  // namespace
}  // namespace tlsbye
