// Who stands at one end of the wire: a peer program (peer_process.h), which is told what to do and reports what its library answered; or
// a real program (real_program.h), which does what it does, and of which only the wire is known.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/transcript/transcript.h"
#include "peers/protocol/message.h"

namespace tlsbye {

// How a peer's process ended, in the words of Died.
struct PeerEnd {
  Died::How how{};
  std::string detail;         // "SIGSEGV", "exit code 3", "no answer within 10 s"
  bool from_outside = false;  // by a signal that others send: it says nothing about the library
};

// What a peer reported of one request.
struct Report {
  std::vector<Line> lines;  // all but the last ones, which are told by the members below
  struct Blocked {
    Flow on{};
    Call during{};
    int id = 0;                                // of that call
    std::optional<long long> timeout_ms = {};  // it waits no longer than that
    friend bool operator==(const Blocked&, const Blocked&) = default;
  };
  std::optional<Blocked> blocked;  // it waits for resume or abort, or for time to pass
  std::optional<PeerEnd> end;      // the process is gone; `lines` holds what it still said
};

class Party {
 public:
  virtual ~Party() = default;

  // Sends the request, with a descriptor where `passed` is not -1, and waits for the whole report. A real program reports nothing.
  virtual Report ask(const Line& request, int passed = -1) = 0;

  // Ends the process, for a reason that only the caller can see.
  virtual PeerEnd put_down(Died::How how, std::string detail) = 0;

 protected:
  Party() = default;
  Party(const Party&) = default;
  Party& operator=(const Party&) = default;
};

}  // namespace tlsbye
