// The facts of a transcript: one pass over its events that says, for each API call of the subject, what was so when the call began and
// what was so when it ended. Properties and the words of `given` are asked of these facts, never of the events directly, so that "by then"
// means the same everywhere.
//
// What belongs together is written in the events: a call's id on all that it did, a record's place in its sender's stream. Three things
// are worth knowing:
//   * A call that blocked has other events in its midst; one that blocked for good or died never came back, and has no ApiCall event.
//   * If a call is repeated until it is done, the peer waits *between* two calls; what arrives then, arrived before the second one.
//   * The wire sees a record when it is pumped, which may be two calls later; it belongs to the call that handed its last byte over.
//
// Three answers. A fact is `never` only if the events prove that it was not so: all that the library handed to its transport was seen by
// the wire as whole records, and the wire could read it. Otherwise it is `unclear`, and nothing follows from it.
//
// A run may have several sessions, one after another. Each has Facts of its own; what was before is known only as the session before it.
#pragma once

#include <array>
#include <bitset>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/transcript/transcript.h"

namespace tlsbye {

struct Term;  // terms.h

// Whether something is so, and since which event: the event's number, or one of these.
using Since = int;
inline constexpr Since never = 0;
inline constexpr Since unclear = -1;  // not proved either way: the wire had no keys, did not see all, or the transport was not logged
inline constexpr Since always = std::numeric_limits<int>::max();
constexpr bool is_so(Since since) { return since > 0; }

// What was so at one moment. Arrivals count when they were delivered to the subject's transport, whether or not it has read them; those
// under the keys of the session count as having come after the handshake, even if the subject's handshake call has not come back yet.
struct Moment {
  // Arrivals: the first of each kind. Authentic ones only (under the right key, whole) unless the name says otherwise.
  Since close_notify = never, fatal_close_notify = never;
  Since close_notify_in_handshake = never;  // before the subject's handshake was done, protected or not
  Since data = never, empty_data = never, data_after_close_notify = never, data_after_user_canceled = never;
  Since passed_end = never;  // the close_notify, if an alert or a handshake message came behind it: a library need not meet that one
  Since fatal_alert = never, warning_alert = never, user_canceled = never, unknown_alert = never;
  Since post_handshake = never, ticket = never, key_update = never, key_update_request = never;
  Since hello_request = never, two_hello_requests = never;
  Since message_in_pieces = never;  // the last part of a handshake message after the handshake that came in several records
  Since plain = never, plain_alert = never, damaged = never, oversized = never, raw = never, partial = never;
  Since change_cipher_spec = never;  // since the handshake was done, in the clear or not; never counted as plain
  Since alert_before_data = never;   // fatal_alert, where neither data nor a close_notify came before it
  Since finished = never;            // the other side's Finished, untouched
  Since fin = never, reset = never;
  Since anything = never;        // bytes, an end or a reset, after the handshake
  Since unknown_record = never;  // a record that the wire could not read
  Since alert_in_pieces = never, alerts_together = never, empty_alert = never, padded_alert = never, certificate_request = never;
  Since odd_alert = never;           // alerts in pieces or several in one record: documents differ on whether they count
  Since unexpected_message = never;  // a handshake message that the other role gets, or the handshake alone
  Since many_key_updates = never;    // since when they are five: a receiver may take more for an attack
  int key_updates = 0;
  int warnings = 0;             // alerts that end nothing ...
  Since many_warnings = never;  // ... and since when they are five
  std::size_t data_bytes = 0;   // application data delivered before the close_notify, without early data
  // The last delivery of which every byte was taken off the transport by the library, or by the script; or the end that it was told there.
  Since taken = never;
  // Early data (TLS 1.3), whoever of the two is the client.
  Since early_data = never, early_data_end = never;               // a client's, and its EndOfEarlyData
  Since early_data_accepted = never, early_data_refused = never;  // by the server's EncryptedExtensions

