#include "harness/wire/wire.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <thread>

#include "harness/wire/connection_test.h"
#include "harness/wire/key_log.h"

namespace tlsbye {
namespace {

using Kind = RecordPattern::Kind;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

std::string version_name(const testing::TestParamInfo<Tls>& info) {
  std::string name = "Tls" + std::string(spell(info.param));
  std::erase(name, '.');
  return name;
}

class EachVersion : public testing::TestWithParam<Tls> {};
INSTANTIATE_TEST_SUITE_P(Wire, EachVersion, testing::Values(Tls::v1_0, Tls::v1_1, Tls::v1_2, Tls::v1_3), version_name);

// Of an alert, encrypted: MAC and padding behind an IV or not; explicit nonce and tag; inner type and tag.
std::size_t alert_size(Tls tls) {
  return tls == Tls::v1_0 ? 5 + 32 : tls == Tls::v1_1 ? 5 + 16 + 32 : tls == Tls::v1_2 ? 5 + 8 + 18 : 5 + 19;
}

TEST_P(EachVersion, AConnectionPassesThroughAndIsDecrypted) {
  Connection c(GetParam());
  c.handshake();
  c.write(client, "hello");
  EXPECT_EQ(c.read(server), "hello");
  EXPECT_EQ(c.shutdown(client), 0);
  EXPECT_EQ(c.shutdown(server), 0);
  EXPECT_EQ(c.shutdown(server), 1);
  EXPECT_EQ(c.shutdown(client), 1);

  const auto sent = c.records(client);
  ASSERT_THAT(sent, SizeIs(2)) << c.story();
  EXPECT_EQ(sent[0].type, ContentType::application_data);
  EXPECT_EQ(sent[0].content_bytes, 5u);
  EXPECT_TRUE(sent[1].is_close_notify());
  EXPECT_EQ(sent[1].wire_bytes, alert_size(GetParam()));
  EXPECT_EQ(sent[1].fate, "delivered");
  EXPECT_TRUE(c.decrypted());
}

TEST_P(EachVersion, AHeldRecordWaitsForItsReleaseWithAllThatFollows) {
  Connection c(GetParam());
  c.handshake();
  c.order(standing(Deed::hold, client, Kind::application_data));
  c.write(client, "one");
  c.shutdown(client);
  EXPECT_EQ(c.read(server), "");
  EXPECT_THAT(c.records(client), ElementsAre(Field(&Seen::fate, "held"), Field(&Seen::fate, "held")));

  c.order(Release{});
  EXPECT_TRUE(c.pump().partner.arrived);
  int error = 0;
  EXPECT_EQ(c.read(server, &error), "one");
  EXPECT_EQ(error, SSL_ERROR_ZERO_RETURN);
  const auto all = c.records(client);
  ASSERT_THAT(all, SizeIs(2)) << c.story();
  EXPECT_EQ(all[0].type, ContentType::application_data);
  EXPECT_EQ(fates_of(c.transcript, all[0].event), "held, delivered");
  EXPECT_TRUE(all[1].is_close_notify());
}

TEST_P(EachVersion, OfAHeldRecordTheFirstBytesMayGo) {
  for (const std::size_t first : {1, 5, 20, 1000}) {
    Connection c(GetParam());
    c.handshake();
    StandingOrder hold = standing(Deed::hold, client, Kind::application_data);
    hold.at = first;
    c.order(hold);
    c.write(client, "one");
    c.write(client, "two");
    const auto sent = c.records(client);
    ASSERT_THAT(sent, SizeIs(2)) << c.story();
    int waiting = 0;
    ASSERT_EQ(ioctl(c.fd(server), FIONREAD, &waiting), 0);
    EXPECT_EQ(static_cast<std::size_t>(waiting), std::min(first, sent[0].wire_bytes));
    EXPECT_EQ(sent[1].fate, "held");
    if (first < sent[0].wire_bytes) {
      EXPECT_EQ(c.read(server), "");
    }
    c.order(Release{});
    EXPECT_THAT(c.read(server), testing::HasSubstr("two"));
    EXPECT_EQ(c.records(client)[0].fate, "delivered") << c.story();
  }
}

TEST_P(EachVersion, WhatFollowsADroppedRecordIsStillAuthentic) {
  Connection c(GetParam());
  c.handshake();
  c.order(standing(Deed::drop, client, Kind::application_data));
  c.write(client, "one");
  c.write(client, "two");
  int error = 0;
  c.shutdown(client);
  EXPECT_EQ(c.read(server, &error), "two") << c.story();
  EXPECT_EQ(error, SSL_ERROR_ZERO_RETURN);
  EXPECT_EQ(c.records(client)[0].fate, "dropped");
}

TEST_P(EachVersion, ARepeatedRecordIsReadTwice) {
  Connection c(GetParam());
  c.handshake();
  auto order = standing(Deed::repeat, client, Kind::application_data);
  order.times = 2;
  c.order(order);
  c.write(client, "one");
  c.write(client, "two");
  EXPECT_EQ(c.read(server), "oneoneonetwo");
  const auto all = c.records(client);
  ASSERT_THAT(all, SizeIs(4)) << c.story();
  EXPECT_TRUE(all[1].made);
  EXPECT_EQ(all[1].of, all[0].event);
}

TEST_P(EachVersion, ASecondCloseNotifyIsAuthenticToo) {
  Connection c(GetParam());
  c.handshake();
  c.order(standing(Deed::repeat, client, Kind::close_notify));
  c.shutdown(client);
  int error = 0;
  c.read(server, &error);
  EXPECT_EQ(error, SSL_ERROR_ZERO_RETURN);
  const auto all = c.records(client);
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_TRUE(all[1].is_close_notify());
}

TEST_P(EachVersion, AnAlteredAlertArrivesAsTheScriptSays) {
  Connection c(GetParam());
  c.handshake();
  auto order = standing(Deed::alter, client, Kind::close_notify);
  order.level = 2;
  order.description = 80;
  c.order(order);
  c.shutdown(client);
  int error = 0;
  c.read(server, &error);
  EXPECT_EQ(error, SSL_ERROR_SSL);
  EXPECT_EQ(c.reason(), "tlsv1 alert internal error");
  const auto all = c.records(client);
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].fate, "replaced");
  EXPECT_EQ(all[1].alert, (Alert{2, 80}));
}

TEST_P(EachVersion, ADamagedRecordIsABadRecordMac) {
  Connection c(GetParam());
  c.handshake();
  c.order(standing(Deed::damage, client, Kind::application_data));
  c.write(client, "one");
  int error = 0;
  EXPECT_EQ(c.read(server, &error), "");
  EXPECT_EQ(error, SSL_ERROR_SSL);
  EXPECT_EQ(c.reason(), "decryption failed or bad record mac");
  EXPECT_TRUE(c.records(client).back().damaged);
}

TEST_P(EachVersion, ASplitRecordArrivesAsTwo) {
  Connection c(GetParam());
  c.handshake();
  auto order = standing(Deed::split, client, Kind::application_data);
  order.at = 2;
  c.order(order);
  c.write(client, "hello");
  EXPECT_EQ(c.read(server), "hello");
  EXPECT_THAT(c.records(client),
              ElementsAre(Field(&Seen::fate, "replaced"), Field(&Record::content_bytes, 2u), Field(&Record::content_bytes, 3u)));
}

TEST_P(EachVersion, JoinedRecordsArriveAsOne) {
  Connection c(GetParam());
  c.handshake();
  auto order = standing(Deed::join, client, Kind::application_data);
  order.times = 2;
  c.order(order);
  c.write(client, "one");
  EXPECT_EQ(c.read(server), "");
  EXPECT_THAT(c.wire->orders_left(), ElementsAre("an order"));
  c.write(client, "two");
  c.write(client, "three");
  char buffer[64];
  EXPECT_EQ(SSL_read(c.ssl(server), buffer, sizeof buffer), 6);
  EXPECT_EQ(c.read(server), "three");
  EXPECT_THAT(c.wire->orders_left(), IsEmpty());
}

