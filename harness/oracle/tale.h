// For tests: transcripts told by hand, in the order in which a run would have written them.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "harness/transcript/transcript.h"

namespace tlsbye {

inline Record alert(std::uint8_t level, std::uint8_t description) {
  Record record;
  record.type = ContentType::alert;
  record.encrypted = record.established = true;
  record.wire_bytes = 24;
  record.content_bytes = 2;
  record.alert = Alert{level, description};
  record.content = {static_cast<char>(level), static_cast<char>(description)};
  return record;
}
inline Record close_notify() { return alert(1, 0); }

inline Record data(std::size_t bytes) {
  Record record;
  record.type = ContentType::application_data;
  record.encrypted = record.established = true;
  record.content_bytes = bytes;
  record.wire_bytes = bytes + 22;
  return record;
}

inline Record handshake_message(std::string name) {
  Record record;
  record.type = ContentType::handshake;
  record.encrypted = record.established = true;
  record.content_bytes = 10;
  record.wire_bytes = 32;
  record.handshake = std::move(name);
  return record;
}

inline Record raw_bytes(std::string text) {
  Record record;
  record.type = ContentType::raw;
  record.content_bytes = record.wire_bytes = text.size();
  record.content = std::move(text);
  return record;
}

// Under a key that the wire does not have.
inline Record unreadable() {
  Record record;
  record.type = ContentType::unknown;
  record.reading = Reading::no_keys;
  record.encrypted = record.established = true;
  record.wire_bytes = 24;
  return record;
}
// Under a key that the wire has, and that does not open it.
inline Record garbage() {
  Record record = unreadable();
  record.reading = Reading::garbled;
  return record;
}

template <typename Change>
Record but(Record record, Change change) {
  change(record);
  return record;
}
inline Record in_the_clear(Record record) {
  return but(std::move(record), [](Record& it) { it.encrypted = it.established = false; });
}
inline Record cut_short(Record record) {
  return but(std::move(record), [](Record& it) { it.missing = it.wire_bytes - 3; });
}
inline Record damaged(Record record) {
  return but(std::move(record), [](Record& it) { it.damaged = it.made = true; });
}

// Calls of the subject are logged on the transport, as in real runs.
class Tale {
 public:
  explicit Tale(Tls tls = Tls::v1_3, Io io = Io::blocking) : key_(key(tls, io)) {}
  // The subject is a server.
  Tale& as_server() {
    key_.role = Role::server;
    return *this;
  }

  // What was told so far. A transcript is never changed: each call makes another one.
  const Transcript& transcript() const {
    Transcript told(key_);
    told.options = options_;
    told.reference = reference_;
    told.has_api_lane = has_api_lane_;
    for (const auto& [line, what] : events_) std::visit([&](const auto& it) { told.add(line, it); }, what);
    return *(told_ = std::make_shared<const Transcript>(std::move(told)));
  }
  operator Transcript() const { return transcript(); }  // NOLINT(google-explicit-constructor)

  Tale& handshake() {
    return io(Call::handshake, Flow::send, 300)
        .io(Call::handshake, Flow::recv, 900)
        .answers(Call::handshake, Outcome::done, {in_the_clear(handshake_message("ClientHello"))}, 300);
  }
  // The client's first message, which offers an earlier session or does not.
  static Record hello(bool offers) {
    return but(in_the_clear(handshake_message("ClientHello")), [&](Record& it) { it.offers = offers; });
  }
  // A session with this option, opened.
  Tale& option(std::string_view name) {
    options_.emplace_back(name);
    return *this;
  }

