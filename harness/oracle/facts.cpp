#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <deque>
#include <optional>
#include <set>
#include <utility>

#include "harness/oracle/situations.h"
#include "peers/protocol/functions.h"

namespace tlsbye {
namespace {

// The first of its kind stays.
void note(Since& fact, int number) {
  if (fact == never) fact = number;
}

void note_undone(Moment& now) {
  const Call call = now.pending->call;
  note(is_extra(call) ? now.extra_left : now.left, now.pending_number);
  if (!is_extra(call) && call != Call::read && call != Call::peek) note(now.write_left, now.pending_number);
}

bool ends_transport(const RawCall& call) {
  return (call.verb == "fin" || call.verb == "hangup" || call.verb == "linger-reset") && call.result == 0;
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
  if (recv && call.result > 0 && call.injected) note(met.recv_short, number);
  const bool in_vain = !recv && call.result > 0 && !less;  // a short count that was no shorter
  if (call.injected && !in_vain) note(would_block || interrupted || call.result > 0 ? met.injected : met.injected_end, number);
  if (would_block || interrupted) met.last_failed = number, met.last_failed_flow = call.flow;
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

// A switch that the application turned (set NAME VALUE). What else a peer may have reported turns nothing.
void note_switch(Moment& now, int number, std::string_view arguments) {
  const std::size_t gap = arguments.find(' ');
  const auto name = read_word<Switch>(arguments.substr(0, gap));
  if (!name || gap == std::string_view::npos) return;
  const std::string_view value = arguments.substr(gap + 1);
  const auto unless = [&](std::string_view usual) { return value == usual ? never : number; };
  switch (*name) {
    case Switch::quiet_shutdown:
      now.quiet = unless("off");
      return;
    case Switch::shutdown:
      now.flags_set = number;
      return;
    case Switch::context_quiet_shutdown:
      now.quiet_context = unless("off");
      return;
    case Switch::timeout:
      std::from_chars(value.data(), value.data() + value.size(), now.time_limit_ms);
      return;
    case Switch::cork:
      now.corked = unless("off");
      return;
    case Switch::auto_retry:
      now.auto_retry_off = unless("on");
      return;
    case Switch::stale_error:
      now.stale_error = number;
      return;
  }
}

// What the application does to the library beside the ordinary calls, as far as it changes what is to be expected.
void note_extra(Moment& now, int number, const ApiCall& call, const Facts& facts) {
  if (call.side != Side::subject || call.outcome == Outcome::unsupported) return;
  switch (call.call) {
    case Call::set:
      if (call.outcome == Outcome::done) note_switch(now, number, call.arguments);
      return;
    case Call::clear:
      return note(now.cleared, number);
    case Call::renegotiate:
      return note(now.renegotiation, number);
    case Call::send_alert:
      if (!facts.has(Option::due_alert)) note(now.alert_by_application, number);  // otherwise the library chose it
      return;
    case Call::key_update:
      now.key_update_asked = number;
      return;
    default:
      return;
  }
}

// The record ends inside the handshake message that it begins with (RFC 8446 4: one byte of type, three of length), or that message is not
// formed as one of its type is (RFC 8446 4.3.2, 4.6; RFC 5246 7.4.1.1).
bool is_misshapen_message(const Contents& message, bool tls13) {
  const auto byte = [&](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(message.content[at])); };
  if (message.content.size() < 4) return !message.content.empty();
  const std::size_t length = (byte(1) << 16) + (byte(2) << 8) + byte(3);
  if (message.content_bytes < 4 + length) return true;
  constexpr std::size_t hello_request = 0, certificate_request = 13, key_update = 24;
  switch (byte(0)) {
    case hello_request:
      return length != 0;
    case certificate_request:
      return tls13 && length < 3;
    case key_update:
      return length != 1 || message.content.size() < 5 || byte(4) > 1;
    default:
      return false;
  }
}

void arrive_alert(Moment& now, int number, const Contents& contents, bool padded, bool tls13) {
  const auto alerts = alerts_of(contents);
  // What comes behind an alert that ends the connection is not looked at.
  if (contents.content_bytes == 0 && !is_so(now.fatal_alert) && !is_so(now.close_notify)) note(now.empty_alert, number);
  if (alerts.empty() && contents.content_bytes > 0) note(now.alert_in_pieces, number);
  if (alerts.size() > 1) note(now.alerts_together, number);
  if (padded) note(now.padded_alert, number);
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
  // In TLS 1.3 the level says nothing (RFC 8446 6), and a library that looks at it all the same takes this one for an error.
  if (tls13 && canceled && alert.level == 2) {
    for (Since* fact : {&now.fatal_alert, &now.warning_alert})
      if (*fact == never) *fact = unclear;
    return;
  }
  const bool fatal = alert.level == 2 || (tls13 && !canceled);
  if (fatal && !is_so(now.data) && !is_so(now.close_notify) && !is_so(now.unknown_record) && !is_so(now.odd_alert))
    note(now.alert_before_data, number);
  note(fatal ? now.fatal_alert : now.warning_alert, number);
  if (!fatal && ++now.warnings == 5) note(now.many_warnings, number);
}

// A handshake message after the handshake whose parts come in records of their own, one behind another (RFC 8446 5.1). Until the last part
// has come it counts as one that nobody expects; then as what it is.
class InPieces {
 public:
  // The message that this record completes; none where it completes none.
  std::optional<Contents> take(Moment& now, int number, const Contents& part) {
    if (!begun_ || part.type != ContentType::handshake || part.content.size() != part.content_bytes || !part.handshake.empty()) {
      begun_.reset();
      return std::nullopt;
    }
    begun_->content += part.content;
    begun_->content_bytes = begun_->content.size();
    if (is_short(*begun_)) return std::nullopt;
    Contents whole = *std::exchange(begun_, std::nullopt);
    if (length_of(whole) != whole.content.size()) return std::nullopt;
    now.unexpected_message = unexpected_;
    now.key_update_request = request_;
    note(now.message_in_pieces, number);
    return whole;
  }
  bool waits() const { return begun_.has_value(); }
  // To be called before the part is noted.
  void begin(const Moment& now, const Contents& part) {
    if (part.content.size() != part.content_bytes || part.content.empty() || !is_short(part)) return;
    begun_ = part;
    unexpected_ = now.unexpected_message;
    request_ = now.key_update_request;
  }

