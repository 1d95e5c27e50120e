#include "harness/data/rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/data/diagnostic.h"

namespace tlsbye {
namespace {

bool names(const std::vector<std::string_view>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string_view line_of(std::string_view text, int number) {
  for (int line = 1; line < number; ++line) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
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

std::vector<const toml::table*> Rows::tables(std::string_view name, const std::vector<std::string_view>& keys,
                                             const std::vector<std::string_view>& required, std::string_view beside) {
  std::vector<const toml::table*> rows;
  for (const auto& [key, value] : root_) {
    if (!beside.empty() && key.str() == beside) continue;
    const toml::array* list = value.as_array();
    if (key.str() != name) {
      report(key.source(), fmt::format("unknown key `{}`", key.str()), fmt::format("this file holds [[{}]] tables only", name));
      continue;
    }
    if (!list) {
      report(key.source(), fmt::format("`{}` is not a list of tables", name), fmt::format("write [[{}]]", name));
      continue;
    }
    for (const toml::node& element : *list) {
      const toml::table* row = element.as_table();
      if (!row) {
        report(element.source(), fmt::format("`{}` is not a list of tables", name), fmt::format("write [[{}]]", name));
        continue;
      }
      for (const auto& [field, unused] : *row)
        if (!names(keys, field.str()))
          report(field.source(), fmt::format("unknown key `{}`", field.str()), did_you_mean(field.str(), keys));
      for (const std::string_view field : required)
        if (!row->contains(field)) report(row->source(), fmt::format("[[{}]] has no `{}`", name, field));
      rows.push_back(row);
    }
  }
  return rows;
}

std::optional<std::string> Rows::text(const toml::table& row, std::string_view key) {
  const toml::node* node = row.get(key);
  if (!node) return std::nullopt;
  const auto value = node->value_exact<std::string>();
  if (!value) {
    report(node->source(), fmt::format("`{}` is not a string", key));
    return std::nullopt;
  }
  if (value->find_first_not_of(" \t\n") == std::string::npos) {
    report(node->source(), fmt::format("`{}` is empty", key));
    return std::nullopt;
  }
  return value;
}

std::vector<std::string> Rows::texts(const toml::table& row, std::string_view key) {
  const toml::node* node = row.get(key);
  const toml::array* list = node ? node->as_array() : nullptr;
  if (!list) {
    auto one = text(row, key);
    return one ? std::vector<std::string>{std::move(*one)} : std::vector<std::string>();
  }
  std::vector<std::string> all;
  for (const toml::node& element : *list) {
    const auto value = element.value_exact<std::string>();
    if (!value || value->find_first_not_of(" \t\n") == std::string::npos)
      report(element.source(), fmt::format("`{}` has an element that is {}", key, value ? "empty" : "not a string"));
    else
      all.push_back(*value);
  }
  if (list->empty()) report(node->source(), fmt::format("`{}` is empty", key));
  return all;
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

void Rows::report(const toml::source_region& where, std::string problem, std::string suggestion) {
  const int line = static_cast<int>(where.begin.line);
  diagnostics_->push_back(
      {file_, line, static_cast<int>(where.begin.column), std::string(line_of(text_, line)), std::move(problem), std::move(suggestion)});
}

toml::source_region Rows::place(const toml::table& row, std::string_view key) {
  const toml::node* node = row.get(key);
  return node ? node->source() : row.source();
}

}  // namespace tlsbye
