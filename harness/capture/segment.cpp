#include "harness/capture/segment.h"

#include <arpa/inet.h>

#include <algorithm>

namespace tlsbye {
namespace {

constexpr int protocol_tcp = 6;
constexpr std::uint16_t ether_ipv4 = 0x0800, ether_ipv6 = 0x86dd, ether_vlan = 0x8100, ether_service_vlan = 0x88a8, ether_old_vlan = 0x9100;

// Takes bytes off the front; where too few are there, everything is 0 and the packet is short.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : rest_(bytes) {}

  std::string_view take(std::size_t size) {
    short_ = short_ || rest_.size() < size;
    if (short_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::uint32_t number(std::size_t size) {
    std::uint32_t value = 0;
    for (const char byte : take(size)) value = value << 8 | static_cast<std::uint8_t>(byte);
    return value;
  }
  std::uint8_t octet() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t pair() { return static_cast<std::uint16_t>(number(2)); }
  bool is_short() const { return short_; }
  std::string_view rest() const { return rest_; }
  // Of what follows, only so much belongs to it; gives how much of that is not there.
  std::size_t limit(std::size_t size) {
    const std::size_t missing = size - std::min(size, rest_.size());
    rest_ = rest_.substr(0, size);
    return missing;
  }

 private:
  std::string_view rest_;
  bool short_ = false;
};

std::uint16_t skip_vlans(Bytes& bytes, std::uint16_t type) {
  while (!bytes.is_short() && (type == ether_vlan || type == ether_service_vlan || type == ether_old_vlan)) {
    bytes.take(2);
    type = bytes.pair();
  }
  return type;
}

// The version of IP that follows; 0 for anything else.
int read_link(int link_type, Bytes& bytes) {
  const auto by_ether = [&](std::uint16_t type) {
    type = skip_vlans(bytes, type);
    return type == ether_ipv4 ? 4 : type == ether_ipv6 ? 6 : 0;
  };
  switch (static_cast<LinkType>(link_type)) {
    case LinkType::ethernet:
      bytes.take(12);
      return by_ether(bytes.pair());
    case LinkType::cooked:
      bytes.take(14);
      return by_ether(bytes.pair());
    case LinkType::cooked_2: {
      const std::uint16_t type = bytes.pair();
      bytes.take(18);
      return by_ether(type);
    }
    case LinkType::null:
    case LinkType::loop:
      // The family, in whatever byte order, says less than the packet: systems differ on the number of IPv6.
      bytes.take(4);
      [[fallthrough]];
    case LinkType::raw:
    case LinkType::raw_ipv4:
    case LinkType::raw_ipv6:
      return bytes.rest().empty() ? 0 : static_cast<std::uint8_t>(bytes.rest()[0]) >> 4;
  }
  return 0;
}

// How many bytes of the segment the packet's header announces and the capture lacks; nullopt if it is not TCP.
std::optional<std::size_t> read_ipv4(Bytes& bytes, Segment& segment) {
  const std::size_t header = (bytes.octet() & 0x0f) * std::size_t{4};
  bytes.take(1);
  const std::size_t total = bytes.pair();
  bytes.take(2);
  const std::uint16_t fragment = bytes.pair();
  bytes.take(1);
  const int protocol = bytes.octet();
  bytes.take(2);
  segment.from.address = bytes.take(4);
  segment.to.address = bytes.take(4);
  if (header < 20 || (fragment & 0x3fff) != 0 || protocol != protocol_tcp) return std::nullopt;
  bytes.take(header - 20);
  // A packet that the network card is still to cut up may say 0.
  return total == 0 ? 0 : total < header ? std::optional<std::size_t>() : bytes.limit(total - header);
}

std::optional<std::size_t> read_ipv6(Bytes& bytes, Segment& segment) {
  constexpr int hop_by_hop = 0, routing = 43, destination = 60;
  bytes.take(4);
  const std::size_t payload = bytes.pair();
  int next = bytes.octet();
  bytes.take(1);
  segment.from.address = bytes.take(16);
  segment.to.address = bytes.take(16);
  const std::size_t missing = payload == 0 ? 0 : bytes.limit(payload);
  while (!bytes.is_short() && (next == hop_by_hop || next == routing || next == destination)) {
    next = bytes.octet();
    const std::size_t more = bytes.octet();
    bytes.take(6 + more * 8);
  }
  return next == protocol_tcp ? std::optional(missing) : std::nullopt;
}

}  // namespace

bool can_read_link(int type) {
  switch (static_cast<LinkType>(type)) {
    case LinkType::null:
    case LinkType::ethernet:
    case LinkType::raw:
    case LinkType::loop:
    case LinkType::cooked:
    case LinkType::raw_ipv4:
    case LinkType::raw_ipv6:
    case LinkType::cooked_2:
      return true;
  }
  return false;
}

std::string told(const Endpoint& endpoint) {
  char text[INET6_ADDRSTRLEN] = "";
  const bool ipv6 = endpoint.address.size() == 16;
  inet_ntop(ipv6 ? AF_INET6 : AF_INET, endpoint.address.data(), text, sizeof text);
  const std::string port = ":" + std::to_string(endpoint.port);
  return ipv6 ? "[" + std::string(text) + "]" + port : text + port;
}

std::optional<Segment> read_segment(int link_type, std::string_view packet) {
  Bytes bytes(packet);
  Segment segment;
  const int version = read_link(link_type, bytes);
  const auto missing = version == 4 ? read_ipv4(bytes, segment) : version == 6 ? read_ipv6(bytes, segment) : std::nullopt;
  if (!missing) return std::nullopt;
  segment.from.port = bytes.pair();
  segment.to.port = bytes.pair();
  segment.sequence = bytes.number(4);
  segment.acknowledged = bytes.number(4);
  const std::size_t header = (bytes.octet() >> 4) * std::size_t{4};
  const std::uint8_t flags = bytes.octet();
  if (bytes.is_short() || header < 20) return std::nullopt;
  segment.fin = (flags & 0x01) != 0;
  segment.syn = (flags & 0x02) != 0;
  segment.reset = (flags & 0x04) != 0;
  segment.acknowledges = (flags & 0x10) != 0;
  // Window, checksum, urgent pointer and options may be cut off as well: they are of no use here.
  const std::size_t behind = header - 14;
  segment.unseen = *missing - std::min(*missing, behind - std::min(behind, bytes.rest().size()));
  segment.data = bytes.rest().substr(std::min(behind, bytes.rest().size()));
  if (segment.reset) segment.data = {}, segment.unseen = 0;  // a reset may carry words on why (RFC 9293 3.5.3)
  return segment;
}

}  // namespace tlsbye
