#include "harness/wire/protection.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <map>
#include <mutex>
#include <stdexcept>

#include "harness/wire/record.h"

namespace tlsbye {
namespace {

constexpr std::size_t tag_bytes = 16;
constexpr std::size_t explicit_nonce_bytes = 8;  // TLS 1.2 (RFC 5288 3)
constexpr std::size_t most_block_bytes = 128;    // of SHA-384; SHA-256 has half of it

using Hash = Suite::Hash;
using Nonce = std::array<unsigned char, 12>;

void must(bool worked) {
  if (!worked) throw std::runtime_error("libcrypto refused AES, ChaCha20, SHA-2, SHA-1 or MD5");
}

const unsigned char* octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
std::string_view text(std::span<const unsigned char> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Fetched once: OpenSSL 3 otherwise looks its providers through at every use.
template <typename Thing, auto fetch, auto free>
const Thing* fetched(const char* name) {
  static std::map<std::string, std::unique_ptr<Thing, decltype(free)>, std::less<>> known;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  auto it = known.find(name);
  if (it == known.end()) it = known.emplace(name, std::unique_ptr<Thing, decltype(free)>(fetch(nullptr, name, nullptr), free)).first;
  return it->second.get();
}
const EVP_CIPHER* cipher_of(const Suite& suite) {
  const bool large = suite.key_bytes == 32;
  const char* const name = suite.cipher == Suite::Cipher::chacha20 ? "ChaCha20-Poly1305"
                           : suite.cipher == Suite::Cipher::gcm    ? (large ? "AES-256-GCM" : "AES-128-GCM")
                                                                   : (large ? "AES-256-CBC" : "AES-128-CBC");
  return fetched<EVP_CIPHER, EVP_CIPHER_fetch, &EVP_CIPHER_free>(name);
}
const EVP_MD* sha_2(Hash hash) {
  // Asked for at every handshake.
  static const EVP_MD* const sha_256 = fetched<EVP_MD, EVP_MD_fetch, &EVP_MD_free>("SHA256");
  static const EVP_MD* const sha_384 = fetched<EVP_MD, EVP_MD_fetch, &EVP_MD_free>("SHA384");
  return hash == Hash::sha384 ? sha_384 : sha_256;
}

// A hash's result.
struct Digest {
  std::array<unsigned char, 48> bytes{};
  std::size_t size = 0;
  std::span<const unsigned char> span() const { return {bytes.data(), size}; }
};

// HMAC with SHA-256 or SHA-384 (RFC 2104).
class Hmac {
 public:
  Hmac(Hash hash, std::span<const unsigned char> key)
      : digest_(sha_2(hash)), size_(Suite::bytes_of(hash)), block_(hash == Hash::sha384 ? 128 : 64), context_(EVP_MD_CTX_new()) {
    if (key.size() > block_) throw std::invalid_argument("an HMAC key longer than a block");
    must(context_ != nullptr);
    std::copy(key.begin(), key.end(), inner_pad_.begin());
    outer_pad_ = inner_pad_;
    for (unsigned char& byte : inner_pad_) byte ^= 0x36;
    for (unsigned char& byte : outer_pad_) byte ^= 0x5c;
  }

  Digest operator()(std::initializer_list<std::string_view> message) {
    start(inner_pad_);
    for (const std::string_view part : message) must(EVP_DigestUpdate(context_.get(), part.data(), part.size()));
    const Digest inner = finish();
    start(outer_pad_);
    must(EVP_DigestUpdate(context_.get(), inner.bytes.data(), inner.size));
    return finish();
  }

 private:
  using Pad = std::array<unsigned char, most_block_bytes>;
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  // Hashing the pad again is cheaper than copying a context that has hashed it.
  void start(const Pad& pad) {
    must(EVP_DigestInit_ex2(context_.get(), digest_, nullptr) && EVP_DigestUpdate(context_.get(), pad.data(), block_));
  }
  Digest finish() {
    Digest digest;
    digest.size = size_;
    must(EVP_DigestFinal_ex(context_.get(), digest.bytes.data(), nullptr));
    return digest;
  }

  const EVP_MD* digest_;
  std::size_t size_, block_;
  std::unique_ptr<EVP_MD_CTX, Free> context_;
  Pad inner_pad_{}, outer_pad_{};
};

void expand_label(Hmac& hmac, std::string_view label, std::span<unsigned char> into) {
  constexpr std::string_view prefix = "tls13 ";
  const char lengths[] = {static_cast<char>(into.size() >> 8), static_cast<char>(into.size()),
                          static_cast<char>(prefix.size() + label.size())};
  // An empty context has a length too; the last byte is HKDF's block counter (RFC 5869 2.3).
  const Digest digest = hmac({{lengths, sizeof lengths}, prefix, label, {"\x00\x01", 2}});
  if (into.size() > digest.size) throw std::invalid_argument("more than one block of HKDF-Expand");
  std::copy_n(digest.bytes.begin(), into.size(), into.begin());
}

void put_number(unsigned char* into, std::uint64_t number) {
  for (int i = 7; i >= 0; --i, number >>= 8) into[i] = static_cast<unsigned char>(number);
}

// RFC 8446 5.3, RFC 7905 2.
Nonce nonce_by_sequence(const WriteKey& key, std::uint64_t sequence) {
  Nonce nonce{};
  put_number(nonce.data() + 4, sequence);
  for (std::size_t i = 0; i < nonce.size() && i < key.iv.size(); ++i) nonce[i] ^= key.iv[i];
  return nonce;
}

Nonce nonce_in_record(const WriteKey& key, std::string_view explicit_part) {
  Nonce nonce{};
  std::copy_n(key.iv.begin(), 4, nonce.begin());
  std::copy_n(octets(explicit_part), explicit_nonce_bytes, nonce.begin() + 4);
  return nonce;
}

// The additional data of TLS 1.2 (RFC 5246 6.2.3.3), and what a MAC begins with (RFC 2246 6.2.3.1): sequence number, then type, version
// and length of the plaintext.
std::array<unsigned char, 13> additional_1_2(std::uint64_t sequence, std::string_view header, std::size_t length) {
  std::array<unsigned char, 13> data{};
  put_number(data.data(), sequence);
  std::copy_n(octets(header), 3, data.begin() + 8);
  data[11] = static_cast<unsigned char>(length >> 8);
  data[12] = static_cast<unsigned char>(length);
  return data;
}

// The MAC of a record (RFC 2246 6.2.3.1), or, over what was encrypted, RFC 7366 3.
std::string record_mac(const WriteKey& key, std::uint64_t sequence, std::string_view header, std::string_view content) {
  const auto begin = additional_1_2(sequence, header, content.size());
  const std::string message = std::string(text(begin)).append(content);
  std::string mac(key.suite.mac_bytes(), '\0');
  const EVP_MD* const digest = key.suite.mac == Hash::sha1 ? EVP_sha1() : key.suite.mac == Hash::sha256 ? EVP_sha256() : EVP_sha384();
  must(HMAC(digest, key.mac.data(), static_cast<int>(key.mac.size()), octets(message), message.size(), octets(mac), nullptr) != nullptr);
  return mac;
}

// Runs whole blocks through the cipher.
void run_cbc(EVP_CIPHER_CTX* context, const Block& iv, const unsigned char* from, unsigned char* into, std::size_t size) {
  int done = 0;
  must(EVP_CipherInit_ex2(context, nullptr, nullptr, iv.data(), -1, nullptr) && EVP_CIPHER_CTX_set_padding(context, 0) &&
       EVP_CipherUpdate(context, into, &done, from, static_cast<int>(size)));
}

}  // namespace

std::uint8_t minor_version(Tls tls) { return tls == Tls::v1_0 ? 1 : tls == Tls::v1_1 ? 2 : 3; }

void hkdf_expand_label(Hash hash, const Secret& secret, std::string_view label, std::span<unsigned char> into) {
  Hmac hmac(hash, secret);
  expand_label(hmac, label, into);
}

WriteKey traffic_key(const Suite& suite, const Secret& secret) {
  Hmac hmac(suite.hash, secret);
  WriteKey key{suite, std::vector<unsigned char>(suite.key_bytes), std::vector<unsigned char>(12), {}};
  expand_label(hmac, "key", key.key);
  expand_label(hmac, "iv", key.iv);
  return key;
}

Secret next_secret(const Suite& suite, const Secret& secret) {
  Secret next(suite.hash_bytes());
  hkdf_expand_label(suite.hash, secret, "traffic upd", next);
  return next;
}

void prf(Hash hash, std::span<const unsigned char> secret, std::string_view label, std::string_view seed, std::span<unsigned char> into) {
  Hmac hmac(hash, secret);
  Digest a = hmac({label, seed});
  for (; !into.empty(); a = hmac({text(a.span())})) {
    const Digest block = hmac({text(a.span()), label, seed});
    const std::size_t size = std::min(into.size(), block.size);
    std::copy_n(block.bytes.begin(), size, into.begin());
    into = into.subspan(size);
  }
}

void prf_md5_sha1(std::span<const unsigned char> secret, std::string_view label, std::string_view seed, std::span<unsigned char> into) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(EVP_KDF_fetch(nullptr, "TLS1-PRF", nullptr), &EVP_KDF_free);
  must(kdf != nullptr);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(EVP_KDF_CTX_new(kdf.get()), &EVP_KDF_CTX_free);
  char digest[] = "MD5-SHA1";
  std::string key(text(secret)), message = std::string(label).append(seed);
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                                   OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, key.data(), key.size()),
                                   OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, message.data(), message.size()),
                                   OSSL_PARAM_construct_end()};
  must(context && EVP_KDF_derive(context.get(), into.data(), into.size(), parameters) == 1);
}

