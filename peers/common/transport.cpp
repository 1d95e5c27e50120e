#include "peers/common/transport.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <limits>

#include "peers/common/clock.h"

namespace tlsbye::peer {
namespace {

// libc's functions have no argument by which they could be told; so there is this one pointer.
Transport* current = nullptr;

Transport* transport_of(int descriptor) { return current != nullptr && descriptor == current->descriptor() ? current : nullptr; }

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

std::size_t size_of(const msghdr& message) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) size += message.msg_iov[i].iov_len;
  return size;
}

// The message's bytes from `skip` on, at most `limit` of them.
std::vector<iovec> part_of(const msghdr& message, std::size_t skip, std::size_t limit) {
  std::vector<iovec> part;
  for (std::size_t i = 0; i < message.msg_iovlen && limit > 0; ++i) {
    iovec piece = message.msg_iov[i];
    const std::size_t skipped = std::min(skip, piece.iov_len);
    skip -= skipped;
    piece.iov_base = static_cast<std::byte*>(piece.iov_base) + skipped;
    piece.iov_len = std::min(piece.iov_len - skipped, limit);
    limit -= piece.iov_len;
    if (piece.iov_len > 0) part.push_back(piece);
  }
  return part;
}

long ask_kernel(int descriptor, Flow flow, msghdr& message, int flags) {
  return ::syscall(flow == Flow::recv ? SYS_recvmsg : SYS_sendmsg, descriptor, &message, flags);
}

int poll_kernel(pollfd* entries, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  timespec left = timeout ? *timeout : timespec{};  // the kernel writes to it
  return static_cast<int>(::syscall(SYS_ppoll, entries, count, timeout ? &left : nullptr, mask, _NSIG / 8));
}

int select_kernel(int end, fd_set* read, fd_set* write, fd_set* except, timeval* timeout) {
  timespec left{timeout ? timeout->tv_sec : 0, timeout ? timeout->tv_usec * 1000 : 0};
  const auto result = ::syscall(SYS_pselect6, end, read, write, except, timeout ? &left : nullptr, nullptr);
  if (timeout) *timeout = {left.tv_sec, left.tv_nsec / 1000};
  return static_cast<int>(result);
}

constexpr timespec at_once{};

Timeout timeout_of(const timespec* time) {
  if (time == nullptr) return {};
  return std::chrono::seconds(time->tv_sec) + std::chrono::nanoseconds(time->tv_nsec);
}

}  // namespace

Transport::Transport(Descriptor socket, Io io, TransportWatch& watch) : socket_(std::move(socket)), watch_(watch) {
  use_again(io);
  current = this;
}

