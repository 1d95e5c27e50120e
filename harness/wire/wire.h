// The wire: the harness's tap between the two peers, and the only place where bytes are changed.
//
//        subject  <--- socket --->  Wire  <--- socket --->  partner
//
// It reads what each side sends, cuts it into TLS records, decrypts them, notes them in the transcript and passes them on; where the
// script gave an order, it does what the order says to the first record that matches. Whatever it adds, removes or changes, it seals
// again with the sequence numbers and keys that the receiver expects (RFC 8446 5.2, 5.3; RFC 5246 6.2.3.3), so that the receiver sees
// only valid records, unless the script asked for others.
//
// It never blocks and never waits: pump() moves all that can be moved now. The runner calls it whenever a peer has come to rest.
#pragma once

#include <memory>
#include <string_view>

#include "harness/scenario/scenario.h"
#include "harness/transcript/transcript.h"
#include "peers/protocol/channel.h"

namespace tlsbye {

class Wire {
 public:
  // Makes both transports. `transcript` must outlive the wire; events are added to it. Throws std::system_error where the system has
  // no more sockets.
  Wire(TransportKind kind, Role subject_role, Tls tls, Transcript& transcript);
  ~Wire();

  // The descriptor that the peer of that side gets; the caller passes it on and then lets go of it, so that the peer's own close is
  // the last one. To be taken once.
  Descriptor take_end(Side side);

  // A line of a key log, from whichever peer offered it. Lines that are not of this connection or of no use are ignored; the same secret
  // may come twice. Records that passed before their keys were known are decrypted now, and their events completed.
  void key_log(std::string_view line);

  // Carries out a wire statement: at once (inject, release, fin, ...) or as a standing order (hold, drop, ...).
  void carry_out(const Statement& order);

  // What pump() changed for one side.
  struct Moved {
    bool arrived = false;  // bytes, an end or a reset were put where that side reads them
    bool drained = false;  // bytes were taken from where that side writes them
  };
  struct Progress {
    Moved subject, partner;
    Moved& of(Side side) { return side == Side::subject ? subject : partner; }
  };
  // Moves whatever can be moved, notes it under `line` of the script, and says what changed since the last call (orders included).
  Progress pump(int line);

  // Standing orders that never met their record, in the words of the script. A scenario whose order was never carried out did not
  // happen as written.
  std::vector<std::string> orders_left() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tlsbye
