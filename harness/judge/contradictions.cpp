#include "harness/judge/contradictions.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/data/diagnostic.h"
#include "harness/data/file.h"
#include "harness/data/rows.h"

namespace tlsbye {
namespace {

constexpr const char* file_name = "contradictions.toml";

}  // namespace

Contradictions parse_contradictions(std::string_view text, const std::string& file, const std::vector<Clause>& clauses) {
  Contradictions read;
  Rows rows(text, file, read.diagnostics);
  std::vector<std::string_view> clause_ids, trait_names;
  for (const Clause& clause : clauses) clause_ids.push_back(clause.id);
  for (const Trait& trait : traits()) trait_names.push_back(trait.name);
  for (const toml::table* row :
       rows.tables("contradiction", {"id", "a", "b", "treatment", "clauses", "traits", "outside"}, {"id", "a", "b", "treatment"})) {
    Contradiction it{rows.text(*row, "id").value_or(""),
                     rows.text(*row, "a").value_or(""),
                     rows.text(*row, "b").value_or(""),
                     rows.text(*row, "treatment").value_or(""),
                     {},
                     {},
                     rows.text(*row, "outside").value_or("")};
    const auto names = [&](std::string_view key, const std::vector<std::string_view>& known) {
      std::vector<std::string> list;
      const toml::array* array = row->get_as<toml::array>(key);
      if (!array) return list;
      for (const toml::node& node : *array) {
        list.push_back(node.value_or(std::string()));
        if (std::find(known.begin(), known.end(), list.back()) == known.end())
          rows.report(node.source(), fmt::format("`{}` is none of the {}", list.back(), key), did_you_mean(list.back(), known));
      }
      return list;
    };
    it.clauses = names("clauses", clause_ids);
    it.traits = names("traits", trait_names);
    if (it.outside.empty() == (it.clauses.empty() && it.traits.empty()))
      rows.report(Rows::place(*row, "id"), "a contradiction names its clauses or traits, or says in `outside` why there are none");
    if (std::any_of(read.list.begin(), read.list.end(), [&](const Contradiction& other) { return other.id == it.id; }))
      rows.report(Rows::place(*row, "id"), fmt::format("`{}` is there already", it.id));
    read.list.push_back(std::move(it));
  }
  return read;
}

Contradictions load_contradictions(const std::filesystem::path& directory, const std::vector<Clause>& clauses) {
  const std::string file = (directory / file_name).string();
  std::vector<Diagnostic> unread;
  if (const auto text = read_text(file, unread)) return parse_contradictions(*text, file, clauses);
  return {{}, std::move(unread)};
}

std::string tell(const Contradictions& contradictions) {
  std::string text;
  for (const Contradiction& it : contradictions.list) {
    text += fmt::format("{}{}  {}\n      {}\n  so  {}\n", text.empty() ? "" : "\n", it.id, it.a, it.b, it.treatment);
    for (const std::string& clause : it.clauses) text += fmt::format("      clause {}\n", clause);
    for (const std::string& trait : it.traits) text += fmt::format("      trait  {}\n", trait);
    if (!it.outside.empty()) text += fmt::format("      outside: {}\n", it.outside);
  }
  return text;
}

}  // namespace tlsbye
