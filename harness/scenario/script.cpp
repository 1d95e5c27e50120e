#include "harness/scenario/script.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <limits>
#include <utility>

#include "harness/data/diagnostic.h"
#include "harness/scenario/script_parser.h"

namespace tlsbye {

namespace {

using WordList = std::vector<std::string_view>;

// Thrown inside a line, caught around it: the first thing that is wrong with it.
struct Problem {
  int column;
  std::string problem;
  std::string suggestion;
};

struct Token {
  std::string text;     // with $NAMEs replaced; of a "TEXT" what stands between the quotes, escapes undone
  std::string written;  // as in the file, but for $NAMEs
  int column = 0;       // in the file's line, 1-based
  int end = 0;          // the column after it
  bool quoted = false;
};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::string unescape(std::string_view text, int column) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      plain += text[i];
      continue;
    }
    const auto place = column + static_cast<int>(i);
    switch (++i < text.size() ? text[i] : '\0') {
      case 'n':
        plain += '\n';
        break;
      case 'r':
        plain += '\r';
        break;
      case 't':
        plain += '\t';
        break;
      case '"':
        plain += '"';
        break;
      case '\\':
        plain += '\\';
        break;
      case 'x':
        if (i + 2 < text.size() && hex_digit(text[i + 1]) && hex_digit(text[i + 2])) {
          plain += static_cast<char>(*hex_digit(text[i + 1]) * 16 + *hex_digit(text[i + 2]));
          i += 2;
          break;
        }
        [[fallthrough]];
      default:
        throw Problem{place, "not an escape", "one of: \\n, \\r, \\t, \\\", \\\\, \\xHH"};
    }
  }
  return plain;
}

std::vector<Token> tokenise(std::string_view line, const ScriptContext& context) {
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < line.size();) {
    if (is_blank(line[i])) {
      ++i;
      continue;
    }
    if (line[i] == '#') break;
    const std::size_t begin = i;
    const int column = static_cast<int>(begin) + 1;
    const bool quoted = line[i] == '"';
    if (quoted) {
      for (++i; i < line.size() && line[i] != '"'; ++i)
        if (line[i] == '\\') ++i;
      if (i >= line.size()) throw Problem{column, "the text has no closing quote", {}};
      ++i;
    } else {
      while (i < line.size() && !is_blank(line[i]) && line[i] != '#') ++i;
    }
    const std::string_view as_written = line.substr(begin, i - begin);
    for (const auto& name : names_used(as_written)) {
      if (context.values.contains(name)) continue;
      WordList known;
      for (const auto& [key, value] : context.values) known.push_back(key);
      throw Problem{static_cast<int>(begin + as_written.find('$' + name)) + 1, fmt::format("`${}` has no value in `matrix`", name),
                    did_you_mean(name, known)};
    }
    const std::string written = substitute(as_written, context.values);
    if (quoted) {
      tokens.push_back(
          {unescape(std::string_view(written).substr(1, written.size() - 2), column + 1), written, column, static_cast<int>(i) + 1, true});
      continue;
    }
    // A value may be several words.
    for (std::size_t from = 0; from < written.size();) {
      const std::size_t to = std::min(written.find(' ', from), written.size());
      if (to > from)
        tokens.push_back({written.substr(from, to - from), written.substr(from, to - from), column, static_cast<int>(i) + 1, false});
      from = to + 1;
    }
  }
  return tokens;
}

constexpr std::array<std::string_view, 15> handshake_messages{
    "HelloRequest",        "ClientHello",       "ServerHello",       "NewSessionTicket",   "EndOfEarlyData",
    "EncryptedExtensions", "Certificate",       "ServerKeyExchange", "CertificateRequest", "ServerHelloDone",
    "CertificateVerify",   "ClientKeyExchange", "Finished",          "CertificateStatus",  "KeyUpdate"};
constexpr std::array<std::string_view, 6> record_kinds{"any",       "close_notify",      "alert", "application_data",
                                                       "handshake", "change_cipher_spec"};  // as RecordPattern::Kind
constexpr std::array<std::string_view, 10> contents{
    "close_notify",        "alert",       "data",  "key_update", "hello_request", "new_session_ticket",
    "certificate_request", "empty-alert", "bytes", "raw"};

WordList alert_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> known;
    for (int number = 0; number < 256; ++number)
      if (auto name = alert_name(static_cast<std::uint8_t>(number)); name.find(' ') == std::string::npos) known.push_back(std::move(name));
    return known;
  }();
  return {names.begin(), names.end()};
}

// A handshake message: its type, the length of its body in 24 bits, its body (RFC 8446 4, RFC 5246 7.4).
std::string handshake_message(std::uint8_t type, std::string body) {
  const auto size = body.size();
  return std::string{static_cast<char>(type), static_cast<char>(size >> 16), static_cast<char>(size >> 8), static_cast<char>(size)} + body;
}