 private:
  static std::size_t length_of(const Contents& message) {
    const auto byte = [&](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(message.content[at])); };
    return 4 + (byte(1) << 16) + (byte(2) << 8) + byte(3);
  }
  static bool is_short(const Contents& message) { return message.content.size() < 4 || message.content.size() < length_of(message); }

  std::optional<Contents> begun_;
  Since unexpected_ = never, request_ = never;  // before the first part came
};

// So many bytes of the record reached the subject's transport.
void arrive(Moment& now, int number, const Record& record, const Contents& contents, std::size_t bytes, const RunKey& key) {
  const bool tls13 = key.tls == Tls::v1_3, server = key.role == Role::server;
  const bool rest_of_handshake = is_so(now.false_start) && !is_so(now.finished);
  const bool established = (is_so(now.handshake_done) && !rest_of_handshake) || record.established;
  // Behind its Finished all that the other side sends is protected, whether or not the subject has read so far.
  const bool behind_finished = !record.encrypted && is_so(now.finished);
  if (established || behind_finished || (record.encrypted && contents.type != ContentType::handshake)) note(now.anything, number);
  if (contents.type == ContentType::raw) return note(now.raw, number);
  if (bytes < record.wire_bytes) return note(now.partial, number);
  if (record.encrypted) note(now.protected_arrived, number);
  constexpr std::size_t most = 16384, around = 5 + 1 + 16;  // RFC 8446 5.1, 5.4; header, inner type, tag
  if (record.encrypted && (contents.content_bytes > most || (tls13 && record.wire_bytes > most + around))) note(now.oversized, number);
  // What is not protected cannot be proved false: in the clear it is what its content says.
  if (record.damaged && record.encrypted) return note(now.damaged, number);
  if (record.damaged && !established) return note(now.unexpected_message, number);
  if (contents.type == ContentType::change_cipher_spec) {
    if (established) note(now.change_cipher_spec, number);
    return;
  }
  if (!record.encrypted && (established || behind_finished)) {
    if (contents.type == ContentType::alert) note(now.plain_alert, number);
    return note(now.plain, number);
  }
  if (!established)
    for (const Alert& alert : alerts_of(contents))
      if (alert.description == 0) note(now.close_notify_in_handshake, number);
  if (!record.encrypted) {
    for (const Alert& alert : alerts_of(contents))
      if (alert.description != 0 && (alert.level == 2 || tls13)) note(now.fatal_alert, number);
    return;
  }
  switch (contents.type) {
    case ContentType::unknown:
      if (established) note(now.unknown_record, number);
      return;
    case ContentType::application_data:
      if (contents.early) return note(now.early_data, number);
      if (contents.content_bytes == 0) return note(now.empty_data, number);
      note(now.data, number);
      if (is_so(now.user_canceled)) note(now.data_after_user_canceled, number);
      if (is_so(now.close_notify))
        note(now.data_after_close_notify, number);
      else
        now.data_bytes += contents.content_bytes;
      return;
    case ContentType::handshake: {
      if (is_so(now.close_notify)) note(now.passed_end, now.close_notify);
      const auto begins = [&](std::string_view message) { return contents.handshake.find(message) != std::string::npos; };
      if (begins("Finished") && !record.made) note(now.finished, number);
      if (begins("Finished") && record.made && is_so(now.finished)) note(now.unexpected_message, number);
      if (begins("EndOfEarlyData")) note(now.early_data_end, number);
      if (begins("EncryptedExtensions")) note(contents.accepts_early ? now.early_data_accepted : now.early_data_refused, number);
      const bool misshapen = is_misshapen_message(contents, tls13);
      // Whether a message that is not formed as its type wants it is one of that type is nothing that a document says.
      const auto note_message = [&](Since& fact) {
        if (!is_so(fact) && (!misshapen || fact == never)) fact = misshapen ? unclear : number;
      };
      if (begins("NewSessionTicket") && (tls13 || established) && !misshapen) note(now.ticket, number);
      if (begins("KeyUpdate")) {
        note_message(now.key_update);
        // request_update (RFC 8446 4.6.3); of a record that begins with another message it is not looked for.
        const bool alone = contents.content_bytes == 5 && contents.content.size() == 5;
        if (alone && !misshapen && contents.content[4] == 1 && !is_so(now.key_update_request))
          now.key_update_request = number;
        else if ((!alone || misshapen) && now.key_update_request == never)
          now.key_update_request = unclear;
        if (!misshapen && ++now.key_updates == 5) note(now.many_key_updates, number);
      }
      if (server ? established && begins("ClientHello") : begins("HelloRequest")) {
        note(is_so(now.hello_request) ? now.two_hello_requests : now.hello_request, number);
        if (is_so(now.kept)) now.kept = unclear;  // another handshake that is begun makes another session
      }
      const bool of_the_handshake =
          begins("ServerHello") || begins("EncryptedExtensions") || begins("ServerHelloDone") || (server && tls13 && begins("ClientHello"));
      const bool of_the_other_role =
          server ? begins("NewSessionTicket") || begins("CertificateRequest") || begins("HelloRequest") : begins("ClientHello");
      const bool of_another_version = tls13 ? begins("HelloRequest") : begins("KeyUpdate");
      if (established && (contents.content_bytes == 0 || misshapen || of_the_other_role || of_another_version || of_the_handshake))
        note(now.unexpected_message, number);
      if (begins("CertificateRequest") && established) note(now.certificate_request, number);
      if (established || begins("KeyUpdate") || (tls13 && begins("NewSessionTicket"))) note_message(now.post_handshake);
      return;
    }
    case ContentType::alert: {
      constexpr std::size_t unpadded = 5 + 1 + 16;  // header, inner type, tag
      const std::vector<Alert> alerts = alerts_of(contents);
      if (is_so(now.close_notify) && std::any_of(alerts.begin(), alerts.end(), [](const Alert& it) { return it.description != 0; }))
        note(now.passed_end, now.close_notify);
      return arrive_alert(now, number, contents, tls13 && record.wire_bytes > contents.content_bytes + unpadded, tls13);
    }
    case ContentType::change_cipher_spec:
    case ContentType::raw:
      return;
  }
}

// A call that asked to be made again, or that could not send all, and leaves something half done if it is not: what it has to send. A read of
// early data is a part of the handshake: what comes in its place finds the library in the midst of it.
bool half_done(const ApiCall& call, bool could_not_send) {
  switch (call.outcome) {
    case Outcome::want_write:
      return true;
    case Outcome::interrupted:
      return call.call != Call::read && call.call != Call::peek;
    case Outcome::want_read:
      return call.call != Call::read && call.call != Call::peek && call.call != Call::close && call.call != Call::handshake;
    case Outcome::refused:
    case Outcome::failed:
      return could_not_send;
    default:
      return false;
  }
}

bool is_sealed_unseen(const Record& record) { return !record.encrypted && record.type == ContentType::alert && record.content_bytes > 2; }

}  // namespace

