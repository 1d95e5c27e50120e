#include "harness/oracle/mutate.h"

#include <gmock/gmock.h>

#include "harness/oracle/tale.h"

namespace tlsbye {
namespace {

Tale both_closed() { return Tale().handshake().close(Outcome::sent, {close_notify()}).arrives(close_notify()).close(Outcome::done); }

Clause clause_of(std::string_view property, Parameters with = {}) {
  Clause it;
  it.property = find_property(property);
  it.asked = with;
  it.parameters = std::move(with);
  return it;
}

TEST(Lies, EachIsNumberedLikeATrueTranscript) {
  const Transcript honest = both_closed().arrives(raw_bytes("PLAIN")).script("raw-read", "PLAIN").stays_blocked(Call::close, Flow::recv);
  int lies = 0;
  for (const Event& about : honest.events()) {
    each_lie_about(honest, about.number, [&](const Transcript& liar, std::string_view what) {
      ++lies;
      EXPECT_FALSE(what.empty());
      EXPECT_EQ(liar.key(), honest.key());
      int number = 0;
      for (const Event& event : liar.events()) {
        EXPECT_EQ(event.number, ++number);
        const auto* it = event.as<Delivered>();
        EXPECT_TRUE(!it || (it->record >= 1 && it->record < number)) << what;
      }
      return false;
    });
  }
  EXPECT_GT(lies, 100);
}

TEST(Lies, StopWhenTheVisitorHasEnough) {
  const Transcript honest = both_closed();
  int lies = 0;
  EXPECT_TRUE(each_lie_about(honest, honest.next_number() - 1, [&](const Transcript&, std::string_view) { return ++lies == 3; }));
  EXPECT_EQ(lies, 3);
}

TEST(Lies, ReferencesGoOnPointingAtTheSameEvents) {
  Tale tale = Tale().handshake().seen(close_notify());
  const int record = tale.next_number() - 1;
  tale.add(Withheld{record, Withheld::Why::hold}).add(Delivered{record, close_notify().wire_bytes});
  const Transcript honest = tale.close(Outcome::done);
  const int close = honest.next_number() - 1;
  each_lie_about(honest, 1, [&](const Transcript& liar, std::string_view) {
    for (const Event& event : liar.events()) {
      const auto* delivered = event.as<Delivered>();
      EXPECT_TRUE(!delivered || liar.at(delivered->record).as<Record>());
    }
    return false;
  });
  EXPECT_EQ(honest.at(close).as<ApiCall>()->outcome, Outcome::done);
}

TEST(CanFail, EveryPropertyThatHoldsCanBeBrokenByASmallLie) {
  struct Case {
    std::string_view property;
    Parameters with;
    Transcript run;
  };
  const auto closed = [] { return Tale().handshake().close(Outcome::sent, {close_notify()}); };
  const auto at_end = [] { return Tale().handshake().arrives(data(5)).arrives(close_notify()); };
  const auto early = [](bool accepted) {
    return Tale()
        .answers(Call::write_early, Outcome::done, {but(data(5), [](Record& it) { it.early = true; })})
        .arrives(but(handshake_message("EncryptedExtensions"), [&](Record& it) { it.accepts_early = accepted; }));
  };
  const std::vector<Case> cases{
      {"answers", {{"call", {"close"}}, {"outcome", {"sent", "done"}}}, both_closed()},
      {"answers", {{"call", {"close"}}, {"returns", {"0"}}}, both_closed()},
      {"answers", {{"call", {"close"}}, {"errno", {""}}}, both_closed()},
      {"emits", {{"call", {"close"}}, {"records", {"close_notify"}}}, closed()},
      {"emits", {{"call", {"handshake"}}, {"records", {"handshake"}}}, closed()},
      {"emits", {{"call", {"close"}}, {"given", {"close-sent"}}, {"records", {"nothing"}}}, both_closed()},
      {"transport-calls", {{"call", {"close"}}, {"some", {"send"}}}, closed()},
      {"transport-calls", {{"call", {"close"}}, {"none", {"recv"}}}, closed()},
      {"shows", {{"call", {"close"}}, {"flag", {"shutdown"}}, {"lacks", {"RECEIVED"}}}, closed().last<ApiCall>([](ApiCall& it) {
         it.state = {{"shutdown", "SENT"}};
       })},
      {"shows", {{"call", {"close"}}, {"flag", {"error"}}, {"lacks", {"SOME_ERROR"}}}, closed().last<ApiCall>([](ApiCall& it) {
         it.state = {{"error", "OTHER"}};
       })},
      {"session-goes-on", {{"call", {"close"}}, {"then", {"read"}}, {"outcome", {"want-read"}}}, closed().reads(Outcome::want_read)},
      {"does-not-wait", {{"call", {"close"}}}, closed()},
      {"every-call-returns", {}, closed()},
      {"repeated-calls-end", {}, both_closed()},
      {"direction-matches", {}, Tale().handshake().io(Call::close, Flow::send, -1, "EAGAIN").close(Outcome::want_write)},
      {"transient-faults-leave-no-trace",
       {{"call", {"close"}}},
       Tale()
           .handshake()
           .io(Call::close, Flow::send, -1, "EAGAIN", true)
           .close(Outcome::want_write)
           .close(Outcome::sent, {close_notify()})},
      {"comes-back", {{"call", {"close"}}}, closed()},
      {"wait-is-limited",
       {{"call", {"close"}}},
       Tale().handshake().extra(Call::set, "timeout 300").blocks(Call::close, Flow::recv).passes(300).close(Outcome::failed)},
      {"raises-no-signal", {}, Tale().handshake().io(Call::close, Flow::send, -1, "EPIPE").close(Outcome::reset)},
      {"alert-level",
       {{"alert", {"error"}}, {"level", {"fatal"}}},
       Tale().handshake().answers(Call::read, Outcome::failed, {alert(2, 20)})},
      {"written-data-is-received",
       {},
       Tale().handshake().writes(5).close(Outcome::sent, {close_notify()}).partner(Call::read, Outcome::end_of_data, 5)},
      {"early-data-is-ended-as-due",
       {},
       early(true).answers(Call::handshake, Outcome::done, {handshake_message("EndOfEarlyData"), handshake_message("Finished")})},
      {"early-data-is-ended-as-due", {}, early(false).answers(Call::handshake, Outcome::done, {handshake_message("Finished")})},
      {"data-intact", {}, Tale().handshake().arrives(data(5)).reads(5)},
      {"usage-bounded",
       {{"of", {"heap"}}, {"growth", {"1000"}}},
       Tale().handshake().add(Usage{Side::subject, 7, 1000}).add(Usage{Side::subject, 7, 2000})},
      {"as-without-faults",
       {{"faults", {"EAGAIN"}}},
       Tale()
           .handshake()
           .io(Call::close, Flow::send, -1, "EAGAIN", true)
           .close(Outcome::want_write)
           .close(Outcome::done)
           .reference({{1, Call::close, Outcome::done}})},
      {"same-error-wherever-it-ends",
       {},
       Tale()
           .handshake()
           .arrives(cut_short(close_notify()))
           .add(TransportEnd{Side::partner, true, true, End::fin})
           .reads(Outcome::cut)
           .reference({{1, Call::read, Outcome::cut}})},
      {"success-means-own-close-notify-sent", {{"call", {"close"}}}, closed()},
      {"sends-readable-records", {}, Tale().handshake().writes(5).close(Outcome::sent, {close_notify()})},
      {"one-close-notify", {}, closed()},
      {"nothing-after-close-notify", {}, closed()},
      {"close-notify-is-warning", {}, closed()},
      {"close-notify-before-end", {}, closed().script("fin").own_end_seen()},
      {"written-data-arrives-first", {}, Tale().handshake().writes(5).close(Outcome::sent, {close_notify()})},
      {"transport-left-open", {}, closed()},
      {"transport-closed-at-once",
       {{"call", {"close-write"}}},
       Tale().handshake().closes(Call::close_write).close_write(Outcome::done, {close_notify()})},
      {"success-means-reply-received", {}, both_closed()},
      {"waits-for-reply", {}, closed()},
      {"waits-for-reply", {}, Tale().handshake().stays_blocked(Call::close, Flow::recv)},
      {"end-of-data-means-close-notify", {}, at_end().reads(5).reads(Outcome::end_of_data)},
      {"truncation-is-told", {}, Tale().handshake().fin_arrives().reads(Outcome::cut)},
      {"data-after-close-notify-ignored", {}, at_end().arrives(data(7)).reads(5).reads(Outcome::end_of_data)},
      {"all-data-before-end", {}, at_end().reads(5).reads(Outcome::end_of_data)},
      {"end-of-data-stays", {}, at_end().reads(5).reads(Outcome::end_of_data).reads(Outcome::end_of_data)},
      {"success-means-answer-received", {}, given_half_an_answer(18)},
      {"transport-reusable", {}, both_closed().arrives(raw_bytes("PLAIN")).script("raw-read", "PLAIN")},
  };
  for (const Property& property : properties()) {
    bool tried = false;
    for (const Case& it : cases) {
      if (it.property != property.name) continue;
      tried = true;
      const Clause judged = clause_of(it.property, it.with);
      EXPECT_EQ(judge(judged, it.run).kind, Finding::Kind::holds) << it.property << ": " << judge(judged, it.run).says;
      EXPECT_TRUE(can_fail(judged, it.run)) << it.property;
    }
    EXPECT_TRUE(tried) << property.name;
  }
}

TEST(CanFail, IsFalseForAClauseThatAllowsEverything) {
  const Transcript run = both_closed();
  Parameters with{{"call", {"close"}}, {"outcome", {}}};
  for (const std::string_view word : Words<Outcome>::list) with["outcome"].emplace_back(word);
  const Clause toothless = clause_of("answers", with);
  ASSERT_EQ(judge(toothless, run).kind, Finding::Kind::holds);
  EXPECT_FALSE(can_fail(toothless, run));
}

}  // namespace
}  // namespace tlsbye
