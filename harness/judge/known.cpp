#include "harness/judge/known.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <ctime>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "harness/data/diagnostic.h"
#include "harness/data/file.h"
#include "harness/data/glob.h"
#include "harness/data/printable.h"
#include "harness/data/rows.h"
#include "harness/judge/gate.h"
#include "harness/transcript/fingerprint.h"

namespace tlsbye {
namespace {

constexpr std::string_view partner_dependent = "partner-dependent";

// The verdicts that fail a gate and are not our own.
constexpr Verdict acceptable[] = {Verdict::violates, Verdict::hung, Verdict::crashed, Verdict::discouraged, Verdict::differs};

// Libraries for which a peer may exist, here or elsewhere: a list is shared.
constexpr std::string_view widely_known[] = {"aws-lc",   "bearssl", "boringssl", "botan",   "gnutls", "go",      "jsse",
                                             "libressl", "gotls",   "matrixssl", "mbedtls", "nss",    "openjdk", "openssl",
                                             "quictls",  "rustls",  "s2n",       "s2n-tls", "wolfssl"};

bool is_glob(std::string_view text) { return text.find_first_of("*?[") != std::string_view::npos; }

template <typename Place>  // a Cell or a Disagreement
bool speaks_of(const KnownEntry& entry, const Place& cell) {
  RunKey key;
  key.subject = cell.stack;
  key.subject_version = cell.version;
  key.role = cell.role;
  key.tls = cell.tls;
  return matches_any(entry.clauses, cell.clause) && entry.applies.covers(key) &&
         (entry.versions.empty() || matches_any(entry.versions, cell.version));
}

// Whether the cell is what the entry accepts, be it marked by another entry already.
bool excuses(const KnownEntry& entry, const Cell& cell) {
  return cell.was.value_or(cell.verdict) == entry.verdict && (entry.scenarios.empty() || matches_any(entry.scenarios, cell.scenario));
}

template <typename Value>
bool meet(const std::vector<Value>& one, const std::vector<Value>& other) {
  return one.empty() || other.empty() || std::find_first_of(one.begin(), one.end(), other.begin(), other.end()) != one.end();
}

// Whether there could be a cell for the entry, whatever was run.
bool can_speak_of(const KnownEntry& entry, const Clause& clause) {
  const std::vector<Tls> usual{Tls::v1_2, Tls::v1_3};
  const auto names_one = [&](const std::string& stack) { return matches_any(entry.applies.stacks, stack); };
  return matches_any(entry.clauses, clause.id) &&
         (clause.applies.stacks.empty() || std::any_of(clause.applies.stacks.begin(), clause.applies.stacks.end(), names_one) ||
          std::any_of(entry.applies.stacks.begin(), entry.applies.stacks.end(),
                      [&](const std::string& stack) { return matches_any(clause.applies.stacks, stack); })) &&
         meet(entry.applies.roles, clause.applies.roles) &&
         meet(entry.applies.tls, clause.applies.tls.empty() ? usual : clause.applies.tls);
}

bool is_version(std::string_view text) {
  constexpr std::string_view between = ".+~:-_";
  const auto ends_a_part = [&](char c) { return between.find(c) != std::string_view::npos; };
  return !text.empty() && text.front() >= '0' && text.front() <= '9' && !ends_a_part(text.back()) &&
         text.find("..") == std::string_view::npos &&
         text.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+~:-_") == std::string_view::npos;
}

// Whether `version` comes before `bound`.
bool is_below(const std::string& version, const std::string& bound) {
  Applies below;
  below.before = bound;
  below.tls = {Tls::v1_2};
  RunKey key;
  key.subject_version = version;
  key.tls = Tls::v1_2;
  return below.covers(key);
}

constexpr std::size_t slip = 2;  // so many letters are a slip of the pen

// What is wrong with a library's name; empty where it may be right.
std::string no_such_library(const std::string& name, const std::vector<std::string>& known) {
  if (name.find('@') != std::string::npos) return "a library's version stands in `since` and `before`, not in `stack`";
  if (std::any_of(known.begin(), known.end(), [&](const std::string& each) { return matches(name, each); })) return {};
  std::string small(name);
  std::transform(small.begin(), small.end(), small.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const std::string& meant : known)
    if (edit_distance(small, meant) <= slip) return fmt::format("no library is called `{}`; did you mean `{}`?", name, meant);
  return fmt::format("no library is called `{}`; `tlsbye list stacks` names those that are there", name);
}

// What is wrong with a scenario's id; empty where it may be right: in a folder of the user's own there may be any.
std::string no_such_scenario(const std::string& glob, const std::vector<std::string>& ids) {
  if (std::any_of(ids.begin(), ids.end(), [&](const std::string& id) { return matches(glob, id); })) return {};
  for (const std::string& meant : ids)
    if (edit_distance(glob, meant) <= slip) return fmt::format("no scenario has the id `{}`; did you mean `{}`?", glob, meant);
  return {};
}

// Every value of `inner` is one of `outer`; an empty list has all values.
template <typename Value>
bool is_within(const std::vector<Value>& inner, const std::vector<Value>& outer) {
  if (outer.empty()) return true;
  return !inner.empty() &&
         std::all_of(inner.begin(), inner.end(), [&](Value value) { return std::find(outer.begin(), outer.end(), value) != outer.end(); });
}
bool globs_are_within(const std::vector<std::string>& inner, const std::vector<std::string>& outer) {
  return std::all_of(inner.begin(), inner.end(), [&](const std::string& glob) {
    return std::find(outer.begin(), outer.end(), glob) != outer.end() || (!is_glob(glob) && matches_any(outer, glob));
  });
}

// Whether `entry` accepts whatever `other` does, so that a later `other` can take nothing.
bool accepts_all_of(const KnownEntry& entry, const KnownEntry& other) {
  const Applies &outer = entry.applies, &inner = other.applies;
  return entry.verdict == other.verdict && globs_are_within(other.clauses, entry.clauses) && globs_are_within(inner.stacks, outer.stacks) &&
         (entry.scenarios.empty() || (!other.scenarios.empty() && globs_are_within(other.scenarios, entry.scenarios))) &&
         (entry.versions.empty() || (!other.versions.empty() && globs_are_within(other.versions, entry.versions))) &&
         is_within(inner.roles, outer.roles) && is_within(inner.tls, outer.tls) &&
         (outer.since.empty() || (!inner.since.empty() && !is_below(inner.since, outer.since))) &&
         (outer.before.empty() || (!inner.before.empty() && !is_below(outer.before, inner.before)));
}

// Why the entry can never match, whatever was run; empty where it can. `first` is the first entry of the list.
std::string why_never(const KnownEntry& entry, const KnownEntry* first, const std::vector<Clause>& clauses,
                      const Names& names) {
  for (const std::string& glob : entry.clauses)
    if (std::none_of(clauses.begin(), clauses.end(), [&](const Clause& clause) { return matches(glob, clause.id); }))
      return entry.clauses.size() == 1 ? "no clause has such an id" : fmt::format("no clause has the id `{}`", glob);
  for (const std::string& stack : entry.applies.stacks)
    if (std::string why = no_such_library(stack, names.stacks); !why.empty()) return why;
  for (const std::string& id : entry.scenarios)
    if (std::string why = no_such_scenario(id, names.scenarios); !why.empty()) return why;
  for (const auto& [key, version] : {std::pair("since", entry.applies.since), std::pair("before", entry.applies.before)})
    if (!version.empty() && !is_version(version)) return fmt::format("`{} = \"{}\"` is not a version", key, version);
  if (!entry.applies.since.empty() && !entry.applies.before.empty() && !is_below(entry.applies.since, entry.applies.before))
    return fmt::format("no version is at least {} and below {}", entry.applies.since, entry.applies.before);
  if (!entry.versions.empty() && !(entry.applies.since.empty() && entry.applies.before.empty()))
    return "`version` stands in place of `since` and `before`";
  if (std::none_of(clauses.begin(), clauses.end(), [&](const Clause& clause) { return can_speak_of(entry, clause); }))
    return "no clause with such an id speaks of that library in that role at that TLS version";
  for (; first != &entry; ++first)
    if (accepts_all_of(*first, entry)) return fmt::format("it can take nothing: {} accepts all of it already", first->place());
  return {};
}

bool is_with_all_partners(const Choice& choice) {
  return std::find(choice.partners.begin(), choice.partners.end(), "all") != choice.partners.end();
}

// Whether a run of that choice would have shown what the entry is for, if it were still there: it may take two faults.
bool could_show(const Choice& choice, const KnownEntry& entry) {
  return !entry.sweep || (choice.sweep && choice.pairs >= default_pairs);
}

Names all_names(const RunReport& report, const std::vector<Clause>& clauses, Names names) {
  std::vector<std::string>& stacks = names.stacks;
  for (const StackInfo& stack : report.stacks) stacks.push_back(stack.name);
  for (const Clause& clause : clauses) stacks.insert(stacks.end(), clause.applies.stacks.begin(), clause.applies.stacks.end());
  stacks.insert(stacks.end(), std::begin(widely_known), std::end(widely_known));
  return names;
}

// Whether one of the entry's scenarios is there; those of a folder of the user's own may not be, in this run.
bool has_scenario(const Names& names, const KnownEntry& entry) {
  return entry.scenarios.empty() || names.scenarios.empty() ||
         std::any_of(names.scenarios.begin(), names.scenarios.end(), [&](const std::string& id) { return matches_any(entry.scenarios, id); });
}

using StackVersion = std::pair<std::string_view, std::string_view>;

std::map<StackVersion, std::size_t> cells_by_stack(const RunReport& report) {
  std::map<StackVersion, std::size_t> count;
  for (const Cell& cell : report.cells) ++count[{cell.stack, cell.version}];
  return count;
}

// What is wrong with an entry that covers these cells of the run, whatever their verdicts are: what breaks next would be accepted too.
std::string too_broad(const KnownEntry& entry, const std::vector<Cell*>& cells, const std::map<StackVersion, std::size_t>& all,
                      const Choice& choice) {
  constexpr std::size_t few = 8, share = 10;  // a clause on one library, in every role and TLS version; a tenth
  // A run of a few clauses consists of what was asked for by name; there only a glob covers too much.
  const bool by_name = std::none_of(entry.clauses.begin(), entry.clauses.end(), [](const std::string& it) { return is_glob(it); });
  if (entry.broad || (by_name && !choice.clauses.empty())) return {};
  std::map<StackVersion, std::size_t> covered;
  for (const Cell* cell : cells)
    if (entry.scenarios.empty() || matches_any(entry.scenarios, cell->scenario)) ++covered[{cell->stack, cell->version}];
  for (const auto& [stack, count] : covered)
    if (count > few && count * share > all.at(stack))
      return fmt::format("it covers {} of {} cells of {} {}, more than a tenth; write `broad = true` if that is meant", count,
                         all.at(stack), stack.first, stack.second);
  return {};
}

// One word of each of an entry's lists: places of its clause and its stack, role, TLS version; none where the entry has all of them.
using Part = std::tuple<std::size_t, std::size_t, std::optional<Role>, std::optional<Tls>>;

bool has_all_versions(const KnownEntry& entry) { return entry.applies.tls.size() == Words<Tls>::list.size(); }

std::vector<Part> parts_of(const KnownEntry& entry) {
  const std::vector<Role>& roles = entry.applies.roles;
  const std::vector<Tls> versions = has_all_versions(entry) ? std::vector<Tls>{} : entry.applies.tls;
  std::vector<Part> parts;
  for (std::size_t clause = 0; clause < entry.clauses.size(); ++clause)
    for (std::size_t stack = 0; stack < entry.applies.stacks.size(); ++stack)
      for (std::size_t role = 0; role < std::max<std::size_t>(roles.size(), 1); ++role)
        for (std::size_t tls = 0; tls < std::max<std::size_t>(versions.size(), 1); ++tls)
          parts.emplace_back(clause, stack, roles.empty() ? std::nullopt : std::optional(roles[role]),
                             versions.empty() ? std::nullopt : std::optional(versions[tls]));
  return parts;
}

template <typename Value>
std::vector<Value> picked(const std::vector<Value>& from, const std::set<std::size_t>& places) {
  std::vector<Value> values;
  for (const std::size_t place : places) values.push_back(from[place]);
  return values;
}

// Entries for these parts of the entry alone, as few as may be.
std::vector<KnownEntry> entries_for(const KnownEntry& entry, const std::vector<Part>& parts) {
  using Roles = std::set<std::optional<Role>>;
  using Versions = std::set<std::optional<Tls>>;
  using Shape = std::map<Versions, Roles>;  // roles with the same TLS versions share an entry
  using Places = std::set<std::size_t>;
  std::map<std::pair<std::size_t, std::size_t>, std::map<std::optional<Role>, Versions>> by_name;  // by clause and stack
  for (const auto& [clause, stack, role, tls] : parts) by_name[{clause, stack}][role].insert(tls);
  std::map<std::pair<Shape, std::size_t>, Places> clauses;  // by what is left, and stack
  for (const auto& [name, by_role] : by_name) {
    Shape shape;
    for (const auto& [role, versions] : by_role) shape[versions].insert(role);
    clauses[{shape, name.second}].insert(name.first);
  }
  std::map<std::pair<Places, Shape>, Places> stacks;  // by clauses and what is left
  for (const auto& [key, names] : clauses) stacks[{names, key.first}].insert(key.second);
  std::vector<KnownEntry> left;
  for (const auto& [key, names] : stacks)
    for (const auto& [versions, roles] : key.second) {
      KnownEntry& it = left.emplace_back(entry);
      it.clauses = picked(entry.clauses, key.first);
      it.applies.stacks = picked(entry.applies.stacks, names);
      if (*roles.begin()) it.applies.roles.clear();
      for (const std::optional<Role> role : roles)
        if (role) it.applies.roles.push_back(*role);
      if (*versions.begin()) it.applies.tls.clear();
      for (const std::optional<Tls> tls : versions)
        if (tls) it.applies.tls.push_back(*tls);
    }
  return left;
}

// The parts of an entry that have cells, these, and take none of them.
std::optional<KnownResult::Idle> idle_parts(const KnownEntry& entry, const std::vector<Cell*>& cells) {
  std::map<Part, bool> asked;  // whether it takes a cell
  for (const Cell* cell : cells)
    for (std::size_t clause = 0; clause < entry.clauses.size(); ++clause) {
      if (!matches(entry.clauses[clause], cell->clause)) continue;
      for (std::size_t stack = 0; stack < entry.applies.stacks.size(); ++stack)
        if (matches(entry.applies.stacks[stack], cell->stack))
          asked[{clause, stack, entry.applies.roles.empty() ? std::nullopt : std::optional(cell->role),
                 has_all_versions(entry) ? std::nullopt : std::optional(cell->tls)}] |= excuses(entry, *cell);
    }
  KnownResult::Idle idle{entry, {}, {}};
  std::vector<Part> left;
  for (const Part& part : parts_of(entry)) {
    const auto found = asked.find(part);
    if (found == asked.end() || found->second) {
      left.push_back(part);
      continue;
    }
    const auto& [clause, stack, role, tls] = part;
    std::vector<std::string_view> words;
    if (entry.clauses.size() > 1) words.push_back(entry.clauses[clause]);
    if (entry.applies.stacks.size() > 1) words.push_back(entry.applies.stacks[stack]);
    if (role) words.push_back(spell(*role));
    if (tls) words.push_back(spell(*tls));
    idle.parts.push_back(fmt::format("{}", fmt::join(words, " ")));
  }
  if (idle.parts.empty()) return std::nullopt;
  idle.left = entries_for(entry, left);
  return idle;
}

void mark(Cell& cell, Verdict verdict, std::string reason) {
  cell.was = cell.verdict;
  cell.verdict = verdict;
  cell.reason = std::move(reason);
}

// Words of a closed list under `key`, those reported that are not of it.
template <typename Enum>
std::vector<Enum> words(Rows& rows, const toml::table& row, std::string_view key, const std::vector<std::string_view>& allowed) {
  std::vector<Enum> all;
  for (const std::string& text : rows.texts(row, key)) {
    if (std::find(allowed.begin(), allowed.end(), text) != allowed.end())
      all.push_back(*read_word<Enum>(text));
    else
      rows.report(Rows::place(row, key), fmt::format("`{}` is not a {}", text, key), did_you_mean(text, allowed));
  }
  return all;
}

bool braces_are_closed(std::string_view text) {
  int open = 0;
  for (const char c : text) {
    open += c == '{' ? 1 : c == '}' ? -1 : 0;
    if (open < 0) return false;
  }
  return open == 0;
}

// Globs under `key`, without braces.
std::vector<std::string> globs(Rows& rows, const toml::table& row, std::string_view key) {
  std::vector<std::string> all;
  for (const std::string& text : rows.texts(row, key)) {
    const auto plain = without_braces(text);
    if (!plain.empty() && braces_are_closed(text))
      all.insert(all.end(), plain.begin(), plain.end());
    else
      rows.report(Rows::place(row, key), fmt::format("`{}`: a brace is not closed, or the braces stand for too many", text),
                  "write {a,b} for one of several");
  }
  return all;
}

// A reason is written into tables and lines.
std::string on_one_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\n' || c == '\t';
    if (!blank || (!line.empty() && line.back() != ' ')) line += blank ? ' ' : c;
  }
  if (line.ends_with(' ')) line.pop_back();
  return line;
}

