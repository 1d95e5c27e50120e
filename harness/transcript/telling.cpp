#include "harness/transcript/telling.h"

#include <fmt/format.h>

#include <map>
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

}  // namespace

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
