#include "harness/runner/plan.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

namespace tlsbye {
namespace {

// The first ability that the stack lacks for its part in the run.
std::optional<std::string> missing_ability(const Stack& stack, Role role, Tls tls, const std::vector<std::string>& options,
                                           const std::vector<std::string>& needs) {
  std::vector<std::string> wanted{std::string(spell(role)), fmt::format("tls-{}", spell(tls))};
  wanted.insert(wanted.end(), options.begin(), options.end());
  wanted.insert(wanted.end(), needs.begin(), needs.end());
  for (std::string& ability : wanted)
    if (!stack.can(ability)) return std::move(ability);
  return std::nullopt;
}

}  // namespace

bool matches(std::string_view glob, std::string_view text) {
  return ::fnmatch(std::string(glob).c_str(), std::string(text).c_str(), 0) == 0;
}

bool matches_any(const std::vector<std::string>& globs, std::string_view text) {
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) { return matches(glob, text); });
}

bool selects(const std::string& spec, const Stack& stack) {
  return spec.find('@') == std::string::npos ? matches(spec, stack.name) : matches(spec, stack.id());
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
              Run run{&scenario, subject, partner, role, tls, io};
              if (auto missing = missing_ability(*subject, role, tls, scenario.options, scenario.needs))
                plan.unsupported.push_back({run, false, std::move(*missing)});
              else if (auto lacks = missing_ability(*partner, other(role), tls, scenario.partner_options, scenario.partner_needs))
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
