#include "reports/matrix.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <tuple>

#include "harness/data/version.h"
#include "reports/text.h"

namespace tlsbye::matrix {
namespace {

std::string document_of(const Cell& cell) { return cell.clause.substr(0, cell.clause.find('/')); }

bool is_of(const StackInfo& stack, const Cell& cell) { return cell.stack == stack.name && cell.version == stack.version; }
bool is_of(const StackInfo& stack, const TraitAnswer& answer) { return answer.stack == stack.name && answer.version == stack.version; }

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

std::string Library::versions(const std::set<std::size_t>& places) const {
  std::vector<std::string> spans;
  for (auto first = places.begin(); first != places.end();) {
    auto last = first;
    for (auto next = std::next(last); next != places.end() && *next == *last + 1; ++next) last = next;
    const std::string &from = builds[*first]->version, &to = builds[*last]->version;
    spans.push_back(first == last ? from : fmt::format("{}-{}", from, to));
    first = std::next(last);
  }
  return fmt::format("{}", fmt::join(spans, ", "));
}

std::string Library::versions() const {
  std::set<std::size_t> all;
  for (std::size_t i = 0; i < builds.size(); ++i) all.insert(i);
  return versions(all);
}

std::vector<Library> libraries(const RunReport& report) {
  std::vector<Library> all;
  for (const StackInfo& stack : report.stacks) {
    auto library = std::find_if(all.begin(), all.end(), [&](const Library& it) { return it.name == stack.name; });
    if (library == all.end()) library = all.insert(library, {stack.name, {}});
    library->builds.push_back(&stack);
  }
  for (Library& library : all)
    std::stable_sort(library.builds.begin(), library.builds.end(),
                     [](const StackInfo* one, const StackInfo* other) { return compare_versions(one->version, other->version) < 0; });
  return all;
}

std::vector<std::pair<std::string, Totals>> totals_of(const RunReport& report, const std::vector<Library>& libraries) {
  std::map<std::string, Totals> counts;
  for (const Cell& cell : report.cells) ++counts[cell.stack + " " + cell.version][static_cast<std::size_t>(cell.verdict)];
  std::vector<std::pair<std::string, Totals>> all;
  for (const Library& library : libraries) {
    for (std::size_t first = 0; first < library.builds.size();) {
      const Totals& own = counts[library.builds[first]->id()];
      std::set<std::size_t> alike;
      std::size_t next = first;
      while (next < library.builds.size() && counts[library.builds[next]->id()] == own) alike.insert(next++);
      all.emplace_back(library.name + " " + library.versions(alike), own);
      first = next;
    }
  }
  return all;
}

std::vector<std::string> impossible(const RunReport& report, const Pair& pair) {
  const auto named = [](const std::vector<StackInfo>& stacks, const std::string& name, const std::string& version) {
    const auto it = std::find_if(stacks.begin(), stacks.end(), [&](const StackInfo& of) { return of.name == name && of.version == version; });
    return it == stacks.end() ? nullptr : &*it;
  };
  const std::vector<StackInfo>& partners = report.provenance.partners;
  const StackInfo* library = named(report.stacks, pair.stack, pair.version);
  const StackInfo* partner = named(partners, pair.partner, pair.partner_version);
  if (!library || !partner) return {};
  std::vector<std::string> all;
  const auto tell = [&](const std::string& what, bool one, bool other) {
    if (one && other) return;
    const std::string both = library->name == partner->name ? library->name : library->name + ", " + partner->name;
    all.push_back(fmt::format("{} ({})", what, one ? partner->name : other ? library->name : both));
  };
  for (const std::string_view version : Words<Tls>::list) {
    const std::string ability = fmt::format("tls-{}", version);
    tell(fmt::format("TLS {}", version), library->can(ability), partner->can(ability));
  }
  for (const Role role : {Role::client, Role::server}) {
    const std::string_view own = spell(role), others = spell(role == Role::client ? Role::server : Role::client);
    tell(fmt::format("{} as {}", library->name, own), library->can(own), partner->can(others));
  }
  // What scenarios ask of the side that is not judged.
  for (const std::string_view ability : {"close", "close-write", "send-alert", "key-update", "renegotiate", "post-handshake-auth", "tickets",
                                         "session-cache", "early-data"}) {
    const auto has_it = [&](const StackInfo& other) { return other.can(ability); };
    if (std::any_of(partners.begin(), partners.end(), has_it)) tell(std::string(ability), true, partner->can(ability));
  }
  if (partner->can("ends-transport")) all.push_back(fmt::format("a close that leaves the transport open ({})", partner->name));
  if (!library->can("key-log") && !partner->can("key-log")) all.emplace_back("the wire cannot be read: neither gives its keys");
  return all;
}

std::string names_of(const std::vector<Library>& libraries) {
  std::vector<std::string> names;
  for (const Library& library : libraries) names.push_back(library.id());
  return names.empty() ? "no libraries" : text::list(names);
}

std::vector<Document> documents(const RunReport& report) {
  std::vector<Document> all;
  std::map<std::string, std::size_t> document_at;
  std::map<std::string, std::set<Column>> columns_of;
  for (const Cell& cell : report.cells) {
    const std::string name = document_of(cell);
    if (document_at.try_emplace(name, all.size()).second) all.push_back({name, {}, {}, {}});
    columns_of[name].insert(column_of(cell));
  }
  for (Document& document : all) {
    document.columns.assign(columns_of[document.name].begin(), columns_of[document.name].end());
    for (const StackInfo& stack : report.stacks)
      if (std::any_of(report.cells.begin(), report.cells.end(),
                      [&](const Cell& cell) { return is_of(stack, cell) && document_of(cell) == document.name; }))
        document.stacks.push_back(stack);
  }
  std::map<std::string, std::size_t> row_at;
  for (const Cell& cell : report.cells) {
    Document& document = all[document_at[document_of(cell)]];
    const auto [row, fresh] = row_at.try_emplace(cell.clause, document.rows.size());
    if (fresh)
      document.rows.push_back({cell.clause.substr(std::min(document.name.size() + 1, cell.clause.size())), cell.strength,
                               std::vector<const Cell*>(document.stacks.size() * document.columns.size())});
    const auto stack = std::find_if(document.stacks.begin(), document.stacks.end(), [&](const StackInfo& it) { return is_of(it, cell); });
    if (stack == document.stacks.end()) continue;
    const auto column = std::lower_bound(document.columns.begin(), document.columns.end(), column_of(cell));
    const auto place =
        (stack - document.stacks.begin()) * static_cast<std::ptrdiff_t>(document.columns.size()) + (column - document.columns.begin());
    document.rows[row->second].cells[static_cast<std::size_t>(place)] = &cell;
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

std::vector<Findings> by_library(const RunReport& report, const std::vector<Verdict>& verdicts) {
  std::vector<Findings> all;
  std::map<std::string_view, std::size_t> place;
  for (Library& library : libraries(report)) {
    place.emplace(library.builds.front()->name, all.size());
    all.push_back({std::move(library), {}});
  }
  std::map<std::tuple<std::size_t, std::string_view, Verdict>, std::size_t> group_of;
  for (const Cell& cell : report.cells) {
    const auto library = place.find(cell.stack);
    if (library == place.end() || std::find(verdicts.begin(), verdicts.end(), cell.verdict) == verdicts.end()) continue;
    auto& groups = all[library->second].groups;
    const auto [group, fresh] = group_of.try_emplace({library->second, cell.clause, cell.verdict}, groups.size());
    if (fresh) groups.emplace_back();
    groups[group->second].push_back(&cell);
  }
  for (Findings& findings : all) {
    for (auto& group : findings.groups)
      std::iter_swap(group.begin(), std::min_element(group.begin(), group.end(), [](const Cell* one, const Cell* other) {
                       return one->replay.size() < other->replay.size();
                     }));
    std::stable_sort(findings.groups.begin(), findings.groups.end(),
                     [](const auto& one, const auto& other) { return one.front()->verdict > other.front()->verdict; });
  }
  std::erase_if(all, [](const Findings& it) { return it.groups.empty(); });
  return all;
}

std::string where(const std::vector<const Cell*>& cells) {
  std::map<Role, std::set<Tls>> roles;
  for (const Cell* cell : cells) roles[cell->role].insert(cell->tls);
  std::string text;
  for (const auto& [role, versions] : roles) {
    std::vector<std::string> words;
    for (const Tls tls : versions) words.emplace_back(spell(tls));
    text += fmt::format("{}as {}, TLS {}", text.empty() ? "" : "; ", spell(role), text::list(words));
  }
  return text;
}

std::string shortly(std::set<Column> columns) {
  std::map<Role, std::string> roles;
  for (const auto& [role, tls] : columns) roles[role] += fmt::format(" {}", spell(tls));
  if (roles.size() == 2 && roles[Role::client] == roles[Role::server]) return "TLS" + roles[Role::client];
  std::vector<std::string> words;
  for (const auto& [role, versions] : roles) words.push_back(std::string(spell(role)) + versions);
  return fmt::format("{}", fmt::join(words, "; "));
}

std::string shortly(const std::vector<const Cell*>& cells) {
  std::set<Column> columns;
  for (const Cell* cell : cells) columns.insert(column_of(*cell));
  return shortly(std::move(columns));
}

std::string versions_of(const Library& library, const std::vector<const Cell*>& cells) {
  std::set<std::size_t> places;
  for (std::size_t i = 0; i < library.builds.size(); ++i)
    if (std::any_of(cells.begin(), cells.end(), [&](const Cell* cell) { return is_of(*library.builds[i], *cell); })) places.insert(i);
  return library.versions(places);
}

std::string shortly(const Library& library, const std::vector<const Cell*>& cells) {
  return library.builds.size() > 1 ? fmt::format("{}, {}", versions_of(library, cells), shortly(cells)) : shortly(cells);
}

const Clause* find(const std::vector<Clause>& clauses, std::string_view id) {
  const auto found = std::find_if(clauses.begin(), clauses.end(), [&](const Clause& clause) { return clause.id == id; });
  return found == clauses.end() ? nullptr : &*found;
}

std::string citation(const Cell& cell, const std::vector<Clause>& clauses) {
  const Clause* clause = find(clauses, cell.clause);
  return fmt::format("{} {}", fmt::join(clause ? clause->cites : cell.ref, "; "), force(cell.strength));
}

std::string file_of(const StackInfo& stack) {
  const std::string build = stack.build_id.empty() ? "" : fmt::format(" (build id {})", stack.build_id);
  return (stack.library.empty() ? "an unknown file" : stack.library) + build;
}

std::vector<Contradiction> contradictions(const RunReport& report, const References& references) {
  std::set<std::string_view> told;
  for (const Cell& cell : report.cells) told.insert(cell.clause);
  for (const TraitAnswer& answer : report.traits) told.insert(answer.trait);
  const auto is_told = [&](const std::string& name) { return told.contains(name); };
  std::vector<Contradiction> all;
  for (const Contradiction& each : references.contradictions)
    if (std::any_of(each.clauses.begin(), each.clauses.end(), is_told) || std::any_of(each.traits.begin(), each.traits.end(), is_told))
      all.push_back(each);
  for (const Clause& one : references.clauses) {
    const Clause* other = one.contradicts.empty() ? nullptr : find(references.clauses, one.contradicts);
    if (!other || (!is_told(one.id) && !is_told(other->id))) continue;
    const auto has = [](const std::vector<std::string>& ids, const std::string& id) {
      return std::find(ids.begin(), ids.end(), id) != ids.end();
    };
    if (std::none_of(all.begin(), all.end(),
                     [&](const Contradiction& it) { return has(it.clauses, one.id) && has(it.clauses, other->id); }))
      all.push_back({"", one.says, other->says, "", {one.id, other->id}, {}, ""});
  }
  return all;
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

std::string tool(const RunReport& report) {
  const Provenance& made = report.provenance;
  return made.tool.empty() ? "tlsbye" : fmt::format("{} {} ({})", made.tool, made.version, made.commit);
}

std::string made(const RunReport& report) {
  const Provenance& made = report.provenance;
  if (made.tool.empty()) return {};
  std::vector<std::string> partners;
  for (const StackInfo& partner : made.partners) partners.push_back(partner.id());
  return fmt::format("{}, {}, {}{}{}{}", made.day, tool(report), made.system, partners.empty() ? "" : ", against ", text::list(partners),
                     made.choice.sweep ? ", with sweeps" : "");
}

std::string sums(const RunReport& report) { return sums(totals(report)); }

std::string sums(const Totals& counts) {
  std::vector<std::string> words;
  for (const Mark& each : marks())
    if (const std::size_t count = counts[static_cast<std::size_t>(each.verdict)]; count > 0)
      words.push_back(fmt::format("{} {}", count, spell(each.verdict)));
  return words.empty() ? "no cells" : fmt::format("{}", fmt::join(words, ", "));
}

std::vector<Question> questions(const RunReport& report, const std::vector<Trait>& traits) {
  std::vector<Question> all;
  for (const TraitAnswer& answer : report.traits) {
    if (std::any_of(all.begin(), all.end(), [&](const Question& question) { return question.name == answer.trait; })) continue;
    const auto trait = std::find_if(traits.begin(), traits.end(), [&](const Trait& each) { return each.name == answer.trait; });
    Question question{answer.trait, trait == traits.end() ? std::string_view() : trait->question, {}, true};
    std::map<Column, std::vector<std::string>> first;
    for (const StackInfo& stack : report.stacks) {
      Question::Answered answered{&stack, {}};
      for (const TraitAnswer& given : report.traits) {
        if (given.trait != question.name || !is_of(stack, given)) continue;
        const auto same = [&](const auto& each) { return each.given->answers == given.answers; };
        auto at = std::find_if(answered.answers.begin(), answered.answers.end(), same);
        if (at == answered.answers.end()) at = answered.answers.insert(at, {&given, {}});
        at->columns.insert(column_of(given));
        if (first.try_emplace(column_of(given), given.answers).first->second != given.answers) question.alike = false;
      }
      question.stacks.push_back(std::move(answered));
    }
    all.push_back(std::move(question));
  }
  return all;
}

}  // namespace tlsbye::matrix
