#include "harness/oracle/situations.h"

#include <algorithm>

#include "harness/oracle/oracle.h"

namespace tlsbye {
namespace {

// When a situation is asked.
enum class When : std::uint8_t {
  arrived,  // when the call ended, or, with `already`, when it began: something that came
  traffic,  // the same of all that came, and of what did not
  history,  // when it began
  call,     // the same, but only the call itself can say it, not a session that is over
  unusual,  // when it began; such calls are spoken of only by clauses that name it
  met,      // during the call
};

// What a situation may depend on.
struct At {
  const Moment& now;  // the moment that `when` names
  const SubjectCall& call;
  const Facts& facts;
};

struct Row {
  Situation word;
  When when;
  Since (*since)(const At& at);
};

Since so(bool condition) { return condition ? always : never; }

bool is_server(const At& at) { return at.facts.transcript().key().role == Role::server; }

template <Option option>
Since is_asked(const At& at) {
  return so(at.facts.has(option));
}

Since nothing_arrived(const Moment& at) { return is_so(at.handshake_done) && at.anything == never ? at.handshake_done : never; }

Since unread_data_at(const Moment& at) {
  if (at.data_bytes > at.data_read) return is_so(at.end_made_up) ? unclear : at.data;
  return is_so(at.unknown_record) ? unclear : never;
}

// Bytes that the library itself said it has ready to be read, or the application still to send.
Since bytes_shown(const Moment& at, std::string_view flag) {
  if (!at.previous) return never;
  const std::string_view bytes = at.previous->flag(flag);
  return bytes.empty() || bytes == "0" ? never : at.previous_number;
}

// The library's own shutdown flags, as the last call left them.
Since shutdown_shown(const Moment& at, std::string_view flag) {
  return at.previous && at.previous->flag("shutdown").find(flag) != std::string_view::npos ? at.previous_number : never;
}

// In some libraries a one-way close behind another close waits for the other side's close_notify, as a two-way one does; in others it does
// not.
Since or_two_one_way_closes(const At& at, Since two_way_close) {
  return two_way_close == never && is_so(at.now.close_write_again) ? unclear : two_way_close;
}

// The library was given a time limit, and so much time went by while it waited in that call.
Since time_ran_out(const At& at) { return so(at.now.time_limit_ms > 0 && at.call.met.waited_ms >= at.now.time_limit_ms); }

// The close that is made without a word, and what comes after it.
Since closed_quietly(const At& at) {
  const bool closing = at.call.call == Call::close || at.call.call == Call::close_write;
  const bool in_this_session = &at.now == &at.call.before;  // and not at the end of the one before
  return closing && in_this_session && is_so(at.now.quiet) ? at.now.quiet : at.now.closed_quietly;
}

// All of them, none of them: so as soon as that can be told of each.
Since all_of(std::initializer_list<Since> facts) {
  if (std::find(facts.begin(), facts.end(), never) != facts.end()) return never;
  return std::find(facts.begin(), facts.end(), unclear) != facts.end() ? unclear : always;
}
Since none_of(std::initializer_list<Since> facts) {
  if (std::any_of(facts.begin(), facts.end(), is_so)) return never;
  return std::find(facts.begin(), facts.end(), unclear) != facts.end() ? unclear : always;
}

// Who has offered a session does not decide whether it is resumed, and who was offered none cannot resume any. A client
// with a copy of its own (saved-session) offers what its application chose.
Since resumption_decided(const At& at) {
  // A handshake that is called when the session was closed, or had one (it is renegotiated), is not the one that resumes it.
  if (at.now.any_answer(Call::close) != never || at.now.any_answer(Call::close_write) != never) return unclear;
  if (at.call.call == Call::handshake && at.call.before.shaken_hands() != never) return unclear;
  if (at.facts.transcript().key().role == Role::client && at.facts.has(Option::saved_session)) return unclear;
  const bool resumed = at.call.call == Call::handshake && at.call.api && at.call.api->flag("resumed") == "yes";
  if (resumed || is_so(at.now.resumed)) return always;
  if (at.facts.time_passed()) return unclear;  // the session may have reached the end of its lifetime (RFC 8446, 4.6.1; RFC 5246, F.1.4)
  if (at.facts.transcript().key().role == Role::server) return at.now.offered;
  if (!is_so(at.now.hello)) return unclear;
  return is_so(at.now.offered) ? never : at.now.hello;
}

Since write_unfinished(const Moment& at) {
  return at.last_write && at.last_write->outcome == Outcome::want_write ? at.last_write_number : never;
}

Since in_good_order(const Moment& at, const Facts& facts) {
  return all_of(
      {at.handshake_done, none_of({at.error_reported(), write_unfinished(at), at.own_fin, so(facts.quiet()), at.own(at.own_fatal_alert)})});
}

Since ordinary_traffic(const Moment& at) {
  return none_of({at.told_by_alert(at.fatal_close_notify), at.told_by_alert(at.fatal_alert), at.told_by_alert(at.warning_alert), at.reset,
                  at.plain, at.damaged, at.oversized, at.raw, at.partial, at.change_cipher_spec, at.readable(at.empty_data),
                  at.readable(at.post_handshake), at.readable(at.data_after_close_notify)});
}

// Nothing came that is not genuine, or that is more than data, what may come after a handshake, an end.
Since authentic_traffic(const Moment& at) {
  return none_of({at.told_by_alert(at.fatal_close_notify), at.told_by_alert(at.fatal_alert), at.told_by_alert(at.warning_alert), at.reset,
                  at.plain, at.damaged, at.oversized, at.raw, at.partial, at.change_cipher_spec, at.readable(at.empty_data),
                  at.readable(at.data_after_close_notify), at.readable(at.certificate_request), at.readable(at.hello_request),
                  at.readable(at.unexpected_message), at.many_key_updates, at.passed_end});
}

Since untroubled(const Met& met, std::initializer_list<Since> troubles) {
  const Since none = none_of(troubles);
  return none == never || met.logged ? none : unclear;
}

// The table of all situations.
const std::vector<Row>& rows() {
  static const std::vector<Row> table{
      // What the wire had delivered to the subject.
      {{"close-notify-arrived", "an authentic, whole, encrypted close_notify of any level"},
       When::arrived,
       [](const At& at) { return at.now.close_notify_arrived(); }},
      {{"whole-close-notify-arrived",
        "the same in a record of its own; what came of alerts in pieces, or several in one record, is another matter"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.close_notify); }},
      {{"fatal-close-notify-arrived", "a close_notify whose level is not warning"},
       When::arrived,
       [](const At& at) { return at.now.told_by_alert(at.now.fatal_close_notify); }},
      {{"data-arrived", "application data, more than 0 bytes"}, When::arrived, [](const At& at) { return at.now.readable(at.now.data); }},
      {{"data-before-own-end-arrived", "application data, before the subject sent its close_notify"},
       When::arrived,
       [](const At& at) {
         const Since data = at.now.readable(at.now.data), own = at.now.own(at.now.own_close_notify);
         return !is_so(data) ? data : own == unclear ? unclear : is_so(own) && own < data ? never : data;
       }},
      {{"data-after-close-notify-arrived", "application data behind the close_notify"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.data_after_close_notify); }},
      {{"fin-arrived", "the transport's orderly end"}, When::arrived, [](const At& at) { return at.now.fin; }},
      {{"reset-arrived", "the transport's end by a reset"}, When::arrived, [](const At& at) { return at.now.reset; }},
      {{"fatal-alert-arrived", "an authentic error alert: of fatal level, or in TLS 1.3 any but close_notify and user_canceled"},
       When::arrived,
       [](const At& at) { return at.now.told_by_alert(at.now.fatal_alert); }},
      {{"error-alert-before-data", "an authentic error alert, and neither application data nor a close_notify before it"},
       When::arrived,
       [](const At& at) { return at.now.told_by_alert(at.now.alert_before_data); }},
      {{"warning-alert-arrived", "an authentic alert of warning level that is not a close_notify; in TLS 1.3 user_canceled only"},
       When::arrived,
       [](const At& at) { return at.now.told_by_alert(at.now.warning_alert); }},
      {{"user-canceled-arrived", "an authentic user_canceled"},
       When::arrived,
       [](const At& at) { return at.now.told_by_alert(at.now.user_canceled); }},
      {{"plain-record-arrived", "a TLS record, but no change_cipher_spec, without protection although the handshake is done, or the other side's Finished came before it"},
       When::arrived,
       [](const At& at) { return at.now.plain; }},
      {{"plain-alert-arrived", "an alert without protection although the handshake is done, or the other side's Finished came before it"},
       When::arrived,
       [](const At& at) { return at.now.plain_alert; }},
      {{"change-cipher-spec-arrived", "a change_cipher_spec, in the clear or not, although the handshake is done"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.change_cipher_spec); }},
      {{"message-in-pieces-arrived", "a handshake message after the handshake whose parts came in several records, all of it"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.message_in_pieces); }},
      {{"unexpected-message-arrived",
        "a handshake message after the handshake that only the other role may get, that belongs to the handshake or to another version, or "
        "that comes in pieces or empty"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.unexpected_message); }},
      {{"damaged-record-arrived", "a record that cannot be authenticated"}, When::arrived, [](const At& at) { return at.now.damaged; }},
      {{"oversized-record-arrived", "a record whose content, with its padding, is longer than TLS allows"},
       When::arrived,
       [](const At& at) { return at.now.oversized; }},
      {{"raw-bytes-arrived", "bytes that are not a TLS record"}, When::arrived, [](const At& at) { return at.now.raw; }},
      {{"partial-record-arrived", "a record of which only a part was delivered"},
       When::arrived,
       [](const At& at) { return at.now.partial; }},
      {{"empty-data-arrived", "an application_data record of 0 bytes"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.empty_data); }},
      {{"post-handshake-message-arrived", "a handshake message after the handshake"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.post_handshake); }},
      {{"ticket-arrived", "a NewSessionTicket after the handshake"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.ticket); }},
      {{"key-update-arrived", "a KeyUpdate"}, When::arrived, [](const At& at) { return at.now.readable(at.now.key_update); }},
      {{"key-update-request-arrived", "a KeyUpdate that asks for one in return (RFC 8446 4.6.3)"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.key_update_request); }},
      {{"hello-request-arrived",
        "a request for another handshake: of a client a HelloRequest, of a server a ClientHello after the handshake"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.hello_request); }},
      {{"two-hello-requests-arrived", "the same for the second time"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.two_hello_requests); }},
      {{"nothing-arrived", "neither bytes nor an end nor a reset since the handshake was done"},
       When::traffic,
       [](const At& at) { return nothing_arrived(at.now); }},
      {{"unknown-alert-arrived", "an authentic alert whose number is in no RFC"},
       When::arrived,
       [](const At& at) { return at.now.told_by_alert(at.now.unknown_alert); }},
      {{"many-warnings-arrived", "five alerts or more that end nothing: of warning level, or in TLS 1.3 user_canceled"},
       When::arrived,
       [](const At& at) { return at.now.told_by_alert(at.now.many_warnings); }},
      {{"data-after-user-canceled-arrived", "application data behind a user_canceled"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.data_after_user_canceled); }},
      {{"alert-in-pieces-arrived", "a part of an alert in a record of its own"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.alert_in_pieces); }},
      {{"alerts-together-arrived", "several alerts in one record"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.alerts_together); }},
      {{"empty-alert-arrived", "an alert record without content, and no alert before it that ends the connection"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.empty_alert); }},
      {{"padded-alert-arrived", "an alert with padding (TLS 1.3)"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.padded_alert); }},
      {{"certificate-request-arrived", "a CertificateRequest after the handshake"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.certificate_request); }},
      {{"close-notify-in-handshake-arrived", "a close_notify before the subject's handshake was done, protected or not"},
       When::arrived,
       [](const At& at) { return at.now.close_notify_in_handshake; }},
      {{"early-data-arrived", "a server was given early data"},
       When::arrived,
       [](const At& at) { return is_server(at) ? at.now.early_data : never; }},
      {{"end-of-early-data-arrived", "a server was given the client's EndOfEarlyData"},
       When::arrived,
       [](const At& at) { return is_server(at) ? at.now.early_data_end : never; }},
      {{"finished-arrived", "the other side's Finished, as it was sent"}, When::arrived, [](const At& at) { return at.now.finished; }},
      {{"ordinary-traffic", "nothing arrived but application data, a close_notify of warning level and the transport's orderly end"},
       When::traffic,
       [](const At& at) { return ordinary_traffic(at.now); }},

      {{"authentic-traffic",
        "nothing arrived but application data, tickets, fewer than five KeyUpdates, a close_notify of warning level behind all of them, "
        "and the transport's orderly end"},
       When::traffic,
       [](const At& at) { return authentic_traffic(at.now); }},

      {{"several-oddities-arrived",
        "two or more kinds of what is neither data, a ticket, one of a few KeyUpdates, a close_notify of warning level nor the transport's "
        "orderly end, so that a library may have met either first; or an alert or a handshake message behind a close_notify, which it need "
        "not meet"},
       When::arrived,
       [](const At& at) { return at.now.several_oddities(); }},

      // What the subject had done and been told.
      {{"handshake-done", "the handshake was done; unclear behind a read, peek or write that may have done it"},
       When::history,
       [](const At& at) { return at.now.shaken_hands(); }},
      {{"handshake-begun", "the handshake was called, or the subject has sent a message of one"},
       When::history,
       [](const At& at) { return at.now.handshake_begun; }},
      {{"unread-data", "more application data was delivered before the close_notify than the subject's reads have returned"},
       When::history,
       [](const At& at) { return unread_data_at(at.now); }},
      {{"own-close-notify-sent", "the subject has sent its close_notify"},
       When::history,
       [](const At& at) { return at.now.own(at.now.own_close_notify); }},
      {{"early-data-accepted", "the server's EncryptedExtensions in this session, whenever, accept early data"},
       When::history,
       [](const At& at) { return so(is_so(at.facts.at_end().early_data_accepted)); }},
      {{"early-data-refused", "the server's EncryptedExtensions in this session, whenever, accept no early data"},
       When::history,
       [](const At& at) { return so(is_so(at.facts.at_end().early_data_refused)); }},
      {{"early-data-sent", "the client in this session, whenever, sent early data"},
       When::history,
       [](const At& at) { return so(is_so(at.facts.at_end().early_data)); }},
      {{"false-started", "the handshake was done before the other side's Finished had come"},
       When::history,
       [](const At& at) { return at.now.false_start; }},
      {{"early-data-called", "an earlier write-early or read-early came back, and was not refused"},
       When::history,
       [](const At& at) { return at.now.early_data_called; }},
      {{"close-called",
        "an earlier two-way close came back, whatever it said; unclear behind a one-way one that came behind another close"},
       When::history,
       [](const At& at) { return or_two_one_way_closes(at, at.now.any_answer(Call::close)); }},
      {{"close-write-called", "an earlier one-way close came back, whatever it said"},
       When::history,
       [](const At& at) { return at.now.any_answer(Call::close_write); }},
      {{"close-done", "an earlier two-way close answered done; unclear behind a one-way one that came behind another close"},
       When::history,
       [](const At& at) { return or_two_one_way_closes(at, at.now.answer(Call::close, Outcome::done)); }},
      {{"close-done-twice", "two earlier two-way closes answered done"},
       When::history,
       [](const At& at) { return at.now.close_done_twice; }},
      {{"close-sent", "an earlier two-way close answered sent"},
       When::history,
       [](const At& at) { return at.now.answer(Call::close, Outcome::sent); }},
      {{"close-waiting", "an earlier two-way close answered want-read"},
       When::history,
       [](const At& at) { return at.now.answer(Call::close, Outcome::want_read); }},
      {{"close-blocked-on-write", "an earlier two-way close answered want-write"},
       When::history,
       [](const At& at) { return at.now.answer(Call::close, Outcome::want_write); }},
      {{"close-write-done", "an earlier one-way close answered done"},
       When::history,
       [](const At& at) { return at.now.answer(Call::close_write, Outcome::done); }},
      {{"end-of-data-read", "an earlier read answered end-of-data"},
       When::history,
       [](const At& at) {
         // What only a peek has met, a read may meet for the first time or not.
         const Since read = at.now.answer(Call::read, Outcome::end_of_data);
         return read == never && is_so(at.now.answer(Call::peek, Outcome::end_of_data)) ? unclear : read;
       }},
      {{"cut-reported", "an earlier call answered cut"},
       When::history,
       [](const At& at) { return at.now.any_call_answered(Outcome::cut); }},
      {{"reset-reported", "an earlier call answered reset"},
       When::history,
       [](const At& at) { return at.now.any_call_answered(Outcome::reset); }},
      {{"write-broken", "an earlier write answered reset"},
       When::history,
       [](const At& at) { return at.now.answer(Call::write, Outcome::reset); }},
      {{"sending-broke", "an earlier call of the library met EPIPE or ECONNRESET in sending"},
       When::history,
       [](const At& at) { return at.now.send_broke; }},
      {{"alert-reported", "an earlier call answered alert"},
       When::history,
       [](const At& at) { return at.now.any_call_answered(Outcome::alert); }},
      {{"error-reported", "an earlier call answered cut, reset, alert or failed, or one that sends answered end-of-data"},
       When::history,
       [](const At& at) { return at.now.error_reported(); }},
      {{"call-refused", "an earlier call answered refused"},
       When::history,
       [](const At& at) { return at.now.any_call_answered(Outcome::refused); }},
      {{"write-unfinished", "the last write answered want-write"}, When::history, [](const At& at) { return write_unfinished(at.now); }},
      {{"read-called", "an earlier read or peek was answered"},
       When::history,
       [](const At& at) { return std::max(at.now.any_answer(Call::read), at.now.any_answer(Call::peek)); }},
      {{"repeated", "the previous call was the same one with the same arguments, and was to be called again"},
       When::call,
       [](const At& at) { return at.facts.is_repetition(at.call) ? at.now.previous_number : never; }},
      {{"first", "no earlier call of the same kind"},
       When::call,
       [](const At& at) { return so(at.now.any_answer(at.call.call) == never); }},
      {{"own-fin", "the script shut down or closed the subject's side of the transport"},
       When::history,
       [](const At& at) { return at.now.own_fin; }},
      {{"own-fatal-alert-sent",
        "the subject has sent an error alert: of fatal level, or in TLS 1.3 any but close_notify and user_canceled"},
       When::history,
       [](const At& at) { return at.now.own(at.now.own_fatal_alert); }},
      {{"own-warning-alert-sent", "the subject has sent an alert of warning level that is neither close_notify nor user_canceled"},
       When::history,
       [](const At& at) { return at.now.own(at.now.own_warning_alert); }},
      {{"own-user-canceled-sent", "the subject has sent a user_canceled"},
       When::history,
       [](const At& at) { return at.now.own(at.now.own_user_canceled); }},
      {{"handshake-failed", "the handshake answered cut, reset, alert, refused or failed"},
       When::history,
       [](const At& at) {
         return std::max({at.now.answer(Call::handshake, Outcome::cut), at.now.answer(Call::handshake, Outcome::reset),
                          at.now.answer(Call::handshake, Outcome::alert), at.now.answer(Call::handshake, Outcome::refused),
                          at.now.answer(Call::handshake, Outcome::failed)});
       }},
      {{"end-of-data-peeked", "an earlier peek answered end-of-data"},
       When::history,
       [](const At& at) { return at.now.answer(Call::peek, Outcome::end_of_data); }},
      {{"read-unfinished", "the last call was a read, and answered want-read"},
       When::history,
       [](const At& at) {
         const ApiCall* last = at.now.previous;
         return last && last->call == Call::read && last->outcome == Outcome::want_read ? at.now.previous_number : never;
       }},
      {{"pending-shown", "the library's own flag `pending` was not 0 after the last call"},
       When::history,
       [](const At& at) { return bytes_shown(at.now, "pending"); }},
      {{"unsent-shown", "the flag `unsent` (option memory-bio) was not 0 after the last call: what was to be sent lay in memory"},
       When::history,
       [](const At& at) { return bytes_shown(at.now, "unsent"); }},
      {{"fatal-shown",
        "the library's own flag `fatal` was yes after the last call, and that was a handshake, read, write or close that was not just "
        "refused"},
       When::history,
       [](const At& at) {
         const ApiCall* last = at.now.previous;
         const bool fatal = last && last->flag("fatal") == "yes" && last->outcome != Outcome::refused && !is_extra(last->call);
         return fatal ? at.now.previous_number : never;
       }},
      {{"sent-flag-shown", "the library's own flag `shutdown` had SENT in it after the last call"},
       When::history,
       [](const At& at) { return shutdown_shown(at.now, "SENT"); }},
      {{"received-flag-shown", "the library's own flag `shutdown` had RECEIVED in it after the last call"},
       When::history,
       [](const At& at) { return shutdown_shown(at.now, "RECEIVED"); }},
      {{"key-update-owed", "the application asked for new keys (key-update), and no KeyUpdate of its own has been on the wire since"},
       When::history,
       [](const At& at) { return at.now.key_update_owed(); }},
      {{"session-kept", "a client, either side, took what is needed to resume this session; in TLS 1.3 a ticket had come"},
       When::history,
       [](const At& at) { return at.now.kept; }},
      {{"own-ticket-lost",
        "a ticket that the subject sent never reached the other side; unclear where it sent several, and the other side kept the session "
        "before it is known to have taken the last"},
       When::history,
       [](const At& at) { return at.now.own_ticket_lost; }},
      {{"session-offered", "the client's hello offered an earlier session"}, When::traffic, [](const At& at) { return at.now.offered; }},
      {{"resumption-decided",
        "the subject itself decided whether an earlier session is resumed: it is; or a server was offered one; or a client offered none; unclear "
        "once this session was closed, or had its handshake, and if it is not resumed and time has passed"},
       When::traffic,
       resumption_decided},
      {{"session-resumed", "the handshake told that it resumed an earlier session"},
       When::history,
       [](const At& at) { return at.now.resumed; }},
      {{"later-session", "the run had a session before this one"},
       When::history,
       [](const At& at) { return so(at.facts.former() != nullptr); }},
      {{"same-transport", "this session began on the transport of the session before it"},
       When::history,
       [](const At& at) { return so(at.facts.same_transport()); }},
      {{"time-limited", "the library was given a time limit (set timeout)"},
       When::history,
       [](const At& at) { return so(at.now.time_limit_ms > 0); }},
      {{"quiet-shutdown-on", "the session was told to close without a word, by its option, by a switch or by its context"},
       When::history,
       [](const At& at) { return at.now.quiet; }},
      {{"context-quiet-shutdown-on", "the context was told so after the session had been made"},
       When::history,
       [](const At& at) { return at.now.quiet_context; }},
      {{"option-ignore-eof", "the session option ignore-eof"}, When::history, is_asked<Option::ignore_eof>},
      {{"option-quiet-shutdown", "the session option quiet-shutdown"}, When::history, is_asked<Option::quiet_shutdown>},
      {{"option-tickets", "the session option tickets"}, When::history, is_asked<Option::tickets>},
      {{"option-read-ahead", "the session option read-ahead"}, When::history, is_asked<Option::read_ahead>},
      {{"option-callbacks", "the session option callbacks"}, When::history, is_asked<Option::callbacks>},
      {{"option-session-cache", "the session option session-cache"}, When::history, is_asked<Option::session_cache>},
      {{"option-require-certificate", "the session option require-certificate"}, When::history, is_asked<Option::require_certificate>},
      {{"option-post-handshake-auth", "the session option post-handshake-auth"}, When::history, is_asked<Option::post_handshake_auth>},
      {{"option-no-signal", "the session option no-signal"}, When::history, is_asked<Option::no_signal>},
      {{"option-receive-seq", "the session option receive-seq"}, When::history, is_asked<Option::receive_seq>},
      {{"option-receive-packet", "the session option receive-packet"}, When::history, is_asked<Option::receive_packet>},
      {{"option-due-alert", "the session option due-alert"}, When::history, is_asked<Option::due_alert>},
      {{"option-verify-certificate", "the session option verify-certificate"}, When::history, is_asked<Option::verify_certificate>},
      {{"option-early-data", "the session option early-data"}, When::history, is_asked<Option::early_data>},
      {{"option-no-eof-control", "the session option no-eof-control"}, When::history, is_asked<Option::no_eof_control>},
      {{"option-hybrid-key-share", "the session option hybrid-key-share"}, When::history, is_asked<Option::hybrid_key_share>},
      {{"option-closes-transport", "the session option closes-transport: the one-way close is the call that also closes the transport"},
       When::history,
       is_asked<Option::closes_transport>},
      {{"in-good-order",
        "the handshake was done, no error reported or sent, no write unfinished, the transport not ended by the script, no quiet-shutdown"},
       When::history,
       [](const At& at) { return in_good_order(at.now, at.facts); }},

      // What the application did that changes what is to be expected.
      {{"threads", "a second thread makes calls in this session; must be named"},
       When::unusual,
       [](const At& at) { return at.facts.threads(); }},
      {{"forked", "a forked process makes calls in this session; must be named"},
       When::unusual,
       [](const At& at) { return at.facts.forked(); }},
      {{"flags-set", "the library's shutdown flags were set by the application (set shutdown); must be named"},
       When::unusual,
       [](const At& at) { return at.now.flags_set; }},
      {{"alert-by-application", "the application sent an alert (send-alert); must be named"},
       When::unusual,
       [](const At& at) { return at.now.alert_by_application; }},
      {{"corked", "written data is kept back (set cork on); must be named"}, When::unusual, [](const At& at) { return at.now.corked; }},
      {{"cleared", "the session's object was made ready for another connection (clear); must be named"},
       When::unusual,
       [](const At& at) { return at.now.cleared; }},
      {{"renegotiation-asked", "the subject asked for another handshake (renegotiate, or handshake once more); must be named"},
       When::unusual,
       [](const At& at) { return at.now.renegotiation; }},
      {{"auto-retry-off", "calls come back after records that carry no data (set auto-retry off); must be named"},
       When::unusual,
       [](const At& at) { return at.now.auto_retry_off; }},
      {{"stale-error", "an old error was left in the library's queue (set stale-error on); must be named"},
       When::unusual,
       [](const At& at) { return at.now.stale_error; }},
      {{"time-ran-out", "the library was given a time limit, and so much time went by while it waited in the call; must be named"},
       When::unusual,
       time_ran_out},
      {{"nothing-to-wait-with",
        "the library was given a time limit, and callbacks (option callbacks) without one that waits; must be named, or with it "
        "time-limited"},
       When::unusual,
       [](const At& at) { return so(at.now.time_limit_ms > 0 && at.facts.has(Option::callbacks)); }},
      {{"call-left-undone",
        "an earlier call asked to be made again so that it can send, and another call that sends came instead; must be named, or with it "
        "one "
        "of the words for such a call"},
       When::unusual,
       [](const At& at) { return at.now.left; }},
      {{"extra-call-left-undone", "the same of a call that neither shakes hands, reads, writes nor closes; must be named"},
       When::unusual,
       [](const At& at) { return at.now.extra_left; }},
      {{"option-memory-bio",
        "the session option memory-bio: what the library sends has not left the process, and what lies on the transport is not all that it "
        "can read; must be named"},
       When::unusual,
       is_asked<Option::memory_bio>},
      {{"starved", "an allocation of the library failed in this call or an earlier one, as the script said; must be named"},
       When::unusual,
       [](const At& at) { return at.call.after.starved; }},
      {{"option-false-start",
        "the session option false-start: a handshake that is done may be one whose rest is still to come; must be named"},
       When::unusual,
       is_asked<Option::false_start>},
      {{"bytes-past-tls",
        "the script wrote to the subject's transport past TLS, or read from it, or began the session where an earlier one had left bytes; "
        "must be named"},
       When::unusual,
       [](const At& at) { return at.now.own_raw; }},
      {{"closed-quietly",
        "the call closes the session without a word (quiet-shutdown), or an earlier one did, so that the library takes both directions "
        "for closed; must be named, or with it quiet-shutdown-on"},
       When::unusual,
       closed_quietly},
      {{"end-made-up",
        "an earlier call met an end or a reset that the script had made up; must be named, or with it what the call met or reported"},
       When::unusual,
       [](const At& at) { return std::max(at.now.end_made_up, at.now.own_end_made_up); }},
      {{"descriptor-closed", "the script closed the subject's descriptor; must be named"},
       When::unusual,
       [](const At& at) { return at.now.descriptor_closed; }},
      {{"transport-closed",
        "an earlier one-way close came back that closes the transport as well (option closes-transport), whatever it said; must be named"},
       When::unusual,
       [](const At& at) { return at.now.transport_closed; }},
      {{"against-terms",
        "the stack's terms of use (terms.toml) forbid the call, for what an earlier one answered; nothing is held against the library then "
        "but where a clause names it"},
       When::call,
       [](const At& at) { return at.call.against_terms; }},
      {{"beside", "the call was made by the second thread or the forked process"},
       When::call,
       [](const At& at) { return so(at.call.api && at.call.api->aside != Aside::no); }},
      {{"accompanied", "a call beside this one came and went while it was under way"},
       When::call,
       [](const At& at) { return so(at.call.accompanied); }},
      {{"beside-a-write", "the call was made by the second thread or the forked process while a write was under way"},
       When::call,
       [](const At& at) {
         if (!at.call.api || at.call.api->aside == Aside::no) return never;
         const auto& calls = at.facts.calls();  // in the order of their ends
         const auto later = std::partition_point(calls.begin(), calls.end(),
                                                 [&](const SubjectCall& it) { return it.ended <= at.call.ended; });
         const auto write = std::find_if(
             later, calls.end(), [&](const SubjectCall& it) { return it.call == Call::write && it.began < at.call.began; });
         return write != calls.end() ? write->began : never;
       }},
      {{"sent-beside",
        "an earlier call of a forked process was one that sends; the next process is forked from a session that does not know of it"},
       When::call,
       [](const At& at) { return at.now.sent_beside; }},
      {{"received-beside", "an earlier call of the second thread or the forked process was one that receives"},
       When::call,
       [](const At& at) { return at.now.received_beside; }},

      // What the library met on the transport.
      {{"waited", "time went by while the call waited"}, When::met, [](const At& at) { return so(at.call.met.waited_ms > 0); }},
      {{"fault-injected", "a transport call ended as the script or the sweep had it"},
       When::met,
       [](const At& at) { return std::max(at.call.met.injected, at.call.met.injected_end); }},
      {{"send-would-block", "sending would block"},
       When::met,
       [](const At& at) { return at.call.met.logged_or(at.call.met.send_would_block); }},
      {{"recv-would-block", "receiving would block"},
       When::met,
       [](const At& at) { return at.call.met.logged_or(at.call.met.recv_would_block); }},
      {{"send-interrupted", "sending was interrupted (EINTR)"},
       When::met,
       [](const At& at) { return at.call.met.logged_or(at.call.met.send_interrupted); }},
      {{"recv-interrupted", "receiving was interrupted (EINTR)"},
       When::met,
       [](const At& at) { return at.call.met.logged_or(at.call.met.recv_interrupted); }},
      {{"send-broken", "sending failed with EPIPE or ECONNRESET"},
       When::met,
       [](const At& at) { return at.call.met.logged_or(at.call.met.send_broken); }},
      {{"recv-reset", "receiving failed with ECONNRESET"},
       When::met,
       [](const At& at) { return at.call.met.logged_or(at.call.met.recv_reset); }},
      {{"recv-eof", "receiving gave 0 bytes"}, When::met, [](const At& at) { return at.call.met.logged_or(at.call.met.recv_eof); }},
      {{"recv-short", "the script made receiving give fewer bytes than there were"},
       When::met,
       [](const At& at) { return at.call.met.logged_or(at.call.met.recv_short); }},
      {{"send-short", "fewer bytes were sent than asked"},
       When::met,
       [](const At& at) { return at.call.met.logged_or(at.call.met.send_short); }},
      {{"sending-untroubled", "sending neither would block nor was interrupted nor broken nor short"},
       When::met,
       [](const At& at) {
         return untroubled(at.call.met,
                           {at.call.met.send_would_block, at.call.met.send_interrupted, at.call.met.send_broken, at.call.met.send_short});
       }},
      {{"receiving-untroubled", "receiving neither would block nor was interrupted nor reset nor gave 0 bytes"},
       When::met,
       [](const At& at) {
         return untroubled(at.call.met,
                           {at.call.met.recv_would_block, at.call.met.recv_interrupted, at.call.met.recv_reset, at.call.met.recv_eof});
       }},
  };
  return table;
}

}  // namespace