TEST_P(EachVersion, WhatNoHeaderCanSayIsNotJoined) {
  Connection c(GetParam());
  c.handshake();
  auto order = standing(Deed::join, client, Kind::application_data);
  order.times = 5;
  c.order(order);
  const std::string full(16384, 'x');
  for (int i = 0; i < 3; ++i) c.write(client, full);
  EXPECT_EQ(c.records(client).size(), 3U);
  c.write(client, full);
  EXPECT_THAT(c.wire->orders_left(), ElementsAre("an order"));
  const auto all = c.records(client);
  ASSERT_THAT(all, SizeIs(5)) << c.story();  // the three that were gathered, the fourth, and what went out for the three
  EXPECT_EQ(all[2].fate, "replaced");
  EXPECT_EQ(all[3].fate, "delivered");
  EXPECT_TRUE(all[4].made);
  EXPECT_EQ(all[4].of, all[2].event);
  EXPECT_EQ(all[4].content_bytes, 3 * full.size());
  EXPECT_LE(all[4].wire_bytes, 5 + 65535U);
}

TEST(Wire, AnErrorOfTheSystemIsNotTheEndOfATransport) {
  for (const int error : {EPIPE, ECONNRESET, ENOTCONN}) EXPECT_TRUE(is_end_of_transport(error)) << error;
  for (const int error : {ENOBUFS, ENOMEM, EBADF, EINVAL, EMSGSIZE, EACCES}) EXPECT_FALSE(is_end_of_transport(error)) << error;
}

