#include "reports/pcapng.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace tlsbye {
namespace {

// --- pcapng: blocks and options, in little-endian. ---

enum class Block : std::uint32_t { section_header = 0x0a0d0d0a, interface = 1, packet = 6, secrets = 0x0a };
enum class Option : std::uint16_t { comment = 1, packet_flags = 2, interface_name = 2, interface_description = 3, application = 4 };

constexpr std::uint32_t byte_order_magic = 0x1a2b3c4d;
constexpr std::uint32_t tls_key_log = 0x544c534b;  // "TLSK"
constexpr std::uint16_t raw_ip = 101;              // LINKTYPE_RAW: packets begin with the IP header
constexpr std::uint32_t microseconds_a_packet = 1000;
constexpr std::uint32_t inbound = 1, outbound = 2;  // of packet_flags

class Bytes {
 public:
  template <typename... Numbers>
  Bytes& little(Numbers... numbers) {
    (put_little(numbers), ...);
    return *this;
  }
  template <typename... Numbers>
  Bytes& big(Numbers... numbers) {
    (put_big(numbers), ...);
    return *this;
  }
  Bytes& padded(std::string_view data) {
    bytes_ += data;
    bytes_.append((4 - data.size() % 4) % 4, '\0');
    return *this;
  }
  Bytes& option(Option code, std::string_view value) {
    const std::string_view kept = value.substr(0, 0xffff);
    return little(static_cast<std::uint16_t>(code), static_cast<std::uint16_t>(kept.size())).padded(kept);
  }
  Bytes& end_of_options() { return little(std::uint32_t{0}); }
  std::string take() { return std::move(bytes_); }

 private:
  void put_little(auto number) {
    for (std::size_t i = 0; i < sizeof number; ++i) bytes_ += static_cast<char>(number >> (8 * i) & 0xff);
  }
  void put_big(auto number) {
    for (std::size_t i = sizeof number; i-- > 0;) bytes_ += static_cast<char>(number >> (8 * i) & 0xff);
  }
  std::string bytes_;
};

std::string block(Block type, const std::string& body) {
  const auto size = static_cast<std::uint32_t>(12 + body.size());  // options and data are padded: so is every body
  Bytes bytes;
  return bytes.little(static_cast<std::uint32_t>(type), size).padded(body).little(size).take();
}

// --- The packets: IPv4 and TCP headers of connections that never were. ---

constexpr std::uint8_t fin = 0x01, syn = 0x02, rst = 0x04, psh = 0x08, ack = 0x10;
constexpr std::uint16_t tls_port = 443;
constexpr std::size_t most_data = 65'483;  // of a packet, as on a loopback interface of Linux

// FNV-1a: the same on every machine, which std::hash does not promise.
std::uint64_t hash(std::string_view text) {
  std::uint64_t value = 0xcbf29ce484222325;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return value;
}

// The Internet checksum (RFC 1071) of 16-bit words, begun with `sum`.
std::uint16_t checksum(std::string_view bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    sum += static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]) << (i % 2 == 0 ? 8 : 0));
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

class Connection {
 public:
  // The `number`th of the run.
  Connection(const std::string& replay, Role subject, std::uint16_t number) {
    const std::uint64_t made = hash(replay);
    const std::uint32_t net = 0x0a000000 | (made & 0xffff) << 8;
    const auto client_port = static_cast<std::uint16_t>(0xc000 | ((made >> 16) + number) % 0x4000);
    const bool client = subject == Role::client;
    ends_[0] = {net | 1, client ? client_port : tls_port, static_cast<std::uint32_t>(made >> 32) + number};
    ends_[1] = {net | 2, client ? tls_port : client_port, static_cast<std::uint32_t>(made >> 24) - number};
  }

  bool has_ended(Side from) const { return end(from).ended; }

