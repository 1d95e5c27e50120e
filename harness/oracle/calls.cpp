// Properties of what calls answer.
#include "harness/oracle/finding.h"
#include "harness/oracle/properties.h"

namespace tlsbye {

std::string told(const SubjectCall& call) {
  if (call.api) return fmt::format("{} answered {}", spell(call.call), spell(call.api->outcome));
  if (call.stuck) return fmt::format("{} stayed blocked on {}", spell(call.call), spell(call.stuck->on));
  return fmt::format("{} never came back", spell(call.call));
}

Finding death_in(const SubjectCall& call) {
  const auto finding = [&](Finding::Kind kind, std::string_view what) {
    const std::string detail = call.died->detail.empty() ? "" : fmt::format(" ({})", call.died->detail);
    return Finding{kind, fmt::format("{} {}{}", spell(call.call), what, detail), in_order({call.began, call.ended})};
  };
  switch (call.died->how) {
    case Died::How::crashed:
      return finding(Finding::Kind::crashed, "crashed");
    case Died::How::exited:
      return finding(Finding::Kind::crashed, "ended the process");
    case Died::How::spun:
      return finding(Finding::Kind::hung, "spun without end");
    case Died::How::silent:
      return finding(Finding::Kind::hung, "never came back");
    case Died::How::garbled:
      break;
  }
  return not_reached("the peer broke the protocol");
}

namespace {

bool among(const std::vector<std::string>& list, std::string_view word) { return std::find(list.begin(), list.end(), word) != list.end(); }

std::vector<int> evidence(const Facts& facts, const Asked& asked, const SubjectCall& call) {
  auto events = asked.given.evidence(call, facts);
  events.push_back(call.ended);
  return events;
}

std::string spelled(const Outcomes& outcomes) {
  std::string text;
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    if (outcomes.test(i)) text += (text.empty() ? "" : " or ") + std::string(Words<Outcome>::list[i]);
  return text;
}

}  // namespace

Finding answers(const Facts& facts, const Asked& asked) {
  return of_each_call(facts, asked, [&](const SubjectCall& call) {
    if (!call.api) return not_reached(told(call));
    const ApiCall& api = *call.api;
    if (api.outcome == Outcome::unsupported) return not_reached("the stack has no such call");
    const auto outcome = static_cast<std::size_t>(api.outcome);
    const auto wrong = [&](std::string says) { return broken(std::move(says), evidence(facts, asked, call)); };
    if (asked.outcome && !asked.outcome->test(outcome)) return wrong(fmt::format("{}, not {}", told(call), spelled(*asked.outcome)));
    if (asked.forbidden && asked.forbidden->test(outcome)) return wrong(told(call));
    if (!asked.code.empty() && !among(asked.code, api.code))
      return wrong(fmt::format("{} with {}, not {}", told(call), api.code.empty() ? "no code" : api.code, fmt::join(asked.code, " or ")));
    if (!asked.returns.empty() && !among(asked.returns, fmt::format("{}", api.returned)))
      return wrong(fmt::format("{} returned {}, not {}", api.native, api.returned, fmt::join(asked.returns, " or ")));
    if (!asked.error_number.empty() && !among(asked.error_number, api.error_number))
      return wrong(fmt::format("{} left errno {}, not {}", told(call), api.error_number.empty() ? "0" : api.error_number,
                               fmt::join(asked.error_number, " or ")));
    return holds(told(call), evidence(facts, asked, call));
  });
}

}  // namespace tlsbye
