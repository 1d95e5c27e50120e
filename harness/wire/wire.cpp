#include "harness/wire/wire.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "harness/data/overloaded.h"
#include "harness/wire/direction.h"

namespace tlsbye {
namespace {

constexpr std::size_t read_size = 64 * 1024;
// How long TCP over loopback may take to bring what was sent; it comes at once but for a kernel that puts its work off.
constexpr int most_delay_ms = 20;
constexpr long most_idle_ns = 200'000;
constexpr long second_ns = 1'000'000'000;
constexpr int most_turns = most_delay_ms * 1'000'000 / most_idle_ns;

}  // namespace

bool is_end_of_transport(int error_number) { return error_number == EPIPE || error_number == ECONNRESET || error_number == ENOTCONN; }

class Wire::Impl {
 public:
  Impl(Transports transports, Role subject_role, Tls tls, Transcript& transcript, Limits limits)
      : transcript_(transcript),
        limits_(limits),
        secrets_(tls),
        ways_{Direction(Side::subject, subject_role, secrets_, transcript),
              Direction(Side::partner, other(subject_role), secrets_, transcript)},
        buffer_(std::make_unique_for_overwrite<char[]>(read_size)) {
    stand_between(std::move(transports));
  }

  ~Impl() { end_transports(); }

  void begin_line(int line) { line_ = line; }

  Descriptor take_end(Side side) { return std::move(port(side).peer); }

  void key_log(std::string_view line) {
    capture_.add_key(line);
    if (!secrets_.learn(line)) return;
    for (int event = 0;;) {
      const int next[] = {ways_[0].unread_after(event), ways_[1].unread_after(event)};
      if (next[0] == 0 && next[1] == 0) break;
      const bool second = next[0] == 0 || (next[1] != 0 && next[1] < next[0]);
      event = next[second];
      ways_[second].read_again(event, line_);
    }
  }

  void script_wrote(Side side, std::size_t bytes) {
    const Port& it = port(side);
    if (it.socket && !it.ended) way_from(side).script_wrote(unread(it, bytes), bytes);
  }

  void expect(Side side, std::size_t sent, bool finished) { port(side).expected = Expected{sent, finished}; }

  void begin_session() {
    for (Direction& way : ways_) {
      way.begin_session(true, line_);
      flush(way, line_);
    }
  }
  void begin_session(Transports transports) {
    end_transports();
    for (Direction& way : ways_) way.begin_session(false, line_);
    stand_between(std::move(transports));
  }

  void end_after(Side side, std::size_t bytes, std::optional<End> how) {
    way_to(side).out().end_after(bytes, how, line_);
    flush(way_to(side), line_);
  }

  Counts count(Side side) {
    Port& it = port(side);
    for (ssize_t size = 1; it.socket && size > 0;) {
      do size = recv(it.socket.get(), buffer_.get(), read_size, MSG_DONTWAIT);
      while (size < 0 && errno == EINTR);
      if (size > 0) it.sent += static_cast<std::size_t>(size);
    }
    return {it.sent, it.given, !it.tcp};
  }

  std::size_t delivered_to(Side side) { return way_to(side).out().delivered(); }

  bool has_ended(Side side) const {
    const Port& it = ports_[static_cast<std::size_t>(side)];
    return it.ended || !it.socket;
  }

  bool wait_for(Side side, std::chrono::milliseconds patience) {
    const Port& it = port(side);
    if (!it.socket) return false;
    // Behind its end there is an error at most: a reset, drawn by what was sent to it since.
    const short receiving = it.ended ? short{0} : short{POLLIN};
    pollfd ask{it.socket.get(), static_cast<short>(receiving | (way_to(side).out().waiting().empty() ? 0 : POLLOUT)), 0};
    int ready = 0;
    do ready = ::poll(&ask, 1, static_cast<int>(patience.count()));
    while (ready < 0 && errno == EINTR);
    if (ready > 0 && it.ended && it.tcp && !it.failed) notice_reset(side, line_);
    return ready > 0;
  }

  void carry_out(const WireOrder& order, std::string_view words, int line) {
    line_ = line;
    std::visit(Overloaded{
                   [&](const StandingOrder& it) { way_from(it.from).order(it, words); },
                   [&](const Release& it) {
                     for (Direction& way : ways_) {
                       if (it.from && *it.from != way.from()) continue;
                       way.release(line);
                       flush(way, line);
                     }
                   },
                   [&](const Injection& it) {
                     Direction& way = way_from(it.from);
                     if (!way.inject(it, line)) not_done_.emplace_back(words);
                     flush(way, line);
                   },
                   [&](const EndOrder& it) {
                     if (!finish(it.towards, it.how, line)) not_done_.emplace_back(words);
                   },
                   [&](const Stall& it) { port(it.side).stalled = it.stalled; },
               },
               order);
  }

