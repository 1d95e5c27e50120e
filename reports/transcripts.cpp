#include "reports/transcripts.h"

#include <fmt/format.h>

#include <array>
#include <concepts>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "harness/data/file.h"
#include "reports/run_file.h"

namespace tlsbye {

template <>
struct Words<Reading> {
  static constexpr std::array<std::string_view, 3> list{"read", "no-keys", "garbled"};
};
template <>
struct Words<Withheld::Why> {
  static constexpr std::array<std::string_view, 2> list{"hold", "full"};
};
template <>
struct Words<Lost::Why> {
  static constexpr std::array<std::string_view, 4> list{"dropped", "cut", "ended", "keyless"};
};
template <>
struct Words<End> {
  static constexpr std::array<std::string_view, 3> list{"fin", "hangup", "reset"};
};
template <>
struct Words<ProgramDid::What> {
  static constexpr std::array<std::string_view, 4> list{"was-silent", "went-on", "ended", "kept-on"};
};
template <>
struct Words<Died::How> {
  static constexpr std::array<std::string_view, 5> list{"crashed", "exited", "spun", "silent", "garbled"};
};

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view transcript_format = "tlsbye-transcript/2";

// By the index in Event::what.
constexpr std::array<std::string_view, 21> kinds{"asked",       "api-call", "transport-call", "blocked",  "record",        "opened",
                                                 "delivered",   "withheld", "replaced",       "lost",     "transport-end", "raw-call",
                                                 "signal",      "died",     "endless",        "not-done", "time-passed",   "usage",
                                                 "new-session", "told",     "program-did"};
static_assert(kinds.size() == std::variant_size_v<decltype(Event::what)>);

struct Mistake {
  std::string what;
};

// --- Words and values of JSON. What has no word is not a value. ---

constexpr std::array content_types{ContentType::change_cipher_spec, ContentType::alert,   ContentType::handshake,
                                   ContentType::application_data,   ContentType::unknown, ContentType::raw};

std::string_view word(ContentType type) { return spell(type); }
template <typename Enum>
std::string_view word(Enum value) {
  return tlsbye::spell<Enum>(value);
}

template <typename Enum>
std::optional<Enum> read_enum(std::string_view text) {
  if constexpr (std::same_as<Enum, ContentType>) {
    for (const ContentType type : content_types)
      if (spell(type) == text) return type;
    return std::nullopt;
  } else {
    return read_word<Enum>(text);
  }
}

template <typename>
inline constexpr bool is_optional = false;
template <typename T>
inline constexpr bool is_optional<std::optional<T>> = true;

std::string hex(std::string_view bytes) {
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

std::string bytes_of(std::string_view digits) {
  constexpr std::string_view alphabet = "0123456789abcdef";
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const auto high = alphabet.find(digits[i]), low = i + 1 < digits.size() ? alphabet.find(digits[i + 1]) : std::string_view::npos;
    if (high == std::string_view::npos || low == std::string_view::npos) throw Mistake{"is not hexadecimal"};
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

using Flags = std::vector<std::pair<std::string, std::string>>;

class Writer {
 public:
  explicit Writer(Json& json) : json_(json) {}

  template <typename T>
  void operator()(std::string_view name, const T& value, const std::type_identity_t<T>& usual = {}) {
    if constexpr (std::is_enum_v<T>) {
      json_[std::string(name)] = word(value);
    } else if constexpr (is_optional<T>) {
      if constexpr (std::is_arithmetic_v<typename T::value_type>) {
        if (value) json_[std::string(name)] = *value;  // nought, too: it is not the same as nothing
      } else if (value) {
        (*this)(name, *value, {});
      }
    } else if constexpr (std::same_as<T, Alert>) {
      json_[std::string(name)] = {{"level", value.level}, {"description", value.description}};
    } else if constexpr (std::same_as<T, Flags>) {
      for (const auto& [flag, is] : value) json_[std::string(name)][flag] = is;
    } else if (value != usual) {
      json_[std::string(name)] = value;
    }
  }
  void bytes(std::string_view name, const std::string& value) { (*this)(name, hex(value)); }

 private:
  Json& json_;
};

class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {
    if (!json.is_object()) throw Mistake{"is not an object"};
  }
  void passes(std::string_view name) { known_.emplace(name); }

  template <typename T>
  void operator()(std::string_view name, T& value, const std::type_identity_t<T>& usual = {}) {
    known_.emplace(name);
    const auto found = json_.find(std::string(name));
    if (found == json_.end()) {
      if constexpr (std::is_enum_v<T>) throw Mistake{fmt::format("has no `{}`", name)};
      value = usual;
      return;
    }
    try {
      read(*found, value);
    } catch (const Mistake& mistake) {
      throw Mistake{fmt::format("{}: {}", name, mistake.what)};
    } catch (const Json::exception&) {
      throw Mistake{fmt::format("{}: is not of its kind", name)};
    }
  }
  void bytes(std::string_view name, std::string& value) {
    std::string digits;
    (*this)(name, digits);
    value = bytes_of(digits);
  }
  void nothing_else() const {
    for (const auto& [name, unused] : json_.items())
      if (!known_.contains(name)) throw Mistake{fmt::format("unknown key `{}`", name)};
  }

 private:
  template <typename T>
  static void read(const Json& json, T& value) {
    if constexpr (std::is_enum_v<T>) {
      const auto text = json.get<std::string>();
      const auto known = read_enum<T>(text);
      if (!known) throw Mistake{fmt::format("`{}` is not such a word", text)};
      value = *known;
    } else if constexpr (is_optional<T>) {
      value.emplace();
      read(json, *value);
    } else if constexpr (std::same_as<T, Alert>) {
      value = {json.at("level").get<std::uint8_t>(), json.at("description").get<std::uint8_t>()};
    } else if constexpr (std::same_as<T, Flags>) {
      for (const auto& [flag, is] : json.items()) value.emplace_back(flag, is.template get<std::string>());
    } else {
      json.get_to(value);
    }
  }

  const Json& json_;
  std::set<std::string, std::less<>> known_;
};

// --- The fields of each kind, once for both directions. ---

template <typename T, typename U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

void fields(auto& field, Is<Asked> auto& e) {
  field("verb", e.verb);
  field("call", e.call);
  field("arguments", e.arguments);
  field("until", e.until);
  field("size", e.size);
  field("aside", e.aside);
}
void fields(auto& field, Is<ApiCall> auto& e) {
  field("call", e.call);
  field("id", e.id);
  field("asked", e.asked);
  field("native", e.native);
  field("arguments", e.arguments);
  field("aside", e.aside);
  field("returned", e.returned);
  field("code", e.code);
  field("error_number", e.error_number);
  field("words", e.words);
  field("outcome", e.outcome);
  field("bytes", e.bytes);
  field("total", e.total);
  field("intact", e.intact, true);
  field("state", e.state);
}
void fields(auto& field, Is<TransportCall> auto& e) {
  field("during", e.during);
  field("id", e.id);
  field("function", e.function);
  field("flow", e.flow);
  field("asked", e.asked);
  field("result", e.result);
  field("error_number", e.error_number);
  field("injected", e.injected);
}
void fields(auto& field, Is<Blocked> auto& e) {
  field("during", e.during);
  field("id", e.id);
  field("asked", e.asked);
  field("on", e.on);
  field("for_good", e.for_good);
  field("timeout_ms", e.timeout_ms);
}
void contents(auto& field, auto& e) {
  field("type", e.type);
  field("content_bytes", e.content_bytes);
  field("alert", e.alert);
  field.bytes("content", e.content);
  field("handshake", e.handshake);
  field("early", e.early);
  field("accepts_early", e.accepts_early);
  field("offers", e.offers);
}
void fields(auto& field, Is<Record> auto& e) {
  field("from", e.from);
  field("made", e.made);
  field("of", e.of);
  field("reading", e.reading);
  contents(field, e);
  field("encrypted", e.encrypted);
  field("established", e.established);
  field("damaged", e.damaged);
  field("wire_bytes", e.wire_bytes);
  field("missing", e.missing);
  field("offset", e.offset);
  field("by_script", e.by_script);
}
void fields(auto& field, Is<Opened> auto& e) {
  field("record", e.record);
  field("reading", e.reading);
  contents(field, e);
}
void fields(auto& field, Is<Delivered> auto& e) {
  field("record", e.record);
  field("bytes", e.bytes);
}
void fields(auto& field, Is<Withheld> auto& e) {
  field("record", e.record);
  field("why", e.why);
}
void fields(auto& field, Is<Replaced> auto& e) { field("record", e.record); }
void fields(auto& field, Is<Lost> auto& e) {
  field("record", e.record);
  field("why", e.why);
}
void fields(auto& field, Is<TransportEnd> auto& e) {
  field("from", e.from);
  field("delivered", e.delivered);
  field("by_wire", e.by_wire);
  field("end", e.end);
}
void fields(auto& field, Is<RawCall> auto& e) {
  field("verb", e.verb);
  field("result", e.result);
  field("error_number", e.error_number);
  field.bytes("data", e.data);
}
void fields(auto& field, Is<Signal> auto& e) { field("name", e.name); }
void fields(auto& field, Is<Died> auto& e) {
  field("how", e.how);
  field("detail", e.detail);
  field("during", e.during);
}
void fields(auto& field, Is<Endless> auto& e) {
  field("during", e.during);
  field("id", e.id);
  field("times", e.times);
  field("why", e.why);
}
void fields(auto& field, Is<NotDone> auto& e) {
  field("verb", e.verb);
  field("why", e.why);
  field("unsupported", e.unsupported);
}
void fields(auto& field, Is<TimePassed> auto& e) { field("milliseconds", e.milliseconds); }
void fields(auto& field, Is<Usage> auto& e) {
  field("descriptors", e.descriptors);
  field("heap", e.heap);
}
void fields(auto& field, Is<NewSession> auto& e) { field("same_transport", e.same_transport); }
void fields(auto& field, Is<Told> auto& e) {
  field("text", e.text);
  field("in_script", e.in_script);
}

void fields(auto& field, Is<ProgramDid> auto& e) {
  field("what", e.what);
  field("milliseconds", e.milliseconds);
  field("text", e.text);
  field("exit_code", e.exit_code);
  field.bytes("output", e.output);
}

void fields(auto& field, Is<RunKey> auto& e) {
  field("scenario", e.scenario);
  field("subject", e.subject);
  field("subject_version", e.subject_version);
  field("partner", e.partner);
  field("partner_version", e.partner_version);
  field("role", e.role);
  field("tls", e.tls);
  field("io", e.io);
  field("schedule", e.schedule);
}
void fields(auto& field, Is<Transcript::LineAnswer> auto& e) {
  field("line", e.line);
  field("call", e.call);
  field("outcome", e.outcome);
  field("total", e.total);
  field("until", e.until);
}

// The fields of any value that goes into a transcript; whose doing an event was comes first.
void all_fields(auto& field, auto& value) {
  if constexpr (requires { value.side; }) field("side", value.side);
  fields(field, value);
}

template <typename Value>
Json written(const Value& value) {
  Json json = Json::object();
  Writer field(json);
  all_fields(field, value);
  return json;
}

Json written(const Event& event) {
  Json json{{"kind", kinds[event.what.index()]}};
  if (event.line != 0) json["line"] = event.line;
  std::visit([&](const auto& what) { json.update(written(what)); }, event.what);
  return json;
}

std::string whole_line(const std::string& replay, const Transcript& transcript) {
  Json json{{"format", transcript_format}, {"replay", replay}, {"run", written(transcript.key())}};
  if (!transcript.options.empty()) json["options"] = transcript.options;
  json["script"] = transcript.script;
  json["reference"] = Json::array();
  for (const auto& answer : transcript.reference) json["reference"].push_back(written(answer));
  json["events"] = Json::array();
  for (const Event& event : transcript.events()) json["events"].push_back(written(event));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <typename Value>
Value whole(const Json& json) {
  Value value{};
  Reader field(json);
  all_fields(field, value);
  field.nothing_else();
  return value;
}

template <std::size_t index = 0>
void read_event(const Json& json, std::string_view kind, Transcript& transcript) {
  if constexpr (index == kinds.size()) {
    throw Mistake{fmt::format("`{}` is not a kind of event", kind)};
  } else {
    if (kinds[index] != kind) return read_event<index + 1>(json, kind, transcript);
    std::variant_alternative_t<index, decltype(Event::what)> what{};
    Reader field(json);
    field.passes("kind");
    int line = 0;
    field("line", line);
    all_fields(field, what);
    field.nothing_else();
    transcript.add(line, std::move(what));
  }
}

std::pair<std::string, Transcript> read_transcript(std::string_view text) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw Mistake{fmt::format("is not JSON, at byte {}", error.byte)};
  }
  Reader field(json);
  std::string format, replay;
  Json run, reference, events;
  std::vector<std::string> options, script;
  field("format", format);
  if (format != transcript_format)
    throw Mistake{fmt::format("the format is `{}`, and not `{}`: another version of tlsbye made it; `tlsbye run` makes it again", format,
                              transcript_format)};
  for (const std::string_view name : {"replay", "run", "script", "reference", "events"})
    if (!json.contains(name)) throw Mistake{fmt::format("has no `{}`", name)};
  field("replay", replay);
  field("run", run);
  field("options", options);
  field("script", script);
  field("reference", reference);
  field("events", events);
  field.nothing_else();
  Transcript transcript(whole<RunKey>(run));
  transcript.options = std::move(options);
  transcript.script = std::move(script);
  for (const Json& answer : reference) transcript.reference.push_back(whole<Transcript::LineAnswer>(answer));
  for (const Json& event : events) {
    try {
      std::string kind;
      Reader head(event);
      head("kind", kind);
      read_event(event, kind, transcript);
    } catch (const Mistake& mistake) {
      throw Mistake{fmt::format("event {}: {}", transcript.next_number(), mistake.what)};
    }
  }
  return {std::move(replay), std::move(transcript)};
}

}  // namespace

