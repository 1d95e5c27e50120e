// What a blocking socket of a language's own runtime does, for stacks whose transport is written in that language (Go's net.Conn, Java's
// Socket): a call that is interrupted is made again, one that would block waits, no longer than until its deadline.
#pragma once

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "peers/common/clock.h"

namespace tlsbye::peer::blocking {

inline constexpr long long no_deadline = -1;

// By the peer's clock, in nanoseconds.
inline long long now() { return clock::now().count(); }

// Waits until the transport is ready or the deadline has come; false where it has, and where nobody may wait now.
inline bool wait_for(int transport, short events, long long deadline) {
  pollfd entry{transport, events, 0};
  const auto time = std::chrono::nanoseconds(std::max(deadline - now(), 0LL));
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  const timespec left{whole.count(), (time - whole).count()};
  const int ready = ::ppoll(&entry, 1, deadline == no_deadline ? nullptr : &left, nullptr);
  return ready > 0 || (ready < 0 && errno != EAGAIN);
}

// Bytes; below zero an error number, ETIMEDOUT where the deadline has come.
template <typename Do>
long move(int transport, short events, long long deadline, Do once) {
  for (;;) {
    if (deadline != no_deadline && now() >= deadline) return -ETIMEDOUT;
    const auto moved = once(deadline == no_deadline ? 0 : MSG_DONTWAIT);
    if (moved >= 0) return static_cast<long>(moved);
    if (errno == EAGAIN && !wait_for(transport, events, deadline)) return -ETIMEDOUT;
    if (errno != EAGAIN && errno != EINTR) return -errno;
  }
}

inline long receive(int transport, void* into, long size, long long deadline) {
  return move(transport, POLLIN, deadline, [&](int flags) { return ::recv(transport, into, static_cast<std::size_t>(size), flags); });
}

// No more than one send's bytes. These runtimes have no SIGPIPE.
inline long send(int transport, const void* from, long size, long long deadline) {
  return move(transport, POLLOUT, deadline,
              [&](int flags) { return ::send(transport, from, static_cast<std::size_t>(size), flags | MSG_NOSIGNAL); });
}

// Bytes that can be read without waiting.
inline int available(int transport) {
  int bytes = 0;
  return ::ioctl(transport, FIONREAD, &bytes) == 0 ? bytes : -errno;
}

inline long close(int transport) { return ::close(transport) == 0 ? 0 : -errno; }

}  // namespace tlsbye::peer::blocking
