// Small things that every adapter of a C library needs.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "peers/common/stack.h"

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

// The same flag, written by `set shutdown`: {sent, received}.
inline std::optional<std::pair<bool, bool>> read_shutdown_flags(std::string_view value) {
  if (value == "none") return {{false, false}};
  if (value == "SENT") return {{true, false}};
  if (value == "RECEIVED") return {{false, true}};
  if (value == "both") return {{true, true}};
  return std::nullopt;
}

// What an extra call comes to that the stack did not promise, or that has an argument it does not know.
inline Answer no_such_call() { return {"", 0, {}, 0, {}, Outcome::unsupported}; }

// A call of the library that returns nothing, and cannot fail.
inline Answer done_by(std::string_view native) { return {native, 0, {}, 0, {}, Outcome::done}; }

}  // namespace tlsbye::peer
