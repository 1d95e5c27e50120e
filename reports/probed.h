// What `tlsbye probe` tells on the terminal: for each situation how the program closed, or went on, in a line; and what is to be said
// against it.
#pragma once

#include <string>
#include <vector>

#include "harness/judge/judge.h"
#include "harness/oracle/oracle.h"
#include "reports/terminal.h"

namespace tlsbye {

struct ProbedRun {
  std::string title;  // of its scenario: "after our close_notify"
  Transcript transcript;
  std::string replay;
  // What the program did in each connection that was made of it. Where that differs, `transcript` is of the connection that says most
  // against the program.
  std::vector<std::string> reactions;
};

struct Probed {
  std::string name;  // "127.0.0.1:4433", "curl"
  Role role{};
  std::vector<std::string> remarks;  // what kept runs from being made, one line each
  std::vector<ProbedRun> runs;       // in the order in which they were made
};

// What the program did in that run: "close_notify, FIN", "1024 bytes, nothing more for 2 s", "exit code 56".
std::string reaction(const Transcript& transcript);
// Of several connections: "close_notify, FIN"; where they differ it is a race, and the odds are said, the commonest first:
// "a race: 4 of 5 exit code 56; 1 of 5 exit code 0".
std::string reaction(const std::vector<std::string>& reactions);

// Ends with a newline. `report` is of the same runs.
std::string probed_text(const Probed& probed, const RunReport& report, const std::vector<Clause>& clauses, const TerminalStyle& style = {});

}  // namespace tlsbye
