// The transports that a run's wire stands between, one for each side.
#pragma once

#include <array>

#include "harness/scenario/wire_order.h"
#include "peers/protocol/channel.h"

namespace tlsbye {

// Both ends of one side's transport. The peer's end is passed on, and then let go of, so that the peer's own close is the last one. Of the
// transport of a real program there is only the wire's end, a TCP connection: `peer` is none.
struct Transport {
  TransportKind kind{};
  Descriptor wire, peer;
};
using Transports = std::array<Transport, 2>;  // by side

// A pair of AF_UNIX sockets each, or TCP over loopback. Throws std::system_error where the system has no more sockets.
Transports make_transports(TransportKind kind);

// Over TCP a socket goes by reset when it is closed: the other end sees one, and no address waits in TIME_WAIT.
void reset_on_close(const Descriptor& socket);

// Throws the std::system_error of errno, as that system call has just left it.
[[noreturn]] void throw_errno_of(const char* system_call);

}  // namespace tlsbye
