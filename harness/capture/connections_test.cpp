#include "harness/capture/connections.h"

#include <gtest/gtest.h>

#include "harness/capture/packets_for_test.h"

namespace tlsbye {
namespace {

constexpr Talker opener = Talker::opener, other = Talker::other;

std::string all_told(Talk& talk) {
  const auto all = talk.take();
  EXPECT_EQ(all.size(), 1U);
  return all.empty() ? "" : story(all.front());
}

TEST(Connections, BothSidesAndTheirEndsAreToldInOrder) {
  Talk talk;
  talk.open().says(opener, "ask").says(other, "answer").fin(other).says(opener, "thanks").fin(opener);
  const auto all = talk.take();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_TRUE(all[0].from_the_beginning);
  EXPECT_EQ(story(all[0]), "opener ask, other answer, other fin, opener thanks, opener fin");
}

TEST(Connections, WhatIsRepeatedIsToldOnce) {
  Talk talk;
  talk.open().says(opener, "abc").repeats(opener, 3, "abc").says(opener, "def").repeats(opener, 4, "cdef");
  talk.fin(opener, "g").segment(opener, talk.next(opener) - 2, "g", {.fin = true}).flags(other, {});
  EXPECT_EQ(all_told(talk), "opener abc, opener def, opener g, opener fin");
}

TEST(Connections, WhatComesOutOfOrderIsPutInOrderAndTheEndStandsBehindIt) {
  Talk talk;
  talk.open().loses(opener, "abc").fin(opener, "ghi");
  const std::uint32_t end = talk.next(opener);
  talk.segment(opener, end - 7, "abc", {});
  EXPECT_EQ(all_told(talk), "opener abc, opener ghi, opener fin");
}

TEST(Connections, WhatWasNeverCapturedIsMissingAtItsPlace) {
  Talk talk;
  talk.open().says(opener, "abc").loses(opener, "defg").says(opener, "hi").fin(opener);
  EXPECT_EQ(all_told(talk), "opener abc, opener missing 4, opener hi, opener fin");
}

TEST(Connections, WhatASnapLengthCutOffIsMissing) {
  Talk talk;
  talk.open().segment(opener, talk.next(opener), "ab", {.fin = true}, 10);
  EXPECT_EQ(all_told(talk), "opener ab, opener missing 10, opener fin");
}

TEST(Connections, WhatIsMissingBeforeAnEndIsMissing) {
  Talk talk;
  talk.open().loses(other, "12345").fin(other);
  EXPECT_EQ(all_told(talk), "other missing 5, other fin");
}

TEST(Connections, WhatTheOtherSideAcknowledgedWasSent) {
  Talk talk;
  talk.open().says(opener, "abc").loses(opener, "def").flags(other, {});
  EXPECT_EQ(all_told(talk), "opener abc, opener missing 3");
}

TEST(Connections, AResetCountsWhatItLeftWithoutAcknowledgement) {
  Talk talk;
  talk.open().says(other, "one").acknowledges_no_more(other).says(other, "two").reset(opener).reset(opener);
  EXPECT_EQ(all_told(talk), "other one, other two, opener reset over 3");
}

TEST(Connections, ThatBeganBeforeTheCaptureAreToldFromTheirFirstSegment) {
  Talk talk;
  talk.says(other, "midst").says(opener, "more").fin(other);
  const auto all = talk.take();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_FALSE(all[0].from_the_beginning);
  EXPECT_EQ(all[0].other.port, 443);  // the smaller port number is taken for the one that was called
  EXPECT_EQ(story(all[0]), "other midst, opener more, other fin");
}

TEST(Connections, TheSameTwoEndsMayConnectAgain) {
  Talk talk;
  talk.open().says(opener, "a").fin(opener).fin(other);
  talk.next(opener) = 7'000'000;
  talk.next(other) = 8'000'000;
  talk.open().says(other, "b");
  const auto all = talk.take();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(story(all[0]), "opener a, opener fin, other fin");
  EXPECT_EQ(story(all[1]), "other b");
}

TEST(Connections, ARepeatedSynBeginsNone) {
  Talk talk;
  talk.flags(opener, {.syn = true, .ack = false}).open().says(opener, "a");
  EXPECT_EQ(all_told(talk), "opener a");
}

TEST(Connections, ThatWereRefusedAreToldSo) {
  Talk talk;
  talk.flags(opener, {.syn = true, .ack = false}).reset(other);
  EXPECT_TRUE(talk.take().front().refused);
}

TEST(Connections, SequenceNumbersBeginAnewBehindTheLargest) {
  Talk talk(0xfffffffe, 0xffffffff);
  const std::string much(70'000, 'x');
  talk.open().says(opener, "abc").says(opener, "def").says(other, much).loses(other, "12").says(other, "end");
  EXPECT_EQ(all_told(talk), "opener abc, opener def, other " + much + ", other missing 2, other end");
}

}  // namespace
}  // namespace tlsbye
