#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "harness/cli/commands.h"
#include "harness/data/file.h"
#include "harness/data/messages.h"
#include "reports/html.h"
#include "reports/junit.h"
#include "reports/markdown.h"
#include "reports/run_file.h"
#include "reports/sarif.h"
#include "reports/terminal.h"

namespace tlsbye {
namespace {

namespace fs = std::filesystem;

// Beside the run file, where `tlsbye run` put them; a run file alone makes reports too, without what happened in the runs.
void take_transcripts_beside(const fs::path& run_file, Transcripts& transcripts) {
  const fs::path file = run_file.parent_path() / transcripts_file;
  std::error_code error;
  if (fs::exists(file, error))
    transcripts.take(file);
  else
    tell_user("tlsbye: {} is not there: the page is made without what happened in the runs\n", file.string());
}

// What a file that may not be there yet is called, through links that may lead to none.
fs::path target_of(fs::path file) {
  std::error_code error;
  constexpr int most = 40;  // as the system follows
  for (int links = 0; links < most && fs::is_symlink(file, error); ++links) file = file.parent_path() / fs::read_symlink(file, error);
  return fs::weakly_canonical(fs::absolute(file, error), error);
}

// Two names of one file, whether it is there already or not.
bool same_file(const fs::path& one, const fs::path& other) {
  std::error_code error;
  return fs::equivalent(one, other, error) || target_of(one) == target_of(other);
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
  if (const auto error = write_file(file, text))
    throw Stop{error->of_the_disk ? exit_harness : exit_usage, fmt::format("tlsbye: {}: {}", file.string(), error->what)};
}

void write_reports(const RunReport& report, const References& references, const Transcripts& transcripts,
                   const std::vector<ReportFile>& files) {
  for (const ReportFile& each : files) write_text(each.file, each.format->make(report, references, transcripts));
}

int report_command(const House& house, const ReportWords& words) {
  const fs::path& run_file = words.run_file;
  const std::vector<ReportFile>& files = words.files;
  if (files.empty() && !words.terminal) {
    std::string options;
    for (const ReportFormat& format : report_formats()) options += fmt::format("{}{}", options.empty() ? "" : ", ", format.option);
    throw Stop{exit_usage, fmt::format("tlsbye report: say which reports to make and where: {}, each with a FILE, or --terminal", options)};
  }
  for (auto it = files.begin(); it != files.end(); ++it) {
    for (const fs::path& source : {run_file, run_file.parent_path() / transcripts_file})
      if (same_file(it->file, source))
        throw Stop{exit_usage,
                   fmt::format("tlsbye report: {} {} would overwrite what it is made of", it->format->option, it->file.string())};
    const auto twice = std::find_if(files.begin(), it, [&](const ReportFile& other) { return same_file(other.file, it->file); });
    if (twice != it)
      throw Stop{exit_usage, fmt::format("tlsbye report: {} and {} are to go into one file, {}", twice->format->option, it->format->option,
                                         it->file.string())};
  }
  try {
    const RunReport report = read_run_file(run_file);
    const bool shows_runs = std::any_of(files.begin(), files.end(), [](const ReportFile& it) { return it.format->shows_runs; });
    const References references = references_of(house, report);
    if (words.terminal) {
      TerminalStyle style = terminal_style(STDOUT_FILENO);
      style.all = words.all;
      fmt::print("{}", terminal(report, references.clauses, style));
    }
    Transcripts transcripts;
    if (shows_runs) take_transcripts_beside(run_file, transcripts);
    write_reports(report, references, transcripts, files);
  } catch (const std::runtime_error& error) {
    throw Stop{exit_usage, fmt::format("tlsbye: {}", error.what())};
  }
  return exit_done;
}

}  // namespace tlsbye
