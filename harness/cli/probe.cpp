#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>

#include "harness/cli/commands.h"
#include "harness/cli/out_folder.h"
#include "harness/cli/provenance.h"
#include "harness/cli/results.h"
#include "harness/cli/selection.h"
#include "harness/cli/story.h"
#include "harness/data/glob.h"
#include "harness/data/messages.h"
#include "harness/judge/gate.h"
#include "harness/judge/known.h"
#include "harness/oracle/closing.h"
#include "harness/runner/replay_id.h"
#include "reports/pcapng.h"
#include "reports/probed.h"

namespace tlsbye {
namespace {

using Clock = std::chrono::steady_clock;

// The library at our end of the wire.
const Stack& partner_named(const FoundStacks& found, const std::string& name, Role role) {
  const Stack* named = nullptr;
  for (const Stack& stack : found.stacks)
    if (selects(name, stack)) named = named ? named : &stack;
  if (!named) throw Stop{exit_usage, fmt::format("tlsbye: --partner {}: no such stack; `tlsbye list stacks` names them", name)};
  if (!named->can("programs") || !named->can(spell(role)))
    throw Stop{exit_usage, fmt::format("tlsbye: --partner {}: it cannot be a {} to real programs (`programs` in `tlsbye list stacks`)",
                                       named->id(), spell(role))};
  return *named;
}

// What kept a handshake from being done, in words; empty where it was done.
std::string obstacle(const Transcript& transcript) {
  const ApiCall* handshake = nullptr;
  for (const Event& event : transcript.events())
    if (const auto* call = event.as<ApiCall>(); call && call->side == Side::partner && call->call == Call::handshake) handshake = call;
  if (handshake && handshake->outcome == Outcome::done) return {};
  const Record* first = nullptr;
  for (const Event& event : transcript.events()) {
    if (const auto* record = event.as<Record>(); record && record->from == Side::subject) {
      if (!first) first = record;
      if (record->alert && record->alert->description != 0)
        return fmt::format("it refuses: alert {}", alert_name(record->alert->description));
      if (record == first && record->type == ContentType::raw)
        return fmt::format("it does not speak TLS: it sent `{}`", shown_bytes(record->content, 60));
    }
    const std::string_view when = first ? "within the handshake" : "before a word";
    if (const auto* end = event.as<TransportEnd>(); end && end->from == Side::subject && !end->delivered)
      return fmt::format("it {} {}", end->end == End::reset ? "resets the connection" : "ends its stream", when);
    if (const auto* did = event.as<ProgramDid>()) {
      if (did->what == ProgramDid::What::was_silent)
        return fmt::format("silent for {} ms {}", did->milliseconds, first ? "within the handshake" : "after the connection was made");
      if (did->what == ProgramDid::What::went_on) return fmt::format("it goes on without end: {}", did->text);
      return fmt::format("{} {}", did->text, when);
    }
    if (const auto* refused = event.as<NotDone>(); refused && refused->side == Side::partner && refused->unsupported)
      return fmt::format("our own library refuses: {}", refused->why);
    if (const auto* died = event.as<Died>()) return fmt::format("our own library ended: {}", died->detail);
    if (const auto* call = event.as<ApiCall>(); call && call == handshake && !call_again(call->outcome))
      return fmt::format("our library does not go on with it: {}", call->words.empty() ? call->code : call->words);
  }
  return "no handshake was done";
}

const Scenario& first_contact() {
  static const LoadedScenarios plain = parse_scenarios(
      "[[scenario]]\nid = \"contact\"\ntitle = \"a first contact\"\nwhy = \"Before all else.\"\nscript = '''\nboth handshake\npartner "
      "close-write\n"
      "partner fin\nwire await subject\n'''\n",
      "contact.toml", "programs");
  return plain.scenarios.at(0);
}

// How many statements a connection breaks; a success that was reported although the answer was cut is one.
std::size_t said_against(const Transcript& transcript, const Selected& chosen) {
  Judge judge(chosen.clauses, chosen.scope);
  judge.take(0, transcript, replay_id(transcript.key()));
  const RunReport report = judge.report();
  const auto broken = [](const Cell& cell) { return cell.verdict == Verdict::violates || cell.verdict == Verdict::discouraged; };
  return static_cast<std::size_t>(std::count_if(report.cells.begin(), report.cells.end(), broken)) +
         (success_although_cut(transcript).empty() ? 0 : 1);
}

}  // namespace

int probe_command(const House& house, const ProbeWords& words) {
  LoadedKnown known;
  if (!words.known.empty()) known = known_of(house, words.known);
  const PreparedProgram program(house, words.program);
  const Role role = program.role();
  Selected chosen;
  chosen.all_clauses = clauses_of(house);
  std::vector<std::string_view> clause_ids, scenario_ids;
  for (const Clause& clause : chosen.all_clauses)
    if (is_of_wire_alone(clause)) clause_ids.push_back(clause.id);
  check_globs(words.clauses, clause_ids, "clause that the wire alone can show");
  for (const Clause& clause : chosen.all_clauses)
    if (is_of_wire_alone(clause) && (words.clauses.empty() || matches_any(words.clauses, clause.id))) chosen.clauses.push_back(clause);
  const std::vector<Scenario> scenarios = program_scenarios_of(house);
  for (const Scenario& scenario : scenarios) scenario_ids.push_back(scenario.id);
  check_globs(words.scenarios, scenario_ids, "scenario for real programs");
  std::vector<const Scenario*> wanted;
  for (const Scenario& scenario : scenarios)
    if (std::find(scenario.roles.begin(), scenario.roles.end(), role) != scenario.roles.end() &&
        (words.scenarios.empty() || matches_any(words.scenarios, scenario.id)))
      wanted.push_back(&scenario);
  if (wanted.empty()) throw Stop{exit_usage, fmt::format("tlsbye: no scenario that was named is one for a {}", spell(role))};
  chosen.found = stacks_of(house);
  const Stack& partner = partner_named(chosen.found, words.partner, other(role));
  const OutFolder out(words.out, {"transcripts", "captures"});

  const std::vector<Tls> versions = words.tls ? std::vector<Tls>{*words.tls} : std::vector<Tls>{Tls::v1_3, Tls::v1_2};
  const unsigned repeat = words.repeat.value_or(program.program().command.empty() ? 1 : 2);
  const std::size_t planned = std::min<std::size_t>(words.at_most, versions.size() * (1 + repeat * wanted.size()));
  tell_user("tlsbye: {}: {} connections at most, one at a time\n", program.called(), planned);
  if (program.program().is_client())
    tell_user("tlsbye: {} at {}:{}\n", words.program.command.empty() ? "each client that connects is served" : "it is to connect",
               program.program().host, program.program().port);
  const std::atomic<bool>& interrupted = interrupted_gently();

  Runner runner(RunnerOptions{});
  const auto began = Clock::now();
  Probed probed{program.called(), role, {}, {}};
  unsigned connections = 0;
  const auto make = [&](const Scenario& scenario, Tls tls) -> std::variant<Made, HarnessError> {
    ++connections;
    Run run{&scenario, &program.stack(), &partner, role, tls, Io::nonblocking, {}};
    run.program = &program.program();
    return runner.make(run);
  };

  chosen.scope.stacks = {info_of(program.stack())};
  chosen.scope.roles = {role};
  chosen.scope.io = {Io::nonblocking};
  chosen.scope.tls.clear();
  for (const Tls tls : versions) {
    if (connections >= words.at_most || interrupted) break;
    if (!partner.can(fmt::format("tls-{}", spell(tls)))) {
      probed.remarks.push_back(fmt::format("TLS {}: {} does not have it", spell(tls), partner.id()));
      continue;
    }
    const auto met = make(first_contact(), tls);
    const auto* error = std::get_if<HarnessError>(&met);
    const std::string what = error ? error->what : obstacle(std::get<Made>(met).transcript);
    if (what.empty())
      chosen.scope.tls.push_back(tls);
    else
      probed.remarks.push_back(fmt::format("TLS {}: {}", spell(tls), what));
  }
  if (chosen.scope.tls.empty()) {
    std::string text = fmt::format("tlsbye: {}: nothing can be judged of it", program.called());
    for (const std::string& remark : probed.remarks) text += "\n  " + remark;
    throw Stop{exit_harness, text};
  }

  Provenance of_program;
  of_program.replay_words = program.replay_words();
  KeptRuns kept(words.out, more_replay_words(of_program));
  Judge judge(chosen.clauses, chosen.scope);
  std::size_t index = 0, unmade = 0;
  bool complete = true;
  for (const Scenario* scenario : wanted) {
    for (const Tls tls : chosen.scope.tls) {
      if (std::find(scenario->versions.begin(), scenario->versions.end(), tls) == scenario->versions.end()) continue;
      // All connections of one kind have one replay id. The one that says most against the program is kept and judged; the others count.
      std::optional<Made> worst;
      std::size_t most = 0;
      std::vector<std::string> reactions;
      for (unsigned time = 0; time < repeat; ++time) {
        if (interrupted) complete = false;
        if (connections >= words.at_most || interrupted) {
          ++unmade;
          continue;
        }
        auto made = make(*scenario, tls);
        const auto* error = std::get_if<HarnessError>(&made);
        const std::string what = error ? error->what : obstacle(std::get<Made>(made).transcript);
        if (!what.empty()) {
          const std::string remark = fmt::format("{}, TLS {}: {}", scenario->title, spell(tls), what);
          if (probed.remarks.empty() || probed.remarks.back() != remark) probed.remarks.push_back(remark);
          continue;
        }
        const Transcript& transcript = std::get<Made>(made).transcript;
        reactions.push_back(reaction(transcript));
        const std::size_t against = repeat == 1 ? 1 : 1 + said_against(transcript, chosen);
        if (against <= most) continue;
        most = against;
        worst = std::move(std::get<Made>(made));
      }
      if (!worst) continue;
      const std::string replay = replay_id(worst->transcript.key());
      judge.take(index++, worst->transcript, replay);
      probed.runs.push_back({scenario->title, worst->transcript, replay, std::move(reactions)});
      kept.keep(replay, worst->transcript, worst->capture);
    }
  }
  if (unmade > 0 && complete)
    probed.remarks.push_back(fmt::format("{} more connections were not made (--at-most {})", unmade, words.at_most));

  RunReport report = judge.report();
  report.complete = complete;
  report.duration_s = std::chrono::duration<double>(Clock::now() - began).count();
  chosen.partners = {&partner};
  RunWords as_run;
  as_run.selection.stacks = {program.stack().name};
  as_run.selection.partners = {partner.name};
  as_run.selection.scenarios = words.scenarios;
  as_run.clauses = words.clauses;
  as_run.selection.role = role;
  as_run.selection.tls = words.tls;
  report.provenance = provenance_of(house, as_run, chosen, known);
  report.provenance.replay_words = program.replay_words();
  const KnownResult applied = apply_known(report, known.entries, chosen.all_clauses, today(), {{program.stack().name}, {}});
  const std::optional<Stop> unwritten = write_results(house, words.out, report, kept.transcripts, [&] { write_runs(words.out, kept); });

  fmt::print("{}", probed_text(probed, report, chosen.all_clauses, terminal_style(STDOUT_FILENO)));
  if (!unwritten) fmt::print("Each connection, told and for Wireshark: {}, and run.json beside it\n", (words.out / page_file).string());
  std::fflush(stdout);
  if (unwritten) throw *unwritten;
  if (!report.complete) tell_user("tlsbye: interrupted; what was judged so far is written and marked incomplete\n");
  const bool cut_unnoticed = std::any_of(probed.runs.begin(), probed.runs.end(),
                                         [](const ProbedRun& run) { return !success_although_cut(run.transcript).empty(); });
  const GateResult verdict = gate(report, applied, words.fail_on);
  if (words.gate) fmt::print("\n{}", verdict.summary);
  if (words.gate && cut_unnoticed) fmt::print("A success was reported of an answer that was cut.\n");
  if (!report.complete) return exit_harness;
  return words.gate && (!verdict.green || cut_unnoticed) ? exit_no : exit_done;
}

}  // namespace tlsbye
