#include "peers/common/clock.h"

#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <new>
#include <optional>

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

nanoseconds as_time(const timespec& time) { return seconds(time.tv_sec) + nanoseconds(time.tv_nsec); }

bool is_valid(const timespec& time) { return time.tv_sec >= 0 && time.tv_nsec >= 0 && time.tv_nsec < 1'000'000'000; }

// What that clock shows; none for those that are the kernel's.
std::optional<nanoseconds> read(clockid_t id) {
  switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
      return real_now();
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
      return now();
    default:
      return std::nullopt;
  }
}

thread_local bool makes_calls = ::syscall(SYS_gettid) == ::getpid();

// pthread_cond_timedwait does not say by which clock its time is, CLOCK_REALTIME or CLOCK_MONOTONIC: by the one that is nearer to it.
clockid_t clock_of(const timespec& time) {
  const auto distance = [&](nanoseconds from) { return std::chrono::abs(as_time(time) - from); };
  return distance(real_now()) < distance(now()) ? CLOCK_REALTIME : CLOCK_MONOTONIC;
}

// Waits for another thread at most until that time. `wait` gets the time by the kernel's CLOCK_MONOTONIC, and says whether the time was
// over.
template <typename Do>
int wait_until(clockid_t id, const timespec* until, Do wait) {
  const auto shown = read(id);
  if (!shown || !is_valid(*until)) return wait(id, until);
  const nanoseconds left = std::max(as_time(*until) - *shown, nanoseconds());
  const timespec real = as_timespec(read_kernel(CLOCK_MONOTONIC) + left);
  const auto passed_before = passed();
  const int result = wait(CLOCK_MONOTONIC, &real);
  if (result == ETIMEDOUT && makes_calls) pass(std::max(left - (passed() - passed_before), nanoseconds()));
  return result;
}

template <typename Function>
Function* of_libc(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

nanoseconds now() { return the_clock().start + passed(); }

void pass(nanoseconds time) { the_clock().passed += time.count(); }

void join() { makes_calls = true; }

void sleep(nanoseconds time) {
  if (makes_calls) return pass(time);
  timespec left = as_timespec(time);
  ::syscall(SYS_nanosleep, &left, nullptr);
}

}  // namespace tlsbye::peer::clock

namespace peer_clock = tlsbye::peer::clock;

extern "C" {

int clock_gettime(clockid_t id, timespec* to) noexcept {
  const auto shown = peer_clock::read(id);
  if (!shown) return static_cast<int>(::syscall(SYS_clock_gettime, id, to));
  *to = peer_clock::as_timespec(*shown);
  return 0;
}

int timespec_get(timespec* to, int base) noexcept {
  if (base != TIME_UTC) return 0;
  *to = peer_clock::as_timespec(peer_clock::real_now());
  return base;
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

int clock_nanosleep(clockid_t id, int flags, const timespec* time, timespec* left) {
  const auto shown = peer_clock::read(id);
  if (!shown) return ::syscall(SYS_clock_nanosleep, id, flags, time, left) == 0 ? 0 : errno;
  if (!peer_clock::is_valid(*time)) return EINVAL;
  const auto wanted = peer_clock::as_time(*time) - (flags & TIMER_ABSTIME ? *shown : std::chrono::nanoseconds());
  peer_clock::sleep(std::max(wanted, std::chrono::nanoseconds()));
  return 0;
}

int nanosleep(const timespec* time, timespec* left) {
  const int error_number = clock_nanosleep(CLOCK_REALTIME, 0, time, left);
  return error_number == 0 ? 0 : (errno = error_number, -1);
}

int __nanosleep(const timespec* time, timespec* left) __attribute__((alias("nanosleep")));

int usleep(useconds_t time) {
  peer_clock::sleep(std::chrono::microseconds(time));
  return 0;
}

unsigned sleep(unsigned time) {
  peer_clock::sleep(std::chrono::seconds(time));
  return 0;
}

int thrd_sleep(const timespec* time, timespec* left) { return clock_nanosleep(CLOCK_REALTIME, 0, time, left) == 0 ? 0 : -2; }

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t id, const timespec* until) {
  static auto* const wait = peer_clock::of_libc<decltype(pthread_cond_clockwait)>("pthread_cond_clockwait");
  return peer_clock::wait_until(id, until, [&](clockid_t by, const timespec* time) { return wait(condition, mutex, by, time); });
}

int pthread_cond_timedwait(pthread_cond_t* __restrict condition, pthread_mutex_t* __restrict mutex, const timespec* __restrict until) {
  return pthread_cond_clockwait(condition, mutex, peer_clock::clock_of(*until), until);
}

int sem_clockwait(sem_t* __restrict semaphore, clockid_t id, const timespec* __restrict until) {
  static auto* const wait = peer_clock::of_libc<decltype(sem_clockwait)>("sem_clockwait");
  const int error_number =
      peer_clock::wait_until(id, until, [&](clockid_t by, const timespec* time) { return wait(semaphore, by, time) == 0 ? 0 : errno; });
  return error_number == 0 ? 0 : (errno = error_number, -1);
}

int sem_timedwait(sem_t* __restrict semaphore, const timespec* __restrict until) { return sem_clockwait(semaphore, CLOCK_REALTIME, until); }

int pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t id, const timespec* until) noexcept {
  static auto* const lock = peer_clock::of_libc<decltype(pthread_mutex_clocklock)>("pthread_mutex_clocklock");
  return peer_clock::wait_until(id, until, [&](clockid_t by, const timespec* time) { return lock(mutex, by, time); });
}

int pthread_mutex_timedlock(pthread_mutex_t* __restrict mutex, const timespec* __restrict until) noexcept {
  return pthread_mutex_clocklock(mutex, CLOCK_REALTIME, until);
}

}  // extern "C"
