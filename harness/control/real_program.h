// A real program at the subject's end of the wire: a server that is connected to, or a client that is started and connects.
//
// Only the wire is known of it, and of a client how it ended and what it printed. What is done here takes a bounded time, whatever the
// program or the host does, and gives one line that says what was met where no TLS could begin. Nothing that a program sends is printed as
// it is: control characters stand as \xHH.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "harness/control/party.h"
#include "harness/transcript/transcript.h"
#include "peers/protocol/channel.h"

namespace tlsbye {

// A step of what is said in the clear before TLS begins (STARTTLS).
struct PlainStep {
  bool say = false;  // say it; otherwise wait until it has come
  std::string text;
};

// The program as the command line describes it, and what is said to it.
struct Program {
  std::string host, port;            // a server's
  std::vector<std::string> command;  // a client's; {host}, {port} and {ca} in it are filled in already
  int listener = -1;                 // where the client is waited for: a listening socket that the caller owns
  std::vector<PlainStep> preamble;   // to a server
  std::string say;                   // what `say` says, in TLS
  std::string goodbye;               // what `say goodbye` says: that after which a server closes
  std::string until;                 // what `hear` waits for; empty: until the program ends its stream, or is silent
  std::string server_name, alpn, trust;
  std::string certificate, key;              // what we show of us, files in PEM; empty: the project's own
  std::chrono::milliseconds patience{2000};  // so long it may be silent
  std::chrono::milliseconds longest{30000};  // and one run may last no longer

  bool is_client() const { return listener >= 0; }
};

// A TCP socket that listens there, for the clients of a probe; port 0: any that is free. Or what is wrong.
struct Listening {
  Descriptor socket;
  std::string host, port;
};
std::variant<Listening, std::string> listen_at(const std::string& host, const std::string& port);

class RealProgram final : public Party {
 public:
  // Connects to the server and says the preamble; or starts the client and waits for its connection. On failure: what was met, in one line
  // without an end.
  static std::variant<std::unique_ptr<RealProgram>, std::string> meet(const Program& program);
  ~RealProgram() override;

  // The connection to it; to be taken once.
  Descriptor take_socket() { return std::move(socket_); }

  Report ask(const Line& request, int passed = -1) override;
  PeerEnd put_down(Died::How how, std::string detail) override;

  // A client that was started: waits until it ends, no longer than its patience, and then ends it. How many more connections it made
  // meanwhile is told too; they are sent away. Nothing for others.
  std::optional<ProgramDid> see_the_end();

 private:
  class Child;
  explicit RealProgram(const Program& program);
  std::optional<std::string> connect();
  std::optional<std::string> say_preamble();
  std::optional<std::string> start();

  const Program& program_;
  Descriptor socket_;
  std::unique_ptr<Child> child_;
};

// The text as it may be printed in a line: at most so many bytes of it.
std::string shown_bytes(std::string_view bytes, std::size_t most = 80);

}  // namespace tlsbye
