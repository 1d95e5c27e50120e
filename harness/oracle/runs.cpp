// Properties of whole runs, and of one run held against another. They are judged once, with the run's first session.
#include <algorithm>

#include "harness/oracle/finding.h"
#include "harness/oracle/properties.h"

namespace tlsbye {
namespace {

using LineAnswer = Transcript::LineAnswer;

bool is_error(Outcome outcome) {
  return outcome == Outcome::cut || outcome == Outcome::reset || outcome == Outcome::alert || outcome == Outcome::refused ||
         outcome == Outcome::failed;
}

std::string answer_told(const LineAnswer& answer) {
  return answer.outcome ? fmt::format("{} answered {}", spell(answer.call), spell(*answer.outcome))
                        : fmt::format("{} never came back", spell(answer.call));
}

const LineAnswer* at_line(const std::vector<LineAnswer>& answers, int line) {
  const auto it = std::find_if(answers.begin(), answers.end(), [&](const LineAnswer& answer) { return answer.line == line; });
  return it == answers.end() ? nullptr : &*it;
}

// The last event of the subject's call that this line asked for.
int event_of(const Transcript& transcript, int line) {
  int number = never;
  for (const Event& event : transcript.events()) {
    const auto belongs = [&](const auto* it) {
      return it && it->side == Side::subject && (it->asked > 0 ? transcript.at(it->asked).line : event.line) == line;
    };
    if (belongs(event.as<ApiCall>()) || belongs(event.as<Blocked>())) number = event.number;
  }
  return number;
}

// The faults that the subject met: their events, or nothing where one of them is of another kind than those asked for.
std::vector<int> transient_faults(const Transcript& transcript, const std::vector<std::string>& kinds) {
  std::vector<int> faults;
  for (const Event& event : transcript.events()) {
    const auto* call = event.as<TransportCall>();
    if (!call || call->side != Side::subject || !call->injected) continue;
    const std::string kind = call->result > 0 ? "short" : call->error_number;
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) return {};
    faults.push_back(event.number);
  }
  return faults;
}

// A line of the script up to this one was not carried out by the partner, which was waiting in an earlier one.
bool other_side_skipped(const Transcript& run, int until_line) {
  return std::any_of(run.events().begin(), run.events().end(), [&](const Event& event) {
    const auto* skipped = event.as<NotDone>();
    return skipped && skipped->side == Side::partner && !skipped->unsupported && event.line <= until_line;
  });
}

}  // namespace

Finding usage_bounded(const Facts& facts, const Question& asked) {
  if (facts.former()) return not_reached("judged with the first session");
  const Event* first = nullptr;
  const Event* last = nullptr;
  for (const Event& event : facts.transcript().events())
    if (const auto* usage = event.as<Usage>(); usage && usage->side == Side::subject) (first ? last : first) = &event;
  if (!first || !last) return not_reached("it was not measured twice");
  const auto of = [&](const Event* event) {
    const auto* usage = event->as<Usage>();
    return asked.usage == "heap" ? usage->heap : usage->descriptors;
  };
  if (of(first) < 0 || of(last) < 0) return not_reached("that cannot be measured here");
  const long long growth = of(last) - of(first);
  // The bound and not the figure: an allocator is never quite in the same state twice.
  const bool bounded = growth <= asked.growth;
  const std::string says = fmt::format("{} grew by {} {}", asked.usage, bounded ? "no more than" : "more than", asked.growth);
  return bounded ? holds(says, {first->number, last->number}) : broken(says, {first->number, last->number});
}

Finding as_without_faults(const Facts& facts, const Question& asked) {
  const Transcript& run = facts.transcript();
  if (facts.former() || run.reference.empty()) return not_reached("there is no run to compare it with");
  std::vector<int> evidence = transient_faults(run, asked.faults);
  if (evidence.empty()) return not_reached("it met no such fault, or others");
  const auto mine = answers(run);
  for (const LineAnswer& theirs : run.reference) {
    const LineAnswer* it = at_line(mine, theirs.line);
    if (!theirs.outcome) continue;  // it never came back there either, or only without the fault
    if (!it) return not_reached("the line was not carried out");
    const bool again = it->outcome && (call_again(*it->outcome) || (call_again(*theirs.outcome) && !is_error(*it->outcome)));
    if (again && *it->outcome != *theirs.outcome) return not_reached("a call that asks to be made again was not made again");
    const bool same_data = it->total == theirs.total || again || theirs.until == Until::once;
    evidence.push_back(event_of(run, theirs.line));
    if ((it->outcome != theirs.outcome || !same_data) && other_side_skipped(run, theirs.line))
      return not_reached("the other side was not ready for its part when it was due");
    if (it->outcome != theirs.outcome)
      return broken(fmt::format("after a transient fault {}; without it, {}", answer_told(*it), answer_told(theirs)), evidence);
    if (!same_data)
      return broken(fmt::format("after a transient fault {} moved {} bytes, and {} without it", spell(it->call), it->total, theirs.total),
                    evidence);
  }
  if (facts.death()) return death_in(facts.calls().back());
  return holds("as without the fault", {evidence.front(), evidence.back()});
}

Finding same_error_wherever_it_ends(const Facts& facts, const Question& asked) {
  const Transcript& run = facts.transcript();
  if (facts.former() || facts.next() || run.reference.empty()) return not_reached("there is no run to compare it with");
  const auto first = std::find_if(run.reference.begin(), run.reference.end(),
                                  [](const LineAnswer& answer) { return answer.outcome && is_error(*answer.outcome); });
  const auto told_here = std::find_if(facts.calls().begin(), facts.calls().end(), [](const SubjectCall& call) {
    return call.call != Call::handshake && call.api && is_error(call.api->outcome);
  });
  if (first == run.reference.end() || told_here == facts.calls().end() || first->call != told_here->call)
    return not_reached("no such error was told in both runs");
  const Moment& then = told_here->after;
  const bool end_by_wire = std::any_of(facts.events().begin(), facts.events().end(), [](const Event& event) {
    const auto* end = event.as<TransportEnd>();
    return end && end->by_wire && end->delivered && end->from == Side::partner;
  });
  for (const Since other : {then.close_notify_arrived(), then.fatal_alert, then.warning_alert, then.plain, then.damaged, then.raw,
                            then.change_cipher_spec, told_here->met.injected, told_here->met.injected_end})
    if (other != never) return not_reached("more than the end had come");
  if (!end_by_wire || then.data_bytes > then.data_read || !asked.speaks_of(*told_here))
    return not_reached("it did not end so, or data was unread");
  const std::string says = fmt::format("{}; where the transport ended before, {}", told(*told_here), spell(*first->outcome));
  const std::vector<int> evidence{is_so(then.fin) ? then.fin : then.reset, told_here->ended};
  return told_here->answered(*first->outcome) ? holds(says, evidence) : broken(says, evidence);
}

}  // namespace tlsbye
