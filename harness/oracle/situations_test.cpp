#include "harness/oracle/situations.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <functional>
#include <map>

#include "harness/oracle/oracle.h"
#include "harness/oracle/tale.h"
#include "harness/oracle/terms.h"

namespace tlsbye {
namespace {

using testing::ElementsAre;

bool fits(const Transcript& transcript, std::string_view word) {
  static const std::vector<Term> terms =
      parse_terms("[[terms]]\nstack = '*'\nafter = 'peek'\nanswers = 'refused'\nforbids = 'close'\ncites = 'ours'\nsays = 'no'\n",
                  "terms.toml")
          .terms;
  const Facts facts(transcript, terms);
  Given given;
  EXPECT_TRUE(given.add(word)) << word;
  // What only clauses speak of that name it is no matter here.
  for (const std::string_view unusual : {"threads", "forked", "flags-set", "alert-by-application", "corked", "cleared",
                                         "renegotiation-asked", "auto-retry-off", "stale-error", "time-ran-out", "descriptor-closed",
                                         "closed-quietly", "end-made-up", "extra-call-left-undone", "option-false-start",
                                         "transport-closed"}) {
    if (!word.ends_with(unusual)) given.allow(unusual);
  }
  const Facts* last = &facts;
  while (last->next()) last = last->next();
  const auto& calls = last->calls();
  if (word.ends_with("beside-a-write") && calls.size() > 1) return given.fits(*(calls.end() - 2));  // the write ends behind it
  return !calls.empty() && given.fits(calls.back());
}

Record change_cipher_spec() {
  return but(data(1), [](Record& it) { it.type = ContentType::change_cipher_spec; });
}
Record early_data() {
  return but(data(5), [](Record& it) { it.early = true, it.established = false; });
}
Record extensions(bool accept) {
  return but(handshake_message("EncryptedExtensions"), [&](Record& it) { it.accepts_early = accept, it.established = false; });
}
Record two_alerts() {
  return but(close_notify(), [](Record& it) { it.alert.reset(), it.content = std::string("\x01\x5a\x01\x00", 4), it.content_bytes = 4; });
}
// A second session, whose handshake says whether it resumed the first.
Transcript again(Role subject, bool offers, std::string resumed, Tls tls = Tls::v1_3) {
  Tale tale(tls);
  if (subject == Role::server) tale.as_server();
  tale.handshake().new_session(false);
  subject == Role::client ? tale.sent(Tale::hello(offers)) : tale.arrives(Tale::hello(offers));
  return tale.handshake().shows("resumed", std::move(resumed));
}
Tale warned(int times) {
  Tale tale = connected();
  while (times-- > 0) tale.arrives(alert(1, 90));
  return tale;
}
Tale closes_after(const std::function<void(Tale&)>& story) {
  Tale tale = connected();
  story(tale);
  return tale.close(Outcome::want_read);
}

// A KeyUpdate with that request_update (RFC 8446 4.6.3).
Record key_update(char request) {
  return but(handshake_message("KeyUpdate"), [&](Record& it) {
    it.content = std::string("\x18\0\0\x01", 4) + request;
    it.content_bytes = it.content.size();
  });
}

// So many of its bytes, in a record of their own.
Record part_of_key_update(std::size_t from, std::size_t bytes) {
  return but(key_update(1), [&](Record& it) {
    it.content = it.content.substr(from, bytes);
    it.content_bytes = it.content.size();
    if (from > 0) it.handshake.clear();
  });
}

// For each word a run whose last call is in that situation, and one whose last call is not.
struct Pair {
  Transcript so, not_so;
};
const std::map<std::string_view, Pair>& pairs() {
  const Transcript plain_close = connected().close(Outcome::want_read);
  const auto arrived = [&](Record record) { return Pair{connected().arrives(std::move(record)).close(Outcome::want_read), plain_close}; };
  const auto after = [&](const std::function<void(Tale&)>& story) { return Pair{closes_after(story), plain_close}; };
  const auto met = [&](Flow flow, long result, std::string error = {}) {
    return Pair{connected().io(Call::close, flow, result, std::move(error), false, 24).close(Outcome::want_read), plain_close};
  };
  static const std::map<std::string_view, Pair> all{
      {"close-notify-arrived", arrived(close_notify())},
      {"whole-close-notify-arrived",
       {connected().arrives(two_alerts()).arrives(close_notify()).close(Outcome::done),
        connected().arrives(two_alerts()).close(Outcome::done)}},
      {"fatal-close-notify-arrived",
       {connected().arrives(alert(2, 0)).close(Outcome::done), connected().arrives(alert(1, 0)).close(Outcome::done)}},
      {"data-arrived", arrived(data(5))},
      {"data-after-close-notify-arrived",
       {connected().arrives(close_notify()).arrives(data(5)).close(Outcome::done),
        connected().arrives(data(5)).arrives(close_notify()).close(Outcome::done)}},
      {"fin-arrived", after([](Tale& tale) { tale.fin_arrives(); })},
      {"reset-arrived", {connected().reset_arrives().close(Outcome::reset), connected().fin_arrives().close(Outcome::cut)}},
      {"fatal-alert-arrived",
       {connected().arrives(alert(2, 80)).close(Outcome::alert), connected().arrives(alert(1, 90)).close(Outcome::want_read)}},
      {"error-alert-before-data",
       {connected().arrives(alert(2, 80)).arrives(data(5)).reads(Outcome::alert),
        connected().arrives(data(5)).arrives(alert(2, 80)).reads(5)}},
      {"warning-alert-arrived",
       {Tale(Tls::v1_2).handshake().arrives(alert(1, 100)).close(Outcome::alert),
        connected().arrives(alert(1, 100)).close(Outcome::alert)}},
      {"user-canceled-arrived", arrived(alert(1, 90))},
      {"plain-record-arrived",
       {connected().arrives(in_the_clear(alert(1, 0))).close(Outcome::failed),
        Tale().arrives(in_the_clear(handshake_message("ServerHello"))).handshake()}},
      {"plain-alert-arrived",
       {connected().arrives(in_the_clear(alert(1, 0))).close(Outcome::failed),
        connected().arrives(in_the_clear(data(5))).close(Outcome::failed)}},
      {"change-cipher-spec-arrived",
       {connected().arrives(change_cipher_spec()).close(Outcome::failed),
        Tale().arrives(in_the_clear(change_cipher_spec())).handshake().close(Outcome::want_read)}},
      {"damaged-record-arrived", arrived(damaged(close_notify()))},
      {"raw-bytes-arrived", arrived(raw_bytes("HTTP/1.1 200 OK"))},
      {"partial-record-arrived", arrived(cut_short(close_notify()))},
      {"empty-data-arrived",
       {connected().arrives(data(0)).close(Outcome::want_read), connected().arrives(data(1)).close(Outcome::want_read)}},
      {"post-handshake-message-arrived", arrived(handshake_message("NewSessionTicket"))},
      {"ticket-arrived",
       {connected().arrives(handshake_message("NewSessionTicket")).close(Outcome::sent),
        connected().arrives(handshake_message("KeyUpdate")).close(Outcome::sent)}},
      {"key-update-arrived", arrived(handshake_message("KeyUpdate"))},
      {"key-update-request-arrived",
       {connected().arrives(key_update(1)).close(Outcome::sent),
        connected().arrives(key_update(0)).close(Outcome::sent)}},
      {"hello-request-arrived", arrived(handshake_message("HelloRequest"))},
      {"two-hello-requests-arrived",
       {connected().arrives(handshake_message("HelloRequest")).arrives(handshake_message("HelloRequest")).close(Outcome::sent),
        connected().arrives(handshake_message("HelloRequest")).close(Outcome::sent)}},
      {"message-in-pieces-arrived",
       {connected().arrives(part_of_key_update(0, 2)).arrives(part_of_key_update(2, 3)).close(Outcome::sent),
        connected().arrives(key_update(1)).close(Outcome::sent)}},
      {"unexpected-message-arrived",
       {connected().arrives(handshake_message("HelloRequest")).close(Outcome::sent),
        connected().arrives(handshake_message("KeyUpdate")).close(Outcome::sent)}},
      {"several-oddities-arrived",
       {connected().arrives(data(0)).arrives(alert(1, 90)).arrives(alert(2, 80)).close(Outcome::alert),
        connected().arrives(data(5)).arrives(handshake_message("KeyUpdate")).arrives(alert(2, 80)).close(Outcome::alert)}},
      {"nothing-arrived", {plain_close, connected().arrives(raw_bytes("x")).close(Outcome::failed)}},
      {"unknown-alert-arrived",
       {connected().arrives(alert(1, 201)).close(Outcome::alert), connected().arrives(alert(2, 80)).close(Outcome::alert)}},
      {"many-warnings-arrived", {warned(5).close(Outcome::failed), warned(4).close(Outcome::want_read)}},
      {"data-after-user-canceled-arrived",
       {connected().arrives(alert(1, 90)).arrives(data(1)).reads(1), connected().arrives(data(1)).arrives(alert(1, 90)).reads(1)}},
      {"ordinary-traffic",
       {connected().arrives(data(9)).arrives(close_notify()).fin_arrives().close(Outcome::done),
        connected().arrives(data(0)).close(Outcome::want_read)}},
      {"alert-in-pieces-arrived",
       arrived(but(close_notify(), [](Record& it) { it.alert.reset(), it.content = "\x01", it.content_bytes = 1; }))},
      {"alerts-together-arrived", arrived(two_alerts())},
      {"empty-alert-arrived", arrived(but(close_notify(), [](Record& it) { it.alert.reset(), it.content = "", it.content_bytes = 0; }))},
      {"padded-alert-arrived", arrived(but(close_notify(), [](Record& it) { it.wire_bytes += 100; }))},
      {"certificate-request-arrived", arrived(handshake_message("CertificateRequest"))},
      {"close-notify-in-handshake-arrived",
       {Tale().arrives(in_the_clear(close_notify())).answers(Call::handshake, Outcome::failed),
        connected().arrives(close_notify()).close(Outcome::done)}},
      {"handshake-done", {plain_close, Tale().answers(Call::handshake, Outcome::failed).close(Outcome::refused)}},
      {"handshake-begun", {Tale().answers(Call::handshake, Outcome::failed).close(Outcome::refused), Tale().close(Outcome::refused)}},
      {"data-before-own-end-arrived",
       {connected().arrives(data(5)).close(Outcome::sent, {close_notify()}).reads(5),
        connected().close(Outcome::sent, {close_notify()}).arrives(data(5)).reads(5)}},
      {"unread-data",
       {connected().arrives(data(5)).reads(4).close(Outcome::done), connected().arrives(data(5)).reads(5).close(Outcome::done)}},
      {"own-close-notify-sent",
       {connected().close(Outcome::sent, {close_notify()}).close(Outcome::done), connected().close(Outcome::sent, {close_notify()})}},
      {"close-called", after([](Tale& tale) { tale.close(Outcome::failed); })},
      {"close-write-called", after([](Tale& tale) { tale.close_write(Outcome::failed); })},
      {"close-done", {connected().close(Outcome::done).close(Outcome::done), connected().close(Outcome::sent).close(Outcome::done)}},
      {"close-done-twice",
       {connected().close(Outcome::done).close(Outcome::done).close(Outcome::done), connected().close(Outcome::done).close(Outcome::done)}},
      {"close-sent", after([](Tale& tale) { tale.close(Outcome::sent); })},
      {"close-waiting", after([](Tale& tale) { tale.close(Outcome::want_read); })},
      {"close-blocked-on-write", after([](Tale& tale) { tale.close(Outcome::want_write); })},
      {"close-write-done", after([](Tale& tale) { tale.close_write(Outcome::done); })},
      {"end-of-data-read", after([](Tale& tale) { tale.reads(Outcome::end_of_data); })},
      {"cut-reported", after([](Tale& tale) { tale.reads(Outcome::cut); })},
      {"reset-reported", after([](Tale& tale) { tale.answers(Call::write, Outcome::reset); })},
      {"write-broken", {closes_after([](Tale& tale) { tale.answers(Call::write, Outcome::reset); }), closes_after([](Tale& tale) {
                          tale.reads(Outcome::reset);
                        })}},
      {"sending-broke",
       {closes_after([](Tale& tale) { tale.io(Call::write, Flow::send, -1, "ECONNRESET").answers(Call::write, Outcome::failed); }),
        closes_after([](Tale& tale) { tale.io(Call::read, Flow::recv, -1, "ECONNRESET").reads(Outcome::reset); })}},
      {"read-called", {connected().reads(5).close(Outcome::done), connected().close(Outcome::sent).close(Outcome::done)}},
      {"alert-reported", after([](Tale& tale) { tale.close(Outcome::alert); })},
      {"error-reported",
       {closes_after([](Tale& tale) { tale.reads(Outcome::failed); }), closes_after([](Tale& tale) { tale.reads(Outcome::refused); })}},
      {"write-unfinished", {closes_after([](Tale& tale) { tale.answers(Call::write, Outcome::want_write); }), closes_after([](Tale& tale) {
                              tale.answers(Call::write, Outcome::want_write).writes(5);
                            })}},
      {"repeated", {connected().close(Outcome::sent).close(Outcome::done), connected().close(Outcome::done).close(Outcome::done)}},
      {"first", {plain_close, connected().close(Outcome::done).close(Outcome::done)}},
      {"own-fin", after([](Tale& tale) { tale.script("fin"); })},
      {"in-good-order", {plain_close, connected().reads(Outcome::cut).close(Outcome::refused)}},
      {"own-fatal-alert-sent",
       {connected().answers(Call::read, Outcome::failed, {alert(2, 20)}).close(Outcome::refused),
        connected().answers(Call::read, Outcome::failed, {alert(1, 90)}).close(Outcome::refused)}},
      {"own-warning-alert-sent",
       {Tale(Tls::v1_2).handshake().answers(Call::read, Outcome::want_read, {alert(1, 100)}).close(Outcome::sent),
        Tale(Tls::v1_2).handshake().close(Outcome::sent, {close_notify()}).close(Outcome::done)}},
      {"own-user-canceled-sent", after([](Tale& tale) { tale.answers(Call::read, Outcome::want_read, {alert(1, 90)}); })},
      {"handshake-failed", {Tale().answers(Call::handshake, Outcome::alert).close(Outcome::refused), plain_close}},
      {"end-of-data-peeked", after([](Tale& tale) { tale.extra(Call::peek, "", Outcome::end_of_data); })},
      {"read-unfinished", {closes_after([](Tale& tale) { tale.reads(Outcome::want_read); }), closes_after([](Tale& tale) {
                             tale.reads(Outcome::want_read).writes(5);
                           })}},
      {"pending-shown", {closes_after([](Tale& tale) { tale.reads(5).shows("pending", "7"); }), closes_after([](Tale& tale) {
                           tale.reads(5).shows("pending", "0");
                         })}},
      {"unsent-shown", {closes_after([](Tale& tale) { tale.writes(5).shows("unsent", "27"); }), closes_after([](Tale& tale) {
                          tale.writes(5).shows("unsent", "0");
                        })}},
      {"fatal-shown",
       {closes_after([](Tale& tale) { tale.answers(Call::read, Outcome::failed).shows("fatal", "yes"); }),
        closes_after([](Tale& tale) { tale.answers(Call::read, Outcome::failed).shows("fatal", "no"); })}},
      {"sent-flag-shown", {closes_after([](Tale& tale) { tale.reads(5).shows("shutdown", "SENT|RECEIVED"); }), closes_after([](Tale& tale) {
                             tale.reads(5).shows("shutdown", "RECEIVED");
                           })}},
      {"received-flag-shown",
       {closes_after([](Tale& tale) { tale.reads(5).shows("shutdown", "SENT|RECEIVED"); }),
        closes_after([](Tale& tale) { tale.reads(5).shows("shutdown", "SENT"); })}},
      {"key-update-owed", {closes_after([](Tale& tale) { tale.extra(Call::key_update); }), closes_after([](Tale& tale) {
                             tale.extra(Call::key_update).sent(handshake_message("KeyUpdate"));
                           })}},
      {"session-kept",
       {closes_after([](Tale& tale) { tale.arrives(handshake_message("NewSessionTicket")).extra(Call::keep_session); }),
        closes_after([](Tale& tale) { tale.extra(Call::keep_session).arrives(handshake_message("NewSessionTicket")); })}},
      {"own-ticket-lost", after([](Tale& tale) {
         const int ticket = tale.next_number() + 1;  // behind the transport call that handed it over
         tale.sent(handshake_message("NewSessionTicket"), false).add(Lost{ticket, Lost::Why::dropped});
       })},
      {"against-terms", after([](Tale& tale) { tale.answers(Call::peek, Outcome::refused); })},
      {"session-offered", {again(Role::client, true, "no"), again(Role::client, false, "no")}},
      {"resumption-decided", {again(Role::client, false, "no"), again(Role::client, true, "no")}},
      {"call-refused", after([](Tale& tale) { tale.reads(Outcome::refused); })},
      {"session-resumed",
       {connected().shows("resumed", "yes").close(Outcome::sent), connected().shows("resumed", "no").close(Outcome::sent)}},
      {"later-session", {connected().new_session().handshake().close(Outcome::sent), plain_close}},
      {"same-transport", {connected().new_session(true).handshake(), connected().new_session(false).handshake()}},
      {"time-limited", {closes_after([](Tale& tale) { tale.extra(Call::set, "timeout 300"); }), closes_after([](Tale& tale) {
                          tale.extra(Call::set, "timeout 300").extra(Call::set, "timeout 0");
                        })}},
      {"quiet-shutdown-on", {closes_after([](Tale& tale) { tale.extra(Call::set, "quiet-shutdown on"); }), closes_after([](Tale& tale) {
                               tale.extra(Call::set, "quiet-shutdown on").extra(Call::set, "quiet-shutdown off");
                             })}},
      {"context-quiet-shutdown-on", after([](Tale& tale) { tale.extra(Call::set, "context-quiet-shutdown on"); })},
      {"option-callbacks", {Tale().option("callbacks").handshake(), connected()}},
      {"option-session-cache", {Tale().option("session-cache").handshake(), connected()}},
      {"option-require-certificate", {Tale().option("require-certificate").handshake(), connected()}},
      {"option-post-handshake-auth", {Tale().option("post-handshake-auth").handshake(), connected()}},
      {"option-no-signal", {Tale().option("no-signal").handshake(), connected()}},
      {"option-receive-seq", {Tale().option("receive-seq").handshake(), connected()}},
      {"option-receive-packet", {Tale().option("receive-packet").handshake(), connected()}},
      {"option-due-alert", {Tale().option("due-alert").handshake(), connected()}},
      {"option-verify-certificate", {Tale().option("verify-certificate").handshake(), connected()}},
      {"starved", {connected().io(Call::close, Flow::send, -1, "ENOMEM", true).close(Outcome::failed), connected().close(Outcome::failed)}},
      {"option-false-start", {Tale(Tls::v1_2).option("false-start").handshake(), connected()}},
      {"false-started",
       {Tale(Tls::v1_2).option("false-start").handshake().close(Outcome::sent),
        Tale(Tls::v1_2).option("false-start").arrives(handshake_message("Finished")).handshake().close(Outcome::sent)}},
      {"option-hybrid-key-share", {Tale().option("hybrid-key-share").handshake(), connected()}},
      {"option-closes-transport", {Tale().option("closes-transport").handshake(), connected()}},
      {"transport-closed",
       {Tale().option("closes-transport").handshake().answers(Call::close_write, Outcome::failed).reads(Outcome::refused),
        connected().answers(Call::close_write, Outcome::done).reads(Outcome::refused)}},
      {"option-early-data", {Tale().option("early-data").handshake(), connected()}},
      {"early-data-arrived", {Tale().as_server().arrives(early_data()).handshake(), Tale().as_server().arrives(data(5)).handshake()}},
      {"end-of-early-data-arrived",
       {Tale().as_server().arrives(handshake_message("EndOfEarlyData")).handshake(), Tale().as_server().arrives(early_data()).handshake()}},
      {"finished-arrived", {Tale().arrives(handshake_message("Finished")).handshake(), connected()}},
      {"early-data-accepted", {Tale().arrives(extensions(true)).handshake(), Tale().arrives(extensions(false)).handshake()}},
      {"early-data-refused",
       {Tale().as_server().answers(Call::handshake, Outcome::done, {extensions(false)}),
        Tale().as_server().answers(Call::handshake, Outcome::done, {extensions(true)})}},
      {"early-data-sent",
       {Tale().answers(Call::write_early, Outcome::done, {early_data()}), Tale().answers(Call::write_early, Outcome::done, {data(5)})}},
      {"early-data-called",
       {Tale().extra(Call::write_early).handshake(), Tale().extra(Call::write_early, "", Outcome::refused).handshake()}},
      {"option-no-eof-control", {Tale().option("no-eof-control").handshake(), connected()}},
      {"option-memory-bio", {Tale().option("memory-bio").handshake(), connected()}},
      {"threads", after([](Tale& tale) { tale.beside(Call::write, Outcome::done); })},
      {"forked", after([](Tale& tale) { tale.beside(Call::write, Outcome::done, Aside::process); })},
      {"flags-set", after([](Tale& tale) { tale.extra(Call::set, "shutdown SENT"); })},
      {"alert-by-application", after([](Tale& tale) { tale.extra(Call::send_alert, "1 90"); })},
      {"corked", {closes_after([](Tale& tale) { tale.extra(Call::set, "cork on"); }), closes_after([](Tale& tale) {
                    tale.extra(Call::set, "cork on").extra(Call::set, "cork off");
                  })}},
      {"cleared", after([](Tale& tale) { tale.extra(Call::clear); })},
      {"renegotiation-asked", after([](Tale& tale) { tale.extra(Call::renegotiate); })},
      {"auto-retry-off", after([](Tale& tale) { tale.extra(Call::set, "auto-retry off"); })},
      {"authentic-traffic",
       {connected().arrives(data(5)).arrives(handshake_message("KeyUpdate")).close(Outcome::done),
        connected().arrives(damaged(data(5))).close(Outcome::failed)}},
      {"recv-short",
       {connected().io(Call::close, Flow::recv, 3, {}, true).close(Outcome::done),
        connected().io(Call::close, Flow::recv, 3).close(Outcome::done)}},
      {"call-left-undone", after([](Tale& tale) { tale.answers(Call::write, Outcome::want_write); })},
      {"extra-call-left-undone", after([](Tale& tale) { tale.extra(Call::key_update, "", Outcome::want_write); })},
      {"oversized-record-arrived",
       {connected().arrives(data(16385)).close(Outcome::failed), connected().arrives(data(16384)).close(Outcome::failed)}},
      {"bytes-past-tls", after([](Tale& tale) { tale.script("raw-write", "X"); })},
      {"closed-quietly",
       {Tale().option("quiet-shutdown").handshake().close(Outcome::done).reads(Outcome::end_of_data),
        Tale().option("quiet-shutdown").handshake().reads(Outcome::end_of_data)}},
      {"end-made-up",
       {connected().io(Call::read, Flow::recv, 0, "", true).reads(Outcome::cut).close(Outcome::cut),
        connected().io(Call::read, Flow::recv, 0).reads(Outcome::cut).close(Outcome::cut)}},
      {"descriptor-closed", after([](Tale& tale) { tale.script("hangup"); })},
      {"stale-error", after([](Tale& tale) { tale.extra(Call::set, "stale-error on"); })},
      {"time-ran-out",
       {connected().extra(Call::set, "timeout 300").blocks(Call::close, Flow::recv).passes(300).close(Outcome::failed),
        connected().extra(Call::set, "timeout 300").blocks(Call::close, Flow::recv).passes(299).close(Outcome::failed)}},
      {"beside", {connected().beside(Call::close, Outcome::sent), connected().beside(Call::write, Outcome::done).close(Outcome::sent)}},
      {"beside-a-write",
       {connected().blocks(Call::write, Flow::send).beside(Call::close_write, Outcome::done).answers(Call::write, Outcome::refused),
        connected().blocks(Call::read, Flow::recv).beside(Call::close_write, Outcome::done).reads(Outcome::refused)}},
      {"accompanied",
       {connected().blocks(Call::read, Flow::recv).beside(Call::close, Outcome::sent).reads(Outcome::end_of_data),
        connected().reads(Outcome::want_read).beside(Call::close, Outcome::sent).reads(Outcome::end_of_data)}},
      {"nothing-to-wait-with",
       {Tale().option("callbacks").handshake().extra(Call::set, "timeout 300").close(Outcome::failed),
        Tale().option("callbacks").handshake().close(Outcome::want_read)}},
      {"sent-beside",
       {connected().beside(Call::write, Outcome::done, Aside::process).close(Outcome::sent),
        connected().beside(Call::read, Outcome::done, Aside::process).reads(5).close(Outcome::sent)}},
      {"received-beside",
       {connected().beside(Call::read, Outcome::done, Aside::process).close(Outcome::sent),
        connected().beside(Call::close_write, Outcome::done, Aside::process).reads(5).close(Outcome::sent)}},
      {"waited", {connected().blocks(Call::close, Flow::recv).passes(1).close(Outcome::cut), plain_close}},
      {"fault-injected", {connected().io(Call::close, Flow::send, -1, "EAGAIN", true).close(Outcome::want_write), plain_close}},
      {"option-ignore-eof", {Tale().option("ignore-eof").handshake(), Tale().option("tickets").handshake()}},
      {"option-quiet-shutdown", {Tale().option("quiet-shutdown").handshake(), connected()}},
      {"option-tickets", {Tale().option("ignore-eof").option("tickets").handshake(), connected()}},
      {"option-read-ahead", {Tale().option("read-ahead").handshake(), connected()}},
      {"send-would-block", met(Flow::send, -1, "EAGAIN")},
      {"recv-would-block", {connected().blocks(Call::close, Flow::recv).close(Outcome::done), plain_close}},
      {"send-interrupted", met(Flow::send, -1, "EINTR")},
      {"recv-interrupted", met(Flow::recv, -1, "EINTR")},
      {"send-broken", met(Flow::send, -1, "EPIPE")},
      {"recv-reset", met(Flow::recv, -1, "ECONNRESET")},
      {"recv-eof", met(Flow::recv, 0)},
      {"send-short", met(Flow::send, 7)},
      {"sending-untroubled", {plain_close, connected().io(Call::close, Flow::send, -1, "EAGAIN").close(Outcome::want_write)}},
      {"receiving-untroubled", {plain_close, connected().io(Call::close, Flow::recv, 0).close(Outcome::cut)}},
  };
  return all;
}

TEST(Situations, EachWordIsSoInOneRunAndNotInAnother) {
  for (const Situation& situation : situations()) {
    const auto pair = pairs().find(situation.name);
    ASSERT_NE(pair, pairs().end()) << situation.name << " has no pair of runs";
    const std::string opposite = "not " + std::string(situation.name);
    EXPECT_TRUE(fits(pair->second.so, situation.name)) << situation.name;
    EXPECT_FALSE(fits(pair->second.so, opposite)) << situation.name;
    EXPECT_FALSE(fits(pair->second.not_so, situation.name)) << situation.name;
    EXPECT_TRUE(fits(pair->second.not_so, opposite)) << situation.name;
  }
  EXPECT_EQ(pairs().size(), situations().size());
}

TEST(Situations, WhatTheApplicationDidToTheLibraryMustBeNamed) {
  const Transcript forged = connected().extra(Call::set, "shutdown RECEIVED").close(Outcome::done, {close_notify()});
  const Facts facts(forged);
  const auto speaks = [&](std::string_view word) {
    Given given;
    EXPECT_TRUE(given.add(word));
    return given.fits(facts.calls().back());
  };
  EXPECT_FALSE(speaks("handshake-done"));
  EXPECT_TRUE(speaks("flags-set"));
  EXPECT_FALSE(speaks("not flags-set"));
}

TEST(Situations, AReadOrAWriteMayHaveShakenHandsByItself) {
  const Record finished = but(handshake_message("Finished"), [](Record& it) { it.established = false; });
  for (const Call call : {Call::read, Call::peek, Call::write}) {
    const Transcript implicit = Tale().arrives(finished).answers(call, Outcome::done).close(Outcome::sent);
    EXPECT_FALSE(fits(implicit, "handshake-done")) << spell(call);
    EXPECT_FALSE(fits(implicit, "not handshake-done")) << spell(call);
    // Nothing had come under any key, so that there were none.
    EXPECT_TRUE(fits(Tale().answers(call, Outcome::done).close(Outcome::sent), "not handshake-done")) << spell(call);
  }
  EXPECT_TRUE(fits(Tale().arrives(finished).answers(Call::handshake, Outcome::failed).close(Outcome::sent), "not handshake-done"));
}

TEST(Situations, ASessionTakesItsContextsQuietShutdown) {
  const Transcript run =
      connected().extra(Call::set, "context-quiet-shutdown on").close(Outcome::sent).new_session().handshake().close(Outcome::done);
  EXPECT_TRUE(fits(run, "quiet-shutdown-on"));
  EXPECT_TRUE(fits(run, "not formerly quiet-shutdown-on"));
}

TEST(Situations, TheEndOfTheDataIsAnErrorWhereItIsToldToAWrite) {
  EXPECT_TRUE(fits(closes_after([](Tale& tale) { tale.answers(Call::write, Outcome::end_of_data); }), "error-reported"));
  EXPECT_FALSE(fits(closes_after([](Tale& tale) { tale.reads(Outcome::end_of_data); }), "error-reported"));
}

TEST(Situations, HalfATicketIsNone) {
  const auto begun = [](std::size_t bytes) {
    return but(handshake_message("NewSessionTicket"),
               [&](Record& it) { it.content = std::string("\4\0\0\4abcd", 8).substr(0, bytes), it.content_bytes = bytes; });
  };
  const auto ticket = [&](std::size_t bytes) { return connected().arrives(begun(bytes)).close(Outcome::sent); };
  EXPECT_FALSE(fits(ticket(2), "ticket-arrived"));
  EXPECT_FALSE(fits(ticket(7), "ticket-arrived"));
  EXPECT_TRUE(fits(ticket(8), "ticket-arrived"));
}

TEST(Situations, FormerlyIsTheEndOfTheSessionBefore) {
  const Transcript run = connected()
                             .close(Outcome::sent, {close_notify()})
                             .new_session()
                             .handshake()
                             .arrives(close_notify())
                             .reads(Outcome::end_of_data)
                             .new_session()
                             .handshake()
                             .close(Outcome::sent);
  EXPECT_TRUE(fits(run, "formerly end-of-data-read"));
  EXPECT_FALSE(fits(run, "formerly own-close-notify-sent")) << "that was the one before";
  EXPECT_FALSE(fits(run, "end-of-data-read")) << "a new session knows nothing";
  EXPECT_TRUE(fits(run, "not close-notify-arrived"));
  EXPECT_TRUE(fits(run, "formerly close-notify-arrived"));
  Given given;
  EXPECT_FALSE(given.add("formerly first")) << "a session that is over is at no call";
}

TEST(Facts, WhetherASessionIsResumedIsDecidedByAServerThatWasOfferedOneAndByAClientThatOffersNone) {
  for (const Tls tls : {Tls::v1_2, Tls::v1_3}) {
    EXPECT_TRUE(fits(again(Role::server, true, "no", tls), "resumption-decided")) << "it refused";
    EXPECT_FALSE(fits(again(Role::server, false, "no", tls), "resumption-decided")) << "there was nothing to refuse";
    EXPECT_TRUE(fits(again(Role::client, false, "no", tls), "resumption-decided")) << "it let go of the session";
    EXPECT_FALSE(fits(again(Role::client, true, "no", tls), "resumption-decided")) << "the server refused";
    for (const Role role : {Role::client, Role::server}) EXPECT_TRUE(fits(again(role, true, "yes", tls), "resumption-decided"));
  }
}

TEST(Facts, ASessionThatIsNotResumedOnceTimeHasPassedMayHaveReachedItsEnd) {
  for (const std::string_view told : {"no", "yes"}) {
    Tale tale(Tls::v1_2);
    tale.as_server().option("session-cache").handshake().passes(172'800'000).new_session(false).arrives(Tale::hello(true)).handshake();
    tale.shows("resumed", std::string(told));
    EXPECT_EQ(fits(tale, "resumption-decided"), told == "yes");
    EXPECT_FALSE(fits(tale, "not resumption-decided"));
  }
}

TEST(Facts, AClientOfTls13KeepsASessionOnlyWhereATicketHasCome) {
  const Record ticket = handshake_message("NewSessionTicket");
  const auto kept = [](const Tale& tale, std::string_view word = "session-kept") { return fits(Tale(tale).close(Outcome::sent), word); };
  EXPECT_TRUE(kept(connected().arrives(ticket).extra(Call::keep_session)));
  EXPECT_TRUE(kept(connected().sent(ticket).as_server().partner(Call::keep_session, Outcome::done)));
  EXPECT_TRUE(kept(Tale(Tls::v1_2).handshake().extra(Call::keep_session)));
  EXPECT_TRUE(kept(connected().extra(Call::keep_session), "not session-kept"));
  EXPECT_TRUE(kept(connected().as_server().partner(Call::keep_session, Outcome::done), "not session-kept"));
  EXPECT_TRUE(kept(connected().arrives(ticket).extra(Call::keep_session, "", Outcome::refused), "not session-kept"));
  EXPECT_TRUE(kept(connected().arrives(ticket).extra(Call::keep_session).shows("resumable", "no"), "not session-kept"));
  const Tale unread = connected().arrives(unreadable()).extra(Call::keep_session);
  EXPECT_FALSE(kept(unread)) << "that may have been the ticket";
  EXPECT_FALSE(kept(unread, "not session-kept")) << "that may have been the ticket";
}

TEST(Facts, EachSessionHasItsOwn) {
  const Transcript run = connected().close(Outcome::sent, {close_notify()}).new_session(false).handshake().writes(5);
  const Facts facts(run);
  ASSERT_NE(facts.next(), nullptr);
  EXPECT_EQ(facts.former(), nullptr);
  EXPECT_EQ(facts.next()->former(), &facts);
  EXPECT_EQ(facts.next()->next(), nullptr);
  EXPECT_EQ(facts.calls().size(), 2U);
  EXPECT_EQ(facts.sent_close_notifies().size(), 1U);
  EXPECT_TRUE(facts.next()->sent_close_notifies().empty());
  EXPECT_FALSE(facts.next()->same_transport());
}

TEST(Facts, WhatACallThatWaitsHasSentWasSentBeforeACallBesideIt) {
  const Transcript run = connected()
                             .io(Call::close, Flow::send, 24)
                             .blocks(Call::close, Flow::recv)
                             .sent(close_notify())
                             .beside(Call::close_write, Outcome::done)
                             .close(Outcome::done);
  const Facts facts(run);
  ASSERT_EQ(facts.calls().size(), 3u);
  EXPECT_EQ(facts.calls()[1].call, Call::close_write);
  EXPECT_TRUE(is_so(facts.calls()[1].before.own_close_notify));
  EXPECT_FALSE(is_so(facts.calls()[2].before.own_close_notify)) << "it was that call itself";
}

TEST(Facts, ACallBesideOneThatWaitsIsNoPartOfIt) {
  const Transcript run = connected()
                             .blocks(Call::read, Flow::recv)
                             .beside(Call::close_write, Outcome::done, Aside::thread, {close_notify()})
                             .arrives(close_notify())
                             .reads(Outcome::end_of_data);
  const Facts facts(run);
  ASSERT_EQ(facts.calls().size(), 3U);
  const SubjectCall& beside = facts.calls()[1];
  const SubjectCall& waiting = facts.calls()[2];
  EXPECT_EQ(beside.call, Call::close_write);
  EXPECT_EQ(beside.met.recv, never);
  EXPECT_TRUE(is_so(beside.met.send));
  EXPECT_LT(waiting.began, beside.began);
  EXPECT_EQ(waiting.met.send, never) << "the other one sent it";
  EXPECT_EQ(waiting.before.own_close_notify, never);
  EXPECT_EQ(facts.sent().back().owner, 1);
}

TEST(Facts, AWaitThatIsInterruptedIsAnInterruptionAndAllElseThatMovesNoBytesIsNothingThatTheCallMet) {
  const auto met = [](const char* function, const char* error, bool injected) {
    const Transcript run = connected()
                               .add(TransportCall{Side::subject, Call::close, 2, function, Flow::recv, 0, *error ? -1 : 0, error, injected})
                               .close(Outcome::want_read);
    return Facts(run).calls().back().met;
  };
  for (const char* function : {"poll", "select", "pselect", "epoll_wait"}) {
    EXPECT_TRUE(is_so(met(function, "EINTR", true).recv_interrupted)) << function;
    EXPECT_TRUE(is_so(met(function, "EINTR", true).injected)) << function;
    EXPECT_EQ(met(function, "", false).recv, never) << function;
  }
  for (const char* function : {"close", "shutdown", "recv(MSG_PEEK)", "sendfile"}) {
    EXPECT_EQ(met(function, "", false).recv_eof, never) << function;
    EXPECT_EQ(met(function, "ECONNRESET", true).recv_reset, never) << function;
  }
}

TEST(Situations, AlreadySaysThatItArrivedBeforeTheCallBegan) {
  const Transcript before = connected().arrives(close_notify()).close(Outcome::done);
  const Transcript during =
      connected().blocks(Call::close, Flow::recv).arrives(close_notify()).io(Call::close, Flow::recv, 24).close(Outcome::done);
  EXPECT_TRUE(fits(before, "already close-notify-arrived"));
  EXPECT_FALSE(fits(during, "already close-notify-arrived"));
  EXPECT_TRUE(fits(during, "not already close-notify-arrived"));
  EXPECT_TRUE(fits(during, "close-notify-arrived"));
}

TEST(Situations, NewlySaysThatTheLibraryHadNotTakenItOffTheTransportBeforeTheCallBegan) {
  const auto came = [] { return connected().arrives(key_update(0)); };
  const auto takes = [&](long bytes) { return came().io(Call::read, Flow::recv, bytes).reads(Outcome::want_read); };
  const long whole = static_cast<long>(key_update(0).wire_bytes);
  const Transcript before = takes(whole).close(Outcome::sent);
  EXPECT_TRUE(fits(before, "already key-update-arrived"));
  EXPECT_FALSE(fits(before, "newly key-update-arrived"));
  EXPECT_TRUE(fits(before, "not newly key-update-arrived"));
  EXPECT_TRUE(fits(takes(whole - 1).close(Outcome::sent), "newly key-update-arrived")) << "its last byte lies there";
  EXPECT_TRUE(fits(came().io(Call::close, Flow::recv, whole).close(Outcome::sent), "newly key-update-arrived"));
  EXPECT_TRUE(fits(connected().blocks(Call::close, Flow::recv).arrives(key_update(0)).close(Outcome::sent), "newly key-update-arrived"));
  EXPECT_TRUE(fits(connected().close(Outcome::sent), "not newly key-update-arrived"));
}

TEST(Situations, WhatLiesBehindWhatWasTakenComesNewly) {
  const Transcript run =
      connected().arrives(data(5)).arrives(key_update(0)).fin_arrives().io(Call::read, Flow::recv, 27).reads(5).close(Outcome::sent);
  EXPECT_TRUE(fits(run, "not newly data-arrived"));
  EXPECT_TRUE(fits(run, "newly key-update-arrived"));
  EXPECT_TRUE(fits(run, "newly fin-arrived"));
  const auto ends = [](long result, std::string error) {
    return connected().fin_arrives().io(Call::read, Flow::recv, result, std::move(error)).reads(Outcome::cut).close(Outcome::sent);
  };
  EXPECT_TRUE(fits(ends(0, ""), "not newly fin-arrived"));
  EXPECT_TRUE(fits(ends(-1, "ECONNRESET"), "not newly fin-arrived"));
  EXPECT_TRUE(fits(ends(-1, "EAGAIN"), "newly fin-arrived"));
}

TEST(Situations, ACallThatIsMadeAgainIsOneWithTheFirstForWhatComesNewly) {
  const auto again = [](Outcome outcome) {
    return connected().arrives(key_update(0)).io(Call::close, Flow::recv, 32).close(outcome).close(Outcome::done);
  };
  EXPECT_TRUE(fits(again(Outcome::want_read), "newly key-update-arrived"));
  EXPECT_TRUE(fits(again(Outcome::failed), "not newly key-update-arrived"));
}

TEST(Situations, APeekTakesNothingAndTheScriptTakesWhatItReads) {
  const auto peeks = TransportCall{Side::subject, Call::read, 2, "recv(MSG_PEEK)", Flow::recv, 32, 32, "", false};
  const Transcript peeked = connected().arrives(key_update(0)).add(peeks).reads(Outcome::want_read).close(Outcome::sent);
  EXPECT_TRUE(fits(peeked, "newly key-update-arrived"));
  const auto script = [](const std::string& verb) {
    const Transcript run = connected().arrives(key_update(0)).script(verb, std::string(32, '.')).close(Outcome::sent);
    const Facts facts(run);
    return is_so(facts.calls().back().taken);
  };
  EXPECT_TRUE(script("raw-read"));
  EXPECT_FALSE(script("raw-write"));
}

TEST(Situations, WhatWasTakenOfARecordThatTheWireHeldIsCountedOnce) {
  Tale tale = connected();
  const int held = tale.next_number();
  tale.seen(data(5)).add(Withheld{held, Withheld::Why::hold}).io(Call::read, Flow::recv, 7).reads(Outcome::want_read);
  tale.add(Delivered{held, 27}).arrives(key_update(0));
  EXPECT_TRUE(fits(Tale(tale).io(Call::read, Flow::recv, 20).reads(5).close(Outcome::sent), "newly key-update-arrived"));
  EXPECT_TRUE(fits(Tale(tale).io(Call::read, Flow::recv, 52).reads(5).close(Outcome::sent), "not newly key-update-arrived"));
}

TEST(Situations, WhatTheWireLostIsNotTaken) {
  Tale tale = connected();
  const int lost = tale.next_number();
  tale.seen(data(5)).add(Lost{lost, Lost::Why::dropped}).arrives(key_update(0)).io(Call::read, Flow::recv, 32);
  EXPECT_TRUE(fits(tale.reads(Outcome::want_read).close(Outcome::sent), "not newly key-update-arrived"));
}

TEST(Situations, WithoutALogOrOutOfMemoryItIsUnclearWhatComesNewly) {
  const Transcript unlogged = Tale().answers(Call::handshake, Outcome::done).arrives(key_update(0)).close(Outcome::want_read);
  const Transcript in_memory = Tale().option("memory-bio").handshake().arrives(key_update(0)).close(Outcome::want_read);
  for (const Transcript& run : {unlogged, in_memory}) {
    const Facts facts(run);
    for (const std::string_view word : {"newly key-update-arrived", "not newly key-update-arrived"}) {
      Given given;
      ASSERT_TRUE(given.add(word));
      given.allow("option-memory-bio");
      EXPECT_FALSE(given.fits(facts.calls().back())) << word;
    }
  }
}

TEST(Situations, WhatLiesBehindAnEndThatTheScriptMadeUpIsUnclear) {
  const auto received = [](long result, std::string error, bool injected) {
    return connected().arrives(close_notify()).io(Call::read, Flow::recv, result, std::move(error), injected);
  };
  for (const Tale& made_up : {received(0, "", true), received(-1, "ECONNRESET", true)}) {
    const Transcript run = Tale(made_up).reads(Outcome::cut);
    EXPECT_FALSE(fits(run, "close-notify-arrived"));
    EXPECT_FALSE(fits(run, "not close-notify-arrived"));
  }
  EXPECT_TRUE(fits(received(0, "", false).reads(Outcome::cut), "close-notify-arrived")) << "the transport's own end";
  EXPECT_TRUE(fits(received(-1, "EAGAIN", true).reads(Outcome::want_read), "close-notify-arrived"));
  const long whole = static_cast<long>(close_notify().wire_bytes);
  EXPECT_TRUE(fits(received(whole, "", false).io(Call::read, Flow::recv, 0, "", true).reads(Outcome::cut), "close-notify-arrived"))
      << "it had been received before";
}

TEST(Situations, WhatOnlyAPeekHasMetIsUnclear) {
  const Transcript run = connected().arrives(close_notify()).extra(Call::peek, "", Outcome::end_of_data).close(Outcome::done);
  EXPECT_FALSE(fits(run, "end-of-data-read"));
  EXPECT_FALSE(fits(run, "not end-of-data-read"));
  EXPECT_TRUE(fits(run, "end-of-data-peeked"));
}

TEST(Situations, ASendThatIsAnsweredWithThePeersEndDidNotSucceed) {
  EXPECT_TRUE(fits(connected().extra(Call::key_update, "", Outcome::end_of_data).close(Outcome::failed), "error-reported"));
}

TEST(Situations, AnErrorAlertBehindACloseNotifyIsNotBeforeTheData) {
  EXPECT_TRUE(fits(connected().arrives(close_notify()).arrives(alert(2, 80)).reads(Outcome::end_of_data), "not error-alert-before-data"));
}

TEST(Situations, AChangeCipherSpecAfterTheHandshakeIsNoOrdinaryTrafficAndNoPlainRecord) {
  for (const Record& record : {change_cipher_spec(), in_the_clear(change_cipher_spec())}) {
    const Transcript run = connected().arrives(record).close(Outcome::failed);
    EXPECT_TRUE(fits(run, "change-cipher-spec-arrived"));
    EXPECT_TRUE(fits(run, "not ordinary-traffic"));
    EXPECT_TRUE(fits(run, "not plain-record-arrived"));
  }
}

TEST(Situations, ARequestForAnotherHandshakeIsOneForWhoeverMayGetIt) {
  const auto closes = [](Tale tale) { return tale.close(Outcome::sent).transcript(); };
  EXPECT_TRUE(fits(closes(connected().arrives(handshake_message("HelloRequest"))), "hello-request-arrived"));
  const auto server = [] { return connected().as_server(); };
  EXPECT_FALSE(fits(closes(server().arrives(handshake_message("HelloRequest"))), "hello-request-arrived"));
  EXPECT_TRUE(fits(closes(server().arrives(handshake_message("HelloRequest"))), "unexpected-message-arrived"));
  EXPECT_TRUE(fits(closes(server().arrives(handshake_message("ClientHello"))), "hello-request-arrived"));
}

TEST(Situations, AMessageThatIsNotFormedAsItsTypeIsPerhapsNoneOfThatType) {
  const Record whole = key_update(1), part = but(whole, [](Record& it) { it.content.pop_back(), it.content_bytes = it.content.size(); });
  for (const std::string word : {"key-update-arrived", "key-update-request-arrived", "post-handshake-message-arrived"}) {
    EXPECT_TRUE(fits(closes_after([&](Tale& tale) { tale.arrives(whole); }), word)) << word;
    for (const std::string_view may_be : {word, "not " + word})
      EXPECT_FALSE(fits(closes_after([&](Tale& tale) { tale.arrives(part); }), may_be)) << may_be;
    EXPECT_TRUE(fits(closes_after([&](Tale& tale) { tale.arrives(part).arrives(whole); }), word)) << word;
  }
  EXPECT_TRUE(fits(closes_after([&](Tale& tale) { tale.arrives(part); }), "unexpected-message-arrived"));
}

TEST(Situations, AMessageInSeveralRecordsIsThatMessageOnceItsLastPartHasCome) {
  const auto parts = [](std::initializer_list<Record> records) {
    return closes_after([&](Tale& tale) {
      for (const Record& record : records) tale.arrives(record);
    });
  };
  for (std::size_t cut = 1; cut < 5; ++cut) {
    const Tale whole = parts({part_of_key_update(0, cut), part_of_key_update(cut, 5 - cut)});
    EXPECT_TRUE(fits(whole, "message-in-pieces-arrived")) << cut;
    EXPECT_TRUE(fits(whole, "key-update-request-arrived")) << cut;
    EXPECT_TRUE(fits(whole, "not unexpected-message-arrived")) << cut;
    EXPECT_TRUE(fits(parts({part_of_key_update(0, cut)}), "unexpected-message-arrived")) << "the rest has not come";
    const Tale between = parts({part_of_key_update(0, cut), data(5), part_of_key_update(cut, 5 - cut)});
    EXPECT_TRUE(fits(between, "unexpected-message-arrived")) << "RFC 8446 5.1: nothing comes between the parts";
    EXPECT_TRUE(fits(between, "not message-in-pieces-arrived"));
  }
  EXPECT_TRUE(fits(parts({part_of_key_update(0, 1), part_of_key_update(1, 1), part_of_key_update(2, 3)}), "key-update-request-arrived"));
}

TEST(Situations, AnAlertInTheClearBehindRecordsUnderKeysEndsNoSession) {
  EXPECT_TRUE(fits(closes_after([](Tale& tale) { tale.reads(Outcome::failed).sent(alert(2, 80)); }), "own-fatal-alert-sent"));
  const auto stray =
      closes_after([](Tale& tale) { tale.writes(5).answers(Call::read, Outcome::failed, {in_the_clear(alert(2, 10))}); });
  EXPECT_FALSE(fits(stray, "own-fatal-alert-sent"));
}

TEST(Situations, ACloseWithoutAWordIsAQuietOneAlsoWhereThatWasSwitchedOff) {
  const auto closes = [](std::initializer_list<Record> sends) {
    const Tale off = Tale().option("quiet-shutdown").handshake().extra(Call::set, "quiet-shutdown off");
    return Tale(off).close(Outcome::done, sends).reads(Outcome::end_of_data);
  };
  EXPECT_TRUE(fits(closes({}), "closed-quietly"));
  EXPECT_TRUE(fits(closes({close_notify()}), "not closed-quietly"));
}

TEST(Situations, OfTheCloseThatIsMadeWithoutAWordOnlyThoseClausesSpeakThatNameIt) {
  const Transcript quiet = Tale().option("quiet-shutdown").handshake().reads(Outcome::alert).close(Outcome::done);
  const Transcript closes = connected().reads(Outcome::alert).close(Outcome::done);
  const auto speaks = [](const Transcript& run, std::string_view word) {
    const Facts facts(run);
    Given given;
    given.add("handshake-done");
    given.add(word);
    return std::any_of(facts.calls().begin(), facts.calls().end(),
                       [&](const SubjectCall& call) { return call.call == Call::close && given.fits(call); });
  };
  EXPECT_TRUE(speaks(closes, "alert-reported"));
  EXPECT_FALSE(speaks(quiet, "alert-reported"));
  EXPECT_TRUE(speaks(quiet, "quiet-shutdown-on"));
}

TEST(Situations, WhoSendsAMessageOfTheHandshakeHasBegunIt) {
  const Tale reads = Tale().answers(Call::read, Outcome::want_read, {in_the_clear(handshake_message("ClientHello"))});
  EXPECT_TRUE(fits(Tale(reads).close(Outcome::failed), "handshake-begun"));
  EXPECT_TRUE(fits(Tale().close(Outcome::failed), "not handshake-begun"));
}

TEST(Situations, AResumedClientThatHasNotReadItsTicketMayHaveKeptTheOlderSession) {
  const auto keeps = [](bool reads) {
    Tale tale = Tale().handshake().shows("resumed", "yes").arrives(handshake_message("NewSessionTicket"));
    if (reads) tale.reads(Outcome::want_read);
    return tale.extra(Call::keep_session).close(Outcome::sent);
  };
  EXPECT_TRUE(fits(keeps(true), "session-kept"));
  for (const std::string_view word : {"session-kept", "not session-kept"}) EXPECT_FALSE(fits(keeps(false), word)) << word;
}

TEST(Situations, ATransportThatWouldBlockBehindAnEndThatTheScriptMadeUpIsSpokenOfByNone) {
  const auto closes = [](bool made_up, std::string_view word, std::string error) {
    Tale tale = connected();
    if (made_up) tale.io(Call::read, Flow::recv, -1, "ECONNRESET", true).reads(Outcome::reset);
    const Transcript run = tale.io(Call::close, Flow::recv, -1, std::move(error)).close(Outcome::failed);
    const Facts facts(run);
    Given given;
    EXPECT_TRUE(given.add(word)) << word;
    return given.fits(facts.calls().back());
  };
  EXPECT_TRUE(closes(false, "recv-would-block", "EAGAIN"));
  EXPECT_FALSE(closes(true, "recv-would-block", "EAGAIN"));
  EXPECT_TRUE(closes(true, "recv-reset", "ECONNRESET"));
}

TEST(Situations, WhichOfSeveralTicketsIsOfferedIsUnclearUnlessTheLastWasTaken) {
  const auto fits_after = [](int tickets, bool reads, std::string_view word) {
    Tale tale = Tale().as_server().option("tickets").handshake();
    while (tickets-- > 0) tale.sent(handshake_message("NewSessionTicket"));
    if (reads) tale.partner(Call::read, Outcome::done, 2);
    return fits(tale.partner(Call::keep_session, Outcome::done).close(Outcome::sent), word);
  };
  EXPECT_TRUE(fits_after(1, false, "not own-ticket-lost"));
  EXPECT_TRUE(fits_after(2, true, "not own-ticket-lost"));
  for (const std::string_view word : {"own-ticket-lost", "not own-ticket-lost"}) EXPECT_FALSE(fits_after(2, false, word)) << word;
}

TEST(Situations, ARecordThatCouldNotBeReadBeforeTheHandshakeWasDoneHasArrived) {
  const auto sealed = but(data(5), [](Record& it) { it.established = false; });
  EXPECT_FALSE(fits(Tale().arrives(sealed).handshake().close(Outcome::sent), "nothing-arrived"));
  EXPECT_TRUE(fits(Tale().arrives(but(handshake_message("Finished"), [](Record& it) { it.established = false; })).handshake().close(Outcome::sent),
                   "nothing-arrived"));
}

TEST(Situations, WhatWouldBeResumedIsNotThereWithoutATicketOrBehindAnotherHandshake) {
  const auto kept = [](const Tale& tale, std::string_view word = "session-kept") { return fits(Tale(tale).close(Outcome::sent), word); };
  const Record ticket = in_the_clear(handshake_message("NewSessionTicket"));
  const auto server = [](std::string_view option) { return Tale(Tls::v1_2).option(option).as_server(); };
  EXPECT_TRUE(kept(server("tickets").sent(ticket).handshake().partner(Call::keep_session, Outcome::done)));
  EXPECT_TRUE(kept(server("tickets").handshake().partner(Call::keep_session, Outcome::done), "not session-kept"));
  EXPECT_TRUE(kept(server("session-cache").handshake().partner(Call::keep_session, Outcome::done)));

  const Tale before = Tale(Tls::v1_2).handshake().extra(Call::keep_session);
  EXPECT_TRUE(kept(Tale(before).extra(Call::renegotiate, "", Outcome::unsupported)));
  for (const std::string_view word : {"session-kept", "not session-kept"}) {
    EXPECT_FALSE(kept(Tale(before).partner(Call::renegotiate, Outcome::done), word)) << word;
    EXPECT_FALSE(kept(Tale(before).extra(Call::renegotiate, "", Outcome::want_read), word)) << word;
  }
  EXPECT_TRUE(kept(Tale(before).extra(Call::renegotiate).extra(Call::keep_session)));
}

TEST(Situations, WhatAClientOffersOutOfItsOwnCopyItsLibraryDidNotDecide) {
  const auto resumes = [](std::string_view option) {
    Tale tale(Tls::v1_3);
    tale.option(option).handshake().new_session(false).sent(Tale::hello(true)).handshake().shows("resumed", "yes");
    return tale;
  };
  EXPECT_TRUE(fits(resumes("session-cache"), "resumption-decided"));
  for (const std::string_view word : {"resumption-decided", "not resumption-decided"})
    EXPECT_FALSE(fits(resumes("saved-session"), word)) << word;
}

TEST(Situations, AHandshakeBehindTheCloseOfAResumedSessionIsNotTheOneThatResumedIt) {
  Tale tale(Tls::v1_2);
  tale.option("session-cache").handshake().new_session(false).sent(Tale::hello(true)).handshake().shows("resumed", "yes");
  for (const bool both_ways : {true, false}) {
    Tale closed(tale);
    (both_ways ? closed.close(Outcome::done) : closed.close_write(Outcome::done)).handshake();
    for (const std::string_view word : {"resumption-decided", "not resumption-decided"}) EXPECT_FALSE(fits(closed, word)) << word;
  }
}

TEST(Situations, WhatWasTakenOfARecordThatTheWireHoldsCountsWhereItIsPlainOrTheStreamEnds) {
  const auto holds = [](bool encrypted) {
    Tale tale = connected();
    Record record = close_notify();
    record.encrypted = encrypted;
    const int number = tale.next_number();
    tale.seen(record).add(Withheld{number, Withheld::Why::hold});
    return tale;
  };
  const auto takes = [](Tale tale) { return tale.io(Call::read, Flow::recv, 5).reads(Outcome::want_read); };
  EXPECT_TRUE(fits(takes(holds(true)), "not partial-record-arrived"));
  EXPECT_TRUE(fits(takes(holds(true)).fin_arrives().reads(Outcome::failed), "partial-record-arrived"));
  EXPECT_TRUE(fits(takes(holds(true).fin_arrives()).reads(Outcome::failed), "partial-record-arrived"));
  EXPECT_TRUE(fits(holds(true).fin_arrives().reads(Outcome::failed), "not partial-record-arrived")) << "nothing of it had come";
  EXPECT_TRUE(fits(takes(holds(false)), "plain-record-arrived"));
  EXPECT_TRUE(fits(takes(holds(true)), "not plain-record-arrived"));
}

TEST(Situations, WhatIsInTheClearBehindTheOtherSidesFinishedIsNotOfTheHandshake) {
  for (const bool behind : {true, false}) {
    Tale tale;
    if (behind) tale.arrives(handshake_message("Finished"));
    tale.arrives(in_the_clear(close_notify())).handshake().reads(Outcome::failed);
    EXPECT_EQ(fits(tale, "plain-alert-arrived"), behind);
    EXPECT_EQ(fits(tale, "plain-record-arrived"), behind);
    EXPECT_EQ(fits(tale, "close-notify-in-handshake-arrived"), !behind);
    EXPECT_EQ(fits(tale, "nothing-arrived"), !behind);
  }
}

TEST(Situations, ARenegotiationIsNotTheHandshakeThatResumesASession) {
  const auto resumed = [] {
    Tale tale(Tls::v1_2);
    tale.as_server().handshake().new_session(false).arrives(Tale::hello(true)).handshake().shows("resumed", "yes");
    return tale;
  };
  EXPECT_TRUE(fits(resumed(), "resumption-decided"));
  for (const std::string_view word : {"resumption-decided", "not resumption-decided"})
    EXPECT_FALSE(fits(resumed().handshake().shows("resumed", "no"), word)) << word;
}

TEST(Situations, ATransportThatHasEndedStaysSoWhenAnotherSessionBegins) {
  const auto fits_again = [](Tale tale, bool same_transport, std::string_view word) {
    return fits(tale.new_session(same_transport).handshake().close(Outcome::failed), word);
  };
  for (const bool same : {true, false}) {
    EXPECT_EQ(fits_again(connected().fin_arrives(), same, "already fin-arrived"), same);
    EXPECT_EQ(fits_again(connected().reset_arrives(), same, "already reset-arrived"), same);
    EXPECT_TRUE(fits_again(connected().fin_arrives().io(Call::read, Flow::recv, 0).reads(Outcome::cut), same, "not newly fin-arrived"));
    EXPECT_EQ(fits_again(connected().script("fin"), same, "own-fin"), same);
    EXPECT_EQ(fits_again(connected().script("hangup"), same, "descriptor-closed"), same);
  }
}

TEST(Situations, ASessionThatBeginsWhereAnotherHasLeftBytesDoesNotBeginWithARecord) {
  const auto past_tls = [](Tale tale, bool same_transport = true) {
    return fits(tale.new_session(same_transport).close(Outcome::failed), "bytes-past-tls");
  };
  const auto reads = [](long bytes) { return Tale(connected().arrives(data(5))).io(Call::read, Flow::recv, bytes).reads(Outcome::failed); };
  const long all = static_cast<long>(data(5).wire_bytes);
  EXPECT_TRUE(past_tls(reads(5)));
  EXPECT_FALSE(past_tls(reads(5), false));
  EXPECT_FALSE(past_tls(reads(all)));
  EXPECT_TRUE(past_tls(reads(5).new_session())) << "and so does the one behind it";
}

TEST(Situations, ASecondOneWayCloseMayHaveBeenATwoWayOne) {
  const auto once = [] { return connected().close_write(Outcome::done, {close_notify()}); };
  EXPECT_TRUE(fits(once().reads(Outcome::want_read), "not close-called"));
  EXPECT_TRUE(fits(once().reads(Outcome::want_read), "not close-done"));
  for (const std::string_view word : {"close-called", "not close-called", "close-done", "not close-done"})
    EXPECT_FALSE(fits(once().close_write(Outcome::done).reads(Outcome::cut), word)) << word;
  EXPECT_TRUE(fits(once().close_write(Outcome::done).close(Outcome::done).reads(Outcome::cut), "close-called"));
  EXPECT_TRUE(fits(once().close_write(Outcome::done).close(Outcome::done).reads(Outcome::cut), "close-done"));
}

TEST(Situations, WhatIsNotProtectedCannotBeDamaged) {
  const Record ccs = damaged(in_the_clear(change_cipher_spec()));
  EXPECT_FALSE(fits(closes_after([&](Tale& tale) { tale.arrives(ccs); }), "damaged-record-arrived"));
  EXPECT_TRUE(fits(closes_after([&](Tale& tale) { tale.arrives(ccs); }), "change-cipher-spec-arrived"));
  const auto alert = [](Tale& tale) { tale.arrives(damaged(in_the_clear(close_notify()))); };
  EXPECT_FALSE(fits(closes_after(alert), "damaged-record-arrived"));
  EXPECT_TRUE(fits(closes_after(alert), "plain-alert-arrived"));
}

TEST(Situations, AMessageThatIsNotFormedAsOneOfItsTypeIsNotExpected) {
  const auto unexpected = [](std::string content) {
    const auto update = but(handshake_message("KeyUpdate"), [&](Record& it) { it.content_bytes = content.size(), it.content = content; });
    return fits(closes_after([&](Tale& tale) { tale.arrives(update); }), "unexpected-message-arrived");
  };
  using namespace std::string_literals;
  EXPECT_FALSE(unexpected("\x18\0\0\1\1"s));
  EXPECT_TRUE(unexpected("\x18\0\0\1\2"s)) << "it neither asks nor does not";
  EXPECT_TRUE(unexpected("\x18\0\0\0"s));
}

TEST(Situations, WhatWasSentInTheSessionBeforeIsOpenedByNoKeyOfThisOne) {
  Tale tale = connected();
  const int sent = tale.next_number();
  const std::size_t bytes = data(5).wire_bytes;
  tale.seen(data(5)).new_session().handshake().add(Delivered{sent, bytes}).close(Outcome::failed);
  EXPECT_TRUE(fits(tale, "damaged-record-arrived"));
  EXPECT_FALSE(fits(tale, "data-arrived"));
}

TEST(Facts, AnAlertInTheClearIsTwoBytes) {
  const Record sealed =
      in_the_clear(but(close_notify(), [](Record& it) { it.alert.reset(), it.content = std::string(26, '\0'), it.content_bytes = 26; }));
  const Transcript run = connected().close(Outcome::done, {sealed});
  EXPECT_FALSE(Facts(run).readable());
}

TEST(Situations, WordsThatDoNotExistAreRefused) {
  Given given;
  for (const std::string_view word :
       {"", "close-notify", "not", "not not fin-arrived", "already handshake-done", "already recv-eof", "fin-arrived ", "newly",
        "newly handshake-done", "newly ordinary-traffic", "newly already fin-arrived"})
    EXPECT_FALSE(given.add(word)) << word;
}

TEST(Situations, WhatCannotBeReadIsNeitherSoNorNotSo) {
  const Transcript run = connected().arrives(unreadable()).without_keys().close(Outcome::done);
  for (const std::string_view word : {"close-notify-arrived", "data-arrived", "fatal-alert-arrived", "ordinary-traffic"}) {
    EXPECT_FALSE(fits(run, word)) << word;
    EXPECT_FALSE(fits(run, "not " + std::string(word))) << word;
  }
  EXPECT_TRUE(fits(run, "not fin-arrived"));
  EXPECT_TRUE(fits(run, "not nothing-arrived"));
}

TEST(Situations, WhereNothingArrivedThereIsNothingThatCannotBeRead) {
  EXPECT_TRUE(fits(connected().without_keys().close(Outcome::want_read), "not close-notify-arrived"));
}

TEST(Situations, ACloseNotifyInPiecesNeitherCountsNorDoesNot) {
  const Record half = but(alert(1, 0), [](Record& it) { it.alert.reset(), it.content = std::string(1, '\x01'); });
  const Transcript run = connected().arrives(half).arrives(half).close(Outcome::done);
  EXPECT_FALSE(fits(run, "close-notify-arrived"));
  EXPECT_FALSE(fits(run, "not close-notify-arrived"));
}

TEST(Situations, WithoutALogNobodyKnowsWhatWasMetOnTheTransport) {
  const Transcript run = Tale().answers(Call::handshake, Outcome::done).close(Outcome::want_read);
  EXPECT_FALSE(fits(run, "send-would-block"));
  EXPECT_FALSE(fits(run, "not send-would-block"));
  EXPECT_FALSE(fits(run, "sending-untroubled"));
}

TEST(Situations, EvidenceNamesTheEventsThatMadeItSo) {
  const Transcript run = connected().arrives(close_notify()).fin_arrives().close(Outcome::done);
  const Facts facts(run);
  Given given;
  ASSERT_TRUE(given.add("close-notify-arrived") && given.add("fin-arrived") && given.add("first"));
  EXPECT_THAT(given.evidence(facts.calls().back(), facts), ElementsAre(7, 8));
}

TEST(Facts, ACallThatBlocksBeginsBeforeWhatArrivesMeanwhile) {
  const Transcript run = connected()
                             .io(Call::close, Flow::send, 24)
                             .blocks(Call::close, Flow::recv)
                             .sent(close_notify())
                             .arrives(close_notify())
                             .close(Outcome::done);
  const Facts facts(run);
  ASSERT_EQ(facts.calls().size(), 2u);
  EXPECT_EQ(facts.calls()[1].began, 6);
  EXPECT_EQ(facts.calls()[1].before.close_notify, never);
  EXPECT_EQ(facts.calls()[1].after.close_notify, 11);
}

TEST(Facts, BetweenTwoCallsOfANonblockingSessionThePeerWaitsInNeither) {
  const Transcript run = Tale(Tls::v1_3, Io::nonblocking)
                             .handshake()
                             .next_line()
                             .close(Outcome::want_read)
                             .waits(Call::close, Flow::recv)
                             .arrives(close_notify())
                             .io(Call::close, Flow::recv, 24)
                             .close(Outcome::done);
  const Facts facts(run);
  ASSERT_EQ(facts.calls().size(), 3u);
  EXPECT_EQ(facts.calls()[1].after.close_notify, never);
  EXPECT_EQ(facts.calls()[2].before.close_notify, 9);
  EXPECT_FALSE(is_so(facts.calls()[2].met.recv_would_block));
}

TEST(Facts, WaitingForGoodBetweenTwoCallsIsNoCallThatNeverCameBack) {
  const Transcript run =
      Tale(Tls::v1_3, Io::nonblocking).handshake().next_line().close(Outcome::want_read).waits(Call::close, Flow::recv, true);
  const Facts facts(run);
  ASSERT_EQ(facts.calls().size(), 2u);
  EXPECT_NE(facts.calls()[1].api, nullptr);
}

TEST(Facts, ACallThatStaysBlockedOrDiesIsACallAllTheSame) {
  const Transcript stuck = connected().close(Outcome::sent, {close_notify()}).stays_blocked(Call::close, Flow::recv);
  const Facts blocked(stuck);
  ASSERT_EQ(blocked.calls().size(), 3u);
  EXPECT_EQ(blocked.calls()[2].api, nullptr);
  EXPECT_NE(blocked.calls()[2].stuck, nullptr);
  const Transcript dead = connected().dies(Call::close);
  const Facts died(dead);
  ASSERT_EQ(died.calls().size(), 2u);
  EXPECT_NE(died.calls()[1].died, nullptr);
}

TEST(Facts, TransportCallsTellWhichCallSentARecordThatTheWireSawLater) {
  // Two calls in one report: the wire is pumped only after the second.
  const Transcript run = connected()
                             .io(Call::close, Flow::send, 24)
                             .close(Outcome::sent)
                             .blocks(Call::close, Flow::recv)
                             .sent(close_notify())
                             .close(Outcome::done);
  const Facts facts(run);
  ASSERT_EQ(facts.sent().size(), 2u);
  EXPECT_EQ(facts.sent()[1].owner, 1);
  EXPECT_TRUE(is_so(facts.calls()[2].before.own_close_notify));
}

TEST(Facts, WithoutALogARecordBelongsToTheLatestCall) {
  const Transcript run = Tale().answers(Call::handshake, Outcome::done).close(Outcome::sent).sent(close_notify()).close(Outcome::want_read);
  const Facts facts(run);
  EXPECT_EQ(facts.sent().front().owner, 1);
}

TEST(Facts, WhatTheScriptWritesPastTlsIsNotTheLibrarys) {
  const Transcript run = connected().close(Outcome::sent, {close_notify()}).script("raw-write", "PLAIN").sent(raw_bytes("PLAIN"));
  const Facts facts(run);
  EXPECT_TRUE(facts.sent().back().by_script);
  EXPECT_EQ(facts.sent().back().owner, -1);
}

TEST(Situations, ASwitchThatAPeerMadeUpTurnsNothing) {
  for (const std::string_view arguments : {"", "cork", "gravity on", "timeout", "timeout soon", "timeout 99999999999999999999"}) {
    const Transcript run = connected().extra(Call::set, std::string(arguments)).close(Outcome::done, {close_notify()});
    const Facts facts(run);
    EXPECT_EQ(facts.at_end().corked, never) << arguments;
    EXPECT_EQ(facts.at_end().time_limit_ms, 0) << arguments;
  }
}

TEST(Situations, EachSessionOptionHasOne) {
  for (const std::string_view option : Words<Option>::list) {
    if (option == spell(Option::saved_session)) continue;  // says what becomes of a session that is kept, and nothing of how it goes on
    EXPECT_TRUE(std::any_of(situations().begin(), situations().end(), [&](const Situation& it) {
      return it.name == fmt::format("option-{}", option);
    })) << option;
  }
}

TEST(Facts, BytesThatNeverBecameARecordLeaveTheEmissionUnknown) {
  const Transcript run = connected().io(Call::close, Flow::send, 24).close(Outcome::sent);
  const Facts facts(run);
  EXPECT_FALSE(facts.calls()[1].emission_known);
}

TEST(Situations, WhatIsKeptBeforeAHandshakeOrWhileAnotherIsMadeIsNotKnown) {
  const auto kept = [](Tale tale) { return Transcript(tale.extra(Call::keep_session).close(Outcome::sent)); };
  EXPECT_TRUE(fits(kept(connected().arrives(handshake_message("NewSessionTicket"))), "session-kept"));
  EXPECT_FALSE(fits(kept(Tale()), "session-kept"));
  EXPECT_FALSE(fits(kept(Tale()), "not session-kept"));
  const Tale asked = connected().arrives(handshake_message("NewSessionTicket")).extra(Call::renegotiate, {}, Outcome::end_of_data);
  EXPECT_FALSE(fits(kept(asked), "session-kept"));
  const auto then_asked = [](Tls tls) {
    Tale tale(tls);
    return Transcript(tale.handshake().extra(Call::keep_session).arrives(handshake_message("HelloRequest")).close(Outcome::sent));
  };
  for (const char* word : {"session-kept", "not session-kept"}) EXPECT_FALSE(fits(then_asked(Tls::v1_2), word)) << word;
  const auto resumed_then = [&](Outcome closed) {
    Tale tale;
    tale.handshake().last<ApiCall>([](ApiCall& api) { api.state.emplace_back("resumed", "yes"); });
    return kept(tale.arrives(handshake_message("NewSessionTicket")).close(closed));
  };
  EXPECT_TRUE(fits(resumed_then(Outcome::want_read), "session-kept"));
  EXPECT_FALSE(fits(resumed_then(Outcome::sent), "session-kept")) << "it may be the session before";
}

TEST(Situations, AOneWayCloseBehindATwoWayOneMayHaveCompletedIt) {
  const auto closed = [](Outcome first) {
    return Transcript(connected().close(first).arrives(close_notify()).close_write(Outcome::done).reads(Outcome::failed));
  };
  for (const char* word : {"close-done", "not close-done"}) EXPECT_FALSE(fits(closed(Outcome::sent), word)) << word;
  const Tale alone = connected().arrives(close_notify()).close_write(Outcome::done).reads(Outcome::failed);
  EXPECT_TRUE(fits(alone, "not close-done"));
}

TEST(Situations, InTls13TheLevelOfAUserCanceledSaysNothing) {
  const Transcript run = connected().arrives(alert(2, 90)).reads(Outcome::want_read);
  for (const char* word : {"fatal-alert-arrived", "not fatal-alert-arrived", "warning-alert-arrived"}) EXPECT_FALSE(fits(run, word)) << word;
  EXPECT_TRUE(fits(run, "user-canceled-arrived"));
  EXPECT_TRUE(fits(connected().arrives(alert(2, 80)).reads(Outcome::alert), "fatal-alert-arrived"));
}

TEST(Situations, WhatComesBehindACloseNotifyNeedNotBeMet) {
  const auto closed = [] { return connected().arrives(close_notify()); };
  EXPECT_TRUE(fits(closed().arrives(alert(1, 90)).close(Outcome::done), "several-oddities-arrived"));
  EXPECT_FALSE(fits(connected().arrives(alert(1, 90)).arrives(close_notify()).close(Outcome::alert), "several-oddities-arrived"));
  EXPECT_FALSE(fits(closed().arrives(handshake_message("NewSessionTicket")).close(Outcome::done), "authentic-traffic"));
  EXPECT_TRUE(fits(connected().arrives(handshake_message("NewSessionTicket")).arrives(close_notify()).close(Outcome::done), "authentic-traffic"));
}

TEST(Situations, ASecondFinishedIsUnexpectedWheneverItComes) {
  Record repeated = handshake_message("Finished");
  repeated.made = true;
  EXPECT_TRUE(fits(connected().arrives(handshake_message("Finished")).arrives(repeated).close(Outcome::failed), "unexpected-message-arrived"));
  EXPECT_FALSE(fits(connected().arrives(handshake_message("Finished")).close(Outcome::sent), "unexpected-message-arrived"));
}

}  // namespace
}  // namespace tlsbye
