#include "harness/wire/key_log.h"

#include <algorithm>
#include <array>

namespace tlsbye {
namespace {

using Label = KeyLogLine::Label;

// Lines that come before the ClientHello cannot be told apart yet; a peer does not have so many.
constexpr std::size_t most_lines = 64;

struct LabelRow {
  std::string_view name;
  Label label;
  std::size_t secret_bytes;
};
constexpr std::array<LabelRow, 7> labels{{{"CLIENT_RANDOM", Label::client_random, 48},
                                          {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", Label::client_handshake, 32},
                                          {"SERVER_HANDSHAKE_TRAFFIC_SECRET", Label::server_handshake, 32},
                                          {"CLIENT_TRAFFIC_SECRET_0", Label::client_application, 32},
                                          {"SERVER_TRAFFIC_SECRET_0", Label::server_application, 32},
                                          {"CLIENT_TRAFFIC_KEY", Label::client_key, 28},
                                          {"SERVER_TRAFFIC_KEY", Label::server_key, 28}}};

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Exactly `size` bytes of hex.
template <typename Bytes>
bool read_hex(std::string_view text, Bytes& into, std::size_t size) {
  if (text.size() != 2 * size) return false;
  for (std::size_t i = 0; i < size; ++i) {
    const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    into[i] = static_cast<unsigned char>(high << 4 | low);
  }
  return true;
}

std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

}  // namespace

std::optional<KeyLogLine> read_key_log(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  const std::string_view name = take_word(line);
  const std::string_view random = take_word(line);
  for (const LabelRow& row : labels) {
    if (row.name != name) continue;
    KeyLogLine read{row.label, {}, std::vector<unsigned char>(row.secret_bytes)};
    if (!read_hex(random, read.random, read.random.size()) || !read_hex(line, read.secret, row.secret_bytes)) return std::nullopt;
    return read;
  }
  return std::nullopt;
}

void Secrets::saw_client_hello(const Random& random) {
  if (client_) return;
  client_ = random;
  std::erase_if(lines_, [&](const KeyLogLine& line) { return line.random != random; });
}

void Secrets::saw_server_hello(const ServerHello& hello) {
  if (server_) return;
  server_ = hello.random;
  version_ = hello.version;
}

bool Secrets::learn(std::string_view text) {
  std::optional<KeyLogLine> line = read_key_log(text);
  if (!line || (client_ && line->random != *client_) || lines_.size() >= most_lines) return false;
  for (const KeyLogLine& known : lines_)
    if (known.label == line->label && known.random == line->random) return false;
  lines_.push_back(std::move(*line));
  return true;
}

const KeyLogLine* Secrets::find(Label label) const {
  for (const KeyLogLine& line : lines_)
    if (client_ && line.label == label) return &line;
  return nullptr;
}

std::optional<Secret> Secrets::traffic_secret(Role writer, Stage stage) const {
  if (version_ != Tls::v1_3 || stage == Stage::plain) return std::nullopt;
  const bool client = writer == Role::client;
  const KeyLogLine* line = find(stage == Stage::handshake ? (client ? Label::client_handshake : Label::server_handshake)
                                                          : (client ? Label::client_application : Label::server_application));
  if (!line) return std::nullopt;
  Secret secret;
  std::copy(line->secret.begin(), line->secret.end(), secret.begin());
  return secret;
}

std::optional<TrafficKey> Secrets::application_key(Role writer) const {
  const bool client = writer == Role::client;
  if (const KeyLogLine* line = find(client ? Label::client_key : Label::server_key)) {
    TrafficKey key;
    std::copy_n(line->secret.begin(), key.key.size(), key.key.begin());
    std::copy_n(line->secret.begin() + 16, key.iv.size(), key.iv.begin());
    return key;
  }
  const KeyLogLine* line = version_ == Tls::v1_2 && server_ ? find(Label::client_random) : nullptr;
  if (!line) return std::nullopt;
  if (!block_) {
    MasterSecret master;
    std::copy(line->secret.begin(), line->secret.end(), master.begin());
    block_ = key_block(master, *client_, *server_);
  }
  return client ? block_->client : block_->server;
}

}  // namespace tlsbye
