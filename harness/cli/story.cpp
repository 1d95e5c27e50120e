#include "harness/cli/story.h"

#include <fmt/format.h>

#include "harness/transcript/telling.h"

namespace tlsbye {

std::string describe(const RunKey& run) {
  return fmt::format("{} {} as {}, TLS {}, {}, with {} {}{}{}", run.subject, run.subject_version, spell(run.role), spell(run.tls),
                     spell(run.io), run.partner, run.partner_version, run.schedule.empty() ? "" : ", and ", run.schedule);
}

std::string tell_story(const Transcript& transcript, const std::set<int>& marked) {
  const Telling telling(transcript);
  std::set<int> pointed_at;
  for (const int number : marked) pointed_at.insert(telling.shown_as(number));
  std::string text;
  int line = -1;
  for (const Event& event : transcript.events()) {
    if (event.line != line) {
      line = event.line;
      const auto index = static_cast<std::size_t>(line - 1);
      if (line > 0 && index < transcript.script.size())
        text += fmt::format("{:>3} | {}\n", line, transcript.script[index]);
      else
        text += fmt::format("    | {}\n", event.number == 1 ? "(before the script)" : "(after the script)");
    }
    // The line says what is asked for and ordered; what came to the wire went on, unless another word follows.
    const auto* order = event.as<Told>();
    const bool is_said = event.as<Asked>() || (order && order->in_script) || is_routine(event, transcript);
    if (is_said && !pointed_at.contains(event.number)) continue;
    text += fmt::format("{} {:>11}  {}\n", pointed_at.contains(event.number) ? '>' : ' ', telling.label(event.number),
                        telling.text(event.number));
  }
  if (!decrypted(transcript))
    text += "Some records of this run could not be read: the wire had no keys for them, or they do not decrypt under their keys.\n";
  return text;
}

}  // namespace tlsbye
