// One end of a control socket, and descriptors that close themselves.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace tlsbye {

// Owns one file descriptor; -1 is none. Movable, not copyable.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& from) noexcept : number_(std::exchange(from.number_, -1)) {}
  Descriptor& operator=(Descriptor&& from) noexcept {
    if (this != &from) {
      reset();
      number_ = std::exchange(from.number_, -1);
    }
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }

  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  void reset();
  int release() { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

// A SOCK_SEQPACKET socket of which each packet is one message, with at most one descriptor passed along.
// A peer finds its end as descriptor `control_descriptor`.
inline constexpr int control_descriptor = 3;

class Channel {
 public:
  explicit Channel(Descriptor socket) : socket_(std::move(socket)) {}

  int descriptor() const { return socket_.get(); }

  // Sends one packet, whole. `passed` (or -1) is duplicated into the receiver; it stays the caller's. False with errno set where
  // the other end is gone or the packet is too large.
  bool send(std::string_view packet, int passed = -1);

  enum class Got { packet, end, timeout, error };
  // Waits for one packet and puts it into `packet`; the first descriptor that came with it goes to `passed` where that is not null, and
  // all others are closed. `timeout` only where a receive time-out was set on the socket; `error` leaves errno.
  Got receive(std::string& packet, Descriptor* passed = nullptr);

 private:
  Descriptor socket_;
  std::unique_ptr<char[]> buffer_;  // largest_message bytes, made at the first receive
};

// Two connected ends, close-on-exec. Throws std::system_error where there are no more descriptors.
std::pair<Channel, Channel> channel_pair();

}  // namespace tlsbye
