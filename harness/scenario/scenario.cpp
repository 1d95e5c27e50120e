#include "harness/scenario/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "harness/data/diagnostic.h"
#include "harness/data/file.h"
#include "harness/data/rows.h"
#include "harness/scenario/script_parser.h"

namespace tlsbye {

namespace {

const Rows::Keys envelope_keys{"id",      "title",           "why",       "cases",  "roles", "versions", "io", "needs", "partner_needs",
                               "options", "partner_options", "transport", "matrix", "sweep", "script"};
// What may be needed: every ability that this project has a word for. What the script asks for is needed without being named.
const std::vector<std::string>& ability_words() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> all{"client", "server", "close", "close-write", "key-log", "threads", "fork", "starve"};
    for (const std::string_view version : Words<Tls>::list) all.push_back(fmt::format("tls-{}", version));
    for (const std::string_view word : Words<Call>::list)
      if (const Call call = *read_word<Call>(word); is_extra(call) && call != Call::set) all.emplace_back(word);
    for (const std::string_view name : Words<Switch>::list) all.push_back(fmt::format("set-{}", name));
    all.insert(all.end(), Words<Option>::list.begin(), Words<Option>::list.end());
    return all;
  }();
  return words;
}
constexpr std::size_t most_variants = 1000;  // of one scenario
constexpr std::array<std::string_view, 2> sweeps{"faults", "cuts"};
constexpr std::array<std::string_view, 3> other_files{"known.toml", "liars.toml", "traits.toml"};

// The words whose first letter is lower case or a digit, joined by single hyphens.
bool is_kebab_case(std::string_view text) {
  bool after_hyphen = true;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter && (c != '-' || after_hyphen)) return false;
    after_hyphen = c == '-';
  }
  return !after_hyphen;
}

bool is_case_id(std::string_view text) {
  return text.size() >= 3 && text[0] == 'B' && text.find_first_not_of("0123456789ABCDEF", 1) == std::string_view::npos;
}

bool is_matrix_value(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == ' ';
  });
}

using Values = std::map<std::string, std::string, std::less<>>;

// All combinations of the matrix' values, at least one (empty where there is no matrix).
std::vector<Values> combinations(Rows& rows, const toml::table& table) {
  std::vector<Values> all{{}};
  const toml::node* node = table.get("matrix");
  if (!node) return all;
  const toml::table* matrix = node->as_table();
  if (!matrix || matrix->empty()) return rows.report(node->source(), "`matrix` must be a table of lists", "matrix = { k = [1, 7] }"), all;
  for (const auto& [key, list] : *matrix) {
    const toml::array* values = list.as_array();
    if (!values || values->empty()) {
      rows.report(list.source(), fmt::format("`matrix.{}` must be a list of values", key.str()), "matrix = { k = [1, 7] }");
      continue;
    }
    if (all.size() * values->size() > most_variants) {
      rows.report(list.source(), fmt::format("this `matrix` has more than {} combinations", most_variants),
                  "fewer values, or several scenarios with a smaller matrix each");
      return {Values()};
    }
    std::vector<Values> wider;
    std::set<std::string> seen;
    for (const auto& value : *values) {
      const auto number = value.value_exact<std::int64_t>();
      const auto word = value.value_exact<std::string>();
      const std::string text = number ? std::to_string(*number) : word.value_or("");
      if (!is_matrix_value(text)) {
        rows.report(value.source(), "a value of `matrix` must be a number or a text of letters, digits, `_`, `-` and blanks");
      } else if (!seen.insert(text).second) {
        rows.report(value.source(), fmt::format("`{}` stands twice in `matrix.{}`", text, key.str()));
      }
      for (auto combination : all) {
        combination.emplace(key.str(), text);
        wider.push_back(std::move(combination));
      }
    }
    all = std::move(wider);
  }
  return all;
}

// The script's text, and the line of the file on which it begins.
std::optional<std::pair<std::string, int>> script_of(Rows& rows, const toml::table& table) {
  const auto text = rows.text(table, "script");
  if (!text) return std::nullopt;
  const auto at = Rows::place(table, "script");
  // Only in this form is every line of the script a line of the file.
  if (rows.diagnostic_at(at).source_line.substr(at.begin.column - 1) != "'''") {
    rows.report(at, "a script begins on the line after ''' and ends at the next '''");
    return std::nullopt;
  }
  return std::pair{*text, static_cast<int>(at.begin.line) + 1};
}

// "cut-inside-reply" and {k: 7, side: x y} make "cut-inside-reply@k=7,side=x-y".
std::string with_values(std::string id, const Values& values) {
  char separator = '@';
  for (const auto& [name, value] : values) {
    std::string word = value;
    std::replace(word.begin(), word.end(), ' ', '-');
    id += fmt::format("{}{}={}", std::exchange(separator, ','), name, word);
  }
  return id;
}

