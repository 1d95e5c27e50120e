// The words that describe a real program (`tlsbye probe`, and `tlsbye replay` of its runs), and what they come to.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/cli/house.h"
#include "harness/control/real_program.h"

namespace tlsbye {

struct ProgramWords {
  std::string server;                 // HOST:PORT; empty: none
  std::optional<std::string> listen;  // [ADDR:]PORT
  std::vector<std::string> command;   // with `listen`; empty: whoever comes
  std::string protocol;               // a preset
  std::optional<std::string> say, goodbye, until, serve;
  std::string server_name, alpn, trust;
  std::string certificate, key;  // files; a key of no name is in the certificate's
  std::string as;                // NAME@VERSION
  std::chrono::milliseconds patience{2000};

  bool any() const { return !server.empty() || listen.has_value(); }
};

// What a protocol's client says before TLS, in it, and to end it.
struct ProtocolRow {
  std::string_view name;  // "smtp"; those that begin with TLS at once have an `s` behind it
  std::vector<PlainStep> preamble;
  std::string say, until, goodbye;
};
// `host` stands in some of what is said.
std::vector<ProtocolRow> protocols(const std::string& host);
std::vector<std::string> protocol_names();

// The program, ready to be met. Throws Stop where the words say nothing, or not what can be.
class PreparedProgram {
 public:
  PreparedProgram(const House& house, const ProgramWords& words);
  ~PreparedProgram();
  PreparedProgram(const PreparedProgram&) = delete;
  PreparedProgram& operator=(const PreparedProgram&) = delete;

  const Program& program() const { return program_; }
  // As the subject of a run; abilities say its role, and the TLS versions that it may be asked for.
  const Stack& stack() const { return stack_; }
  Role role() const { return program_.is_client() ? Role::client : Role::server; }
  // "127.0.0.1:4433"; "curl".
  const std::string& called() const { return called_; }
  // What `tlsbye replay` needs to meet the same program.
  const std::vector<std::string>& replay_words() const { return replay_words_; }

 private:
  Program program_;
  Stack stack_;
  std::string called_;
  std::vector<std::string> replay_words_;
  Descriptor listener_;
  std::filesystem::path ca_;  // a file that is ours; empty: none
};

// The scenarios that real programs are met with: scenarios/programs and the user's own.
std::vector<Scenario> program_scenarios_of(const House& house);

}  // namespace tlsbye