std::string bytes_of(std::initializer_list<int> values) {
  std::string bytes;
  for (const int value : values) bytes += static_cast<char>(value);
  return bytes;
}

// RFC 8446 4.6.1: two hours, an age_add, a nonce of one byte, a ticket of 32, no extensions.
std::string new_session_ticket() {
  std::string body = bytes_of({0, 0, 0x1c, 0x20, 0x5a, 0x17, 0x0b, 0xe5, 1, 0, 0, 32});
  for (int i = 0; i < 32; ++i) body += static_cast<char>(0xa0 + i);
  return handshake_message(4, body + bytes_of({0, 0}));
}

// RFC 8446 4.3.2, 4.6.2: a context of four bytes, and signature_algorithms with ecdsa_secp256r1_sha256.
std::string certificate_request() { return handshake_message(13, bytes_of({4, 'p', 'h', 'a', '1', 0, 8, 0, 13, 0, 4, 0, 2, 4, 3})); }

// Reads one line's words from left to right; what does not fit is a Problem. What stands behind each verb is read by a function of its own,
// which the table of verbs below names.
class LineReader {
 public:
  using Deed = Statement::Deed;

  LineReader(std::vector<Token> tokens, const ScriptContext& context)
      : tokens_(std::move(tokens)), context_(context), end_column_(tokens_.back().end) {}

  Statement statement();

  // Calls of a stack.
  Deed call() { return PeerOrder(this_call()); }
  Deed handshake() { return PeerOrder(this_call(0, take("once") ? Until::once : Until::done)); }
  Deed close() { return PeerOrder(this_call(0, until_done())); }
  Deed write() {
    const std::size_t bytes = size("a size", 1);
    return PeerOrder(this_call(bytes, until_done()));
  }
  Deed read() {
    const bool sized = more() && text() != "until" && text() != "to-end" && text() != "when";
    const std::size_t bytes = sized ? size("a size, `until done`, `to-end` or `when ready`", 1) : 0;
    StackCall call = this_call(bytes, take("to-end") ? Until::end : until_done());
    if (call.until == Until::once && aside_ == Aside::no && take("when")) {
      expect("ready");
      call.when_ready = true;
    }
    return PeerOrder(std::move(call));
  }
  Deed read_early() {
    const bool sized = more() && text() != "until" && text() != "to-end";
    const std::size_t bytes = sized ? size("a size, `until done` or `to-end`", 1) : 0;
    return PeerOrder(this_call(bytes, take("to-end") ? Until::end : until_done()));
  }
  Deed peek() {
    const bool sized = more() && text() != "until";
    const std::size_t bytes = sized ? size("a size or `until done`", 1) : 0;
    return PeerOrder(this_call(bytes, until_done()));
  }
  Deed send_alert() {
    const Alert it = alert_and_level();
    return PeerOrder(this_call(0, until_done(), {std::to_string(it.level), std::to_string(it.description)}));
  }
  Deed key_update() {
    std::vector<std::string> arguments;
    if (take("requested")) arguments.emplace_back("requested");
    return PeerOrder(this_call(0, until_done(), std::move(arguments)));
  }
  Deed set() {
    const Token& name = next("the name of a switch");
    const auto& switches = switch_table();
    const auto known = std::find_if(switches.begin(), switches.end(), [&](const SwitchRow& it) { return it.name == name.text; });
    if (known == switches.end()) {
      WordList names;
      for (const SwitchRow& it : switches) names.push_back(it.name);
      throw Problem{name.column, fmt::format("unknown switch `{}`", name.text), did_you_mean(name.text, names)};
    }
    const Token& value = next("a value");
    const bool fits = known->values.empty() ? is_number(value.text)
                                            : std::find(known->values.begin(), known->values.end(), value.text) != known->values.end();
    if (!fits)
      throw Problem{value.column, fmt::format("`{}` is not a value of `{}`", value.text, name.text),
                    known->values.empty() ? "a number of milliseconds" : fmt::format("one of: {}", fmt::join(known->values, ", "))};
    return PeerOrder(this_call(0, Until::once, {name.text, value.text}));
  }

  // What is said to a real program, and heard of it, stands on the command line. Between two peers it is a write and a read like others.
  Deed say() {
    constexpr std::size_t between_peers = 16;
    StackCall call{Call::write, between_peers, Until::done, aside_};
    for (const std::string_view what : {"goodbye", "beginning"})
      if (call.arguments.empty() && take(what)) call.arguments.emplace_back(what);
    return PeerOrder(std::move(call));
  }
  Deed hear() { return PeerOrder(StackCall{Call::read, 0, Until::done, aside_}); }