TEST(Wire, ATransportTakesAsMuchOnEveryMachine) {
  Connection c(Tls::v1_3);
  const std::string some(16384, 'x');
  std::size_t from_peer = 0, before = c.wire->delivered_to(server);
  c.order(Stall{client});
  while (::send(c.fd(client), some.data(), some.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) from_peer += some.size();
  EXPECT_EQ(from_peer, 128U << 10);
  c.order(Stall{client, false});
  c.pump();
  for (int i = 0; i < 64; ++i) {
    static_cast<void>(::send(c.fd(client), some.data(), some.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    c.pump();
  }
  EXPECT_EQ((c.wire->delivered_to(server) - before) / some.size(), 13U);
}

TEST(Wire, ASideThatSendsWithoutEndIsToldApart) {
  Connection c(Tls::v1_3);
  c.handshake();
  const std::string some(1 << 16, 'x');
  const auto send_much = [&] {
    for (int i = 0; i < 2000; ++i) {
      static_cast<void>(::send(c.fd(client), some.data(), some.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
      c.pump();
      char taken[1 << 16];
      while (::recv(c.fd(server), taken, sizeof taken, MSG_DONTWAIT) > 0) {
      }
    }
  };
  EXPECT_THROW(send_much(), std::length_error);
}

TEST_P(EachVersion, ACutRecordIsTheLastOfItsDirection) {
  for (const std::size_t k : {0u, 1u, 5u, 7u, 23u}) {
    Connection c(GetParam());
    c.handshake();
    auto order = standing(Deed::cut, client, Kind::close_notify);
    order.at = k;
    c.order(order);
    c.shutdown(client);
    c.close_transport(client);
    int error = 0;
    c.read(server, &error);
    EXPECT_EQ(error, SSL_ERROR_WANT_READ) << k;
    c.order(EndOrder{server, End::fin});
    c.read(server, &error);
    EXPECT_EQ(error, SSL_ERROR_SSL);
    EXPECT_EQ(c.reason(), "unexpected eof while reading");
    EXPECT_EQ(c.records(client)[0].fate, k > 0 ? "delivered " + std::to_string(k) : "cut") << c.story();
  }
}

TEST_P(EachVersion, AnEndAfterSomeBytesIsTheWiresDoing) {
  for (const auto& [kind, how] : {std::pair(TransportKind::socketpair, End::fin), std::pair(TransportKind::socketpair, End::hangup),
                                  std::pair(TransportKind::tcp, End::reset)}) {
    for (const std::size_t k : std::vector<std::size_t>{0, 1, 20, alert_size(GetParam())}) {
      Connection c(GetParam(), kind);
      c.handshake();
      const std::size_t before = c.wire->delivered_to(server);
      c.wire->end_after(server, k, how);
      c.shutdown(client);
      EXPECT_EQ(c.wire->delivered_to(server), before + k);
      char buffer[64];
      if (k > 0) {
        EXPECT_EQ(recv(c.fd(server), buffer, sizeof buffer, 0), static_cast<ssize_t>(k));
      }
      EXPECT_EQ(recv(c.fd(server), buffer, sizeof buffer, 0), how == End::reset ? -1 : 0);
      ASSERT_THAT(c.ends(), SizeIs(1)) << c.story();
      EXPECT_TRUE(c.ends()[0].delivered && c.ends()[0].by_wire && c.ends()[0].end == how && c.ends()[0].from == client);
      // Whoever hears of a hangup before it sent its close_notify has not sent it; the wire reads first what was sent before.
      if (k == 0) continue;
      const Seen sent = c.records(client).at(0);
      EXPECT_EQ(sent.type, ContentType::alert);
      EXPECT_EQ(sent.missing, 0u);
      EXPECT_EQ(sent.fate, k < sent.wire_bytes ? "delivered " + std::to_string(k) : "delivered") << c.story();
    }
  }
}

TEST_P(EachVersion, AnEndAfterSomeBytesMayBeSilence) {
  Connection c(GetParam());
  c.handshake();
  c.wire->end_after(server, 3, std::nullopt);
  c.shutdown(client);
  c.close_transport(client);
  c.pump();
  char buffer[64];
  EXPECT_EQ(recv(c.fd(server), buffer, sizeof buffer, 0), 3);
  EXPECT_EQ(recv(c.fd(server), buffer, sizeof buffer, 0), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST_P(EachVersion, InjectedRecordsAreAuthenticAndGoUnnoticed) {
  Connection c(GetParam());
  c.handshake();
  c.write(client, "a");
  auto data = injection(client, ContentType::application_data, "bcd");
  data.times = 2;
  c.order(data);
  c.write(client, "e");
  c.order(injection(client, ContentType::alert, {1, 0}));
  EXPECT_TRUE(c.pump().partner.arrived);
  int error = 0;
  EXPECT_EQ(c.read(server, &error), "abcdbcde");
  EXPECT_EQ(error, SSL_ERROR_ZERO_RETURN);
  EXPECT_TRUE(c.records(client).back().made);
  EXPECT_TRUE(c.records(client).back().is_close_notify());
  EXPECT_EQ(c.records(client).back().of, 0);
}

TEST_P(EachVersion, InjectedPatternGoesOnWhereTheSenderStopped) {
  Connection c(GetParam());
  c.handshake();
  std::string first(300, '\0'), whole(300 + 20000, '\0');
  for (std::size_t i = 0; i < whole.size(); ++i) whole[i] = static_cast<char>(i * 37 + i / 241 + 128);
  first = whole.substr(0, 300);
  c.write(server, first);
  auto data = injection(server, ContentType::application_data, "");
  data.content.pattern = 20000;
  c.order(data);
  EXPECT_EQ(c.read(client), whole);
}

TEST_P(EachVersion, APlainAlertIsNoCloseNotifyForAnybody) {
  Connection c(GetParam());
  c.handshake();
  auto alert = injection(client, ContentType::alert, {1, 0});
  alert.content.plain = true;
  c.order(alert);
  int error = 0;
  c.read(server, &error);
  EXPECT_EQ(error, SSL_ERROR_SSL);
  EXPECT_FALSE(c.records(client).back().encrypted);
  EXPECT_FALSE(c.records(client).back().is_close_notify());
  EXPECT_EQ(c.records(client).back().wire_bytes, 7u);
}

TEST_P(EachVersion, InjectedRawBytesGoAsTheyAre) {
  Connection c(GetParam());
  c.handshake();
  c.order(injection(client, ContentType::raw, "QUIT\r\n"));
  c.pump();
  char buffer[64];
  ASSERT_EQ(recv(c.fd(server), buffer, sizeof buffer, 0), 6);
  EXPECT_EQ(std::string(buffer, 6), "QUIT\r\n");
}

TEST_P(EachVersion, RawBytesAfterTlsAreOneRecordOfTheirOwn) {
  Connection c(GetParam());
  c.handshake();
  c.shutdown(client);
  ASSERT_EQ(send(c.fd(client), "QUIT\r\n", 6, 0), 6);
  int error = 0;
  c.read(server, &error);
  EXPECT_EQ(error, SSL_ERROR_ZERO_RETURN);
  const Record raw = c.records(client).back();
  EXPECT_EQ(raw.type, ContentType::raw);
  EXPECT_EQ(raw.content, "QUIT\r\n");
  char buffer[64];
  EXPECT_EQ(recv(c.fd(server), buffer, sizeof buffer, 0), 6);
  EXPECT_TRUE(c.decrypted());
}

TEST_P(EachVersion, AFinByThePeerIsPassedOnBehindItsData) {
  Connection c(GetParam());
  c.handshake();
  SSL_write(c.ssl(client), "one", 3);
  shutdown(c.fd(client), SHUT_WR);
  int error = 0;
  EXPECT_EQ(c.read(server, &error), "one");
  EXPECT_EQ(c.reason(), "unexpected eof while reading");
  const auto ends = c.ends();
  ASSERT_THAT(ends, SizeIs(2)) << c.story();
  EXPECT_TRUE(!ends[0].delivered && ends[1].delivered && !ends[1].by_wire);
  EXPECT_EQ(ends[1].end, End::fin);
  // The other direction is still open.
  EXPECT_EQ(send(c.fd(server), "two", 3, MSG_NOSIGNAL), 3);
  c.pump();
  char buffer[64];
  const ssize_t size = recv(c.fd(client), buffer, sizeof buffer, 0);
  ASSERT_GE(size, 3);  // OpenSSL's alert is before it
  EXPECT_EQ(std::string(buffer + size - 3, 3), "two");
}

TEST_P(EachVersion, AFinByTheScriptLeavesTheOtherDirectionOpen) {
  Connection c(GetParam());
  c.handshake();
  c.order(EndOrder{server, End::fin});
  char byte;
  EXPECT_EQ(recv(c.fd(server), &byte, 1, 0), 0);
  c.write(server, "two");
  EXPECT_EQ(c.read(client), "two");
  c.write(client, "lost");
  EXPECT_EQ(c.records(client).back().fate, "ended");
  ASSERT_THAT(c.ends(), SizeIs(1));
  EXPECT_TRUE(c.ends()[0].by_wire && c.ends()[0].delivered);
  EXPECT_EQ(c.ends()[0].from, client);
}

TEST_P(EachVersion, AHangupByTheScriptIsEofAndNoReset) {
  for (const TransportKind kind : {TransportKind::socketpair, TransportKind::tcp}) {
    Connection c(GetParam(), kind);
    c.handshake();
    SSL_write(c.ssl(server), "unread", 6);
    c.order(EndOrder{server, End::hangup});
    EXPECT_TRUE(c.pump().partner.arrived);
    char byte;
    EXPECT_EQ(recv(c.fd(server), &byte, 1, 0), 0);
    EXPECT_EQ(c.read(client), "unread");
    if (kind == TransportKind::socketpair) {
      EXPECT_EQ(send(c.fd(server), "x", 1, MSG_NOSIGNAL), -1);
      EXPECT_EQ(errno, EPIPE);
    }
    ASSERT_THAT(c.ends(), SizeIs(1));
    EXPECT_EQ(c.ends()[0].end, End::hangup);
  }
}

TEST_P(EachVersion, AHangupByThePeerClosesBothDirectionsOfASocketpair) {
  Connection c(GetParam());
  c.handshake();
  c.shutdown(client);
  c.close_transport(client);
  int error = 0;
  c.read(server, &error);
  EXPECT_EQ(error, SSL_ERROR_ZERO_RETURN);
  EXPECT_EQ(send(c.fd(server), "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_EQ(errno, EPIPE);
  EXPECT_THAT(c.ends(), ElementsAre(Field(&TransportEnd::end, End::hangup), Field(&TransportEnd::end, End::hangup))) << c.story();
}

TEST_P(EachVersion, AResetIsARealResetOverTcp) {
  Connection c(GetParam(), TransportKind::tcp);
  c.handshake();
  c.order(EndOrder{server, End::reset});
  EXPECT_TRUE(c.pump().partner.arrived);
  char byte;
  EXPECT_EQ(recv(c.fd(server), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_P(EachVersion, AResetMayFollowAFinButNothingFollowsAReset) {
  Connection c(GetParam(), TransportKind::tcp);
  c.handshake();
  for (const End how : {End::fin, End::reset, End::hangup}) c.order(EndOrder{server, how});
  char byte;
  EXPECT_EQ(recv(c.fd(server), &byte, 1, 0), 0);
  EXPECT_EQ(send(c.fd(server), "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_THAT(c.ends(), ElementsAre(Field(&TransportEnd::end, End::fin), Field(&TransportEnd::end, End::reset)));
  EXPECT_THAT(c.wire->orders_left(), ElementsAre("an order"));
}

TEST_P(EachVersion, AResetByThePeerIsPassedOn) {
  Connection c(GetParam(), TransportKind::tcp);
  c.handshake();
  const linger at_once{1, 0};
  setsockopt(c.fd(client), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  c.close_transport(client);
  EXPECT_TRUE(c.pump().partner.arrived);
  char byte;
  EXPECT_EQ(recv(c.fd(server), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  ASSERT_THAT(c.ends(), SizeIs(2)) << c.story();
  EXPECT_EQ(c.ends()[1].end, End::reset);
}

TEST_P(EachVersion, APeerThatClosedAnswersDataWithAResetOverTcp) {
  Connection c(GetParam(), TransportKind::tcp);
  c.handshake();
  c.close_transport(client);
  c.pump();
  c.write(server, "too late");
  c.pump();
  char byte;
  EXPECT_EQ(recv(c.fd(server), &byte, 1, 0), 0);  // the FIN came first
  EXPECT_THAT(c.ends(), testing::Contains(Field(&TransportEnd::end, End::reset))) << c.story();
  EXPECT_EQ(send(c.fd(server), "x", 1, MSG_NOSIGNAL), -1);
}

// Whether that thread of this process waits in the kernel, or has just left it.
bool waits(pid_t thread) {
  std::ifstream stat(fmt::format("/proc/self/task/{}/stat", thread));
  const std::string text{std::istreambuf_iterator<char>(stat), {}};
  const std::size_t name = text.rfind(')');
  return name != std::string::npos && text.compare(name, 4, ") S ") == 0;
}

TEST_P(EachVersion, OverTcpWhatAPeerSaysThatItHasSentIsWaitedFor) {
  Connection c(GetParam(), TransportKind::tcp);
  c.handshake();
  const std::size_t before = c.wire->count(client).sent;
  c.wire->expect(client, before + 5, false);
  const pid_t pumping = gettid();
  std::atomic<bool> over = false;
  std::thread late([&] {
    while (!waits(pumping) && !over) std::this_thread::yield();
    if (!over) send(c.fd(client), "\x16\x03\x03\0\0", 5, MSG_NOSIGNAL);
  });
  const bool arrived = c.pump().partner.arrived;
  over = true;
  late.join();
  EXPECT_TRUE(arrived);
  EXPECT_EQ(c.wire->count(client).sent, before + 5);
}

TEST_P(EachVersion, AnEndThatAnotherProcessKeepsFromComingIsWaitedForOnce) {
  Connection c(GetParam(), TransportKind::tcp);
  c.handshake();
  const Descriptor kept(dup(c.fd(client)));
  c.close_transport(client);
  c.wire->expect(client, c.wire->count(client).sent, true);
  EXPECT_FALSE(c.pump().partner.arrived);
  EXPECT_THAT(c.ends(), IsEmpty());
  send(kept.get(), "\x16\x03\x03\0\0", 5, MSG_NOSIGNAL);
  EXPECT_TRUE(c.pump().partner.arrived) << "what comes all the same is taken";
}

TEST_P(EachVersion, NothingIsSaidToBeDeliveredToOneWhoIsGone) {
  Connection c(GetParam());
  c.handshake();
  c.close_transport(client);
  SSL_write(c.ssl(server), "too late", 8);
  c.pump();
  EXPECT_EQ(c.records(server).back().fate, "ended") << c.story();
  c.order(injection(server, ContentType::alert, {1, 0}));
  EXPECT_THAT(c.wire->orders_left(), ElementsAre("an order"));
}

TEST_P(EachVersion, AStalledSideFillsItsTransport) {
  for (const TransportKind kind : {TransportKind::socketpair, TransportKind::tcp}) {
    Connection c(GetParam(), kind);
    c.handshake();
    c.order(Stall{client});
    const std::string block(16384, 'x');
    SSL_set_mode(c.ssl(client), SSL_MODE_ENABLE_PARTIAL_WRITE);
    int written = 0, result = 0;
    while ((result = SSL_write(c.ssl(client), block.data(), static_cast<int>(block.size()))) > 0) {
      written += result;
      c.pump();
      ASSERT_LT(written, 1 << 20);
    }
    EXPECT_EQ(SSL_get_error(c.ssl(client), result), SSL_ERROR_WANT_WRITE);
    EXPECT_FALSE(c.pump().subject.drained);
    c.order(Stall{client, false});
    EXPECT_TRUE(c.pump().subject.drained);
    EXPECT_GT(SSL_write(c.ssl(client), block.data(), static_cast<int>(block.size())), 0);
  }
}

TEST_P(EachVersion, KeysThatComeLateOpenTheRecords) {
  Connection c(GetParam(), TransportKind::socketpair, false);
  c.handshake();
  c.write(client, "hello");
  c.write(server, "world");
  EXPECT_FALSE(c.decrypted());
  EXPECT_EQ(c.records(client).back().type, ContentType::unknown);
  for (const std::string& line : c.keys) c.wire->key_log(line);
  EXPECT_TRUE(c.decrypted()) << c.story();
  const Seen opened = c.records(client).back();
  EXPECT_EQ(opened.type, ContentType::application_data);
  EXPECT_TRUE(opened.established);
  EXPECT_EQ(c.records(server).back().content_bytes, 5u);
  // What was written down stays as it was.
  EXPECT_EQ(c.transcript.at(opened.event).as<Record>()->type, ContentType::unknown);
  EXPECT_EQ(c.transcript.at(opened.event).as<Record>()->reading, Reading::no_keys);
  // And the wire knows where both receivers are.
  c.order(injection(client, ContentType::alert, {1, 0}));
  c.order(injection(server, ContentType::alert, {1, 0}));
  int error = 0;
  EXPECT_EQ(c.read(server, &error), "hello");
  EXPECT_EQ(error, SSL_ERROR_ZERO_RETURN);
  EXPECT_EQ(c.read(client, &error), "world");
  EXPECT_EQ(error, SSL_ERROR_ZERO_RETURN);
}

TEST_P(EachVersion, WithoutKeysNothingIsClaimed) {
  Connection c(GetParam(), TransportKind::socketpair, false);
  c.handshake();
  c.shutdown(client);
  EXPECT_FALSE(c.decrypted());
  EXPECT_EQ(c.records(client).back().type, ContentType::unknown);
  EXPECT_TRUE(c.records(client).back().encrypted);
  c.order(injection(client, ContentType::alert, {1, 0}));
  EXPECT_THAT(c.wire->orders_left(), ElementsAre("an order"));
}

TEST_P(EachVersion, ARecordHeldWithoutKeysIsReadBeforeItIsReleased) {
  Connection c(GetParam(), TransportKind::socketpair, false);
  c.handshake();
  c.order(standing(Deed::hold, client));
  c.write(client, "one");
  for (const std::string& line : c.keys) c.wire->key_log(line);
  c.order(injection(client, ContentType::application_data, "zero"));
  c.order(Release{client});
  EXPECT_EQ(c.read(server), "zeroone") << c.story();
  EXPECT_EQ(c.records(client).back().type, ContentType::application_data);
}

TEST_P(EachVersion, AnOrderGivenBeforeTheHandshakeMeetsItsRecords) {
  Connection c(GetParam());
  c.order(standing(Deed::hold, client));
  SSL_do_handshake(c.ssl(client));
  c.pump();
  EXPECT_EQ(c.records(client)[0].handshake, "ClientHello");
  EXPECT_EQ(c.records(client)[0].fate, "held");
  c.order(Release{client});
  c.handshake();
}

TEST_P(EachVersion, AFragmentedFinishedIsFollowed) {
  Connection c(GetParam());
  auto order = standing(Deed::split, client, Kind::handshake);
  order.what.handshake = "Finished";
  order.at = 3;
  c.order(order);
  c.handshake();
  c.write(client, "hello");
  EXPECT_EQ(c.read(server), "hello") << c.story();
  EXPECT_TRUE(c.decrypted());
}

TEST_P(EachVersion, ThePartOfARecordBeforeTheEndIsDeliveredAsItIs) {
  Connection c(GetParam());
  c.handshake();
  ASSERT_EQ(send(c.fd(client), "\x17\x03\x03\x00\x20half", 9, 0), 9);
  c.pump();
  EXPECT_THAT(c.records(client), IsEmpty());
  shutdown(c.fd(client), SHUT_WR);
  c.pump();
  const Seen part = c.records(client).back();
  EXPECT_EQ(part.type, ContentType::unknown);
  EXPECT_EQ(part.wire_bytes, 37u);
  EXPECT_EQ(part.missing, 28u);
  EXPECT_EQ(part.fate, "delivered 9");
  char buffer[64];
  EXPECT_EQ(recv(c.fd(server), buffer, sizeof buffer, 0), 9);
  EXPECT_EQ(recv(c.fd(server), buffer, sizeof buffer, 0), 0);
  EXPECT_TRUE(c.decrypted());
}

TEST_P(EachVersion, OneStatementIsOneWrite) {
  Connection c(GetParam(), TransportKind::tcp);
  c.handshake();
  auto alerts = injection(client, ContentType::alert, {1, 90});
  alerts.times = 3;
  c.order(alerts);
  char buffer[256];
  EXPECT_EQ(recv(c.fd(server), buffer, sizeof buffer, 0), static_cast<ssize_t>(3 * alert_size(GetParam())));
}

TEST_P(EachVersion, AReleaseIsOneWriteToo) {
  Connection c(GetParam());
  c.handshake();
  c.order(standing(Deed::hold, client, Kind::close_notify));
  c.shutdown(client);
  ASSERT_EQ(send(c.fd(client), "QUIT", 4, 0), 4);
  c.pump();
  c.order(Release{client});
  char buffer[256];
  EXPECT_EQ(recv(c.fd(server), buffer, sizeof buffer, 0), static_cast<ssize_t>(4 + alert_size(GetParam())));
}

TEST_P(EachVersion, AChangeCipherSpecTooManyChangesNoKeys) {
  Connection c(GetParam());
  c.handshake();
  c.order(injection(client, ContentType::change_cipher_spec, "\x01"));
  EXPECT_EQ(c.records(client).back().encrypted, GetParam() != Tls::v1_3);
  c.write(client, "one");
  EXPECT_EQ(c.records(client).back().fate, "delivered") << c.story();
  EXPECT_TRUE(c.decrypted());
}

TEST_P(EachVersion, AClientHelloInThePlainAfterTheCloseIsSeenForWhatItIs) {
  Connection c(GetParam());
  c.handshake();
  c.shutdown(client);
  const std::string hello = std::string("\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03", 11) + std::string(32, 'r') +
                            std::string("\x00\x00\x02\x13\x01\x01\x00\x00\x00", 9);
  ASSERT_EQ(send(c.fd(client), hello.data(), hello.size(), 0), 52);
  c.pump();
  EXPECT_EQ(c.records(client).back().handshake, "ClientHello");
  EXPECT_FALSE(c.records(client).back().encrypted);
  EXPECT_TRUE(c.decrypted());
}

TEST_P(EachVersion, ARecordThatItsKeysDoNotOpenIsNoEvidence) {
  Connection c(GetParam());
  c.handshake();
  const std::string forged = std::string("\x17\x03\x03\x00\x28", 5) + std::string(40, 'f');
  ASSERT_EQ(send(c.fd(client), forged.data(), forged.size(), 0), 45);
  c.pump();
  EXPECT_EQ(c.records(client).back().type, ContentType::unknown);
  EXPECT_FALSE(c.decrypted());
}

// Bytes that a script makes a peer write past its library.

void script_writes(Connection& c, Side side, std::string_view bytes) {
  ASSERT_EQ(send(c.fd(side), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  c.wire->script_wrote(side, bytes.size());
}

TEST_P(EachVersion, WhatTheLibraryWritesBeforeAndBehindTheScriptsBytesIsRead) {
  for (const TransportKind kind : {TransportKind::socketpair, TransportKind::tcp}) {
    for (const bool stalled : {false, true}) {
      Connection c(GetParam(), kind);
      c.handshake();
      if (stalled) c.order(Stall{client});
      script_writes(c, client, "EHLO\r\n");
      SSL_write(c.ssl(client), "one", 3);
      if (stalled) c.pump();
      script_writes(c, client, "\x17\x03\x03");
      script_writes(c, client, "RSET\r\n");
      SSL_shutdown(c.ssl(client));
      c.pump();
      if (stalled) {
        EXPECT_THAT(c.records(client), IsEmpty());
        c.order(Stall{client, false});
        c.pump();
      }
      const auto all = c.records(client);
      ASSERT_THAT(all, SizeIs(5)) << c.story();
      for (const std::size_t i : {0u, 2u, 3u}) {
        EXPECT_TRUE(all[i].by_script && all[i].type == ContentType::raw && all[i].reading == Reading::read);
        EXPECT_EQ(all[i].missing, 0u);
      }
      EXPECT_EQ(all[0].content, "EHLO\r\n");
      EXPECT_EQ(all[3].content, "RSET\r\n");
      EXPECT_EQ(all[1].type, ContentType::application_data);
      EXPECT_TRUE(all[4].is_close_notify());
      EXPECT_FALSE(all[1].by_script || all[4].by_script);
      EXPECT_TRUE(c.decrypted());
      for (const Seen& it : all) EXPECT_EQ(it.fate, "delivered");
    }
  }
}

TEST_P(EachVersion, ARecordThatTheScriptWritesIntoEndsThereAsAPiece) {
  Connection c(GetParam());
  c.handshake();
  ASSERT_EQ(send(c.fd(client), "\x17\x03\x03\x00\x20half", 9, 0), 9);
  script_writes(c, client, "QUIT");
  SSL_write(c.ssl(client), "one", 3);
  c.pump();
  const auto all = c.records(client);
  ASSERT_THAT(all, SizeIs(3)) << c.story();
  EXPECT_EQ(all[0].missing, 28u);
  EXPECT_FALSE(all[0].by_script);
  EXPECT_EQ(all[0].fate, "delivered 9");
  EXPECT_EQ(all[1].content, "QUIT");
  EXPECT_EQ(all[2].type, ContentType::application_data);
  EXPECT_TRUE(c.decrypted());
}

TEST_P(EachVersion, AScriptsPlainAlertIsSeenAsTheReceiverSeesIt) {
  Connection c(GetParam());
  c.handshake();
  script_writes(c, client, {"\x15\x03\x03\x00\x02\x01\x00", 7});
  c.pump();
  const Seen alert = c.records(client).back();
  EXPECT_EQ(alert.alert, (Alert{1, 0}));
  EXPECT_EQ(alert.wire_bytes, 7u);
  EXPECT_TRUE(alert.by_script);
  EXPECT_FALSE(alert.encrypted || alert.is_close_notify());
  EXPECT_EQ(alert.fate, "delivered");
}

TEST_P(EachVersion, WhatTheScriptWritesDoesNotMoveTheKeysOfItsSide) {
  Connection c(GetParam());
  c.handshake();
  script_writes(c, client, {"\x14\x03\x03\x00\x01\x01\x16\x03\x03\x00\x05\x18\x00\x00\x01\x00", 16});
  c.write(client, "one");
  const auto all = c.records(client);
  ASSERT_THAT(all, SizeIs(3)) << c.story();
  EXPECT_EQ(all[1].handshake, "KeyUpdate");
  EXPECT_TRUE(all[0].by_script && all[1].by_script && !all[2].by_script);
  EXPECT_EQ(all[2].type, ContentType::application_data);
  EXPECT_TRUE(c.decrypted());
}

TEST_P(EachVersion, AForgedRecordOfTheScriptsIsItsBytesAndNoFaultOfTheLibrary) {
  Connection c(GetParam());
  c.handshake();
  script_writes(c, client, std::string("\x17\x03\x03\x00\x28", 5) + std::string(40, 'f'));
  c.write(client, "one");
  EXPECT_EQ(c.records(client).front().type, ContentType::raw);
  EXPECT_EQ(c.records(client).back().type, ContentType::application_data) << c.story();
  EXPECT_TRUE(c.decrypted());
}

// What becomes of records.

TEST_P(EachVersion, EachByteThatASideSentIsInOneRecord) {
  Connection c(GetParam());
  c.handshake();
  c.write(client, "one");
  script_writes(c, client, "two");
  c.shutdown(client);
  for (const Side side : {client, server}) {
    std::size_t end = 0;
    for (const Seen& it : seen(c.transcript, side)) {
      EXPECT_EQ(it.offset, end) << c.story();
      end += it.wire_bytes;
    }
  }
}

TEST_P(EachVersion, TheKeysOfTheSessionBeginBehindTheFinished) {
  Connection c(GetParam());
  c.handshake();
  c.write(client, "one");
  for (const Side side : {client, server}) {
    bool finished = false;
    for (const Seen& it : seen(c.transcript, side)) {
      EXPECT_EQ(it.established, finished) << c.story();
      finished |= it.handshake == "Finished";
    }
    EXPECT_TRUE(finished);
  }
  c.order(injection(client, ContentType::alert, {1, 0}));
  EXPECT_TRUE(c.records(client).back().established);
}

TEST_P(EachVersion, AStalledSideLeavesNoRecord) {
  Connection c(GetParam());
  c.handshake();
  c.order(Stall{client});
  const int before = c.transcript.next_number();
  c.write(client, "one");
  EXPECT_EQ(c.transcript.next_number(), before) << c.story();
}

TEST_P(EachVersion, ARecordThatAFullSocketDoesNotTakeIsWithheldAndThenDelivered) {
  Connection c(GetParam());
  c.handshake();
  const std::string block(16384, 'x');
  for (int i = 0; i < 64 && (i == 0 || c.records(client).back().fate == "delivered"); ++i) c.write(client, block);
  const int waits = c.records(client).back().event;
  EXPECT_EQ(fates_of(c.transcript, waits), "full") << c.story();
  c.pump();
  while (!c.read(server).empty()) {
  }
  EXPECT_EQ(fates_of(c.transcript, waits), "full, delivered");
}

TEST_P(EachVersion, WhatAnOldTransportStillHeldIsLostWithIt) {
  Connection c(GetParam());
  c.handshake();
  c.order(standing(Deed::hold, client, Kind::close_notify));
  c.shutdown(client);
  c.begin_session(false);
  EXPECT_EQ(fates_of(c.transcript, c.records(client).back().event), "held, ended") << c.story();
}

TEST_P(EachVersion, WhatFollowsACutIsLost) {
  Connection c(GetParam(), TransportKind::socketpair, false);
  c.handshake();
  auto cut = standing(Deed::cut, client);
  cut.at = 4;
  c.order(cut);
  c.write(client, "one");
  c.write(client, "two");
  const auto all = c.records(client);
  EXPECT_EQ(all[0].fate, "delivered 4");
  EXPECT_EQ(all[1].fate, "cut");
}

TEST_P(EachVersion, PartOfAHeaderIsAPieceToo) {
  Connection c(GetParam());
  c.handshake();
  ASSERT_EQ(send(c.fd(client), "\x17\x03\x03", 3, 0), 3);
  shutdown(c.fd(client), SHUT_WR);
  c.pump();
  const Seen part = c.records(client).back();
  EXPECT_EQ(part.wire_bytes, 5u);
  EXPECT_EQ(part.missing, 2u);
  EXPECT_EQ(part.fate, "delivered 3");
}

TEST(Wire, AStalledSocketpairTakesEightFullRecords) {
  Connection c(Tls::v1_3);
  c.handshake();
  c.order(Stall{client});
  const std::string block(16384, 'x');
  for (int i = 0; i < 8; ++i) EXPECT_EQ(SSL_write(c.ssl(client), block.data(), 16384), 16384) << i;
  EXPECT_EQ(SSL_write(c.ssl(client), "x", 1), -1);
}

// TLS 1.3 only.

TEST(Wire, APlainHandshakeRecordDoesNotLoseTheThread) {
  Connection c(Tls::v1_3);
  c.handshake();
  auto plain = standing(Deed::drop, client, Kind::handshake);
  c.order(plain);
  ASSERT_EQ(send(c.fd(client), "\x16\x03\x03\x00\x05\x18\x00\xff\xff\x00", 10, 0), 10);
  c.pump();
  EXPECT_EQ(c.records(client).back().handshake, "KeyUpdate");
  SSL_key_update(c.ssl(client), SSL_KEY_UPDATE_NOT_REQUESTED);
  c.write(client, "one");
  EXPECT_EQ(c.read(server), "one") << c.story();
  EXPECT_TRUE(c.decrypted());
}

TEST(Wire, KeyUpdatesAreFollowedInBothDirections) {
  Connection c(Tls::v1_3);
  c.handshake();
  SSL_key_update(c.ssl(client), SSL_KEY_UPDATE_REQUESTED);
  c.write(client, "one");
  EXPECT_EQ(c.read(server), "one");
  c.write(server, "two");
  EXPECT_EQ(c.read(client), "two");
  EXPECT_EQ(c.records(client)[0].handshake, "KeyUpdate");
  EXPECT_EQ(c.records(server)[0].handshake, "KeyUpdate") << c.story();
  EXPECT_TRUE(c.decrypted());
  for (const Side side : {client, server}) c.order(injection(side, ContentType::alert, {1, 0}));
  int error = 0;
  c.read(server, &error);
  EXPECT_EQ(error, SSL_ERROR_ZERO_RETURN);
  c.read(client, &error);
  EXPECT_EQ(error, SSL_ERROR_ZERO_RETURN);
}

TEST(Wire, ADroppedKeyUpdateLeavesTheReceiverWithItsOldKeys) {
  Connection c(Tls::v1_3);
  c.handshake();
  auto order = standing(Deed::drop, client, Kind::handshake);
  order.what.handshake = "KeyUpdate";
  c.order(order);
  SSL_key_update(c.ssl(client), SSL_KEY_UPDATE_NOT_REQUESTED);
  c.write(client, "one");
  c.write(client, "two");
  EXPECT_EQ(c.read(server), "onetwo") << c.story();
}

TEST(Wire, AnInjectedKeyUpdateGivesTheReceiverNewKeys) {
  Connection c(Tls::v1_3);
  c.handshake();
  c.order(injection(client, ContentType::handshake, std::string("\x18\x00\x00\x01\x00", 5)));
  c.write(client, "one");
  EXPECT_EQ(c.read(server), "one") << c.story();
  EXPECT_EQ(c.records(client)[0].handshake, "KeyUpdate");
}

TEST(Wire, AHeldKeyUpdateMovesTheReceiverWhenItIsReleased) {
  Connection c(Tls::v1_3);
  c.handshake();
  c.order(standing(Deed::hold, client, Kind::handshake));
  SSL_key_update(c.ssl(client), SSL_KEY_UPDATE_NOT_REQUESTED);
  c.write(client, "one");
  c.order(injection(client, ContentType::application_data, "zero"));
  c.order(Release{client});
  c.write(client, "two");
  EXPECT_EQ(c.read(server), "zeroonetwo") << c.story();
}

TEST(Wire, PaddingIsAddedAndNotCountedAsContent) {
  Connection c(Tls::v1_3);
  c.handshake();
  auto alert = injection(client, ContentType::alert, {1, 0});
  alert.content.padding = 100;
  c.order(alert);
  int error = 0;
  c.read(server, &error);
  EXPECT_EQ(error, SSL_ERROR_ZERO_RETURN);
  EXPECT_EQ(c.records(client)[0].wire_bytes, 124u);
  EXPECT_EQ(c.records(client)[0].content_bytes, 2u);
}

// What a stack says that has the application keys only.
void tell_traffic_keys(Connection& c) {
  for (const std::string& line : c.keys) {
    const auto known = read_key_log(line);
    if (!known || line.find("TRAFFIC_SECRET_0") == std::string::npos) continue;
    const WriteKey key = traffic_key(*find_suite(0, Tls::v1_3), known->secret);
    std::string ours = line.substr(0, 6) + "_TRAFFIC_KEY" + line.substr(line.find(' '), 66);
    for (const unsigned char byte : key.key) ours += fmt::format("{:02x}", byte);
    for (const unsigned char byte : key.iv) ours += fmt::format("{:02x}", byte);
    c.wire->key_log(ours);
  }
}

TEST(Wire, TrafficKeysAloneAreEnoughForWhatFollowsTheHandshake) {
  Connection c(Tls::v1_3, TransportKind::socketpair, false);
  c.handshake();
  c.write(client, "one");
  EXPECT_FALSE(c.decrypted());
  tell_traffic_keys(c);
  EXPECT_TRUE(c.decrypted()) << c.story();
  EXPECT_EQ(c.records(client).back().type, ContentType::application_data) << c.story();
  for (const Side side : {client, server})
    for (const Seen& record : seen(c.transcript, side)) EXPECT_NE(record.type, ContentType::unknown) << c.story();
  c.write(client, "two");
  for (const Side side : {client, server}) c.order(injection(side, ContentType::alert, {1, 0}));
  int error = 0;
  EXPECT_EQ(c.read(server, &error), "onetwo");
  EXPECT_EQ(error, SSL_ERROR_ZERO_RETURN);
  c.read(client, &error);
  EXPECT_EQ(error, SSL_ERROR_ZERO_RETURN) << c.story();
}

TEST(Wire, WithTrafficKeysAloneARecordBehindTheFinishedThatTheyDoNotOpenIsGarbled) {
  Connection c(Tls::v1_3, TransportKind::socketpair, false);
  c.handshake();
  tell_traffic_keys(c);
  const std::string garbage = std::string("\x17\x03\x03\x00\x13", 5) + std::string(19, 'g');
  EXPECT_EQ(::send(c.fd(client), garbage.data(), garbage.size(), MSG_NOSIGNAL), static_cast<ssize_t>(garbage.size()));
  c.pump();
  EXPECT_EQ(c.records(client).back().reading, Reading::garbled) << c.story();
  EXPECT_EQ(c.records(client).back().type, ContentType::unknown);
}

// Sessions after sessions.

// Both write, and then close as they should.
void use_and_close(Connection& c) {
  c.write(client, "hello");
  EXPECT_EQ(c.read(server), "hello") << c.story();
  c.write(server, "world");
  EXPECT_EQ(c.read(client), "world");
  c.shutdown(client);
  c.shutdown(server);
  for (const Side side : {client, server}) {
    ASSERT_FALSE(c.records(side).empty());
    EXPECT_TRUE(c.records(side).back().is_close_notify()) << c.story();
  }
  EXPECT_EQ(c.shutdown(client), 1);
  EXPECT_EQ(c.shutdown(server), 1);
}

struct FreeSession {
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using Session = std::unique_ptr<SSL_SESSION, FreeSession>;

// Pieces of records apart.
bool nothing_unknown(const Connection& c) {
  for (const Side side : {client, server})
    for (const Seen& record : seen(c.transcript, side))
      if (record.type == ContentType::unknown && record.missing == 0) return false;
  return c.decrypted();
}

TEST_P(EachVersion, SessionsFollowOneAnotherOnOneTransport) {
  for (const TransportKind kind : {TransportKind::socketpair, TransportKind::tcp}) {
    Connection c(GetParam(), kind);
    c.handshake();
    use_and_close(c);
    for (int i = 0; i < 10; ++i) {
      c.begin_session(true);
      c.handshake();
      for (const std::string& line : std::vector(c.keys)) c.wire->key_log(line);  // a log that was kept does no harm
      use_and_close(c);
    }
    EXPECT_TRUE(nothing_unknown(c)) << c.story();
    EXPECT_THAT(c.ends(), IsEmpty());
  }
}

TEST_P(EachVersion, SessionsFollowOneAnotherOnNewTransports) {
  for (const TransportKind kind : {TransportKind::socketpair, TransportKind::tcp}) {
    Connection c(GetParam(), kind);
    c.handshake();
    c.order(standing(Deed::drop, client, Kind::alert));
    c.wire->end_after(server, 5, End::hangup);
    c.write(client, "hello");
    EXPECT_EQ(c.ends().size(), 1u);
    for (int i = 0; i < 3; ++i) {
      c.begin_session(false);
      EXPECT_EQ(c.wire->delivered_to(server), 0u);
      c.handshake();
      c.write(client, "hello");
      EXPECT_EQ(c.read(server), "hello") << c.story();
      EXPECT_EQ(c.wire->orders_left().size(), i > 0 ? 0u : 1u);
      c.shutdown(client);  // the first is dropped: orders stand as they stood
      EXPECT_EQ(c.shutdown(server), 0);
      EXPECT_EQ(c.shutdown(server), i > 0 ? 1 : -1);
    }
    EXPECT_TRUE(nothing_unknown(c)) << c.story();
    EXPECT_EQ(c.ends().size(), 1u);
  }
}

TEST_P(EachVersion, OrdersMeetTheRecordsOfALaterSession) {
  Connection c(GetParam());
  c.handshake();
  use_and_close(c);
  c.begin_session(true);
  // The receiver begins without protection at once, and is given what it can read.
  c.order(injection(client, ContentType::alert, {1, 90}));
  EXPECT_FALSE(seen(c.transcript, client).back().encrypted);
  char buffer[64];
  ASSERT_EQ(recv(c.fd(server), buffer, sizeof buffer, 0), 7);
  c.handshake();
  c.order(standing(Deed::drop, client, Kind::application_data));
  c.write(client, "one");
  c.order(injection(client, ContentType::application_data, "zero"));
  c.write(client, "two");
  EXPECT_EQ(c.read(server), "zerotwo") << c.story();
  c.order(injection(server, ContentType::alert, {1, 0}));
  int error = 0;
  c.read(client, &error);
  EXPECT_EQ(error, SSL_ERROR_ZERO_RETURN);
}

TEST_P(EachVersion, InjectedPatternBeginsAnewWithASession) {
  Connection c(GetParam());
  c.handshake();
  use_and_close(c);
  c.begin_session(true);
  c.handshake();
  auto data = injection(server, ContentType::application_data, "");
  data.content.pattern = 2;
  c.order(data);
  EXPECT_EQ(c.read(client), std::string("\x80\xa5"));
}

TEST_P(EachVersion, WhatWasHeldOfTheOldSessionIsDeliveredAsItWas) {
  Connection c(GetParam());
  c.handshake();
  c.write(server, "moves the sequence numbers");
  c.read(client);
  c.order(standing(Deed::hold, server, Kind::close_notify));
  c.shutdown(server);
  c.begin_session(true);
  c.order(Release{server});
  char buffer[128];
  EXPECT_EQ(recv(c.fd(client), buffer, sizeof buffer, 0), static_cast<ssize_t>(alert_size(GetParam())));
  const Seen late = c.records(server).back();
  EXPECT_TRUE(late.is_close_notify() && late.fate == "delivered") << c.story();
  c.handshake();
  use_and_close(c);
  EXPECT_TRUE(nothing_unknown(c)) << c.story();
}

TEST_P(EachVersion, WhatTheOldSessionSentLateIsToldAsItsOwn) {
  Connection c(GetParam());
  c.handshake();
  c.order(Stall{server});
  SSL_shutdown(c.ssl(server));
  c.pump();
  c.begin_session(true);
  c.order(Stall{server, false});
  c.pump();
  EXPECT_TRUE(c.records(server).back().is_close_notify()) << c.story();
  char buffer[128];
  EXPECT_EQ(recv(c.fd(client), buffer, sizeof buffer, 0), static_cast<ssize_t>(alert_size(GetParam())));
  c.handshake();
  use_and_close(c);
  EXPECT_TRUE(nothing_unknown(c)) << c.story();
}

TEST_P(EachVersion, WhatStandsBetweenTwoSessionsIsToldAsWhatItIs) {
  const std::string_view half("\x17\x03\x03\x00\x20half", 9);
  for (const std::string_view between : {std::string_view("QUIT\r\n"), half}) {
    Connection c(GetParam());
    c.handshake();
    use_and_close(c);
    send(c.fd(client), between.data(), between.size(), 0);
    c.pump();
    c.begin_session(true);
    const Seen left = c.records(client).back();
    EXPECT_EQ(left.wire_bytes - left.missing, between.size());
    EXPECT_EQ(left.content, between == half ? "" : between);
    EXPECT_EQ(left.missing, between == half ? 28u : 0u);
    send(c.fd(server), "220 again\r\n", 11, 0);
    c.pump();
    EXPECT_EQ(c.records(server).back().type, ContentType::raw);
    char buffer[64];
    EXPECT_EQ(recv(c.fd(server), buffer, sizeof buffer, 0), static_cast<ssize_t>(between.size()));
    EXPECT_EQ(recv(c.fd(client), buffer, sizeof buffer, 0), 11);
    send(c.fd(client), "STARTTLS\r\n", 10, 0);
    SSL_do_handshake(c.ssl(client));  // in one read of the wire
    c.pump();
    EXPECT_EQ(recv(c.fd(server), buffer, 10, 0), 10);
    c.handshake();
    use_and_close(c);
    EXPECT_TRUE(nothing_unknown(c)) << c.story();
  }
}

TEST_P(EachVersion, ResumedSessionsAreDecrypted) {
  for (const bool by_ticket : {true, false}) {
    for (const bool same_transport : {true, false}) {
      Connection c(GetParam());
      if (!by_ticket) SSL_set_options(c.ssl(server), SSL_OP_NO_TICKET);
      c.handshake();
      use_and_close(c);
      const Session session(SSL_get1_session(c.ssl(client)));
      c.begin_session(same_transport, session.get());
      if (!by_ticket) SSL_set_options(c.ssl(server), SSL_OP_NO_TICKET);
      c.handshake();
      EXPECT_TRUE(SSL_session_reused(c.ssl(client)));
      use_and_close(c);
      EXPECT_TRUE(nothing_unknown(c)) << c.story();
      for (const Side side : {client, server}) c.order(injection(side, ContentType::alert, {1, 0}));
      EXPECT_THAT(c.wire->orders_left(), IsEmpty());
    }
  }
}

// A second session of TLS 1.3 whose client offers early data, and has sent nothing yet.
class EarlyData : public testing::Test {
 protected:
  EarlyData() : c(Tls::v1_3) {
    willing();
    c.handshake();
    use_and_close(c);
    const Session session(SSL_get1_session(c.ssl(client)));
    c.begin_session(false, session.get());
    willing();
    before = c.transcript.next_number();
  }
  void willing() {
    SSL_set_options(c.ssl(server), SSL_OP_NO_ANTI_REPLAY);
    SSL_set_max_early_data(c.ssl(server), 16384);
  }
  void write(std::string_view text) {
    std::size_t written = 0;
    EXPECT_EQ(SSL_write_early_data(c.ssl(client), text.data(), text.size(), &written), 1) << c.reason();
    c.pump();
  }
  // What the server reads of it, with what the client does meanwhile.
  std::string read() {
    std::string all;
    for (int turn = 0; turn < 8; ++turn) {
      char buffer[64];
      std::size_t got = 0;
      const int result = SSL_read_early_data(c.ssl(server), buffer, sizeof buffer, &got);
      all.append(buffer, got);
      c.pump();
      if (result == SSL_READ_EARLY_DATA_FINISH) break;
      SSL_do_handshake(c.ssl(client));
      c.pump();
    }
    ERR_clear_error();
    return all;
  }
  std::vector<Seen> sent(Side side) const {
    std::vector<Seen> found = seen(c.transcript, side);
    std::erase_if(found, [&](const Seen& it) { return it.event < before; });
    return found;
  }
  std::vector<std::string> messages(Side side) const {
    std::vector<std::string> names;
    for (const Seen& it : sent(side))
      if (!it.handshake.empty()) names.push_back(it.handshake);
    return names;
  }
  Connection c;
  int before = 0;
};

TEST_F(EarlyData, ThatIsAcceptedIsReadAndEnds) {
  write("early");
  EXPECT_EQ(read(), "early");
  c.handshake();
  EXPECT_EQ(SSL_get_early_data_status(c.ssl(client)), SSL_EARLY_DATA_ACCEPTED);
  use_and_close(c);
  EXPECT_TRUE(nothing_unknown(c)) << c.story();
  EXPECT_THAT(messages(client), ElementsAre("ClientHello", "EndOfEarlyData", "Finished")) << c.story();
  std::size_t early = 0;
  for (const Seen& it : sent(client)) {
    EXPECT_EQ(it.early, (it.content_bytes == 5 && !it.established) || it.handshake == "EndOfEarlyData") << c.story();
    EXPECT_FALSE(it.early && it.established);
    if (it.early && it.type == ContentType::application_data) early += it.content_bytes;
  }
  EXPECT_EQ(early, 5u);
  for (const Seen& it : sent(server))
    EXPECT_EQ(it.accepts_early, it.handshake.find("EncryptedExtensions") != std::string::npos) << c.story();
}

TEST_F(EarlyData, ThatIsRefusedIsReadByTheWireAlone) {
  write("early");
  c.handshake();
  EXPECT_EQ(SSL_get_early_data_status(c.ssl(client)), SSL_EARLY_DATA_REJECTED);
  use_and_close(c);
  EXPECT_TRUE(nothing_unknown(c)) << c.story();
  EXPECT_THAT(messages(client), ElementsAre("ClientHello", "Finished")) << c.story();
  const auto records = sent(client);
  EXPECT_EQ(std::count_if(records.begin(), records.end(), [](const Seen& it) { return it.early && it.content_bytes == 5; }), 1);
  for (const Seen& it : sent(server)) EXPECT_FALSE(it.accepts_early) << c.story();
}

TEST_F(EarlyData, IsSealedAnewBehindWhatTheScriptTook) {
  c.order(standing(Deed::drop, client, Kind::application_data));
  write("lost!");
  write("taken");
  EXPECT_EQ(read(), "taken");
  c.handshake();
  c.write(client, "later");
  EXPECT_EQ(c.read(server), "later");
}

TEST_F(EarlyData, MayHaveAnAlertBehindItThatTheScriptMade) {
  write("early");
  char buffer[64];
  std::size_t got = 0;
  EXPECT_EQ(SSL_read_early_data(c.ssl(server), buffer, sizeof buffer, &got), SSL_READ_EARLY_DATA_SUCCESS);
  c.pump();
  c.order(injection(client, ContentType::alert, {1, 0}));
  EXPECT_EQ(SSL_read_early_data(c.ssl(server), buffer, sizeof buffer, &got), SSL_READ_EARLY_DATA_ERROR);
  EXPECT_EQ(SSL_get_shutdown(c.ssl(server)) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN) << c.story();
  EXPECT_TRUE(sent(client).back().early);
}

TEST_P(EachVersion, AnUnknownSessionIsFollowedByAKnownOne) {
  Connection c(GetParam(), TransportKind::socketpair, false);
  c.handshake();
  c.write(client, "unknown");
  c.shutdown(client);
  EXPECT_EQ(c.read(server), "unknown");
  c.keys_come = true;
  c.begin_session(true);
  c.handshake();
  use_and_close(c);
  EXPECT_FALSE(c.decrypted());
  for (const std::string& line : c.keys) c.wire->key_log(line);
  EXPECT_FALSE(c.decrypted());  // too late: nobody followed that session
}

TEST_P(EachVersion, KeysOfALaterSessionMayComeLateToo) {
  Connection c(GetParam());
  c.handshake();
  use_and_close(c);
  const std::size_t known = c.keys.size();
  c.keys_come = false;
  c.begin_session(true);
  c.handshake();
  c.write(client, "hello");
  EXPECT_FALSE(c.decrypted());
  EXPECT_EQ(c.records(client).back().type, ContentType::unknown);
  for (std::size_t i = c.keys.size(); i > known; --i) c.wire->key_log(c.keys[i - 1]);
  EXPECT_TRUE(nothing_unknown(c)) << c.story();
  EXPECT_EQ(c.records(client).back().type, ContentType::application_data);
  EXPECT_EQ(c.read(server), "hello");
  use_and_close(c);
}

TEST_P(EachVersion, WhatAProgramSaidBeforeItsKeysWereToldIsKeptToo) {
  Connection c(GetParam(), TransportKind::socketpair, false);
  c.transcript.has_api_lane = false;
  c.handshake();
  c.write(client, "GET / HTTP/1.0");
  for (const std::string& line : c.keys) c.wire->key_log(line);
  EXPECT_EQ(c.records(client).back().content, "GET / HTTP/1.0") << c.story();
  c.write(client, "Host: it");
  EXPECT_EQ(c.records(client).back().content, "Host: it");
}

// TLS 1.2 and before.

class BeforeTls13 : public testing::TestWithParam<Tls> {};
INSTANTIATE_TEST_SUITE_P(Wire, BeforeTls13, testing::Values(Tls::v1_0, Tls::v1_1, Tls::v1_2), version_name);

TEST_P(BeforeTls13, AMasterSecretThatIsToldOnceOpensResumedSessionsToo) {
  Connection c(GetParam());
  c.handshake();
  use_and_close(c);
  const Session session(SSL_get1_session(c.ssl(client)));
  c.keys_come = false;
  for (int i = 0; i < 2; ++i) {
    c.begin_session(true, session.get());
    c.handshake();
    EXPECT_TRUE(SSL_session_reused(c.ssl(client)));
    use_and_close(c);
  }
  EXPECT_TRUE(nothing_unknown(c)) << c.story();
}

TEST_P(BeforeTls13, RenegotiationsAreFollowed) {
  Connection c(GetParam());
  c.handshake();
  c.write(client, "zero");
  c.read(server);
  for (int i = 0; i < 3; ++i) {
    c.renegotiate();
    c.write(client, "one");
    EXPECT_EQ(c.read(server), "one");
  }
  const auto sent = c.records(server);
  EXPECT_THAT(sent, testing::Contains(testing::AllOf(Field(&Record::handshake, "ServerHello"), Field(&Record::encrypted, true))));
  EXPECT_THAT(sent,
              testing::Contains(testing::AllOf(Field(&Record::type, ContentType::change_cipher_spec), Field(&Record::encrypted, true))));
  EXPECT_TRUE(nothing_unknown(c)) << c.story();
  use_and_close(c);
}

TEST_P(BeforeTls13, OrdersAreCarriedOutUnderTheKeysOfARenegotiation) {
  Connection c(GetParam());
  c.handshake();
  for (const Side side : {client, server}) {
    c.order(standing(Deed::drop, side, Kind::application_data));
    c.write(side, "dropped");
  }
  c.renegotiate();  // both directions are sealed anew
  c.order(injection(client, ContentType::application_data, "zero"));
  c.order(injection(client, ContentType::change_cipher_spec, "\x01"));
  EXPECT_TRUE(c.records(client).back().encrypted);
  c.order(standing(Deed::repeat, server, Kind::application_data));
  c.write(server, "again");
  EXPECT_EQ(c.read(client), "againagain") << c.story();
  EXPECT_TRUE(nothing_unknown(c)) << c.story();
}

TEST_P(BeforeTls13, ARenegotiationWithoutKeysIsReadWhenTheyCome) {
  Connection c(GetParam(), TransportKind::socketpair, false);
  c.handshake();
  c.renegotiate();
  c.write(client, "one");
  EXPECT_FALSE(c.decrypted());
  EXPECT_EQ(c.records(client).back().type, ContentType::unknown);
  for (auto line = c.keys.rbegin(); line != c.keys.rend(); ++line) c.wire->key_log(*line);
  EXPECT_TRUE(nothing_unknown(c)) << c.story();
  c.order(injection(client, ContentType::application_data, "two"));
  EXPECT_EQ(c.read(server), "onetwo") << c.story();
}

// TLS 1.0 only.

TEST(Wire, EmptyRecordsOfTls10AreToldAsTheyAre) {
  Connection c(Tls::v1_0);
  SSL_clear_options(c.ssl(client), SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS);
  c.handshake();
  c.write(client, "hello");
  ASSERT_THAT(c.records(client), ElementsAre(Field(&Record::content_bytes, 0u), Field(&Record::content_bytes, 5u))) << c.story();
  EXPECT_EQ(c.records(client)[0].type, ContentType::application_data);
  EXPECT_EQ(c.read(server), "hello");
}

TEST(Wire, ARecordOfTls10IsSealedBehindTheOneThatTheReceiverGot) {
  Connection c(Tls::v1_0);
  c.handshake();
  // As many records as were sent, so that only the chain of blocks differs.
  auto order = standing(Deed::alter, client, Kind::alert);
  order.description = 90;
  c.order(order);
  c.order(injection(client, ContentType::application_data, "in"));
  c.order(standing(Deed::drop, client, Kind::application_data));
  c.write(client, "out");
  c.write(client, "hello");
  EXPECT_EQ(c.read(server), "inhello") << c.story();
}
TEST(Counting, TheBytesOfEachTransportAreCountedWithThoseThatNobodyTook) {
  for (const TransportKind kind : {TransportKind::socketpair, TransportKind::tcp}) {
    Connection connection(Tls::v1_3, kind);
    connection.handshake();
    connection.write(client, "to the server");
    const auto sent = connection.wire->count(client).sent;
    EXPECT_GT(sent, 0u);
    EXPECT_EQ(connection.wire->count(server).given, sent);
    EXPECT_EQ(connection.wire->count(client).given, connection.wire->count(server).sent);
    EXPECT_EQ(connection.wire->count(client).exact, kind == TransportKind::socketpair);
    connection.order(Stall{client});
    EXPECT_EQ(::send(connection.fd(client), "12345", 5, 0), 5);
    connection.pump();
    if (kind == TransportKind::socketpair) {
      EXPECT_EQ(connection.wire->count(client).sent, sent + 5);
    }
    EXPECT_EQ(connection.wire->count(server).given, sent);
    connection.begin_session(false);
    EXPECT_EQ(connection.wire->count(client).sent, 0u);
    EXPECT_EQ(connection.wire->count(client).given, 0u);
  }
}

}  // namespace
}  // namespace tlsbye
