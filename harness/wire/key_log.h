// What the wire knows about a connection's keys: lines of the NSS key log, and the hellos.
//
// Lines may come in any order, twice, from both peers, before the hello that they belong to or long after the records they open.
#pragma once

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

// nullopt for a label that is of no use here, for what is no key log line, and for secrets of another length than the wire's suites have.
std::optional<KeyLogLine> read_key_log(std::string_view line);

// The part of a connection that a record belongs to. TLS 1.2 goes from plain to application by its ChangeCipherSpec.
enum class Stage : std::uint8_t { plain, handshake, application };

class Secrets {
 public:
  explicit Secrets(Tls tls) : version_(tls) {}

  void saw_client_hello(const Random& random);
  void saw_server_hello(const ServerHello& hello);
  // False where the line says nothing new.
  bool learn(std::string_view line);

  // What was agreed on; before the ServerHello: what the constructor was told.
  Tls version() const { return version_; }
  // TLS 1.3: the secret with which a writer of that role begins the stage, or nullopt.
  std::optional<Secret> traffic_secret(Role writer, Stage stage) const;
  // The writer's first application key where it is known directly (TLS 1.2, or a line of ours), or nullopt.
  std::optional<TrafficKey> application_key(Role writer) const;

 private:
  const KeyLogLine* find(KeyLogLine::Label label) const;

  Tls version_;
  std::optional<Random> client_, server_;
  std::vector<KeyLogLine> lines_;
  mutable std::optional<KeyBlock> block_;  // TLS 1.2, both directions at once
};

}  // namespace tlsbye
