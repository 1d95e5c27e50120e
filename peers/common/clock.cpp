#include "peers/common/clock.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <new>

namespace tlsbye::peer::clock {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

nanoseconds read_kernel(clockid_t id) {
  timespec time{};
  ::syscall(SYS_clock_gettime, id, &time);
  return seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

struct Clock {
  nanoseconds real_start = read_kernel(CLOCK_REALTIME), start = read_kernel(CLOCK_MONOTONIC);
  std::atomic<nanoseconds::rep> passed = 0;
};

Clock& the_clock() {
  // In shared memory, for the processes that are forked from this one. Whoever asks first makes it: that may be before main().
  static Clock* const clock = [] {
    void* page = ::mmap(nullptr, sizeof(Clock), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static Clock of_this_process;
    return page == MAP_FAILED ? &of_this_process : new (page) Clock;
  }();
  return *clock;
}

nanoseconds passed() { return nanoseconds(the_clock().passed); }
nanoseconds real_now() { return the_clock().real_start + passed(); }

timespec as_timespec(nanoseconds time) {
  const auto whole = std::chrono::floor<seconds>(time);
  return {whole.count(), (time - whole).count()};
}

}  // namespace

nanoseconds now() { return the_clock().start + passed(); }

void pass(std::chrono::milliseconds time) { the_clock().passed += nanoseconds(time).count(); }

}  // namespace tlsbye::peer::clock

namespace peer_clock = tlsbye::peer::clock;

extern "C" {

int clock_gettime(clockid_t id, timespec* to) noexcept {
  switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
      *to = peer_clock::as_timespec(peer_clock::real_now());
      return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
      *to = peer_clock::as_timespec(peer_clock::now());
      return 0;
    default:
      return static_cast<int>(::syscall(SYS_clock_gettime, id, to));
  }
}

int gettimeofday(timeval* __restrict to, void* __restrict) noexcept {
  const timespec time = peer_clock::as_timespec(peer_clock::real_now());
  *to = {time.tv_sec, time.tv_nsec / 1000};
  return 0;
}

time_t time(time_t* to) noexcept {
  const time_t seconds = peer_clock::as_timespec(peer_clock::real_now()).tv_sec;
  if (to) *to = seconds;
  return seconds;
}

}  // extern "C"