template <typename Enum>
std::vector<std::string_view> all_words() {
  return {Words<Enum>::list.begin(), Words<Enum>::list.end()};
}

}  // namespace

std::string narrower(const RunReport& report) {
  const Choice& choice = report.provenance.choice;
  std::vector<std::string_view> why;
  if (!report.complete) why.emplace_back("it was interrupted");
  if (!choice.scenarios.empty()) why.emplace_back("its scenarios were chosen (--scenario)");
  if (choice.io) why.emplace_back("one blocking mode was chosen (--io)");
  if (!choice.partners.empty() && !is_with_all_partners(choice)) why.emplace_back("its partners were chosen (--partner)");
  return fmt::format("{}", fmt::join(why, ", "));
}

std::string KnownEntry::place() const { return fmt::format("{}:{}", file, file_line); }

std::string KnownResult::Idle::told() const {
  constexpr std::size_t most = 4;
  std::vector<std::string> some(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(std::min(parts.size(), most)));
  if (parts.size() > most) some.push_back(fmt::format("and {} more", parts.size() - most));
  return fmt::format("{}: {}: {}", entry.place(), entry.title, fmt::join(some, ", "));
}

LoadedKnown load_known(const std::filesystem::path& file, Reasons reasons) {
  LoadedKnown loaded;
  if (const auto text = read_text(file, loaded.diagnostics)) return parse_known(*text, file.string(), reasons);
  return loaded;
}

