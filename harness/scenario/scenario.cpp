#include "harness/scenario/scenario.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "harness/data/diagnostic.h"
#include "harness/data/file.h"
#include "harness/scenario/script_parser.h"

namespace tlsbye {

namespace {

constexpr std::array<std::string_view, 15> envelope_keys{"id",     "title", "why",           "cases",   "roles",           "versions",
                                                         "io",     "needs", "partner_needs", "options", "partner_options", "transport",
                                                         "matrix", "sweep", "script"};
constexpr std::array<std::string_view, 13> session_options{
    "saved-session", "tickets",       "ignore-eof",    "quiet-shutdown",      "read-ahead",
    "callbacks",     "session-cache", "no-signal",     "require-certificate", "post-handshake-auth",
    "due-alert",     "receive-seq",   "receive-packet"};
// Beside the session options, which are abilities too. What the script asks for is needed without being named here.
constexpr std::array<std::string_view, 24> further_abilities{"tls-1.0",        "tls-1.1",
                                                             "tls-1.2",        "tls-1.3",
                                                             "client",         "server",
                                                             "close",          "close-write",
                                                             "key-log",        "peek",
                                                             "send-alert",     "key-update",
                                                             "renegotiate",    "clear",
                                                             "keep-session",   "set-quiet-shutdown",
                                                             "set-shutdown",   "set-context-quiet-shutdown",
                                                             "set-timeout",    "set-cork",
                                                             "set-auto-retry", "set-stale-error",
                                                             "threads",        "fork"};
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

// A file that is being read, and where to complain.
struct Source {
  std::string file;
  std::vector<std::string> lines;
  std::vector<Diagnostic>& diagnostics;

  void report(const toml::source_position& at, std::string problem, std::string suggestion = {}) const {
    const std::size_t line = at.line;
    diagnostics.push_back({file, static_cast<int>(line), static_cast<int>(at.column),
                           line >= 1 && line <= lines.size() ? lines[line - 1] : std::string{}, std::move(problem), std::move(suggestion)});
  }
  void report(const toml::node& at, std::string problem, std::string suggestion = {}) const {
    report(at.source().begin, std::move(problem), std::move(suggestion));
  }
};

using Values = std::map<std::string, std::string, std::less<>>;

// One [[scenario]]: reads its keys and complains about each that does not fit.
class TableReader {
 public:
  TableReader(const toml::table& table, const Source& source) : table_(table), source_(source) {}

  void check_keys(std::span<const std::string_view> known) const {
    for (const auto& [key, value] : table_)
      if (std::find(known.begin(), known.end(), key.str()) == known.end())
        source_.report(key.source().begin, fmt::format("unknown key `{}`", key.str()), did_you_mean(key.str(), known));
  }

  std::string text(std::string_view key) const {
    const toml::node* node = table_.get(key);
    if (!node) {
      source_.report(table_, fmt::format("this scenario has no `{}`", key), {});
      return {};
    }
    const auto value = node->value_exact<std::string>();
    if (!value) return source_.report(*node, fmt::format("`{}` must be a text in quotes", key)), std::string{};
    if (value->empty()) source_.report(*node, fmt::format("`{}` is empty", key));
    return *value;
  }

  // A list of texts, or a single one; calls `each(text, node)`.
  template <typename Each>
  void list(std::string_view key, Each each) const {
    const toml::node* node = table_.get(key);
    if (!node) return;
    const auto one = [&](const toml::node& element) {
      if (const auto value = element.value_exact<std::string>()) {
        each(*value, element);
      } else {
        source_.report(element, fmt::format("`{}` must be a list of texts in quotes", key));
      }
    };
    if (const toml::array* array = node->as_array()) {
      if (array->empty()) source_.report(*node, fmt::format("`{}` is empty", key), "leave it out where it says nothing");
      for (const auto& element : *array) one(element);
    } else {
      one(*node);
    }
  }

