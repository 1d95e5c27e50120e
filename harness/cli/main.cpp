// The command line: words in, one command called, an exit code out. What there is to be done stands in commands.h.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <system_error>

#include "harness/cli/campaign.h"
#include "harness/cli/commands.h"
#include "harness/data/diagnostic.h"
#include "harness/data/messages.h"
#include "harness/data/printable.h"

namespace {

using namespace tlsbye;

// A word of a closed list, as an option's value.
template <typename Enum>
CLI::Option* add_word(CLI::App* command, const std::string& name, std::optional<Enum>& value, const std::string& meaning) {
  std::string list;
  for (const std::string_view word : Words<Enum>::list) list += (list.empty() ? "" : "|") + std::string(word);
  return command
      ->add_option_function<std::string>(
          name,
          [&value, name, list](const std::string& word) {
            value = read_word<Enum>(word);
            if (!value) throw CLI::ValidationError(name, fmt::format("`{}` is none of {}", word, list));
          },
          meaning)
      ->type_name(list);
}

// A file or folder. An empty name is what a variable gives that is not set; it is never the current folder.
CLI::Option* add_path(CLI::App* command, const std::string& name, std::filesystem::path& path, const std::string& meaning) {
  const auto named = [](const std::string& word) {
    return std::string(word.empty() ? "an empty name (of a variable that is not set?)" : "");
  };
  return command->add_option(name, path, meaning)->check(named, "");
}

// What several commands have options for. One command is called at a time, so that there is one of these.
struct Shared {
  std::vector<std::string> words;
  std::vector<std::string> behind;          // the words behind `--`: a command to be started
  std::vector<std::filesystem::path> more;  // folders of scenarios
  std::filesystem::path peers;
  std::vector<Library> libraries;
  unsigned patience_s = 10;

