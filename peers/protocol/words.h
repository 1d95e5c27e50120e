// The words that a peer and the harness share: one closed list per question, each with its spelling on the control socket.
//
// The lists are the contract of design section 3; `peers/README.md` describes them to people who write a peer in another language.
// Every enum here can be spelled with `spell(value)` and read back with `read_word<Enum>(text)`; a word outside its list is not
// guessed at, it is refused.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

namespace tlsbye {

// Whose end of the connection. The subject is the peer being judged, the partner is the one at the other end.
enum class Side : std::uint8_t { subject, partner };
constexpr Side other(Side side) { return side == Side::subject ? Side::partner : Side::subject; }

enum class Role : std::uint8_t { client, server };
constexpr Role other(Role role) { return role == Role::client ? Role::server : Role::client; }

enum class Tls : std::uint8_t { v1_0, v1_1, v1_2, v1_3 };

// Whether the transport's descriptor is O_NONBLOCK (and, where the stack asks, the session was made for it).
enum class Io : std::uint8_t { blocking, nonblocking };

// What one API call of a stack came to, whatever the stack calls it.
enum class Outcome : std::uint8_t {
  done,         // the call did all it was asked for; for a two-way close: the library says that both directions are closed
  sent,         // two-way close only: our close_notify is out, the reply is still to come, nothing blocked; call again
  want_read,    // nothing more can be done before the transport is readable; call again then
  want_write,   // nothing more can be done before the transport is writable; call again then
  interrupted,  // a signal interrupted the transport call; call again
  end_of_data,  // a read: the peer closed its direction in the way that the stack calls clean
  cut,          // the transport ended where the stack had expected more (EOF without close_notify)
  reset,        // the transport was reset, or is broken for writing (ECONNRESET, EPIPE)
  alert,        // the peer's alert other than close_notify ended or interrupted the call
  refused,      // the stack will not do this in its present state; nothing was tried on the transport
  failed,       // any other error
  unsupported,  // this stack has no such call
};

// The verbs of a peer, one API call of the stack each (see peers/common/stack.h for what each must do). Those from peek on are extras: a
// stack has them or not, and says so by an ability of that name.
enum class Call : std::uint8_t {
  handshake,
  read,
  write,
  close,
  close_write,
  abandon,
  peek,          // a read that leaves the data where it is
  send_alert,    // any alert, sent by the application
  key_update,    // new sending keys (TLS 1.3), perhaps asking the peer for the same
  renegotiate,   // ask for, or begin, another handshake in this session (TLS 1.2 and before)
  set,           // a switch of the library, turned while the session lives
  clear,         // make the session's object ready for another connection
  keep_session,  // take what is needed to resume this session later (clients)
  write_early,   // early data (TLS 1.3, 0-RTT): a client sends it with its first message
  read_early,    // ... and a server reads it
};
constexpr bool is_extra(Call call) { return call >= Call::peek; }

// Who makes a call: the thread that makes all of them, or, beside a call that waits, a second thread, or a forked process.
enum class Aside : std::uint8_t { no, thread, process };

// How often a request makes its call.
enum class Until : std::uint8_t {
  once,  // one call
  done,  // again, as long as its answer asks for that
  end,   // a read: until it neither gives data nor asks to be made again
};

// What a session may be opened with; each is an ability of that name (peers/common/stack.h says what each asks of a stack).
enum class Option : std::uint8_t {
  memory_bio,
  verify_certificate,
  saved_session,
  tickets,
  ignore_eof,
  quiet_shutdown,
  read_ahead,
  callbacks,
  session_cache,
  no_signal,
  require_certificate,
  post_handshake_auth,
  due_alert,
  receive_seq,
  receive_packet,
  no_eof_control,
  early_data,
  false_start,
  closes_transport,
  hybrid_key_share,
};

// What the verb `set` turns while a session lives; each is an ability `set-NAME` (peers/README.md says what each does).
enum class Switch : std::uint8_t { quiet_shutdown, shutdown, context_quiet_shutdown, timeout, cork, auto_retry, stale_error };

// Which way a transport call moves bytes.
enum class Flow : std::uint8_t { recv, send };

template <typename Enum>
struct Words;  // specialised below: the spellings of Enum, in the order of its values

template <>
struct Words<Side> {
  static constexpr std::array<std::string_view, 2> list{"subject", "partner"};
};
template <>
struct Words<Role> {
  static constexpr std::array<std::string_view, 2> list{"client", "server"};
};
template <>
struct Words<Tls> {
  static constexpr std::array<std::string_view, 4> list{"1.0", "1.1", "1.2", "1.3"};
};
template <>
struct Words<Io> {
  static constexpr std::array<std::string_view, 2> list{"blocking", "nonblocking"};
};
template <>
struct Words<Outcome> {
  static constexpr std::array<std::string_view, 12> list{"done", "sent",  "want-read", "want-write", "interrupted", "end-of-data",
                                                         "cut",  "reset", "alert",     "refused",    "failed",      "unsupported"};
};
template <>
struct Words<Call> {
  static constexpr std::array<std::string_view, 15> list{"handshake", "read",  "write",        "close",       "close-write",
                                                         "abandon",   "peek",  "send-alert",   "key-update",  "renegotiate",
                                                         "set",       "clear", "keep-session", "write-early", "read-early"};
};
template <>
struct Words<Aside> {
  static constexpr std::array<std::string_view, 3> list{"no", "thread", "process"};
};
template <>
struct Words<Until> {
  static constexpr std::array<std::string_view, 3> list{"once", "done", "end"};
};
template <>
struct Words<Option> {
  static constexpr std::array<std::string_view, 20> list{
      "memory-bio", "verify-certificate", "saved-session",  "tickets",        "ignore-eof",          "quiet-shutdown",
      "read-ahead", "callbacks",          "session-cache",  "no-signal",      "require-certificate", "post-handshake-auth",
      "due-alert",  "receive-seq",        "receive-packet", "no-eof-control", "early-data",          "false-start",
      "closes-transport", "hybrid-key-share"};
};
template <>
struct Words<Switch> {
  static constexpr std::array<std::string_view, 7> list{"quiet-shutdown", "shutdown",   "context-quiet-shutdown", "timeout", "cork",
                                                        "auto-retry",     "stale-error"};
};
template <>
struct Words<Flow> {
  static constexpr std::array<std::string_view, 2> list{"recv", "send"};
};

template <typename Enum>
constexpr std::string_view spell(Enum value) {
  return Words<Enum>::list[static_cast<std::size_t>(value)];
}

template <typename Enum>
constexpr std::optional<Enum> read_word(std::string_view text) {
  for (std::size_t i = 0; i < Words<Enum>::list.size(); ++i)
    if (Words<Enum>::list[i] == text) return static_cast<Enum>(i);
  return std::nullopt;
}

// Whether a list of words, as it is written or came over a control socket, has this one.
template <typename Enum, typename List>
constexpr bool has_word(const List& words, Enum value) {
  return std::find(std::begin(words), std::end(words), spell(value)) != std::end(words);
}

// An outcome after which the same call is to be made again: nothing is lost, nothing is finished.
constexpr bool call_again(Outcome outcome) {
  return outcome == Outcome::sent || outcome == Outcome::want_read || outcome == Outcome::want_write || outcome == Outcome::interrupted;
}

}  // namespace tlsbye
