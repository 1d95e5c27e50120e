// What happened in one run, in order: the only thing that the oracle ever sees.
//
// Every event has a number (1, 2, 3, ...: its place), and the line of the scenario's script during which it happened. Events are of
// few kinds, each a plain value. The order is the order of facts: what the script wants of a peer comes first (Asked), then the
// transport calls that the library makes, then the API call's answer; the wire notes a record when it has seen all of it, and what
// became of the record when that happens.
//
// A transcript only grows. What is written was so when it was written, and later events may say more about it (`record`, `call`), but
// nothing is changed afterwards. So a run can be judged, shown and searched while it is still going on.
//
// Who made what is written down where it is known, and never guessed from the order of events: the peer numbers its API calls, and each
// transport call says which of them made it; a record says which bytes of its sender's stream it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "peers/protocol/words.h"

namespace tlsbye {

// What the script wants of a peer, before anything happens. What follows it on that side, up to the next one that is not made beside it,
// was asked for by it.
struct Asked {
  Side side{};
  std::string verb;          // "close", "raw-write", "io": as the script spells it
  std::optional<Call> call;  // the API call, where it is one
  std::string arguments;     // of an extra call: "quiet-shutdown on"
  Until until = Until::once;
  std::size_t size = 0;     // bytes to be written or to read at most; 0 where the script does not say
  Aside aside = Aside::no;  // made beside a call that waits
};

// An API call of a peer that came back.
struct ApiCall {
  Side side{};
  Call call{};
  int id = 0;                // of this call: the peer counts its session's calls, 1, 2, 3, ...
  int asked = 0;             // number of the Asked event that wanted it; the same for all repetitions
  std::string native;        // "SSL_shutdown"
  std::string arguments;     // of an extra call, as the script has them: "quiet-shutdown on"; empty for others
  Aside aside = Aside::no;   // made beside a call that waits
  long returned = 0;         // raw return value
  std::string code;          // "SSL_ERROR_WANT_READ", may be empty
  std::string error_number;  // "EAGAIN", empty for 0
  std::string words;         // the library's own text
  Outcome outcome{};
  std::size_t bytes = 0;  // read or written
  std::size_t total = 0;  // bytes read or written by this session so far
  bool intact = true;     // reads: all bytes so far are the other side's pattern, in order, from its beginning
  std::vector<std::pair<std::string, std::string>> state;  // the library's flags after the call

  // The value of a state flag, empty where the stack has no such flag.
  std::string_view flag(std::string_view name) const;
};

// A call of the library under test on its transport, as the peer's own libc functions saw it.
struct TransportCall {
  Side side{};
  Call during{};             // the API call that made it ...
  int id = 0;                // ... and its id
  std::string function;      // "recv", "sendmsg", "poll", ...
  Flow flow{};               // which way it would move bytes
  std::size_t asked = 0;     // bytes
  long result = 0;           // raw return value
  std::string error_number;  // "EAGAIN", empty where the call succeeded
  bool injected = false;     // the result came from the script, not from the kernel
};

// The call would have blocked, and the peer waits to be told more. Where nothing ever comes, this is how the run ended.
struct Blocked {
  Side side{};
  Call during{};
  int id = 0;     // of the call; where that has answered, the wait is between it and its repetition
  int asked = 0;  // number of the Asked event that wanted the call
  Flow on{};
  bool for_good = false;                     // the script ended, or began another session, and it was still blocked
  std::optional<long long> timeout_ms = {};  // the library waits no longer than this
};

enum class ContentType : std::uint8_t {
  change_cipher_spec = 20,
  alert = 21,
  handshake = 22,
  application_data = 23,
  unknown = 0,  // encrypted, and the wire has no keys for it
  raw = 1,      // not a TLS record at all
};

// An alert's two bytes (RFC 8446 6): level warning(1), fatal(2); description close_notify(0), ...
struct Alert {
  std::uint8_t level = 1;
  std::uint8_t description = 0;
  friend bool operator==(const Alert&, const Alert&) = default;
};

// Whether the wire could read a record when it saw it.
enum class Reading : std::uint8_t {
  read,     // in the clear, or under a key that the wire has; a piece of a record, and, empty, what is known to be of a handshake whose
            // keys are never told: nothing hangs on what is in these
  no_keys,  // under a key that the wire does not have (yet): an Opened event may follow
  garbled,  // the wire has the sender's keys, and they do not open it: no receiver can read it either
};

// What is in a record, without protection and padding.
struct Contents {
  ContentType type{};             // the inner type where the record was decrypted
  std::size_t content_bytes = 0;  // 0 where it could not be read
  std::optional<Alert> alert;     // the alert, where the content is exactly one
  std::string content;            // alerts, handshake and raw: the content (at most 64 bytes); application data: of a real program's
                                  // connection the first 64 KiB of each direction, else empty
  std::string handshake;          // "ClientHello", "KeyUpdate", ... the messages that begin in this record, comma-separated
  bool early = false;             // under the keys of early data (TLS 1.3)
  bool accepts_early = false;     // EncryptedExtensions that end in this record accept early data
  bool offers = false;            // a ClientHello ends in this record, and it offers an earlier session: its id, a ticket, a pre_shared_key
};

// A record (or bytes outside TLS) that the wire saw whole from `from`, or that it made on the script's behalf. What became of it is told
// by Delivered, Withheld, Replaced and Lost.
struct Record : Contents {
  Side from{};
  bool made = false;           // by the wire, as the script said: `from` never sent it
  int of = 0;                  // made: the Record event that it stands for, 0 for none
  Reading reading{};           // sent ones; what the wire makes it can read
  bool encrypted = false;      // it was under a key on the wire
  bool established = false;    // under the keys of the session, and not of its handshake
  bool damaged = false;        // made so that it cannot be authenticated
  bool unseen = false;         // of a capture: it, or a part of it, went by without being captured
  std::uint8_t outer = 0;      // the type that its header shows; 0 where that is not known
  std::size_t wire_bytes = 0;  // by its header, with header and tag
  std::size_t missing = 0;     // so many of them never came: the sender's stream ended within the record, or the script wrote into it
  std::size_t offset = 0;      // sent ones: where it begins in the stream of all bytes that came from `from` on this transport
  bool by_script = false;      // bytes that the script wrote past TLS (raw-write): the library had no part in them

