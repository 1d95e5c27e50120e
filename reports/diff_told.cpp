// A diff for people, and for programs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "reports/diff.h"
#include "reports/evidence.h"
#include "reports/ink.h"
#include "reports/markdown_text.h"
#include "reports/matrix.h"

namespace tlsbye {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Diff::Kind;
using namespace markdown_text;

constexpr std::size_t screenful = 24;  // lines of a terminal at its usual size

// One change, in all the roles and versions in which it is the same.
struct Entry {
  std::string stack, name, change, detail = {}, replay = {};
  std::set<matrix::Column> columns = {};
};

struct Part {
  std::string title;
  std::vector<Entry> entries = {};
  std::size_t count = 0;  // cells or answers

  void add(Entry entry, const matrix::Column& column) {
    ++count;
    const auto same = [&](const Entry& other) {
      return other.stack == entry.stack && other.name == entry.name && other.change == entry.change;
    };
    auto place = std::find_if(entries.begin(), entries.end(), same);
    if (place == entries.end()) place = entries.insert(place, std::move(entry));
    place->columns.insert(column);
  }
};

std::string compared(const std::string& name, const std::string& before, const std::string& after) {
  return before == after ? fmt::format("{} {}", name, after) : fmt::format("{} {} -> {}", name, before, after);
}

Entry entry_of(const Diff::Change& change) {
  const Cell& cell = change.cell();
  Entry entry{compared(cell.stack, change.before ? change.before->version : cell.version, cell.version), cell.clause, ""};
  if (change.before && change.after && change.before->verdict != cell.verdict)
    entry.change = fmt::format("{} -> {}", spell(change.before->verdict), spell(cell.verdict));
  else if (change.kind == Kind::otherwise && !change.after)
    entry.change = fmt::format("{} -> (no cell)", spell(cell.verdict));
  else if (change.kind == Kind::otherwise && !change.before)
    entry.change = fmt::format("(no cell) -> {}", spell(cell.verdict));
  else
    entry.change = spell(cell.verdict);
  if (change.kind == Kind::behaviour) entry.detail = told_apart(*change.before, *change.after);
  if (change.kind == Kind::broken) entry.detail = cell.says;
  if (change.after) entry.replay = cell.replay;
  return entry;
}

std::vector<Part> diff_parts(const Diff& diff) {
  Part stacks{"Libraries"}, traits{"Traits that changed"};
  std::set<std::string> whole;  // stacks of which one of the runs has nothing
  for (const Diff::StackChange& change : diff.stacks) {
    const StackInfo& stack = change.stack();
    Entry entry{stack.id(), "", ""};
    if (!change.before || !change.after) {
      whole.insert(stack.id());
      entry.stack += change.after ? " is new" : " is gone";
    } else {
      entry.stack = compared(stack.name, change.before->version, stack.version);
      if (change.before->version == stack.version) entry.stack += " is another build";
    }
    if (change.before && change.after && change.before->library + change.before->build_id != stack.library + stack.build_id)
      entry.detail = fmt::format("{} -> {}", matrix::file_of(*change.before), matrix::file_of(stack));
    ++stacks.count;
    stacks.entries.push_back(std::move(entry));
  }
  Part abilities{"Abilities"};
  for (const Diff::AbilityChange& it : diff.abilities) {
    ++abilities.count;
    abilities.entries.push_back({compared(it.stack, it.before, it.after),
                                 fmt::format("{} {} {}", it.lost ? "cannot" : "can", it.ability, it.lost ? "any more" : "now"),
                                 fmt::format("{} cells, {} answers", it.cells, it.answers)});
  }
  std::map<Kind, Part> cells{{Kind::broken, {"Verdicts that changed for the worse"}},
                             {Kind::gone, {"Cells that are gone"}},
                             {Kind::behaviour, {"Verdicts that rest on something else now"}},
                             {Kind::otherwise, {"Verdicts that changed, neither for the worse nor for the better"}},
                             {Kind::fixed, {"Verdicts that changed for the better"}},
                             {Kind::added, {"Cells that are new"}}};
  for (const Diff::Change& change : diff.cells) {
    Entry entry = entry_of(change);
    if (whole.contains(entry.stack)) entry = {entry.stack, "all of its cells", ""};
    if (diff.not_asked.contains(entry.stack)) entry = {entry.stack, "all of its cells: one of the runs was not asked for it", ""};
    cells.at(change.kind).add(std::move(entry), matrix::column_of(change.cell()));
  }
  for (const Diff::TraitChange& change : diff.traits) {
    const TraitAnswer& answer = change.answer();
    Entry entry{compared(answer.stack, change.before ? change.before->version : answer.version, answer.version), answer.trait, ""};
    const auto in_words = [](const auto& it) { return it ? it->answer() : "(no answer)"; };
    entry.change = fmt::format("{} -> {}", in_words(change.before), in_words(change.after));
    if (whole.contains(entry.stack)) entry = {entry.stack, "all of its answers", ""};
    if (change.after) entry.replay = answer.replay;
    traits.add(std::move(entry), matrix::column_of(answer));
  }
  std::vector<Part> all{std::move(stacks), std::move(abilities), std::move(cells[Kind::broken]), std::move(cells[Kind::gone]),
                        std::move(traits)};
  for (const Kind kind : {Kind::behaviour, Kind::otherwise, Kind::fixed, Kind::added}) all.push_back(std::move(cells[kind]));
  std::erase_if(all, [](const Part& part) { return part.entries.empty(); });
  return all;
}

std::string diff_sums(const Diff& diff) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < Words<Kind>::list.size(); ++i)
    if (const std::size_t count = diff.count(static_cast<Kind>(i)); count > 0)
      words.push_back(fmt::format("{} {}", count, Words<Kind>::list[i]));
  const std::string cells = words.empty() ? "none" : fmt::format("{}", fmt::join(words, ", "));
  return fmt::format("cells: {}; traits: {}", cells, diff.traits.empty() ? "none" : fmt::format("{} changed", diff.traits.size()));
}

