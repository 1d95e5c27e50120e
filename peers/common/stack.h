// One TLS stack as the harness sees it: what an adapter (peers/<stack>.cpp) implements, and all that it implements.
//
// An adapter translates and never judges. Each member function of Session makes one call of the library's API and says what came
// back: no loop, no retry, no policy, no assertion. Everything else that a peer does (the control socket, transports, faults,
// blocking, `until done`, forking) is in peers/common and the same for every stack.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "peers/protocol/message.h"
#include "peers/protocol/words.h"

namespace tlsbye::peer {

// What one API call of the library came to.
struct Answer {
  std::string_view native;  // the function called, by the library's name: "gnutls_bye"; a literal
  long returned = 0;        // its raw return value
  std::string code;         // the library's name of its error code: "GNUTLS_E_AGAIN", "SSL_ERROR_WANT_READ"; empty where there is none
  int error_number = 0;     // errno right after the call, 0 where the call did not fail
  std::string words;        // the library's own text for the failure, empty where it gives none
  Outcome outcome = Outcome::failed;
  std::size_t bytes = 0;  // read or written by this call
};

// The library's state flags, by the names that its manual uses: {"shutdown", "SENT|RECEIVED"}, {"direction", "send"}.
// The vocabulary per stack stands in peers/README.md. Reading them must not change the session.
using State = std::vector<std::pair<std::string_view, std::string>>;

// What a session is opened with. Beyond role, version and blocking there are options: words that the stack named in its abilities. An
// option that it did not name is answered `unsupported` before open() is called.
//   tickets         a server sends its NewSessionTickets as the library does by default; without it, it sends none
//   ignore-eof      the stack's switch to take a bare EOF for a clean end
//   quiet-shutdown  the stack's switch to close without a word
//   read-ahead      the stack's switch to read more from the transport than the record at hand
//   callbacks       transport by the stack's own I/O callbacks instead of the socket; the callbacks themselves call recv and send
//   session-cache   a server keeps sessions and can resume them by id; a client offers the session that it kept (keep_session)
//   saved-session   what a client keeps (keep_session) is a copy, as on a disk: it is offered however the connection ends afterwards
//   require-certificate  a server asks for the client's certificate and fails without one (clients have none)
//   verify-certificate   a client checks the server's certificate as the library does, and knows no issuer: it rejects every one
//   memory-bio           OpenSSL, wolfSSL, JSSE: the library reads and writes memory, the adapter carries bytes between that and the transport
//   no-eof-control       OpenSSL: as callbacks, and they cannot be asked whether the transport has ended
//   false-start          GnuTLS: a client's handshake may be done before the server's Finished has come (TLS 1.2)
//   early-data           a server accepts early data, a client may send it (TLS 1.3, a session resumed by tickets)
//   closes-transport     NSS, Go, JSSE: close_write is the call that also closes the transport; the destructor closes nothing again
//   hybrid-key-share     X25519MLKEM768 before the usual groups: a client sends its key share of that alone, a server takes either (TLS 1.3)
//   post-handshake-auth  a client tells that it would answer a CertificateRequest after the handshake (TLS 1.3)
struct SessionOptions {
  Role role = Role::client;
  Tls tls = Tls::v1_3;
  Io io = Io::blocking;
  int transport = -1;                // the transport's descriptor; the session must not close it, but for `closes-transport`
  std::vector<std::string> options;  // words out of the list above; a liar has its own
  // With a real program at the other end (ability `programs`).
  bool usual_suites = false;     // suites, groups and signatures as the library has them by default, and not the one that is pinned
  std::string server_name = {};  // a client's, sent (SNI) and, with `trust`, checked; empty: none
  std::string alpn = {};         // the protocols that a client offers, with commas between; empty: none
  std::string trust = {};        // a client checks the server's certificate: a file of certificates, or `system`; empty: any is taken
  std::string certificate = {};  // what this side shows instead of the project's certificate: a PEM file, with those above it
  std::string key = {};          // the private key of it, a PEM file

  bool asks_for(Option option) const { return has_word(options, option); }
  bool asks_for(std::string_view lie) const { return std::find(options.begin(), options.end(), lie) != options.end(); }
};

// Where a session hands out what the wire needs for decryption.
class KeyLog {
 public:
  virtual ~KeyLog() = default;
  // One line of the NSS key log format (draft-ietf-tls-keylogfile): "CLIENT_RANDOM <hex> <hex>", or, where the library knows only its
  // traffic keys, "CLIENT_TRAFFIC_KEY <client random> <key><iv>" and "SERVER_TRAFFIC_KEY ..." (ours; see peers/README.md).
  virtual void line(std::string_view text) = 0;
};

// One TLS connection. An interface only: no fields, no defaults. The destructor is `abandon`: it frees the library's object
// without a word on the wire, and leaves the transport open.
//
// A call that the stack did not promise in its abilities (close, close_write, the extras) is answered `unsupported` before it gets here: an
// adapter of a library without a two-way close returns no_such_call() there, and emulates none.
class Session {
 public:
  virtual ~Session() = default;
  virtual Answer handshake() = 0;
  virtual Answer read(std::span<std::byte> into) = 0;
  virtual Answer write(std::span<const std::byte> from) = 0;
  virtual Answer close() = 0;        // the stack's two-way close, one call
  virtual Answer close_write() = 0;  // the stack's one-way close: send close_notify, go on reading
  // One of the extra calls, with its arguments:
  //   peek                     reads into `into`, and leaves the data where it is
  //   send_alert               {level number, description number}
  //   key_update               {} or {"requested"}
  //   renegotiate, clear, keep_session  {}
  //   write_early              writes what is in `into`
  //   read_early               reads into `into`; end_of_data if there is no early data, or no more
  //   set                      {name, value}: ability "set-NAME"; the names are listed in peers/README.md
  // Outcome::unsupported for one that the stack did not promise.
  virtual Answer extra(Call call, const std::vector<std::string>& arguments, std::span<std::byte> into) = 0;
  virtual State state() const = 0;
};

struct Hello {
  std::string stack;                   // "gnutls": lower case, a word
  std::string version;                 // of the library that is loaded now, asked at run time: "3.7.9"
  std::vector<std::string> abilities;  // the words listed in peers/README.md
  const char* function = nullptr;      // one that the library defines: it tells which file was loaded; nullptr for none
  int protocol = protocol_version;
};

class Stack {
 public:
  virtual ~Stack() = default;
  virtual Hello hello() const = 0;
  // Makes a session on options.transport. `keys` outlives the session. Throws std::runtime_error in the library's words where the
  // library refuses to make one.
  virtual std::unique_ptr<Session> open(const SessionOptions& options, KeyLog& keys) = 0;
  // Forgets every session that could be resumed, every ticket key, and what `set` has switched beyond a session: what is opened from now
  // on meets nothing of what was before.
  virtual void forget_sessions() = 0;
};

// The peer's main(): says hello on control_descriptor, then does what it is told until the other end goes. Returns the exit code.
int serve(Stack& stack);

}  // namespace tlsbye::peer
