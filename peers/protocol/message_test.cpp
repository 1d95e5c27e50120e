#include "peers/protocol/message.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <cstring>

#include "peers/protocol/channel.h"
#include "peers/protocol/pattern.h"
#include "peers/protocol/words.h"

namespace tlsbye {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<Line> parsed(std::string_view packet) {
  auto result = parse_message(packet);
  const auto* error = std::get_if<MessageError>(&result);
  EXPECT_EQ(error, nullptr) << (error ? error->problem : "");
  return error ? std::vector<Line>{} : std::get<std::vector<Line>>(result);
}

MessageError refused(std::string_view packet) {
  auto result = parse_message(packet);
  EXPECT_TRUE(std::holds_alternative<MessageError>(result)) << packet;
  const auto* error = std::get_if<MessageError>(&result);
  return error ? *error : MessageError{};
}

TEST(Message, ALineIsAWordAndFields) {
  const auto lines = parsed("open\trole=client\ttls=1.3\nready\n");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], Line("open").with("role", "client").with("tls", "1.3"));
  EXPECT_EQ(lines[1], Line("ready"));
}

TEST(Message, WhateverIsWrittenIsReadBackEqual) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const Line line = Line("raw").with("data", all).with("empty", "").with("result", -1).with("equals", "a=b");
  std::string packet;
  append_line(packet, line);
  EXPECT_THAT(parsed(packet), ElementsAre(line));
  EXPECT_EQ(packet.find('\n'), packet.size() - 1);
}

TEST(Message, BytesOutsidePrintableAsciiAreEscapedInLowerCaseHex) {
  std::string packet;
  append_line(packet, Line("raw").with("data", "a\t\\\xff "));
  EXPECT_EQ(packet, "raw\tdata=a\\x09\\x5c\\xff \n");
}

TEST(Message, AWriterWritesTheLineThatAppendLineWrites) {
  std::string with_writer, with_line;
  LineWriter(with_writer, "io").with("flow", "recv").with("result", -1234567890123).with("words", "x\ty");
  append_line(with_line, Line("io").with("flow", "recv").with("result", -1234567890123).with("words", "x\ty"));
  EXPECT_EQ(with_writer, with_line);
}

TEST(Message, NumbersAreWholeOrNothing) {
  const Line line = Line("plan").with("times", "12").with("minus", "-3").with("words", "3x").with("empty", "");
  EXPECT_EQ(line.number("times"), 12);
  EXPECT_EQ(line.number("minus"), -3);
  EXPECT_EQ(line.number("words"), std::nullopt);
  EXPECT_EQ(line.number("empty"), std::nullopt);
  EXPECT_EQ(line.number("missing"), std::nullopt);
}

TEST(Message, WhatIsNoMessageIsRefusedWithItsPlace) {
  EXPECT_THAT(refused("").problem, HasSubstr("empty"));
  EXPECT_EQ(refused("ready").offset, 5u);
  EXPECT_EQ(refused("ready\n\n").offset, 6u);
  EXPECT_EQ(refused("Ready\n").offset, 0u);
  EXPECT_EQ(refused("io\tflow\n").offset, 3u);
  EXPECT_EQ(refused("io\t=recv\n").offset, 3u);
  EXPECT_EQ(refused("io\ta=1\ta=2\n").offset, 7u);
  EXPECT_EQ(refused("io\ta=\\x4\n").offset, 5u);
  EXPECT_EQ(refused("io\ta=\\x4G\n").offset, 5u);
  EXPECT_EQ(refused("io\ta=x\\xAB\n").offset, 6u);
  EXPECT_EQ(refused("io\ta=\xc3\xa4\n").offset, 5u);
  EXPECT_EQ(refused(std::string_view("\0\n", 2)).offset, 0u);
}

TEST(Words, EveryWordIsReadBackAndNoOtherIs) {
  EXPECT_EQ(spell(Outcome::unsupported), "unsupported");
  EXPECT_EQ(read_word<Outcome>("want-read"), Outcome::want_read);
  EXPECT_EQ(read_word<Call>("close-write"), Call::close_write);
  EXPECT_EQ(read_word<Outcome>("want_read"), std::nullopt);
  EXPECT_EQ(read_word<Outcome>(""), std::nullopt);
  EXPECT_EQ(read_word<Outcome>("don"), std::nullopt);
}

TEST(Pattern, IsTheOneThatTheReadmePromises) {
  for (const std::size_t i : {0u, 1u, 250u, 251u, 5000u, 70001u}) {
    EXPECT_EQ(std::to_integer<unsigned>(pattern_byte(Role::client, i)), (i * 31 + i / 251) % 256);
    EXPECT_EQ(std::to_integer<unsigned>(pattern_byte(Role::server, i)), (i * 37 + i / 241 + 128) % 256);
  }
}

TEST(Channel, APacketArrivesWholeWithItsDescriptor) {
  auto [here, there] = channel_pair();
  auto [passed, kept] = channel_pair();
  ASSERT_TRUE(here.send("open\n", passed.descriptor()));
  std::string packet;
  Descriptor received;
  ASSERT_EQ(there.receive(packet, &received), Channel::Got::packet);
  EXPECT_EQ(packet, "open\n");
  ASSERT_TRUE(received);
  EXPECT_NE(received.get(), passed.descriptor());
  Channel other(std::move(received));
  ASSERT_TRUE(other.send("through the copy\n"));
  ASSERT_EQ(kept.receive(packet), Channel::Got::packet);
  EXPECT_EQ(packet, "through the copy\n");
}

TEST(Channel, TheLargestMessagePassesAndALargerOneIsAnError) {
  auto [here, there] = channel_pair();
  std::string packet;
  ASSERT_TRUE(here.send(std::string(largest_message, 'x')));
  ASSERT_EQ(there.receive(packet), Channel::Got::packet);
  EXPECT_EQ(packet.size(), largest_message);
  ASSERT_TRUE(here.send(std::string(largest_message + 1, 'x')));
  EXPECT_EQ(there.receive(packet), Channel::Got::error);
  EXPECT_EQ(errno, EMSGSIZE);
}

TEST(Channel, TheEndIsTold) {
  auto [here, there] = channel_pair();
  { const Channel gone = std::move(here); }
  std::string packet;
  EXPECT_EQ(there.receive(packet), Channel::Got::end);
  EXPECT_FALSE(there.send("ready\n"));
}

}  // namespace
}  // namespace tlsbye
