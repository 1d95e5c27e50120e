// What the receiver of a direction expects, and each record as it must be for that.
//
// The receiver stands where the records that it was given have brought it. As long as these are the sender's, bytes are passed on
// untouched; from the first record that the script dropped, repeated, changed or added, its sequence numbers or keys are others than the
// sender's, and every record is sealed anew.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "harness/wire/epochs.h"
#include "harness/wire/piece.h"

namespace tlsbye {

class Sealer {
 public:
  // The reference outlives the sealer.
  explicit Sealer(Epochs& epochs) : epochs_(epochs) {}

  // The receiver waits for another session from now on, without protection.
  void begin_session(int session, int handshake);

  // The piece's bytes on the wire, so that it is the receiver's next record; nullopt where that needs keys that are not known. Without
  // `followed`, records that were sent cannot be read, and so it is not known either where the receiver stands.
  std::optional<std::string> seal(Piece& piece, bool followed);
  // Moves the receiver past the piece, which is `bytes` on the wire; one that it cannot authenticate leaves it where it is. Gives the names
  // of the handshake messages that begin in it.
  std::string advance(const Piece& piece, std::string_view bytes);

  std::size_t data() const { return data_; }  // bytes of application data given to it in this session

 private:
  void meet(const Piece& piece);

  Epochs& epochs_;
  Standing receiver_;
  std::size_t data_ = 0;
};

}  // namespace tlsbye