  std::chrono::milliseconds patience() const { return std::chrono::seconds(patience_s); }
};

// A command: its options, whose values it keeps itself, and what it does with them once all words are read.
struct Command {
  CLI::App* options;
  std::function<int(const House&)> call;
};

void add_scenarios(CLI::App* command, Shared& shared) {
  command
      ->add_option_function<std::vector<std::string>>(
          "--scenarios",
          [&more = shared.more](const std::vector<std::string>& folders) {
            for (const std::string& folder : folders) {
              if (folder.empty()) throw CLI::ValidationError("--scenarios", "an empty name (of a variable that is not set?)");
              more.emplace_back(folder);
            }
          },
          "A further folder of scenario files, and of clauses in its folder `clauses`; again for more")
      ->allow_extra_args(false)
      ->type_name("DIR");
}

void add_peers(CLI::App* command, Shared& shared) {
  add_path(command, "--peers", shared.peers, "Folder of the peer programs");
  command
      ->add_option_function<std::vector<std::string>>(
          "--lib",
          [&libraries = shared.libraries](const std::vector<std::string>& specs) {
            for (const std::string& spec : specs) {
              const std::size_t sign = spec.find('=');
              if (sign == std::string::npos || sign == 0 || sign + 1 == spec.size())
                throw CLI::ValidationError("--lib", fmt::format("`{}` is not NAME=PREFIX, as in openssl=/opt/openssl-3.5", spec));
              libraries.push_back({spec.substr(0, sign), spec.substr(sign + 1)});
            }
          },
          "Run the peer of that name against the library below PREFIX (installed, or a build tree) instead of the system's; again for "
          "more")
      ->type_name("NAME=PREFIX");
}

void add_patience(CLI::App* command, Shared& shared) {
  command->add_option("--patience", shared.patience_s, "Seconds without an answer after which a peer is taken to hang (10)")
      ->check(CLI::Range(1U, 3600U));
}

// Gives the option for the mildest verdict that fails.
CLI::Option* add_known(CLI::App* command, std::filesystem::path& known, Verdict& fail_on) {
  add_path(command, "--known", known, "Accepted deviations (scenarios/known.toml)");
  return command
      ->add_option_function<std::string>(
          "--fail-on", [&fail_on](const std::string& word) { fail_on = *read_word<Verdict>(word); },
          "The mildest verdict that fails (violates)")
      ->check(CLI::IsMember({"violates", "discouraged", "differs"}));
}

// "2/5"
Shard read_shard(const std::string& word) {
  Shard shard;
  char end = 0;
  if (std::sscanf(word.c_str(), "%4zu/%4zu%c", &shard.number, &shard.of, &end) != 2 || shard.number < 1 || shard.number > shard.of)
    throw CLI::ValidationError("--shard", fmt::format("`{}` is not K/N, as in 2/5: the second of five parts (of 9999 at most)", word));
  return shard;
}

Command add_run(CLI::App& app, Shared& shared) {
  const auto words = std::make_shared<RunWords>();
  CLI::App* run = app.add_subcommand("run", "Run the scenarios and judge every clause");
  run->add_option("--stack", words->selection.stacks,
                  "Subjects: NAME, NAME@VERSION, NAME@LABEL (openssl@3.5, @'>=3.2', @trixie, @*); those installed; all: every build")
      ->type_name("NAME");
  run->add_option("--partner", words->selection.partners, "Partners: NAME[@VERSION], a glob, or all: each library once (openssl)")
      ->type_name("NAME");
  run->add_option("--scenario", words->selection.scenarios, "Scenarios: a glob; all")->type_name("GLOB");
  run->add_option("--clause", words->clauses, "Clauses: a glob; all")->type_name("GLOB");
  add_word(run, "--tls", words->selection.tls, "TLS version; all that the scenarios name");
  add_word(run, "--role", words->selection.role, "Role of the subject; both");
  add_word(run, "--io", words->selection.io, "Blocking mode of the subject; both");
  CLI::Option* sweep = run->add_flag(
      "--sweep", words->sweep, "Also runs with faults at every transport call and ends after every byte, where a scenario asks for it");
  words->pairs = default_pairs;
  run->add_option(
         "--pairs", words->pairs,
         fmt::format("With --sweep: a second would-block at each of the next N transport calls after the first ({})", default_pairs))
      ->check(CLI::Range(0U, 1000U))
      ->needs(sweep);
  run->add_option("--jobs", words->jobs, "Workers (one for each core)")->check(CLI::Range(1U, 1024U));
  run->add_flag("--isolate", words->isolate, "A process of its own for every session");
  add_path(run, "--out", words->out, "Folder for the results (out)");
  run->add_flag("--all", words->all, "Also tells the whole matrix, and not only the worst of it");
  CLI::Option* gate = run->add_flag("--gate", words->gate, "Exit 1 on an unexpected verdict");
  run->add_option_function<std::string>(
         "--shard", [words](const std::string& word) { words->shard = read_shard(word); },
         "Only the Kth of N parts; `tlsbye merge` makes one run of them all")
      ->type_name("K/N")
      ->excludes(gate);
  add_known(run, words->known, words->fail_on)->needs(gate);
  add_scenarios(run, shared);
  add_patience(run, shared);
  add_peers(run, shared);
  return {run, [words, &shared](const House& house) {
            words->patience = shared.patience();
            return run_command(house, *words);
          }};
}

Command add_list(CLI::App& app, Shared& shared) {
  const auto words = std::make_shared<ListWords>();
  CLI::App* list = app.add_subcommand("list", "Name what there is");
  list->add_option("what", words->kind, fmt::format("{}", fmt::join(listed, ", ")))
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>(listed.begin(), listed.end())));
  CLI::Option* json = list->add_flag("--json", words->json, "As JSON");
  list->add_option("--stack", words->cells.selection.stacks, "cells: of these stacks")->type_name("NAME");
  list->add_option("--clause", words->cells.clauses, "cells: of these clauses")->type_name("GLOB");
  CLI::Option* coverage =
      list->add_flag("--coverage", words->coverage, "clauses: which rows of the catalogue have clauses, and which do not")->excludes(json);
  list->add_flag("--rows", words->rows, "with --coverage: row by row")->needs(coverage);
  add_scenarios(list, shared);
  add_peers(list, shared);
  return {list, [words, list](const House& house) {
            // An option that would change nothing is a mistake in what was asked for.
            const std::map<std::string, std::vector<std::string_view>> only_for{
                {"--stack", {"cells"}},           {"--clause", {"cells"}},
                {"--coverage", {"clauses"}},      {"--scenarios", {"scenarios", "clauses", "cells"}},
                {"--peers", {"stacks", "cells"}}, {"--lib", {"stacks", "cells"}}};
            for (const auto& [option, kinds] : only_for)
              if (list->count(option) > 0 && std::find(kinds.begin(), kinds.end(), words->kind) == kinds.end())
                throw Stop{exit_usage, fmt::format("tlsbye list {}: {} says nothing about {}; it is for `tlsbye list {}`", words->kind,
                                                   option, words->kind, fmt::join(kinds, "` and `tlsbye list "))};
            return list_command(house, *words);
          }};
}

