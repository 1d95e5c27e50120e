// The time that a peer lives in.
//
// A peer's executable defines libc's clock_gettime, gettimeofday and time (clock.cpp) and exports them, as transport.cpp does with the I/O
// functions: so the library under test, and all else in the process, reads this clock. It stands still at the moment when it was first
// read, and moves only by pass(). All processes that were forked after that live in the same time. CPU-time clocks stay the kernel's.
#pragma once

#include <chrono>

namespace tlsbye::peer::clock {

// Since some moment in the past; it never goes back.
std::chrono::nanoseconds now();

// Lets time go by, for every clock alike.
void pass(std::chrono::milliseconds time);

}  // namespace tlsbye::peer::clock
