#include <algorithm>
#include <cstdlib>
#include <utility>

#include "harness/oracle/situations.h"
#include "peers/protocol/functions.h"

namespace tlsbye {
namespace {

// The first of its kind stays.
void note(Since& fact, int number) {
  if (fact == never) fact = number;
}

const ApiCall* aside_call(const Event& event) {
  const auto* api = event.as<ApiCall>();
  return api && api->side == Side::subject && api->aside != Aside::no ? api : nullptr;
}

// Whose doing an event is, where it can only happen while that peer is at work.
bool subject_at_work(const Event& event) {
  if (const auto* it = event.as<TransportCall>()) return it->side == Side::subject;
  if (const auto* it = event.as<ApiCall>()) return it->side == Side::subject;
  if (const auto* it = event.as<Signal>()) return it->side == Side::subject;
  if (const auto* it = event.as<Died>()) return it->side == Side::subject;
  return false;
}

void meet(Met& met, int number, const TransportCall& call) {
  met.logged |= !call.injected;
  if (!moves_bytes(call.function) && call.error_number != "EINTR") return;  // a wait that is interrupted is one of the call behind it
  const bool recv = call.flow == Flow::recv;
  note(recv ? met.recv : met.send, number);
  const bool would_block = call.error_number == "EAGAIN" || call.error_number == "EWOULDBLOCK";
  const bool interrupted = call.error_number == "EINTR";
  const bool broken = call.error_number == "ECONNRESET" || call.error_number == "EPIPE";
  const bool less = !recv && call.result > 0 && static_cast<std::size_t>(call.result) < call.asked;
  if (would_block) note(recv ? met.recv_would_block : met.send_would_block, number);
  if (interrupted) note(recv ? met.recv_interrupted : met.send_interrupted, number);
  if (broken) note(recv ? met.recv_reset : met.send_broken, number);
  if (less) note(met.send_short, number);
  if (recv && call.result == 0 && call.asked > 0) note(met.recv_eof, number);
  if (call.injected) note(would_block || interrupted || call.result > 0 ? met.injected : met.injected_end, number);
  if (call.result < 0) met.last_failed = number, met.last_failed_flow = call.flow;
}

void meet(Met& met, int number, const Blocked& blocked) {
  const bool recv = blocked.on == Flow::recv;
  note(recv ? met.recv : met.send, number);
  note(recv ? met.recv_would_block : met.send_would_block, number);
  if (recv) note(met.blocked_on_recv, number);
  met.timed |= blocked.timeout_ms.has_value();
}

void meet(Met& met, const TimePassed& passed) {
  met.waited_ms += passed.milliseconds;
  met.since_arrival_ms += passed.milliseconds;
  met.passed_last_ms = passed.milliseconds;
}

// What the application does to the library beside the ordinary calls, as far as it changes what is to be expected.
void note_extra(Moment& now, int number, const ApiCall& call, const Options& options) {
  if (call.call == Call::keep_session && call.outcome == Outcome::done) note(now.kept, number);
  if (call.side != Side::subject || call.outcome == Outcome::unsupported) return;
  const auto set = [&](Since& fact, std::string_view on, std::string_view off = {}) {
    if (call.arguments == on) fact = number;
    if (!off.empty() && call.arguments == off) fact = never;
  };
  switch (call.call) {
    case Call::set:
      if (call.outcome != Outcome::done) return;
      if (call.arguments.starts_with("shutdown ")) now.flags_set = number;
      if (call.arguments.starts_with("timeout ")) now.time_limit_ms = std::atoll(call.arguments.c_str() + 8);
      set(now.quiet, "quiet-shutdown on", "quiet-shutdown off");
      set(now.quiet_context, "context-quiet-shutdown on", "context-quiet-shutdown off");
      set(now.corked, "cork on", "cork off");
      set(now.auto_retry_off, "auto-retry off", "auto-retry on");
      set(now.stale_error, "stale-error on");
      return;
    case Call::clear:
      return note(now.cleared, number);
    case Call::renegotiate:
      return note(now.renegotiation, number);
    case Call::send_alert:
      if (!options.due_alert) note(now.alert_by_application, number);  // otherwise the library chose it
      return;
    case Call::key_update:
      return note(now.key_update_asked, number);
    default:
      return;
  }
}

// The record ends inside the handshake message that it begins with (RFC 8446 4: one byte of type, three of length).
bool is_cut_message(const Record& record) {
  const auto byte = [&](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(record.content[at])); };
  if (record.content.size() < 4) return !record.content.empty();
  return record.content_bytes < 4 + (byte(1) << 16) + (byte(2) << 8) + byte(3);
}

void arrive(Moment& now, int number, const Record& record, bool tls13) {
  if (is_so(now.handshake_done)) note(now.anything, number);
  if (record.type == ContentType::raw) return note(now.raw, number);
  if (record.truncated_to > 0) return note(now.partial, number);
  if (record.damaged) return note(now.damaged, number);
  if (record.type == ContentType::change_cipher_spec) {
    if (is_so(now.handshake_done)) note(now.change_cipher_spec, number);
    return;
  }
  if (!is_so(now.handshake_done))
    for (const Alert& alert : alerts_of(record))
      if (alert.description == 0) note(now.close_notify_in_handshake, number);
  if (!record.encrypted) {
    if (is_so(now.handshake_done)) {
      if (record.type == ContentType::alert) note(now.plain_alert, number);
      return note(now.plain, number);
    }
    for (const Alert& alert : alerts_of(record))
      if (alert.description != 0 && (alert.level == 2 || tls13)) note(now.fatal_alert, number);
    return;
  }
  switch (record.type) {
    case ContentType::unknown:
      if (is_so(now.handshake_done)) note(now.unknown_record, number);
      return;
    case ContentType::application_data:
      if (record.content_bytes == 0) return note(now.empty_data, number);
      note(now.data, number);
      if (is_so(now.user_canceled)) note(now.data_after_user_canceled, number);
      if (is_so(now.close_notify))
        note(now.data_after_close_notify, number);
      else
        now.data_bytes += record.content_bytes;
      return;
    case ContentType::handshake: {
      const auto begins = [&](std::string_view message) { return record.handshake.find(message) != std::string::npos; };
      if (begins("NewSessionTicket") && (tls13 || is_so(now.handshake_done)) && !is_cut_message(record)) note(now.ticket, number);
      if (begins("KeyUpdate")) note(now.key_update, number);
      if (begins("HelloRequest")) note(now.hello_request, number);
      if (begins("CertificateRequest") && is_so(now.handshake_done)) note(now.certificate_request, number);
      if (is_so(now.handshake_done) || begins("KeyUpdate") || (tls13 && begins("NewSessionTicket"))) note(now.post_handshake, number);
      return;
    }
    case ContentType::alert: {
      const auto alerts = alerts_of(record);
      if (record.content_bytes == 0) note(now.empty_alert, number);
      if (alerts.empty() && record.content_bytes > 0) note(now.alert_in_pieces, number);
      if (alerts.size() > 1) note(now.alerts_together, number);
      constexpr std::size_t unpadded = 5 + 1 + 16;  // header, inner type, tag
      if (tls13 && record.wire_bytes > record.content_bytes + unpadded) note(now.padded_alert, number);
      if (alerts.size() != 1) return note(now.odd_alert, number);
      const Alert alert = alerts.front();
      if (alert.description == 0) {
        note(now.close_notify, number);
        if (alert.level != 1) note(now.fatal_close_notify, number);
        return;
      }
      const bool canceled = alert.description == 90;
      if (alert_name(alert.description).starts_with("alert ")) note(now.unknown_alert, number);
      if (canceled) note(now.user_canceled, number);
      const bool fatal = alert.level == 2 || (tls13 && !canceled);
      if (fatal && !is_so(now.data) && !is_so(now.close_notify) && !is_so(now.unknown_record) && !is_so(now.odd_alert))
        note(now.alert_before_data, number);
      note(fatal ? now.fatal_alert : now.warning_alert, number);
      if (!fatal && ++now.warnings == 5) note(now.many_warnings, number);
      return;
    }
    default:
      return;
  }
}

}  // namespace

