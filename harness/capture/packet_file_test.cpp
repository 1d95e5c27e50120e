#include "harness/capture/packet_file.h"

#include <gtest/gtest.h>

#include <vector>

namespace tlsbye {
namespace {

std::string number(std::uint32_t value, bool big, std::size_t size = 4) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(value >> 8 * (big ? size - 1 - i : i));
  return text;
}

std::string pcap(std::uint32_t magic, bool big, const std::vector<std::string>& packets) {
  std::string file = number(magic, big) + std::string(16, '\0') + number(1, big);
  for (const std::string& packet : packets) {
    const auto size = static_cast<std::uint32_t>(packet.size());
    file += std::string(8, '\0') + number(size, big) + number(size + 3, big);
    if (magic == 0xa1b2cd34) file += std::string(8, '\0');
    file += packet;
  }
  return file;
}

std::string block(std::uint32_t type, std::string body, bool big) {
  body.resize((body.size() + 3) / 4 * 4);
  const std::string size = number(static_cast<std::uint32_t>(body.size() + 12), big);
  return number(type, big) + size + body + size;
}
std::string section(bool big) { return block(0x0a0d0d0a, number(0x1a2b3c4d, big) + number(1, big) + std::string(8, '\xff'), big); }
std::string interface(std::uint32_t link, bool big, std::uint32_t most = 0) {
  return block(1, number(link, big, 2) + number(0, big, 2) + number(most, big), big);
}
std::string enhanced(std::uint32_t on, std::string_view packet, bool big) {
  const auto size = number(static_cast<std::uint32_t>(packet.size()), big);
  return block(6, number(on, big) + std::string(8, '\0') + size + size + std::string(packet), big);
}
std::string secrets(std::string_view text, bool big) {
  return block(10, number(0x544c534b, big) + number(static_cast<std::uint32_t>(text.size()), big) + std::string(text), big);
}

struct Taken {
  PacketFile file;
  std::vector<std::string> packets;
  std::vector<int> links;
};
Taken take(const std::string& file) {
  Taken taken;
  taken.file = read_packets(file, [&](const Packet& packet) {
    EXPECT_EQ(packet.number, taken.packets.size() + 1);
    EXPECT_EQ(file.substr(packet.offset, packet.bytes.size()), packet.bytes);
    taken.packets.emplace_back(packet.bytes);
    taken.links.push_back(packet.link_type);
  });
  return taken;
}

TEST(PacketFile, PcapIsReadInBothByteOrdersAndAllItsKinds) {
  for (const std::uint32_t magic : {0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34})
    for (const bool big : {false, true}) {
      const Taken taken = take(pcap(magic, big, {"first", "", "third"}));
      EXPECT_FALSE(taken.file.error);
      EXPECT_EQ(taken.packets, (std::vector<std::string>{"first", "", "third"}));
      EXPECT_EQ(taken.links, (std::vector<int>{1, 1, 1}));
    }
}

TEST(PacketFile, PcapngHasInterfacesOfItsSectionAndSecrets) {
  for (const bool big : {false, true}) {
    const std::string first = section(big) + interface(1, big) + interface(276, big, 4) + secrets("one line\n", big) +
                              enhanced(1, "ab", big) + enhanced(0, "abcde", big) + block(99, "who knows", big) +
                              block(3, number(3, big) + "xyz", big);
    const std::string second = section(!big) + interface(101, !big) + secrets("another", !big) + enhanced(0, "cd", !big);
    const Taken taken = take(first + second);
    EXPECT_FALSE(taken.file.error) << taken.file.error->what;
    EXPECT_EQ(taken.packets, (std::vector<std::string>{"ab", "abcde", "xyz", "cd"}));
    EXPECT_EQ(taken.links, (std::vector<int>{276, 1, 1, 101}));
    EXPECT_EQ(taken.file.key_log, "one line\n\nanother\n");
  }
}

TEST(PacketFile, WhatCannotBeReadIsToldWithItsPlaceAndWhatStoodBeforeCounts) {
  const std::string whole = pcap(0xa1b2c3d4, false, {"first", "second"});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Taken taken = take(whole.substr(0, size));
    const bool between = size == 24 || size == 45;  // the header alone, or with the first packet
    EXPECT_EQ(taken.file.error.has_value(), !between) << size;
    EXPECT_EQ(taken.packets.size(), size >= 45 ? 1U : 0U);
    EXPECT_TRUE(!taken.file.error || taken.file.error->offset <= size);
  }
  const Taken not_one = take("GET / HTTP/1.0\r\n\r\nand more than a header");
  EXPECT_EQ(not_one.file.error->what, "the file is not a capture: neither pcap nor pcapng");
  EXPECT_EQ(take("").file.error->what, "the file is empty");
}

TEST(PacketFile, ABlockThatLiesAboutItselfEndsTheReading) {
  const std::string head = section(false) + interface(1, false);
  const std::string stray = take(head + enhanced(7, "ab", false)).file.error->what;
  EXPECT_EQ(stray, "a packet of an interface that was not described");
  std::string longer = enhanced(0, "ab", false);
  longer[20] = 9;
  const Taken taken = take(head + longer);
  EXPECT_EQ(taken.file.error->what, "a packet that is longer than its block");
  EXPECT_EQ(taken.file.error->offset, head.size() + 8);
  EXPECT_EQ(take(head + number(6, false) + number(8, false) + number(8, false)).file.error->what, "a block whose length is wrong");
}

}  // namespace
}  // namespace tlsbye
