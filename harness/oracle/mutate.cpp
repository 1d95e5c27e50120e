#include "harness/oracle/mutate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <type_traits>

namespace tlsbye {
namespace {

// A transcript being rewritten: events are taken out, changed or put in, and numbered anew at the end.
class Rewrite {
 public:
  explicit Rewrite(const Transcript& of) : of_(of), events_(of.events()) {}

  Event& at(int number) { return events_[static_cast<std::size_t>(number - 1)]; }
  void erase(int number) { erased_.insert(number); }
  void erase_after(int number) {
    for (int later = number + 1; later <= static_cast<int>(events_.size()); ++later) erased_.insert(later);
  }
  void erase_record(int number) {
    erase(number);
    for (const Event& event : events_)
      std::visit(
          [&](const auto& what) {
            if constexpr (requires { what.record; })
              if (what.record == number) erase(event.number);
          },
          event.what);
  }
  // The subject never sent this record: the transport call that moved it moved so many bytes fewer, or they would be missed on the wire.
  void unsend(int number, const Record& record) {
    erase_record(number);
    const auto bytes = static_cast<long>(record.wire_bytes);
    for (int before = number - 1; before > 0; --before) {
      auto* call = std::get_if<TransportCall>(&at(before).what);
      if (!call || call->side != Side::subject || call->flow != Flow::send || call->result < bytes) continue;
      call->result -= bytes;
      if (call->result == 0) erase(before);
      return;
    }
  }
  template <typename Kind>
  void insert_before(int number, Kind what) {
    before_.push_back({number, at(number).line, std::move(what)});
  }
  template <typename Kind>
  void insert_after(int number, Kind what) {
    after_.push_back({number, at(number).line, std::move(what)});
  }

  Transcript result() const {
    std::vector<Event> all;
    std::vector<int> moved(events_.size() + 1);  // old number -> number of it or of the next that stayed
    const auto put_all = [&](const std::vector<Event>& inserted, int at) {
      for (const Event& event : inserted)
        if (event.number == at) all.push_back(event);
    };
    for (const Event& event : events_) {
      put_all(before_, event.number);
      moved[static_cast<std::size_t>(event.number)] = static_cast<int>(all.size()) + 1;
      if (!erased_.contains(event.number)) all.push_back(event);
      put_all(after_, event.number);
    }
    std::array<std::size_t, 2> streams{};
    Transcript liar(of_.key());
    liar.script = of_.script;
    liar.options = of_.options;
    liar.reference = of_.reference;
    liar.has_api_lane = of_.has_api_lane;
    for (Event& event : all) {
      const auto move = [&](int& reference) {
        if (reference > 0 && reference < static_cast<int>(moved.size())) reference = moved[static_cast<std::size_t>(reference)];
      };
      std::visit(
          [&](auto what) {
            if constexpr (requires { what.asked = liar.next_number(); } && !std::is_same_v<decltype(what), TransportCall>) move(what.asked);
            if constexpr (requires { what.of = 0; }) move(what.of);
            if constexpr (std::is_same_v<decltype(what), Delivered> || std::is_same_v<decltype(what), Opened> ||
                          std::is_same_v<decltype(what), Withheld> || std::is_same_v<decltype(what), Lost> ||
                          std::is_same_v<decltype(what), Replaced>) {
              if (what.record == 0)
                what.record = liar.next_number() - 1;  // put in right behind its record
              else
                move(what.record);
            }
            if constexpr (std::is_same_v<decltype(what), NewSession>)
              if (!what.same_transport) streams = {};
            if constexpr (std::is_same_v<decltype(what), Record>) {
              std::size_t& stream = streams[static_cast<std::size_t>(what.from)];
              if (!what.made) what.offset = stream, stream += what.wire_bytes - what.missing;
            }
            liar.add(event.line, std::move(what));
          },
          event.what);
    }
    return liar;
  }

 private:
  const Transcript& of_;
  std::vector<Event> events_;
  std::set<int> erased_;
  std::vector<Event> before_, after_;  // their number says where
};

Record record_of(Side from, ContentType type, std::string content) {
  Record record;
  record.from = from;
  record.type = type;
  record.encrypted = record.established = true;
  record.content_bytes = content.size();
  record.wire_bytes = content.size() + 22;
  if (type == ContentType::alert) record.alert = Alert{static_cast<std::uint8_t>(content[0]), static_cast<std::uint8_t>(content[1])};
  if (type == ContentType::handshake) record.handshake = "KeyUpdate";
  if (type != ContentType::application_data) record.content = std::move(content);
  return record;
}

// The lies about one transcript; each function tells those about one kind of event, and returns true where the visitor had enough.
class Lies {
 public:
  Lies(const Transcript& honest, const LieVisitor& visit, std::span<const std::string> flag_values)
      : honest_(honest), visit_(visit), flag_values_{"lie", "none", "SENT", "RECEIVED", "SENT|RECEIVED", "send", "recv", "0", "1000003"} {
    flag_values_.insert(flag_values_.end(), flag_values.begin(), flag_values.end());
  }

