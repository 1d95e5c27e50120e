#include "harness/wire/transports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

namespace tlsbye {
namespace {

// What a peer, and the wire, can write before it must wait: the kernel doubles it, so that a socketpair takes eight full records of a peer
// (128 KiB of data), and what Linux has by default of the wire. Fixed, so that `stall` fills a transport, and a record is withheld, with
// the same bytes on every machine; scenarios count on it.
constexpr int peer_send_buffer = 64 * 1024;
constexpr int wire_send_buffer = 104 * 1024;

void set(int socket, int level, int option, int value) {
  if (setsockopt(socket, level, option, &value, sizeof value) != 0) throw_errno_of("setsockopt");
}

Transport unix_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw_errno_of("socketpair");
  return {TransportKind::socketpair, Descriptor(ends[0]), Descriptor(ends[1])};
}

Descriptor tcp_socket() {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) throw_errno_of("socket");
  return socket;
}

sockaddr_in address_of(int (*ask)(int, sockaddr*, socklen_t*), int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (ask(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) throw_errno_of("getsockname");
  return address;
}

Transport tcp_pair() {
  const Descriptor listener = tcp_socket();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  set(listener.get(), SOL_SOCKET, SO_RCVBUF, peer_send_buffer);
  if (bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw_errno_of("bind");
  if (listen(listener.get(), 1) != 0) throw_errno_of("listen");
  address = address_of(getsockname, listener.get());

  Transport pair{TransportKind::tcp, {}, tcp_socket()};
  set(pair.peer.get(), SOL_SOCKET, SO_RCVBUF, wire_send_buffer);
  if (connect(pair.peer.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw_errno_of("connect");
  const in_port_t ours = address_of(getsockname, pair.peer.get()).sin_port;
  do {  // whoever else connects to a port of ours is sent away
    pair.wire = Descriptor(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!pair.wire) throw_errno_of("accept4");
  } while (address_of(getpeername, pair.wire.get()).sin_port != ours);
  set(pair.wire.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  set(pair.peer.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  return pair;
}

}  // namespace

Transports make_transports(TransportKind kind) {
  Transports transports;
  for (Transport& it : transports) {
    it = kind == TransportKind::tcp ? tcp_pair() : unix_pair();
    set(it.peer.get(), SOL_SOCKET, SO_SNDBUF, peer_send_buffer);
    set(it.wire.get(), SOL_SOCKET, SO_SNDBUF, wire_send_buffer);
  }
  return transports;
}

void reset_on_close(const Descriptor& socket) {
  const linger at_once{1, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void throw_errno_of(const char* system_call) { throw std::system_error(errno, std::generic_category(), system_call); }

}  // namespace tlsbye
