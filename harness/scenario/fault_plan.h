// How transport calls of a library are made to fail, as plain values: a script's `io` lines and the schedules of sweeps ask for it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "peers/protocol/words.h"

namespace tlsbye {

// What becomes of the transport call that a fault hits.
enum class Fault : std::uint8_t { eagain, eintr, epipe, econnreset, short_count, eof };

template <>
struct Words<Fault> {
  static constexpr std::array<std::string_view, 6> list{"EAGAIN", "EINTR", "EPIPE", "ECONNRESET", "short", "EOF"};
};

// A fault plan: calls number after+1 ... after+times of that flow (counted from the statement on) end as `fault` says. A short count
// moves `count` bytes (at least 1) and lets the call succeed.
struct FaultPlan {
  Flow flow{};
  Fault fault{};
  int times = 1;
  int after = 0;
  std::size_t count = 1;
};

}  // namespace tlsbye
