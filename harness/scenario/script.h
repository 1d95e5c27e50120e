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
#include <variant>
#include <vector>

#include "harness/scenario/fault_plan.h"
#include "harness/scenario/wire_order.h"
#include "peers/protocol/words.h"

namespace tlsbye {

enum class Actor : std::uint8_t { subject, partner, both, client, server, wire };

enum class Verb : std::uint8_t {
  // of a peer: one API call of its stack each ...
  handshake,     // handshake [once]             until done, or one call
  write,         // write SIZE [until done]
  read,          // read [SIZE] [until done|to-end|when ready]
  close,         // close [until done]
  close_write,   // close-write [until done]
  abandon,       // abandon                      free the session without a word
  peek,          // peek [SIZE] [until done]
  send_alert,    // send-alert ALERT [level LEVEL] [until done]
  key_update,    // key-update [requested] [until done]
  renegotiate,   // renegotiate [until done]
  set,           // set NAME VALUE
  clear,         // clear
  keep_session,  // keep-session
  write_early,   // write-early SIZE [until done]
  read_early,    // read-early [SIZE] [until done|to-end]
  say,           // say [goodbye|beginning]      what the words of a probe have the partner say; a write
  hear,          // hear                         until what they have it wait for has come; a read
  // ... or another session; `both` only
  reconnect,    // reconnect                    on a new transport
  new_session,  // new-session                  on the same transport
  // ... or something done to its transport beside TLS
  raw_read,   // raw-read                     all that is readable now
  raw_write,  // raw-write "TEXT"
  fin,        // fin                          shutdown(SHUT_WR) | wire: fin SIDE, end the stream towards SIDE
  hangup,     // hangup                       close the descriptor | wire: hangup SIDE, both directions
  io,         // io recv|send FAULT [xN] [after N|on WHAT]
  io_clear,   // io clear                     forget what is left of the fault plan
  measure,    // measure                      open files and heap of the peer's process
  starve,     // starve [after N]             an allocation of the library in a close fails
  // of the wire
  hold,     // hold DIR WHAT [at K]         keep it, or what follows its first K bytes, and all that follows it in that direction
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
  await,    // await SIDE                   until a real program has ended its stream, or was silent for long enough
};

template <>
struct Words<Actor> {
  static constexpr std::array<std::string_view, 6> list{"subject", "partner", "both", "client", "server", "wire"};
};
template <>
struct Words<Verb> {
  static constexpr std::array<std::string_view, 42> list{
      "handshake",   "write",    "read",      "close",        "close-write", "abandon",    "peek",     "send-alert", "key-update",
      "renegotiate", "set",      "clear",     "keep-session", "write-early", "read-early", "say",      "hear",       "reconnect",
      "new-session", "raw-read", "raw-write", "fin",          "hangup",      "io",         "io clear", "measure",    "starve",
      "hold",        "release",  "drop",      "repeat",       "alter",       "damage",     "split",    "join",       "cut",
      "inject",      "reset",    "stall",     "unstall",      "pass",        "await"};
};
struct ForgetFaults {};  // those that are still to come

// After so many more allocations that the library makes in calls that close, the next one fails.
struct Starve {
  int after = 0;
};

// `io send EAGAIN on close_notify`: the fault meets the first such record that the library moves from the statement on, before its first
// byte; a short count moves that many bytes of it. `plan.after` is not known before the run (harness/runner/aim.h).
struct AimedFault {
  FaultPlan plan;
  RecordPattern at;
};

// API calls of a stack: one, or one again and again.
struct StackCall {
  Call call{};
  std::size_t size = 0;  // bytes, of read, write and peek; 0: as many as the peer likes (16 KiB)
  Until until = Until::once;
  Aside aside = Aside::no;                  // `aside close`, `fork close`: by another thread, a forked process, beside a call that waits
  std::vector<std::string> arguments = {};  // of an extra call, as the peer gets them (peers/common/stack.h); send-alert: the two numbers
  bool when_ready = false;                  // of a read: only where the transport has something to be read
};

// raw-read, raw-write, fin, hangup, measure: what a peer does past its library. The verb says what.
struct PastLibrary {
  std::optional<std::string> data;  // raw-write
};

// Both peers free their sessions and open others: on new transports, or on those that are there.
struct NextSession {
  bool same_transport = false;
};

// Time goes by for both peers.
struct Pass {
  long long milliseconds = 0;
};

// Waits for a real program, where that side is one. Peers have nothing to be waited for: the wire has settled what there was.
struct Await {
  Side side{};
};

using PeerOrder = std::variant<StackCall, PastLibrary, FaultPlan, AimedFault, ForgetFaults, Starve>;

// One line of a script.
struct Statement {
  using Deed = std::variant<PeerOrder, NextSession, WireOrder, Pass, Await>;
  int line = 0;  // in the script, 1-based
  Actor actor{};
  Verb verb{};
  Deed deed;
  std::string source;  // the line as it was written, blanks folded, without its comment
};

// Whether that side has a part in what the actor does: the peer that is named, by its side or by its role, or both; never for the wire.
bool acts(Actor actor, Side side, Role its_role);

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
