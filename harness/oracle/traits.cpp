// Traits: where documents leave freedom, what the library does.
#include <algorithm>

#include "harness/oracle/oracle.h"

namespace tlsbye {
namespace {

using Told = std::optional<Trait::Answer>;

Told answer(std::string_view word, std::vector<int> evidence) {
  std::erase_if(evidence, [](int number) { return number <= 0 || number == always; });
  std::sort(evidence.begin(), evidence.end());
  return Trait::Answer{word, std::move(evidence)};
}

bool connected(const SubjectCall& call) { return is_so(call.before.handshake_done); }

bool unread_data(const SubjectCall& call) { return call.before.data_bytes > call.before.data_read; }

// The peer has not ended its direction, and nothing went wrong.
bool without_close_notify(const SubjectCall& call) { return call.after.close_notify_arrived() == never && !is_so(call.after.fatal_alert); }

bool own_close_notify_out(const SubjectCall& call) { return is_so(call.before.own_close_notify); }

// The first call of that kind that satisfies `situation`, as its outcome's word; a call that stays blocked to receive wants to read.
template <typename Situation>
Told outcome_of_first(const Facts& facts, Call kind, Situation situation) {
  for (const SubjectCall& call : facts.calls()) {
    if (call.call != kind || !situation(call)) continue;
    if (call.api && !call.answered(Outcome::unsupported)) return answer(spell(call.api->outcome), {call.ended});
    if (call.stuck && call.stuck->on == Flow::recv) return answer(spell(Outcome::want_read), {call.ended});
  }
  return std::nullopt;
}

Told replies_by_itself(const Facts& facts) {
  if (!facts.readable()) return std::nullopt;
  for (const SubjectCall& call : facts.calls()) {
    if (call.call != Call::read || !call.answered(Outcome::end_of_data) || !is_so(call.after.close_notify)) continue;
    if (own_close_notify_out(call) || !call.emission_known) return std::nullopt;
    for (const SentRecord& sent : facts.sent())
      if (sent.owner == &call - facts.calls().data() && sent.record->is_close_notify()) return answer("yes", {call.ended, sent.number});
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
    if (call.call != Call::write || !call.api || !is_so(call.before.close_notify) || own_close_notify_out(call)) continue;
    if (!is_so(call.before.answer(Call::read, Outcome::end_of_data)) || is_so(call.before.any_answer(Call::close))) continue;
    if (is_so(call.met.send_broken) || call_again(call.api->outcome)) continue;
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
  if (facts.options().ignore_eof) return std::nullopt;
  return outcome_of_first(facts, Call::read, [](const SubjectCall& call) {
    return connected(call) && is_so(call.before.fin) && !is_so(call.before.reset) && without_close_notify(call) && !unread_data(call) &&
           !is_so(call.before.error_reported()) && !is_so(call.after.partial) && !is_so(call.before.any_answer(Call::close));
  });
}

Told read_after_reset(const Facts& facts) {
  return outcome_of_first(facts, Call::read, [](const SubjectCall& call) {
    return connected(call) && is_so(call.after.reset) && without_close_notify(call) && !unread_data(call) &&
           !is_so(call.before.error_reported()) && !is_so(call.before.any_answer(Call::close));
  });
}

Told close_after_fin(const Facts& facts) {
  if (facts.options().ignore_eof || facts.quiet()) return std::nullopt;
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
    return connected(call) && is_so(call.before.close_notify) && !own_close_notify_out(call) && is_so(call.met.send_broken);
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

Told first_close_call(const Facts& facts) {
  if (facts.quiet()) return std::nullopt;
  for (const SubjectCall& call : facts.calls()) {
    if (call.call != Call::close) continue;
    if (!connected(call) || !call.met.logged || own_close_notify_out(call) || is_so(call.before.error_reported())) return std::nullopt;
    if (is_so(call.after.anything) || !is_so(call.met.send)) return std::nullopt;
    if (is_so(call.met.send_would_block) || is_so(call.met.send_broken) || is_so(call.met.send_interrupted) || is_so(call.met.send_short))
      return std::nullopt;
    if (is_so(call.met.recv)) return answer("sends-and-waits", {call.met.send, call.met.recv, call.ended});
    if (call.api) return answer("sends-only", {call.met.send, call.ended});
  }
  return std::nullopt;
}

Told write_after_own_close(const Facts& facts) {
  for (const SubjectCall& call : facts.calls()) {
    if (call.call != Call::write || !call.api || !own_close_notify_out(call) || is_so(call.before.error_reported())) continue;
    if (!without_close_notify(call) || is_so(call.met.send_broken) || is_so(call.before.own_fin)) continue;
    if (call.answered(Outcome::done)) return answer("sent", {call.before.own_close_notify, call.ended});
    if (call.answered(Outcome::refused) || call.answered(Outcome::failed))
      return answer(spell(call.api->outcome), {call.before.own_close_notify, call.ended});
  }
  return std::nullopt;
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
  const auto fatal = [&](const SubjectCall& call) {
    return facts.transcript().at(call.before.fatal_close_notify).as<Record>()->alert == Alert{2, 0};
  };
  return outcome_of_first(facts, Call::read, [&](const SubjectCall& call) {
    return connected(call) && is_so(call.before.fatal_close_notify) && call.before.fatal_close_notify == call.before.close_notify &&
           fatal(call) && !unread_data(call) && !is_so(call.before.answer(Call::read, Outcome::end_of_data)) &&
           !is_so(call.before.error_reported());
  });
}

}  // namespace

const std::vector<Trait>& traits() {
  const std::vector<std::string_view> any_outcome(Words<Outcome>::list.begin(), Words<Outcome>::list.end());
  static const std::vector<Trait> table{
      {"replies-by-itself",
       "Does a read that finds the peer's close_notify answer it unasked?",
       {"yes", "no"},
       {"B06", "RFC5246-7.2.1-05"},
       replies_by_itself},
      {"unread-data-at-close",
       "What does a two-way close do with application data that nobody has read?",
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
      {"write-after-own-close",
       "What does a write answer after one's own close_notify, the peer's still to come?",
       {"refused", "failed", "sent"},
       {"B52"},
       write_after_own_close},
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
  };
  return table;
}

}  // namespace tlsbye