  // What a peer does past its library, and how its transport calls fail.
  Deed past_library() { return PeerOrder(PastLibrary{}); }
  Deed raw_write() { return PeerOrder(PastLibrary{quoted()}); }
  Deed io_clear() { return PeerOrder(ForgetFaults{}); }
  Deed starve() { return PeerOrder(Starve{take("after") ? static_cast<int>(number("a number of allocations", 0, 1'000'000)) : 0}); }
  Deed io() {
    FaultPlan plan{.flow = word<Flow>("`recv` or `send`")};
    const int place = here();
    plan.fault = word<Fault>("a fault");
    if (plan.fault == Fault::eof && plan.flow == Flow::send) throw Problem{place, "a send cannot end in EOF", "EPIPE is what it would say"};
    if (plan.fault == Fault::epipe && plan.flow == Flow::recv) throw Problem{place, "a recv cannot end in EPIPE", "use EOF or ECONNRESET"};
    if (plan.fault == Fault::short_count && more() && is_number(text())) plan.count = size("a number of bytes", 1);
    plan.times = times(1).value_or(1);
    if (take("on")) return PeerOrder(AimedFault{plan, pattern()});
    if (take("after")) plan.after = static_cast<int>(number("a number of calls", 0, 1'000'000));
    return PeerOrder(plan);
  }

  // Both peers.
  template <bool same_transport>
  Deed next_session() {
    return NextSession{same_transport};
  }
  Deed pass() { return Pass{milliseconds()}; }
  Deed await() { return Await{word<Side>("a side")}; }

  // Orders to the wire.
  template <StandingOrder::Deed deed>
  Deed standing() {
    StandingOrder order{.deed = deed, .from = direction()};
    const int place = here();
    order.what = pattern();
    if constexpr (deed == StandingOrder::Deed::repeat) order.times = times(1).value_or(1);
    if constexpr (deed == StandingOrder::Deed::split || deed == StandingOrder::Deed::cut) {
      expect("at");
      order.at = size("a number of bytes", 1);
    }
    if constexpr (deed == StandingOrder::Deed::hold)
      if (take("at")) order.at = size("a number of bytes", 1);
    if constexpr (deed == StandingOrder::Deed::join) {
      const int count_at = here();
      const auto count = times(2);
      if (!count) throw Problem{count_at, "`join` needs to know how many records: `x2` or more", usage()};
      order.times = *count;
    }
    if constexpr (deed == StandingOrder::Deed::alter) {
      if (order.what.kind != RecordPattern::Kind::close_notify && order.what.kind != RecordPattern::Kind::alert)
        throw Problem{place, "only alerts can be altered", "one of: close_notify, alert"};
      if (take("level")) order.level = level();
      if (take("description")) order.description = alert();
      if (!order.level && !order.description) throw Problem{here(), "`alter` needs `level` or `description`", usage()};
    }
    return WireOrder(std::move(order));
  }
  Deed release() { return WireOrder(Release{more() ? std::optional(direction()) : std::nullopt}); }
  template <End how>
  Deed end() {
    if (how == End::reset && context_.no_reset)
      throw Problem{tokens_[1].column, "a reset needs TCP, and this scenario's transport is a socketpair",
                    "add `transport = \"tcp\"` to the scenario"};
    return WireOrder(EndOrder{word<Side>("a side"), how});
  }
  template <bool stalled>
  Deed stall() {
    return WireOrder(Stall{word<Side>("a side"), stalled});
  }
  Deed inject() {
    Injection order{.from = direction(), .content = content()};
    order.times = times(1).value_or(1);
    return WireOrder(std::move(order));
  }

 private:
  StackCall this_call(std::size_t bytes = 0, Until until = Until::once, std::vector<std::string> arguments = {}) const {
    return {*read_word<Call>(spell(verb_)), bytes, until, aside_, std::move(arguments)};
  }

