#include "peers/common/report.h"

#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

namespace tlsbye::peer {

void Conversation::hello(const Line& line) {
  append_line(packet_, line);
  send(Turn::harness);
}

bool Conversation::request_is_there(bool wait) {
  pollfd entry{channel_.descriptor(), POLLIN, 0};
  const timespec at_once{};
  // Not by poll(): this process has its own (transport.cpp).
  return ::syscall(SYS_ppoll, &entry, 1, wait ? nullptr : &at_once, nullptr, 0) > 0;
}

std::optional<Line> Conversation::next_request(Descriptor* passed) {
  if (turn_ != nullptr) {
    // Takes its turn before the request: whoever ends this process in between leaves the request for the other process to find.
    while (!request_is_there(true)) {
    }
    turn(Turn::peer);
  }
  const Channel::Got got = channel_.receive(received_, passed);
  if (got == Channel::Got::end || got == Channel::Got::timeout) return std::nullopt;
  if (got != Channel::Got::packet) {
    if (errno != EMSGSIZE) return std::nullopt;
    return Line().with("why", "a request of more than 65536 bytes");
  }
  auto parsed = parse_message(received_);
  if (const auto* error = std::get_if<MessageError>(&parsed))
    return Line().with("why", "no message: " + error->problem + " at byte " + std::to_string(error->offset));
  auto& lines = std::get<std::vector<Line>>(parsed);
  if (lines.size() != 1) return Line().with("why", "a request is one line");
  return std::move(lines.front());
}

void Conversation::discard_request() {
  if (request_is_there(false)) channel_.receive(received_);
}

LineWriter Conversation::line(std::string_view word) {
  if (muted_) {
    unheard_.clear();
    return LineWriter(unheard_, word);
  }
  if (packet_.size() > largest_message - 2 * longest_line) leave();
  return LineWriter(packet_, word);
}

void Conversation::ready(Turn next) {
  muted_ = false;
  packet_ += "ready\n";
  send(next);
}

void Conversation::blocked(std::string_view on, std::string_view during, int id, std::optional<long long> timeout_ms) {
  {
    LineWriter line(packet_, "blocked");
    line.with("on", on).with("during", during).with("id", id);
    if (timeout_ms) line.with("timeout", *timeout_ms);
  }
  send(Turn::harness);
}

void Conversation::leave(Turn next) {
  packet_ += "more\n";
  send(next);
}

void Conversation::spinning(std::string_view during) {
  LineWriter(packet_, "spinning").with("during", during);
  send(Turn::over);
}

void Conversation::send(Turn next) {
  turn(next);
  if (packet_.size() > largest_message) packet_ = "too-long\n";  // the kernel would refuse it, and the harness wait in vain
  channel_.send(packet_);                                        // where the harness is gone, the next receive will tell
  packet_.clear();
}

}  // namespace tlsbye::peer
