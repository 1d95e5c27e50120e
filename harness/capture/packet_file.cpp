#include "harness/capture/packet_file.h"

#include <algorithm>
#include <vector>

namespace tlsbye {
namespace {

// pcap: a header of 24 bytes, and before each packet one of 16. The last of these kinds has 8 more.
constexpr std::uint32_t pcap_microseconds = 0xa1b2c3d4, pcap_nanoseconds = 0xa1b23c4d, pcap_modified = 0xa1b2cd34;
constexpr std::size_t file_header = 24, packet_header = 16, more_of_modified = 8;

// pcapng: blocks of a type, a length, a body and the length again, in the byte order of their section.
constexpr std::uint32_t section_header = 0x0a0d0d0a, interface_block = 1, old_packet_block = 2, simple_packet_block = 3,
                        enhanced_packet_block = 6, secrets_block = 10, byte_order_magic = 0x1a2b3c4d, tls_key_log = 0x544c534b;
constexpr std::size_t around_block = 12;

class Walk {
 public:
  Walk(std::string_view file, const std::function<void(const Packet&)>& take) : file_(file), take_(take) {}

  PacketFile read() {
    if (file_.empty())
      stop("the file is empty", 0);
    else if (file_.size() >= 4 && number(0) == section_header)
      read_pcapng();
    else if (file_.size() < file_header || !begin_pcap())
      stop("the file is not a capture: neither pcap nor pcapng", 0);
    else
      read_pcap();
    return std::move(read_);
  }

 private:
  std::uint32_t number(std::size_t at, std::size_t size = 4) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<std::uint8_t>(file_[at + (big_ ? i : size - 1 - i)]);
    return value;
  }
  void stop(std::string what, std::size_t at) { read_.error = CaptureError{std::move(what), at}; }
  void packet(int link_type, std::size_t at, std::size_t size) { take_({++read_.packets, at, link_type, file_.substr(at, size)}); }

  bool begin_pcap() {
    for (const bool big : {false, true}) {
      big_ = big;
      const std::uint32_t magic = number(0);
      modified_ = magic == pcap_modified;
      if (modified_ || magic == pcap_microseconds || magic == pcap_nanoseconds) return true;
    }
    return false;
  }

  void read_pcap() {
    const auto link_type = static_cast<int>(number(20) & 0xffff);  // above that: whether there are checksums behind packets
    const std::size_t header = packet_header + (modified_ ? more_of_modified : 0);
    for (std::size_t at = file_header; at < file_.size();) {
      if (file_.size() - at < header) return stop("the file ends within the header of a packet", at);
      const std::size_t size = number(at + 8);
      if (size > file_.size() - at - header) return stop("the file ends within a packet, or its length is wrong", at);
      packet(link_type, at + header, size);
      at += header + size;
    }
  }

  void read_pcapng() {
    std::vector<Interface> interfaces;
    for (std::size_t at = 0; at < file_.size();) {
      if (file_.size() - at < around_block) return stop("the file ends within a block", at);
      const std::uint32_t type = number(at);
      if (type == section_header) {
        big_ = false;
        if (number(at + 8) != byte_order_magic) big_ = true;
        if (number(at + 8) != byte_order_magic) return stop("a section without its byte order", at);
        interfaces.clear();
      }
      const std::size_t size = number(at + 4);
      if (size < around_block || size % 4 != 0) return stop("a block whose length is wrong", at);
      if (size > file_.size() - at) return stop("the file ends within a block", at);
      if (!read_block(type, at + 8, size - around_block, interfaces)) return;
      at += size;
    }
  }

  struct Interface {
    int link_type = 0;
    std::size_t most = 0;  // bytes of a packet; 0: no limit
  };

  // False where the reading ends.
  bool read_block(std::uint32_t type, std::size_t at, std::size_t size, std::vector<Interface>& interfaces) {
    std::size_t fixed = 0, interface = 0, captured = 0;
    switch (type) {
      case interface_block:
        if (size < 8) return stop("an interface without a link type", at), false;
        interfaces.push_back({static_cast<int>(number(at, 2)), number(at + 4)});
        return true;
      case secrets_block:
        if (size < 8) return stop("secrets without a type", at), false;
        if (number(at) != tls_key_log) return true;
        read_.key_log += file_.substr(at + 8, std::min<std::size_t>(number(at + 4), size - 8));
        read_.key_log += '\n';
        return true;
      case enhanced_packet_block:
      case old_packet_block:
        fixed = 20;
        if (size < fixed) return stop("a packet without its header", at), false;
        interface = type == enhanced_packet_block ? number(at) : number(at, 2);
        captured = number(at + 12);
        break;
      case simple_packet_block:
        fixed = 4;
        if (size < fixed) return stop("a packet without its header", at), false;
        captured = number(at);
        if (!interfaces.empty() && interfaces[0].most > 0) captured = std::min(captured, interfaces[0].most);
        break;
      default:
        return true;
    }
    if (interface >= interfaces.size()) return stop("a packet of an interface that was not described", at), false;
    if (captured > size - fixed) return stop("a packet that is longer than its block", at), false;
    packet(interfaces[interface].link_type, at + fixed, captured);
    return true;
  }

  std::string_view file_;
  const std::function<void(const Packet&)>& take_;
  PacketFile read_;
  bool big_ = false, modified_ = false;
};

}  // namespace

PacketFile read_packets(std::string_view file, const std::function<void(const Packet&)>& take) { return Walk(file, take).read(); }

}  // namespace tlsbye
