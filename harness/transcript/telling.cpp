#include "harness/transcript/telling.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace tlsbye {
namespace {

// Kinds that may be left out, as labels name them; the others are always told.
std::string_view kind_of(const Event& event) {
  if (event.as<Asked>()) return "asked";
  if (event.as<ApiCall>()) return "call";
  if (event.as<TransportCall>()) return "io";
  if (event.as<Blocked>()) return "wait";
  if (event.as<Record>()) return "record";
  if (event.as<Opened>()) return "opened";
  if (event.as<Delivered>()) return "delivered";
  return "told";
}

// What the events behind a record, or its delivery, say about its way.
class Ways {
 public:
  explicit Ways(const Transcript& transcript) : transcript_(transcript) {
    for (const Event& event : transcript.events()) {
      if (const auto* asked = event.as<Asked>(); asked && asked->call == Call::handshake) handshakes_.insert(event.line);
      if (const auto* delivered = event.as<Delivered>(); delivered && !is_whole(*delivered)) odd_.insert(delivered->record);
      if (const auto* withheld = event.as<Withheld>()) odd_.insert(withheld->record);
      if (const auto* replaced = event.as<Replaced>()) odd_.insert(replaced->record);
      if (const auto* lost = event.as<Lost>()) odd_.insert(lost->record);
    }
  }

  bool leaves_out(const Event& event) const {
    if (event.as<Asked>()) return true;
    if (const auto* told = event.as<Told>()) return told->in_script;
    if (const auto* call = event.as<TransportCall>()) return !call->injected;
    if (is_routine(event, transcript_)) return true;
    if (!handshakes_.contains(event.line)) return false;
    if (const auto* call = event.as<ApiCall>())
      return call->call == Call::handshake && (call->outcome == Outcome::done || call_again(call->outcome));
    if (const auto* wait = event.as<Blocked>()) return wait->during == Call::handshake && !wait->for_good;
    if (event.as<Record>()) return came_through(event.number);
    if (const auto* opened = event.as<Opened>()) return opened->reading == Reading::read && came_through(opened->record);
    if (const auto* delivered = event.as<Delivered>()) return came_through(delivered->record);
    return false;
  }

 private:
  const Record* record(int number) const {
    return number >= 1 && number < transcript_.next_number() ? transcript_.at(number).as<Record>() : nullptr;
  }
  bool is_whole(const Delivered& delivered) const {
    const Record* it = record(delivered.record);
    return it && delivered.bytes >= it->wire_bytes;
  }
  bool came_through(int number) const {
    const Record* it = record(number);
    return it && it->was_sent() && !it->alert && it->missing == 0 && it->reading != Reading::garbled && !it->by_script &&
           !odd_.contains(number);
  }

  const Transcript& transcript_;
  std::set<int> handshakes_;  // lines of the script that asked for one
  std::set<int> odd_;         // records that were held, replaced, lost or cut
};

constexpr std::size_t most_told = 240;  // characters of a line

// What came of one line, in the order in which it was first known.
class LineStory {
 public:
  void asked_for(const Asked& asked) {
    if (!side_)
      side_ = asked.side;
    else if (*side_ != asked.side)
      both_ = true;
    handshakes_ |= asked.call == Call::handshake;
  }
  bool is_own(Side side) const { return side_ == side && !both_; }
  bool handshakes() const { return handshakes_; }

  // `of`: number of what it came of, so that a later answer takes the place of an earlier one; 0 for what stands by itself.
  void tell(int of, std::string text) {
    if (Part* earlier = answer_of(of))
      earlier->text = std::move(text);
    else if (parts_.empty() || parts_.back().text != text)  // the same again says nothing more
      parts_.push_back({of, std::move(text)});
  }

  // The same of a call that has not come back: what it answered before that stays.
  void tell_that_it_waits(int of, std::string text) {
    constexpr std::string_view then = ", then waits";
    Part* earlier = answer_of(of);
    if (!earlier || earlier->text.empty())
      tell(of, std::move(text));
    else if (earlier->text != text && !earlier->text.ends_with(then))
      earlier->text += then;
  }