std::optional<std::string> replay_named_by(std::string_view line) {
  const std::string head = fmt::format("{{\"format\":\"{}\",\"replay\":\"", transcript_format);
  if (!line.starts_with(head)) return std::nullopt;
  line.remove_prefix(head.size());
  const std::size_t end = line.find('"');  // an id holds neither quotes nor what JSON escapes
  if (end == std::string_view::npos) return std::nullopt;
  return std::string(line.substr(0, end));
}

std::string Transcripts::line(const std::string& replay, const Transcript& transcript) { return whole_line(replay, transcript) + "\n"; }

std::vector<std::string> Transcripts::take(const std::filesystem::path& file) {
  std::vector<std::string> replays;
  const auto problem = lines_.take(file, [&](std::string_view line) {
    try {
      return replays.emplace_back(read_transcript(line).first);
    } catch (const Mistake& mistake) {
      throw RunFileError(fmt::format("{}:{}: {}", file.string(), replays.size() + 1, mistake.what));
    }
  });
  if (problem) throw RunFileError(fmt::format("{}: {}", file.string(), problem->what));
  return replays;
}

Transcript Transcripts::at(const std::string& replay) const {
  try {
    return read_transcript(lines_.get(replay)).second;
  } catch (const Mistake& mistake) {  // as it was taken it was whole
    throw RunFileError(fmt::format("the transcript of {} was changed: {}", replay, mistake.what));
  }
}

void Transcripts::write(const std::filesystem::path& file) const {
  const std::vector<std::string> all = replays();
  auto next = all.begin();
  const auto piece = [&] {
    if (next == all.end()) return std::string();
    std::string line = lines_.get(*next++);
    if (!line.ends_with('\n')) line += '\n';
    return line;
  };
  if (const auto error = write_file(file, piece)) throw RunFileError(fmt::format("{}: {}", file.string(), error->what));
}

}  // namespace tlsbye
