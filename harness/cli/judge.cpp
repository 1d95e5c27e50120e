#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "harness/capture/packet_file.h"
#include "harness/cli/commands.h"
#include "harness/data/file.h"
#include "reports/captured.h"

namespace tlsbye {
namespace {

std::string content_of(const std::filesystem::path& file) {
  auto read = read_file(file);
  if (const auto* error = std::get_if<FileError>(&read)) throw Stop{exit_usage, fmt::format("tlsbye: {}: {}", file.string(), error->what)};
  return std::move(std::get<std::string>(read));
}

}  // namespace

int judge_command(const House& house, const JudgeWords& words) {
  const std::string name = words.capture.string();
  const std::string content = content_of(words.capture);
  KeyLog keys;
  if (!words.keys.empty() && keys.add(content_of(words.keys)) == 0)
    throw Stop{exit_usage, fmt::format("tlsbye: {}: no line of it is one of a TLS key log (SSLKEYLOGFILE)", words.keys.string())};
  const std::vector<Clause> clauses = clauses_of(house);

  JudgedCapture judged;
  judged.file = words.capture.filename().string();
  Connections connections;
  std::optional<Packet> odd;  // the first packet of a link that cannot be read
  const PacketFile file = read_packets(content, [&](const Packet& packet) {
    if (!can_read_link(packet.link_type) && !odd) odd = packet;
    if (const auto segment = read_segment(packet.link_type, packet.bytes))
      connections.add(packet.number, *segment);
    else
      ++judged.others;
  });
  judged.packets = file.packets;
  const std::string links = "Ethernet, Linux cooked, BSD loopback and bare IP can be read";
  if (file.error && file.packets == 0)
    throw Stop{exit_usage, fmt::format("tlsbye: {}: {}, at byte {}", name, file.error->what, file.error->offset)};
  if (odd && judged.others == judged.packets)
    throw Stop{exit_usage, fmt::format("tlsbye: {}: packet {}, at byte {}, is of link type {}; {}", name, odd->number, odd->offset,
                                       odd->link_type, links)};
  if (file.error)
    judged.remarks.push_back(fmt::format("the file cannot be read to its end: {}, at byte {}", file.error->what, file.error->offset));
  if (odd) judged.remarks.push_back(fmt::format("packets of link type {} were passed over; {}", odd->link_type, links));
  keys.add(file.key_log);
  if (keys.empty())
    judged.remarks.emplace_back(
        "there are no keys, so that nothing encrypted can be read; a key log (SSLKEYLOGFILE of the program) goes with --keys FILE");
  bool fails = false;
  for (const Connection& connection : connections.take()) {
    judged.connections.push_back(judge_connection(static_cast<int>(judged.connections.size()) + 1, connection, keys, clauses));
    for (const SideVerdict& each : judged.connections.back().verdicts)
      fails |= each.verdict >= words.fail_on && each.verdict != Verdict::conforms;
  }
  const std::string text = words.json       ? captured_json(judged)
                           : words.markdown ? captured_markdown(judged)
                                            : captured_text(judged, terminal_style(STDOUT_FILENO));
  fmt::print("{}", text);
  return words.gate && fails ? exit_no : exit_done;
}

}  // namespace tlsbye
