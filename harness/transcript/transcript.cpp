#include "harness/transcript/transcript.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "harness/data/overloaded.h"

namespace tlsbye {
namespace {

// RFC 8446 6, RFC 5246 7.2, RFC 9846 6 (general_error).
struct AlertRow {
  std::uint8_t number;
  std::string_view name;
};
constexpr std::array<AlertRow, 32> alerts{{
    {0, "close_notify"},
    {10, "unexpected_message"},
    {20, "bad_record_mac"},
    {21, "decryption_failed"},
    {22, "record_overflow"},
    {30, "decompression_failure"},
    {40, "handshake_failure"},
    {42, "bad_certificate"},
    {43, "unsupported_certificate"},
    {44, "certificate_revoked"},
    {45, "certificate_expired"},
    {46, "certificate_unknown"},
    {47, "illegal_parameter"},
    {48, "unknown_ca"},
    {49, "access_denied"},
    {50, "decode_error"},
    {51, "decrypt_error"},
    {60, "export_restriction"},
    {70, "protocol_version"},
    {71, "insufficient_security"},
    {80, "internal_error"},
    {86, "inappropriate_fallback"},
    {90, "user_canceled"},
    {100, "no_renegotiation"},
    {109, "missing_extension"},
    {110, "unsupported_extension"},
    {112, "unrecognized_name"},
    {113, "bad_certificate_status_response"},
    {115, "unknown_psk_identity"},
    {116, "certificate_required"},
    {117, "general_error"},
    {120, "no_application_protocol"},
}};

std::string level_name(std::uint8_t level) { return level == 1 ? "warning" : level == 2 ? "fatal" : fmt::format("level {}", level); }

std::string quoted(std::string_view bytes, std::size_t most) {
  std::string text = "\"";
  for (const unsigned char byte : bytes.substr(0, most)) {
    if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\')
      text += static_cast<char>(byte);
    else
      text += fmt::format("\\x{:02x}", byte);
  }
  return text + (bytes.size() > most ? "\"..." : "\"");
}

// What a script makes a peer say past TLS is text; anything else that is not a record is ciphertext.
bool is_text(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](unsigned char byte) { return byte >= 0x20 && byte < 0x7f; });
}

std::string narrate_record(const Record& record, Detail detail, const NameOfEvent& name) {
  std::string line = fmt::format("wire     {}->{}  {:<28}", spell(record.from), spell(other(record.from)), name_of(record, detail));
  const bool size_differs = record.type == ContentType::handshake || record.type == ContentType::unknown;
  if (detail == Detail::full || !size_differs) line += fmt::format(" {} bytes", record.wire_bytes);
  if (!record.encrypted && record.type != ContentType::raw) line += ", plain";
  if (record.early) line += ", early";
  if (record.damaged) line += ", damaged";
  if (record.unseen) line += ", not captured whole";
  if (record.missing > 0) line += fmt::format(", {} of them missing", record.missing);
  if (record.reading == Reading::garbled) line += ", its own keys do not open it";
  if (record.by_script) line += "  [the script's]";
  if (record.made) line += record.of ? fmt::format("  [made in place of {}]", name(record.of)) : "  [made by the wire]";
  return line;
}

std::string_view in_words(Withheld::Why why) { return why == Withheld::Why::hold ? "held" : "waits, the transport is full"; }

std::string_view in_words(Lost::Why why) {
  switch (why) {
    case Lost::Why::dropped:
      return "dropped";
    case Lost::Why::cut:
      return "lost behind a cut";
    case Lost::Why::ended:
      return "lost, that direction has ended";
    case Lost::Why::keyless:
      return "lost, the wire has no keys to seal it";
  }
  return "";
}

std::string_view in_words(Died::How how) {
  switch (how) {
    case Died::How::crashed:
      return "crashed";
    case Died::How::exited:
      return "exited";
    case Died::How::spun:
      return "spun without end";
    case Died::How::silent:
      return "never answered";
    case Died::How::garbled:
      return "broke the control protocol";
  }
  return "";
}

