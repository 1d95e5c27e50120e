// Every stack's peer, driven as the harness drives it. A stack is held to what it promised, and asked once for what it did not promise, to
// see that it refuses: a library without TLS 1.3, without a two-way close or without keys to tell passes these tests if it says so.
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "peers/drive_for_test.h"

namespace tlsbye {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> stacks() {
  std::vector<std::string> all;
  std::istringstream text(TLSBYE_TEST_STACKS);
  for (std::string stack; std::getline(text, stack, ',');) all.push_back(stack);
  return all;
}

std::string ability_of(Tls tls) { return "tls-" + std::string(spell(tls)); }

// Subject stack, version, blocking.
using Mode = std::tuple<std::string, Tls, Io>;

// As GoogleTest takes it: "aws_lc".
std::string in_names(std::string stack) {
  std::replace(stack.begin(), stack.end(), '-', '_');
  return stack;
}

std::string mode_name(const testing::TestParamInfo<Mode>& info) {
  const auto& [stack, tls, io] = info.param;
  return in_names(stack) + (tls == Tls::v1_2 ? "_tls12_" : "_tls13_") + std::string(spell(io));
}

// Of every stack those of TLS 1.2 and 1.3 that it promises. (Of a stack that promises neither, EveryStackTest complains.)
// Asked once: GoogleTest makes the list anew for each test, and each would start every peer.
const std::vector<Mode>& modes() {
  static const std::vector<Mode> once = [] {
    std::vector<Mode> all;
    for (const std::string& stack : stacks()) {
      const Peer peer(stack);
      for (const Tls tls : {Tls::v1_2, Tls::v1_3})
        for (const Io io : {Io::blocking, Io::nonblocking})
          if (peer.able(ability_of(tls)) && !(io == Io::nonblocking && peer.able("blocking-only"))) all.emplace_back(stack, tls, io);
    }
    return all;
  }();
  return once;
}

// The answers of a stack that reports the end of the transport as it reports the peer's close_notify.
std::string answer_to_a_cut(const Peer& peer) { return peer.able("cut-as-end") ? "end-of-data" : "cut"; }

// How a stack closes as far as it can: two-way where it has that, otherwise by a close_notify of its own.
Line way_to_close(const Peer& peer) { return Line(peer.able("close") ? "close" : "close-write").with("until", "done"); }

// A call that sends a close_notify, and waits for nothing if the stack has one that does not.
Line own_end(const Peer& peer) { return Line(peer.able("close-write") ? "close-write" : "close"); }

// Both sides close and know of each other's end, each in its stack's way.
void close_both(Link& link) {
  const auto [client, server] = link.both(way_to_close(link.peer(Role::client)), way_to_close(link.peer(Role::server)));
  EXPECT_EQ(outcome(client), "done");
  EXPECT_EQ(outcome(server), "done");
  for (const Role role : {Role::client, Role::server}) {
    Peer& peer = link.peer(role);
    if (!peer.able("close")) {
      EXPECT_EQ(outcome(peer.do_(Line("read").with("until", "end"))), "end-of-data");
    }
  }
}

// The same where the client has closed its direction, or waits in that call for the reply, and the server has read that far: neither does it
// again.
void close_the_other_way(Link& link, const Report& closed) {
  const bool two_way = link.peer(Role::client).able("close"), waits = !closed.empty() && closed.back().word() == "blocked";
  const Line goes_on = waits ? Line("resume") : two_way ? close_until_done : Line("read").with("until", "end");
  const auto [client, server] = link.both(goes_on, way_to_close(link.peer(Role::server)));
  EXPECT_EQ(outcome(client), two_way ? "done" : "end-of-data");
  EXPECT_EQ(outcome(server), "done");
}

class StackTest : public testing::TestWithParam<Mode> {
 protected:
  StackTest() : subject(std::get<0>(GetParam())), partner(std::get<0>(GetParam())) {}
  const std::string& stack() const { return std::get<0>(GetParam()); }
  Tls tls() const { return std::get<1>(GetParam()); }
  Io io() const { return std::get<2>(GetParam()); }
  bool blocking() const { return io() == Io::blocking; }
  // The subject is the client.
  std::unique_ptr<Link> linked(const std::string& options = {}, bool isolate = false) {
    auto link = std::make_unique<Link>(subject, partner, tls(), io(), options, options, isolate);
    link->handshake();
    return link;
  }
  // Both over memory, where no session blocks: those of a stack that only blocks otherwise are opened beside its blocking ones. Nothing where
  // the stack has not got it, or has it in another mode.
  std::unique_ptr<Link> linked_over_memory() {
    if (!has_or_refuses("memory-bio") || (blocking() && !subject.able("blocking-only"))) return nullptr;
    auto link = std::make_unique<Link>(subject, partner, tls(), Io::nonblocking, "memory-bio", "memory-bio");
    link->handshake();
    return link;
  }
  // True where the stack announces the option. Where it does not, it must refuse it when asked: that is tested then.
  bool has_or_refuses(const std::string& option) {
    if (subject.able(option)) return true;
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const Descriptor ours(ends[0]), given(ends[1]);
    const Line open = Line("open").with("role", "client").with("tls", spell(tls())).with("io", spell(io())).with("options", option);
    EXPECT_EQ(lines(subject.do_(open, given.get()), "unsupported").size(), 1u);
    return false;
  }
  Peer subject, partner;
};

INSTANTIATE_TEST_SUITE_P(All, StackTest, testing::ValuesIn(modes()), mode_name);

// What does not depend on a version.
class EveryStackTest : public testing::TestWithParam<std::string> {
 protected:
  EveryStackTest() : subject(GetParam()) {}
  Peer subject;
};

INSTANTIATE_TEST_SUITE_P(All, EveryStackTest, testing::ValuesIn(stacks()), [](const auto& of) { return in_names(of.param); });

TEST_P(EveryStackTest, SaysWhoItIs) {
  EXPECT_EQ(subject.hello().word(), "hello");
  EXPECT_EQ(subject.hello().get("protocol"), std::to_string(protocol_version));
  EXPECT_EQ(subject.hello().get("stack"), GetParam());
  EXPECT_THAT(std::string(subject.hello().get("version")), testing::MatchesRegex("[0-9]+.*"));
  EXPECT_TRUE(std::filesystem::is_regular_file(subject.hello().get("library"))) << subject.hello().get("library");
  EXPECT_THAT(std::string(subject.hello().get("build-id")), testing::MatchesRegex("[0-9a-f]*"));  // Debian 13's wolfSSL has none
  // The other tests are made of these.
  EXPECT_TRUE(subject.able("tls-1.2") || subject.able("tls-1.3"));
  for (const char* ability : {"client", "server"}) EXPECT_TRUE(subject.able(ability)) << ability;
  EXPECT_TRUE(subject.able("close") || subject.able("close-write"));
}

TEST_P(EveryStackTest, WhatOnlyBlocksRefusesANonBlockingSession) {
  Peer partner(GetParam());
  const Tls tls = subject.able("tls-1.3") ? Tls::v1_3 : Tls::v1_2;
  const Link link(subject, partner, tls, Io::nonblocking);
  EXPECT_EQ(link.opened[0].front().word(), subject.able("blocking-only") ? "unsupported" : "ready");
}

TEST_P(EveryStackTest, AVersionThatIsNotPromisedIsRefused) {
  for (const Tls tls : {Tls::v1_0, Tls::v1_1, Tls::v1_2, Tls::v1_3}) {
    SCOPED_TRACE(spell(tls));
    Peer partner(GetParam());
    const Link link(subject, partner, tls, Io::blocking);
    EXPECT_EQ(link.opened[0].front().word(), subject.able(ability_of(tls)) ? "ready" : "unsupported");
    subject.do_(Line("end"));
  }
}

TEST_P(StackTest, TalksAndClosesBothWaysWithEveryStack) {
  for (const std::string& stack : stacks()) {
    Peer other_peer(stack);
    if (!other_peer.able(ability_of(tls())) || (!blocking() && other_peer.able("blocking-only"))) continue;
    for (const bool subject_is_client : {true, false}) {
      SCOPED_TRACE(stack + (subject_is_client ? " as server" : " as client"));
      Link link(subject_is_client ? subject : other_peer, subject_is_client ? other_peer : subject, tls(), io());
      ASSERT_NO_FATAL_FAILURE(link.handshake());
      const auto [wrote, read] = link.both(Line("write").with("size", 40000).with("until", "done"), Line("read").with("until", "done"));
      EXPECT_EQ(last_call(wrote).get("total"), "40000");
      EXPECT_EQ(last_call(read).get("intact"), "1");
      const Line end = own_end(link.peer(Role::client));
      const auto [closed, met] = link.both(end, Line("read").with("until", "end"));
      EXPECT_EQ(outcome(met), "end-of-data");
      EXPECT_EQ(last_call(met).get("total"), "40000");
      EXPECT_EQ(last_call(met).get("intact"), "1");
      if (end.word() == "close-write") {
        EXPECT_EQ(outcome(closed), "done");
      }
      close_the_other_way(link, closed);
      EXPECT_EQ(link.peer(Role::client).do_(Line("end")).back().word(), "ready");
      EXPECT_EQ(link.peer(Role::server).do_(Line("end")).back().word(), "ready");
    }
  }
}

TEST_P(StackTest, AReplyThatNeverComesIsReportedAsBlocked) {
  const Line waits = Line(subject.able("close") ? "close" : "read").with("until", "done");
  const auto link = linked();
  link->holding = true;
  const Report report = subject.do_(waits);
  ASSERT_EQ(report.back().word(), "blocked");
  EXPECT_EQ(report.back().get("on"), "recv");
  EXPECT_EQ(report.back().get("during"), waits.word());
  EXPECT_THAT(calls(report), Not(Contains(waits.word() + "=done")));
  EXPECT_EQ(subject.do_(Line("resume")).back().word(), "blocked");
  const Report wrong = subject.do_(Line("fin"));
  EXPECT_EQ(wrong.front().word(), "unsupported");
  EXPECT_EQ(wrong.back().word(), "blocked");
  EXPECT_THAT(subject.do_(Line("abort")), ElementsAre(Line("ready")));
  EXPECT_NE(outcome(subject.do_(Line("read"))),
            "done");  // whatever else a library makes of it: wolfSSL 5.7 takes it for the end of the data
  EXPECT_THAT(without("moved", subject.do_(Line("end"))), ElementsAre(Line("ready")));
}

TEST_P(StackTest, FaultsOfTheTransportReachTheLibrary) {
  Link link(subject, partner, tls(), io());
  // A library may try again by itself before it asks for that: wolfSSL 5.7 ten times.
  subject.do_(Line("plan").with("flow", "send").with("fault", "EAGAIN").with("times", 20));
  const Report once = subject.do_(Line("handshake").with("until", "once"));
  ASSERT_FALSE(lines(once, "io").empty());
  EXPECT_EQ(lines(once, "io").front().get("errno"), "EAGAIN");
  EXPECT_EQ(lines(once, "io").front().get("injected"), "1");
  // On a blocking socket EAGAIN is the end of a time that the application has set: a library may call it an error, or wait by itself.
  if (blocking() && outcome(once) == "failed") return;
  if (blocking() && once.back().word() == "blocked") {
    subject.do_(Line("abort"));
    return;
  }
  EXPECT_EQ(outcome(once), "want-write");
  link.relay();
  EXPECT_EQ(link.sent(Role::client), "");
  link.handshake();
  close_both(link);
}

TEST_P(StackTest, AShortWriteIsCompletedInTheEnd) {
  const auto link = linked();
  subject.do_(Line("plan").with("flow", "send").with("fault", "short").with("count", 3).with("times", 4));
  const Line end = own_end(subject).with("until", "done");
  const Report report = subject.do_(end);
  ASSERT_FALSE(lines(report, "io").empty());
  EXPECT_EQ(lines(report, "io").front().get("result"), "3");
  if (end.word() == "close-write") {
    EXPECT_EQ(outcome(report), "done");
  }
  link->relay();
  // One whole record of two bytes, which may be padded in TLS 1.3.
  const std::string& sent = link->sent(Role::client);
  ASSERT_GE(sent.size(), tls() == Tls::v1_2 ? 31u : 24u);
  EXPECT_EQ(sent.size(), 5u + 256u * static_cast<unsigned char>(sent[3]) + static_cast<unsigned char>(sent[4]));
  close_both(*link);
}

// Whoever sends what is waiting: a read may, where the application keeps it.
TEST_P(StackTest, AWriteThatIsMadeAgainBehindAReadGoesOutOnce) {
  if (blocking()) return;
  const auto link = linked();
  subject.do_(Line("plan").with("flow", "send").with("fault", "EAGAIN").with("times", 20));
  const Report first = subject.do_(Line("write").with("size", 100));
  ASSERT_FALSE(lines(first, "io").empty());
  EXPECT_EQ(lines(first, "io").front().get("injected"), "1");
  subject.do_(Line("plan").with("clear", 1));
  EXPECT_EQ(outcome(subject.do_(Line("read"))), "want-read");
  const Report again = subject.do_(Line("write").with("size", 100).with("until", "done"));
  EXPECT_EQ(outcome(again), "done");
  EXPECT_EQ(outcome(subject.do_(Line("close-write").with("until", "done"))), "done");
  link->relay();
  const Report read = partner.do_(Line("read").with("until", "end"));
  EXPECT_EQ(last_call(read).get("total"), last_call(again).get("total"));
  EXPECT_EQ(last_call(read).get("intact"), "1");
}

TEST_P(StackTest, InterruptionsAreSurvived) {
  const auto link = linked();
  subject.do_(Line("plan").with("flow", "send").with("fault", "EINTR").with("times", 3));
  subject.do_(Line("plan").with("flow", "recv").with("fault", "EINTR").with("times", 3));
  close_both(*link);
}

TEST_P(StackTest, ABrokenPipeIsAResetAndItsSignalIsAnEvent) {
  const auto link = linked();
  link->end(Role::client).reset();
  const Report report = subject.do_(Line("write").with("size", 5));
  EXPECT_EQ(outcome(report), "reset");
  EXPECT_EQ(last_call(report).get("errno"), "EPIPE");
  // A library that asks the system for no signal has none to report.
  if (subject.able("no-signal")) {
    EXPECT_THAT(report, Contains(Line("signal").with("name", "SIGPIPE")));
  }
}

TEST_P(StackTest, AResetIsNoCut) {
  const auto link = linked();
  subject.do_(Line("plan").with("flow", "recv").with("fault", "ECONNRESET").with("times", 100));
  EXPECT_EQ(outcome(subject.do_(Line("read"))), "reset");
}

TEST_P(StackTest, AnEndWithoutCloseNotifyIsACut) {
  const auto link = linked();
  ::shutdown(link->end(Role::client).get(), SHUT_WR);
  EXPECT_EQ(outcome(subject.do_(Line("read"))), answer_to_a_cut(subject));
}

TEST_P(StackTest, TheTransportCanBeUsedPastTls) {
  const auto link = linked();
  link->pass_on(Role::client, std::string("past\0TLS\n", 9));
  EXPECT_THAT(subject.do_(Line("abandon")), ElementsAre(Line("ready")));
  EXPECT_EQ(subject.do_(own_end(subject)).front().word(), "unsupported");
  const Report read = subject.do_(Line("raw-read"));
  EXPECT_EQ(read.front(), Line("raw").with("verb", "raw-read").with("result", 9).with("data", std::string("past\0TLS\n", 9)));
  EXPECT_EQ(subject.do_(Line("raw-read")).front(), Line("raw").with("verb", "raw-read").with("result", -1).with("errno", "EAGAIN"));
  EXPECT_EQ(subject.do_(Line("raw-write").with("data", "hello")).front(), Line("raw").with("verb", "raw-write").with("result", 5));
  EXPECT_EQ(subject.do_(Line("fin")).front(), Line("raw").with("verb", "fin").with("result", 0));
  link->relay();
  EXPECT_EQ(link->sent(Role::client), "hello");
  char byte;
  EXPECT_EQ(::recv(link->end(Role::client).get(), &byte, 1, MSG_DONTWAIT), 0);
  EXPECT_EQ(subject.do_(Line("hangup")).front(), Line("raw").with("verb", "hangup").with("result", 0));
  EXPECT_EQ(::send(link->end(Role::client).get(), "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_EQ(subject.do_(Line("raw-read")).front().get("errno"), "EBADF");
}

TEST_P(StackTest, AWriteThatFillsTheTransportWaitsForRoom) {
  const auto link = linked();
  Report all = subject.do_(Line("write").with("size", 1 << 20).with("until", "done"));
  ASSERT_EQ(all.back().word(), "blocked");
  EXPECT_EQ(all.back().get("on"), "send");
  link->holding = true;
  for (int i = 0; i < 1000 && all.back().word() == "blocked"; ++i) {
    link->relay();
    all = subject.do_(Line("resume"));
  }
  EXPECT_EQ(all.back().word(), "ready");
  EXPECT_EQ(last_call(all).get("total"), std::to_string(1 << 20));
  link->relay();
  EXPECT_GT(link->sent(Role::client).size(), std::size_t{1} << 20);
}

TEST_P(StackTest, WhatIsNotSupportedIsSaidAndTheSessionGoesOn) {
  const auto why = [](const Report& report) {
    return report.size() == 2 && report[0].word() == "unsupported" ? std::string(report[0].get("why")) : "?";
  };
  EXPECT_THAT(why(subject.do_(Line("handshake"))), HasSubstr("no session"));
  EXPECT_THAT(why(subject.do_(Line("dance"))), HasSubstr("no such request"));
  EXPECT_THAT(why(subject.do_(Line("resume"))), HasSubstr("nothing is blocked"));
  subject.say("close");
  EXPECT_THAT(why(subject.report()), HasSubstr("no message"));
  subject.say("close\nclose\n");
  EXPECT_THAT(why(subject.report()), HasSubstr("one line"));
  subject.say(std::string(largest_message + 1, 'x'));
  EXPECT_THAT(why(subject.report()), HasSubstr("65536"));
  EXPECT_THAT(why(subject.do_(Line("open").with("role", "client").with("tls", spell(tls())).with("io", "blocking"))),
              HasSubstr("descriptor"));
  const Link refused(subject, partner, tls(), io(), "levitate", "levitate");
  EXPECT_THAT(why(refused.opened[0]), HasSubstr("levitate"));
  const auto link = linked();
  EXPECT_THAT(why(subject.do_(Line("write").with("size", "-1"))), HasSubstr("size"));
  EXPECT_THAT(why(subject.do_(own_end(subject).with("until", "doomsday"))), HasSubstr("until"));
  EXPECT_THAT(why(subject.do_(Line("plan").with("flow", "recv").with("fault", "ENOSUCH"))), HasSubstr("fault"));
  EXPECT_THAT(why(subject.do_(Line("plan").with("flow", "send").with("fault", "EOF"))), HasSubstr("EOF"));
  EXPECT_EQ(outcome(subject.do_(Line("write").with("size", 5).with("until", "done"))), "done");
}

TEST_P(StackTest, ARepeatedCallWithoutProgressIsGivenUp) {
  if (blocking()) return;  // there some libraries make an error of it, and some try again and again by themselves
  const Link link(subject, partner, tls(), io());
  subject.do_(Line("plan").with("flow", "send").with("fault", "EAGAIN").with("times", 1000000));
  const Report report = subject.do_(Line("handshake").with("until", "done"));
  const auto given_up = lines(report, "endless");
  ASSERT_EQ(given_up.size(), 1U);
  EXPECT_EQ(given_up.front().get("during"), "handshake");
  EXPECT_EQ(given_up.front().get("times"), "200");
  EXPECT_THAT(without("moved", subject.do_(Line("end"))), ElementsAre(Line("ready")));
}

TEST_P(StackTest, ManySessionsInOneProcessLeaveNoDescriptorBehind) {
  const auto descriptors = [&] {
    int count = 0;
    for (int fd = 0; fd < 256; ++fd)
      count += ::access(("/proc/" + std::to_string(subject.pid()) + "/fd/" + std::to_string(fd)).c_str(), F_OK) == 0;
    return count;
  };
  std::optional<int> before;
  for (int i = 0; i < 20; ++i) {
    const auto link = linked();
    if (i % 3 == 0) subject.do_(Line("hangup"));
    if (i % 3 == 1) subject.do_(Line("abandon"));
    subject.do_(Line("end"));
    partner.do_(Line("end"));
    if (!before) before = descriptors();
  }
  EXPECT_EQ(descriptors(), *before);
}

// The only child of a process.
pid_t child_of(pid_t parent) {
  std::ifstream children("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children");
  pid_t child = -1;
  children >> child;
  return child;
}

TEST_P(StackTest, AnIsolatedSessionHasItsOwnProcess) {
  for (int i = 0; i < 3; ++i) {
    const auto link = linked({}, true);
    close_both(*link);
    EXPECT_GT(child_of(subject.pid()), 0);
    EXPECT_THAT(without("moved", subject.do_(Line("end"))), ElementsAre(Line("ready")));
    EXPECT_THAT(without("moved", partner.do_(Line("end"))), ElementsAre(Line("ready")));
  }
}

TEST_P(StackTest, AnIsolatedSessionThatCrashesCostsOnlyItself) {
  for (const bool while_blocked : {true, false}) {
    const auto link = linked({}, true);
    if (while_blocked) {
      EXPECT_EQ(subject.do_(Line("read").with("until", "done")).back().word(), "blocked");
    }
    ::kill(child_of(subject.pid()), SIGKILL);
    const Report report = subject.do_(Line(while_blocked ? "resume" : "close-write"));
    EXPECT_THAT(report, ElementsAre(Line("died").with("status", "SIGKILL"), Line("ready")));
    EXPECT_THAT(without("moved", subject.do_(Line("end"))), ElementsAre(Line("ready")));
    partner.do_(Line("end"));
  }
  linked();
}

TEST_P(StackTest, ThePeerGoesWhenTheHarnessGoes) {
  for (const bool isolate : {false, true}) {
    Peer peer(std::get<0>(GetParam()));
    const pid_t pid = peer.pid();
    Link link(peer, partner, tls(), io(), {}, {}, isolate);
    partner.do_(Line("end"));
    EXPECT_EQ(::kill(pid, 0), 0);
  }  // ~Peer closes the control socket and waits
}

// Options: only what a stack announces, and what it announces works.

TEST_P(StackTest, TicketsAreSentWhenAskedForOnly) {
  if (!has_or_refuses("tickets")) return;
  long long received[2] = {};
  for (const bool asked : {false, true}) {
    const auto link = linked(asked ? "tickets" : "");
    // A ticket comes before the server's Finished, with it or behind it, or in front of its first data.
    link->both(Line("read").with("until", "done"), Line("write").with("size", 5));
    const auto moved = lines(subject.do_(Line("end")), "moved");
    ASSERT_EQ(moved.size(), 1u);
    received[asked] = *moved.front().number("received");
    partner.do_(Line("end"));
  }
  EXPECT_GT(received[true], received[false] + 100);
}

TEST_P(StackTest, IgnoreEofTakesAnEndForTheEnd) {
  if (!has_or_refuses("ignore-eof")) return;
  const auto link = linked("ignore-eof");
  ::shutdown(link->end(Role::client).get(), SHUT_WR);
  EXPECT_EQ(outcome(subject.do_(Line("read"))), "end-of-data");
}

TEST_P(StackTest, QuietShutdownSaysNothing) {
  if (!has_or_refuses("quiet-shutdown")) return;
  const auto link = linked("quiet-shutdown");
  const Report report = subject.do_(way_to_close(subject));
  EXPECT_EQ(outcome(report), "done");
  EXPECT_THAT(lines(report, "io"), IsEmpty());
}

TEST_P(StackTest, ReadAheadReadsMoreThanARecordHeader) {
  if (!has_or_refuses("read-ahead")) return;
  for (const bool asked : {false, true}) {
    const auto link = linked(asked ? "read-ahead" : "");
    const auto [read, wrote] = link->both(Line("read").with("until", "done"), Line("write").with("size", 5));
    std::size_t largest = 0;
    for (const Line& line : lines(read, "io")) largest = std::max(largest, static_cast<std::size_t>(*line.number("asked")));
    EXPECT_EQ(largest > 1000, asked) << largest;
    subject.do_(Line("end"));
    partner.do_(Line("end"));
  }
}

// Extra calls, sessions after sessions, time, and calls from elsewhere: what is promised is kept, what is not is refused.

TEST_P(StackTest, AnExtraCallIsMadeExactlyWhereItIsPromised) {
  const std::pair<const char*, Line> extras[] = {
      {"close", Line("close")},
      {"close-write", Line("close-write")},
      {"peek", Line("peek")},
      {"send-alert", Line("send-alert").with("level", 1).with("description", 90)},
      {"key-update", Line("key-update")},
      {"renegotiate", Line("renegotiate")},
      {"clear", Line("clear")},
      {"keep-session", Line("keep-session")},
      {"set-quiet-shutdown", Line("set").with("name", "quiet-shutdown").with("value", "on")},
      {"set-context-quiet-shutdown", Line("set").with("name", "context-quiet-shutdown").with("value", "off")},
      {"set-shutdown", Line("set").with("name", "shutdown").with("value", "both")},
      {"set-timeout", Line("set").with("name", "timeout").with("value", "300")},
      {"set-cork", Line("set").with("name", "cork").with("value", "on")},
      {"set-auto-retry", Line("set").with("name", "auto-retry").with("value", "on")},
      {"set-stale-error", Line("set").with("name", "stale-error").with("value", "on")},
  };
  for (const auto& [ability, request] : extras) {
    SCOPED_TRACE(ability);
    const auto link = linked();
    const Report report = subject.do_(request);
    EXPECT_EQ(lines(report, "unsupported").empty(), subject.able(ability));
    if (report.back().word() == "blocked") {
      subject.do_(Line("abort"));
    } else if (subject.able(ability)) {
      EXPECT_EQ(last_call(report).get("call"), request.word());
      EXPECT_NE(last_call(report).get("native"), "");
      EXPECT_NE(outcome(report), "unsupported");
    }
    subject.do_(Line("end"));
    partner.do_(Line("end"));
  }
}

TEST_P(StackTest, AHandshakeCanBeMadeOneCallAtATime) {
  if (blocking()) return;
  Link link(subject, partner, tls(), io());
  for (int i = 0; i < 3; ++i) EXPECT_THAT(calls(subject.do_(Line("handshake").with("until", "once"))), ElementsAre("handshake=want-read"));
  link.handshake();
}

TEST_P(StackTest, APeekLeavesTheDataWhereItIs) {
  if (!subject.able("peek")) return;
  const auto link = linked();
  partner.do_(Line("write").with("size", 10));
  link->relay();
  for (const int size : {4, 10}) {
    const Line peeked = last_call(subject.do_(Line("peek").with("size", size)));
    EXPECT_EQ(peeked.number("bytes"), size);
    EXPECT_EQ(peeked.number("total"), 0);
    EXPECT_EQ(peeked.get("intact"), "1");
  }
  const Line read = last_call(subject.do_(Line("read")));
  EXPECT_EQ(read.number("total"), 10);
  EXPECT_EQ(read.get("intact"), "1");
}

TEST_P(StackTest, OneSessionAfterAnotherOnOneTransport) {
  const auto link = linked();
  for (int i = 0; i < 5; ++i) {
    const auto [wrote, read] = link->both(Line("write").with("size", 100), Line("read").with("until", "done"));
    EXPECT_EQ(last_call(read).number("total"), 100);
    EXPECT_EQ(last_call(read).get("intact"), "1");
    close_both(*link);
    EXPECT_EQ(subject.do_(Line("raw-read")).front().get("errno"), "EAGAIN") << "nothing is left of the session";
    link->open_again(i == 3 || subject.able("ends-transport") ? Link::On::new_transport : Link::On::same_transport);
    for (const Report& report : link->opened) ASSERT_THAT(without("moved", report), ElementsAre(Line("ready")));
    ASSERT_NO_FATAL_FAILURE(link->handshake());
  }
}

TEST_P(StackTest, ACloseFromElsewhereFreesABlockedReader) {
  if (!blocking()) return;
  for (const auto& [ability, request] : {std::pair{"threads", "aside"}, std::pair{"fork", "fork"}}) {
    SCOPED_TRACE(request);
    const auto link = linked();
    const Report waits = subject.do_(Line("read"));
    ASSERT_EQ(waits.back().word(), "blocked");
    const Report beside = subject.do_(Line(request).with("call", "close-write"));
    EXPECT_EQ(beside.back(), waits.back());
    EXPECT_EQ(lines(beside, "unsupported").empty(), subject.able(ability));
    if (!subject.able(ability)) {
      subject.do_(Line("abort"));
      partner.do_(Line("end"));
      continue;
    }
    EXPECT_THAT(calls(beside), ElementsAre("close-write=done"));
    link->relay();
    EXPECT_EQ(outcome(partner.do_(Line("read"))), "end-of-data");
    partner.do_(Line("close-write"));
    link->relay();
    EXPECT_EQ(outcome(subject.do_(Line("resume"))), "end-of-data");
    subject.do_(Line("end"));
    partner.do_(Line("end"));
  }
}

TEST_P(StackTest, ALimitOfTimeEndsAWaitWhenTheTimeHasPassed) {
  if (!subject.able("set-timeout") || !blocking()) return;
  const auto link = linked();
  subject.do_(Line("set").with("name", "timeout").with("value", 300));
  const Report waits = subject.do_(Line("read"));
  EXPECT_EQ(waits.back(), Line("blocked").with("on", "recv").with("during", "read").with("timeout", 300));
  EXPECT_EQ(subject.do_(Line("pass").with("ms", 299)).back().get("timeout"), "1");
  const Report over = subject.do_(Line("pass").with("ms", 1));
  EXPECT_THAT(calls(over), ElementsAre("read=failed"));
  EXPECT_EQ(over.back().word(), "ready");
  partner.do_(Line("write").with("size", 5));
  link->relay();
  EXPECT_EQ(outcome(subject.do_(Line("read"))), "done") << "nothing was lost";
}

TEST_P(StackTest, WhatSessionsTookIsGivenBack) {
  if (!blocking()) return;
  const auto measured = [&] { return lines(subject.do_(Line("measure")), "usage").at(0); };
  // Libraries keep something of their first sessions: wolfSSL a table of points for each of the last public keys.
  constexpr int warm = 20, sessions = 30;
  std::optional<Line> before;
  for (int i = 0; i < sessions; ++i) {
    if (i == warm) before = measured();
    const auto link = linked();
    close_both(*link);
    subject.do_(Line("end"));
    partner.do_(Line("end"));
  }
  const Line after = measured();
  EXPECT_EQ(after.get("descriptors"), before->get("descriptors"));
  EXPECT_LT(*after.number("heap"), *before->number("heap") + (sessions - warm) * 1024);
}

// What each stack's own calls, switches and options do.

TEST_P(EveryStackTest, OldVersionsHaveTheirPlainCbcSuite) {
  for (const Tls old : {Tls::v1_0, Tls::v1_1}) {
    SCOPED_TRACE(spell(old));
    if (!subject.able(ability_of(old))) continue;
    for (const std::string& stack : stacks()) {
      Peer server(stack);
      if (!server.able(ability_of(old))) continue;
      SCOPED_TRACE(stack);
      Link link(subject, server, old, Io::blocking);
      ASSERT_NO_FATAL_FAILURE(link.handshake());
      ASSERT_EQ(link.key_log.size(), static_cast<std::size_t>(subject.able("key-log") + server.able("key-log")));
      for (const std::string& line : link.key_log) {
        EXPECT_EQ(line, link.key_log.front());
        EXPECT_TRUE(line.starts_with("CLIENT_RANDOM "));
      }
      const auto [wrote, read] = link.both(Line("write").with("size", 3000), Line("read").with("until", "done"));
      EXPECT_EQ(last_call(read).get("intact"), "1");
      link.sent(Role::client).clear();
      const Report closed = link.both(own_end(subject), Line("read").with("until", "end")).first;
      // Two bytes and their SHA-1 MAC in two blocks, after an IV where the version has one. Encrypt-then-mac would make it longer.
      EXPECT_EQ(link.sent(Role::client).size(), old == Tls::v1_0 ? 5u + 32u : 5u + 16u + 32u);
      close_the_other_way(link, closed);
      server.do_(Line("end"));
      subject.do_(Line("end"));
    }
  }
}

TEST_P(StackTest, ASessionIsResumedInItsRunOnly) {
  for (const std::string option : {"tickets", "session-cache"}) {
    SCOPED_TRACE(option);
    if (!has_or_refuses(option) || !subject.able("keep-session")) continue;
    // TLS 1.3 has no session ids, and only OpenSSL something in their place.
    const bool resumes = option == "tickets" || tls() == Tls::v1_2 || stack() == "openssl";
    for (const bool again : {true, false}) {
      auto link = linked(option);
      link->both(Line("read").with("until", "done"), Line("write").with("size", 5));  // a ticket may come before the data
      Report kept = subject.do_(Line("keep-session"));
      if (kept.back().word() == "blocked") kept = subject.do_(Line("pass").with("ms", 1000));  // GnuTLS waits a little for a ticket
      if (resumes) {
        EXPECT_EQ(outcome(kept), "done");
      }
      EXPECT_EQ(last_call(subject.do_(Line("write").with("size", 0))).get("state.resumed"), "no");
      close_both(*link);
      if (again)
        link->open_again(Link::On::new_transport);
      else
        link = std::make_unique<Link>(subject, partner, tls(), io(), option, option);
      const auto [client, server] = link->both(Line("handshake"), Line("handshake"));
      ASSERT_EQ(outcome(client), "done");
      ASSERT_EQ(outcome(server), "done");
      EXPECT_EQ(last_call(client).get("state.resumed"), resumes && again ? "yes" : "no");
      EXPECT_EQ(last_call(server).get("state.resumed"), resumes && again ? "yes" : "no");
      if (option == "session-cache" && tls() == Tls::v1_2) {
        // Those that show it.
        EXPECT_THAT(std::string(last_call(server).get("state.stored")), AnyOf("", "1"));
        EXPECT_THAT(std::string(last_call(server).get("state.sessions")), AnyOf("", "1"));
        EXPECT_THAT(std::string(last_call(server).get("state.resumable")), AnyOf("", "yes"));
      }
    }
  }
}

// A copy is offered whatever became of the session; without one it is for the library to say what can be offered. Botan 2 forgets what an
// error alert has ended.
TEST_P(StackTest, ASavedSessionIsOfferedHoweverTheConnectionEnded) {
  if (!subject.able("saved-session") || !subject.able("tickets") || !partner.able("send-alert") || tls() != Tls::v1_2) return;
  for (const bool saved : {true, false}) {
    auto link = linked(saved ? "tickets saved-session" : "tickets");
    EXPECT_EQ(outcome(subject.do_(Line("keep-session"))), "done");
    EXPECT_EQ(outcome(partner.do_(Line("send-alert").with("level", 2).with("description", 80))), "done");
    link->relay();
    EXPECT_EQ(outcome(subject.do_(Line("read"))), "alert");
    link->open_again(Link::On::new_transport);
    const auto [client, server] = link->both(Line("handshake"), Line("handshake"));
    ASSERT_EQ(outcome(client), "done");
    if (saved || stack() == "botan") {
      EXPECT_EQ(last_call(client).get("state.resumed"), saved ? "yes" : "no");
    }
  }
}

TEST_P(StackTest, EarlyDataIsSentWithTheFirstMessageOfAResumedSession) {
  if (!has_or_refuses("early-data") || tls() != Tls::v1_3) return;
  Link link(subject, partner, tls(), io(), "tickets early-data", "tickets early-data");
  if (stack() == "openssl") {
    EXPECT_EQ(outcome(subject.do_(Line("write-early").with("size", 5))), "refused") << "nothing is resumed";
    EXPECT_EQ(outcome(partner.do_(Line("write-early").with("size", 5))), "refused") << "a server's is not early data";
  }
  link.handshake();
  link.both(Line("read").with("until", "done"), Line("write").with("size", 5));
  Report kept = subject.do_(Line("keep-session"));
  if (kept.back().word() == "blocked") kept = subject.do_(Line("pass").with("ms", 1000));
  close_both(link);
  link.open_again(Link::On::new_transport);
  const Report wrote = subject.do_(Line("write-early").with("size", 100));
  EXPECT_EQ(outcome(wrote), "done") << last_call(wrote).get("words");
  EXPECT_EQ(last_call(wrote).get("bytes"), "100");
  // A server of OpenSSL reads it before its handshake is done, one of GnuTLS afterwards.
  const Line reads = Line("read-early").with("until", "end");
  const bool before = stack() == "openssl";
  auto [client, server] = link.both(Line("handshake"), before ? reads : Line("handshake"));
  if (!before) server = partner.do_(reads);
  EXPECT_EQ(outcome(client), "done");
  EXPECT_EQ(last_call(client).get("state.early-data"), "accepted");
  EXPECT_EQ(outcome(server), "end-of-data");
  EXPECT_EQ(last_call(server).get("total"), "100");
  EXPECT_EQ(last_call(server).get("intact"), "1");
}

TEST_P(StackTest, AFalseStartIsOneWhereItIsAskedFor) {
  if (!has_or_refuses("false-start") || tls() != Tls::v1_2) return;
  for (const std::string option : {"", "false-start"}) {
    Link link(subject, partner, tls(), io(), option);
    link.handshake();
    EXPECT_EQ(last_call(subject.do_(Line("close-write"))).get("state.false-start"), option.empty() ? "" : "yes");
  }
}

TEST_P(StackTest, CallbacksSayWhatHappenedOnTheTransport) {
  if (!has_or_refuses("callbacks")) return;
  const auto fault = [&](const char* flow, const char* what, int times) {
    return Line("plan").with("flow", flow).with("fault", what).with("times", times);
  };
  {
    const auto link = linked("callbacks");
    const auto [wrote, read] = link->both(Line("write").with("size", 40000).with("until", "done"), Line("read").with("until", "done"));
    EXPECT_EQ(last_call(read).get("intact"), "1");
    subject.do_(fault("send", "EAGAIN", 1));
    const Report blocked = subject.do_(Line("write").with("size", 5).with("until", "done"));
    EXPECT_EQ(outcome(blocked), "done");
    // Whoever is not to block is asked again; a layer that stands for a blocking socket may wait by itself, as NSPR's do.
    if (!blocking()) {
      EXPECT_GT(calls(blocked).size(), 1u) << "it was made again";
    }
    EXPECT_EQ(last_call(blocked).get("total"), "40005");
    link->relay();
    EXPECT_EQ(outcome(partner.do_(Line("read"))), "done");
    subject.do_(fault("send", "EINTR", 2));
    subject.do_(fault("recv", "EINTR", 2));
    const auto [client, server] = link->both(way_to_close(subject), way_to_close(partner));
    EXPECT_EQ(outcome(client), "done");
    for (const Line& line : lines(client, "io")) EXPECT_THAT(std::string(line.get("function")), AnyOf("recv", "send"));
  }
  const std::tuple<const char*, const char*, Line, std::string> ends[] = {{"recv", "ECONNRESET", Line("read"), "reset"},
                                                                          {"recv", "EOF", Line("read"), answer_to_a_cut(subject)},
                                                                          {"send", "EPIPE", Line("write").with("size", 5), "reset"}};
  for (const auto& [flow, what, request, expected] : ends) {
    SCOPED_TRACE(what);
    const auto link = linked("callbacks");
    subject.do_(fault(flow, what, 100));
    EXPECT_EQ(outcome(subject.do_(request)), expected);
  }
}

// NSS counts on it: on a layer that says it blocks it makes no call a second time.
TEST_P(StackTest, TheLayerOfABlockingNssSessionGoesOnByItself) {
  if (stack() != "nss" || !blocking()) return;
  const auto link = linked("callbacks");
  for (const char* fault : {"EAGAIN", "EINTR"}) {
    for (const char* flow : {"send", "recv"}) subject.do_(Line("plan").with("flow", flow).with("fault", fault).with("times", 2));
    const Report wrote = subject.do_(Line("write").with("size", 5));
    EXPECT_EQ(outcome(wrote), "done") << fault;
    EXPECT_EQ(lines(wrote, "io").front().get("errno"), fault);
    link->relay();
    EXPECT_EQ(outcome(partner.do_(Line("write").with("size", 5))), "done");
    link->relay();
    EXPECT_EQ(outcome(subject.do_(Line("read"))), "done") << fault;
  }
  subject.do_(Line("plan").with("flow", "send").with("fault", "EAGAIN").with("times", 2));
  EXPECT_EQ(outcome(subject.do_(Line("close-write"))), "done");
  link->relay();
  EXPECT_EQ(outcome(partner.do_(Line("read").with("until", "end"))), "end-of-data");
}

// Botan hands out all that one call finds: the end, and then what it makes of what came behind it.
TEST_P(StackTest, BotanTellsTheEndBeforeWhatItMakesOfThatWhichFollows) {
  if (stack() != "botan") return;
  for (const bool with_data : {true, false}) {
    const auto link = linked();
    if (with_data) partner.do_(Line("write").with("size", 5));
    partner.do_(Line("close-write"));
    link->relay();
    link->pass_on(Role::client, std::string("\x17\x03\x03\0\x18", 5) + std::string(24, 'x'));
    if (with_data) {
      EXPECT_EQ(outcome(subject.do_(Line("read"))), "done");
    }
    EXPECT_EQ(outcome(subject.do_(Line("read"))), "end-of-data");
    if (tls() == Tls::v1_2) {
      EXPECT_EQ(outcome(subject.do_(Line("read"))), "failed");
    }
    EXPECT_EQ(outcome(subject.do_(Line("read"))), "end-of-data") << "the end stays";
    EXPECT_EQ(last_call(subject.do_(Line("read"))).get("state.alert"), "close_notify");
  }
}

TEST_P(StackTest, BotanTellsAFatalAlertBeforeWhatItMakesOfThatWhichFollows) {
  if (stack() != "botan" || tls() != Tls::v1_2 || !partner.able("send-alert")) return;
  const auto link = linked();
  partner.do_(Line("send-alert").with("level", 2).with("description", 80));
  link->relay();
  link->pass_on(Role::client, std::string("\x17\x03\x03\0\x18", 5) + std::string(24, 'x'));
  EXPECT_EQ(outcome(subject.do_(Line("read"))), "alert");
  EXPECT_EQ(outcome(subject.do_(Line("read"))), "failed");
  EXPECT_EQ(last_call(subject.do_(Line("read"))).get("state.alert"), "internal_error");
}

TEST_P(StackTest, BotanIsAskedToReadAndToSendOnlyWhereItCanBe) {
  if (stack() != "botan") return;
  {
    Link link(subject, partner, tls(), io());
    const Report read = subject.do_(Line("read"));
    EXPECT_EQ(outcome(read), "refused");
    EXPECT_EQ(last_call(read).get("native"), "TLS::Channel::received_data");
  }
  const auto link = linked();
  subject.do_(Line("plan").with("flow", "send").with("fault", "EAGAIN").with("times", 2));
  EXPECT_EQ(outcome(subject.do_(Line("write").with("size", 100))), "want-write");
  EXPECT_EQ(outcome(subject.do_(Line("close-write"))), "want-write");
  const Report again = subject.do_(Line("write").with("size", 100));
  EXPECT_EQ(outcome(again), "refused") << "a send behind a close throws";
  EXPECT_EQ(outcome(subject.do_(Line("close-write"))), "done");
  link->relay();
  const Report read = partner.do_(Line("read").with("until", "end"));
  EXPECT_EQ(outcome(read), "end-of-data");
  EXPECT_EQ(last_call(read).get("total"), "100") << "what it took went out, once";
}

TEST_P(StackTest, WithoutASignalABrokenPipeIsNoEvent) {
  if (!has_or_refuses("no-signal")) return;
  const auto link = linked("no-signal");
  link->end(Role::client).reset();
  const Report report = subject.do_(Line("write").with("size", 5));
  EXPECT_EQ(outcome(report), "reset");
  EXPECT_THAT(lines(report, "signal"), IsEmpty());
}

TEST_P(StackTest, AServerThatRequiresACertificateFailsWithoutOne) {
  if (!has_or_refuses("require-certificate")) return;
  Link link(subject, partner, tls(), io(), {}, "require-certificate");
  const auto [client, server] = link.both(Line("handshake"), Line("handshake"));
  EXPECT_EQ(outcome(server), "failed") << last_call(server).get("words");
}

TEST_P(StackTest, AClientThatVerifiesRejectsACertificateOfAnUnknownIssuer) {
  if (!has_or_refuses("verify-certificate")) return;
  Link link(subject, partner, tls(), io(), "verify-certificate");
  const auto [client, server] = link.both(Line("handshake"), Line("handshake"));
  EXPECT_EQ(outcome(client), "failed") << last_call(client).get("words");
}

TEST_P(StackTest, OverMemoryAllIsAsOverASocket) {
  const auto link = linked_over_memory();
  if (!link) return;
  EXPECT_EQ(outcome(subject.do_(Line("write").with("size", 100))), "done");
  const bool two_way = subject.able("close");
  const Report report = subject.do_(Line(two_way ? "close" : "close-write"));
  EXPECT_EQ(outcome(report), two_way ? "sent" : "done");
  EXPECT_EQ(last_call(report).get("state.unsent"), "0");
  link->relay();
  const Report read = partner.do_(Line("read").with("until", "end"));
  EXPECT_EQ(outcome(read), "end-of-data");
  EXPECT_EQ(last_call(read).get("total"), "100");
  EXPECT_EQ(last_call(read).get("intact"), "1");
}

TEST_P(StackTest, ASessionOverMemoryDoesNotBlock) {
  Link link(subject, partner, tls(), Io::blocking, "memory-bio");
  EXPECT_EQ(link.opened[0].front().word(), "unsupported");
}

TEST_P(StackTest, WhatDoesNotGoOutStaysInMemoryUntilItCan) {
  const auto link = linked_over_memory();
  if (!link) return;
  subject.do_(Line("plan").with("flow", "send").with("fault", "EAGAIN").with("times", 20));
  EXPECT_EQ(outcome(subject.do_(Line("write").with("size", 100))), "done");
  const Report closed = subject.do_(Line("close-write"));
  EXPECT_EQ(outcome(closed), "done");
  EXPECT_GT(last_call(closed).number("state.unsent").value_or(0), 100);
  EXPECT_EQ(outcome(subject.do_(Line("read"))), "want-write");
  link->relay();
  EXPECT_EQ(link->sent(Role::client), "");
  subject.do_(Line("plan").with("clear", 1));
  const Report read = subject.do_(Line("read"));
  EXPECT_EQ(outcome(read), "want-read");
  EXPECT_EQ(last_call(read).get("state.unsent"), "0");
  link->relay();
  const Report met = partner.do_(Line("read").with("until", "end"));
  EXPECT_EQ(outcome(met), "end-of-data");
  EXPECT_EQ(last_call(met).get("total"), "100");
}

TEST_P(StackTest, WhatLiesInMemoryIsReadToItsEnd) {
  const auto link = linked_over_memory();
  if (!link) return;
  partner.do_(Line("write").with("size", 40000).with("until", "done"));
  partner.do_(Line("close-write"));
  link->relay();
  EXPECT_EQ(last_call(subject.do_(Line("read").with("size", 10))).get("bytes"), "10");
  const Report read = subject.do_(Line("read").with("until", "end"));
  EXPECT_EQ(outcome(read), "end-of-data");
  EXPECT_EQ(last_call(read).get("total"), "40000");
  EXPECT_EQ(last_call(read).get("intact"), "1");
}

TEST_P(StackTest, AResetReachesWhoeverReadsMemory) {
  const auto link = linked_over_memory();
  if (!link) return;
  subject.do_(Line("plan").with("flow", "recv").with("fault", "ECONNRESET").with("times", 20));
  EXPECT_NE(outcome(subject.do_(Line("read"))), "end-of-data");
}

TEST_P(StackTest, TheEndOfATransportThatCannotBeAskedForItIsACut) {
  if (!has_or_refuses("no-eof-control")) return;
  const auto link = linked("no-eof-control");
  link->end(Role::client).reset();
  const Report report = subject.do_(Line("read").with("until", "done"));
  EXPECT_EQ(outcome(report), "cut");
  EXPECT_EQ(last_call(report).get("code"), "SSL_ERROR_SYSCALL");
}

TEST_P(StackTest, TheEndOfTheTransportReachesWhoeverReadsMemory) {
  const auto link = linked_over_memory();
  if (!link) return;
  link->end(Role::client).reset();
  EXPECT_EQ(outcome(subject.do_(Line("read").with("until", "done"))), "cut");
}

TEST_P(StackTest, AOneWayCloseTakesTheTransportWithItWhereAskedTo) {
  if (!has_or_refuses("closes-transport")) return;
  const auto closings = [](const Report& report) {
    const auto all = lines(report, "io");
    return std::count_if(all.begin(), all.end(), [](const Line& line) { return line.get("function") == "close"; });
  };
  for (const std::string options : {"closes-transport", "closes-transport callbacks"}) {
    if (options.ends_with("callbacks") && !subject.able("callbacks")) continue;
    SCOPED_TRACE(options);
    Link link(subject, partner, tls(), io(), options, "");
    ASSERT_NO_FATAL_FAILURE(link.handshake());
    const Report closed = subject.do_(Line("close-write"));
    EXPECT_EQ(outcome(closed), "done");
    EXPECT_EQ(closings(closed), 1);
    link.relay();
    EXPECT_EQ(outcome(partner.do_(Line("read"))), "end-of-data");
    char byte;
    EXPECT_EQ(::recv(link.end(Role::client).get(), &byte, 1, MSG_DONTWAIT), 0);
    EXPECT_EQ(subject.do_(Line("raw-read")).front().get("errno"), "EBADF");
    // What is left of the session answers, and leaves the transport's number alone.
    for (const Line& request : {Line("read"), Line("write").with("size", 5), Line("close-write"), Line("handshake").with("until", "once")}) {
      SCOPED_TRACE(request.word());
      const Report later = subject.do_(request);
      EXPECT_EQ(later.back().word(), "ready");
      EXPECT_EQ(lines(later, "api").size(), 1u);
      EXPECT_THAT(lines(later, "io"), IsEmpty());
      if (request.word() == "read" || request.word() == "write") {
        EXPECT_THAT(outcome(later), AnyOf("refused", "failed", "end-of-data"));
      }
    }
    EXPECT_THAT(lines(subject.do_(Line("end")), "io"), IsEmpty()) << "it was closed already";
    partner.do_(Line("end"));
  }
}

TEST_P(StackTest, ACloseThatTakesTheTransportWakesWhoeverWaitsForIt) {
  if (!subject.able("closes-beside")) return;
  Link link(subject, partner, tls(), io(), "closes-transport", "");
  ASSERT_NO_FATAL_FAILURE(link.handshake());
  ASSERT_EQ(subject.do_(Line("read")).back().word(), "blocked");
  if (!subject.able("threads")) {
    const Report other = subject.do_(Line("aside").with("call", "write").with("size", 1));
    EXPECT_EQ(lines(other, "unsupported").size(), 1u);
    EXPECT_EQ(other.back().word(), "blocked");
  }
  const Report closed = subject.do_(Line("aside").with("call", "close-write"));
  EXPECT_EQ(closed.back().word(), "ready");
  EXPECT_THAT(calls(closed), ElementsAre("close-write=done", "read=refused"));
  link.relay();
  EXPECT_EQ(outcome(partner.do_(Line("read"))), "end-of-data");
}

TEST_P(StackTest, AOneWayCloseThatTakesTheTransportCanComeBeforeTheHandshake) {
  if (!has_or_refuses("closes-transport")) return;
  Link link(subject, partner, tls(), io(), "closes-transport", "");
  EXPECT_EQ(outcome(subject.do_(Line("close-write"))), "done");
  link.relay();
  EXPECT_EQ(link.sent(Role::client), "");
  EXPECT_EQ(subject.do_(Line("raw-read")).front().get("errno"), "EBADF");
}

TEST_P(StackTest, PostHandshakeAuthIsOfferedWhereAskedForOnly) {
  if (!has_or_refuses("post-handshake-auth")) return;
  for (const bool asked : {false, true}) {
    if (asked && tls() != Tls::v1_3) continue;  // what a hello for TLS 1.2 says of TLS 1.3 means nothing
    Link link(subject, partner, tls(), io(), asked ? "post-handshake-auth" : "");
    link.holding = true;
    subject.do_(Line("handshake"));
    link.relay();
    const std::string extension("\0\x31\0\0", 4);
    EXPECT_EQ(link.sent(Role::client).find(extension) != std::string::npos, asked);
    subject.do_(Line("abort"));
  }
}

TEST_P(StackTest, OtherFunctionsReceiveTheSame) {
  for (const auto& [option, function] :
       std::map<std::string, std::string>{{"receive-seq", "gnutls_record_recv_seq"}, {"receive-packet", "gnutls_record_recv_packet"}}) {
    if (!has_or_refuses(option)) continue;
    const auto link = linked(option);
    const auto [read, wrote] = link->both(Line("read").with("until", "done"), Line("write").with("size", 5));
    EXPECT_EQ(last_call(read).get("native"), function);
    EXPECT_EQ(last_call(read).get("bytes"), "5");
    EXPECT_EQ(last_call(read).get("intact"), "1");
  }
}

TEST_P(StackTest, NoAlertIsDueWhereNothingIsWrong) {
  if (!has_or_refuses("due-alert")) return;
  const auto link = linked("due-alert");
  EXPECT_EQ(outcome(subject.do_(Line("send-alert").with("level", 2).with("description", 80))), "done");
  link->relay();
  EXPECT_EQ(link->sent(Role::client), "");
}

TEST_P(StackTest, AnAlertGoesOutAsItWasAskedFor) {
  if (!subject.able("send-alert")) return;
  const auto link = linked();
  EXPECT_EQ(outcome(subject.do_(Line("send-alert").with("level", 2).with("description", 80))), "done");
  link->relay();
  const Report met = partner.do_(Line("read"));
  EXPECT_EQ(outcome(met), "alert");
  if (stack() == "gnutls") {
    EXPECT_EQ(last_call(met).get("state.fatal"), "yes");
    EXPECT_EQ(last_call(met).get("state.alert"), "Internal error");
  }
}

TEST_P(StackTest, AKeyUpdateGoesOutAtOnceAndIsFollowed) {
  if (!subject.able("key-update")) return;
  for (const bool requested : {false, true}) {
    const auto link = linked();
    const Report report = subject.do_(requested ? Line("key-update").with("requested", 1) : Line("key-update"));
    link->relay();
    if (tls() != Tls::v1_3) {
      EXPECT_EQ(outcome(report), "refused");
      EXPECT_EQ(link->sent(Role::client), "");
      continue;
    }
    EXPECT_EQ(outcome(report), "done");
    EXPECT_EQ(link->sent(Role::client).size(), 5u + 5u + 1u + 16u);  // one record: a KeyUpdate of five bytes, its type, a tag
    for (int i = 0; i < 2; ++i) {
      const auto [wrote, read] = link->both(Line("write").with("size", 5), Line("read").with("until", "done"));
      EXPECT_EQ(last_call(read).get("intact"), "1");
      const auto [read_too, wrote_too] = link->both(Line("read").with("until", "done"), Line("write").with("size", 5));
      EXPECT_EQ(last_call(read_too).get("intact"), "1");
    }
    close_both(*link);
  }
}

TEST_P(StackTest, AServerThatRenegotiatesGetsNewKeys) {
  if (!subject.able("renegotiate") || tls() == Tls::v1_3 || blocking()) return;
  const auto link = linked();
  EXPECT_EQ(outcome(partner.do_(Line("renegotiate"))), "done");
  link->relay();
  EXPECT_GT(link->sent(Role::server).size(), 0u);
  // Some libraries' reads carry it through, others tell of it and leave it to the handshake.
  std::size_t keys = 0;
  for (int i = 0; i < 8 && keys < 2; ++i)
    for (Peer* peer : {&subject, &partner}) {
      const Report report = peer->do_(Line("read"));
      keys += lines(report, "keys").size();
      link->relay();
      if (call_again(read_word<Outcome>(outcome(report)).value_or(Outcome::failed))) continue;
      const auto [client, server] = link->both(Line("handshake"), Line("handshake"));
      keys += lines(client, "keys").size() + lines(server, "keys").size();
    }
  EXPECT_EQ(keys, subject.able("key-log") ? 2u : 0u);
  const auto [wrote, read] = link->both(Line("write").with("size", 5), Line("read").with("until", "done"));
  EXPECT_EQ(last_call(read).get("intact"), "1");
}

TEST_P(StackTest, AClientThatRenegotiatesBegins) {
  if (!subject.able("renegotiate") || tls() == Tls::v1_3 || blocking()) return;
  const auto link = linked();
  EXPECT_THAT(outcome(subject.do_(Line("renegotiate"))), AnyOf("want-read", "done"));  // some go on with it in the handshake only
  link->relay();
  EXPECT_GT(link->sent(Role::client).size(), 100u);
}

TEST_P(StackTest, AClientUsesAClearedSessionAgain) {
  if (!subject.able("clear")) return;
  const auto link = linked();
  close_both(*link);
  EXPECT_EQ(outcome(subject.do_(Line("clear"))), "done");
  const Line open = Line("open").with("role", "server").with("tls", spell(tls())).with("io", spell(io())).with("again", 1);
  ASSERT_THAT(partner.do_(open), ElementsAre(Line("ready")));
  link->key_log.clear();
  link->handshake();
  EXPECT_GE(link->key_log.size(), subject.able("key-log") ? 2u : 0u);
}

TEST_P(StackTest, SwitchesDoWhatTheirNamesSay) {
  const auto set = [&](const char* name, const char* value) {
    const Report report = subject.do_(Line("set").with("name", name).with("value", value));
    EXPECT_EQ(outcome(report), "done") << name;
    return last_call(report);
  };
  if (subject.able("set-quiet-shutdown")) {
    const auto link = linked();
    set("quiet-shutdown", "on");
    EXPECT_THAT(lines(subject.do_(way_to_close(subject)), "io"), IsEmpty());
  }
  if (subject.able("set-shutdown")) {
    const auto link = linked();
    EXPECT_EQ(set("shutdown", "SENT").get("state.shutdown"), "SENT");
    EXPECT_EQ(set("shutdown", "RECEIVED").get("state.shutdown"), "RECEIVED");
    EXPECT_EQ(set("shutdown", "both").get("state.shutdown"), "SENT|RECEIVED");
    EXPECT_EQ(set("shutdown", "none").get("state.shutdown"), "none");
    link->relay();
    EXPECT_EQ(link->sent(Role::client), "");
  }
  if (subject.able("set-context-quiet-shutdown")) {
    const auto link = linked();
    set("context-quiet-shutdown", "on");
    EXPECT_FALSE(lines(subject.do_(Line("close-write")), "io").empty()) << "made before";
    link->open_again(Link::On::new_transport);
    link->handshake();
    EXPECT_TRUE(lines(subject.do_(Line("close-write")), "io").empty()) << "made after";
    const auto of_another_run = linked();
    EXPECT_FALSE(lines(subject.do_(Line("close-write")), "io").empty());
  }
  if (subject.able("set-auto-retry") && tls() == Tls::v1_3 && blocking()) {
    const auto link = linked("tickets");
    set("auto-retry", "off");
    EXPECT_EQ(outcome(subject.do_(Line("read"))), "want-read") << "a ticket came";
  }
  if (subject.able("set-stale-error") && !blocking()) {
    const auto link = linked();
    set("stale-error", "on");
    EXPECT_EQ(last_call(subject.do_(Line("read"))).get("code"), "SSL_ERROR_SSL");
    EXPECT_EQ(outcome(subject.do_(Line("read"))), "want-read");
  }
  if (subject.able("set-cork")) {
    const auto link = linked();
    EXPECT_EQ(set("cork", "on").get("state.corked"), "0");
    EXPECT_EQ(last_call(subject.do_(Line("write").with("size", 5))).get("state.corked"), "5");
    link->relay();
    EXPECT_EQ(link->sent(Role::client), "");
    EXPECT_EQ(set("cork", "off").get("state.corked"), "0");
    link->relay();
    EXPECT_EQ(outcome(partner.do_(Line("read"))), "done");
  }
}

// Tests that cannot fail are worth nothing: each adapter is made to map an answer wrongly, and the test that speaks of it is made again.

struct Mapping {
  const char *truth, *told, *test;
};

// True where that test passes with that lie.
bool passes(const std::string& lie, const std::string& test, const std::string& mode) {
  const std::string filter = "--gtest_filter=All/StackTest." + test + "/" + mode;
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("TLSBYE_TEST_LIE", lie.c_str(), 1);
    for (const char* part_of_all : {"GTEST_TOTAL_SHARDS", "GTEST_SHARD_INDEX"}) ::unsetenv(part_of_all);
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    ::execl("/proc/self/exe", "peers-test", filter.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) < 2) << status;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_P(StackTest, AnAnswerThatIsMappedWronglyIsNoticed) {
  const bool only_blocks = subject.able("blocking-only");  // and then it asks for no call to be made again
  if (blocking() && !only_blocks) return;
  const std::string mode = mode_name({GetParam(), 0});
  std::vector<Mapping> mappings = {
      {"done", "refused", "TalksAndClosesBothWaysWithEveryStack"},       {"end-of-data", "cut", "TalksAndClosesBothWaysWithEveryStack"},
      {"cut", "end-of-data", "AnEndWithoutCloseNotifyIsACut"},           {"reset", "cut", "AResetIsNoCut"},
      {"reset", "failed", "ABrokenPipeIsAResetAndItsSignalIsAnEvent"},   {"want-read", "want-write", "AHandshakeCanBeMadeOneCallAtATime"},
      {"want-write", "want-read", "FaultsOfTheTransportReachTheLibrary"}};
  std::erase_if(mappings, [&](const Mapping& mapping) {
    const std::string_view truth(mapping.truth);
    return (truth == "cut" && answer_to_a_cut(subject) != "cut") || (truth.starts_with("want-") && only_blocks);
  });
  if (subject.able("memory-bio"))
    mappings.insert(mappings.end(), {{"want-read", "want-write", "WhatDoesNotGoOutStaysInMemoryUntilItCan"},
                                     {"want-write", "want-read", "WhatDoesNotGoOutStaysInMemoryUntilItCan"},
                                     {"cut", "end-of-data", "TheEndOfTheTransportReachesWhoeverReadsMemory"},
                                     {"end-of-data", "cut", "WhatLiesInMemoryIsReadToItsEnd"}});
  for (const auto& [truth, told, test] : mappings) {
    SCOPED_TRACE(std::string(truth) + "=" + told);
    EXPECT_TRUE(passes("none", test, mode)) << "told truly";
    EXPECT_FALSE(passes(std::string(truth) + "=" + told, test, mode));
  }
}

// The keys that a peer tells are those on the wire.

using Bytes = std::vector<unsigned char>;

Bytes from_hex(std::string_view text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<unsigned char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  return bytes;
}

// HKDF-Expand-Label(secret, label, "", size), RFC 8446 7.1
Bytes expand(Bytes secret, std::string label, std::size_t size) {
  EVP_KDF* kdf = EVP_KDF_fetch(nullptr, "TLS13-KDF", nullptr);
  EVP_KDF_CTX* context = EVP_KDF_CTX_new(kdf);
  int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  std::string prefix = "tls13 ", digest = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
                                   OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
                                   OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.data(), secret.size()),
                                   OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, prefix.data(), prefix.size()),
                                   OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, label.data(), label.size()),
                                   OSSL_PARAM_construct_end()};
  Bytes out(size);
  EXPECT_EQ(EVP_KDF_derive(context, out.data(), out.size(), parameters), 1);
  EVP_KDF_CTX_free(context);
  EVP_KDF_free(kdf);
  return out;
}

