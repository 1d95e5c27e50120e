// Everything that a sender's bytes reach, in one call: for a fuzzer (record_fuzz.cpp has LLVMFuzzerTestOneInput) and for tests.
#pragma once

#include <cstdint>
#include <span>

namespace tlsbye {

// Feeds the bytes, cut up as their own first bytes say, to both directions of a connection with keys. Aborts where a byte was lost, added
// or changed although no order was given.
void fuzz_direction(std::span<const std::uint8_t> input);

}  // namespace tlsbye
