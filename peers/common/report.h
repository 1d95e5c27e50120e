// The peer's side of the conversation: requests in, reports out (peers/README.md).
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "peers/protocol/channel.h"
#include "peers/protocol/message.h"

namespace tlsbye::peer {

// Whose move it is, for a process that watches over this one. `over`: this process has said all that there is to say.
enum class Turn : int { harness, peer, over };

class Conversation {
 public:
  // Takes the memory that it needs for packets now, so that what a session needs can be measured.
  explicit Conversation(Channel channel) : channel_(std::move(channel)) { packet_.reserve(largest_message); }

  // Where to keep the turn from now on, for another process to see; nullptr for nowhere.
  void show_turn(std::atomic<Turn>* turn) { turn_ = turn; }

  // The first packet of a process.
  void hello(const Line& line);

  // Waits for the next request, of one line; nullopt where the harness is gone. A packet that is not a request gives a line with an
  // empty word and a field `why`. A descriptor that came along replaces `passed`.
  std::optional<Line> next_request(Descriptor* passed = nullptr);

  // Takes a request that lies there unread, if there is one, and forgets it.
  void discard_request();

  // Begins a line of the report under way. At most `longest_line` bytes, escapes included: a packet that grows beyond largest_message by a
  // longer one is not sent, and the report ends in `too-long`, which the harness takes for a broken protocol.
  LineWriter line(std::string_view word);
  static constexpr std::size_t longest_line = 20 * 1024;

  // From now until the report ends, lines are thrown away.
  void mute() { muted_ = true; }

  // The three ways to end a report. Whoever waits for the harness gives it the turn; with `over` this process falls silent.
  void ready(Turn next = Turn::harness);
  void blocked(std::string_view on, std::string_view during, int id, std::optional<long long> timeout_ms);
  void spinning(std::string_view during);

  // Says what there is to say so far, and lets the report go on: here, or, with `over`, by the process that watches.
  void leave(Turn next = Turn::peer);

 private:
  void send(Turn next);
  bool request_is_there(bool wait);
  void turn(Turn whose) {
    if (turn_) turn_->store(whose);
  }

  Channel channel_;
  std::string packet_, unheard_, received_;
  std::atomic<Turn>* turn_ = nullptr;
  bool muted_ = false;
};

}  // namespace tlsbye::peer
