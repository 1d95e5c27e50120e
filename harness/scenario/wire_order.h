// What a script can order the wire to do, as plain values: no grammar, no line. script.h reads them from text, wire.h carries them out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "harness/transcript/transcript.h"
#include "peers/protocol/words.h"

namespace tlsbye {

// What the wire stands between: two AF_UNIX socket pairs, or two connections of TCP over loopback, which alone know resets.
enum class TransportKind : std::uint8_t { socketpair, tcp };
template <>
struct Words<TransportKind> {
  static constexpr std::array<std::string_view, 2> list{"socketpair", "tcp"};
};

// Which records an order is about.
struct RecordPattern {
  enum class Kind : std::uint8_t { any, close_notify, alert, application_data, handshake, change_cipher_spec } kind = Kind::any;
  std::string handshake;  // with Kind::handshake: the message that it must begin with, "NewSessionTicket"; empty for any
};

// An order that waits for the first record of its direction that matches, and then acts once.
struct StandingOrder {
  enum class Deed : std::uint8_t { hold, drop, repeat, alter, damage, split, join, cut } deed{};
  Side from{};  // the direction: from this side to the other
  RecordPattern what = {};
  std::size_t at = 0;  // split, cut, hold: behind that many bytes, at least 1; hold: 0 for the whole record
  int times = 1;       // repeat: that many more; join: that many records in one
  std::optional<std::uint8_t> level = {}, description = {};  // alter: what they become
};

// Lets go what was held.
struct Release {
  std::optional<Side> from;  // none: in both directions
};

// Content for a record that the wire makes.
struct Content {
  ContentType type = ContentType::alert;
  std::string bytes;  // application_data: empty, with `pattern` bytes of the sender's pattern; raw: as they go on the transport
  std::size_t pattern = 0;
  std::string name;         // for the reader: "alert internal_error", "key_update"
  std::size_t padding = 0;  // TLS 1.3 only
  bool plain = false;       // a record without protection, although keys are on
  bool damaged = false;     // a record that cannot be authenticated
};

// Records that neither side sent, in the name of `from`.
struct Injection {
  Side from{};
  Content content = {};
  int times = 1;
};

// Ends a transport: the stream towards that side (fin), or both of its directions (hangup; reset: TCP only).
struct EndOrder {
  Side towards{};
  End how{};
};

// No longer takes what that side sends, or takes it again.
struct Stall {
  Side side{};
  bool stalled = true;
};

using WireOrder = std::variant<StandingOrder, Release, Injection, EndOrder, Stall>;

}  // namespace tlsbye
