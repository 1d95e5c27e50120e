// Capture files, block by block. That tshark reads in them what the wire told is tested by harness/e2e/capture_test.py.
#include "reports/pcapng.h"

#include <gmock/gmock.h>

#include <cctype>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "reports/golden.h"

namespace tlsbye {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using SightKind = Capture::Sight::Kind;

const std::string replay = "half-close/a:gnutls@3.7.9:server:1.3:blocking:openssl@3.0.17";

Transcript sample(Role subject) {
  Transcript transcript({"half-close/a", "gnutls", "3.7.9", "openssl", "3.0.17", subject, Tls::v1_3, Io::blocking});
  transcript.script = {"both     handshake", "subject  close"};
  return transcript;
}

Capture sample_capture() {
  Capture capture;
  capture.add(SightKind::transport, Side::subject, 0);
  capture.add_data(Side::partner, 1, "hello");
  capture.add_data(Side::subject, 1, "hello yourself");
  capture.add_data(Side::subject, 2, "bye");
  capture.add(SightKind::fin, Side::subject, 2);
  capture.add(SightKind::reset, Side::partner, 0);
  capture.add(SightKind::transport, Side::subject, 0);
  capture.add_data(Side::partner, 0, "again");
  capture.add_key("CLIENT_RANDOM 00 11");
  capture.add_key("CLIENT_TRAFFIC_KEY 00 22");
  capture.add_key("CLIENT_RANDOM 00 11");
  return capture;
}

std::uint32_t little(std::string_view bytes, std::size_t at, std::size_t size = 4) {
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes.at(at + i));
  return value;
}
std::uint32_t big(std::string_view bytes, std::size_t at, std::size_t size = 4) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(bytes.at(at + i));
  return value;
}

struct Block {
  std::uint32_t type;
  std::string_view body;
};

std::vector<Block> blocks(std::string_view file) {
  std::vector<Block> all;
  while (!file.empty()) {
    const std::uint32_t size = little(file, 4);
    EXPECT_EQ(size % 4, 0u);
    EXPECT_EQ(little(file, size - 4), size) << "the size stands at both ends of a block";
    all.push_back({little(file, 0), file.substr(8, size - 12)});
    file.remove_prefix(size);
  }
  return all;
}

// What an IP packet says, with both checksums tried.
struct Packet {
  std::uint32_t from, to, from_port, to_port, seq, ack, flags;
  std::string_view data;
};

