// What serves a peer's requests (peers/README.md): private to this folder.
//
// One thread at a time is at work here, and in the library: whoever makes a call aside is waited for by whoever asked for it, and so is
// a call that is blocked. That is why nothing is locked.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "peers/common/report.h"
#include "peers/common/stack.h"
#include "peers/common/transport.h"

namespace tlsbye::peer {

class Server final : public KeyLog, public TransportWatch {
 public:
  explicit Server(Stack& stack) : stack_(stack), hello_(stack.hello()), conversation_(Channel(Descriptor(control_descriptor))) {}
  int run();

 private:
  // What is being served: a transport, and on it a session, until it is abandoned.
  struct Connection {
    Connection(Descriptor socket, Io io, TransportWatch& watch) : transport(std::move(socket), io, watch) {}
    Transport transport;
    std::unique_ptr<Session> session;
    Role role{};
    bool log = false;
    bool closes_transport = false;  // by close_write (the option of that name)
    int calls = 0;  // of this session: the last one's id
    // Of this session: bytes, and whether those that were read, or peeked at, are the pattern that they should be.
    struct Moved {
      std::size_t written = 0, read = 0, early_written = 0, early_read = 0;  // early data has a pattern of its own
      bool intact = true, peeked_intact = true, early_intact = true;
    } moved;
  };

  // The API call under way.
  struct Now {
    Call call = Call::handshake;
    int id = 0;  // of this call in its session; 0 before the first
    Aside aside = Aside::no;
    bool may_wait = true;   // false beside a call that waits already
    std::string arguments;  // of an extra call
  };
  // serve.cpp: requests
  void carry_out(const Line& request, Descriptor passed);
  bool carry_out_at_any_time(const Line& request, bool while_blocked);
  template <typename Do>
  void or_unsupported(Do attempt);
  void open(const Line& request, Descriptor passed);
  void leave_session();
  void end();
  void plan(const Line& request);
  void raw(std::string_view verb, long result);
  void raw_read();
  void raw_write(const Line& request);
  void pass(const Line& request);
  void measure();
  void starve(const Line& request);
  Connection& connection();
  Session& session();
  bool able(std::string_view word) const;
  void require(std::string_view ability) const;

  // serve.cpp: what the library does
  void line(std::string_view text) override { conversation_.line("keys").with("line", text); }
  void called(const TransportCall& call) override;
  Wait blocked(Flow on, Timeout left) override { return wait(on, left, false); }
  Wait wait(Flow on, Timeout left, bool between_calls);
  [[noreturn]] void spinning() override;
  void report_signals();
  void report_sent();
  void report_starved();

  // calls.cpp: calls of the stack's API
  void call(Call call, const Line& request);
  void begin_call(bool repeated = false);
  void read(const Line& request, Until until);
  void write(const Line& request, Until until);
  void extra(Call call, const Line& request, Until until);
  void early(Call call, const Line& request, Until until);
  template <typename Once, typename More>
  void repeat(Until until, Once once, More more);
  void report(const Answer& answer);

  // aside.cpp: other threads and processes
  void aside(const Line& request, Aside who, bool while_blocked);
  template <typename Do>
  void in_process(Do run);
  bool fork_for_session(Descriptor& passed);
  pid_t fork_to_watch();
  std::optional<int> watch_over(pid_t child);

  Stack& stack_;
  const Hello hello_;
  Conversation conversation_;
  std::unique_ptr<Connection> connection_;
  Now now_;
  bool sessions_kept_ = false;  // perhaps: something may have been kept, or switched, beyond the session since all was last forgotten
  // What processes forked from this one write for it to read.
  struct Shared {
    std::atomic<Turn> turn;
    std::atomic<int> calls;  // the last call's id
  };
  Shared* shared_ = nullptr;
  bool isolated_ = false;  // this process was forked for one session
};

// A request that cannot be carried out, and why.
struct Unsupported {
  std::string why;
};

// "EAGAIN"
std::string error_name(int number);

// Runs the attempt; one that throws Unsupported is reported so.
template <typename Do>
void Server::or_unsupported(Do attempt) {
  try {
    attempt();
  } catch (const Unsupported& unsupported) {
    conversation_.line("unsupported").with("why", unsupported.why);
  }
}

}  // namespace tlsbye::peer