  // The subject's own history.
  std::array<std::array<Since, Words<Outcome>::list.size()>, Words<Call>::list.size()>
      answered{};  // by call and outcome: the latest call that answered so
  // A handshake that is done before the other side's Finished has come (false start) leaves the rest of it to come.
  Since false_start = never;
  Since starved = never;  // an allocation of the library failed, as the script said
  Since handshake_done = never, handshake_begun = never, early_data_called = never;
  Since protected_arrived = never;  // a whole record under keys, of the handshake or behind it
  Since own_close_notify = never, own_fin = never;
  Since own_unknown_record = never;  // a record that the wire cannot open, or bytes behind one that are none
  Since own_unseen = never;          // bytes that the library handed over, and that the wire never saw as whole records
  Since own_raw = never;             // bytes that the script wrote past TLS, took away from it, or had a session begin with
  Since descriptor_closed = never;   // the script closed the subject's descriptor
  Since transport_closed = never;    // a one-way close came back that was to close the transport as well (option closes-transport)
  // Receiving ended because the script had it so, although the transport had not ended: what arrived after this event had not been read by
  // then. No real transport gives anything behind its end, so that these arrivals are unclear.
  Since end_made_up = never;
  Since send_broke = never;      // sending failed with EPIPE or ECONNRESET
  Since own_end_made_up = never;  // sending failed for good because the script had it so
  void forget_unproved();
  Since left = never;        // a call that asked to be made again so that it can send; another one that sends came instead
  Since write_left = never;  // the same of one that is not a read or a peek: what it had to send may be data
  Since extra_left = never;  // the same of a key-update, a renegotiation, an alert of the application's
  Since own_fatal_alert = never, own_warning_alert = never, own_user_canceled = never;
  std::size_t data_read = 0;
  Since hello = never, offered = never;        // the client's ClientHello; it offers an earlier session
  Since resumed = never, not_resumed = never;  // as the handshake told
  Since own_ticket = never;                    // a NewSessionTicket of the subject's, after the handshake
  Since own_ticket_lost = never;               // one that the other side never got
  Since kept = never;                          // a client took what is needed to resume this session, and there was something to take
  // What the application did to the library while the session lived (`set`, `clear`, `renegotiate`, `send-alert`, `key-update`).
  Since flags_set = never, corked = never, cleared = never, stale_error = never, auto_retry_off = never, renegotiation = never;
  Since alert_by_application = never, quiet = never, quiet_context = never;
  Since closed_quietly = never;                            // a close without a word came back: the library takes both directions for closed
  Since key_update_asked = never, own_key_update = never;  // the latest of each
  long long time_limit_ms = 0;                             // `set timeout`; 0: none
  const ApiCall* previous = nullptr;                       // the subject's last call that came back
  const ApiCall* last_write = nullptr;                     // and its last write
  Since last_write_number = never, previous_number = never;
  const ApiCall* pending = nullptr;  // asked to be made again so that it can send, and was not until now
  Since pending_number = never;

