// Each lie is told, and only when asked for.
#include <csignal>
#include <sstream>

#include "peers/drive_for_test.h"

namespace tlsbye {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

class RogueTest : public testing::TestWithParam<Tls> {
 protected:
  RogueTest() : rogue("rogue"), partner("openssl") {}
  // The rogue is the client.
  std::unique_ptr<Link> lying(const std::string& lie, Io io = Io::nonblocking, bool isolate = false) {
    auto link = std::make_unique<Link>(rogue, partner, GetParam(), io, lie.empty() ? "" : "lie-" + lie, "", isolate);
    link->handshake();
    return link;
  }
  // Sends data and a close_notify to the rogue.
  void partner_ends(Link& link, int size = 0) {
    if (size > 0) partner.do_(Line("write").with("size", size));
    partner.do_(Line("close-write"));
    link.relay();
  }
  // How many records have come from the rogue.
  static std::size_t records(Link& link) {
    link.relay();
    const std::string& sent = link.sent(Role::client);
    std::size_t count = 0;
    for (std::size_t at = 0; at + 5 <= sent.size(); ++count)
      at += 5 + static_cast<unsigned char>(sent[at + 3]) * 256u + static_cast<unsigned char>(sent[at + 4]);
    return count;
  }
  Peer rogue, partner;
};

INSTANTIATE_TEST_SUITE_P(All, RogueTest, testing::Values(Tls::v1_2, Tls::v1_3),
                         [](const auto& tls) { return tls.param == Tls::v1_2 ? "tls12" : "tls13"; });

TEST_P(RogueTest, IsHonestWhenNotToldToLie) {
  const auto link = lying("");
  const auto [wrote, read] = link->both(Line("write").with("size", 100), Line("read").with("until", "done"));
  EXPECT_EQ(last_call(read).get("total"), "100");
  EXPECT_EQ(outcome(rogue.do_(Line("close"))), "sent");
  EXPECT_EQ(outcome(rogue.do_(Line("close"))), "want-read");
  EXPECT_EQ(records(*link), 2u);
}

TEST_P(RogueTest, PromisesAndDoesWhatTheHonestOneDoes) {
  std::istringstream abilities{std::string(partner.hello().get("abilities"))};
  for (std::string ability; abilities >> ability;) EXPECT_TRUE(rogue.able(ability)) << ability;
  const auto link = lying("");
  for (const Line& extra : {Line("peek"), Line("key-update"), Line("set").with("name", "shutdown").with("value", "both")}) {
    const Report here = rogue.do_(extra), there = partner.do_(extra);
    EXPECT_EQ(calls(here), calls(there));
    EXPECT_EQ(lines(here, "unsupported"), lines(there, "unsupported"));
  }
}

TEST_P(RogueTest, LiesInTheNextSessionOfARunToo) {
  const auto link = lying("close-twice");
  link->open_again(Link::On::new_transport);
  link->handshake();
  rogue.do_(Line("close"));
  EXPECT_EQ(records(*link), 2u);
}

TEST_P(RogueTest, CloseClaimsDone) {
  const auto link = lying("close-claims-done");
  EXPECT_EQ(outcome(rogue.do_(Line("close"))), "done");
}

TEST_P(RogueTest, CloseTwice) {
  const auto link = lying("close-twice");
  EXPECT_EQ(outcome(rogue.do_(Line("close"))), "sent");
  EXPECT_EQ(records(*link), 2u);
}

TEST_P(RogueTest, CloseSilent) {
  const auto link = lying("close-silent");
  EXPECT_EQ(outcome(rogue.do_(Line("close"))), "sent");
  partner_ends(*link);
  EXPECT_EQ(outcome(rogue.do_(Line("close"))), "done");
  EXPECT_EQ(records(*link), 0u);
}

TEST_P(RogueTest, ForgetsReply) {
  const auto link = lying("forgets-reply");
  partner_ends(*link);
  EXPECT_EQ(outcome(rogue.do_(Line("read"))), "end-of-data");
  EXPECT_EQ(outcome(rogue.do_(Line("close"))), "done");
  EXPECT_EQ(records(*link), 0u);
}

TEST_P(RogueTest, EndsTransport) {
  const auto link = lying("ends-transport");
  rogue.do_(Line("close"));
  link->relay();
  char byte;
  EXPECT_EQ(::recv(link->end(Role::client).get(), &byte, 1, MSG_DONTWAIT), 0);
}

TEST_P(RogueTest, KeepsTransport) {
  for (const char* lie : {"", "keeps-transport"}) {
    const std::string options = std::string("closes-transport") + (*lie ? " lie-" : "") + lie;
    Link link(rogue, partner, GetParam(), Io::blocking, options);
    ASSERT_NO_FATAL_FAILURE(link.handshake());
    EXPECT_EQ(outcome(rogue.do_(Line("close-write"))), "done");
    link.relay();
    EXPECT_EQ(rogue.do_(Line("raw-write").with("data", "x")).front().get("errno"), *lie ? "" : "EBADF");
  }
}

TEST_P(RogueTest, EatsTransport) {
  for (const char* lie : {"", "eats-transport"}) {
    const auto link = lying(lie);
    partner_ends(*link);
    partner.do_(Line("raw-write").with("data", "after"));
    link->relay();
    rogue.do_(Line("read"));
    EXPECT_EQ(outcome(rogue.do_(close_until_done)), "done");
    EXPECT_EQ(rogue.do_(Line("raw-read")).front().get("data"), *lie ? "" : "after");
    rogue.do_(Line("end"));
    partner.do_(Line("end"));
  }
}

TEST_P(RogueTest, WaitsInCloseWrite) {
  const auto link = lying("waits-in-close-write");
  EXPECT_EQ(outcome(rogue.do_(Line("close-write"))), "want-read");
}

TEST_P(RogueTest, WriteAfterClose) {
  const auto link = lying("write-after-close");
  rogue.do_(Line("close-write"));
  EXPECT_EQ(outcome(rogue.do_(Line("write").with("size", 5))), "done");
  EXPECT_EQ(records(*link), 2u);
  EXPECT_EQ(last_call(rogue.do_(Line("close"))).get("state.shutdown"), "SENT");
}

TEST_P(RogueTest, LosesWrites) {
  const auto link = lying("loses-writes");
  EXPECT_EQ(outcome(rogue.do_(Line("write").with("size", 5))), "done");
  EXPECT_EQ(records(*link), 0u);
}

TEST_P(RogueTest, EofIsClean) {
  const auto link = lying("eof-is-clean");
  ::shutdown(link->end(Role::client).get(), SHUT_WR);
  EXPECT_EQ(outcome(rogue.do_(Line("read"))), "end-of-data");
}

TEST_P(RogueTest, EndsEarly) {
  const auto link = lying("ends-early");
  EXPECT_EQ(outcome(rogue.do_(Line("read"))), "end-of-data");
}

TEST_P(RogueTest, EndThenData) {
  const auto link = lying("end-then-data");
  partner_ends(*link);
  EXPECT_EQ(outcome(rogue.do_(Line("read"))), "end-of-data");
  EXPECT_EQ(outcome(rogue.do_(Line("read"))), "failed");
}

TEST_P(RogueTest, DataAfterClose) {
  Peer other_rogue("rogue");
  Link link(rogue, other_rogue, GetParam(), Io::nonblocking, "lie-data-after-close", "lie-write-after-close");
  link.handshake();
  other_rogue.do_(Line("close-write"));
  other_rogue.do_(Line("write").with("size", 5));
  link.relay();
  const Report report = rogue.do_(Line("read"));
  EXPECT_EQ(outcome(report), "done");
  EXPECT_EQ(last_call(report).get("bytes"), "5");
  EXPECT_EQ(last_call(report).get("state.shutdown"), "RECEIVED");
}

TEST_P(RogueTest, LosesData) {
  const auto link = lying("loses-data");
  partner_ends(*link, 5);
  const Report report = rogue.do_(Line("read"));
  EXPECT_EQ(outcome(report), "end-of-data");
  EXPECT_EQ(last_call(report).get("total"), "0");
}

TEST_P(RogueTest, RefusesAfterwards) {
  const auto link = lying("refuses-afterwards");
  EXPECT_EQ(outcome(rogue.do_(Line("write").with("size", 5))), "done");
  rogue.do_(Line("close-write"));
  EXPECT_EQ(outcome(rogue.do_(Line("read"))), "refused");
}

TEST_P(RogueTest, WrongDirection) {
  const auto link = lying("wrong-direction");
  EXPECT_EQ(outcome(rogue.do_(Line("read"))), "want-write");
}

TEST_P(RogueTest, FatalOnEagain) {
  const auto link = lying("fatal-on-eagain");
  EXPECT_EQ(outcome(rogue.do_(Line("read"))), "failed");
}

TEST_P(RogueTest, WrongFlag) {
  const auto link = lying("wrong-flag");
  const Report report = rogue.do_(Line("close"));
  EXPECT_EQ(last_call(report).get("state.shutdown"), "none");
  EXPECT_EQ(last_call(report).get("state.pending"), "7");
}

TEST_P(RogueTest, Crash) {
  const auto link = lying("crash");
  EXPECT_THAT(rogue.do_(Line("close")), IsEmpty());
  const int status = rogue.wait();
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGSEGV);
}

