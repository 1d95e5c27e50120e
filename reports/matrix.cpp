#include "reports/matrix.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <tuple>

#include "reports/text.h"

namespace tlsbye::matrix {
namespace {

constexpr std::size_t columns_a_stack = 4;

std::size_t column_in_stack(const Cell& cell) { return static_cast<std::size_t>(cell.role) * 2 + (cell.tls == Tls::v1_3 ? 1U : 0U); }

// The force of a key word is spelled as RFCs do, and that of other documents apart from them.
std::string force(Strength strength) {
  std::string word(spell(strength));
  if (strength != Strength::must && strength != Strength::should && strength != Strength::may) return "(" + word + ")";
  for (char& letter : word) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  return word;
}

}  // namespace

const std::vector<Mark>& marks() {
  static const std::vector<Mark> all{
      {Verdict::conforms, '+', "the situation was reached, and the statement held every time"},
      {Verdict::violates, 'X', "a must, or what the documents promise or lead to expect, was broken"},
      {Verdict::discouraged, '!', "a should was broken"},
      {Verdict::differs, '~', "not as the document says, which it leaves free"},
      {Verdict::known, 'k', "an accepted deviation (known.toml)"},
      {Verdict::stale, 's', "an entry of known.toml that has expired or excuses nothing any more"},
      {Verdict::crashed, 'C', "the library's process died"},
      {Verdict::hung, 'H', "the library spun or never came back"},
      {Verdict::harness_error, 'E', "tlsbye's own fault: says nothing about the library"},
      {Verdict::unsupported, '/', "the library has no such thing, by its own word"},
      {Verdict::not_reached, '-', "no run came to the situation: proves nothing"},
  };
  return all;
}

char mark(Verdict verdict) {
  for (const Mark& each : marks())
    if (each.verdict == verdict) return each.mark;
  return '?';
}

std::vector<Document> documents(const RunReport& report) {
  std::vector<Document> all;
  const auto document_of = [](const Cell& cell) { return cell.clause.substr(0, cell.clause.find('/')); };
  for (const Cell& cell : report.cells) {
    const std::string name = document_of(cell);
    if (std::none_of(all.begin(), all.end(), [&](const Document& document) { return document.name == name; }))
      all.push_back({name, {}, {}});
  }
  for (Document& document : all) {
    for (const StackInfo& stack : report.stacks)
      if (std::any_of(report.cells.begin(), report.cells.end(), [&](const Cell& cell) {
            return cell.stack == stack.name && cell.version == stack.version && document_of(cell) == document.name;
          }))
        document.stacks.push_back(stack);
    std::map<std::string, std::size_t> row_of;
    for (const Cell& cell : report.cells) {
      if (document_of(cell) != document.name) continue;
      const auto stack = std::find_if(document.stacks.begin(), document.stacks.end(),
                                      [&](const StackInfo& each) { return each.name == cell.stack && each.version == cell.version; });
      if (stack == document.stacks.end()) continue;
      const auto [row, fresh] = row_of.try_emplace(cell.clause, document.rows.size());
      if (fresh)
        document.rows.push_back({cell.clause.substr(std::min(document.name.size() + 1, cell.clause.size())), cell.strength,
                                 std::vector<const Cell*>(document.stacks.size() * columns_a_stack)});
      const auto first = static_cast<std::size_t>(stack - document.stacks.begin()) * columns_a_stack;
      document.rows[row->second].cells[first + column_in_stack(cell)] = &cell;
    }
  }
  return all;
}

const std::vector<Verdict>& failures() {
  static const std::vector<Verdict> all{Verdict::harness_error, Verdict::crashed, Verdict::hung,
                                        Verdict::violates,      Verdict::stale,   Verdict::discouraged};
  return all;
}

std::vector<std::vector<const Cell*>> alike(const RunReport& report, const std::vector<Verdict>& verdicts) {
  std::vector<std::vector<const Cell*>> groups;
  std::map<std::tuple<std::string, std::string, std::string, Verdict, std::string, std::string>, std::size_t> group_of;
  for (const Cell& cell : report.cells) {
    if (std::find(verdicts.begin(), verdicts.end(), cell.verdict) == verdicts.end()) continue;
    const auto [group, fresh] =
        group_of.try_emplace({cell.clause, cell.stack, cell.version, cell.verdict, cell.says, cell.reason}, groups.size());
    if (fresh) groups.emplace_back();
    groups[group->second].push_back(&cell);
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const auto& one, const auto& other) { return one.front()->verdict > other.front()->verdict; });
  return groups;
}

std::string where(const std::vector<const Cell*>& cells) {
  std::string text;
  for (const Role role : {Role::client, Role::server}) {
    std::vector<std::string> versions;
    for (const Tls tls : {Tls::v1_2, Tls::v1_3})
      if (std::any_of(cells.begin(), cells.end(), [&](const Cell* cell) { return cell->role == role && cell->tls == tls; }))
        versions.emplace_back(spell(tls));
    if (!versions.empty()) text += fmt::format("{}as {}, TLS {}", text.empty() ? "" : "; ", spell(role), text::list(versions));
  }
  return text;
}

const Clause* find(const std::vector<Clause>& clauses, std::string_view id) {
  const auto found = std::find_if(clauses.begin(), clauses.end(), [&](const Clause& clause) { return clause.id == id; });
  return found == clauses.end() ? nullptr : &*found;
}

std::string citation(const Cell& cell, const std::vector<Clause>& clauses) {
  const Clause* clause = find(clauses, cell.clause);
  return fmt::format("{} {}", fmt::join(clause ? clause->cites : cell.ref, "; "), force(cell.strength));
}

std::vector<Contradiction> contradictions(const RunReport& report, const std::vector<Clause>& clauses) {
  std::set<std::string_view> told;
  for (const Cell& cell : report.cells) told.insert(cell.clause);
  std::vector<Contradiction> pairs;
  for (const Clause& one : clauses) {
    const Clause* other = one.contradicts.empty() ? nullptr : find(clauses, one.contradicts);
    if (!other || (!told.count(one.id) && !told.count(other->id))) continue;
    const bool twice =
        std::any_of(pairs.begin(), pairs.end(), [&](const Contradiction& pair) { return pair.one == other && pair.other == &one; });
    if (!twice) pairs.push_back({&one, other});
  }
  return pairs;
}

std::string verdicts_of(const RunReport& report, std::string_view clause) {
  std::vector<std::string> stacks;
  for (const StackInfo& stack : report.stacks) {
    std::set<Verdict> seen;
    for (const Cell& cell : report.cells)
      if (cell.clause == clause && cell.stack == stack.name && cell.version == stack.version) seen.insert(cell.verdict);
    std::vector<std::string> words;
    for (const Verdict verdict : seen) words.emplace_back(spell(verdict));
    if (!words.empty()) stacks.push_back(fmt::format("{} {}", stack.id(), text::list(words)));
  }
  return stacks.empty() ? "no cells in this run" : fmt::format("{}", fmt::join(stacks, ", "));
}

std::string sums(const RunReport& report) {
  const Totals counts = totals(report);
  std::vector<std::string> words;
  for (const Mark& each : marks())
    if (const std::size_t count = counts[static_cast<std::size_t>(each.verdict)]; count > 0)
      words.push_back(fmt::format("{} {}", count, spell(each.verdict)));
  return words.empty() ? "no cells" : fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace tlsbye::matrix
