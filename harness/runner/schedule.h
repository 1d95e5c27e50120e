// A schedule: what goes wrong with the subject's transport in one run of a sweep, at one call or at one byte.
//
//     send2=EAGAIN                  the subject's 2nd sending call on the transport would block
//     recv5=short                   its 5th receiving call gets one byte
//     send2=EAGAIN,recv5=EAGAIN     both
//     cut@13                        after 13 bytes nothing more reaches it
//     fin@13  reset@13              and then its transport ends, or is reset
//
// Calls are the library's data calls of that flow (no poll, no select), counted from 1 since the session was opened; bytes are those that
// are delivered to the subject after the script's last `handshake` line (after the opening where there is none). A transport that broke
// stays broken, as a socket does: after ECONNRESET or EOF the flow's next receiving calls find EOF, after ECONNRESET or EPIPE its next
// sending calls EPIPE. In a replay id the schedule stands after a `+`.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/scenario/fault_plan.h"
#include "harness/transcript/transcript.h"

namespace tlsbye {

struct Schedule {
  struct Step {
    Flow flow{};
    int call = 1;
    Fault fault{};
    friend bool operator==(const Step&, const Step&) = default;
  };
  struct Ending {
    std::size_t after = 0;   // bytes
    std::optional<End> how;  // none: it falls silent; never a hangup
    friend bool operator==(const Ending&, const Ending&) = default;
  };
  std::vector<Step> steps;       // at most two, in the order in which they happen
  std::optional<Ending> ending;  // then there are no steps

  bool empty() const { return steps.empty() && !ending; }
  bool resets() const { return ending && ending->how == End::reset; }
  friend bool operator==(const Schedule&, const Schedule&) = default;
};

std::string spell(const Schedule& schedule);
std::string spell(const Schedule::Step& step);
std::string spell(const Schedule::Ending& ending);

// The schedule that a text names (empty for an empty one), or what is wrong with it in one line.
std::variant<Schedule, std::string> read_schedule(std::string_view text);

// What the peer is asked for.
std::vector<FaultPlan> plans_of(const Schedule::Step& step);

// The run that one with this schedule is compared with (Transcript::reference): the one without faults, or the one in which the transport
// ends in the same way before any byte. For that one itself: nothing.
std::optional<Schedule> reference_of(const Schedule& schedule);

// Those parts of the schedule that never came to pass in the run that was made with it, in words; `delivered` as Made has it.
std::vector<std::string> not_due(const Schedule& schedule, const Transcript& transcript, std::size_t delivered);

// What a sweep tries. Each list depends on its arguments alone, and is in the order in which its members count as smaller.
//
// Every fault at every call that the subject made in this run: EAGAIN, EINTR, a count of one byte (where it got more), ECONNRESET; sending,
// EPIPE too. Only its first session, where the script has several.
std::vector<Schedule> single_faults(const Transcript& clean);
// An end after each of `delivered` bytes, and before the first: silence, FIN, reset.
std::vector<Schedule> endings(std::size_t delivered);
// `first`, a single EAGAIN, followed by another one at each of the `within` calls that the subject made next in the run with `first`.
std::vector<Schedule> second_faults(const Schedule& first, const Transcript& with_first, std::size_t within);

}  // namespace tlsbye