  // One packet of `from`, which moves its sequence number.
  std::string packet(Side from, std::uint8_t flags, std::string_view data = {}) {
    End& it = ends_[static_cast<std::size_t>(from)];
    const End& to = end(other(from));
    const bool opens = flags & syn;
    // A largest segment and a window that raise no question.
    static constexpr std::string_view syn_options("\x02\x04\xff\xcb\x03\x03\x07\x01", 8);
    const std::size_t header = 20 + (opens ? syn_options.size() : 0);
    Bytes tcp;
    tcp.big(it.port, to.port, it.next, flags & ack ? to.next : 0U, static_cast<std::uint8_t>(header / 4 << 4), flags,
            std::uint16_t{0xffff});
    const std::string before = tcp.take();
    const std::string after = std::string(2, '\0') + std::string(opens ? syn_options : std::string_view()) + std::string(data);
    const auto size = static_cast<std::uint16_t>(header + data.size());
    constexpr std::uint8_t protocol = 6, hops = 64;
    Bytes pseudo;
    const std::string pseudo_header = pseudo.big(it.address, to.address, std::uint8_t{0}, protocol, size).take();
    const std::uint16_t tcp_sum = checksum(pseudo_header + before + std::string(2, '\0') + after);

    Bytes ip;
    ip.big(std::uint16_t{0x4500}, static_cast<std::uint16_t>(20 + size), it.packets++, std::uint16_t{0x4000}, hops, protocol);
    const std::string ip_before = ip.take();
    const std::string addresses = ip.big(it.address, to.address).take();
    const std::uint16_t ip_sum = checksum(ip_before + addresses);

    it.next += static_cast<std::uint32_t>(data.size()) + (flags & (syn | fin) ? 1 : 0);
    it.ended |= (flags & (fin | rst)) != 0;
    return ip_before + ip.big(ip_sum).take() + addresses + before + tcp.big(tcp_sum).take() + after;
  }

 private:
  struct End {
    std::uint32_t address = 0;
    std::uint16_t port = 0;
    std::uint32_t next = 0;  // sequence number
    std::uint16_t packets = 0;
    bool ended = false;
  };
  const End& end(Side side) const { return ends_[static_cast<std::size_t>(side)]; }
  std::array<End, 2> ends_;
};

class Writer {
 public:
  Writer(const std::string& replay, const Transcript& transcript, const std::string& more_words)
      : replay_(replay), transcript_(transcript), more_words_(more_words) {}

  void section(std::string_view about_secrets) {
    const RunKey& run = transcript_.key();
    Bytes header;
    header.little(byte_order_magic, std::uint16_t{1}, std::uint16_t{0}, ~std::uint64_t{0})
        .option(
            Option::comment,
            fmt::format("{0}\nThe run again: tlsbye replay '{0}'{2}\nWhat the subject (10.*.*.1) sent and what it was given. Addresses, "
                        "ports and times are made up; the bytes of TLS are not.\n{1}",
                        replay_, about_secrets, more_words_))
        .option(Option::application, "tlsbye")
        .end_of_options();
    text_ += block(Block::section_header, header.take());
    Bytes interface;
    interface.little(raw_ip, std::uint16_t{0}, std::uint32_t{0})
        .option(Option::interface_name, "subject")
        .option(Option::interface_description, fmt::format("{} {} as {}", run.subject, run.subject_version, spell(run.role)))
        .end_of_options();
    text_ += block(Block::interface, interface.take());
  }

  void secrets(const std::string& key_log) {
    Bytes body;
    text_ += block(Block::secrets, body.little(tls_key_log, static_cast<std::uint32_t>(key_log.size())).padded(key_log).take());
  }

  void packet(Side from, int line, const std::string& data) {
    const std::uint64_t time = std::uint64_t{microseconds_a_packet} * packets_++;
    const auto size = static_cast<std::uint32_t>(data.size());
    Bytes body;
    body.little(std::uint32_t{0}, static_cast<std::uint32_t>(time >> 32), static_cast<std::uint32_t>(time), size, size).padded(data);
    if (line != line_) body.option(Option::comment, words_of(line));
    line_ = line;
    Bytes flags;
    body.option(Option::packet_flags, flags.little(from == Side::subject ? outbound : inbound).take()).end_of_options();
    text_ += block(Block::packet, body.take());
  }

