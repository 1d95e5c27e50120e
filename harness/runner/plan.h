// The plan: which runs a selection of scenarios, stacks and modes comes to.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/runner/runner.h"

namespace tlsbye {

// What the command line selects. Empty lists select everything.
struct Selection {
  std::vector<std::string> stacks;     // as `selects` takes them
  std::vector<std::string> partners;   // likewise; a single "all" for every stack
  std::vector<std::string> scenarios;  // globs over "family/name"
  std::optional<Tls> tls;
  std::optional<Role> role;
  std::optional<Io> io;
};

// NAME, a glob, of the stacks at hand; NAME@WHICH, where WHICH is a version as in harness/data/version.h, or a label, or `all`, of the
// obtained ones too; `all` of everything.
bool selects(const std::string& spec, const Stack& stack);

// A run that a stack's abilities do not allow, and the ability that is missing.
struct UnsupportedRun {
  Run run;
  bool by_partner = false;
  std::string ability;
};

struct Plan {
  std::vector<Run> runs;  // in the order: scenario, subject, partner, role, TLS version, io mode
  std::vector<UnsupportedRun> unsupported;
};

// The first ability that the stack lacks for its part in such a run; `role` is its own, `io` the subject's.
std::optional<std::string> missing_ability(const Stack& stack, const Scenario& scenario, Side side, Role role, Tls tls, Io io);

// `subjects` and `partners` are taken as they are; scenarios, roles, versions and modes are filtered by the selection.
Plan make_plan(const std::vector<Scenario>& scenarios, const std::vector<const Stack*>& subjects, const std::vector<const Stack*>& partners,
               const Selection& selection);

}  // namespace tlsbye
