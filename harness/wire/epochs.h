// Under which key a record is, and how the records of one writer move whoever follows them from key to key.
//
// Two follow the writer: it does itself, by what it has sent, and its receiver does, by what it has been given. Each has a Standing; as
// long as the script interferes with nothing, both are the same. Epochs moves either past a record (RFC 8446 7, RFC 5246 7.1): a
// ChangeCipherSpec, an EndOfEarlyData, a Finished or a KeyUpdate changes the key, a hello says which handshake agreed on it.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

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

// How far one of the two is.
struct Standing {
  int session = 0;  // how many began before this one
  Epoch epoch;
  HandshakeReader messages;
  std::optional<int> next_handshake;  // a renegotiation whose keys the next ChangeCipherSpec turns on
  bool offers_early = false;          // the ClientHello did: what it sends next may be under a key that the key log lacks
  bool finished = false;              // where only application keys are known: a record as long as a Finished has gone by
};

// The keys of one direction that one handshake gave, derived when they are first asked for.
class KeyRing {
 public:
  KeyRing(Role writer, const Secrets& secrets, int handshake) : writer_(writer), secrets_(secrets), of_(handshake) {}

  // The protection of that stage and generation; null where its key is not known (yet).
  RecordProtection* at(Stage stage, int generation);

 private:
  RecordProtection* early();
  RecordProtection* handshake();
  RecordProtection* application(int generation);

  Role writer_;
  const Secrets& secrets_;
  int of_;
  std::optional<RecordProtection> early_, handshake_;
  std::deque<RecordProtection> application_;  // by generation
  std::optional<Secret> last_secret_;         // of the last generation, where it is known
};

// What a record has of handshake messages.
struct Passed {
  std::string begun;           // the names of those that begin in it
  bool offers = false;         // a ClientHello ends in it that offers an earlier session
  bool accepts_early = false;  // EncryptedExtensions end in it that accept early data
};

class Epochs {
 public:
  // The reference outlives this.
  Epochs(Role writer, Secrets& secrets) : writer_(writer), secrets_(secrets) {}

  Role writer() const { return writer_; }
  Secrets& secrets() { return secrets_; }
  Tls version(const Standing& standing) const { return secrets_.version(standing.epoch.handshake); }
  // Before TLS 1.3: what is shorter is not encrypted.
  std::size_t least_encrypted(const Standing& standing) const {
    const auto suite = secrets_.suite(standing.epoch.handshake);
    return suite ? suite->least_payload() : 16;
  }
  // TLS 1.3: what a record with a Finished and nothing else has on the wire: the message's header, the hash, the inner type, the tag.
  std::size_t finished_record(const Standing& standing) const {
    const auto suite = secrets_.suite(standing.epoch.handshake);
    return record_header + 4 + (suite ? suite->hash_bytes() : 32) + 1 + 16;
  }
  // Null where the key is not known (yet).
  RecordProtection* keys(const Epoch& epoch);

  // Moves past a record, which was `bytes` on the wire.
  Passed pass(Standing& standing, ContentType type, std::string_view content, bool encrypted, std::string_view bytes);

  // Whether the next record under the key is the session's, and not its handshake's. Before TLS 1.3 a key begins with the Finished.
  bool established(const Standing& standing) const {
    const Epoch& epoch = standing.epoch;
    return epoch.stage == Stage::application && (version(standing) == Tls::v1_3 || epoch.place.sequence > 0);
  }

 private:
  Role writer_;
  Secrets& secrets_;
  std::map<int, KeyRing> keys_;  // by handshake
};

}  // namespace tlsbye
