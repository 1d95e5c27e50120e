// What is said of a client program whose answer was cut.
#include <gmock/gmock.h>

#include "harness/oracle/closing.h"
#include "harness/oracle/finding.h"
#include "harness/oracle/tale.h"

namespace tlsbye {
namespace {

using Kind = Finding::Kind;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view head = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n";

Record says(std::string text) {
  return but(data(text.size()), [&](Record& it) { it.content = std::move(text); });
}
// It has asked, and the answer is about to come.
Tale asks(std::string request = "GET / HTTP/1.0\r\n\r\n") { return Tale().of_the_wire_alone().sent(says(std::move(request))); }
Tale half(Tale tale, std::string text) {
  return tale.add(Asked{Side::partner, "say", {}, "beginning"}).arrives(says(std::move(text)));
}
Tale that_exits(Tale tale, int code) { return tale.add(ProgramDid{Side::subject, ProgramDid::What::ended, 10, "exit code", code, {}}); }
std::string of_length(int length, std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n" + std::string(body);
}
std::string chunked(std::string_view body) { return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(body); }

Finding judgement(const Tale& tale) { return judge(*find_property("success-means-answer-received"), {}, tale.transcript()); }

TEST(CutAnswer, ASuccessAfterHalfAnAnswerIsFoundHoweverTheConnectionEnded) {
  const std::string text = std::string(head) + "half of i";
  for (const Tale& cut : {half(asks(), text).fin_arrives(), half(asks(), text).reset_arrives(),
                          half(asks(), text).arrives(alert(2, 80)).fin_arrives(), half(asks(), "HTTP/1.0 2").fin_arrives()}) {
    const Finding found = judgement(that_exits(cut, 0));
    EXPECT_EQ(found.kind, Kind::broken) << found.says;
    EXPECT_THAT(found.says, HasSubstr("exit code 0) although the second half of the answer never reached it"));
    const Finding noticed = judgement(that_exits(cut, 18));
    EXPECT_EQ(noticed.kind, Kind::holds) << noticed.says;
    EXPECT_THAT(noticed.says, HasSubstr("exit code 18"));
    EXPECT_EQ(noticed.evidence.size(), 3U);
  }
}

TEST(CutAnswer, WhatWasAskedBeforeTheKeysCameCountsAsAsked) {
  Tale tale = Tale().of_the_wire_alone();
  const int record = tale.next_number();
  Opened opened;
  opened.record = record;
  opened.type = ContentType::application_data;
  opened.content = "GET / HTTP/1.0\r\n\r\n";
  tale.sent(unreadable()).add(opened);
  EXPECT_EQ(judgement(that_exits(half(tale, std::string(head) + "half of i").fin_arrives(), 0)).kind, Kind::broken);
}

TEST(CutAnswer, BytesThatWereLostOnTheWayAreCounted) {
  Tale tale = asks();
  tale.arrives(says(std::string(head)));
  const int record = tale.next_number();
  tale.seen(says("Hello")).add(Lost{record, Lost::Why::cut}).fin_arrives();
  EXPECT_THAT(judgement(that_exits(tale, 0)).says, HasSubstr("although 5 bytes of the answer never reached it"));
  // What comes behind a gap cannot be opened.
  Tale gap = asks();
  gap.arrives(says(of_length(5, "")));
  const int lost = gap.next_number();
  gap.seen(says("He")).add(Lost{lost, Lost::Why::dropped}).arrives(says("llo12")).fin_arrives();
  EXPECT_EQ(judgement(that_exits(gap, 0)).kind, Kind::broken);
  EXPECT_THAT(judgement(that_exits(gap, 0)).says, HasSubstr("7 bytes"));
}

TEST(CutAnswer, ALengthThatWasNotReachedIsBrokenToo) {
  EXPECT_EQ(judgement(that_exits(half(asks(), of_length(10, "Hello")).fin_arrives(), 0)).kind, Kind::broken);
  EXPECT_EQ(judgement(that_exits(half(asks(), chunked("5\r\nHello\r\n")).fin_arrives(), 0)).kind, Kind::broken);
  EXPECT_EQ(judgement(that_exits(half(asks(), of_length(10, "Hello")).fin_arrives(), 18)).kind, Kind::holds);
}

TEST(CutAnswer, WhereTheClientCouldKnowTheAnswerWholeItIsUnclear) {
  for (const std::string& whole :
       {of_length(5, "Hello"), chunked("5\r\nHello\r\n0\r\n\r\n"), std::string("HTTP/1.1 204 No Content\r\n\r\n")}) {
    const Finding finding = judgement(that_exits(half(asks(), whole).fin_arrives(), 0));
    EXPECT_EQ(finding.kind, Kind::not_reached);
    EXPECT_THAT(finding.says, HasSubstr("unclear: by what HTTP says of its length, the answer was whole"));
  }
  EXPECT_THAT(judgement(that_exits(half(asks("HEAD / HTTP/1.0\r\n\r\n"), std::string(head)).fin_arrives(), 0)).says, HasSubstr("unclear"));
  EXPECT_THAT(judgement(that_exits(half(asks(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n").fin_arrives(), 0)).says,
              HasSubstr("unclear"));
  // The script had a part in the data.
  Tale injected = half(asks(), std::string(head));
  injected.arrives(but(data(3), [](Record& it) { it.made = true; })).fin_arrives();
  EXPECT_THAT(judgement(that_exits(injected, 0)).says, HasSubstr("unclear: the script"));
}

TEST(CutAnswer, NothingIsSaidWhereNothingWasCutOrTheProtocolIsAnother) {
  const auto why = [](const Tale& tale) {
    const Finding finding = judgement(tale);
    EXPECT_EQ(finding.kind, Kind::not_reached) << finding.says;
    return finding.says;
  };
  const std::string text = std::string(head) + "some of it";
  EXPECT_THAT(why(that_exits(asks().arrives(says(text)).fin_arrives(), 0)), HasSubstr("nothing of what it was told was cut"));
  EXPECT_THAT(why(that_exits(asks().fin_arrives(), 0)), HasSubstr("nothing of what it was told was cut"));
  EXPECT_THAT(why(that_exits(half(asks("a1 LOGOUT\r\n"), "* BYE\r\na1 O").fin_arrives(), 0)), HasSubstr("not HTTP/1"));
  EXPECT_THAT(why(that_exits(half(asks("EHLO x\r\n"), text).fin_arrives(), 0)), HasSubstr("not HTTP/1"));
  EXPECT_THAT(why(that_exits(half(asks(), "gemini is not H").fin_arrives(), 0)), HasSubstr("not HTTP/1"));
  EXPECT_THAT(why(that_exits(half(asks(), text).arrives(close_notify()).fin_arrives(), 0)), HasSubstr("this was all"));
  EXPECT_THAT(why(that_exits(half(asks(), text), 0)), HasSubstr("had not ended"));
  EXPECT_THAT(why(that_exits(half(asks(), text).own_end_seen().fin_arrives(), 0)), HasSubstr("it had ended its own stream before"));
  EXPECT_THAT(why(half(asks(), text).fin_arrives()), HasSubstr("no command was seen to end"));
  EXPECT_THAT(why(half(asks(), text).fin_arrives().add(ProgramDid{Side::subject, ProgramDid::What::ended, 9, "SIGSEGV", {}, {}})),
              HasSubstr("did not end by itself"));
  EXPECT_THAT(why(half(asks(), text).fin_arrives().add(ProgramDid{Side::subject, ProgramDid::What::kept_on, 9, "", {}, {}})),
              HasSubstr("no command was seen to end"));
  EXPECT_THAT(why(that_exits(half(asks().as_server(), text).fin_arrives(), 0)), HasSubstr("not a client program"));
  EXPECT_THAT(why(Tale().handshake().fin_arrives()), HasSubstr("not a client program"));
}

TEST(CutAnswer, ACloseNotifyInTheClearSaysNothingOfTheAnswer) {
  Tale tale = half(asks(), std::string(head));
  EXPECT_EQ(judgement(that_exits(tale.arrives(in_the_clear(close_notify())).fin_arrives(), 0)).kind, Kind::broken);
}

TEST(CutAnswer, OfOtherProtocolsItIsToldAndOfHttpJudged) {
  EXPECT_THAT(success_although_cut(that_exits(half(asks("a1 LOGOUT\r\n"), "* BYE\r\na1 O").fin_arrives(), 0).transcript()),
              HasSubstr("exit code 0"));
  EXPECT_THAT(success_although_cut(that_exits(half(asks(), std::string(head)).fin_arrives(), 0).transcript()), IsEmpty());
}

}  // namespace
}  // namespace tlsbye
