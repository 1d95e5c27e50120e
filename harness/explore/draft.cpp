#include "harness/explore/draft.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "harness/scenario/script_parser.h"

namespace tlsbye {
namespace {

ScriptContext context_of(const Draft& draft) {
  ScriptContext context;
  context.file = "draft";
  context.no_reset = draft.transport != TransportKind::tcp;
  (draft.tls == Tls::v1_3 ? context.with_tls13 : context.with_tls12) = true;
  return context;
}

std::string in_quotes(std::string_view text) {
  std::string told = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') told += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      told += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else
      told += c;
  }
  return told + '"';
}

std::string list(const std::vector<std::string>& words) {
  std::vector<std::string> all;
  for (const std::string& word : words) all.push_back(in_quotes(word));
  return fmt::format("[{}]", fmt::join(all, ", "));
}

}  // namespace

Draft draft_of(const Scenario& scenario, Role role, Tls tls, Io io, Schedule schedule) {
  Draft draft{role, tls, io, scenario.transport, scenario.options, scenario.partner_options, {}, std::move(schedule)};
  for (const Statement& statement : scenario.script) draft.lines.push_back(in_columns(statement.source));
  return draft;
}

std::string in_columns(std::string_view line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::size_t next = std::min(line.find_first_not_of(' ', end), line.size());
  return fmt::format("{:<8} {}", line.substr(0, end), line.substr(next));
}

std::optional<Scenario> scenario_of(const Draft& draft, std::string id) {
  Scenario scenario;
  std::string text;
  for (const std::string& line : draft.lines) text += line + "\n";
  std::vector<Diagnostic> diagnostics;
  scenario.script = parse_script(text, context_of(draft), diagnostics);
  if (!diagnostics.empty() || scenario.script.empty()) return std::nullopt;
  scenario.id = std::move(id);
  scenario.roles = {draft.role};
  scenario.versions = {draft.tls};
  scenario.modes = {draft.io};
  scenario.options = draft.options;
  scenario.partner_options = draft.partner_options;
  scenario.transport = draft.transport;
  scenario.lines = draft.lines;
  return scenario;
}

bool fits(const Draft& draft, std::string_view line) {
  std::vector<Diagnostic> diagnostics;
  return !parse_script(line, context_of(draft), diagnostics).empty() && diagnostics.empty();
}

std::vector<std::string> commented(const std::vector<std::string>& lines, const std::vector<std::string>& came) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < lines.size() && i < came.size(); ++i)
    if (!came[i].empty()) width = std::max(width, lines[i].size());
  std::vector<std::string> all;
  for (std::size_t i = 0; i < lines.size(); ++i)
    all.push_back(i < came.size() && !came[i].empty() ? fmt::format("{:<{}}  # {}", lines[i], width, came[i]) : lines[i]);
  return all;
}

std::string toml_of(const Draft& draft, std::string_view id, std::string_view title, std::string_view why,
                    const std::vector<std::string>& came) {
  std::string text =
      fmt::format("[[scenario]]\nid       = {}\ntitle    = {}\nwhy      = {}\n", in_quotes(id), in_quotes(title), in_quotes(why));
  text +=
      fmt::format("roles    = [\"{}\"]\nversions = [\"{}\"]\nio       = [\"{}\"]\n", spell(draft.role), spell(draft.tls), spell(draft.io));
  if (draft.transport == TransportKind::tcp) text += "transport = \"tcp\"\n";
  if (!draft.options.empty()) text += fmt::format("options  = {}\n", list(draft.options));
  if (!draft.partner_options.empty()) text += fmt::format("partner_options = {}\n", list(draft.partner_options));
  text += "script   = '''\n";
  for (const std::string& line : commented(draft.lines, came)) text += line + "\n";
  return text + "'''\n";
}

}  // namespace tlsbye
