#include "harness/wire/protection.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tlsbye {
namespace {

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

template <typename Bytes>
Bytes array_of(std::string_view hex) {
  Bytes bytes;
  const std::string text = from_hex(hex);
  EXPECT_EQ(text.size(), bytes.size());
  std::copy_n(text.begin(), bytes.size(), bytes.begin());
  return bytes;
}

// Secrets, keys and records of RFC 8448 3, the simple 1-RTT handshake.
Secret secret_of(std::string_view hex) {
  const std::string bytes = from_hex(hex);
  return {bytes.begin(), bytes.end()};
}
const Suite suite = *find_suite(0, Tls::v1_3);
const auto client_secret = secret_of("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
const auto server_secret = secret_of("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643");
constexpr std::string_view client_alert = "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3";
constexpr std::string_view server_alert = "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9";

TEST(Protection, TrafficKeysAreThoseOfRfc8448) {
  const WriteKey client = traffic_key(suite, client_secret), server = traffic_key(suite, server_secret);
  EXPECT_EQ(client.key, secret_of("17422dda596ed5d9acd890e3c63f5051"));
  EXPECT_EQ(client.iv, secret_of("5b78923dee08579033e523d9"));
  EXPECT_EQ(server.key, secret_of("9f02283b6c9c07efc26bb9f2ac92e356"));
  EXPECT_EQ(server.iv, secret_of("cf782b88dd83549aadf1e984"));
  const WriteKey handshake = traffic_key(suite, secret_of("b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"));
  EXPECT_EQ(handshake.key, secret_of("dbfaa693d1762c5b666af5d950258d01"));
}

TEST(Protection, TheCloseNotifiesOfRfc8448AreOpened) {
  RecordProtection client(Tls::v1_3, traffic_key(suite, client_secret)), server(Tls::v1_3, traffic_key(suite, server_secret));
  const auto from_client = client.open(from_hex(client_alert), {1});
  ASSERT_TRUE(from_client);
  EXPECT_EQ(from_client->type, 21);
  EXPECT_EQ(from_client->content, std::string("\x01\x00", 2));
  const auto from_server = server.open(from_hex(server_alert), {2});
  ASSERT_TRUE(from_server);
  EXPECT_EQ(from_server->content, std::string("\x01\x00", 2));
  EXPECT_FALSE(client.open(from_hex(client_alert), {2}));
  EXPECT_FALSE(server.open(from_hex(client_alert), {1}));
}

TEST(Protection, TheCloseNotifyOfRfc8448IsSealedByteForByte) {
  RecordProtection client(Tls::v1_3, traffic_key(suite, client_secret));
  std::string sealed;
  client.seal(sealed, 21, {"\x01\x00", 2}, {1});
  EXPECT_EQ(sealed, from_hex(client_alert));
}

TEST(Protection, ThePrfIsTheOneThatEveryTls12StackUses) {
  // The test vector of the IETF TLS mailing list for P_SHA256.
  const auto secret = array_of<std::array<unsigned char, 16>>("9bbe436ba940f017b17652849a71db35");
  std::array<unsigned char, 100> out;
  prf(Suite::Hash::sha256, secret, "test label", from_hex("a0ba9f936cda311827a6f796ffd5198c"), out);
  EXPECT_EQ(std::string(out.begin(), out.begin() + 32), from_hex("e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a"));
  EXPECT_EQ(std::string(out.end() - 4, out.end()), from_hex("87347b66"));
}

TEST(Protection, ThePrfIsTheOneOfTls10Too) {
  // The test vector of the IETF TLS mailing list for MD5 and SHA-1.
  const std::vector<unsigned char> secret(48, 0xab);
  std::array<unsigned char, 104> out;
  prf_md5_sha1(secret, "PRF Testvector", std::string(64, '\xcd'), out);
  EXPECT_EQ(std::string(out.begin(), out.begin() + 32), from_hex("d3d4d1e349b5d515044666d51de32bab258cb521b6b053463e354832fd976754"));
  EXPECT_EQ(std::string(out.end() - 4, out.end()), from_hex("a8c9a013"));
}

WriteKey cbc_key() { return {*find_suite(0, Tls::v1_0), Secret(16, 1), Secret(16, 2), Secret(20, 3)}; }

TEST(Protection, ARecordWithAMacIsOpenedAtItsPlaceOnly) {
  for (const Tls tls : {Tls::v1_0, Tls::v1_1}) {
    const bool chained = tls == Tls::v1_0;
    RecordProtection keys(tls, cbc_key());
    for (std::size_t size = 0; size < 40; ++size) {
      Place place{0x1'0000'0001, Block{7}};
      std::string sealed = "before";
      keys.seal(sealed, 23, std::string(size, 'x'), place);
      sealed.erase(0, 6);
      EXPECT_EQ(sealed.size(), 5 + (chained ? 0 : 16) + (size + 20) / 16 * 16 + 16);
      EXPECT_EQ(sealed.substr(0, 3), chained ? "\x17\x03\x01" : "\x17\x03\x02");
      const auto opened = keys.open(sealed, place);
      ASSERT_TRUE(opened);
      EXPECT_EQ(opened->type, 23);
      EXPECT_EQ(opened->content, std::string(size, 'x'));
      for (std::size_t i = 0; i < sealed.size(); ++i) {
        if (i == 3 || i == 4) continue;  // the length is that of the bytes given
        std::string flipped = sealed;
        flipped[i] ^= 1;
        EXPECT_FALSE(keys.open(flipped, place)) << i;
      }
      for (std::size_t part = 0; part < sealed.size(); ++part) EXPECT_FALSE(keys.open(sealed.substr(0, part), place));
      EXPECT_FALSE(keys.open(sealed, {place.sequence + 1, place.before}));
      EXPECT_EQ(keys.open(sealed, {place.sequence, std::nullopt}).has_value(), !chained);
    }
  }
}

TEST(Protection, TheFirstRecordOfTls10TakesTheIvOfItsKey) {
  RecordProtection keys(Tls::v1_0, cbc_key());
  std::string first, same;
  keys.seal(first, 21, "ab", {});
  Block iv;
  iv.fill(2);
  keys.seal(same, 21, "ab", {0, iv});
  EXPECT_EQ(first, same);
}

TEST(Protection, WhatIsSealedIsOpenedUnderItsSequenceNumberOnly) {
  for (const Tls tls : {Tls::v1_2, Tls::v1_3}) {
    RecordProtection keys(tls, traffic_key(suite, client_secret));
    const std::uint64_t late = 0x1'0000'0001;
    std::string sealed = "before";
    keys.seal(sealed, 23, "content", {late}, tls == Tls::v1_3 ? 9 : 0);
    ASSERT_TRUE(sealed.starts_with("before"));
    sealed.erase(0, 6);
    const auto opened = keys.open(sealed, {late});
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->type, 23);
    EXPECT_EQ(opened->content, "content");
    EXPECT_EQ(opened->padding, tls == Tls::v1_3 ? 9u : 0u);
    EXPECT_FALSE(keys.open(sealed, {late + 1}));
    for (std::size_t i = 0; i < sealed.size(); ++i) {
      if (tls == Tls::v1_2 && (i == 3 || i == 4)) continue;  // the length is that of the bytes given
      std::string flipped = sealed;
      flipped[i] ^= 1;
      EXPECT_FALSE(keys.open(flipped, {late})) << i;
    }
    for (std::size_t size = 0; size < sealed.size(); ++size) EXPECT_FALSE(keys.open(sealed.substr(0, size), {late}));
  }
}

TEST(Protection, EmptyContentHasALengthOfZero) {
  for (const Tls tls : {Tls::v1_2, Tls::v1_3}) {
    RecordProtection keys(tls, traffic_key(suite, client_secret));
    std::string sealed;
    keys.seal(sealed, 21, "", {});
    const auto opened = keys.open(sealed, {});
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->content, "");
    EXPECT_EQ(opened->type, 21);
  }
}

}  // namespace
}  // namespace tlsbye
