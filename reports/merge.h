// Runs that were made in parts, or of different libraries on several machines, as one: what a single run would have given. Order and number
// of the parts change nothing but times.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "harness/judge/judge.h"

namespace tlsbye {

// A part, and what it is called in messages.
struct RunPart {
  RunReport report;
  std::string name;
};

// Accepted deviations are marked in none of the parts; whole runs lose their marks, for the caller to make them again. `clauses` give the
// order. Where the parts do not fit together: why, in one line.
std::variant<RunReport, std::string> merged(std::vector<RunPart> parts, const std::vector<Clause>& clauses);

}  // namespace tlsbye
