#include "harness/runner/aim.h"

#include <algorithm>
#include <map>
#include <optional>

#include "harness/wire/orders.h"
#include "peers/protocol/functions.h"

namespace tlsbye {
namespace {

// A place in the stream of bytes that pass a side's transport in one direction.
struct StreamPlace {
  int transport = 0;  // of the run: 0, 1, ...
  std::size_t byte = 0;
};

// A data call of the library, and what it moved.
struct Mover {
  int number = 0;  // of its event
  StreamPlace from;
  std::size_t bytes = 0;
  int after = 0;  // so many calls of that flow came between the script's line and this one

  bool moved(const StreamPlace& place) const {
    return place.transport == from.transport && place.byte >= from.byte && place.byte < from.byte + bytes;
  }
};

std::vector<Mover> movers(const AimedLine& aimed, const Transcript& transcript) {
  const Flow flow = aimed.fault.plan.flow;
  std::vector<Mover> all;
  StreamPlace place;
  int after = 0;
  for (const Event& event : transcript.events()) {
    if (const auto* next = event.as<NewSession>(); next && !next->same_transport) place = {place.transport + 1, 0};
    if (const auto* raw = event.as<RawCall>();
        raw && raw->side == aimed.side && raw->verb == (flow == Flow::send ? "raw-write" : "raw-read"))
      place.byte += static_cast<std::size_t>(std::max(raw->result, 0L));
    const auto* call = event.as<TransportCall>();
    if (!call || call->side != aimed.side || call->flow != flow || !is_data_function(call->function)) continue;
    const auto bytes = static_cast<std::size_t>(std::max(call->result, 0L));
    all.push_back({event.number, place, bytes, after});
    place.byte += bytes;
    if (event.number > aimed.asked) ++after;
  }
  return all;
}

// A record, or the part of one that passed.
struct Stretch {
  StreamPlace from;
  std::size_t bytes = 0;
};

// The records of the stream that the pattern fits.
std::vector<Stretch> records(const RecordPattern& pattern, const AimedLine& aimed, const Transcript& transcript) {
  const bool sent = aimed.fault.plan.flow == Flow::send;
  std::map<int, const Contents*> opened;
  for (const Event& event : transcript.events())
    if (const auto* it = event.as<Opened>()) opened[it->record] = it;
  const auto fits = [&](int number, const Record& record) {
    const auto late = opened.find(number);
    const Contents& it = late == opened.end() ? record : *late->second;
    return matches(pattern, it.type, it.content, it.handshake);
  };
  std::vector<Stretch> all;
  StreamPlace given;
  for (const Event& event : transcript.events()) {
    if (const auto* next = event.as<NewSession>(); next && !next->same_transport) given = {given.transport + 1, 0};
    if (const auto* it = event.as<Record>(); sent && it && it->from == aimed.side && it->was_sent() && !it->by_script)
      if (fits(event.number, *it)) all.push_back({{given.transport, it->offset}, it->wire_bytes - it->missing});
    const auto* delivered = event.as<Delivered>();
    const auto* it = delivered ? transcript.at(delivered->record).as<Record>() : nullptr;
    if (sent || !it || it->from == aimed.side) continue;
    if (fits(delivered->record, *it)) all.push_back({given, delivered->bytes});
    given.byte += delivered->bytes;
  }
  return all;
}

}  // namespace

std::vector<FaultPlan> plans_of(const AimedLine& aimed, const Transcript& transcript) {
  const FaultPlan& plan = aimed.fault.plan;
  const auto calls = movers(aimed, transcript);
  for (const auto& [record, bytes] : records(aimed.fault.at, aimed, transcript)) {
    const auto call =
        std::find_if(calls.begin(), calls.end(), [&](const Mover& it) { return it.number > aimed.asked && it.moved(record); });
    if (call == calls.end()) continue;
    const std::size_t in_front = record.byte - call->from.byte;
    FaultPlan first = plan, rest = plan;
    first.after = call->after;
    if (in_front == 0) return {first};
    const bool cuts = plan.fault == Fault::short_count;
    first.fault = Fault::short_count;
    first.times = 1;
    first.count = in_front + (cuts ? plan.count : 0);
    rest.after = call->after + 1;
    rest.times -= cuts;
    return rest.times == 0 ? std::vector{first} : std::vector{first, rest};
  }
  return {};
}

bool met_a_record(const std::vector<FaultPlan>& plans, const AimedLine& aimed, const Transcript& transcript) {
  const FaultPlan& first = plans.front();
  const auto calls = movers(aimed, transcript);
  const auto call =
      std::find_if(calls.begin(), calls.end(), [&](const Mover& it) { return it.number > aimed.asked && it.after == first.after; });
  if (call == calls.end()) return false;
  std::size_t met = call->from.byte;
  if (first.fault == Fault::short_count) met += first.count;
  if (aimed.fault.plan.fault == Fault::short_count) met -= aimed.fault.plan.count;
  const auto all = records({}, aimed, transcript);
  return std::any_of(all.begin(), all.end(), [&](const Stretch& it) {
    return it.from.transport == call->from.transport && (it.from.byte == met || it.from.byte + it.bytes == met);
  });
}

}  // namespace tlsbye