  bool about(int number) {
    const Event& event = honest_.at(number);
    if (const auto* call = event.as<ApiCall>()) return call->side == Side::subject && about_call(number, *call);
    if (const auto* blocked = event.as<Blocked>()) return blocked->side == Side::subject && about_blocked(number, *blocked);
    if (const auto* record = event.as<Record>()) return record->from == Side::subject && about_sent(number, *record);
    if (const auto* delivered = event.as<Delivered>()) return about_received(number, *delivered);
    if (const auto* call = event.as<TransportCall>()) return call->side == Side::subject && about_transport(number, *call);
    if (const auto* raw = event.as<RawCall>()) return raw->side == Side::subject && about_raw(number, *raw);
    if (event.as<TransportEnd>()) return without("the transport did not end", {number});
    if (const auto* usage = event.as<Usage>()) return usage->side == Side::subject && about_usage(number);
    if (const auto* did = event.as<ProgramDid>()) return did->side == Side::subject && about_program(number, *did);
    return false;
  }

 private:
  bool tell(const Rewrite& lie, std::string_view what) { return visit_(lie.result(), what); }

  bool without(std::string_view what, const std::vector<int>& numbers) {
    Rewrite lie(honest_);
    for (const int number : numbers) lie.erase(number);
    return tell(lie, what);
  }

  // The event changed by `change`.
  template <typename Kind, typename Change>
  bool changed(int number, std::string_view what, Change change) {
    Rewrite lie(honest_);
    change(std::get<Kind>(lie.at(number).what));
    return tell(lie, what);
  }

  bool about_call(int number, const ApiCall& call) {
    for (std::size_t i = 0; i < Words<Outcome>::list.size(); ++i) {
      const auto outcome = static_cast<Outcome>(i);
      if (outcome == call.outcome || outcome == Outcome::unsupported) continue;
      const auto what = fmt::format("{} answered {}", spell(call.call), spell(outcome));
      if (changed<ApiCall>(number, what, [&](ApiCall& it) { it.outcome = outcome; })) return true;
    }
    return changed<ApiCall>(number, "another code", [](ApiCall& it) { it.code = "LIE"; }) ||
           changed<ApiCall>(number, "another return value", [](ApiCall& it) { it.returned += 1000003; }) ||
           changed<ApiCall>(number, "another errno", [](ApiCall& it) { it.error_number = "ELIE"; }) ||
           changed<ApiCall>(number, "other bytes", [](ApiCall& it) { it.intact = false; }) ||
           changed<ApiCall>(number, "one byte more", [](ApiCall& it) { ++it.bytes, ++it.total; }) ||
           changed<ApiCall>(number, "no bytes at all", [](ApiCall& it) { it.bytes = it.total = 0; }) || about_flags(number, call) ||
           about_end(number, call) || about_death(number, call.call) || about_transport_of(number, call) ||
           about_surroundings(number, call);
  }

  bool about_flags(int number, const ApiCall& call) {
    for (std::size_t i = 0; i < call.state.size(); ++i) {
      for (const std::string& value : flag_values_) {
        const auto what = fmt::format("the flag {} was {}", call.state[i].first, value);
        if (call.state[i].second != value && changed<ApiCall>(number, what, [&](ApiCall& it) { it.state[i].second = value; })) return true;
      }
    }
    return false;
  }

  bool about_end(int number, const ApiCall& call) {
    Rewrite lie(honest_);
    lie.insert_after(number, Endless{Side::subject, call.call, call.id, 200});
    return tell(lie, fmt::format("{} was repeated without end", spell(call.call)));
  }

  bool about_death(int number, Call during) {
    for (const auto how : {Died::How::crashed, Died::How::spun}) {
      Rewrite lie(honest_);
      lie.at(number).what = Died{Side::subject, how, how == Died::How::crashed ? "SIGSEGV" : "", during};
      lie.erase_after(number);
      if (tell(lie, fmt::format("{} never came back", spell(during)))) return true;
    }
    return false;
  }

  // The transport calls that the API call made.
  std::vector<int> transport_calls(const ApiCall& api, Flow flow) const {
    std::vector<int> calls;
    for (const Event& event : honest_.events()) {
      const auto* call = event.as<TransportCall>();
      if (call && call->side == Side::subject && call->id == api.id && call->flow == flow) calls.push_back(event.number);
    }
    return calls;
  }