std::vector<Alert> alerts_of(const Contents& record) {
  if (record.alert) return {*record.alert};
  std::vector<Alert> alerts;
  if (record.type != ContentType::alert || record.content.size() % 2 != 0) return alerts;
  for (std::size_t i = 0; i < record.content.size(); i += 2)
    alerts.push_back({static_cast<std::uint8_t>(record.content[i]), static_cast<std::uint8_t>(record.content[i + 1])});
  return alerts;
}

bool moves_bytes(std::string_view function) { return is_data_function(function); }

Since Moment::shaken_hands() const {
  const bool may_have = is_so(any_answer(Call::read)) || is_so(any_answer(Call::peek)) || is_so(any_answer(Call::write));
  return handshake_done == never && is_so(protected_arrived) && may_have ? unclear : handshake_done;
}

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
                   // The end of what the peer sends does not answer a call that sends: it did not succeed.
                   answer(Call::write, Outcome::end_of_data), answer(Call::close, Outcome::end_of_data),
                   answer(Call::close_write, Outcome::end_of_data), answer(Call::key_update, Outcome::end_of_data),
                   answer(Call::send_alert, Outcome::end_of_data), answer(Call::renegotiate, Outcome::end_of_data)});
}

std::array<Since, 18> Moment::oddities() const {
  return {plain,
          damaged,
          oversized,
          raw,
          partial,
          change_cipher_spec,
          empty_data,
          fatal_alert,
          warning_alert,
          fatal_close_notify,
          odd_alert,
          unexpected_message,
          hello_request,
          certificate_request,
          many_key_updates,
          data_after_close_notify,
          passed_end,
          reset};
}

Since Moment::several_oddities() const {
  std::set<Since> met;
  bool open = false;
  for (const Since odd : oddities()) {
    if (is_so(odd)) met.insert(odd);
    open |= odd == unclear;
  }
  if (met.size() > 1) return *std::next(met.begin());
  return open || is_so(unknown_record) ? unclear : never;
}

Since Moment::key_update_owed() const {
  const bool announced = is_so(own_key_update) && own_key_update > key_update_asked;
  return announced ? never : key_update_asked;
}

void Moment::forget_unproved() {
  if (!is_so(end_made_up)) return;
  for (Since* arrival : {&close_notify,
                         &fatal_close_notify,
                         &close_notify_in_handshake,
                         &data,
                         &empty_data,
                         &data_after_close_notify,
                         &data_after_user_canceled,
                         &passed_end,
                         &fatal_alert,
                         &warning_alert,
                         &user_canceled,
                         &unknown_alert,
                         &post_handshake,
                         &ticket,
                         &key_update,
                         &key_update_request,
                         &hello_request,
                         &two_hello_requests,
                         &plain,
                         &plain_alert,
                         &damaged,
                         &oversized,
                         &raw,
                         &partial,
                         &change_cipher_spec,
                         &alert_before_data,
                         &fin,
                         &reset,
                         &anything,
                         &unknown_record,
                         &alert_in_pieces,
                         &alerts_together,
                         &empty_alert,
                         &padded_alert,
                         &certificate_request,
                         &odd_alert,
                         &unexpected_message,
                         &many_key_updates,
                         &many_warnings})
    if (*arrival > end_made_up) *arrival = unclear;
}

Since Moment::readable(Since fact) const { return fact == never && is_so(unknown_record) ? unclear : fact; }

Since Moment::told_by_alert(Since fact) const { return fact == never && is_so(odd_alert) ? unclear : readable(fact); }

Facts::Facts(const Transcript& of, const Facts* former, int first, const std::vector<Term>* terms) : transcript_(&of), former_(former) {
  const std::span<const Event> all(of.events());
  events_ = all.subspan(static_cast<std::size_t>(first - 1));
  if (!events_.empty())
    if (const auto* session = events_.front().as<NewSession>()) same_transport_ = session->same_transport;
  for (std::size_t i = 1; i < events_.size(); ++i) {
    if (!events_[i].as<NewSession>()) continue;
    events_ = events_.first(i);
    break;
  }
  read_records();
  find_calls();
  attribute_records();
  walk();
  if (terms) find_forbidden(*terms);
  for (SubjectCall& it : calls_) settle_situations(it, *this);
  const int next = first + static_cast<int>(events_.size());
  if (next < of.next_number()) next_.reset(new Facts(of, this, next, terms));
}