  Progress pump(int line) {
    line_ = line;
    while (pump_once(line) || (wait_for_more() && pump_once(line))) {
    }
    return std::exchange(progress_, {});
  }

  std::vector<std::string> orders_left() const {
    std::vector<std::string> left = not_done_;
    for (const Direction& way : ways_)
      for (std::string& order : way.orders_left()) left.push_back(std::move(order));
    return left;
  }

  Capture take_capture() { return std::move(capture_); }

 private:
  // What a peer says that it has sent.
  struct Expected {
    std::size_t sent = 0;
    bool finished = false;
  };
  // One side's transport, and the wire's end of it.
  struct Port {
    Descriptor socket;
    Descriptor peer;  // until it is taken
    bool tcp = false;
    bool here = true;                 // both ends are this process's to make: its peer is not a real program
    std::size_t sent = 0, given = 0;  // bytes, by the peer and to it
    std::optional<Expected> expected = {};
    bool waited_in_vain = false;  // for what it said
    bool stalled = false;
    bool ended = false;   // nothing more is read from it
    bool failed = false;  // ECONNRESET or EPIPE was seen
  };

  void stand_between(Transports transports) {
    watch_.reset();
    for (const Side side : {Side::subject, Side::partner}) {
      Transport& its = transports[static_cast<std::size_t>(side)];
      const bool tcp = its.kind == TransportKind::tcp;
      const bool here = static_cast<bool>(its.peer);
      if (tcp && here) watch(side, its);
      port(side) = {std::move(its.wire), std::move(its.peer), tcp, here, 0, 0, {}};
    }
    capture_.add(Capture::Sight::Kind::transport, Side::subject, line_);
  }

  void end_transports() {
    for (Port& it : ports_) {
      if (it.tcp && it.here && it.socket) reset_on_close(it.socket);
      it = {};
    }
  }

  // What the wire can read from there and has not, of which at least `sent` bytes are on their way.
  std::size_t unread(const Port& it, std::size_t sent) const {
    int size = 0;
    timespec delay{0, most_idle_ns};
    for (int turn = 0; ioctl(it.socket.get(), FIONREAD, &size) == 0 && it.tcp && std::cmp_less(size, sent) && turn < most_turns; ++turn)
      ::ppoll(nullptr, 0, &delay, nullptr);
    return static_cast<std::size_t>(size);
  }

  Port& port(Side side) { return ports_[static_cast<std::size_t>(side)]; }
  Direction& way_from(Side side) { return ways_[static_cast<std::size_t>(side)]; }
  Direction& way_to(Side side) { return way_from(other(side)); }

  bool pump_once(int line) {
    bool moved = false;
    for (Direction& way : ways_) {
      moved |= read(way.from(), line);
      moved |= flush(way, line);
    }
    return moved;
  }

  // Takes what `side` has sent.
  bool read(Side side, int line) {
    Port& it = port(side);
    Direction& way = way_from(side);
    bool moved = false;
    while (it.socket && !it.stalled && !it.ended) {
      const ssize_t size = recv(it.socket.get(), buffer_.get(), read_size, MSG_DONTWAIT);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      if (size < 0 && !is_end_of_transport(errno)) throw_errno_of("recv");
      moved = true;
      if (size > 0) {
        progress_.of(side).drained = true;
        it.sent += static_cast<std::size_t>(size);
        if (it.sent > limits_.sent)
          throw std::length_error("the " + std::string(spell(side)) + " sent more than " + std::to_string(limits_.sent >> 20) +
                                  " MiB in one run");
        if (transcript_.next_number() > limits_.events)
          throw std::length_error("the " + std::string(spell(side)) + " sent so many records that the run has more than " +
                                  std::to_string(limits_.events) + " events");
        const std::string_view bytes(buffer_.get(), static_cast<std::size_t>(size));
        if (side == Side::subject) capture_.add_data(side, line, bytes);
        way.arrive(bytes, line);
        if (static_cast<std::size_t>(size) < read_size) break;  // no more is there; an end is found the next time
        continue;
      }
      const End how = size < 0 ? End::reset : hung_up(it) ? End::hangup : End::fin;
      it.ended = true;
      it.failed = how == End::reset;
      capture_end(side, side, how, line);
      way.sender_ended(how, line);
      if (how != End::fin) way_to(side).out().gone(line);
    }
    return moved;
  }