void Transport::use_again(Io io) {
  io_ = io;
  given_up_ = false;
  const int flags = ::fcntl(descriptor(), F_GETFL);
  ::fcntl(descriptor(), F_SETFL, io == Io::nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

Transport::~Transport() { current = nullptr; }

bool Transport::ready(Flow flow) const {
  pollfd entry{descriptor(), static_cast<short>(flow == Flow::recv ? POLLIN : POLLOUT), 0};
  return poll_kernel(&entry, 1, &at_once, nullptr) != 0;
}

int Transport::hang_up() {
  // Whatever is done with an O_PATH descriptor is answered with EBADF.
  const Descriptor nothing(::open("/", O_PATH | O_CLOEXEC));
  return ::dup3(nothing.get(), descriptor(), O_CLOEXEC) < 0 ? -1 : 0;
}

std::optional<FaultPlan> Transport::next_fault(Flow flow) {
  FaultPlan* due = nullptr;
  for (FaultPlan& plan : plans_) {
    if (plan.flow != flow || plan.times == 0) continue;
    if (plan.after > 0)
      --plan.after;
    else if (due == nullptr)
      due = &plan;
  }
  if (due == nullptr) return std::nullopt;
  --due->times;
  return *due;
}

void Transport::count_call() {
  if (++calls_ > largest_call_count) watch_.spinning();
}

int Transport::wait(Flow flow, Timeout left) {
  const Wait what = watch_.blocked(flow, left);
  if (what == Wait::give_up) give_up();
  if (given_up_) return ECONNRESET;
  return what == Wait::refused ? EAGAIN : 0;
}

// Moves bytes as the kernel would, but for waiting, which the watch is asked to do.
long Transport::move(TransportCall& call, msghdr& message, int flags, std::size_t limit) {
  const Flow flow = call.flow;
  const bool waits = io_ == Io::blocking && (flags & MSG_DONTWAIT) == 0;
  const std::size_t asked = std::min(size_of(message), limit);
  std::size_t moved = 0;
  flags |= waits ? MSG_DONTWAIT : 0;
  for (;;) {
    long result = 0;
    if (moved == 0 && limit == no_limit) {
      result = ask_kernel(descriptor(), flow, message, flags);
    } else {
      std::vector<iovec> part = part_of(message, moved, asked - moved);
      msghdr rest{};
      rest.msg_iov = part.data();
      rest.msg_iovlen = part.size();
      result = ask_kernel(descriptor(), flow, rest, flags);
    }
    if (result >= 0) {
      moved += static_cast<std::size_t>(result);
      // A blocking send returns when all is sent; once some of it is, an error shows in the next call only, and raises no signal.
      if (flow == Flow::recv || !waits || moved >= asked) return static_cast<long>(moved);
      flags |= MSG_NOSIGNAL;
    } else if (errno != EAGAIN || !waits) {
      return moved > 0 ? static_cast<long>(moved) : -1;
    } else if (const int error_number = wait(flow, {})) {
      call.injected = error_number == EAGAIN;
      if (moved > 0 && error_number == EAGAIN) return static_cast<long>(moved);
      errno = error_number;
      return -1;
    }
  }
}

ssize_t Transport::transfer(std::string_view function, Flow flow, msghdr& message, int flags) {
  const int errno_before = errno;
  count_call();
  const auto fault = next_fault(flow);
  TransportCall call{function, flow, size_of(message), -1, 0, fault.has_value()};
  if (given_up_) {
    call.error_number = ECONNRESET;
  } else if (fault && fault->error_number != 0) {
    call.error_number = fault->error_number;
    if (fault->error_number == EPIPE && (flags & MSG_NOSIGNAL) == 0) ::raise(SIGPIPE);  // the kernel's other half of EPIPE
  } else if (fault && fault->count == 0) {
    call.result = 0;
  } else {
    call.injected = false;
    call.result = move(call, message, flags, fault ? fault->count : no_limit);
    call.error_number = call.result < 0 ? errno : 0;
    if (fault && call.result >= 0) call.injected = true;  // a failure is the kernel's word
  }
  watch_.called(call);
  errno = call.result < 0 ? call.error_number : errno_before;
  return call.result;
}

template <typename Ask>
int Transport::wait_for(std::string_view function, Flow flow, Timeout timeout, Ask ask) {
  const int errno_before = errno;
  const auto end = clock::now() + timeout.value_or(std::chrono::nanoseconds());
  count_call();
  int refusal = given_up_ ? ECONNRESET : 0;
  int result = refusal != 0 ? -1 : ask();
  for (Timeout left = timeout; result == 0 && left != std::chrono::nanoseconds();) {
    refusal = wait(flow, left);
    result = refusal != 0 ? -1 : ask();
    if (left) left = std::max(end - clock::now(), std::chrono::nanoseconds());
  }
  const int error_number = result >= 0 ? 0 : refusal != 0 ? refusal : errno;
  watch_.called({function, flow, 0, result, error_number, refusal == EAGAIN});
  errno = result < 0 ? error_number : errno_before;
  return result;
}

int Transport::poll(std::string_view function, pollfd* entries, nfds_t count, Timeout timeout) {
  short events = 0;
  for (nfds_t i = 0; i < count; ++i)
    if (entries[i].fd == descriptor()) events |= entries[i].events;
  return wait_for(function, (events & POLLIN) ? Flow::recv : Flow::send, timeout,
                  [&] { return poll_kernel(entries, count, &at_once, nullptr); });
}

int Transport::select(std::string_view function, int end, fd_set* read, fd_set* write, fd_set* except, Timeout timeout) {
  fd_set asked[3];
  fd_set* sets[3] = {read, write, except};
  for (int i = 0; i < 3; ++i)
    if (sets[i]) asked[i] = *sets[i];
  return wait_for(function, read && FD_ISSET(descriptor(), read) ? Flow::recv : Flow::send, timeout, [&] {
    for (int i = 0; i < 3; ++i)
      if (sets[i]) *sets[i] = asked[i];
    timeval none{};
    return select_kernel(end, read, write, except, &none);
  });
}

}  // namespace tlsbye::peer

using tlsbye::peer::transport_of;

namespace {

msghdr message_of(iovec& part) {
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return message;
}

msghdr message_of(const iovec* parts, int count) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = static_cast<std::size_t>(count);
  return message;
}

ssize_t receive(std::string_view function, int descriptor, void* buffer, std::size_t size, int flags) {
  iovec part{buffer, size};
  msghdr message = message_of(part);
  return transport_of(descriptor)->receive(function, message, flags);
}

ssize_t send_all(std::string_view function, int descriptor, const void* buffer, std::size_t size, int flags) {
  iovec part{const_cast<void*>(buffer), size};
  msghdr message = message_of(part);
  return transport_of(descriptor)->send(function, message, flags);
}

tlsbye::peer::Transport* transport_among(const pollfd* entries, nfds_t count) {
  for (nfds_t i = 0; i < count; ++i)
    if (auto* transport = transport_of(entries[i].fd)) return transport;
  return nullptr;
}

int ppoll_here(std::string_view function, pollfd* entries, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  if (auto* transport = transport_among(entries, count))
    return transport->poll(function, entries, count, tlsbye::peer::timeout_of(timeout));
  return tlsbye::peer::poll_kernel(entries, count, timeout, mask);
}

int poll_here(std::string_view function, pollfd* entries, nfds_t count, int milliseconds) {
  const timespec timeout{milliseconds / 1000, milliseconds % 1000 * 1000000L};
  return ppoll_here(function, entries, count, milliseconds < 0 ? nullptr : &timeout, nullptr);
}

bool selects(const fd_set* set, int descriptor) { return set != nullptr && FD_ISSET(descriptor, set); }

}  // namespace