LoadedKnown parse_known(std::string_view text, const std::string& file, Reasons reasons) {
  static const std::vector<std::string_view> keys{"clause", "scenario", "stack", "since", "before", "version", "role",
                                                  "tls",    "verdict",  "sweep", "broad", "reason", "link",    "expires"};
  static const std::vector<std::string_view> required{"clause", "stack", "verdict", "reason", "expires"};
  LoadedKnown loaded;
  Rows rows(text, file, loaded.diagnostics);
  std::vector<std::string_view> verdicts;
  for (const Verdict verdict : acceptable) verdicts.push_back(spell(verdict));
  const auto read_place = [&](const toml::table& row) {
    KnownEntry entry;
    entry.clauses = globs(rows, row, "clause");
    entry.applies.stacks = globs(rows, row, "stack");
    entry.applies.since = rows.text(row, "since").value_or("");
    entry.applies.before = rows.text(row, "before").value_or("");
    entry.versions = globs(rows, row, "version");
    entry.applies.roles = words<Role>(rows, row, "role", all_words<Role>());
    entry.applies.tls = words<Tls>(rows, row, "tls", all_words<Tls>());
    if (entry.applies.tls.empty()) entry.applies.tls = {Tls::v1_0, Tls::v1_1, Tls::v1_2, Tls::v1_3};
    const toml::node* reason = row.get("reason");
    if (reasons == Reasons::required || !reason || reason->value_or<std::string>("-") != "")
      entry.reason = on_one_line(rows.text(row, "reason").value_or(""));
    entry.broad = rows.yes(row, "broad").value_or(false);
    entry.title = fmt::format("{} on {}", fmt::join(rows.texts(row, "clause"), ", "), fmt::join(rows.texts(row, "stack"), ", "));
    entry.file = file;
    entry.file_line = static_cast<int>(row.source().begin.line);
    return entry;
  };
  for (const toml::table* row : rows.tables("known", keys, required, {partner_dependent})) {
    KnownEntry entry = read_place(*row);
    entry.scenarios = globs(rows, *row, "scenario");
    const std::vector<Verdict> accepted = words<Verdict>(rows, *row, "verdict", verdicts);
    if (accepted.size() > 1) rows.report(Rows::place(*row, "verdict"), "an entry accepts one verdict", "write an entry for each");
    if (!accepted.empty()) entry.verdict = accepted.front();
    entry.sweep = rows.yes(*row, "sweep").value_or(false);
    entry.link = rows.text(*row, "link").value_or("");
    entry.expires = rows.date(*row, "expires").value_or("");
    loaded.entries.push_back(std::move(entry));
  }
  for (const toml::table* row : rows.tables(partner_dependent,
                                            {"clause", "stack", "since", "before", "version", "role", "tls", "broad", "partner", "reason"},
                                            {"clause", "stack", "reason"}, {"known"})) {
    KnownEntry entry = read_place(*row);
    entry.partners = globs(rows, *row, "partner");
    loaded.partner_dependent.push_back(std::move(entry));
  }
  // Only a file without fault is acted upon: an entry that says less than was meant might excuse more than was meant.
  if (!loaded.diagnostics.empty()) loaded.entries.clear(), loaded.partner_dependent.clear();
  return loaded;
}