const std::vector<Situation>& situations() {
  static const std::vector<Situation> words = [] {
    std::vector<Situation> list;
    for (const Row& row : rows()) list.push_back(row.word);
    return list;
  }();
  return words;
}

namespace {

// Row n has four bits, one for each form of its word.
enum Form : std::size_t { plainly, already, formerly, newly, bits_of_a_row };

bool is_of_arrivals(const Row& row) { return row.when == When::arrived || row.when == When::traffic; }
bool can_be_formerly(const Row& row) { return is_of_arrivals(row) || row.when == When::history || row.when == When::unusual; }

// It came, and the library had not taken it off the transport before the call began. With the option memory-bio the application takes it,
// perhaps long before the library gets it.
Since has_newly_come(const Row& row, const SubjectCall& call, const Facts& facts) {
  const Since since = row.since({call.after, call, facts});
  if (!is_so(since)) return since;
  if (!call.met.logged || facts.has(Option::memory_bio)) return unclear;
  return since > call.taken ? since : never;
}

Since ask(const Row& row, Form form, const SubjectCall& call, const Facts& facts) {
  switch (form) {
    case already:
      return is_of_arrivals(row) ? row.since({call.before, call, facts}) : never;
    case formerly:
      return facts.former() && can_be_formerly(row) ? row.since({facts.former()->at_end(), call, *facts.former()}) : never;
    case newly:
      return row.when == When::arrived ? has_newly_come(row, call, facts) : never;
    default:
      return row.since({is_of_arrivals(row) || row.when == When::met ? call.after : call.before, call, facts});
  }
}

}  // namespace

