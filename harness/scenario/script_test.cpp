#include "harness/scenario/script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/scenario/scenario.h"

namespace tlsbye {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// One line that is right.
Statement parsed(std::string_view line) {
  std::vector<Diagnostic> diagnostics;
  const auto statements = parse_script(line, "a.toml", 1, diagnostics);
  for (const auto& diagnostic : diagnostics) ADD_FAILURE() << diagnostic.render();
  if (statements.size() != 1) {
    ADD_FAILURE() << statements.size() << " statements in: " << line;
    return {};
  }
  return statements.front();
}

// What such a line asks for.
template <typename Family, typename Order>
Order deed(std::string_view line) {
  const Statement statement = parsed(line);
  const auto* family = std::get_if<Family>(&statement.deed);
  const auto* order = family ? std::get_if<Order>(family) : nullptr;
  if (order) return *order;
  ADD_FAILURE() << "of another kind: " << line;
  return {};
}
StackCall call(std::string_view line) { return deed<PeerOrder, StackCall>(line); }
FaultPlan plan(std::string_view line) { return deed<PeerOrder, FaultPlan>(line); }
template <typename Order = StandingOrder>
Order order(std::string_view line) {
  return deed<WireOrder, Order>(line);
}

// What is said about one line that is wrong: "column: problem | suggestion".
std::string line_complaint(std::string_view line) {
  std::vector<Diagnostic> diagnostics;
  const auto statements = parse_script(line, "a.toml", 1, diagnostics);
  EXPECT_THAT(statements, IsEmpty()) << line;
  if (diagnostics.size() != 1) {
    ADD_FAILURE() << diagnostics.size() << " diagnostics for: " << line;
    return {};
  }
  const auto& d = diagnostics.front();
  EXPECT_EQ(d.line, 1);
  EXPECT_EQ(d.source_line, line);
  return std::to_string(d.column) + ": " + d.problem + (d.suggestion.empty() ? "" : " | " + d.suggestion);
}

TEST(VerbTable, HasARowForEveryVerbAndItsUsageBeginsWithIt) {
  std::set<Verb> verbs;
  for (const auto& row : verb_table()) {
    verbs.insert(row.verb);
    EXPECT_TRUE(row.usage == spell(row.verb) || row.usage.starts_with(std::string(spell(row.verb)) + " ")) << row.usage;
    EXPECT_TRUE(row.peer != row.wire) << row.usage;
    EXPECT_FALSE(row.meaning.empty()) << row.usage;
  }
  EXPECT_EQ(verbs.size(), Words<Verb>::list.size());
}

TEST(Script, CountsLinesAndSkipsBlankOnesAndComments) {
  std::vector<Diagnostic> diagnostics;
  const auto script =
      parse_script("# how it begins\nboth  handshake\n\n  subject close   until done # and waits\n", "a.toml", 7, diagnostics);
  ASSERT_THAT(diagnostics, IsEmpty());
  ASSERT_EQ(script.size(), 2u);
  EXPECT_EQ(script[0].line, 2);
  EXPECT_EQ(script[0].actor, Actor::both);
  EXPECT_EQ(script[1].line, 4);
  EXPECT_EQ(script[1].source, "subject close until done");
}

TEST(Script, TellsEveryProblemOfEveryLineWithItsPlaceInTheFile) {
  std::vector<Diagnostic> diagnostics;
  const auto script = parse_script("subject clsoe\nboth handshake\n  subject close untill done\n", "a.toml", 7, diagnostics);
  EXPECT_EQ(script.size(), 1u);
  ASSERT_EQ(diagnostics.size(), 2u);
  EXPECT_EQ(diagnostics[0].render(), "a.toml:7:9: unknown verb `clsoe`\n  subject clsoe\n          ^\n  did you mean `close`?\n");
  EXPECT_EQ(diagnostics[1].line, 9);
  EXPECT_EQ(diagnostics[1].column, 17);
}

TEST(PeerVerbs, AHandshakeIsUntilDoneUnlessItIsOneCall) {
  EXPECT_EQ(call("both handshake").until, Until::done);
  EXPECT_EQ(call("subject handshake once").until, Until::once);
}

TEST(PeerVerbs, ExtraCallsHaveTheArgumentsThatThePeerGets) {
  EXPECT_EQ(call("subject peek 5").size, 5u);
  EXPECT_EQ(call("subject peek").size, 0u);
  EXPECT_THAT(call("partner send-alert internal_error").arguments, ElementsAre("2", "80"));
  EXPECT_THAT(call("partner send-alert user_canceled").arguments, ElementsAre("1", "90"));
  EXPECT_THAT(call("partner send-alert 201 level warning").arguments, ElementsAre("1", "201"));
  EXPECT_THAT(call("subject key-update").arguments, IsEmpty());
  EXPECT_THAT(call("subject key-update requested").arguments, ElementsAre("requested"));
  for (const auto* verb : {"renegotiate", "clear", "keep-session", "measure"})
    EXPECT_EQ(spell(parsed(std::string("client ") + verb).verb), verb);
  EXPECT_EQ(std::get<Starve>(std::get<PeerOrder>(parsed("subject starve after 3").deed)).after, 3);
  EXPECT_THAT(line_complaint("subject starve 3"), HasSubstr("`3`"));
  EXPECT_EQ(call("client write-early 5 until done").size, 5u);
  EXPECT_EQ(call("server read-early").size, 0u);
  EXPECT_EQ(call("server read-early 7 to-end").until, Until::end);
  EXPECT_THAT(line_complaint("server read-early when ready"), HasSubstr("`when`"));
  EXPECT_THAT(line_complaint("subject send-alert internal-error"), HasSubstr("did you mean `internal_error`?"));
  EXPECT_THAT(line_complaint("subject key-update now"), testing::StartsWith("20: `now` is not expected here"));
}

TEST(PeerVerbs, ASwitchAndItsValueAreOfClosedLists) {
  EXPECT_THAT(call("subject set quiet-shutdown on").arguments, ElementsAre("quiet-shutdown", "on"));
  EXPECT_THAT(call("subject set shutdown both").arguments, ElementsAre("shutdown", "both"));
  EXPECT_THAT(call("subject set timeout 60000").arguments, ElementsAre("timeout", "60000"));
  EXPECT_EQ(line_complaint("subject set quiet-shutdwn on"), "13: unknown switch `quiet-shutdwn` | did you mean `quiet-shutdown`?");
  EXPECT_EQ(line_complaint("subject set shutdown SENT|RECEIVED"),
            "22: `SENT|RECEIVED` is not a value of `shutdown` | one of: none, SENT, RECEIVED, both");
  EXPECT_EQ(line_complaint("subject set timeout 1s"), "21: `1s` is not a value of `timeout` | a number of milliseconds");
  EXPECT_THAT(line_complaint("subject set cork"), testing::StartsWith("17: the line ends where a value should stand"));
}

TEST(PeerVerbs, WhatIsDoneAsideIsOneCall) {
  EXPECT_EQ(call("subject aside close").aside, Aside::thread);
  EXPECT_EQ(call("server fork close-write").aside, Aside::process);
  EXPECT_EQ(call("subject aside write 5").size, 5u);
  EXPECT_EQ(call("subject close").aside, Aside::no);
  EXPECT_EQ(line_complaint("subject aside close until done"), "27: what is done aside is one call | leave it at `close`");
  EXPECT_THAT(line_complaint("subject aside read to-end"), HasSubstr("one call"));
  EXPECT_EQ(
      line_complaint("subject aside handshake"),
      "15: `handshake` cannot be done aside | one of: write, read, close, close-write, peek, send-alert, key-update, renegotiate, set, "
      "keep-session");
  EXPECT_THAT(line_complaint("subject fork clear"), HasSubstr("cannot be done aside"));
  EXPECT_EQ(call("subject aside key-update requested").arguments, std::vector<std::string>{"requested"});
  EXPECT_EQ(call("server fork peek 5").size, 5u);
  EXPECT_THAT(line_complaint("both aside close"), HasSubstr("unknown verb `aside`"));
}

TEST(PeerVerbs, ReadTakesASizeAndHowLongToGoOn) {
  EXPECT_EQ(call("subject read").size, 0u);
  EXPECT_EQ(call("subject read").until, Until::once);
  for (const char* line : {"subject peek until done", "subject peek 5 until done", "subject send-alert user_canceled until done",
                           "subject key-update requested until done", "subject renegotiate until done"})
    EXPECT_EQ(call(line).until, Until::done) << line;
  EXPECT_EQ(call("subject read 10").size, 10u);
  EXPECT_EQ(call("subject read until done").until, Until::done);
  const auto all = call("subject read 4KiB to-end");
  EXPECT_EQ(all.size, 4096u);
  EXPECT_EQ(all.until, Until::end);
}

TEST(PeerVerbs, SizesAreBytesKibibytesOrMebibytes) {
  EXPECT_EQ(call("subject write 16").size, 16u);
  EXPECT_EQ(call("subject write 4KiB until done").size, 4096u);
  EXPECT_EQ(call("subject write 1MiB").size, 1048576u);
  EXPECT_EQ(line_complaint("subject write 4kb"), "15: `4kb` is not a size | sizes are written 16, 4KiB, 1MiB");
  EXPECT_EQ(line_complaint("subject write 0"), "15: `0` is not a number from 1 to 67108864");
  EXPECT_THAT(line_complaint("subject write 99999999999999999999"), HasSubstr("not a number from"));
}

TEST(PeerVerbs, AReadCanWaitForThePoll) {
  EXPECT_TRUE((deed<PeerOrder, StackCall>("subject read when ready").when_ready));
  EXPECT_EQ((deed<PeerOrder, StackCall>("subject read 10 when ready").size), 10u);
  EXPECT_FALSE((deed<PeerOrder, StackCall>("subject read").when_ready));
  EXPECT_THAT(line_complaint("subject read when"), HasSubstr("the line ends where `ready` should stand"));
  EXPECT_THAT(line_complaint("subject read until done when ready"), HasSubstr("`when` is not expected here"));
  EXPECT_THAT(line_complaint("subject aside read when ready"), HasSubstr("`when` is not expected here"));
}

TEST(PeerVerbs, CloseWriteIsNotClose) {
  EXPECT_EQ(parsed("subject close-write until done").verb, Verb::close_write);
  EXPECT_EQ(line_complaint("subject closewrite"), "9: unknown verb `closewrite` | did you mean `close-write`?");
}

TEST(PeerVerbs, RawTextMayHoldAnyByte) {
  EXPECT_EQ((deed<PeerOrder, PastLibrary>(R"(partner raw-write "a b # \"c\"\r\n\x00\xfF")")).data,
            std::string("a b # \"c\"\r\n\0\xff", 13));
  EXPECT_EQ(line_complaint(R"(partner raw-write "a)"), "19: the text has no closing quote");
  EXPECT_THAT(line_complaint(R"(partner raw-write "a\q")"), testing::StartsWith("21: not an escape"));
  EXPECT_THAT(line_complaint("partner raw-write hello"), testing::StartsWith("19: `hello` is not a text in double quotes"));
}

TEST(PeerVerbs, FaultsHaveAFlowAKindATimesAndAnAfter) {
  const auto third = plan("subject io send short 3 x5 after 2");
  EXPECT_EQ(third.flow, Flow::send);
  EXPECT_EQ(third.fault, Fault::short_count);
  EXPECT_EQ(third.count, 3u);
  EXPECT_EQ(third.times, 5);
  EXPECT_EQ(third.after, 2);
  const auto once = plan("subject io recv EINTR");
  EXPECT_EQ(once.times, 1);
  EXPECT_EQ(once.after, 0);
  EXPECT_EQ(once.count, 1u);
  EXPECT_EQ(parsed("subject io clear").verb, Verb::io_clear);
  deed<PeerOrder, ForgetFaults>("subject io clear");
}

TEST(PeerVerbs, AFaultCanBeAimedAtARecord) {
  const auto aimed = deed<PeerOrder, AimedFault>("subject io send EAGAIN x3 on close_notify");
  EXPECT_EQ(aimed.plan.times, 3);
  EXPECT_EQ(aimed.at.kind, RecordPattern::Kind::close_notify);
  EXPECT_EQ((deed<PeerOrder, AimedFault>("subject io recv short 2 on KeyUpdate").at.handshake), "KeyUpdate");
  EXPECT_THAT(line_complaint("subject io send EAGAIN on closenotify"), HasSubstr("did you mean `close_notify`?"));
  EXPECT_THAT(line_complaint("subject io send EAGAIN on Finished after 1"), HasSubstr("`after` is not expected here"));
}

TEST(PeerVerbs, AFaultThatCannotBeIsRefused) {
  EXPECT_EQ(line_complaint("subject io send EOF"), "17: a send cannot end in EOF | EPIPE is what it would say");
  EXPECT_EQ(line_complaint("subject io recv EPIPE"), "17: a recv cannot end in EPIPE | use EOF or ECONNRESET");
  EXPECT_EQ(line_complaint("subject io send EAGIAN"), "17: `EAGIAN` is not a fault | did you mean `EAGAIN`?");
  EXPECT_EQ(line_complaint("subject io send EAGAIN x0"), "24: `0` is not a number from 1 to 1000000");
}

TEST(Actors, BothMayOnlyMakeCallsOfTheirStacks) {
  for (const auto* verb : {"handshake", "write 1", "read", "close", "close-write", "abandon"})
    EXPECT_EQ(parsed(std::string("both ") + verb).actor, Actor::both);
  EXPECT_EQ(line_complaint("both hangup"),
            "6: `both` cannot `hangup`: only calls of the stack can be asked of both at once | write a line for each");
}

TEST(Actors, AnotherSessionIsBegunByBothTogether) {
  EXPECT_FALSE(std::get<NextSession>(parsed("both reconnect").deed).same_transport);
  EXPECT_TRUE(std::get<NextSession>(parsed("both new-session").deed).same_transport);
  EXPECT_EQ(line_complaint("client reconnect"), "8: one side alone cannot `reconnect` | say `both`");
  EXPECT_THAT(line_complaint("wire new-session"), HasSubstr("the wire cannot `new-session`"));
}

TEST(Actors, APeerCanBeNamedByItsRole) {
  EXPECT_EQ(parsed("client close").actor, Actor::client);
  EXPECT_EQ(parsed("server raw-read").actor, Actor::server);
}

TEST(Actors, ThePeersAndTheWireHaveVerbsOfTheirOwn) {
  EXPECT_EQ(line_complaint("wire close"), "6: the wire cannot `close` | say `subject` or `partner`");
  EXPECT_EQ(line_complaint("subject drop"), "9: a peer cannot `drop` | say `wire`");
  EXPECT_EQ(line_complaint("subjct close"),
            "1: `subjct` is not an actor: subject, partner, both, client, server or wire | did you mean `subject`?");
}

TEST(WireVerbs, AnEndOfTheTransportIsDoneToASide) {
  EXPECT_EQ(order<EndOrder>("wire fin subject").towards, Side::subject);
  EXPECT_EQ(order<EndOrder>("wire fin subject").how, End::fin);
  EXPECT_EQ(order<EndOrder>("wire hangup partner").towards, Side::partner);
  EXPECT_EQ(order<EndOrder>("wire hangup partner").how, End::hangup);
  EXPECT_EQ(order<EndOrder>("wire reset subject").how, End::reset);
  EXPECT_TRUE(order<Stall>("wire stall subject").stalled);
  EXPECT_EQ(order<Stall>("wire unstall partner").side, Side::partner);
  EXPECT_FALSE(order<Stall>("wire unstall partner").stalled);
  EXPECT_EQ(line_complaint("wire fin"), "9: the line ends where a side should stand | usage: fin SIDE");
  EXPECT_THAT(line_complaint("subject fin subject"), testing::StartsWith("13: `subject` is not expected here"));
}

TEST(WireVerbs, AnOrderNamesADirectionAndAKindOfRecord) {
  const auto hold = order("wire hold partner->subject close_notify");
  EXPECT_EQ(hold.from, Side::partner);
  EXPECT_EQ(hold.what.kind, RecordPattern::Kind::close_notify);
  const auto ticket = order("wire drop subject->partner NewSessionTicket");
  EXPECT_EQ(ticket.from, Side::subject);
  EXPECT_EQ(ticket.what.kind, RecordPattern::Kind::handshake);
  EXPECT_EQ(ticket.what.handshake, "NewSessionTicket");
  EXPECT_EQ(order("wire damage partner->subject any").what.kind, RecordPattern::Kind::any);
  EXPECT_EQ(order("wire damage partner->subject alert").what.kind, RecordPattern::Kind::alert);
  EXPECT_EQ(order("wire damage partner->subject application_data").what.kind, RecordPattern::Kind::application_data);
  EXPECT_EQ(order("wire damage partner->subject handshake").what.kind, RecordPattern::Kind::handshake);
  EXPECT_EQ(order("wire damage partner->subject change_cipher_spec").what.kind, RecordPattern::Kind::change_cipher_spec);
  EXPECT_EQ(line_complaint("wire drop partner-subject any"), "11: `partner-subject` is not a direction | did you mean `partner->subject`?");
  EXPECT_EQ(line_complaint("wire drop partner->subject close-notify"),
            "28: `close-notify` is not a kind of record | did you mean `close_notify`?");
  EXPECT_EQ(line_complaint("wire drop partner->subject"), "27: the line ends where a kind of record should stand | usage: drop DIR WHAT");
}

TEST(WireVerbs, TimePassesInSecondsOrThousandths) {
  EXPECT_EQ(std::get<Pass>(parsed("wire pass 300ms").deed).milliseconds, 300);
  EXPECT_EQ(std::get<Pass>(parsed("wire pass 60s").deed).milliseconds, 60000);
  EXPECT_EQ(line_complaint("wire pass 60"), "11: `60` is not a time | times are written 300ms, 60s");
  EXPECT_THAT(line_complaint("wire pass 0ms"), HasSubstr("not a number from 1"));
  EXPECT_THAT(line_complaint("subject pass 1s"), HasSubstr("a peer cannot `pass`"));
}

TEST(WireVerbs, ReleaseMayBeOfBothDirections) {
  EXPECT_EQ(order<Release>("wire release").from, std::nullopt);
  EXPECT_EQ(order<Release>("wire release partner->subject").from, Side::partner);
}

TEST(WireVerbs, RepeatSplitJoinAndCutCount) {
  EXPECT_EQ(order("wire repeat partner->subject close_notify").times, 1);
  EXPECT_EQ(order("wire repeat partner->subject close_notify x3").times, 3);
  EXPECT_EQ(order("wire split partner->subject close_notify at 1").at, 1u);
  EXPECT_EQ(order("wire cut partner->subject close_notify at 7").at, 7u);
  EXPECT_EQ(order("wire join partner->subject alert x2").times, 2);
  EXPECT_THAT(line_complaint("wire join partner->subject alert"), HasSubstr("needs to know how many records"));
  EXPECT_THAT(line_complaint("wire cut partner->subject close_notify 7"), testing::StartsWith("40: `7` stands where `at` should"));
}

TEST(WireVerbs, AlterChangesLevelAndDescriptionOfAlerts) {
  const auto altered = order("wire alter partner->subject close_notify level fatal description user_canceled");
  EXPECT_EQ(altered.level, 2);
  EXPECT_EQ(altered.description, 90);
  EXPECT_EQ(order("wire alter partner->subject alert level 3").level, 3);
  EXPECT_EQ(order("wire alter partner->subject alert description 201").description, 201);
  EXPECT_THAT(line_complaint("wire alter partner->subject alert"), HasSubstr("needs `level` or `description`"));
  EXPECT_THAT(line_complaint("wire alter partner->subject application_data level fatal"), HasSubstr("only alerts can be altered"));
  EXPECT_THAT(line_complaint("wire alter partner->subject alert level 256"), HasSubstr("not a number from 0 to 255"));
}

Content content(const std::string& words) { return order<Injection>("wire inject partner->subject " + words).content; }

TEST(Contents, AnAlertIsFatalUnlessItsNatureIsAWarning) {
  EXPECT_EQ(content("close_notify").bytes, std::string("\x01\x00", 2));
  EXPECT_EQ(content("alert close_notify").bytes, std::string("\x01\x00", 2));
  EXPECT_EQ(content("alert internal_error").bytes, "\x02\x50");
  EXPECT_EQ(content("alert user_canceled").bytes, "\x01\x5a");
  EXPECT_EQ(content("alert no_renegotiation").bytes, "\x01\x64");
  EXPECT_EQ(content("alert 201 level warning").bytes, "\x01\xc9");
  EXPECT_EQ(content("alert close_notify level 3").bytes, std::string("\x03\x00", 2));
  EXPECT_EQ(content("alert internal_error").name, "alert internal_error");
  EXPECT_EQ(content("alert close_notify level fatal").name, "alert close_notify level 2");
  EXPECT_EQ(line_complaint("wire inject partner->subject alert internal-error"),
            "36: unknown alert `internal-error` | did you mean `internal_error`?");
}

TEST(Contents, DataIsOfTheSendersPattern) {
  EXPECT_EQ(content("data 10").type, ContentType::application_data);
  EXPECT_EQ(content("data 10").pattern, 10u);
  EXPECT_EQ(content("data 0").pattern, 0u);
  EXPECT_EQ(content("data 0").bytes, "");
  EXPECT_THAT(line_complaint("wire inject partner->subject data 17KiB"), HasSubstr("a record holds at most 16KiB"));
}

TEST(Contents, HandshakeMessagesAreWholeAndTheirLengthsAgree) {
  EXPECT_EQ(content("key_update").bytes, std::string("\x18\x00\x00\x01\x00", 5));
  EXPECT_EQ(content("key_update requested").bytes, std::string("\x18\x00\x00\x01\x01", 5));
  EXPECT_EQ(content("hello_request").bytes, std::string("\x00\x00\x00\x00", 4));
  for (const auto& [words, type] : {std::pair{"new_session_ticket", 4}, {"certificate_request", 13}}) {
    const auto bytes = content(words).bytes;
    EXPECT_EQ(content(words).type, ContentType::handshake);
    ASSERT_GT(bytes.size(), 4u);
    EXPECT_EQ(bytes[0], type);
    EXPECT_EQ(bytes.substr(1, 2), std::string(2, '\0'));
    EXPECT_EQ(static_cast<std::size_t>(static_cast<unsigned char>(bytes[3])), bytes.size() - 4);
  }
  // RFC 8446 4.6.1: lifetime, age_add, nonce<0..255>, ticket<1..>, extensions.
  const auto ticket = content("new_session_ticket").bytes.substr(4);
  EXPECT_EQ(ticket[8], 1);
  EXPECT_EQ(ticket.size(), 4u + 4u + 1u + 1u + 2u + 32u + 2u);
}

TEST(Contents, OddOnesCanBeWrittenAsBytes) {
  EXPECT_EQ(content("empty-alert").type, ContentType::alert);
  EXPECT_EQ(content("empty-alert").bytes, "");
  EXPECT_EQ(content("bytes alert 01000100").bytes, std::string("\x01\x00\x01\x00", 4));
  EXPECT_EQ(content("bytes change_cipher_spec 01").type, ContentType::change_cipher_spec);
  EXPECT_EQ(content(R"(raw "PLAIN AFTER")").type, ContentType::raw);
  EXPECT_EQ(content(R"(raw "PLAIN AFTER")").bytes, "PLAIN AFTER");
  EXPECT_THAT(line_complaint("wire inject partner->subject bytes alert 010"), HasSubstr("not a row of bytes"));
  EXPECT_THAT(line_complaint("wire inject partner->subject bytes alrt 0100"), HasSubstr("did you mean `alert`?"));
  EXPECT_THAT(line_complaint("wire inject partner->subject bytes application_data 00"), HasSubstr("use `data SIZE`"));
  EXPECT_THAT(line_complaint("wire inject partner->subject closenotify"), HasSubstr("did you mean `close_notify`?"));
}

TEST(Contents, ARecordCanBePlainDamagedPaddedAndMany) {
  EXPECT_TRUE(content("plain close_notify").plain);
  EXPECT_TRUE(content("damaged close_notify").damaged);
  EXPECT_EQ(content("padded 100 close_notify").padding, 100u);
  EXPECT_EQ(order<Injection>("wire inject partner->subject data 0 x40").times, 40);
  EXPECT_THAT(line_complaint("wire inject partner->subject plain damaged close_notify"), HasSubstr("neither tag nor padding"));
  EXPECT_THAT(line_complaint(R"(wire inject partner->subject damaged raw "x")"), HasSubstr("raw bytes are not a record"));
}

TEST(Lines, AWordTooManyIsToldAndPerhapsItWasMisspelt) {
  EXPECT_EQ(line_complaint("subject read toend"),
            "14: `toend` is not a size, `until done`, `to-end` or `when ready` | sizes are written 16, 4KiB, 1MiB");
  EXPECT_EQ(line_complaint("subject read 5 toend"), "16: `toend` is not expected here | did you mean `to-end`?");
  EXPECT_EQ(line_complaint("subject close now"), "15: `now` is not expected here | usage: close [until done]");
  EXPECT_EQ(line_complaint("subject close until"), "20: the line ends where `done` should stand | usage: close [until done]");
  EXPECT_EQ(line_complaint("subject   # and then?"), "8: the line ends where a verb should stand");
}

TEST(Lines, ANameWithoutAValueIsToldWhereItStands) {
  EXPECT_THAT(line_complaint("wire cut partner->subject close_notify at $k"), testing::StartsWith("43: `$k` has no value in `matrix`"));
}

}  // namespace
}  // namespace tlsbye
