#include "harness/wire/direction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "harness/wire/connection_test.h"
#include "harness/wire/record_fuzz.h"

namespace tlsbye {
namespace {

struct OneWay {
  Transcript transcript;
  Secrets secrets{Tls::v1_3};
  Direction way{Side::subject, Role::client, secrets, transcript};

  Seen last() const { return seen(transcript, Side::subject).back(); }
  std::string fate(int record) const { return fate_of(transcript, record); }
  std::string take() {
    std::string bytes(way.out().waiting());
    way.out().accepted(bytes.size(), 1);
    return bytes;
  }
};

std::string plain_alert() { return {"\x15\x03\x03\x00\x02\x01\x00", 7}; }

using Deed = StandingOrder::Deed;

TEST(Direction, PlainRecordsArePassedAndTold) {
  OneWay it;
  it.way.arrive(plain_alert(), 3);
  EXPECT_EQ(it.take(), plain_alert());
  EXPECT_EQ(it.last().alert, (Alert{1, 0}));
  EXPECT_FALSE(it.last().encrypted);
  EXPECT_FALSE(it.last().is_close_notify());
  EXPECT_EQ(it.transcript.at(1).line, 3);
  EXPECT_EQ(it.fate(1), "delivered");
}

TEST(Direction, WhatTheReceiverDoesNotTakeIsHeldUntilItDoes) {
  OneWay it;
  it.way.arrive(plain_alert(), 1);
  it.way.out().accepted(3, 1);
  it.way.out().must_wait(1);
  it.way.out().must_wait(1);
  EXPECT_EQ(it.fate(1), "full");
  it.way.out().accepted(4, 2);
  EXPECT_EQ(fates_of(it.transcript, 1), "full, delivered");
}

TEST(Direction, WhatTheReceiverNeverTakesIsLost) {
  OneWay it;
  it.way.arrive(plain_alert(), 1);
  Content content;
  content.bytes = {1, 0};
  EXPECT_TRUE(it.way.inject({.content = content}, 1));
  it.way.out().gone(1);
  EXPECT_EQ(it.fate(1), "ended");
  EXPECT_TRUE(it.last().made);
  EXPECT_EQ(it.fate(2), "ended");
  EXPECT_FALSE(it.way.inject({.content = content}, 1));
  it.way.arrive(plain_alert(), 1);
  EXPECT_EQ(it.last().fate, "ended");
}

TEST(Direction, OfWhatAReceiverTookInPartTheRestIsLost) {
  OneWay it;
  it.way.arrive(plain_alert() + plain_alert(), 1);
  it.way.out().accepted(3, 1);
  it.way.out().gone(1);
  EXPECT_EQ(it.fate(1), "delivered 3");
  EXPECT_EQ(it.fate(2), "ended");
}

TEST(Direction, ARecordIsHeldOnceAndWaitsForAFullSocketOnce) {
  OneWay it;
  it.way.order({.deed = Deed::hold}, "hold");
  it.way.arrive(plain_alert(), 1);
  it.way.release(2);
  it.way.out().must_wait(2);
  it.way.out().must_wait(3);
  it.take();
  EXPECT_EQ(fates_of(it.transcript, 1), "held, full, delivered");
}

TEST(Direction, WhatCannotBeSealedWithoutKeysIsLost) {
  OneWay it;
  const Random random{};
  const std::string zeros(64, '0');
  it.secrets.saw_client_hello(random);
  it.secrets.saw_server_hello({random, Tls::v1_3, 0, false});
  it.secrets.learn("CLIENT_HANDSHAKE_TRAFFIC_SECRET " + zeros + " " + zeros);
  RecordProtection keys(Tls::v1_3, traffic_key(*find_suite(0, Tls::v1_3), Secret(32)));
  std::string first, second;
  keys.seal(first, 22, std::string("\x14\x00\x00\x00", 4), {0});
  keys.seal(second, 23, "unread", {0});
  it.way.order({.deed = Deed::hold}, "hold");
  it.way.order({.deed = Deed::repeat}, "repeat");
  it.way.arrive(first, 1);   // read, and another is to be made of it at the release ...
  it.way.arrive(second, 1);  // ... but behind it keys are missing
  it.way.release(2);
  const auto all = seen(it.transcript, Side::subject);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1].reading, Reading::no_keys);
  EXPECT_TRUE(all[2].made);
  EXPECT_EQ(all[2].fate, "keyless");
}