  // Whether an end of stream is the end of both directions. TCP does not tell before something is sent there.
  bool hung_up(const Port& it) const {
    pollfd ask{it.socket.get(), 0, 0};
    return !it.tcp && ::poll(&ask, 1, 0) == 1 && (ask.revents & POLLHUP);
  }

  // Writes what is to go to the receiver, and then the end where one is due.
  bool flush(Direction& way, int line) {
    const Side receiver = other(way.from());
    Port& it = port(receiver);
    bool moved = false;
    Outbox& out = way.out();
    while (!out.waiting().empty()) {
      const std::string_view bytes = out.waiting();
      if (!it.socket) {
        out.gone(line);
        break;
      }
      expect_arrival(receiver);
      const ssize_t size = send(it.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (size > 0) {
        moved = progress_.of(receiver).arrived = true;
        it.given += static_cast<std::size_t>(size);
        if (receiver == Side::subject) capture_.add_data(way.from(), line, bytes.substr(0, static_cast<std::size_t>(size)));
        out.accepted(static_cast<std::size_t>(size), line);
        confirm_arrival(receiver);
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        out.must_wait(line);
        break;
      } else if (errno != EINTR) {
        if (!is_end_of_transport(errno)) throw_errno_of("send");
        out.gone(line);
        moved = true;
      }
    }
    if (it.tcp && moved && it.ended && !it.failed && it.socket) notice_reset(receiver, line);
    if (const auto due = way.end_due()) {
      moved = true;
      // What the receiver sent until now was sent before it could see the end.
      if (due->how != End::fin) read(receiver, line);
      put_end(receiver, due->how, due->by_wire, line);
    }
    return moved;
  }

  // A TCP peer that has closed answers data with a reset, which comes after the end of its stream.
  void notice_reset(Side side, int line) {
    Port& it = port(side);
    int error = 0;  // recv() would go on saying that the stream has ended
    socklen_t size = sizeof error;
    if (getsockopt(it.socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error == 0) return;
    it.failed = true;
    capture_end(side, side, End::reset, line);
    way_to(side).out().gone(line);
    way_from(side).sender_ended(End::reset, line);
  }

  // The script ends the stream towards `side`; false if it has ended already.
  bool finish(Side side, End how, int line) {
    const Outbox& out = way_to(side).out();
    if (!port(side).socket || out.is_gone() || (out.closed() && how == End::fin)) return false;
    if (how == End::hangup) read(side, line);
    flush(way_to(side), line);
    put_end(side, how, true, line);
    return true;
  }

  // Ends the stream towards `receiver`; hangup and reset end both of its directions.
  void put_end(Side receiver, End how, bool by_wire, int line) {
    Port& it = port(receiver);
    Direction& way = way_to(receiver);
    if (how == End::reset && !it.tcp) how = End::hangup;  // AF_UNIX has no reset to give
    way.out().close();
    if (!it.socket) return;
    expect_arrival(receiver);
    if (how == End::fin) {
      shutdown(it.socket.get(), SHUT_WR);
    } else {
      it.ended = true;
      way.out().gone(line);
      if (it.tcp) {
        if (how == End::reset) reset_on_close(it.socket);
        it.socket.reset();
      } else {
        // Both ways, but no close: closing with bytes unread would be ECONNRESET for the receiver.
        shutdown(it.socket.get(), SHUT_RDWR);
      }
    }
    confirm_arrival(receiver);
    progress_.of(receiver).arrived = true;
    if (how != End::fin) progress_.of(receiver).drained = true;  // a writer finds out too
    capture_end(receiver, way.from(), how, line);
    transcript_.add(line, TransportEnd{way.from(), true, by_wire, how});
  }

  // At the transport of `side`, the stream of `from` ended.
  void capture_end(Side side, Side from, End how, int line) {
    using Kind = Capture::Sight::Kind;
    if (side == Side::subject) capture_.add(how == End::reset ? Kind::reset : Kind::fin, from, line);
  }

  // TCP only: what is sent over loopback is nearly always there when send() returns, but this is not promised. An epoll watches the
  // peers' own ends for the edge that arrival makes. It holds no reference to them: the peer's close stays the last one, and takes the
  // end out of the epoll.
  void watch(Side side, const Transport& its) {
    if (!watch_) watch_ = Descriptor(epoll_create1(EPOLL_CLOEXEC));
    if (!watch_) throw_errno_of("epoll_create1");
    epoll_event at_peer{EPOLLIN | EPOLLRDHUP | EPOLLET, {.u32 = static_cast<std::uint32_t>(side)}};
    epoll_event at_wire{EPOLLET, {.u32 = static_cast<std::uint32_t>(side)}};  // errors: the peer's end is gone
    if (epoll_ctl(watch_.get(), EPOLL_CTL_ADD, its.peer.get(), &at_peer) != 0) throw_errno_of("epoll_ctl");
    if (epoll_ctl(watch_.get(), EPOLL_CTL_ADD, its.wire.get(), &at_wire) != 0) throw_errno_of("epoll_ctl");
  }

  bool collect(Side side, int timeout_ms) {
    std::array<epoll_event, 4> events;
    const int count = epoll_wait(watch_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
    bool seen = false;
    for (int i = 0; i < count; ++i) seen |= events[static_cast<std::size_t>(i)].data.u32 == static_cast<std::uint32_t>(side);
    return seen;
  }
  void expect_arrival(Side side) {
    if (port(side).tcp && port(side).here) collect(side, 0);
  }
  // A receiver whose buffer is full makes no edge, and neither does one that is gone: then the time is the limit.
  void confirm_arrival(Side side) {
    if (port(side).tcp && port(side).here && !collect(side, 0)) collect(side, most_delay_ms);
  }

  // TCP only: waits for what the peers say that they have sent and the wire has not read yet, and gives whether something came.
  bool wait_for_more() {
    std::array<pollfd, 2> ask{};
    long most_ns = 0;
    for (std::size_t i = 0; i < ask.size(); ++i) {
      const Port& it = ports_[i];
      const long its_ns = it.tcp && it.socket && !it.stalled && !it.ended ? wait_of(it) : 0;
      ask[i] = {its_ns > 0 ? it.socket.get() : -1, POLLIN, 0};
      most_ns = std::max(most_ns, its_ns);
    }
    if (most_ns == 0) return false;
    const timespec time{most_ns / second_ns, most_ns % second_ns};
    if (::ppoll(ask.data(), ask.size(), &time, nullptr) > 0) return true;
    // A peer that lies, or whose transport another process holds too, costs this once: then it is as one that says nothing.
    for (std::size_t i = 0; i < ask.size(); ++i) ports_[i].waited_in_vain |= ask[i].fd >= 0 && ports_[i].expected.has_value();
    return false;
  }

  static long wait_of(const Port& it) {
    if (!it.expected || it.waited_in_vain) return most_idle_ns;
    if (it.sent < it.expected->sent) return second_ns;
    return it.expected->finished ? most_delay_ms * 1'000'000L : 0;
  }

  Transcript& transcript_;
  const Limits limits_;
  Capture capture_;
  Secrets secrets_;
  std::array<Direction, 2> ways_;  // by the side that they come from
  std::array<Port, 2> ports_;
  Descriptor watch_;
  Progress progress_;
  int line_ = 0;  // of the script, the last that was told
  std::vector<std::string> not_done_;
  std::unique_ptr<char[]> buffer_;
};

Wire::Wire(Transports transports, Role subject_role, Tls tls, Transcript& transcript)
    : Wire(std::move(transports), subject_role, tls, transcript, Limits()) {}
Wire::Wire(Transports transports, Role subject_role, Tls tls, Transcript& transcript, Limits limits)
    : impl_(std::make_unique<Impl>(std::move(transports), subject_role, tls, transcript, limits)) {}
Wire::~Wire() = default;

Descriptor Wire::take_end(Side side) { return impl_->take_end(side); }
void Wire::key_log(std::string_view line) { impl_->key_log(line); }
void Wire::begin_line(int line) { impl_->begin_line(line); }
void Wire::script_wrote(Side side, std::size_t bytes) { impl_->script_wrote(side, bytes); }
void Wire::expect(Side side, std::size_t sent, bool finished) { impl_->expect(side, sent, finished); }
void Wire::begin_session() { impl_->begin_session(); }
void Wire::begin_session(Transports transports) { impl_->begin_session(std::move(transports)); }
void Wire::end_after(Side side, std::size_t bytes, std::optional<End> how) { impl_->end_after(side, bytes, how); }
Wire::Counts Wire::count(Side side) { return impl_->count(side); }
bool Wire::wait_for(Side side, std::chrono::milliseconds patience) { return impl_->wait_for(side, patience); }
bool Wire::has_ended(Side side) const { return impl_->has_ended(side); }
std::size_t Wire::delivered_to(Side side) const { return impl_->delivered_to(side); }

void Wire::carry_out(const WireOrder& order, std::string_view words, int line) { impl_->carry_out(order, words, line); }
Wire::Progress Wire::pump(int line) { return impl_->pump(line); }
std::vector<std::string> Wire::orders_left() const { return impl_->orders_left(); }
Capture Wire::take_capture() { return impl_->take_capture(); }

}  // namespace tlsbye