std::vector<Alert> alerts_of(const Record& record) {
  if (record.alert) return {*record.alert};
  std::vector<Alert> alerts;
  if (record.type != ContentType::alert || record.content.size() % 2 != 0) return alerts;
  for (std::size_t i = 0; i < record.content.size(); i += 2)
    alerts.push_back({static_cast<std::uint8_t>(record.content[i]), static_cast<std::uint8_t>(record.content[i + 1])});
  return alerts;
}

bool moves_bytes(std::string_view function) { return is_data_function(function); }

Since Moment::any_answer(Call call) const {
  const auto& outcomes = answered[static_cast<std::size_t>(call)];
  return *std::max_element(outcomes.begin(), outcomes.end());
}

Since Moment::any_call_answered(Outcome outcome) const {
  Since latest = never;
  for (const auto& outcomes : answered) latest = std::max(latest, outcomes[static_cast<std::size_t>(outcome)]);
  return latest;
}

Since Moment::error_reported() const {
  return std::max({any_call_answered(Outcome::cut), any_call_answered(Outcome::reset), any_call_answered(Outcome::alert),
                   any_call_answered(Outcome::failed),
                   // The end of what the peer sends is no answer to a call that sends: it did not succeed.
                   answer(Call::write, Outcome::end_of_data), answer(Call::close, Outcome::end_of_data)});
}

