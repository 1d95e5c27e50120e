// Transcript liars: copies of an honest transcript in each of which one small thing is not as it was. A clause that holds on a transcript
// and on every one of its liars checks nothing there.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "harness/oracle/oracle.h"

namespace tlsbye {

// Gets each liar in turn, and what the lie is ("close answered failed"). Returns true to have no more.
using LieVisitor = std::function<bool(const Transcript& liar, std::string_view lie)>;

// All lies about one event of the transcript: another outcome, code, return value or flag of a call; a call that dies; records that were
// dropped, repeated, changed or added; transport calls that were made or not; the peer's end that came or did not; the subject's
// transport that ended; another exit code of a program. Only the subject is lied about, and what it was sent. `flag_values` are given to
// state flags beside the usual ones. True where the visitor had enough.
bool each_lie_about(const Transcript& honest, int number, const LieVisitor& visit, std::span<const std::string> flag_values = {});

// The transcript as a wire would write it that blames the subject for what the script made the wire do in the subject's direction: what it
// made was the subject's, and what it dropped was never sent.
Transcript with_blame(const Transcript& honest);

// Whether some lie breaks the clause, for a transcript on which it holds (where it is about nothing else: makes it crashed or hung).
bool can_fail(const Clause& clause, const Transcript& held);

}  // namespace tlsbye
