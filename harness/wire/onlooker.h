// Who only looks on: a connection that went by, read into a transcript as the wire reads it (reader.h), by the same keys. Nothing is
// changed, and nothing is sent; what was not seen is noted as not seen.
//
// A record counts as delivered when it is seen. Where the looker stands between the two ends, each end may have had it a little earlier or
// later.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/transcript/transcript.h"
#include "harness/wire/key_log.h"
#include "harness/wire/reader.h"

namespace tlsbye {

// Lines of a key log, to be found by the handshake that they belong to: a key log may hold those of a day.
class KeyLog {
 public:
  // Adds the lines of a text; what is not a line for us is passed over. Gives how many were taken.
  std::size_t add(std::string_view text);
  bool empty() const { return lines_.empty(); }
  const std::vector<std::string>* of(const Random& random) const;
  // Master secrets of any handshakes, the first of them: a handshake that resumes another one's session may have none of its own.
  const std::vector<std::string>& masters() const { return masters_; }

 private:
  std::map<Random, std::vector<std::string>> lines_;
  std::vector<std::string> masters_;
};

class Onlooker {
 public:
  // The references outlive this.
  Onlooker(Role subject_role, const KeyLog& keys, Transcript& transcript);

  // What `from` did, noted under that line of the transcript.
  void saw(Side from, std::string_view bytes, int line);
  void missed(Side from, std::size_t bytes, int line);
  void saw_end(Side from, End how, int line);
  // No more of it will be seen.
  void saw_all(int line);
  // Nothing of what comes can be read: it began before anybody looked.
  void came_late();

  // The version that was agreed on, or that is still the guess; and whether it is known.
  std::optional<Tls> version() const;

 private:
  struct Way {
    Side from;
    Epochs epochs;
    Reader reader;
    Way(Side side, Role writer, Secrets& secrets) : from(side), epochs(writer, secrets), reader(epochs) {}
  };
  Way& way(Side from) { return ways_[static_cast<std::size_t>(from)]; }
  void note(Way& way, const PiecePtr& piece, int line);
  void learn(int line);
  void give_up_handshake();

  const KeyLog& keys_;
  Transcript& transcript_;
  Secrets secrets_{Tls::v1_3};
  std::array<Way, 2> ways_;
  int learned_ = 0;  // handshakes
};

}  // namespace tlsbye