Command add_show(CLI::App& app, Shared& shared) {
  const auto words = std::make_shared<ShowWords>();
  CLI::App* show = app.add_subcommand(
      "show",
      "A clause, a scenario (globs), a replay id: citation, what tests it, what was seen; or a stack's name: how to close safely on it; two of them, FROM..TO: what changes for who moves");
  show->add_option("what", words->what)->required();
  show->add_option("--stack", words->stacks, "Of a clause or a scenario: what was seen on these, NAME[@VERSION], a glob; all")
      ->type_name("NAME");
  add_path(show, "--out", words->out, "Folder of the results (out)");
  add_scenarios(show, shared);
  return {show, [words](const House& house) { return show_command(house, *words); }};
}

// "300ms", "90s", "10m", "1h".
std::chrono::milliseconds time_of(const std::string& word, const std::string& option) {
  const std::map<std::string, unsigned long long> units{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
  const std::size_t digits = std::min(word.find_first_not_of("0123456789"), word.size());
  const auto unit = units.find(word.substr(digits));
  if (digits == 0 || digits > 6 || unit == units.end())
    throw CLI::ValidationError(option, fmt::format("`{}` is not a time; times are written 300ms, 90s, 10m, 1h", word));
  return std::chrono::milliseconds(std::stoull(word.substr(0, digits)) * unit->second);
}

std::uint64_t seed_of(const std::string& word) {
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), seed);
  if (error != std::errc() || end != word.data() + word.size())
    throw CLI::ValidationError("--seed", fmt::format("`{}` is not a whole number from 0 to {}", word, UINT64_MAX));
  return seed;
}

// What is said to a real program, and how it is met.
void add_program(CLI::App* command, ProgramWords& words, const std::string& silence) {
  command->add_option("--listen", words.listen, "A client is the subject: where it connects to, [ADDRESS:]PORT; port 0: any that is free")
      ->type_name("[ADDR:]PORT");
  std::vector<std::string> names = protocol_names();
  command->add_option("--protocol", words.protocol, fmt::format("What a client of it says, STARTTLS included: {}", fmt::join(names, ", ")))
      ->check(CLI::IsMember(names));
  command->add_option("--say", words.say, "What we say in TLS, as in 'GET / HTTP/1.0\\r\\n\\r\\n'")->type_name("TEXT");
  command->add_option("--goodbye", words.goodbye, "What we say for it to close (what --say has)")->type_name("TEXT");
  command->add_option("--until", words.until, "Then we wait until this has come (until it ends its stream, or is silent)")
      ->type_name("TEXT");
  command->add_option("--serve", words.serve, "What we answer a client: a file, or a text (a short HTTP response)")->type_name("TEXT|FILE");
  command->add_option(
      "--sni", words.server_name,
      "The server's name, as it is asked for (SNI), called in http and xmpp and, with --trust, checked (HOST, if it is a name)");
  command->add_option("--alpn", words.alpn, "Protocols to offer, with commas between");
  command->add_option("--trust", words.trust, "Check the server's certificate: a file of certificates, or `system` (any is taken)")
      ->type_name("FILE|system");
  CLI::Option* certificate =
      command->add_option("--cert", words.certificate, "The certificate that we show, with those above it: a PEM file (one of our own)")
          ->type_name("FILE");
  command->add_option("--key", words.key, "Its private key: a PEM file (the certificate's)")->type_name("FILE")->needs(certificate);
  command->add_option("--as", words.as, "What reports call it (host and port; the command)")->type_name("NAME[@VERSION]");
  command
      ->add_option_function<std::string>(
          silence, [&words, silence](const std::string& word) { words.patience = time_of(word, silence); },
          "So long a real program may be silent before the script goes on (2s)")
      ->type_name("TIME");
}

