#include "harness/wire/key_log.h"

#include <gtest/gtest.h>

namespace tlsbye {
namespace {

const std::string random_hex(64, 'a'), other_hex(64, 'b'), secret_hex(64, '1');

Random random_of(unsigned char byte) {
  Random random;
  random.fill(byte);
  return random;
}

TEST(KeyLog, LinesOfOtherLabelsOrLengthsAreIgnored) {
  EXPECT_TRUE(read_key_log("CLIENT_TRAFFIC_SECRET_0 " + random_hex + " " + secret_hex));
  EXPECT_TRUE(read_key_log("SERVER_TRAFFIC_KEY " + random_hex + " " + std::string(56, 'F') + "\n"));
  EXPECT_FALSE(read_key_log(""));
  EXPECT_FALSE(read_key_log("# comment"));
  EXPECT_FALSE(read_key_log("EXPORTER_SECRET " + random_hex + " " + secret_hex));
  EXPECT_FALSE(read_key_log("CLIENT_TRAFFIC_SECRET_0 " + random_hex));
  EXPECT_FALSE(read_key_log("CLIENT_TRAFFIC_SECRET_0 " + random_hex + " " + secret_hex + "22"));
  EXPECT_TRUE(read_key_log("CLIENT_TRAFFIC_SECRET_0 " + random_hex + " " + std::string(96, '1')));  // a SHA-384 suite's
  EXPECT_FALSE(read_key_log("CLIENT_TRAFFIC_SECRET_0 " + random_hex + " " + std::string(80, '1')));
  EXPECT_FALSE(read_key_log("CLIENT_TRAFFIC_SECRET_0 " + random_hex.substr(1) + "g " + secret_hex));
}

TEST(KeyLog, OnlyLinesOfThisConnectionCount) {
  Secrets secrets(Tls::v1_3);
  EXPECT_TRUE(secrets.learn("CLIENT_TRAFFIC_SECRET_0 " + other_hex + " " + secret_hex));
  EXPECT_TRUE(secrets.learn("SERVER_TRAFFIC_SECRET_0 " + random_hex + " " + secret_hex));
  EXPECT_FALSE(secrets.learn("SERVER_TRAFFIC_SECRET_0 " + random_hex + " " + secret_hex));
  EXPECT_FALSE(secrets.traffic_secret(0, Role::server, Stage::application));  // whose it is was not seen yet
  secrets.saw_client_hello(random_of(0xaa));
  EXPECT_TRUE(secrets.traffic_secret(0, Role::server, Stage::application));
  EXPECT_FALSE(secrets.traffic_secret(0, Role::client, Stage::application));
  EXPECT_FALSE(secrets.learn("CLIENT_TRAFFIC_SECRET_0 " + other_hex + " " + secret_hex));
}

TEST(KeyLog, AMasterSecretNeedsBothHellos) {
  Secrets secrets(Tls::v1_2);
  secrets.learn("CLIENT_RANDOM " + random_hex + " " + std::string(96, '1'));
  secrets.saw_client_hello(random_of(0xaa));
  EXPECT_FALSE(secrets.application_key(0, Role::client));
  secrets.saw_server_hello({random_of(0xcc), Tls::v1_2});
  ASSERT_TRUE(secrets.application_key(0, Role::client));
  EXPECT_NE(secrets.application_key(0, Role::client), secrets.application_key(0, Role::server));
}

TEST(Handshake, MessagesAreFoundHoweverTheyAreCut) {
  const std::string body(300, 'x');
  const std::string stream =
      std::string("\x0b\x00\x01\x2c", 4) + body + std::string("\x0e\x00\x00\x00", 4) + std::string("\x14\x00\x00\x02hi", 6);
  for (const std::size_t step : {1u, 2u, 3u, 7u, 304u, 1000u}) {
    HandshakeReader reader;
    std::string begun;
    std::vector<int> ended;
    for (std::size_t at = 0; at < stream.size(); at += step)
      for (const auto& message : reader.feed(std::string_view(stream).substr(at, step), begun)) ended.push_back(message.type);
    EXPECT_EQ(begun, "Certificate,ServerHelloDone,Finished") << step;
    EXPECT_EQ(ended, (std::vector<int>{11, 14, 20})) << step;
  }
}

TEST(Handshake, AServerHelloSaysItsVersion) {
  std::string body = std::string("\x03\x03", 2) + std::string(32, 's') + std::string("\x00\x13\x01\x00", 4);
  EXPECT_EQ(server_hello(body)->version, Tls::v1_2);
  EXPECT_EQ(server_hello(body + std::string("\x00\x06\x00\x2b\x00\x02\x03\x04", 8))->version, Tls::v1_3);
  for (std::size_t size = 0; size < 34; ++size) EXPECT_FALSE(server_hello(std::string_view(body).substr(0, size)));
  const std::string retry =
      "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";
  EXPECT_FALSE(server_hello(body.replace(2, 32, retry)));
}

// A ClientHello's body with this session id and these extensions.
std::string client_hello(std::string_view id, std::string_view extensions) {
  const auto sized = [](std::size_t bytes, std::string_view vector) {
    std::string out;
    while (bytes-- > 0) out += static_cast<char>(vector.size() >> (8 * bytes));
    return out.append(vector);
  };
  return std::string("\x03\x03", 2) + std::string(32, 'c') + sized(1, id) + sized(2, "\x13\x01") + sized(1, std::string_view("\0", 1)) +
         (extensions.empty() ? "" : sized(2, extensions));
}

TEST(Handshake, AClientHelloOffersASessionByItsIdATicketOrAPreSharedKey) {
  const std::string_view some_name("\0\0\0\x02hi", 6), no_ticket("\0\x23\0\0", 4), a_ticket("\0\x23\0\x03tic", 7);
  const std::string_view can_1_3("\0\x2b\0\x05\x04\x03\x04\x03\x03", 9), can_1_2("\0\x2b\0\x03\x02\x03\x03", 7);
  const std::string_view a_key("\0\x29\0\x03psk", 7);
  const auto all = [](std::initializer_list<std::string_view> extensions) {
    std::string joined;
    for (const std::string_view it : extensions) joined += it;
    return joined;
  };
  const SessionIds gave{"id"};
  EXPECT_TRUE(offers_session(client_hello("id", ""), gave));
  EXPECT_TRUE(offers_session(client_hello("id", all({some_name, can_1_2, no_ticket})), gave));
  EXPECT_TRUE(offers_session(client_hello("", all({some_name, a_ticket})), gave));
  EXPECT_TRUE(offers_session(client_hello("", all({no_ticket, can_1_3, a_key})), gave));
  EXPECT_TRUE(offers_session(client_hello("id", all({can_1_3, a_key})), gave));
  EXPECT_FALSE(offers_session(client_hello("", ""), gave));
  EXPECT_FALSE(offers_session(client_hello("", all({some_name, no_ticket})), gave));
  EXPECT_FALSE(offers_session(client_hello("made up", all({some_name, can_1_3})), gave)) << "for the sake of middleboxes";
  EXPECT_FALSE(offers_session(client_hello("made up", all({some_name, no_ticket})), gave)) << "as Go's crypto/tls sends it";
  const std::string whole = client_hello("", all({a_key}));
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(offers_session(std::string_view(whole).substr(0, size), gave)) << size;
}

}  // namespace
}  // namespace tlsbye