Since Moment::readable(Since fact) const { return fact == never && is_so(unknown_record) ? unclear : fact; }

Since Moment::told_by_alert(Since fact) const { return fact == never && is_so(odd_alert) ? unclear : readable(fact); }

Facts::Facts(const Transcript& of, const Facts* former, int first) : transcript_(&of), former_(former) {
  const std::span<const Event> all(of.events());
  events_ = all.subspan(static_cast<std::size_t>(first - 1));
  if (!events_.empty())
    if (const auto* session = events_.front().as<NewSession>()) same_transport_ = session->same_transport;
  for (std::size_t i = 1; i < events_.size(); ++i) {
    if (!events_[i].as<NewSession>()) continue;
    events_ = events_.first(i);
    break;
  }
  read_options();
  check_readable();
  find_calls();
  attribute_records();
  walk();
  const int next = first + static_cast<int>(events_.size());
  if (next < of.next_number()) next_.reset(new Facts(of, this, next));
}

void Facts::read_options() {
  const auto has = [&](std::string_view option) {
    return std::find(transcript_->options.begin(), transcript_->options.end(), option) != transcript_->options.end();
  };
  options_ = {has("ignore-eof"),          has("quiet-shutdown"),      has("tickets"),
              has("read-ahead"),          has("callbacks"),           has("session-cache"),
              has("require-certificate"), has("post-handshake-auth"), has("no-signal"),
              has("receive-seq"),         has("receive-packet"),      has("due-alert")};
}

// A record that cannot be read is a missing key, or, where keys of that direction had served before, garbage.
void Facts::check_readable() {
  if (transcript_->decrypted) return;
  readable_ = false;
  bool keys = false;
  for (const Event& event : events_) {
    const auto* record = event.as<Record>();
    if (!record || record->damaged || record->truncated_to > 0) continue;
    const bool unknown = record->type == ContentType::unknown;
    if (record->from == Side::partner && unknown) return;
    if (record->from == Side::partner || !record->was_sent()) continue;
    if (record->encrypted && !unknown) keys = true;
    if (keys && !record->encrypted && record->type == ContentType::handshake) return;  // a new handshake: other keys
    if (unknown && !keys) return;
    if (unknown) note(garbled_, event.number);
  }
  readable_ = is_so(garbled_);
}