  // The subject's call comes back, having sent these records (as `bytes` on the transport, where that is not already told).
  Tale& answers(Call call, Outcome outcome, std::initializer_list<Record> sends = {}, std::size_t logged_bytes = 0) {
    for (const Record& record : sends)
      if (logged_bytes == 0) io(call, Flow::send, static_cast<long>(record.wire_bytes));
    ApiCall api;
    api.side = Side::subject;
    api.call = call;
    api.id = id_of(call);
    api.outcome = outcome;
    api.asked = asked(call);
    api.total = call == Call::read ? read_ : written_;
    add(std::move(api));
    last_ = std::exchange(open_, 0);
    for (Record record : sends) {
      if (logged_bytes > 0) record.wire_bytes = logged_bytes;
      sent(std::move(record));
    }
    return *this;
  }
  Tale& close(Outcome outcome, std::initializer_list<Record> sends = {}) { return answers(Call::close, outcome, sends); }
  Tale& close_write(Outcome outcome, std::initializer_list<Record> sends = {}) { return answers(Call::close_write, outcome, sends); }
  Tale& reads(Outcome outcome) { return answers(Call::read, outcome); }
  Tale& reads(std::size_t bytes) {
    read_ += bytes;
    return answers(Call::read, Outcome::done).last<ApiCall>([&](ApiCall& api) { api.bytes = bytes; });
  }
  // One of the extra calls, or `set`, with its arguments.
  Tale& extra(Call call, std::string arguments = {}, Outcome outcome = Outcome::done) {
    return answers(call, outcome).last<ApiCall>([&](ApiCall& api) { api.arguments = std::move(arguments); });
  }
  // A call made beside the others.
  Tale& beside(Call call, Outcome outcome, Aside aside = Aside::thread, std::initializer_list<Record> sends = {}) {
    // Whatever waits goes on waiting.
    const auto [waiting, what] = std::pair(std::exchange(open_, 0), open_call_);
    answers(call, outcome, sends).last<ApiCall>([&](ApiCall& api) { api.aside = aside; });
    open_ = waiting, open_call_ = what;
    return *this;
  }
  Tale& shows(std::string name, std::string value) {
    return last<ApiCall>([&](ApiCall& api) { api.state.emplace_back(std::move(name), std::move(value)); });
  }
  // What was done so far was one session, and another one begins.
  Tale& new_session(bool same_transport = true) {
    read_ = written_ = 0;
    return add(NewSession{same_transport});
  }
  Tale& passes(long long milliseconds) { return add(TimePassed{milliseconds}); }
  Tale& partner(Call call, Outcome outcome, std::size_t total = 0) {
    ApiCall api;
    api.side = Side::partner;
    api.call = call;
    api.outcome = outcome;
    api.total = api.bytes = total;
    return add(std::move(api));
  }
  // The run that this one is held against ended so, line by line.
  Tale& reference(std::vector<Transcript::LineAnswer> lines) {
    reference_ = std::move(lines);
    return *this;
  }
  Tale& writes(std::size_t bytes) {
    written_ += bytes;
    return answers(Call::write, Outcome::done, {data(bytes)});
  }
  // The subject's call blocks, or stays blocked when the run ends.
  Tale& blocks(Call during, Flow on) { return add(Blocked{Side::subject, during, id_of(during), asked(during), on}); }
  Tale& stays_blocked(Call during, Flow on) {
    blocks(during, on).add(Blocked{Side::subject, during, id_of(during), asked(during), on, true});
    open_ = 0;
    return *this;
  }
  // It waits before it is made again, perhaps for good.
  Tale& waits(Call before, Flow on, bool for_good = false) {
    return add(Blocked{Side::subject, before, last_, asked(before), on, for_good});
  }
  Tale& dies(Call during, Died::How how = Died::How::crashed) { return add(Died{Side::subject, how, "SIGSEGV", during}); }

  // A transport call of the subject, before the API call that makes it comes back.
  Tale& io(Call during, Flow flow, long result, std::string error = {}, bool injected = false, std::size_t asked = 0) {
    if (flow == Flow::send && result > 0) handed_over_ += static_cast<std::size_t>(result);
    return add(TransportCall{Side::subject, during, id_of(during), flow == Flow::recv ? "recv" : "send", flow,
                             asked > 0 ? asked : static_cast<std::size_t>(result > 0 ? result : 5), result, std::move(error), injected});
  }

