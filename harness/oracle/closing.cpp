#include "harness/oracle/closing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "harness/oracle/situations.h"

namespace tlsbye {
namespace {

constexpr std::uint8_t alert_type = static_cast<std::uint8_t>(ContentType::alert);

// What is known of one side so far.
struct SoFar {
  bool close_notify = false, error = false, protects = false, established = false, finished = false, fin = false;
  std::size_t missing = 0;     // of the record that it ended in
  std::size_t behind_fin = 0;  // bytes of the other side that came behind its FIN
};

}  // namespace

bool is_of_wire_alone(const Clause& clause) {
  if (!clause.property->of_wire_alone || clause.asked.calls.any()) return false;
  const auto given = clause.parameters.find("given");
  // How a library was set up is its application's affair: on the wire there is only what came of it.
  return given == clause.parameters.end() ||
         std::all_of(given->second.begin(), given->second.end(), [](const std::string& word) { return word.starts_with("not option-"); });
}

bool was_read(const Transcript& transcript, Side side) {
  std::map<int, Reading> later;
  for (const Event& event : transcript.events())
    if (const auto* it = event.as<Opened>()) later[it->record] = it->reading;
  return std::all_of(transcript.events().begin(), transcript.events().end(), [&](const Event& event) {
    const auto* record = event.as<Record>();
    if (!record || record->from != side || !record->was_sent() || record->missing > 0) return true;
    const auto it = later.find(event.number);
    return !record->unseen && (it == later.end() ? record->reading : it->second) == Reading::read;
  });
}

std::vector<ClosingAct> closing_of(const Transcript& transcript) {
  const Facts facts(transcript);
  std::vector<ClosingAct> acts;
  std::array<SoFar, 2> all;
  const std::array<bool, 2> read{was_read(transcript, Side::subject), was_read(transcript, Side::partner)};
  const auto of = [&](Side side) -> SoFar& { return all[static_cast<std::size_t>(side)]; };
  // What goes on is told once.
  const auto goes_on = [&](Closing what, const Event& event, Side side, std::size_t bytes) {
    const auto before = std::find_if(acts.begin(), acts.end(), [&](const ClosingAct& act) { return act.what == what && act.side == side; });
    if (before == acts.end())
      acts.push_back({what, side, event.number, event.line, {}, bytes, {}});
    else
      before->bytes += bytes;
  };
  for (const Event& event : transcript.events()) {
    if (const auto* record = event.as<Record>()) {
      if (!record->was_sent()) continue;
      const Contents& contents = facts.contents(event.number);
      SoFar& mine = of(record->from);
      SoFar& theirs = of(other(record->from));
      if (theirs.fin) theirs.behind_fin += record->wire_bytes - record->missing;
      if (record->missing > 0) {
        mine.missing = record->missing;
        continue;
      }
      // Bytes that were not captured may have been anything; the last of them may have been the FIN, which has a place in the count.
      if (record->unseen) continue;
      const auto alerts = alerts_of(contents);
      // Another handshake begins in the clear.
      mine.protects = record->encrypted || (mine.protects && contents.type != ContentType::handshake);
      const std::size_t bytes = contents.content_bytes > 0 ? contents.content_bytes : record->wire_bytes;
      if (mine.close_notify && contents.type == ContentType::raw)
        goes_on(Closing::raw_behind_end, event, record->from, bytes);
      else if (mine.protects && contents.type == ContentType::raw)
        goes_on(Closing::outside_tls, event, record->from, bytes);
      else if (mine.close_notify && alerts.empty())
        goes_on(Closing::data_behind_end, event, record->from, bytes);
      else if (theirs.close_notify && contents.type == ContentType::application_data && record->encrypted && bytes > 0)
        goes_on(Closing::late_data, event, record->from, bytes);
      if (record->reading != Reading::read && contents.type == ContentType::unknown && record->outer == alert_type && !record->unseen)
        acts.push_back({Closing::unread_alert, record->from, event.number, event.line, {}, record->wire_bytes, {}});
      for (const Alert& alert : alerts) {
        acts.push_back({alert.description == 0 ? Closing::close_notify : Closing::alert, record->from, event.number, event.line, alert, 0,
                        record->encrypted ? "" : "in the clear"});
        // A close_notify in the clear behind records under keys closes nothing: no receiver accepts it.
        mine.close_notify |= alert.description == 0 && (record->encrypted || !mine.protects);
        mine.error |= alert.description != 0 && (alert.level == 2 || facts.tls13()) && alert.description != 90;
      }
      mine.established |= record->encrypted && record->established && contents.type != ContentType::unknown;
      mine.finished |= record->encrypted && contents.handshake.find("Finished") != std::string::npos;
      mine.established |= mine.finished && theirs.finished;
    } else if (const auto* end = event.as<TransportEnd>()) {
      if (end->delivered) continue;
      SoFar& mine = of(end->from);
      ClosingAct act{end->end == End::reset ? Closing::reset : Closing::fin, end->from, event.number, event.line, {}, 0, {}};
      if (act.what == Closing::reset) {
        if (mine.fin && mine.behind_fin > 0) act.more = fmt::format("drawn by {} bytes that came behind its FIN", mine.behind_fin);
      } else if (mine.missing > 0) {
        act.more = fmt::format("within a record, of which {} bytes are missing", mine.missing);
      } else if (read[static_cast<std::size_t>(end->from)] && mine.established && !mine.close_notify && !mine.error) {
        act.more = "without close_notify";
      }
      mine.fin |= act.what == Closing::fin;
      acts.push_back(std::move(act));
    }
  }
  return acts;
}

std::string told(const ClosingAct& act, std::string_view name) {
  std::string text(name);
  switch (act.what) {
    case Closing::close_notify:
      text += act.alert->level == 1 ? " close_notify" : fmt::format(" close_notify of level {}", act.alert->level);
      break;
    case Closing::alert:
      text += fmt::format(" {} alert {}", act.alert->level == 2 ? "fatal" : "warning", alert_name(act.alert->description));
      break;
    case Closing::unread_alert:
      text += fmt::format(" alert of {} bytes that cannot be read", act.bytes);
      break;
    case Closing::fin:
      text += " FIN";
      break;
    case Closing::reset:
      text += " RST";
      break;
    case Closing::data_behind_end:
      text += fmt::format(" {} bytes in TLS behind its own close_notify", act.bytes);
      break;
    case Closing::raw_behind_end:
      text += fmt::format(" {} bytes outside TLS behind its own close_notify", act.bytes);
      break;
    case Closing::outside_tls:
      text += fmt::format(" {} bytes outside TLS", act.bytes);
      break;
    case Closing::late_data:
      text += fmt::format(" {} bytes of data behind the other side's close_notify", act.bytes);
      break;
  }
  return act.more.empty() ? text : text + " " + act.more;
}

}  // namespace tlsbye