// What is in each record, and what the script made of them. A record that cannot be read is a missing key, or, if keys of the subject had
// served before, the subject's garbage.
void Facts::read_records() {
  std::map<int, Reading> readings;
  for (const Event& event : transcript_->events()) {
    const auto* opened = event.as<Opened>();
    if (!opened) continue;
    opened_[opened->record] = opened;
    readings[opened->record] = opened->reading;
  }
  bool served = false;
  const auto alter = [&](int record) {
    const auto* it = transcript_->at(record).as<Record>();
    if (!it) return;
    altered_[static_cast<std::size_t>(it->from)] = true;
    if (contents(record).type == ContentType::application_data) data_altered_[static_cast<std::size_t>(it->from)] = true;
  };
  for (const Event& event : events_) {
    if (event.as<TimePassed>()) time_passed_ = true;
    if (const auto* it = event.as<Replaced>()) alter(it->record);
    if (const auto* it = event.as<Lost>()) alter(it->record);
    if (const auto* it = event.as<Delivered>())
      if (const auto* of = transcript_->at(it->record).as<Record>(); of && it->bytes < of->wire_bytes) alter(it->record);
    const auto* record = event.as<Record>();
    if (!record) continue;
    if (record->made || record->by_script || record->missing > 0) alter(event.number);
    if (!record->was_sent() || record->by_script || record->missing > 0) continue;
    // An alert in the clear is two bytes: more of them are one under keys that the wire does not know of.
    if (record->from == Side::subject && is_sealed_unseen(*record)) readable_ = false;
    const auto late = readings.find(event.number);
    const Reading reading = late == readings.end() ? record->reading : late->second;
    const bool subject = record->from == Side::subject;
    if (reading == Reading::read && subject && record->encrypted) served = true;
    // Another handshake brings other keys. In a capture no event tells of the next session on a connection but its client's hello.
    if ((subject || !transcript_->has_api_lane) && !record->encrypted && contents(event.number).type == ContentType::handshake)
      served = false;
    // No document says which keys follow a KeyUpdate that comes before those of the session.
    if (subject && !record->established && contents(event.number).handshake.find("KeyUpdate") != std::string::npos) served = false;
    if (reading == Reading::read) continue;
    if (subject && reading == Reading::garbled && served)
      note(garbled_, event.number);
    else
      readable_ = false;
  }
}

const Contents& Facts::contents(int number) const {
  static const Contents none = [] {
    Contents unknown;
    unknown.type = ContentType::unknown;
    return unknown;
  }();
  const Event& event = transcript_->at(number);
  int record = number;
  if (const auto* it = event.as<Delivered>()) record = it->record;
  if (const auto* it = event.as<Opened>()) record = it->record;
  if (const auto late = opened_.find(record); late != opened_.end()) return *late->second;
  const auto* it = transcript_->at(record).as<Record>();
  return it ? *it : none;
}

// Which calls there were, from where to where, and what they met on the transport.
void Facts::find_calls() {
  std::map<int, std::size_t> by_id;
  const auto call_of = [&](int id, Call call, int number) -> SubjectCall& {
    const auto [at, fresh] = by_id.try_emplace(id, calls_.size());
    if (!fresh) return calls_[at->second];
    SubjectCall& it = calls_.emplace_back();
    it.id = id;
    it.call = call;
    it.began = number;
    return it;
  };
  // The call that the subject is in, and not one made beside it; null between two calls.
  constexpr std::size_t none = static_cast<std::size_t>(-1);
  std::size_t open = none;
  bool logged = false;
  const auto enter = [&](const SubjectCall& call) {
    if (open == none && call.ended == 0) open = static_cast<std::size_t>(&call - calls_.data());
  };
  const auto finish = [&](SubjectCall& call, int number) {
    call.ended = number;
    if (open == static_cast<std::size_t>(&call - calls_.data())) open = none;
  };
  for (const Event& event : events_) {
    const int number = event.number;
    if (const auto* it = event.as<TransportCall>(); it && it->side == Side::subject) {
      logged |= !it->injected;
      SubjectCall& call = call_of(it->id, it->during, number);
      if (call.ended == 0) meet(call.met, number, *it);
      enter(call);
    } else if (const auto* wait = event.as<Blocked>(); wait && wait->side == Side::subject) {
      SubjectCall& call = call_of(wait->id, wait->during, number);
      if (call.ended > 0) continue;  // it has answered: this is the wait before its repetition
      meet(call.met, number, *wait);
      enter(call);
      if (wait->for_good) call.stuck = wait, finish(call, number);
    } else if (const auto* api = event.as<ApiCall>(); api && api->side == Side::subject) {
      SubjectCall& call = call_of(api->id, api->call, number);
      if (call.ended > 0) continue;  // an id that the peer gave twice
      call.api = api;
      finish(call, number);
      if (api->aside != Aside::no) note(api->aside == Aside::thread ? threads_ : forked_, number);
    } else if (const auto* raw = event.as<RawCall>(); raw && raw->side == Side::subject && raw->verb == "abandon") {
      const bool under_way = open != none && calls_[open].call == Call::abandon;
      finish(under_way ? calls_[open] : call_of(-number, Call::abandon, number), number);
    } else if (const auto* endless = event.as<Endless>(); endless && endless->side == Side::subject) {
      call_of(endless->id, endless->during, number).endless = number;
    } else if (const auto* died = event.as<Died>(); died && died->side == Side::subject) {
      death_ = &event;
      if (!died->during) continue;
      SubjectCall& call = open != none && calls_[open].call == *died->during ? calls_[open] : call_of(-number, *died->during, number);
      call.died = died;
      finish(call, number);
    } else if (open != none) {
      Met& met = calls_[open].met;
      if (const auto* passed = event.as<TimePassed>()) meet(met, *passed);
      if (const auto* delivered = event.as<Delivered>())
        if (const auto* record = transcript_->at(delivered->record).as<Record>(); record && record->from == Side::partner)
          met.since_arrival_ms = 0;
      if (const auto* held = event.as<Withheld>())  // its first bytes may have come
        if (const auto* record = transcript_->at(held->record).as<Record>(); record && record->from == Side::partner)
          met.since_arrival_ms = 0;
    }
  }
  // In the order in which they came back: a call made beside another one stands before it. What never came back, and nothing says why
  // (the partner's end was the run's), tells nothing.
  std::erase_if(calls_, [](const SubjectCall& call) { return call.ended == 0; });
  std::stable_sort(calls_.begin(), calls_.end(), [](const SubjectCall& one, const SubjectCall& other) { return one.ended < other.ended; });
  std::vector<const SubjectCall*> beside;
  for (const SubjectCall& call : calls_)
    if (call.api && call.api->aside != Aside::no) beside.push_back(&call);
  for (SubjectCall& call : calls_) {
    call.met.logged = logged;  // transport calls are logged for a whole session or not at all
    call.accompanied = std::any_of(beside.begin(), beside.end(),
                                   [&](const SubjectCall* other) { return call.began < other->ended && other->ended < call.ended; });
  }
}