  bool about_transport_of(int number, const ApiCall& call) {
    for (const Flow flow : {Flow::recv, Flow::send}) {
      if (const auto calls = transport_calls(call, flow);
          !calls.empty() && without(fmt::format("{} never called {}", spell(call.call), spell(flow)), calls))
        return true;
      Rewrite lie(honest_);
      lie.insert_before(number, TransportCall{Side::subject, call.call, call.id, std::string(spell(flow)), flow, 5, -1, "EAGAIN", false});
      if (tell(lie, fmt::format("{} called {}", spell(call.call), spell(flow)))) return true;
    }
    Rewrite lie(honest_);
    lie.insert_before(number, Blocked{Side::subject, call.call, call.id, call.asked, Flow::recv});
    return tell(lie, fmt::format("{} waited", spell(call.call)));
  }

  // What it sent that it did not, what came that did not.
  bool about_surroundings(int number, const ApiCall& call) {
    const std::string close_notify("\x01\x00", 2);
    const std::string internal_error("\x02\x50", 2);
    for (const Record& record :
         {record_of(Side::subject, ContentType::alert, close_notify), record_of(Side::subject, ContentType::alert, internal_error),
          record_of(Side::subject, ContentType::application_data, "12345"),
          record_of(Side::subject, ContentType::handshake, std::string("\x18\x00\x00\x01\x00", 5))}) {
      Rewrite lie(honest_);
      const auto bytes = static_cast<long>(record.wire_bytes);
      lie.insert_before(number, TransportCall{Side::subject, call.call, call.id, "send", Flow::send, record.wire_bytes, bytes, "", false});
      lie.insert_after(number, record);
      if (tell(lie, fmt::format("{} sent one record more", spell(call.call)))) return true;
    }
    Rewrite signal(honest_);
    signal.insert_before(number, Signal{Side::subject, "SIGPIPE"});
    if (tell(signal, fmt::format("{} raised SIGPIPE", spell(call.call)))) return true;
    Rewrite stuck(honest_);
    Blocked for_good;
    for_good.side = Side::subject, for_good.during = call.call, for_good.on = Flow::recv, for_good.for_good = true;
    for_good.id = call.id, for_good.asked = call.asked;
    stuck.at(number).what = for_good;
    stuck.erase_after(number);
    if (tell(stuck, fmt::format("{} stayed blocked", spell(call.call)))) return true;
    Rewrite end(honest_);
    end.insert_after(number, TransportEnd{Side::subject, false, false, End::fin});
    if (tell(end, fmt::format("{} ended the transport", spell(call.call)))) return true;
    Rewrite reply(honest_);
    const Record answer = record_of(Side::partner, ContentType::alert, close_notify);
    reply.insert_before(number, answer);
    reply.insert_before(number, Delivered{0, answer.wire_bytes});
    return tell(reply, "a close_notify had come");
  }

  bool about_usage(int number) {
    return changed<Usage>(number, "much more was held", [](Usage& it) { it.descriptors += 1000003, it.heap += 1000000007; });
  }

  bool about_program(int number, const ProgramDid& did) {
    return did.exit_code &&
           changed<ProgramDid>(number, "it ended otherwise", [](ProgramDid& it) { it.exit_code = *it.exit_code == 0 ? 1 : 0; });
  }

  bool about_blocked(int number, const Blocked& blocked) {
    if (!blocked.for_good) return without("it did not block", {number});
    for (const Outcome outcome : {Outcome::done, Outcome::failed, Outcome::end_of_data}) {
      Rewrite lie(honest_);
      ApiCall call;
      call.side = Side::subject;
      call.call = blocked.during;
      call.id = blocked.id;
      call.asked = blocked.asked;
      call.outcome = outcome;
      lie.at(number).what = call;
      if (tell(lie, fmt::format("{} answered {}", spell(blocked.during), spell(outcome)))) return true;
    }
    return about_death(number, blocked.during);
  }

  bool about_sent(int number, const Record& record) {
    if (!record.was_sent()) return false;
    Rewrite never_sent(honest_);
    never_sent.unsend(number, record);
    if (tell(never_sent, "a record was never sent")) return true;
    Rewrite twice(honest_);
    twice.insert_after(number, record);
    if (tell(twice, "a record was sent twice")) return true;
    const auto to_alert = [&](Alert alert) {
      return changed<Record>(number, "another record was sent", [&](Record& it) {
        it.type = ContentType::alert;
        it.alert = alert;
        it.content = {static_cast<char>(alert.level), static_cast<char>(alert.description)};
      });
    };
    const auto to_garbage = [](Record& it) {
      it.type = ContentType::unknown, it.reading = Reading::garbled;
      it.alert.reset(), it.content.clear();
    };
    if (record.encrypted && changed<Record>(number, "a record was sent that its keys do not open", to_garbage)) return true;
    const auto to_data = [](Record& it) { it.type = ContentType::application_data, it.alert.reset(), it.content.clear(); };
    const auto to_end = [](Record& it) {
      it.type = ContentType::handshake, it.handshake = "EndOfEarlyData", it.alert.reset(), it.content.clear();
    };
    if (record.encrypted && changed<Record>(number, "an EndOfEarlyData was sent instead", to_end)) return true;
    if (record.alert && to_alert({static_cast<std::uint8_t>(3 - record.alert->level), record.alert->description})) return true;
    return to_alert({2, 0}) || to_alert({1, 90}) || to_alert({2, 80}) || changed<Record>(number, "data was sent instead", to_data) ||
           changed<Record>(number, "a byte more was sent", [](Record& it) { ++it.content_bytes; });
  }