KnownResult apply_known(RunReport& report, const std::vector<KnownEntry>& entries, const std::vector<Clause>& clauses,
                        std::string_view today, const Names& names) {
  for (Cell& cell : report.cells) {
    if (cell.was) cell.verdict = *cell.was;
    cell.was.reset();
    cell.reason.clear();
  }
  const Names all = all_names(report, clauses, names);
  const std::map<StackVersion, std::size_t> all_cells = cells_by_stack(report);
  KnownResult result;
  result.narrower = narrower(report);
  for (const KnownEntry& entry : entries) {
    const auto complain = [&](std::string_view why) {
      result.faults.push_back(fmt::format("{}: {}: {}", entry.place(), entry.title, why));
    };
    const auto drop = [&](std::string_view why) {
      complain(why);
      result.stale_lines.push_back(entry.file_line);
    };
    if (const std::string why = why_never(entry, entries.data(), clauses, all); !why.empty()) {
      drop(why);
      continue;
    }
    std::vector<Cell*> cells;
    for (Cell& cell : report.cells)
      if (speaks_of(entry, cell)) cells.push_back(&cell);
    if (cells.empty() || !has_scenario(all, entry)) {  // another version, or not part of this run
      ++result.not_asked;
      continue;
    }
    const bool expired = entry.expires < today;
    const bool needed = std::any_of(cells.begin(), cells.end(), [&](const Cell* cell) { return excuses(entry, *cell); });
    const bool shown = result.narrower.empty() && could_show(report.provenance.choice, entry);
    if (expired) {
      const std::string why = fmt::format("expired on {}", entry.expires);
      drop(why);
      for (Cell* cell : cells)
        if (excuses(entry, *cell) && !cell->was) mark(*cell, Verdict::stale, fmt::format("{}: {}", why, entry.reason));
      continue;
    }
    if (!needed && shown) {
      const std::string why = fmt::format("none of its cells is `{}` in this run", spell(entry.verdict));
      drop(why);
      for (Cell* cell : cells)
        if (cell->verdict == Verdict::conforms) mark(*cell, Verdict::stale, fmt::format("{}: {}", why, entry.reason));
      continue;
    }
    if (const std::string why = too_broad(entry, cells, all_cells, report.provenance.choice); !why.empty()) complain(why);
    if (!needed) {
      ++result.not_asked;
      continue;
    }
    if (shown)
      if (std::optional<KnownResult::Idle> idle = idle_parts(entry, cells)) result.idle.push_back(std::move(*idle));
    std::size_t taken = 0;
    for (Cell* cell : cells) {
      if (!excuses(entry, *cell) || cell->was) continue;
      mark(*cell, Verdict::known, entry.link.empty() ? entry.reason : fmt::format("{} ({})", entry.reason, entry.link));
      ++taken;
    }
    if (taken > 0) result.taken.push_back({fmt::format("{}: {}", entry.place(), entry.title), taken});
  }
  return result;
}

