#include "harness/judge/coverage.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "harness/data/file.h"
#include "harness/data/rows.h"

namespace tlsbye {
namespace {

constexpr const char* catalogue_name = "catalogue.toml";
constexpr const char* out_of_scope_name = "out-of-scope.toml";

void read_catalogue(std::string_view text, const std::string& file, Catalogue& into) {
  static const std::vector<std::string_view> keys{"id", "section", "strength", "applies", "says", "source"};
  static const std::vector<std::string_view> required{"id", "section", "says"};
  Rows rows(text, file, into.diagnostics);
  for (const toml::table* row : rows.tables("row", keys, required, {"contradiction"})) {
    const auto text_or_none = [&](std::string_view key) {
      return row->contains(key) ? (*row)[key].value_or(std::string()) : std::string();
    };
    CatalogueRow read{rows.text(*row, "id").value_or(""),
                      rows.text(*row, "section").value_or(""),
                      text_or_none("strength"),
                      text_or_none("applies"),
                      rows.text(*row, "says").value_or(""),
                      text_or_none("source")};
    const auto twice = std::find_if(into.rows.begin(), into.rows.end(), [&](const CatalogueRow& other) { return other.id == read.id; });
    if (twice != into.rows.end()) rows.report(Rows::place(*row, "id"), fmt::format("`{}` is there already", read.id));
    into.rows.push_back(std::move(read));
  }
}

void read_out_of_scope(std::string_view text, const std::string& file, Catalogue& into) {
  static const std::vector<std::string_view> keys{"ref", "reason"};
  Rows rows(text, file, into.diagnostics);
  for (const toml::table* row : rows.tables("row", keys, keys)) {
    const auto ref = rows.text(*row, "ref");
    const auto reason = rows.text(*row, "reason");
    if (!ref || !reason) continue;
    if (!into.out_of_scope.emplace(*ref, *reason).second) rows.report(Rows::place(*row, "ref"), fmt::format("`{}` is there already", *ref));
  }
}

}  // namespace

Catalogue load_catalogue(const std::filesystem::path& directory) {
  Catalogue catalogue;
  const std::string rows = (directory / catalogue_name).string();
  const std::string out_of_scope = (directory / out_of_scope_name).string();
  if (const auto text = read_text(rows, catalogue.diagnostics)) read_catalogue(*text, rows, catalogue);
  if (std::filesystem::exists(out_of_scope))
    if (const auto text = read_text(out_of_scope, catalogue.diagnostics)) read_out_of_scope(*text, out_of_scope, catalogue);
  return catalogue;
}

Catalogue parse_catalogue(std::string_view catalogue, std::string_view out_of_scope) {
  Catalogue read;
  read_catalogue(catalogue, catalogue_name, read);
  read_out_of_scope(out_of_scope, out_of_scope_name, read);
  return read;
}

Coverage coverage(const Catalogue& catalogue, const std::vector<Clause>& clauses) {
  Coverage told;
  std::map<std::string_view, std::vector<std::string>> by_row;
  std::map<std::string_view, bool> exists;
  for (const CatalogueRow& row : catalogue.rows) exists[row.id] = true;
  for (const Clause& clause : clauses) {
    for (const std::string& ref : clause.ref) {
      by_row[ref].push_back(clause.id);
      if (!exists.count(ref)) told.strangers.push_back(fmt::format("{}: the catalogue has no row {}", clause.id, ref));
    }
  }
  for (const auto& [ref, reason] : catalogue.out_of_scope) {
    if (!exists.count(ref)) told.strangers.push_back(fmt::format("{}: the catalogue has no row {}", out_of_scope_name, ref));
    if (by_row.count(ref))
      told.strangers.push_back(fmt::format("{}: {} is out of scope, and yet {} tests it", out_of_scope_name, ref, by_row[ref].front()));
  }
  for (const CatalogueRow& row : catalogue.rows) {
    auto section =
        std::find_if(told.sections.begin(), told.sections.end(), [&](const Coverage::Section& s) { return s.name == row.section; });
    if (section == told.sections.end()) section = told.sections.insert(section, {row.section, {}});
    const auto clauses_of = by_row.find(row.id);
    const auto reason = catalogue.out_of_scope.find(row.id);
    section->rows.push_back({&row, clauses_of == by_row.end() ? std::vector<std::string>() : clauses_of->second,
                             reason == catalogue.out_of_scope.end() ? std::string() : reason->second});
  }
  return told;
}

std::string tell(const Coverage& coverage, bool rows) {
  std::string text = fmt::format("{:>7} {:>12} {:>7}\n", "clauses", "out of scope", "not yet");
  std::size_t all_tested = 0, all_out = 0, all_open = 0;
  for (const Coverage::Section& section : coverage.sections) {
    std::size_t tested = 0, out = 0, open = 0;
    for (const Coverage::Row& row : section.rows) {
      tested += !row.clauses.empty();
      out += row.clauses.empty() && !row.out_of_scope.empty();
      open += row.open();
    }
    text += fmt::format("{:>7} {:>12} {:>7}  {}\n", tested, out, open, section.name);
    all_tested += tested;
    all_out += out;
    all_open += open;
    if (!rows) continue;
    for (const Coverage::Row& row : section.rows) {
      std::string state = row.open() ? "not yet" : fmt::format("{}", fmt::join(row.clauses, ", "));
      if (row.clauses.empty() && !row.open()) state = "out of scope: " + row.out_of_scope;
      text += fmt::format("{:>30}{:<24} {}\n", "", row.row->id, state);
    }
  }
  text += fmt::format("{:>7} {:>12} {:>7}  of {} rows\n", all_tested, all_out, all_open, all_tested + all_out + all_open);
  for (const std::string& stranger : coverage.strangers) text += stranger + "\n";
  return text;
}

}  // namespace tlsbye
