// Properties of what calls answer.
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "harness/oracle/finding.h"
#include "harness/oracle/properties.h"

namespace tlsbye {

std::string told(const SubjectCall& call) {
  if (call.api) return fmt::format("{} answered {}", spell(call.call), spell(call.api->outcome));
  if (call.stuck) return fmt::format("{} stayed blocked on {}", spell(call.call), spell(call.stuck->on));
  if (call.call == Call::abandon && !call.died) return "the session was abandoned";
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

std::vector<int> evidence(const Facts& facts, const Question& asked, const SubjectCall& call) {
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

Finding answers(const Facts& facts, const Question& asked) {
  return of_each_call(facts, asked, "no such call in that situation", [&](const SubjectCall& call) {
    if (!call.api || call.answered(Outcome::unsupported) || only_paused(call, asked) || hindered(facts, call, asked))
      return not_reached(told(call));
    const ApiCall& api = *call.api;
    const auto outcome = static_cast<std::size_t>(api.outcome);
    const auto wrong = [&](std::string says) { return broken(std::move(says), evidence(facts, asked, call)); };
    const auto or_none = [](const std::string& word) { return word.empty() ? std::string("none") : word; };
    if (asked.outcome && !asked.outcome->test(outcome)) return wrong(fmt::format("{}, not {}", told(call), spelled(*asked.outcome)));
    if (asked.forbidden && asked.forbidden->test(outcome)) return wrong(told(call));
    if (!asked.code.empty() && !among(asked.code, api.code))
      return wrong(fmt::format("{} with the code {}, not {}", told(call), or_none(api.code), fmt::join(asked.code, " or ")));
    if (!asked.returns.empty() && !among(asked.returns, fmt::format("{}", api.returned)))
      return wrong(fmt::format("{} returned {}, not {}", api.native, api.returned, fmt::join(asked.returns, " or ")));
    if (!asked.error_number.empty() && !among(asked.error_number, api.error_number))
      return wrong(fmt::format("{} left errno {}, not {}", told(call), or_none(api.error_number), fmt::join(asked.error_number, " or ")));
    return holds(told(call), evidence(facts, asked, call));
  });
}

Finding shows(const Facts& facts, const Question& asked) {
  return of_each_call(facts, asked, "no such call in that situation", [&](const SubjectCall& call) {
    const std::string_view value = call.api ? call.api->flag(asked.flag) : std::string_view{};
    if (value.empty()) return not_reached("the stack shows no such flag");
    if (asked.outcome && !asked.outcome->test(static_cast<std::size_t>(call.api->outcome))) return not_reached(told(call));
    if (only_paused(call, asked)) return not_reached(told(call));
    const auto has = [&](const std::string& part) { return value.find(part) != std::string_view::npos; };
    const bool good = (asked.is.empty() || among(asked.is, value)) && std::all_of(asked.contains.begin(), asked.contains.end(), has) &&
                      std::none_of(asked.lacks.begin(), asked.lacks.end(), has);
    const std::string says = fmt::format("after {} the flag {} was {}", spell(call.call), asked.flag, value);
    return good ? holds(says, evidence(facts, asked, call)) : broken(says, evidence(facts, asked, call));
  });
}

Finding transport_calls(const Facts& facts, const Question& asked) {
  return of_each_call(facts, asked, "no such call in that situation", [&](const SubjectCall& call) {
    const auto made = [&](Flow flow) { return flow == Flow::recv ? call.met.recv : call.met.send; };
    for (const Flow flow : {Flow::recv, Flow::send}) {
      const auto bit = static_cast<std::size_t>(flow);
      if (asked.no_flow.test(bit) && is_so(made(flow)))
        return broken(fmt::format("{} called {} on the transport", spell(call.call), spell(flow)), {made(flow), call.ended});
      if (asked.some_flow.test(bit) && !is_so(made(flow)) && call.met.logged)
        return broken(fmt::format("{} never called {} on the transport", spell(call.call), spell(flow)), evidence(facts, asked, call));
    }
    if (!call.met.logged) return not_reached("transport calls were not logged");
    return holds(fmt::format("{} used the transport as it should", spell(call.call)), evidence(facts, asked, call));
  });
}

Finding does_not_wait(const Facts& facts, const Question& asked) {
  return of_each_call(facts, asked, "no such call in that situation", [&](const SubjectCall& call) {
    if (is_so(call.met.blocked_on_recv)) return broken(fmt::format("{} waited to receive", spell(call.call)), {call.met.blocked_on_recv});
    if (!call.api || call.answered(Outcome::unsupported)) return not_reached(told(call));
    if (call.answered(Outcome::want_read)) return broken(told(call), evidence(facts, asked, call));
    if (is_so(call.met.recv)) return broken(fmt::format("{} tried to receive", spell(call.call)), {call.met.recv, call.ended});
    if (!call.met.logged) return not_reached("transport calls were not logged");
    return holds(fmt::format("{} without receiving", told(call)), evidence(facts, asked, call));
  });
}

Finding session_goes_on(const Facts& facts, const Question& asked) {
  const auto& calls = facts.calls();
  return of_each_call(facts, asked, "no such call in that situation, or none after it", [&](const SubjectCall& call) {
    const auto later = std::find_if(calls.begin() + (&call - calls.data()) + 1, calls.end(),
                                    [&](const SubjectCall& it) { return asked.then.test(static_cast<std::size_t>(it.call)); });
    if (later == calls.end()) return not_reached("nothing came after it");
    // What happened in between may have ended the session.
    for (auto it = calls.begin() + (&call - calls.data()) + 1; it != later; ++it) {
      const bool ends = it->call == Call::close || it->call == Call::close_write || it->call == Call::clear || it->call == Call::abandon;
      const bool error = !it->api || it->answered(Outcome::cut) || it->answered(Outcome::reset) || it->answered(Outcome::alert) ||
                         it->answered(Outcome::failed);
      if (ends || error) return not_reached("another call came in between");
    }
    if (later->died) return death_in(*later);
    if (!later->api || later->answered(Outcome::unsupported) || only_paused(*later, asked)) return not_reached(told(*later));
    if ((later->unusual & ~asked.given.named).any()) return not_reached("the application changed what is to be expected");
    const Moment &before = call.after, &then = later->after;
    const std::pair<Since, Since> ends[] = {{before.fin, then.fin},
                                            {before.reset, then.reset},
                                            {before.fatal_alert, then.fatal_alert},
                                            {before.own_fin, later->before.own_fin},
                                            {before.several_oddities(), then.several_oddities()}};
    if (std::any_of(std::begin(ends), std::end(ends), [](const auto& it) { return it.first != it.second; }))
      return not_reached("more came in between");
    if (later->call == Call::close && before.close_notify != later->before.close_notify)
      return not_reached("the peer closed in between: to answer it is another close");
    if (is_so(later->met.injected_end) || is_so(later->met.send_broken)) return not_reached("the transport broke in between");
    auto events = evidence(facts, asked, call);
    events.push_back(later->ended);
    const std::string says = fmt::format("after {}, {}", spell(call.call), told(*later));
    return asked.outcome->test(static_cast<std::size_t>(later->api->outcome)) ? holds(says, events) : broken(says, events);
  });
}

Finding comes_back(const Facts& facts, const Question& asked) {
  return of_each_call(facts, asked, "no such call in that situation", [&](const SubjectCall& call) {
    return call.stuck ? broken(told(call), evidence(facts, asked, call)) : holds(told(call), evidence(facts, asked, call));
  });
}

Finding wait_is_limited(const Facts& facts, const Question& clause) {
  if (facts.at_end().time_limit_ms == 0) return not_reached("the library was given no time limit");
  Question asked = clause;
  asked.given.allow("time-ran-out");
  return of_each_call(facts, asked, "no such call waited with a time limit", [&](const SubjectCall& call) {
    const long long limit = call.before.time_limit_ms;
    const bool since_arrival = asked.since == "arrival";
    const long long waited = since_arrival ? call.met.since_arrival_ms : call.met.waited_ms;
    if (limit <= 0 || waited == 0) return not_reached("");
    const std::string says = fmt::format("{} after {} ms, the limit being {} ms", told(call), waited, limit);
    const bool late = call.stuck ? waited >= limit : waited - call.met.passed_last_ms >= limit;
    if (late) return broken(says, {call.began, call.ended});
    if (!call.api || waited >= limit) return call.api ? holds(says, {call.began, call.ended}) : not_reached(says);
    const Moment &before = call.before, &after = call.after;
    const bool something_came = is_so(call.met.injected) || is_so(call.met.injected_end) || is_so(after.fin) || is_so(after.reset) ||
                                after.anything != before.anything || call.met.since_arrival_ms != call.met.waited_ms;
    return something_came || call_again(call.api->outcome) ? not_reached(says) : broken(says, {call.began, call.ended});
  });
}

Finding raises_no_signal(const Facts& facts, const Question& asked) {
  return of_each_call(facts, asked, "no call failed to write", [&](const SubjectCall& call) {
    if (!is_so(call.met.send_broken)) return not_reached("");
    for (const Event& event : facts.events())
      if (const auto* signal = event.as<Signal>();
          signal && signal->side == Side::subject && event.number >= call.began && event.number <= call.ended)
        return broken(fmt::format("{} raised {}", spell(call.call), signal->name), {call.met.send_broken, event.number});
    return holds(fmt::format("{}, and no signal was raised", told(call)), {call.met.send_broken, call.ended});
  });
}

// That the call was given up since it would have gone on for ever; null where it came to its end.
const Endless* end_missing(const Facts& facts, const SubjectCall& call) {
  return call.endless ? facts.events()[static_cast<std::size_t>(call.endless - 1)].as<Endless>() : nullptr;
}

Finding every_call_returns(const Facts& facts, const Question& clause) {
  Question asked = clause;
  // Whatever an application does in one thread, the process is to survive it.
  for (const std::string_view word :
       {"flags-set", "alert-by-application", "corked", "cleared", "renegotiation-asked", "auto-retry-off", "stale-error", "time-ran-out",
        "call-left-undone", "bytes-past-tls", "option-memory-bio", "option-false-start", "starved", "transport-closed"})
    asked.given.allow(word);
  Tally tally;
  for (const SubjectCall& call : facts.calls()) {
    if (!asked.speaks_of(call) || call.stuck) continue;
    if (const Endless* endless = end_missing(facts, call); endless && !endless->why.empty())
      return {Finding::Kind::hung, fmt::format("{} goes on without end: {}", spell(call.call), endless->why), {call.ended, call.endless}};
    if (tally.add(call.died ? death_in(call) : holds(told(call), {call.ended}))) break;
  }
  const Event* death = facts.death();
  if (death && !death->as<Died>()->during && asked.calls.none() && death->as<Died>()->how != Died::How::garbled) {
    const bool died = death->as<Died>()->how == Died::How::crashed || death->as<Died>()->how == Died::How::exited;
    return {died ? Finding::Kind::crashed : Finding::Kind::hung,
            fmt::format("the process {} between two calls ({})", died ? "died" : "hung", death->as<Died>()->detail),
            {death->number}};
  }
  return tally.result("no such call came back");
}

Finding repeated_calls_end(const Facts& facts, const Question& asked) {
  Tally tally;
  const SubjectCall* previous = nullptr;
  for (const SubjectCall& call : facts.calls()) {
    const bool repeats = previous && previous->api && previous->call == call.call && call_again(previous->api->outcome);
    previous = &call;
    if (!asked.speaks_of(call)) continue;
    const Endless* endless = end_missing(facts, call);
    if (endless && endless->why.empty() && is_so(call.met.injected)) return not_reached("the script did not let its transport go on");
    if (endless && endless->why.empty())
      return {Finding::Kind::hung, fmt::format("{} asks to be called again without end", spell(call.call)), {call.ended, call.endless}};
    if (repeats && call.api && !call_again(call.api->outcome)) tally.add(holds(told(call), {call.ended}));
  }
  return tally.result("no call was repeated to its end");
}

namespace {

// Whether the latest transport call of that flow in the call failed, or took less than there was.
bool waits_for(const Facts& facts, const SubjectCall& call, Flow flow) {
  bool waits = false;
  for (const Event& event : facts.events()) {
    if (event.number > call.ended) break;
    const auto* io = event.number >= call.began ? event.as<TransportCall>() : nullptr;
    if (io && io->side == Side::subject && io->id == call.id && io->flow == flow && moves_bytes(io->function))
      waits = io->result < 0 || (flow == Flow::send && static_cast<std::size_t>(io->result) < io->asked);
  }
  return waits;
}

}  // namespace

Finding direction_matches(const Facts& facts, const Question& asked) {
  return of_each_call(facts, asked, "no call said that it must be made again", [&](const SubjectCall& call) {
    const Met& met = call.met;
    if (!call.api || !is_so(met.last_failed)) return not_reached(told(call));
    if (is_so(call.before.own_fin)) return not_reached("the script had ended the transport");
    const std::string_view flow = spell(met.last_failed_flow);
    const bool recv = met.last_failed_flow == Flow::recv;
    // Of a call that neither way is open to, either may be told.
    const bool both = waits_for(facts, call, Flow::send) && waits_for(facts, call, Flow::recv);
    if (!both && call.answered(recv ? Outcome::want_write : Outcome::want_read))
      return broken(fmt::format("{}, but it was {} that failed", told(call), flow), {met.last_failed, call.ended});
    if (!call.answered(Outcome::want_read) && !call.answered(Outcome::want_write) && !call.answered(Outcome::interrupted))
      return not_reached(told(call));
    const std::string_view flag = asked.flag.empty() ? flow : call.api->flag(asked.flag);
    if (flag.empty() || (asked.flag.empty() && call.answered(Outcome::interrupted))) return not_reached("no direction was told");
    const std::string says = fmt::format("{}, the direction told is {}, and it was {} that failed", told(call), flag, flow);
    return both || flag == flow ? holds(says, {met.last_failed, call.ended}) : broken(says, {met.last_failed, call.ended});
  });
}

namespace {

// Whatever else than a transient fault could account for an error in that call.
bool in_real_trouble(const SubjectCall& call) {
  const Moment& now = call.after;
  for (const Since trouble : {now.fin, now.own_fin, now.end_made_up, call.met.injected_end, call.met.recv_eof})
    if (is_so(trouble)) return true;
  for (const Since odd : now.oddities())
    if (is_so(odd)) return true;
  return is_so(call.before.error_reported()) || (call.call != Call::read && now.data_bytes > now.data_read);
}

}  // namespace

Finding transient_faults_leave_no_trace(const Facts& facts, const Question& asked) {
  const auto& calls = facts.calls();
  const auto first =
      std::find_if(calls.begin(), calls.end(), [&](const SubjectCall& it) { return asked.speaks_of(it) && is_so(it.met.injected); });
  if (first == calls.end()) return not_reached("no such call met a transient fault");
  const auto untroubled_until = [&](int index) {
    return std::all_of(first, calls.begin() + index + 1,
                       [&](const SubjectCall& it) { return it.call == first->call && !in_real_trouble(it); });
  };
  for (const SentRecord& sent : facts.sent())
    if (sent.contents->type == ContentType::unknown && facts.readable() && sent.owner >= first - calls.begin() &&
        untroubled_until(sent.owner))
      return broken("after a transient fault it sent a record that no key decrypts", {first->met.injected, sent.number});
  const SubjectCall* last = &*first;
  for (auto it = first; it != calls.end(); ++it) {
    if (it->call != first->call || (it != first && is_so(it->before.left))) return not_reached("another call was made in between");
    last = &*it;
    if (it->died) return death_in(*it);
    if (in_real_trouble(*it) || (it->unusual & ~asked.given.named).any()) return not_reached("more than a transient fault befell it");
    if (!it->api || !call_again(it->api->outcome)) break;
  }
  if (!last->api || last->answered(Outcome::unsupported)) return not_reached(told(*last));
  const Outcome end = last->api->outcome;
  const bool closing = first->call == Call::close || first->call == Call::close_write;
  if (call_again(end) && !(end == Outcome::sent)) return not_reached("it was not repeated until it was done");
  std::vector<int> events{first->met.injected, last->ended};
  const bool good = end == Outcome::done || end == Outcome::sent || (end == Outcome::end_of_data && first->call == Call::read);
  const Moment& then = last->after;
  const bool excused = is_so(then.post_handshake) || (last->call != Call::read && is_so(then.data));
  if (!good && excused) return not_reached("more than a transient fault befell it");
  if (!good) return broken(fmt::format("after a transient fault {}", told(*last)), events);
  if (closing && !facts.quiet()) {
    if (!facts.readable()) return not_reached(std::string(no_keys));
    // What an earlier or a later call sends is not a trace of the fault.
    std::vector<int> sent;
    bool before = false;
    for (const SentRecord& it : facts.sent())
      for (const Alert& alert : alerts_of(*it.contents)) {
        if (alert.description != 0 || it.by_script || it.owner > last - calls.data()) continue;
        if (it.owner >= first - calls.begin())
          sent.push_back(it.number);
        else
          before = true;
      }
    if (!std::all_of(calls.data(), last + 1, [](const SubjectCall& it) { return it.emission_known; }))
      return not_reached("what it sent did not reach the wire");
    events.insert(events.end(), sent.begin(), sent.end());
    if (sent.size() > 1 || (sent.empty() && !before))
      return broken(fmt::format("after a transient fault it sent {} close_notify records", sent.size()), events);
  }
  return holds(fmt::format("in spite of the fault {}", told(*last)), events);
}

}  // namespace tlsbye
