// Where a fault that is aimed at a record falls: `io send EAGAIN on close_notify`.
//
// Who makes a transport call fail, the peer, sees bytes. Which record they are is known to the wire alone, and only when they have passed.
// So the runner makes the run once without the fault, and looks in its transcript for the library's call that moved the first byte of the
// record; then it makes the run again with the fault at that call. Until there the two runs are the same (runner.h). Of several such faults
// each is looked for in a run that has those before it.
#pragma once

#include <map>
#include <vector>

#include "harness/scenario/script.h"
#include "harness/transcript/transcript.h"

namespace tlsbye {

// The aimed faults of a script that were looked for, by their line: what is asked of the peer, and nothing where no such record was moved.
using Aims = std::map<int, std::vector<FaultPlan>>;

// A line that aims a fault, as it was met in a run.
struct AimedLine {
  int line = 0;
  Side side{};
  int asked = 0;  // number of the event that says when the script wanted it
  AimedFault fault;
};

// What to ask of the peer , so that the fault meets the record. The transcript, of a run without it, must have all transport calls of that
// side.
//
// A record that the library moves together with what is in front of it is met all the same: the call before moves only what is in front, as
// a transport does that has no room for more, or has no more to give.
std::vector<FaultPlan> plans_of(const AimedLine& aimed, const Transcript& transcript);

// Whether these plans have met a record's first byte, in the run that was made with them. Where what is in front of the record is not as
// long in every run, as a signature is not, they may have missed it by a byte or two.
bool met_a_record(const std::vector<FaultPlan>& plans, const AimedLine& aimed, const Transcript& transcript);

}  // namespace tlsbye
