// Properties of what the subject makes of what it gets.
#include <array>

#include "harness/oracle/finding.h"
#include "harness/oracle/properties.h"

namespace tlsbye {
namespace {

// Whether the peer's direction has ended in the way that this session was told to take for its end, and since when.
Since end_came(const SubjectCall& call, const Facts& facts) {
  const Since close_notify = call.after.close_notify_arrived();
  if (is_so(close_notify) || !facts.has(Option::ignore_eof)) return close_notify;
  const Since end = std::max({close_notify, call.after.fin, call.met.recv_eof});
  return !is_so(end) && is_so(call.after.end_made_up) ? unclear : end;
}

bool established(const SubjectCall& call) { return is_so(call.before.handshake_done); }

}  // namespace

Finding success_means_reply_received(const Facts& facts, const Question& asked) {
  if (facts.quiet()) return not_reached("it was asked to close without a word");
  return of_each_call(facts, asked, "no two-way close reported success", [&](const SubjectCall& call) {
    const Since reply = end_came(call, facts);
    if (call.call != Call::close || !call.answered(Outcome::done) || !established(call) || reply == unclear) return not_reached("");
    return is_so(reply) ? holds("close was done after the peer's end had come", {reply, call.ended})
                        : broken("close reported success without the peer's close_notify", {call.ended});
  });
}

Finding waits_for_reply(const Facts& facts, const Question& asked) {
  if (facts.quiet()) return not_reached("it was asked to close without a word");
  return of_each_call(facts, asked, "no two-way close was left without a reply", [&](const SubjectCall& call) {
    if (call.call != Call::close || !established(call) || call.after.close_notify_arrived() != never) return not_reached("");
    for (const Since other :
         {call.after.fin, call.after.reset, call.after.fatal_alert, call.after.end_made_up, call.met.recv_eof, call.met.recv_reset})
      if (is_so(other)) return not_reached("");
    if (call.answered(Outcome::done)) return broken("close reported success although nothing had answered", {call.ended});
    const bool waits = (call.stuck && call.stuck->on == Flow::recv) || call.answered(Outcome::sent) || call.answered(Outcome::want_read);
    return waits ? holds(fmt::format("unanswered, {}", told(call)), {call.ended}) : not_reached(told(call));
  });
}

Finding end_of_data_means_close_notify(const Facts& facts, const Question& asked) {
  return of_each_call(facts, asked, "no read told the end of the data", [&](const SubjectCall& call) {
    const Since end = end_came(call, facts);
    if (call.call != Call::read || !call.answered(Outcome::end_of_data) || !established(call) || end == unclear) return not_reached("");
    if (is_so(call.before.closed_quietly)) return not_reached("");
    return is_so(end) ? holds("end-of-data was told after the peer's end had come", {end, call.ended})
                      : broken("a read told the end of the data without the peer's close_notify", {call.ended});
  });
}

Finding truncation_is_told(const Facts& facts, const Question& asked) {
  if (facts.has(Option::ignore_eof)) return not_reached("it was asked to take a bare end for a clean one");
  for (const SubjectCall& call : facts.calls()) {
    const bool looks = call.call == Call::read || (call.call == Call::close && !facts.quiet());
    const Since end = is_so(call.after.fin) ? call.after.fin : call.met.recv_eof;
    if (!looks || !call.api || !established(call) || !is_so(end) || call.after.close_notify_arrived() != never || !asked.speaks_of(call))
      continue;
    if (is_so(call.before.error_reported())) break;
    if (is_so(call.after.fatal_alert)) return not_reached("an error alert had ended the session before");
    const Outcome outcome = call.api->outcome;
    // What did not come to the end yet tells nothing about it.
    if (call_again(outcome) || outcome == Outcome::refused || outcome == Outcome::unsupported || outcome == Outcome::alert) continue;
    if (call.call == Call::read && outcome == Outcome::done) continue;
    if (outcome == Outcome::done || outcome == Outcome::end_of_data)
      return broken(fmt::format("the transport ended without close_notify, and {}", told(call)), {end, call.ended});
    return holds(fmt::format("the transport ended without close_notify, and {}", told(call)), {end, call.ended});
  }
  return not_reached(facts.readable() ? "nothing met an end without close_notify" : std::string(no_keys));
}

namespace {

// The subject's side took bytes from behind the close_notify by then, as far as its transport calls are known.
bool received_past(int close_notify, const SubjectCall& call, const Facts& facts) {
  if (!call.met.logged) return true;
  std::size_t delivered = 0, received = 0;
  for (const Event& event : facts.events()) {
    if (event.number > call.ended) break;
    const auto* arrived = event.as<Delivered>();
    if (arrived && event.number <= close_notify && facts.transcript().at(arrived->record).as<Record>()->from == Side::partner)
      delivered += arrived->bytes;
    const auto* io = event.as<TransportCall>();
    if (io && io->side == Side::subject && io->flow == Flow::recv && io->result > 0 && moves_bytes(io->function))
      received += static_cast<std::size_t>(io->result);
  }
  return received > delivered;
}

}  // namespace

Finding data_after_close_notify_ignored(const Facts& facts, const Question& asked) {
  const std::size_t until_then = facts.at_end().data_bytes;
  return of_each_call(facts, asked, "no read after data behind the close_notify", [&](const SubjectCall& call) {
    const Since late = call.after.data_after_close_notify;
    if (call.call != Call::read || !call.api || !is_so(late) || is_so(call.after.odd_alert)) return not_reached("");
    const std::vector<int> events{call.after.close_notify, late, call.ended};
    if (call.api->total > until_then && !received_past(call.after.close_notify, call, facts))
      return not_reached("what it gave is not what came, for it took nothing from behind the close_notify");
    if (call.api->total > until_then)
      return broken(fmt::format("reads gave {} bytes, {} of them sent after the close_notify", call.api->total,
                                call.api->total - until_then),
                    events);
    // What a read gave that was against the terms of use is held against nobody, and proves that it was there to be read.
    for (const SubjectCall& other : facts.calls())
      if (other.call == Call::read && is_so(other.against_terms) && other.api && other.api->total > until_then)
        return not_reached("what it did not give, a later read gave");
    return holds(fmt::format("{}, and no byte from behind the close_notify was read", told(call)), events);
  });
}

Finding all_data_before_end(const Facts& facts, const Question& asked) {
  for (const SubjectCall& call : facts.calls()) {
    if (call.died || call.stuck) break;
    // Of some libraries a second one-way close waits for the other side's.
    if (call.call == Call::close || (call.call == Call::close_write && is_so(call.before.any_answer(Call::close_write))))
      return not_reached("a close came first, and may have thrown data away");
    if (call.call != Call::read || !call.answered(Outcome::end_of_data)) continue;
    if (is_so(call.before.error_reported())) return not_reached("an error was told first, and after it no data is owed");
    if (!established(call)) return not_reached("the handshake was not done");
    const Moment& now = call.after;
    if (is_so(now.odd_alert) && now.odd_alert < now.close_notify) return not_reached("an alert of another kind may have ended the data");
    if (!asked.speaks_of(call) || !is_so(now.close_notify) || now.data_bytes == 0 || is_so(now.unknown_record)) break;
    const std::vector<int> events{now.data, now.close_notify, call.ended};
    if (call.api->total < now.data_bytes)
      return broken(fmt::format("end-of-data was told after {} of {} bytes", call.api->total, now.data_bytes), events);
    if (!call.api->intact && !facts.data_altered(Side::partner)) return broken("the data read is not the data that was sent", events);
    return holds(fmt::format("all {} bytes were read before end-of-data", now.data_bytes), events);
  }
  return not_reached(facts.readable() ? "no read told the end of some data" : std::string(no_keys));
}

Finding end_of_data_stays(const Facts& facts, const Question& asked) {
  return of_each_call(facts, asked, "no read after end-of-data", [&](const SubjectCall& call) {
    const Since told_before = call.before.answer(Call::read, Outcome::end_of_data);
    if (call.call != Call::read || !call.api || !is_so(told_before) || call.answered(Outcome::unsupported)) return not_reached("");
    // After its own close a session is over, and documents do not say what a read answers then.
    const auto& closes = call.before.answered[static_cast<std::size_t>(Call::close)];
    for (std::size_t i = 0; i < closes.size(); ++i)
      if (closes[i] != never && !call_again(static_cast<Outcome>(i))) return not_reached("");
    if (call_again(call.api->outcome) && (is_so(call.met.injected) || is_so(call.met.injected_end))) return not_reached("");
    if (call.before.error_reported() > told_before) return not_reached("an error was told in between");
    const std::string says = fmt::format("after end-of-data {}", told(call));
    return call.answered(Outcome::end_of_data) ? holds(says, {told_before, call.ended}) : broken(says, {told_before, call.ended});
  });
}

namespace {

// From which event on the transport is the application's again; never where it does not come to that.
int free_since(const Facts& facts, const Question& asked) {
  const bool one_way = asked.calls.test(static_cast<std::size_t>(Call::close_write));
  for (const SubjectCall& call : facts.calls()) {
    if (!asked.given.fits(call)) continue;
    const bool end_told =
        is_so(call.before.answer(Call::read, Outcome::end_of_data)) || (call.call == Call::read && call.answered(Outcome::end_of_data));
    const bool own_end =
        is_so(call.before.answer(Call::close_write, Outcome::done)) || (call.call == Call::close_write && call.answered(Outcome::done));
    if (one_way ? end_told && own_end : call.call == Call::close && call.answered(Outcome::done)) return call.ended;
  }
  return never;
}

}  // namespace

Finding transport_reusable(const Facts& facts, const Question& asked) {
  const int since = free_since(facts, asked);
  const int close_notify = facts.at_end().close_notify;
  if (since == never || !is_so(close_notify) || close_notify > since) return not_reached("it was not closed both ways");
  std::vector<const Record*> raw;     // delivered behind the close_notify ...
  std::size_t delivered = 0;          // ... with so many bytes ...
  std::size_t delivered_by_read = 0;  // ... of which so many before the last raw-read
  std::string read;
  std::size_t read_bytes = 0;
  bool cut = false;       // the wire passed on only a part of one of them
  bool end_told = false;  // a read has said that the data ends there
  std::vector<int> events{close_notify, since};
  for (const Event& event : facts.events()) {
    const auto* arrived = event.as<Delivered>();
    const auto* record = arrived ? facts.transcript().at(arrived->record).as<Record>() : nullptr;
    if (event.number < close_notify) {
      // Where a record begins and ends is not known from then on.
      if (record && record->from == Side::partner && record->type == ContentType::raw)
        return not_reached("bytes past TLS came before the close_notify");
      continue;
    }
    if (record && record->from == Side::partner && event.number != close_notify) {
      if (record->type != ContentType::raw) return not_reached("more TLS records came after the close_notify");
      raw.push_back(record);
      delivered += arrived->bytes;
      if (arrived->bytes < record->wire_bytes) cut = true;
      events.push_back(event.number);
    }
    if (const auto* api = event.as<ApiCall>(); api && api->side == Side::subject && api->call == Call::read)
      end_told |= api->outcome == Outcome::end_of_data;
    if (const auto* io = event.as<TransportCall>();
        io && io->side == Side::subject && io->flow == Flow::recv && io->result > 0 && moves_bytes(io->function) &&
        (event.number > since || (end_told && io->during == Call::read)))
      return not_reached("the application had TLS go on with the transport");
    const auto* call = event.as<RawCall>();
    if (call && call->side == Side::subject && call->verb == "hangup") break;  // there is nothing to read from any more
    if (!call || call->side != Side::subject || call->verb != "raw-read" || event.number < since) continue;
    if (call->result > 0) read += call->data, read_bytes += static_cast<std::size_t>(call->result);
    delivered_by_read = delivered;
    events.push_back(event.number);
  }
  if (delivered_by_read == 0) return not_reached("nothing else was read from the transport afterwards");
  bool same = read_bytes == delivered_by_read;
  std::size_t at = 0;
  for (const Record* record : raw) {
    if (at < read.size() && !cut) same &= read.compare(at, record->content.size(), record->content, 0, read.size() - at) == 0;
    at += record->wire_bytes;
  }
  const std::string says =
      fmt::format("{} of {} bytes that followed the close_notify were left on the transport", read_bytes, delivered_by_read);
  return same ? holds(says, events)
              : broken(read_bytes == delivered_by_read ? "other bytes than were sent were left on the transport" : says, events);
}

Finding data_intact(const Facts& facts, const Question& asked) {
  bool speaks = asked.given.must.none() && asked.given.must_not.none();
  for (const SubjectCall& call : facts.calls()) speaks |= asked.given.fits(call);
  if (!speaks) return not_reached("no call in that situation");
  // What two threads or two processes write and read, each from its own place, is in no one's order.
  if (is_so(facts.threads()) && !asked.given.names("threads")) return not_reached("two threads made calls");
  if (is_so(facts.forked()) && !asked.given.names("forked")) return not_reached("two processes made calls");
  if (beside(facts, Side::partner)) return not_reached("the other side had calls made beside each other");
  const Since own_affair = reads_for_itself_since(facts);
  // By side: its reads of early data have not come to their end; another read has given what may be of either kind.
  std::array<bool, 2> early_left{}, mixed{};
  Tally tally;
  for (const Event& event : facts.events()) {
    const auto* api = event.as<ApiCall>();
    if (api && api->call == Call::read_early) {
      const auto side = static_cast<std::size_t>(api->side);
      early_left[side] = api->outcome == Outcome::done || call_again(api->outcome);
      if (mixed[side]) continue;
    }
    // SSL_read_early_data(3): it is called until it says that it has finished. Before that another read may give data of either kind, and
    // where the data of either begins is not known from then on.
    if (api && (api->call == Call::read || api->call == Call::peek)) {
      const auto side = static_cast<std::size_t>(api->side);
      mixed[side] |= api->call == Call::read && early_left[side] && api->bytes > 0;
      if (early_left[side] || mixed[side]) continue;
    }
    // Then other data begins.
    if (api && api->call == Call::clear && api->outcome != Outcome::unsupported) break;
    const bool peeks = api && api->call == Call::peek;
    if (!api || (api->call != Call::read && api->call != Call::read_early && !peeks) || api->bytes == 0 ||
        facts.data_altered(other(api->side)))
      continue;
    // A write that was not made again as it should have been may have left any part of its bytes.
    if (api->side == Side::partner && (is_so(facts.at_end().write_left) || (is_so(own_affair) && event.number > own_affair))) continue;
    const std::string says = fmt::format("{} {} {} bytes, {}", spell(api->side), peeks ? "saw" : "read", peeks ? api->bytes : api->total,
                                         api->intact ? "as sent" : "not as sent");
    if (tally.add(api->intact ? holds(says, {event.number}) : broken(says, {event.number}))) break;
  }
  return tally.result("no data was read");
}

}  // namespace tlsbye
