// Traits: where documents leave freedom, what the library does.
#include <algorithm>
#include <array>
#include <functional>
#include <stdexcept>

#include "harness/oracle/oracle.h"
#include "harness/oracle/properties.h"

namespace tlsbye {
namespace {

using Told = std::optional<Trait::Answer>;

Told answer(std::string_view word, std::vector<int> evidence) {
  std::erase_if(evidence, [](int number) { return number <= 0 || number == always; });
  std::sort(evidence.begin(), evidence.end());
  return Trait::Answer{word, std::move(evidence)};
}

// In a session that neither the script nor an attacker interfered with.
bool connected(const SubjectCall& call) { return is_so(call.before.handshake_done) && call.unusual.none(); }

bool unread_data(const SubjectCall& call) { return call.before.data_bytes > call.before.data_read; }

// The peer has not ended its direction, and nothing went wrong.
bool without_close_notify(const SubjectCall& call) { return call.after.close_notify_arrived() == never && !is_so(call.after.fatal_alert); }

bool own_close_notify_out(const SubjectCall& call) { return is_so(call.before.own_close_notify); }

// What the manual forbids says nothing to whoever keeps to it.
bool forbidden(const SubjectCall& call) { return is_so(call.against_terms); }

// The first call of that kind that satisfies `situation`, as its outcome's word; a call that stays blocked to receive wants to read.
// What asks to be made again and is made again has not answered yet, and what the script did to its transport calls says nothing of it.
template <typename Situation>
Told outcome_of_first(const Facts& facts, Call kind, Situation situation) {
  const auto& calls = facts.calls();
  for (const SubjectCall& call : calls) {
    if (is_so(call.after.starved)) return std::nullopt;  // a library without memory answers as it can
    if (call.call != kind || is_so(call.met.injected) || is_so(call.met.injected_end) || !situation(call)) continue;
    const bool again = call.api && call_again(call.api->outcome);
    if (again &&
        std::any_of(calls.begin() + (&call - calls.data()) + 1, calls.end(), [&](const SubjectCall& it) { return it.call == kind; }))
      continue;
    if (call.api && !call.answered(Outcome::unsupported)) return answer(spell(call.api->outcome), {call.ended});
    if (call.stuck && call.stuck->on == Flow::recv) return answer(spell(Outcome::want_read), {call.ended});
  }
  return std::nullopt;
}

Told replies_by_itself(const Facts& facts) {
  if (!facts.readable()) return std::nullopt;
  for (const SubjectCall& call : facts.calls()) {
    if (call.call != Call::read || !call.answered(Outcome::end_of_data) || !is_so(call.after.close_notify)) continue;
    if (own_close_notify_out(call) || !call.emission_known || is_so(call.met.send_broken) || is_so(call.before.send_broke) ||
        is_so(call.after.fatal_alert) || is_so(call.after.user_canceled))  // JSSE answers that one, which says that the end is near
      return std::nullopt;
    for (const SentRecord& sent : facts.sent())
      if (sent.owner == &call - facts.calls().data() && sent.is_close_notify()) return answer("yes", {call.ended, sent.number});
    return answer("no", {call.after.close_notify, call.ended});
  }
  return std::nullopt;
}

// A close that only sends tells nothing about the data; one that looked at the transport does.
bool looked(const SubjectCall& call) { return is_so(call.met.recv) && !call.answered(Outcome::sent); }

Told unread_data_at_close(const Facts& facts) {
  const auto& calls = facts.calls();
  const auto first = std::find_if(calls.begin(), calls.end(), [](const SubjectCall& call) {
    return call.call == Call::close && connected(call) && unread_data(call) && looked(call) && !is_so(call.before.error_reported());
  });
  if (first == calls.end()) return std::nullopt;
  const SubjectCall* done = nullptr;
  const SubjectCall* last = nullptr;
  for (auto call = first; call != calls.end(); ++call) {
    if (is_so(call->after.reset) || is_so(call->after.fatal_alert) || is_so(call->met.injected_end) || is_so(call->after.own_fin)) break;
    if (call->after.post_handshake != never) break;  // that may be what it fails over
    if (call->call == Call::read && call->api && call->api->bytes > 0) return answer("keeps-it-readable", {first->ended, call->ended});
    if (call->call != Call::close) continue;
    last = &*call;
    if (call->answered(Outcome::done)) done = done ? done : last;
    if (!done && (call->answered(Outcome::failed) || call->answered(Outcome::refused)))
      return answer("error", {call->before.data, call->ended});
  }
  if (done) return answer("discards", {done->before.data, done->ended});
  const bool waits = last && ((last->stuck && last->stuck->on == Flow::recv) || last->answered(Outcome::want_read));
  if (waits && is_so(last->after.close_notify)) return answer("keeps-waiting", {last->after.close_notify, last->ended});
  return std::nullopt;
}

Told write_after_peers_close_notify(const Facts& facts) {
  for (const SubjectCall& call : facts.calls()) {
    if (call.call != Call::write || call.unusual.any() || !call.api || !is_so(call.before.close_notify) || own_close_notify_out(call))
      continue;
    if (forbidden(call)) continue;
    if (!is_so(call.before.answer(Call::read, Outcome::end_of_data)) || is_so(call.before.any_answer(Call::close))) continue;
    if (is_so(call.met.send_broken) || is_so(call.before.error_reported()) || call_again(call.api->outcome)) continue;
    return answer(call.answered(Outcome::done) ? "allowed" : "refused", {call.before.close_notify, call.ended});
  }
  return std::nullopt;
}

Told second_close(const Facts& facts) {
  return outcome_of_first(facts, Call::close, [](const SubjectCall& call) {
    const ApiCall* previous = call.before.previous;
    return previous && previous->call == Call::close && previous->outcome == Outcome::done && is_so(call.before.close_notify) &&
           !is_so(call.after.fin) && !is_so(call.after.reset) && !is_so(call.after.fatal_alert) && !is_so(call.before.error_reported());
  });
}

Told read_after_fin(const Facts& facts) {
  if (facts.has(Option::ignore_eof)) return std::nullopt;
  return outcome_of_first(facts, Call::read, [](const SubjectCall& call) {
    return connected(call) && is_so(call.before.fin) && !is_so(call.before.reset) && without_close_notify(call) && !unread_data(call) &&
           !is_so(call.before.error_reported()) && !is_so(call.after.partial) && call.after.post_handshake == never &&
           !is_so(call.before.any_answer(Call::close)) && !is_so(call.before.any_answer(Call::close_write));
  });
}

Told read_after_reset(const Facts& facts) {
  return outcome_of_first(facts, Call::read, [](const SubjectCall& call) {
    return connected(call) && is_so(call.after.reset) && without_close_notify(call) && !unread_data(call) &&
           !is_so(call.before.error_reported()) && !is_so(call.before.any_answer(Call::close));
  });
}

Told close_after_fin(const Facts& facts) {
  if (facts.has(Option::ignore_eof) || facts.quiet()) return std::nullopt;
  return outcome_of_first(facts, Call::close, [](const SubjectCall& call) {
    const bool waited = is_so(call.before.answer(Call::close, Outcome::sent)) ||
                        is_so(call.before.answer(Call::close, Outcome::want_read)) || is_so(call.met.blocked_on_recv);
    return connected(call) && waited && is_so(call.after.fin) && !is_so(call.after.reset) && without_close_notify(call) &&
           !unread_data(call) && !is_so(call.before.error_reported()) && !is_so(call.after.partial) &&
           !(call.api && call_again(call.api->outcome));
  });
}

Told close_when_reply_cannot_be_written(const Facts& facts) {
  return outcome_of_first(facts, Call::close, [](const SubjectCall& call) {
    return connected(call) && is_so(call.before.close_notify) && !own_close_notify_out(call) && is_so(call.met.send_broken) &&
           !is_so(call.before.any_answer(Call::close)) && !is_so(call.before.reset);
  });
}

Told warning_alert_while_closing(const Facts& facts) {
  const auto outcome = outcome_of_first(facts, Call::close, [](const SubjectCall& call) {
    return connected(call) && is_so(call.after.warning_alert) && !is_so(call.after.fatal_alert) && !is_so(call.after.fin) &&
           !is_so(call.after.reset) && !is_so(call.before.error_reported()) && (is_so(call.met.recv) || !call.met.logged) &&
           !call.answered(Outcome::sent);
  });
  if (!outcome) return std::nullopt;
  const bool went_on = outcome->answer == spell(Outcome::done) || outcome->answer == spell(Outcome::want_read);
  return went_on ? answer("ignored", outcome->evidence) : outcome;
}

// The session's first call of that kind, where nothing had come and nothing was in the way of its alert; null otherwise.
const SubjectCall* first_undisturbed(const Facts& facts, Call kind) {
  if (facts.quiet()) return nullptr;
  for (const SubjectCall& call : facts.calls()) {
    if (call.call != kind) continue;
    if (!connected(call) || !call.met.logged || own_close_notify_out(call) || is_so(call.before.own_fin) ||
        is_so(call.before.error_reported()))
      return nullptr;
    if (is_so(call.after.anything) || !is_so(call.met.send)) return nullptr;
    if (is_so(call.met.send_would_block) || is_so(call.met.send_broken) || is_so(call.met.send_interrupted) || is_so(call.met.send_short))
      return nullptr;
    return &call;
  }
  return nullptr;
}

Told first_close_call(const Facts& facts) {
  const SubjectCall* call = first_undisturbed(facts, Call::close);
  if (!call) return std::nullopt;
  if (is_so(call->met.recv)) return answer("sends-and-waits", {call->met.send, call->met.recv, call->ended});
  return call->api ? answer("sends-only", {call->met.send, call->ended}) : std::nullopt;
}

// The call of a stack that has no other (judge.cpp asks it of those alone).
Told one_way_close(const Facts& facts) {
  const SubjectCall* call = first_undisturbed(facts, Call::close_write);
  if (!call || !call->answered(Outcome::done)) return std::nullopt;
  if (is_so(call->met.recv)) return answer("sends-and-waits", {call->met.send, call->met.recv, call->ended});
  for (const Event& event : facts.events()) {
    const auto* ended = event.as<TransportCall>();
    const bool ends = ended && ended->side == Side::subject && (ended->function == "shutdown" || ended->function == "close");
    if (ends && event.number >= call->began && event.number <= call->ended)
      return answer("sends-and-ends-the-transport", {call->met.send, event.number, call->ended});
  }
  return answer("sends-only", {call->met.send, call->ended});
}

// The last two-way close asked to be called again for the reply.
bool close_waits(const SubjectCall& call) {
  const Since waits = call.before.answer(Call::close, Outcome::want_read);
  return is_so(waits) && waits == call.before.any_answer(Call::close);
}

Told write_after_own_close(const Facts& facts) {
  if (facts.has(Option::ignore_eof)) return std::nullopt;
  for (const SubjectCall& call : facts.calls()) {
    if (call.call != Call::write || call.unusual.any() || !call.api || !own_close_notify_out(call) || is_so(call.before.error_reported()))
      continue;
    if (!without_close_notify(call) || is_so(call.met.send_broken) || is_so(call.before.own_fin) || close_waits(call)) continue;
    if (call.answered(Outcome::done)) return answer("sent", {call.before.own_close_notify, call.ended});
    if (call.answered(Outcome::refused) || call.answered(Outcome::failed))
      return answer(spell(call.api->outcome), {call.before.own_close_notify, call.ended});
  }
  return std::nullopt;
}

Told write_while_close_waits(const Facts& facts) {
  return outcome_of_first(facts, Call::write, [](const SubjectCall& call) {
    return connected(call) && close_waits(call) && own_close_notify_out(call) && without_close_notify(call) &&
           !is_so(call.met.send_broken) && !is_so(call.before.own_fin);
  });
}

Told sigpipe_on_broken_transport(const Facts& facts) {
  for (const Event& event : facts.events())
    if (const auto* signal = event.as<Signal>(); signal && signal->side == Side::subject && signal->name == "SIGPIPE")
      return answer("yes", {event.number});
  for (const Event& event : facts.events())
    if (const auto* call = event.as<TransportCall>(); call && call->side == Side::subject && call->error_number == "EPIPE")
      return answer("no", {event.number});
  return std::nullopt;
}

Told close_before_handshake(const Facts& facts) {
  return outcome_of_first(facts, Call::close, [](const SubjectCall& call) { return !is_so(call.before.handshake_begun); });
}

Told fatal_level_close_notify(const Facts& facts) {
  const auto fatal = [&](const SubjectCall& call) { return facts.contents(call.before.fatal_close_notify).alert == Alert{2, 0}; };
  return outcome_of_first(facts, Call::read, [&](const SubjectCall& call) {
    return connected(call) && is_so(call.before.fatal_close_notify) && call.before.fatal_close_notify == call.before.close_notify &&
           fatal(call) && !unread_data(call) && !is_so(call.before.answer(Call::read, Outcome::end_of_data)) &&
           !is_so(call.before.error_reported());
  });
}

Given given_all(const std::vector<std::string_view>& words) {
  Given given;
  for (const std::string_view word : words)
    if (!given.add(word)) throw std::logic_error("a trait asks for `" + std::string(word) + "`, which is not a situation");
  return given;
}

// Right after it was: a write in between, say, may have its own answer, and leave another one for the close.
Told close_after_fatal_alert(const Facts& facts) {
  static const Given given =
      given_all({"first", "handshake-done", "alert-reported", "fatal-alert-arrived", "not reset-arrived", "not fin-arrived"});
  return outcome_of_first(facts, Call::close, [](const SubjectCall& call) {
    return given.fits(call) && call.before.previous && call.before.previous->outcome == Outcome::alert;
  });
}

// A close_notify in the clear behind the peer's change_cipher_spec is nobody's (TLS 1.2 and below): it cannot be authenticated, and no end.
Told handshake_meets_close_notify(const Facts& facts) {
  static const Given given = given_all({"close-notify-in-handshake-arrived", "not fatal-alert-arrived", "not fin-arrived"});
  int change_cipher_spec = 0, forged = 0;
  for (const Event& event : facts.events()) {
    const auto* delivered = event.as<Delivered>();
    const auto* record = delivered ? facts.transcript().at(delivered->record).as<Record>() : nullptr;
    if (!record || record->from != Side::partner || facts.tls13()) continue;
    if (record->type == ContentType::change_cipher_spec && change_cipher_spec == 0) change_cipher_spec = event.number;
    if (record->alert && !record->encrypted && change_cipher_spec > 0 && forged == 0) forged = event.number;
  }
  return outcome_of_first(facts, Call::handshake, [&](const SubjectCall& call) {
    return given.fits(call) && (forged == 0 || forged > call.ended);
  });
}

// Of what only hands out the end that was told before: what comes behind it, and the transport's end, are questions of their own.
Told read_after_clean_end(const Facts& facts) {
  static const Given given = given_all({"end-of-data-read", "not close-called", "not error-reported", "ordinary-traffic",
                                        "not data-after-close-notify-arrived"});
  return outcome_of_first(facts, Call::read, [&](const SubjectCall& call) { return given.fits(call) && !forbidden(call); });
}

using Ask = std::function<Told(const Facts&)>;

// What the first such call in that situation answers.
Ask answer_of(Call kind, const std::vector<std::string_view>& words) {
  return [kind, given = given_all(words)](const Facts& facts) {
    return outcome_of_first(facts, kind, [&](const SubjectCall& call) { return given.fits(call); });
  };
}

// The same for a two-way close that looks at the transport; where it goes on as if nothing had come, `ignored`.
Ask while_closing(const std::vector<std::string_view>& words) {
  auto all = words;
  all.insert(all.end(), {"handshake-done", "not error-reported", "not fin-arrived", "not reset-arrived", "not fatal-alert-arrived",
                         "not data-arrived", "not own-fin", "not quiet-shutdown-on", "not fault-injected"});
  return [given = given_all(all)](const Facts& facts) -> Told {
    const auto told = outcome_of_first(facts, Call::close, [&](const SubjectCall& call) {
      return given.fits(call) && (is_so(call.met.recv) || !call.met.logged) && !call.answered(Outcome::sent);
    });
    if (told && (told->answer == spell(Outcome::done) || told->answer == spell(Outcome::want_read)))
      return answer("ignored", told->evidence);
    return told;
  };
}

// What the first such call puts on the wire.
constexpr std::array<std::string_view, 5> emissions{"nothing", "close_notify", "close_notify-in-the-clear", "error-alert",
                                                    "something-else"};
Ask emission_of(Call kind, const std::vector<std::string_view>& words) {
  return [kind, given = given_all(words)](const Facts& facts) -> Told {
    if (!facts.readable()) return std::nullopt;
    for (const SubjectCall& call : facts.calls()) {
      if (call.call != kind || !given.fits(call) || !call.api || !call.emission_known || call.answered(Outcome::unsupported)) continue;
      if (is_so(call.met.send_broken) || is_so(call.met.send_would_block)) continue;
      for (const SentRecord& sent : facts.sent()) {
        if (sent.owner != &call - facts.calls().data()) continue;
        const auto alerts = alerts_of(*sent.contents);
        if (alerts.empty()) return answer(emissions[4], {call.ended, sent.number});
        if (alerts.front().description != 0) return answer(emissions[3], {call.ended, sent.number});
        return answer(emissions[sent.record->encrypted ? 1 : 2], {call.ended, sent.number});
      }
      return answer(emissions[0], {call.ended});
    }
    return std::nullopt;
  };
}

// Whether the session before this one, which had ended so, was resumed by this handshake.
Ask resumed_after(const std::vector<std::string_view>& words) {
  auto all = words;
  all.insert(all.end(), {"later-session", "formerly session-kept", "formerly handshake-done", "resumption-decided"});
  return [given = given_all(all)](const Facts& facts) -> Told {
    for (const SubjectCall& call : facts.calls())
      if (call.call == Call::handshake && call.answered(Outcome::done) && given.fits(call) && !call.api->flag("resumed").empty())
        return answer(call.api->flag("resumed") == "yes" ? "yes" : "no", {call.ended});
    return std::nullopt;
  };
}

// What a fault of that kind in a call that works on a blocking transport comes to.
Ask answer_to_fault(std::string_view error, Io io) {
  return [error, io](const Facts& facts) -> Told {
    // What a function of the application's answers is not the transport's answer.
    if (facts.transcript().key().io != io || facts.has(Option::callbacks) || facts.has(Option::memory_bio)) return std::nullopt;
    for (const SubjectCall& call : facts.calls()) {
      if ((call.call != Call::close && call.call != Call::read) || !connected(call) || !call.api || !is_so(call.met.injected)) continue;
      const auto& fault = *facts.transcript().at(call.met.injected).as<TransportCall>();
      if (fault.error_number != error || is_so(call.met.injected_end) || is_so(call.before.error_reported()) || is_so(call.after.fin) ||
          is_so(call.after.reset) || is_so(call.after.fatal_alert))
        continue;
      const Outcome outcome = call.api->outcome;
      const bool went_on = outcome == Outcome::done || outcome == Outcome::end_of_data || outcome == Outcome::sent;
      return answer(went_on ? "goes-on" : spell(outcome), {call.met.injected, call.ended});
    }
    return std::nullopt;
  };
}

// Who eats what follows the close_notify on the transport.
Told bytes_behind_the_close_notify(const Facts& facts) {
  if (facts.has(Option::read_ahead)) return std::nullopt;
  const Finding finding = transport_reusable(facts, Question());
  if (finding.kind == Finding::Kind::not_reached) return std::nullopt;
  return answer(finding.kind == Finding::Kind::holds ? "left-on-the-transport" : "eaten", finding.evidence);
}

Told data_in_flight_at_close(const Facts& facts) {
  const auto& calls = facts.calls();
  for (auto call = calls.begin(); call != calls.end(); ++call) {
    const bool waits = call->call == Call::close && connected(*call) && looked(*call) && !is_so(call->before.error_reported());
    const bool late = is_so(call->after.data) && call->after.data > call->before.own_close_notify && own_close_notify_out(*call) &&
                      call->after.data_bytes > call->before.data_read;
    if (!waits || !late || is_so(call->met.injected_end) || is_so(call->after.own_fin) || is_so(call->after.reset)) continue;
    if (call->after.post_handshake != never) return std::nullopt;  // that may be what it fails over
    if (call->answered(Outcome::done)) return answer("discards", {call->after.data, call->ended});
    if (call->answered(Outcome::failed) || call->answered(Outcome::refused)) return answer("error", {call->after.data, call->ended});
    for (auto later = call + 1; later != calls.end(); ++later)
      if (later->call == Call::read && later->api && later->api->bytes > 0)
        return answer("keeps-it-readable", {call->after.data, call->ended, later->ended});
  }
  return std::nullopt;
}

// A reader in one thread waits; another thread closes.
Told blocked_reader_when_another_thread_closes(const Facts& facts) {
  if (!is_so(facts.threads())) return std::nullopt;
  for (const SubjectCall& call : facts.calls()) {
    if (call.call != Call::read || !call.accompanied) continue;
    const bool closed = std::any_of(facts.calls().begin(), facts.calls().end(), [&](const SubjectCall& other) {
      return other.api && other.api->aside == Aside::thread && (other.call == Call::close || other.call == Call::close_write) &&
             other.ended > call.began && other.ended < call.ended;
    });
    if (!closed) continue;
    if (call.stuck) return answer("stays-blocked", {call.ended});
    if (call.api) return answer(spell(call.api->outcome), {call.ended});
  }
  return std::nullopt;
}

// The call that closes TLS and the transport in one (option closes-transport), in a session in good order whose data has come and which the
// script leaves alone.
bool closes_all(const Facts& facts, const SubjectCall& call) {
  const bool as_such = facts.has(Option::closes_transport) && !facts.has(Option::callbacks) && call.call == Call::close_write;
  return as_such && connected(call) && call.api && !call.answered(Outcome::unsupported) && !is_so(call.before.transport_closed) &&
         !is_so(call.before.descriptor_closed) && !is_so(call.before.own_fin) && !is_so(call.before.fin) && !is_so(call.after.reset) &&
         !is_so(call.after.fatal_alert);
}

Told transport_closed_over_unread_data(const Facts& facts) {
  for (const SubjectCall& call : facts.calls()) {
    if (!closes_all(facts, call) || !unread_data(call) || !call.met.logged) continue;
    const auto& events = facts.events();
    // What the library has taken off the transport does not lie there any more.
    const bool taken = std::any_of(events.begin(), events.end(), [&](const Event& event) {
      const auto* it = event.as<TransportCall>();
      return it && it->side == Side::subject && it->flow == Flow::recv && it->result > 0 && event.number > call.before.data &&
             event.number < call.began;
    });
    if (taken) return std::nullopt;
    for (const Event& event : events) {
      const auto* end = event.as<TransportEnd>();
      if (!end || end->from != Side::subject || end->delivered || event.number < call.began) continue;
      if (end->by_wire) return std::nullopt;
      return answer(end->end == End::reset ? "reset" : "orderly-end", {call.before.data, call.ended, event.number});
    }
  }
  return std::nullopt;
}

Told transport_closed_when_the_alert_would_block(const Facts& facts) {
  if (!facts.readable() || facts.transcript().key().io != Io::nonblocking) return std::nullopt;
  for (const SubjectCall& call : facts.calls()) {
    if (!closes_all(facts, call) || !is_so(call.met.send_would_block) || is_so(call.before.own_close_notify) || !call.emission_known)
      continue;
    for (const SentRecord& sent : facts.sent())
      if (sent.is_close_notify()) return answer("sent", {call.met.send_would_block, call.ended, sent.number});
    return answer("lost", {call.met.send_would_block, call.ended});
  }
  return std::nullopt;
}

Told corked_data_at_close(const Facts& facts) {
  if (!facts.readable()) return std::nullopt;
  for (const SubjectCall& call : facts.calls()) {
    if ((call.call != Call::close && call.call != Call::close_write) || !is_so(call.before.corked) || !call.api) continue;
    if (!call.before.last_write || call.before.last_write->total == 0) return std::nullopt;
    std::size_t sent_before = 0;
    Since close_notify = never;
    for (const SentRecord& sent : facts.sent()) {
      if (sent.is_close_notify() && close_notify == never) close_notify = sent.number;
      if (sent.contents->type == ContentType::application_data && close_notify == never) sent_before += sent.contents->content_bytes;
    }
    if (close_notify == never) return std::nullopt;
    return answer(sent_before >= call.before.last_write->total ? "sent-first" : "kept-back", {call.ended, close_notify});
  }
  return std::nullopt;
}

bool is_shown(const ApiCall& call, std::string_view flag) { return !call.flag(flag).empty() && call.flag(flag) != "0"; }

// All data has been read, and the library has taken what follows it off the transport as well, so that a wait for the transport would be
// one for nothing.
constexpr std::array<std::string_view, 5> ends_shown{"pending", "has-pending", "check-pending", "alert", "nothing"};
Told end_in_the_library(const Facts& facts) {
  if (facts.same_transport()) return std::nullopt;
  for (const SubjectCall& call : facts.calls()) {
    if (is_so(call.before.any_answer(Call::close)) || is_so(call.before.answer(Call::read, Outcome::end_of_data))) return std::nullopt;
    if (call.call != Call::read || !call.answered(Outcome::done) || !connected(call) || !is_so(call.after.close_notify)) continue;
    if (call.api->total < call.after.data_bytes || is_so(call.after.unknown_record)) continue;
    if (facts.contents(call.after.close_notify).alert != Alert{1, 0}) continue;  // one of another level may be an error
    std::size_t given = 0, end = 0, taken = 0;
    for (const Event& event : facts.events()) {
      if (event.number > call.ended) break;
      const auto* delivered = event.as<Delivered>();
      const auto* record = delivered ? facts.transcript().at(delivered->record).as<Record>() : nullptr;
      if (record && record->from == Side::partner) given += delivered->bytes;
      if (event.number == call.after.close_notify) end = given;
      const auto* io = event.as<TransportCall>();
      if (io && io->side == Side::subject && io->flow == Flow::recv && moves_bytes(io->function) && io->result > 0)
        taken += static_cast<std::size_t>(io->result);
    }
    if (end == 0 || taken < end) continue;
    for (const std::string_view flag : ends_shown)
      if (is_shown(*call.api, flag)) return answer(flag, {call.after.close_notify, call.ended});
    return answer(ends_shown.back(), {call.after.close_notify, call.ended});
  }
  return std::nullopt;
}

// A read that gave a part of a record.
Told data_in_the_library(const Facts& facts) {
  for (const SubjectCall& call : facts.calls()) {
    if (call.call != Call::read || !call.answered(Outcome::done) || !connected(call) || call.api->flag("pending").empty()) continue;
    if (is_so(call.after.unknown_record) || facts.data_altered(Side::partner)) return std::nullopt;
    std::size_t data = 0;
    for (const Event& event : facts.events()) {
      if (event.number > call.ended) break;
      const Contents* contents = event.as<Delivered>() ? &facts.contents(event.number) : nullptr;
      const auto* record = contents ? facts.transcript().at(event.as<Delivered>()->record).as<Record>() : nullptr;
      if (!record || record->from != Side::partner || contents->type != ContentType::application_data || contents->early) continue;
      data += contents->content_bytes;
      if (data == call.api->total) break;
      if (data > call.api->total) return answer(is_shown(*call.api, "pending") ? "yes" : "no", {event.number, call.ended});
    }
  }
  return std::nullopt;
}

// The handshake that rejects the server's certificate.
Told alert_for_a_rejected_certificate(const Facts& facts) {
  if (!facts.has(Option::verify_certificate) || !facts.readable()) return std::nullopt;
  for (const SubjectCall& call : facts.calls()) {
    if (call.call != Call::handshake || !call.answered(Outcome::failed) || call.unusual.any() || !call.emission_known) continue;
    if (is_so(call.met.send_broken) || is_so(call.met.send_would_block) || is_so(call.before.error_reported())) return std::nullopt;
    if (is_so(call.after.anything) || is_so(call.after.fatal_alert) || is_so(call.after.fin)) return std::nullopt;
    for (const SentRecord& sent : facts.sent())
      if (sent.owner == &call - facts.calls().data() && !alerts_of(*sent.contents).empty()) return answer("yes", {call.ended, sent.number});
    return answer("no", {call.ended});
  }
  return std::nullopt;
}

// A trait that asks for the outcome of one call.
Trait outcome_trait(std::string_view name, std::string_view question, Call call, const std::vector<std::string_view>& given,
                    std::vector<std::string> ref) {
  return {name, question, {Words<Outcome>::list.begin(), Words<Outcome>::list.end()}, std::move(ref), answer_of(call, given)};
}
Trait closing_trait(std::string_view name, std::string_view question, const std::vector<std::string_view>& given,
                    std::vector<std::string> ref) {
  std::vector<std::string_view> answers{"ignored"};
  answers.insert(answers.end(), Words<Outcome>::list.begin(), Words<Outcome>::list.end());
  return {name, question, answers, std::move(ref), while_closing(given)};
}
Trait emission_trait(std::string_view name, std::string_view question, Call call, const std::vector<std::string_view>& given,
                     std::vector<std::string> ref) {
  return {name, question, {emissions.begin(), emissions.end()}, std::move(ref), emission_of(call, given)};
}
Trait yes_or_no(std::string_view name, std::string_view question, std::vector<std::string> ref, Ask ask) {
  return {name, question, {"yes", "no"}, std::move(ref), std::move(ask)};
}

}  // namespace

namespace {

// Options that choose what is used and not another way to call the library: its own I/O callbacks, other functions to read with, a switch
// that keeps signals away are different interfaces, whose answers are their own.
bool as_usual(const Transcript& transcript) {
  constexpr std::array usual{
      Option::early_data,         Option::tickets,        Option::session_cache, Option::post_handshake_auth, Option::require_certificate,
      Option::verify_certificate, Option::quiet_shutdown, Option::ignore_eof,    Option::read_ahead,         Option::hybrid_key_share};
  return transcript.key().schedule.empty() && std::all_of(transcript.options.begin(), transcript.options.end(), [&](const std::string& it) {
           return std::any_of(usual.begin(), usual.end(), [&](Option option) { return spell(option) == it; });
         });
}

// What a library does by itself is asked of runs in which nothing was done to its transport calls; what names its fault or option, of
// those.
std::vector<Trait> of_ordinary_runs(std::vector<Trait> all) {
  constexpr std::array<std::string_view, 7> of_others{
      "blocking-transport-that-would-block", "interrupted-on-a-blocking-transport", "interrupted-on-a-non-blocking-transport",
      "read-in-cut-record",                  "transport-closed-over-unread-data",   "transport-closed-when-the-alert-would-block",
      "read-after-cut-over-memory"};
  for (Trait& trait : all) {
    if (std::find(of_others.begin(), of_others.end(), trait.name) != of_others.end()) continue;
    trait.ask = [ask = std::move(trait.ask)](const Facts& facts) { return as_usual(facts.transcript()) ? ask(facts) : std::nullopt; };
  }
  return all;
}

}  // namespace

const std::vector<Trait>& traits() {
  const std::vector<std::string_view> any_outcome(Words<Outcome>::list.begin(), Words<Outcome>::list.end());
  std::vector<std::string_view> goes_on{"goes-on"}, or_blocked{"stays-blocked"};
  goes_on.insert(goes_on.end(), any_outcome.begin(), any_outcome.end());
  or_blocked.insert(or_blocked.end(), any_outcome.begin(), any_outcome.end());
  static const std::vector<Trait> table = of_ordinary_runs({
      {"replies-by-itself",
       "Does a read that finds the peer's close_notify answer it unasked?",
       {"yes", "no"},
       {"B06", "RFC5246-7.2.1-05"},
       replies_by_itself},
      {"unread-data-at-close",
       "What does a two-way close do with unread application data?",
       {"error", "discards", "keeps-waiting", "keeps-it-readable"},
       {"B60", "B61"},
       unread_data_at_close},
      {"write-after-peers-close-notify",
       "May one still write after the peer's close_notify was read?",
       {"allowed", "refused"},
       {"B51", "RFC8446-6.1-07"},
       write_after_peers_close_notify},
      {"second-close", "What does a close after a completed close answer?", any_outcome, {"B100"}, second_close},
      {"read-after-fin", "What does a read answer for a bare end of the transport?", any_outcome, {"B20"}, read_after_fin},
      {"read-after-reset", "What does a read answer for a reset?", any_outcome, {"B26"}, read_after_reset},
      {"close-after-fin",
       "What does a two-way close answer that waits for the reply when the transport ends?",
       any_outcome,
       {"B11"},
       close_after_fin},
      {"close-when-reply-cannot-be-written",
       "What does a close answer whose own close_notify cannot be written any more, the peer's having come?",
       any_outcome,
       {"B22"},
       close_when_reply_cannot_be_written},
      {"warning-alert-while-closing",
       "What does a two-way close answer that meets a warning alert while it waits?",
       {"ignored", "alert", "failed", "refused", "cut", "reset", "end-of-data", "interrupted", "want-write"},
       {"GNUTLS-BYE-11"},
       warning_alert_while_closing},
      {"first-close-call",
       "Does the first call of a two-way close only send, or does it wait for the reply as well?",
       {"sends-only", "sends-and-waits"},
       {"B05"},
       first_close_call},
      {"one-way-close",
       "Does the only call that closes wait for the peer's close_notify, or end the transport as well?",
       {"sends-only", "sends-and-ends-the-transport", "sends-and-waits"},
       {"B05"},
       one_way_close},
      {"write-after-own-close",
       "What does a write answer after one's own close_notify, the peer's still to come?",
       {"refused", "failed", "sent"},
       {"B52"},
       write_after_own_close},
      {"write-while-a-close-waits",
       "What does a write answer while a two-way close still asks to be called again for the reply?",
       any_outcome,
       {"GNUTLS-BYE-32", "B52"},
       write_while_close_waits},
      {"sigpipe-on-broken-transport",
       "Does writing to a broken transport raise SIGPIPE?",
       {"yes", "no"},
       {"B23"},
       sigpipe_on_broken_transport},
      {"close-before-handshake", "What does a close before any handshake answer?", any_outcome, {"B55"}, close_before_handshake},
      {"fatal-level-close-notify",
       "What does a read answer for a close_notify of fatal level?",
       any_outcome,
       {"OPENSSL-ALERT-01", "WOLFSSL-READ-04"},
       fatal_level_close_notify},

      // The end, as calls tell it.
      outcome_trait("read-at-clean-end", "What does a read answer for the peer's close_notify?", Call::read,
                    {"handshake-done", "close-notify-arrived", "ordinary-traffic", "not unread-data", "not error-reported",
                     "not close-called", "not close-write-called", "not end-of-data-read", "receiving-untroubled"},
                    {"B03", "GNUTLS-RECV-01", "WOLFSSL-READ-01"}),
      outcome_trait(
          "peek-at-clean-end", "What does a peek answer for the peer's close_notify?", Call::peek,
          {"handshake-done", "close-notify-arrived", "ordinary-traffic", "not unread-data", "not error-reported", "not close-called"},
          {"B105", "OPENSSL-READ-04"}),
      {"read-after-clean-end",
       "What does a read answer after one that told the end of the data?",
       any_outcome,
       {"B53", "WOLFSSL-READ-02"},
       read_after_clean_end},
      outcome_trait("read-in-cut-record", "What does a read answer where the transport ends inside a record?", Call::read,
                    {"handshake-done", "partial-record-arrived", "fin-arrived", "not reset-arrived", "not close-notify-arrived",
                     "not unread-data", "not error-reported", "not close-called", "not option-ignore-eof"},
                    {"B2A", "GNUTLS-RECV-05"}),
      outcome_trait("read-after-cut", "What does a read answer after one that told a cut?", Call::read,
                    {"handshake-done", "cut-reported", "not close-called", "not reset-arrived", "not fatal-alert-arrived"},
                    {"B20", "GNUTLS-RECV-04"}),
      outcome_trait("read-after-cut-over-memory", "What does a read over memory answer after one that told a cut?", Call::read,
                    {"option-memory-bio", "handshake-done", "cut-reported", "not close-called", "not reset-arrived",
                     "not fatal-alert-arrived"},
                    {"B20", "JSSE-ENG-03"}),
      outcome_trait("write-after-cut", "What does a write answer after a read told a cut?", Call::write,
                    {"cut-reported", "not close-called", "not send-broken", "not reset-arrived"}, {"B20"}),
      outcome_trait("read-after-own-close", "What does a read answer after a completed close?", Call::read,
                    {"close-done", "close-notify-arrived", "not error-reported", "ordinary-traffic"}, {"GNUTLS-BYE-06", "WOLFSSL-ERR-02"}),
      outcome_trait("forged-close-notify", "What does a read answer for a close_notify in the clear?", Call::read,
                    {"handshake-done", "plain-alert-arrived", "not close-notify-arrived", "not fatal-alert-arrived", "not fin-arrived",
                     "not unread-data", "not error-reported", "not close-called"},
                    {"B87", "WOLFSSL-READ-06"}),
      outcome_trait("damaged-close-notify", "What does a read answer for a record that cannot be authenticated?", Call::read,
                    {"handshake-done", "damaged-record-arrived", "not close-notify-arrived", "not fin-arrived", "not unread-data",
                     "not error-reported", "not close-called", "not close-write-called", "not write-unfinished"},
                    {"B88"}),
      outcome_trait("read-of-user-canceled", "What does a read answer for a user_canceled that a close_notify follows?", Call::read,
                    {"handshake-done", "user-canceled-arrived", "close-notify-arrived", "not data-arrived", "not fatal-alert-arrived",
                     "not several-oddities-arrived", "not error-reported", "not close-called", "not end-of-data-read"},
                    {"B81", "GNUTLS-BYE-41", "WOLFSSL-READ-05"}),

      // Closing.
      outcome_trait("close-after-peers-close-notify", "What does the first close answer after the peer's close_notify was read?",
                    Call::close,
                    {"first", "end-of-data-read", "not own-close-notify-sent", "ordinary-traffic", "in-good-order", "sending-untroubled"},
                    {"OPENSSL-SHUTDOWN-16", "WOLFSSL-SHUTDOWN-11", "GNUTLS-BYE-36"}),
      outcome_trait("third-close", "What does a close answer after two that were done?", Call::close,
                    {"close-done", "ordinary-traffic", "not fin-arrived", "not error-reported", "close-done-twice"}, {"B100"}),
      outcome_trait(
          "close-after-reset", "What does a two-way close answer that waits for the reply when the transport is reset?", Call::close,
          {"handshake-done", "own-close-notify-sent", "reset-arrived", "not close-notify-arrived", "not unread-data", "not error-reported"},
          {"B26"}),
      outcome_trait("close-after-close-write", "What does the first two-way close answer after a one-way close, with no reply yet?",
                    Call::close, {"first", "close-write-done", "nothing-arrived", "in-good-order", "not fault-injected"},
                    {"B101", "GNUTLS-BYE-37"}),
      outcome_trait("close-after-cut", "What does a close answer after a read told a cut?", Call::close,
                    {"first", "handshake-done", "cut-reported", "not close-notify-arrived", "not reset-arrived", "not send-broken"},
                    {"GNUTLS-BYE-39", "OPENSSL-SHUTDOWN-06"}),
      emission_trait("close-notify-after-cut", "What does a close send after a read told a cut?", Call::close,
                     {"first", "handshake-done", "cut-reported", "not close-notify-arrived", "not reset-arrived", "not send-broken",
                      "not own-close-notify-sent"},
                     {"GNUTLS-BYE-39"}),
      {"close-after-fatal-alert",
       "What does a close answer right after the peer's fatal alert was reported?",
       any_outcome,
       {"B89", "GNUTLS-BYE-38", "WOLFSSL-SHUTDOWN-16"},
       close_after_fatal_alert},
      emission_trait("close-notify-after-fatal-alert", "What does a close send after the peer's fatal alert was reported?", Call::close,
                     {"first", "handshake-done", "alert-reported", "fatal-alert-arrived", "not reset-arrived", "not fin-arrived",
                      "not own-close-notify-sent"},
                     {"B89", "GNUTLS-BYE-38", "WOLFSSL-SHUTDOWN-16"}),
      outcome_trait("close-in-handshake", "What does a close answer while the handshake is under way?", Call::close,
                    {"first", "handshake-begun", "not handshake-done", "not handshake-failed"}, {"B92", "OPENSSL-SHUTDOWN-46"}),
      emission_trait("close-notify-in-handshake", "What does a close send while the handshake is under way?", Call::close,
                     {"first", "handshake-begun", "not handshake-done", "not handshake-failed"}, {"B92", "RFC9846-A.1-01"}),
      {"handshake-meets-close-notify",
       "What does the handshake answer when a close_notify comes?",
       any_outcome,
       {"B91", "GNUTLS-RECV-11"},
       handshake_meets_close_notify},
      outcome_trait("close-with-quiet-shutdown", "What does a close answer that was told to be quiet?", Call::close,
                    {"first", "handshake-done", "quiet-shutdown-on", "not error-reported"},
                    {"B102", "OPENSSL-QUIET-02", "WOLFSSL-QUIET-01"}),
      emission_trait("sent-on-cut", "What does a read send that tells a cut?", Call::read,
                     {"handshake-done", "fin-arrived", "not close-notify-arrived", "not error-reported", "not unread-data",
                      "not own-close-notify-sent", "not reset-arrived", "not option-ignore-eof", "not partial-record-arrived"},
                     {"OPENSSL-ERR-04"}),
      outcome_trait("close-after-sent-flag-set", "What does a close answer after the application set the library's flag SENT?", Call::close,
                    {"first", "flags-set", "sent-flag-shown", "not received-flag-shown", "handshake-done", "nothing-arrived"},
                    {"B103", "OPENSSL-SETSD-06", "WOLFSSL-SETSD-01"}),
      outcome_trait("close-after-received-flag-set", "What does a close answer after the application set the library's flag RECEIVED?",
                    Call::close, {"first", "flags-set", "received-flag-shown", "not sent-flag-shown", "handshake-done", "nothing-arrived"},
                    {"B103", "OPENSSL-SETSD-06", "WOLFSSL-SETSD-01"}),
      outcome_trait("close-after-both-flags-set", "What does a close answer after the application set both flags of the library?",
                    Call::close, {"first", "flags-set", "received-flag-shown", "sent-flag-shown", "handshake-done", "nothing-arrived"},
                    {"B103", "OPENSSL-SETSD-06", "WOLFSSL-SETSD-01"}),
      outcome_trait("handshake-after-clear", "What does a handshake answer on an object that was cleared after its session?",
                    Call::handshake, {"cleared"}, {"B10A", "OPENSSL-CLEAR-01"}),
      outcome_trait("read-with-stale-error", "What does a read answer for the peer's close_notify when an old error is in the queue?",
                    Call::read, {"stale-error", "close-notify-arrived", "not unread-data"}, {"OPENSSL-ERR-01"}),
      outcome_trait("close-when-time-ran-out", "What does a close answer whose time limit ran out?", Call::close, {"time-ran-out"},
                    {"B140", "GNUTLS-TMO-01"}),
      outcome_trait("read-when-time-ran-out", "What does a read answer whose time limit ran out?", Call::read, {"time-ran-out"},
                    {"B140", "GNUTLS-TMO-01"}),
      {"data-in-flight-at-close",
       "What does a two-way close do with application data that comes while it waits for the reply?",
       {"error", "discards", "keeps-it-readable"},
       {"B60", "B67"},
       data_in_flight_at_close},
      {"bytes-behind-the-close-notify",
       "Are bytes that follow the close_notify on the transport left there by a completed close?",
       {"left-on-the-transport", "eaten"},
       {"B112", "OPENSSL-RA-01"},
       bytes_behind_the_close_notify},
      {"corked-data-at-close",
       "Is data that was written but kept back sent before the close_notify?",
       {"sent-first", "kept-back"},
       {"B66", "GNUTLS-BYE-48"},
       corked_data_at_close},
      {"transport-closed-over-unread-data",
       "How does the transport end if data lies unread on it and one call closes TLS and the transport?",
       {"reset", "orderly-end"},
       {"B27", "B61"},
       transport_closed_over_unread_data},
      {"transport-closed-when-the-alert-would-block",
       "What becomes of the close_notify if a non-blocking transport is full and one call closes TLS and the transport?",
       {"lost", "sent"},
       {"B30"},
       transport_closed_when_the_alert_would_block},

      // Applications that poll.
      {"end-in-the-library",
       "All data was read, and the library has taken the peer's close_notify off the transport: which of its words shows that?",
       {ends_shown.begin(), ends_shown.end()},
       {"OPENSSL-RA-01"},
       end_in_the_library},
      yes_or_no("data-in-the-library", "Does the library's word for pending data show what is left of a record after a part was read?",
                {"OPENSSL-READ-04"}, data_in_the_library),

      // Early data.
      outcome_trait("close-notify-behind-early-data", "What does a read of early data answer when a close_notify comes?", Call::read_early,
                    {"early-data-arrived", "close-notify-in-handshake-arrived", "not fatal-alert-arrived", "not fin-arrived"},
                    {"RFC8446-6.1-01"}),
      outcome_trait("close-behind-early-data", "What does a close answer after early data was written, the handshake still to be done?",
                    Call::close_write, {"first", "early-data-called", "not handshake-done", "not handshake-failed"}, {"RFC8446-4.5-01"}),

      // A client that does not trust the server.
      yes_or_no("alert-for-a-rejected-certificate", "Does a handshake that rejects the server's certificate send an alert?",
                {"RFC8446-6.2-02"}, alert_for_a_rejected_certificate),
      outcome_trait(
          "close-after-a-rejected-certificate", "What does a close answer after the server's certificate was rejected?", Call::close,
          {"first", "option-verify-certificate", "handshake-failed", "not fatal-alert-arrived", "not reset-arrived", "not fin-arrived"},
          {"RFC8446-6.2-02"}),
      emission_trait("close-notify-after-a-rejected-certificate", "What does a close send after the server's certificate was rejected?",
                     Call::close,
                     {"first", "option-verify-certificate", "handshake-failed", "not fatal-alert-arrived", "not reset-arrived",
                      "not fin-arrived", "sending-untroubled"},
                     {"RFC8446-6.2-02"}),

      // What comes while a two-way close waits.
      closing_trait("ticket-while-closing", "What does a two-way close answer that meets a session ticket?", {"newly ticket-arrived"},
                    {"B70", "GNUTLS-BYE-42"}),
      closing_trait("key-update-while-closing", "What does a two-way close answer that meets a KeyUpdate?", {"newly key-update-arrived"},
                    {"B71", "GNUTLS-BYE-43", "OPENSSL-SHUTDOWN-50"}),
      closing_trait("hello-request-while-closing", "What does a two-way close answer that meets a HelloRequest?",
                    {"newly hello-request-arrived"}, {"B73", "GNUTLS-BYE-44", "OPENSSL-SHUTDOWN-49"}),
      closing_trait("change-cipher-spec-while-closing", "What does a two-way close answer that meets a change_cipher_spec?",
                    {"newly change-cipher-spec-arrived"}, {"GNUTLS-BYE-46"}),
      closing_trait("user-canceled-while-closing", "What does a two-way close answer that meets a user_canceled?",
                    {"newly user-canceled-arrived"}, {"B81", "GNUTLS-BYE-41"}),
      closing_trait("plain-alert-while-closing", "What does a two-way close answer that meets an alert in the clear?",
                    {"newly plain-alert-arrived", "not close-notify-arrived"}, {"B87", "OPENSSL-SHUTDOWN-51"}),
      closing_trait("damaged-record-while-closing", "What does a two-way close answer that meets a record that cannot be authenticated?",
                    {"newly damaged-record-arrived", "not close-notify-arrived"}, {"B68"}),

      // Waiting.
      {"blocking-transport-that-would-block",
       "What does a call on a blocking transport come to whose transport call says EAGAIN all the same?",
       goes_on,
       {"B35"},
       answer_to_fault("EAGAIN", Io::blocking)},
      {"interrupted-on-a-blocking-transport",
       "What does a call on a blocking transport come to that a signal interrupts?",
       goes_on,
       {"B35", "GNUTLS-TMO-06"},
       answer_to_fault("EINTR", Io::blocking)},
      {"interrupted-on-a-non-blocking-transport",
       "What does a call on a non-blocking transport come to that a signal interrupts?",
       goes_on,
       {"B35"},
       answer_to_fault("EINTR", Io::nonblocking)},
      {"blocked-reader-when-another-thread-closes",
       "What does a read answer that waits while another thread closes?",
       or_blocked,
       {"B130", "GNUTLS-THR-01"},
       blocked_reader_when_another_thread_closes},

      // Resumption.
      yes_or_no("resumable-after-clean-close", "Can a session be resumed after both sides closed it?", {"B160", "OPENSSL-SHUTDOWN-31"},
                resumed_after({"formerly own-close-notify-sent", "formerly close-notify-arrived", "not formerly error-reported",
                               "not formerly fatal-alert-arrived"})),
      yes_or_no("resumable-after-one-way-close", "Can a session be resumed after the subject closed, and nothing answered?",
                {"GNUTLS-RESUME-02", "OPENSSL-SESS-02"},
                resumed_after({"formerly own-close-notify-sent", "not formerly close-notify-arrived", "not formerly error-reported",
                               "not formerly fatal-alert-arrived"})),
      yes_or_no("resumable-after-cut", "Can a session be resumed after its transport ended without the peer's close_notify?",
                {"B161", "RFC2246-7.2.1-03", "RFC4346-1.1-01"},
                resumed_after({"formerly cut-reported", "not formerly own-close-notify-sent", "not formerly close-notify-arrived",
                               "not formerly fatal-alert-arrived"})),
      yes_or_no("resumable-after-fatal-alert", "Can a session be resumed after the peer's fatal alert?",
                {"B162", "RFC5246-7.2.2-01", "WOLFSSL-SESS-01"},
                resumed_after({"formerly fatal-alert-arrived", "formerly error-reported"})),
      yes_or_no("resumable-after-no-close", "Can a session be resumed that neither side closed?", {"B161", "OPENSSL-FREE-02"},
                resumed_after({"not formerly own-close-notify-sent", "not formerly close-notify-arrived", "not formerly error-reported",
                               "not formerly fatal-alert-arrived", "not formerly own-fatal-alert-sent"})),
  });
  return table;
}

}  // namespace tlsbye
