#include "harness/cli/story.h"

#include <fmt/format.h>

namespace tlsbye {

std::string describe(const RunKey& run) {
  return fmt::format("{} {} as {}, TLS {}, {}, with {} {}{}{}", run.subject, run.subject_version, spell(run.role), spell(run.tls),
                     spell(run.io), run.partner, run.partner_version, run.schedule.empty() ? "" : ", and ", run.schedule);
}

std::string tell_story(const Transcript& transcript, const std::set<int>& marked) {
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
    text += fmt::format("{} {:>5}  {}\n", marked.contains(event.number) ? '>' : ' ', event.number, narrate(event));
  }
  if (!transcript.decrypted)
    text += "Some records of this run could not be read: the wire had no keys for them, or they do not decrypt under their keys.\n";
  return text;
}

}  // namespace tlsbye
