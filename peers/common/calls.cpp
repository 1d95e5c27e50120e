#include <algorithm>
#include <cerrno>
#include <utility>

#include "peers/common/heap.h"
#include "peers/common/server.h"
#include "peers/protocol/pattern.h"

namespace tlsbye::peer {
namespace {

constexpr int largest_repeat_count = 200;  // of one API call by `until`, in a row and without data: no close and no handshake needs so many
constexpr std::size_t longest_words = 4096;  // of the library's own text that are handed on
constexpr std::size_t usual_read = 16384;
constexpr std::size_t largest_read = 1 << 20;
constexpr std::size_t largest_write = 1 << 24;

std::vector<std::byte> buffer_for(const Line& request, std::size_t otherwise, std::size_t largest) {
  const auto size = request.find("size") ? request.number("size") : static_cast<long long>(otherwise);
  if (!size || *size < 0 || static_cast<std::size_t>(*size) > largest)
    throw Unsupported{"size is a number up to " + std::to_string(largest)};
  return std::vector<std::byte>(static_cast<std::size_t>(*size));
}

bool is_pattern(std::span<const std::byte> bytes, Role writer, std::size_t place) {
  for (const std::byte byte : bytes)
    if (byte != pattern_byte(writer, place++)) return false;
  return true;
}

// The arguments of an extra call, as the adapter gets them.
std::vector<std::string> arguments_of(Call call, const Line& request) {
  const auto octet = [&](std::string_view key) {
    const auto number = request.number(key);
    if (!number || *number < 0 || *number > 255) throw Unsupported{std::string(key) + " is a number from 0 to 255"};
    return std::to_string(*number);
  };
  switch (call) {
    case Call::send_alert:
      return {octet("level"), octet("description")};
    case Call::key_update:
      if (request.get("requested") == "1") return {"requested"};
      return {};
    case Call::set:
      if (request.get("name").empty() || request.get("value").empty()) throw Unsupported{"set needs name= and value="};
      return {std::string(request.get("name")), std::string(request.get("value"))};
    default:
      return {};
  }
}

// What a non-blocking caller would wait for before calling again. A stack that once more says no more than that its close_notify is out
// waits for the reply.
std::optional<Flow> waits_for(Outcome outcome, Outcome before) {
  if (outcome == Outcome::want_read || (outcome == Outcome::sent && before == Outcome::sent)) return Flow::recv;
  if (outcome == Outcome::want_write) return Flow::send;
  return std::nullopt;
}

}  // namespace

// Makes one API call, and with `until` again: as long as its outcome says so, and after progress as long as there is `more` to do. Waits
// in between where the outcome and the kernel agree that there is something to wait for; in blocking mode the transport does that.
template <typename Once, typename More>
void Server::repeat(Until until, Once once, More more) {
  Transport& transport = connection_->transport;
  Outcome before = Outcome::done;
  for (int repeats = 0;;) {
    begin_call(repeats > 0);  // what is made again without progress is one call to whoever counts what it does on the transport
    errno = 0;
    Answer answer = [&] {
      const heap::Counting counting(now_.call == Call::close || now_.call == Call::close_write);
      return once();
    }();
    // Some libraries go on saying "the peer has gone" after any failure of the transport, a send's too.
    if (answer.outcome == Outcome::cut && !transport.moved().ended) answer.outcome = Outcome::failed;
    report(answer);
    const bool progress = answer.outcome == Outcome::done && answer.bytes > 0;
    const bool again = call_again(answer.outcome) || (progress && more());
    if (until == Until::once || !again || transport.given_up()) return;
    repeats = progress ? 0 : repeats + 1;
    if (repeats == largest_repeat_count) {
      conversation_.line("endless").with("during", spell(now_.call)).with("id", now_.id).with("times", repeats);
      return;
    }
    const auto flow = waits_for(answer.outcome, std::exchange(before, answer.outcome));
    if (!flow || !transport.nonblocking() || transport.ready(*flow)) continue;
    const Wait what = wait(*flow, {}, true);
    if (what == Wait::give_up) return transport.give_up();
    if (what == Wait::enough) return;
  }
}

// Another call of this session begins; a process that watches over this one goes on counting from it.
void Server::begin_call(bool repeated) {
  if (!repeated) connection_->transport.begin_call();
  now_.id = ++connection_->calls;
  if (shared_) shared_->calls.store(now_.id);
}

// Makes the call that the request asks for.
void Server::call(Call call, const Line& request) {
  Session& session = this->session();
  now_.call = call;
  now_.arguments.clear();
  const std::string_view word = request.get("until", call == Call::handshake ? "done" : "once");
  const auto until = read_word<Until>(word);
  if (!until || (*until == Until::end && call != Call::read && call != Call::read_early))
    throw Unsupported{"no such until: " + std::string(word)};
  const auto no_more = [] { return false; };
  switch (call) {
    case Call::handshake:
      return repeat(
          *until, [&] { return session.handshake(); }, no_more);
    case Call::close:
      require("close");
      return repeat(
          *until, [&] { return session.close(); }, no_more);
    case Call::close_write:
      require("close-write");
      return repeat(
          *until, [&] { return session.close_write(); }, no_more);
    case Call::read:
      return read(request, *until);
    case Call::write:
      return write(request, *until);
    case Call::abandon:
      return leave_session();
    default:
      return extra(call, request, *until);
  }
}

void Server::read(const Line& request, Until until) {
  Connection& c = *connection_;
  std::vector<std::byte> buffer = buffer_for(request, usual_read, largest_read);
  if (request.get("ready") == "1" && !c.transport.ready(Flow::recv)) {
    conversation_.line("idle");
    return;
  }
  // A real program writes what it likes, and may be read until a text of it has come.
  const bool any = request.get("any") == "1";
  const std::string_view text = request.get("text");
  std::string heard;  // the last bytes, so many as may be a beginning of the text
  bool text_came = false;
  const auto once = [&] {
    Answer answer = c.session->read(buffer);
    answer.bytes = std::min(answer.bytes, buffer.size());
    const auto got = std::span(buffer).first(answer.bytes);
    c.moved.intact = c.moved.intact && (any || is_pattern(got, other(c.role), c.moved.read));
    c.moved.read += answer.bytes;
    if (!text.empty()) {
      heard.append(reinterpret_cast<const char*>(got.data()), got.size());
      text_came = text_came || heard.find(text) != std::string::npos;
      if (heard.size() >= text.size()) heard.erase(0, heard.size() - text.size() + 1);
    }
    return answer;
  };
  // No protection makes more data of fewer bytes: a library that gives more than it has received invents it, and would for ever. So does
  // one that goes on giving what was never sent, and receives nothing, for longer than a record lasts and for more bytes than it received
  // since the statement began: a few bytes at a time it would take too long to give more than it ever received.
  constexpr int most_of_nothing = 16384;  // a record's, byte by byte
  int times = 0, of_nothing = 0;
  const long long at_first = c.transport.moved().received;
  long long received = at_first;
  std::size_t read = c.moved.read;  // when something was received last
  repeat(until, once, [&] {
    ++times;
    ++of_nothing;
    if (c.moved.intact || c.transport.moved().received != received) of_nothing = 0, read = c.moved.read;
    received = c.transport.moved().received;
    const bool of_no_record = of_nothing > most_of_nothing && std::cmp_greater(c.moved.read - read, received - at_first);
    const bool invented = until == Until::end && (std::cmp_greater(c.moved.read, received) || of_no_record);
    if (invented)
      conversation_.line("endless")
          .with("during", spell(now_.call))
          .with("id", now_.id)
          .with("times", times)
          .with("why", "more data than had come");
    return until == Until::end && !invented && !text_came;
  });
}

void Server::write(const Line& request, Until until) {
  Connection& c = *connection_;
  // A call that is made again gets the same bytes at the same place, as some libraries insist.
  std::vector<std::byte> buffer = buffer_for(request, 0, largest_write);
  for (std::size_t i = 0; i < buffer.size(); ++i) buffer[i] = pattern_byte(c.role, c.moved.written + i);
  if (request.find("data")) {
    const auto data = std::as_bytes(std::span(request.get("data")));
    buffer.assign(data.begin(), data.end());
  }
  std::span<const std::byte> left(buffer);
  const auto once = [&] {
    Answer answer = c.session->write(left);
    answer.bytes = std::min(answer.bytes, left.size());
    c.moved.written += answer.bytes;
    left = left.subspan(answer.bytes);
    return answer;
  };
  repeat(until, once, [&] { return !left.empty(); });
}

void Server::extra(Call call, const Line& request, Until until) {
  Connection& c = *connection_;
  const std::vector<std::string> arguments = arguments_of(call, request);
  require(call == Call::set ? "set-" + arguments.front() : std::string(spell(call)));
  for (const std::string& argument : arguments) now_.arguments += (now_.arguments.empty() ? "" : " ") + argument;
  if (call == Call::keep_session || call == Call::set) sessions_kept_ = true;  // a switch may be that of more than this session
  if (call == Call::write_early || call == Call::read_early) return early(call, request, until);
  std::vector<std::byte> buffer;
  if (call == Call::peek) buffer = buffer_for(request, usual_read, largest_read);
  const auto once = [&] {
    Answer answer = c.session->extra(call, arguments, buffer);
    if (call == Call::peek) {
      answer.bytes = std::min(answer.bytes, buffer.size());
      c.moved.peeked_intact = c.moved.intact && is_pattern(std::span(buffer).first(answer.bytes), other(c.role), c.moved.read);
    }
    return answer;
  };
  repeat(until, once, [] { return false; });
}

// Early data that a server refuses is never read, so that it has places of its own in the pattern.
void Server::early(Call call, const Line& request, Until until) {
  Connection& c = *connection_;
  const bool writes = call == Call::write_early;
  std::vector<std::byte> buffer = writes ? buffer_for(request, 0, largest_write) : buffer_for(request, usual_read, largest_read);
  for (std::size_t i = 0; writes && i < buffer.size(); ++i) buffer[i] = pattern_byte(c.role, c.moved.early_written + i);
  std::span<std::byte> left(buffer);
  const auto once = [&] {
    Answer answer = c.session->extra(call, {}, left);
    answer.bytes = std::min(answer.bytes, left.size());
    if (writes) {
      c.moved.early_written += answer.bytes;
      left = left.subspan(answer.bytes);
    } else {
      c.moved.early_intact = c.moved.early_intact && is_pattern(left.first(answer.bytes), other(c.role), c.moved.early_read);
      c.moved.early_read += answer.bytes;
    }
    return answer;
  };
  repeat(until, once, [&] {
    if (writes) return !left.empty();
    return until == Until::end && std::cmp_less_equal(c.moved.early_read, c.transport.moved().received);
  });
}

// As a transport call that moves nothing.
void Server::report_starved() {
  const auto failed = heap::take_failed();
  if (!failed) return;
  LineWriter line = conversation_.line("io");
  line.with("during", spell(now_.call)).with("id", now_.id).with("function", failed->function).with("flow", spell(Flow::send));
  line.with("asked", static_cast<long long>(failed->size)).with("result", -1).with("errno", "ENOMEM").with("injected", 1);
}

void Server::report(const Answer& answer) {
  report_signals();
  report_starved();
  const Connection::Moved& moved = connection_->moved;
  const Call call = now_.call;
  LineWriter line = conversation_.line("api");
  line.with("call", spell(call))
      .with("id", now_.id)
      .with("native", answer.native)
      .with("returned", answer.returned)
      .with("outcome", spell(answer.outcome));
  if (!now_.arguments.empty()) line.with("arguments", now_.arguments);
  if (now_.aside != Aside::no) line.with("aside", spell(now_.aside));
  if (!answer.code.empty()) line.with("code", answer.code);
  if (answer.error_number != 0) line.with("errno", error_name(answer.error_number));
  if (!answer.words.empty()) line.with("words", std::string_view(answer.words).substr(0, longest_words));
  const bool early = call == Call::read_early || call == Call::write_early;
  const bool reads = call == Call::read || call == Call::peek || call == Call::read_early;
  if (reads || call == Call::write || early) {
    const std::size_t total = early ? (reads ? moved.early_read : moved.early_written) : reads ? moved.read : moved.written;
    line.with("bytes", static_cast<long long>(answer.bytes)).with("total", static_cast<long long>(total));
  }
  if (reads) line.with("intact", (early ? moved.early_intact : call == Call::peek ? moved.peeked_intact : moved.intact) ? 1 : 0);
  for (const auto& [name, value] : connection_->session->state()) line.with(std::string("state.").append(name), value);
}

}  // namespace tlsbye::peer
