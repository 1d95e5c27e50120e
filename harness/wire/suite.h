// Cipher suites: what a handshake agreed on, as far as records and keys depend on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "peers/protocol/words.h"

namespace tlsbye {

struct Suite {
  enum class Cipher : std::uint8_t { gcm, chacha20, cbc };  // AES, but for the second
  enum class Hash : std::uint8_t { md5_sha1, sha1, sha256, sha384 };

  std::string_view name;  // "TLS_AES_128_GCM_SHA256"
  Cipher cipher{};
  std::size_t key_bytes = 16;
  Hash hash = Hash::sha256;  // of the key schedule
  Hash mac = Hash::sha1;     // CBC only
  bool mac_after = false;    // CBC only: over what was encrypted (RFC 7366), and not under it
  friend bool operator==(const Suite&, const Suite&) = default;

  std::size_t hash_bytes() const { return bytes_of(hash); }
  std::size_t mac_bytes() const { return cipher == Cipher::cbc ? bytes_of(mac) : 0; }
  static std::size_t bytes_of(Hash hash) { return hash == Hash::sha384 ? 48 : hash == Hash::sha256 ? 32 : 20; }
  // Before TLS 1.3: the smallest payload that a record under its keys can have.
  std::size_t least_payload() const { return cipher == Cipher::chacha20 ? 16 : 24; }
};

// The suite of that number in that version: those with AES-GCM, ChaCha20 and, before TLS 1.3, AES-CBC, whatever the key exchange. 0 is the
// one that the harness's own runs have. nullopt for all others: their records cannot be read.
std::optional<Suite> find_suite(std::uint16_t number, Tls tls, bool mac_after = false);

}  // namespace tlsbye
