#include "reports/html.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
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
std::string embedded(std::string_view json) {
  std::string safe;
  for (const char c : json) {
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

// The events of a run by their labels.
std::map<std::string, int> labels_of(const Transcript& transcript, const Telling& telling) {
  std::map<std::string, int> labels;
  for (const Event& event : transcript.events())
    if (telling.shown_as(event.number) == event.number) labels.emplace(telling.label(event.number), event.number);
  return labels;
}

// The numbers of the events that decided.
std::set<int> deciding_numbers(const std::vector<EvidenceLine>& evidence, const std::map<std::string, int>& labels) {
  std::set<int> numbers;
  for (const EvidenceLine& line : evidence)
    if (const auto found = labels.find(line.label); line.decisive && found != labels.end()) numbers.insert(found->second);
  return numbers;
}

// --- A run as the page draws it: items in the order of events, each in the lane of one side or on the wire between them. ---

// What an item is, for its look.
enum class Look : std::uint8_t { call, wire, blocked, bad, note, fold };
// Where an arrow on the wire begins and ends: from one side to the other; from the sender to the wire; from the wire on, what it had kept
// back or what it made itself.
enum class Arrow : std::uint8_t { through, stopped, resumed, added };

struct Item {
  int number = 0, line = 0;
  Look look{};
  int lane = 0;  // 0 subject, 1 partner, 2 neither; for the wire: where it comes from
  Arrow arrow{};
  std::string title = {}, detail = {}, label = {};
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

// A record on its way. One that went through is drawn once; of the others it is drawn that they came to the wire, and what became of them
// is drawn where that happened. What the wire made comes from the wire.
Item draw(const Record& e, int number, const Telling& telling) {
  const bool through = telling.went_through(number);
  Item item{.look = e.made && !through ? Look::note : Look::wire, .lane = e.made && !through ? 2 : lane(e.from), .title = name_of(e)};
  item.arrow = !through ? Arrow::stopped : e.made ? Arrow::added : Arrow::through;
  std::vector<std::string> detail;
  if (e.made) detail.push_back(e.of > 0 ? fmt::format("made by the wire, for {}", telling.label(e.of)) : "made by the wire");
  if (e.by_script) detail.emplace_back("written by the script");
  detail.push_back(fmt::format("{} bytes", e.wire_bytes));
  if (e.missing > 0) detail.push_back(fmt::format("{} of them missing", e.missing));
  if (!e.encrypted && e.type != ContentType::raw) detail.emplace_back("plain");
  if (e.damaged) detail.emplace_back("damaged");
  if (e.reading == Reading::garbled) detail.emplace_back("its own keys do not open it");
  item.detail = joined(detail);
  return item;
}

// The record of another event of this run; null where there is none.
const Record* record_of(int number, const Transcript& transcript) {
  return number >= 1 && number < transcript.next_number() ? transcript.at(number).as<Record>() : nullptr;
}

Item draw(const Delivered& e, const Transcript& transcript, const Telling& telling) {
  const Record* record = record_of(e.record, transcript);
  if (!record) return {.look = Look::note, .lane = 2, .title = fmt::format("{} bytes delivered", e.bytes)};
  Item item{
      .look = Look::wire, .lane = lane(record->from), .arrow = record->made ? Arrow::added : Arrow::resumed, .title = name_of(*record)};
  item.detail = e.bytes < record->wire_bytes ? fmt::format("{}, only {} of {} bytes", telling.label(e.record), e.bytes, record->wire_bytes)
                                             : fmt::format("{}, {} bytes", telling.label(e.record), e.bytes);
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
Item draw_told(std::string told, Look look, int at) {
  told = told.substr(std::min(told.find_first_not_of(' ', 8), told.size()));
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

Item draw(const Event& event, const Transcript& transcript, const Telling& telling) {
  Item item = std::visit(
      [&](const auto& e) -> Item {
        if constexpr (requires { draw(e); })
          return draw(e);
        else if constexpr (requires { draw(e, event.number, telling); })
          return draw(e, event.number, telling);
        else if constexpr (requires { draw(e, transcript, telling); })
          return draw(e, transcript, telling);
        else if constexpr (requires { e.side; })
          return draw_told(telling.text(event.number), look_of(e), lane(e.side));
        else
          return draw_told(telling.text(event.number), look_of(e), 2);
      },
      event.what);
  item.number = event.number;
  item.line = event.line;
  item.label = telling.label(event.number);
  return item;
}

// Of what is left out, what nearly every handshake has; the rest is said elsewhere.
bool is_of_a_handshake(const Event& event) { return event.as<ApiCall>() || event.as<Record>() || event.as<Blocked>(); }

std::vector<Item> items(const Transcript& transcript, const Telling& telling, const std::set<int>& marked) {
  std::vector<Item> all;
  for (const Event& event : transcript.events()) {
    if (marked.contains(event.number) || !telling.leaves_out(event.number)) {
      all.push_back(draw(event, transcript, telling));
    } else if (is_of_a_handshake(event)) {
      if (all.empty() || all.back().look != Look::fold || all.back().line != event.line)
        all.push_back({.number = event.number, .line = event.line, .look = Look::fold, .lane = 2, .title = "handshake", .events = 0});
      ++all.back().events;
    }
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
    if (period > 0)
      folded.push_back({.number = all[i].number,
                        .line = all[i].line,
                        .look = Look::fold,
                        .lane = 2,
                        .title = "again",
                        .times = times - 1,
                        .events = period});
    i += std::max<std::size_t>(period * times, 1);
  }
  return folded;
}

// A run: of what is drawn, and of the script, each is there once, since versions of a library mostly do the same.
Json run(const std::string& replay, const Transcript* transcript, const Telling* telling, const std::set<int>& marked, Pool& pool,
         Pool& parts) {
  Json json = Json::array({replay});
  if (transcript) {
    const RunKey& key = transcript->key();
    Json script = Json::array(), drawn = Json::array();
    for (const std::string& line : transcript->script) script.push_back(pool(line));
    for (const Item& item : items(*transcript, *telling, marked)) {
      Json one{item.number,       item.line,       static_cast<int>(item.look), item.lane, static_cast<int>(item.arrow), pool(item.title),
               pool(item.detail), pool(item.label)};
      if (item.look == Look::fold) one.insert(one.end(), {item.times, item.events});
      drawn.push_back(std::move(one));
    }
    json.insert(json.end(),
                {pool(key.subject + " " + key.subject_version), pool(key.partner + " " + key.partner_version), static_cast<int>(key.role),
                 spell(key.tls), spell(key.io), key.schedule, decrypted(*transcript), parts(script.dump()), parts(drawn.dump())});
  }
  // Its file, where the page does not see its name from the id.
  std::string plain = replay;
  std::replace(plain.begin(), plain.end(), '/', '+');
  std::replace(plain.begin(), plain.end(), ':', '~');
  if (const std::string file = capture_name(replay); file != plain) json.push_back({{"file", file}});
  return json;
}

Json nonzero(const Totals& counts) {
  Json json = Json::array();
  for (std::size_t i = 0; i < counts.size(); ++i) json.push_back(counts[i]);
  return json;
}

// Where the numbers of the events that decided stand in a cell of the data.
constexpr std::size_t numbers_of_cell = 7;

// The data of the page, as JSON.
std::string data(const RunReport& report, const References& references, const Transcripts& transcripts) {
  Pool pool;
  Json json;
  json["runs"] = report.runs;
  json["complete"] = report.complete;
  json["problems"] = report.problems;
  json["made"] = matrix::made(report);
  json["more_words"] = more_replay_words(report.provenance);
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

  // The runs that decided a cell or a trait, and which cells each did, by their places in the report and here.
  std::map<std::string, std::size_t> run_at;
  std::map<std::string, std::vector<std::pair<const Cell*, std::size_t>>> decided;
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
    const auto stack = stack_at.find(cell.stack + " " + cell.version);
    if (stack == stack_at.end()) continue;
    Json made{
        clause->second,  stack->second, static_cast<int>(cell.role), spell(cell.tls), static_cast<int>(cell.verdict), refer(cell.replay),
        pool(cell.says), Json::array()};
    Json more = Json::object();
    if (cell.was) more = {{"was", static_cast<int>(*cell.was)}, {"reason", cell.reason}};
    if (!cell.evidence.empty() && !transcripts.contains(cell.replay))
      for (const EvidenceLine& line : cell.evidence) more["evidence"].push_back(pool(told(line)));
    if (!more.empty()) made.push_back(std::move(more));
    if (!cell.replay.empty()) decided[cell.replay].emplace_back(&cell, json["cells"].size());
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
        // Where runs answered differently, each of the answers has a run of its own.
        Json given = Json::array();
        for (std::size_t i = 0; i < answer->answers.size(); ++i)
          given.push_back({answer->answers[i], refer(i < answer->replays.size() ? answer->replays[i] : answer->replay)});
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
    json["pairs"].push_back({pair.stack + " " + pair.version, pair.partner + " " + pair.partner_version, pair.runs, nonzero(pair.totals),
                             matrix::impossible(report, pair)});
  json["depending"] = Json::array();
  for (const Disagreement& it : report.disagreements) {
    Json found = Json::array();
    for (const auto& one : it.found)
      found.push_back({one.partner + " " + one.partner_version, static_cast<int>(one.verdict), refer(one.replay)});
    json["depending"].push_back(
        {it.clause, it.stack + " " + it.version, static_cast<int>(it.role), spell(it.tls), std::move(found), it.reason});
  }

  Pool parts;
  std::vector<Json> runs(run_at.size());
  for (const auto& [replay, at] : run_at) {
    if (!transcripts.contains(replay)) {
      runs[at] = run(replay, nullptr, nullptr, {}, pool, parts);
      continue;
    }
    const Transcript transcript = transcripts.at(replay);
    const Telling telling(transcript);
    const std::map<std::string, int> labels = labels_of(transcript, telling);
    std::set<int> marked;
    for (const auto& [cell, place] : decided[replay]) {
      const std::set<int> numbers = deciding_numbers(cell->evidence, labels);
      json["cells"][place][numbers_of_cell] = numbers;
      marked.insert(numbers.begin(), numbers.end());
    }
    runs[at] = run(replay, &transcript, &telling, marked, pool, parts);
  }
  json["transcripts"] = std::move(runs);
  // These are JSON already.
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.pop_back();
  text += fmt::format(R"(,"parts":[{}],"strings":)", fmt::join(parts.strings(), ","));
  json = pool.strings();
  text += json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text += "}";
}

}  // namespace

std::string html(const RunReport& report, const References& references, const Transcripts& transcripts) {
  const std::string title = fmt::format("How {} close a TLS connection", matrix::names_of(matrix::libraries(report)));
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