// Which calls there were, from where to where, and what they met on the transport.
void Facts::find_calls() {
  const bool nonblocking = transcript_->key().io == Io::nonblocking;
  const int first = events_.empty() ? 1 : events_.front().number;
  int began = 0;         // of the call that is in progress, 0: none of its events was seen yet
  bool waiting = false;  // the subject waits between two calls, not in one
  const Event* previous = nullptr;
  Met met;
  const auto finish = [&](Call call, int ended) -> SubjectCall& {
    SubjectCall& it = calls_.emplace_back();
    it.call = call;
    it.began = began > 0 ? began : ended;
    it.ended = ended;
    it.met = met;
    met = Met{};
    met.logged = it.met.logged;
    began = 0;
    return it;
  };
  // Between two calls of the same statement, because the first one said so. A blocking transport waits within the call.
  const auto waits_between = [&](const Event& event, const Blocked& blocked) {
    const auto* call = previous && previous->line == event.line ? previous->as<ApiCall>() : nullptr;
    return nonblocking && began == 0 && call && call->call == blocked.during && call_again(call->outcome);
  };
  // Calls beside the one that waits, the next of them first: what the transport saw from their beginning on was theirs.
  std::vector<const Event*> beside;
  for (const Event& event : events_)
    if (aside_call(event)) beside.push_back(&event);
  std::reverse(beside.begin(), beside.end());
  Met met_beside;
  const auto take_beside = [&](const Event& event) {
    if (beside.empty()) return false;
    const ApiCall& api = *aside_call(*beside.back());
    if (event.number == beside.back()->number) {
      SubjectCall& it = calls_.emplace_back();
      it.call = api.call;
      it.api = &api;
      it.began = std::clamp(api.began, first, event.number);
      it.ended = event.number;
      it.met = std::exchange(met_beside, Met{});
      it.met.logged = met.logged;
      note(api.aside == Aside::thread ? threads_ : forked_, event.number);
      beside.pop_back();
      return true;
    }
    const auto* call = event.as<TransportCall>();
    if (!call || call->side != Side::subject || event.number < api.began || call->during != api.call) return false;
    meet(met_beside, event.number, *call);
    return true;
  };
  for (const Event& event : events_) {
    const int number = event.number;
    if (take_beside(event)) continue;
    if (const auto* blocked = event.as<Blocked>(); blocked && blocked->side == Side::subject) {
      if (!blocked->for_good) waiting = waits_between(event, *blocked);
      if (!waiting) {
        if (began == 0) began = number;
        meet(met, number, *blocked);
        if (blocked->for_good) finish(blocked->during, number).stuck = blocked;
      }
    } else if (subject_at_work(event) && began == 0) {
      const auto* api = event.as<ApiCall>();
      began = api && !waiting ? std::clamp(api->began, previous ? previous->number + 1 : first, number) : number;
    }
    if (const auto* it = event.as<TransportCall>(); it && it->side == Side::subject) {
      waiting = false;
      meet(met, number, *it);
    }
    if (const auto* it = event.as<TimePassed>(); it && began > 0) meet(met, *it);
    if (const auto* it = event.as<Record>(); it && it->from == Side::partner && it->was_delivered()) met.since_arrival_ms = 0;
    if (const auto* it = event.as<ApiCall>(); it && it->side == Side::subject) {
      waiting = false;
      finish(it->call, number).api = it;
      previous = &event;
    }
    if (const auto* it = event.as<RawCall>(); it && it->side == Side::subject && it->verb == "abandon") finish(Call::abandon, number);
    if (const auto* it = event.as<Endless>(); it && it->side == Side::subject && !calls_.empty() && calls_.back().call == it->during)
      calls_.back().endless = number;
    if (const auto* it = event.as<Died>(); it && it->side == Side::subject) {
      death_ = &event;
      if (it->during) finish(*it->during, number).died = it;
    }
  }
  for (SubjectCall& call : calls_) {
    call.met.logged = met.logged;  // transport calls are logged for a whole session or not at all
    call.accompanied = std::any_of(calls_.begin(), calls_.end(), [&](const SubjectCall& other) {
      return other.api && other.api->aside != Aside::no && call.began < other.ended && other.ended < call.ended;
    });
  }
}

// Which call sent which record: by the bytes that its transport calls moved, or, where none were logged, by the order of events.
void Facts::attribute_records() {
  struct Span {
    std::size_t until;  // offset in the subject's stream
    int owner;
  };
  std::vector<Span> spans;
  std::size_t written = 0;
  bool logged = false;
  const auto call_at = [&](int number) {  // a call beside another one stands before it
    const auto it =
        std::find_if(calls_.begin(), calls_.end(), [&](const SubjectCall& call) { return call.began <= number && number <= call.ended; });
    return it == calls_.end() ? -1 : static_cast<int>(it - calls_.begin());
  };
  for (const Event& event : events_) {
    if (const auto* it = event.as<TransportCall>(); it && it->side == Side::subject) {
      if (it->flow != Flow::send || it->result <= 0 || !moves_bytes(it->function)) continue;
      logged = true;
      spans.push_back({written += static_cast<std::size_t>(it->result), call_at(event.number)});
    } else if (const auto* raw = event.as<RawCall>(); raw && raw->side == Side::subject && raw->verb == "raw-write" && raw->result > 0) {
      spans.push_back({written += static_cast<std::size_t>(raw->result), -1});
    }
  }
  std::size_t seen = 0;
  std::size_t span = 0;
  std::size_t call = 0;
  bool script_writes = false;
  for (const Event& event : events_) {
    while (call < calls_.size() && calls_[call].began <= event.number) ++call, script_writes = false;
    if (const auto* raw = event.as<RawCall>(); raw && raw->side == Side::subject && raw->verb == "raw-write") script_writes = true;
    const auto* record = event.as<Record>();
    if (!record || record->from != Side::subject || !record->was_sent()) continue;
    const bool piece = record->fate == Fate::passed && record->truncated_to > 0;  // all that came of it before the transport ended
    seen += piece ? record->truncated_to : record->wire_bytes;
    SentRecord& sent = sent_.emplace_back(SentRecord{event.number, record, static_cast<int>(call) - 1, script_writes});
    if (logged) {
      while (span < spans.size() && spans[span].until < seen) ++span;
      if (span < spans.size()) sent.owner = spans[span].owner, sent.by_script = spans[span].owner < 0;
    }
    if (sent.by_script) sent.owner = -1;
    if (!piece) continue;
    if (sent.owner >= 0) calls_[static_cast<std::size_t>(sent.owner)].emission_known = false;
    sent_.pop_back();
  }
  if (logged)
    for (const Span& it : spans)
      if (it.until > seen && it.owner >= 0) calls_[static_cast<std::size_t>(it.owner)].emission_known = false;
}

