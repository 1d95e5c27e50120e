#include "harness/cli/handshakes.h"

#include <fmt/format.h>

#include <set>
#include <tuple>

namespace tlsbye {
namespace {

// How that side's handshake ended: "SSL_do_handshake -1 SSL_ERROR_SSL (no protocols available)".
std::string said_by(Side side, const Transcript& transcript) {
  std::string said = "made no call";
  for (const Event& event : transcript.events()) {
    if (const auto* died = event.as<Died>(); died && died->side == side) return died->detail;
    if (const auto* refused = event.as<NotDone>(); refused && refused->side == side) said = refused->why;
    const auto* call = event.as<ApiCall>();
    if (!call || call->side != side || call->call != Call::handshake) continue;
    said = fmt::format("{} {}{}{}", call->native, call->returned, call->code.empty() ? "" : " " + call->code,
                       call->words.empty() ? "" : fmt::format(" ({})", call->words));
  }
  return said;
}

bool succeeded(Side side, const Transcript& transcript) {
  for (const Event& event : transcript.events())
    if (const auto* call = event.as<ApiCall>();
        call && call->side == side && call->call == Call::handshake && call->outcome == Outcome::done)
      return true;
  return false;
}

}  // namespace

std::vector<std::string> failing_handshakes(const Selected& chosen, const RunnerOptions& options, const std::atomic<bool>& interrupted) {
  const LoadedScenarios plain = parse_scenarios(
      "[[scenario]]\nid = \"plain\"\ntitle = \"A plain handshake\"\nwhy = \"Before all else.\"\nscript = '''\nboth handshake\n'''\n",
      "handshake.toml", "handshake");
  std::vector<std::string> problems;
  Runner runner(options);
  std::set<std::tuple<const Stack*, const Stack*, Role, Tls>> tried;
  for (const Run& planned : chosen.plan.runs) {
    if (interrupted.load(std::memory_order_relaxed)) break;
    if (!tried.emplace(planned.subject, planned.partner, planned.role, planned.tls).second) continue;
    Run run = planned;
    run.scenario = &plain.scenarios.at(0);
    run.io = run.subject->can("blocking-only") ? Io::blocking : Io::nonblocking;
    run.schedule = {};
    const auto result = runner.make(run);
    const std::string column =
        fmt::format("{} as {}, TLS {}, against {}", run.subject->id(), spell(run.role), spell(run.tls), run.partner->id());
    if (const auto* error = std::get_if<HarnessError>(&result)) {
      problems.push_back(fmt::format("{}: no handshake: {}", column, error->what));
      continue;
    }
    const Transcript& transcript = std::get<Made>(result).transcript;
    if (succeeded(Side::subject, transcript) && succeeded(Side::partner, transcript)) continue;
    problems.push_back(fmt::format("{}: no handshake succeeds, and nothing behind one can be judged: {} said {}; {} said {}", column,
                                   run.subject->name, said_by(Side::subject, transcript), run.partner->name,
                                   said_by(Side::partner, transcript)));
  }
  return problems;
}

}  // namespace tlsbye