TEST_P(RogueTest, CrashOfAnIsolatedSession) {
  const auto link = lying("crash", Io::blocking, true);
  EXPECT_THAT(rogue.do_(Line("close")), ElementsAre(Line("died").with("status", "SIGSEGV"), Line("ready")));
  EXPECT_THAT(without("moved", rogue.do_(Line("end"))), ElementsAre(Line("ready")));
}

TEST_P(RogueTest, Spin) {
  const auto link = lying("spin");
  const Report report = rogue.do_(Line("close"));
  EXPECT_EQ(report.back(), Line("spinning").with("during", "close"));
  EXPECT_EQ(lines(report, "io").size(), 10000u);
  EXPECT_EQ(WEXITSTATUS(rogue.wait()), 1);
}

TEST_P(RogueTest, Silent) {
  const auto link = lying("silent");
  rogue.ask(Line("close"));
  rogue.be_patient_for({0, 200000});
  EXPECT_THAT(rogue.report(), IsEmpty());
  ::kill(rogue.pid(), SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(rogue.wait()));
}

TEST_P(RogueTest, Garbage) {
  const auto link = lying("garbage");
  rogue.ask(Line("close"));
  EXPECT_TRUE(std::holds_alternative<MessageError>(parse_message(rogue.packet())));
}

TEST(Rogue, SpeaksAnotherProtocolWhenTold) {
  const Peer peer("rogue", "--protocol=99");
  EXPECT_EQ(peer.hello().get("protocol"), "99");
}

TEST(Rogue, NamesItsLiesAsAbilities) {
  const Peer peer("rogue");
  EXPECT_EQ(peer.hello().get("stack"), "rogue");
  EXPECT_TRUE(peer.able("lie-close-twice"));
  EXPECT_FALSE(peer.able("lie-truth"));
}

}  // namespace
}  // namespace tlsbye