  bool about_received(int number, const Delivered& delivered) {
    const auto* record = honest_.at(delivered.record).as<Record>();
    if (!record || record->from != Side::partner) return false;
    return without("a record was never delivered", {number}) ||
           changed<Record>(delivered.record, "a record was damaged", [](Record& it) { it.damaged = true; }) ||
           changed<Record>(delivered.record, "one byte more was delivered", [](Record& it) { ++it.content_bytes; });
  }

  bool about_transport(int number, const TransportCall& call) {
    return without("a transport call was not made", {number}) ||
           changed<TransportCall>(number, "the other direction",
                                  [&](TransportCall& it) { it.flow = call.flow == Flow::recv ? Flow::send : Flow::recv; });
  }

  bool about_raw(int number, const RawCall& raw) {
    if (raw.verb == "abandon") {
      Rewrite lie(honest_);
      const Record record = record_of(Side::subject, ContentType::alert, std::string("\x01\x00", 2));
      lie.insert_before(number, TransportCall{Side::subject, Call::abandon, 0, "send", Flow::send, record.wire_bytes,
                                              static_cast<long>(record.wire_bytes), "", false});
      lie.insert_after(number, record);
      return tell(lie, "freeing it sent a close_notify");
    }
    if (raw.verb != "raw-read" || raw.result <= 0) return false;
    return changed<RawCall>(number, "a byte was missing",
                            [](RawCall& it) {
                              --it.result;
                              if (!it.data.empty()) it.data.erase(0, 1);
                            }) ||
           changed<RawCall>(number, "a byte was another", [](RawCall& it) {
             if (!it.data.empty()) it.data[0] = static_cast<char>(it.data[0] ^ 1);
           });
  }

  const Transcript& honest_;
  const LieVisitor& visit_;
  std::vector<std::string> flag_values_;
};

}  // namespace

bool each_lie_about(const Transcript& honest, int number, const LieVisitor& visit, std::span<const std::string> flag_values) {
  return Lies(honest, visit, flag_values).about(number);
}

Transcript with_blame(const Transcript& honest) {
  Rewrite lie(honest);
  for (const Event& event : honest.events()) {
    if (auto* record = std::get_if<Record>(&lie.at(event.number).what); record && record->from == Side::subject) {
      record->made = false;
      record->of = 0;
    } else if (auto* end = std::get_if<TransportEnd>(&lie.at(event.number).what); end && end->from == Side::subject && end->by_wire) {
      end->by_wire = end->delivered = false;
    } else if (const auto* lost = std::get_if<Lost>(&event.what); lost && lost->why == Lost::Why::dropped) {
      const auto* dropped = std::get_if<Record>(&lie.at(lost->record).what);
      if (dropped && dropped->from == Side::subject) lie.unsend(lost->record, *dropped);
    }
  }
  return lie.result();
}

bool can_fail(const Clause& clause, const Transcript& held) {
  // A death counts only where the clause is about nothing else: almost every clause takes the death of its call for an answer.
  const bool about_deaths =
      clause.property == find_property("every-call-returns") || clause.property == find_property("repeated-calls-end");
  const auto caught = [&](const Transcript& liar, std::string_view) {
    const auto kind = judge(clause, liar).kind;
    return kind == Finding::Kind::broken || (about_deaths && (kind == Finding::Kind::crashed || kind == Finding::Kind::hung));
  };
  // The events that decided are the likeliest to decide otherwise.
  const std::vector<int> deciding = judge(clause, held).evidence;
  for (auto number = deciding.rbegin(); number != deciding.rend(); ++number)
    if (each_lie_about(held, *number, caught, clause.asked.lacks)) return true;
  for (const Event& event : held.events())
    if (std::find(deciding.begin(), deciding.end(), event.number) == deciding.end() &&
        each_lie_about(held, event.number, caught, clause.asked.lacks))
      return true;
  return false;
}

}  // namespace tlsbye
