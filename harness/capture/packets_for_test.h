// For tests: packets as they are captured, and two ends that talk.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/capture/connections.h"

namespace tlsbye {

inline std::string big_endian(std::uint32_t value, std::size_t size) {
  std::string text;
  while (size-- > 0) text += static_cast<char>(value >> 8 * size);
  return text;
}

struct Flags {
  bool fin = false, syn = false, reset = false, ack = true;
};

inline std::string tcp(std::uint16_t from, std::uint16_t to, std::uint32_t sequence, std::uint32_t acknowledged, Flags flags,
                       std::string_view data, std::size_t option_bytes = 0) {
  const auto bits = static_cast<std::uint32_t>(flags.fin | flags.syn << 1 | flags.reset << 2 | flags.ack << 4);
  return big_endian(from, 2) + big_endian(to, 2) + big_endian(sequence, 4) + big_endian(acknowledged, 4) +
         big_endian(static_cast<std::uint32_t>((20 + option_bytes) / 4 << 12) | bits, 2) + std::string(6 + option_bytes, '\1') +
         std::string(data);
}
inline std::string ipv4(std::string_view segment) {
  return "\x45" + std::string(1, '\0') + big_endian(static_cast<std::uint32_t>(20 + segment.size()), 2) + std::string(4, '\0') +
         "\x40\x06" + std::string(2, '\0') + "\x7f" + std::string(2, '\0') + "\1\x7f" + std::string(2, '\0') + "\2" + std::string(segment);
}
inline std::string ipv6(std::string_view segment, std::string_view extension = {}, char next = 6) {
  return "\x60" + std::string(3, '\0') + big_endian(static_cast<std::uint32_t>(extension.size() + segment.size()), 2) + next + "\x40" +
         std::string(15, '\0') + "\1" + std::string(15, '\0') + "\2" + std::string(extension) + std::string(segment);
}

// Two ends of one connection, and what a capture got of it: each call is a segment, or, with `lost`, one that was not captured.
class Talk {
 public:
  explicit Talk(std::uint32_t opener_begins = 1000, std::uint32_t other_begins = 0xfffffff0) : next_{opener_begins, other_begins} {}

  Talk& open() {
    flags(Talker::opener, {.syn = true, .ack = false});
    ++next_[0];
    flags(Talker::other, {.syn = true});
    ++next_[1];
    return flags(Talker::opener, {});
  }
  Talk& says(Talker from, std::string_view data) {
    segment(from, next(from), data, {});
    next(from) += static_cast<std::uint32_t>(data.size());
    return *this;
  }
  Talk& loses(Talker from, std::string_view data) {
    next(from) += static_cast<std::uint32_t>(data.size());
    return *this;
  }
  // What it said `back` bytes ago, again.
  Talk& repeats(Talker from, std::uint32_t back, std::string_view data) { return segment(from, next(from) - back, data, {}); }
  Talk& fin(Talker from, std::string_view data = {}) {
    segment(from, next(from), data, {.fin = true});
    next(from) += static_cast<std::uint32_t>(data.size()) + 1;
    return *this;
  }
  Talk& flags(Talker from, Flags flags) { return segment(from, next(from), {}, flags); }
  Talk& reset(Talker from) { return flags(from, {.reset = true}); }
  Talk& segment(Talker from, std::uint32_t sequence, std::string_view data, Flags flags, std::size_t unseen = 0) {
    Segment it;
    it.from = end(from);
    it.to = end(peer_of(from));
    it.sequence = sequence;
    it.acknowledged = acknowledges_ ? next(peer_of(from)) : acknowledged_;
    it.syn = flags.syn, it.fin = flags.fin, it.reset = flags.reset, it.acknowledges = flags.ack;
    it.data = data;
    it.unseen = unseen;
    connections_.add(++packet_, it);
    return *this;
  }
  // From now on the other side's last bytes are not acknowledged.
  Talk& acknowledges_no_more(Talker whose) {
    acknowledges_ = false;
    acknowledged_ = next(whose);
    return *this;
  }
  std::uint32_t& next(Talker party) { return next_[static_cast<std::size_t>(party)]; }
  std::vector<Connection> take() { return connections_.take(); }

  static Endpoint end(Talker party) { return party == Talker::opener ? Endpoint{{127, 0, 0, 1}, 50000} : Endpoint{{127, 0, 0, 2}, 443}; }

 private:
  std::uint32_t next_[2];
  bool acknowledges_ = true;
  std::uint32_t acknowledged_ = 0;
  std::uint64_t packet_ = 0;
  Connections connections_;
};

// "opener abc, other missing 3, opener fin"
inline std::string story(const Connection& connection) {
  std::string text;
  for (const Deed& deed : connection.deeds) {
    text += (text.empty() ? "" : ", ") + std::string(deed.from == Talker::opener ? "opener " : "other ");
    switch (deed.kind) {
      case Deed::Kind::data:
        text += connection.data(deed);
        break;
      case Deed::Kind::missing:
        text += "missing " + std::to_string(deed.size);
        break;
      case Deed::Kind::fin:
        text += "fin";
        break;
      case Deed::Kind::reset:
        text += "reset";
        if (deed.size > 0) text += " over " + std::to_string(deed.size);
        break;
    }
  }
  return text;
}

}  // namespace tlsbye