std::string_view in_words(End end) { return end == End::fin ? "FIN" : end == End::hangup ? "hangup" : "RST"; }

}  // namespace

std::string_view ApiCall::flag(std::string_view name) const {
  for (const auto& [key, value] : state)
    if (key == name) return value;
  return {};
}

std::string name_of(const Contents& contents, Detail detail) {
  if (contents.alert) return alert_name(contents.alert->description) + " (" + level_name(contents.alert->level) + ")";
  if (contents.type == ContentType::handshake && !contents.handshake.empty()) return contents.handshake;
  if (contents.type == ContentType::raw)
    return detail == Detail::full || is_text(contents.content) ? "raw " + quoted(contents.content, 32) : "raw bytes";
  return std::string(spell(contents.type));
}

std::string_view spell(ContentType type) {
  switch (type) {
    case ContentType::change_cipher_spec:
      return "change_cipher_spec";
    case ContentType::alert:
      return "alert";
    case ContentType::handshake:
      return "handshake";
    case ContentType::application_data:
      return "application_data";
    case ContentType::unknown:
      return "undecrypted";
    case ContentType::raw:
      return "raw";
  }
  return "undecrypted";
}

std::string alert_name(std::uint8_t description) {
  for (const AlertRow& row : alerts)
    if (row.number == description) return std::string(row.name);
  return fmt::format("alert {}", description);
}

std::optional<std::uint8_t> alert_number(std::string_view name) {
  for (const AlertRow& row : alerts)
    if (row.name == name) return row.number;
  return std::nullopt;
}

std::size_t held_by(const Event& event) {
  const auto texts = [](const auto&... text) { return (std::size_t{} + ... + text.size()); };
  return sizeof event + std::visit(Overloaded{
                                       [&](const ApiCall& call) {
                                         std::size_t bytes = texts(call.native, call.arguments, call.code, call.error_number, call.words);
                                         for (const auto& flag : call.state) bytes += sizeof flag + texts(flag.first, flag.second);
                                         return bytes;
                                       },
                                       [&](const TransportCall& call) { return texts(call.function, call.error_number); },
                                       [&](const RawCall& call) { return texts(call.verb, call.error_number, call.data); },
                                       [&](const Record& record) { return texts(record.content, record.handshake); },
                                       [&](const Opened& record) { return texts(record.content, record.handshake); },
                                       [](const auto&) { return std::size_t{}; },
                                   },
                                   event.what);
}

bool decrypted(const Transcript& transcript) {
  std::set<int> unread;
  for (const Event& event : transcript.events()) {
    if (const auto* record = event.as<Record>(); record && record->was_sent() && record->reading != Reading::read)
      unread.insert(event.number);
    if (const auto* opened = event.as<Opened>(); opened && opened->reading == Reading::read) unread.erase(opened->record);
  }
  return unread.empty();
}

bool is_routine(const Event& event, const Transcript& transcript) {
  const auto* delivered = event.as<Delivered>();
  if (!delivered || delivered->record < 1 || delivered->record >= event.number) return false;
  const auto* record = transcript.at(delivered->record).as<Record>();
  if (!record || delivered->bytes < record->wire_bytes || transcript.at(delivered->record).line != event.line) return false;
  for (int number = delivered->record + 1; number < event.number; ++number)
    if (const Event& between = transcript.at(number); !between.as<Record>() && !between.as<Delivered>() && !between.as<Opened>())
      return false;
  return true;
}

namespace {

std::optional<Side> side_of(const Event& event, const Transcript& transcript) {
  return std::visit(
      [&](const auto& what) -> std::optional<Side> {
        if constexpr (requires { what.side; }) return what.side;
        if constexpr (requires { what.from; }) return what.from;
        if constexpr (requires { what.record; })
          if (const auto* record = transcript.at(what.record).template as<Record>()) return record->from;
        return std::nullopt;
      },
      event.what);
}

}  // namespace

