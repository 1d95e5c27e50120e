#include "reports/run_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <tuple>

#include "harness/data/file.h"
#include "harness/data/printable.h"
#include "reports/evidence.h"

namespace tlsbye {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view run_file_format = "tlsbye-run/1";

std::string json_line(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json value_json(const StackInfo& stack) {
  return {{"id", stack.id()},         {"name", stack.name},         {"version", stack.version},  {"abilities", stack.abilities},
          {"library", stack.library}, {"build_id", stack.build_id}, {"compiler", stack.compiler}};
}

Json value_json(const Choice& choice) {
  Json json{{"stacks", choice.stacks}, {"partners", choice.partners}, {"scenarios", choice.scenarios}, {"clauses", choice.clauses}};
  json["role"] = choice.role ? Json(spell(*choice.role)) : Json();
  json["tls"] = choice.tls ? Json(spell(*choice.tls)) : Json();
  json["io"] = choice.io ? Json(spell(*choice.io)) : Json();
  json["folder"] = choice.folder;
  json["sweep"] = choice.sweep;
  json["pairs"] = choice.pairs;
  return json;
}

Json value_json(const KnownList& known) { return {{"file", known.file}, {"entries", known.entries}, {"fingerprint", known.fingerprint}}; }

Json value_json(const ClauseText& clause) {
  return {{"id", clause.id},       {"strength", clause.strength}, {"says", clause.says},
          {"cites", clause.cites}, {"property", clause.property}, {"contradicts", clause.contradicts},
          {"file", clause.file},   {"line", clause.line}};
}

Json value_json(const Cell& cell) {
  Json json{{"clause", cell.clause},
            {"ref", cell.ref},
            {"strength", spell(cell.strength)},
            {"stack", cell.stack},
            {"version", cell.version},
            {"role", spell(cell.role)},
            {"tls", spell(cell.tls)},
            {"verdict", spell(cell.verdict)},
            {"scenario", cell.scenario},
            {"replay", cell.replay},
            {"says", cell.says},
            {"evidence", cell.evidence}};
  if (cell.was) {
    json["was"] = spell(*cell.was);
    json["reason"] = cell.reason;
  }
  return json;
}

Json value_json(const TraitAnswer& answer) {
  Json json{{"trait", answer.trait},    {"stack", answer.stack},     {"version", answer.version}, {"role", spell(answer.role)},
            {"tls", spell(answer.tls)}, {"answer", answer.answer()}, {"replay", answer.replay}};
  if (answer.answers.size() > 1) {
    json["answers"] = answer.answers;
    json["replays"] = answer.replays;
    const auto spelled = [](std::optional<Io> io) { return io ? Json(spell(*io)) : Json(); };
    for (const std::optional<Io>& io : answer.only) json["only"].push_back(spelled(io));
  }
  if (!answer.codes.empty()) json["codes"] = answer.codes;
  return json;
}

Json totals_json(const Totals& counts) {
  Json json = Json::object();
  for (std::size_t i = 0; i < counts.size(); ++i) json[std::string(Words<Verdict>::list[i])] = counts[i];
  return json;
}

Json value_json(const Pair& pair) {
  return {{"stack", pair.stack}, {"version", pair.version},    {"partner", pair.partner}, {"partner_version", pair.partner_version},
          {"runs", pair.runs},   {"totals", totals_json(pair.totals)}};
}

Json value_json(const Disagreement& it) {
  Json json{{"clause", it.clause},    {"stack", it.stack},    {"version", it.version},
            {"role", spell(it.role)}, {"tls", spell(it.tls)}, {"found", Json::array()}};
  for (const auto& found : it.found)
    json["found"].push_back({{"partner", found.partner},
                             {"partner_version", found.partner_version},
                             {"verdict", spell(found.verdict)},
                             {"replay", found.replay}});
  if (!it.reason.empty()) json["reason"] = it.reason;
  return json;
}

Json value_json(const Shard& shard, const RunCounts& counts) {
  Json json{{"number", shard.number},      {"of", shard.of},         {"before", counts.before}, {"lost", Json::array()},
            {"handshakes", Json::array()}, {"calls", Json::array()}, {"silent", Json::array()}};
  for (const RunCounts::Lost& it : counts.lost) json["lost"].push_back({{"run", it.run}, {"what", it.what}});
  for (const auto& [key, list] : {std::pair("handshakes", &counts.handshakes), std::pair("calls", &counts.calls)})
    for (const RunCounts::Asked& it : *list)
      json[key].push_back({{"stack", it.stack}, {"version", it.version}, {"what", it.what}, {"kept", it.kept}, {"refused", it.refused}});
  for (const RunCounts::Silent& it : counts.silent)
    json["silent"].push_back({{"stack", it.stack}, {"request", it.request}, {"times", it.times}, {"never", it.never}});
  return json;
}

Json value_json(const std::string& text) { return text; }

// One element a line: long lists stay readable, and line-oriented tools can compare them. Only one is JSON at a time.
template <typename Element>
std::string lines(const std::vector<Element>& elements) {
  if (elements.empty()) return "[]";
  std::string text = "[";
  for (const Element& element : elements) text += fmt::format("{}\n    {}", text.size() > 1 ? "," : "", json_line(value_json(element)));
  return text + "\n  ]";
}

// A value of the file and the way to it, for messages: "run.json: cells[3].verdict".
class Value {
 public:
  Value(const Json& value, std::string file, std::string path = {}) : value_(&value), file_(std::move(file)), path_(std::move(path)) {}

  [[noreturn]] void refuse(std::string_view why) const {
    throw RunFileError(fmt::format("{}: {}{}{}", file_, path_, path_.empty() ? "" : ": ", why));
  }

  // An object with exactly these keys, and perhaps those of `optional`.
  void has_only(std::span<const std::string_view> keys, std::initializer_list<std::string_view> optional = {}) const {
    if (!value_->is_object()) refuse("is not an object");
    for (const std::string_view name : keys)
      if (!value_->contains(name)) refuse(fmt::format("has no `{}`", name));
    for (const auto& [name, unused] : value_->items())
      if (std::find(keys.begin(), keys.end(), name) == keys.end() && std::find(optional.begin(), optional.end(), name) == optional.end())
        refuse(fmt::format("unknown key `{}`", name));
  }
  void has_only(std::initializer_list<std::string_view> keys, std::initializer_list<std::string_view> optional = {}) const {
    has_only(std::span(keys.begin(), keys.size()), optional);
  }
  bool has(std::string_view name) const { return value_->contains(name); }
  Value operator[](std::string_view name) const {
    return {value_->at(std::string(name)), file_, fmt::format("{}{}{}", path_, path_.empty() ? "" : ".", name)};
  }

  bool is_text() const { return value_->is_string(); }
  std::string text() const {  // of whoever made the file: it is printed as it stands
    if (!value_->is_string()) refuse("is not a string");
    return printable(value_->get_ref<const std::string&>());
  }
  std::size_t count() const {
    if (!value_->is_number_unsigned()) refuse("is not a count");
    return value_->get<std::size_t>();
  }
  template <typename Enum>
  std::optional<Enum> word_or_null(std::string_view what) const {
    return value_->is_null() ? std::nullopt : std::optional(word<Enum>(what));
  }
  double number() const {
    if (!value_->is_number()) refuse("is not a number");
    return value_->get<double>();
  }
  bool yes() const {
    if (!value_->is_boolean()) refuse("is neither true nor false");
    return value_->get<bool>();
  }
  template <typename Enum>
  Enum word(std::string_view what) const {
    const std::string spelled = text();
    const auto value = read_word<Enum>(spelled);
    if (!value) refuse(fmt::format("`{}` is not a {}", spelled, what));
    return *value;
  }
  template <typename Element>
  std::vector<Element> list(Element (*read)(const Value&)) const {
    if (!value_->is_array()) refuse("is not a list");
    std::vector<Element> elements;
    for (std::size_t i = 0; i < value_->size(); ++i) elements.push_back(read({(*value_)[i], file_, fmt::format("{}[{}]", path_, i)}));
    return elements;
  }
  std::vector<std::string> texts() const {
    return list<std::string>([](const Value& place) { return place.text(); });
  }

 private:
  const Json* value_;
  std::string file_, path_;
};

StackInfo read_stack(const Value& place) {
  place.has_only({"id", "name", "version", "abilities", "library", "build_id"}, {"compiler"});
  StackInfo stack{place["name"].text(),    place["version"].text(),  place["abilities"].texts(),
                  place["library"].text(), place["build_id"].text(), place.has("compiler") ? place["compiler"].text() : ""};
  if (place["id"].text() != stack.id()) place["id"].refuse(fmt::format("is not `{}`", stack.id()));
  return stack;
}

EvidenceLine read_evidence(const Value& place) {
  if (place.is_text()) place.refuse("is a string, and no object: an older tlsbye made this file; `tlsbye run` makes it again");
  place.has_only({"label", "text", "decisive"});
  return {place["label"].text(), place["text"].text(), place["decisive"].yes()};
}

Choice read_choice(const Value& place) {
  place.has_only({"stacks", "partners", "scenarios", "clauses", "role", "tls", "io", "folder", "sweep", "pairs"});
  return {place["stacks"].texts(),
          place["partners"].texts(),
          place["scenarios"].texts(),
          place["clauses"].texts(),
          place["role"].word_or_null<Role>("role"),
          place["tls"].word_or_null<Tls>("TLS version"),
          place["io"].word_or_null<Io>("blocking mode"),
          place["folder"].text(),
          place["sweep"].yes(),
          place["pairs"].count()};
}

KnownList read_known(const Value& place) {
  place.has_only({"file", "entries", "fingerprint"});
  return {place["file"].text(), place["entries"].count(), place["fingerprint"].text()};
}

Provenance read_provenance(const Value& place) {
  const Value tool = place["tool"];
  tool.has_only({"name", "version", "commit"});
  return {tool["name"].text(),          tool["version"].text(),       tool["commit"].text(),
          place["day"].text(),          place["words"].texts(),       read_choice(place["selection"]),
          read_known(place["known"]),   place["system"].text(),       place["partners"].list<StackInfo>(read_stack),
          place["environment"].texts(), place["replay_words"].texts()};
}

ClauseText read_clause(const Value& place) {
  place.has_only({"id", "strength", "says", "cites", "property", "contradicts", "file", "line"});
  return {place["id"].text(),       std::string(spell(place["strength"].word<Strength>("strength"))),
          place["says"].text(),     place["cites"].texts(),
          place["property"].text(), place["contradicts"].text(),
          place["file"].text(),     static_cast<int>(place["line"].count())};
}

Cell read_cell(const Value& place) {
  place.has_only({"clause", "ref", "strength", "stack", "version", "role", "tls", "verdict", "scenario", "replay", "says", "evidence"},
                 {"was", "reason"});
  Cell cell;
  cell.clause = place["clause"].text();
  cell.ref = place["ref"].texts();
  cell.strength = place["strength"].word<Strength>("strength");
  cell.stack = place["stack"].text();
  cell.version = place["version"].text();
  cell.role = place["role"].word<Role>("role");
  cell.tls = place["tls"].word<Tls>("TLS version");
  cell.verdict = place["verdict"].word<Verdict>("verdict");
  cell.scenario = place["scenario"].text();
  cell.replay = place["replay"].text();
  cell.says = place["says"].text();
  cell.evidence = place["evidence"].list<EvidenceLine>(read_evidence);
  const bool excused = cell.verdict == Verdict::known || cell.verdict == Verdict::stale;
  for (const std::string_view name : {"was", "reason"})
    if (place.has(name) != excused) place.refuse(fmt::format("is {} and has {} `{}`", spell(cell.verdict), excused ? "no" : "a", name));
  if (excused) {
    cell.was = place["was"].word<Verdict>("verdict");
    cell.reason = place["reason"].text();
  }
  return cell;
}

TraitAnswer read_answer(const Value& place) {
  place.has_only({"trait", "stack", "version", "role", "tls", "answer", "replay"}, {"answers", "replays", "only", "codes"});
  TraitAnswer answer{place["trait"].text(),
                     place["stack"].text(),
                     place["version"].text(),
                     place["role"].word<Role>("role"),
                     place["tls"].word<Tls>("TLS version"),
                     {place["answer"].text()},
                     place["replay"].text()};
  const bool several = place.has("answers");
  if (place.has("replays") != several)
    place.refuse(fmt::format("has `{}` alone: `answers` and `replays` belong together", several ? "answers" : "replays"));
  const auto read_codes = [&] {
    if (!place.has("codes")) return;
    answer.codes = place["codes"].list<std::vector<std::string>>([](const Value& codes) { return codes.texts(); });
    if (answer.codes.size() != answer.answers.size()) place["codes"].refuse("has not one entry for each of the answers");
  };
  if (!several) {
    read_codes();
    return answer;
  }
  answer.answers = place["answers"].texts();
  answer.replays = place["replays"].texts();
  if (answer.answers.size() < 2) place["answers"].refuse("has not several answers");
  if (answer.replays.size() != answer.answers.size()) place["replays"].refuse("has not one run for each of the answers");
  if (place.has("only")) {
    answer.only = place["only"].list<std::optional<Io>>([](const Value& io) { return io.word_or_null<Io>("blocking mode"); });
    if (answer.only.size() != answer.answers.size()) place["only"].refuse("has not one entry for each of the answers");
  }
  read_codes();
  if (place["answer"].text() != answer.answer()) place["answer"].refuse(fmt::format("is not `{}`", answer.answer()));
  return answer;
}

Totals read_totals(const Value& place) {
  place.has_only(Words<Verdict>::list);
  Totals counts{};
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = place[Words<Verdict>::list[i]].count();
  return counts;
}

Pair read_pair(const Value& place) {
  place.has_only({"stack", "version", "partner", "partner_version", "runs", "totals"});
  return {place["stack"].text(),           place["version"].text(), place["partner"].text(),
          place["partner_version"].text(), place["runs"].count(),   read_totals(place["totals"])};
}

Disagreement read_disagreement(const Value& place) {
  place.has_only({"clause", "stack", "version", "role", "tls", "found"}, {"reason"});
  Disagreement it;
  it.clause = place["clause"].text();
  it.stack = place["stack"].text();
  it.version = place["version"].text();
  it.role = place["role"].word<Role>("role");
  it.tls = place["tls"].word<Tls>("TLS version");
  it.found = place["found"].list<Disagreement::Found>([](const Value& found) {
    found.has_only({"partner", "partner_version", "verdict", "replay"});
    return Disagreement::Found{found["partner"].text(), found["partner_version"].text(), found["verdict"].word<Verdict>("verdict"),
                               found["replay"].text()};
  });
  if (place.has("reason")) it.reason = place["reason"].text();
  return it;
}

RunCounts::Lost read_lost(const Value& place) {
  place.has_only({"run", "what"});
  return {place["run"].count(), place["what"].text()};
}

RunCounts::Asked read_asked(const Value& place) {
  place.has_only({"stack", "version", "what", "kept", "refused"});
  return {place["stack"].text(), place["version"].text(), place["what"].text(), place["kept"].count(), place["refused"].count()};
}

RunCounts::Silent read_silent(const Value& place) {
  place.has_only({"stack", "request", "times", "never"});
  return {place["stack"].text(), place["request"].text(), place["times"].count(), place["never"].count()};
}

void read_shard(const Value& place, RunReport& report) {
  place.has_only({"number", "of", "before", "lost", "handshakes", "calls", "silent"});
  report.shard = Shard{place["number"].count(), place["of"].count()};
  if (report.shard->number < 1 || report.shard->number > report.shard->of) place["number"].refuse("is not one of as many as `of` says");
  report.counts = {place["before"].texts(), place["lost"].list<RunCounts::Lost>(read_lost),
                   place["handshakes"].list<RunCounts::Asked>(read_asked), place["calls"].list<RunCounts::Asked>(read_asked),
                   place["silent"].list<RunCounts::Silent>(read_silent)};
}

// What is told of a library is of one that took part, and told once.
void check_columns(const RunReport& report, const Value& place) {
  const auto took_part = [&](const auto& of) {
    return std::any_of(report.stacks.begin(), report.stacks.end(),
                       [&](const StackInfo& it) { return it.name == of.stack && it.version == of.version; });
  };
  std::set<std::tuple<std::string_view, std::string_view, std::string_view, Role, Tls>> cells, answers;
  for (const Cell& cell : report.cells) {
    if (!took_part(cell)) place["cells"].refuse(fmt::format("`{} {}` is none of the stacks", cell.stack, cell.version));
    if (!cells.emplace(cell.clause, cell.stack, cell.version, cell.role, cell.tls).second)
      place["cells"].refuse(fmt::format("a cell of {} is there twice", cell.clause));
  }
  for (const TraitAnswer& answer : report.traits) {
    if (!took_part(answer)) place["traits"].refuse(fmt::format("`{} {}` is none of the stacks", answer.stack, answer.version));
    if (!answers.emplace(answer.trait, answer.stack, answer.version, answer.role, answer.tls).second)
      place["traits"].refuse(fmt::format("an answer to {} is there twice", answer.trait));
  }
}

}  // namespace

std::string run_json(const RunReport& report) {
  std::string text = "{\n";
  const auto key = [&](std::string_view name, const std::string& value, bool last = false) {
    text += fmt::format("  \"{}\": {}{}\n", name, value, last ? "" : ",");
  };
  key("format", json_line(run_file_format));
  if (const Provenance& made = report.provenance; !made.tool.empty()) {
    key("tool", json_line({{"name", made.tool}, {"version", made.version}, {"commit", made.commit}}));
    key("day", json_line(made.day));
    key("words", json_line(made.words));
    key("selection", json_line(value_json(made.choice)));
    key("known", json_line(value_json(made.known)));
    key("system", json_line(made.system));
    key("partners", lines(made.partners));
    key("environment", json_line(made.environment));
    key("replay_words", json_line(made.replay_words));
  }
  if (report.shard) key("shard", json_line(value_json(*report.shard, report.counts)));
  key("stacks", lines(report.stacks));
  key("cells", lines(report.cells));
  key("traits", lines(report.traits));
  key("pairs", lines(report.pairs));
  if (!report.disagreements.empty()) key("disagreements", lines(report.disagreements));
  if (!report.clauses.empty() || !report.provenance.tool.empty()) key("clauses", lines(report.clauses));
  key("runs", json_line(report.runs));
  key("totals", json_line(totals_json(totals(report))));
  key("duration_s", json_line(std::round(report.duration_s * 1000) / 1000));
  key("complete", json_line(report.complete));
  key("problems", lines(report.problems), true);
  return text + "}\n";
}

RunReport parse_run(std::string_view text, const std::string& name) {
  Json root;
  try {
    root = Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw RunFileError(fmt::format("{}: is not JSON, at byte {}", name, error.byte));
  } catch (const Json::exception& error) {  // a number that no double holds
    throw RunFileError(fmt::format("{}: {}", name, error.what()));
  }
  // The format first: a file of another version should hear that, and not which key it lacks.
  if (!root.is_object() || !root.contains("format")) throw RunFileError(fmt::format("{}: is not a run file: it has no `format`", name));
  if (root["format"] != run_file_format)
    throw RunFileError(fmt::format("{}: the format is {}, and not \"{}\"", name, json_line(root["format"]), run_file_format));
  const Value place(root, name);
  // Where it comes from stands in it whole or not at all, as in files of a tlsbye that did not say.
  constexpr std::array<std::string_view, 9> provenance{"tool",   "day",      "words",       "selection",   "known",
                                                       "system", "partners", "environment", "replay_words"};
  std::vector<std::string_view> keys{"format", "stacks", "cells",      "traits",   "pairs",
                                     "runs",   "totals", "duration_s", "complete", "problems"};
  if (place.has("tool")) keys.insert(keys.end(), provenance.begin(), provenance.end());
  place.has_only(keys, {"clauses", "disagreements", "shard"});
  RunReport report;
  if (place.has("tool")) report.provenance = read_provenance(place);
  if (place.has("clauses")) report.clauses = place["clauses"].list<ClauseText>(read_clause);
  if (place.has("shard")) read_shard(place["shard"], report);
  report.stacks = place["stacks"].list<StackInfo>(read_stack);
  report.cells = place["cells"].list<Cell>(read_cell);
  report.traits = place["traits"].list<TraitAnswer>(read_answer);
  report.pairs = place["pairs"].list<Pair>(read_pair);
  if (place.has("disagreements")) report.disagreements = place["disagreements"].list<Disagreement>(read_disagreement);
  check_columns(report, place);
  report.runs = place["runs"].count();
  report.duration_s = place["duration_s"].number();
  report.complete = place["complete"].yes();
  report.problems = place["problems"].texts();
  const Totals told = read_totals(place["totals"]), counts = totals(report);
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (told[i] != counts[i])
      place["totals"][Words<Verdict>::list[i]].refuse(fmt::format("is not the number of such cells, {}", counts[i]));
  return report;
}

void write_run_file(const RunReport& report, const std::filesystem::path& file) {
  if (const auto error = write_file(file, run_json(report))) throw RunFileError(fmt::format("{}: {}", file.string(), error->what));
}

RunReport read_run_file(const std::filesystem::path& file) {
  const auto read = read_file(file);
  if (const auto* error = std::get_if<FileError>(&read)) throw RunFileError(fmt::format("{}: {}", file.string(), error->what));
  return parse_run(std::get<std::string>(read), file.string());
}

}  // namespace tlsbye
