// Record protection with AES-128, and the key schedule as far as the wire needs it: from a traffic secret (TLS 1.3) or a master secret
// (TLS 1.2 and before) to keys. Cryptography is OpenSSL's; the suites are TLS_AES_128_GCM_SHA256, for TLS 1.2 ECDHE-*-AES128-GCM-SHA256,
// and before that TLS_ECDHE_*_WITH_AES_128_CBC_SHA with the MAC under the encryption.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "peers/protocol/words.h"

struct evp_cipher_ctx_st;

namespace tlsbye {

using Random = std::array<unsigned char, 32>;        // of a hello
using Secret = std::array<unsigned char, 32>;        // a traffic secret of TLS 1.3
using MasterSecret = std::array<unsigned char, 48>;  // of TLS 1.2 and before
using Block = std::array<unsigned char, 16>;         // of AES

// The version of a record's header is 3 and this (RFC 8446 5.1).
std::uint8_t minor_version(Tls tls);

// What protects one direction for one epoch with GCM. TLS 1.2 uses the first 4 bytes of `iv` (RFC 5288 3: the rest of the nonce is in the
// record).
struct TrafficKey {
  std::array<unsigned char, 16> key{};
  std::array<unsigned char, 12> iv{};
  friend bool operator==(const TrafficKey&, const TrafficKey&) = default;
};

// The same with CBC and HMAC-SHA1. TLS 1.0 begins with that IV (RFC 2246 6.3); TLS 1.1 has no use for it, each record brings its own.
struct CbcKey {
  std::array<unsigned char, 16> key{};
  Block iv{};
  std::array<unsigned char, 20> mac{};
  friend bool operator==(const CbcKey&, const CbcKey&) = default;
};
using WriteKey = std::variant<TrafficKey, CbcKey>;

// HKDF-Expand-Label with SHA-256 and an empty context (RFC 8446 7.1); `label` without "tls13 ", `into` at most 32 bytes.
void hkdf_expand_label(const Secret& secret, std::string_view label, std::span<unsigned char> into);
// The key and IV of a traffic secret (RFC 8446 7.3), and the secret after a KeyUpdate (RFC 8446 7.2).
TrafficKey traffic_key(const Secret& secret);
Secret next_secret(const Secret& secret);

// PRF with SHA-256 (RFC 5246 5).
void prf_sha256(std::span<const unsigned char> secret, std::string_view label, std::string_view seed, std::span<unsigned char> into);
// PRF with MD5 and SHA-1, of TLS 1.0 and 1.1 (RFC 2246 5).
void prf_md5_sha1(std::span<const unsigned char> secret, std::string_view label, std::string_view seed, std::span<unsigned char> into);
// Both write keys of a connection before TLS 1.3, with the suites above (RFC 5246 6.3, RFC 5288 3, RFC 2246 6.3).
struct KeyBlock {
  WriteKey client, server;
};
KeyBlock key_block(Tls tls, const MasterSecret& master, const Random& client, const Random& server);

// What a protected record held.
struct Plaintext {
  std::uint8_t type = 0;
  std::string content;
  std::size_t padding = 0;  // bytes of zero behind the inner type, TLS 1.3
};

// Which record of its key a record is.
struct Place {
  std::uint64_t sequence = 0;
  std::optional<Block> before = {};  // TLS 1.0: the last block of the record before it, its IV (RFC 2246 6.2.3.2); none: it is the first
  friend bool operator==(const Place&, const Place&) = default;
};

// One key at work. Places are the caller's: the wire receives at one and sends at another.
class RecordProtection {
 public:
  RecordProtection(Tls tls, const WriteKey& key) : tls_(tls), key_(key) {}

  // Opens a whole record, header included. nullopt: too short, not authentic, or TLS 1.3 without an inner type.
  std::optional<Plaintext> open(std::string_view record, const Place& place);

  // Appends a record with `content` to `to`. TLS 1.2 sends the sequence number as its explicit nonce, TLS 1.1 as its IV; before TLS 1.3
  // there is no `padding` but what a block needs.
  void seal(std::string& to, std::uint8_t type, std::string_view content, const Place& place, std::size_t padding = 0);

 private:
  std::optional<Plaintext> open_gcm(const TrafficKey& key, std::string_view record, std::uint64_t sequence);
  std::optional<Plaintext> open_cbc(const CbcKey& key, std::string_view record, const Place& place);
  void seal_gcm(const TrafficKey& key, std::string& to, std::uint8_t type, std::string_view content, std::uint64_t sequence,
                std::size_t padding);
  void seal_cbc(const CbcKey& key, std::string& to, std::uint8_t type, std::string_view content, const Place& place);

  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  using Context = std::unique_ptr<evp_cipher_ctx_st, Free>;
  Context make_context(bool sealing) const;

  Tls tls_;
  WriteKey key_;
  Context opening_, sealing_;  // made at first use: most epochs are opened only
};

}  // namespace tlsbye