// The library's own end of its stream: not the script's, and not that of its process. Never where there is none.
int Facts::own_end() const {
  for (const Event& event : events_) {
    if (const auto* raw = event.as<RawCall>(); raw && raw->side == Side::subject && ends_transport(*raw)) return never;
    if (const auto* died = event.as<Died>(); died && died->side == Side::subject) return never;
    if (const auto* end = event.as<TransportEnd>(); end && end->from == Side::subject && !end->delivered)
      return end->by_wire || event.line == 0 ? never : event.number;
  }
  return never;
}

// Which call sent which record: the one that handed over its last byte. Without a log of transport calls, the last call that had begun.
void Facts::attribute_records() {
  struct Span {
    std::size_t until;  // offset in the subject's stream
    int owner;          // index of a call, -1: the script
  };
  std::vector<Span> spans;
  std::map<int, int> index;
  for (std::size_t i = 0; i < calls_.size(); ++i) index[calls_[i].id] = static_cast<int>(i);
  const std::size_t begin = former_ && same_transport_ ? former_->stream_ : 0;
  stream_ = begin;
  for (const Event& event : events_) {
    if (const auto* it = event.as<TransportCall>(); it && it->side == Side::subject) {
      if (it->flow != Flow::send || it->result <= 0 || !moves_bytes(it->function)) continue;
      const auto owner = index.find(it->id);
      spans.push_back({stream_ += static_cast<std::size_t>(it->result), owner == index.end() ? -1 : owner->second});
    } else if (const auto* raw = event.as<RawCall>(); raw && raw->side == Side::subject && raw->verb == "raw-write" && raw->result > 0) {
      spans.push_back({stream_ += static_cast<std::size_t>(raw->result), -1});
    }
  }
  std::size_t whole = begin;  // so far the wire saw whole records
  std::size_t span = 0, call = 0;
  bool protects = false;  // its records are under keys
  const bool ends_it = own_end() != never;
  const auto unknown = [&](int owner, bool cut = false) {
    if (owner < 0) return;
    SubjectCall& it = calls_[static_cast<std::size_t>(owner)];
    it.record_cut = cut && (it.emission_known || it.record_cut);
    it.emission_known = false;
  };
  std::vector<std::size_t> by_beginning(calls_.size());
  for (std::size_t i = 0; i < calls_.size(); ++i) by_beginning[i] = i;
  std::stable_sort(by_beginning.begin(), by_beginning.end(),
                   [&](std::size_t one, std::size_t other) { return calls_[one].began < calls_[other].began; });
  for (const Event& event : events_) {
    while (call < calls_.size() && calls_[by_beginning[call]].began <= event.number) ++call;
    const auto* record = event.as<Record>();
    if (!record || record->from != Side::subject || !record->was_sent()) continue;
    const std::size_t end = record->offset + record->wire_bytes - record->missing;
    while (span < spans.size() && spans[span].until < end) {
      if (record->missing > 0 && spans[span].until > record->offset) unknown(spans[span].owner, ends_it && !record->by_script);
      ++span;
    }
    int owner = call > 0 ? static_cast<int>(by_beginning[call - 1]) : -1;
    if (span < spans.size()) owner = spans[span].owner;
    if (record->missing > 0) {
      const bool cut = ends_it && !record->by_script;
      unknown(owner, cut);
      if (cut) whole = end;
      continue;
    }
    whole = end;
    if (record->by_script) owner = -1;
    const bool by_script = record->by_script || (span < spans.size() && owner < 0);
    // Another handshake begins in the clear.
    if (!by_script) protects = record->encrypted || (protects && contents(event.number).type != ContentType::handshake);
    sent_.push_back({event.number, record, &contents(event.number), owner, by_script, protects && !record->encrypted});
  }
  for (const Span& it : spans)
    if (it.until > whole) unknown(it.owner);
}

std::vector<int> Facts::sent_close_notifies() const {
  std::vector<int> events;
  for (const SentRecord& sent : sent_) {
    if (sent.by_script || sent.stray) continue;
    for (const Alert& alert : alerts_of(*sent.contents))
      if (alert.description == 0) events.push_back(sent.number);
  }
  return events;
}