// How many entries of each part are told in so many lines: of every part one, and the first parts whole before the later ones.
std::vector<std::size_t> told_of(const std::vector<Part>& parts, std::size_t room) {
  std::vector<std::size_t> told(parts.size(), 1);
  const auto lines = [](const Entry& entry) { return entry.detail.empty() ? 1U : 2U; };
  std::size_t used = 0;
  for (const Part& part : parts) used += 1 + lines(part.entries.front());
  for (std::size_t i = 0; i < parts.size(); ++i)
    while (told[i] < parts[i].entries.size() && used + lines(parts[i].entries[told[i]]) <= room) used += lines(parts[i].entries[told[i]++]);
  return told;
}

Json version_json(const Cell& cell) {
  return {{"version", cell.version}, {"verdict", spell(cell.verdict)}, {"scenario", cell.scenario}, {"replay", cell.replay},
          {"says", cell.says},       {"evidence", cell.evidence}};
}
Json version_json(const TraitAnswer& answer) {
  return {{"version", answer.version}, {"answer", answer.answer()}, {"replay", answer.replay}};
}

Json version_json(const StackInfo& stack) { return {{"version", stack.version}, {"library", stack.library}, {"build_id", stack.build_id}}; }

// The keys `old` and `new`, where there is such a one.
template <typename Change>
Json with_both(Json json, const Change& change) {
  if (change.before) json["old"] = version_json(*change.before);
  if (change.after) json["new"] = version_json(*change.after);
  return json;
}

}  // namespace

