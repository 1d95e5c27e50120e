#include "harness/capture/segment.h"

#include <gtest/gtest.h>

#include "harness/capture/packets_for_test.h"

namespace tlsbye {
namespace {

const std::string hello = tcp(50000, 443, 7, 9, {.fin = true}, "hello", 12);

std::string ethernet(std::string_view type, std::string_view packet) {
  return std::string(12, 'm') + std::string(type) + std::string(packet);
}

void expect_hello(int link, const std::string& packet, const std::string& from) {
  const auto segment = read_segment(link, packet);
  ASSERT_TRUE(segment) << link;
  EXPECT_EQ(told(segment->from), from);
  EXPECT_EQ(segment->to.port, 443);
  EXPECT_EQ(segment->sequence, 7U);
  EXPECT_EQ(segment->acknowledged, 9U);
  EXPECT_TRUE(segment->fin && segment->acknowledges && !segment->syn && !segment->reset);
  EXPECT_EQ(segment->data, "hello");
  EXPECT_EQ(segment->unseen, 0U);
}

TEST(Segment, EveryLinkIsReadAndWhatStandsBehindThePacketIsNotOfIt) {
  const std::string of_ipv4 = "\x08", zero(1, '\0'), four = "127.0.0.1:50000";
  const std::string type4 = of_ipv4 + zero, type6 = "\x86\xdd", six = "[::1]:50000";
  const std::string packet = ipv4(hello), longer = packet + "padding";
  expect_hello(1, ethernet(type4, longer), four);
  expect_hello(1, ethernet("\x81" + zero + zero + "\x07" + type4, longer), four);
  expect_hello(1, ethernet("\x88\xa8" + zero + "\x07\x81" + zero + zero + "\x08" + type6, ipv6(hello)), six);
  expect_hello(113, std::string(14, 'c') + type4 + longer, four);
  expect_hello(276, type6 + std::string(18, 'c') + ipv6(hello), six);
  expect_hello(0, "\x02" + std::string(3, '\0') + packet, four);
  expect_hello(108, std::string(3, '\0') + "\x1e" + ipv6(hello), six);
  expect_hello(101, packet, four);
  expect_hello(228, packet, four);
  expect_hello(229, ipv6(hello), six);
}

TEST(Segment, ExtensionHeadersOfIpv6ArePassedOver) {
  const std::string hop_by_hop = std::string("\x06\x01", 2) + std::string(14, '\0');
  expect_hello(101, ipv6(hello, hop_by_hop, 0), "[::1]:50000");
}

TEST(Segment, WhatTheSnapLengthCutOffIsCounted) {
  const std::string packet = ipv4(hello);
  for (std::size_t cut = 0; cut <= 5; ++cut) {
    const auto segment = read_segment(101, std::string_view(packet).substr(0, packet.size() - cut));
    ASSERT_TRUE(segment);
    EXPECT_EQ(segment->data.size(), 5 - cut);
    EXPECT_EQ(segment->unseen, cut);
  }
  // The options are cut off too: all of the data is missing, and no more.
  const auto segment = read_segment(101, std::string_view(packet).substr(0, 36));
  ASSERT_TRUE(segment);
  EXPECT_EQ(segment->data, "");
  EXPECT_EQ(segment->unseen, 5U);
}

TEST(Segment, PacketsOfAnythingElseAndPartsOfHeadersAreNone) {
  const std::string packet = ipv4(hello);
  for (std::size_t size = 0; size < 34; ++size) EXPECT_FALSE(read_segment(101, packet.substr(0, size))) << size;
  std::string other = packet;
  other[9] = 17;  // UDP
  EXPECT_FALSE(read_segment(101, other));
  other = packet;
  other[6] = 0x20;  // a fragment
  EXPECT_FALSE(read_segment(101, other));
  EXPECT_FALSE(read_segment(105, packet));
  EXPECT_FALSE(can_read_link(105));
}

}  // namespace
}  // namespace tlsbye