// Appends the scenario, or all variants of it, unless something is wrong with it.
void read_scenario(const toml::table& table, Rows& rows, const std::string& file, const std::string& stem, std::set<std::string>& ids,
                   LoadedScenarios& into) {
  const auto all_or = [](auto values, decltype(values) otherwise) { return values.empty() ? otherwise : values; };

  Scenario s;
  s.file = file;
  s.file_line = static_cast<int>(table.source().begin.line);
  const std::string id = rows.text(table, "id").value_or("");
  if (!id.empty()) {
    if (!is_kebab_case(id))
      rows.report(Rows::place(table, "id"), fmt::format("`{}` is not in kebab-case", id),
                  "lower-case words and digits, joined by single hyphens");
    if (!ids.insert(id).second)
      rows.report(Rows::place(table, "id"), fmt::format("`{}` is the id of an earlier scenario of this file", id));
  }
  const std::string title = rows.text(table, "title").value_or("");
  if (title.find('\n') != std::string::npos) rows.report(Rows::place(table, "title"), "`title` must be one line");
  s.why = rows.text(table, "why").value_or("");
  for (Rows::Word& word : rows.words(table, "cases")) {
    if (!is_case_id(word.text))
      rows.report(word.at, fmt::format("`{}` is not a case of the catalogue", word.text), "cases are written B10, B2A");
    s.cases.push_back(std::move(word.text));
  }
  s.roles = all_or(rows.enums<Role>(table, "roles"), {Role::client, Role::server});
  s.versions = all_or(rows.enums<Tls>(table, "versions"), {Tls::v1_2, Tls::v1_3});
  s.modes = all_or(rows.enums<Io>(table, "io"), {Io::blocking, Io::nonblocking});
  const std::vector<std::string_view> abilities(ability_words().begin(), ability_words().end());
  s.needs = rows.texts_of(table, "needs", abilities);
  s.partner_needs = rows.texts_of(table, "partner_needs", abilities);
  for (const std::string& kind : rows.texts_of(table, "sweep", sweeps)) (kind == "faults" ? s.sweep_faults : s.sweep_cuts) = true;
  s.options = rows.texts_of(table, "options", Words<Option>::list);
  s.partner_options = rows.texts_of(table, "partner_options", Words<Option>::list);
  // Whoever carries the bytes does not wait in the library; and the partner's transport always blocks.
  if (has_word(s.options, Option::memory_bio) && s.modes != std::vector{Io::nonblocking})
    rows.report(Rows::place(table, "options"), "`memory-bio` is for transports that do not block", "add `io = [\"nonblocking\"]`");
  if (has_word(s.partner_options, Option::memory_bio))
    rows.report(Rows::place(table, "partner_options"), "`memory-bio` is for transports that do not block, and the partner's does");
  if (has_word(s.options, Option::memory_bio) && has_word(s.options, Option::closes_transport))
    rows.report(Rows::place(table, "options"), "a library that reads and writes memory has no transport to close");
  const auto transports = rows.enums<TransportKind>(table, "transport");
  if (transports.size() > 1) rows.report(Rows::place(table, "transport"), "a scenario has one transport");
  if (!transports.empty()) s.transport = transports.front();

  const auto all_values = combinations(rows, table);
  const auto script = script_of(rows, table);
  if (!script) return;
  const auto& [text, first_line] = *script;
  for (const auto& [name, value] : all_values.front()) {
    const auto used = names_used(text);
    if (std::find(used.begin(), used.end(), name) == used.end())
      rows.report(Rows::place(table, "matrix"), fmt::format("`matrix.{}` is not used in the script", name),
                  fmt::format("write `${}` where its values go", name));
  }

  std::vector<Diagnostic> in_script;
  std::vector<Scenario> variants;
  for (const auto& values : all_values) {
    ScriptContext context{file, first_line, values, s.transport != TransportKind::tcp, false, false};
    for (const Tls version : s.versions) (version == Tls::v1_3 ? context.with_tls13 : context.with_tls12) = true;
    Scenario variant = s;
    variant.id = fmt::format("{}/{}", stem, with_values(id, values));
    variant.title = substitute(title, values);
    variant.script = parse_script(text, context, in_script);
    variant.lines = split_lines(substitute(text, values));
    variants.push_back(std::move(variant));
  }
  // What is wrong with a line is mostly wrong with it in every variant.
  for (auto& problem : in_script) {
    const bool told = std::any_of(into.diagnostics.begin(), into.diagnostics.end(), [&](const Diagnostic& d) {
      return d.line == problem.line && d.column == problem.column && d.problem == problem.problem;
    });
    if (!told) into.diagnostics.push_back(std::move(problem));
  }
  if (rows.is_good(table))
    into.scenarios.insert(into.scenarios.end(), std::make_move_iterator(variants.begin()), std::make_move_iterator(variants.end()));
}

}  // namespace

LoadedScenarios parse_scenarios(std::string_view text, const std::string& file, const std::string& stem) {
  LoadedScenarios loaded;
  Rows rows(text, file, loaded.diagnostics);
  std::set<std::string> ids;
  const auto tables = rows.tables("scenario", envelope_keys, {"id", "title", "why", "script"});
  for (const toml::table* table : tables) read_scenario(*table, rows, file, stem, ids, loaded);
  if (tables.empty() && loaded.diagnostics.empty()) loaded.diagnostics.push_back({file, 0, 0, {}, "this file holds no [[scenario]]", {}});
  return loaded;
}

LoadedScenarios load_scenarios(const std::filesystem::path& directory) {
  LoadedScenarios all;
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const auto name = entry.path().filename().string();
    if (entry.path().extension() == ".toml" && std::find(other_files.begin(), other_files.end(), name) == other_files.end())
      files.push_back(entry.path());
  }
  if (error) {
    all.diagnostics.push_back({directory.string(), 0, 0, {}, "cannot read this folder: " + error.message(), {}});
    return all;
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    const auto text = read_text(file, all.diagnostics);
    if (!text) continue;
    auto loaded = parse_scenarios(*text, file.string(), file.stem().string());
    std::move(loaded.scenarios.begin(), loaded.scenarios.end(), std::back_inserter(all.scenarios));
    std::move(loaded.diagnostics.begin(), loaded.diagnostics.end(), std::back_inserter(all.diagnostics));
  }
  return all;
}

}  // namespace tlsbye
