// What the wire knows about the keys of a run: lines of the NSS key log, and the hellos.
//
// A run has one handshake or more: those of sessions one after another, and renegotiations. Each is known by the random of its ClientHello,
// and numbered from 0 in the order in which these were seen. Lines may come in any order, twice, from both peers, before the hello that
// they belong to or long after the records they open; those of other handshakes do no harm.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "harness/wire/handshake.h"
#include "harness/wire/protection.h"

namespace tlsbye {

// One line of a key log (draft-ietf-tls-keylogfile), or of ours: "CLIENT_TRAFFIC_KEY <client random> <16 bytes key><12 bytes iv>", and the
// same with SERVER, by which a stack that does not show its secrets gives its application traffic keys.
struct KeyLogLine {
  enum class Label : std::uint8_t {
    client_random,
    client_early,
    client_handshake,
    server_handshake,
    client_application,
    server_application,
    client_key,
    server_key
  } label{};
  Random random{};
  std::vector<unsigned char> secret;
};

// nullopt for a label that is of no use here, for what is not a key log line, and for secrets of another length than the wire's suites
// have.
std::optional<KeyLogLine> read_key_log(std::string_view line);

// The part of a session that a record belongs to; early: a client's early data, under a key of the session that it resumes. TLS 1.2 goes
// from plain to application by its ChangeCipherSpec.
enum class Stage : std::uint8_t { plain, early, handshake, application };

class Secrets {
 public:
  explicit Secrets(Tls tls) : told_(tls) {}

  // The number of the handshake that the hello belongs to: a new one, or the one that it was seen in before. A ServerHello answers the
  // last ClientHello.
  int saw_client_hello(const Random& random);
  int saw_server_hello(const ServerHello& hello);
  // The ids of sessions in all of these, before TLS 1.3.
  const SessionIds& session_ids() const { return session_ids_; }
  int handshakes() const { return static_cast<int>(handshakes_.size()); }
  const std::optional<Random>& client_random(int handshake) const { return at(handshake).client; }
  bool answered(int handshake) const { return known(handshake) && at(handshake).server; }

  // False where the line says nothing new about a handshake that was seen.
  bool learn(std::string_view line);

  // What was agreed on; before the ServerHello: what the constructor was told.
  Tls version(int handshake) const { return answered(handshake) ? at(handshake).version : told_; }
  // The suite that was agreed on, or, before the ServerHello, the one of our own runs; nullopt for one whose records cannot be read.
  std::optional<Suite> suite(int handshake) const;
  // TLS 1.3: the secret with which a writer of that role begins the stage, or nullopt.
  std::optional<Secret> traffic_secret(int handshake, Role writer, Stage stage) const;
  // The writer's first application key where it is known directly (before TLS 1.3, or a line of ours), or nullopt.
  std::optional<WriteKey> application_key(int handshake, Role writer) const;

  // Before TLS 1.3 a handshake that resumes a session has that session's master secret, and some stacks tell it but once. This tries those
  // told for other handshakes, until `opens` finds the writer's key to be the right one. False: none is.
  bool find_resumed(int handshake, Role writer, const std::function<bool(const WriteKey&)>& opens);

 private:
  struct Handshake {
    std::optional<Random> client, server;
    Tls version{};
    std::optional<Suite> suite{};
  };
  bool known(int handshake) const { return static_cast<std::size_t>(handshake) < handshakes_.size(); }
  const Handshake& at(int handshake) const { return handshakes_[static_cast<std::size_t>(handshake)]; }
  const KeyLogLine* find(int handshake, KeyLogLine::Label label) const;
  std::optional<WriteKey> key_of(int handshake, Role writer, const KeyLogLine& master) const;

  Tls told_;
  std::vector<Handshake> handshakes_;
  SessionIds session_ids_;
  std::deque<KeyLogLine> lines_;
};

}  // namespace tlsbye