  Since answer(Call call, Outcome outcome) const { return answered[static_cast<std::size_t>(call)][static_cast<std::size_t>(outcome)]; }
  // `unclear` where a call that shakes hands by itself in many libraries may have done so.
  Since shaken_hands() const;
  Since any_answer(Call call) const;
  Since any_call_answered(Outcome outcome) const;
  Since error_reported() const;  // cut, reset, alert or failed; a write or close: end-of-data too
  // The same as the fact, but `unclear` where it was not seen and the wire could not read everything.
  Since readable(Since fact) const;
  // The same for facts that an alert makes, which may have come in pieces.
  Since told_by_alert(Since fact) const;
  // The same for what the subject sent: `unclear` where it was not seen and the wire did not see or read all.
  Since own(Since fact) const { return fact == never && (is_so(own_unknown_record) || is_so(own_unseen)) ? unclear : fact; }
  Since close_done_twice = never;   // the latest of at least two closes that were done
  Since close_write_again = never;  // a one-way close behind another close that had sent its close_notify
  Since received_beside = never;    // a call of the second thread or the forked process that receives
  Since sent_beside = never;        // one of a forked process that sends
  // What is more than data, tickets, a few KeyUpdates and an orderly end: since when each kind of it had come.
  std::array<Since, 18> oddities() const;
  // More than one kind of these: which of them a library met is its affair.
  Since several_oddities() const;
  Since key_update_owed() const;  // the application asked for new keys, and no KeyUpdate of its own has been on the wire since
  Since close_notify_arrived() const { return told_by_alert(close_notify); }
};

// What the library met on the transport during one call: the first transport call of each kind. Waiting functions (poll, select) do not
// count, and being blocked counts as a transport call that would block.
struct Met {
  Since recv = never, send = never;  // any call of that flow
  Since recv_would_block = never, send_would_block = never;
  Since recv_interrupted = never, send_interrupted = never;
  Since recv_reset = never, send_broken = never;
  Since recv_eof = never, send_short = never;
  Since recv_short = never;        // by the script
  Since injected = never;          // EAGAIN, EINTR or a short count that came from the script
  Since injected_end = never;      // any other fault that came from the script
  Since last_failed = never;       // the last transport call that would block or was interrupted ...
  Flow last_failed_flow{};         // ... and its flow
  Since blocked_on_recv = never;   // the call itself waited
  long long waited_ms = 0;         // time that passed while the call waited
  long long passed_last_ms = 0;    // of that, the last step
  long long since_arrival_ms = 0;  // ... and so much since something arrived
  bool timed = false;              // it waited with a time limit of the library's own
  bool logged = false;             // transport calls are in the transcript
  Since logged_or(Since fact) const { return fact == never && !logged ? unclear : fact; }
};

inline constexpr std::size_t most_situations = 160;
using Bits = std::bitset<4 * most_situations>;  // as it is, with `already`, with `formerly`, with `newly`

// One API call of the subject.
struct SubjectCall {
  Call call{};
  int id = 0;
  const ApiCall* api = nullptr;  // null: it never came back, and one of the next two says why
  const Died* died = nullptr;
  const Blocked* stuck = nullptr;  // blocked for good
  int endless = 0;                 // number of the Endless event where this was the last of a call's repetitions without end
  int began = 0;                   // number of the first event that belongs to it
  int ended = 0;                   // number of its ApiCall, Died or Blocked event
  Moment before, after;            // when it began; when it ended (arrivals only until just before that)
  // What had been taken off the transport (Moment::taken) when it began; if it is a repetition, when the first of these calls did.
  Since taken = never;
  Met met;
  bool emission_known = true;   // all that it sent was seen by the wire as whole records ...
  bool record_cut = false;      // ... but for one that the library itself ended its stream in: no more of that can come
  Bits so, not_clear;           // the situations; see situations.cpp
  Bits unusual;                 // those of them that only clauses speak of which name them
  bool accompanied = false;     // a call beside it came while it was under way
  Since against_terms = never;  // the answer after which the stack's terms of use forbid this call (terms.h)

  bool answered(Outcome outcome) const { return api && api->outcome == outcome; }
};

// A whole record that the wire saw from the subject.
struct SentRecord {
  int number = 0;
  const Record* record = nullptr;
  const Contents* contents = nullptr;  // the record's own, or what was found in it when its keys came
  int owner = -1;                      // index of the call that sent it; -1: none did, the script wrote it past TLS
  bool by_script = false;              // raw-write; also a record that the script wrote into
  bool stray = false;                  // in the clear, behind records under keys: no receiver accepts it

  // An encrypted close_notify, at any level.
  bool is_close_notify() const { return record->encrypted && contents->alert && contents->alert->description == 0; }
};

class Facts {
 public:
  // The first session of the run, with those that follow it. Keeps a reference to the transcript. Implicit on purpose: whoever has one
  // question only may ask it of the transcript itself.
  Facts(const Transcript& of) : Facts(of, nullptr, 1, nullptr) {}  // NOLINT(google-explicit-constructor)
  // The same, with what the manuals of the stacks forbid, which must outlive it.
  Facts(const Transcript& of, const std::vector<Term>& terms) : Facts(of, nullptr, 1, &terms) {}
  Facts(Transcript&&) = delete;
  Facts(const Facts&) = delete;
  Facts& operator=(const Facts&) = delete;