void Facts::note_own_record(Moment& now, const SentRecord& sent) const {
  if (sent.by_script) return;
  for (const Alert& alert : alerts_of(*sent.contents)) {
    if (alert.description == 0)
      note(now.own_close_notify, sent.number);
    else if (alert.description == 90)
      note(now.own_user_canceled, sent.number);
    else if (!sent.stray)  // one in the clear, behind records under keys, is of no session that the other side knows
      note(alert.level == 2 || tls13() ? now.own_fatal_alert : now.own_warning_alert, sent.number);
  }
  const auto sends = [&](std::string_view message) { return sent.contents->handshake.find(message) != std::string::npos; };
  if (sent.contents->early && sent.contents->type == ContentType::application_data) note(now.early_data, sent.number);
  if (sent.contents->type == ContentType::handshake) note(now.handshake_begun, sent.number);
  if (sends("EndOfEarlyData")) note(now.early_data_end, sent.number);
  if (sends("EncryptedExtensions")) note(sent.contents->accepts_early ? now.early_data_accepted : now.early_data_refused, sent.number);
  if (sent.record->established && sent.contents->handshake.find("NewSessionTicket") != std::string::npos) note(now.own_ticket, sent.number);
  if (sent.contents->handshake.find("KeyUpdate") != std::string::npos) now.own_key_update = sent.number;
  if (sent.contents->type == ContentType::unknown || sent.contents->type == ContentType::raw) note(now.own_unknown_record, sent.number);
}

void Facts::note_hello(Moment& now, int number, const Record& record) const {
  const Side client = transcript_->key().role == Role::client ? Side::subject : Side::partner;
  if (record.from != client || !record.was_sent()) return;
  if (record.handshake.find("ClientHello") != std::string::npos) note(now.hello, number);
  if (record.offers) note(now.offered, number);
}

// A client's call that takes what resumes its session. In TLS 1.3 only a ticket does, and before one has come the call succeeds with
// nothing; where a library shows that the partner's session cannot be resumed, nothing is offered either.
void Facts::note_kept(Moment& now, int number, const ApiCall& api) const {
  // If another handshake ends well, the session that can be resumed is another one than the client kept.
  if (api.call == Call::renegotiate && api.outcome != Outcome::unsupported && api.outcome != Outcome::refused && is_so(now.kept))
    now.kept = unclear;
  if (api.call != Call::keep_session || api.outcome != Outcome::done) return;
  // Of which session, if any, is not known: none was there yet, or another one was being made.
  const bool begun = is_so(now.hello_request) || (is_so(now.renegotiation) && !is_so(now.answer(Call::renegotiate, Outcome::done)));
  if (!is_so(now.handshake_done) || begun) {
    if (!is_so(now.kept)) now.kept = unclear;
    return;
  }
  // A server that has only tickets resumes only a client that has one, and a client need not ask for one.
  const auto is_ticket = [&](const SentRecord& sent) {
    return sent.number < number && sent.contents->handshake.find("NewSessionTicket") != std::string::npos;
  };
  if (transcript_->key().role == Role::server && has(Option::tickets) && !has(Option::session_cache) &&
      std::none_of(sent_.begin(), sent_.end(), is_ticket)) {
    if (!is_so(now.kept)) now.kept = now.own(never);
    return;
  }
  const Since ticket = transcript_->key().role == Role::client ? now.readable(now.ticket) : now.own(now.own_ticket);
  const bool spoiled = is_so(now.error_reported()) || is_so(now.own_fatal_alert);  // then the library let go of what there was
  if (api.flag("resumable") == "no" && !(api.side == Side::subject && spoiled)) return;
  if (is_so(now.kept)) return;
  now.kept = !tls13() || is_so(ticket) ? number : ticket;
  // In a resumed session there is an older one to take, until the client has read its new ticket. A close that answers `sent` reads none.
  const bool reads = transcript_->key().role == Role::client;
  if (tls13() && reads && is_so(now.kept) && is_so(now.resumed) &&
      std::max({now.any_answer(Call::read), now.any_answer(Call::peek), now.answer(Call::close, Outcome::done),
                now.answer(Call::close, Outcome::want_read)}) < ticket)
    now.kept = unclear;
}

namespace {

// Whether the partner kept the session before it is known to have taken all of the subject's tickets, so that it may offer one that is not
// the last; in a resumed session there is an older one too. What comes in order and lies behind the last shows that it was taken.
class KeptTickets {
 public:
  bool misses_one(const Event& event, const Facts& facts, bool resumed) {
    const auto is_ticket = [&](int record) { return facts.contents(record).handshake.find("NewSessionTicket") != std::string::npos; };
    if (const auto* record = event.as<Record>(); record && record->from == Side::subject && record->was_sent() && is_ticket(event.number)) {
      ++sent_;
      taken_ = false;
      return kept_ && sent_ + resumed > 1;
    }
    const auto* api = event.as<ApiCall>();
    if (!api || api->side != Side::partner) return false;
    if ((api->call == Call::read || api->call == Call::peek) && (api->bytes > 0 || api->outcome == Outcome::end_of_data)) taken_ = true;
    if (api->call != Call::keep_session || api->outcome != Outcome::done) return false;
    kept_ = true;
    return !taken_ && sent_ + resumed > 1;
  }

 private:
  std::size_t sent_ = 0;
  bool taken_ = true, kept_ = false;
};

}  // namespace