namespace {

bool all_are_there(const std::vector<std::string>& globs, const std::vector<StackInfo>& partners) {
  return std::all_of(globs.begin(), globs.end(), [&](const std::string& glob) {
    return std::any_of(partners.begin(), partners.end(), [&](const StackInfo& partner) { return matches(glob, partner.name); });
  });
}

}  // namespace

void explain_disagreements(RunReport& report, const std::vector<KnownEntry>& partner_dependent, const std::vector<Clause>& clauses,
                           const Names& names, KnownResult& result) {
  std::set<const KnownEntry*> needed;
  for (Disagreement& it : report.disagreements) {
    it.reason.clear();
    for (const KnownEntry& entry : partner_dependent) {
      if (!speaks_of(entry, it)) continue;
      if (it.reason.empty()) it.reason = entry.reason;
      needed.insert(&entry);
    }
  }
  const Names all = all_names(report, clauses, names);
  const std::map<StackVersion, std::size_t> all_cells = cells_by_stack(report);
  const Choice& choice = report.provenance.choice;
  const bool shown = is_with_all_partners(choice) && report.complete && choice.scenarios.empty() && !choice.io;
  for (const KnownEntry& entry : partner_dependent) {
    const auto complain = [&](std::string_view why) {
      result.faults.push_back(fmt::format("{}: {}: {}", entry.place(), entry.title, why));
    };
    std::vector<Cell*> cells;
    for (Cell& cell : report.cells)
      if (speaks_of(entry, cell)) cells.push_back(&cell);
    std::string stale = why_never(entry, partner_dependent.data(), clauses, all);
    if (stale.empty() && shown && !cells.empty() && !needed.contains(&entry) && all_are_there(entry.partners, report.provenance.partners))
      stale = "none of its cells depends on the partner in this run";
    if (!stale.empty()) {
      complain(stale);
      result.stale_lines.push_back(entry.file_line);
    } else if (const std::string why = too_broad(entry, cells, all_cells, choice); !why.empty()) {
      complain(why);
    }
  }
}

