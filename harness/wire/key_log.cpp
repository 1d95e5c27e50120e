#include "harness/wire/key_log.h"

#include <algorithm>
#include <array>

namespace tlsbye {
namespace {

using Label = KeyLogLine::Label;

// Lines kept, the oldest go first: some four a handshake are of use, and those of the first few sessions may still resume one.
constexpr std::size_t most_lines = 256;

struct LabelRow {
  std::string_view name;
  Label label;
  std::size_t secret_bytes;
  std::size_t or_bytes = 0;  // with SHA-384
};
constexpr std::array<LabelRow, 8> labels{{{"CLIENT_RANDOM", Label::client_random, 48},
                                          {"CLIENT_EARLY_TRAFFIC_SECRET", Label::client_early, 32, 48},
                                          {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", Label::client_handshake, 32, 48},
                                          {"SERVER_HANDSHAKE_TRAFFIC_SECRET", Label::server_handshake, 32, 48},
                                          {"CLIENT_TRAFFIC_SECRET_0", Label::client_application, 32, 48},
                                          {"SERVER_TRAFFIC_SECRET_0", Label::server_application, 32, 48},
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
    const std::size_t bytes = line.size() == 2 * row.or_bytes && row.or_bytes > 0 ? row.or_bytes : row.secret_bytes;
    KeyLogLine read{row.label, {}, std::vector<unsigned char>(bytes)};
    if (!read_hex(random, read.random, read.random.size()) || !read_hex(line, read.secret, bytes)) return std::nullopt;
    return read;
  }
  return std::nullopt;
}

int Secrets::saw_client_hello(const Random& random) {
  for (int i = handshakes() - 1; i >= 0; --i)
    if (at(i).client == random) return i;
  handshakes_.push_back({random, std::nullopt, {}});
  return handshakes() - 1;
}

int Secrets::saw_server_hello(const ServerHello& hello) {
  if (hello.version != Tls::v1_3 && !hello.session.empty()) session_ids_.insert(hello.session);
  for (int i = handshakes() - 1; i >= 0; --i)
    if (at(i).server == hello.random) return i;
  if (handshakes_.empty()) handshakes_.emplace_back();
  if (Handshake& last = handshakes_.back(); !last.server) {
    last.server = hello.random;
    last.version = hello.version;
    last.suite = find_suite(hello.suite, hello.version, hello.mac_after);
  }
  return handshakes() - 1;
}

bool Secrets::learn(std::string_view text) {
  std::optional<KeyLogLine> line = read_key_log(text);
  if (!line) return false;
  for (const KeyLogLine& known : lines_)
    if (known.label == line->label && known.random == line->random) return false;
  if (lines_.size() == most_lines) lines_.pop_front();
  lines_.push_back(std::move(*line));
  return std::any_of(handshakes_.begin(), handshakes_.end(),
                     [&](const Handshake& it) { return !it.client || it.client == lines_.back().random; }) ||
         handshakes_.empty();
}

const KeyLogLine* Secrets::find(int handshake, Label label) const {
  for (const KeyLogLine& line : lines_)
    if (known(handshake) && at(handshake).client == line.random && line.label == label) return &line;
  return nullptr;
}

std::optional<Secret> Secrets::traffic_secret(int handshake, Role writer, Stage stage) const {
  if (version(handshake) != Tls::v1_3 || stage == Stage::plain) return std::nullopt;
  const bool client = writer == Role::client;
  if (stage == Stage::early && !client) return std::nullopt;
  const KeyLogLine* line = find(handshake, stage == Stage::early       ? Label::client_early
                                           : stage == Stage::handshake ? (client ? Label::client_handshake : Label::server_handshake)
                                                                       : (client ? Label::client_application : Label::server_application));
  const auto agreed = suite(handshake);
  if (!line || !agreed || line->secret.size() != agreed->hash_bytes()) return std::nullopt;
  return line->secret;
}

std::optional<Suite> Secrets::suite(int handshake) const { return answered(handshake) ? at(handshake).suite : find_suite(0, told_); }

std::optional<WriteKey> Secrets::application_key(int handshake, Role writer) const {
  const bool client = writer == Role::client;
  if (const KeyLogLine* line = find(handshake, client ? Label::client_key : Label::server_key)) {
    const auto agreed = suite(handshake);
    if (!agreed || agreed->key_bytes != 16 || agreed->cipher == Suite::Cipher::cbc) return std::nullopt;
    return WriteKey{*agreed, {line->secret.begin(), line->secret.begin() + 16}, {line->secret.begin() + 16, line->secret.end()}, {}};
  }
  const bool by_master = version(handshake) != Tls::v1_3 && answered(handshake);
  const KeyLogLine* line = by_master ? find(handshake, Label::client_random) : nullptr;
  if (!line) return std::nullopt;
  return key_of(handshake, writer, *line);
}

std::optional<WriteKey> Secrets::key_of(int handshake, Role writer, const KeyLogLine& line) const {
  const auto agreed = suite(handshake);
  if (!agreed) return std::nullopt;
  MasterSecret master;
  std::copy(line.secret.begin(), line.secret.end(), master.begin());
  const Handshake& it = at(handshake);
  const KeyBlock block = key_block(it.version, *agreed, master, *it.client, *it.server);
  return writer == Role::client ? block.client : block.server;
}

bool Secrets::find_resumed(int handshake, Role writer, const std::function<bool(const WriteKey&)>& opens) {
  if (version(handshake) == Tls::v1_3 || !answered(handshake) || !at(handshake).client) return false;
  for (const KeyLogLine& line : lines_) {
    if (line.label != Label::client_random) continue;
    const auto key = key_of(handshake, writer, line);
    if (!key || !opens(*key)) continue;
    lines_.push_back({Label::client_random, *at(handshake).client, line.secret});
    return true;
  }
  return false;
}

}  // namespace tlsbye
