#include "harness/data/rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "harness/data/printable.h"

namespace tlsbye {
namespace {

// What to write in place of a value that is not a string: TOML reads a TLS version without quotes as a number.
std::string in_quotes(const toml::node& node) {
  const auto number = node.value_exact<double>();
  return number ? fmt::format("write it in quotes: \"{}\"", *number) : "";
}

constexpr std::string_view unprintable = "has a character that cannot be printed";

bool among(Rows::Known words, std::string_view word) { return std::find(words.begin(), words.end(), word) != words.end(); }

// Whether a terminal shows the text as it stands, on one line or on several.
bool can_be_printed(std::string_view text) {
  std::string line(text);
  std::erase_if(line, [](char c) { return c == '\n' || c == '\t'; });
  return printable(line) == line;
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

std::string_view line_of(std::string_view text, int number) {
  for (int line = 1; line < number; ++line) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

}  // namespace

Rows::Rows(std::string_view text, std::string file, std::vector<Diagnostic>& diagnostics)
    : text_(text), file_(std::move(file)), diagnostics_(&diagnostics) {
  try {
    root_ = toml::parse(text_, std::string_view(file_));
  } catch (const toml::parse_error& error) {
    report(error.source(), std::string(error.description()));
  }
}

std::vector<const toml::table*> Rows::tables(std::string_view name, const Keys& keys, const Keys& required, const Keys& beside) {
  std::vector<const toml::table*> rows;
  for (const auto& [key, value] : root_) {
    if (key.str() != name && among(beside, key.str())) continue;
    if (key.str() != name) {
      Keys names{name};
      names.insert(names.end(), beside.begin(), beside.end());
      const std::string_view meant = nearest(key.str(), names);
      report(key.source(), fmt::format("unknown key `{}`", key.str()),
             !meant.empty() ? fmt::format("did you mean [[{}]]?", meant)
                            : fmt::format("this file holds [[{}]] tables only", fmt::join(names, "]] and [[")));
      continue;
    }
    const toml::array* list = value.as_array();
    const auto no_list = [&](const toml::source_region& at) {
      report(at, fmt::format("`{}` is not a list of tables", name), fmt::format("write [[{}]]", name));
    };
    if (!list) {
      no_list(key.source());
      continue;
    }
    for (const toml::node& element : *list) {
      const toml::table* row = element.as_table();
      if (!row) {
        no_list(element.source());
        continue;
      }
      heads_.push_back(static_cast<int>(row->source().begin.line));
      check_keys(*row, keys);
      for (const std::string_view field : required)
        if (!row->contains(field)) report(row->source(), fmt::format("[[{}]] has no `{}`", name, field));
      rows.push_back(row);
    }
  }
  return rows;
}

void Rows::check_keys(const toml::table& table, const Keys& keys, std::string_view in) {
  for (const auto& [key, value] : table)
    if (!among(keys, key.str()))
      report(key.source(), fmt::format("unknown key `{}`{}{}", key.str(), in.empty() ? "" : " in ", in), did_you_mean(key.str(), keys));
}

toml::source_region Rows::place(const toml::table& row, std::string_view key) {
  const toml::node* node = row.get(key);
  return node ? node->source() : row.source();
}

std::optional<std::string> Rows::text(const toml::table& row, std::string_view key) {
  const toml::node* node = row.get(key);
  if (!node) return std::nullopt;
  auto value = node->value_exact<std::string>();
  if (value && !is_blank(*value) && can_be_printed(*value)) return value;
  report(node->source(), fmt::format("`{}` {}", key, !value ? "is not a string" : is_blank(*value) ? "is empty" : unprintable),
         in_quotes(*node));
  return std::nullopt;
}

std::optional<bool> Rows::yes(const toml::table& row, std::string_view key) {
  const toml::node* node = row.get(key);
  if (!node) return std::nullopt;
  const auto value = node->value_exact<bool>();
  if (!value) report(node->source(), fmt::format("`{}` is neither true nor false", key));
  return value;
}

std::optional<std::string> Rows::date(const toml::table& row, std::string_view key) {
  const toml::node* node = row.get(key);
  if (!node) return std::nullopt;
  const auto value = node->value_exact<toml::date>();
  if (!value) {
    report(node->source(), fmt::format("`{}` is not a date", key), "write it without quotes: 2027-06-30");
    return std::nullopt;
  }
  return fmt::format("{:04}-{:02}-{:02}", value->year, value->month, value->day);
}

const toml::table* Rows::table(const toml::table& row, std::string_view key) {
  const toml::node* node = row.get(key);
  if (node && !node->is_table()) report(node->source(), fmt::format("`{}` is not a table", key), fmt::format("{} = {{ ... }}", key));
  return node ? node->as_table() : nullptr;
}

std::vector<Rows::Word> Rows::words(const toml::table& row, std::string_view key, Numbers numbers) {
  std::vector<Word> all;
  const toml::node* node = row.get(key);
  if (!node) return all;
  const toml::array* list = node->as_array();
  const auto one = [&](const toml::node& it) {
    const auto text = it.value_exact<std::string>();
    const auto number = numbers == Numbers::yes ? it.value_exact<std::int64_t>() : std::nullopt;
    if (number || (text && !is_blank(*text) && can_be_printed(*text)))
      all.push_back({number ? fmt::format("{}", *number) : *text, it.source()});
    else if (text && !is_blank(*text))
      report(it.source(), fmt::format("`{}` {}", key, unprintable));
    else
      report(it.source(), fmt::format("`{}` {} {}", key, list ? "has an element that is" : "is", text ? "empty" : "not a string"),
             in_quotes(it));
  };
  if (!list) {
    one(*node);
    return all;
  }
  if (list->empty()) report(node->source(), fmt::format("`{}` is empty", key), "leave it out if it says nothing");
  for (const toml::node& element : *list) one(element);
  return all;
}

std::vector<std::string> Rows::texts(const toml::table& row, std::string_view key, Numbers numbers) {
  std::vector<std::string> all;
  for (Word& word : words(row, key, numbers)) all.push_back(std::move(word.text));
  return all;
}

std::vector<std::string> Rows::texts_of(const toml::table& row, std::string_view key, Known known) {
  std::vector<std::string> all;
  for (Word& word : words(row, key)) {
    if (!among(known, word.text))
      report_stranger(word.at, word.text, key, known);
    else if (std::find(all.begin(), all.end(), word.text) != all.end())
      report(word.at, fmt::format("`{}` stands twice in `{}`", word.text, key));
    all.push_back(std::move(word.text));
  }
  return all;
}

void Rows::report_stranger(const toml::source_region& at, std::string_view word, std::string_view key, Known known) {
  report(at, fmt::format("`{}` is not a word of `{}`", word, key), did_you_mean(word, known));
}

bool Rows::is_good(const toml::table& row) const {
  const int head = static_cast<int>(row.source().begin.line);
  int next = std::numeric_limits<int>::max();
  for (const int line : heads_)
    if (line > head) next = std::min(next, line);
  return std::none_of(diagnostics_->begin(), diagnostics_->end(),
                      [&](const Diagnostic& it) { return it.file == file_ && it.line >= head && it.line < next; });
}

void Rows::report(const toml::source_region& at, std::string problem, std::string suggestion) {
  Diagnostic diagnostic = diagnostic_at(at);
  diagnostic.problem = std::move(problem);
  diagnostic.suggestion = std::move(suggestion);
  // A value may be read twice, and a table by readers of two names.
  const auto is_it = [&](const Diagnostic& other) {
    return std::tie(other.file, other.line, other.column, other.problem) ==
           std::tie(diagnostic.file, diagnostic.line, diagnostic.column, diagnostic.problem);
  };
  if (std::any_of(diagnostics_->begin(), diagnostics_->end(), is_it)) return;
  diagnostics_->push_back(std::move(diagnostic));
}

Diagnostic Rows::diagnostic_at(const toml::source_region& at) const {
  const int line = static_cast<int>(at.begin.line);
  return {file_, line, static_cast<int>(at.begin.column), std::string(line_of(text_, line)), {}, {}};
}

}  // namespace tlsbye
