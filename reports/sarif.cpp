#include "reports/sarif.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "reports/evidence.h"
#include "reports/matrix.h"

namespace tlsbye {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t most_results = 4'999;  // code scanning shows 5,000

Json message(std::string_view words) { return {{"text", words}}; }

// SARIF 2.1.0 3.27.10; nothing where a cell is not a result.
std::string_view level(Verdict verdict) {
  switch (verdict) {
    case Verdict::violates:
    case Verdict::hung:
    case Verdict::crashed:
    case Verdict::stale:
    case Verdict::known:
      return "error";
    case Verdict::discouraged:
      return "warning";
    case Verdict::differs:
      return "none";
    default:
      return {};
  }
}

Json rule(const Cell& cell, const Clause* clause) {
  const std::string says = clause ? clause->says : cell.clause;
  const std::string cites = fmt::format("{}", fmt::join(clause ? clause->cites : cell.ref, "; "));
  const std::string tested = clause && clause->property ? fmt::format("Tested by: {}", clause->property->meaning) : "";
  return {{"id", cell.clause},
          {"shortDescription", message(says)},
          {"help",
           {{"text", fmt::format("{}\n{} ({})\n{}", says, cites, spell(cell.strength), tested)},
            {"markdown", fmt::format("{}\n\n{} ({})\n\n{}\n\n`tlsbye show {}`", says, cites, spell(cell.strength), tested, cell.clause)}}},
          {"defaultConfiguration", {{"level", level(verdict_of(Finding::Kind::broken, cell.strength))}}},
          {"properties",
           {{"strength", spell(cell.strength)},
            {"catalogue", cell.ref},
            {"tags", {"tls", "close", cell.clause.substr(0, cell.clause.find('/'))}}}}};
}

// What a viewer knows a result by from one run to the next. An upgrade leaves it as it is; only a version beside another one is named.
std::string fingerprint(const Cell& cell, const RunReport& report) {
  const auto versions =
      std::count_if(report.stacks.begin(), report.stacks.end(), [&](const StackInfo& it) { return it.name == cell.stack; });
  const std::string stack = versions > 1 ? cell.stack + "@" + cell.version : cell.stack;
  return fmt::format("{}:{}:{}:{}", cell.clause, stack, spell(cell.role), spell(cell.tls));
}

Json sarif_result(const Cell& cell, std::size_t rule, const Clause* clause, const RunReport& report) {
  const std::string who = fmt::format("{} {} as {}, TLS {}", cell.stack, cell.version, spell(cell.role), spell(cell.tls));
  Json location;
  if (clause && !clause->file.empty())
    location["physicalLocation"] = {{"artifactLocation", {{"uri", "scenarios/clauses/" + clause->file.filename().string()}}},
                                    {"region", {{"startLine", clause->file_line}}}};
  location["logicalLocations"] = Json::array({{{"name", cell.stack}, {"fullyQualifiedName", who}, {"kind", "module"}}});
  Json json{{"ruleId", cell.clause},
            {"ruleIndex", rule},
            {"kind", cell.verdict == Verdict::differs ? "informational" : "fail"},
            {"level", level(cell.verdict)},
            {"message", message(fmt::format("{}: {}", who, cell.says))},
            {"locations", Json::array({std::move(location)})},
            {"partialFingerprints", {{"cell/v1", fingerprint(cell, report)}}},
            {"properties",
             {{"verdict", spell(cell.verdict)}, {"scenario", cell.scenario},
              {"replay", cell.replay.empty() ? "" : replay_command(report, cell.replay)},
              {"evidence", cell.evidence}}}};
  if (cell.verdict == Verdict::known) json["suppressions"] = Json::array({{{"kind", "external"}, {"justification", cell.reason}}});
  if (cell.verdict == Verdict::stale) json["message"] = message(fmt::format("{}: {}", who, cell.reason));
  return json;
}

}  // namespace

std::string sarif(const RunReport& report, const std::vector<Clause>& clauses) {
  // What is worst stays, where a viewer would not show all.
  std::vector<const Cell*> told;
  for (const Cell& cell : report.cells)
    if (!level(cell.verdict).empty()) told.push_back(&cell);
  std::stable_sort(told.begin(), told.end(), [](const Cell* one, const Cell* other) { return one->verdict > other->verdict; });
  Json notifications = Json::array();
  for (const std::string& problem : report.problems) notifications.push_back({{"level", "error"}, {"message", message(problem)}});
  if (told.size() > most_results) {
    notifications.push_back({{"level", "note"},
                             {"message", message(fmt::format("{} of {} results are left out, the mildest; run.json has them all",
                                                          told.size() - most_results, told.size()))}});
    told.resize(most_results);
  }
  std::set<const Cell*> kept(told.begin(), told.end());
  const bool own_fault =
      std::any_of(report.cells.begin(), report.cells.end(), [](const Cell& cell) { return cell.verdict == Verdict::harness_error; });

  Json rules = Json::array(), results = Json::array();
  std::map<std::string, std::size_t> rule_at;
  for (const Cell& cell : report.cells) {
    const Clause* clause = matrix::find(clauses, cell.clause);
    const auto [at, fresh] = rule_at.try_emplace(cell.clause, rules.size());
    if (fresh) rules.push_back(rule(cell, clause));
    if (kept.contains(&cell)) results.push_back(sarif_result(cell, at->second, clause, report));
  }
  Json driver{{"name", "tlsbye"}};
  const Provenance& made = report.provenance;
  if (!made.tool.empty()) driver["version"] = fmt::format("{} ({})", made.version, made.commit);
  driver["rules"] = std::move(rules);
  Json invocation{{"executionSuccessful", report.complete && report.problems.empty() && !own_fault},
                  {"toolExecutionNotifications", std::move(notifications)}};
  if (!made.day.empty()) invocation["properties"] = {{"day", made.day}};
  // The category: the upload of one library does not overwrite that of another.
  std::vector<std::string> names;
  for (const StackInfo& stack : report.stacks)
    if (std::find(names.begin(), names.end(), stack.name) == names.end()) names.push_back(stack.name);
  Json run{{"tool", {{"driver", std::move(driver)}}},
           {"automationDetails", {{"id", fmt::format("tlsbye/{}/", fmt::join(names, "+"))}}},
           {"invocations", Json::array({std::move(invocation)})},
           {"results", std::move(results)}};
  const Json log{
      {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"}, {"version", "2.1.0"}, {"runs", Json::array({std::move(run)})}};
  return log.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace tlsbye