Command add_replay(CLI::App& app, Shared& shared) {
  const auto words = std::make_shared<ReplayWords>();
  CLI::App* replay = app.add_subcommand("replay", "One run again, told step by step");
  replay->add_option("id", words->id, "Replay id, as every report names it")->required();
  replay->add_option("--probe", words->program.server, "Of a run of `tlsbye probe`: the server")->type_name("HOST:PORT");
  add_program(replay, words->program, "--silence");
  add_path(replay, "--capture", words->capture, "Write the run for Wireshark, with its secrets, as out/captures/ has it")
      ->type_name("FILE.pcapng");
  replay->add_flag("--isolate", words->isolate, "A process of its own for every session");
  add_scenarios(replay, shared);
  add_patience(replay, shared);
  add_peers(replay, shared);
  return {replay, [words, &shared](const House& house) {
            words->program.command = shared.behind;
            words->patience = shared.patience();
            return replay_command(house, *words);
          }};
}

Command add_gate(CLI::App& app) {
  const auto words = std::make_shared<GateWords>();
  CLI::App* gate = app.add_subcommand("gate", "Exit 1 if a run has unexpected verdicts or stale known entries");
  add_path(gate, "run", words->run_file, "run.json")->required();
  add_known(gate, words->known, words->fail_on);
  CLI::Option* update = gate->add_flag(
      "--update", words->update,
      "Instead of judging: add an entry for each deviation that the list (known.toml) does not accept yet, without its reason");
  CLI::Option* prune = gate->add_flag("--prune", words->prune, "Instead of judging: drop the entries that are stale from the list");
  gate->add_flag("--json", words->json, "The answer as JSON")->excludes(update)->excludes(prune);
  return {gate, [words](const House& house) { return gate_command(house, *words); }};
}

Command add_get(CLI::App& app) {
  const auto words = std::make_shared<GetWords>();
  CLI::App* get = app.add_subcommand("get", "Obtain other builds of libraries, and make the peers for them");
  get->add_option("builds", words->builds, "STACK@VERSION, STACK@SUITE, STACK@all, all: openssl@3.5, gnutls@trixie");
  CLI::Option* list = get->add_flag("--list", words->list, "What can be had, what is here, how many bytes it takes");
  get->add_flag("--remove", words->remove, "Take them away again")->excludes(list);
  get->add_flag("--refresh", words->refresh, "Ask the suites anew, and obtain again what is here");
  get->add_flag("--json", words->json, "The list as JSON")->needs(list);
  return {get, [words](const House& house) { return get_command(house, *words); }};
}

Command add_merge(CLI::App& app) {
  const auto words = std::make_shared<MergeWords>();
  CLI::App* merge = app.add_subcommand("merge", "Make one run of runs that were made in parts (`run --shard`), or of different libraries");
  merge
      ->add_option_function<std::vector<std::string>>(
          "runs", [words](const std::vector<std::string>& files) { words->run_files.assign(files.begin(), files.end()); }, "run.json")
      ->required();
  add_path(merge, "--out", words->out, "Folder for the results (out)");
  add_path(merge, "--known", words->known, "Accepted deviations, as the runs had them (scenarios/known.toml)");
  return {merge, [words](const House& house) { return merge_command(house, *words); }};
}

Command add_judge(CLI::App& app) {
  const auto words = std::make_shared<JudgeWords>();
  CLI::App* judge = app.add_subcommand("judge", "How the connections in a capture were closed, and by whom");
  add_path(judge, "capture", words->capture, "A capture: pcap or pcapng")->required();
  add_path(judge, "--keys", words->keys, "TLS key log (SSLKEYLOGFILE), beside the secrets that the capture holds")->type_name("FILE");
  CLI::Option* as_markdown = judge->add_flag("--markdown", words->markdown, "As Markdown, for a bug report");
  judge->add_flag("--json", words->json, "As JSON")->excludes(as_markdown);
  CLI::Option* gate = judge->add_flag("--gate", words->gate, "Exit 1 where a clause is violated");
  judge
      ->add_option_function<std::string>(
          "--fail-on", [words](const std::string& word) { words->fail_on = *read_word<Verdict>(word); },
          "The mildest verdict that fails (violates)")
      ->check(CLI::IsMember({"violates", "discouraged", "differs"}))
      ->needs(gate);
  return {judge, [words](const House& house) { return judge_command(house, *words); }};
}

