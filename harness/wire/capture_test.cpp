// What the wire keeps for a capture file: only what passed the subject's end.
#include "harness/transcript/capture.h"

#include <sys/socket.h>

#include <set>

#include "harness/wire/connection_test.h"

namespace tlsbye {
namespace {

using Kind = Capture::Sight::Kind;
using testing::ElementsAre;

void send_raw(Connection& c, Side side, std::string_view bytes) {
  ASSERT_EQ(::send(c.fd(side), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  c.pump();
}

// In one word each: "subject:hello", "partner fin", "transport".
std::vector<std::string> told(const Capture& capture) {
  std::vector<std::string> words;
  std::size_t at = 0;
  for (const Capture::Sight& sight : capture.sights) {
    const std::string from(spell(sight.from));
    if (sight.kind == Kind::transport) words.emplace_back("transport");
    if (sight.kind == Kind::data) words.push_back(from + ":" + capture.bytes.substr(at, sight.size));
    if (sight.kind == Kind::fin) words.push_back(from + " fin");
    if (sight.kind == Kind::reset) words.push_back(from + " reset");
    at += sight.size;
  }
  EXPECT_EQ(at, capture.bytes.size());
  return words;
}

TEST(CaptureOfTheWire, HasWhatTheSubjectSentAndWhatItWasGivenInTheirOrder) {
  Connection c(Tls::v1_3);
  send_raw(c, client, "one");
  send_raw(c, server, "two");
  send_raw(c, client, "three");
  EXPECT_THAT(told(c.wire->take_capture()), ElementsAre("transport", "subject:one", "partner:two", "subject:three"));
}

TEST(CaptureOfTheWire, HasWhatWasDroppedIfTheSubjectSentItAndNotIfThePartnerDid) {
  Connection c(Tls::v1_3);
  c.order(standing(Deed::drop, client));
  c.order(standing(Deed::drop, server));
  send_raw(c, client, "one");
  send_raw(c, server, "two");
  EXPECT_THAT(told(c.wire->take_capture()), ElementsAre("transport", "subject:one"));
}

TEST(CaptureOfTheWire, HasWhatIsHeldOnlyOnceItIsReleasedAndWhatIsInjectedTowardsTheSubjectOnly) {
  Connection c(Tls::v1_3);
  c.order(standing(Deed::hold, server));
  send_raw(c, server, "held");
  c.order(injection(server, ContentType::raw, "made up"));
  c.order(injection(client, ContentType::raw, "for the partner"));
  c.order(Release{server});
  EXPECT_THAT(told(c.wire->take_capture()), ElementsAre("transport", "partner:made up", "partner:held"));
}

TEST(CaptureOfTheWire, HasTheEndsThatTheSubjectMakesOrSees) {
  Connection c(Tls::v1_3);
  ::shutdown(c.fd(client), SHUT_WR);
  c.pump();
  ::shutdown(c.fd(server), SHUT_WR);
  c.pump();
  EXPECT_THAT(told(c.wire->take_capture()), ElementsAre("transport", "subject fin", "partner fin"));
}

TEST(CaptureOfTheWire, ShowsAResetAsOne) {
  Connection c(Tls::v1_3, TransportKind::tcp);
  c.order(EndOrder{client, End::reset});
  EXPECT_THAT(told(c.wire->take_capture()), ElementsAre("transport", "partner reset"));
}

TEST(CaptureOfTheWire, BeginsAnotherTransportWhereTheSessionDoes) {
  Connection c(Tls::v1_3);
  send_raw(c, client, "one");
  c.begin_session(true);
  send_raw(c, client, "two");
  c.begin_session(false);
  send_raw(c, client, "three");
  EXPECT_THAT(told(c.wire->take_capture()), ElementsAre("transport", "subject:one", "subject:two", "transport", "subject:three"));
}

TEST(CaptureOfTheWire, HasEveryLineOfTheKeyLogOnce) {
  Connection c(Tls::v1_3);
  c.handshake();
  c.wire->key_log("CLIENT_TRAFFIC_KEY as a stack of ours says it");
  c.wire->key_log("CLIENT_TRAFFIC_KEY as a stack of ours says it");
  const Capture capture = c.wire->take_capture();
  std::set<std::string> labels;
  for (const std::string& line : capture.key_log) labels.insert(line.substr(0, line.find(' ')));
  EXPECT_THAT(labels, testing::IsSupersetOf({"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
                                             "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0", "CLIENT_TRAFFIC_KEY"}));
  EXPECT_EQ(capture.key_log.size(), std::set(capture.key_log.begin(), capture.key_log.end()).size());
}

}  // namespace
}  // namespace tlsbye
