// Where documents contradict each other (scenarios/clauses/contradictions.toml): shown as such, never settled silently.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/oracle/oracle.h"

namespace tlsbye {

struct Contradiction {
  std::string id;                    // "X-01"
  std::string a, b;                  // what one document says, and what another says, or another place in the same one
  std::string treatment;             // what is done about it
  std::vector<std::string> clauses;  // ids of those that say what a or b says
  std::vector<std::string> traits;   // what libraries make of it
  std::string outside;               // why nothing here speaks of it; then there are neither clauses nor traits
};

struct Contradictions {
  std::vector<Contradiction> list;  // in the order of the file
  std::vector<Diagnostic> diagnostics;
};

// Reads contradictions.toml in `directory`, scenarios/clauses. Clauses and traits that are named must exist, and each contradiction must
// name some or say why not.
Contradictions load_contradictions(const std::filesystem::path& directory, const std::vector<Clause>& clauses);
Contradictions parse_contradictions(std::string_view text, const std::string& file, const std::vector<Clause>& clauses);

std::string tell(const Contradictions& contradictions);

}  // namespace tlsbye
