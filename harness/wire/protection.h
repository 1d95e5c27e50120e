// Record protection with AES-128-GCM, and the key schedule as far as the wire needs it: from a traffic secret (TLS 1.3) or a master
// secret (TLS 1.2) to keys. Cryptography is OpenSSL's; the suites are TLS_AES_128_GCM_SHA256 and ECDHE-*-AES128-GCM-SHA256.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "peers/protocol/words.h"

struct evp_cipher_ctx_st;

namespace tlsbye {

using Random = std::array<unsigned char, 32>;        // of a hello
using Secret = std::array<unsigned char, 32>;        // a traffic secret of TLS 1.3
using MasterSecret = std::array<unsigned char, 48>;  // of TLS 1.2

// What protects one direction for one epoch. TLS 1.2 uses the first 4 bytes of `iv` (RFC 5288 3: the rest of the nonce is in the record).
struct TrafficKey {
  std::array<unsigned char, 16> key{};
  std::array<unsigned char, 12> iv{};
  friend bool operator==(const TrafficKey&, const TrafficKey&) = default;
};

// HKDF-Expand-Label with SHA-256 and an empty context (RFC 8446 7.1); `label` without "tls13 ", `into` at most 32 bytes.
void hkdf_expand_label(const Secret& secret, std::string_view label, std::span<unsigned char> into);
// The key and IV of a traffic secret (RFC 8446 7.3), and the secret after a KeyUpdate (RFC 8446 7.2).
TrafficKey traffic_key(const Secret& secret);
Secret next_secret(const Secret& secret);

// PRF with SHA-256 (RFC 5246 5).
void prf_sha256(std::span<const unsigned char> secret, std::string_view label, std::string_view seed, std::span<unsigned char> into);
// Both write keys of a TLS 1.2 connection with an AES-128-GCM suite (RFC 5246 6.3, RFC 5288 3).
struct KeyBlock {
  TrafficKey client, server;
};
KeyBlock key_block(const MasterSecret& master, const Random& client, const Random& server);

// What a protected record held.
struct Opened {
  std::uint8_t type = 0;
  std::string content;
  std::size_t padding = 0;  // bytes of zero behind the inner type, TLS 1.3
};

// One key at work. Sequence numbers are the caller's: the wire receives under one number and sends under another.
class RecordProtection {
 public:
  RecordProtection(Tls tls, const TrafficKey& key) : tls_(tls), key_(key) {}

  // Opens a whole record, header included. nullopt: too short, not authentic, or TLS 1.3 without an inner type.
  std::optional<Opened> open(std::string_view record, std::uint64_t sequence);

  // Appends a record with `content` to `to`. TLS 1.2 sends the sequence number as its explicit nonce.
  void seal(std::string& to, std::uint8_t type, std::string_view content, std::uint64_t sequence, std::size_t padding = 0);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  using Context = std::unique_ptr<evp_cipher_ctx_st, Free>;
  Context make_context(bool sealing) const;

  Tls tls_;
  TrafficKey key_;
  Context opening_, sealing_;  // made at first use: most epochs are opened only
};

}  // namespace tlsbye
