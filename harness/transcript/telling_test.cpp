#include "harness/transcript/telling.h"

#include <gmock/gmock.h>

namespace tlsbye {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;

Record record_of(Side from, ContentType type, std::size_t bytes = 24) {
  Record record;
  record.from = from;
  record.type = type;
  record.wire_bytes = bytes;
  return record;
}

Record close_notify(Side from) {
  Record record = record_of(from, ContentType::alert);
  record.alert = Alert{1, 0};
  return record;
}

ApiCall call_of(Side side, Call call, Outcome outcome) {
  ApiCall made;
  made.side = side;
  made.call = call;
  made.outcome = outcome;
  return made;
}

Asked asked(Side side, Call call) { return {side, std::string(spell(call)), call, "", Until::once, 0, Aside::no}; }

// "label" of what is told, "(label)" of what is left out.
std::vector<std::string> labels(const Transcript& transcript) {
  const Telling telling(transcript);
  std::vector<std::string> all;
  for (const Event& event : transcript.events())
    all.push_back(telling.leaves_out(event.number) ? "(" + telling.label(event.number) + ")" : telling.label(event.number));
  return all;
}

TEST(Telling, CountsWhatIsToldOfEachLine) {
  Transcript transcript;
  transcript.add(0, Told{"sweep    send2=EAGAIN"});
  transcript.add(2, asked(Side::subject, Call::close));
  transcript.add(2, call_of(Side::subject, Call::close, Outcome::sent));
  transcript.add(2, close_notify(Side::subject));
  transcript.add(3, Signal{Side::subject, "SIGPIPE"});
  transcript.add(0, Usage{Side::subject, 7, 4096});
  EXPECT_THAT(labels(transcript), ElementsAre("0.1", "(2.asked-1)", "2.1", "2.2", "3.1", "0.2"));
}

TEST(Telling, LeavesOutTransportCallsThatNothingWasDoneTo) {
  Transcript transcript;
  transcript.add(1, TransportCall{Side::subject, Call::close, 1, "send", Flow::send, 24, 24, "", false});
  transcript.add(1, TransportCall{Side::subject, Call::close, 1, "send", Flow::send, 24, -1, "EAGAIN", true});
  EXPECT_THAT(labels(transcript), ElementsAre("(1.io-1)", "1.1"));
}

TEST(Telling, LeavesOutOrdersThatTheScriptSays) {
  Transcript transcript;
  transcript.add(1, Told{"wire     hold close_notify", true});
  transcript.add(1, Told{"wire     never reached: hold close_notify"});
  EXPECT_THAT(labels(transcript), ElementsAre("(1.told-1)", "1.1"));
}

TEST(Telling, ADeliveryIsLeftOutOnlyWhereTheWholeRecordWentOnAtOnce) {
  Transcript transcript;
  const int through = transcript.add(1, close_notify(Side::subject));
  transcript.add(1, Delivered{through, 24});
  const int cut = transcript.add(1, close_notify(Side::subject));
  transcript.add(1, Delivered{cut, 7});
  const int held = transcript.add(1, close_notify(Side::subject));
  transcript.add(1, Withheld{held, Withheld::Why::hold});
  transcript.add(2, Delivered{held, 24});
  EXPECT_THAT(labels(transcript), ElementsAre("1.1", "(1.delivered-1)", "1.2", "1.3", "1.4", "1.5", "2.1"));
  const Telling telling(transcript);
  EXPECT_TRUE(telling.went_through(through));
  EXPECT_EQ(telling.shown_as(through + 1), through);
  EXPECT_EQ(telling.shown_as(cut + 1), cut + 1);
  EXPECT_FALSE(telling.went_through(cut));
  EXPECT_FALSE(telling.went_through(held));
}

TEST(Telling, LeavesOutAHandshakeThatGoesAsUsual) {
  Transcript transcript;
  transcript.add(1, asked(Side::subject, Call::handshake));
  const int hello = transcript.add(1, record_of(Side::subject, ContentType::handshake));
  transcript.add(1, Delivered{hello, 24});
  transcript.add(1, call_of(Side::subject, Call::handshake, Outcome::want_read));
  transcript.add(1, Blocked{Side::subject, Call::handshake, 1, 1, Flow::recv});
  transcript.add(1, call_of(Side::subject, Call::handshake, Outcome::done));
  transcript.add(2, call_of(Side::subject, Call::close, Outcome::done));
  EXPECT_THAT(labels(transcript),
              ElementsAre("(1.asked-1)", "(1.record-1)", "(1.delivered-1)", "(1.call-1)", "(1.wait-1)", "(1.call-2)", "2.1"));
}

TEST(Telling, TellsWhatIsUnusualInAHandshake) {
  Transcript transcript;
  transcript.add(1, asked(Side::subject, Call::handshake));
  const int dropped = transcript.add(1, record_of(Side::subject, ContentType::handshake));
  transcript.add(1, Lost{dropped, Lost::Why::dropped});
  const int alert = transcript.add(1, close_notify(Side::partner));
  transcript.add(1, Delivered{alert, 24});
  transcript.add(1, call_of(Side::subject, Call::handshake, Outcome::alert));
  transcript.add(1, Blocked{Side::partner, Call::handshake, 1, 1, Flow::recv, true});
  EXPECT_THAT(labels(transcript), ElementsAre("(1.asked-1)", "1.1", "1.2", "1.3", "(1.delivered-1)", "1.4", "1.5"));
}

TEST(Telling, ARecordThatComesInALineWithoutAHandshakeIsToldWhateverTheScriptSays) {
  Transcript transcript;
  transcript.script = {"subject  close   # after the handshake"};
  transcript.add(1, asked(Side::subject, Call::close));
  transcript.add(1, record_of(Side::subject, ContentType::handshake));
  EXPECT_THAT(labels(transcript), ElementsAre("(1.asked-1)", "1.1"));
}

TEST(Telling, OtherEventsAreCalledByLabelAndContent) {
  Transcript transcript;
  const int sent = transcript.add(3, close_notify(Side::partner));
  transcript.add(3, Withheld{sent, Withheld::Why::hold});
  transcript.add(4, Delivered{sent, 7});
  const Telling telling(transcript);
  EXPECT_EQ(telling.text(2), "wire     3.1 close_notify (warning) held");
  EXPECT_EQ(telling.text(3, Detail::repeatable), "wire     3.1 close_notify (warning) delivered, 7 bytes") << "the cut is the script's";
}

TEST(Telling, TheSizeOfAWholeDeliveryIsTheRecords) {
  Transcript transcript;
  const int sent = transcript.add(3, record_of(Side::partner, ContentType::handshake));
  transcript.add(3, Withheld{sent, Withheld::Why::full});
  transcript.add(4, Delivered{sent, 24});
  EXPECT_EQ(Telling(transcript).text(3, Detail::repeatable), "wire     3.1 handshake delivered");
}

TEST(WhatCameOfLines, IsTheLastAnswerOfTheLinesCallAndTheAlertsAndMessagesThatWereSent) {
  Transcript transcript;
  transcript.script = {"both handshake", "subject close until done", "partner clear", "partner read", "subject close"};
  const int shaken = transcript.add(1, asked(Side::subject, Call::handshake));
  ApiCall handshake = call_of(Side::subject, Call::handshake, Outcome::done);
  handshake.asked = shaken;
  transcript.add(1, handshake);
  ApiCall close = call_of(Side::subject, Call::close, Outcome::sent);
  close.asked = transcript.add(2, asked(Side::subject, Call::close));
  transcript.add(2, close_notify(Side::subject));
  transcript.add(2, close);
  close.outcome = Outcome::want_read;
  transcript.add(2, close);
  ApiCall read = call_of(Side::partner, Call::read, Outcome::failed);
  read.code = "SSL_ERROR_SSL";
  read.asked = transcript.add(4, asked(Side::partner, Call::read));
  Record hello = record_of(Side::partner, ContentType::handshake);
  hello.handshake = "ClientHello";
  transcript.add(4, hello);
  transcript.add(4, read);
  close.outcome = Outcome::failed;
  close.code = "GNUTLS_E_X";
  transcript.add(4, close);
  transcript.add(5, asked(Side::subject, Call::close));
  transcript.add(5, NotDone{Side::subject, "close", "subject's process is gone"});
  EXPECT_THAT(what_came_of_lines(transcript),
              ElementsAre("", "sends close_notify; want-read", "",
                          "sends ClientHello; failed SSL_ERROR_SSL; subject close: failed GNUTLS_E_X", "not done: subject?s process is gone"));
}

TEST(WhatCameOfLines, IsShortAndNamesTheSideWhereItIsNotTheLinesOwn) {
  Transcript transcript;
  transcript.script = {"both close", "wire fin subject", "subject raw-read"};
  for (const Side side : {Side::subject, Side::partner}) {
    ApiCall close = call_of(side, Call::close, Outcome::done);
    close.asked = transcript.add(1, asked(side, Call::close));
    transcript.add(1, close_notify(side));
    transcript.add(1, close);
  }
  Died died;
  died.side = Side::partner;
  died.detail = "SIGSEGV";
  transcript.add(2, died);
  for (int i = 0; i < 40; ++i) transcript.add(3, record_of(i % 2 ? Side::subject : Side::partner, ContentType::raw));
  const std::vector<std::string> came = what_came_of_lines(transcript);
  EXPECT_EQ(came.at(0), "subject sends close_notify; subject done; partner sends close_notify; partner done");
  EXPECT_EQ(came.at(1), "partner dies: SIGSEGV");
  EXPECT_LE(came.at(2).size(), 240u);
  EXPECT_THAT(came.at(2), EndsWith("; and more"));
}

TEST(WhatCameOfLines, SaysWhatWasReadWhatWasMetAndWhatWasSentInTheClear) {
  Transcript transcript;
  transcript.script = {"partner write 5", "subject read", "subject close"};
  Record data = record_of(Side::partner, ContentType::application_data);
  data.encrypted = true;
  transcript.add(1, asked(Side::partner, Call::write));
  transcript.add(1, data);
  transcript.add(1, data);
  ApiCall read = call_of(Side::subject, Call::read, Outcome::done);
  read.asked = transcript.add(2, asked(Side::subject, Call::read));
  read.bytes = 5;
  read.intact = false;
  transcript.add(2, read);
  transcript.add(3, asked(Side::subject, Call::close));
  TransportCall blocked{Side::subject, Call::close, 1, "send", Flow::send, 24, -1, "EAGAIN", true};
  transcript.add(3, blocked);
  Record alert = close_notify(Side::subject);
  alert.encrypted = true;
  transcript.add(3, alert);
  alert.encrypted = false;
  transcript.add(3, alert);
  EXPECT_THAT(what_came_of_lines(transcript), ElementsAre("sends application_data x2", "done, 5 bytes, not as sent",
                                                          "meets EAGAIN; sends close_notify, close_notify in the clear"));
}

TEST(WhatCameOfLines, ShowsTwoOfAThingAsTwoAndKeepsAnAnswerThatCameBeforeAWait) {
  Transcript transcript;
  transcript.script = {"subject close until done", "subject close until done"};
  for (const int line : {1, 2}) {
    ApiCall close = call_of(Side::subject, Call::close, Outcome::sent);
    close.asked = transcript.add(line, asked(Side::subject, Call::close));
    const Blocked waiting{Side::subject, Call::close, 1, close.asked, Flow::recv, false};
    const TransportCall would_block{Side::subject, Call::close, 1, "send", Flow::send, 24, -1, "EAGAIN", true};
    for (int i = 0; i < 2; ++i) transcript.add(line, would_block);
    transcript.add(line, waiting);
    transcript.add(line, close_notify(Side::subject));
    transcript.add(line, close_notify(Side::subject));
    if (line == 2) transcript.add(line, close);
    for (int i = 0; i < 2; ++i) transcript.add(line, waiting);
  }
  EXPECT_THAT(what_came_of_lines(transcript),
              ElementsAre("meets EAGAIN x2; waits; sends close_notify x2", "meets EAGAIN x2; sent, then waits; sends close_notify x2"));
}

}  // namespace
}  // namespace tlsbye
