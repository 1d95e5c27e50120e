// For tests: OpenSSL as client (the subject) and server (the partner), both in this process, with a wire between them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scenario/wire_order.h"
#include "harness/wire/wire.h"

namespace tlsbye {

inline constexpr Side client = Side::subject;
inline constexpr Side server = Side::partner;

using Deed = StandingOrder::Deed;

// Orders to the wire.
StandingOrder standing(Deed deed, Side from, RecordPattern::Kind what = RecordPattern::Kind::any);
Injection injection(Side from, ContentType type, std::string bytes);

// What became of a record so far: "", "held", "full", "replaced", "delivered", "delivered 3" for a part, or why it was lost, as "dropped".
std::string fate_of(const Transcript& transcript, int record);
// All that was noted of it, in that order: "full, delivered".
std::string fates_of(const Transcript& transcript, int record);

// A record as it is known at the end: what was in it may have come to light later.
struct Seen : Record {
  int event = 0;
  std::string fate;
  // A whole, authentic, encrypted one, at any level.
  bool is_close_notify() const { return alert && alert->description == 0 && encrypted && !damaged && missing == 0; }
};
std::vector<Seen> seen(const Transcript& transcript, Side from);

class Connection {
 public:
  // With `keys_come` false, key log lines are kept in `keys` until the test gives them to the wire.
  explicit Connection(Tls tls, TransportKind kind = TransportKind::socketpair, bool keys_come = true);
  ~Connection();
  // Frees both sessions and begins others; the client offers `resume`, where there is one.
  void begin_session(bool same_transport, SSL_SESSION* resume = nullptr);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Both until done, tickets read.
  void handshake();
  // Another handshake in the session (TLS 1.2 and before), asked for by the server.
  void renegotiate();
  SSL* ssl(Side side) { return sides_[static_cast<std::size_t>(side)].ssl; }
  int fd(Side side) { return sides_[static_cast<std::size_t>(side)].transport.get(); }
  void close_transport(Side side) { sides_[static_cast<std::size_t>(side)].transport.reset(); }
  Wire::Progress pump() { return wire->pump(1); }
  void order(const WireOrder& it, std::string_view words = "an order") { wire->carry_out(it, words, 1); }

  // One call each, and a pump after it.
  int write(Side side, std::string_view text);
  int shutdown(Side side);
  // Up to 64 KiB of what can be read now; `error` gets SSL_get_error of the call that ended it.
  std::string read(Side side, int* error = nullptr);
  // The reason of the last error in OpenSSL's queue, which is emptied.
  std::string reason();

  // All records that `from` sent or that were made in its name, but for the handshake.
  std::vector<Seen> records(Side from) const;
  std::vector<TransportEnd> ends() const;
  bool decrypted() const { return tlsbye::decrypted(transcript); }
  std::string story() const;  // the transcript, narrated, for failures

  Transcript transcript;
  std::unique_ptr<Wire> wire;
  std::vector<std::string> keys;
  bool keys_come;

 private:
  void make_peers();
  struct Peer {
    SSL* ssl = nullptr;
    Descriptor transport;
  };
  Tls tls_;
  TransportKind kind_;
  Peer sides_[2];
  int after_handshake_ = 0;
};

}  // namespace tlsbye
