// The report on the terminal: a line for each library, then the ten worst of its deviations in plain words, each fact once, and totals.
// With `all` the matrix, too, of which rows that conform throughout are only counted where it is long, and what its marks mean. In a pipe
// the same, without colour.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "harness/judge/judge.h"

namespace tlsbye {

struct TerminalStyle {
  bool colour = false;
  std::size_t columns = 100;
  bool all = false;  // with the matrix
};

// Colour where `descriptor` is a terminal that is not dumb, and NO_COLOR is unset or empty.
TerminalStyle terminal_style(int descriptor);

// How wide the output there may be: what COLUMNS says, else the terminal's own width, 100 in a pipe; never less than `narrowest`, which a
// table needs, or more than 250.
std::size_t terminal_columns(int descriptor, std::size_t narrowest = 40);

// The whole report; ends with a newline.
std::string terminal(const RunReport& report, const std::vector<Clause>& clauses, const TerminalStyle& style = {});

// One finding at length: citation, paraphrase, what was seen, the deciding events and the command to see it again. The cells are of one
// clause and one stack and look alike; the first is shown, the others are named. At least one.
std::string tell_cells(const std::vector<const Cell*>& alike, const std::vector<Clause>& clauses, const TerminalStyle& style = {},
                       const Provenance& provenance = {});

}  // namespace tlsbye
