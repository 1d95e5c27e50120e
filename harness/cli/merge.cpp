#include "reports/merge.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "harness/cli/results.h"
#include "reports/pcapng.h"
#include "reports/run_file.h"
#include "reports/terminal.h"

namespace tlsbye {
namespace {

namespace fs = std::filesystem;

// The files of single runs, from beside the run file that has them.
void copy_runs(const fs::path& from, const fs::path& out, const std::vector<std::string>& replays) {
  for (const std::string& replay : replays) {
    const std::string name = capture_name(replay);
    for (const fs::path& file : {fs::path("transcripts") / (name + ".txt"), fs::path("captures") / (name + ".pcapng")}) {
      std::error_code error;
      fs::copy_file(from / file, out / file, fs::copy_options::overwrite_existing, error);
      if (error && error != std::errc::no_such_file_or_directory)
        throw Stop{exit_harness, fmt::format("tlsbye: {}: {}", (out / file).string(), error.message())};
    }
  }
}

}  // namespace

int merge_command(const House& house, const MergeWords& words) {
  const LoadedKnown known = known_of(house, words.known);
  std::vector<RunPart> parts;
  Transcripts transcripts;
  std::vector<std::vector<std::string>> replays;  // of each part
  for (const fs::path& file : words.run_files) {
    std::error_code error;
    if (fs::equivalent(file.parent_path().empty() ? "." : file.parent_path(), words.out, error))
      throw Stop{exit_usage, fmt::format("tlsbye merge: {} is in the folder for the results; choose another with --out", file.string())};
    parts.push_back({read_run(file), file.string()});
    const fs::path beside = file.parent_path() / transcripts_file;
    try {
      replays.push_back(fs::exists(beside, error) ? transcripts.take(beside) : std::vector<std::string>{});
    } catch (const RunFileError& fault) {
      throw Stop{exit_usage, fmt::format("tlsbye: {}", fault.what())};
    }
  }
  const std::vector<Clause> clauses = clauses_of(house);
  const KnownList list = known_list("", known);
  for (const RunPart& part : parts)
    if (part.report.provenance.known.fingerprint != list.fingerprint)
      throw Stop{exit_usage, fmt::format("tlsbye merge: {} was held against another list of accepted deviations, {}; name it with --known",
                                         part.name, part.report.provenance.known.file)};
  auto made = merged(std::move(parts), clauses);
  if (const auto* why = std::get_if<std::string>(&made)) throw Stop{exit_usage, "tlsbye merge: " + *why};
  RunReport& report = std::get<RunReport>(made);
  const Names names = known_names(house);
  KnownResult applied = apply_known(report, known.entries, clauses, today(), names);
  explain_disagreements(report, known.partner_dependent, clauses, names, applied);
  const OutFolder out(words.out, {"transcripts", "captures"});
  if (const auto unwritten = write_results(house, words.out, report, transcripts, [&] {
        for (std::size_t i = 0; i < replays.size(); ++i) copy_runs(words.run_files[i].parent_path(), words.out, replays[i]);
      }))
    throw *unwritten;
  fmt::print("{}", terminal(report, clauses, terminal_style(STDOUT_FILENO)));
  const std::size_t files = words.run_files.size();
  fmt::print("\n{} runs of {} file{}; written: {}\n", report.runs, files, files == 1 ? "" : "s", (words.out / "run.json").string());
  return report.complete && report.problems.empty() ? exit_done : exit_harness;
}

}  // namespace tlsbye
