// Properties of what the subject puts on the wire. Only what it sent itself counts, whatever the script then made of it.
#include <algorithm>
#include <array>
#include <span>

#include "harness/oracle/finding.h"
#include "harness/oracle/properties.h"

namespace tlsbye {
namespace {

std::string sent_name(const Contents& record) {
  if (record.type == ContentType::unknown) return "a record that no key decrypts";
  const auto alerts = alerts_of(record);
  if (alerts.empty()) return std::string(spell(record.type));
  std::string text;
  for (const Alert& alert : alerts) text += (text.empty() ? "" : "+") + alert_name(alert.description);
  return text;
}

// Nobody can say what it is: no key of its sender's opens it, or it stands where no record begins any more.
bool is_unreadable(const Contents& contents) { return contents.type == ContentType::unknown || contents.type == ContentType::raw; }

bool fits(std::string_view word, const SentRecord& sent, bool tls13) {
  const Contents& contents = *sent.contents;
  for (const bool plain : {true, false}) {
    const std::string_view prefix = plain ? "plain " : "protected ";
    if (!word.starts_with(prefix)) continue;
    if (sent.record->encrypted == plain) return false;
    word.remove_prefix(prefix.size());
  }
  if (contents.type != ContentType::alert) return word == spell(contents.type);
  const auto alerts = alerts_of(contents);
  if (alerts.size() != 1) return false;
  const Alert& alert = alerts.front();
  if (word == "alert") return true;
  if (word == "fatal-alert") return alert.description != 0 && (alert.level == 2 || (tls13 && alert.description != 90));
  return word == alert_name(alert.description);
}

// Do the records say exactly these words; or, if there may be more to come, the first of them?
bool fit(std::span<const std::vector<std::string>> words, std::span<const SentRecord* const> records, bool tls13, bool more = false) {
  if (more && records.empty()) return true;
  if (words.empty()) return records.empty();
  for (const std::string& word : words.front()) {
    if (word == "...") {
      if (fit(words.subspan(1), records, tls13, more) || (!records.empty() && fit(words, records.subspan(1), tls13, more))) return true;
      continue;
    }
    if (word == "nothing" && fit(words.subspan(1), records, tls13, more)) return true;
    if (!records.empty() && fits(word, *records.front(), tls13) && fit(words.subspan(1), records.subspan(1), tls13, more)) return true;
  }
  return false;
}

const SubjectCall* owner_of(const SentRecord& sent, const Facts& facts) {
  return sent.owner >= 0 ? &facts.calls()[static_cast<std::size_t>(sent.owner)] : nullptr;
}

const SentRecord* sent_as(int number, const Facts& facts) {
  const auto& sent = facts.sent();
  const auto it = std::find_if(sent.begin(), sent.end(), [&](const SentRecord& record) { return record.number == number; });
  return it == sent.end() ? nullptr : &*it;
}

// Whether the clause speaks of what that call sent, null for none. Where calls are not known, it speaks of all.
bool is_spoken_of(const SubjectCall* owner, const Facts& facts, const Question& asked) {
  return owner ? asked.speaks_of(*owner) : !facts.transcript().has_api_lane;
}

// Whether the library answers for a record: the script did not write it, no alert that the application named is in it, and the call that
// sent it is in no unusual situation that the clause does not name (flags that the application set, an object that was cleared and is at
// another connection ...).
bool answers_for(const SentRecord& sent, const Facts& facts, const Question& asked) {
  if (sent.by_script) return false;
  const SubjectCall* owner = owner_of(sent, facts);
  if (!owner) return true;
  const bool named_alert = owner->call == Call::send_alert && !facts.has(Option::due_alert);
  return !named_alert && !is_so(owner->before.cleared) && (owner->unusual & ~asked.given.named).none();
}

// What a property of the close_notify itself begins with: all those that the subject sent, the first in a call that the clause speaks
// of; none where there is nothing to judge.
std::vector<int> close_notifies(const Facts& facts, const Question& asked) {
  auto sent = facts.readable() ? facts.sent_close_notifies() : std::vector<int>{};
  for (const int number : sent)  // what the application sent as an alert like any other is its own affair
    if (const SubjectCall* owner = owner_of(*sent_as(number, facts), facts); owner && owner->call == Call::send_alert) return {};
  if (sent.empty()) return sent;
  const SubjectCall* owner = owner_of(*sent_as(sent.front(), facts), facts);
  if (owner && !asked.speaks_of(*owner)) return {};
  std::erase_if(sent, [&](int number) { return !answers_for(*sent_as(number, facts), facts, asked); });
  return sent;
}

// Without a lane of calls: who ends its stream, although nothing had gone wrong, has sent its close_notify before.
Finding close_notify_before_own_end(const Facts& facts) {
  std::array<int, 2> established{never, never};  // the last record of each side under the keys of the session
  // Who is given other bytes than the other side sent may see an attack, and may end as it likes.
  if (facts.altered(Side::partner)) return not_reached("the script changed what it was given");
  // A record that its own keys do not open may have been the close_notify.
  if (facts.garbled() != never) return not_reached("not all that it sent could be read");
  std::array<int, 2> finished{never, never};  // their Finished
  bool theirs = false;                        // the other side's close_notify
  int last = never;                           // what the subject sent last
  for (const Event& event : facts.events()) {
    if (const auto* record = event.as<Record>(); record && record->was_sent()) {
      const Contents& contents = facts.contents(event.number);
      const auto from = static_cast<std::size_t>(record->from);
      if (record->missing > 0) return not_reached("a stream ended within a record");
      // What goes on outside TLS has its own ways.
      if (contents.type == ContentType::raw && established[from] != never) return not_reached("the connection went on outside TLS");
      // Nor does anybody know what is due to who is given a record in the clear behind those under keys: it may see an attack.
      const bool of_tls = contents.type == ContentType::alert || contents.type == ContentType::application_data;
      if (record->from == Side::partner && of_tls && !record->encrypted && established[from] != never)
        return not_reached("it was given a record that no receiver accepts");
      if (record->encrypted && record->established) established[from] = event.number;
      // Whose Finished answers the other side's has come through the handshake.
      if (record->encrypted && contents.handshake.find("Finished") != std::string::npos) {
        finished[from] = event.number;
        if (from == 0 && finished[1] != never) established = {event.number, finished[1]};
      }
      if (record->from == Side::subject) last = event.number;
      for (const Alert& alert : alerts_of(contents)) {
        if (alert.description == 0) theirs |= record->from == Side::partner;
        // Up to TLS 1.2 the level decides what an alert is, and at a fatal one both sides close at once.
        if (alert.description == 0 && alert.level == 2 && record->from == Side::partner && !facts.tls13())
          return not_reached("it was given a fatal alert");
        if (alert.description != 0 && alert.description != 90 && (alert.level == 2 || facts.tls13()))
          return not_reached("an error alert was sent");
      }
    } else if (const auto* cut = event.as<TransportEnd>(); cut && cut->by_wire && cut->from == Side::partner) {
      return not_reached("the script ended what it was given");
    } else if (const auto* end = event.as<TransportEnd>(); end && !end->delivered) {
      if (end->end == End::reset) return not_reached("the connection was reset");
      if (end->from == Side::partner && !theirs) return not_reached("the other side had ended its stream without a close_notify");
      if (end->from == Side::partner) continue;
      if (established[0] == never || established[1] == never) return not_reached("the handshake was not done");
      const auto sent = facts.sent_close_notifies();
      if (sent.empty() || sent.front() > event.number) return broken("its stream ended without a close_notify", {last, event.number});
      return holds("a close_notify went before the end of its stream", {sent.front(), event.number});
    }
  }
  return not_reached("its stream did not end");
}

Finding no_close_notify(const Facts& facts) {
  return not_reached(facts.readable() ? "it sent no close_notify in that situation" : std::string(no_keys));
}

// Bytes that earlier writes had answered for, and that were not on the wire yet when the call began: they go out with it.
std::size_t data_held_back(const SubjectCall& call, const Facts& facts) {
  std::size_t answered = 0, out = 0;
  for (const SubjectCall& other : facts.calls())
    if (other.api && other.call == Call::write && other.ended < call.began) answered = std::max(answered, other.api->total);
  for (const SentRecord& sent : facts.sent()) {
    const SubjectCall* owner = owner_of(sent, facts);
    const bool before = owner ? owner->ended < call.began : sent.number < call.began;
    if (before && !sent.by_script && !sent.contents->early && sent.contents->type == ContentType::application_data)
      out += sent.contents->content_bytes;
  }
  return answered > out ? answered - out : 0;
}

}  // namespace

Finding emits(const Facts& facts, const Question& asked) {
  if (!facts.readable()) return not_reached(std::string(no_keys));
  return of_each_call(facts, asked, "no such call in that situation", [&](const SubjectCall& call) {
    if (call.stuck && call.stuck->on == Flow::send) return not_reached("it had not sent all when the run ended");
    if (only_paused(call, asked)) return not_reached(told(call));
    // What a call that receives has to say stands behind what another one could not send.
    const bool receives = call.call == Call::read || call.call == Call::peek;
    if (receives && call.before.pending && call.before.pending->call != call.call && !asked.given.names("call-left-undone"))
      return not_reached("an earlier call had not sent all");
    if (call.call != Call::key_update && is_so(call.before.key_update_owed()) && !asked.given.names("key-update-owed"))
      return not_reached("a KeyUpdate that the application had asked for was still to come");
    if (is_so(call.before.own_unknown_record)) return not_reached("not all that it had sent before could be read");
    const auto index = static_cast<int>(&call - facts.calls().data());
    std::size_t held_back = call.call == Call::write ? 0 : data_held_back(call, facts);
    std::vector<const SentRecord*> records;
    std::vector<int> events = asked.given.evidence(call, facts);
    std::string names;
    for (const SentRecord& sent : facts.sent()) {
      if (sent.owner != index) continue;
      if (held_back > 0 && records.empty() && sent.contents->type == ContentType::application_data) {
        held_back -= std::min(held_back, sent.contents->content_bytes);
        continue;
      }
      records.push_back(&sent);
      events.push_back(sent.number);
      names += (names.empty() ? "" : ", ") + sent_name(*sent.contents);
    }
    events.push_back(call.ended);
    // The answer to a request for new keys goes out with whatever call comes then.
    const bool answers_keys = std::any_of(records.begin(), records.end(), [](const SentRecord* sent) {
      return sent->contents->handshake.find("KeyUpdate") != std::string::npos;
    });
    const bool speaks_of_it = asked.given.names("key-update-arrived") || asked.given.names("key-update-request-arrived");
    if (answers_keys && call.call != Call::key_update && is_so(call.after.key_update) && !speaks_of_it)
      return not_reached("it answered a request for new keys");
    const std::string says = fmt::format("{} sent {}", spell(call.call), names.empty() ? "nothing" : names);
    if (!call.emission_known)
      return fit(asked.records, records, facts.tls13(), true) ? not_reached("what it sent did not reach the wire") : broken(says, events);
    return fit(asked.records, records, facts.tls13()) ? holds(says, events) : broken(says, events);
  });
}

Finding success_means_own_close_notify_sent(const Facts& facts, const Question& asked) {
  if (!facts.readable()) return not_reached(std::string(no_keys));
  if (facts.quiet()) return not_reached("it was asked to close without a word");
  return of_each_call(facts, asked, "no close reported success or asked for the reply", [&](const SubjectCall& call) {
    const bool success = call.answered(Outcome::done) || call.answered(Outcome::sent);
    const bool asks = (call.stuck && call.stuck->on == Flow::recv) || call.answered(Outcome::want_read);
    const Moment& before = call.before;
    if (!(success || asks) || !is_so(before.handshake_done)) return not_reached("");
    // Who has met an error owes no close_notify; and what a broken transport took, the wire never saw.
    if (is_so(before.error_reported()) || is_so(before.own_fatal_alert) || is_so(before.own_fin) || is_so(call.after.fatal_alert) ||
        is_so(call.met.injected_end) || std::any_of(facts.calls().begin(), facts.calls().end(), [&](const SubjectCall& other) {
          return other.began <= call.began && is_so(other.met.send_broken);
        }))
      return not_reached("an error came before");
    for (const SentRecord& sent : facts.sent()) {
      const SubjectCall* owner = owner_of(sent, facts);
      const bool by_then = owner ? owner->ended <= call.ended : sent.number <= call.ended;
      if (!by_then || sent.by_script) continue;
      // What another call spoilt, the closing one did not: its close_notify may be in what nobody can read.
      const bool by_closing = owner && (owner->call == Call::close || owner->call == Call::close_write);
      if (is_unreadable(*sent.contents) && !by_closing) return not_reached("not all that it had sent before could be read");
      if (sent.is_close_notify())
        return holds(fmt::format("{}, and the close_notify was on the wire", told(call)), {sent.number, call.ended});
      // One that went out before there were keys was sent, and ends nothing but the handshake.
      if (const auto alerts = alerts_of(*sent.contents);
          std::any_of(alerts.begin(), alerts.end(), [](const Alert& it) { return it.description == 0; }))
        return not_reached("its close_notify had gone out in the handshake");
    }
    if (!call.emission_known || is_so(before.own_unseen)) return not_reached("what it sent did not reach the wire");
    return broken(fmt::format("{}, and it had sent no close_notify", told(call)), {call.ended});
  });
}

Finding early_data_is_ended_as_due(const Facts& facts, const Question& asked) {
  if (!facts.readable()) return not_reached(std::string(no_keys));
  const Moment& session = facts.at_end();
  if (facts.transcript().key().role != Role::client || !is_so(session.early_data)) return not_reached("it sent no early data");
  const Since decided = is_so(session.early_data_accepted) ? session.early_data_accepted : session.early_data_refused;
  return of_each_call(facts, asked, "no handshake was done behind early data", [&](const SubjectCall& call) {
    if (call.call != Call::handshake || !call.answered(Outcome::done) || !is_so(decided)) return not_reached("");
    if (!call.emission_known || is_so(call.before.own_unseen)) return not_reached("what it sent did not reach the wire");
    const bool due = is_so(session.early_data_accepted);
    for (const SentRecord& sent : facts.sent()) {
      if (sent.number > call.ended && (!owner_of(sent, facts) || owner_of(sent, facts)->ended > call.ended)) break;
      if (sent.by_script || sent.contents->handshake.find("EndOfEarlyData") == std::string::npos) continue;
      const std::vector<int> events{session.early_data, decided, sent.number};
      return due ? holds("its early data was accepted, and it sent EndOfEarlyData", events)
                 : broken("its early data was not accepted, and it sent EndOfEarlyData", events);
    }
    const std::vector<int> events{session.early_data, decided, call.ended};
    return due ? broken("its early data was accepted, and its handshake was done without EndOfEarlyData", events)
               : holds("its early data was not accepted, and it sent no EndOfEarlyData", events);
  });
}

// Of the records alone, in their order on the wire: that the application carries them there (memory-bio) changes nothing.
Question of_records(Question asked) {
  asked.given.allow("option-memory-bio");
  return asked;
}

Finding sends_readable_records(const Facts& facts, const Question& clause) {
  const Question asked = of_records(clause);
  int read = never;
  const Since made_up = facts.at_end().own_end_made_up;  // what was lost there counts for the sender, and the wire never saw it
  for (const SentRecord& sent : facts.sent()) {
    if (is_so(made_up) && sent.number > made_up) break;
    const SubjectCall* owner = owner_of(sent, facts);
    if (sent.by_script || !is_spoken_of(owner, facts, asked) || (owner && is_so(owner->before.own_raw))) continue;
    const bool bare = sent.contents->type == ContentType::alert || sent.contents->type == ContentType::application_data;
    if (sent.stray && bare && read != never)
      return broken(fmt::format("{} sent {} as a record in the clear, behind records under keys", owner ? spell(owner->call) : "it",
                                sent_name(*sent.contents)),
                    {read, sent.number});
    if (!sent.record->encrypted) continue;
    if (sent.number == facts.garbled())
      return broken(fmt::format("{} sent a record that its own keys do not open", owner ? spell(owner->call) : "it"), {read, sent.number});
    if (sent.contents->type != ContentType::unknown) read = sent.number;
  }
  if (read == never) return not_reached(facts.readable() ? "it sent nothing under keys in that situation" : std::string(no_keys));
  return holds("what it sent could be read", {read});
}

Finding one_close_notify(const Facts& facts, const Question& clause) {
  const Question asked = of_records(clause);
  const auto sent = close_notifies(facts, asked);
  if (sent.empty()) return no_close_notify(facts);
  return sent.size() == 1 ? holds("one close_notify was sent", sent) : broken(fmt::format("{} close_notify were sent", sent.size()), sent);
}

Finding nothing_after_close_notify(const Facts& facts, const Question& clause) {
  const Question asked = of_records(clause);
  const auto sent = close_notifies(facts, asked);
  if (sent.empty()) return no_close_notify(facts);
  for (const SentRecord& later : facts.sent()) {
    // Another handshake, where nothing else says that another session began.
    if (!facts.transcript().has_api_lane && later.number > sent.front() && !later.record->encrypted &&
        later.contents->type == ContentType::handshake)
      break;
    if (later.number > sent.front() && later.contents->type != ContentType::raw && answers_for(later, facts, asked))
      return broken(fmt::format("{} was sent after the close_notify", sent_name(*later.contents)), {sent.front(), later.number});
  }
  return holds("nothing was sent after the close_notify", {sent.front()});
}

Finding close_notify_is_warning(const Facts& facts, const Question& clause) {
  const Question asked = of_records(clause);
  const auto sent = close_notifies(facts, asked);
  if (sent.empty()) return no_close_notify(facts);
  if (is_so(facts.at_end().alert_by_application)) return not_reached("the application sent alerts of its own");
  for (const int number : sent)
    for (const Alert& alert : alerts_of(facts.contents(number)))
      if (alert.description == 0 && alert.level != 1)
        return broken(fmt::format("a close_notify of level {} was sent", alert.level), {number});
  return holds("the close_notify was a warning", sent);
}

Finding close_notify_before_end(const Facts& facts, const Question& asked) {
  if (!facts.readable()) return not_reached(std::string(no_keys));
  if (!facts.transcript().has_api_lane) return close_notify_before_own_end(facts);
  if (facts.quiet()) return not_reached("it was asked to close without a word");
  const auto& events = facts.events();
  const auto end = std::find_if(events.begin(), events.end(), [](const Event& event) {
    const auto* it = event.as<TransportEnd>();
    return it && it->from == Side::subject && !it->delivered && !it->by_wire;
  });
  const auto closed = std::find_if(facts.calls().begin(), facts.calls().end(), [&](const SubjectCall& call) {
    return (call.call == Call::close || call.call == Call::close_write) && (call.answered(Outcome::done) || call.answered(Outcome::sent)) &&
           asked.speaks_of(call);
  });
  if (end == events.end() || closed == facts.calls().end() || closed->ended > end->number)
    return not_reached("it did not close and then end its transport");
  const Moment& then = closed->after;
  if (!is_so(closed->before.handshake_done) || is_so(then.own_fin) || is_so(closed->before.error_reported()) || is_so(then.fatal_alert) ||
      is_so(closed->met.send_broken))
    return not_reached("an error came before");
  for (const SentRecord& sent : facts.sent())
    for (const Alert& alert : alerts_of(*sent.contents))
      if (alert.description != 0 && (alert.level == 2 || (facts.tls13() && alert.description != 90)))
        return not_reached("it had sent an error alert");
  if (std::any_of(facts.calls().begin(), facts.calls().end(), [](const SubjectCall& call) { return !call.emission_known; }))
    return not_reached("what it sent did not reach the wire");
  const auto sent = facts.sent_close_notifies();
  if (sent.empty() || sent.front() > end->number)
    return broken("its transport ended without a close_notify although it had closed", {closed->ended, end->number});
  return holds("a close_notify went before the end of the transport", {closed->ended, sent.front(), end->number});
}

// A write that the transport held up may have taken more than it said (NSS keeps a byte back): the application is to write the rest again.
bool took_what_it_said(const SubjectCall& write) {
  return write.answered(Outcome::done) && !is_so(write.met.send_would_block) && !is_so(write.met.send_interrupted) &&
         !is_so(write.met.send_short);
}

Finding written_data_arrives_first(const Facts& facts, const Question& asked) {
  const auto sent = close_notifies(facts, asked);
  if (sent.empty()) return no_close_notify(facts);
  const SubjectCall* closing = owner_of(*sent_as(sent.front(), facts), facts);
  const int closing_began = closing ? closing->began : sent.front();
  std::size_t answered = 0;
  bool all_done = true;
  int last_write = never;
  for (const SubjectCall& call : facts.calls()) {
    if (call.call != Call::write || call.ended >= closing_began) continue;
    all_done &= took_what_it_said(call);
    if (call.api) answered = std::max(answered, call.api->total), last_write = call.ended;
  }
  if (answered == 0) return not_reached("nothing was written before the close_notify");
  std::size_t seen = 0;
  for (const SentRecord& record : facts.sent())
    if (record.number < sent.front() && !record.by_script && !record.contents->early &&
        record.contents->type == ContentType::application_data)
      seen += record.contents->content_bytes;
  const std::string says = fmt::format("{} bytes were written, and {} were sent before the close_notify", answered, seen);
  return seen < answered || (all_done && seen > answered) ? broken(says, {last_write, sent.front()})
                                                          : holds(says, {last_write, sent.front()});
}

Finding alert_level(const Facts& facts, const Question& asked) {
  if (!facts.readable()) return not_reached(std::string(no_keys));
  const std::uint8_t level = asked.level == "fatal" ? 2 : 1;
  // An alert that the application names is the application's; one that it leaves to the library is the library's.
  const bool named = !facts.has(Option::due_alert);
  Tally tally;
  for (const SentRecord& sent : facts.sent()) {
    const SubjectCall* owner = owner_of(sent, facts);
    if (!is_spoken_of(owner, facts, asked) || (owner && owner->call == Call::send_alert && named && asked.calls.none())) continue;
    // In the clear nothing tells a record from two that a library mixed up because sending stopped it, in this call or before.
    const bool mixed = !sent.record->encrypted && owner && std::any_of(facts.calls().data(), owner + 1, [](const SubjectCall& call) {
      return is_so(call.met.send_short) || is_so(call.met.send_would_block);
    });
    if (sent.stray || mixed) continue;
    for (const Alert& alert : alerts_of(*sent.contents)) {
      const std::string name = alert_name(alert.description);
      const bool error = alert.description != 0 && alert.description != 90 && alert.description != 100;
      const bool meant = std::any_of(asked.alerts.begin(), asked.alerts.end(),
                                     [&](const std::string& word) { return word == "error" ? error : word == name; });
      const std::string says = fmt::format("{} was sent with level {}", name, alert.level);
      if (meant) tally.add(alert.level == level ? holds(says, {sent.number}) : broken(says, {sent.number}));
    }
  }
  return tally.result("no such alert was sent");
}

Finding written_data_is_received(const Facts& facts, const Question& asked) {
  std::size_t written = 0;
  int last_write = never;
  bool unusual = false, last_write_done = false, wrote_otherwise = false;
  for (const SubjectCall& call : facts.calls()) {
    if (call.died || call.stuck) return not_reached("the subject was not done with its calls");
    unusual |= call.unusual.any();
    if (call.call != Call::write || !call.api) continue;
    wrote_otherwise = !asked.speaks_of(call);
    if (!wrote_otherwise) written = call.api->total, last_write = call.ended, last_write_done = took_what_it_said(call);
  }
  if (written == 0 || unusual) return not_reached("nothing was written in that situation");
  if (facts.altered(Side::subject)) return not_reached("the script changed what the subject sent");
  if (beside(facts, Side::partner)) return not_reached("the other side had calls made beside each other");
  const Since own_affair = reads_for_itself_since(facts);
  bool ended = false;  // the other side's transport has the subject's close_notify
  for (const Event& event : facts.events()) {
    if (const auto* it = event.as<Delivered>()) {
      const auto sent =
          std::find_if(facts.sent().begin(), facts.sent().end(), [&](const SentRecord& one) { return one.number == it->record; });
      ended |= sent != facts.sent().end() && sent->is_close_notify();
    }
    if (event.number == own_affair) return not_reached("the other side had closed, or a fault befell it, before it read the end");
    const auto* api = event.as<ApiCall>();
    if (!api || api->side != Side::partner) continue;
    if (api->call != Call::read || api->outcome != Outcome::end_of_data) continue;
    const std::vector<int> evidence{last_write, event.number};
    // Some libraries take a bare end for a clean one, by themselves or as their application wants it: that proves nothing about the
    // subject.
    if (!ended) return not_reached("the other side was told an end that the subject had not sent");
    if (event.number < last_write) return not_reached("it wrote on after the end was told");
    const std::string says = fmt::format("{} bytes were written, and the other side read {} before the end", written, api->total);
    // What came behind them is of a write that the clause does not speak of.
    if (wrote_otherwise && api->total > written) return not_reached("another write came behind it");
    const bool more = api->total > written && last_write_done;
    return api->total < written || more || !api->intact ? broken(says, evidence) : holds(says, evidence);
  }
  return not_reached("the other side was never told the end of the data");
}

Finding transport_left_open(const Facts& facts, const Question& asked) {
  const auto& calls = facts.calls();
  const auto closing = [&](const SubjectCall& call) {
    return (call.call == Call::close || call.call == Call::close_write || call.call == Call::abandon) && !call.died && !call.stuck &&
           asked.speaks_of(call);
  };
  const auto closed = std::find_if(calls.begin(), calls.end(), closing);
  if (closed == calls.end()) return not_reached("it never closed in that situation");
  if (facts.death()) return not_reached("its process died");
  if (is_so(facts.calls().front().before.own_fin)) return not_reached("the script had ended it before");
  for (const Event& event : facts.events()) {
    if (const auto* raw = event.as<RawCall>();
        raw && raw->side == Side::subject && (raw->verb == "fin" || raw->verb == "hangup" || raw->verb == "linger-reset"))
      break;  // what ends now, the script has ended
    if (const auto* end = event.as<TransportEnd>(); end && end->from == Side::subject && !end->delivered && !end->by_wire)
      return broken("the library ended the transport by itself", {closed->ended, event.number});
  }
  return holds("the transport was left open", {closed->ended});
}

Finding transport_closed_at_once(const Facts& facts, const Question& asked) {
  return of_each_call(facts, asked, "no such call in that situation", [&](const SubjectCall& call) {
    if (!call.api || call.answered(Outcome::unsupported) || only_paused(call, asked)) return not_reached(told(call));
    if (!call.met.logged) return not_reached("transport calls were not logged");
    if (is_so(call.before.descriptor_closed)) return not_reached("the script had closed it before");
    const auto& events = facts.events();
    const auto closed = std::find_if(events.begin(), events.end(), [&](const Event& event) {
      const auto* it = event.as<TransportCall>();
      return it && it->side == Side::subject && it->function == "close" && it->result == 0;
    });
    if (closed == events.end() || closed->number > call.ended)
      return broken(fmt::format("{}, and the transport was not closed", told(call)), {call.ended});
    if (closed->as<TransportCall>()->id != call.id) return not_reached("another call of the library had closed it");
    return holds(fmt::format("{}, and the transport was closed", told(call)), {closed->number, call.ended});
  });
}

}  // namespace tlsbye