KnownList known_list(const std::string& file, const LoadedKnown& known) {
  std::string text;
  // All that decides what an entry takes, and for how long; not why, nor where it stands.
  const auto say = [&](std::string_view kind, const KnownEntry& it) {
    const auto spelled = [](const auto& values) {
      std::vector<std::string_view> spellings;
      for (const auto value : values) spellings.push_back(spell(value));
      return fmt::format("{}", fmt::join(spellings, ","));
    };
    text += fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}\n", kind, fmt::join(it.clauses, ","), fmt::join(it.scenarios, ","),
                        fmt::join(it.applies.stacks, ","), it.applies.since, it.applies.before, fmt::join(it.versions, ","),
                        spelled(it.applies.roles), spelled(it.applies.tls), spell(it.verdict), it.expires, it.sweep, it.broad);
  };
  for (const KnownEntry& it : known.entries) say("known", it);
  for (const KnownEntry& it : known.partner_dependent) say(partner_dependent, it);
  return {file, known.entries.size(), text.empty() ? "" : fingerprint(text)};
}

namespace {

// A string of TOML that can be read again, as a run file is (reports/run_file.h).
std::string toml_string(std::string_view text) {
  std::string safe = "\"";
  for (const char c : printable(text)) {
    if (c == '"' || c == '\\') safe += '\\';
    safe += c;
  }
  return safe + "\"";
}

// A glob that matches this version. It has `?` for each character that means something in a glob; no library's version has one.
std::string without_globs(std::string_view version) {
  std::string safe(version);
  for (char& c : safe)
    if (is_glob(std::string_view(&c, 1)) || c == '{' || c == '}') c = '?';
  return safe;
}

// A line of comment: it stays one line, and is one that TOML allows.
std::string comment(std::string_view text) {
  std::string safe(text);
  for (char& c : safe)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return "# " + safe + "\n";
}

template <typename Enum>
std::string toml_list(const std::set<Enum>& values) {
  std::vector<std::string> words;
  for (const Enum value : values) words.push_back(fmt::format("\"{}\"", spell(value)));
  return words.size() == 1 ? words.front() : fmt::format("[{}]", fmt::join(words, ", "));
}

// The next version of that stack in the run; empty where there is none.
std::string version_after(const RunReport& report, const Cell& cell) {
  std::string next;
  for (const StackInfo& stack : report.stacks)
    if (stack.name == cell.stack && is_version(stack.version) && is_below(cell.version, stack.version) &&
        (next.empty() || is_below(stack.version, next)))
      next = stack.version;
  return next;
}

}  // namespace

