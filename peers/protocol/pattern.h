// The bytes that peers write: known in advance, so that whoever reads them can tell at once whether one is missing or out of place.
#pragma once

#include <cstddef>

#include "peers/protocol/words.h"

namespace tlsbye {

// Byte number `index` (from 0) of all that a peer of that role writes in a session.
constexpr std::byte pattern_byte(Role writer, std::size_t index) {
  return writer == Role::client ? static_cast<std::byte>(index * 31 + index / 251) : static_cast<std::byte>(index * 37 + index / 241 + 128);
}

}  // namespace tlsbye