Command add_probe(CLI::App& app, Shared& shared) {
  const auto words = std::make_shared<ProbeWords>();
  CLI::App* probe = app.add_subcommand(
      "probe",
      "How a real server closes: HOST:PORT; or a client that is started: --listen PORT -- COMMAND, with {host}, {port}, {ca} in it");
  probe->add_option("server", words->program.server, "HOST:PORT")->type_name("HOST:PORT");
  add_program(probe, words->program, "--patience");
  probe->add_option("--scenario", words->scenarios, "Scenarios of real programs: a glob; all")->type_name("GLOB");
  probe->add_option("--clause", words->clauses, "Clauses: a glob; all that the wire alone can show")->type_name("GLOB");
  add_word(probe, "--tls", words->tls, "TLS version; 1.2 and 1.3");
  probe->add_option("--partner", words->partner, "The library at our end (openssl)")->type_name("NAME");
  probe->add_option("--at-most", words->at_most, fmt::format("Connections at most ({})", default_connections))
      ->check(CLI::Range(1U, 10'000U));
  probe
      ->add_option(
          "--repeat", words->repeat,
          "So many connections of each kind; where they differ it is a race, and the odds are said (2 where a command is started, or 1)")
      ->check(CLI::Range(1U, 1000U));
  add_path(probe, "--out", words->out, "Folder for the results (out)");
  CLI::Option* gate =
      probe->add_flag("--gate", words->gate, "Exit 1 on an unexpected verdict, or a success that was reported of a cut answer");
  add_known(probe, words->known, words->fail_on)->needs(gate);
  add_scenarios(probe, shared);
  add_peers(probe, shared);
  return {probe, [words, &shared](const House& house) {
            if (words->program.server.empty() == !words->program.listen.has_value())
              throw Stop{exit_usage, "tlsbye probe: which program? HOST:PORT for a server; --listen PORT -- COMMAND for a client"};
            if (!words->program.listen && !shared.behind.empty())
              throw Stop{exit_usage, "tlsbye probe: a command is for --listen PORT -- COMMAND"};
            words->program.command = shared.behind;
            return probe_command(house, *words);
          }};
}

Command add_diff(CLI::App& app) {
  const auto words = std::make_shared<DiffWords>();
  CLI::App* diff = app.add_subcommand("diff", "What changed between two runs");
  add_path(diff, "old", words->before, "run.json")->required();
  add_path(diff, "new", words->after, "run.json")->required();
  diff->add_flag("--all", words->all, "All of it, and not only a screenful");
  CLI::Option* as_markdown = diff->add_flag("--markdown", words->markdown, "As Markdown, for a pull request");
  diff->add_flag("--json", words->json, "As JSON, schema reports/diff.schema.json")->excludes(as_markdown);
  diff->add_option_function<std::string>(
          "--fail-on", [words](const std::string& word) { words->fail_on_changed = word == "changed"; },
          "What ends with 1: broken, a verdict that is worse now or a cell that is gone; or changed, any other change of a cell, trait or "
          "set of libraries too (broken)")
      ->check(CLI::IsMember({"broken", "changed"}));
  return {diff, [words](const House& house) { return diff_command(house, *words); }};
}

Command add_history(CLI::App& app) {
  const auto words = std::make_shared<HistoryWords>();
  CLI::App* history = app.add_subcommand("history", "Since which version of a library something is so, and in which it was mended");
  history
      ->add_option_function<std::vector<std::string>>(
          "runs", [words](const std::vector<std::string>& files) { words->run_files.assign(files.begin(), files.end()); },
          "run.json; several for versions that were run one by one")
      ->required();
  history->add_option("--stack", words->of.stacks, "Of these libraries: a glob; all")->type_name("NAME");
  history->add_option("--clause", words->of.names, "Of these clauses or traits: a glob; all")->type_name("GLOB");
  history->add_flag("--all", words->all, "Also what conforms, or answers the same, in every version");
  CLI::Option* as_markdown = history->add_flag("--markdown", words->markdown, "As Markdown");
  history->add_flag("--json", words->json, "As JSON, schema reports/history.schema.json")->excludes(as_markdown);
  return {history, [words](const House&) { return history_command(*words); }};
}

Command add_report(CLI::App& app) {
  struct Words : ReportWords {
    std::vector<std::filesystem::path> paths = std::vector<std::filesystem::path>(report_formats().size());  // in the order of the formats
  };
  const auto words = std::make_shared<Words>();
  CLI::App* report = app.add_subcommand("report", "Make the reports of a run again, from its run file");
  add_path(report, "run", words->run_file, "run.json")->required();
  for (std::size_t i = 0; i < report_formats().size(); ++i)
    add_path(report, report_formats()[i].option, words->paths[i], report_formats()[i].help)->type_name("FILE");
  CLI::Option* terminal = report->add_flag("--terminal", words->terminal, "On standard output, as after a run");
  report->add_flag("--all", words->all, "With --terminal: the whole matrix, too")->needs(terminal);
  return {report, [words](const House& house) {
            for (std::size_t i = 0; i < words->paths.size(); ++i)
              if (!words->paths[i].empty()) words->files.push_back({&report_formats()[i], words->paths[i]});
            return report_command(house, *words);
          }};
}

Command add_explore(CLI::App& app, Shared& shared) {
  const auto words = std::make_shared<ExploreWords>();
  CLI::App* explore = app.add_subcommand("explore", "Tries random scripts and changed scenarios; shrinks and keeps what is new");
  explore
      ->add_option_function<std::string>(
          "--seed", [words](const std::string& word) { words->seed = seed_of(word); }, "Which scripts: the same seed, the same scripts (1)")
      ->type_name("UINT");
  CLI::Option* runs = explore->add_option("--runs", words->runs, fmt::format("How many runs ({})", default_explored))
                          ->check(CLI::Range(1U, 1'000'000'000U));
  explore
      ->add_option_function<std::string>(
          "--for",
          [words](const std::string& word) {
            words->time = time_of(word, "--for");
            if (words->time->count() == 0) throw CLI::ValidationError("--for", fmt::format("`{}` leaves no time for a run", word));
          },
          "For how long: 90s, 10m, 1h")
      ->type_name("TIME")
      ->excludes(runs);
  explore->add_option("--stack", words->selection.stacks, "Subjects: NAME[@VERSION], a glob; all")->type_name("NAME");
  explore->add_option("--partner", words->selection.partners, "Partners: NAME[@VERSION], a glob, or all: each library once (openssl)")
      ->type_name("NAME");
  explore->add_option("--clause", words->clauses, "Judged by these clauses: a glob; all")->type_name("GLOB");
  add_path(explore, "--against", words->against,
           "What is not new: a run file (run.json), or a list of accepted deviations (known.toml); without it the scenarios are run first")
      ->type_name("FILE");
  explore->add_option("--jobs", words->jobs, "Workers (one for each core)")->check(CLI::Range(1U, 1024U));
  add_path(explore, "--out", words->out, "Folder for the results (out/explored)");
  explore->add_flag("--gate", words->gate, "Exit 1 where something new was found");
  add_scenarios(explore, shared);
  add_patience(explore, shared);
  add_peers(explore, shared);
  return {explore, [words, &shared](const House& house) {
            words->patience = shared.patience();
            return explore_command(house, *words);
          }};
}

Command add_shrink(CLI::App& app, Shared& shared) {
  const auto words = std::make_shared<ShrinkWords>();
  RunWords& runs = words->runs;
  runs.out = "out/shrunk";
  CLI::App* shrink = app.add_subcommand("shrink", "Reduces a scenario to the smallest script that still breaks a clause, for each clause");
  shrink->add_option("what", words->what, "SCENARIO or REPLAY-ID")->required()->type_name("WHAT");
  shrink->add_option("--clause", runs.clauses, "Of these clauses: a glob; all that it breaks")->type_name("GLOB");
  shrink->add_option("--stack", runs.selection.stacks, "Of these libraries: NAME[@VERSION], a glob; all")->type_name("NAME");
  shrink->add_option("--partner", runs.selection.partners, "Partners: NAME[@VERSION], a glob, or all: each library once (openssl)")
      ->type_name("NAME");
  add_word(shrink, "--tls", runs.selection.tls, "TLS version; all that the scenario names");
  add_word(shrink, "--role", runs.selection.role, "Role of the subject; both");
  add_word(shrink, "--io", runs.selection.io, "Blocking mode of the subject; both");
  shrink->add_option("--jobs", runs.jobs, "Workers (one for each core)")->check(CLI::Range(1U, 1024U));
  add_path(shrink, "--out", runs.out, "Folder for the result (out/shrunk)");
  add_scenarios(shrink, shared);
  add_patience(shrink, shared);
  add_peers(shrink, shared);
  return {shrink, [words, &shared](const House& house) {
            words->runs.patience = shared.patience();
            return shrink_command(house, *words);
          }};
}

Command add_selftest(CLI::App& app) {
  return {app.add_subcommand("selftest", "Break every property on purpose, and see that it is noticed"), selftest_command};
}

Command add_complete(CLI::App& app) {
  struct Words {
    std::string kind, command;
  };
  const auto words = std::make_shared<Words>();
  CLI::App* complete = app.add_subcommand("complete", "For shells")->group("");
  complete->add_option("kind", words->kind)->required();
  complete->add_option("command", words->command);
  return {complete, [words, &app](const House& house) { return complete_command(house, app, words->kind, words->command); }};
}

// What a user reads: a word that was typed, or a line of a file, may hold anything, and be as long as it likes.
std::string readable(std::string_view message) {
  constexpr std::size_t longest = 500, kept = 100;  // of a word
  constexpr std::string_view blanks = " \n\t";
  std::string text;
  while (!message.empty()) {
    const std::size_t end = std::min(message.find_first_of(blanks), message.size());
    std::string word = printable(message.substr(0, end));
    if (word.size() > longest) word.replace(kept, word.size() - 2 * kept, " ... ");
    text += word + std::string(message.substr(end, 1));
    message.remove_prefix(std::min(end + 1, message.size()));
  }
  return text;
}

int stopped(Exit code, std::string_view message) {
  std::fflush(stdout);
  tell_user("{}\n", readable(message));
  return code;
}

// What is wrong with the words that were typed. Exits of `--help` and `--version` are none of it.
int misused(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<CLI::App*> called = app.get_subcommands();
  const bool before = called.empty() || !app.remaining().empty();  // it stands before the command
  const CLI::App& command = before ? app : *called.front();
  const std::string name = before ? "tlsbye" : "tlsbye " + command.get_name();
  std::string problem = error.what();
  if (const auto left = command.remaining(); dynamic_cast<const CLI::ExtrasError*>(&error) && !left.empty()) {
    const std::string word = left.front().substr(0, left.front().find('='));
    std::vector<std::string> options;
    for (const CLI::Option* option : command.get_options())
      for (const std::string& each : option->get_lnames()) options.push_back("--" + each);
    const std::string_view hint = nearest(word, std::vector<std::string_view>(options.begin(), options.end()));
    if (!word.starts_with('-'))
      problem = fmt::format("`{}` is not expected here", word);
    else
      problem = fmt::format("`{}` is not an option{}{}", word, before ? " before the command" : "",
                            hint.empty() ? "" : fmt::format("; did you mean `{}`?", hint));
  }
  return stopped(exit_usage, fmt::format("{}: {}\n`{} --help` names what it takes", name, problem, name));
}

// Folders that the words name must be there.
void check_folder(const std::filesystem::path& folder, std::string_view option) {
  std::error_code error;
  const auto status = std::filesystem::status(folder, error);
  if (folder.empty() || std::filesystem::is_directory(status)) return;
  throw Stop{exit_usage, fmt::format("tlsbye: {} {}: {}", option, folder.string(),
                                     std::filesystem::exists(status)                     ? "a file; name the folder that it is in"
                                     : status.type() == std::filesystem::file_type::none ? error.message()
                                                                                         : "no such folder")};
}

int call(const Command& command, const Shared& shared) {
  try {
    check_folder(shared.peers, "--peers");
    for (const std::filesystem::path& folder : shared.more) check_folder(folder, "--scenarios");
    House house = find_house();
    if (!shared.peers.empty()) house.peers = shared.peers;
    house.libraries = shared.libraries;
    house.more = shared.more;
    house.words = shared.words;
    const auto replay_too = [&](const char* option, const std::string& value) {
      if (!value.empty()) house.replay_words.insert(house.replay_words.end(), {option, value});
    };
    for (const std::filesystem::path& folder : shared.more) replay_too("--scenarios", folder.string());
    for (const Library& library : shared.libraries) replay_too("--lib", library.stack + "=" + library.prefix.string());
    replay_too("--peers", shared.peers.string());
    return command.call(house);
  } catch (const Stop& stop) {
    return stopped(stop.code, stop.message);
  } catch (const std::system_error& error) {
    if (!std::ferror(stdout)) return stopped(exit_harness, fmt::format("tlsbye: {}", error.what()));
    errno = error.code().value();
    return exit_harness;  // main() says so
  } catch (const std::exception& error) {
    return stopped(exit_harness, fmt::format("tlsbye: {}", error.what()));
  }
}

int command(int argc, char** argv) {
  CLI::App app{"What really happens when a TLS connection is closed?", "tlsbye"};
  app.require_subcommand(1);
  app.set_version_flag("--version", TLSBYE_VERSION);
  app.footer(
      "Exit codes: 0 done as asked, 1 the gate, the selftest or a diff says no, 2 usage or bad input, 3 the harness or a peer failed, or "
      "the run was interrupted.");
  Shared shared;
  shared.words.assign(argv + 1, argv + std::max(argc, 1));
  const std::vector<Command> commands{
      add_run(app, shared),     add_list(app, shared),   add_show(app, shared), add_replay(app, shared), add_gate(app),  add_judge(app),
      add_probe(app, shared),   add_diff(app),           add_report(app),       add_history(app),        add_merge(app), add_get(app),
      add_explore(app, shared), add_shrink(app, shared), add_selftest(app),     add_complete(app)};

  if (argc > 1 && argv[1][0] != '-') {
    std::vector<std::string_view> names;
    bool is_there = false;
    for (const Command& each : commands) {
      is_there = is_there || each.options->get_name() == argv[1];
      if (!each.options->get_group().empty()) names.push_back(each.options->get_name());
    }
    if (!is_there) {
      const std::string hint = did_you_mean(argv[1], names);
      return stopped(exit_usage, fmt::format("tlsbye: there is no command `{}`{}{}; `tlsbye --help` names them", argv[1],
                                             hint.empty() ? "" : "; ", hint));
    }
  }
  if (argc > 1 && argv[1][0] == '-') {
    const std::string word = shared.words.front().substr(0, shared.words.front().find('='));
    if (!app.get_option_no_throw(word))
      return stopped(exit_usage,
                     fmt::format("tlsbye: `{}` is not an option before the command\n`tlsbye --help` names what it takes", word));
  }
  // What stands behind `--` is another program's, and no word of it ours.
  if (argc > 1 && (std::string_view(argv[1]) == "probe" || std::string_view(argv[1]) == "replay")) {
    char** const mark = std::find_if(argv, argv + argc, [](const char* word) { return std::string_view(word) == "--"; });
    if (mark != argv + argc) shared.behind.assign(mark + 1, argv + argc);
    argc = static_cast<int>(mark - argv);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return error.get_exit_code() == 0 ? app.exit(error) : misused(app, error);
  }
  return call(*std::find_if(commands.begin(), commands.end(), [](const Command& each) { return each.options->parsed(); }), shared);
}

// A standard stream that is closed would be the next file that is opened, and what is said to the user would stand in it. Nothing can be
// written to these.
void keep_closed_streams_closed() {
  int descriptor = 0;
  while (descriptor >= 0 && descriptor <= STDERR_FILENO) descriptor = ::open("/dev/null", O_RDONLY | O_NOCTTY);
  if (descriptor > STDERR_FILENO) ::close(descriptor);
}

}  // namespace

int main(int argc, char** argv) {
  keep_closed_streams_closed();
  const int code = command(argc, argv);
  // What could not be told was not done.
  const bool failed = std::ferror(stdout) != 0;  // earlier: the reason stands in errno still
  if (!failed && std::fflush(stdout) == 0 && !std::ferror(stdout)) return code;
  tell_user("tlsbye: the output cannot be written: {}\n", std::strerror(errno));
  return exit_harness;
}