  bool was_sent() const { return !made; }
};

// The keys of an earlier record came to light: this is what was in it.
struct Opened : Contents {
  int record = 0;
  Reading reading{};         // read or garbled
  bool established = false;  // as of a Record: without keys, TLS 1.3 does not show it
};

// The receiver's transport took the record, or only its first bytes and never more.
struct Delivered {
  int record = 0;
  std::size_t bytes = 0;  // fewer than the record has: it was cut, or the transport ended within it
};

// The record waits in the wire.
struct Withheld {
  int record = 0;
  enum class Why : std::uint8_t { hold, full } why{};  // by the script's order; the receiver's transport takes no more for now
};

// The wire's own records, those whose `of` is this one, went in its place (or will).
struct Replaced {
  int record = 0;
};

// The receiver never gets the record.
struct Lost {
  int record = 0;
  enum class Why : std::uint8_t {
    dropped,  // by the script's order
    cut,      // the script cut that direction before it
    ended,    // that direction had ended, or the receiver's transport was gone
    keyless,  // it would have to be sealed anew, and the wire has no keys
  } why{};
};

enum class End : std::uint8_t { fin, hangup, reset };  // one direction ended; both ended, orderly; both ended by RST

// A transport came to its end for one side. `from` did it where by_wire is false, the script where it is true.
struct TransportEnd {
  Side from{};             // the side whose stream ended
  bool delivered = false;  // false: the wire saw it from `from`; true: the other side can see it from now on
  bool by_wire = false;
  End end{};
};

// Something a peer did to its transport, or took from it, outside TLS.
struct RawCall {
  Side side{};
  std::string verb;  // "raw-read", "raw-write", "fin", "hangup", "linger-reset"
  long result = 0;
  std::string error_number;
  std::string data;  // what was read or written (at most 4 KiB)
};

struct Signal {  // delivered to the peer's process and caught
  Side side{};
  std::string name;  // "SIGPIPE"
};

// The peer's process is gone, or had to be ended. Always the last event of its side.
struct Died {
  Side side{};
  enum class How : std::uint8_t {
    crashed,
    exited,
    spun,
    silent,
    garbled
  } how{};                     // by a signal; by itself; used up its CPU or call
                               // budget; never answered; broke the protocol
  std::string detail;          // "SIGSEGV", "exit code 3", ...
  std::optional<Call> during;  // the call that never came back
};

// A call that was repeated as its answers ask for, moved no data, and was given up: it would have gone on so for ever. Or, with `why`, for
// another reason.
struct Endless {
  Side side{};
  Call during{};
  int id = 0;  // of its last repetition
  int times = 0;
  std::string why = {};  // "more data than had come"
};

// A line of the script that was not carried out, and why: "subject is still blocked in close".
struct NotDone {
  Side side{};
  std::string verb;  // what was asked for: "close", "set", ...; an extra option of the session: "open"
  std::string why;
  bool unsupported = false;  // because the stack has no such call or option
};

// Time went by for both peers: their clocks are the harness's own, so that no test has to wait for it.
struct TimePassed {
  long long milliseconds = 0;
};

// What a peer's process holds at that moment.
struct Usage {
  Side side{};
  long long descriptors = 0;  // open files
  long long heap = 0;         // bytes in use, as the allocator counts them; -1 where it does not
};

// Both peers left their session and begin another one, as they were told to be: on the same transport, or on a new one. What the library
// was told and had done before is not part of the new session.
struct NewSession {
  bool same_transport = false;
};

// A standing order to the wire or to a peer was given, or an option set: recorded for the reader; no property looks at it.
struct Told {
  std::string text;
  bool in_script = false;  // it is what the script's line says
};

// What was seen of a real program that is the subject, beside the wire. Time is real there, and nowhere else.
struct ProgramDid {
  Side side{};
  enum class What : std::uint8_t {
    was_silent,  // it was waited for, and nothing came from it for so long
    went_on,     // beyond a limit of ours: it is watched no longer, and `text` says which limit
    ended,       // the command is over: `text` says how, "exit code 0", "SIGSEGV"
    kept_on,     // the command had not ended by then, and was ended
  } what{};
  long long milliseconds = 0;  // of its silence; of the command's life
  std::string text;
  std::optional<int> exit_code;  // ended by itself
  std::string output;            // what the command had printed by then (at most 4 KiB)
};

struct Event {
  int number = 0;  // 1-based
  int line = 0;    // of the script, 1-based; 0: before the first or after the last
  std::variant<Asked, ApiCall, TransportCall, Blocked, Record, Opened, Delivered, Withheld, Replaced, Lost, TransportEnd, RawCall, Signal,
               Died, Endless, NotDone, TimePassed, Usage, NewSession, Told, ProgramDid>
      what;

