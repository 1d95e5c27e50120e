// One direction of the run's connections: what `from` sends, on its way to the other side. Bytes in, orders, bytes out; no sockets.
//
//     arrive() -> Reader -> Orders -> [held] -> Sealer -> Outbox -> waiting()
//
// Two protections live here side by side. The incoming one (Reader) follows the sender: its keys and sequence numbers move with each record
// that it sent. The outgoing one (Sealer) follows what the receiver has been given.
//
// Every record is noted in the transcript when it has come whole, or when the wire makes it, and then what becomes of it, when that
// happens. A record that passed without keys is kept until they come: then it is noted as Opened, and both protections take the steps that
// they had missed. What the wire makes in the place of a record that is held is made when that is released.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scenario/wire_order.h"
#include "harness/transcript/transcript.h"
#include "harness/wire/epochs.h"
#include "harness/wire/orders.h"
#include "harness/wire/outbox.h"
#include "harness/wire/piece.h"
#include "harness/wire/reader.h"
#include "harness/wire/sealer.h"

namespace tlsbye {

class Direction {
 public:
  // `writer` is the role of `from`. The references outlive the direction.
  Direction(Side from, Role writer, Secrets& secrets, Transcript& transcript);
  Direction(const Direction&) = delete;
  Direction& operator=(const Direction&) = delete;

  Side from() const { return from_; }

  // What the sender did. Events are noted under `line` of the script.
  void arrive(std::string_view bytes, int line);
  void sender_ended(End how, int line);
  // Of the next `unread` bytes that arrive, the script made the sender write the last `bytes`, past its library.
  void script_wrote(std::size_t unread, std::size_t bytes) { reader_.script_wrote(unread, bytes); }

  // Another session begins. On the same transport the receiver waits for it from now on, without protection; the sender's begins with its
  // hello, and what it sends before that is of the old session and passed as it is. On another transport all that this one held is lost;
  // orders stay.
  void begin_session(bool same_transport, int line);

  // New key log lines were learned: records that had passed unread are read now, one by one, in the order in which both sides sent them,
  // as one side's hello may be under the keys that the other's follows. The next of this direction behind `event`, or 0; and, if there is
  // more to be said of it now, an Opened event for it.
  int unread_after(int event) const { return reader_.unread_after(event); }
  void read_again(int event, int line);

  // The script's orders. inject() is false where it cannot be done: no keys, or the receiver cannot be written to any more.
  void order(const StandingOrder& order, std::string_view words) { orders_.add(order, words); }
  void release(int line);
  bool inject(const Injection& order, int line);
  std::vector<std::string> orders_left() const { return orders_.left(); }

  // Where it goes: the receiver's socket, and what that did; the script's end of the stream, and its limit.
  Outbox& out() { return outbox_; }

  // The sender's end, once everything before it has been delivered, or the one that is due at the limit; to be taken once.
  struct Due {
    End how;
    bool by_wire;
  };
  std::optional<Due> end_due();

 private:
  void handle(const PiecePtr& piece, int line);
  bool deliver(Piece& piece, int line);
  int note(const Piece& piece, std::size_t wire_bytes, int line);
  // Where no calls are known, the data tells which protocol is spoken, and what a cut took away.
  void keep_what_was_said(const Piece& piece, Contents& contents);

  Side from_;
  Transcript& transcript_;
  Epochs epochs_;
  Reader reader_;
  Orders orders_;
  Sealer sealer_;
  Outbox outbox_;

  bool holding_ = false, cut_ = false;
  std::size_t data_noted_ = 0;
  std::deque<PiecePtr> held_;
  std::optional<End> end_;
};

}  // namespace tlsbye