const Asked* asked_for(const Event& event, const Transcript& transcript) {
  const auto number_of = [&]() -> int {
    if (const auto* call = event.as<ApiCall>()) return call->asked;
    if (const auto* blocked = event.as<Blocked>()) return blocked->asked;
    return 0;
  };
  if (const int number = number_of(); number > 0 && number < event.number) return transcript.at(number).as<Asked>();
  const auto side = side_of(event, transcript);
  const Asked* any = nullptr;
  for (int number = event.number; number > 0 && transcript.at(number).line == event.line; --number) {
    const auto* asked = transcript.at(number).as<Asked>();
    if (asked && (!side || asked->side == *side)) return asked;
    if (asked && !any) any = asked;
  }
  return any;
}

std::vector<Transcript::LineAnswer> answers(const Transcript& transcript) {
  std::map<int, Transcript::LineAnswer> by_line;
  const auto note = [&](const Event& event, int asked, Call call, std::optional<Outcome> outcome, std::optional<std::size_t> total) {
    const bool known = asked > 0 && asked < event.number;
    const int line = known ? transcript.at(asked).line : event.line;
    const auto* wanted = known ? transcript.at(asked).as<Asked>() : nullptr;
    const auto before = by_line.find(line);
    const std::size_t so_far = before == by_line.end() ? 0 : before->second.total;
    by_line.insert_or_assign(line,
                             Transcript::LineAnswer{line, call, outcome, total.value_or(so_far), wanted ? wanted->until : Until::once});
  };
  for (const Event& event : transcript.events()) {
    if (const auto* call = event.as<ApiCall>(); call && call->side == Side::subject)
      note(event, call->asked, call->call, call->outcome, call->total);
    else if (const auto* blocked = event.as<Blocked>(); blocked && blocked->side == Side::subject && blocked->for_good)
      note(event, blocked->asked, blocked->during, std::nullopt, std::nullopt);
  }
  std::vector<Transcript::LineAnswer> list;
  for (const auto& [line, answer] : by_line) list.push_back(answer);
  return list;
}