KeyBlock key_block(Tls tls, const Suite& suite, const MasterSecret& master, const Random& client, const Random& server) {
  using Cipher = Suite::Cipher;
  const std::size_t iv_bytes = suite.cipher == Cipher::gcm        ? 4
                               : suite.cipher == Cipher::chacha20 ? 12
                               : tls == Tls::v1_0                 ? sizeof(Block)
                                                                  : 0;
  std::vector<unsigned char> block(2 * (suite.mac_bytes() + suite.key_bytes + iv_bytes));
  const std::string seed = std::string(text(server)).append(text(client));
  if (tls == Tls::v1_2)
    prf(suite.hash, master, "key expansion", seed, block);
  else
    prf_md5_sha1(master, "key expansion", seed, block);
  auto next = block.begin();
  const auto take = [&](std::vector<unsigned char>& into, std::size_t size) {
    into.assign(next, next + static_cast<std::ptrdiff_t>(size));
    next += static_cast<std::ptrdiff_t>(size);
  };
  KeyBlock keys{{suite, {}, {}, {}}, {suite, {}, {}, {}}};
  for (WriteKey* key : {&keys.client, &keys.server}) take(key->mac, suite.mac_bytes());
  for (WriteKey* key : {&keys.client, &keys.server}) take(key->key, suite.key_bytes);
  for (WriteKey* key : {&keys.client, &keys.server}) take(key->iv, iv_bytes);
  return keys;
}

