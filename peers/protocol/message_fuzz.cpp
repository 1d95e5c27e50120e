// For libFuzzer: any packet is a message or an error in its place, and what is read is written and read back equal.
#include <cstdint>
#include <cstdlib>

#include "peers/protocol/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tlsbye;
  const std::string_view packet(reinterpret_cast<const char*>(data), size);
  const auto read = parse_message(packet);
  if (const auto* error = std::get_if<MessageError>(&read)) {
    if (error->offset > size || error->problem.empty()) std::abort();
    return 0;
  }
  const auto& lines = std::get<std::vector<Line>>(read);
  std::string again;
  for (const Line& line : lines) {
    append_line(again, line);
    for (const auto& [key, value] : line.fields())
      if (line.find(key) == nullptr || *line.find(key) != value) std::abort();
    for (const auto& field : line.fields()) static_cast<void>(line.number(field.first));
  }
  const auto read_again = parse_message(again);
  if (lines.empty() || !std::holds_alternative<std::vector<Line>>(read_again) || std::get<std::vector<Line>>(read_again) != lines)
    std::abort();
  return 0;
}