  // One more thing of a kind stands beside the last one: "sends ServerHello, Certificate", "sends close_notify x2".
  void tell_one_more(const std::string& kind, const std::string& what) {
    if (parts_.empty() || parts_.back().things.empty() || parts_.back().text != kind) parts_.push_back({0, kind});
    std::vector<std::pair<std::string, std::size_t>>& things = parts_.back().things;
    if (!things.empty() && things.back().first == what)
      ++things.back().second;
    else
      things.emplace_back(what, 1);
  }

  std::string text() const {
    constexpr std::string_view more = "; and more";
    std::string all;
    for (const Part& part : parts_) {
      const std::string told = part.told();
      if (told.empty()) continue;
      if (all.size() + told.size() + more.size() > most_told) {
        all += all.empty() ? told.substr(0, most_told) : more;
        break;
      }
      all += (all.empty() ? "" : "; ") + told;
    }
    // It may stand in a TOML literal, which three quotes end.
    std::replace_if(
        all.begin(), all.end(), [](char c) { return c < ' ' || c > '~' || c == '\''; }, '?');
    return all;
  }

 private:
  struct Part {
    int of = 0;
    std::string text;
    std::vector<std::pair<std::string, std::size_t>> things = {};  // behind the text, and how many of each
    std::string told() const {
      std::string all = text;
      for (const auto& [what, count] : things)
        all += (all.size() > text.size() ? ", " : "") + what + (count > 1 ? fmt::format(" x{}", count) : "");
      return all;
    }
  };
  Part* answer_of(int of) {
    const auto it = std::find_if(parts_.begin(), parts_.end(), [&](const Part& part) { return of != 0 && part.of == of; });
    return it == parts_.end() ? nullptr : &*it;
  }

  std::optional<Side> side_;
  bool both_ = false, handshakes_ = false;
  std::vector<Part> parts_;
};

// What a record that was sent tells a reader of the script; empty for what could not be read.
std::string sent(const Record& record) {
  if (record.alert) return alert_name(record.alert->description);
  if (record.type == ContentType::handshake) return record.handshake;
  if (record.type == ContentType::application_data) return std::string(spell(record.type));
  return record.type == ContentType::raw ? "bytes outside TLS" : "";
}

// What the library met in a transport call that the script had decided on.
std::string met(const TransportCall& call) {
  if (!call.error_number.empty()) return call.error_number;
  return call.result > 0 ? "a short count" : "EOF";
}

// How a call came back.
std::string answered(const ApiCall& call) {
  std::string text(spell(call.outcome));
  if (!call.code.empty() && call.outcome == Outcome::failed) text += " " + call.code;
  const bool reads = call.call == Call::read || call.call == Call::peek || call.call == Call::read_early;
  if (reads && call.outcome == Outcome::done)
    text += fmt::format(", {} {}{}", call.bytes, call.bytes == 1 ? "byte" : "bytes", call.intact ? "" : ", not as sent");
  return text;
}

}  // namespace