void RecordProtection::Free::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

RecordProtection::Context RecordProtection::make_context(bool sealing) const {
  Context context(EVP_CIPHER_CTX_new());
  must(context && EVP_CipherInit_ex2(context.get(), cipher_of(key_.suite), key_.key.data(), nullptr, sealing, nullptr));
  return context;
}

// Bytes of a nonce that each record carries.
std::size_t RecordProtection::explicit_nonce() const {
  return tls_ == Tls::v1_2 && key_.suite.cipher == Suite::Cipher::gcm ? explicit_nonce_bytes : 0;
}

std::optional<Plaintext> RecordProtection::open(std::string_view record, const Place& place) {
  return key_.suite.cipher == Suite::Cipher::cbc ? open_cbc(record, place) : open_aead(record, place.sequence);
}

void RecordProtection::seal(std::string& to, std::uint8_t type, std::string_view content, const Place& place, std::size_t padding) {
  if (key_.suite.cipher == Suite::Cipher::cbc) return seal_cbc(to, type, content, place);
  seal_aead(to, type, content, place.sequence, padding);
}

std::optional<Plaintext> RecordProtection::open_cbc(std::string_view record, const Place& place) {
  const bool own_iv = tls_ != Tls::v1_0, after = key_.suite.mac_after;
  const std::size_t mac_bytes = key_.suite.mac_bytes();
  const std::size_t before = record_header + (own_iv ? sizeof(Block) : 0), behind = after ? mac_bytes : 0;
  if (record.size() < before + mac_bytes + 1 || (record.size() - before - behind) % sizeof(Block) != 0) return std::nullopt;
  const std::string_view header = record.substr(0, record_header);
  if (after) {
    const std::string_view sealed = record.substr(record_header, record.size() - record_header - behind);
    if (record.substr(record.size() - behind) != record_mac(key_, place.sequence, header, sealed)) return std::nullopt;
  }
  std::string plain(record.substr(before, record.size() - before - behind));
  if (plain.empty()) return std::nullopt;
  if (!opening_) opening_ = make_context(false);

  Block iv{};
  if (own_iv)
    std::copy_n(octets(record) + record_header, iv.size(), iv.begin());
  else if (place.before)
    iv = *place.before;
  else
    std::copy_n(key_.iv.begin(), std::min(key_.iv.size(), iv.size()), iv.begin());
  run_cbc(opening_.get(), iv, octets(record) + before, octets(plain), plain.size());

  // Content, MAC unless it stands behind, padding, and a last byte that says how much padding there is.
  const std::size_t inside = after ? 0 : mac_bytes, padding = static_cast<std::uint8_t>(plain.back());
  if (plain.size() < inside + padding + 1) return std::nullopt;
  const std::size_t size = plain.size() - inside - padding - 1;
  if (plain.find_first_not_of(plain.back(), size + inside) != std::string::npos) return std::nullopt;
  if (!after && plain.compare(size, mac_bytes, record_mac(key_, place.sequence, header, std::string_view(plain).substr(0, size))) != 0)
    return std::nullopt;
  plain.resize(size);
  return Plaintext{static_cast<std::uint8_t>(record[0]), std::move(plain), 0};
}

