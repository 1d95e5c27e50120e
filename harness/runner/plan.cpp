#include "harness/runner/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/data/glob.h"
#include "harness/data/version.h"

namespace tlsbye {
namespace {

// What the script asks of that side, beyond what every stack must have.
void add_abilities(const Stack& stack, const std::vector<std::string>& options, const std::vector<Statement>& script, Side side, Role role,
                   std::vector<std::string>& wanted) {
  for (const Statement& statement : script) {
    if (!acts(statement.actor, side, role)) continue;
    const auto* order = std::get_if<PeerOrder>(&statement.deed);
    if (order && std::holds_alternative<Starve>(*order)) wanted.emplace_back("starve");
    const auto* it = order ? std::get_if<StackCall>(order) : nullptr;
    if (!it) continue;
    const bool closes = it->aside == Aside::thread && it->call == Call::close_write && has_word(options, Option::closes_transport);
    if (it->aside != Aside::no && !(closes && stack.can("closes-beside")))
      wanted.emplace_back(it->aside == Aside::thread ? "threads" : "fork");
    if (it->call == Call::set)
      wanted.push_back("set-" + it->arguments.front());
    else if (is_extra(it->call))
      wanted.emplace_back(spell(it->call));
  }
}

}  // namespace

std::optional<std::string> missing_ability(const Stack& stack, const Scenario& scenario, Side side, Role role, Tls tls, Io io) {
  const bool subject = side == Side::subject;
  const auto& options = subject ? scenario.options : scenario.partner_options;
  const auto& needs = subject ? scenario.needs : scenario.partner_needs;
  std::vector<std::string> wanted{std::string(spell(role)), fmt::format("tls-{}", spell(tls))};
  wanted.insert(wanted.end(), options.begin(), options.end());
  wanted.insert(wanted.end(), needs.begin(), needs.end());
  add_abilities(stack, options, scenario.script, side, role, wanted);
  for (std::string& ability : wanted)
    if (!stack.can(ability)) return std::move(ability);
  if (subject && io == Io::nonblocking && stack.can("blocking-only") && !has_word(options, Option::memory_bio)) return std::string(spell(io));
  return std::nullopt;
}

bool selects(const std::string& spec, const Stack& stack) {
  if (spec == "all") return true;
  const std::size_t at = spec.find('@');
  if (!matches(spec.substr(0, at), stack.name)) return false;
  if (at == std::string::npos) return !stack.obtained;
  const std::string which = spec.substr(at + 1);
  return which == stack.label || which == "all" || is_version_of(which, stack.version);
}

Plan make_plan(const std::vector<Scenario>& scenarios, const std::vector<const Stack*>& subjects, const std::vector<const Stack*>& partners,
               const Selection& selection) {
  Plan plan;
  for (const Scenario& scenario : scenarios) {
    if (!selection.scenarios.empty() && !matches_any(selection.scenarios, scenario.id)) continue;
    for (const Stack* subject : subjects) {
      for (const Stack* partner : partners) {
        for (const Role role : scenario.roles) {
          if (selection.role && *selection.role != role) continue;
          for (const Tls tls : scenario.versions) {
            if (selection.tls && *selection.tls != tls) continue;
            for (const Io io : scenario.modes) {
              if (selection.io && *selection.io != io) continue;
              Run run{&scenario, subject, partner, role, tls, io, {}};
              if (auto missing = missing_ability(*subject, scenario, Side::subject, role, tls, io))
                plan.unsupported.push_back({run, false, std::move(*missing)});
              else if (auto lacks = missing_ability(*partner, scenario, Side::partner, other(role), tls, io))
                plan.unsupported.push_back({run, true, std::move(*lacks)});
              else
                plan.runs.push_back(run);
            }
          }
        }
      }
    }
  }
  return plan;
}

}  // namespace tlsbye
