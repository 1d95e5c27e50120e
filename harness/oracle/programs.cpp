// Properties of real programs: what they made of what they were given, as far as it can be seen from outside.
#include <map>

#include "harness/oracle/closing.h"
#include "harness/oracle/finding.h"
#include "harness/oracle/http.h"
#include "harness/oracle/properties.h"

namespace tlsbye {
namespace {

// What a command was told over the wire, and how both ended.
struct Heard {
  std::string asked, said;                  // application data of both sides, as far as it was noted
  std::size_t said_bytes = 0, arrived = 0;  // of what was said; so many of its first bytes reached the program's transport
  bool only_beginning = false;              // the script left the second half unsaid
  bool strange = false;                     // the script made data of its own
  bool gap = false;                         // a record of it came in part, or not at all
  int cut = never, close_notify = never, end = never, left = never, over = never;  // events
  const ProgramDid* program = nullptr;
};

Heard heard_by_program(const Facts& facts) {
  Heard it;
  const auto is_data = [](const Record* record) { return record && record->encrypted && record->type == ContentType::application_data; };
  const auto of_partner = [&](int number) -> const Record* {
    const auto* record = number > 0 ? facts.transcript().at(number).as<Record>() : nullptr;
    return record && record->from == Side::partner ? record : nullptr;
  };
  for (const Event& event : facts.events()) {
    if (const auto* asked = event.as<Asked>()) {
      if (asked->side != Side::partner || asked->verb != "say" || asked->arguments != "beginning") continue;
      it.only_beginning = true;
      it.cut = event.number;
    } else if (const auto* record = event.as<Record>(); is_data(record)) {
      if (record->from == Side::subject) {
        it.asked += record->was_sent() ? record->content : "";
      } else if (record->made) {
        it.strange = true;
      } else {
        it.said += record->content;
        it.said_bytes += record->content_bytes;
      }
    } else if (const auto* opened = event.as<Opened>()) {
      // The partner tells the keys when its handshake is done: what a client asks at once has passed by then.
      const auto* sent = facts.transcript().at(opened->record).as<Record>();
      if (sent->from == Side::subject && sent->encrypted && opened->type == ContentType::application_data) it.asked += opened->content;
    } else if (const auto* replaced = event.as<Replaced>()) {
      it.strange |= is_data(of_partner(replaced->record));
    } else if (const auto* lost = event.as<Lost>()) {
      if (!is_data(of_partner(lost->record))) continue;
      it.gap = true;
      if (it.cut == never) it.cut = event.number;
    } else if (const auto* delivered = event.as<Delivered>()) {
      const Record* of = of_partner(delivered->record);
      if (!of || !of->encrypted) continue;
      const bool whole = delivered->bytes == of->wire_bytes;
      if (of->alert && of->alert->description == 0 && whole) it.close_notify = event.number;
      if (!is_data(of) || of->made) continue;
      it.gap |= !whole;
      if (!whole && it.cut == never) it.cut = event.number;
      if (!it.gap) it.arrived += of->content_bytes;  // what comes behind a gap no receiver can open
    } else if (const auto* end = event.as<TransportEnd>()) {
      if (end->from == Side::partner && end->delivered && it.end == never) it.end = event.number;
      if (end->from == Side::subject && !end->delivered && it.left == never) it.left = event.number;
    } else if (const auto* did = event.as<ProgramDid>(); did && did->what == ProgramDid::What::ended) {
      it.program = did;
      it.over = event.number;
    }
  }
  return it;
}

std::string lost_of(const Heard& heard) {
  return heard.said_bytes > heard.arrived ? fmt::format("{} bytes of the answer", heard.said_bytes - heard.arrived)
                                        : "the second half of the answer";
}

// Why nothing follows from how the program ended; empty where something does.
std::string obstacle(const Heard& heard) {
  if (!heard.program) return "no command was seen to end";
  if (!heard.program->exit_code) return "the command did not end by itself";
  if (heard.said_bytes == 0 || (!heard.only_beginning && heard.arrived == heard.said_bytes)) return "nothing of what it was told was cut";
  if (heard.strange) return "unclear: the script made data of its own";
  if (heard.close_notify != never) return "a close_notify had said that this was all";
  if (heard.end == never) return "the connection had not ended";
  if (heard.left != never && heard.left < heard.end) return "it had ended its own stream before";
  return {};
}

std::string success_of(const Heard& heard) {
  return fmt::format("it reported success (exit code 0) although {} never reached it", lost_of(heard));
}

bool is_http(const Heard& heard) {
  return !http_method(heard.asked).empty() && http_answer("", heard.said, heard.said_bytes) != HttpAnswer::none;
}

}  // namespace

Finding success_means_answer_received(const Facts& facts, const Question&) {
  if (facts.transcript().has_api_lane || facts.transcript().key().role != Role::client) return not_reached("the subject is not a client program");
  const Heard heard = heard_by_program(facts);
  if (std::string why = obstacle(heard); !why.empty()) return not_reached(std::move(why));
  if (!is_http(heard)) return not_reached("what was said was not HTTP/1");
  const std::string_view arrived = std::string_view(heard.said).substr(0, heard.arrived);
  const HttpAnswer so_far = http_answer(http_method(heard.asked), arrived, heard.arrived);
  if (so_far == HttpAnswer::whole) return not_reached("unclear: by what HTTP says of its length, the answer was whole when it was cut");
  if (so_far != HttpAnswer::until_close && so_far != HttpAnswer::unfinished)
    return not_reached("unclear: whether the answer was whole by what HTTP says of its length");
  const std::vector<int> evidence{heard.cut, heard.end, heard.over};
  if (*heard.program->exit_code == 0) return broken(success_of(heard), evidence);
  return holds(fmt::format("{} never reached it, and it ended with exit code {}", lost_of(heard), *heard.program->exit_code), evidence);
}

std::string success_although_cut(const Transcript& transcript) {
  if (transcript.key().role != Role::client) return {};
  const Facts facts(transcript);
  const Heard heard = heard_by_program(facts);
  return !obstacle(heard).empty() || *heard.program->exit_code != 0 || is_http(heard) ? "" : success_of(heard);
}

}  // namespace tlsbye