void Facts::walk() {
  Moment now;
  if (has(Option::quiet_shutdown)) now.quiet = always;
  // The context that was told to close without a word made this session.
  if (former_ && is_so(former_->at_end().quiet_context)) now.quiet = now.quiet_context = always;
  // A transport that has ended does not begin again with a new session.
  if (former_ && same_transport_) {
    const Moment& then = former_->at_end();
    now.fin = then.fin, now.reset = then.reset, now.own_fin = then.own_fin, now.descriptor_closed = then.descriptor_closed;
    now.transport_closed = then.transport_closed, now.taken = then.taken;
  }
  // Calls by their first event; they are in the order of their last. What a call sent is known when it has come back.
  std::vector<SubjectCall*> beginnings;
  for (SubjectCall& call : calls_) beginnings.push_back(&call);
  std::stable_sort(beginnings.begin(), beginnings.end(), [](const auto* one, const auto* other) { return one->began < other->began; });
  std::vector<std::vector<const SentRecord*>> own(calls_.size());
  std::vector<const SentRecord*> unowned;
  for (const SentRecord& sent : sent_) (sent.owner >= 0 ? own[static_cast<std::size_t>(sent.owner)] : unowned).push_back(&sent);
  std::vector<std::size_t> under_way;  // and perhaps some that have ended
  std::size_t begun = 0, ended = 0, seen = 0;
  bool could_not_send = false;
  std::size_t delivered = former_ && same_transport_ ? former_->left_ : 0, received = 0;
  std::set<std::size_t> boundaries{delivered};  // of records, in what was delivered
  int all_read = 1;                     // the latest event at which the subject's side had received all that was delivered
  // Deliveries of which not all was taken: where each ends in what was delivered, and its event.
  std::deque<std::pair<std::size_t, int>> untaken;
  // What had been taken when the latest call began; if it is a repetition, when the first of these calls did.
  Since taken_by_then = never;
  // What an earlier session has left, this one finds where it looks for the beginning of a record.
  if (delivered > 0) note(now.own_raw, events_.front().number);
  const Record* held = nullptr;  // the partner's latest record that the wire holds
  bool within_held = false;      // the subject has taken its first bytes
  KeptTickets kept_tickets;
  InPieces pieces;
  const auto receive = [&](int number, long result) {
    received += result > 0 ? static_cast<std::size_t>(result) : 0;
    if (received > delivered && held && !same_transport_) {
      within_held = true;
      if (is_so(now.handshake_done) && !held->encrypted) note(now.plain, number);
    }
    if (within_held && is_so(now.fin)) note(now.partial, number);
    // The first bytes of a record that the wire holds are taken before the record counts as delivered.
    received = std::min(received, delivered + (within_held ? held->wire_bytes : 0));
    if (received >= delivered) all_read = number;
    if (received > delivered) now.taken = number;
    for (; !untaken.empty() && untaken.front().first <= received; untaken.pop_front())
      now.taken = std::max(now.taken, untaken.front().second);
  };
  const auto has_sent = [&](const SubjectCall& call, int before) {
    return std::any_of(events_.begin(), events_.end(), [&](const Event& event) {
      const auto* io = event.number < before ? event.as<TransportCall>() : nullptr;
      return io && io->side == Side::subject && io->id == call.id && io->flow == Flow::send && io->result > 0;
    });
  };
  for (const Event& event : events_) {
    const int number = event.number;
    if (kept_tickets.misses_one(event, *this, is_so(now.resumed)) && now.own_ticket_lost == never) now.own_ticket_lost = unclear;
    for (; begun < beginnings.size() && beginnings[begun]->began == number; ++begun) {
      note_left(now, *beginnings[begun]);
      beginnings[begun]->before = now;
      beginnings[begun]->before.forget_unproved();
      if (!is_repetition(*beginnings[begun])) taken_by_then = now.taken;
      beginnings[begun]->taken = taken_by_then;
      // What a call that is still under way has sent was sent before one beside it.
      std::erase_if(under_way, [&](std::size_t other) { return other < ended; });
      for (const std::size_t other : under_way) {
        bool all_seen = calls_[other].emission_known;
        for (const SentRecord* sent : own[other]) {
          if (sent->number < number)
            note_own_record(beginnings[begun]->before, *sent);
          else
            all_seen = false;
        }
        if (!all_seen && has_sent(calls_[other], number)) note(beginnings[begun]->before.own_unseen, number);
      }
      under_way.push_back(static_cast<std::size_t>(beginnings[begun] - calls_.data()));
    }
    for (; ended < calls_.size() && calls_[ended].ended == number; ++ended) {
      calls_[ended].after = now;
      calls_[ended].after.forget_unproved();
      // What lay there when the call began, and was behind the end that it met.
      if (is_so(now.end_made_up) && calls_[ended].before.end_made_up == never) {
        Moment& before = calls_[ended].before;
        before.end_made_up = now.end_made_up;
        before.forget_unproved();
        before.end_made_up = never;
      }
      could_not_send = is_so(calls_[ended].met.send_would_block) || is_so(calls_[ended].met.send_interrupted);
      for (const SentRecord* sent : own[ended]) note_own_record(now, *sent);
      if (!calls_[ended].emission_known && !calls_[ended].record_cut) note(now.own_unseen, number);
    }
    for (; seen < unowned.size() && unowned[seen]->number == number; ++seen) note_own_record(now, *unowned[seen]);
    if (const auto* record = event.as<Record>(); record && !is_so(now.handshake_done)) note_hello(now, number, *record);
    if (const auto* it = event.as<Delivered>()) {
      const auto* record = transcript_->at(it->record).as<Record>();
      if (!record || record->from != Side::partner) continue;
      boundaries.insert(delivered += it->bytes);
      untaken.emplace_back(delivered, number);
      held = nullptr, within_held = false;
      if (it->record < events_.front().number) {  // of the session before on this transport: under its keys, so that none here opens it
        note(now.anything, number);
        note(now.damaged, number);
        continue;
      }
      const Contents& held_in_it = contents(it->record);
      const bool whole = it->bytes == record->wire_bytes && !record->damaged && record->established;
      const auto completed = whole ? pieces.take(now, number, held_in_it) : std::nullopt;
      if (whole && !completed && !pieces.waits() && held_in_it.type == ContentType::handshake) pieces.begin(now, held_in_it);
      arrive(now, number, *record, completed ? *completed : held_in_it, it->bytes, transcript_->key());
    } else if (const auto* io = event.as<TransportCall>()) {
      if (io->side == Side::subject && io->error_number == "ENOMEM" && io->injected) note(now.starved, number);
      if (io->side != Side::subject || !moves_bytes(io->function)) continue;
      const bool transient = io->result > 0 || io->error_number == "EAGAIN" || io->error_number == "EINTR";
      const bool made_up = io->injected && !transient;
      if (io->flow == Flow::send) {
        if (io->error_number == "EPIPE" || io->error_number == "ECONNRESET") note(now.send_broke, number);
        if (made_up) note(now.own_end_made_up, number);
        continue;
      }
      if (made_up) note(now.end_made_up, received >= delivered ? number : all_read);
      if (!io->injected && ((io->result == 0 && io->asked > 0) || io->error_number == "ECONNRESET")) now.taken = number;
      if (made_up && !boundaries.contains(received)) note(now.partial, number);
      receive(number, io->result);
    } else if (const auto* withheld = event.as<Withheld>()) {
      const auto* record = transcript_->at(withheld->record).as<Record>();
      if (record && record->from == Side::partner && !held) held = record;
    } else if (const auto* lost = event.as<Lost>()) {
      const auto* record = transcript_->at(lost->record).as<Record>();
      const bool ticket = contents(lost->record).handshake.find("NewSessionTicket") != std::string::npos;
      if (record && record->from == Side::subject && ticket) note(now.own_ticket_lost, number);
    } else if (const auto* end = event.as<TransportEnd>()) {
      if (end->from == Side::partner && end->delivered) {
        if (is_so(now.handshake_done)) note(now.anything, number);
        note(end->end == End::reset ? now.reset : now.fin, number);
        if (within_held) note(now.partial, number);
      }
    } else if (const auto* raw = event.as<RawCall>()) {
      if (raw->side != Side::subject) continue;
      if (ends_transport(*raw)) note(now.own_fin, number);
      if (raw->verb == "hangup" && raw->result == 0) note(now.descriptor_closed, number);
      if ((raw->verb == "raw-write" || raw->verb == "raw-read") && raw->result > 0) note(now.own_raw, number);
      if (raw->verb == "raw-read") receive(number, raw->result);
    } else if (const auto* api = event.as<ApiCall>()) {
      note_extra(now, number, *api, *this);
      note_kept(now, number, *api);
      quiet_ |= is_so(now.quiet);
      if (api->side == Side::subject) note_answer(now, number, *api, could_not_send);
    }
  }
  if (now.pending) note_undone(now);
  const bool logged = received > 0 || is_so(now.own_raw);
  left_ = logged ? delivered - std::min(delivered, received) : 0;
  at_end_ = now;
  at_end_.forget_unproved();
  quiet_ |= has(Option::quiet_shutdown);
}

