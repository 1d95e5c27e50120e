// Terms of use: the calls that a stack's manual forbids after certain answers, as data (scenarios/clauses/terms.toml).
//
//     [[terms]]
//     stack   = "openssl"                       # globs; since and before as in `applies`
//     after   = ["read", "write"]               # the calls that answered; all where it is left out
//     answers = ["cut", "reset", "failed"]
//     flag    = "fatal=yes"                     # optional: and the library's own flag said so
//     beside  = true                            # optional: and it was made by another thread, or a forked process
//     forbids = ["read", "write", "close"]
//     cites   = ["SSL_get_error(3)"]
//     says    = "After an error that cannot be recovered from nothing more is done with the connection."
//
// Behind such an answer a forbidden call is made all the same, and only a crash or a hang is held against the library; but a clause whose
// `given` names `against-terms` speaks of just such calls. Clearing the session's object makes it good again.
#pragma once

#include <bitset>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/oracle/oracle.h"

namespace tlsbye {

struct Term {
  Applies applies;
  std::bitset<Words<Call>::list.size()> after, forbids;
  Outcomes answers;
  std::string flag, value;  // empty: any
  bool beside = false;
  std::vector<std::string> cites;
  std::string says;
};

struct LoadedTerms {
  std::vector<Term> terms;
  std::vector<Diagnostic> diagnostics;
};
// Of the file terms.toml in that folder; a folder without one has no terms.
LoadedTerms load_terms(const std::filesystem::path& folder);
LoadedTerms parse_terms(std::string_view text, const std::string& file);

}  // namespace tlsbye
