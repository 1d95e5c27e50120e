// The runner: carries out one scenario between two peers over a wire, and writes down what happened.
//
// A worker owns a Runner; a Runner owns the peers it started and uses them again from run to run. Only one peer of a run is ever at work:
// a request is answered, or its peer is blocked and says so, before the next step is taken. That is why the order of events is the order of
// facts, and why two runs of the same scenario give the same transcript. Time belongs to the runner too: it passes where the script says
// so, and, when the script has ended, until no call waits for it any more.
//
// Where the subject is a real program, it does what it does, and is asked for nothing: lines of the script for the subject are passed over.
// Time is real there, and only there. While the partner waits, or the script does (`await`), the program is waited for; one that is silent
// for its patience, goes on for longer than a run may last, or sends more than a run may keep, is noted as that (ProgramDid) and waited for
// no longer. Its transcript has no lane of calls.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "harness/control/real_program.h"
#include "harness/control/stacks.h"
#include "harness/runner/schedule.h"
#include "harness/scenario/scenario.h"
#include "harness/transcript/capture.h"
#include "harness/transcript/transcript.h"

namespace tlsbye {

// One run to be made. The pointers are owned elsewhere and outlive it.
struct Run {
  const Scenario* scenario = nullptr;
  const Stack* subject = nullptr;
  const Stack* partner = nullptr;
  Role role{};  // the subject's
  Tls tls{};
  Io io{};
  Schedule schedule = {};            // of a sweep; empty: nothing goes wrong but what the script says
  const Program* program = nullptr;  // the subject is this real program, and `subject` only says how it is called; null: a peer
  RunKey key() const;
};

struct RunnerOptions {
  bool isolate = false;                       // a process for every session
  std::chrono::milliseconds patience{10000};  // how long one answer may take before a peer is taken to hang
};

// A run that was made. Where a process died in it (by a signal or by itself), the run was made once more with a new process, so that
// nothing but that death is lost; a death that comes again is in `transcript` too. One that was ended from outside (SIGKILL by an operator,
// or because memory ran out) says nothing: the run is made again, twice at most, and then is the harness's error.
struct Made {
  Transcript transcript;                  // its `reference` is the caller's to fill
  Capture capture;                        // the same run, byte by byte
  std::optional<Transcript> died_before;  // the first attempt, where the subject died in it and not the partner
  Capture capture_before;                 // of `died_before`
  std::size_t delivered = 0;              // bytes that reached the subject after the last `handshake` line; where cuts are swept or made
};

// What the harness itself could not do: no more descriptors, a peer that cannot be started. Never a verdict on anybody.
struct HarnessError {
  std::string what;
};

class Runner {
 public:
  explicit Runner(RunnerOptions options) : options_(options) {}

  // Of a real program with which no connection came about, the error is what was met instead.
  std::variant<Made, HarnessError> make(const Run& run);

  // By stack: the calls that never came back.
  const std::map<std::string, Experience>& experience() const { return experience_; }

 private:
  class Stage;  // one run being made
  std::variant<PeerProcess*, HarnessError> peer(const Stack& stack, Side side);
  std::variant<Made, HarnessError> once(const Run& run);
  std::variant<Made, HarnessError> once_with_program(const Run& run);
  std::variant<Made, HarnessError> attempt(const Run& run);

  RunnerOptions options_;
  std::map<std::string, Experience> experience_;
  // A stack serves as subject and as partner in processes of its own, so that one library never meets itself in one process.
  std::map<std::pair<std::string, Side>, std::unique_ptr<PeerProcess>> peers_;
};

}  // namespace tlsbye
