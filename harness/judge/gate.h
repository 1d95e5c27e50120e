// The gate: does a run say that all is as it should be? Red for every verdict that was not expected, and for a run that proves nothing.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "harness/judge/judge.h"
#include "harness/judge/known.h"

namespace tlsbye {

struct GateResult {
  bool green = false;
  std::vector<std::string> unexpected;  // one line for each group of equal cells, worst first
  std::vector<std::string> faults;      // what is wrong with the run as a whole: incomplete, nothing reached, bad entries, problems
  std::string summary;                  // for the reader: at most a screenful, ends with a newline
  int exit_code() const { return green ? 0 : 1; }
};

// Unexpected are violates, hung, crashed, harness-error and stale, and what `fail_on` adds: discouraged; or differs, and discouraged with
// it. Never green is a run that was not completed, that had problems, in which no cell conforms, in which a cell depends on the partner and
// no list says why, or in which a stack that claims a role and version has cells there but came to none of them. `report` has had
// apply_known() and explain_disagreements() done to it; `known` is what the first gave, with the faults that the second found.
GateResult gate(const RunReport& report, const KnownResult& known = {}, Verdict fail_on = Verdict::violates);

// The cells that the report's own stacks promise and that it lacks, as lines to be told with its problems: each clause that it has must
// have a cell for every stack, and every role and TLS version that the report speaks of at all, where it applies and the stack can do that.
// `clauses` are all there are.
std::vector<std::string> missing_cells(const RunReport& report, const std::vector<Clause>& clauses);

// True for the verdicts that fail the gate.
bool unexpected(Verdict verdict, Verdict fail_on = Verdict::violates);

}  // namespace tlsbye