void settle_situations(SubjectCall& call, const Facts& facts) {
  std::size_t bit = 0;
  for (const Row& row : rows()) {
    for (const Form form : {plainly, already, formerly, newly}) {
      const Since since = ask(row, form, call, facts);
      if (since == unclear) call.not_clear.set(bit + form);
      if (is_so(since)) call.so.set(bit + form);
    }
    if (row.when == When::unusual && call.so.test(bit)) call.unusual.set(bit);
    bit += bits_of_a_row;
  }
}

void Given::allow(std::string_view word) {
  Given it;
  if (it.add(word)) named |= it.named;
}

bool Given::names(std::string_view word) const {
  Given it;
  return it.add(word) && (named & it.named).any();
}

bool Given::add(std::string_view word) {
  bool negated = false;
  Form form = plainly;
  const auto strip = [&](std::string_view prefix) {
    if (!word.starts_with(prefix)) return false;
    word.remove_prefix(prefix.size());
    return true;
  };
  for (bool prefix = true; prefix;) {
    prefix = false;
    if (!negated && strip("not ")) negated = prefix = true;
    if (form == plainly && strip("already ")) form = already, prefix = true;
    if (form == plainly && strip("formerly ")) form = formerly, prefix = true;
    if (form == plainly && strip("newly ")) form = newly, prefix = true;
  }
  const auto& table = rows();
  const auto row = std::find_if(table.begin(), table.end(), [&](const Row& it) { return it.word.name == word; });
  if (row == table.end() || (form == already && !is_of_arrivals(*row)) || (form == formerly && !can_be_formerly(*row)) ||
      (form == newly && row->when != When::arrived))
    return false;
  const std::size_t place = bits_of_a_row * static_cast<std::size_t>(row - table.begin());
  (negated ? must_not : must).set(place + form);
  if (form == plainly || form == newly) named.set(place);
  // Whoever speaks of a call that is not done speaks of what comes instead of its repetition.
  if (!negated && (word == "write-unfinished" || word == "close-blocked-on-write")) allow("call-left-undone");
  if (!negated && word == "quiet-shutdown-on") allow("closed-quietly");
  if (!negated && word == "time-limited") allow("nothing-to-wait-with");
  // What a call met, or an earlier one reported, may be the script's doing.
  if (!negated && row->when == When::met && word != "sending-untroubled" && word != "receiving-untroubled" && word != "waited") {
    of_a_fault = true;
    // A transport that goes on behind its end is nothing that a clause can mean which speaks of one that would block.
    if (word == "recv-eof" || word == "recv-reset" || word == "send-broken" || word == "fault-injected") allow("end-made-up");
  }
  constexpr std::string_view reports_of_an_end[] = {"cut-reported", "reset-reported", "error-reported", "write-broken"};
  if (!negated && std::find(std::begin(reports_of_an_end), std::end(reports_of_an_end), word) != std::end(reports_of_an_end))
    allow("end-made-up");
  return true;
}

std::vector<int> Given::evidence(const SubjectCall& call, const Facts& facts) const {
  std::vector<int> events;
  const auto& table = rows();
  for (std::size_t i = 0; i < table.size(); ++i) {
    for (const Form form : {plainly, already, formerly, newly}) {
      if (!must.test(bits_of_a_row * i + form)) continue;
      const Since since = ask(table[i], form, call, facts);
      if (is_so(since) && since != always) events.push_back(since);
    }
  }
  return events;
}

}  // namespace tlsbye
