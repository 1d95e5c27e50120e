// The oracle: clause x transcript -> finding. Pure: it reads transcripts and clauses, and drives nothing.
//
// A property is a predicate over one transcript with a few parameters; a clause is one documented statement together with the property
// that tests it and its parameters. Properties are few and in one table; clauses are data (scenarios/clauses/*.toml).
//
// A transcript is judged by many clauses: make its Facts (situations.h) once, and pass those. A Transcript turns into Facts by itself
// where one question is all there is.
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/data/diagnostic.h"
#include "harness/oracle/situations.h"
#include "harness/transcript/transcript.h"

namespace tlsbye {

// The judgement of one property over one transcript.
struct Finding {
  enum class Kind : std::uint8_t {
    not_reached,  // the run never came to the situation the property speaks of: proves nothing
    holds,
    broken,
    crashed,  // the subject's process died in the situation
    hung,     // it spun, or never came back
  } kind = Kind::not_reached;
  std::string says;           // one line for the reader: what was seen, "close reported success without the peer's close_notify"
  std::vector<int> evidence;  // numbers of the events that decide it; never empty but for not_reached
};

// Parameters of a property as a clause gives them: each a list of words (a single string is a list of one).
using Parameters = std::map<std::string, std::vector<std::string>, std::less<>>;

// One parameter that a property understands.
struct ParameterRow {
  std::string_view name;
  bool required;
  std::string_view meaning;
  // What kind of words, one or several, checked by the loader: "call...", "close-call", "outcome...", "situation...", "record...",
  // "flow...", "fault...", "alert...", "level", "number", "usage", "wait", "text", "text..."
  std::string_view values;
};

// A set of outcomes, one bit each.
using Outcomes = std::bitset<Words<Outcome>::list.size()>;

// Parameters made ready: what a property is asked. They must be ones that the loader found no fault with; unknown words are passed over.
struct Question {
  Question() = default;
  Question(const Parameters& parameters);  // NOLINT(google-explicit-constructor): the same thing in other words

  std::bitset<Words<Call>::list.size()> calls, then;  // `call`, `then`; none: any
  Given given;
  std::vector<std::string> arguments;          // of an extra call; empty: any
  std::optional<Outcomes> outcome, forbidden;  // `outcome`, `never`
  std::vector<std::string> code, returns, error_number;
  std::vector<std::vector<std::string>> records;             // each a list of alternatives
  std::bitset<Words<Flow>::list.size()> no_flow, some_flow;  // `none`, `some`
  std::string flag;
  std::vector<std::string> is, contains, lacks;
  std::vector<std::string> faults, alerts;
  std::string level, usage, since;
  long long growth = 0;

  // Whether the clause speaks of this call.
  bool speaks_of(const SubjectCall& call) const {
    return (calls.none() || calls.test(static_cast<std::size_t>(call.call))) && given.fits(call) &&
           (arguments.empty() || (call.api && std::find(arguments.begin(), arguments.end(), call.api->arguments) != arguments.end()));
  }
};

struct Property {
  std::string_view name;     // "success-means-reply-received"
  std::string_view meaning;  // one sentence
  std::vector<ParameterRow> parameters;
  Finding (*judge)(const Facts&, const Question&);
  // What the wire shows is enough: it needs no events of calls, and says the same of a subject that has none (Transcript::has_api_lane).
  bool of_wire_alone = false;
  // It says nothing of a library: only of a real program, which ends by itself and says how.
  bool of_programs = false;
};
const std::vector<Property>& properties();
const Property* find_property(std::string_view name);

// The atoms that `given` is made of: facts about the connection, at the moment a call began (what the subject had done and been told by
// then) or returned (what had arrived at its transport by then; with `already ` before the word: by when the call began; with `newly `: of
// that, what the library had not taken off the transport before the call began, or the first of those that it repeats). With `formerly `
// before the word: when the session before this one was over.
struct Situation {
  std::string_view name;  // "fin-arrived"; "not fin-arrived" is its opposite
  std::string_view meaning;
};
const std::vector<Situation>& situations();

enum class Strength : std::uint8_t { must, should, may, documented, expected, observed };
template <>
struct Words<Strength> {
  static constexpr std::array<std::string_view, 6> list{"must", "should", "may", "documented", "expected", "observed"};
};

// Where a clause applies. Empty lists and missing bounds mean everywhere, but no `tls` means 1.2 and 1.3: older versions are named.
struct Applies {
  std::vector<std::string> stacks;
  std::string since, before;  // library versions: since <= version < before, compared number by number
  std::vector<Tls> tls;
  std::vector<Role> roles;
  std::vector<Io> io;
  bool covers(const RunKey& run) const;
};

struct Clause {
  std::string id;                // "gnutls-bye/success-means-the-reply-came"
  std::vector<std::string> ref;  // rows of the catalogue: "GNUTLS-BYE-12"
  Strength strength{};
  Applies applies;
  std::vector<std::string> cites;  // document, edition, section
  std::string says;                // our paraphrase
  std::string contradicts;         // id of the clause of another document or edition that says otherwise; empty for none
  const Property* property = nullptr;
  Parameters parameters;  // as written
  Question asked;         // the same, ready
  std::filesystem::path file;
  int file_line = 0;
};

struct LoadedClauses {
  std::vector<Clause> clauses;  // by file name, then in the order of the file
  std::vector<Diagnostic> diagnostics;
};
LoadedClauses load_clauses(const std::filesystem::path& directory);
LoadedClauses parse_clauses(std::string_view text, const std::string& file, const std::string& stem);

// Judges every session of the run: the first finding that is worse than holding, else the first that holds.
Finding judge(const Property& property, const Question& asked, const Facts& facts);
// The same for a clause: not_reached where it does not apply to that run.
Finding judge(const Clause& clause, const Facts& facts);

// A question on which documents leave freedom, with a named answer instead of a verdict.
struct Trait {
  std::string_view name;      // "replies-by-itself"
  std::string_view question;  // "Does a read that finds the peer's close_notify answer it unasked?"
  std::vector<std::string_view> answers;
  std::vector<std::string> ref;  // rows of the catalogue or cases it serves
  struct Answer {
    std::string_view answer;  // one of `answers`
    std::vector<int> evidence;
  };
  std::function<std::optional<Answer>(const Facts&)> ask;  // of one session; nullopt: it does not tell
};
const std::vector<Trait>& traits();

}  // namespace tlsbye
