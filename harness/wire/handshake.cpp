#include "harness/wire/handshake.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tlsbye {
namespace {

constexpr std::size_t message_header = 4;  // type and three bytes of length

// Extensions of hellos (RFC 7366 2; RFC 5077 3.2; RFC 8446 4.2.1, 4.2.10, 4.2.11), and what supported_versions calls TLS 1.3.
constexpr std::size_t encrypt_then_mac = 22, session_ticket = 35, pre_shared_key = 41, early_data = 42, supported_versions = 43;
constexpr std::size_t version_1_3 = 0x0304;

// Where a HelloRetryRequest has its random: SHA-256 of "HelloRetryRequest" (RFC 8446 4.1.3), of which the beginning says enough.
constexpr std::string_view retry_random = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91";

std::size_t number(std::string_view bytes) {
  std::size_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

// Takes a vector with a length of `length_bytes` off the front; false where it is not whole.
bool take_vector(std::string_view& from, std::size_t length_bytes, std::string_view& vector) {
  if (from.size() < length_bytes) return false;
  const std::size_t size = number(from.substr(0, length_bytes));
  from.remove_prefix(length_bytes);
  if (from.size() < size) return false;
  vector = from.substr(0, size);
  from.remove_prefix(size);
  return true;
}

// Calls `take` with the type and the content of each extension that is whole.
template <typename Take>
void each_extension(std::string_view extensions, Take take) {
  std::string_view content;
  while (extensions.size() >= 4) {
    const std::size_t type = number(extensions.substr(0, 2));
    extensions.remove_prefix(2);
    if (!take_vector(extensions, 2, content)) break;
    take(type, content);
  }
}

Random random_of(std::string_view body) {
  Random random;
  std::transform(body.begin() + 2, body.begin() + 34, random.begin(), [](char byte) { return static_cast<unsigned char>(byte); });
  return random;
}

}  // namespace

std::string handshake_name(std::uint8_t type) {
  constexpr std::array<std::pair<std::uint8_t, std::string_view>, 15> names{{{0, "HelloRequest"},
                                                                             {1, "ClientHello"},
                                                                             {2, "ServerHello"},
                                                                             {4, "NewSessionTicket"},
                                                                             {5, "EndOfEarlyData"},
                                                                             {8, "EncryptedExtensions"},
                                                                             {11, "Certificate"},
                                                                             {12, "ServerKeyExchange"},
                                                                             {13, "CertificateRequest"},
                                                                             {14, "ServerHelloDone"},
                                                                             {15, "CertificateVerify"},
                                                                             {16, "ClientKeyExchange"},
                                                                             {20, "Finished"},
                                                                             {22, "CertificateStatus"},
                                                                             {24, "KeyUpdate"}}};
  for (const auto& [known, name] : names)
    if (known == type) return std::string(name);
  return "handshake " + std::to_string(type);
}

std::optional<Random> client_random(std::string_view body) {
  if (body.size() < 34) return std::nullopt;
  return random_of(body);
}

std::optional<ServerHello> server_hello(std::string_view body) {
  if (body.size() < 34 || body.substr(2).starts_with(retry_random)) return std::nullopt;
  ServerHello hello{random_of(body), body[1] == 1 ? Tls::v1_0 : body[1] == 2 ? Tls::v1_1 : Tls::v1_2, 0, false};
  body.remove_prefix(34);
  std::string_view session, extensions;
  if (!take_vector(body, 1, session) || body.size() < 3) return hello;
  hello.session = session;
  hello.suite = static_cast<std::uint16_t>(number(body.substr(0, 2)));
  body.remove_prefix(3);  // cipher suite, compression method
  if (!take_vector(body, 2, extensions)) return hello;
  each_extension(extensions, [&](std::size_t type, std::string_view content) {
    if (type == encrypt_then_mac) hello.mac_after = true;
    if (type == supported_versions && number(content) == version_1_3) hello.version = Tls::v1_3;
  });
  return hello;
}

bool offers_session(std::string_view body, const SessionIds& gave) {
  if (body.size() < 34) return false;
  body.remove_prefix(34);  // version, random
  std::string_view session, suites, compression, extensions;
  if (!take_vector(body, 1, session)) return false;
  bool offers = gave.contains(session);
  if (take_vector(body, 2, suites) && take_vector(body, 1, compression) && take_vector(body, 2, extensions))
    each_extension(extensions, [&](std::size_t type, std::string_view content) {
      offers |= type == pre_shared_key || (type == session_ticket && !content.empty());
    });
  return offers;
}

bool offers_early_data(std::string_view body) {
  if (body.size() < 34) return false;
  body.remove_prefix(34);  // version, random
  std::string_view session, suites, compression, extensions;
  bool offers = false;
  if (take_vector(body, 1, session) && take_vector(body, 2, suites) && take_vector(body, 1, compression) &&
      take_vector(body, 2, extensions))
    each_extension(extensions, [&](std::size_t type, std::string_view) { offers |= type == early_data; });
  return offers;
}

bool accepts_early_data(std::string_view body) {
  std::string_view extensions;
  bool accepts = false;
  if (take_vector(body, 2, extensions))
    each_extension(extensions, [&](std::size_t type, std::string_view) { accepts |= type == early_data; });
  return accepts;
}

std::vector<HandshakeReader::Message> HandshakeReader::feed(std::string_view content, std::string& begun) {
  std::vector<Message> ended;
  while (!content.empty()) {
    if (header_.size() < message_header) {
      if (header_.empty()) begun += (begun.empty() ? "" : ",") + handshake_name(static_cast<std::uint8_t>(content[0]));
      const std::size_t size = std::min(content.size(), message_header - header_.size());
      header_ += content.substr(0, size);
      content.remove_prefix(size);
      if (header_.size() < message_header) break;
      body_missing_ = number(std::string_view(header_).substr(1));
    }
    const std::size_t size = std::min(content.size(), body_missing_);
    Message message{static_cast<std::uint8_t>(header_[0]), {}};
    if (message.is(HandshakeType::client_hello) || message.is(HandshakeType::server_hello) ||
        message.is(HandshakeType::encrypted_extensions))
      body_ += content.substr(0, size);
    content.remove_prefix(size);
    body_missing_ -= size;
    if (body_missing_ > 0) break;
    message.body = std::exchange(body_, {});
    ended.push_back(std::move(message));
    header_.clear();
  }
  return ended;
}

}  // namespace tlsbye
