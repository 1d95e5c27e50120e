#include <fmt/format.h>

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

}  // namespace

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

void write_reports(const RunReport& report, const References& references, const Transcripts& transcripts, const ReportFiles& files) {
  if (!files.markdown.empty()) write_text(files.markdown, markdown(report, references));
  if (!files.html.empty()) write_text(files.html, html(report, references, transcripts));
  if (!files.junit.empty()) write_text(files.junit, junit(report, references.clauses));
  if (!files.sarif.empty()) write_text(files.sarif, sarif(report, references.clauses));
  if (!files.closing.empty()) write_text(files.closing, closing_safely(report, references));
}

int report_command(const House& house, const fs::path& run_file, const ReportFiles& files) {
  if (files == ReportFiles{})
    throw Stop{exit_usage, "tlsbye: say which reports to make: --html, --markdown, --closing, --junit or --sarif FILE"};
  try {
    write_reports(read_run_file(run_file), references_of(house), files.html.empty() ? Transcripts{} : transcripts_beside(run_file), files);
  } catch (const RunFileError& error) {
    throw Stop{exit_usage, fmt::format("tlsbye: {}", error.what())};
  }
  return exit_done;
}

}  // namespace tlsbye
