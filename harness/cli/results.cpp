#include "harness/cli/results.h"

#include <fmt/format.h>

#include <fstream>
#include <system_error>

#include "harness/cli/story.h"
#include "harness/data/diagnostic.h"
#include "reports/pcapng.h"
#include "reports/run_file.h"

namespace tlsbye {
namespace {

namespace fs = std::filesystem;

// Takes away what an earlier run has left in the folder, and nothing else: its reports, which must not stand beside the new run file, and
// the files of the runs that its transcripts name.
void take_away_old(const fs::path& out) {
  std::error_code ignored;
  std::ifstream transcripts(out / transcripts_file);
  for (std::string line; std::getline(transcripts, line);) {
    const std::optional<std::string> replay = replay_named_by(line);
    if (!replay) continue;
    fs::remove(out / "transcripts" / (capture_name(*replay) + ".txt"), ignored);
    fs::remove(out / "captures" / (capture_name(*replay) + ".pcapng"), ignored);
  }
  std::vector<fs::path> reports{out / "run.json", out / transcripts_file};
  for (const ReportFormat& format : report_formats()) reports.push_back(out / format.file);
  for (const fs::path& report : reports)
    if (fs::is_regular_file(report, ignored)) fs::remove(report, ignored);
}

}  // namespace

std::optional<Stop> write_results(const House& house, const fs::path& out, const RunReport& report, const Transcripts& transcripts,
                                  const std::function<void()>& write_runs) {
  try {
    take_away_old(out);
    write_run_file(report, out / "run.json");
    if (const auto fault = transcripts.fault())
      return Stop{exit_harness, fmt::format("tlsbye: {}: {}", (out / transcripts_file).string(), fault->what)};
    transcripts.write(out / transcripts_file);
    std::vector<ReportFile> reports;
    for (const ReportFormat& format : report_formats()) reports.push_back({&format, out / format.file});
    write_reports(report, references_of(house), transcripts, reports);
    write_runs();
  } catch (const std::runtime_error& error) {
    return Stop{exit_harness, fmt::format("tlsbye: {}", error.what())};
  } catch (const Stop& stop) {
    return Stop{exit_harness, stop.message};
  }
  return std::nullopt;
}

void write_runs(const std::filesystem::path& out, const KeptRuns& kept) {
  for (const std::string& replay : kept.transcripts.replays()) {
    const Transcript transcript = kept.transcripts.at(replay);
    const std::string name = capture_name(replay), capture = "captures/" + name + ".pcapng";
    write_text(out / "transcripts" / (name + ".txt"),
               fmt::format("{}\n{}\nfor Wireshark: {}\n\n{}", replay, describe(transcript.key()), capture, tell_story(transcript)));
    if (const auto fault = kept.captures.fault())
      throw Stop{exit_harness, fmt::format("tlsbye: {}: {}", (out / capture).string(), fault->what)};
    write_text(out / capture, kept.captures.get(replay));
  }
}

LoadedKnown known_of(const House& house, const fs::path& named) {
  LoadedKnown known = load_known(named.empty() ? house.scenarios / "known.toml" : named);
  if (known.diagnostics.empty()) return known;
  throw Stop{exit_usage, rendered(known.diagnostics)};
}

}  // namespace tlsbye
