#include "harness/scenario/cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/data/file.h"
#include "harness/data/rows.h"

namespace tlsbye {

CaseList parse_cases(std::string_view text, const std::string& file) {
  static const std::vector<std::string_view> keys{"id", "origin", "says", "expected", "family", "reason"};
  CaseList list;
  Rows rows(text, file, list.diagnostics);
  for (const toml::table* row : rows.tables("case", keys, {"id", "origin", "says"})) {
    CaseRow read{rows.text(*row, "id").value_or(""), rows.text(*row, "says").value_or(""), rows.text(*row, "origin").value_or(""), ""};
    if (row->contains("reason")) read.reason = rows.text(*row, "reason").value_or("");
    if (std::any_of(list.cases.begin(), list.cases.end(), [&](const CaseRow& other) { return other.id == read.id; }))
      rows.report(Rows::place(*row, "id"), fmt::format("`{}` is there already", read.id));
    list.cases.push_back(std::move(read));
  }
  return list;
}

CaseList load_cases(const std::filesystem::path& file) {
  CaseList list;
  if (const auto text = read_text(file.string(), list.diagnostics)) list = parse_cases(*text, file.string());
  return list;
}

CaseCoverage case_coverage(const CaseList& list, const std::vector<Scenario>& scenarios) {
  CaseCoverage told;
  std::set<std::string_view> known, carried;
  for (const CaseRow& row : list.cases) known.insert(row.id);
  for (const Scenario& scenario : scenarios)
    for (const std::string& id : scenario.cases)
      if (carried.insert(id).second && !known.contains(id)) told.strangers.push_back(fmt::format("{}: no case {}", scenario.id, id));
  for (const CaseRow& row : list.cases) {
    if (!carried.contains(row.id))
      told.missing.push_back(&row);
    else if (!row.reason.empty())
      told.strangers.push_back(fmt::format("{}: there is a reason why no scenario carries it, and yet one does", row.id));
  }
  return told;
}

std::string tell(const CaseCoverage& coverage, std::size_t all) {
  std::string text = fmt::format("{} of {} cases of other suites are carried by a scenario\n", all - coverage.missing.size(), all);
  for (const CaseRow* row : coverage.missing)
    text += fmt::format("{:<6} {} ({})\n       {}\n", row->id, row->says, row->origin,
                        row->reason.empty() ? "NOT CARRIED, and no reason is given" : "not carried: " + row->reason);
  for (const std::string& stranger : coverage.strangers) text += stranger + "\n";
  return text;
}

}  // namespace tlsbye