  template <typename Enum>
  std::vector<Enum> words(std::string_view key, std::vector<Enum> otherwise) const {
    std::vector<Enum> values;
    list(key, [&](const std::string& text, const toml::node& at) {
      if (const auto value = read_word<Enum>(text)) {
        if (std::find(values.begin(), values.end(), *value) != values.end())
          source_.report(at, fmt::format("`{}` stands twice in `{}`", text, key));
        values.push_back(*value);
      } else {
        source_.report(at, fmt::format("`{}` is not a word of `{}`", text, key), did_you_mean(text, Words<Enum>::list));
      }
    });
    return values.empty() ? otherwise : values;
  }

  std::vector<std::string> known_texts(std::string_view key, std::span<const std::string_view> known) const {
    std::vector<std::string> values;
    list(key, [&](const std::string& text, const toml::node& at) {
      if (std::find(known.begin(), known.end(), text) == known.end())
        source_.report(at, fmt::format("`{}` is not a word of `{}`", text, key), did_you_mean(text, known));
      values.push_back(text);
    });
    return values;
  }

  // All combinations of the matrix' values, at least one (empty where there is no matrix).
  std::vector<Values> combinations() const {
    std::vector<Values> all{{}};
    const toml::node* node = table_.get("matrix");
    if (!node) return all;
    const toml::table* matrix = node->as_table();
    if (!matrix || matrix->empty()) return source_.report(*node, "`matrix` must be a table of lists", "matrix = { k = [1, 7] }"), all;
    for (const auto& [key, list] : *matrix) {
      const toml::array* values = list.as_array();
      if (!values || values->empty()) {
        source_.report(list, fmt::format("`matrix.{}` must be a list of values", key.str()), "matrix = { k = [1, 7] }");
        continue;
      }
      if (all.size() * values->size() > most_variants) {
        source_.report(list, fmt::format("this `matrix` has more than {} combinations", most_variants),
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
          source_.report(value, "a value of `matrix` must be a number or a text of letters, digits, `_`, `-` and blanks");
        } else if (!seen.insert(text).second) {
          source_.report(value, fmt::format("`{}` stands twice in `matrix.{}`", text, key.str()));
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
  std::optional<std::pair<std::string, int>> script() const {
    const toml::node* node = table_.get("script");
    if (!node) return source_.report(table_, "this scenario has no `script`"), std::nullopt;
    const auto value = node->value_exact<std::string>();
    const auto at = node->source().begin;
    const std::string& line = source_.lines.at(at.line - 1);
    // Only in this form is every line of the script a line of the file.
    if (!value || line.substr(at.column - 1) != "'''") {
      source_.report(*node, "a script begins on the line after ''' and ends at the next '''");
      return std::nullopt;
    }
    if (value->find_first_not_of(" \t\r\n") == std::string::npos) return source_.report(*node, "`script` is empty"), std::nullopt;
    return std::pair{*value, static_cast<int>(at.line) + 1};
  }

 private:
  const toml::table& table_;
  const Source& source_;
};

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
void read_scenario(const toml::table& table, const Source& source, const std::string& stem, std::set<std::string>& ids,
                   std::vector<Scenario>& into) {
  const std::size_t problems_before = source.diagnostics.size();
  const TableReader reader(table, source);
  reader.check_keys(envelope_keys);

  Scenario s;
  s.file = source.file;
  s.file_line = static_cast<int>(table.source().begin.line);
  const std::string id = reader.text("id");
  if (const toml::node* node = table.get("id"); node && !id.empty()) {
    if (!is_kebab_case(id))
      source.report(*node, fmt::format("`{}` is not in kebab-case", id), "lower-case words and digits, joined by single hyphens");
    if (!ids.insert(id).second) source.report(*node, fmt::format("`{}` is the id of an earlier scenario of this file", id));
  }
  const std::string title = reader.text("title");
  if (title.find('\n') != std::string::npos) source.report(*table.get("title"), "`title` must be one line");
  s.why = reader.text("why");
  reader.list("cases", [&](const std::string& text, const toml::node& at) {
    if (!is_case_id(text)) source.report(at, fmt::format("`{}` is not a case of the catalogue", text), "cases are written B10, B2A");
    s.cases.push_back(text);
  });
  s.roles = reader.words<Role>("roles", {Role::client, Role::server});
  s.versions = reader.words<Tls>("versions", {Tls::v1_2, Tls::v1_3});
  s.modes = reader.words<Io>("io", {Io::blocking, Io::nonblocking});
  std::vector<std::string_view> abilities(further_abilities.begin(), further_abilities.end());
  abilities.insert(abilities.end(), session_options.begin(), session_options.end());
  s.needs = reader.known_texts("needs", abilities);
  s.partner_needs = reader.known_texts("partner_needs", abilities);
  for (const std::string& kind : reader.known_texts("sweep", sweeps)) (kind == "faults" ? s.sweep_faults : s.sweep_cuts) = true;
  s.options = reader.known_texts("options", session_options);
  s.partner_options = reader.known_texts("partner_options", session_options);
  if (const auto kinds = reader.words<TransportKind>("transport", {TransportKind::socketpair}); kinds.size() == 1) {
    s.transport = kinds.front();
  } else {
    source.report(*table.get("transport"), "a scenario has one transport");
  }

  const auto combinations = reader.combinations();
  const auto script = reader.script();
  if (!script) return;
  const auto& [text, first_line] = *script;
  for (const auto& [name, value] : combinations.front()) {
    const auto used = names_used(text);
    if (std::find(used.begin(), used.end(), name) == used.end())
      source.report(*table.get("matrix"), fmt::format("`matrix.{}` is not used in the script", name),
                    fmt::format("write `${}` where its values go", name));
  }

  std::vector<Diagnostic> in_script;
  std::vector<Scenario> variants;
  for (const auto& values : combinations) {
    ScriptContext context{source.file, first_line, values, s.transport != TransportKind::tcp, false, false};
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
    const bool told = std::any_of(
        source.diagnostics.begin() + static_cast<std::ptrdiff_t>(problems_before), source.diagnostics.end(),
        [&](const Diagnostic& d) { return d.line == problem.line && d.column == problem.column && d.problem == problem.problem; });
    if (!told) source.diagnostics.push_back(std::move(problem));
  }
  if (source.diagnostics.size() == problems_before)
    into.insert(into.end(), std::make_move_iterator(variants.begin()), std::make_move_iterator(variants.end()));
}

}  // namespace

std::span<const std::string_view> option_words() { return session_options; }

LoadedScenarios parse_scenarios(std::string_view text, const std::string& file, const std::string& stem) {
  LoadedScenarios loaded;
  const Source source{file, split_lines(text), loaded.diagnostics};
  toml::table root;
  try {
    root = toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    source.report(error.source().begin, std::string(error.description()));
    return loaded;
  }
  const toml::array* scenarios = nullptr;
  for (const auto& [key, value] : root) {
    if (key.str() != "scenario") {
      static constexpr std::array<std::string_view, 1> known{"scenario"};
      source.report(key.source().begin, fmt::format("unknown key `{}`: a scenario file holds [[scenario]] tables only", key.str()),
                    did_you_mean(key.str(), known));
    } else if (value.is_array_of_tables()) {
      scenarios = value.as_array();
    } else {
      source.report(key.source().begin, "`scenario` must be written [[scenario]]");
    }
  }
  if (!scenarios) {
    if (loaded.diagnostics.empty()) loaded.diagnostics.push_back({file, 0, 0, {}, "this file holds no [[scenario]]", {}});
    return loaded;
  }
  std::set<std::string> ids;
  for (const auto& element : *scenarios) read_scenario(*element.as_table(), source, stem, ids, loaded.scenarios);
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
