#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "harness/oracle/oracle.h"
#include "harness/oracle/tale.h"
#include "harness/oracle/terms.h"

namespace tlsbye {
namespace {

std::string asked(std::string_view name, const Transcript& run, const std::vector<Term>& terms = {}) {
  for (const Trait& trait : traits()) {
    if (trait.name != name) continue;
    const Facts facts(run, terms);
    std::optional<Trait::Answer> answer;
    for (const Facts* session = &facts; session && !answer; session = session->next()) answer = trait.ask(*session);
    if (!answer) return "";
    EXPECT_NE(std::find(trait.answers.begin(), trait.answers.end(), answer->answer), trait.answers.end()) << name;
    EXPECT_FALSE(answer->evidence.empty()) << name;
    for (const int number : answer->evidence) EXPECT_TRUE(number >= 1 && number < run.next_number()) << name;
    return std::string(answer->answer);
  }
  ADD_FAILURE() << "no trait " << name;
  return "";
}

Tale closed() { return connected().close(Outcome::sent, {close_notify()}); }

// A client kept that session, and this is what the next handshake says of it.
Tale resumes(Tale session, std::string resumed) {
  return session.arrives(handshake_message("NewSessionTicket"))
      .extra(Call::keep_session)
      .new_session(false)
      .sent(Tale::hello(resumed == "yes"))
      .handshake()
      .shows("resumed", std::move(resumed));
}

struct Case {
  Transcript run;
  std::string answer;  // empty: the run does not tell
};

// All data was read, and the end is in the library as well: the handshake took 900 bytes off the transport, and none of them is an event
// here.
Tale end_taken() { return connected().arrives(data(5)).arrives(close_notify()).reads(5); }
Tale end_taken_by_a_read_that_broke() {
  return connected().arrives(data(5)).arrives(close_notify()).io(Call::read, Flow::send, -1, "EPIPE").reads(5);
}
Tale rejects(std::initializer_list<Record> sent = {}) {
  return Tale().option("verify-certificate").answers(Call::handshake, Outcome::failed, sent);
}

// One call closes TLS and the transport, over what had come; so the transport ended.
Tale closes_all(const std::vector<Record>& unread, const std::vector<End>& ended) {
  Tale tale = connected().option("closes-transport");
  for (const Record& record : unread) tale.arrives(record);
  tale.io(Call::close_write, Flow::send, 24).close_write(Outcome::done, {close_notify()});
  for (const End end : ended) tale.add(TransportEnd{Side::subject, false, false, end});
  return tale;
}
Tale closes_all_blocked(std::initializer_list<Record> sent) {
  return Tale(Tls::v1_3, Io::nonblocking)
      .option("closes-transport")
      .handshake()
      .io(Call::close_write, Flow::send, -1, "EAGAIN")
      .close_write(Outcome::done, sent);
}

Record early(Record record) {
  return but(std::move(record), [](Record& it) { it.early = true, it.established = false; });
}
// The head of a NewSessionTicket, and no more of it.
Record begun_message() {
  return but(handshake_message("NewSessionTicket"), [](Record& it) { it.content = std::string("\4\0\0", 3), it.content_bytes = 3; });
}

Tale early_server() { return Tale().as_server().arrives(early(data(5))); }

const std::multimap<std::string_view, Case>& cases() {
  static const std::multimap<std::string_view, Case> all{
      {"replies-by-itself", {connected().arrives(close_notify()).answers(Call::read, Outcome::end_of_data, {close_notify()}), "yes"}},
      {"replies-by-itself", {connected().arrives(close_notify()).reads(Outcome::end_of_data), "no"}},
      {"replies-by-itself", {connected().arrives(close_notify()).close(Outcome::done, {close_notify()}), ""}},
      {"replies-by-itself",
       {connected().arrives(alert(1, 90)).arrives(close_notify()).answers(Call::read, Outcome::end_of_data, {close_notify()}), ""}},
      {"replies-by-itself",  // after a fatal alert nothing is answered
       {connected().arrives(alert(2, 80)).reads(Outcome::alert).arrives(close_notify()).reads(Outcome::end_of_data), ""}},
      {"replies-by-itself",  // the answer was made, and met a broken transport, in the read before
       {end_taken_by_a_read_that_broke().reads(Outcome::end_of_data), ""}},
      {"close-notify-behind-early-data",
       {early_server().arrives(early(close_notify())).answers(Call::read_early, Outcome::end_of_data), "end-of-data"}},
      {"close-notify-behind-early-data", {early_server().answers(Call::read_early, Outcome::want_read), ""}},
      {"close-behind-early-data", {Tale().extra(Call::write_early).close_write(Outcome::failed), "failed"}},
      {"close-behind-early-data", {Tale().extra(Call::write_early).handshake().close_write(Outcome::done), ""}},
      {"unread-data-at-close",
       {connected().arrives(data(5)).close(Outcome::sent).io(Call::close, Flow::recv, 27).close(Outcome::failed), "error"}},
      {"unread-data-at-close",
       {connected().arrives(data(5)).io(Call::close, Flow::recv, 27).close(Outcome::want_read).arrives(close_notify()).close(Outcome::done),
        "discards"}},
      {"unread-data-at-close",
       {connected().arrives(data(5)).io(Call::close, Flow::recv, 27).close(Outcome::want_read).reads(5), "keeps-it-readable"}},
      {"unread-data-at-close",
       {connected().arrives(data(5)).arrives(close_notify()).stays_blocked(Call::close, Flow::recv), "keeps-waiting"}},
      {"unread-data-at-close", {connected().arrives(data(5)).io(Call::close, Flow::recv, 27).close(Outcome::want_read), ""}},
      {"unread-data-at-close",
       {connected().arrives(data(5)).arrives(handshake_message("KeyUpdate")).io(Call::close, Flow::recv, 27).close(Outcome::failed), ""}},
      {"write-after-peers-close-notify", {connected().arrives(close_notify()).reads(Outcome::end_of_data).writes(5), "allowed"}},
      {"write-after-peers-close-notify",
       {connected().arrives(close_notify()).reads(Outcome::end_of_data).answers(Call::write, Outcome::failed), "refused"}},
      {"write-after-peers-close-notify", {connected().writes(5), ""}},
      {"second-close", {closed().arrives(close_notify()).close(Outcome::done).close(Outcome::failed), "failed"}},
      {"second-close", {closed().close(Outcome::done), ""}},
      {"read-after-fin", {connected().fin_arrives().reads(Outcome::cut), "cut"}},
      {"read-after-fin", {connected().arrives(close_notify()).fin_arrives().reads(Outcome::end_of_data), ""}},
      {"read-after-fin", {connected().close_write(Outcome::done, {close_notify()}).fin_arrives().reads(Outcome::failed), ""}},
      {"read-after-fin", {connected().arrives(begun_message()).fin_arrives().reads(Outcome::want_read), ""}},
      {"read-after-reset", {connected().reset_arrives().reads(Outcome::reset), "reset"}},
      {"read-after-reset", {connected().fin_arrives().reads(Outcome::cut), ""}},
      {"close-after-fin", {closed().fin_arrives().close(Outcome::cut), "cut"}},
      {"close-after-fin", {connected().fin_arrives().close(Outcome::sent), ""}},
      {"close-when-reply-cannot-be-written",
       {connected().arrives(close_notify()).io(Call::close, Flow::send, -1, "EPIPE").close(Outcome::reset), "reset"}},
      {"close-when-reply-cannot-be-written", {connected().io(Call::close, Flow::send, -1, "EPIPE").close(Outcome::reset), ""}},
      {"warning-alert-while-closing", {closed().arrives(alert(1, 90)).io(Call::close, Flow::recv, 24).close(Outcome::alert), "alert"}},
      {"warning-alert-while-closing", {closed().arrives(alert(1, 90)).stays_blocked(Call::close, Flow::recv), "ignored"}},
      {"warning-alert-while-closing", {closed().stays_blocked(Call::close, Flow::recv), ""}},
      {"first-close-call", {closed(), "sends-only"}},
      {"first-close-call", {closed().option("tickets"), "sends-only"}},
      {"first-close-call", {closed().option("callbacks"), ""}},
      {"first-close-call", {connected().io(Call::close, Flow::send, 24).stays_blocked(Call::close, Flow::recv), "sends-and-waits"}},
      {"first-close-call", {connected().arrives(close_notify()).close(Outcome::done, {close_notify()}), ""}},
      {"one-way-close", {connected().close_write(Outcome::done, {close_notify()}), "sends-only"}},
      {"one-way-close",
       {connected()
            .io(Call::close_write, Flow::send, 24)
            .add(TransportCall{Side::subject, Call::close_write, 2, "shutdown", Flow::send, 0, 0, "", false})
            .close_write(Outcome::done, {close_notify()}),
        "sends-and-ends-the-transport"}},
      {"one-way-close",
       {connected()
            .io(Call::close_write, Flow::send, 24)
            .io(Call::close_write, Flow::recv, 24)
            .close_write(Outcome::done, {close_notify()}),
        "sends-and-waits"}},
      {"one-way-close", {connected().arrives(close_notify()).close_write(Outcome::done, {close_notify()}), ""}},
      {"one-way-close", {connected().close_write(Outcome::want_write), ""}},
      {"write-after-own-close", {closed().writes(5), "sent"}},
      {"write-after-own-close", {closed().answers(Call::write, Outcome::refused), "refused"}},
      {"write-after-own-close", {closed().answers(Call::write, Outcome::failed), "failed"}},
      {"write-after-own-close", {connected().writes(5), ""}},
      {"sigpipe-on-broken-transport",
       {connected().io(Call::close, Flow::send, -1, "EPIPE").add(Signal{Side::subject, "SIGPIPE"}).close(Outcome::reset), "yes"}},
      {"sigpipe-on-broken-transport", {connected().io(Call::close, Flow::send, -1, "EPIPE").close(Outcome::reset), "no"}},
      {"sigpipe-on-broken-transport", {closed(), ""}},
      {"close-before-handshake", {Tale().close(Outcome::refused), "refused"}},
      {"close-before-handshake", {closed(), ""}},
      {"fatal-level-close-notify", {connected().arrives(alert(2, 0)).reads(Outcome::alert), "alert"}},
      {"fatal-level-close-notify", {connected().arrives(alert(1, 0)).reads(Outcome::end_of_data), ""}},
      {"read-at-clean-end", {connected().arrives(close_notify()).reads(Outcome::end_of_data), "end-of-data"}},
      {"read-at-clean-end", {connected().fin_arrives().reads(Outcome::cut), ""}},
      {"read-at-clean-end", {connected().close_write(Outcome::done, {close_notify()}).arrives(close_notify()).reads(Outcome::failed), ""}},
      {"peek-at-clean-end", {connected().arrives(close_notify()).extra(Call::peek, "", Outcome::failed), "failed"}},
      {"peek-at-clean-end", {connected().arrives(close_notify()).reads(Outcome::end_of_data), ""}},
      {"read-after-clean-end",
       {connected().arrives(close_notify()).reads(Outcome::end_of_data).reads(Outcome::end_of_data), "end-of-data"}},
      {"read-after-clean-end", {connected().arrives(close_notify()).reads(Outcome::end_of_data), ""}},
      {"read-after-clean-end", {connected().arrives(close_notify()).arrives(data(5)).reads(Outcome::end_of_data).reads(5), ""}},
      {"read-in-cut-record", {connected().arrives(cut_short(close_notify())).fin_arrives().reads(Outcome::cut), "cut"}},
      {"read-in-cut-record", {connected().fin_arrives().reads(Outcome::cut), ""}},
      {"read-after-cut", {connected().fin_arrives().reads(Outcome::cut).reads(Outcome::refused), "refused"}},
      {"read-after-cut", {connected().fin_arrives().reads(Outcome::cut), ""}},
      {"read-after-cut-over-memory",
       {Tale().option("memory-bio").handshake().fin_arrives().reads(Outcome::cut).reads(Outcome::end_of_data), "end-of-data"}},
      {"read-after-cut-over-memory", {connected().fin_arrives().reads(Outcome::cut).reads(Outcome::end_of_data), ""}},
      {"write-after-cut", {connected().fin_arrives().reads(Outcome::cut).writes(5), "done"}},
      {"write-after-cut", {connected().writes(5), ""}},
      {"read-after-own-close", {closed().arrives(close_notify()).close(Outcome::done).reads(Outcome::end_of_data), "end-of-data"}},
      {"read-after-own-close", {closed().reads(Outcome::want_read), ""}},
      {"forged-close-notify", {connected().arrives(in_the_clear(close_notify())).reads(Outcome::failed), "failed"}},
      {"forged-close-notify", {connected().arrives(close_notify()).reads(Outcome::end_of_data), ""}},
      {"damaged-close-notify", {connected().arrives(damaged(close_notify())).reads(Outcome::failed), "failed"}},
      {"damaged-close-notify", {connected().arrives(close_notify()).reads(Outcome::end_of_data), ""}},
      {"damaged-close-notify",  // which sends what the close left
       {connected().close_write(Outcome::want_write).arrives(damaged(close_notify())).reads(Outcome::reset), ""}},
      {"read-of-user-canceled", {connected().arrives(alert(1, 90)).arrives(close_notify()).reads(Outcome::end_of_data), "end-of-data"}},
      {"read-of-user-canceled", {connected().arrives(close_notify()).reads(Outcome::end_of_data), ""}},
      {"close-after-peers-close-notify",
       {connected().arrives(close_notify()).reads(Outcome::end_of_data).close(Outcome::done, {close_notify()}), "done"}},
      {"close-after-peers-close-notify", {closed(), ""}},
      {"third-close", {connected().close(Outcome::done).close(Outcome::done).close(Outcome::failed), "failed"}},
      {"third-close", {connected().close(Outcome::done).close(Outcome::done), ""}},
      {"close-after-reset", {closed().reset_arrives().close(Outcome::reset), "reset"}},
      {"close-after-reset", {closed().fin_arrives().close(Outcome::cut), ""}},
      {"close-after-close-write",
       {connected().close_write(Outcome::done, {close_notify()}).stays_blocked(Call::close, Flow::recv), "want-read"}},
      {"close-after-close-write", {closed(), ""}},
      {"write-while-a-close-waits", {connected().close(Outcome::want_read, {close_notify()}).writes(5), "done"}},
      {"write-while-a-close-waits", {closed().writes(5), ""}},
      {"close-after-close-write", {connected().close_write(Outcome::done, {close_notify()}).close(Outcome::done), "done"}},
      {"close-after-cut", {connected().fin_arrives().reads(Outcome::cut).close(Outcome::failed), "failed"}},
      {"close-after-cut", {connected().fin_arrives().close(Outcome::cut), ""}},
      {"close-notify-after-cut", {connected().fin_arrives().reads(Outcome::cut).close(Outcome::failed), "nothing"}},
      {"close-notify-after-cut", {connected().fin_arrives().reads(Outcome::cut).close(Outcome::sent, {close_notify()}), "close_notify"}},
      {"close-notify-after-cut", {closed(), ""}},
      {"close-after-fatal-alert", {connected().arrives(alert(2, 80)).reads(Outcome::alert).close(Outcome::refused), "refused"}},
      {"close-after-fatal-alert", {closed(), ""}},
      {"close-after-fatal-alert", {connected().arrives(alert(2, 80)).reads(Outcome::alert).writes(5).close(Outcome::failed), ""}},
      {"close-notify-after-fatal-alert", {connected().arrives(alert(2, 80)).reads(Outcome::alert).close(Outcome::refused), "nothing"}},
      {"close-notify-after-fatal-alert", {closed(), ""}},
      {"close-in-handshake", {Tale().answers(Call::handshake, Outcome::want_read).close(Outcome::failed), "failed"}},
      {"close-in-handshake", {closed(), ""}},
      {"close-notify-in-handshake",
       {Tale().answers(Call::handshake, Outcome::want_read).close(Outcome::sent, {in_the_clear(close_notify())}),
        "close_notify-in-the-clear"}},
      {"close-notify-in-handshake", {closed(), ""}},
      {"handshake-meets-close-notify", {Tale().arrives(in_the_clear(close_notify())).answers(Call::handshake, Outcome::cut), "cut"}},
      {"handshake-meets-close-notify", {connected(), ""}},
      {"handshake-meets-close-notify",  // what is in the clear behind the other side's change_cipher_spec is no close_notify
       {Tale(Tls::v1_2)
            .arrives(in_the_clear(but(data(1), [](Record& it) { it.type = ContentType::change_cipher_spec; })))
            .arrives(in_the_clear(close_notify()))
            .answers(Call::handshake, Outcome::failed),
        ""}},
      {"close-with-quiet-shutdown", {connected().extra(Call::set, "quiet-shutdown on").close(Outcome::done), "done"}},
      {"close-with-quiet-shutdown", {closed(), ""}},
      {"sent-on-cut", {connected().fin_arrives().answers(Call::read, Outcome::cut, {alert(2, 50)}), "error-alert"}},
      {"sent-on-cut", {connected().arrives(close_notify()).reads(Outcome::end_of_data), ""}},
      {"close-after-sent-flag-set", {connected().extra(Call::set, "shutdown SENT").shows("shutdown", "SENT").close(Outcome::done), "done"}},
      {"close-after-sent-flag-set", {closed(), ""}},
      {"close-after-received-flag-set",
       {connected().extra(Call::set, "shutdown RECEIVED").shows("shutdown", "RECEIVED").close(Outcome::done), "done"}},
      {"close-after-received-flag-set", {closed(), ""}},
      {"close-after-both-flags-set",
       {connected().extra(Call::set, "shutdown both").shows("shutdown", "SENT|RECEIVED").close(Outcome::done), "done"}},
      {"close-after-both-flags-set", {closed(), ""}},
      {"handshake-after-clear", {closed().extra(Call::clear).answers(Call::handshake, Outcome::done), "done"}},
      {"handshake-after-clear", {connected(), ""}},
      {"read-with-stale-error", {connected().arrives(close_notify()).extra(Call::set, "stale-error on").reads(Outcome::failed), "failed"}},
      {"read-with-stale-error", {connected().arrives(close_notify()).reads(Outcome::end_of_data), ""}},
      {"close-when-time-ran-out",
       {connected().extra(Call::set, "timeout 300").blocks(Call::close, Flow::recv).passes(300).close(Outcome::failed), "failed"}},
      {"close-when-time-ran-out", {connected().blocks(Call::close, Flow::recv).passes(300).close(Outcome::failed), ""}},
      {"read-when-time-ran-out",
       {connected().extra(Call::set, "timeout 300").blocks(Call::read, Flow::recv).passes(300).reads(Outcome::failed), "failed"}},
      {"read-when-time-ran-out", {connected().extra(Call::set, "timeout 300").reads(Outcome::failed), ""}},
      {"data-in-flight-at-close",
       {closed().arrives(data(5)).arrives(close_notify()).io(Call::close, Flow::recv, 27).close(Outcome::done), "discards"}},
      {"data-in-flight-at-close", {closed().arrives(data(5)).io(Call::close, Flow::recv, 27).close(Outcome::failed), "error"}},
      {"data-in-flight-at-close",
       {closed().arrives(data(5)).arrives(handshake_message("KeyUpdate")).io(Call::close, Flow::recv, 27).close(Outcome::failed), ""}},
      {"data-in-flight-at-close",
       {closed().arrives(data(5)).io(Call::close, Flow::recv, 27).close(Outcome::want_read).reads(5), "keeps-it-readable"}},
      {"data-in-flight-at-close", {connected().arrives(data(5)).io(Call::close, Flow::recv, 27).close(Outcome::failed), ""}},
      {"bytes-behind-the-close-notify",
       {closed().arrives(close_notify()).close(Outcome::done).arrives(raw_bytes("PLAIN")).script("raw-read", "PLAIN"),
        "left-on-the-transport"}},
      {"bytes-behind-the-close-notify",
       {closed().arrives(close_notify()).close(Outcome::done).arrives(raw_bytes("PLAIN")).script("raw-read", "AIN"), "eaten"}},
      {"bytes-behind-the-close-notify", {closed(), ""}},
      {"corked-data-at-close",
       {connected()
            .extra(Call::set, "cork on")
            .answers(Call::write, Outcome::done)
            .last<ApiCall>([](ApiCall& api) { api.total = 5; })
            .close(Outcome::sent, {close_notify()}),
        "kept-back"}},
      {"corked-data-at-close",
       {connected()
            .extra(Call::set, "cork on")
            .answers(Call::write, Outcome::done)
            .last<ApiCall>([](ApiCall& api) { api.total = 5; })
            .close(Outcome::sent, {data(5), close_notify()}),
        "sent-first"}},
      {"corked-data-at-close", {connected().writes(5).close(Outcome::sent, {close_notify()}), ""}},
      {"transport-closed-over-unread-data", {closes_all({data(5)}, {End::reset}), "reset"}},
      {"transport-closed-over-unread-data", {closes_all({data(5)}, {End::hangup}), "orderly-end"}},
      {"transport-closed-over-unread-data", {closes_all({}, {End::reset}), ""}},
      {"transport-closed-over-unread-data", {closes_all({data(5)}, {}), ""}},
      {"transport-closed-over-unread-data",
       {connected().option("closes-transport").arrives(data(5)).io(Call::read, Flow::recv, 27).reads(2).close_write(Outcome::done).add(
            TransportEnd{Side::subject, false, false, End::reset}),
        ""}},
      {"transport-closed-when-the-alert-would-block", {closes_all_blocked({}), "lost"}},
      {"transport-closed-when-the-alert-would-block", {closes_all_blocked({close_notify()}), "sent"}},
      {"transport-closed-when-the-alert-would-block", {closes_all({}, {End::hangup}), ""}},
      {"ticket-while-closing",
       {closed().arrives(handshake_message("NewSessionTicket")).io(Call::close, Flow::recv, 200).close(Outcome::want_read), "ignored"}},
      {"ticket-while-closing", {closed().io(Call::close, Flow::recv, 200).close(Outcome::want_read), ""}},
      {"key-update-while-closing",
       {closed().arrives(handshake_message("KeyUpdate")).io(Call::close, Flow::recv, 27).close(Outcome::failed), "failed"}},
      {"key-update-while-closing", {closed().close(Outcome::want_read), ""}},
      {"key-update-while-closing",
       {connected()
            .arrives(handshake_message("KeyUpdate"))
            .io(Call::read, Flow::recv, 32)
            .reads(Outcome::want_read)
            .io(Call::close, Flow::recv, -1, "EAGAIN")
            .close(Outcome::want_read),
        ""}},
      {"hello-request-while-closing",
       {closed().arrives(handshake_message("HelloRequest")).io(Call::close, Flow::recv, 27).close(Outcome::failed), "failed"}},
      {"hello-request-while-closing", {closed().close(Outcome::want_read), ""}},
      {"change-cipher-spec-while-closing",
       {closed()
            .arrives(but(data(1), [](Record& it) { it.type = ContentType::change_cipher_spec; }))
            .io(Call::close, Flow::recv, 6)
            .close(Outcome::failed),
        "failed"}},
      {"change-cipher-spec-while-closing", {closed().close(Outcome::want_read), ""}},
      {"user-canceled-while-closing", {closed().arrives(alert(1, 90)).io(Call::close, Flow::recv, 24).close(Outcome::alert), "alert"}},
      {"user-canceled-while-closing", {closed().close(Outcome::want_read), ""}},
      {"plain-alert-while-closing",
       {closed().arrives(in_the_clear(close_notify())).io(Call::close, Flow::recv, 7).close(Outcome::failed), "failed"}},
      {"plain-alert-while-closing", {closed().close(Outcome::want_read), ""}},
      {"damaged-record-while-closing",
       {closed().arrives(damaged(close_notify())).io(Call::close, Flow::recv, 24).close(Outcome::failed), "failed"}},
      {"damaged-record-while-closing", {closed().close(Outcome::want_read), ""}},
      {"blocking-transport-that-would-block",
       {connected().io(Call::close, Flow::send, -1, "EAGAIN", true).close(Outcome::want_write), "want-write"}},
      {"blocking-transport-that-would-block", {closed(), ""}},
      {"blocking-transport-that-would-block",  // which is for the application's function to say
       {connected().option("callbacks").io(Call::close, Flow::send, -1, "EAGAIN", true).close(Outcome::want_write), ""}},
      {"interrupted-on-a-blocking-transport",
       {connected().io(Call::close, Flow::send, -1, "EINTR", true).close(Outcome::sent, {close_notify()}), "goes-on"}},
      {"interrupted-on-a-blocking-transport", {closed(), ""}},
      {"interrupted-on-a-blocking-transport",
       {connected().option("memory-bio").io(Call::close, Flow::send, -1, "EINTR", true).close(Outcome::want_write), ""}},
      {"interrupted-on-a-non-blocking-transport",
       {Tale(Tls::v1_3, Io::nonblocking).handshake().io(Call::close, Flow::send, -1, "EINTR", true).close(Outcome::interrupted),
        "interrupted"}},
      {"interrupted-on-a-non-blocking-transport",
       {connected().io(Call::close, Flow::send, -1, "EINTR", true).close(Outcome::interrupted), ""}},
      {"blocked-reader-when-another-thread-closes",
       {connected().blocks(Call::read, Flow::recv).beside(Call::close_write, Outcome::done).stays_blocked(Call::read, Flow::recv),
        "stays-blocked"}},
      {"blocked-reader-when-another-thread-closes", {connected().stays_blocked(Call::read, Flow::recv), ""}},
      {"resumable-after-clean-close", {resumes(closed().arrives(close_notify()).close(Outcome::done), "yes"), "yes"}},
      {"resumable-after-clean-close", {resumes(closed().arrives(close_notify()).close(Outcome::done), "no"), "no"}},
      {"resumable-after-clean-close", {resumes(closed(), "yes"), ""}},
      {"resumable-after-one-way-close", {resumes(closed(), "yes"), "yes"}},
      {"resumable-after-one-way-close", {resumes(closed(), "no"), "no"}},
      {"resumable-after-one-way-close", {resumes(connected(), "no"), ""}},
      {"resumable-after-cut", {resumes(connected().fin_arrives().reads(Outcome::cut), "no"), "no"}},
      {"resumable-after-cut", {resumes(connected().fin_arrives().reads(Outcome::cut), "yes"), "yes"}},
      {"resumable-after-cut", {resumes(closed(), "no"), ""}},
      {"resumable-after-fatal-alert", {resumes(connected().arrives(alert(2, 80)).reads(Outcome::alert), "no"), "no"}},
      {"resumable-after-fatal-alert", {resumes(connected().arrives(alert(2, 80)).reads(Outcome::alert), "yes"), "yes"}},
      {"resumable-after-fatal-alert", {resumes(closed(), "no"), ""}},
      {"resumable-after-no-close", {resumes(connected(), "yes"), "yes"}},
      {"resumable-after-no-close", {resumes(connected(), "no"), "no"}},
      {"resumable-after-no-close", {resumes(closed(), "no"), ""}},
      {"end-in-the-library", {end_taken().shows("pending", "7"), "pending"}},
      {"end-in-the-library", {end_taken().shows("pending", "0").shows("has-pending", "1"), "has-pending"}},
      {"end-in-the-library", {end_taken().shows("check-pending", "1"), "check-pending"}},
      {"end-in-the-library", {end_taken().shows("pending", "0").shows("alert", "1 0"), "alert"}},
      {"end-in-the-library", {end_taken().shows("has-pending", "0"), "nothing"}},
      {"end-in-the-library", {connected().arrives(data(5)).arrives(alert(0, 0)).reads(5).shows("has-pending", "0"), ""}},
      {"end-in-the-library", {connected().arrives(data(5)).reads(5).shows("pending", "0"), ""}},
      {"end-in-the-library", {connected().arrives(data(5000)).arrives(close_notify()).reads(5000).shows("pending", "0"), ""}},
      {"end-in-the-library", {connected().arrives(data(5)).arrives(close_notify()).reads(2).shows("pending", "3"), ""}},
      {"data-in-the-library", {connected().arrives(data(5)).reads(2).shows("pending", "3"), "yes"}},
      {"data-in-the-library", {connected().arrives(data(5)).reads(2).shows("pending", "0"), "no"}},
      {"data-in-the-library", {connected().arrives(data(5)).arrives(data(5)).reads(5).shows("pending", "0"), ""}},
      {"alert-for-a-rejected-certificate", {rejects({alert(2, 48)}), "yes"}},
      {"alert-for-a-rejected-certificate", {rejects(), "no"}},
      {"alert-for-a-rejected-certificate", {Tale().answers(Call::handshake, Outcome::failed, {alert(2, 48)}), ""}},
      {"close-after-a-rejected-certificate", {rejects({alert(2, 48)}).close(Outcome::refused), "refused"}},
      {"close-after-a-rejected-certificate", {Tale().answers(Call::handshake, Outcome::failed).close(Outcome::refused), ""}},
      {"close-notify-after-a-rejected-certificate", {rejects({alert(2, 48)}).close(Outcome::refused), "nothing"}},
      {"close-notify-after-a-rejected-certificate", {rejects().close(Outcome::done, {close_notify()}), "close_notify"}},
      {"close-notify-after-a-rejected-certificate", {closed(), ""}},
  };
  return all;
}

TEST(Traits, AnswerWhatTheRunTellsAndOnlyThat) {
  for (const auto& [name, it] : cases()) EXPECT_EQ(asked(name, it.run), it.answer) << name;
}

TEST(Traits, WhatTheManualForbidsIsNotSaidToBePossible) {
  const auto terms = parse_terms(R"TOML(
[[terms]]
stack   = "gnutls"
answers = ["end-of-data"]
forbids = ["read", "write"]
cites   = ["manual"]
says    = "After the end nothing is read or written."
)TOML",
                                 "terms.toml")
                         .terms;
  ASSERT_EQ(terms.size(), 1U);
  const Tale ended = connected().arrives(close_notify()).reads(Outcome::end_of_data);
  EXPECT_EQ(asked("write-after-peers-close-notify", Tale(ended).writes(5)), "allowed");
  EXPECT_EQ(asked("write-after-peers-close-notify", Tale(ended).writes(5), terms), "");
  EXPECT_EQ(asked("read-after-clean-end", Tale(ended).reads(Outcome::end_of_data)), "end-of-data");
  EXPECT_EQ(asked("read-after-clean-end", Tale(ended).reads(Outcome::end_of_data), terms), "");
}

TEST(Traits, EachHasRunsThatTellAndOneThatDoesNot) {
  for (const Trait& trait : traits()) {
    const auto [first, last] = cases().equal_range(trait.name);
    EXPECT_TRUE(std::any_of(first, last, [](const auto& it) { return it.second.answer.empty(); })) << trait.name;
    EXPECT_TRUE(std::any_of(first, last, [](const auto& it) { return !it.second.answer.empty(); })) << trait.name;
    EXPECT_FALSE(trait.question.empty() || trait.ref.empty());
    if (trait.answers.size() > 4) continue;  // an outcome's word
    for (const std::string_view answer : trait.answers)
      EXPECT_TRUE(std::any_of(first, last, [&](const auto& it) { return it.second.answer == answer; })) << trait.name << " = " << answer;
  }
}

}  // namespace
}  // namespace tlsbye
