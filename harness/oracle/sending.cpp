// Properties of what the subject puts on the wire. Only what it sent itself counts, whatever the script then made of it.
#include <span>

#include "harness/oracle/finding.h"
#include "harness/oracle/properties.h"

namespace tlsbye {
namespace {

std::string name_of(const Record& record) {
  const auto alerts = alerts_of(record);
  if (alerts.empty()) return std::string(spell(record.type));
  std::string text;
  for (const Alert& alert : alerts) text += (text.empty() ? "" : "+") + alert_name(alert.description);
  return text;
}

bool fits(const std::string& word, const Record& record, bool tls13) {
  if (record.type != ContentType::alert) return word == spell(record.type);
  const auto alerts = alerts_of(record);
  if (alerts.size() != 1) return false;
  const Alert& alert = alerts.front();
  if (word == "fatal-alert") return alert.description != 0 && (alert.level == 2 || (tls13 && alert.description != 90));
  return word == alert_name(alert.description);
}

// Do the records say exactly these words?
bool fit(std::span<const std::vector<std::string>> words, std::span<const Record* const> records, bool tls13) {
  if (words.empty()) return records.empty();
  for (const std::string& word : words.front()) {
    if (word == "...") return true;
    if (word == "nothing" && fit(words.subspan(1), records, tls13)) return true;
    if (!records.empty() && fits(word, *records.front(), tls13) && fit(words.subspan(1), records.subspan(1), tls13)) return true;
  }
  return false;
}

}  // namespace

Finding emits(const Facts& facts, const Asked& asked) {
  if (!facts.transcript().decrypted) return not_reached(std::string(no_keys));
  return of_each_call(facts, asked, [&](const SubjectCall& call) {
    if (call.stuck && call.stuck->on == Flow::send) return not_reached("it had not sent all when the run ended");
    if (!call.emission_known) return not_reached("what it sent did not reach the wire");
    const auto index = static_cast<int>(&call - facts.calls().data());
    std::vector<const Record*> records;
    std::vector<int> events = asked.given.evidence(call, facts);
    std::string names;
    for (const SentRecord& sent : facts.sent()) {
      if (sent.owner != index) continue;
      records.push_back(sent.record);
      events.push_back(sent.number);
      names += (names.empty() ? "" : ", ") + name_of(*sent.record);
    }
    events.push_back(call.ended);
    const std::string says = fmt::format("{} sent {}", spell(call.call), names.empty() ? "nothing" : names);
    return fit(asked.records, records, facts.tls13()) ? holds(says, events) : broken(says, events);
  });
}

}  // namespace tlsbye