void Facts::note_answer(Moment& now, int number, const ApiCall& api, bool could_not_send) const {
  if (now.pending && repeats(*now.pending, api)) now.pending = nullptr;
  if (!now.pending && half_done(api, could_not_send)) now.pending = &api, now.pending_number = number;
  if (api.call == Call::close && api.outcome == Outcome::done && is_so(now.answer(Call::close, Outcome::done)))
    now.close_done_twice = number;
  const bool sent_before = is_so(now.answer(Call::close_write, Outcome::done)) || is_so(now.answer(Call::close, Outcome::sent));
  if (api.call == Call::close_write && sent_before) now.close_write_again = number;
  now.answered[static_cast<std::size_t>(api.call)][static_cast<std::size_t>(api.outcome)] = number;
  // What was switched off may be on still, where nothing was sent.
  const bool quiet = is_so(now.quiet) || (quiet_ && !is_so(now.own_close_notify));
  if ((api.call == Call::close || api.call == Call::close_write) && api.outcome != Outcome::unsupported && quiet)
    note(now.closed_quietly, number);
  if (api.call == Call::close_write && api.outcome != Outcome::unsupported && has(Option::closes_transport))
    note(now.transport_closed, number);
  if (api.call == Call::handshake) {
    if (is_so(now.handshake_done)) note(now.renegotiation, number);  // some libraries begin another one then
    note(now.handshake_begun, number);
    if (api.outcome == Outcome::done) {
      if (has(Option::false_start) && !tls13() && !is_so(now.finished)) note(now.false_start, number);
      note(now.handshake_done, number);
      if (api.flag("resumed") == "yes") note(now.resumed, number);
      if (api.flag("resumed") == "no") note(now.not_resumed, number);
    }
  }
  const bool early = api.call == Call::write_early || api.call == Call::read_early;
  if (early && api.outcome != Outcome::refused && api.outcome != Outcome::unsupported) {
    note(now.handshake_begun, number);
    note(now.early_data_called, number);
  }
  if (api.call == Call::read) now.data_read = std::max(now.data_read, api.total);
  const bool receives = api.call == Call::read || api.call == Call::peek || api.call == Call::close;
  if (api.aside != Aside::no && receives) note(now.received_beside, number);
  if (api.aside == Aside::process && !receives && api.outcome != Outcome::refused) note(now.sent_beside, number);
  if (api.call == Call::write) now.last_write = &api, now.last_write_number = number;
  now.previous = &api, now.previous_number = number;
}

// Whether this call comes instead of one that asked to be made again. What only receives may come in between.
void Facts::note_left(Moment& now, const SubjectCall& call) const {
  const bool sends = call.call != Call::read && call.call != Call::peek && call.call != Call::keep_session && call.call != Call::set &&
                     call.call != Call::read_early;
  if (!now.pending || (call.api ? repeats(*now.pending, *call.api) : call.call == now.pending->call) || !sends) return;
  note_undone(now);
  now.pending = nullptr;
}

bool Facts::is_repetition(const SubjectCall& call) const {
  const ApiCall* previous = call.before.previous;
  return previous && previous->call == call.call && call_again(previous->outcome) && (!call.api || repeats(*previous, *call.api));
}

bool Facts::repeats(const ApiCall& first, const ApiCall& again) const {
  if (first.call != again.call || first.arguments != again.arguments) return false;
  if (first.asked == again.asked) return true;
  const auto size = [&](const ApiCall& call) {
    const auto* asked = call.asked > 0 ? transcript_->at(call.asked).as<Asked>() : nullptr;
    return asked ? asked->size : 0;
  };
  return (first.call != Call::write && first.call != Call::write_early) || size(first) == size(again);
}

}  // namespace tlsbye
