#include "harness/wire/direction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "harness/wire/record_fuzz.h"

namespace tlsbye {
namespace {

struct OneWay {
  Transcript transcript;
  Secrets secrets{Tls::v1_3};
  Direction way{Side::subject, Role::client, secrets, transcript};

  const Record& last() const { return *transcript.events().back().as<Record>(); }
  std::string take() {
    std::string bytes(way.outgoing());
    way.accepted(bytes.size(), 1);
    return bytes;
  }
};

std::string plain_alert() { return {"\x15\x03\x03\x00\x02\x01\x00", 7}; }

Statement order(Verb verb) {
  Statement statement;
  statement.verb = verb;
  statement.source = std::string(spell(verb));
  return statement;
}

TEST(Direction, PlainRecordsArePassedAndTold) {
  OneWay it;
  it.way.arrive(plain_alert(), 3);
  EXPECT_EQ(it.take(), plain_alert());
  EXPECT_EQ(it.last().alert, (Alert{1, 0}));
  EXPECT_FALSE(it.last().encrypted);
  EXPECT_FALSE(it.last().is_close_notify());
  EXPECT_EQ(it.transcript.events().back().line, 3);
}

TEST(Direction, WhatTheReceiverDoesNotTakeIsHeldUntilItDoes) {
  OneWay it;
  it.way.arrive(plain_alert(), 1);
  it.way.accepted(3, 1);
  it.way.must_wait();
  EXPECT_EQ(it.last().fate, Fate::held);
  it.way.accepted(4, 2);
  EXPECT_EQ(it.last().fate, Fate::delivered);
  EXPECT_EQ(it.last().of, 1);
}

TEST(Direction, WhatTheReceiverNeverTakesIsDropped) {
  OneWay it;
  it.way.arrive(plain_alert(), 1);
  Content content;
  content.bytes = {1, 0};
  EXPECT_TRUE(it.way.inject(content, 1, 1));
  it.way.receiver_gone();
  EXPECT_EQ(it.transcript.at(1).as<Record>()->fate, Fate::dropped);
  EXPECT_TRUE(it.transcript.at(2).as<Told>());
  EXPECT_FALSE(it.way.inject(content, 1, 1));
  it.way.arrive(plain_alert(), 1);
  EXPECT_EQ(it.last().fate, Fate::dropped);
}

TEST(Direction, TheEndWaitsBehindWhatIsHeld) {
  OneWay it;
  it.way.order(order(Verb::hold));
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
    it.way.end_after(k, End::fin, 1);
    it.way.arrive(plain_alert() + plain_alert() + plain_alert(), 1);
    EXPECT_EQ(it.take(), (plain_alert() + plain_alert()).substr(0, k));
    EXPECT_EQ(it.way.delivered(), k);
    EXPECT_EQ(it.way.outgoing(), "");
    for (int i = 0; i < 3; ++i) {
      const Record& record = *it.transcript.at(i + 1).as<Record>();
      const std::size_t begin = 7u * static_cast<unsigned>(i);
      EXPECT_EQ(record.fate, k > begin ? Fate::passed : Fate::dropped) << k << " " << i;
      EXPECT_EQ(record.truncated_to, k > begin && k < begin + 7 ? k - begin : 0u) << k << " " << i;
    }
    const auto due = it.way.end_due();
    ASSERT_TRUE(due) << k;
    EXPECT_TRUE(due->by_wire && due->how == End::fin);
    EXPECT_FALSE(it.way.inject({}, 1, 1));
    it.way.arrive(plain_alert(), 1);
    it.way.sender_ended(End::reset, 1);
    EXPECT_EQ(it.way.outgoing(), "");
    EXPECT_FALSE(it.way.end_due());
  }
}

TEST(Direction, ALimitHitsWhatTheReceiverHadNotTakenYet) {
  OneWay it;
  it.way.arrive(plain_alert() + plain_alert(), 1);
  it.way.accepted(3, 1);
  it.way.must_wait();
  it.way.end_after(2, std::nullopt, 2);
  EXPECT_EQ(it.way.outgoing().size(), 2u);
  it.way.accepted(2, 2);
  EXPECT_EQ(it.last().fate, Fate::delivered);
  EXPECT_EQ(it.last().truncated_to, 5u);
  EXPECT_EQ(it.last().of, 1);
  EXPECT_EQ(it.transcript.at(2).as<Record>()->fate, Fate::dropped);
  EXPECT_FALSE(it.way.end_due());
}

TEST(Direction, AHoldAndAnotherOrderActOnTheSameRecord) {
  OneWay it;
  Statement alter = order(Verb::alter);
  alter.level = 2;
  it.way.order(order(Verb::hold));
  it.way.order(alter);
  it.way.arrive(plain_alert(), 1);
  EXPECT_EQ(it.last().fate, Fate::replaced);
  EXPECT_EQ(it.take(), "");
  it.way.release(2);
  EXPECT_EQ(it.take(), std::string("\x15\x03\x03\x00\x02\x02\x00", 7));
  EXPECT_EQ(it.last().fate, Fate::injected);
  EXPECT_EQ(it.last().of, 1);
  EXPECT_THAT(it.way.orders_left(), testing::IsEmpty());
}

TEST(Direction, AnOrderActsOnceAndOnMatchingRecordsOnly) {
  OneWay it;
  Statement drop = order(Verb::drop);
  drop.what.kind = RecordPattern::Kind::close_notify;
  it.way.order(drop);
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