TEST(Direction, TheEndWaitsBehindWhatIsHeld) {
  OneWay it;
  it.way.order({.deed = Deed::hold}, "hold");
  it.way.arrive(plain_alert(), 1);
  it.way.sender_ended(End::fin, 1);
  EXPECT_FALSE(it.way.end_due());
  it.way.release(2);
  EXPECT_FALSE(it.way.end_due());
  EXPECT_EQ(it.take(), plain_alert());
  EXPECT_EQ(it.way.end_due()->how, End::fin);
  EXPECT_FALSE(it.way.end_due());
}

TEST(Direction, NothingIsDeliveredBeyondALimit) {
  for (const std::size_t k : {0u, 3u, 7u, 10u, 14u}) {
    OneWay it;
    it.way.out().end_after(k, End::fin, 1);
    it.way.arrive(plain_alert() + plain_alert() + plain_alert(), 1);
    EXPECT_EQ(it.take(), (plain_alert() + plain_alert()).substr(0, k));
    EXPECT_EQ(it.way.out().delivered(), k);
    EXPECT_EQ(it.way.out().waiting(), "");
    for (int i = 0; i < 3; ++i) {
      const std::size_t begin = 7u * static_cast<unsigned>(i);
      const std::string part = k < begin + 7 ? "delivered " + std::to_string(k - begin) : "delivered";
      EXPECT_EQ(seen(it.transcript, Side::subject)[static_cast<std::size_t>(i)].fate, k > begin ? part : "ended") << k << " " << i;
    }
    const auto due = it.way.end_due();
    ASSERT_TRUE(due) << k;
    EXPECT_TRUE(due->by_wire && due->how == End::fin);
    EXPECT_FALSE(it.way.inject({}, 1));
    it.way.arrive(plain_alert(), 1);
    it.way.sender_ended(End::reset, 1);
    EXPECT_EQ(it.way.out().waiting(), "");
    EXPECT_FALSE(it.way.end_due());
  }
}

TEST(Direction, ALimitHitsWhatTheReceiverHadNotTakenYet) {
  OneWay it;
  it.way.arrive(plain_alert() + plain_alert(), 1);
  it.way.out().accepted(3, 1);
  it.way.out().must_wait(1);
  it.way.out().end_after(2, std::nullopt, 2);
  EXPECT_EQ(it.way.out().waiting().size(), 2u);
  it.way.out().accepted(2, 2);
  EXPECT_EQ(fates_of(it.transcript, 1), "full, delivered 5");
  EXPECT_EQ(fates_of(it.transcript, 2), "full, cut");
  EXPECT_FALSE(it.way.end_due());
}

TEST(Direction, AHoldAndAnotherOrderActOnTheSameRecord) {
  OneWay it;
  it.way.order({.deed = Deed::hold}, "hold");
  it.way.order({.deed = Deed::alter, .level = 2}, "alter");
  it.way.arrive(plain_alert(), 1);
  EXPECT_EQ(it.last().fate, "replaced");
  EXPECT_EQ(it.take(), "");
  it.way.release(2);
  EXPECT_EQ(it.take(), std::string("\x15\x03\x03\x00\x02\x02\x00", 7));
  EXPECT_TRUE(it.last().made);
  EXPECT_EQ(it.last().of, 1);
  EXPECT_EQ(it.last().fate, "delivered");
  EXPECT_THAT(it.way.orders_left(), testing::IsEmpty());
}

TEST(Direction, AnOrderActsOnceAndOnMatchingRecordsOnly) {
  OneWay it;
  it.way.order({.deed = Deed::drop, .what = {RecordPattern::Kind::close_notify, {}}}, "drop");
  const std::string fatal("\x15\x03\x03\x00\x02\x02\x28", 7);
  it.way.arrive(fatal + plain_alert() + plain_alert(), 1);
  EXPECT_EQ(it.take(), fatal + plain_alert());
}

TEST(Direction, GarbageNeverDoesHarm) {
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    for (std::size_t i = random() % 200; i > 0; --i)
      bytes += static_cast<char>(random() % 4 ? 20 + random() % 5 : random() % 2 ? 3 : random());
    fuzz_direction({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  }
}

}  // namespace
}  // namespace tlsbye