std::string tell(const Diff& diff, bool all, const TerminalStyle& style) {
  const Ink ink(style.colour);
  std::string text;
  constexpr std::size_t most_made = 8;
  const std::size_t made = all ? diff.made.size() : std::min(diff.made.size(), most_made);
  if (made > 0) text += ink.strong("The runs were made differently") + "\n";
  for (std::size_t i = 0; i < made; ++i) text += "  " + diff.made[i] + "\n";
  if (diff.empty()) return text + "nothing changed\n";
  const std::vector<Part> every = diff_parts(diff);
  const std::size_t frame = 2 + (made > 0 ? made + 1 : 0);  // the sums, what was left out, and how the runs were made
  const std::vector<std::size_t> told = told_of(every, all ? static_cast<std::size_t>(-1) : screenful - frame);
  text += diff_sums(diff) + "\n";
  std::size_t left = 0;
  for (std::size_t i = 0; i < every.size(); ++i) {
    text += ink.strong(fmt::format("{} ({})", every[i].title, every[i].count)) + "\n";
    for (std::size_t j = 0; j < told[i]; ++j) {
      const Entry& entry = every[i].entries[j];
      std::string line = "  " + entry.stack;
      for (const std::string& word : {entry.name, entry.change})
        if (!word.empty()) line += "  " + word;
      if (!entry.columns.empty()) line += fmt::format("  ({})", matrix::shortly(entry.columns));
      text += line + "\n";
      if (!entry.detail.empty()) text += ink.faint("      " + entry.detail) + "\n";
    }
    left += every[i].entries.size() - told[i];
  }
  if (left > 0) text += fmt::format("and {} more; --all tells them\n", left);
  return text;
}

std::string diff_markdown(const Diff& diff) {
  Fitted text("`tlsbye diff --all`");
  text.add("# What changed in how TLS connections are closed\n\n");
  if (!diff.made.empty()) {
    std::vector<std::string> lines;
    for (const std::string& each : diff.made) lines.push_back(fmt::format("* {}\n", plain(each)));
    text.add("The runs were made differently:\n\n", lines, "\n");
  }
  text.add(diff.empty() ? "Nothing.\n" : plain(diff_sums(diff)) + ".\n\n");
  for (const Part& part : diff_parts(diff)) {
    std::vector<std::string> lines;
    for (const Entry& entry : part.entries) {
      std::string line = "* " + plain(entry.stack);
      if (!entry.name.empty()) line += " " + (entry.name.find(' ') == std::string::npos ? code(entry.name) : plain(entry.name));
      if (!entry.columns.empty()) line += fmt::format(" ({})", matrix::shortly(entry.columns));
      if (!entry.change.empty()) line += ": " + plain(entry.change);
      if (!entry.detail.empty()) line += "<br>" + plain(entry.detail);
      if (!entry.replay.empty()) line += "<br>" + code(entry.replay);
      lines.push_back(line + "\n");
    }
    text.add(fmt::format("## {} ({})\n\n", part.title, part.count), lines, "\n");
  }
  return text.text();
}

std::string diff_json(const Diff& diff) {
  Json json{{"format", "tlsbye-diff/1"},  {"made", diff.made},      {"stacks", Json::array()},
            {"abilities", Json::array()}, {"cells", Json::array()}, {"traits", Json::array()}};
  for (const Diff::AbilityChange& it : diff.abilities)
    json["abilities"].push_back({{"stack", it.stack},
                                 {"old", it.before},
                                 {"new", it.after},
                                 {"ability", it.ability},
                                 {"change", it.lost ? "lost" : "gained"},
                                 {"cells", it.cells},
                                 {"answers", it.answers}});
  for (const Diff::StackChange& change : diff.stacks) json["stacks"].push_back(with_both({{"name", change.stack().name}}, change));
  for (const Diff::Change& change : diff.cells) {
    const Cell& cell = change.cell();
    json["cells"].push_back(with_both({{"change", spell(change.kind)},
                                       {"clause", cell.clause},
                                       {"stack", cell.stack},
                                       {"role", spell(cell.role)},
                                       {"tls", spell(cell.tls)}},
                                      change));
  }
  for (const Diff::TraitChange& change : diff.traits) {
    const TraitAnswer& answer = change.answer();
    json["traits"].push_back(
        with_both({{"trait", answer.trait}, {"stack", answer.stack}, {"role", spell(answer.role)}, {"tls", spell(answer.tls)}}, change));
  }
  Json counts = Json::object();
  for (std::size_t i = 0; i < Words<Kind>::list.size(); ++i) counts[std::string(Words<Kind>::list[i])] = diff.count(static_cast<Kind>(i));
  json["totals"] = std::move(counts);
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace tlsbye
