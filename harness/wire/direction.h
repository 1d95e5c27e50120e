// One direction of the run's connections: what `from` sends, on its way to the other side. Bytes in, orders, bytes out; no sockets.
//
// Two protections live here side by side. The incoming one follows the sender: its keys and sequence numbers move with each record that
// it sent. The outgoing one follows what the receiver has been given. As long as both agree, bytes are passed on untouched; from the
// first record that the script dropped, repeated, changed or added, they differ, and every record is sealed anew.
//
// Standing orders look at each record as it comes, in the order in which they were given, and act from then on: one given before the
// handshake meets handshake records too. One `hold` and one other order can act on the same record. A record whose content is unknown (no
// keys yet) matches `any` only, and can only be held, dropped or cut.
//
// A record that passed without keys is kept until they come: then its event is completed, and both protections take the steps that they had
// missed. Where a stack tells no handshake keys at all, its application key is tried on each record, as the first of that key; what it does
// not open is noted as handshake, of unknown content.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scenario/script.h"
#include "harness/transcript/transcript.h"
#include "harness/wire/handshake.h"
#include "harness/wire/key_log.h"
#include "harness/wire/protection.h"
#include "harness/wire/record.h"

namespace tlsbye {

// Under which key, and as which record of it, something is protected.
struct Epoch {
  int handshake = 0;  // that agreed on the key, as Secrets counts them
  Stage stage = Stage::plain;
  int generation = 0;  // KeyUpdates since the application stage began
  Place place = {};
  friend bool operator==(const Epoch&, const Epoch&) = default;
};

// The keys of one direction that one handshake gave, derived when they are first asked for.
class KeyRing {
 public:
  KeyRing(Role writer, const Secrets& secrets, int handshake) : writer_(writer), secrets_(secrets), of_(handshake) {}

  // The protection of that stage and generation; null where its key is not known (yet).
  RecordProtection* at(Stage stage, int generation);

 private:
  RecordProtection* handshake();
  RecordProtection* application(int generation);

  Role writer_;
  const Secrets& secrets_;
  int of_;
  std::optional<RecordProtection> handshake_;
  std::deque<RecordProtection> application_;  // by generation
  std::optional<Secret> last_secret_;         // of the last generation, where it is known
};

class Direction {
 public:
  // `writer` is the role of `from`. The references outlive the direction.
  Direction(Side from, Role writer, Secrets& secrets, Transcript& transcript);

  Side from() const { return from_; }

  // What the sender did. Events are noted under `line` of the script.
  void arrive(std::string_view bytes, int line);
  void sender_ended(End how, int line);

  // Another session begins. On the same transport the receiver waits for it from now on, without protection; the sender's begins with its
  // hello, and what it sends before that is of the old session and passed as it is. On another transport all that this one held is gone;
  // orders stay.
  void begin_session(bool same_transport, int line);

  // New key log lines were learned: records that had passed unread are read now, one by one, in the order in which both sides sent them,
  // as one side's hello may be under the keys that the other's follows. The next of this direction behind `event`, or 0; and, its event
  // completed where the keys are there.
  int unread_after(int event) const;
  void read_again(int event);
  // Every record that was no part of the handshake could be decrypted.
  bool decrypted() const;

  // The script's orders. inject() is false where it cannot be done: no keys, or the receiver cannot be written to any more.
  void order(const Statement& standing) { orders_.push_back({standing, 0, {}}); }
  void release(int line);
  bool inject(const Content& content, int times, int line);
  // Nothing more goes to the receiver after what is in outgoing(): the script ended the stream, or the socket is gone.
  void close() { closed_ = true; }
  bool closed() const { return closed_; }
  // Nothing more either once `bytes` more have been accepted; the end that is due then is `how`, or none.
  void end_after(std::size_t bytes, std::optional<End> how, int line);
  std::vector<std::string> orders_left() const;

  // What is to be written to the receiver, and what became of it: `accepted` bytes from the front; no more for now; never again.
  std::string_view outgoing() const;
  void accepted(std::size_t bytes, int line);
  std::uint64_t delivered() const { return taken_; }  // all bytes accepted until now
  void must_wait();
  void receiver_gone();
  bool gone() const { return gone_; }

