#include "harness/judge/gate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "harness/cli/commands.h"
#include "harness/judge/known.h"
#include "reports/diff.h"
#include "reports/run_file.h"

namespace tlsbye {

RunReport read_run(const std::filesystem::path& file) {
  try {
    return read_run_file(file);
  } catch (const RunFileError& error) {
    throw Stop{exit_usage, fmt::format("tlsbye: {}", error.what())};
  }
}

namespace {

using Json = nlohmann::ordered_json;

// Half a year: long enough to fix it, short enough to remember why.
std::string half_a_year_from_now() {
  const auto date =
      std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now())) + std::chrono::months(6);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     std::min(static_cast<unsigned>(date.day()), 28U));
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

LoadedKnown sound(LoadedKnown known) {
  if (known.diagnostics.empty()) return known;
  std::string text;
  for (const Diagnostic& diagnostic : known.diagnostics) text += diagnostic.render();
  throw Stop{exit_usage, text};
}

// The text without what is stale in it. Throws Stop where that would not leave the others, and nothing but them.
std::string pruned(const std::filesystem::path& file, LoadedKnown known, const std::string& text, const KnownResult& result) {
  const std::vector<int>& lines = result.stale_lines;
  const std::string rest = pruned_text(text, lines, result.idle);
  const auto is_stale = [&](const KnownEntry& it) { return std::find(lines.begin(), lines.end(), it.file_line) != lines.end(); };
  std::erase_if(known.entries, is_stale);
  std::erase_if(known.partner_dependent, is_stale);
  std::set<int> by_hand(lines.begin(), lines.end());
  for (const KnownResult::Idle& idle : result.idle) {
    by_hand.insert(idle.entry.file_line);
    const auto it = std::find_if(known.entries.begin(), known.entries.end(),
                                 [&](const KnownEntry& each) { return each.file_line == idle.entry.file_line; });
    known.entries.insert(known.entries.erase(it), idle.left.begin(), idle.left.end());
  }
  const LoadedKnown left = parse_known(rest, file.string(), Reasons::optional);
  if (left.diagnostics.empty() && known_list("", left) == known_list("", known)) return rest;
  throw Stop{exit_usage,
             fmt::format("tlsbye gate: {}: only entries that begin with a line [[known]] or [[partner-dependent]], and have each key in "
                         "one line, can be dropped or narrowed by --prune; change those of {} {} by hand",
                         file.string(), by_hand.size() == 1 ? "line" : "lines", fmt::join(by_hand, ", "))};
}