  std::string take() { return std::move(text_); }

 private:
  std::string words_of(int line) const {
    const auto index = static_cast<std::size_t>(line - 1);
    if (line > 0 && index < transcript_.script.size()) return fmt::format("line {}: {}", line, transcript_.script[index]);
    return line_ < 0 ? "before the script" : "after the script";
  }

  const std::string& replay_;
  const Transcript& transcript_;
  const std::string& more_words_;
  std::string text_;
  std::uint64_t packets_ = 0;
  int line_ = -1;
};

}  // namespace

bool is_for_wireshark(std::string_view line) {
  return !line.starts_with("CLIENT_TRAFFIC_KEY ") && !line.starts_with("SERVER_TRAFFIC_KEY ");
}

std::string capture_name(std::string_view replay) {
  constexpr std::size_t most = 120;
  std::string name;
  bool itself = true;  // so far no other id has this name
  // Where the schedule begins (harness/runner/replay_id.h): its words have no other spelling, and no `+` stands before it.
  const std::size_t last_part = replay.rfind(':');
  const std::size_t schedule = std::min(replay.find('+', last_part == replay.npos ? 0 : last_part), replay.size());
  for (const char c : replay) {
    const bool capital = c >= 'A' && c <= 'Z';
    if ((capital || c == '+') && name.size() < schedule) itself = false;
    if (c == '/')
      name += '+';
    else if (c == ':')
      name += '~';
    else if (capital || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || std::string_view("._-,%@+=").find(c) != std::string_view::npos)
      name += c;
    else
      name += '_', itself = false;
  }
  if (itself && name.size() <= most) return name;
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : replay) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  const std::string end = fmt::format("~{:016x}", hash);
  return name.substr(0, most - end.size()) + end;
}

std::string pcapng(const std::string& replay, const Transcript& transcript, const Capture& capture, const std::string& more_words) {
  std::string key_log;
  for (const std::string& line : capture.key_log)
    if (is_for_wireshark(line)) key_log += line + "\n";
  Writer file(replay, transcript, more_words);
  file.section(!key_log.empty() ? "The secrets are inside."
               : capture.key_log.empty()
                   ? "No peer told any secret: what is encrypted stays so."
                   : "The peers told bare traffic keys only, which Wireshark cannot be given: what is encrypted stays so.");
  if (!key_log.empty()) file.secrets(key_log);

  using Kind = Capture::Sight::Kind;
  const Role subject = transcript.key().role;
  const Side connecting = subject == Role::client ? Side::subject : Side::partner;
  std::uint16_t transports = 0;
  Connection connection(replay, subject, transports);
  std::string_view bytes = capture.bytes;
  for (const Capture::Sight& sight : capture.sights) {
    const auto show = [&](Side from, std::uint8_t flags, std::string_view data = {}) {
      file.packet(from, sight.line, connection.packet(from, flags, data));
    };
    switch (sight.kind) {
      case Kind::transport:
        connection = Connection(replay, subject, transports++);
        show(connecting, syn);
        show(other(connecting), syn | ack);
        show(connecting, ack);
        break;
      case Kind::data:
        for (std::string_view left = bytes.substr(0, sight.size); !left.empty(); left.remove_prefix(std::min(left.size(), most_data)))
          show(sight.from, psh | ack, left.substr(0, most_data));
        bytes.remove_prefix(sight.size);
        break;
      case Kind::fin:
        if (!connection.has_ended(sight.from)) show(sight.from, fin | ack);
        break;
      case Kind::reset:
        show(sight.from, rst | ack);
        break;
    }
  }
  return file.take();
}

}  // namespace tlsbye