  Content content() {
    Content c;
    int plain_at = 0, damaged_at = 0, padded_at = 0;
    for (bool again = true; again;) {
      const int place = here();
      if (take("plain")) {
        c.plain = true, plain_at = place;
      } else if (take("damaged")) {
        c.damaged = true, damaged_at = place;
      } else if (take("padded")) {
        c.padding = size("a number of bytes", 1), padded_at = place;
      } else {
        again = false;
      }
    }
    if (plain_at && (damaged_at || padded_at))
      throw Problem{std::max(damaged_at, padded_at), "a plain record has neither tag nor padding", usage()};
    const int place = here();
    const Token& kind = next("what to inject");
    const auto only = [&](bool other_version, std::string_view what, std::string_view version) {
      if (other_version)
        throw Problem{place, fmt::format("{} exists in TLS {} only", what, version),
                      fmt::format("add `versions = [\"{}\"]` to the scenario", version)};
    };
    if (padded_at) only(context_.with_tls12, "padding", "1.3");
    c.name = kind.text;
    if (kind.text == "close_notify") {
      c.type = ContentType::alert;
      c.bytes = bytes_of({1, 0});
    } else if (kind.text == "alert") {
      c.type = ContentType::alert;
      const Alert it = alert_and_level();
      c.bytes = bytes_of({it.level, it.description});
      c.name = "alert " + alert_name(it.description);
      if (it.level != usual_level(it.description)) c.name += fmt::format(" level {}", it.level);
    } else if (kind.text == "data") {
      c.type = ContentType::application_data;
      c.pattern = size("a size", 0);
      if (c.pattern > 16384) throw Problem{tokens_[at_ - 1].column, "a record holds at most 16KiB", "use `data 16KiB xN`"};
      c.name = fmt::format("data {}", c.pattern);
    } else if (kind.text == "key_update") {
      only(context_.with_tls12, "key_update", "1.3");
      c.type = ContentType::handshake;
      const bool requested = take("requested");
      c.bytes = handshake_message(24, bytes_of({requested ? 1 : 0}));
      if (requested) c.name += " requested";
    } else if (kind.text == "hello_request") {
      only(context_.with_tls13, "hello_request", "1.2");
      c.type = ContentType::handshake;
      c.bytes = handshake_message(0, {});
    } else if (kind.text == "new_session_ticket") {
      only(context_.with_tls12, "new_session_ticket after the handshake", "1.3");
      c.type = ContentType::handshake;
      c.bytes = new_session_ticket();
    } else if (kind.text == "certificate_request") {
      only(context_.with_tls12, "certificate_request after the handshake", "1.3");
      c.type = ContentType::handshake;
      c.bytes = certificate_request();
    } else if (kind.text == "empty-alert") {
      c.type = ContentType::alert;
    } else if (kind.text == "bytes") {
      const Token& type = next("a content type");
      static constexpr std::array<std::string_view, 3> types{"alert", "handshake", "change_cipher_spec"};
      if (type.text == "application_data")
        throw Problem{type.column, "application data is made of the sender's pattern", "use `data SIZE`"};
      if (type.text == "alert") {
        c.type = ContentType::alert;
      } else if (type.text == "handshake") {
        c.type = ContentType::handshake;
      } else if (type.text == "change_cipher_spec") {
        c.type = ContentType::change_cipher_spec;
      } else {
        throw Problem{type.column, fmt::format("unknown content type `{}`", type.text), did_you_mean(type.text, types)};
      }
      const Token& hex = next("bytes in hexadecimal");
      for (std::size_t i = 0; i < hex.text.size(); i += 2) {
        const auto high = hex_digit(hex.text[i]), low = i + 1 < hex.text.size() ? hex_digit(hex.text[i + 1]) : std::nullopt;
        if (!high || !low)
          throw Problem{hex.column, fmt::format("`{}` is not a row of bytes in hexadecimal", hex.text), "two digits a byte: 0100"};
        c.bytes += static_cast<char>(*high * 16 + *low);
      }
      c.name += fmt::format(" {} {}", type.text, hex.text);
    } else if (kind.text == "raw") {
      if (plain_at || damaged_at || padded_at)
        throw Problem{std::max({plain_at, damaged_at, padded_at}), "raw bytes are not a record", usage()};
      c.type = ContentType::raw;
      c.bytes = quoted();
      c.name = "raw " + tokens_[at_ - 1].written;
    } else {
      throw Problem{kind.column, fmt::format("unknown content `{}`", kind.text), did_you_mean(kind.text, contents)};
    }
    return c;
  }

  Side direction() {
    static constexpr std::array<std::string_view, 2> directions{"subject->partner", "partner->subject"};
    const Token& token = next("a direction");
    if (token.text == directions[0]) return Side::subject;
    if (token.text == directions[1]) return Side::partner;
    throw Problem{token.column, fmt::format("`{}` is not a direction", token.text), did_you_mean(token.text, directions)};
  }

  RecordPattern pattern() {
    const Token& token = next("a kind of record");
    for (std::size_t i = 0; i < record_kinds.size(); ++i)
      if (record_kinds[i] == token.text) return {static_cast<RecordPattern::Kind>(i), {}};
    if (std::find(handshake_messages.begin(), handshake_messages.end(), token.text) != handshake_messages.end())
      return {RecordPattern::Kind::handshake, token.text};
    throw Problem{token.column, fmt::format("`{}` is not a kind of record", token.text), did_you_mean(token.text, record_words())};
  }

  std::uint8_t level() {
    if (take("warning")) return 1;
    if (take("fatal")) return 2;
    return static_cast<std::uint8_t>(number("a level: warning, fatal or a number", 0, 255));
  }

  std::uint8_t alert() {
    const Token& token = next("an alert's name or number");
    if (const auto known = alert_number(token.text)) return *known;
    if (!is_number(token.text))
      throw Problem{token.column, fmt::format("unknown alert `{}`", token.text), did_you_mean(token.text, alert_names())};
    --at_;
    return static_cast<std::uint8_t>(number("an alert", 0, 255));
  }