// The first record under an application traffic key (RFC 8446 5.2), opened; empty where key or IV are wrong.
Bytes open_record(const Bytes& key, const Bytes& iv, const std::string& record) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(record.data());
  const int size = static_cast<int>(record.size()) - 5 - 16;
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  EVP_DecryptInit_ex(context, EVP_aes_128_gcm(), nullptr, key.data(), iv.data());
  Bytes plain(static_cast<std::size_t>(std::max(size, 0)));
  int moved = 0;
  EVP_DecryptUpdate(context, nullptr, &moved, bytes, 5);
  EVP_DecryptUpdate(context, plain.data(), &moved, bytes + 5, size);
  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, const_cast<unsigned char*>(bytes) + 5 + size);
  const bool authentic = EVP_DecryptFinal_ex(context, plain.data() + moved, &moved) == 1;
  EVP_CIPHER_CTX_free(context);
  return authentic ? plain : Bytes{};
}

TEST_P(StackTest, TheKeysThatItTellsOpenItsRecords) {
  const auto link = linked();
  if (!subject.able("key-log")) {
    EXPECT_THAT(link->key_log, IsEmpty());
    return;
  }
  const auto told = [&](const std::string& label) {
    for (const std::string& line : link->key_log)
      if (line.starts_with(label + " ")) return from_hex(line.substr(line.rfind(' ') + 1));
    return Bytes{};
  };
  if (tls() == Tls::v1_2) {
    EXPECT_EQ(told("CLIENT_RANDOM").size(), 48u);
    EXPECT_EQ(link->key_log.front(), link->key_log.back()) << "both ends tell the same secret";
    EXPECT_EQ(link->key_log.size(), 2u);
    return;
  }
  subject.do_(Line("close-write"));
  partner.do_(Line("close-write"));
  link->relay();
  for (const Role role : {Role::client, Role::server}) {
    const std::string label = role == Role::client ? "CLIENT_TRAFFIC" : "SERVER_TRAFFIC";
    const Bytes secret = told(label + "_SECRET_0");
    Bytes key, iv = told(label + "_KEY");
    if (!secret.empty()) {
      key = expand(secret, "key", 16);
      iv = expand(secret, "iv", 12);
    } else {
      ASSERT_EQ(iv.size(), 28u) << label;
      key.assign(iv.begin(), iv.begin() + 16);
      iv.erase(iv.begin(), iv.begin() + 16);
    }
    EXPECT_THAT(open_record(key, iv, link->sent(role)), ElementsAre(1, 0, 21)) << label;  // warning, close_notify; an alert
  }
}

}  // namespace
}  // namespace tlsbye
