#include "harness/judge/cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/judge/rows.h"

namespace tlsbye {
namespace {

constexpr const char* cases_name = "cases.toml";
constexpr const char* out_of_scope_name = "out-of-scope.toml";

void read_cases(std::string_view text, const std::string& file, CaseList& into) {
  Rows rows(text, file, into.diagnostics);
  for (const toml::table* row : rows.tables("case", {"id", "origin", "says", "expected", "family"}, {"id", "origin", "says"})) {
    CaseRow read{rows.text(*row, "id").value_or(""), rows.text(*row, "says").value_or(""), rows.text(*row, "origin").value_or("")};
    if (std::any_of(into.cases.begin(), into.cases.end(), [&](const CaseRow& other) { return other.id == read.id; }))
      rows.report(Rows::place(*row, "id"), fmt::format("`{}` is there already", read.id));
    into.cases.push_back(std::move(read));
  }
}

void read_left_out(std::string_view text, const std::string& file, CaseList& into) {
  Rows rows(text, file, into.diagnostics);
  for (const toml::table* row : rows.tables("case", {"ref", "reason"}, {"ref", "reason"}, "row")) {
    const auto ref = rows.text(*row, "ref");
    const auto reason = rows.text(*row, "reason");
    if (ref && reason && !into.left_out.emplace(*ref, *reason).second)
      rows.report(Rows::place(*row, "ref"), fmt::format("`{}` is there already", *ref));
  }
}

}  // namespace

CaseList load_cases(const std::filesystem::path& directory) {
  CaseList list;
  const std::string cases = (directory / cases_name).string(), left_out = (directory / out_of_scope_name).string();
  if (const auto text = read_text(cases, list.diagnostics)) read_cases(*text, cases, list);
  if (std::filesystem::exists(left_out))
    if (const auto text = read_text(left_out, list.diagnostics)) read_left_out(*text, left_out, list);
  return list;
}

CaseList parse_cases(std::string_view cases, std::string_view out_of_scope) {
  CaseList list;
  read_cases(cases, cases_name, list);
  read_left_out(out_of_scope, out_of_scope_name, list);
  return list;
}

CaseCoverage case_coverage(const CaseList& list, const std::vector<Scenario>& scenarios) {
  CaseCoverage told;
  std::set<std::string_view> known, carried;
  for (const CaseRow& row : list.cases) known.insert(row.id);
  for (const Scenario& scenario : scenarios)
    for (const std::string& id : scenario.cases)
      if (carried.insert(id).second && !known.contains(id)) told.strangers.push_back(fmt::format("{}: no case {}", scenario.id, id));
  for (const auto& [ref, reason] : list.left_out) {
    if (!known.contains(ref)) told.strangers.push_back(fmt::format("{}: no case {}", out_of_scope_name, ref));
    if (carried.contains(ref))
      told.strangers.push_back(fmt::format("{}: {} is left out, and yet a scenario carries it", out_of_scope_name, ref));
  }
  for (const CaseRow& row : list.cases) {
    if (carried.contains(row.id)) continue;
    const auto reason = list.left_out.find(row.id);
    told.missing.push_back({&row, reason == list.left_out.end() ? std::string() : reason->second});
  }
  return told;
}

std::string tell(const CaseCoverage& coverage, std::size_t all) {
  std::string text = fmt::format("{} of {} cases of other suites are carried by a scenario\n", all - coverage.missing.size(), all);
  for (const CaseCoverage::Missing& it : coverage.missing)
    text += fmt::format("{:<6} {} ({})\n       {}\n", it.row->id, it.row->says, it.row->origin,
                        it.reason.empty() ? "NOT CARRIED, and nobody has said why" : "not carried: " + it.reason);
  for (const std::string& stranger : coverage.strangers) text += stranger + "\n";
  return text;
}

}  // namespace tlsbye
