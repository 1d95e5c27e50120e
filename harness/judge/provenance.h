// Where a run comes from: what made it, when, with which words, and of what; so that its file can be read by itself, and so that two
// runs that were made differently are not taken for two that are alike.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "harness/transcript/transcript.h"

namespace tlsbye {

// A stack as it took part in a run.
struct StackInfo {
  std::string name, version;
  std::vector<std::string> abilities;
  std::string library = {}, build_id = {};  // the file that it was loaded from, and that file's (harness/control/stacks.h)
  std::string compiler = {};                // of its peer program; empty where the peer does not tell
  std::string id() const { return name + " " + version; }
  bool can(std::string_view ability) const;
  friend bool operator==(const StackInfo&, const StackInfo&) = default;
};

// After its first fault, a sweep tries a second one at each of the next transport calls: at so many, if --pairs names no number.
inline constexpr std::size_t default_pairs = 16;

// What a run was asked to look at. Empty lists and words without a value: everything.
struct Choice {
  std::vector<std::string> stacks, partners, scenarios, clauses;  // globs, as typed
  std::optional<Role> role;
  std::optional<Tls> tls;
  std::optional<Io> io;
  std::string folder;  // of further scenarios, as typed
  bool sweep = false;
  std::size_t pairs = 0;  // of a sweep
  friend bool operator==(const Choice&, const Choice&) = default;
};

// The list of accepted deviations that a run was held against.
struct KnownList {
  std::string file;  // as typed
  std::size_t entries = 0;
  std::string fingerprint;  // of what the entries say; equal lists have equal ones
  friend bool operator==(const KnownList&, const KnownList&) = default;
};

struct Provenance {
  std::string tool, version, commit;  // "tlsbye", "0.1.0", "3a8f221ab01c"; `unknown` where it was built outside of a repository
  std::string day;                    // in UTC, "2027-06-30"
  std::vector<std::string> words;     // of the command line, without those on which no verdict depends: --out, --jobs, --isolate
  Choice choice;
  KnownList known;
  std::string system;                     // distribution, kernel, machine
  std::vector<StackInfo> partners;        // those at the other end
  std::vector<std::string> environment;   // variables that all peers were given, NAME=VALUE; where --lib made one look for its library
                                          // first, StackInfo::library shows
  std::vector<std::string> replay_words;  // what `tlsbye replay` needs beside an id to make a run of this report again
  friend bool operator==(const Provenance&, const Provenance&) = default;
};

// What a clause said when the run was made.
struct ClauseText {
  std::string id, strength, says;
  std::vector<std::string> cites;
  std::string property;     // the name of what tests it
  std::string contradicts;  // the clause that says otherwise; empty for none
  std::string file;         // of scenarios/clauses
  int line = 0;
  friend bool operator==(const ClauseText&, const ClauseText&) = default;
};

}  // namespace tlsbye