  template <typename Kind>
  const Kind* as() const {
    return std::get_if<Kind>(&what);
  }
};

// The identity of a run; spelled in one word it is the replay id (harness/runner/replay_id.h).
struct RunKey {
  std::string scenario;  // "family/id"
  std::string subject;   // stack name
  std::string subject_version;
  std::string partner;
  std::string partner_version;
  Role role{};  // the subject's
  Tls tls{};
  Io io{};
  std::string schedule = {};  // the faults of a sweep, "send2=EAGAIN"; empty where there are none (harness/runner/schedule.h)
  friend auto operator<=>(const RunKey&, const RunKey&) = default;
};

// Bytes of memory that an event takes: itself, and those of its texts that a peer can make long or many.
std::size_t held_by(const Event& event);

class Transcript {
 public:
  explicit Transcript(RunKey key = {}) : key_(std::move(key)) {}

  const RunKey& key() const { return key_; }
  const std::vector<Event>& events() const { return events_; }
  const Event& at(int number) const { return events_[static_cast<std::size_t>(number - 1)]; }
  int next_number() const { return static_cast<int>(events_.size()) + 1; }
  std::size_t held() const { return held_; }  // bytes of memory that the events take, texts of theirs included

  // Appends, and gives the event's number.
  template <typename Kind>
  int add(int line, Kind what) {
    events_.push_back(Event{next_number(), line, std::move(what)});
    held_ += held_by(events_.back());
    return events_.back().number;
  }

  // What the subject's calls came to in the run that this one is compared with, where it is one of a sweep: the run without faults, or,
  // for a transport that ends, the run in which it ends before any byte. One entry a line of the script: the line's last answer.
  struct LineAnswer {
    int line = 0;
    Call call{};
    std::optional<Outcome> outcome;  // none: it never came back
    std::size_t total = 0;           // bytes read or written by the session so far
    Until until = Until::once;       // how often the line asked for it
    friend bool operator==(const LineAnswer&, const LineAnswer&) = default;
  };
  std::vector<LineAnswer> reference;

  // The options that the subject's sessions were opened with (peers/common/stack.h).
  std::vector<std::string> options;

  // False where only the wire is known of the subject, as of a real program: then there is no event of its calls, and what is not there
  // proves nothing about them. The lines of such a transcript are the numbers of packets.
  bool has_api_lane = true;

  // The words of the script lines, for the reader (line n is script[n - 1]).
  std::vector<std::string> script;

 private:
  RunKey key_;
  std::vector<Event> events_;
  std::size_t held_ = 0;
};

// All records of the run were read, sooner or later.
bool decrypted(const Transcript& transcript);
// Whether the event is the delivery of a whole record right after the wire saw it, as it nearly always is: a reader needs no word of it.
bool is_routine(const Event& event, const Transcript& transcript);
// The Asked event that wanted what this event belongs to: a call's own, else the last one of that side and line; null for none.
const Asked* asked_for(const Event& event, const Transcript& transcript);

// What the subject's calls came to, as `reference` has it: one entry a line that asked the subject for a call and whose call came back or
// is blocked for good, by line.
std::vector<Transcript::LineAnswer> answers(const Transcript& transcript);

// How much of an event is told.
enum class Detail : std::uint8_t {
  repeatable,  // what is the same in every run: no sizes in the handshake (signatures differ in length), no bytes of ciphertext
  full,
};

// How an event is called where another one speaks of it.
using NameOfEvent = std::function<std::string(int number)>;

// One event as a line of text in the notation of the script, without number: "subject  close                = want-read  (gnutls_bye -28
// GNUTLS_E_AGAIN)".
std::string narrate(
    const Event& event, Detail detail = Detail::full, const NameOfEvent& name = [](int number) { return std::to_string(number); });
std::string_view spell(ContentType type);
// What a record holds, in a word or two: "close_notify (warning)", "ClientHello", "application_data".
std::string name_of(const Contents& contents, Detail detail = Detail::full);

// Alerts by the names of RFC 8446 6, RFC 5246 7.2 and RFC 9846 6: "close_notify", "internal_error"; "alert 201" for a number without one.
std::string alert_name(std::uint8_t description);
std::optional<std::uint8_t> alert_number(std::string_view name);

}  // namespace tlsbye