void RecordProtection::seal_cbc(std::string& to, std::uint8_t type, std::string_view content, const Place& place) {
  if (!sealing_) sealing_ = make_context(true);
  const bool own_iv = tls_ != Tls::v1_0, after = key_.suite.mac_after;
  const std::size_t mac_bytes = key_.suite.mac_bytes(), unpadded = content.size() + (after ? 0 : mac_bytes);
  const std::size_t padding = sizeof(Block) - 1 - unpadded % sizeof(Block);
  const std::size_t begin = to.size();
  append_header(to, type, (own_iv ? sizeof(Block) : 0) + unpadded + padding + 1 + (after ? mac_bytes : 0), minor_version(tls_));

  Block iv{};
  if (own_iv) {
    put_number(iv.data() + 8, place.sequence);
    to.append(text(iv));
  } else if (place.before) {
    iv = *place.before;
  } else {
    std::copy_n(key_.iv.begin(), std::min(key_.iv.size(), iv.size()), iv.begin());
  }
  const std::string header = to.substr(begin, record_header);
  std::string plain(content);
  if (!after) plain += record_mac(key_, place.sequence, header, content);
  plain.append(padding + 1, static_cast<char>(padding));
  const std::size_t sealed_at = to.size();
  to.resize(sealed_at + plain.size());
  run_cbc(sealing_.get(), iv, octets(plain), octets(to) + sealed_at, plain.size());
  if (after) to += record_mac(key_, place.sequence, header, std::string_view(to).substr(begin + record_header));
}

