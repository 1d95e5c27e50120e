#include <gmock/gmock.h>

#include <map>

#include "harness/oracle/oracle.h"
#include "harness/oracle/tale.h"

namespace tlsbye {
namespace {

std::string asked(std::string_view name, const Transcript& run) {
  for (const Trait& trait : traits()) {
    if (trait.name != name) continue;
    const auto answer = trait.ask(run);
    if (!answer) return "";
    EXPECT_NE(std::find(trait.answers.begin(), trait.answers.end(), answer->answer), trait.answers.end()) << name;
    EXPECT_FALSE(answer->evidence.empty()) << name;
    for (const int number : answer->evidence) EXPECT_TRUE(number >= 1 && number < run.next_number()) << name;
    return std::string(answer->answer);
  }
  ADD_FAILURE() << "no trait " << name;
  return "";
}

Tale connected() { return Tale().handshake(); }
Tale closed() { return connected().close(Outcome::sent, {close_notify()}); }

struct Case {
  Transcript run;
  std::string answer;  // empty: the run does not tell
};

const std::multimap<std::string_view, Case>& cases() {
  static const std::multimap<std::string_view, Case> all{
      {"replies-by-itself", {connected().arrives(close_notify()).answers(Call::read, Outcome::end_of_data, {close_notify()}), "yes"}},
      {"replies-by-itself", {connected().arrives(close_notify()).reads(Outcome::end_of_data), "no"}},
      {"replies-by-itself", {connected().arrives(close_notify()).close(Outcome::done, {close_notify()}), ""}},
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
      {"write-after-peers-close-notify", {connected().arrives(close_notify()).reads(Outcome::end_of_data).writes(5), "allowed"}},
      {"write-after-peers-close-notify",
       {connected().arrives(close_notify()).reads(Outcome::end_of_data).answers(Call::write, Outcome::failed), "refused"}},
      {"write-after-peers-close-notify", {connected().writes(5), ""}},
      {"second-close", {closed().arrives(close_notify()).close(Outcome::done).close(Outcome::failed), "failed"}},
      {"second-close", {closed().close(Outcome::done), ""}},
      {"read-after-fin", {connected().fin_arrives().reads(Outcome::cut), "cut"}},
      {"read-after-fin", {connected().arrives(close_notify()).fin_arrives().reads(Outcome::end_of_data), ""}},
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
      {"first-close-call", {connected().io(Call::close, Flow::send, 24).stays_blocked(Call::close, Flow::recv), "sends-and-waits"}},
      {"first-close-call", {connected().arrives(close_notify()).close(Outcome::done, {close_notify()}), ""}},
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
  };
  return all;
}

TEST(Traits, AnswerWhatTheRunTellsAndOnlyThat) {
  for (const auto& [name, it] : cases()) EXPECT_EQ(asked(name, it.run), it.answer) << name;
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
