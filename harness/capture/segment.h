// One packet of a capture taken apart, down to its TCP segment: Ethernet with VLAN tags, Linux cooked (SLL, SLL2), BSD loopback (NULL,
// LOOP) or bare IP; IPv4, IPv6 with its extension headers.
//
// Any bytes may be given; nothing throws. Written by hand: it is a page, and of a packet that was cut short when it was captured it must
// say how much of the segment is missing, which libraries of packets do not.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tlsbye {

// The link types that can be read, by their numbers in capture files (tcpdump.org/linktypes.html).
enum class LinkType : int { null = 0, ethernet = 1, raw = 101, loop = 108, cooked = 113, raw_ipv4 = 228, raw_ipv6 = 229, cooked_2 = 276 };
bool can_read_link(int type);

struct Endpoint {
  std::string address;  // 4 or 16 bytes
  std::uint16_t port = 0;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};
// "192.0.2.1:443", "[2001:db8::1]:443".
std::string told(const Endpoint& endpoint);

struct Segment {
  Endpoint from, to;
  std::uint32_t sequence = 0, acknowledged = 0;
  bool syn = false, fin = false, reset = false, acknowledges = false;
  std::string_view data;   // into the packet
  std::size_t unseen = 0;  // bytes of data behind it that the capture does not have
  std::size_t size() const { return data.size() + unseen; }
};

// nullopt where it holds no TCP segment, or not the whole of its header. Fragments of IP packets are passed over.
std::optional<Segment> read_segment(int link_type, std::string_view packet);

}  // namespace tlsbye
