// Everything that a sender's bytes reach, in one call: for a fuzzer (record_fuzz.cpp has LLVMFuzzerTestOneInput) and for tests.
#pragma once

#include <cstdint>
#include <span>

namespace tlsbye {

// Reads the bytes as a story of one direction whose keys are known: bytes and protected records that are sent, sessions that begin, and,
// where the first byte says so, orders. Aborts where a byte was lost, added or changed although no order was given.
void fuzz_direction(std::span<const std::uint8_t> input);

}  // namespace tlsbye
