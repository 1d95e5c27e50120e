// What properties are written with: findings, and the calls that a clause speaks of.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "harness/oracle/oracle.h"

namespace tlsbye {

inline Finding not_reached(std::string says) { return {Finding::Kind::not_reached, std::move(says), {}}; }

// Evidence: the numbers of events; what is not an event (0, unclear, always) is left out, the rest put in order.
inline std::vector<int> in_order(std::vector<int> events) {
  std::erase_if(events, [](int number) { return number <= 0 || number == always; });
  std::sort(events.begin(), events.end());
  events.erase(std::unique(events.begin(), events.end()), events.end());
  return events;
}
inline Finding holds(std::string says, std::vector<int> evidence) {
  return {Finding::Kind::holds, std::move(says), in_order(std::move(evidence))};
}
inline Finding broken(std::string says, std::vector<int> evidence) {
  return {Finding::Kind::broken, std::move(says), in_order(std::move(evidence))};
}

inline constexpr std::string_view no_keys = "the wire had no keys for this pair";

// Of many judgements of the same kind in one run: the first that is worse than holding, else the first that holds.
class Tally {
 public:
  // Returns true where nothing can change any more.
  bool add(Finding finding) {
    if (finding.kind == Finding::Kind::not_reached) return false;
    if (result_.kind == Finding::Kind::not_reached || finding.kind != Finding::Kind::holds) result_ = std::move(finding);
    return result_.kind != Finding::Kind::holds;
  }
  Finding result(std::string_view otherwise) {
    if (result_.kind == Finding::Kind::not_reached) result_.says = otherwise;
    return std::move(result_);
  }
  bool reached() const { return result_.kind != Finding::Kind::not_reached; }

 private:
  Finding result_;
};

// The subject died in the call: crashed or hung. Where it broke the protocol instead, nothing is known about the library.
Finding death_in(const SubjectCall& call);
// "close answered want-read"
std::string told(const SubjectCall& call);

// The call asked to be made again because of a fault on the transport, or because an earlier call had not sent all that it has to send, and
// the clause speaks of neither: how it answers, and what it has sent and shows by then, is not its last word.
inline bool only_paused(const SubjectCall& call, const Question& asked) {
  const Met& met = call.met;
  const bool fault = is_so(met.injected) || is_so(met.send_would_block) || is_so(met.send_interrupted) ||
                     (call.before.pending && call.answered(Outcome::want_write));
  return call.api && call_again(call.api->outcome) && fault && !asked.given.of_a_fault;
}

// The transport kept the call from what it was asked, in a way of which the clause does not speak, and its answer may tell of that: a
// blocking transport would block all the same, as the script had it (as a time limit of the socket does), or a call that receives could
// not send what it owed to what it had received.
inline bool hindered(const Facts& facts, const SubjectCall& call, const Question& asked) {
  const Met& met = call.met;
  const bool would_block = facts.transcript().key().io == Io::blocking && is_so(met.injected) &&
                           (is_so(met.recv_would_block) || is_so(met.send_would_block));
  const bool owes = (call.call == Call::read || call.call == Call::peek) && is_so(met.send_broken);
  return (would_block || owes) && !asked.given.of_a_fault;
}

// A second thread, or a forked process, of that side made a call in this session.
inline bool beside(const Facts& facts, Side side) {
  return std::any_of(facts.events().begin(), facts.events().end(), [&](const Event& event) {
    const auto* api = event.as<ApiCall>();
    return api && api->side == side && api->aside != Aside::no;
  });
}

// The event from which on the other side's reads prove nothing about the subject, because its own library may have lost data: it closed
// both ways (some libraries do so in a second one-way close), the script made its transport fail, told its library what it had not met, or
// read from its transport past TLS. `never` if there is no such event.
inline Since reads_for_itself_since(const Facts& facts) {
  bool closed_one_way = false;
  for (const Event& event : facts.events()) {
    if (const auto* asked = event.as<Asked>(); asked && asked->side == Side::partner && asked->verb == "io") return event.number;
    if (const auto* raw = event.as<RawCall>(); raw && raw->side == Side::partner && raw->verb == "raw-read" && raw->result > 0)
      return event.number;
    const auto* api = event.as<ApiCall>();
    if (!api || api->side != Side::partner) continue;
    if (api->call == Call::close || api->call == Call::set || api->call == Call::clear) return event.number;
    if (api->call != Call::close_write) continue;
    // A quiet one takes the peer's end for granted.
    if (closed_one_way || api->flag("shutdown").find("RECEIVED") != std::string_view::npos) return event.number;
    closed_one_way = api->outcome == Outcome::done;
  }
  return never;
}

// Asks it of every call that the clause speaks of. Where the clause names the call, dying in it is an answer. `ask` gives
// not_reached where the call tells nothing.
template <typename Ask>
Finding of_each_call(const Facts& facts, const Question& asked, std::string_view otherwise, Ask ask) {
  Tally tally;
  for (const SubjectCall& call : facts.calls()) {
    if (!asked.speaks_of(call) || (call.died && asked.calls.none())) continue;
    if (tally.add(call.died ? death_in(call) : ask(call))) break;
  }
  return tally.result(facts.readable() ? otherwise : no_keys);
}

}  // namespace tlsbye
