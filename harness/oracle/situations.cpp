#include "harness/oracle/situations.h"

#include <algorithm>

#include "harness/oracle/oracle.h"

namespace tlsbye {
namespace {

// When a situation is asked.
enum class When : std::uint8_t {
  arrived,  // when the call ended, or, with `already`, when it began
  history,  // when it began
  met,      // during the call
};

// What a situation may depend on.
struct At {
  const Moment& now;  // the moment that `when` names
  const SubjectCall& call;
  const Options& options;
};

struct Row {
  Situation word;
  When when;
  Since (*since)(const At& at);
};

Since so(bool condition) { return condition ? always : never; }

Since nothing_arrived(const Moment& at) { return is_so(at.handshake_done) && at.anything == never ? at.handshake_done : never; }

Since unread_data(const Moment& at) {
  if (at.data_bytes > at.data_read) return at.data;
  return is_so(at.unknown_record) ? unclear : never;
}

Since own_close_notify(const Moment& at) {
  return at.own_close_notify == never && is_so(at.own_unknown_record) ? unclear : at.own_close_notify;
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

Since write_unfinished(const Moment& at) {
  return at.last_write && at.last_write->outcome == Outcome::want_write ? at.last_write_number : never;
}

Since in_good_order(const Moment& at, const Options& options) {
  return all_of({at.handshake_done, none_of({at.error_reported(), write_unfinished(at), at.own_fin, so(options.quiet_shutdown)})});
}

Since ordinary_traffic(const Moment& at) {
  return none_of({at.told_by_alert(at.fatal_close_notify), at.told_by_alert(at.fatal_alert), at.told_by_alert(at.warning_alert), at.reset,
                  at.plain, at.damaged, at.raw, at.partial, at.change_cipher_spec, at.readable(at.empty_data),
                  at.readable(at.post_handshake), at.readable(at.data_after_close_notify)});
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
      {{"fatal-close-notify-arrived", "a close_notify whose level is not warning"},
       When::arrived,
       [](const At& at) { return at.now.told_by_alert(at.now.fatal_close_notify); }},
      {{"data-arrived", "application data, more than 0 bytes"}, When::arrived, [](const At& at) { return at.now.readable(at.now.data); }},
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
      {{"warning-alert-arrived", "an authentic alert of warning level that is no close_notify; in TLS 1.3 user_canceled only"},
       When::arrived,
       [](const At& at) { return at.now.told_by_alert(at.now.warning_alert); }},
      {{"user-canceled-arrived", "an authentic user_canceled"},
       When::arrived,
       [](const At& at) { return at.now.told_by_alert(at.now.user_canceled); }},
      {{"plain-record-arrived", "a TLS record, but no change_cipher_spec, without protection although the handshake is done"},
       When::arrived,
       [](const At& at) { return at.now.plain; }},
      {{"plain-alert-arrived", "an alert without protection although the handshake is done"},
       When::arrived,
       [](const At& at) { return at.now.plain_alert; }},
      {{"change-cipher-spec-arrived", "a change_cipher_spec, in the clear or not, although the handshake is done"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.change_cipher_spec); }},
      {{"damaged-record-arrived", "a record that cannot be authenticated"}, When::arrived, [](const At& at) { return at.now.damaged; }},
      {{"raw-bytes-arrived", "bytes that are no TLS record"}, When::arrived, [](const At& at) { return at.now.raw; }},
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
      {{"hello-request-arrived", "a HelloRequest"}, When::arrived, [](const At& at) { return at.now.readable(at.now.hello_request); }},
      {{"nothing-arrived", "neither bytes nor an end nor a reset since the handshake was done"},
       When::arrived,
       [](const At& at) { return nothing_arrived(at.now); }},
      {{"unknown-alert-arrived", "an authentic alert whose number is in no RFC"},
       When::arrived,
       [](const At& at) { return at.now.told_by_alert(at.now.unknown_alert); }},
      {{"data-after-user-canceled-arrived", "application data behind a user_canceled"},
       When::arrived,
       [](const At& at) { return at.now.readable(at.now.data_after_user_canceled); }},
      {{"ordinary-traffic", "nothing arrived but application data, a close_notify of warning level and the transport's orderly end"},
       When::arrived,
       [](const At& at) { return ordinary_traffic(at.now); }},

      // What the subject had done and been told.
      {{"handshake-done", "the handshake was done"}, When::history, [](const At& at) { return at.now.handshake_done; }},
      {{"handshake-begun", "the handshake was called"}, When::history, [](const At& at) { return at.now.handshake_begun; }},
      {{"unread-data", "more application data was delivered before the close_notify than the subject's reads have returned"},
       When::history,
       [](const At& at) { return unread_data(at.now); }},
      {{"own-close-notify-sent", "the subject has sent its close_notify"},
       When::history,
       [](const At& at) { return own_close_notify(at.now); }},
      {{"close-called", "an earlier two-way close came back, whatever it said"},
       When::history,
       [](const At& at) { return at.now.any_answer(Call::close); }},
      {{"close-write-called", "an earlier one-way close came back, whatever it said"},
       When::history,
       [](const At& at) { return at.now.any_answer(Call::close_write); }},
      {{"close-done", "an earlier two-way close answered done"},
       When::history,
       [](const At& at) { return at.now.answer(Call::close, Outcome::done); }},
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
       [](const At& at) { return at.now.answer(Call::read, Outcome::end_of_data); }},
      {{"cut-reported", "an earlier call answered cut"},
       When::history,
       [](const At& at) { return at.now.any_call_answered(Outcome::cut); }},
      {{"reset-reported", "an earlier call answered reset"},
       When::history,
       [](const At& at) { return at.now.any_call_answered(Outcome::reset); }},
      {{"alert-reported", "an earlier call answered alert"},
       When::history,
       [](const At& at) { return at.now.any_call_answered(Outcome::alert); }},
      {{"error-reported", "an earlier call answered cut, reset, alert or failed"},
       When::history,
       [](const At& at) { return at.now.error_reported(); }},
      {{"write-unfinished", "the last write answered want-write"}, When::history, [](const At& at) { return write_unfinished(at.now); }},
      {{"repeated", "the previous call was the same one, and was to be called again"},
       When::history,
       [](const At& at) {
         return at.now.previous && at.now.previous->call == at.call.call && call_again(at.now.previous->outcome) ? at.now.previous_number
                                                                                                                 : never;
       }},
      {{"first", "no earlier call of the same kind"},
       When::history,
       [](const At& at) { return so(at.now.any_answer(at.call.call) == never); }},
      {{"own-fin", "the script shut down or closed the subject's side of the transport"},
       When::history,
       [](const At& at) { return at.now.own_fin; }},
      {{"option-ignore-eof", "the session option ignore-eof"}, When::history, [](const At& at) { return so(at.options.ignore_eof); }},
      {{"option-quiet-shutdown", "the session option quiet-shutdown"},
       When::history,
       [](const At& at) { return so(at.options.quiet_shutdown); }},
      {{"option-tickets", "the session option tickets"}, When::history, [](const At& at) { return so(at.options.tickets); }},
      {{"option-read-ahead", "the session option read-ahead"}, When::history, [](const At& at) { return so(at.options.read_ahead); }},
      {{"in-good-order",
        "the handshake was done, no error reported, no write unfinished, the transport not ended by the script, no quiet-shutdown"},
       When::history,
       [](const At& at) { return in_good_order(at.now, at.options); }},