std::vector<int> Facts::sent_close_notifies() const {
  std::vector<int> events;
  for (const SentRecord& sent : sent_) {
    if (sent.by_script) continue;
    for (const Alert& alert : alerts_of(*sent.record))
      if (alert.description == 0) events.push_back(sent.number);
  }
  return events;
}

// What the subject itself had sent before that call began; before the session was over, where there is none.
void Facts::note_own_records(Moment& now, const SubjectCall* until) const {
  for (const SentRecord& sent : sent_) {
    const bool before =
        !until || (sent.owner >= 0 ? calls_[static_cast<std::size_t>(sent.owner)].ended < until->began : sent.number < until->began);
    if (!before || sent.by_script) continue;
    for (const Alert& alert : alerts_of(*sent.record)) {
      if (alert.description == 0)
        note(now.own_close_notify, sent.number);
      else if (alert.description == 90)
        note(now.own_user_canceled, sent.number);
      else
        note(alert.level == 2 || tls13() ? now.own_fatal_alert : now.own_warning_alert, sent.number);
    }
    if (sent.record->type == ContentType::unknown) note(now.own_unknown_record, sent.number);
  }
}

// Up to TLS 1.2 a client that offers a session sends its id, or, with a ticket, some id. In TLS 1.3 it sends a ticket and a binder more
// than it sent in the session before.
void Facts::note_hello(Moment& now, int number, const Record& record) {
  constexpr std::size_t id_length_at = 4 + 2 + 32;  // behind the message's header, the version and the random bytes
  constexpr std::size_t less_than_a_ticket = 64;
  const Side client = transcript_->key().role == Role::client ? Side::subject : Side::partner;
  if (record.from != client || hello_bytes_ > 0 || !record.handshake.starts_with("ClientHello")) return;
  hello_bytes_ = record.content_bytes;
  const bool longer = former_ && former_->hello_bytes_ > 0 && hello_bytes_ > former_->hello_bytes_ + less_than_a_ticket;
  const bool id = record.content.size() > id_length_at && record.content[id_length_at] != 0;
  if (tls13() ? longer : id) note(now.offered, number);
}

void Facts::walk() {
  Moment now;
  // The context that was told to close without a word made this session.
  if (former_ && is_so(former_->at_end().quiet_context)) now.quiet = now.quiet_context = always;
  for (const Event& event : events_) {
    const int number = event.number;
    for (SubjectCall& it : calls_) {
      if (it.began == number) it.before = now, note_own_records(it.before, &it);
      if (it.ended == number) it.after = now;
    }
    if (const auto* record = event.as<Record>()) {
      if (!is_so(now.handshake_done)) note_hello(now, number, *record);
      if (record->from == Side::partner && record->was_delivered()) arrive(now, number, *record, tls13());
    } else if (const auto* end = event.as<TransportEnd>()) {
      if (end->from == Side::partner && end->delivered) {
        if (is_so(now.handshake_done)) note(now.anything, number);
        note(end->end == End::reset ? now.reset : now.fin, number);
      }
    } else if (const auto* raw = event.as<RawCall>()) {
      if (raw->side == Side::subject && (raw->verb == "fin" || raw->verb == "hangup" || raw->verb == "linger-reset") && raw->result == 0)
        note(now.own_fin, number);
    } else if (const auto* api = event.as<ApiCall>()) {
      note_extra(now, number, *api, options_);
      quiet_ |= is_so(now.quiet);
      if (api->side != Side::subject) continue;
      if (api->call == Call::close && api->outcome == Outcome::done && is_so(now.answer(Call::close, Outcome::done)))
        now.close_done_twice = number;
      now.answered[static_cast<std::size_t>(api->call)][static_cast<std::size_t>(api->outcome)] = number;
      if (api->call == Call::handshake) {
        note(now.handshake_begun, number);
        if (api->outcome == Outcome::done) {
          note(now.handshake_done, number);
          if (api->flag("resumed") == "yes") note(now.resumed, number);
          if (api->flag("resumed") == "no") note(now.not_resumed, number);
        }
      }
      if (api->call == Call::read) now.data_read = std::max(now.data_read, api->total);
      if (api->call == Call::write) now.last_write = api, now.last_write_number = number;
      now.previous = api, now.previous_number = number;
    }
  }
  at_end_ = now;
  quiet_ |= options_.quiet_shutdown;
  note_own_records(at_end_, nullptr);
  for (SubjectCall& it : calls_) settle_situations(it, *this);
}

}  // namespace tlsbye
