// What all peers share, served for a stack that is made up: its bytes are not encrypted, and its answers say who made the call.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>

#include "peers/common/heap.h"
#include "peers/common/stack.h"
#include "peers/drive_for_test.h"
#include "peers/protocol/pattern.h"

namespace tlsbye::peer {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr long long much_memory = 1 << 20;  // of a greedy session

class FakeSession final : public Session {
 public:
  FakeSession(const SessionOptions& options, int& kept, const int& forgotten)
      : options_(options), memory_(options.asks_for("greedy") ? much_memory : 0), kept_(kept), forgotten_(forgotten) {}

  // Done at the second call.
  Answer handshake() override { return {"fake_handshake", 0, {}, 0, {}, ++handshakes_ < 2 ? Outcome::want_write : Outcome::done}; }

  Answer read(std::span<std::byte> into) override {
    if (options_.asks_for("inventive")) return {"fake_read", 0, {}, 0, {}, Outcome::done, into.size()};
    if (options_.asks_for("boastful")) return {"fake_read", 0, {}, 0, {}, Outcome::done, into.size() + 1000};
    if (options_.asks_for("mumbling")) {
      while (::recv(options_.transport, into.data(), into.size(), 0) > 0) {
      }
      std::fill_n(into.begin(), 5, std::byte{0xee});
      return {"fake_read", 0, {}, 0, {}, Outcome::done, 5};
    }
    if (options_.asks_for("downcast")) {
      ::recv(options_.transport, into.data(), into.size(), MSG_DONTWAIT);
      return {"fake_read", 0, {}, 0, {}, Outcome::cut};
    }
    if (timeout_ >= 0) {
      pollfd entry{options_.transport, POLLIN, 0};
      const int ready = ::poll(&entry, 1, timeout_);
      if (ready == 0) return {"fake_read", 0, "TIMEDOUT", 0, {}, Outcome::failed};
      if (ready < 0) return moved("fake_read", ready);
    }
    return moved("fake_read", ::recv(options_.transport, into.data(), into.size(), 0));
  }
  Answer write(std::span<const std::byte> from) override {
    if (options_.asks_for("boastful")) return {"fake_write", 0, {}, 0, {}, Outcome::done, from.size() + 1000};
    return moved("fake_write", ::send(options_.transport, from.data(), from.size(), 0));
  }
  Answer close() override {
    if (options_.asks_for("mortal")) ::raise(SIGKILL);
    if (options_.asks_for("leaves")) ::_exit(0);
    while (options_.asks_for("restless")) close_write();
    if (options_.asks_for("busy")) {
      for (int i = 0; i < 1000; ++i) close_write();
      return {"fake_close", 0, {}, 0, {}, Outcome::interrupted};
    }
    if (options_.asks_for("wordy")) return {"fake_close", 0, {}, 0, std::string(300'000, 'x'), Outcome::failed};
    if (options_.asks_for("endless-code")) return {"fake_close", 0, std::string(300'000, 'x'), 0, {}, Outcome::failed};
    if (options_.asks_for("hungry")) {
      for (int i = 0; i < 2; ++i) {  // as a library would: libc allocates, and not this program
        char* volatile copy = ::strdup("close");
        if (!copy) return {"fake_close", 0, "ENOMEM", 0, {}, Outcome::failed};
        ::free(copy);
      }
      return {"fake_close", 0, {}, 0, {}, Outcome::done};
    }
    std::byte reply;
    return moved("fake_close", ::recv(options_.transport, &reply, 1, 0));
  }
  Answer close_write() override { return moved("fake_close_write", ::send(options_.transport, "!", 1, MSG_DONTWAIT)); }

  Answer extra(Call call, const std::vector<std::string>& arguments, std::span<std::byte> into) override {
    if (call == Call::peek) return moved("fake_peek", ::recv(options_.transport, into.data(), into.size(), MSG_PEEK));
    if (call == Call::write_early) return moved("fake_write_early", ::send(options_.transport, into.data(), into.size(), 0));
    if (call == Call::read_early) {
      Answer answer = moved("fake_read_early", ::recv(options_.transport, into.data(), into.size(), MSG_DONTWAIT));
      if (answer.outcome == Outcome::want_read) answer.outcome = Outcome::end_of_data;
      return answer;
    }
    if (call == Call::keep_session) ++kept_;
    if (call == Call::set) std::from_chars(arguments[1].data(), arguments[1].data() + arguments[1].size(), timeout_);
    Answer answer{"fake_extra", 0, {}, 0, {}, Outcome::done};
    for (const std::string& argument : arguments) answer.words += "<" + argument + ">";
    return answer;
  }

  State state() const override {
    return {{"thread", ::gettid() == ::getpid() ? "first" : "other"},
            {"kept", std::to_string(kept_)},
            {"forgotten", std::to_string(forgotten_)}};
  }

 private:
  static Answer moved(std::string_view native, long returned) {
    const int error_number = returned < 0 ? errno : 0;
    Answer answer{native, returned, {}, error_number, {}, Outcome::done};
    if (returned < 0) answer.outcome = error_number == EAGAIN ? Outcome::want_read : Outcome::reset;
    answer.bytes = returned > 0 ? static_cast<std::size_t>(returned) : 0;
    return answer;
  }

  SessionOptions options_;
  std::vector<char> memory_;
  int& kept_;
  const int& forgotten_;
  int handshakes_ = 0;
  int timeout_ = -1;
};

class FakeStack final : public Stack {
 public:
  explicit FakeStack(std::vector<std::string> abilities) : abilities_(std::move(abilities)) {}
  Hello hello() const override { return {"fake", "1.0.0", abilities_}; }
  std::unique_ptr<Session> open(const SessionOptions& options, KeyLog&) override {
    if (options.asks_for("unwilling")) throw std::runtime_error("not today");
    return std::make_unique<FakeSession>(options, kept_, forgotten_);
  }
  void forget_sessions() override {
    ++forgotten_;
    kept_ = 0;
  }

 private:
  std::vector<std::string> abilities_;
  int kept_ = 0, forgotten_ = 0;
};

const std::vector<std::string> all_abilities{
    "close",      "close-write",  "tls-1.2",     "client",      "server",      "threads",      "fork",          "peek",
    "send-alert", "key-update",   "renegotiate", "clear",       "set-timeout", "keep-session", "session-cache", "tickets",
    "mortal",     "leaves",       "restless",    "greedy",      "unwilling",   "inventive",    "boastful",      "busy",
    "wordy",      "endless-code", "mumbling",    "downcast",    "write-early", "read-early",  "starve",       "hungry"};

class ServeTest : public testing::Test {
 protected:
  explicit ServeTest(const std::vector<std::string>& abilities = all_abilities)
      : peer([abilities] {
          FakeStack stack(abilities);
          return serve(stack);
        }) {}

  static Line open_request(Io io = Io::blocking, const std::string& options = {}) {
    return Line("open").with("role", "client").with("tls", "1.2").with("io", spell(io)).with("log", 1).with("options", options);
  }
  // A transport to a new peer's session, or the next one.
  Report open(const Line& request) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const Descriptor given(ends[0]);
    far = Descriptor(ends[1]);
    return peer.do_(request, given.get());
  }
  void opened(Io io = Io::blocking, const std::string& options = {}) {
    ASSERT_THAT(without("moved", open(open_request(io, options))), ElementsAre(Line("ready")));
  }
  // The next bytes that the other side, a server, would write.
  void arrives(std::size_t size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(pattern_byte(Role::server, arrived_++));
    ASSERT_EQ(::send(far.get(), bytes.data(), size, MSG_NOSIGNAL), static_cast<ssize_t>(size));
  }
  std::string drained() {
    char some[4096];
    const ssize_t got = ::recv(far.get(), some, sizeof some, MSG_DONTWAIT);
    return std::string(some, got > 0 ? static_cast<std::size_t>(got) : 0);
  }
  static std::string why(const Report& report) {
    return report.size() == 2 && report[0].word() == "unsupported" ? std::string(report[0].get("why")) : "?";
  }
  std::string state(std::string_view name) {
    return std::string(last_call(peer.do_(Line("write").with("size", 0))).get("state." + std::string(name)));
  }

  Peer peer;
  Descriptor far;

 private:
  std::size_t arrived_ = 0;
};

const Line blocked_in_read = Line("blocked").with("on", "recv").with("during", "read");

TEST_F(ServeTest, AHandshakeGoesOnUntilDoneOrIsOneCall) {
  opened(Io::nonblocking);
  EXPECT_THAT(calls(peer.do_(Line("handshake").with("until", "once"))), ElementsAre("handshake=want-write"));
  opened(Io::nonblocking);
  EXPECT_THAT(calls(peer.do_(Line("handshake"))), ElementsAre("handshake=want-write", "handshake=done"));
  opened(Io::nonblocking);
  EXPECT_THAT(calls(peer.do_(Line("handshake").with("until", "done"))), ElementsAre("handshake=want-write", "handshake=done"));
  EXPECT_THAT(why(peer.do_(Line("handshake").with("until", "end"))), HasSubstr("no such until: end"));
}

TEST_F(ServeTest, BetweenTwoCallsOfANonBlockingSessionEnoughIsEnough) {
  opened(Io::nonblocking);
  EXPECT_EQ(peer.do_(Line("read").with("until", "end")).back(), blocked_in_read);
  EXPECT_THAT(peer.do_(Line("enough")), ElementsAre(Line("ready")));
  arrives(3);
  EXPECT_THAT(calls(peer.do_(Line("read"))), ElementsAre("read=done"));  // and nothing was lost by it
  opened();
  EXPECT_EQ(peer.do_(Line("read")).back(), blocked_in_read);
  EXPECT_EQ(lines(peer.do_(Line("enough")), "unsupported").size(), 1U);  // within a call there is no such place
}

TEST_F(ServeTest, AReadGoesOnUntilATextHasComeWhateverElseDoes) {
  opened(Io::nonblocking);
  ASSERT_EQ(::send(far.get(), "220-a\r\n22", 9, MSG_NOSIGNAL), 9);
  EXPECT_EQ(peer.do_(Line("read").with("until", "end").with("any", 1).with("text", "220 ")).back(), blocked_in_read);
  ASSERT_EQ(::send(far.get(), "0 b\r\n", 5, MSG_NOSIGNAL), 5);
  const Report report = peer.do_(Line("resume"));
  EXPECT_EQ(report.back(), Line("ready"));
  EXPECT_EQ(last_call(report).get("intact"), "1");
}

TEST_F(ServeTest, AReadThatWaitsForThePollIsNotMadeWhereNothingHasCome) {
  opened();
  const Line poll = Line("read").with("size", 4).with("ready", 1);
  EXPECT_EQ(peer.do_(poll), (Report{Line("idle"), Line("ready")}));
  ASSERT_EQ(::send(far.get(), "abcd", 4, MSG_NOSIGNAL), 4);
  EXPECT_THAT(calls(peer.do_(poll)), ElementsAre("read=done"));
  far.reset();  // an end is something to be read
  EXPECT_THAT(calls(peer.do_(poll)), ElementsAre("read=done"));
}

TEST_F(ServeTest, WhatIsWrittenIsWhatTheRequestSays) {
  opened();
  EXPECT_THAT(calls(peer.do_(Line("write").with("until", "done").with("data", "QUIT\r\n"))), ElementsAre("write=done"));
  EXPECT_EQ(drained(), "QUIT\r\n");
}

TEST_F(ServeTest, AnExtraCallGetsItsArgumentsAndTellsThem) {
  opened();
  const struct {
    Line request;
    std::string arguments, words;
  } table[] = {
      {Line("send-alert").with("level", 2).with("description", 40), "2 40", "<2><40>"},
      {Line("key-update"), "", ""},
      {Line("key-update").with("requested", 1), "requested", "<requested>"},
      {Line("renegotiate"), "", ""},
      {Line("set").with("name", "timeout").with("value", 300), "timeout 300", "<timeout><300>"},
      {Line("clear"), "", ""},
      {Line("keep-session"), "", ""},
  };
  for (const auto& row : table) {
    const Report report = peer.do_(row.request);
    EXPECT_THAT(calls(report), ElementsAre(row.request.word() + "=done"));
    EXPECT_EQ(last_call(report).get("arguments"), row.arguments) << row.request.word();
    EXPECT_EQ(last_call(report).get("words"), row.words) << row.request.word();
    EXPECT_EQ(last_call(report).find("bytes"), nullptr);
  }
  EXPECT_EQ(last_call(peer.do_(Line("write").with("size", 1))).find("arguments"), nullptr);
}

TEST_F(ServeTest, AnExtraCallWithoutItsArgumentsIsNotMade) {
  opened();
  EXPECT_THAT(why(peer.do_(Line("send-alert").with("level", 2))), HasSubstr("description"));
  EXPECT_THAT(why(peer.do_(Line("send-alert").with("level", 256).with("description", 0))), HasSubstr("level"));
  EXPECT_THAT(why(peer.do_(Line("set").with("name", "timeout"))), HasSubstr("value"));
  EXPECT_THAT(why(peer.do_(Line("set").with("name", "gravity").with("value", "off"))), HasSubstr("no ability set-gravity"));
  EXPECT_THAT(why(peer.do_(Line("peek").with("size", -1))), HasSubstr("size"));
}

TEST_F(ServeTest, AnExtraCallIsRepeatedUntilItIsDone) {
  opened(Io::nonblocking);
  const Report waits = peer.do_(Line("peek").with("until", "done"));
  EXPECT_THAT(calls(waits), ElementsAre("peek=want-read"));
  EXPECT_EQ(waits.back().word(), "blocked");
  arrives(3);
  EXPECT_THAT(calls(peer.do_(Line("resume"))), ElementsAre("peek=done"));
  EXPECT_THAT(calls(peer.do_(Line("key-update").with("until", "done"))), ElementsAre("key-update=done"));
  EXPECT_THAT(why(peer.do_(Line("key-update").with("until", "end"))), HasSubstr("until"));
}

TEST_F(ServeTest, AnAllocationOfTheLibraryFailsOnceAndInAClose) {
  if (!heap::possible) return;  // where a sanitizer has the allocator nothing is promised
  opened(Io::blocking, "hungry");
  EXPECT_EQ(outcome(peer.do_(Line("close"))), "done");
  for (const int after : {0, 1, 3}) {
    EXPECT_THAT(peer.do_(Line("starve").with("after", after)), ElementsAre(Line("ready")));
    EXPECT_EQ(outcome(peer.do_(Line("write").with("size", 1000))), "done") << "no close";
    drained();
    Report report = peer.do_(Line("close"));
    if (after == 3) {
      EXPECT_EQ(outcome(report), "done");
      report = peer.do_(Line("close"));
    }
    EXPECT_EQ(outcome(report), "failed");
    const auto io = lines(report, "io");
    ASSERT_EQ(io.size(), 1u);
    EXPECT_EQ(io[0].get("function"), "malloc");
    EXPECT_EQ(io[0].get("errno"), "ENOMEM");
    EXPECT_EQ(io[0].get("during"), "close");
    EXPECT_EQ(outcome(peer.do_(Line("close"))), "done") << "once";
  }
  peer.do_(Line("starve"));
  opened(Io::blocking, "hungry");
  EXPECT_EQ(outcome(peer.do_(Line("close"))), "done") << "another session";
  EXPECT_THAT(why(peer.do_(Line("starve").with("after", -1))), HasSubstr("after"));
}

TEST_F(ServeTest, EarlyDataHasAPatternOfItsOwn) {
  opened();
  EXPECT_EQ(last_call(peer.do_(Line("write-early").with("size", 5))).number("total"), 5);
  const std::string early = drained();
  EXPECT_EQ(last_call(peer.do_(Line("write").with("size", 5))).number("total"), 5);
  EXPECT_EQ(drained(), early) << "each from its beginning";
  arrives(10);
  EXPECT_EQ(last_call(peer.do_(Line("read-early").with("size", 10))).get("intact"), "1");
  ASSERT_EQ(::send(far.get(), "foreign", 7, 0), 7);
  const Report to_end = peer.do_(Line("read-early").with("size", 4).with("until", "end"));
  EXPECT_EQ(last_call(to_end).get("intact"), "0");
  EXPECT_EQ(last_call(to_end).number("total"), 17);
  arrives(1);
  EXPECT_EQ(last_call(peer.do_(Line("read"))).get("intact"), "0") << "the eleventh byte of the pattern is not the first of what is read";
}

TEST_F(ServeTest, APeekLeavesThePlaceWhereItIs) {
  opened();
  arrives(10);
  for (const int size : {4, 10, 4}) {
    const Line peeked = last_call(peer.do_(Line("peek").with("size", size)));
    EXPECT_EQ(peeked.number("bytes"), size);
    EXPECT_EQ(peeked.number("total"), 0);
    EXPECT_EQ(peeked.get("intact"), "1");
  }
  const Line read = last_call(peer.do_(Line("read").with("size", 6)));
  EXPECT_EQ(read.number("total"), 6);
  EXPECT_EQ(read.get("intact"), "1");
  EXPECT_EQ(last_call(peer.do_(Line("peek"))).get("intact"), "1");
  ASSERT_EQ(::send(far.get(), "foreign", 7, 0), 7);
  EXPECT_EQ(last_call(peer.do_(Line("peek"))).get("intact"), "0");
  EXPECT_EQ(last_call(peer.do_(Line("read").with("size", 4))).get("intact"), "1") << "a peek has read nothing";
  EXPECT_EQ(last_call(peer.do_(Line("read"))).get("intact"), "0");
}

class BareServeTest : public ServeTest {
 protected:
  BareServeTest() : ServeTest({"tls-1.2", "client"}) {}
};

TEST_F(BareServeTest, WhatTheStackDidNotPromiseIsRefusedBeforeItIsAsked) {
  opened();
  for (const char* word : {"close", "close-write", "peek", "key-update", "renegotiate", "clear", "keep-session"})
    EXPECT_EQ(why(peer.do_(Line(word))), "no ability " + std::string(word));
  EXPECT_EQ(why(peer.do_(Line("send-alert").with("level", 1).with("description", 0))), "no ability send-alert");
  EXPECT_EQ(why(peer.do_(Line("set").with("name", "timeout").with("value", "1"))), "no ability set-timeout");
  EXPECT_EQ(why(peer.do_(Line("aside").with("call", "close"))), "no ability threads");
  EXPECT_EQ(why(peer.do_(Line("fork").with("call", "close"))), "no ability fork");
}

// Sessions after sessions.

TEST_F(ServeTest, AnotherSessionOnTheSameTransportBeginsFromNought) {
  opened(Io::blocking);
  arrives(8);
  peer.do_(Line("plan").with("flow", "send").with("fault", "EINTR").with("after", 1));
  EXPECT_EQ(last_call(peer.do_(Line("read").with("size", 5))).number("total"), 5);
  EXPECT_EQ(last_call(peer.do_(Line("write").with("size", 3))).number("total"), 3);
  EXPECT_THAT(peer.do_(open_request(Io::nonblocking).with("again", 1)), ElementsAre(Line("ready")));
  const Report rest = peer.do_(Line("read"));
  EXPECT_EQ(last_call(rest).number("total"), 3) << "what was left on the transport";
  EXPECT_EQ(last_call(rest).get("intact"), "0") << "it is not the beginning of the pattern";
  EXPECT_EQ(outcome(peer.do_(Line("read"))), "want-read") << "non-blocking now";
  EXPECT_EQ(last_call(peer.do_(Line("write").with("size", 3))).get("errno"), "EINTR") << "plans go on";
  const std::string first = drained();
  EXPECT_EQ(last_call(peer.do_(Line("write").with("size", 3))).number("total"), 3);
  EXPECT_EQ(drained(), first) << "the pattern from its beginning";
}

TEST_F(ServeTest, AnotherSessionOnAnotherTransportLeavesTheFirstOne) {
  opened();
  Descriptor before = std::move(far);
  EXPECT_THAT(without("moved", open(open_request().with("again", 1))), ElementsAre(Line("ready")));
  char byte;
  EXPECT_EQ(::recv(before.get(), &byte, 1, MSG_DONTWAIT), 0);
  arrives(1);
  EXPECT_EQ(last_call(peer.do_(Line("read"))).get("intact"), "1");
}

TEST_F(ServeTest, AGivenUpTransportServesTheNextSession) {
  opened();
  EXPECT_EQ(peer.do_(Line("read")).back(), blocked_in_read);
  EXPECT_THAT(peer.do_(Line("abort")), ElementsAre(Line("ready")));
  EXPECT_EQ(outcome(peer.do_(Line("write").with("size", 1))), "reset");
  peer.do_(open_request().with("again", 1));
  EXPECT_EQ(outcome(peer.do_(Line("write").with("size", 1))), "done");
}

TEST_F(ServeTest, ASessionThatCannotBeOpenedAgainIsSaidAndTheTransportStays) {
  EXPECT_THAT(why(peer.do_(open_request().with("again", 1))), HasSubstr("no session"));
  opened();
  EXPECT_THAT(why(peer.do_(open_request(Io::blocking, "unwilling").with("again", 1))), HasSubstr("not today"));
  EXPECT_THAT(why(peer.do_(Line("read"))), HasSubstr("abandoned"));
  EXPECT_THAT(peer.do_(open_request().with("again", 1)), ElementsAre(Line("ready")));
  EXPECT_EQ(outcome(peer.do_(Line("write").with("size", 1))), "done");
  EXPECT_THAT(why(without("moved", open(open_request(Io::blocking, "unwilling")))), HasSubstr("not today"));
  EXPECT_THAT(why(peer.do_(open_request().with("again", 1))), HasSubstr("no session"));
}

TEST_F(ServeTest, KeptSessionsAreForgottenByTheNextRunAndByNothingElse) {
  opened();
  opened();
  EXPECT_EQ(state("forgotten"), "0") << "nothing was kept";
  peer.do_(Line("keep-session"));
  open(open_request().with("again", 1));
  EXPECT_EQ(state("kept"), "1");
  peer.do_(open_request().with("again", 1));
  EXPECT_EQ(state("kept"), "1");
  opened();
  EXPECT_EQ(state("kept"), "0");
  EXPECT_EQ(state("forgotten"), "1");
  for (const char* option : {"tickets", "session-cache"}) opened(Io::blocking, option);
  opened();
  EXPECT_EQ(state("forgotten"), "3");
}

// Time.

TEST_F(ServeTest, ATimedWaitIsToldAndEndsWhenTimePasses) {
  opened();
  peer.do_(Line("set").with("name", "timeout").with("value", 300));
  const auto left = [](long long ms) { return ElementsAre(Line(blocked_in_read).with("timeout", ms)); };
  EXPECT_THAT(peer.do_(Line("read")), left(300));
  EXPECT_THAT(peer.do_(Line("resume")), left(300));
  EXPECT_THAT(peer.do_(Line("pass").with("ms", 299)), left(1));
  EXPECT_THAT(peer.do_(Line("pass").with("ms", 0)), left(1));
  const Report report = peer.do_(Line("pass").with("ms", 1));
  EXPECT_EQ(last_call(report).get("code"), "TIMEDOUT");
  EXPECT_EQ(report.back(), Line("ready"));
  EXPECT_THAT(
      lines(report, "io"),
      ElementsAre(Line("io").with("during", "read").with("function", "poll").with("flow", "recv").with("asked", 0).with("result", 0)));
  EXPECT_THAT(peer.do_(Line("read")), left(300)) << "time stands still again";
  arrives(1);
  EXPECT_EQ(outcome(peer.do_(Line("resume"))), "done");
}

TEST_F(ServeTest, TimeThatPassesBetweenCallsEndsNoLaterWait) {
  opened();
  peer.do_(Line("set").with("name", "timeout").with("value", 300));
  EXPECT_THAT(peer.do_(Line("pass").with("ms", 1000)), ElementsAre(Line("ready")));
  EXPECT_EQ(peer.do_(Line("read")).back().get("timeout"), "300");
}

TEST_F(ServeTest, AWaitWithoutLimitOutlivesAnyTime) {
  opened();
  EXPECT_EQ(peer.do_(Line("read")).back(), blocked_in_read);
  EXPECT_THAT(peer.do_(Line("pass").with("ms", 86400000)), ElementsAre(blocked_in_read));
  const Report wrong = peer.do_(Line("pass").with("ms", "soon"));
  EXPECT_EQ(wrong.front().word(), "unsupported");
  EXPECT_EQ(wrong.back(), blocked_in_read);
}

// Other threads and processes.

class AsideTest : public ServeTest, public testing::WithParamInterface<const char*> {
 protected:
  Line aside(std::string_view call) const { return Line(GetParam()).with("call", call); }
  bool by_process() const { return GetParam() == std::string_view("fork"); }
  std::string by() const { return by_process() ? "process" : "thread"; }
};
INSTANTIATE_TEST_SUITE_P(Both, AsideTest, testing::Values("aside", "fork"), [](const auto& who) { return std::string(who.param); });

TEST_P(AsideTest, ACallIsMadeBesideOneThatIsBlocked) {
  opened();
  ASSERT_EQ(peer.do_(Line("read")).back(), blocked_in_read);
  for (int i = 0; i < 3; ++i) {
    const Report report = peer.do_(aside("close-write"));
    EXPECT_THAT(calls(report), ElementsAre("close-write=done"));
    EXPECT_EQ(last_call(report).get("aside"), by());
    EXPECT_EQ(last_call(report).get("state.thread"), by_process() ? "first" : "other");
    EXPECT_EQ(lines(report, "io").at(0).get("aside"), by());
    EXPECT_EQ(lines(report, "io").at(0).get("during"), "close-write");
    EXPECT_EQ(report.back(), blocked_in_read);
    EXPECT_THAT(peer.ids(), ElementsAre(2 + i, 2 + i, 1)) << "each call has an id of its own, and what it did has it";
    EXPECT_EQ(drained(), "!");
  }
  arrives(2);
  const Report report = peer.do_(Line("resume"));
  EXPECT_THAT(peer.ids(), Each(1));
  EXPECT_THAT(calls(report), ElementsAre("read=done"));
  EXPECT_EQ(last_call(report).find("aside"), nullptr);
  EXPECT_EQ(lines(report, "io").at(0).find("aside"), nullptr);
}

TEST_P(AsideTest, ExtraCallsAreMadeAsWell) {
  opened();
  ASSERT_EQ(peer.do_(Line("read")).back(), blocked_in_read);
  EXPECT_THAT(calls(peer.do_(aside("key-update").with("requested", 1))), ElementsAre("key-update=done"));
  EXPECT_THAT(calls(peer.do_(aside("send-alert").with("level", 1).with("description", 90))), ElementsAre("send-alert=done"));
  EXPECT_THAT(calls(peer.do_(aside("peek").with("size", 1))), ElementsAre("peek=want-read"));
  for (const char* call : {"handshake", "abandon", "clear"}) EXPECT_THAT(why(peer.do_(aside(call))), HasSubstr(call));
}

TEST_P(AsideTest, TheTimeOfTheBlockedCallGoesOn) {
  opened();
  peer.do_(Line("set").with("name", "timeout").with("value", 300));
  peer.do_(Line("read"));
  peer.do_(Line("pass").with("ms", 100));
  EXPECT_EQ(peer.do_(aside("close-write")).back().get("timeout"), "200");
  EXPECT_EQ(last_call(peer.do_(Line("pass").with("ms", 200))).get("code"), "TIMEDOUT");
}

TEST_P(AsideTest, BesideABlockedCallNobodyElseWaits) {
  opened();
  ASSERT_EQ(peer.do_(Line("read")).back(), blocked_in_read);
  const Report report = peer.do_(aside("close"));
  EXPECT_THAT(calls(report), ElementsAre("close=want-read"));
  EXPECT_EQ(lines(report, "io").at(0).get("errno"), "EAGAIN");
  EXPECT_EQ(lines(report, "io").at(0).get("injected"), "1");
  EXPECT_EQ(report.back(), blocked_in_read);
  arrives(1);
  EXPECT_THAT(calls(peer.do_(Line("resume"))), ElementsAre("read=done"));
}

TEST_P(AsideTest, ACallBesideNoneWaitsAsAnyOther) {
  opened();
  const Report waits = peer.do_(aside("read"));
  EXPECT_THAT(waits, ElementsAre(blocked_in_read));
  EXPECT_EQ(peer.do_(Line("pass").with("ms", 5)).back(), blocked_in_read);
  arrives(3);
  const Report report = peer.do_(Line("resume"));
  EXPECT_THAT(calls(report), ElementsAre("read=done"));
  EXPECT_EQ(last_call(report).get("aside"), by());
  EXPECT_EQ(report.back(), Line("ready"));
  EXPECT_EQ(last_call(peer.do_(Line("write").with("size", 1))).find("aside"), nullptr);
}

TEST_P(AsideTest, ACallBesideNoneCanBeGivenUp) {
  opened();
  ASSERT_THAT(peer.do_(aside("read")), ElementsAre(blocked_in_read));
  EXPECT_THAT(peer.do_(Line("abort")), ElementsAre(Line("ready")));
  EXPECT_THAT(without("moved", peer.do_(Line("end"))), ElementsAre(Line("ready")));
}

TEST_P(AsideTest, WhatCannotBeDoneAsideIsSaid) {
  EXPECT_THAT(why(peer.do_(aside("close"))), HasSubstr("no session"));
  opened();
  EXPECT_THAT(why(peer.do_(aside("handshake"))), HasSubstr("no such call aside: handshake"));
  EXPECT_THAT(why(peer.do_(Line(GetParam()))), HasSubstr("no such call aside"));
  EXPECT_THAT(why(peer.do_(aside("write").with("size", -1))), HasSubstr("size"));
  peer.do_(Line("read"));
  const Report report = peer.do_(aside("clear"));
  EXPECT_EQ(report.at(0).word(), "unsupported");
  EXPECT_EQ(report.at(1), blocked_in_read);
}

TEST_F(ServeTest, WhatAThreadMovesIsTheSessions) {
  opened();
  EXPECT_EQ(last_call(peer.do_(Line("aside").with("call", "write").with("size", 5))).number("total"), 5);
  EXPECT_EQ(last_call(peer.do_(Line("write").with("size", 5))).number("total"), 10);
}

TEST_F(ServeTest, WhatAProcessMovesItKnowsAlone) {
  opened();
  EXPECT_EQ(last_call(peer.do_(Line("fork").with("call", "write").with("size", 5))).number("total"), 5);
  EXPECT_EQ(last_call(peer.do_(Line("write").with("size", 5))).number("total"), 5);
}

TEST_F(ServeTest, AProcessThatDiesIsReportedAndTheSessionGoesOn) {
  for (const bool isolate : {false, true}) {
    Line request = open_request(Io::blocking, "mortal");
    if (isolate) request.with("isolate", 1);
    ASSERT_THAT(open(request), ElementsAre(Line("ready")));
    EXPECT_THAT(peer.do_(Line("fork").with("call", "close")), ElementsAre(Line("died").with("status", "SIGKILL"), Line("ready")));
    peer.do_(Line("read"));
    EXPECT_THAT(peer.do_(Line("fork").with("call", "close")), ElementsAre(Line("died").with("status", "SIGKILL"), blocked_in_read));
    arrives(1);
    EXPECT_THAT(calls(peer.do_(Line("resume"))), ElementsAre("read=done"));
    EXPECT_THAT(without("moved", peer.do_(Line("end"))), ElementsAre(Line("ready")));
  }
}

TEST_F(ServeTest, AProcessThatLeavesInTheMiddleOfACallHasDied) {
  opened(Io::blocking, "leaves");
  EXPECT_THAT(peer.do_(Line("fork").with("call", "close")), ElementsAre(Line("died").with("status", "exit code 0"), Line("ready")));
}

// The only child of a process.
pid_t child_of(pid_t parent) {
  std::ifstream children("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children");
  pid_t child = -1;
  children >> child;
  return child;
}

TEST_F(ServeTest, AProcessThatDiesWhileItIsBlockedIsReportedToTheNextRequest) {
  opened();
  ASSERT_THAT(peer.do_(Line("fork").with("call", "read")), ElementsAre(blocked_in_read));
  ::kill(child_of(peer.pid()), SIGTERM);
  EXPECT_THAT(peer.do_(Line("resume")), ElementsAre(Line("died").with("status", "SIGTERM"), Line("ready")));
  EXPECT_EQ(outcome(peer.do_(Line("write").with("size", 1))), "done");
}

TEST_F(ServeTest, AProcessThatSpinsEndsWhoMadeIt) {
  EXPECT_THAT(open(open_request(Io::nonblocking, "restless").with("isolate", 1)), ElementsAre(Line("ready")));
  EXPECT_EQ(peer.do_(Line("fork").with("call", "close")).back(), Line("spinning").with("during", "close"));
  opened();  // the session's process is gone, and the peer is not
  Peer doomed([] {
    FakeStack stack(all_abilities);
    return serve(stack);
  });
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const Descriptor given(ends[0]), ours(ends[1]);
  doomed.do_(open_request(Io::nonblocking, "restless"), given.get());
  EXPECT_EQ(doomed.do_(Line("fork").with("call", "close")).back(), Line("spinning").with("during", "close"));
  EXPECT_THAT(doomed.report(), IsEmpty());
  const int status = doomed.wait();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

// Both ends of a TCP connection over loopback.
void connect_over_tcp(Descriptor& one, Descriptor& other) {
  const Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), generic, size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), generic, &size), 0);
  one = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(one.get(), generic, size), 0);
  other = Descriptor(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

TEST_F(ServeTest, OverTcpEachReportSaysWhatWasSentAndWhetherMoreCanFollow) {
  Descriptor given;
  connect_over_tcp(given, far);
  const auto sent = [](const Report& report) {
    const auto said = lines(report, "sent");
    return said.size() == 1 ? std::string(said[0].get("bytes")) + " " + std::string(said[0].get("finished")) : "?";
  };
  EXPECT_EQ(sent(peer.do_(open_request(Io::blocking), given.get())), "0 0");
  given.reset();
  EXPECT_EQ(sent(peer.do_(Line("write").with("size", 7))), "7 0");
  EXPECT_EQ(sent(peer.do_(Line("read"))), "7 0") << "where it waits";
  EXPECT_EQ(sent(peer.do_(Line("abort"))), "?") << "nothing is said of what follows";
  EXPECT_EQ(sent(peer.do_(Line("fin"))), "7 1");
  opened();
  EXPECT_EQ(sent(peer.do_(Line("write").with("size", 7))), "?") << "of AF_UNIX";
}

TEST_F(ServeTest, AReadThatGivesMoreThanHadComeIsEndless) {
  opened(Io::nonblocking, "inventive");
  const Report report = peer.do_(Line("read").with("until", "end").with("size", 1000));
  EXPECT_THAT(calls(report), ElementsAre("read=done"));
  EXPECT_THAT(lines(report, "endless"),
              ElementsAre(Line("endless").with("during", "read").with("times", 1).with("why", "more data than had come")));
  opened(Io::nonblocking);
  arrives(3000);
  const Report honest = peer.do_(Line("read").with("until", "end").with("size", 1000));
  EXPECT_THAT(calls(honest), ElementsAre("read=done", "read=done", "read=done", "read=want-read"));
  EXPECT_THAT(lines(honest, "endless"), IsEmpty());
}

TEST_F(ServeTest, AReadThatGoesOnGivingWhatNobodySentIsEndlessLongBeforeItGaveMoreThanHadCome) {
  opened(Io::nonblocking, "mumbling");
  arrives(100'000);
  peer.do_(Line("read").with("size", 1000));  // takes all from the transport, and gives five bytes
  const Report report = peer.do_(Line("read").with("until", "end").with("size", 1000));
  EXPECT_THAT(lines(report, "endless"),
              ElementsAre(Line("endless").with("during", "read").with("times", 16385).with("why", "more data than had come")));
}

TEST_F(ServeTest, AReadThatGivesAFewBytesAtATimeOfAllThatItHasJustReceivedIsNotEndless) {
  opened(Io::nonblocking, "mumbling");
  arrives(100'000);
  const Report report = peer.do_(Line("read").with("until", "end").with("size", 1000));
  EXPECT_THAT(lines(report, "endless"),
              ElementsAre(Line("endless").with("during", "read").with("times", 20001).with("why", "more data than had come")))
      << "not before it gave more than 100,000 bytes, five at a time";
}

TEST_F(ServeTest, AnEndThatTheTransportNeverToldIsAFailureAndNoCut) {
  opened(Io::nonblocking, "downcast");
  EXPECT_EQ(last_call(peer.do_(Line("read"))).get("outcome"), "failed");
  far.reset();
  EXPECT_EQ(last_call(peer.do_(Line("read"))).get("outcome"), "cut");
  EXPECT_EQ(last_call(peer.do_(Line("read"))).get("outcome"), "cut") << "and stays one";
}

TEST_F(ServeTest, WhatALibraryClaimsBeyondItsBufferDoesNoHarm) {
  opened(Io::nonblocking, "boastful");
  EXPECT_EQ(last_call(peer.do_(Line("read").with("size", 10))).number("bytes"), 10);
  EXPECT_EQ(last_call(peer.do_(Line("write").with("size", 10))).number("bytes"), 10);
}

TEST_F(ServeTest, ACallThatIsRepeatedWithoutProgressHasOneBudgetOfTransportCalls) {
  opened(Io::nonblocking, "busy");
  const Report report = peer.do_(Line("close").with("until", "done"));
  ASSERT_FALSE(report.empty());
  EXPECT_EQ(report.back(), Line("spinning").with("during", "close"));
  EXPECT_THAT(calls(report), testing::SizeIs(10));
  EXPECT_EQ(WEXITSTATUS(peer.wait()), 1);
}

TEST_F(ServeTest, WhatIsTooLongToBeSaidIsCutOrSaidToBe) {
  opened(Io::nonblocking, "wordy");
  EXPECT_EQ(last_call(peer.do_(Line("close"))).get("words").size(), 4096U);
  opened(Io::nonblocking, "endless-code");
  EXPECT_THAT(peer.do_(Line("close")), ElementsAre(Line("too-long")));
}

TEST_F(ServeTest, ARawReadTellsTheEndBehindTheBytes) {
  opened();
  arrives(3);
  ::shutdown(far.get(), SHUT_WR);
  const Report first = peer.do_(Line("raw-read"));
  ASSERT_FALSE(first.empty());
  EXPECT_EQ(first[0].number("result"), 3);
  EXPECT_EQ(first[0].get("errno"), "EOF");
  EXPECT_EQ(peer.do_(Line("raw-read"))[0].number("result"), 0);
}

TEST_F(ServeTest, ThePeerGoesWhenTheHarnessGoesWhileACallAsideIsBlocked) {
  for (const char* who : {"aside", "fork"}) {
    Peer left([] {
      FakeStack stack(all_abilities);
      return serve(stack);
    });
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const Descriptor given(ends[0]), ours(ends[1]);
    left.do_(open_request(), given.get());
    EXPECT_EQ(left.do_(Line(who).with("call", "read")).back(), blocked_in_read);
  }  // ~Peer closes the control socket and waits
}

// What went through the transport.

TEST_F(ServeTest, ATransportThatIsOverSaysHowManyBytesWentThrough) {
  const Report nothing{Line("ready")};
  EXPECT_EQ(peer.do_(Line("end")), nothing);
  opened();
  peer.do_(Line("write").with("size", 5));
  peer.do_(Line("raw-write").with("data", "123"));
  peer.do_(Line("fork").with("call", "write").with("size", 2));
  arrives(10);
  peer.do_(Line("read").with("size", 4));
  const Report counted{Line("moved").with("sent", 10).with("received", 4).with("unread", 6), Line("ready")};
  EXPECT_EQ(open(open_request().with("again", 1)), counted);
  arrives(3);
  peer.do_(Line("raw-read"));
  const Report again{Line("moved").with("sent", 0).with("received", 3).with("unread", 0), Line("ready")};
  EXPECT_EQ(peer.do_(Line("end")), again);
}

TEST_F(ServeTest, WhatWasLeftUnreadIsCountedWhoeverClosesTheTransport) {
  opened();
  arrives(10);
  peer.do_(Line("hangup"));
  const Report counted{Line("moved").with("sent", 0).with("received", 0).with("unread", 10), Line("ready")};
  EXPECT_EQ(peer.do_(Line("end")), counted);
}

// What a process holds.

TEST_F(ServeTest, DescriptorsAndHeapAreMeasuredAtAnyTime) {
  const auto measured = [&] { return lines(peer.do_(Line("measure")), "usage").at(0); };
  const Line before = measured();
  EXPECT_EQ(measured(), before) << "measuring costs nothing";
  opened(Io::blocking, "greedy");
  const Line during = measured();
  EXPECT_EQ(*during.number("descriptors"), *before.number("descriptors") + 1);
  const bool counted = *before.number("heap") != -1;
  EXPECT_TRUE(!counted || *during.number("heap") >= *before.number("heap") + much_memory);
  peer.do_(Line("read"));
  const Report blocked = peer.do_(Line("measure"));
  EXPECT_EQ(blocked.at(0).word(), "usage");
  EXPECT_EQ(blocked.at(1), blocked_in_read);
  peer.do_(Line("abort"));
  peer.do_(Line("end"));
  const Line after = measured();
  EXPECT_EQ(after.get("descriptors"), before.get("descriptors"));
  EXPECT_TRUE(!counted || *after.number("heap") < *before.number("heap") + much_memory);
}

TEST_F(ServeTest, OnlyWhatCanBeDoneThenIsDoneWhileACallIsBlocked) {
  opened();
  peer.do_(Line("read"));
  for (const char* word : {"open", "end", "read", "fin", "plan", "peek", "dance"}) {
    const Report report = peer.do_(Line(word));
    EXPECT_THAT(report.at(0).get("why"), HasSubstr("while a call is blocked"));
    EXPECT_EQ(report.at(1), blocked_in_read);
  }
}

}  // namespace
}  // namespace tlsbye::peer