// The functions of libc that come first. A TLS library that was built with _FORTIFY_SOURCE calls the __..._chk forms.
extern "C" {

ssize_t recv(int descriptor, void* buffer, size_t size, int flags) {
  if (transport_of(descriptor)) return receive("recv", descriptor, buffer, size, flags);
  return ::syscall(SYS_recvfrom, descriptor, buffer, size, flags, nullptr, nullptr);
}

ssize_t recvfrom(int descriptor, void* buffer, size_t size, int flags, sockaddr* from, socklen_t* from_size) {
  if (transport_of(descriptor)) {
    if (from_size) *from_size = 0;  // a stream names no sender
    return receive("recvfrom", descriptor, buffer, size, flags);
  }
  return ::syscall(SYS_recvfrom, descriptor, buffer, size, flags, from, from_size);
}

ssize_t recvmsg(int descriptor, msghdr* message, int flags) {
  if (auto* transport = transport_of(descriptor)) return transport->receive("recvmsg", *message, flags);
  return ::syscall(SYS_recvmsg, descriptor, message, flags);
}

ssize_t read(int descriptor, void* buffer, size_t size) {
  if (transport_of(descriptor)) return receive("read", descriptor, buffer, size, 0);
  return ::syscall(SYS_read, descriptor, buffer, size);
}

ssize_t readv(int descriptor, const iovec* parts, int count) {
  msghdr message = message_of(parts, count);
  if (auto* transport = transport_of(descriptor)) return transport->receive("readv", message, 0);
  return ::syscall(SYS_readv, descriptor, parts, count);
}

ssize_t send(int descriptor, const void* buffer, size_t size, int flags) {
  if (transport_of(descriptor)) return send_all("send", descriptor, buffer, size, flags);
  return ::syscall(SYS_sendto, descriptor, buffer, size, flags, nullptr, 0);
}

ssize_t sendto(int descriptor, const void* buffer, size_t size, int flags, const sockaddr* to, socklen_t to_size) {
  if (transport_of(descriptor)) return send_all("sendto", descriptor, buffer, size, flags);
  return ::syscall(SYS_sendto, descriptor, buffer, size, flags, to, to_size);
}

ssize_t sendmsg(int descriptor, const msghdr* message, int flags) {
  msghdr copy = *message;
  if (auto* transport = transport_of(descriptor)) return transport->send("sendmsg", copy, flags);
  return ::syscall(SYS_sendmsg, descriptor, message, flags);
}

ssize_t write(int descriptor, const void* buffer, size_t size) {
  if (transport_of(descriptor)) return send_all("write", descriptor, buffer, size, 0);
  return ::syscall(SYS_write, descriptor, buffer, size);
}

ssize_t writev(int descriptor, const iovec* parts, int count) {
  msghdr message = message_of(parts, count);
  if (auto* transport = transport_of(descriptor)) return transport->send("writev", message, 0);
  return ::syscall(SYS_writev, descriptor, parts, count);
}

int poll(pollfd* entries, nfds_t count, int milliseconds) { return poll_here("poll", entries, count, milliseconds); }

int ppoll(pollfd* entries, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  return ppoll_here("ppoll", entries, count, timeout, mask);
}

int select(int end, fd_set* read_set, fd_set* write_set, fd_set* except_set, timeval* timeout) {
  using tlsbye::peer::current;
  if (current && current->descriptor() < end) {
    const int descriptor = current->descriptor();
    if (selects(read_set, descriptor) || selects(write_set, descriptor) || selects(except_set, descriptor)) {
      const timespec time = timeout ? timespec{timeout->tv_sec, timeout->tv_usec * 1000} : timespec{};
      return current->select("select", end, read_set, write_set, except_set, tlsbye::peer::timeout_of(timeout ? &time : nullptr));
    }
  }
  return tlsbye::peer::select_kernel(end, read_set, write_set, except_set, timeout);
}

ssize_t __read_chk(int descriptor, void* buffer, size_t size, size_t) { return read(descriptor, buffer, size); }

ssize_t __recv_chk(int descriptor, void* buffer, size_t size, size_t, int flags) { return recv(descriptor, buffer, size, flags); }

ssize_t __recvfrom_chk(int descriptor, void* buffer, size_t size, size_t, int flags, sockaddr* from, socklen_t* from_size) {
  return recvfrom(descriptor, buffer, size, flags, from, from_size);
}

int __poll_chk(pollfd* entries, nfds_t count, int milliseconds, size_t) { return poll_here("poll", entries, count, milliseconds); }

int __ppoll_chk(pollfd* entries, nfds_t count, const timespec* timeout, const sigset_t* mask, size_t) {
  return ppoll_here("ppoll", entries, count, timeout, mask);
}

}  // extern "C"
