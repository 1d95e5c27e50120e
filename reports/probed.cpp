#include "reports/probed.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "harness/oracle/closing.h"
#include "reports/ink.h"
#include "reports/text.h"

namespace tlsbye {
namespace {

std::string said(long long milliseconds) {
  return milliseconds % 1000 == 0 ? fmt::format("{} s", milliseconds / 1000) : fmt::format("{} ms", milliseconds);
}

// Of application data, by the subject, before its close_notify.
std::size_t data_of(const Transcript& transcript) {
  const Facts facts(transcript);
  std::size_t bytes = 0;
  for (const Event& event : transcript.events()) {
    const auto* record = event.as<Record>();
    if (!record || record->from != Side::subject || !record->was_sent() || record->missing > 0) continue;
    const Contents& contents = facts.contents(event.number);
    if (contents.type == ContentType::application_data) bytes += contents.content_bytes;
    if (contents.alert && contents.alert->description == 0) break;
  }
  return bytes;
}

// "1.2 and 1.3"
std::string tls_list(const std::set<Tls>& of) {
  std::vector<std::string_view> words;
  for (const Tls tls : of) words.push_back(spell(tls));
  return fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace

std::string reaction(const Transcript& transcript) {
  std::vector<std::string> parts;
  if (const std::size_t bytes = data_of(transcript); bytes > 0) parts.push_back(fmt::format("{} bytes", bytes));
  bool ended = false, silent = false;
  for (const ClosingAct& act : closing_of(transcript)) {
    if (act.side != Side::subject || act.what == Closing::late_data) continue;
    // How many bytes differs between versions, and says nothing more.
    const bool drawn = act.what == Closing::reset && act.more.starts_with("drawn by");
    std::string text = drawn ? "RST drawn by what came behind its FIN" : told(act, "");
    parts.push_back(text.substr(std::min(text.find_first_not_of(' '), text.size())));
    ended |= act.what == Closing::fin || act.what == Closing::reset;
  }
  for (const Event& event : transcript.events()) {
    const auto* did = event.as<ProgramDid>();
    if (!did) continue;
    switch (did->what) {
      case ProgramDid::What::was_silent:
        // Told once, where it was the last that was seen of the program.
        if (!ended && !silent && event.line > 0 && did->side == Side::subject) silent = true;
        break;
      case ProgramDid::What::went_on:
        parts.push_back(fmt::format("it went on: {}", did->text));
        break;
      case ProgramDid::What::ended:
        parts.push_back(did->text);
        break;
      case ProgramDid::What::kept_on:
        parts.push_back(fmt::format("the command had not ended{}", did->text.empty() ? "" : "; " + did->text));
        break;
    }
  }
  if (silent) {
    const auto last = std::find_if(transcript.events().rbegin(), transcript.events().rend(), [](const Event& event) {
      const auto* did = event.as<ProgramDid>();
      return did && did->what == ProgramDid::What::was_silent;
    });
    parts.push_back(fmt::format("then nothing for {}", said(last->as<ProgramDid>()->milliseconds)));
    if (parts.size() == 1) parts.front() = fmt::format("nothing for {}", said(last->as<ProgramDid>()->milliseconds));
  }
  if (parts.empty()) return "nothing";
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string reaction(const std::vector<std::string>& reactions) {
  std::map<std::string, std::size_t> counts;
  for (const std::string& it : reactions) ++counts[it];
  if (counts.size() == 1) return counts.begin()->first;
  std::vector<std::pair<std::string, std::size_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> odds;
  for (const auto& [what, times] : sorted) odds.push_back(fmt::format("{} of {} {}", times, reactions.size(), what));
  return fmt::format("a race: {}", fmt::join(odds, "; "));
}

std::string probed_text(const Probed& probed, const RunReport& report, const std::vector<Clause>& clauses, const TerminalStyle& style) {
  const Ink ink(style.colour);
  std::set<Tls> met;
  std::size_t connections = 0;
  for (const ProbedRun& run : probed.runs) {
    met.insert(run.transcript.key().tls);
    connections += run.reactions.size();
  }
  std::string text =
      ink.strong(fmt::format("{}, a {}: {}TLS {}, {} connection{} in {:.1f} s", probed.name, spell(probed.role), met.empty() ? "no " : "",
                             tls_list(met), connections, connections == 1 ? "" : "s", report.duration_s)) +
      "\n";
  for (const std::string& remark : probed.remarks) text += fmt::format("  {}\n", remark);
  // A line for each situation, and one for each version where they differ.
  std::vector<std::string> titles;
  std::map<std::string, std::vector<std::pair<std::string, std::set<Tls>>>> did;
  std::size_t widest = 0;
  for (const ProbedRun& run : probed.runs) {
    auto& of_title = did[run.title];
    if (of_title.empty()) titles.push_back(run.title);
    widest = std::max(widest, run.title.size());
    const std::string what = reaction(run.reactions);
    const auto same = std::find_if(of_title.begin(), of_title.end(), [&](const auto& it) { return it.first == what; });
    (same == of_title.end() ? of_title.emplace_back(what, std::set<Tls>()) : *same).second.insert(run.transcript.key().tls);
  }
  for (const std::string& title : titles) {
    const auto& of_title = did[title];
    for (const auto& [what, tls] : of_title) {
      const std::string only = of_title.size() > 1 ? fmt::format("TLS {}: ", tls_list(tls)) : "";
      const std::string first = fmt::format("  {:<{}}  ", &what == &of_title.front().first ? title : "", widest);
      const auto lines = text::wrap(only + what, style.columns, first.size(), first.size());
      for (std::size_t i = 0; i < lines.size(); ++i)
        text += (i == 0 ? first + lines[i].substr(std::min(lines[i].find_first_not_of(' '), lines[i].size())) : lines[i]) + "\n";
    }
  }
  for (const ProbedRun& run : probed.runs) {
    const std::string found = success_although_cut(run.transcript);
    if (!found.empty())
      text += fmt::format("\n  {}, TLS {}: {}\n    {}\n", run.title, spell(run.transcript.key().tls), ink.of(Verdict::violates, found),
                          replay_command(report, run.replay));
  }
  std::size_t held = 0;
  for (const Cell& cell : report.cells) {
    held += cell.verdict == Verdict::conforms;
    if (cell.verdict != Verdict::violates && cell.verdict != Verdict::discouraged && cell.verdict != Verdict::known) continue;
    const auto clause = std::find_if(clauses.begin(), clauses.end(), [&](const Clause& it) { return it.id == cell.clause; });
    text += fmt::format("\n  {} {}, TLS {} ({}): {}\n", ink.of(cell.verdict, spell(cell.verdict)), cell.clause, spell(cell.tls),
                        spell(cell.strength), cell.says);
    if (clause != clauses.end())
      for (const std::string& line : text::wrap(fmt::format("{} ({})", clause->says, fmt::join(clause->cites, "; ")), style.columns, 4, 4))
        text += line + "\n";
    text += fmt::format("    {}\n", replay_command(report, cell.replay));
  }
  return text +
         ink.faint(fmt::format("\n{} statement{} of the documents that the wire alone can show {}", held, held == 1 ? "" : "s",
                               held == 1 ? "was kept" : "were kept")) +
         "\n";
}

}  // namespace tlsbye
