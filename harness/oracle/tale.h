// For tests: transcripts told by hand, in the order in which a run would have written them.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "harness/transcript/transcript.h"

namespace tlsbye {

inline Record alert(std::uint8_t level, std::uint8_t description) {
  Record record;
  record.type = ContentType::alert;
  record.encrypted = true;
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
  record.encrypted = true;
  record.content_bytes = bytes;
  record.wire_bytes = bytes + 22;
  return record;
}

inline Record handshake_message(std::string name) {
  Record record;
  record.type = ContentType::handshake;
  record.encrypted = true;
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

inline Record unreadable() {
  Record record;
  record.type = ContentType::unknown;
  record.encrypted = true;
  record.wire_bytes = 24;
  return record;
}

template <typename Change>
Record but(Record record, Change change) {
  change(record);
  return record;
}
inline Record in_the_clear(Record record) {
  return but(std::move(record), [](Record& it) { it.encrypted = false; });
}
inline Record damaged(Record record) {
  return but(std::move(record), [](Record& it) { it.damaged = true, it.fate = Fate::injected; });
}
inline Record cut_short(Record record) {
  return but(std::move(record), [](Record& it) { it.truncated_to = 3, it.fate = Fate::injected; });
}

// Calls of the subject are logged on the transport, as in real runs.
class Tale {
 public:
  explicit Tale(Tls tls = Tls::v1_3, Io io = Io::blocking) : told_(key(tls, io)) {}

  const Transcript& transcript() const { return told_; }
  operator Transcript() const { return told_; }  // NOLINT(google-explicit-constructor)

  Tale& handshake() {
    return io(Call::handshake, Flow::send, 300)
        .io(Call::handshake, Flow::recv, 900)
        .answers(Call::handshake, Outcome::done, {in_the_clear(handshake_message("ClientHello"))}, 300);
  }
  // The client's first message, so long, with a session id in it or not.
  Tale& hello(std::size_t bytes, bool with_id) {
    Record record = handshake_message("ClientHello");
    record.encrypted = false;
    record.content_bytes = bytes;
    record.content = std::string(38, 'r') + (with_id ? '\x20' : '\0');
    return sent(std::move(record));
  }
  // A session with this option, opened.
  Tale& option(std::string_view name) {
    told_.options.emplace_back(name);
    return *this;
  }

  // The subject's call comes back, having sent these records (as `bytes` on the transport, where that is not already told).
  Tale& answers(Call call, Outcome outcome, std::initializer_list<Record> sends = {}, std::size_t logged_bytes = 0) {
    for (const Record& record : sends)
      if (logged_bytes == 0) io(call, Flow::send, static_cast<long>(record.wire_bytes));
    ApiCall api;
    api.side = Side::subject;
    api.call = call;
    api.outcome = outcome;
    api.asked_at = line_;
    api.total = call == Call::read ? read_ : written_;
    finish(std::move(api));
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
    const int began = told_.next_number();
    return answers(call, outcome, sends).last<ApiCall>([&](ApiCall& api) { api.aside = aside, api.began = began; });
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
    api.began = told_.next_number();
    api.total = api.bytes = total;
    return add(std::move(api));
  }
  // The run that this one is held against ended so, line by line.
  Tale& reference(std::vector<Transcript::LineAnswer> lines) {
    told_.reference = std::move(lines);
    return *this;
  }
  Tale& writes(std::size_t bytes) {
    written_ += bytes;
    return answers(Call::write, Outcome::done, {data(bytes)});
  }
  // The subject's call blocks, or stays blocked when the run ends.
  Tale& blocks(Call during, Flow on) { return add(Blocked{Side::subject, during, on, false}); }
  Tale& stays_blocked(Call during, Flow on) { return blocks(during, on).add(Blocked{Side::subject, during, on, true, {}, line_}); }
  Tale& dies(Call during, Died::How how = Died::How::crashed) { return add(Died{Side::subject, how, "SIGSEGV", during}); }

  // A transport call of the subject, before the API call that makes it comes back.
  Tale& io(Call during, Flow flow, long result, std::string error = {}, bool injected = false, std::size_t asked = 0) {
    return add(TransportCall{Side::subject, during, flow == Flow::recv ? "recv" : "send", flow,
                             asked > 0 ? asked : static_cast<std::size_t>(result > 0 ? result : 5), result, std::move(error), injected});
  }

  Tale& sent(Record record) {
    record.from = Side::subject;
    return add(std::move(record));
  }
  Tale& arrives(Record record) {
    record.from = Side::partner;
    return add(std::move(record));
  }
  Tale& fin_arrives() { return add(TransportEnd{Side::partner, true, false, End::fin}); }
  Tale& reset_arrives() { return add(TransportEnd{Side::partner, true, true, End::reset}); }
  Tale& script(std::string verb, std::string bytes = {}) {
    const auto result = static_cast<long>(bytes.size());
    return add(RawCall{Side::subject, std::move(verb), result, {}, std::move(bytes)});
  }
  Tale& own_end_seen() { return add(TransportEnd{Side::subject, false, false, End::fin}); }

  template <typename Kind>
  Tale& add(Kind what) {
    told_.add(line_, std::move(what));
    return *this;
  }
  // Changes the last event of that kind.
  template <typename Kind, typename Change>
  Tale& last(Change change) {
    for (int number = told_.next_number() - 1; number > 0; --number)
      if (auto* it = std::get_if<Kind>(&told_.at(number).what)) {
        change(*it);
        return *this;
      }
    return *this;
  }
  Tale& next_line() {
    ++line_;
    return *this;
  }
  Tale& without_keys() {
    told_.decrypted = false;
    return *this;
  }

 private:
  static RunKey key(Tls tls, Io io) { return {"family/scenario", "gnutls", "3.7.9", "openssl", "3.0.17", Role::client, tls, io}; }

  void finish(ApiCall api) {
    api.began = told_.next_number();
    add(std::move(api));
  }

  Transcript told_;
  int line_ = 1;
  std::size_t read_ = 0, written_ = 0;
};

}  // namespace tlsbye
