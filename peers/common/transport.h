// The transport as the library under test meets it.
//
// A peer's executable defines libc's socket I/O functions (recv, read, sendmsg, poll, close, ...: the list stands at the end of
// transport.cpp), and exports them (-rdynamic), so that a shared TLS library's calls come here first. They act on one socket only,
// that of the Transport that exists at the time, by its own number or one that the library made with dup; calls on all others go
// straight to the kernel. So it is the library's own socket code that runs, and still every call it makes on its transport can be
// counted, reported, made to fail, and kept from blocking: where a call would really block, the watch is asked first.
//
// Whether a call may block, and for how long, is the kernel's word: O_NONBLOCK, SO_RCVTIMEO and SO_SNDTIMEO are read from the socket when
// there is something to wait for, however the library set them. The time-outs run by the peer's clock (clock.h).
//
// What the library does past libc's functions (raw system calls, io_uring) is not seen here. The bytes that went through here are counted,
// so that whoever knows what the other end got can tell.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>

#include <cerrno>
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
  std::string_view function;  // "recv", as the library called it; "recv(MSG_PEEK)" where it left the bytes where they are
  Flow flow{};            // of poll, select and epoll_wait: recv where they wait for that, too; of shutdown: what it ends; of close: send
  std::size_t asked = 0;  // bytes; 0 where the function moves none
  long result = 0;
  int error_number = 0;   // errno where the result is -1
  bool injected = false;  // a plan, or who refused to wait, decided the result, not the kernel
};

// What becomes of a call that would have to wait.
enum class Wait : std::uint8_t {
  again,    // it is tried once more; a call whose time is over by then has timed out
  refused,  // waiting is not allowed now: the call fails with EAGAIN
  give_up,  // this call and all later ones fail with ECONNRESET
  enough,   // between two calls: there is no other one; what was asked for is over
};

// How long a library is willing to wait, by the peer's clock (clock.h); none: for ever.
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
//
// A peek is not a data call: it uses nothing up. Where an error that ends the flow or an end of the stream is due, a peek meets it too, and
// poll, select and epoll_wait say that the transport is ready, as they do for a real one. An EINTR that is due hits those that have to
// wait as well, as many of them as data calls, before it hits these.
struct FaultPlan {
  Flow flow{};
  int error_number = 0;
  std::size_t count = 0;
  long long times = 1;
  long long after = 0;
  long long waits = 0;  // that an EINTR still hits: as many as `times` when the plan is made

  // The flow is over, so that it is no use to wait for it.
  bool ends() const { return error_number == 0 ? count == 0 : error_number != EAGAIN && error_number != EINTR; }
};

// Bytes that went through here since the transport began, in forked processes too.
struct Moved {
  long long sent = 0, received = 0;
  long long unread = 0;  // arrived, and left where it was until the transport was closed, or until now
  bool ended = false;    // a receiving call was told the peer's end, or a reset
  bool finished = false;  // nothing more can be sent: it was shut down, or closed
};

// The session's transport. At most one exists in a process at a time.
class Transport {
 public:
  // Makes the descriptor O_NONBLOCK or not, as `io` says. `watch` must outlive the transport.
  Transport(Descriptor socket, Io io, TransportWatch& watch);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // The number that the library was given.
  int descriptor() const { return socket_.get(); }
  // Whether a call that cannot go on comes back: as it was opened, or as the library has set it since.
  bool nonblocking() const;
  // Another session begins on it. What was given up is no longer; plans go on.
  void use_again(Io io);
  bool given_up() const { return given_up_; }
  // A new API call begins: its calls are counted from nought.
  void begin_call() { calls_ = 0; }
  void plan(FaultPlan fault) {
    fault.waits = fault.times;
    plans_.push_back(fault);
  }
  void clear_plans() { plans_.clear(); }
  // Whether a call of that flow would not block now.
  bool ready(Flow flow);
  // Every call of the library fails with ECONNRESET from now on.
  void give_up() { given_up_ = true; }
  Moved moved() const;

  // Whether what was sent may still be on its way: AF_UNIX delivers at once.
  bool over_tcp() const { return over_tcp_; }
  // Whether no number means it any more.
  bool closed() const { return open_number() < 0; }

  // What the script does past the library, without waiting. As the functions of libc answer.
  ssize_t receive_raw(void* buffer, std::size_t size);
  ssize_t send_raw(std::string_view bytes);
  int finish_raw();
  // Closes the transport, but keeps its number taken, so that a library that goes on using it meets EBADF and no other file.
  int hang_up();

  // Whether that number is one of this transport's. Only of such may the functions below be called.
  bool owns(int number) const;
  // Whether that epoll watches it.
  bool watched_by(int epoll) const;

  // What the libc functions of the same names do on this transport.
  ssize_t receive(std::string_view function, int number, msghdr& message, int flags) {
    return transfer(function, Flow::recv, number, message, flags);
  }
  ssize_t send(std::string_view function, int number, msghdr& message, int flags) {
    return transfer(function, Flow::send, number, message, flags);
  }
  int poll(std::string_view function, pollfd* entries, nfds_t count, Timeout timeout);
  int select(std::string_view function, int end, fd_set* read, fd_set* write, fd_set* except, Timeout timeout);
  int epoll_wait(std::string_view function, int epoll, epoll_event* events, int most, Timeout timeout);
  int shutdown(int number, int how);
  // The number that the library was given stays taken, as after hang_up().
  int close(int number);
  // A function that this transport does not have (EINVAL), so that the library moves its bytes with another one.
  long refuse(std::string_view function, Flow flow);

  // The library has set its flags.
  void flags_set(int flags) { waits_by_polling_ = (flags & O_NONBLOCK) != 0; }
  // What else became of numbers: another one means this transport; one means another file now; an epoll watches or is gone.
  void also(int number);
  void lost(int number);
  void watched(int epoll, int operation, int number, const epoll_event* event);
  void epoll_closed(int epoll);

 private:
  // The ways that a call waits for.
  struct Flows {
    bool recv = false, send = false;
  };
  struct Watching {
    int epoll, number;
    epoll_event event;
  };

  ssize_t transfer(std::string_view function, Flow flow, int number, msghdr& message, int flags);
  long move(TransportCall& call, int number, msghdr& message, int flags, std::size_t limit);
  // Asks the kernel until it gives an answer other than 0, or there is no time left to wait.
  template <typename Ask>
  int wait_for(std::string_view function, Flows flows, Timeout timeout, Ask ask);
  std::optional<FaultPlan> next_fault(Flow flow);
  FaultPlan* due(Flow flow);
  bool end_is_due(Flow flow);
  bool take_interrupt(Flows flows);
  void count_call();
  void count_moved(Flow flow, long bytes);
  // 0 where the call is to be tried again, otherwise the error that it is to fail with.
  int wait(Flow flow, Timeout left);
  template <typename Do>
  long noted(std::string_view function, Flow flow, Do ask);
  int close_number(int number);
  int open_number() const;  // one by which the transport can be reached now; -1 where it is closed

  Descriptor socket_;
  bool waits_by_polling_ = false;  // the library has made it non-blocking itself: no signal interrupts its data calls, as none waits
  bool over_tcp_ = false;
  bool open_ = true;               // socket_ is the transport, and not what keeps its number taken
  std::vector<int> also_;          // numbers that the library made, all of one file
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::vector<Watching> watching_;
  TransportWatch& watch_;
  std::vector<FaultPlan> plans_;
  long long unread_ = 0;  // when it was closed
  int calls_ = 0;
  bool given_up_ = false;
};

}  // namespace tlsbye::peer
