#include "harness/cli/liars.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/data/file.h"
#include "harness/data/rows.h"
#include "harness/scenario/script_parser.h"

namespace tlsbye {
namespace {

const Rows::Keys keys{"property", "with",    "lie",             "blame",    "program", "role", "tls",
                      "io",       "options", "partner_options", "schedule", "script"};

void read_liar(const toml::table& table, const std::filesystem::path& file, Rows& rows, LoadedLiars& into) {
  Liar liar;
  const std::string property = rows.text(table, "property").value_or("");
  liar.property = find_property(property);
  if (!liar.property && !property.empty()) {
    std::vector<std::string_view> known;
    for (const Property& it : properties()) known.push_back(it.name);
    rows.report(Rows::place(table, "property"), fmt::format("unknown property `{}`", property), did_you_mean(property, known));
  }
  if (const toml::table* with = rows.table(table, "with"))
    for (const auto& [parameter, value] : *with)
      liar.parameters.emplace(parameter.str(), rows.texts(*with, parameter.str(), Rows::Numbers::yes));
  liar.lie = rows.text(table, "lie").value_or("");
  liar.blame = rows.yes(table, "blame").value_or(false);
  if (liar.lie.empty() != liar.blame) rows.report(table.source(), "a [[liar]] needs either a `lie` or `blame = true`");
  liar.program = rows.text(table, "program").value_or("");
  if (!liar.program.empty() && liar.blame) rows.report(Rows::place(table, "program"), "a program lies by itself: it needs a `lie`");
  for (const Role role : rows.enums<Role>(table, "role")) liar.role = role;
  for (const Tls tls : rows.enums<Tls>(table, "tls")) liar.tls = tls;
  for (const Io io : rows.enums<Io>(table, "io")) liar.io = io;
  liar.scenario.options = rows.texts(table, "options");
  liar.scenario.partner_options = rows.texts(table, "partner_options");
  auto schedule = read_schedule(rows.text(table, "schedule").value_or(""));
  if (const auto* problem = std::get_if<std::string>(&schedule))
    rows.report(Rows::place(table, "schedule"), *problem);
  else
    liar.schedule = std::get<Schedule>(std::move(schedule));
  const std::string script = rows.text(table, "script").value_or("");
  // A ''' string begins on the line after its quotes.
  const int first_line = static_cast<int>(Rows::place(table, "script").begin.line) + 1;
  liar.scenario.script = parse_script(script, file.string(), first_line, into.diagnostics);
  liar.scenario.lines = split_lines(script);
  if (!rows.is_good(table)) return;
  liar.scenario.id = fmt::format("liars/{}", liar.lie.empty() ? "the-wire" : liar.lie);
  liar.scenario.file = file;
  into.liars.push_back(std::move(liar));
}

}  // namespace

LoadedLiars load_liars(const std::filesystem::path& file) {
  LoadedLiars loaded;
  const auto text = read_text(file, loaded.diagnostics);
  if (!text) return loaded;
  Rows rows(*text, file.string(), loaded.diagnostics);
  for (const toml::table* row : rows.tables("liar", keys, {"property", "script"})) read_liar(*row, file, rows, loaded);
  return loaded;
}

}  // namespace tlsbye