  // The sender's end, once everything before it has been delivered, or the one of end_after(); to be taken once.
  struct Due {
    End how;
    bool by_wire;
  };
  std::optional<Due> end_due();

 private:
  static constexpr std::size_t whole = std::numeric_limits<std::size_t>::max();

  // One record on its way.
  struct Piece {
    int session = 0;    // made: of the receiver, when it is delivered
    int event = 0;      // of the record that was sent; made: of the one that it stands for, 0 for none
    int delivery = 0;   // of the event that told of its delivery, where that was another
    bool made = false;  // by the wire
    ContentType type = ContentType::unknown;
    std::string content;  // where known, without padding
    std::size_t padding = 0;
    std::string begun;  // names of the handshake messages that begin in it
    bool encrypted = false;
    bool known = false;         // what it holds
    bool in_handshake = false;  // not known, but shown to be no part of the application stage
    bool damaged = false;       // made: so that it cannot be authenticated
    bool plain = false;         // made: without protection
    Epoch epoch;                // under which it was sent
    std::string bytes;          // as sent; empty where made
    std::size_t announced = 0;  // its size by its header; the sender may have sent less
    std::size_t limit = whole;  // deliver no more than this
    bool delivered = false;
  };
  using PiecePtr = std::shared_ptr<Piece>;

  struct Order {
    Statement what;
    int met = 0;           // join: records so far
    std::string gathered;  // join: their contents
  };

  // How far somebody is: the sender by what it has sent, the receiver by what it has been given.
  struct Standing {
    int session = 0;
    Epoch epoch;
    HandshakeReader messages;
    std::optional<int> next_handshake;  // a renegotiation whose keys the next ChangeCipherSpec turns on
  };
  Tls version(const Standing& standing) const { return secrets_.version(standing.epoch.handshake); }
  RecordProtection* keys_at(const Epoch& epoch);
  // Moves past a record, which was `bytes` on the wire; the names of the handshake messages that begin in it.
  std::string pass(Standing& standing, ContentType type, std::string_view content, bool encrypted, std::string_view bytes);

  // Reading what was sent.
  enum class Reading : std::uint8_t { done, no_keys, not_authentic };
  Reading read(Piece& piece);
  Reading read_encrypted(Piece& piece);
  RecordProtection* keys_of_resumed(const Piece& piece);
  bool lost() const;
  void forget_unread();
  bool begins_session(const Piece& piece) const;

  // Doing what the orders say.
  void handle(const PiecePtr& piece, int line);
  std::vector<PiecePtr> obey(Order& order, const PiecePtr& piece, Fate& fate, bool& done);

  // Giving it to the receiver.
  bool deliver(Piece& piece, int line);
  bool protect(Piece& piece, std::string& to);
  void meet(const Piece& piece);
  void advance(Piece& piece, std::string_view bytes);
  void stop_at_limit(int line);

  // The transcript.
  Record* noted(int event) { return std::get_if<Record>(&transcript_.at(event).what); }
  void describe(const Piece& piece, Record& record) const;

  Side from_;
  Role writer_;
  Secrets& secrets_;
  Transcript& transcript_;
  std::map<int, KeyRing> keys_;  // by handshake

  RecordReader reader_;
  int session_ = 0;      // how many began before this one ...
  int first_hello_ = 0;  // ... and how many handshakes
  Standing sender_, receiver_;
  std::vector<PiecePtr> unread_;    // encrypted, seen, without keys so far; both standings are those before the first of them
  bool not_authentic_ = false;      // a record was sent that its keys do not open
  std::size_t data_delivered_ = 0;  // bytes of application data

  std::vector<Order> orders_;
  bool holding_ = false, cut_ = false, closed_ = false, gone_ = false;
  std::deque<PiecePtr> held_;

  std::string out_;
  std::size_t out_taken_ = 0;
  // Events whose bytes the receiver's socket has not taken yet, with the place in all bytes ever put out where they end.
  struct Claim {
    int event;
    std::uint64_t begin, end;
  };
  void lose(const Claim& claim);
  std::deque<Claim> claims_;
  std::uint64_t put_ = 0, taken_ = 0;

  std::optional<End> end_;
  std::optional<std::uint64_t> limit_;  // of taken_, by end_after()
  std::optional<End> end_at_limit_;
};

}  // namespace tlsbye
