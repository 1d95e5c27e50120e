// scenarios/known.toml: deviations that are accepted for a while, as data.
//
//     [[known]]
//     clause   = "gnutls-bye/success-means-the-reply-came"   # globs over clause ids; `{a,b}` for one of several
//     scenario = "clean-reply/*"                             # optional globs: of the deciding run
//     stack    = "gnutls"                                    # globs
//     since    = "3.7"                                       # optional: since <= version < before
//     before   = "3.8.5"
//     version  = "main"                                      # optional, in place of both: globs; for versions that are not numbers
//     role     = "client"                                    # optional
//     tls      = ["1.2", "1.3"]                              # optional; without it all, the old ones too
//     verdict  = "violates"                                  # or "hung", "crashed", "discouraged", "differs"
//     sweep    = true                                        # optional: only a sweep shows it
//     broad    = true                                        # optional: it may cover more than a tenth of a library's cells
//     reason   = "Reported; a fix is in the next release."
//     link     = "https://gitlab.com/gnutls/gnutls/-/issues/1"  # optional
//     expires  = 2027-06-30                                  # the last day on which it counts
//
// A cell that has another verdict with another partner (Disagreement) is explained likewise; an entry that explains none fails the gate of
// a run against all partners:
//
//     [[partner-dependent]]
//     clause = "openssl-session/*"                           # globs; stack, since, before, version, role, tls and broad as above
//     stack  = "openssl"
//     reason = "The server sends two tickets, and forgets one of them; partners offer different ones."
//
// `clause`, `scenario`, `stack`, `role` and `tls` take a list as well as one word. Known deviations still run. An entry that excuses
// nothing any more, that has expired, that can never match or that covers too much fails the gate: a list that only ever grows protects
// what is not watched. The first entry that accepts a cell takes it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/judge/judge.h"

namespace tlsbye {

struct KnownEntry {
  std::vector<std::string> clauses;    // globs over clause ids, without braces
  std::vector<std::string> scenarios;  // likewise over ids of the deciding scenario; empty: any
  std::vector<std::string> partners;   // of one that is partner-dependent: in a run without one of these it need explain nothing
  Applies applies;                     // stacks, their versions, roles and TLS versions
  std::vector<std::string> versions;   // globs over whole versions; empty: any that `applies` covers
  Verdict verdict = Verdict::violates;
  bool sweep = false, broad = false;
  std::string reason, link;
  std::string expires;  // "2027-06-30"
  std::string title;    // "gnutls-bye/success-means-the-reply-came on gnutls", as written
  std::string file;
  int file_line = 0;
  std::string place() const;  // "known.toml:3"
};

struct LoadedKnown {
  std::vector<KnownEntry> entries;
  std::vector<KnownEntry> partner_dependent;  // without scenario, verdict, sweep, link, expires
  std::vector<Diagnostic> diagnostics;        // every problem found; a file with one gives no entries
};

// Whether an entry may still lack its reason: only for whoever adds to the list.
enum class Reasons : bool { required, optional };
// A file that is not there is a diagnostic, as one that cannot be parsed is.
LoadedKnown load_known(const std::filesystem::path& file, Reasons reasons = Reasons::required);
LoadedKnown parse_known(std::string_view text, const std::string& file, Reasons reasons = Reasons::required);

// Why a run may have shown less than another of the same libraries: "it was interrupted"; empty where it has not.
std::string narrower(const RunReport& report);

// What a list did to a run.
struct KnownResult {
  struct Taken {
    std::string entry;  // "known.toml:3: gnutls-bye/success-means-the-reply-came on gnutls"
    std::size_t cells = 0;
  };
  // An entry that lists clauses, stacks, roles or TLS versions, and of some of them takes nothing any more: what is broken there again
  // would not be seen.
  struct Idle {
    KnownEntry entry;
    std::vector<std::string> parts;  // that take nothing, though this run asked for them: "server 1.3", "rfc5246/a server 1.2"
    std::vector<KnownEntry> left;    // entries that accept the rest, and no more
    std::string told() const;        // "known.toml:3: rfc5246/a on gnutls: server 1.3"
  };
  std::vector<std::string> faults;  // of entries, one line each: "known.toml:3: ...". They fail the gate
  std::vector<Taken> taken;         // by each entry that took any, in their order
  std::vector<Idle> idle;           // in their order; they do not fail the gate
  std::size_t not_asked = 0;        // entries whose cells this run does not have, or could not have shown to be needed
  std::string narrower;             // why it could not: "its scenarios were chosen"; empty where it could
  std::vector<int> stale_lines;     // where the entries begin that can be dropped
};

// Names that an entry may use although the report has none of them: a misspelt name is told apart from one that this run lacks.
struct Names {
  std::vector<std::string> stacks;     // beside those of the report, of the clauses, and libraries that are widely known
  std::vector<std::string> scenarios;  // all ids there are; none: unknown
};

// Marks in `report` the cells that the entries excuse `known`, and those of stale entries `stale`; each keeps its own verdict in `was`.
// Marks from an earlier application are taken back first, so that applying again, or other entries, is the same as doing it once.
// `clauses` are all there are, not only those that were run; `today` is "YYYY-MM-DD". Entries for stacks, versions, clauses or scenarios
// that the report has nothing of were not asked, unless they can never match. Of a run that made fewer runs than it might have (Choice) no
// entry is said to be stale for what was not seen.
KnownResult apply_known(RunReport& report, const std::vector<KnownEntry>& entries, const std::vector<Clause>& clauses,
                        std::string_view today, const Names& names = {});

// Gives each disagreement the reason of the first entry that speaks of it; the others lose theirs. Adds to `result` the faults of entries
// that can never match, that cover too much, or that the run could have shown to be needed and did not. `clauses` and `names` as above.
void explain_disagreements(RunReport& report, const std::vector<KnownEntry>& partner_dependent, const std::vector<Clause>& clauses,
                           const Names& names, KnownResult& result);

// What the list of a run is called in its file.
KnownList known_list(const std::string& file, const LoadedKnown& known);

// Entries for what is unexpected in the run, and for no more: one for each clause, stack, version and verdict, with the roles and TLS
// versions in which it was seen. Each lacks its reason, and is refused until one is given. Cells that are marked are passed over.
// `expires` as in an entry.
std::string new_entries(const RunReport& report, Verdict fail_on, std::string_view expires);

// The text of a list without the entries that begin in one of the lines `stale`, and with what is left of `idle` ones in their place; a
// comment just above the entry that follows stays. An entry that is not written key by key, one in a line, stays as it is.
std::string pruned_text(std::string_view text, const std::vector<int>& stale, const std::vector<KnownResult::Idle>& idle = {});

// The day in UTC, as apply_known takes it.
std::string today();

}  // namespace tlsbye
