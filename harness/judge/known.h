// scenarios/known.toml: deviations that are accepted for a while, as data.
//
//     [[known]]
//     clause   = "gnutls-bye/success-means-the-reply-came"   # a glob
//     scenario = "clean-reply/*"                             # optional glob: of the deciding run
//     stack    = "gnutls"
//     since    = "3.7"                                       # optional: since <= version < before
//     before   = "3.8.5"
//     role     = "client"                                    # optional
//     tls      = "1.3"                                       # optional; without it all, the old ones too
//     verdict  = "violates"                                  # or "hung", "crashed", "discouraged", "differs"
//     reason   = "Reported; a fix is in the next release."
//     link     = "https://gitlab.com/gnutls/gnutls/-/issues/1"  # optional
//     expires  = 2027-06-30                                  # the last day on which it counts
//
// Known deviations still run. An entry that excuses nothing any more, that has expired, or that names no clause is stale, and stale
// entries fail the gate: a list that only ever grows protects what nobody watches.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/judge/judge.h"

namespace tlsbye {

struct KnownEntry {
  std::string clause;    // glob over clause ids
  std::string scenario;  // glob over ids of the deciding scenario; empty: any
  Applies applies;       // one stack, its versions, roles and TLS versions
  Verdict verdict = Verdict::violates;
  std::string reason, link;
  std::string expires;  // "2027-06-30"
  std::string file;
  int file_line = 0;
};

struct LoadedKnown {
  std::vector<KnownEntry> entries;
  std::vector<Diagnostic> diagnostics;  // every problem found; a file with one gives no entries
};

// A file that is not there is a diagnostic, as one that cannot be parsed is.
LoadedKnown load_known(const std::filesystem::path& file);
LoadedKnown parse_known(std::string_view text, const std::string& file);

// Marks in `report` the cells that the entries excuse `known`, and those of stale entries `stale`; each keeps its own verdict in `was`.
// Marks from an earlier application are taken back first, so that applying again, or other entries, is the same as doing it once.
// `clauses` are all there are, not only those that were run; `today` is "YYYY-MM-DD". Entries for stacks, versions or clauses that the
// report has no cell of are passed over, unless no clause could ever have one, or their stack's name is a slip of the pen. Gives one line
// for each stale entry: "known.toml:3: ...".
std::vector<std::string> apply_known(RunReport& report, const std::vector<KnownEntry>& entries, const std::vector<Clause>& clauses,
                                     std::string_view today);

// A first known.toml for what the run says is unexpected: one entry for each clause, stack and verdict, from this version on. Each lacks
// its reason, and is refused until somebody gives one. `expires` as in an entry.
std::string first_known(const RunReport& report, Verdict fail_on, std::string_view expires);

// The day in UTC, as apply_known takes it.
std::string today();

}  // namespace tlsbye
