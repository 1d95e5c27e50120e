// The wire: the harness's tap between the two parties, and the only place where bytes are changed.
//
//        subject  <--- socket --->  Wire  <--- socket --->  partner
//
// It reads what each side sends, cuts it into TLS records, decrypts them, notes them in the transcript (Record) and passes them on, and
// notes what became of each when that happens (Delivered, Withheld, Replaced, Lost). Where the script gave an order, it does what the order
// says to the first record that matches. Whatever it adds, removes or changes, it seals again with the sequence numbers and keys that the
// receiver expects (RFC 8446 5.2, 5.3; RFC 5246 6.2.3.3), so that the receiver sees only valid records, unless the script asked for others.
//
// It never blocks: pump() moves all that can be moved now. The runner calls it whenever a peer has come to rest. Over TCP it makes sure,
// within a bounded time, that what it sent has arrived before it says so; AF_UNIX delivers at once.
//
// What it does to records
// * An order acts from the moment it is given, on the first record of its direction that matches; given before the handshake it meets
//   handshake records too. Each record meets at most one `hold` and one other order.
// * A record that cannot be decrypted (yet) meets orders for `any` record only, and only hold, drop and cut; without keys nothing can be
//   injected but plain records and raw bytes. An order that could not be carried out is among orders_left().
// * What is injected goes out at once, past what is held.
// * After `cut`, nothing of that direction is delivered but what the script injects, and no end but by the script.
// * A record counts as delivered when the receiver's socket has taken all of it; where the stream was cut within it, what was taken. While
//   the socket is full the record is withheld; where the receiver is gone it is lost, and so is what its transport still held when another
//   session begins on a new one.
// * Bytes that the script made a peer write past its library are records of their own, and the library's record that they were written
//   into ends there, as a piece (reader.h).
// * The transport of a side that is stalled takes 128 KiB of its data (eight full records; over TCP some more), and is full then. That
//   of a side that does not read takes 13 full records of the wire on every machine; what comes behind them is withheld.
//
// What it does to ends
// * A peer that ended its stream (fin) has it ended towards the other side, behind all that it had sent. A peer that closed an AF_UNIX
//   transport (hangup) has it closed towards the other side in both directions: writing gives EPIPE. Over TCP that cannot be seen before
//   data is sent there; the kernel then answers with a reset, which is passed on.
// * A reset is passed on as a reset over TCP, and as a hangup over AF_UNIX, which has none to give.
// * What a side sent before the script hung it up is taken and noted first.
#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "harness/scenario/wire_order.h"
#include "harness/transcript/capture.h"
#include "harness/transcript/transcript.h"
#include "harness/wire/transports.h"
#include "peers/protocol/channel.h"

namespace tlsbye {

// What an error of send or recv on a transport says: that the other end is gone. All others are the harness's own trouble.
bool is_end_of_transport(int error_number);

class Wire {
 public:
  // What it keeps of a run, by one side: bytes, events. Beyond that pump() throws.
  struct Limits {
    std::size_t sent = 64U << 20;  // a script can ask for 16 MiB at once
    int events = 1'000'000;
  };

  // Stands between these (make_transports). `transcript` must outlive the wire; events are added to it. Throws std::system_error where the
  // system has no more descriptors.
  Wire(Transports transports, Role subject_role, Tls tls, Transcript& transcript);
  Wire(Transports transports, Role subject_role, Tls tls, Transcript& transcript, Limits limits);
  ~Wire();

  // The descriptor that the peer of that side gets; the caller passes it on and then lets go of it, so that the peer's own close is
  // the last one. To be taken once.
  Descriptor take_end(Side side);

  // Events are noted under this line of the script from now on.
  void begin_line(int line);

  // A line of a key log, from whichever peer offered it. Lines that are not of this wire's sessions or of no use are ignored; the same
  // secret may come twice. Records that passed before their keys were known are decrypted now, and noted as Opened.
  void key_log(std::string_view line);

  // That side's peer has just written `bytes` to its transport, past its library, as the script said: of all that it has sent, and that
  // pump() has not taken yet, these are the last.
  void script_wrote(Side side, std::size_t bytes);

  // What that side's peer says of its transport: all that it has sent since the transport began, and whether nothing more can follow. Over
  // TCP pump() waits for what of it has not come, up to a second, and for nothing else. A side that says nothing, or for which it waited in
  // vain, gets a little time for whatever may come.
  void expect(Side side, std::size_t sent, bool finished);

  // Both peers begin another session. Without transports: where the last one ended, on those that are there; both directions then start
  // without protection, and what is left of the old session in front of the new one's hello is told as what it is, the bytes of a record
  // that never came to its end as a piece. Or on new transports, whose ends are to be taken again, and what the old ones still held is
  // lost. Orders stand as they stood. Key log lines belong to a session by their client random, whenever they come.
  void begin_session();
  void begin_session(Transports transports);

  // From now on, after `bytes` more bytes were delivered to `side`, nothing more is: its transport falls silent, or ends in the given way
  // (a reset needs TCP). For sweeps; of a record that is cut in two by it, the first part is Delivered.
  void end_after(Side side, std::size_t bytes, std::optional<End> how);
  // The bytes that passed that side's transport since it began: what its peer sent, with all that lies there still, which is lost by
  // asking; and what was put where its peer reads. `exact`: none of it can have been lost in between, as over TCP by a reset.
  struct Counts {
    std::size_t sent = 0, given = 0;
    bool exact = true;
  };
  Counts count(Side side);

  // Real time, for a side that is a real program: waits until it sends something, ends its stream, or takes what waits for it, so that
  // pump() has something to do; at most so long, and then gives false.
  bool wait_for(Side side, std::chrono::milliseconds patience);
  // Whether nothing more can come from that side.
  bool has_ended(Side side) const;

  // The bytes delivered to that side since the transport began.
  std::size_t delivered_to(Side side) const;

  // Carries an order out at once, or lets it stand until its record comes. `words` are the script's, for orders_left().
  void carry_out(const WireOrder& order, std::string_view words, int line);

  // What pump() changed for one side.
  struct Moved {
    bool arrived = false;  // bytes, an end or a reset were put where that side reads them
    bool drained = false;  // bytes were taken from where that side writes them
  };
  struct Progress {
    Moved subject, partner;
    Moved& of(Side side) { return side == Side::subject ? subject : partner; }
  };
  // Moves whatever can be moved, notes it under `line` of the script, and says what changed since the last call (orders included). Throws
  // std::system_error where the system fails, and std::length_error where a side has sent more than the wire keeps of a run (64 MiB, a
  // million records).
  Progress pump(int line);

  // Standing orders that never met their record, in the words of the script. A scenario whose order was never carried out did not
  // happen as written.
  std::vector<std::string> orders_left() const;

  // All that passed the subject's end of the transports until now, and the key log; to be taken once.
  Capture take_capture();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tlsbye
