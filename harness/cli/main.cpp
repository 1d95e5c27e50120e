// The command line: words in, one command called, an exit code out. What there is to be done stands in commands.h.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>

#include "harness/cli/campaign.h"
#include "harness/cli/commands.h"
#include "harness/scenario/diagnostic.h"

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

int command(int argc, char** argv) {
  CLI::App app{"What really happens when a TLS connection is closed?", "tlsbye"};
  app.require_subcommand(1);
  app.set_version_flag("--version", TLSBYE_VERSION);
  app.footer(
      "Exit codes: 0 done as asked, 1 the gate, the selftest or a diff says no, 2 usage or bad input, 3 the harness or a peer failed, or "
      "the run was interrupted.");

  RunWords words;
  unsigned patience_s = 10;
  std::filesystem::path peers;
  const auto add_patience = [&](CLI::App* command) {
    command->add_option("--patience", patience_s, "Seconds without an answer after which a peer is taken to hang (10)")
        ->check(CLI::Range(1U, 3600U));
    command->add_option("--peers", peers, "Folder of the peer programs");
  };
  std::vector<Library> libraries;
  const auto add_libraries = [&](CLI::App* command) {
    command
        ->add_option_function<std::vector<std::string>>(
            "--lib",
            [&](const std::vector<std::string>& specs) {
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
  };
  const auto add_scenarios = [&](CLI::App* command) {
    command->add_option("--scenarios", words.more_scenarios, "A further folder of scenario files");
  };

  CLI::App* run = app.add_subcommand("run", "Run the scenarios and judge every clause");
  run->add_option("--stack", words.selection.stacks, "Subjects: NAME[@VERSION], a glob; all")->type_name("NAME");
  run->add_option("--partner", words.selection.partners, "Partners: NAME[@VERSION], a glob, or all (openssl)")->type_name("NAME");
  run->add_option("--scenario", words.selection.scenarios, "Scenarios: a glob; all")->type_name("GLOB");
  run->add_option("--clause", words.clauses, "Clauses: a glob; all")->type_name("GLOB");
  add_word(run, "--tls", words.selection.tls, "TLS version; all that the scenarios name");
  add_word(run, "--role", words.selection.role, "Role of the subject; both");
  add_word(run, "--io", words.selection.io, "Blocking mode of the subject; both");
  run->add_flag("--sweep", words.sweep,
                "Also runs with faults at every transport call and ends after every byte, where a scenario asks for it");
  words.pairs = default_pairs;
  run->add_option(
         "--pairs", words.pairs,
         fmt::format("With --sweep: a second would-block at each of the next N transport calls after the first ({})", default_pairs))
      ->check(CLI::Range(0U, 1000U));
  run->add_option("--jobs", words.jobs, "Workers (one for each core)")->check(CLI::Range(1U, 1024U));
  run->add_flag("--isolate", words.isolate, "A process of its own for every session");
  run->add_option("--out", words.out, "Folder for the results (out)");
  run->add_flag("--gate", words.gate, "Exit 1 on an unexpected verdict");
  const auto add_fail_on = [&](CLI::App* command) {
    command
        ->add_option_function<std::string>(
            "--fail-on", [&](const std::string& word) { words.fail_on = *read_word<Verdict>(word); },
            "The mildest verdict that fails (violates)")
        ->check(CLI::IsMember({"violates", "discouraged", "differs"}));
  };
  add_fail_on(run);
  run->add_option("--known", words.known, "Accepted deviations (scenarios/known.toml)");
  add_scenarios(run);
  add_patience(run);
  add_libraries(run);

  std::string kind;
  bool json = false, coverage = false, rows = false;
  CLI::App* list = app.add_subcommand("list", "Name what there is");
  list->add_option("what", kind, fmt::format("{}", fmt::join(listed, ", ")))
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>(listed.begin(), listed.end())));
  list->add_flag("--json", json, "As JSON");
  list->add_option("--stack", words.selection.stacks, "cells: of these stacks")->type_name("NAME");
  list->add_option("--clause", words.clauses, "cells: of these clauses")->type_name("GLOB");
  list->add_flag("--coverage", coverage, "clauses: which rows of the catalogue have clauses, and which do not");
  list->add_flag("--rows", rows, "with --coverage: row by row");
  add_scenarios(list);
  list->add_option("--peers", peers, "Folder of the peer programs");
  add_libraries(list);

  std::string what;
  CLI::App* show = app.add_subcommand(
      "show",
      "A clause, a scenario (globs), a replay id: citation, what tests it, what was seen; or a stack's name: how to close safely on it");
  show->add_option("what", what)->required();
  show->add_option("--out", words.out, "Folder of the results (out)");
  add_scenarios(show);

  CLI::App* replay = app.add_subcommand("replay", "One run again, told step by step");
  replay->add_option("id", what, "Replay id, as every report names it")->required();
  std::filesystem::path capture;
  replay->add_option("--capture", capture, "Write the run for Wireshark, with its secrets, as out/captures/ has it")
      ->type_name("FILE.pcapng");
  replay->add_flag("--isolate", words.isolate, "A process of its own for every session");
  add_scenarios(replay);
  add_patience(replay);
  add_libraries(replay);

  std::filesystem::path run_file;
  CLI::App* gate = app.add_subcommand("gate", "Exit 1 if a run has unexpected verdicts or stale known entries");
  gate->add_option("run", run_file, "run.json")->required();
  gate->add_option("--known", words.known, "Accepted deviations (scenarios/known.toml)");
  bool update = false;
  gate->add_flag("--update", update, "Write a first file of accepted deviations (known.toml), without reasons, instead of judging");
  add_fail_on(gate);

  DiffWords compared;
  CLI::App* diff = app.add_subcommand("diff", "What changed between two runs");
  diff->add_option("old", compared.before, "run.json")->required();
  diff->add_option("new", compared.after, "run.json")->required();
  diff->add_flag("--all", compared.all, "All of it, and not only a screenful");
  CLI::Option* as_markdown = diff->add_flag("--markdown", compared.markdown, "As Markdown, for a pull request");
  diff->add_flag("--json", compared.json, "As JSON, schema reports/diff.schema.json")->excludes(as_markdown);
  diff->add_option_function<std::string>(
          "--fail-on", [&](const std::string& word) { compared.fail_on_changed = word == "changed"; },
          "What ends with 1: broken, a verdict that is worse now or a cell that is gone; or changed, any other change of a cell, trait or "
          "set of libraries too (broken)")
      ->check(CLI::IsMember({"broken", "changed"}));

  ReportFiles files;
  CLI::App* report = app.add_subcommand("report", "Make the reports of a run again, from its run file");
  report->add_option("run", run_file, "run.json")->required();
  report->add_option("--markdown", files.markdown, "Markdown, as out/matrix.md");
  report->add_option("--html", files.html, "One page that needs nothing else, as out/matrix.html");
  report->add_option("--closing", files.closing, "How to close safely on each library, Markdown, as out/closing-safely.md");
  report->add_option("--junit", files.junit, "JUnit XML, as out/junit.xml");
  report->add_option("--sarif", files.sarif, "SARIF 2.1.0, as out/results.sarif");

  CLI::App* selftest = app.add_subcommand("selftest", "Break every property on purpose, and see that it is noticed");

  CLI::App* complete = app.add_subcommand("complete", "For shells")->group("");
  complete->add_option("kind", kind)->required();
  complete->add_option("command", what);

  if (argc > 1 && argv[1][0] != '-') {
    std::vector<std::string_view> commands;
    for (const CLI::App* command : app.get_subcommands({})) commands.push_back(command->get_name());
    if (std::find(commands.begin(), commands.end(), argv[1]) == commands.end()) {
      const std::string hint = did_you_mean(argv[1], commands);
      fmt::print(stderr, "tlsbye: `{}` is no command{}{}; `tlsbye --help` names them\n", argv[1], hint.empty() ? "" : "; ", hint);
      return exit_usage;
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_done : exit_usage;
  }

  words.patience = std::chrono::seconds(patience_s);
  try {
    House house = find_house();
    if (!peers.empty()) house.peers = peers;
    house.libraries = libraries;
    if (*run) return run_command(house, words);
    if (*list && kind == "cells") return cells_command(house, words, json);
    if (*complete) return complete_command(house, app, kind, what);
    if (*list) return list_command(house, kind, json, coverage, rows, words.more_scenarios);
    if (*show) return show_command(house, what, words.out, words.more_scenarios);
    if (*replay) return replay_command(house, what, words.isolate, words.patience, words.more_scenarios, capture);
    if (*gate) return gate_command(house, run_file, words.known, words.fail_on, update);
    if (*report) return report_command(house, run_file, files);
    if (*diff) return diff_command(house, compared);
    if (*selftest) return selftest_command(house);
  } catch (const Stop& stop) {
    std::fflush(stdout);
    fmt::print(stderr, "{}\n", stop.message);
    return stop.code;
  } catch (const std::exception& error) {
    std::fflush(stdout);
    fmt::print(stderr, "tlsbye: {}\n", error.what());
    return exit_harness;
  }
  return exit_usage;
}

}  // namespace

int main(int argc, char** argv) {
  const int code = command(argc, argv);
  // What could not be told was not done.
  if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return code;
  fmt::print(stderr, "tlsbye: the output cannot be written: {}\n", std::strerror(errno));
  return exit_harness;
}