  // close_notify, user_canceled and no_renegotiation are warnings, all others are fatal, unless the line says otherwise.
  static std::uint8_t usual_level(std::uint8_t description) { return description == 0 || description == 90 || description == 100 ? 1 : 2; }
  Alert alert_and_level() {
    const std::uint8_t description = alert();
    return {take("level") ? level() : usual_level(description), description};
  }

  long long milliseconds() {
    const Token& token = next("a time");
    std::string_view digits = token.text;
    unsigned long long unit = 0;
    for (const auto& [name, factor] : {std::pair<std::string_view, unsigned long long>{"ms", 1}, {"s", 1000}})
      if (unit == 0 && digits.ends_with(name)) digits.remove_suffix(name.size()), unit = factor;
    if (unit == 0 || token.quoted || !is_number(digits))
      throw Problem{token.column, fmt::format("`{}` is not a time", token.text), "times are written 300ms, 60s"};
    return static_cast<long long>(parse_number(token, digits, 1, 1'000'000'000 / unit) * unit);
  }

  // "x3"; nothing where no such word comes.
  std::optional<int> times(unsigned long long least) {
    if (!more() || tokens_[at_].quoted || text().size() < 2 || text()[0] != 'x' || !is_number(text().substr(1))) return std::nullopt;
    const Token& token = tokens_[at_++];
    return static_cast<int>(parse_number(token, std::string_view(token.text).substr(1), least, 1'000'000));
  }

  Until until_done() {
    if (!take("until")) return Until::once;
    expect("done");
    return Until::done;
  }

  std::string quoted() {
    const Token& token = next("a text in double quotes");
    if (!token.quoted) throw Problem{token.column, fmt::format("`{}` is not a text in double quotes", token.text), usage()};
    return token.text;
  }

  static bool is_number(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  }

  static unsigned long long parse_number(const Token& token, std::string_view digits, unsigned long long least, unsigned long long most) {
    unsigned long long value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size() || value < least || value > most)
      throw Problem{token.column, fmt::format("`{}` is not a number from {} to {}", digits, least, most), {}};
    return value;
  }

  unsigned long long number(std::string_view what, unsigned long long least, unsigned long long most) {
    const Token& token = next(what);
    if (!is_number(token.text)) throw Problem{token.column, fmt::format("`{}` is not {}", token.text, what), usage()};
    return parse_number(token, token.text, least, most);
  }

  std::size_t size(std::string_view what, std::size_t least) {
    const Token& token = next(what);
    std::string_view digits = token.text;
    std::size_t unit = 1;
    for (const auto& [name, factor] : {std::pair<std::string_view, std::size_t>{"KiB", 1024}, {"MiB", 1024 * 1024}})
      if (digits.ends_with(name)) digits.remove_suffix(name.size()), unit = factor;
    if (token.quoted || !is_number(digits))
      throw Problem{token.column, fmt::format("`{}` is not {}", token.text, what), "sizes are written 16, 4KiB, 1MiB"};
    return parse_number(token, digits, least, 64 * 1024 * 1024 / unit) * unit;
  }

  template <typename Enum>
  Enum word(std::string_view what) {
    const Token& token = next(what);
    if (const auto value = read_word<Enum>(token.text); value && !token.quoted) return *value;
    throw Problem{token.column, fmt::format("`{}` is not {}", token.text, what), did_you_mean(token.text, Words<Enum>::list)};
  }

  bool more() const { return at_ < tokens_.size(); }
  std::string_view text() const { return tokens_[at_].text; }
  int here() const { return more() ? tokens_[at_].column : end_column_; }

  const Token& next(std::string_view what) {
    if (!more()) throw Problem{end_column_, fmt::format("the line ends where {} should stand", what), usage()};
    return tokens_[at_++];
  }

  bool take(std::string_view literal) {
    if (!more() || tokens_[at_].quoted || text() != literal) return false;
    ++at_;
    return true;
  }

  void expect(std::string_view literal) {
    if (take(literal)) return;
    if (!more()) throw Problem{end_column_, fmt::format("the line ends where `{}` should stand", literal), usage()};
    throw Problem{here(), fmt::format("`{}` stands where `{}` should", text(), literal), usage()};
  }

  // Where a word is too many, perhaps it is one of the usage's own, misspelt.
  Problem unexpected(const Token& token) const {
    static constexpr std::string_view separators = "[]| ";
    WordList literals;
    for (std::size_t from = 0; from < usage_.size();) {
      const std::size_t to = std::min(usage_.find_first_of(separators, from), usage_.size());
      const auto literal = usage_.substr(from, to - from);
      if (literal.size() > 1 && literal[0] >= 'a' && literal[0] <= 'z' && literal != "xN") literals.push_back(literal);
      from = to + 1;
    }
    const auto meant = nearest(token.text, literals);
    return {token.column, fmt::format("`{}` is not expected here", token.text),
            meant.empty() ? usage() : fmt::format("did you mean `{}`?", meant)};
  }

  std::string usage() const { return usage_.empty() ? std::string{} : fmt::format("usage: {}", usage_); }

  const struct Grammar& verb(Actor actor);

  std::vector<Token> tokens_;
  const ScriptContext& context_;
  std::size_t at_ = 0;
  int end_column_;
  std::string_view usage_;
  Verb verb_{};
  Aside aside_ = Aside::no;
};

// Calls that work on a session that is there: a second thread that frees it under the first one, or makes it another, has no say.
bool can_be_aside(Verb verb) { return (verb >= Verb::write && verb <= Verb::keep_session) && verb != Verb::abandon && verb != Verb::clear; }

// The table, with how the rest of such a line is read.
struct Grammar {
  VerbRow row;
  LineReader::Deed (LineReader::*read)();
};
const std::vector<Grammar>& grammar() {
  static const std::vector<Grammar> table{
      {{Verb::handshake, true, false, "handshake [once]", "call the stack's handshake until it is done; `once`: one call only"},
       &LineReader::handshake},
      {{Verb::write, true, false, "write SIZE [until done]", "one call that writes the next SIZE bytes of this peer's pattern"},
       &LineReader::write},
      {{Verb::read, true, false, "read [SIZE] [until done|to-end|when ready]",
        "one read of at most SIZE bytes (16KiB); `to-end`: again, as long as data comes; `when ready`: only if the transport has something "
        "to "
        "be read, as an application does that polls"},
       &LineReader::read},
      {{Verb::close, true, false, "close [until done]", "one call of the stack's two-way close"}, &LineReader::close},
      {{Verb::close_write, true, false, "close-write [until done]",
        "one call of the stack's one-way close: nothing more to send, go on reading"},
       &LineReader::close},
      {{Verb::abandon, true, false, "abandon", "free the session without a word; the transport stays"}, &LineReader::call},
      {{Verb::peek, true, false, "peek [SIZE] [until done]", "one read that leaves the data where it is"}, &LineReader::peek},
      {{Verb::send_alert, true, false, "send-alert ALERT [level LEVEL] [until done]", "one call that sends an alert"},
       &LineReader::send_alert},
      {{Verb::key_update, true, false, "key-update [requested] [until done]",
        "change one's sending keys (TLS 1.3), and ask the other side to do the same"},
       &LineReader::key_update},
      {{Verb::renegotiate, true, false, "renegotiate [until done]", "ask for another handshake in this session (TLS 1.2 and before)"},
       &LineReader::close},
      {{Verb::set, true, false, "set NAME VALUE", "turn a switch of the library, by its name in peers/README.md"}, &LineReader::set},
      {{Verb::clear, true, false, "clear", "make the session's object ready for another connection"}, &LineReader::call},
      {{Verb::keep_session, true, false, "keep-session", "take what is needed to resume this session later (clients)"}, &LineReader::call},
      {{Verb::write_early, true, false, "write-early SIZE [until done]",
        "one call that writes SIZE bytes of early data (a client that resumes, TLS 1.3, before its handshake): the next of a pattern of "
        "its own"},
       &LineReader::write},
      {{Verb::read_early, true, false, "read-early [SIZE] [until done|to-end]",
        "one call that reads at most SIZE bytes (16KiB) of early data (a server)"},
       &LineReader::read_early},
      {{Verb::say, true, false, "say [goodbye|beginning]",
        "write what the words of a probe say (`--say`, `--serve`), what ends the talk (`--goodbye`), or only its first half; between two "
        "peers 16 bytes"},
       &LineReader::say},
      {{Verb::hear, true, false, "hear", "read until what they wait for has come (`--until`); between two peers one read"},
       &LineReader::hear},
      {{Verb::reconnect, true, false, "reconnect",
        "`both`: free the session and open another one on a new transport; a client offers the session it kept"},
       &LineReader::next_session<false>},
      {{Verb::new_session, true, false, "new-session", "`both`: the same on the transport that is there"}, &LineReader::next_session<true>},
      {{Verb::raw_read, true, false, "raw-read", "read all that is on the transport now, past TLS"}, &LineReader::past_library},
      {{Verb::raw_write, true, false, "raw-write \"TEXT\"", "write to the transport, past TLS"}, &LineReader::raw_write},
      {{Verb::fin, true, false, "fin", "shut the transport down for writing"}, &LineReader::past_library},
      {{Verb::hangup, true, false, "hangup", "close the transport"}, &LineReader::past_library},
      {{Verb::io, true, false, "io recv|send FAULT [xN] [after N|on WHAT]",
        "after N more transport calls of the library in that direction (0), or when it reaches the first byte of the next such record, "
        "the "
        "next N of them (1) end in FAULT"},
       &LineReader::io},
      {{Verb::io_clear, true, false, "io clear", "forget the faults that are still to come"}, &LineReader::io_clear},
      {{Verb::measure, true, false, "measure", "note the open files and the heap of the peer's process"}, &LineReader::past_library},
      {{Verb::starve, true, false, "starve [after N]",
        "after N more allocations (0) that the library makes in `close` and `close-write`, the next one fails"},
       &LineReader::starve},
      {{Verb::hold, false, true, "hold DIR WHAT [at K]",
        "keep the next such record, or what follows its first K bytes, and all that follows it in that direction"},
       &LineReader::standing<StandingOrder::Deed::hold>},
      {{Verb::release, false, true, "release [DIR]", "deliver what is held, in one go, and hold nothing more"}, &LineReader::release},
      {{Verb::drop, false, true, "drop DIR WHAT", "never deliver the next such record"}, &LineReader::standing<StandingOrder::Deed::drop>},
      {{Verb::repeat, false, true, "repeat DIR WHAT [xN]", "deliver the next such record N more times (1)"},
       &LineReader::standing<StandingOrder::Deed::repeat>},
      {{Verb::alter, false, true, "alter DIR WHAT [level LEVEL] [description ALERT]", "change the next such alert"},
       &LineReader::standing<StandingOrder::Deed::alter>},
      {{Verb::damage, false, true, "damage DIR WHAT", "flip a bit in the tag of the next such record"},
       &LineReader::standing<StandingOrder::Deed::damage>},
      {{Verb::split, false, true, "split DIR WHAT at K",
        "put the first K bytes of the next such record's content in a record of their own"},
       &LineReader::standing<StandingOrder::Deed::split>},
      {{Verb::join, false, true, "join DIR WHAT xN", "put the contents of the next N such records in one record"},
       &LineReader::standing<StandingOrder::Deed::join>},
      {{Verb::cut, false, true, "cut DIR WHAT at K",
        "deliver only the first K bytes of the next such record, and then nothing more in that direction"},
       &LineReader::standing<StandingOrder::Deed::cut>},
      {{Verb::inject, false, true, "inject DIR [plain|damaged] [padded N] CONTENT [xN]", "deliver N forged records (1), in one go"},
       &LineReader::inject},
      {{Verb::fin, false, true, "fin SIDE", "end the stream towards SIDE"}, &LineReader::end<End::fin>},
      {{Verb::hangup, false, true, "hangup SIDE", "end both directions towards SIDE"}, &LineReader::end<End::hangup>},
      {{Verb::reset, false, true, "reset SIDE", "end both directions with an RST towards SIDE; needs `transport = \"tcp\"`"},
       &LineReader::end<End::reset>},
      {{Verb::stall, false, true, "stall SIDE", "stop reading what SIDE sends, so that its transport fills up"}, &LineReader::stall<true>},
      {{Verb::unstall, false, true, "unstall SIDE", "go on reading what SIDE sends"}, &LineReader::stall<false>},
      {{Verb::pass, false, true, "pass TIME", "let that much time go by for both peers, at once: `300ms`, `60s`"}, &LineReader::pass},
      {{Verb::await, false, true, "await SIDE", "wait until a real program has ended its stream, or was silent for `--patience`"},
       &LineReader::await},
  };
  return table;
}

const Grammar& LineReader::verb(Actor actor) {
  const Token& token = next("a verb");
  std::string name = token.text;
  if (name == "io" && at_ < tokens_.size() && tokens_[at_].text == "clear") {
    ++at_;
    name = "io clear";
  }
  const bool wire = actor == Actor::wire;
  WordList known;
  bool elsewhere = false;
  for (const Grammar& it : grammar()) {
    const VerbRow& row = it.row;
    if (spell(row.verb) == name && (wire ? row.wire : row.peer)) {
      if (actor == Actor::both && row.verb > Verb::new_session)
        throw Problem{token.column, fmt::format("`both` cannot `{}`: only calls of the stack can be asked of both at once", name),
                      "write a line for each"};
      if (actor != Actor::both && (row.verb == Verb::reconnect || row.verb == Verb::new_session))
        throw Problem{token.column, fmt::format("one side alone cannot `{}`", name), "say `both`"};
      return it;
    }
    elsewhere |= spell(row.verb) == name;
    if (wire ? row.wire : row.peer) known.push_back(spell(row.verb));
  }
  if (elsewhere)
    throw Problem{token.column, fmt::format("{} cannot `{}`", wire ? "the wire" : "a peer", name),
                  wire ? "say `subject` or `partner`" : "say `wire`"};
  throw Problem{token.column, fmt::format("unknown verb `{}`", name), did_you_mean(name, known)};
}

Statement LineReader::statement() {
  Statement s;
  s.actor = word<Actor>("an actor: subject, partner, both, client, server or wire");
  if (s.actor != Actor::wire && s.actor != Actor::both) aside_ = take("aside") ? Aside::thread : take("fork") ? Aside::process : Aside::no;
  const int place = here();
  const Grammar& it = verb(s.actor);
  s.verb = verb_ = it.row.verb;
  usage_ = it.row.usage;
  if (aside_ != Aside::no && !can_be_aside(verb_))
    throw Problem{place, fmt::format("`{}` cannot be done aside", spell(verb_)),
                  "one of: write, read, close, close-write, peek, send-alert, key-update, renegotiate, set, keep-session"};
  s.deed = (this->*it.read)();
  if (const auto* peer = std::get_if<PeerOrder>(&s.deed); peer && aside_ != Aside::no && std::get<StackCall>(*peer).until != Until::once)
    throw Problem{tokens_[at_ - 1].column, "what is done aside is one call", fmt::format("leave it at `{}`", spell(verb_))};
  if (at_ < tokens_.size()) throw unexpected(tokens_[at_]);
  for (const auto& token : tokens_) s.source += (s.source.empty() ? "" : " ") + token.written;
  return s;
}

}  // namespace