std::string new_entries(const RunReport& report, Verdict fail_on, std::string_view expires) {
  struct Group {
    const Cell* first;
    bool sweep;
    std::map<Role, std::set<Tls>> seen;
  };
  std::vector<Group> groups;
  std::map<std::tuple<std::string, std::string, std::string, Verdict, bool>, std::size_t> places;
  for (const Cell& cell : report.cells) {
    if (cell.was || !unexpected(cell.verdict, fail_on)) continue;
    if (std::find(std::begin(acceptable), std::end(acceptable), cell.verdict) == std::end(acceptable)) continue;
    const bool sweep = cell.replay.find('+') != std::string::npos;  // its schedule (harness/runner/replay_id.h)
    const auto [place, fresh] = places.try_emplace({cell.clause, cell.stack, cell.version, cell.verdict, sweep}, groups.size());
    if (fresh) groups.push_back({&cell, sweep, {}});
    groups[place->second].seen[cell.role].insert(cell.tls);
  }
  std::string text;
  for (const Group& group : groups) {
    const Cell& cell = *group.first;
    // Roles with the same TLS versions share an entry.
    std::map<std::set<Tls>, std::set<Role>> folded;
    for (const auto& [role, versions] : group.seen) folded[versions].insert(role);
    for (const auto& [versions, roles] : folded) {
      text += (text.empty() ? "" : "\n") + std::string("[[known]]\n");
      text += comment(cell.says);
      if (!cell.replay.empty()) text += comment(replay_command(report, cell.replay));
      text += fmt::format("clause  = {}\nstack   = {}\n", toml_string(cell.clause), toml_string(cell.stack));
      text += fmt::format("{} = {}\n", is_version(cell.version) ? "since  " : "version", toml_string(without_globs(cell.version)));
      if (const std::string before = version_after(report, cell); is_version(cell.version) && !before.empty())
        text += fmt::format("before  = {}\n", toml_string(before));
      text += fmt::format("role    = {}\ntls     = {}\nverdict = \"{}\"\n", toml_list(roles), toml_list(versions), spell(cell.verdict));
      if (group.sweep) text += "sweep   = true\n";
      text += fmt::format("reason  = \"\"\nexpires = {}\n", expires);
    }
  }
  return text;
}