// Adds to the list what is new, and drops what is stale, as asked. All else in the file stays as it is.
int rewrite_known(const House& house, RunReport report, const GateWords& words) {
  const std::filesystem::path file = words.known.empty() ? "known.toml" : words.known;
  std::error_code error;
  const bool is_there = std::filesystem::exists(file, error);
  if (!is_there && !words.update) throw Stop{exit_usage, fmt::format("tlsbye: {}: there is no such list to drop from", file.string())};
  const LoadedKnown known = is_there ? sound(load_known(file, Reasons::optional)) : LoadedKnown{};
  std::string text = is_there ? text_of(file) : "";
  const std::vector<Clause> clauses = clauses_of(house);
  const Names names = known_names(house);
  KnownResult result = apply_known(report, known.entries, clauses, today(), names);
  explain_disagreements(report, known.partner_dependent, clauses, names, result);
  if (words.prune) text = pruned(file, known, text, result);
  if (words.prune)  // the cells of an entry that has expired are anybody's again
    for (Cell& cell : report.cells)
      if (cell.verdict == Verdict::stale && cell.was) cell.verdict = *std::exchange(cell.was, std::nullopt);
  const std::string fresh = words.update ? new_entries(report, words.fail_on, half_a_year_from_now()) : "";
  const std::size_t added = parse_known(fresh, file.string(), Reasons::optional).entries.size();
  const std::string line_end = text.find("\r\n") == std::string::npos ? "\n" : "\r\n";
  if (!fresh.empty() && !text.empty()) text += text.ends_with("\n") ? line_end : line_end + line_end;
  for (const char c : fresh) text += c == '\n' ? line_end : std::string(1, c);
  const LoadedKnown now = sound(parse_known(text, file.string(), Reasons::optional));
  write_text(file, text);
  const std::size_t dropped = words.prune ? result.stale_lines.size() : 0;
  const std::size_t kept = known.entries.size() + known.partner_dependent.size() - dropped;
  const std::string narrowed = words.prune && !result.idle.empty() ? fmt::format(", {} of them narrowed", result.idle.size()) : "";
  const auto without_reason =
      std::count_if(now.entries.begin(), now.entries.end(), [](const KnownEntry& entry) { return entry.reason.empty(); });
  fmt::print("written: {}: {} kept{}, {} added, {} dropped{}\n", file.string(), kept, narrowed, added, dropped,
             without_reason > 0
                 ? fmt::format("; {} without a reason: every entry needs its reason before the gate takes it", without_reason)
                 : "");
  for (const KnownResult::Idle& idle : result.idle)
    fmt::print("  {}: {}\n",
               words.prune ? "narrowed by what does not fail any more" : "kept, though a part fails no more (--prune narrows it)",
               idle.told());
  if (!words.prune)
    for (const std::string& fault : result.faults) fmt::print("  kept, though stale (--prune drops it): {}\n", fault);
  // Without --known another list would be read.
  fmt::print("next: tlsbye gate{}\n", pasted({words.run_file.string(), "--known", file.string()}));
  return exit_done;
}

std::string gate_json(const RunReport& report, const GateResult& result, const KnownResult& known) {
  Json entries = Json::array();
  for (const KnownResult::Taken& taken : known.taken) entries.push_back({{"entry", taken.entry}, {"cells", taken.cells}});
  Json idle = Json::array();
  for (const KnownResult::Idle& each : known.idle)
    idle.push_back({{"entry", fmt::format("{}: {}", each.entry.place(), each.entry.title)}, {"parts", each.parts}});
  const Json json{{"format", "tlsbye-gate/1"},
                  {"green", result.green},
                  {"cells", report.cells.size()},
                  {"unexpected", result.unexpected},
                  {"faults", result.faults},
                  {"entries", std::move(entries)},
                  {"entries_not_asked", known.not_asked},
                  {"narrower", known.narrower},
                  {"idle", std::move(idle)}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

int gate_command(const House& house, const GateWords& words) {
  RunReport report = read_run(words.run_file);
  if (report.shard)
    throw Stop{exit_usage, fmt::format("tlsbye gate: {} is part {}/{} of a run; `tlsbye merge` makes one run of all parts",
                                       words.run_file.string(), report.shard->number, report.shard->of)};
  if (words.update || words.prune) return rewrite_known(house, std::move(report), words);
  const LoadedKnown known = sound(load_known(words.known.empty() ? house.scenarios / "known.toml" : words.known));
  const std::vector<Clause> clauses = clauses_of(house);
  const Names names = known_names(house);
  KnownResult applied = apply_known(report, known.entries, clauses, today(), names);
  explain_disagreements(report, known.partner_dependent, clauses, names, applied);
  for (std::string& missing : missing_cells(report, clauses)) report.problems.push_back(std::move(missing));
  const GateResult result = gate(report, applied, words.fail_on);
  fmt::print("{}", words.json ? gate_json(report, result, applied) : result.summary);
  return result.green ? exit_done : exit_no;
}

int diff_command(const House& house, const DiffWords& words) {
  const Diff changes = diff(read_run(words.before), read_run(words.after), clauses_of(house));
  fmt::print("{}", words.json       ? diff_json(changes)
                   : words.markdown ? diff_markdown(changes)
                                    : tell(changes, words.all, terminal_style(STDOUT_FILENO)));
  return changes.worse() || (words.fail_on_changed && changes.changed()) ? exit_no : exit_done;
}

}  // namespace tlsbye
