// The script language: what may stand on a line of a scenario, as plain values. Grammar and examples: scenarios/README.md.
//
//     subject  close until done            # actor, verb, arguments
//     wire     hold partner->subject close_notify
//
// A Statement says what happens. It never says what is expected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/transcript/transcript.h"
#include "peers/protocol/words.h"

namespace tlsbye {

enum class Actor : std::uint8_t { subject, partner, both, client, server, wire };

enum class Verb : std::uint8_t {
  // of a peer: one API call of its stack each ...
  handshake,     // handshake [once]             until done, or one call
  write,         // write SIZE [until done]
  read,          // read [SIZE] [until done|to-end]
  close,         // close [until done]
  close_write,   // close-write [until done]
  abandon,       // abandon                      free the session without a word
  peek,          // peek [SIZE]
  send_alert,    // send-alert ALERT [level LEVEL]
  key_update,    // key-update [requested]
  renegotiate,   // renegotiate
  set,           // set NAME VALUE
  clear,         // clear
  keep_session,  // keep-session
  // ... or another session; `both` only
  reconnect,    // reconnect                    on a new transport
  new_session,  // new-session                  on the same transport
  // ... or something done to its transport beside TLS
  raw_read,   // raw-read                     all that is readable now
  raw_write,  // raw-write "TEXT"
  fin,        // fin                          shutdown(SHUT_WR) | wire: fin SIDE, end the stream towards SIDE
  hangup,     // hangup                       close the descriptor | wire: hangup SIDE, both directions
  io,         // io recv|send FAULT [xN] [after N]
  io_clear,   // io clear                     forget what is left of the fault plan
  measure,    // measure                      open files and heap of the peer's process
  // of the wire
  hold,     // hold DIR WHAT                keep it and all that follows it in that direction
  release,  // release [DIR]
  drop,     // drop DIR WHAT
  repeat,   // repeat DIR WHAT [xN]         deliver it N more times (1)
  alter,    // alter DIR WHAT level N|warning|fatal ; alter DIR WHAT description NAME|N
  damage,   // damage DIR WHAT              flip a bit of the tag
  split,    // split DIR WHAT at K          its content in two records
  join,     // join DIR WHAT xN             the contents of N such records in one record
  cut,      // cut DIR WHAT at K            only its first K bytes are delivered, then nothing more in that direction
  inject,   // inject DIR [plain|damaged] CONTENT [xN]
  reset,    // reset SIDE                   RST towards SIDE, both directions; needs transport = "tcp"
  stall,    // stall SIDE                   stop reading what SIDE sends, so that its transport fills up
  unstall,  // unstall SIDE
  pass,     // pass TIME                    that much time goes by, for both peers: `pass 60s`
};

// What becomes of the transport call that a fault hits.
enum class Fault : std::uint8_t { eagain, eintr, epipe, econnreset, short_count, eof };

template <>
struct Words<Actor> {
  static constexpr std::array<std::string_view, 6> list{"subject", "partner", "both", "client", "server", "wire"};
};
template <>
struct Words<Verb> {
  static constexpr std::array<std::string_view, 36> list{
      "handshake",   "write", "read",     "close",        "close-write", "abandon",     "peek",     "send-alert", "key-update",
      "renegotiate", "set",   "clear",    "keep-session", "reconnect",   "new-session", "raw-read", "raw-write",  "fin",
      "hangup",      "io",    "io clear", "measure",      "hold",        "release",     "drop",     "repeat",     "alter",
      "damage",      "split", "join",     "cut",          "inject",      "reset",       "stall",    "unstall",    "pass"};
};
template <>
struct Words<Fault> {
  static constexpr std::array<std::string_view, 6> list{"EAGAIN", "EINTR", "EPIPE", "ECONNRESET", "short", "EOF"};
};

// A fault plan: calls number after+1 ... after+times of that flow (counted from the statement on) end as `fault` says. A short count
// moves `count` bytes (at least 1) and lets the call succeed.
struct FaultPlan {
  Flow flow{};
  Fault fault{};
  int times = 1;
  int after = 0;
  std::size_t count = 1;
};

// Which record a standing order waits for. Each order acts once, on the first record that matches.
struct RecordPattern {
  enum class Kind : std::uint8_t { any, close_notify, alert, application_data, handshake, change_cipher_spec } kind = Kind::any;
  std::string handshake;  // with Kind::handshake: the message that it must begin with, "NewSessionTicket"; empty for any
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

struct Statement {
  int line = 0;  // in the script, 1-based
  Actor actor{};
  Verb verb{};
  std::size_t size = 0;                // write, read; cut, split: the k of `at K`; 0 for read: 16 KiB
  int times = 1;                       // xN
  bool until_done = false;             // repeat the call while call_again(outcome), waiting between as the outcome says
  bool once = false;                   // handshake: one call only
  Aside aside = Aside::no;             // `aside close`, `fork close`: made by another thread, a forked process, beside a call that waits
  std::vector<std::string> arguments;  // of an extra call, as the peer gets them (peers/common/stack.h); send-alert: the two numbers
  long long milliseconds = 0;          // pass
  bool to_end = false;                 // read: until it neither gives data nor wants to be called again
  std::optional<Side> from;            // a wire order's direction: from this side to the other; none: both (release)
  Side side{};                         // wire fin, hangup, reset, stall, unstall: the side it is done to
  RecordPattern what;
  Content content;
  FaultPlan fault;
  std::optional<std::uint8_t> level, description;  // alter
  std::string text;                                // raw-write
  std::string source;                              // the line as it was written, blanks folded, without its comment
};

// The table behind the language: one row a verb. The parser, the diagnostics and the generated part of scenarios/README.md read it.
struct VerbRow {
  Verb verb;
  bool peer;               // a peer can do it
  bool wire;               // the wire can do it
  std::string_view usage;  // "write SIZE [until done]"
  std::string_view meaning;
};
const std::vector<VerbRow>& verb_table();

// The closed lists behind the arguments, for whoever writes scripts of these verbs. The parser reads them as well.
struct SwitchRow {
  std::string_view name;
  std::vector<std::string_view> values;  // none: a number of milliseconds
};
const std::vector<SwitchRow>& switch_table();         // NAME VALUE (peers/README.md)
const std::vector<std::string_view>& record_words();  // WHAT
std::span<const std::string_view> content_words();    // CONTENT: the word that it begins with

}  // namespace tlsbye
