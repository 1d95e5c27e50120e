#include "harness/wire/suite.h"

#include <algorithm>
#include <array>

namespace tlsbye {
namespace {

using Cipher = Suite::Cipher;
using Hash = Suite::Hash;

struct SuiteRow {
  std::uint16_t number;
  std::string_view name;
  Cipher cipher;
  std::size_t key_bytes;
  Hash hash;  // of the key schedule of TLS 1.2 and 1.3
  Hash mac = Hash::sha1;
};

// The IANA's registry, as far as the wire reads it.
constexpr std::array<SuiteRow, 43> suites{{
    {0x1301, "TLS_AES_128_GCM_SHA256", Cipher::gcm, 16, Hash::sha256},
    {0x1302, "TLS_AES_256_GCM_SHA384", Cipher::gcm, 32, Hash::sha384},
    {0x1303, "TLS_CHACHA20_POLY1305_SHA256", Cipher::chacha20, 32, Hash::sha256},
    {0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", Cipher::gcm, 16, Hash::sha256},
    {0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", Cipher::gcm, 32, Hash::sha384},
    {0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Cipher::gcm, 16, Hash::sha256},
    {0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Cipher::gcm, 32, Hash::sha384},
    {0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256", Cipher::gcm, 16, Hash::sha256},
    {0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384", Cipher::gcm, 32, Hash::sha384},
    {0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", Cipher::gcm, 16, Hash::sha256},
    {0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", Cipher::gcm, 32, Hash::sha384},
    {0x00a8, "TLS_PSK_WITH_AES_128_GCM_SHA256", Cipher::gcm, 16, Hash::sha256},
    {0x00a9, "TLS_PSK_WITH_AES_256_GCM_SHA384", Cipher::gcm, 32, Hash::sha384},
    {0x00aa, "TLS_DHE_PSK_WITH_AES_128_GCM_SHA256", Cipher::gcm, 16, Hash::sha256},
    {0x00ab, "TLS_DHE_PSK_WITH_AES_256_GCM_SHA384", Cipher::gcm, 32, Hash::sha384},
    {0xd001, "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256", Cipher::gcm, 16, Hash::sha256},
    {0xd002, "TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384", Cipher::gcm, 32, Hash::sha384},
    {0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", Cipher::chacha20, 32, Hash::sha256},
    {0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", Cipher::chacha20, 32, Hash::sha256},
    {0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", Cipher::chacha20, 32, Hash::sha256},
    {0xccab, "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256", Cipher::chacha20, 32, Hash::sha256},
    {0xccac, "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256", Cipher::chacha20, 32, Hash::sha256},
    {0xccad, "TLS_DHE_PSK_WITH_CHACHA20_POLY1305_SHA256", Cipher::chacha20, 32, Hash::sha256},
    {0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA", Cipher::cbc, 16, Hash::sha256},
    {0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", Cipher::cbc, 32, Hash::sha256},
    {0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256", Cipher::cbc, 16, Hash::sha256, Hash::sha256},
    {0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256", Cipher::cbc, 32, Hash::sha256, Hash::sha256},
    {0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", Cipher::cbc, 16, Hash::sha256},
    {0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", Cipher::cbc, 32, Hash::sha256},
    {0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", Cipher::cbc, 16, Hash::sha256, Hash::sha256},
    {0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", Cipher::cbc, 32, Hash::sha256, Hash::sha256},
    {0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", Cipher::cbc, 16, Hash::sha256},
    {0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", Cipher::cbc, 32, Hash::sha256},
    {0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", Cipher::cbc, 16, Hash::sha256, Hash::sha256},
    {0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", Cipher::cbc, 32, Hash::sha384, Hash::sha384},
    {0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", Cipher::cbc, 16, Hash::sha256},
    {0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", Cipher::cbc, 32, Hash::sha256},
    {0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", Cipher::cbc, 16, Hash::sha256, Hash::sha256},
    {0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", Cipher::cbc, 32, Hash::sha384, Hash::sha384},
    {0x008c, "TLS_PSK_WITH_AES_128_CBC_SHA", Cipher::cbc, 16, Hash::sha256},
    {0x008d, "TLS_PSK_WITH_AES_256_CBC_SHA", Cipher::cbc, 32, Hash::sha256},
    {0xc035, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA", Cipher::cbc, 16, Hash::sha256},
    {0xc036, "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA", Cipher::cbc, 32, Hash::sha256},
}};

constexpr std::uint16_t our_suite(Tls tls) { return tls == Tls::v1_3 ? 0x1301 : tls == Tls::v1_2 ? 0xc02b : 0xc009; }

}  // namespace

std::optional<Suite> find_suite(std::uint16_t number, Tls tls, bool mac_after) {
  if (number == 0) number = our_suite(tls);
  const auto row = std::find_if(suites.begin(), suites.end(), [&](const SuiteRow& it) { return it.number == number; });
  const bool old = tls == Tls::v1_0 || tls == Tls::v1_1;
  if (row == suites.end() || (tls == Tls::v1_3) != (number >> 8 == 0x13)) return std::nullopt;
  if (old && (row->cipher != Cipher::cbc || row->mac != Hash::sha1)) return std::nullopt;
  return Suite{row->name, row->cipher, row->key_bytes, old ? Hash::md5_sha1 : row->hash, row->mac, mac_after && row->cipher == Cipher::cbc};
}

}  // namespace tlsbye
