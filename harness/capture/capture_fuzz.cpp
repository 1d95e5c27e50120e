// For libFuzzer: any bytes are a capture, or an error with its place in the file; and any connections in it are judged.
#include <cstdint>
#include <cstdlib>

#include "harness/capture/judged.h"
#include "harness/capture/packet_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tlsbye;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Connections connections;
  const PacketFile file = read_packets(bytes, [&](const Packet& packet) {
    if (packet.offset > size || packet.bytes.size() > size - packet.offset) std::abort();
    if (const auto segment = read_segment(packet.link_type, packet.bytes)) connections.add(packet.number, *segment);
  });
  if (file.error && (file.error->what.empty() || file.error->offset > size)) std::abort();
  KeyLog keys;
  keys.add(file.key_log);
  int number = 0;
  for (const Connection& connection : connections.take()) {
    std::size_t told_bytes = 0;
    for (const Deed& deed : connection.deeds) told_bytes += deed.kind == Deed::Kind::data ? deed.size : 0;
    if (told_bytes != connection.bytes.size()) std::abort();
    static_cast<void>(told(judge_connection(++number, connection, keys, {})));
  }
  return 0;
}