std::string narrate(const Event& event, Detail detail, const NameOfEvent& name) {
  return std::visit(
      Overloaded{
          [](const Asked& e) {
            std::string what(e.aside == Aside::thread ? "aside " : e.aside == Aside::process ? "fork " : "");
            what += e.verb;
            if (e.size > 0) what += fmt::format(" {}", e.size);
            if (!e.arguments.empty()) what += " " + e.arguments;
            if (e.until != Until::once && e.call != Call::handshake) what += fmt::format(" until {}", spell(e.until));
            return fmt::format("{:<8} is asked for {}", spell(e.side), what);
          },
          [](const ApiCall& e) {
            std::string call(e.aside == Aside::thread ? "aside " : e.aside == Aside::process ? "fork " : "");
            call += spell(e.call);
            if (!e.arguments.empty()) call += " " + e.arguments;
            std::string line = fmt::format("{:<8} {:<20} = {:<12}", spell(e.side), call, spell(e.outcome));
            line += fmt::format(" {} {}", e.native, e.returned);
            if (!e.code.empty()) line += " " + e.code;
            if (!e.error_number.empty()) line += " errno " + e.error_number;
            if (e.call == Call::read || e.call == Call::write || e.call == Call::peek || e.call == Call::write_early ||
                e.call == Call::read_early)
              line += fmt::format(", {} bytes{}", e.bytes, e.intact ? "" : ", NOT what was sent");
            for (const auto& [key, value] : e.state) line += fmt::format(", {}={}", key, value);
            return line;
          },
          [detail](const TransportCall& e) {
            std::string line = fmt::format("{:<8}   {}", spell(e.side), e.function);
            const bool size_differs = e.during == Call::handshake && (e.result > 0 || e.flow == Flow::send);
            if (detail == Detail::full || !size_differs) line += fmt::format("({}) = {}", e.asked, e.result);
            if (!e.error_number.empty()) line += " " + e.error_number;
            return line + (e.injected ? "  [injected]" : "");
          },
          [](const Blocked& e) {
            return fmt::format("{:<8}   blocked on {} in {}{}{}", spell(e.side), spell(e.on), spell(e.during),
                               e.timeout_ms ? fmt::format(", for {} ms at most", *e.timeout_ms) : std::string(),
                               e.for_good ? ", for good" : "");
          },
          [&](const Record& e) { return narrate_record(e, detail, name); },
          [&](const Opened& e) {
            return e.reading == Reading::garbled
                       ? fmt::format("wire     the keys have come, and do not open {}", name(e.record))
                       : fmt::format("wire     the keys have come: {} was {}", name(e.record), name_of(e, detail));
          },
          [&](const Delivered& e) {
            return fmt::format("wire     {} delivered{}", name(e.record), detail == Detail::full ? fmt::format(", {} bytes", e.bytes) : "");
          },
          [&](const Withheld& e) { return fmt::format("wire     {} {}", name(e.record), in_words(e.why)); },
          [&](const Replaced& e) { return fmt::format("wire     {} replaced", name(e.record)); },
          [&](const Lost& e) { return fmt::format("wire     {} {}", name(e.record), in_words(e.why)); },
          [](const TransportEnd& e) {
            return e.delivered ? fmt::format("wire     {}->{}  {}{}", spell(e.from), spell(other(e.from)), in_words(e.end),
                                             e.by_wire ? "  [the wire's doing]" : "")
                               : fmt::format("wire     {}->      {}", spell(e.from), in_words(e.end));
          },
          [](const RawCall& e) {
            std::string line = fmt::format("{:<8} {:<20} = {}", spell(e.side), e.verb, e.result);
            if (!e.error_number.empty()) line += " " + e.error_number;
            if (!e.data.empty()) line += " " + quoted(e.data, 48);
            return line;
          },
          [](const Signal& e) { return fmt::format("{:<8}   signal {}", spell(e.side), e.name); },
          [](const Died& e) {
            return fmt::format("{:<8} {} ({}){}", spell(e.side), in_words(e.how), e.detail,
                               e.during ? fmt::format(" in {}", spell(*e.during)) : std::string());
          },
          [](const Endless& e) {
            return fmt::format("{:<8} {} goes on without end: {}", spell(e.side), spell(e.during),
                               e.why.empty() ? fmt::format("given up after {} repetitions", e.times) : e.why);
          },
          [](const NotDone& e) { return fmt::format("{:<8} not carried out: {}", spell(e.side), e.why); },
          [](const TimePassed& e) { return fmt::format("both     {} ms pass", e.milliseconds); },
          [detail](const Usage& e) {
            const std::string heap = detail == Detail::full ? fmt::format(", {} bytes of heap", e.heap) : "";
            return fmt::format("{:<8} holds {} descriptors{}", spell(e.side), e.descriptors, heap);
          },
          [](const NewSession& e) {
            return fmt::format("both     begin another session on {} transport", e.same_transport ? "the same" : "a new");
          },
          [](const Told& e) { return e.text; },
          [detail](const ProgramDid& e) {
            const std::string life = detail == Detail::full ? fmt::format(", {} ms after it was started", e.milliseconds) : "";
            const std::string printed = e.output.empty() ? "" : fmt::format("; it printed {}", quoted(e.output, 96));
            switch (e.what) {
              case ProgramDid::What::was_silent:
                return fmt::format("{:<8} silent for {} ms", spell(e.side), e.milliseconds);
              case ProgramDid::What::went_on:
                return fmt::format("{:<8} is watched no longer: {}", spell(e.side), e.text);
              case ProgramDid::What::ended:
                return fmt::format("{:<8} ended: {}{}{}", spell(e.side), e.text, life, printed);
              case ProgramDid::What::kept_on:
                return fmt::format("{:<8} had not ended{}, and was ended{}", spell(e.side), life, printed);
            }
            return std::string();
          },
      },
      event.what);
}

}  // namespace tlsbye
