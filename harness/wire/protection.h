// Record protection, and the key schedule as far as the wire needs it: from a traffic secret (TLS 1.3) or a master secret (TLS 1.2 and
// before) to keys. Cryptography is OpenSSL's; the suites are those of suite.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/wire/suite.h"
#include "peers/protocol/words.h"

struct evp_cipher_ctx_st;

namespace tlsbye {

using Random = std::array<unsigned char, 32>;        // of a hello
using Secret = std::vector<unsigned char>;           // a traffic secret of TLS 1.3, as long as its suite's hash
using MasterSecret = std::array<unsigned char, 48>;  // of TLS 1.2 and before
using Block = std::array<unsigned char, 16>;         // of AES

// The version of a record's header is 3 and this (RFC 8446 5.1).
std::uint8_t minor_version(Tls tls);

// What protects one direction for one epoch. Of the IV, TLS 1.2 uses 4 bytes with GCM (RFC 5288 3: the rest of the nonce is in the record)
// and 12 with ChaCha20 (RFC 7905 2). With CBC, TLS 1.0 begins with it (RFC 2246 6.3), and later versions have no use for it: each record
// brings its own.
struct WriteKey {
  Suite suite;
  std::vector<unsigned char> key, iv, mac;  // mac: CBC only
  friend bool operator==(const WriteKey&, const WriteKey&) = default;
};

// HKDF-Expand-Label with an empty context (RFC 8446 7.1); `label` without "tls13 ", `into` at most as long as a hash.
void hkdf_expand_label(Suite::Hash hash, const Secret& secret, std::string_view label, std::span<unsigned char> into);
// The key and IV of a traffic secret (RFC 8446 7.3), and the secret after a KeyUpdate (RFC 8446 7.2).
WriteKey traffic_key(const Suite& suite, const Secret& secret);
Secret next_secret(const Suite& suite, const Secret& secret);

// PRF of TLS 1.2 (RFC 5246 5).
void prf(Suite::Hash hash, std::span<const unsigned char> secret, std::string_view label, std::string_view seed,
         std::span<unsigned char> into);
// PRF with MD5 and SHA-1, of TLS 1.0 and 1.1 (RFC 2246 5).
void prf_md5_sha1(std::span<const unsigned char> secret, std::string_view label, std::string_view seed, std::span<unsigned char> into);
// Both write keys of a connection before TLS 1.3 (RFC 5246 6.3, RFC 5288 3, RFC 7905 2, RFC 2246 6.3).
struct KeyBlock {
  WriteKey client, server;
};
KeyBlock key_block(Tls tls, const Suite& suite, const MasterSecret& master, const Random& client, const Random& server);

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
  RecordProtection(Tls tls, WriteKey key) : tls_(tls), key_(std::move(key)) {}

  // Opens a whole record, header included. nullopt: too short, not authentic, or TLS 1.3 without an inner type.
  std::optional<Plaintext> open(std::string_view record, const Place& place);

  // Appends a record with `content` to `to`. TLS 1.2 sends the sequence number as its explicit nonce, TLS 1.1 as its IV; before TLS 1.3
  // there is no `padding` but what a block needs.
  void seal(std::string& to, std::uint8_t type, std::string_view content, const Place& place, std::size_t padding = 0);

 private:
  std::optional<Plaintext> open_aead(std::string_view record, std::uint64_t sequence);
  std::optional<Plaintext> open_cbc(std::string_view record, const Place& place);
  void seal_aead(std::string& to, std::uint8_t type, std::string_view content, std::uint64_t sequence, std::size_t padding);
  void seal_cbc(std::string& to, std::uint8_t type, std::string_view content, const Place& place);
  std::size_t explicit_nonce() const;

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
