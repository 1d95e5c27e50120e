#include "harness/judge/known.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <ctime>
#include <set>
#include <tuple>

#include "harness/data/diagnostic.h"
#include "harness/data/file.h"
#include "harness/data/glob.h"
#include "harness/data/rows.h"
#include "harness/judge/gate.h"

namespace tlsbye {
namespace {

// The verdicts that fail a gate and are not our own.
constexpr Verdict acceptable[] = {Verdict::violates, Verdict::hung, Verdict::crashed, Verdict::discouraged, Verdict::differs};

bool speaks_of(const KnownEntry& entry, const Cell& cell) {
  RunKey key;
  key.subject = cell.stack;
  key.subject_version = cell.version;
  key.role = cell.role;
  key.tls = cell.tls;
  return matches(entry.clause, cell.clause) && entry.applies.covers(key);
}

// Whether the cell is what the entry accepts, be it marked by another entry already.
bool excuses(const KnownEntry& entry, const Cell& cell) {
  return cell.was.value_or(cell.verdict) == entry.verdict && (entry.scenario.empty() || matches(entry.scenario, cell.scenario));
}

template <typename Value>
bool meet(const std::vector<Value>& one, const std::vector<Value>& other) {
  return one.empty() || other.empty() || std::find_first_of(one.begin(), one.end(), other.begin(), other.end()) != one.end();
}

// Whether there could be a cell for the entry, whatever was run.
bool can_speak_of(const KnownEntry& entry, const Clause& clause) {
  const std::vector<Tls> usual{Tls::v1_2, Tls::v1_3};
  return matches(entry.clause, clause.id) && meet(entry.applies.stacks, clause.applies.stacks) &&
         meet(entry.applies.roles, clause.applies.roles) &&
         meet(entry.applies.tls, clause.applies.tls.empty() ? usual : clause.applies.tls);
}

// What is wrong with a library's name, empty where it may be right: one that nobody has heard of may be that of a library which is not
// part of this run; one that is nearly that of another is a slip of the pen.
std::string no_such_library(std::string_view name, const std::vector<std::string_view>& known) {
  if (name.find('@') != std::string_view::npos) return "a library's version stands in `since` and `before`, not in `stack`";
  if (std::find(known.begin(), known.end(), name) != known.end()) return {};
  std::string small(name);
  std::transform(small.begin(), small.end(), small.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::size_t slip = 2;
  for (const std::string_view meant : known)
    if (edit_distance(small, meant) <= slip) return fmt::format("no library has such a name; did you mean `{}`?", meant);
  return {};
}

void mark(Cell& cell, Verdict verdict, std::string reason) {
  cell.was = cell.verdict;
  cell.verdict = verdict;
  cell.reason = std::move(reason);
}

// A word of a closed list under `key`, reported where it is no such word.
template <typename Enum>
std::optional<Enum> word(Rows& rows, const toml::table& row, std::string_view key, const std::vector<std::string_view>& allowed) {
  const auto text = rows.text(row, key);
  if (!text) return std::nullopt;
  if (std::find(allowed.begin(), allowed.end(), *text) != allowed.end()) return read_word<Enum>(*text);
  rows.report(Rows::place(row, key), fmt::format("`{}` is no {}", *text, key), did_you_mean(*text, allowed));
  return std::nullopt;
}

template <typename Enum>
std::vector<std::string_view> all_words() {
  return {Words<Enum>::list.begin(), Words<Enum>::list.end()};
}

}  // namespace

LoadedKnown load_known(const std::filesystem::path& file) {
  LoadedKnown loaded;
  if (const auto text = read_text(file, loaded.diagnostics)) return parse_known(*text, file.string());
  return loaded;
}

LoadedKnown parse_known(std::string_view text, const std::string& file) {
  static const std::vector<std::string_view> keys{"clause", "scenario", "stack",  "since", "before", "role",
                                                  "tls",    "verdict",  "reason", "link",  "expires"};
  static const std::vector<std::string_view> required{"clause", "stack", "verdict", "reason", "expires"};
  LoadedKnown loaded;
  Rows rows(text, file, loaded.diagnostics);
  std::vector<std::string_view> verdicts;
  for (const Verdict verdict : acceptable) verdicts.push_back(spell(verdict));
  for (const toml::table* row : rows.tables("known", keys, required)) {
    KnownEntry entry;
    entry.clause = rows.text(*row, "clause").value_or("");
    entry.scenario = rows.text(*row, "scenario").value_or("");
    entry.applies.stacks = {rows.text(*row, "stack").value_or("")};
    entry.applies.since = rows.text(*row, "since").value_or("");
    entry.applies.before = rows.text(*row, "before").value_or("");
    if (const auto role = word<Role>(rows, *row, "role", all_words<Role>())) entry.applies.roles = {*role};
    const auto tls = word<Tls>(rows, *row, "tls", all_words<Tls>());
    entry.applies.tls = tls ? std::vector<Tls>{*tls} : std::vector<Tls>{Tls::v1_0, Tls::v1_1, Tls::v1_2, Tls::v1_3};
    entry.verdict = word<Verdict>(rows, *row, "verdict", verdicts).value_or(Verdict::violates);
    entry.reason = rows.text(*row, "reason").value_or("");
    entry.link = rows.text(*row, "link").value_or("");
    entry.expires = rows.date(*row, "expires").value_or("");
    entry.file = file;
    entry.file_line = static_cast<int>(row->source().begin.line);
    loaded.entries.push_back(std::move(entry));
  }
  // Only a file without fault is acted upon: an entry that says less than was meant might excuse more than was meant.
  if (!loaded.diagnostics.empty()) loaded.entries.clear();
  return loaded;
}

std::vector<std::string> apply_known(RunReport& report, const std::vector<KnownEntry>& entries, const std::vector<Clause>& clauses,
                                     std::string_view today) {
  for (Cell& cell : report.cells) {
    if (cell.was) cell.verdict = *cell.was;
    cell.was.reset();
    cell.reason.clear();
  }
  std::vector<std::string_view> stacks;
  for (const StackInfo& stack : report.stacks) stacks.push_back(stack.name);
  for (const Clause& clause : clauses) stacks.insert(stacks.end(), clause.applies.stacks.begin(), clause.applies.stacks.end());
  std::vector<std::string> stale;
  for (const KnownEntry& entry : entries) {
    const auto complain = [&](std::string_view why) {
      stale.push_back(fmt::format("{}:{}: {} on {}: {}", entry.file, entry.file_line, entry.clause, entry.applies.stacks.front(), why));
    };
    if (std::none_of(clauses.begin(), clauses.end(), [&](const Clause& clause) { return matches(entry.clause, clause.id); })) {
      complain("no clause has such an id");
      continue;
    }
    if (const std::string why = no_such_library(entry.applies.stacks.front(), stacks); !why.empty()) {
      complain(why);
      continue;
    }
    if (std::none_of(clauses.begin(), clauses.end(), [&](const Clause& clause) { return can_speak_of(entry, clause); })) {
      complain("no clause with such an id speaks of that library in that role at that TLS version");
      continue;
    }
    std::vector<Cell*> cells;
    for (Cell& cell : report.cells)
      if (speaks_of(entry, cell)) cells.push_back(&cell);
    if (cells.empty()) continue;  // another version, or not part of this run

    const bool expired = entry.expires < today;
    const bool needed = std::any_of(cells.begin(), cells.end(), [&](const Cell* cell) { return excuses(entry, *cell); });
    if (expired) {
      const std::string why = fmt::format("expired on {}", entry.expires);
      complain(why);
      for (Cell* cell : cells)
        if (excuses(entry, *cell) && !cell->was) mark(*cell, Verdict::stale, fmt::format("{}: {}", why, entry.reason));
    } else if (needed) {
      for (Cell* cell : cells)
        if (excuses(entry, *cell) && !cell->was)
          mark(*cell, Verdict::known, entry.link.empty() ? entry.reason : fmt::format("{} ({})", entry.reason, entry.link));
    } else {
      const std::string why = fmt::format("none of its cells is `{}` in this run", spell(entry.verdict));
      complain(why);
      for (Cell* cell : cells)
        if (cell->verdict == Verdict::conforms) mark(*cell, Verdict::stale, fmt::format("{}: {}", why, entry.reason));
    }
  }
  return stale;
}

std::string first_known(const RunReport& report, Verdict fail_on, std::string_view expires) {
  std::set<std::tuple<std::string, std::string, std::string, Verdict>> told;
  std::string text;
  for (const Cell& cell : report.cells) {
    const Verdict verdict = cell.was.value_or(cell.verdict);
    if (!unexpected(verdict, fail_on) || std::find(std::begin(acceptable), std::end(acceptable), verdict) == std::end(acceptable)) continue;
    if (!told.emplace(cell.clause, cell.stack, cell.version, verdict).second) continue;
    text += fmt::format("{}[[known]]\n# {}\n# tlsbye replay '{}'\n", text.empty() ? "" : "\n", cell.says, cell.replay);
    text += fmt::format("clause  = \"{}\"\nstack   = \"{}\"\nsince   = \"{}\"\nverdict = \"{}\"\nreason  = \"\"\nexpires = {}\n",
                        cell.clause, cell.stack, cell.version, spell(verdict), expires);
  }
  return text;
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm date{};
  gmtime_r(&now, &date);
  return fmt::format("{:04}-{:02}-{:02}", date.tm_year + 1900, date.tm_mon + 1, date.tm_mday);
}

}  // namespace tlsbye