  const Transcript& transcript() const { return *transcript_; }
  // The session's own events.
  std::span<const Event> events() const { return events_; }
  // The session before this one, and the one after it; null where there is none.
  const Facts* former() const { return former_; }
  const Facts* next() const { return next_.get(); }
  // Begun on the transport of the session before.
  bool same_transport() const { return same_transport_; }
  // The script let time pass, in this session or one before.
  bool time_passed() const { return time_passed_ || (former_ && former_->time_passed()); }
  // A second thread, or a forked process, made a call in this session.
  Since threads() const { return threads_; }
  Since forked() const { return forked_; }
  const std::vector<SubjectCall>& calls() const { return calls_; }
  const std::vector<SentRecord>& sent() const { return sent_; }
  // False where the wire had no keys for all that was sent: then a missing record proves nothing.
  bool readable() const { return readable_; }
  // The first record of the subject that no key decrypts although the wire has its keys: the subject's own garbage.
  Since garbled() const { return garbled_; }
  // What is in the record that the event `number` tells of (a Record, or one that speaks of it).
  const Contents& contents(int number) const;
  // The script, or an end of the transport, changed what that side sent: records of it were replaced, lost, cut or added; or only its
  // application data.
  bool altered(Side from) const { return altered_[static_cast<std::size_t>(from)]; }
  bool data_altered(Side from) const { return data_altered_[static_cast<std::size_t>(from)]; }
  // The numbers of the records in which the library sent a close_notify, one for each.
  std::vector<int> sent_close_notifies() const;
  // Whether the subject's sessions were opened with this option.
  bool has(Option option) const { return has_word(transcript_->options, option); }
  // The session was told to close without a word, by its option or later.
  bool quiet() const { return quiet_; }
  bool tls13() const { return transcript_->key().tls == Tls::v1_3; }
  // Whether `again` is the same call with the same arguments, as a library expects it of whoever makes a call again.
  bool repeats(const ApiCall& first, const ApiCall& again) const;
  // Whether the call before this one is such a one, and asked to be made again.
  bool is_repetition(const SubjectCall& call) const;
  // The first event of the first call that the stack's terms of use forbid.
  Since against_terms() const { return against_terms_; }
  // When the session was over.
  const Moment& at_end() const { return at_end_; }
  // The subject's death, wherever it happened.
  const Event* death() const { return death_; }

 private:
  Facts(const Transcript& of, const Facts* former, int first, const std::vector<Term>* terms);
  void find_forbidden(const std::vector<Term>& terms);
  void find_calls();
  void read_records();
  int own_end() const;
  void attribute_records();
  void walk();
  void note_hello(Moment& now, int number, const Record& record) const;
  void note_kept(Moment& now, int number, const ApiCall& api) const;
  void note_own_record(Moment& now, const SentRecord& sent) const;
  void note_answer(Moment& now, int number, const ApiCall& api, bool could_not_send) const;
  void note_left(Moment& now, const SubjectCall& call) const;

  const Transcript* transcript_;
  const Facts* former_;
  std::unique_ptr<Facts> next_;
  std::span<const Event> events_;
  bool same_transport_ = false, quiet_ = false, time_passed_ = false;
  Since threads_ = never, forked_ = never;
  std::vector<SubjectCall> calls_;
  std::vector<SentRecord> sent_;
  Moment at_end_;
  std::map<int, const Contents*> opened_;  // by Record event, what was found in it later
  std::size_t stream_ = 0;                 // bytes that the subject had put on this transport when the session was over
  std::size_t left_ = 0;                   // bytes that had arrived on it, and that no call had taken by then
  std::array<bool, 2> altered_{}, data_altered_{};
  bool readable_ = true;
  Since garbled_ = never, against_terms_ = never;
  const Event* death_ = nullptr;
};

// All alerts that a record carries, in order; empty where it carries none, or a piece of one.
std::vector<Alert> alerts_of(const Contents& contents);
// Does the function move bytes (or only wait until some could be moved)?
bool moves_bytes(std::string_view function);

// What `given = [...]` says, ready to be asked.
struct Given {
  Bits must, must_not;
  Bits named;               // what it speaks of
  bool of_a_fault = false;  // of calls that met something on the transport: EAGAIN, an end, a short count ...
  // False where the word is none.
  bool add(std::string_view word);
  // The clause speaks of calls in that unusual situation too, and of others.
  void allow(std::string_view word);
  bool fits(const SubjectCall& call) const {
    return (call.so & must) == must && (call.so & must_not).none() && (call.not_clear & (must | must_not)).none() &&
           (call.unusual & ~named).none();
  }
  // Whether it speaks of that situation, in whatever form.
  bool names(std::string_view word) const;
  // The events that made it so.
  std::vector<int> evidence(const SubjectCall& call, const Facts& facts) const;
};

// Evaluates every situation for the call (the last step of the pass).
void settle_situations(SubjectCall& call, const Facts& facts);

}  // namespace tlsbye
