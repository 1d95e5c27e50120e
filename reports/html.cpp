#include "reports/html.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "reports/matrix.h"
#include "reports/page.h"
#include "reports/pcapng.h"
#include "reports/text.h"

namespace tlsbye {
namespace {

using Json = nlohmann::ordered_json;

// JSON inside of a <script>: no byte of it can end the element or begin another.
std::string embedded(const Json& json) {
  std::string safe;
  for (const char c : json.dump(-1, ' ', false, Json::error_handler_t::replace)) {
    if (c == '<' || c == '>' || c == '&')
      safe += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      safe += c;
  }
  return safe;
}

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '&':
        safe += "&amp;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

// Strings that occur again and again, each once; the data name them by their place.
class Pool {
 public:
  std::size_t operator()(std::string_view text) {
    const auto [at, fresh] = places_.try_emplace(std::string(text), strings_.size());
    if (fresh) strings_.emplace_back(text);
    return at->second;
  }
  const std::vector<std::string>& strings() const { return strings_; }

 private:
  std::map<std::string, std::size_t, std::less<>> places_;
  std::vector<std::string> strings_;
};

// The numbers of the events that decided: those of the lines that are marked.
std::set<int> decisive(const std::vector<std::string>& evidence) {
  std::set<int> numbers;
  for (const std::string& line : evidence) {
    const auto digit = line.starts_with('>') ? line.find_first_of("0123456789") : std::string::npos;
    int number = 0;
    if (digit != std::string::npos && std::from_chars(line.data() + digit, line.data() + line.size(), number).ec == std::errc())
      numbers.insert(number);
  }
  return numbers;
}

// --- A run as the page draws it: items in the order of events, each in the lane of one side or on the wire between them. ---

// What an item is, for its look.
enum class Look : std::uint8_t { call, wire, blocked, bad, note, fold };
// Where an arrow on the wire begins and ends; for the fate of a record, and for ends.
enum class Arrow : std::uint8_t { through, stopped, resumed, added };

struct Item {
  int number = 0, line = 0;
  Look look{};
  int lane = 0;  // 0 subject, 1 partner, 2 neither; for the wire: where it comes from
  Arrow arrow{};
  std::string title = {}, detail = {};
  std::size_t times = 1;   // a fold: how often
  std::size_t events = 1;  // a fold: how many each time
  bool same_as(const Item& item) const {
    return std::tie(line, look, lane, arrow, title, detail) ==
           std::tie(item.line, item.look, item.lane, item.arrow, item.title, item.detail);
  }
};

int lane(Side side) { return side == Side::subject ? 0 : 1; }

std::string joined(const std::vector<std::string>& words, std::string_view by = ", ") { return fmt::format("{}", fmt::join(words, by)); }

Item draw(const ApiCall& e) {
  Item item{.look = e.outcome == Outcome::failed || e.outcome == Outcome::refused ? Look::bad : Look::call, .lane = lane(e.side)};
  item.title = e.aside == Aside::thread ? "aside " : e.aside == Aside::process ? "fork " : "";
  item.title += spell(e.call);
  if (!e.arguments.empty()) item.title += " " + e.arguments;
  if (e.bytes > 0) item.title += fmt::format(" {}", e.bytes);
  item.title += fmt::format(" = {}", spell(e.outcome));
  std::vector<std::string> detail{fmt::format("{} {}", e.native, e.returned)};
  if (!e.code.empty()) detail.front() += " " + e.code;
  if (!e.error_number.empty()) detail.push_back("errno " + e.error_number);
  if (!e.intact) detail.emplace_back("not what was sent");
  for (const auto& [flag, value] : e.state) detail.push_back(flag + "=" + value);
  item.detail = joined(detail);
  return item;
}

Item draw(const Record& e) {
  Item item{.look = Look::wire, .lane = lane(e.from)};
  if (e.alert) {
    item.title = fmt::format("{} ({})", alert_name(e.alert->description),
                             e.alert->level == 1   ? "warning"
                             : e.alert->level == 2 ? "fatal"
                                                   : fmt::format("level {}", e.alert->level));
  } else {
    item.title = e.type == ContentType::handshake && !e.handshake.empty() ? e.handshake : std::string(spell(e.type));
  }
  std::vector<std::string> detail;
  constexpr std::array<std::string_view, 6> fates{"", "held", "dropped", "replaced", "released", "injected by the wire"};
  if (e.fate != Fate::passed)
    detail.push_back(std::string(fates[static_cast<std::size_t>(e.fate)]) + (e.of ? fmt::format(" (of {})", e.of) : ""));
  detail.push_back(fmt::format("{} bytes", e.wire_bytes));
  if (!e.encrypted && e.type != ContentType::raw) detail.emplace_back("plain");
  if (e.damaged) detail.emplace_back("damaged");
  if (e.truncated_to > 0) detail.push_back(fmt::format("cut after {}", e.truncated_to));
  item.detail = joined(detail);
  item.arrow = e.fate == Fate::passed      ? Arrow::through
               : e.fate == Fate::delivered ? Arrow::resumed
               : e.fate == Fate::injected  ? Arrow::added
                                           : Arrow::stopped;
  return item;
}

Item draw(const TransportEnd& e) {
  Item item{.look = Look::wire, .lane = lane(e.from)};
  item.title = e.end == End::fin ? "end of stream (FIN)" : e.end == End::hangup ? "hangup" : "reset";
  item.detail = e.by_wire ? "the wire's doing" : "";
  item.arrow = !e.delivered ? Arrow::stopped : e.by_wire ? Arrow::added : Arrow::through;
  return item;
}

// Anything else in one line, in the words of the story, without what the lane says already.
Item draw_told(const Event& event, Look look, int at) {
  std::string told = narrate(event);
  if (at < 2) told = told.substr(std::min(told.find_first_not_of(' ', 8), told.size()));
  while (told.find("  ") != std::string::npos) told.erase(told.find("  "), 1);
  return {.look = look, .lane = at, .title = std::move(told)};
}

template <typename Kind>
Look look_of(const Kind& e) {
  if constexpr (std::same_as<Kind, Blocked>)
    return e.for_good ? Look::bad : Look::blocked;
  else if constexpr (std::same_as<Kind, RawCall>)
    return Look::call;
  else if constexpr (std::same_as<Kind, Signal> || std::same_as<Kind, Died> || std::same_as<Kind, Endless>)
    return Look::bad;
  else
    return Look::note;
}

Item draw(const Event& event) {
  Item item = std::visit(
      [&](const auto& e) -> Item {
        if constexpr (requires { draw(e); })
          return draw(e);
        else if constexpr (requires { e.side; })
          return draw_told(event, look_of(e), lane(e.side));
        else
          return draw_told(event, look_of(e), 2);
      },
      event.what);
  item.number = event.number;
  item.line = event.line;
  return item;
}

std::string words_of(std::string_view text) {
  std::string words;
  for (const char c : text)
    if (c != ' ' || (!words.empty() && words.back() != ' ')) words += c;
  return words;
}

// A library's own transport calls tell little where nothing was done to them, and an order only what the script's line says.
bool is_shown(const Event& event, const Transcript& transcript) {
  if (const auto* call = event.as<TransportCall>()) return call->injected;
  const auto* told = event.as<Told>();
  if (!told || event.line < 1 || static_cast<std::size_t>(event.line) > transcript.script.size()) return true;
  return !words_of(transcript.script[static_cast<std::size_t>(event.line - 1)]).starts_with(words_of(told->text));
}

// What every handshake looks like, where nothing was done to it.
bool is_usual_handshake(const Event& event, const Transcript& transcript) {
  if (event.line < 1 || static_cast<std::size_t>(event.line) > transcript.script.size()) return false;
  if (transcript.script[static_cast<std::size_t>(event.line - 1)].find(spell(Call::handshake)) == std::string::npos) return false;
  if (const auto* call = event.as<ApiCall>())
    return call->call == Call::handshake && (call->outcome == Outcome::done || call_again(call->outcome));
  if (const auto* record = event.as<Record>()) return record->fate == Fate::passed && !record->alert;
  if (const auto* wait = event.as<Blocked>()) return !wait->for_good;
  return event.as<TransportCall>() != nullptr;
}

std::vector<Item> items(const Transcript& transcript, const std::set<int>& marked) {
  std::vector<Item> all;
  for (const Event& event : transcript.events()) {
    const bool decides = marked.contains(event.number);
    if (!decides && is_usual_handshake(event, transcript)) {
      if (!is_shown(event, transcript)) continue;
      if (all.empty() || all.back().look != Look::fold || all.back().line != event.line)
        all.push_back({event.number, event.line, Look::fold, 2, {}, "handshake", {}, 1, 0});
      ++all.back().events;
      continue;
    }
    if (decides || is_shown(event, transcript)) all.push_back(draw(event));
  }
  // What goes round and round is drawn once.
  constexpr std::size_t longest = 12, fewest = 3;
  std::vector<Item> folded;
  for (std::size_t i = 0; i < all.size();) {
    const auto same = [&](std::size_t one, std::size_t other) {
      return other < all.size() && !marked.contains(all[one].number) && !marked.contains(all[other].number) && all[one].same_as(all[other]);
    };
    std::size_t period = 0, times = 1;
    for (std::size_t length = 1; length <= longest && period == 0; ++length) {
      std::size_t alike = 0;
      while (same(i + alike, i + alike + length)) ++alike;
      if (alike / length + 1 >= fewest) period = length, times = alike / length + 1;
    }
    for (std::size_t j = 0; j < std::max<std::size_t>(period, 1); ++j) folded.push_back(all[i + j]);
    if (period > 0) folded.push_back({all[i].number, all[i].line, Look::fold, 2, {}, "again", {}, times - 1, period});
    i += std::max<std::size_t>(period * times, 1);
  }
  return folded;
}

Json run(const Transcript& transcript, const std::set<int>& marked, Pool& pool) {
  const RunKey& key = transcript.key();
  Json script = Json::array(), drawn = Json::array();
  for (const std::string& line : transcript.script) script.push_back(pool(line));
  for (const Item& item : items(transcript, marked)) {
    Json json{item.number,      item.line,        static_cast<int>(item.look), item.lane, static_cast<int>(item.arrow),
              pool(item.title), pool(item.detail)};
    if (item.look == Look::fold) json.insert(json.end(), {item.times, item.events});
    drawn.push_back(std::move(json));
  }
  return {{"subject", pool(key.subject + " " + key.subject_version)},
          {"partner", pool(key.partner + " " + key.partner_version)},
          {"role", static_cast<int>(key.role)},
          {"tls", spell(key.tls)},
          {"io", spell(key.io)},
          {"schedule", key.schedule},
          {"decrypted", transcript.decrypted},
          {"script", std::move(script)},
          {"items", std::move(drawn)}};
}

Json nonzero(const Totals& counts) {
  Json json = Json::array();
  for (std::size_t i = 0; i < counts.size(); ++i) json.push_back(counts[i]);
  return json;
}

Json data(const RunReport& report, const References& references, const Transcripts& transcripts) {
  Pool pool;
  Json json;
  json["runs"] = report.runs;
  json["complete"] = report.complete;
  json["problems"] = report.problems;
  json["totals"] = nonzero(totals(report));

  json["verdicts"] = Json::array();
  for (const std::string_view word : Words<Verdict>::list) {
    const auto& legend = matrix::marks();
    const auto mark = std::find_if(legend.begin(), legend.end(), [&](const auto& each) { return spell(each.verdict) == word; });
    json["verdicts"].push_back(
        {{"word", word}, {"mark", std::string(1, mark->mark)}, {"meaning", mark->meaning}, {"place", mark - legend.begin()}});
  }
  json["stacks"] = Json::array();
  std::map<std::string, std::size_t> stack_at;
  for (const StackInfo& stack : report.stacks) {
    stack_at.emplace(stack.id(), stack_at.size());
    json["stacks"].push_back(
        {{"name", stack.name}, {"version", stack.version}, {"file", stack.library.empty() ? "" : matrix::file_of(stack)}});
  }

  // The runs that decided a cell or a trait, with the events that did.
  std::map<std::string, std::size_t> run_at;
  std::map<std::string, std::set<int>> marks;
  const auto refer = [&](const std::string& replay) -> Json {
    if (replay.empty()) return nullptr;
    return run_at.try_emplace(replay, run_at.size()).first->second;
  };
  json["cells"] = Json::array();
  std::map<std::string, std::size_t> clause_at;
  std::vector<const Cell*> first_of;
  for (const Cell& cell : report.cells) {
    const auto [clause, fresh] = clause_at.try_emplace(cell.clause, clause_at.size());
    if (fresh) first_of.push_back(&cell);
    const std::set<int> numbers = decisive(cell.evidence);
    marks[cell.replay].insert(numbers.begin(), numbers.end());
    const auto stack = stack_at.find(cell.stack + " " + cell.version);
    if (stack == stack_at.end()) continue;
    Json made{
        clause->second,  stack->second, static_cast<int>(cell.role), spell(cell.tls), static_cast<int>(cell.verdict), refer(cell.replay),
        pool(cell.says), numbers};
    Json more = Json::object();
    if (cell.was) more = {{"was", static_cast<int>(*cell.was)}, {"reason", cell.reason}};
    if (!cell.evidence.empty() && !transcripts.contains(cell.replay)) more["evidence"] = cell.evidence;
    if (!more.empty()) made.push_back(std::move(more));
    json["cells"].push_back(std::move(made));
  }

  json["clauses"] = Json::array();
  for (const Cell* cell : first_of) {
    const Clause* clause = matrix::find(references.clauses, cell->clause);
    const auto slash = cell->clause.find('/');
    json["clauses"].push_back({{"document", cell->clause.substr(0, slash)},
                               {"name", slash == std::string::npos ? "" : cell->clause.substr(slash + 1)},
                               {"strength", spell(cell->strength)},
                               {"ref", cell->ref},
                               {"says", clause ? clause->says : ""},
                               {"cites", clause ? clause->cites : std::vector<std::string>{}},
                               {"test", clause && clause->property ? clause->property->meaning : std::string_view()}});
  }
  json["contradictions"] = Json::array();
  for (const Contradiction& each : matrix::contradictions(report, references)) {
    Json named = Json::array();
    for (const std::string& clause : each.clauses) named.push_back({clause, matrix::verdicts_of(report, clause)});
    json["contradictions"].push_back({{"id", each.id},
                                      {"says", {each.a, each.b}},
                                      {"treatment", each.treatment},
                                      {"clauses", std::move(named)},
                                      {"traits", each.traits}});
  }
  json["questions"] = Json::array();
  for (const matrix::Question& question : matrix::questions(report, references.traits)) {
    Json asked{{"name", question.name}, {"question", question.question}, {"alike", question.alike}, {"stacks", Json::array()}};
    for (const auto& stack : question.stacks) {
      Json answers = Json::array();
      for (const auto& [answer, columns] : stack.answers) {
        const auto run = std::find_if(report.traits.begin(), report.traits.end(), [&](const TraitAnswer& each) {
          return each.trait == question.name && each.stack == stack.stack->name && each.version == stack.stack->version &&
                 each.answer == answer;
        });
        // Where runs answered differently, each of the answers has a run of its own.
        Json given = Json::array();
        std::string_view left = answer;
        for (const std::string& replay : run->replays) {
          const std::size_t end = std::min(left.find(" or "), left.size());
          given.push_back({left.substr(0, end), refer(replay)});
          left.remove_prefix(std::min(end + 4, left.size()));
        }
        if (given.empty()) given.push_back({answer, refer(run->replay)});
        answers.push_back({std::move(given), stack.answers.size() == 1 ? "" : matrix::shortly(columns)});
      }
      asked["stacks"].push_back(std::move(answers));
    }
    json["questions"].push_back(std::move(asked));
  }
  json["advice"] = Json::array();
  std::set<std::string_view> advised;
  for (const StackInfo& stack : report.stacks) {
    if (!advised.insert(stack.name).second) continue;
    Json sentences = Json::array();
    for (const Advice& it : advise(report, stack.name, references.advice))
      sentences.push_back({static_cast<int>(it.section), it.sentence, it.where, refer(it.replay)});
    if (!sentences.empty()) json["advice"].push_back({{"title", advice_title(report, stack.name)}, {"sentences", std::move(sentences)}});
  }
  json["headings"] = Json::array();
  for (std::size_t i = 0; i < Words<AdviceRules::Section>::list.size(); ++i)
    json["headings"].push_back(advice_heading(static_cast<AdviceRules::Section>(i)));
  json["pairs"] = Json::array();
  for (const Pair& pair : report.pairs)
    json["pairs"].push_back({pair.stack + " " + pair.version, pair.partner + " " + pair.partner_version, pair.runs, nonzero(pair.totals)});

  std::vector<Json> runs(run_at.size());
  for (const auto& [replay, at] : run_at) {
    const auto transcript = transcripts.find(replay);
    runs[at] = transcript == transcripts.end() ? Json::object() : run(transcript->second, marks[replay], pool);
    runs[at]["replay"] = replay;
    runs[at]["file"] = capture_name(replay);
  }
  json["transcripts"] = std::move(runs);
  json["strings"] = pool.strings();
  return json;
}

}  // namespace

std::string html(const RunReport& report, const References& references, const Transcripts& transcripts) {
  std::vector<std::string> stacks;
  for (const StackInfo& stack : report.stacks) stacks.push_back(stack.id());
  const std::string title = fmt::format("How {} close a TLS connection", stacks.empty() ? "no libraries" : text::list(stacks));
  const std::map<std::string_view, std::string> texts{{"css", std::string(page::css)},
                                                      {"js", std::string(page::js)},
                                                      {"title", escaped(title)},
                                                      {"heading", escaped(title)},
                                                      {"data", embedded(data(report, references, transcripts))}};
  // Places are looked for in the page alone, and not in what is put there.
  std::string page;
  std::string_view left = page::html;
  while (true) {
    const std::size_t begin = left.find("{{"), end = left.find("}}", begin);
    page += left.substr(0, begin);
    if (end == std::string_view::npos) break;
    page += texts.at(left.substr(begin + 2, end - begin - 2));
    left.remove_prefix(end + 2);
  }
  return page;
}

}  // namespace tlsbye
