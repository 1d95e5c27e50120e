// What one side sends, read: bytes in, records out, under the keys that the sender uses.
//
// A record without keys goes out unread, and is kept until they come; then it is read again, in the order in which it was sent. Where a
// stack tells no handshake keys at all, its application key is tried on each record, as the first of that key; what it does not open is
// of the handshake, and nothing more is asked of it: it counts as read, and empty.
//
// Bytes that a peer wrote past its library, as the script said, are told apart by their place in the stream. They are records of their
// own, the library's record that they were written into ends there as a piece, and what the library writes next is read as if they were
// not there. They are raw, unless they are whole records without protection as a receiver would read them; the sender's keys they never
// touch.
//
// Who only looks on may miss some of it (miss()). Where the hole lies within one record, the next one is read as if nothing had happened.
// Where it is larger, records are found again by their headers, and read again where one of them opens under the sender's keys at a place
// that the hole allows for. Until then, or where a handshake was missed, they are seen and cannot be read. Behind a hole, what does not
// open is never taken for garbage.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/wire/epochs.h"
#include "harness/wire/piece.h"
#include "harness/wire/record.h"

namespace tlsbye {

class Reader {
 public:
  // The reference outlives the reader.
  explicit Reader(Epochs& epochs) : epochs_(epochs) { records_.await_session(); }

  // The records that are whole with these bytes are given to `take`, one by one. Those that it cannot read must have their event by then.
  using Take = std::function<void(const PiecePtr&)>;
  void feed(std::string_view bytes, const Take& take);
  // Of the next `unread` bytes, the script wrote the last `bytes`.
  void script_wrote(std::size_t unread, std::size_t bytes);
  // The next so many bytes went by unseen.
  void miss(std::size_t bytes, const Take& take);
  // From now on nothing can be read: too much was missed.
  void lose();
  bool is_lost() const { return lost_; }
  // The sender has come to the keys of its session.
  bool established() const { return epochs_.established(sender_); }
  // What waits for the rest of its record, to be taken as the piece that it is; null where nothing waits.
  PiecePtr unfinished();
  // The same, but only where a part of it went by unseen.
  PiecePtr unfinished_with_a_hole();

  // Another session: the first that begins with the sender's hello from now on, or, on another transport, at once.
  void begin_session(bool same_transport);
  int session() const { return session_; }
  int first_handshake() const { return first_handshake_; }  // of the session, as Secrets counts them

  // The next unread record behind that event, or 0. read_again() gives it where more is known of it now, and null where not.
  int unread_after(int event) const;
  PiecePtr read_again(int event);
  bool is_unread(const Piece& piece) const;
  // What was sent cannot be followed now, because keys are missing.
  bool lost() const;

 private:
  PiecePtr piece_of(std::string_view bytes);
  PiecePtr raw(std::string_view bytes);
  PiecePtr library_record(const Framed& framed);
  std::vector<PiecePtr> script_records(std::string_view bytes);
  bool looks_encrypted(const Framed& framed) const;
  bool begins_session(const Piece& piece) const;
  Reading read(Piece& piece);
  Reading read_encrypted(Piece& piece);
  void pass(Piece& piece);
  RecordProtection* keys_of_resumed(const Piece& piece);
  std::optional<Plaintext> open_early(const Piece& piece, Epoch& epoch);
  void take_all(const Take& take);
  bool find_again(const Piece& piece);

  Epochs& epochs_;
  RecordReader records_;
  Standing sender_;
  int session_ = 0, first_handshake_ = 0;
  bool hole_ = false;             // in the record that waits for its rest
  bool missed_ = false;           // something, ever
  bool lost_ = false;             // where the sender stands is not known
  std::uint64_t skipped_ = 0;     // while it is lost: the most records that can have gone by
  int tries_ = 0;                 // to find it again
  std::vector<PiecePtr> unread_;  // encrypted, seen, without keys so far; the sender stands before the first of them

  struct Range {
    std::uint64_t begin, end;
  };
  std::deque<Range> script_;              // what the script wrote and is not taken yet, as places in the stream
  std::string script_bytes_;              // the part of the first of them that came
  std::uint64_t received_ = 0, out_ = 0;  // bytes of the transport: fed, and given as records
};

}  // namespace tlsbye
