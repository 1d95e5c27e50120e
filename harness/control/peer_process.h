// A peer program as the harness holds it: started, talked to, and ended, whatever it does.
//
// All that can go wrong with a foreign process ends here as a value: it is missing, it is not a peer, it dies, it spins, it says nothing,
// it says nonsense, it says too much. Nothing here throws for what a peer did. Not thread-safe; a worker owns its peers.
//
// This is the one door by which a peer's words come in. What passes it is harmless to print: control characters, what breaks a line and
// what turns the direction of writing stand as \xHH in every value but the bytes of a raw-read, and the names in a hello are words.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/control/party.h"
#include "harness/transcript/transcript.h"
#include "peers/protocol/channel.h"
#include "peers/protocol/message.h"

namespace tlsbye {

// What a peer said of itself.
struct PeerHello {
  std::string stack;
  std::string version;
  std::vector<std::string> abilities;
  std::string library;   // the file that the stack was loaded from; empty where the peer does not tell
  std::string build_id;  // of that file
  std::string compiler;  // of the peer program; empty where it does not tell
};

// What was learnt of a stack's processes, which follow each other: how often requests of a word were answered, and how often never. Where
// that was three times, and more often than not, such a request is waited for a tenth as long: a library that spins in every run is not to
// cost half a second two thousand times. One that was answered hundreds of times, and never slowly, is taken to spin sooner.
struct Answered {
  std::size_t times = 0, never = 0;
  std::chrono::milliseconds slowest{};  // CPU time of an answer that did not come at once; 0 if all did
  bool seldom() const { return never > times; }
};
using Experience = std::map<std::string, Answered, std::less<>>;

// How to start a peer program, beyond its name.
struct Launch {
  std::vector<std::string> arguments = {};
  std::string library_path = {};     // where the loader looks for libraries first: LD_LIBRARY_PATH (ld.so(8))
  Experience* experience = nullptr;  // outlives the process; nullptr: nothing is learnt
  std::string loader = {};           // the dynamic loader that starts the program, of another system than this; empty: the usual one
};

// How a process ended that ended so: "SIGSEGV", "SIGKILL", "exit code 3". No library ends its own process by SIGKILL, SIGTERM, SIGHUP ...:
// an operator does, or the kernel that is out of memory.
PeerEnd end_of(std::string status);

// All that a peer finds in its environment, as NAME=VALUE: what is the same on every machine, the library path where one is given, and,
// from the harness's own, what only tools read that watch a program from inside (ASAN_OPTIONS, GCOV_PREFIX ...). Nothing else of the
// user's shell reaches a library.
std::vector<std::string> peer_environment(const std::string& library_path = {});

class PeerProcess : public Party {
 public:
  // Starts the program and reads its hello. `patience` bounds how long a peer may wait for nothing before it is taken to hang; one that
  // computes is ended sooner, by its use of CPU time, which other load on the machine does not change. Neither costs anything where peers
  // answer. On failure: one line that says what is wrong with which program.
  static std::variant<PeerProcess, std::string> start(const std::filesystem::path& program, std::chrono::milliseconds patience,
                                                      const Launch& launch = {});

  PeerProcess(PeerProcess&&) noexcept;
  PeerProcess& operator=(PeerProcess&&) noexcept;
  ~PeerProcess() override;  // ends the process and all that it started, and waits for it

  const PeerHello& hello() const { return hello_; }
  pid_t pid() const { return pid_; }
  bool alive() const { return pid_ > 0; }

  // A report has an end: a peer that goes on beyond what any library has to say is ended, as one that broke the protocol.
  Report ask(const Line& request, int passed = -1) override;
  PeerEnd put_down(Died::How how, std::string detail) override;

 private:
  PeerProcess(pid_t pid, Channel channel) : pid_(pid), channel_(std::move(channel)) {}

  Report listen();
  std::chrono::milliseconds budget() const;  // CPU time of an answer; who uses more, spins
  // One packet into packet_. A peer that spins, or is silent longer than patience_, is ended, and `hung` says so.
  Channel::Got receive(std::optional<PeerEnd>& hung);
  PeerEnd ended();                         // it closed the control socket: how it died
  PeerEnd garbled(std::string_view what);  // it broke the protocol: its end
  bool wait_for_death();                   // of a process that has reason to die, for a bounded time; false where it did not
  void kill_group();

  pid_t pid_ = -1;
  Channel channel_;
  PeerHello hello_;
  void have_learnt(const std::optional<PeerEnd>& end);

  std::string packet_;
  std::chrono::milliseconds patience_{};
  Experience* experience_ = nullptr;
  std::string asked_;                   // the last request, but for those that let it go on ...
  long long asked_size_ = 0;            // ... and how much it was to write
  std::chrono::milliseconds glance_{};  // for so long the channel waits for a packet
};

}  // namespace tlsbye