std::vector<std::string> what_came_of_lines(const Transcript& transcript) {
  int last = static_cast<int>(transcript.script.size());
  for (const Event& event : transcript.events()) last = std::max(last, event.line);
  std::vector<LineStory> lines(static_cast<std::size_t>(last));
  for (const Event& event : transcript.events())
    if (const auto* asked = event.as<Asked>(); asked && event.line > 0) lines[static_cast<std::size_t>(event.line - 1)].asked_for(*asked);
  std::set<Side> protects;  // whose records have been under keys
  for (const Event& event : transcript.events()) {
    if (event.as<NewSession>()) protects.clear();
    if (event.line < 1) continue;
    LineStory& line = lines[static_cast<std::size_t>(event.line - 1)];
    const auto own = [&](Side side) { return line.is_own(side) ? std::string() : std::string(spell(side)) + " "; };
    // If another line asked for the call, its answer names the call.
    const auto answer = [&](Side side, int number, Call call, const std::string& text) {
      const bool of_this_line = number > 0 && transcript.at(number).line == event.line;
      return of_this_line ? own(side) + text : fmt::format("{} {}: {}", spell(side), spell(call), text);
    };
    const auto place = [&](int number) { return number > 0 ? number : -event.number; };
    if (const auto* call = event.as<ApiCall>()) {
      const bool as_usual = call->call == Call::handshake && call->outcome == Outcome::done;
      if (as_usual && line.handshakes())
        line.tell(call->asked, "");
      else
        line.tell(place(call->asked), answer(call->side, call->asked, call->call, answered(*call)));
    } else if (const auto* wait = event.as<Blocked>()) {
      if (!wait->for_good) line.tell_that_it_waits(place(wait->asked), answer(wait->side, wait->asked, wait->during, "waits"));
    } else if (const auto* record = event.as<Record>()) {
      if (!record->was_sent()) continue;
      const bool in_the_clear = !record->encrypted && protects.contains(record->from);
      if (record->encrypted) protects.insert(record->from);
      if (line.handshakes() && !record->alert) continue;
      if (const std::string what = sent(*record); !what.empty())
        line.tell_one_more(own(record->from) + "sends ", what + (in_the_clear ? " in the clear" : ""));
    } else if (const auto* io = event.as<TransportCall>()) {
      if (io->injected) line.tell_one_more(own(io->side) + "meets ", met(*io));
    } else if (const auto* endless = event.as<Endless>()) {
      line.tell(0, own(endless->side) + "goes on without end");
    } else if (const auto* died = event.as<Died>()) {
      const bool by_itself = died->how == Died::How::crashed || died->how == Died::How::exited;
      line.tell(0, fmt::format("{}{}: {}", own(died->side), by_itself ? "dies" : "is ended", died->detail));
    } else if (const auto* not_done = event.as<NotDone>()) {
      line.tell(0, fmt::format("{}not done: {}", own(not_done->side), not_done->why));
    }
  }
  std::vector<std::string> texts;
  for (const LineStory& line : lines) texts.push_back(line.text());
  return texts;
}

Telling::Telling(const Transcript& transcript) : transcript_(transcript) {
  const Ways ways(transcript);
  std::map<int, int> told;                                   // by line
  std::map<std::pair<int, std::string_view>, int> left_out;  // by line and kind
  entries_.reserve(transcript.events().size());
  for (const Event& event : transcript.events()) {
    Entry& entry = entries_.emplace_back();
    entry.left_out = ways.leaves_out(event);
    if (entry.left_out)
      entry.label = fmt::format("{}.{}-{}", event.line, kind_of(event), ++left_out[{event.line, kind_of(event)}]);
    else
      entry.label = fmt::format("{}.{}", event.line, ++told[event.line]);
    entry.shown_as = event.number;
    if (!is_routine(event, transcript)) continue;
    entry.shown_as = event.as<Delivered>()->record;
    entries_[static_cast<std::size_t>(entry.shown_as - 1)].went_through = true;
  }
}

std::string Telling::text(int number, Detail detail) const {
  const Event& event = transcript_.at(number);
  // The size of a delivery is the record's, unless that was cut.
  const auto* delivered = event.as<Delivered>();
  const auto* of = delivered && delivered->record < number ? transcript_.at(delivered->record).as<Record>() : nullptr;
  const bool is_cut = of && delivered->bytes < of->wire_bytes;
  return narrate(event, is_cut ? Detail::full : detail, [&](int other) {
    if (other < 1 || other >= transcript_.next_number()) return std::to_string(other);
    const auto* record = transcript_.at(other).as<Record>();
    return record ? fmt::format("{} {}", label(other), name_of(*record, detail)) : label(other);
  });
}

}  // namespace tlsbye