std::uint32_t folded_sum(std::string_view bytes, std::uint32_t sum) {
  for (std::size_t at = 0; at < bytes.size(); at += 2) sum += at + 1 < bytes.size() ? big(bytes, at, 2) : big(bytes, at, 1) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

std::vector<Packet> packets(std::string_view file) {
  std::vector<Packet> all;
  for (const Block& block : blocks(file)) {
    if (block.type != 6) continue;
    const std::string_view ip = block.body.substr(20, little(block.body, 12)), tcp = ip.substr(20);
    EXPECT_EQ(big(ip, 2, 2), ip.size());
    EXPECT_EQ(folded_sum(ip.substr(0, 20), 0), 0xffffu) << "IP checksum of packet " << all.size();
    const auto pseudo = folded_sum(ip.substr(12, 8), static_cast<std::uint32_t>(6 + tcp.size()));
    EXPECT_EQ(folded_sum(tcp, pseudo), 0xffffu) << "TCP checksum of packet " << all.size();
    all.push_back({big(ip, 12), big(ip, 16), big(tcp, 0, 2), big(tcp, 2, 2), big(tcp, 4), big(tcp, 8), big(tcp, 13, 1),
                   tcp.substr(big(tcp, 12, 1) / 16 * 4)});
  }
  return all;
}

constexpr std::uint32_t fin = 1, syn = 2, rst = 4, psh = 8, ack = 16;

TEST(Pcapng, IsAsItAlwaysWas) { expect_golden("capture.pcapng", pcapng(replay, sample(Role::server), sample_capture())); }

TEST(Pcapng, BeginsWithSectionInterfaceAndSecretsAndHoldsPacketsFromThereOn) {
  std::vector<std::uint32_t> types;
  for (const Block& block : blocks(pcapng(replay, sample(Role::server), sample_capture()))) types.push_back(block.type);
  ASSERT_GT(types.size(), 3u);
  EXPECT_THAT(std::vector(types.begin(), types.begin() + 3), ElementsAre(0x0a0d0d0a, 1, 0x0a));
  EXPECT_THAT(std::vector(types.begin() + 3, types.end()), AllOf(SizeIs(3 + 5 + 3 + 1), Each(6u)));
}

TEST(Pcapng, TheCommentOfTheSectionNamesTheRunAndTheCommandThatShowsItAgain) {
  const std::string file = pcapng(replay, sample(Role::server), sample_capture());
  EXPECT_THAT(std::string(blocks(file)[0].body), AllOf(HasSubstr(replay + "\n"), HasSubstr("tlsbye replay '" + replay + "'")));
}

TEST(Pcapng, TheSecretsAreAKeyLogOfTheLinesThatWiresharkReadsEachOnce) {
  const std::string file = pcapng(replay, sample(Role::server), sample_capture());
  const std::string_view secrets = blocks(file)[2].body;
  EXPECT_EQ(little(secrets, 0), 0x544c534bu);
  EXPECT_EQ(secrets.substr(8, little(secrets, 4)), "CLIENT_RANDOM 00 11\n");
}

TEST(Pcapng, WithoutSuchLinesThereAreNoSecretsAndTheCommentSaysSo) {
  Capture capture = sample_capture();
  capture.key_log = {"SERVER_TRAFFIC_KEY 00 22"};
  const std::string bare = pcapng(replay, sample(Role::server), capture);
  EXPECT_EQ(blocks(bare)[2].type, 6u);
  EXPECT_THAT(std::string(blocks(bare)[0].body), HasSubstr("bare traffic keys"));
  capture.key_log.clear();
  EXPECT_THAT(std::string(blocks(pcapng(replay, sample(Role::server), capture))[0].body), HasSubstr("No peer told any secret"));
}

TEST(Pcapng, TheClientConnectsToPort443WhoeverIsTheSubject) {
  for (const Role role : {Role::client, Role::server}) {
    const std::string file = pcapng(replay, sample(role), sample_capture());
    const std::vector<Packet> all = packets(file);
    EXPECT_EQ(all[0].flags, syn);
    EXPECT_EQ(all[1].flags, syn | ack);
    EXPECT_EQ(all[2].flags, ack);
    EXPECT_EQ(all[0].to_port, 443u);
    EXPECT_EQ(all[0].from & 0xff, role == Role::client ? 1u : 2u) << "the subject's address ends in 1";
  }
}

TEST(Pcapng, NumbersFollowTheBytesOfBothSides) {
  const std::string file = pcapng(replay, sample(Role::server), sample_capture());
  const std::vector<Packet> all = packets(file);
  const std::uint32_t client = all[0].seq, server = all[1].seq;
  const auto expect = [&](std::size_t at, std::uint32_t flags, std::uint32_t seq, std::uint32_t acked, std::string_view data) {
    EXPECT_EQ(all[at].flags, flags) << at;
    EXPECT_EQ(all[at].seq, seq) << at;
    EXPECT_EQ(all[at].ack, acked) << at;
    EXPECT_EQ(all[at].data, data) << at;
  };
  expect(1, syn | ack, server, client + 1, "");
  expect(2, ack, client + 1, server + 1, "");
  expect(3, psh | ack, client + 1, server + 1, "hello");
  expect(4, psh | ack, server + 1, client + 6, "hello yourself");
  expect(5, psh | ack, server + 15, client + 6, "bye");
  expect(6, fin | ack, server + 18, client + 6, "");
  expect(7, rst | ack, client + 6, server + 19, "");
  expect(8, syn, all[8].seq, 0, "");
  EXPECT_NE(all[8].from_port, all[0].from_port) << "another transport is another connection";
}

TEST(Pcapng, AnEndThatCameBeforeIsNotShownTwice) {
  Capture capture;
  capture.add(SightKind::transport, Side::subject, 0);
  capture.add(SightKind::fin, Side::partner, 1);
  capture.add(SightKind::fin, Side::partner, 1);
  EXPECT_THAT(packets(pcapng(replay, sample(Role::client), capture)), SizeIs(4));
}

TEST(Pcapng, WhatIsTooLongForAPacketGoesInSeveral) {
  Capture capture;
  capture.add(SightKind::transport, Side::subject, 0);
  std::string much(200'000, 'x');
  much.back() = 'y';
  capture.add_data(Side::partner, 1, much);
  capture.add_data(Side::subject, 1, "short");
  const std::string file = pcapng(replay, sample(Role::client), capture);
  std::string got;
  for (const Packet& packet : packets(file))
    if ((packet.from & 0xff) == 2) got += packet.data;
  EXPECT_TRUE(got == much);
  EXPECT_EQ(packets(file).back().data, "short");
}

TEST(Pcapng, TheFirstPacketOfAScriptLineHasTheLineForACommentAndAllSayTheirDirection) {
  const std::string file = pcapng(replay, sample(Role::server), sample_capture());
  std::vector<std::string> comments;
  std::vector<std::uint32_t> directions;
  for (const Block& block : blocks(file)) {
    if (block.type != 6) continue;
    std::string comment;
    std::string_view options = block.body.substr(20 + (little(block.body, 12) + 3) / 4 * 4);
    for (; little(options, 0, 2) != 0; options.remove_prefix(4 + (little(options, 2, 2) + 3) / 4 * 4)) {
      if (little(options, 0, 2) == 1) comment = options.substr(4, little(options, 2, 2));
      if (little(options, 0, 2) == 2) directions.push_back(little(options, 4));
    }
    comments.push_back(comment);
  }
  EXPECT_THAT(comments, ElementsAre("before the script", "", "", "line 1: both     handshake", "", "line 2: subject  close", "",
                                    "after the script", "", "", "", ""));
  EXPECT_THAT(directions, ElementsAre(1, 2, 1, 1, 2, 2, 2, 1, 1, 2, 1, 1)) << "1 into the subject, 2 out of it";
}

TEST(Pcapng, RunsDifferInTheirAddressesSoThatTheirCapturesCanBeMerged) {
  const std::string one = pcapng(replay, sample(Role::client), sample_capture()),
                    other = pcapng(replay + "+send2=EAGAIN", sample(Role::client), sample_capture());
  EXPECT_NE(packets(one)[0].from, packets(other)[0].from);
}

TEST(CaptureName, IsTheReplayIdInCharactersThatEveryFileSystemTakes) {
  EXPECT_EQ(capture_name(replay), "half-close+a~gnutls@3.7.9~server~1.3~blocking~openssl@3.0.17");
  EXPECT_EQ(capture_name(replay + "+send2=EAGAIN"), capture_name(replay) + "+send2=EAGAIN");
}

TEST(CaptureName, IsNotThatOfAnotherIdWhateverTheIdHolds) {
  const std::string parts = ":server:1.3:blocking:openssl@3.0.17";
  std::vector<std::string> ids{"a/b:c@1" + parts,
                               "a+b:c@1" + parts,
                               "a~b:c@1" + parts,
                               "a/b~c@1" + parts,
                               "a/b:c@1x" + parts,
                               "a/b:c@1X" + parts,
                               "a/B:c@1x" + parts,
                               "a/b:c@1%2b" + parts,
                               "a*b" + parts,
                               "a?b" + parts,
                               "a|b" + parts,
                               "a\"b" + parts,
                               "a<b" + parts,
                               "../../b" + parts,
                               "a\nb" + parts,
                               std::string(400, 'a') + "1" + parts,
                               std::string(400, 'a') + "2" + parts};
  std::set<std::string> names;
  for (const std::string& id : ids) {
    std::string name = capture_name(id);
    EXPECT_LE(name.size(), 120u);
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-,@+=%~"), std::string::npos) << name;
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

}  // namespace
}  // namespace tlsbye