std::optional<Plaintext> RecordProtection::open_aead(std::string_view record, std::uint64_t sequence) {
  const std::size_t before = record_header + explicit_nonce();
  if (record.size() < before + tag_bytes) return std::nullopt;
  if (!opening_) opening_ = make_context(false);
  EVP_CIPHER_CTX* const context = opening_.get();

  const std::string_view header = record.substr(0, record_header);
  const std::string_view sealed = record.substr(before, record.size() - before - tag_bytes);
  std::array<unsigned char, tag_bytes> tag;
  std::memcpy(tag.data(), record.data() + record.size() - tag_bytes, tag_bytes);
  const Nonce nonce = explicit_nonce() > 0 ? nonce_in_record(key_, record.substr(record_header)) : nonce_by_sequence(key_, sequence);

  Plaintext opened{static_cast<std::uint8_t>(header[0]), std::string(sealed.size(), '\0'), 0};
  int size = 0;
  must(EVP_DecryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr));
  if (tls_ == Tls::v1_2) {
    const auto additional = additional_1_2(sequence, header, sealed.size());
    must(EVP_DecryptUpdate(context, nullptr, &size, additional.data(), static_cast<int>(additional.size())));
  } else {
    must(EVP_DecryptUpdate(context, nullptr, &size, octets(header), static_cast<int>(header.size())));
  }
  must(EVP_DecryptUpdate(context, octets(opened.content), &size, octets(sealed), static_cast<int>(sealed.size())));
  must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_bytes, tag.data()));
  std::array<unsigned char, tag_bytes> nothing;
  if (EVP_DecryptFinal_ex(context, nothing.data(), &size) <= 0) return std::nullopt;
  if (tls_ == Tls::v1_2) return opened;

  // The inner plaintext ends in its type and zeros (RFC 8446 5.2).
  const std::size_t type_at = opened.content.find_last_not_of('\0');
  if (type_at == std::string::npos) return std::nullopt;
  opened.type = static_cast<std::uint8_t>(opened.content[type_at]);
  opened.padding = opened.content.size() - type_at - 1;
  opened.content.resize(type_at);
  return opened;
}

void RecordProtection::seal_aead(std::string& to, std::uint8_t type, std::string_view content, std::uint64_t sequence,
                                 std::size_t padding) {
  if (!sealing_) sealing_ = make_context(true);
  EVP_CIPHER_CTX* const context = sealing_.get();

  std::string plain(content);
  if (tls_ == Tls::v1_3) plain.append(1, static_cast<char>(type)).append(padding, '\0');
  const std::size_t begin = to.size();
  Nonce nonce;
  int size = 0;
  if (tls_ == Tls::v1_2) {
    append_header(to, type, explicit_nonce() + plain.size() + tag_bytes);
    std::array<unsigned char, explicit_nonce_bytes> number;
    put_number(number.data(), sequence);
    to.append(text(number).substr(0, explicit_nonce()));
    nonce = explicit_nonce() > 0 ? nonce_in_record(key_, text(number)) : nonce_by_sequence(key_, sequence);
    must(EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr));
    const auto additional = additional_1_2(sequence, std::string_view(to).substr(begin), plain.size());
    must(EVP_EncryptUpdate(context, nullptr, &size, additional.data(), static_cast<int>(additional.size())));
  } else {
    append_header(to, 23, plain.size() + tag_bytes);
    nonce = nonce_by_sequence(key_, sequence);
    must(EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr));
    must(EVP_EncryptUpdate(context, nullptr, &size, octets(to) + begin, record_header));
  }
  const std::size_t sealed_at = to.size();
  to.resize(sealed_at + plain.size() + tag_bytes);
  unsigned char* const sealed = octets(to) + sealed_at;
  must(EVP_EncryptUpdate(context, sealed, &size, octets(plain), static_cast<int>(plain.size())));
  must(EVP_EncryptFinal_ex(context, sealed + plain.size(), &size));
  must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag_bytes, sealed + plain.size()));
}

}  // namespace tlsbye
