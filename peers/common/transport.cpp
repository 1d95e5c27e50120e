#include "peers/common/transport.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <limits>
#include <new>
#include <string>

#include "peers/common/clock.h"

namespace tlsbye::peer {
namespace {

// libc's functions have no argument by which they could be told; so there is this one pointer.
Transport* current = nullptr;

Transport* transport_of(int number) { return current != nullptr && current->owns(number) ? current : nullptr; }

// In shared memory, for what forked processes move.
struct Counts {
  std::atomic<long long> sent = 0, received = 0;
  std::atomic<bool> ended = false, finished = false;
};

Counts& counts() {
  static Counts* const shared = [] {
    void* page = ::mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static Counts of_this_process;
    return page == MAP_FAILED ? &of_this_process : new (page) Counts;
  }();
  return *shared;
}

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

long ask_kernel(int number, Flow flow, msghdr& message, int flags) {
  return ::syscall(flow == Flow::recv ? SYS_recvmsg : SYS_sendmsg, number, &message, flags);
}

bool is_nonblocking(int number) {
  const auto flags = ::syscall(SYS_fcntl, number, F_GETFL);
  return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

// SO_RCVTIMEO, SO_SNDTIMEO.
Timeout time_limit(int number, Flow flow) {
  timeval time{};
  socklen_t size = sizeof time;
  if (::getsockopt(number, SOL_SOCKET, flow == Flow::recv ? SO_RCVTIMEO : SO_SNDTIMEO, &time, &size) != 0) return {};
  if (time.tv_sec == 0 && time.tv_usec == 0) return {};
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

long long unread_bytes(int number) {
  int bytes = 0;
  return ::ioctl(number, FIONREAD, &bytes) == 0 ? bytes : 0;
}

int poll_kernel(pollfd* entries, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  timespec left = timeout ? *timeout : timespec{};  // the kernel writes to it
  return static_cast<int>(::syscall(SYS_ppoll, entries, count, timeout ? &left : nullptr, mask, _NSIG / 8));
}

int select_kernel(int end, fd_set* read, fd_set* write, fd_set* except, timespec* timeout, const sigset_t* mask) {
  const struct {
    const sigset_t* mask;
    std::size_t size;
  } signals{mask, _NSIG / 8};
  return static_cast<int>(::syscall(SYS_pselect6, end, read, write, except, timeout, mask ? &signals : nullptr));
}

constexpr timespec at_once{};

int epoll_kernel(int epoll, epoll_event* events, int most, int milliseconds, const sigset_t* mask) {
  return static_cast<int>(::syscall(SYS_epoll_pwait, epoll, events, most, milliseconds, mask, _NSIG / 8));
}

Timeout timeout_of(const timespec* time) {
  constexpr time_t for_ever = 1'000'000'000;  // in nanoseconds, and added to the clock, it is still a number
  if (time == nullptr || time->tv_sec >= for_ever) return {};
  return std::chrono::seconds(time->tv_sec) + std::chrono::nanoseconds(time->tv_nsec);
}

}  // namespace

Transport::Transport(Descriptor socket, Io io, TransportWatch& watch) : socket_(std::move(socket)), watch_(watch) {
  use_again(io);
  counts().sent = counts().received = 0;
  counts().ended = counts().finished = false;
  int protocol = 0;
  socklen_t size = sizeof protocol;
  over_tcp_ = ::syscall(SYS_getsockopt, descriptor(), SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 && protocol == IPPROTO_TCP;
  current = this;
}

void Transport::use_again(Io io) {
  given_up_ = waits_by_polling_ = false;
  const auto flags = ::syscall(SYS_fcntl, open_number(), F_GETFL);
  if (flags >= 0) ::syscall(SYS_fcntl, open_number(), F_SETFL, io == Io::nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

Transport::~Transport() { current = nullptr; }

// Numbers.

// The numbers that the library made are looked at each time: they may have been closed unseen, and mean other files now.
bool Transport::owns(int number) const {
  if (number < 0) return false;
  if (number == socket_.get()) return true;
  if (std::find(also_.begin(), also_.end(), number) == also_.end()) return false;
  struct stat it {};
  return ::fstat(number, &it) == 0 && it.st_dev == device_ && it.st_ino == inode_;
}

void Transport::also(int number) {
  struct stat it {};
  if (::fstat(number, &it) != 0) return;
  device_ = it.st_dev;
  inode_ = it.st_ino;
  lost(number);
  also_.push_back(number);
}

void Transport::lost(int number) {
  std::erase(also_, number);
  std::erase_if(watching_, [number](const Watching& it) { return it.number == number; });
  if (number != socket_.get()) return;
  if (open_) unread_ = unread_bytes(number);
  socket_.release();
  open_ = false;
}

int Transport::open_number() const {
  if (open_) return socket_.get();
  for (const int number : also_)
    if (owns(number)) return number;
  return -1;
}

bool Transport::nonblocking() const { return is_nonblocking(open_number()); }

int Transport::close_number(int number) {
  const bool first = number == socket_.get();
  if (first && !open_) return errno = EBADF, -1;
  unread_ = unread_bytes(number);
  // It would wait for what is on its way, as long as the library said; the bytes go out all the same.
  linger wait{};
  socklen_t size = sizeof wait;
  if (::getsockopt(number, SOL_SOCKET, SO_LINGER, &wait, &size) == 0 && wait.l_onoff != 0 && wait.l_linger > 0) {
    wait = {};
    ::setsockopt(number, SOL_SOCKET, SO_LINGER, &wait, sizeof wait);
  }
  std::erase_if(watching_, [number](const Watching& it) { return it.number == number; });
  if (!first) {
    std::erase(also_, number);
    return static_cast<int>(::syscall(SYS_close, number));
  }
  open_ = false;
  // Whatever is done with an O_PATH descriptor is answered with EBADF.
  const Descriptor nothing(::open("/", O_PATH | O_CLOEXEC));
  if (nothing && ::syscall(SYS_dup3, nothing.get(), number, O_CLOEXEC) >= 0) return 0;
  return static_cast<int>(::syscall(SYS_close, socket_.release()));
}

Moved Transport::moved() const {
  const int number = open_number();
  return {counts().sent, counts().received, number < 0 ? unread_ : unread_bytes(number), counts().ended, counts().finished || number < 0};
}

// Past the library.

ssize_t Transport::receive_raw(void* buffer, std::size_t size) {
  const auto got = ::syscall(SYS_recvfrom, descriptor(), buffer, size, MSG_DONTWAIT, nullptr, nullptr);
  count_moved(Flow::recv, got);
  return got;
}

ssize_t Transport::send_raw(std::string_view bytes) {
  const auto sent = ::syscall(SYS_sendto, descriptor(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
  count_moved(Flow::send, sent);
  return sent;
}

int Transport::finish_raw() {
  const auto result = ::syscall(SYS_shutdown, descriptor(), SHUT_WR);
  if (result == 0) counts().finished = true;
  return static_cast<int>(result);
}

int Transport::hang_up() { return close_number(descriptor()); }

// Faults.

std::optional<FaultPlan> Transport::next_fault(Flow flow) {
  FaultPlan* due = nullptr;
  for (FaultPlan& plan : plans_) {
    if (plan.flow != flow || plan.times == 0) continue;
    if (plan.after > 0)
      --plan.after;
    else if (due == nullptr && !(plan.error_number == EINTR && waits_by_polling_))
      due = &plan;
  }
  if (due == nullptr) return std::nullopt;
  --due->times;
  return *due;
}

// What the next data call of that flow will meet; null for nothing.
FaultPlan* Transport::due(Flow flow) {
  const auto is_due = [flow](const FaultPlan& plan) { return plan.flow == flow && plan.times != 0 && plan.after == 0; };
  const auto it = std::find_if(plans_.begin(), plans_.end(), is_due);
  return it == plans_.end() ? nullptr : &*it;
}

bool Transport::end_is_due(Flow flow) {
  const FaultPlan* plan = due(flow);
  return plan != nullptr && plan->ends();
}

bool Transport::take_interrupt(Flows flows) {
  for (const auto& [asked, flow] : {std::pair(flows.recv, Flow::recv), std::pair(flows.send, Flow::send)}) {
    FaultPlan* plan = asked ? due(flow) : nullptr;
    if (plan == nullptr || plan->error_number != EINTR || plan->waits == 0) continue;
    --plan->waits;
    if (waits_by_polling_) --plan->times;
    return true;
  }
  return false;
}

bool Transport::ready(Flow flow) {
  const int number = open_number();
  pollfd entry{number, static_cast<short>(flow == Flow::recv ? POLLIN : POLLOUT), 0};
  return number < 0 || end_is_due(flow) || poll_kernel(&entry, 1, &at_once, nullptr) != 0;
}

// Calls.

void Transport::count_call() {
  if (++calls_ > largest_call_count) watch_.spinning();
}

void Transport::count_moved(Flow flow, long bytes) {
  if (bytes > 0) (flow == Flow::recv ? counts().received : counts().sent) += bytes;
}

int Transport::wait(Flow flow, Timeout left) {
  const Wait what = watch_.blocked(flow, left);
  if (what == Wait::give_up) give_up();
  if (given_up_) return ECONNRESET;
  return what == Wait::refused ? EAGAIN : 0;
}

// Moves bytes as the kernel would, but for waiting, which the watch is asked to do.
long Transport::move(TransportCall& call, int number, msghdr& message, int flags, std::size_t limit) {
  const Flow flow = call.flow;
  const bool peeks = flow == Flow::recv && (flags & MSG_PEEK) != 0;
  const bool whole = flow == Flow::send || (flags & MSG_WAITALL) != 0;  // a call that may wait goes on until all is moved
  const std::size_t asked = std::min(size_of(message), limit);
  std::size_t moved = 0;
  std::optional<bool> waits;
  const auto may_wait = [&] {
    if (!waits) waits = (flags & (MSG_DONTWAIT | MSG_ERRQUEUE)) == 0 && !is_nonblocking(number);
    return *waits;
  };
  std::optional<std::chrono::nanoseconds> end;  // of the time that the socket's options give
  bool over = false;
  for (;;) {
    long result = 0;
    if ((moved == 0 || peeks) && limit == no_limit) {
      result = ask_kernel(number, flow, message, flags | MSG_DONTWAIT);
    } else {
      std::vector<iovec> part = part_of(message, peeks ? 0 : moved, asked - (peeks ? 0 : moved));
      msghdr rest{};
      rest.msg_iov = part.data();
      rest.msg_iovlen = part.size();
      result = ask_kernel(number, flow, rest, flags | MSG_DONTWAIT | (moved > 0 ? MSG_NOSIGNAL : 0));
    }
    if (result >= 0) {
      if (!peeks) count_moved(flow, result);
      moved = static_cast<std::size_t>(result) + (peeks ? 0 : moved);
      // A blocking send returns when all is sent; once some of it is, an error shows in the next call only, and raises no signal.
      if (result == 0 || moved >= asked || !whole || !may_wait()) return static_cast<long>(moved);
      if (!peeks) continue;
      pollfd entry{number, POLLRDHUP, 0};
      if (poll_kernel(&entry, 1, &at_once, nullptr) != 0) return static_cast<long>(moved);  // no more can come
    } else if (errno != EAGAIN || !may_wait()) {
      return moved > 0 ? static_cast<long>(moved) : -1;
    }
    Timeout left;
    if (const Timeout most = time_limit(number, flow)) {
      if (!end) end = clock::now() + *most;
      left = std::max(*end - clock::now(), std::chrono::nanoseconds());
    }
    int error_number = EAGAIN;
    if (left == std::chrono::nanoseconds())
      over = true;
    else
      error_number = wait(flow, left);
    if (error_number == 0) continue;
    call.injected = error_number == EAGAIN && !over;
    if (moved > 0 && error_number == EAGAIN) return static_cast<long>(moved);
    errno = error_number;
    return -1;
  }
}

ssize_t Transport::transfer(std::string_view function, Flow flow, int number, msghdr& message, int flags) {
  const int errno_before = errno;
  count_call();
  const bool peeks = flow == Flow::recv && (flags & MSG_PEEK) != 0;
  std::optional<FaultPlan> fault;
  if (!peeks)
    fault = next_fault(flow);
  else if (end_is_due(flow))
    fault = *due(flow);
  TransportCall call{function, flow, size_of(message), -1, 0, fault.has_value()};
  const std::string peek = peeks ? std::string(function) + "(MSG_PEEK)" : "";
  if (peeks) call.function = peek;
  if (given_up_) {
    call.error_number = ECONNRESET;
  } else if (fault && fault->error_number != 0) {
    call.error_number = fault->error_number;
    if (flow == Flow::send && fault->error_number == EPIPE && (flags & MSG_NOSIGNAL) == 0)
      ::raise(SIGPIPE);  // the kernel's other half of EPIPE
  } else if (fault && fault->count == 0) {
    call.result = 0;
  } else {
    call.injected = false;
    call.result = move(call, number, message, flags, fault ? fault->count : no_limit);
    call.error_number = call.result < 0 ? errno : 0;
    if (fault && call.result >= 0) call.injected = true;  // a failure is the kernel's word
  }
  if (flow == Flow::recv && call.asked > 0 && (call.result == 0 || call.error_number == ECONNRESET)) counts().ended = true;
  watch_.called(call);
  errno = call.result < 0 ? call.error_number : errno_before;
  return call.result;
}

template <typename Ask>
int Transport::wait_for(std::string_view function, Flows flows, Timeout timeout, Ask ask) {
  const int errno_before = errno;
  const Flow flow = flows.recv ? Flow::recv : Flow::send;
  const auto end = clock::now() + timeout.value_or(std::chrono::nanoseconds());
  count_call();
  int refusal = given_up_ ? ECONNRESET : 0;
  int result = refusal != 0 ? -1 : ask();
  for (Timeout left = timeout; result == 0 && left != std::chrono::nanoseconds();) {
    refusal = take_interrupt(flows) ? EINTR : wait(flow, left);
    result = refusal != 0 ? -1 : ask();
    if (left) left = std::max(end - clock::now(), std::chrono::nanoseconds());
  }
  const int error_number = result >= 0 ? 0 : refusal != 0 ? refusal : errno;
  watch_.called({function, flow, 0, result, error_number, refusal == EAGAIN || refusal == EINTR});
  errno = result < 0 ? error_number : errno_before;
  return result;
}

int Transport::poll(std::string_view function, pollfd* entries, nfds_t count, Timeout timeout) {
  constexpr short in = POLLIN | POLLRDNORM, out = POLLOUT | POLLWRNORM;
  std::vector<pollfd*> own;
  Flows flows;
  for (pollfd* entry = entries; entry != entries + count; ++entry) {
    if (!owns(entry->fd)) continue;
    own.push_back(entry);
    flows.recv |= (entry->events & in) != 0;
    flows.send |= (entry->events & out) != 0;
  }
  return wait_for(function, flows, timeout, [&] {
    int ready = poll_kernel(entries, count, &at_once, nullptr);
    for (pollfd* entry : own) {
      const int due = entry->events & ((end_is_due(Flow::recv) ? in : 0) | (end_is_due(Flow::send) ? out : 0));
      if (ready < 0 || due == 0) continue;
      ready += entry->revents == 0;
      entry->revents = static_cast<short>(entry->revents | due);
    }
    return ready;
  });
}

int Transport::select(std::string_view function, int end, fd_set* read, fd_set* write, fd_set* except, Timeout timeout) {
  fd_set asked[3];
  fd_set* sets[3] = {read, write, except};
  for (int i = 0; i < 3; ++i)
    if (sets[i]) asked[i] = *sets[i];
  std::vector<int> own[2];
  for (int i = 0; i < 2; ++i)
    for (int number = 0; sets[i] && number < std::min(end, FD_SETSIZE); ++number)
      if (FD_ISSET(number, &asked[i]) && owns(number)) own[i].push_back(number);
  return wait_for(function, {!own[0].empty(), !own[1].empty()}, timeout, [&] {
    for (int i = 0; i < 3; ++i)
      if (sets[i]) *sets[i] = asked[i];
    timespec none{};
    int ready = select_kernel(end, read, write, except, &none, nullptr);
    for (int i = 0; ready >= 0 && i < 2; ++i) {
      for (const int number : own[i]) {
        if (!end_is_due(i == 0 ? Flow::recv : Flow::send) || FD_ISSET(number, sets[i])) continue;
        FD_SET(number, sets[i]);
        ++ready;
      }
    }
    return ready;
  });
}

int Transport::epoll_wait(std::string_view function, int epoll, epoll_event* events, int most, Timeout timeout) {
  std::vector<epoll_event> own;
  Flows flows;
  for (const Watching& it : watching_) {
    if (it.epoll != epoll) continue;
    own.push_back(it.event);
    flows.recv |= (it.event.events & EPOLLIN) != 0;
    flows.send |= (it.event.events & EPOLLOUT) != 0;
  }
  return wait_for(function, flows, timeout, [&] {
    int ready = epoll_kernel(epoll, events, most, 0, nullptr);
    for (const epoll_event& asked : own) {
      const std::uint32_t due = asked.events & ((end_is_due(Flow::recv) ? EPOLLIN : 0U) | (end_is_due(Flow::send) ? EPOLLOUT : 0U));
      if (ready < 0 || due == 0) continue;
      epoll_event* const end = events + ready;
      epoll_event* const it = std::find_if(events, end, [&](const epoll_event& event) { return event.data.u64 == asked.data.u64; });
      if (it != end)
        it->events |= due;
      else if (ready < most)
        events[ready++] = {due, asked.data};
    }
    return ready;
  });
}

bool Transport::watched_by(int epoll) const {
  return std::any_of(watching_.begin(), watching_.end(), [epoll](const Watching& it) { return it.epoll == epoll; });
}

void Transport::watched(int epoll, int operation, int number, const epoll_event* event) {
  std::erase_if(watching_, [&](const Watching& it) { return it.epoll == epoll && it.number == number; });
  if (operation != EPOLL_CTL_DEL && event != nullptr) watching_.push_back({epoll, number, *event});
}

void Transport::epoll_closed(int epoll) {
  std::erase_if(watching_, [epoll](const Watching& it) { return it.epoll == epoll; });
}

template <typename Do>
long Transport::noted(std::string_view function, Flow flow, Do ask) {
  const int errno_before = errno;
  count_call();
  const long result = ask();
  const int error_number = result < 0 ? errno : 0;
  watch_.called({function, flow, 0, result, error_number, false});
  errno = result < 0 ? error_number : errno_before;
  return result;
}

int Transport::shutdown(int number, int how) {
  const auto ask = [&] {
    const auto result = ::syscall(SYS_shutdown, number, how);
    if (result == 0 && how != SHUT_RD) counts().finished = true;
    return result;
  };
  return static_cast<int>(noted("shutdown", how == SHUT_RD ? Flow::recv : Flow::send, ask));
}

int Transport::close(int number) {
  return static_cast<int>(noted("close", Flow::send, [&] { return close_number(number); }));
}

long Transport::refuse(std::string_view function, Flow flow) {
  return noted(function, flow, [] { return errno = EINVAL, -1; });
}

}  // namespace tlsbye::peer

using tlsbye::Flow;
using tlsbye::peer::current;
using tlsbye::peer::timeout_of;
using tlsbye::peer::Transport;
using tlsbye::peer::transport_of;

namespace {

msghdr message_of(const iovec* parts, int count) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = static_cast<std::size_t>(count);
  return message;
}

ssize_t receive(std::string_view function, int number, void* buffer, std::size_t size, int flags) {
  const iovec part{buffer, size};
  msghdr message = message_of(&part, 1);
  return current->receive(function, number, message, flags);
}

ssize_t send_all(std::string_view function, int number, const void* buffer, std::size_t size, int flags) {
  const iovec part{const_cast<void*>(buffer), size};
  msghdr message = message_of(&part, 1);
  return current->send(function, number, message, flags);
}

// recvmmsg and sendmmsg: one message after the other.
template <typename Move>
int each_message(mmsghdr* messages, unsigned count, int flags, const timespec* timeout, Move move) {
  const auto end = tlsbye::peer::clock::now() + timeout_of(timeout).value_or(std::chrono::nanoseconds());
  int done = 0;
  for (mmsghdr* it = messages; it != messages + count; ++it, ++done) {
    const ssize_t moved = move(it->msg_hdr, flags & ~MSG_WAITFORONE);
    if (moved < 0) return done > 0 ? done : -1;
    it->msg_len = static_cast<unsigned>(moved);
    if (flags & MSG_WAITFORONE) flags |= MSG_DONTWAIT;
    if (timeout != nullptr && tlsbye::peer::clock::now() >= end) return done + 1;
  }
  return done;
}

// A socket has no place to read at or to write to.
bool has_place(off64_t place) { return place == -1 || (errno = ESPIPE, false); }

constexpr int message_flags(int flags) { return (flags & RWF_NOWAIT) != 0 ? MSG_DONTWAIT : 0; }

Transport* transport_among(const pollfd* entries, nfds_t count) {
  for (nfds_t i = 0; i < count; ++i)
    if (auto* transport = transport_of(entries[i].fd)) return transport;
  return nullptr;
}

Transport* transport_among(int end, std::initializer_list<const fd_set*> sets) {
  for (const fd_set* set : sets)
    for (int number = 0; current != nullptr && set != nullptr && number < std::min(end, FD_SETSIZE); ++number)
      if (FD_ISSET(number, set) && current->owns(number)) return current;
  return nullptr;
}

// Waiting for nothing is a way to sleep.
int sleeps(const timespec* time) {
  const int error_number = ::clock_nanosleep(CLOCK_MONOTONIC, 0, time, nullptr);
  return error_number == 0 ? 0 : (errno = error_number, -1);
}

int ppoll_here(std::string_view function, pollfd* entries, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  if (auto* transport = transport_among(entries, count)) return transport->poll(function, entries, count, timeout_of(timeout));
  if (count == 0 && timeout != nullptr) return sleeps(timeout);
  return tlsbye::peer::poll_kernel(entries, count, timeout, mask);
}

timespec timespec_of_ms(int milliseconds) { return {milliseconds / 1000, milliseconds % 1000 * 1000000L}; }

int poll_here(std::string_view function, pollfd* entries, nfds_t count, int milliseconds) {
  const timespec timeout = timespec_of_ms(milliseconds);
  return ppoll_here(function, entries, count, milliseconds < 0 ? nullptr : &timeout, nullptr);
}

int epoll_here(std::string_view function, int epoll, epoll_event* events, int most, int milliseconds, const sigset_t* mask) {
  if (current == nullptr || !current->watched_by(epoll)) return tlsbye::peer::epoll_kernel(epoll, events, most, milliseconds, mask);
  const timespec timeout = timespec_of_ms(milliseconds);
  return current->epoll_wait(function, epoll, events, most, timeout_of(milliseconds < 0 ? nullptr : &timeout));
}

// `made` is another number of what `number` is, or no number.
int made_of(int number, long made) {
  if (made >= 0 && made != number)
    if (auto* transport = transport_of(number)) transport->also(static_cast<int>(made));
  return static_cast<int>(made);
}

// As dup2 and dup3.
int made_into(int from, int to, int flags) {
  auto* const replaced = from == to ? nullptr : transport_of(to);
  struct stat it {};
  if (replaced != nullptr && ::fstat(from, &it) == 0) replaced->lost(to);
  return made_of(from, ::syscall(SYS_dup3, from, to, flags));
}

}  // namespace

// The functions of libc that come first. A TLS library that was built with _FORTIFY_SOURCE calls the __..._chk forms.
extern "C" {

ssize_t recv(int number, void* buffer, size_t size, int flags) {
  if (transport_of(number)) return receive("recv", number, buffer, size, flags);
  return ::syscall(SYS_recvfrom, number, buffer, size, flags, nullptr, nullptr);
}

ssize_t recvfrom(int number, void* buffer, size_t size, int flags, sockaddr* from, socklen_t* from_size) {
  if (transport_of(number)) {
    if (from_size) *from_size = 0;  // a stream names no sender
    return receive("recvfrom", number, buffer, size, flags);
  }
  return ::syscall(SYS_recvfrom, number, buffer, size, flags, from, from_size);
}

ssize_t recvmsg(int number, msghdr* message, int flags) {
  if (auto* transport = transport_of(number)) return transport->receive("recvmsg", number, *message, flags);
  return ::syscall(SYS_recvmsg, number, message, flags);
}

int recvmmsg(int number, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  if (auto* transport = transport_of(number))
    return each_message(messages, count, flags, timeout,
                        [&](msghdr& message, int with) { return transport->receive("recvmmsg", number, message, with); });
  return static_cast<int>(::syscall(SYS_recvmmsg, number, messages, count, flags, timeout));
}

ssize_t read(int number, void* buffer, size_t size) {
  if (transport_of(number)) return receive("read", number, buffer, size, 0);
  return ::syscall(SYS_read, number, buffer, size);
}

ssize_t readv(int number, const iovec* parts, int count) {
  msghdr message = message_of(parts, count);
  if (auto* transport = transport_of(number)) return transport->receive("readv", number, message, 0);
  return ::syscall(SYS_readv, number, parts, count);
}

ssize_t preadv64v2(int number, const iovec* parts, int count, off64_t place, int flags) {
  msghdr message = message_of(parts, count);
  if (auto* transport = transport_of(number))
    return has_place(place) ? transport->receive("preadv2", number, message, message_flags(flags)) : -1;
  return ::syscall(SYS_preadv2, number, parts, count, place, 0, flags);
}

ssize_t send(int number, const void* buffer, size_t size, int flags) {
  if (transport_of(number)) return send_all("send", number, buffer, size, flags);
  return ::syscall(SYS_sendto, number, buffer, size, flags, nullptr, 0);
}

ssize_t sendto(int number, const void* buffer, size_t size, int flags, const sockaddr* to, socklen_t to_size) {
  if (transport_of(number)) return send_all("sendto", number, buffer, size, flags);
  return ::syscall(SYS_sendto, number, buffer, size, flags, to, to_size);
}

ssize_t sendmsg(int number, const msghdr* message, int flags) {
  msghdr copy = *message;
  if (auto* transport = transport_of(number)) return transport->send("sendmsg", number, copy, flags);
  return ::syscall(SYS_sendmsg, number, message, flags);
}

int sendmmsg(int number, mmsghdr* messages, unsigned count, int flags) {
  if (auto* transport = transport_of(number))
    return each_message(messages, count, flags, nullptr,
                        [&](msghdr& message, int with) { return transport->send("sendmmsg", number, message, with); });
  return static_cast<int>(::syscall(SYS_sendmmsg, number, messages, count, flags));
}

ssize_t write(int number, const void* buffer, size_t size) {
  if (transport_of(number)) return send_all("write", number, buffer, size, 0);
  return ::syscall(SYS_write, number, buffer, size);
}

ssize_t writev(int number, const iovec* parts, int count) {
  msghdr message = message_of(parts, count);
  if (auto* transport = transport_of(number)) return transport->send("writev", number, message, 0);
  return ::syscall(SYS_writev, number, parts, count);
}

ssize_t pwritev64v2(int number, const iovec* parts, int count, off64_t place, int flags) {
  msghdr message = message_of(parts, count);
  if (auto* transport = transport_of(number))
    return has_place(place) ? transport->send("pwritev2", number, message, message_flags(flags)) : -1;
  return ::syscall(SYS_pwritev2, number, parts, count, place, 0, flags);
}

ssize_t sendfile64(int to, int from, off64_t* place, size_t size) noexcept {
  if (auto* transport = transport_of(to)) return transport->refuse("sendfile", Flow::send);
  return ::syscall(SYS_sendfile, to, from, place, size);
}

ssize_t splice(int from, off64_t* from_place, int to, off64_t* to_place, size_t size, unsigned flags) {
  if (auto* transport = transport_of(to)) return transport->refuse("splice", Flow::send);
  if (auto* transport = transport_of(from)) return transport->refuse("splice", Flow::recv);
  return ::syscall(SYS_splice, from, from_place, to, to_place, size, flags);
}

int poll(pollfd* entries, nfds_t count, int milliseconds) { return poll_here("poll", entries, count, milliseconds); }

int ppoll(pollfd* entries, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  return ppoll_here("ppoll", entries, count, timeout, mask);
}

int select(int end, fd_set* read_set, fd_set* write_set, fd_set* except_set, timeval* timeout) {
  timespec time = timeout ? timespec{timeout->tv_sec, timeout->tv_usec * 1000} : timespec{};
  timespec* const limit = timeout ? &time : nullptr;
  if (auto* transport = transport_among(end, {read_set, write_set, except_set}))
    return transport->select("select", end, read_set, write_set, except_set, timeout_of(limit));
  if (end == 0 && limit) return sleeps(limit);
  const int result = tlsbye::peer::select_kernel(end, read_set, write_set, except_set, limit, nullptr);
  if (timeout) *timeout = {time.tv_sec, time.tv_nsec / 1000};
  return result;
}

int pselect(int end, fd_set* read_set, fd_set* write_set, fd_set* except_set, const timespec* timeout, const sigset_t* mask) {
  if (auto* transport = transport_among(end, {read_set, write_set, except_set}))
    return transport->select("pselect", end, read_set, write_set, except_set, timeout_of(timeout));
  if (end == 0 && timeout != nullptr) return sleeps(timeout);
  timespec time = timeout ? *timeout : timespec{};
  return tlsbye::peer::select_kernel(end, read_set, write_set, except_set, timeout ? &time : nullptr, mask);
}

int epoll_ctl(int epoll, int operation, int number, epoll_event* event) noexcept {
  const auto result = static_cast<int>(::syscall(SYS_epoll_ctl, epoll, operation, number, event));
  if (result == 0)
    if (auto* transport = transport_of(number)) transport->watched(epoll, operation, number, event);
  return result;
}

int epoll_wait(int epoll, epoll_event* events, int most, int milliseconds) {
  return epoll_here("epoll_wait", epoll, events, most, milliseconds, nullptr);
}

int epoll_pwait(int epoll, epoll_event* events, int most, int milliseconds, const sigset_t* mask) {
  return epoll_here("epoll_pwait", epoll, events, most, milliseconds, mask);
}

int epoll_pwait2(int epoll, epoll_event* events, int most, const timespec* timeout, const sigset_t* mask) {
  if (current != nullptr && current->watched_by(epoll))
    return current->epoll_wait("epoll_pwait2", epoll, events, most, timeout_of(timeout));
  return static_cast<int>(::syscall(SYS_epoll_pwait2, epoll, events, most, timeout, mask, _NSIG / 8));
}

int shutdown(int number, int how) noexcept {
  if (auto* transport = transport_of(number)) return transport->shutdown(number, how);
  return static_cast<int>(::syscall(SYS_shutdown, number, how));
}

int close(int number) {
  if (auto* transport = transport_of(number)) return transport->close(number);
  if (current != nullptr) current->epoll_closed(number);
  return static_cast<int>(::syscall(SYS_close, number));
}

int dup(int number) noexcept { return made_of(number, ::syscall(SYS_dup, number)); }

int dup2(int from, int to) noexcept {
  if (from == to) return ::syscall(SYS_fcntl, from, F_GETFD) < 0 ? -1 : to;
  return made_into(from, to, 0);
}

int dup3(int from, int to, int flags) noexcept { return made_into(from, to, flags); }

// O_NONBLOCK, set here or by ioctl(FIONBIO), is read from the socket where it matters.
int fcntl64(int number, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  const long argument = va_arg(arguments, long);  // a number or a pointer, or nothing
  va_end(arguments);
  const auto result = ::syscall(SYS_fcntl, number, command, argument);
  if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) return made_of(number, result);
  if (Transport* it = command == F_SETFL && result == 0 ? transport_of(number) : nullptr) it->flags_set(static_cast<int>(argument));
  return static_cast<int>(result);
}

// Their other names.
int fcntl(int number, int command, ...) __attribute__((alias("fcntl64")));
int __fcntl(int number, int command, ...) __attribute__((alias("fcntl64")));
ssize_t preadv2(int number, const iovec* parts, int count, off_t place, int flags) __attribute__((alias("preadv64v2")));
ssize_t pwritev2(int number, const iovec* parts, int count, off_t place, int flags) __attribute__((alias("pwritev64v2")));
ssize_t sendfile(int to, int from, off_t* place, size_t size) noexcept __attribute__((alias("sendfile64")));
ssize_t __read(int number, void* buffer, size_t size) __attribute__((alias("read")));
ssize_t __write(int number, const void* buffer, size_t size) __attribute__((alias("write")));
ssize_t __recv(int number, void* buffer, size_t size, int flags) __attribute__((alias("recv")));
ssize_t __send(int number, const void* buffer, size_t size, int flags) __attribute__((alias("send")));
int __poll(pollfd* entries, nfds_t count, int milliseconds) __attribute__((alias("poll")));
int __select(int end, fd_set* read_set, fd_set* write_set, fd_set* except_set, timeval* timeout) __attribute__((alias("select")));
int __close(int number) __attribute__((alias("close")));
int __dup2(int from, int to) noexcept __attribute__((alias("dup2")));

ssize_t __read_chk(int number, void* buffer, size_t size, size_t) { return read(number, buffer, size); }

ssize_t __recv_chk(int number, void* buffer, size_t size, size_t, int flags) { return recv(number, buffer, size, flags); }

ssize_t __recvfrom_chk(int number, void* buffer, size_t size, size_t, int flags, sockaddr* from, socklen_t* from_size) {
  return recvfrom(number, buffer, size, flags, from, from_size);
}

int __poll_chk(pollfd* entries, nfds_t count, int milliseconds, size_t) { return poll_here("poll", entries, count, milliseconds); }

int __ppoll_chk(pollfd* entries, nfds_t count, const timespec* timeout, const sigset_t* mask, size_t) {
  return ppoll_here("ppoll", entries, count, timeout, mask);
}

}  // extern "C"
