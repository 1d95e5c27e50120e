// The transport as the library under test meets it.
//
// A peer's executable defines libc's socket I/O functions (recv, read, sendmsg, poll, ...: the list stands at the end of
// transport.cpp), and exports them (-rdynamic), so that a shared TLS library's calls come here first. They act on one descriptor
// only, that of the Transport that exists at the time; calls on all others go straight to the kernel. So it is the library's own
// socket code that runs, and still every call it makes on its transport can be counted, reported, made to fail, and kept from
// blocking: where a call would really block, the watch is asked first.
#pragma once

#include <poll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "peers/protocol/channel.h"
#include "peers/protocol/words.h"

namespace tlsbye::peer {

// One call of the library on the transport, as it came back to the library.
struct TransportCall {
  std::string_view function;  // "recv", as the library called it
  Flow flow{};
  std::size_t asked = 0;  // bytes; 0 for poll and select
  long result = 0;
  int error_number = 0;   // errno where the result is -1
  bool injected = false;  // a plan, or who refused to wait, decided the result, not the kernel
};

// What becomes of a call that would have to wait.
enum class Wait : std::uint8_t {
  again,    // it is tried once more; a poll or select whose time is over by then has timed out
  refused,  // nobody may wait now: the call fails with EAGAIN
  give_up,  // this call and all later ones fail with ECONNRESET
};

// How long a library is willing to wait in poll or select, by the peer's clock (clock.h); none: for ever.
using Timeout = std::optional<std::chrono::nanoseconds>;

// Who is told about the library's calls.
class TransportWatch {
 public:
  virtual ~TransportWatch() = default;
  virtual void called(const TransportCall& call) = 0;
  // The call cannot go on before the transport is readable or writable, or the time that is left has passed. Comes back when there is
  // something to be done about it.
  virtual Wait blocked(Flow on, Timeout left) = 0;
  // One API call made more than `largest_call_count` calls. Must not come back.
  [[noreturn]] virtual void spinning() = 0;
};

// No close, and no handshake, needs as many transport calls as this; a library that makes more is spinning.
inline constexpr int largest_call_count = 10000;

// Faults to come: after `after` further data calls of that flow, `times` of them fail with `error_number`, or, where that is 0, move at
// most `count` bytes (0 for recv: the end of the stream). Plans of one flow that fall due together take their turns, oldest first.
struct FaultPlan {
  Flow flow{};
  int error_number = 0;
  std::size_t count = 0;
  long long times = 1;
  long long after = 0;
};

// The session's transport. At most one exists in a process at a time.
class Transport {
 public:
  // Makes the descriptor O_NONBLOCK or not, as `io` says. `watch` must outlive the transport.
  Transport(Descriptor socket, Io io, TransportWatch& watch);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  int descriptor() const { return socket_.get(); }
  Io io() const { return io_; }
  // Another session begins on it. What was given up is no longer; plans go on.
  void use_again(Io io);
  bool given_up() const { return given_up_; }
  // A new API call begins: its calls are counted from nought.
  void begin_call() { calls_ = 0; }
  void plan(const FaultPlan& fault) { plans_.push_back(fault); }
  void clear_plans() { plans_.clear(); }
  // Whether the kernel says that a call of that flow would not block now.
  bool ready(Flow flow) const;
  // Every call of the library fails with ECONNRESET from now on.
  void give_up() { given_up_ = true; }
  // Closes the transport, but keeps its number taken, so that a library that goes on using it meets EBADF and no other file. 0, or -1 with
  // errno.
  int hang_up();

  // What the libc functions of the same names do on this transport.
  ssize_t receive(std::string_view function, msghdr& message, int flags) { return transfer(function, Flow::recv, message, flags); }
  ssize_t send(std::string_view function, msghdr& message, int flags) { return transfer(function, Flow::send, message, flags); }
  int poll(std::string_view function, pollfd* entries, nfds_t count, Timeout timeout);
  int select(std::string_view function, int end, fd_set* read, fd_set* write, fd_set* except, Timeout timeout);

 private:
  ssize_t transfer(std::string_view function, Flow flow, msghdr& message, int flags);
  long move(TransportCall& call, msghdr& message, int flags, std::size_t limit);
  // Asks the kernel until it gives an answer other than 0, or there is no time left to wait.
  template <typename Ask>
  int wait_for(std::string_view function, Flow flow, Timeout timeout, Ask ask);
  std::optional<FaultPlan> next_fault(Flow flow);
  void count_call();
  // 0 where the call is to be tried again, otherwise the error that it is to fail with.
  int wait(Flow flow, Timeout left);

  Descriptor socket_;
  Io io_{};
  TransportWatch& watch_;
  std::vector<FaultPlan> plans_;
  int calls_ = 0;
  bool given_up_ = false;
};

}  // namespace tlsbye::peer
