#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <system_error>

#include "harness/cli/commands.h"
#include "reports/html.h"
#include "reports/junit.h"
#include "reports/markdown.h"
#include "reports/run_file.h"
#include "reports/sarif.h"

namespace tlsbye {
namespace {

namespace fs = std::filesystem;

// Beside the run file, where `tlsbye run` put them; a run file alone makes reports too, without what happened in the runs.
Transcripts transcripts_beside(const fs::path& run_file) {
  const fs::path file = run_file.parent_path() / transcripts_file;
  std::error_code error;
  return fs::exists(file, error) ? read_transcripts(file) : Transcripts{};
}

constexpr std::array formats{
    ReportFormat{"--markdown", "matrix.md", "Markdown, as out/matrix.md", false,
                 [](const RunReport& report, const References& references, const Transcripts&) { return markdown(report, references); }},
    ReportFormat{"--html", "matrix.html", "One page that needs nothing else, as out/matrix.html", true, html},
    ReportFormat{
        "--closing", "closing-safely.md", "How to close safely on each library, Markdown, as out/closing-safely.md", false,
        [](const RunReport& report, const References& references, const Transcripts&) { return closing_safely(report, references); }},
    ReportFormat{
        "--junit", "junit.xml", "JUnit XML, as out/junit.xml", false,
        [](const RunReport& report, const References& references, const Transcripts&) { return junit(report, references.clauses); }},
    ReportFormat{
        "--sarif", "results.sarif", "SARIF 2.1.0, as out/results.sarif", false,
        [](const RunReport& report, const References& references, const Transcripts&) { return sarif(report, references.clauses); }},
};

}  // namespace

std::span<const ReportFormat> report_formats() { return formats; }

// The clauses as they were when the run was made: a report of last year's run quotes last year's clauses. Of what the run does not say, the
// installed ones are taken.
References references_of(const House& house, const RunReport& report) {
  References references = references_of(house);
  for (const ClauseText& text : report.clauses) {
    auto clause = std::find_if(references.clauses.begin(), references.clauses.end(), [&](const Clause& it) { return it.id == text.id; });
    if (clause == references.clauses.end()) clause = references.clauses.insert(references.clauses.end(), Clause{});
    clause->id = text.id;
    clause->strength = read_word<Strength>(text.strength).value_or(clause->strength);
    clause->says = text.says;
    clause->cites = text.cites;
    clause->contradicts = text.contradicts;
    clause->property = find_property(text.property);
    clause->file = text.file;
    clause->file_line = text.line;
  }
  return references;
}

void write_text(const fs::path& file, const std::string& text) {
  std::ofstream stream(file, std::ios::binary | std::ios::trunc);
  stream << text;
  stream.close();
  if (stream) return;
  const std::error_code why(errno, std::generic_category());
  std::error_code ignored;
  if (fs::is_regular_file(file, ignored)) fs::remove(file, ignored);  // half a report is none
  throw Stop{exit_usage, fmt::format("tlsbye: cannot write {}: {}", file.string(), why.message())};
}

void write_reports(const RunReport& report, const References& references, const Transcripts& transcripts,
                   const std::vector<ReportFile>& files) {
  for (const ReportFile& each : files) write_text(each.file, each.format->make(report, references, transcripts));
}

int report_command(const House& house, const fs::path& run_file, const std::vector<ReportFile>& files) {
  if (files.empty()) {
    std::string options;
    for (const ReportFormat& format : report_formats()) options += fmt::format("{}{}", options.empty() ? "" : ", ", format.option);
    throw Stop{exit_usage, fmt::format("tlsbye: say which reports to make and where: {}, each with a FILE", options)};
  }
  try {
    const RunReport report = read_run_file(run_file);
    const bool shows_runs = std::any_of(files.begin(), files.end(), [](const ReportFile& it) { return it.format->shows_runs; });
    write_reports(report, references_of(house, report), shows_runs ? transcripts_beside(run_file) : Transcripts{}, files);
  } catch (const RunFileError& error) {
    throw Stop{exit_usage, fmt::format("tlsbye: {}", error.what())};
  }
  return exit_done;
}

}  // namespace tlsbye
