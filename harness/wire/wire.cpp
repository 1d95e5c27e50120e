#include "harness/wire/wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "harness/wire/direction.h"

namespace tlsbye {
namespace {

// What a peer can write before it must wait: the kernel doubles it, so that a socketpair takes eight full records (128 KiB of data). Fixed,
// so that `stall` fills a transport with the same bytes on every machine; scenarios count on it.
constexpr int peer_send_buffer = 64 * 1024;
constexpr std::size_t read_size = 64 * 1024;
// How long TCP over loopback may take to bring what was sent; it comes at once but for a kernel that puts its work off.
constexpr int most_delay_ms = 20;
constexpr long most_idle_ns = 200'000;

struct Pair {
  Descriptor wire, peer;
};

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

void set(int socket, int level, int option, int value) {
  if (setsockopt(socket, level, option, &value, sizeof value) != 0) fail("setsockopt");
}

void reset_on_close(int socket) {
  const linger at_once{1, 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

Pair unix_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail("socketpair");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

Descriptor tcp_socket() {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) fail("socket");
  return socket;
}

sockaddr_in address_of(int (*ask)(int, sockaddr*, socklen_t*), int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (ask(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) fail("getsockname");
  return address;
}

Pair tcp_pair() {
  const Descriptor listener = tcp_socket();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  set(listener.get(), SOL_SOCKET, SO_RCVBUF, peer_send_buffer);
  if (bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("bind");
  if (listen(listener.get(), 1) != 0) fail("listen");
  address = address_of(getsockname, listener.get());

  Pair pair{{}, tcp_socket()};
  if (connect(pair.peer.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("connect");
  const in_port_t ours = address_of(getsockname, pair.peer.get()).sin_port;
  do {  // whoever else connects to a port of ours is sent away
    pair.wire = Descriptor(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!pair.wire) fail("accept4");
  } while (address_of(getpeername, pair.wire.get()).sin_port != ours);
  set(pair.wire.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  set(pair.peer.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  return pair;
}

}  // namespace

class Wire::Impl {
 public:
  Impl(TransportKind kind, Role subject_role, Tls tls, Transcript& transcript)
      : tcp_(kind == TransportKind::tcp),
        transcript_(transcript),
        secrets_(tls),
        ways_{Direction(Side::subject, subject_role, secrets_, transcript),
              Direction(Side::partner, other(subject_role), secrets_, transcript)},
        buffer_(std::make_unique_for_overwrite<char[]>(read_size)) {
    make_transports();
  }

  ~Impl() { end_transports(); }

  Descriptor take_end(Side side) { return std::move(port(side).peer); }

  void key_log(std::string_view line) {
    capture_.add_key(line);
    if (!secrets_.learn(line)) return;
    for (int event = 0;;) {
      const int next[] = {ways_[0].unread_after(event), ways_[1].unread_after(event)};
      if (next[0] == 0 && next[1] == 0) break;
      const bool second = next[0] == 0 || (next[1] != 0 && next[1] < next[0]);
      event = next[second];
      ways_[second].read_again(event);
    }
    transcript_.decrypted = ways_[0].decrypted() && ways_[1].decrypted();
  }

  void begin_session(bool same_transport) {
    if (!same_transport) end_transports();
    for (Direction& way : ways_) {
      way.begin_session(same_transport, line_);
      if (same_transport) flush(way, line_);
    }
    if (!same_transport) make_transports();
  }

  void end_after(Side side, std::size_t bytes, std::optional<End> how) {
    way_to(side).end_after(bytes, how, line_);
    flush(way_to(side), line_);
  }

  Counts count(Side side) {
    Port& it = port(side);
    for (ssize_t size = 1; it.socket && size > 0;) {
      do size = recv(it.socket.get(), buffer_.get(), read_size, MSG_DONTWAIT);
      while (size < 0 && errno == EINTR);
      if (size > 0) it.sent += static_cast<std::size_t>(size);
    }
    return {it.sent, it.given, !tcp_};
  }

  std::size_t delivered_to(Side side) { return way_to(side).delivered(); }

  void carry_out(const Statement& order) {
    line_ = order.line;
    switch (order.verb) {
      case Verb::hold:
      case Verb::drop:
      case Verb::repeat:
      case Verb::alter:
      case Verb::damage:
      case Verb::split:
      case Verb::join:
      case Verb::cut:
        if (order.from) way_from(*order.from).order(order);
        return;
      case Verb::release:
        for (Direction& way : ways_) {
          if (order.from && *order.from != way.from()) continue;
          way.release(order.line);
          flush(way, order.line);
        }
        return;
      case Verb::inject: {
        if (!order.from) return;
        Direction& way = way_from(*order.from);
        if (!way.inject(order.content, order.times, order.line)) not_done_.push_back(order.source);
        flush(way, order.line);
        return;
      }
      case Verb::fin:
        return finish(order.side, End::fin, order);
      case Verb::hangup:
        return finish(order.side, End::hangup, order);
      case Verb::reset:
        return finish(order.side, End::reset, order);
      case Verb::stall:
      case Verb::unstall:
        port(order.side).stalled = order.verb == Verb::stall;
        return;
      default:
        return;  // verbs of peers
    }
  }

  Progress pump(int line) {
    line_ = line;
    while (pump_once(line) || (tcp_ && wait_for_more() && pump_once(line))) {
    }
    transcript_.decrypted = ways_[0].decrypted() && ways_[1].decrypted();
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
  // The wire's end of one side's transport.
  struct Port {
    Descriptor socket;
    Descriptor peer;                  // until it is taken
    std::size_t sent = 0, given = 0;  // bytes, by the peer and to it
    bool stalled = false;
    bool ended = false;   // nothing more is read from it
    bool failed = false;  // ECONNRESET or EPIPE was seen
  };

  void make_transports() {
    if (tcp_) {
      watch_ = Descriptor(epoll_create1(EPOLL_CLOEXEC));
      if (!watch_) fail("epoll_create1");
    }
    for (const Side side : {Side::subject, Side::partner}) {
      Pair pair = tcp_ ? tcp_pair() : unix_pair();
      set(pair.peer.get(), SOL_SOCKET, SO_SNDBUF, peer_send_buffer);
      if (tcp_) watch(side, pair);
      port(side) = {std::move(pair.wire), std::move(pair.peer), 0, 0};
    }
    capture_.add(Capture::Sight::Kind::transport, Side::subject, line_);
  }

  // On TCP the wire's ends go by reset, so that no address waits in TIME_WAIT.
  void end_transports() {
    for (Port& it : ports_) {
      if (tcp_ && it.socket) reset_on_close(it.socket.get());
      it = {};
    }
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
      moved = true;
      if (size > 0) {
        progress_.of(side).drained = true;
        it.sent += static_cast<std::size_t>(size);
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
      if (how != End::fin) way_to(side).receiver_gone();
    }
    return moved;
  }

  // Whether an end of stream is the end of both directions. TCP does not tell before something is sent there.
  bool hung_up(const Port& it) const {
    pollfd ask{it.socket.get(), 0, 0};
    return !tcp_ && ::poll(&ask, 1, 0) == 1 && (ask.revents & POLLHUP);
  }

  // Writes what is to go to the receiver, and then the end where one is due.
  bool flush(Direction& way, int line) {
    const Side receiver = other(way.from());
    Port& it = port(receiver);
    bool moved = false;
    while (!way.outgoing().empty()) {
      const std::string_view bytes = way.outgoing();
      if (!it.socket) {
        way.receiver_gone();
        break;
      }
      expect_arrival(receiver);
      const ssize_t size = send(it.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (size > 0) {
        moved = progress_.of(receiver).arrived = true;
        it.given += static_cast<std::size_t>(size);
        if (receiver == Side::subject) capture_.add_data(way.from(), line, bytes.substr(0, static_cast<std::size_t>(size)));
        way.accepted(static_cast<std::size_t>(size), line);
        confirm_arrival(receiver);
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        way.must_wait();
        break;
      } else if (errno != EINTR) {
        way.receiver_gone();
        moved = true;
      }
    }
    if (tcp_ && moved && it.ended && !it.failed && it.socket) notice_reset(receiver, line);
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
    way_to(side).receiver_gone();
    way_from(side).sender_ended(End::reset, line);
  }

  // The script ends the stream towards `side`.
  void finish(Side side, End how, const Statement& order) {
    const Direction& way = way_to(side);
    if (!port(side).socket || way.gone() || (way.closed() && how == End::fin)) {
      not_done_.push_back(order.source);
      return;
    }
    if (how == End::hangup) read(side, order.line);
    flush(way_to(side), order.line);
    put_end(side, how, true, order.line);
  }

  // Ends the stream towards `receiver`; hangup and reset end both of its directions.
  void put_end(Side receiver, End how, bool by_wire, int line) {
    Port& it = port(receiver);
    Direction& way = way_to(receiver);
    if (how == End::reset && !tcp_) how = End::hangup;  // AF_UNIX has no reset to give
    way.close();
    if (!it.socket) return;
    expect_arrival(receiver);
    if (how == End::fin) {
      shutdown(it.socket.get(), SHUT_WR);
    } else {
      it.ended = true;
      way.receiver_gone();
      if (tcp_) {
        if (how == End::reset) reset_on_close(it.socket.get());
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

  // TCP only: what is sent over loopback is nearly always there when send() returns, but nobody promises it. An epoll watches the
  // peers' own ends for the edge that arrival makes. It holds no reference to them: the peer's close stays the last one, and takes the
  // end out of the epoll.
  void watch(Side side, const Pair& pair) {
    epoll_event at_peer{EPOLLIN | EPOLLRDHUP | EPOLLET, {.u32 = static_cast<std::uint32_t>(side)}};
    epoll_event at_wire{EPOLLET, {.u32 = static_cast<std::uint32_t>(side)}};  // errors: the peer's end is gone
    if (epoll_ctl(watch_.get(), EPOLL_CTL_ADD, pair.peer.get(), &at_peer) != 0) fail("epoll_ctl");
    if (epoll_ctl(watch_.get(), EPOLL_CTL_ADD, pair.wire.get(), &at_wire) != 0) fail("epoll_ctl");
  }

  bool collect(Side side, int timeout_ms) {
    std::array<epoll_event, 4> events;
    const int count = epoll_wait(watch_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
    bool seen = false;
    for (int i = 0; i < count; ++i) seen |= events[static_cast<std::size_t>(i)].data.u32 == static_cast<std::uint32_t>(side);
    return seen;
  }
  void expect_arrival(Side side) {
    if (tcp_) collect(side, 0);
  }
  // A receiver whose buffer is full makes no edge, and neither does one that is gone: then the time is the limit.
  void confirm_arrival(Side side) {
    if (tcp_ && !collect(side, 0)) collect(side, most_delay_ms);
  }

  // TCP only: whether something comes that was sent just now. The time is spent only where nothing does.
  bool wait_for_more() {
    std::array<pollfd, 2> ask{};
    for (std::size_t i = 0; i < ask.size(); ++i) ask[i] = {ports_[i].stalled || ports_[i].ended ? -1 : ports_[i].socket.get(), POLLIN, 0};
    const timespec delay{0, most_idle_ns};
    return ::ppoll(ask.data(), ask.size(), &delay, nullptr) > 0;
  }

  const bool tcp_;
  Transcript& transcript_;
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

Wire::Wire(TransportKind kind, Role subject_role, Tls tls, Transcript& transcript)
    : impl_(std::make_unique<Impl>(kind, subject_role, tls, transcript)) {}
Wire::~Wire() = default;

Descriptor Wire::take_end(Side side) { return impl_->take_end(side); }
void Wire::key_log(std::string_view line) { impl_->key_log(line); }
void Wire::begin_session(bool same_transport) { impl_->begin_session(same_transport); }
void Wire::end_after(Side side, std::size_t bytes, std::optional<End> how) { impl_->end_after(side, bytes, how); }
Wire::Counts Wire::count(Side side) { return impl_->count(side); }
std::size_t Wire::delivered_to(Side side) const { return impl_->delivered_to(side); }

void Wire::carry_out(const Statement& order) { impl_->carry_out(order); }
Wire::Progress Wire::pump(int line) { return impl_->pump(line); }
std::vector<std::string> Wire::orders_left() const { return impl_->orders_left(); }
Capture Wire::take_capture() { return impl_->take_capture(); }

}  // namespace tlsbye