const std::vector<VerbRow>& verb_table() {
  static const std::vector<VerbRow> table = [] {
    std::vector<VerbRow> rows;
    for (const Grammar& it : grammar()) rows.push_back(it.row);
    return rows;
  }();
  return table;
}

const std::vector<SwitchRow>& switch_table() {
  static const std::vector<SwitchRow> table = [] {
    std::vector<SwitchRow> rows;
    for (const std::string_view name : Words<Switch>::list) rows.push_back({name, {"on", "off"}});
    const auto values = [&](Switch it) -> auto& { return rows[static_cast<std::size_t>(it)].values; };
    values(Switch::shutdown) = {"none", "SENT", "RECEIVED", "both"};
    values(Switch::timeout) = {};
    values(Switch::stale_error) = {"on"};
    return rows;
  }();
  return table;
}

const std::vector<std::string_view>& record_words() {
  static const std::vector<std::string_view> words = [] {
    WordList all(record_kinds.begin(), record_kinds.end());
    all.insert(all.end(), handshake_messages.begin(), handshake_messages.end());
    return all;
  }();
  return words;
}

std::span<const std::string_view> content_words() { return contents; }

bool acts(Actor actor, Side side, Role its_role) {
  switch (actor) {
    case Actor::subject:
      return side == Side::subject;
    case Actor::partner:
      return side == Side::partner;
    case Actor::client:
      return its_role == Role::client;
    case Actor::server:
      return its_role == Role::server;
    case Actor::both:
      return true;
    case Actor::wire:
      return false;
  }
  return false;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t to = std::min(text.find('\n', from), text.size());
    auto line = text.substr(from, to - from);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    from = to + 1;
  }
  return lines;
}