      // What the library met on the transport.
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

// Bit 2n is row n, bit 2n + 1 is row n with `already`.
void settle_situations(SubjectCall& call, const Facts& facts) {
  const auto set = [&](std::size_t bit, Since since) {
    if (since == unclear)
      call.not_clear.set(bit);
    else if (is_so(since))
      call.so.set(bit);
  };
  std::size_t bit = 0;
  for (const Row& row : rows()) {
    set(bit, row.since({row.when == When::history ? call.before : call.after, call, facts.options()}));
    if (row.when == When::arrived) set(bit + 1, row.since({call.before, call, facts.options()}));
    bit += 2;
  }
}

bool Given::add(std::string_view word) {
  bool negated = false;
  bool already = false;
  for (bool prefix = true; prefix;) {
    prefix = false;
    if (!negated && word.starts_with("not ")) word.remove_prefix(4), negated = prefix = true;
    if (!already && word.starts_with("already ")) word.remove_prefix(8), already = prefix = true;
  }
  const auto& table = rows();
  const auto row = std::find_if(table.begin(), table.end(), [&](const Row& it) { return it.word.name == word; });
  if (row == table.end() || (already && row->when != When::arrived)) return false;
  (negated ? must_not : must).set(2 * static_cast<std::size_t>(row - table.begin()) + (already ? 1 : 0));
  return true;
}

std::vector<int> Given::evidence(const SubjectCall& call, const Facts& facts) const {
  std::vector<int> events;
  const auto& table = rows();
  for (std::size_t i = 0; i < table.size(); ++i) {
    for (const bool already : {false, true}) {
      if (!must.test(2 * i + (already ? 1 : 0))) continue;
      const bool then = already || table[i].when == When::history;
      const Since since = table[i].since({then ? call.before : call.after, call, facts.options()});
      if (is_so(since) && since != always) events.push_back(since);
    }
  }
  return events;
}

}  // namespace tlsbye
