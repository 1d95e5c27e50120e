// For fuzzers of the wire: the input taken apart, and a sender under keys that the wire knows too.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "harness/wire/key_log.h"
#include "harness/wire/protection.h"

namespace tlsbye {

inline constexpr Random no_random{};

// Takes the input apart; where it has come to its end, everything is 0 or empty.
class FuzzInput {
 public:
  explicit FuzzInput(std::span<const std::uint8_t> bytes) : rest_(reinterpret_cast<const char*>(bytes.data()), bytes.size()) {}
  bool empty() const { return rest_.empty(); }
  std::uint8_t number() {
    const std::string_view taken = bytes(1);
    return taken.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(taken[0]);
  }
  std::string_view bytes(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view rest_;
};

// A sender that has the keys which the wire knows, so that the input reaches what lies behind them.
class FuzzSender {
 public:
  FuzzSender(const Secrets& secrets, Role role) : tls_(secrets.version(0)) {
    const auto secret = secrets.traffic_secret(0, role, role == Role::client ? Stage::handshake : Stage::application);
    keys_.emplace(tls_, secret ? traffic_key(*secrets.suite(0), *secret) : *secrets.application_key(0, role));
  }
  std::string protect(std::uint8_t type, std::string_view content) {
    std::string record;
    keys_->seal(record, type, content, place_);
    ++place_.sequence;
    if (tls_ == Tls::v1_0) std::copy_n(record.end() - 16, 16, place_.before.emplace().begin());
    return record;
  }
  // From here on it counts anew, as under the next keys.
  void begin_epoch() { place_ = {}; }

 private:
  Tls tls_;
  std::optional<RecordProtection> keys_;
  Place place_;
};

}  // namespace tlsbye