  // The wire sees it whole, and passes it on. What no transport call told of until now was handed over by the last call.
  Tale& sent(Record record, bool delivered = true) {
    record.from = Side::subject;
    record.offset = seen_;
    const std::size_t bytes = record.wire_bytes - record.missing;
    if (!record.made) seen_ += bytes;
    const int number = next_number();
    if (seen_ > handed_over_ && logged_) {
      const std::size_t missing = seen_ - std::exchange(handed_over_, seen_);
      add(TransportCall{Side::subject, last_call_, last_, "send", Flow::send, missing, static_cast<long>(missing), "", false});
      add(std::move(record));
      return delivered ? add(Delivered{number + 1, bytes}) : *this;
    }
    add(std::move(record));
    return delivered ? add(Delivered{number, bytes}) : *this;
  }
  // The wire delivers it to the subject, or what there is of it.
  Tale& arrives(Record record) {
    record.from = Side::partner;
    const std::size_t bytes = record.wire_bytes - record.missing;
    const int number = next_number();
    return add(std::move(record)).add(Delivered{number, bytes});
  }
  // It comes from the partner, and the wire keeps it, or loses it.
  Tale& seen(Record record) {
    record.from = Side::partner;
    return add(std::move(record));
  }
  Tale& fin_arrives() { return add(TransportEnd{Side::partner, true, false, End::fin}); }
  Tale& reset_arrives() { return add(TransportEnd{Side::partner, true, true, End::reset}); }
  Tale& script(std::string verb, std::string bytes = {}) {
    const auto result = static_cast<long>(bytes.size());
    if (verb == "raw-write") handed_over_ += bytes.size();
    return add(RawCall{Side::subject, std::move(verb), result, {}, std::move(bytes)});
  }
  // The call has closed the transport.
  Tale& closes(Call during) { return add(TransportCall{Side::subject, during, id_of(during), "close", Flow::send, 0, 0, "", false}); }
  Tale& own_end_seen() { return add(TransportEnd{Side::subject, false, false, End::fin}); }

  template <typename Kind>
  Tale& add(Kind what) {
    if constexpr (std::is_same_v<Kind, Endless>) what.id = last_;
    events_.emplace_back(line_, std::move(what));
    return *this;
  }
  // Changes the last event of that kind.
  template <typename Kind, typename Change>
  Tale& last(Change change) {
    for (auto event = events_.rbegin(); event != events_.rend(); ++event)
      if (auto* it = std::get_if<Kind>(&event->second)) {
        change(*it);
        break;
      }
    return *this;
  }
  Tale& next_line() {
    ++line_;
    asked_ = 0;
    return *this;
  }
  // The partner sent something that the wire had no keys for.
  Tale& without_keys() { return seen(unreadable()); }
  // Only the wire is known of the subject.
  Tale& of_the_wire_alone() {
    has_api_lane_ = logged_ = false;
    return *this;
  }
  // Transport calls are not told.
  Tale& unlogged() {
    logged_ = false;
    return *this;
  }
  int next_number() const { return static_cast<int>(events_.size()) + 1; }

 private:
  static RunKey key(Tls tls, Io io) { return {"family/scenario", "gnutls", "3.7.9", "openssl", "3.0.17", Role::client, tls, io}; }

  // The call that is under way, begun where none is.
  int id_of(Call call) {
    if (open_ == 0 || open_call_ != call) open_ = ++calls_, open_call_ = last_call_ = call;
    return open_;
  }
  // Each line asks once.
  int asked(Call call) {
    if (asked_ == 0 || asked_for_ != call) {
      asked_ = 0, asked_for_ = call;
      for (std::size_t i = 0; i < events_.size(); ++i)
        if (const auto* it = std::get_if<Asked>(&events_[i].second); it && events_[i].first == line_ && it->call == call)
          asked_ = static_cast<int>(i) + 1;
    }
    return asked_;
  }

  RunKey key_;
  std::vector<std::string> options_;
  std::vector<Transcript::LineAnswer> reference_;
  std::vector<std::pair<int, decltype(Event::what)>> events_;
  mutable std::shared_ptr<const Transcript> told_;  // the last one that was asked for
  int line_ = 1, calls_ = 0, open_ = 0, last_ = 0, asked_ = 0;
  Call open_call_{}, last_call_{}, asked_for_{};
  bool logged_ = true, has_api_lane_ = true;
  std::size_t read_ = 0, written_ = 0, seen_ = 0, handed_over_ = 0;
};

inline Tale connected(Tls tls = Tls::v1_3) { return Tale(tls).handshake(); }

// A client program that has asked by HTTP, got a part of the answer and the end of the connection, and ended with this exit code.
inline Tale given_half_an_answer(int exit_code) {
  const auto says = [](std::string text) { return but(data(text.size()), [&](Record& it) { it.content = std::move(text); }); };
  return Tale()
      .of_the_wire_alone()
      .sent(says("GET / HTTP/1.0\r\n\r\n"))
      .add(Asked{Side::partner, "say", {}, "beginning"})
      .arrives(says("HTTP/1.0 200 OK\r\n\r\nHalf of"))
      .fin_arrives()
      .add(ProgramDid{Side::subject, ProgramDid::What::ended, 10, "exit code", exit_code, {}});
}

}  // namespace tlsbye