std::vector<std::string> names_used(std::string_view text) {
  std::vector<std::string> names;
  for (std::size_t i = text.find('$'); i != std::string_view::npos; i = text.find('$', i)) {
    const std::size_t begin = ++i;
    while (i < text.size() && is_name(text[i])) ++i;
    names.emplace_back(text.substr(begin, i - begin));
  }
  return names;
}

std::string substitute(std::string_view text, const std::map<std::string, std::string, std::less<>>& values) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;
    if (text[i] == '$') {
      while (end < text.size() && is_name(text[end])) ++end;
      if (const auto found = values.find(text.substr(i + 1, end - i - 1)); found != values.end()) {
        result += found->second;
        i = end;
        continue;
      }
    }
    result += text.substr(i, end - i);
    i = end;
  }
  return result;
}

std::vector<Statement> parse_script(std::string_view text, const ScriptContext& context, std::vector<Diagnostic>& diagnostics) {
  std::vector<Statement> statements;
  int number = 0;
  for (const auto& line : split_lines(text)) {
    ++number;
    try {
      auto tokens = tokenise(line, context);
      if (tokens.empty()) continue;
      Statement statement = LineReader(std::move(tokens), context).statement();
      statement.line = number;
      statements.push_back(std::move(statement));
    } catch (const Problem& problem) {
      diagnostics.push_back({context.file, context.first_line + number - 1, problem.column, line, problem.problem, problem.suggestion});
    }
  }
  return statements;
}

std::vector<Statement> parse_script(std::string_view text, const std::string& file, int first_line, std::vector<Diagnostic>& diagnostics) {
  ScriptContext context;
  context.file = file;
  context.first_line = first_line;
  return parse_script(text, context, diagnostics);
}

}  // namespace tlsbye
