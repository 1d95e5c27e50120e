// Small things that every adapter of a C library needs.
#pragma once

#include <span>
#include <string>

namespace tlsbye::peer {

// std::unique_ptr<SSL, Freed<SSL_free>>
template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

// Lower-case, as key logs are written.
inline std::string hex(std::span<const unsigned char> bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

// The flag "shutdown" of OpenSSL and of those who took its API over.
inline std::string shutdown_flags(bool sent, bool received) {
  if (sent) return received ? "SENT|RECEIVED" : "SENT";
  return received ? "RECEIVED" : "none";
}

}  // namespace tlsbye::peer
