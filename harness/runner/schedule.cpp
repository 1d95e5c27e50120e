#include "harness/runner/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "peers/protocol/functions.h"

namespace tlsbye {
namespace {

constexpr std::string_view schedule_shape = "send2=EAGAIN, recv5=short, cut@13, fin@13, reset@13; two faults joined by a comma";
constexpr std::array<std::string_view, 3> ways{"cut", "fin", "reset"};

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Schedule::Step> read_step(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals < 5) return std::nullopt;
  const auto flow = read_word<Flow>(text.substr(0, 4));
  const auto call = number<int>(text.substr(4, equals - 4));
  const auto fault = read_word<Fault>(text.substr(equals + 1));
  if (!flow || !call || *call < 1 || !fault) return std::nullopt;
  if ((*fault == Fault::epipe && *flow == Flow::recv) || (*fault == Fault::eof && *flow == Flow::send)) return std::nullopt;
  return Schedule::Step{*flow, *call, *fault};
}

std::optional<Schedule::Ending> read_ending(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos) return std::nullopt;
  const auto way = std::find(ways.begin(), ways.end(), text.substr(0, at));
  const auto after = number<std::size_t>(text.substr(at + 1));
  if (way == ways.end() || !after) return std::nullopt;
  return Schedule::Ending{*after, *way == "cut" ? std::nullopt : std::optional(*way == "fin" ? End::fin : End::reset)};
}

// A data call of the subject, and its number among those of its flow.
struct Counted {
  const TransportCall* call;
  int number;
};

std::vector<Counted> calls_of(const Transcript& transcript) {
  std::vector<Counted> calls;
  std::array<int, 2> count{};
  for (const Event& event : transcript.events()) {
    if (event.as<NewSession>()) break;
    const auto* call = event.as<TransportCall>();
    if (!call || call->side != Side::subject || !is_data_function(call->function)) continue;
    calls.push_back({call, ++count[static_cast<std::size_t>(call->flow)]});
  }
  return calls;
}

}  // namespace

std::string spell(const Schedule::Step& step) { return fmt::format("{}{}={}", spell(step.flow), step.call, spell(step.fault)); }

std::string spell(const Schedule::Ending& ending) {
  return fmt::format("{}@{}", !ending.how ? "cut" : *ending.how == End::fin ? "fin" : "reset", ending.after);
}

std::string spell(const Schedule& schedule) {
  if (schedule.ending) return spell(*schedule.ending);
  std::string text;
  for (const Schedule::Step& step : schedule.steps) text += (text.empty() ? "" : ",") + spell(step);
  return text;
}

std::variant<Schedule, std::string> read_schedule(std::string_view text) {
  Schedule schedule;
  if (text.empty()) return schedule;
  schedule.ending = read_ending(text);
  if (schedule.ending) return schedule;
  const std::size_t comma = text.find(',');
  for (std::string_view part : {text.substr(0, comma), comma == std::string_view::npos ? "" : text.substr(comma + 1)}) {
    if (part.empty() && comma == std::string_view::npos) continue;
    const auto step = read_step(part);
    if (!step) return fmt::format("`{}` is not a schedule of faults ({})", text, schedule_shape);
    schedule.steps.push_back(*step);
  }
  return schedule;
}

std::vector<FaultPlan> plans_of(const Schedule::Step& step) {
  std::vector<FaultPlan> plans{{step.flow, step.fault, 1, step.call - 1, 1}};
  if (step.fault == Fault::epipe || step.fault == Fault::econnreset || step.fault == Fault::eof)
    plans.push_back({step.flow, step.flow == Flow::send ? Fault::epipe : Fault::eof, std::numeric_limits<int>::max(), step.call, 1});
  return plans;
}

std::optional<Schedule> reference_of(const Schedule& schedule) {
  if (schedule.empty()) return std::nullopt;
  if (!schedule.ending) return Schedule{};
  if (schedule.ending->after == 0) return std::nullopt;
  return Schedule{{}, Schedule::Ending{0, schedule.ending->how}};
}

std::vector<std::string> not_due(const Schedule& schedule, const Transcript& transcript, std::size_t delivered) {
  std::vector<std::string> parts;
  const auto calls = calls_of(transcript);
  for (const Schedule::Step& step : schedule.steps) {
    const auto made = std::count_if(calls.begin(), calls.end(), [&](const Counted& it) { return it.call->flow == step.flow; });
    if (made < step.call)
      parts.push_back(fmt::format("{} never fell due: the library made {} {}ing call{}", spell(step), made,
                                  step.flow == Flow::send ? "send" : "receiv", made == 1 ? "" : "s"));
  }
  if (schedule.ending && delivered < schedule.ending->after)
    parts.push_back(fmt::format("{} never fell due: {} bytes reached the subject", spell(*schedule.ending), delivered));
  return parts;
}

std::vector<Schedule> single_faults(const Transcript& clean) {
  std::vector<Schedule> all;
  for (const Counted& it : calls_of(clean)) {
    const auto add = [&](Fault fault) { all.push_back({{{it.call->flow, it.number, fault}}, {}}); };
    add(Fault::eagain);
    add(Fault::eintr);
    if (it.call->result > 1) add(Fault::short_count);
    if (it.call->flow == Flow::send) add(Fault::epipe);
    add(Fault::econnreset);
  }
  return all;
}

std::vector<Schedule> endings(std::size_t delivered) {
  std::vector<Schedule> all;
  for (std::size_t after = 0; after <= delivered; ++after)
    for (const std::optional<End> how : {std::optional<End>{}, std::optional(End::fin), std::optional(End::reset)})
      all.push_back({{}, Schedule::Ending{after, how}});
  return all;
}

std::vector<Schedule> second_faults(const Schedule& first, const Transcript& with_first, std::size_t within) {
  std::vector<Schedule> all;
  const auto calls = calls_of(with_first);
  const Schedule::Step& step = first.steps.front();
  const auto hit =
      std::find_if(calls.begin(), calls.end(), [&](const Counted& it) { return it.call->flow == step.flow && it.number == step.call; });
  if (hit == calls.end()) return all;
  for (auto it = hit + 1; it != calls.end() && all.size() < within; ++it)
    all.push_back({{step, {it->call->flow, it->number, Fault::eagain}}, {}});
  return all;
}

}  // namespace tlsbye
