// One record on its way through the wire, or bytes that are none. It is read (reader.h), meets the script's orders (orders.h), is sealed
// for the receiver where that is needed (sealer.h), and waits for the receiver's socket (outbox.h).
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <string>

#include "harness/transcript/transcript.h"
#include "harness/wire/epochs.h"

namespace tlsbye {

struct Piece {
  static constexpr std::size_t whole = std::numeric_limits<std::size_t>::max();

  int event = 0;           // of its Record; 0 before that is noted
  bool made = false;       // by the wire, ...
  int of = 0;              // ... for the record of this event, 0 for none
  bool by_script = false;  // a peer wrote it past its library
  int session = 0;         // made: of the receiver, when it is delivered

  ContentType type = ContentType::unknown;
  Reading reading = Reading::read;
  bool known = false;   // what it holds: false for a piece of a record too, and for what is read and empty as its keys are never told
  std::string content;  // without padding
  std::size_t padding = 0;
  std::string begun;           // names of the handshake messages that begin in it
  bool offers = false;         // a ClientHello ends in it that offers an earlier session
  bool accepts_early = false;  // EncryptedExtensions end in it that accept early data
  bool encrypted = false;
  bool established = false;
  bool early = false;    // under the keys of early data
  bool damaged = false;  // made: so that it cannot be authenticated
  bool unseen = false;   // it, or a part of it, went by without being captured
  bool plain = false;    // made: without protection
  Epoch epoch;           // under which it was sent

  std::string bytes;          // as sent; empty where made
  std::size_t missing = 0;    // that never came, of those that its header promises
  std::size_t offset = 0;     // in all bytes of the sender
  std::size_t limit = whole;  // deliver no more than this
  bool delivered = false;     // or waits for the receiver's socket alone
};
using PiecePtr = std::shared_ptr<Piece>;

// What the transcript says of it: when it is seen, or made; and when its keys have come.
Record noted(const Piece& piece, Side from, std::size_t wire_bytes);
Opened noted_again(const Piece& piece);

}  // namespace tlsbye