namespace {

std::string toml_strings(const std::vector<std::string>& values) {
  std::vector<std::string> strings;
  for (const std::string& value : values) strings.push_back(toml_string(value));
  return strings.size() == 1 ? strings.front() : fmt::format("[{}]", fmt::join(strings, ", "));
}

// A line of TOML with another value, where it has that key and its value does not go on in the next line; what stands behind it stays.
std::string with_value(const std::string& line, std::string_view key, const std::string& value) {
  constexpr std::string_view blanks = " \t";
  const std::size_t sign = line.find('='), begin = line.find_first_not_of(blanks);
  if (sign == std::string::npos || line.compare(begin, key.size(), key) != 0 ||
      line.find_first_not_of(blanks, begin + key.size()) != sign)
    return line;
  const std::size_t from = std::min(line.find_first_not_of(blanks, sign + 1), line.size());
  std::size_t to = from, end = from;  // behind the last character of the value
  char quote = 0;
  for (; to < line.size() && line[to] != '\r' && line[to] != '\n'; ++to) {
    if (!quote && line[to] == '#') break;
    if (!quote && (line[to] == '"' || line[to] == '\''))
      quote = line[to];
    else if (quote && line[to] == quote)
      quote = 0;
    if (blanks.find(line[to]) == std::string_view::npos) end = to + 1;
  }
  return line.substr(0, from) + value + line.substr(end);
}

// The lines of an entry as those of what is left of it.
std::string narrowed(const std::vector<std::string>& lines, const KnownEntry& from, const KnownEntry& left) {
  const auto spelled = [](const auto& values) {
    std::vector<std::string> words;
    for (const auto value : values) words.emplace_back(spell(value));
    return toml_strings(words);
  };
  std::string text;
  for (std::string line : lines) {
    if (left.clauses != from.clauses) line = with_value(line, "clause", toml_strings(left.clauses));
    if (left.applies.stacks != from.applies.stacks) line = with_value(line, "stack", toml_strings(left.applies.stacks));
    if (left.applies.roles != from.applies.roles) line = with_value(line, "role", spelled(left.applies.roles));
    if (left.applies.tls != from.applies.tls) line = with_value(line, "tls", spelled(left.applies.tls));
    text += line;
  }
  return text;
}

}  // namespace

std::string pruned_text(std::string_view text, const std::vector<int>& stale, const std::vector<KnownResult::Idle>& idle) {
  const std::string line_end = text.find("\r\n") == std::string_view::npos ? "\n" : "\r\n";
  std::string kept;
  std::vector<std::string> entry, aside;  // the entry that is taken out; comments that may belong to the one that follows
  bool taking_out = false;
  const KnownResult::Idle* left = nullptr;  // of that entry
  const auto put_back = [&] {
    for (std::size_t i = 0; left && i < left->left.size(); ++i) {
      if (i > 0 && !kept.ends_with("\n")) kept += line_end;
      if (i > 0 && !kept.ends_with(line_end + line_end)) kept += line_end;
      kept += narrowed(entry, left->entry, left->left[i]);
    }
    for (const std::string& line : aside) kept += line;
    entry.clear();
    aside.clear();
  };
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    const std::string line(text.substr(0, end + 1));
    text.remove_prefix(end + 1);
    const std::size_t begin = line.find_first_not_of(" \t");
    const bool header = begin != std::string::npos && line[begin] == '[';
    if (header) {
      if (taking_out) put_back();
      const auto it = std::find_if(idle.begin(), idle.end(), [&](const auto& each) { return each.entry.file_line == number; });
      left = it == idle.end() ? nullptr : &*it;
      taking_out = left || std::find(stale.begin(), stale.end(), number) != stale.end();
    }
    if (!taking_out) {
      kept += line;
    } else if (!header && begin != std::string::npos && line[begin] == '#') {
      aside.push_back(line);
    } else {
      entry.insert(entry.end(), aside.begin(), aside.end());
      entry.push_back(line);
      aside.clear();
    }
  }
  if (taking_out) put_back();
  return kept;
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm date{};
  gmtime_r(&now, &date);
  return fmt::format("{:04}-{:02}-{:02}", date.tm_year + 1900, date.tm_mon + 1, date.tm_mday);
}

}  // namespace tlsbye
