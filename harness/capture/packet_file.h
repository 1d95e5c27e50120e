// A capture file, taken apart into packets: pcap, in its four kinds, and pcapng (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng), with
// the TLS secrets that a pcapng file may carry.
//
// Any bytes may be given; nothing throws but for memory. Written by hand: libpcap passes over the secrets, and refuses files with
// interfaces of several kinds, as one capture of a machine's loopback and its network has them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tlsbye {

// What could not be read: why, and where in the file.
struct CaptureError {
  std::string what;          // "the file is not a capture: neither pcap nor pcapng"
  std::uint64_t offset = 0;  // of the bytes that are wrong
};

struct PacketFile {
  std::uint64_t packets = 0;          // that were read
  std::string key_log;                // of its Decryption Secrets blocks
  std::optional<CaptureError> error;  // it ended the reading: what stood before it counts
};

struct Packet {
  std::uint64_t number = 0;  // 1, 2, 3, ... as Wireshark counts them
  std::uint64_t offset = 0;  // of its bytes in the file
  int link_type = 0;
  std::string_view bytes;  // as many as were captured
};

PacketFile read_packets(std::string_view file, const std::function<void(const Packet&)>& take);

}  // namespace tlsbye
