// The time that a peer lives in.
//
// A peer's executable defines libc's clock_gettime, gettimeofday and time (clock.cpp) and exports them, as transport.cpp does with the I/O
// functions: so the library under test, and all else in the process, reads this clock. It stands still at the moment when it was first
// read, and moves only by pass() and by what the library sleeps. All processes that were forked after that live in the same time. CPU-time
// clocks stay the kernel's.
//
// A thread that makes the library's calls does not sleep: nanosleep, usleep, poll of nothing ... let this clock go on by as much, and
// return. Where it waits for another thread, at most until a time (pthread_cond_timedwait, sem_timedwait, pthread_mutex_timedlock), it does
// wait, for as long as that time is away by this clock; if the other one did not come, this clock has gone on to it. Threads of the
// library's own sleep and wait so as well, but really, and this clock does not heed them.
#pragma once

#include <chrono>

namespace tlsbye::peer::clock {

// Since some moment in the past; it never goes back.
std::chrono::nanoseconds now();

// Lets time go by, for every clock alike.
void pass(std::chrono::nanoseconds time);

// The calling thread makes the library's calls from now on; the first thread of a process always does.
void join();

// Sleeps as above.
void sleep(std::chrono::nanoseconds time);

}  // namespace tlsbye::peer::clock
