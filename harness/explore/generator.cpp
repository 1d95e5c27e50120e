#include "harness/explore/generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>

#include "harness/runner/plan.h"

namespace tlsbye {
namespace {

using Texts = std::vector<std::string_view>;

// How often a verb is drawn among those of its actor. What stands here for nothing has 2.
unsigned weight_of(Verb verb) {
  switch (verb) {
    case Verb::close:
      return 14;
    case Verb::read:
      return 14;
    case Verb::write:
    case Verb::close_write:
      return 10;
    case Verb::io:
      return 16;
    case Verb::hold:
    case Verb::release:
    case Verb::key_update:
    case Verb::send_alert:
    case Verb::inject:
      return 4;
    case Verb::handshake:
    case Verb::abandon:
    case Verb::reconnect:
    case Verb::new_session:
    case Verb::hangup:
    case Verb::measure:
    case Verb::renegotiate:
    case Verb::clear:
      return 1;
    default:
      return 2;
  }
}

std::uint64_t mixed(std::uint64_t value, std::string_view text) {
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return Dice(value).next();
}

std::string content(Dice& dice) {
  const std::string_view kind = dice.pick(content_words());
  const auto with = [&](std::string_view more) { return fmt::format("{} {}", kind, more); };
  if (kind == "alert")
    return with(dice.pick(Texts{"close_notify", "user_canceled", "user_canceled level fatal", "internal_error",
                                "internal_error level warning", "no_renegotiation", "bad_record_mac", "201", "201 level warning"}));
  if (kind == "data") return with(dice.pick(Texts{"0", "1", "10", "100", "16KiB"}));
  if (kind == "key_update" && dice.percent(50)) return with("requested");
  if (kind == "bytes")
    return with(dice.pick(Texts{"alert 0100", "alert 01", "alert 01000100", "alert 0200", "handshake 00", "handshake 18000001",
                                "change_cipher_spec 01", "change_cipher_spec 02"}));
  if (kind == "raw") return with(dice.pick(Texts{"\"X\"", "\"PLAIN AFTER TLS\""}));
  return std::string(kind);
}

std::string setting(Dice& dice) {
  const SwitchRow& row = switch_table()[dice.below(switch_table().size())];
  return fmt::format("{} {}", row.name, row.values.empty() ? dice.pick(Texts{"0", "1", "1000"}) : dice.pick(row.values));
}

std::string fault(Dice& dice) {
  // What a library must survive is the commonest.
  const auto kind = dice.percent(50) ? Fault::eagain : static_cast<Fault>(dice.below(Words<Fault>::list.size()));
  if (kind != Fault::short_count || dice.percent(25)) return std::string(spell(kind));
  return fmt::format("{} {}", spell(kind), dice.pick(Texts{"1", "3", "5", "10", "24", "100"}));
}

// What each word of a usage may be.
const std::map<std::string, std::string (*)(Dice&), std::less<>>& arguments() {
  static const std::map<std::string, std::string (*)(Dice&), std::less<>> all{
      {"SIZE",
       [](Dice& dice) {
         return std::string(dice.pick(Texts{"1", "2", "5", "10", "100", "100", "1KiB", "5000", "16KiB", "16385", "20000", "40KiB"}));
       }},
      {"ALERT",
       [](Dice& dice) {
         return std::string(dice.pick(Texts{"close_notify", "user_canceled", "internal_error", "internal_error", "no_renegotiation",
                                            "unexpected_message", "bad_record_mac", "90", "201"}));
       }},
      {"LEVEL",
       [](Dice& dice) {
         return std::string(dice.pick(Texts{"warning", "fatal", "warning", "fatal", "3"}));
       }},
      {"NAME", [](Dice& dice) { return setting(dice); }},
      {"VALUE", [](Dice&) { return std::string(); }},
      {"\"TEXT\"",
       [](Dice& dice) {
         return std::string(dice.pick(Texts{"\"X\"", "\"HELLO THERE\"", "\"\\x15\\x03\\x03\\x00\\x02\\x01\\x00\""}));
       }},
      {"FAULT", [](Dice& dice) { return fault(dice); }},
      {"DIR",
       [](Dice& dice) {
         return std::string(dice.pick(Texts{"subject->partner", "partner->subject"}));
       }},
      {"WHAT",
       [](Dice& dice) {
         return std::string(dice.percent(75) ? dice.pick(Texts{"close_notify", "application_data", "any", "alert"})
                                             : dice.pick(record_words()));
       }},
      {"SIDE", [](Dice& dice) { return std::string(dice.pick(Words<Side>::list)); }},
      {"CONTENT", [](Dice& dice) { return content(dice); }},
      {"TIME",
       [](Dice& dice) {
         return std::string(dice.pick(Texts{"1ms", "300ms", "1s", "60s"}));
       }},
      {"K",
       [](Dice& dice) {
         return std::string(dice.pick(Texts{"1", "2", "4", "5", "6", "7", "10", "20", "30"}));
       }},
      {"N",
       [](Dice& dice) {
         return std::string(dice.pick(Texts{"1", "1", "2", "3", "4", "6"}));
       }},
      {"xN",
       [](Dice& dice) {
         return std::string(dice.pick(Texts{"x1", "x2", "x2", "x3"}));
       }},
  };
  return all;
}

// A session that can be resumed, closed in good order, and a new transport for the next one.
std::vector<std::string> to_resumption() {
  return {"both     handshake",    "server   write 10",    "client   read until done",
          "client   keep-session", "both     close-write", "both     reconnect"};
}

// The options `chosen`, with each of `more` that is not there yet.
void add(std::vector<std::string>& chosen, std::initializer_list<Option> more) {
  for (const Option option : more)
    if (std::find(chosen.begin(), chosen.end(), spell(option)) == chosen.end()) chosen.emplace_back(spell(option));
}

bool is_argument(std::string_view word) {
  return word == "xN" || (!word.empty() && (word.front() == '"' || (word.front() >= 'A' && word.front() <= 'Z')));
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t stop = std::min(text.find(at), text.size());
    if (stop > 0) parts.emplace_back(text.substr(0, stop));
    text.remove_prefix(std::min(stop + 1, text.size()));
  }
  return parts;
}

}  // namespace

std::uint64_t Dice::next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

Generator::Row Generator::row_of(const VerbRow& verb) {
  Row row{&verb, {}, weight_of(verb.verb)};
  std::string_view usage = verb.usage;
  usage.remove_prefix(std::min(spell(verb.verb).size(), usage.size()));
  while (!usage.empty()) {
    if (usage.front() == ' ') {
      usage.remove_prefix(1);
      continue;
    }
    const bool optional = usage.front() == '[';
    const std::size_t end = std::min(usage.find(optional ? ']' : ' '), usage.size());
    Part part{optional, {}};
    for (const std::string& alternative : split(usage.substr(optional ? 1 : 0, end - (optional ? 1 : 0)), '|'))
      part.alternatives.push_back(split(alternative, ' '));
    for (const auto& words : part.alternatives)
      for (const std::string& word : words)
        if (is_argument(word) && !arguments().contains(word))
          throw std::logic_error(
              fmt::format("`{}` has an argument `{}`, and harness/explore/generator.cpp does not say what it may be", verb.usage, word));
    row.parts.push_back(std::move(part));
    usage.remove_prefix(std::min(end + 1, usage.size()));
  }
  return row;
}

Generator::Generator(std::uint64_t seed, const Stack& subject, const Stack& partner)
    : seed_(mixed(mixed(seed + 1, subject.name), partner.name)), subject_(subject), partner_(partner) {
  for (const VerbRow& verb : verb_table()) rows_.push_back(row_of(verb));
}

std::string Generator::argument(const std::string& word, Dice& dice) {
  return is_argument(word) ? arguments().find(word)->second(dice) : word;
}

std::string Generator::statement(const Row& row, Dice& dice) const {
  std::string text(spell(row.verb->verb));
  for (const Part& part : row.parts) {
    if (part.optional && dice.percent(60)) continue;
    for (const std::string& word : part.alternatives[dice.below(part.alternatives.size())])
      if (const std::string drawn = argument(word, dice); !drawn.empty()) text += " " + drawn;
  }
  return text;
}

Dice Generator::dice(std::uint64_t number, std::string_view purpose) const {
  return Dice(mixed(seed_ + number * 0x9e3779b97f4a7c15ULL, purpose));
}

bool Generator::possible(const Scenario& scenario, Role role, Tls tls, Io io) const {
  return !missing_ability(subject_, scenario, Side::subject, role, tls, io) &&
         !missing_ability(partner_, scenario, Side::partner, other(role), tls, io);
}

bool Generator::possible(const Draft& draft) const {
  const auto scenario = scenario_of(draft, "draft");
  return scenario && possible(*scenario, draft.role, draft.tls, draft.io);
}

bool Generator::possible_line(const Draft& draft, const std::string& line) const {
  Draft alone = draft;
  alone.lines = {line};
  return possible(alone);
}

std::string Generator::line(const Draft& draft, Dice& dice) const {
  const std::size_t at = dice.below(100);
  return line_of(at < 55   ? "subject"
                 : at < 77 ? "partner"
                 : at < 92 ? "wire"
                 : at < 95 ? "both"
                 : at < 98 ? "client"
                           : "server",
                 draft, dice);
}

std::string Generator::line_of(std::string_view actor, const Draft& draft, Dice& dice) const {
  const bool wire = actor == spell(Actor::wire), subject = actor == spell(Actor::subject);
  unsigned all = 0;
  std::vector<std::pair<const Row*, unsigned>> rows;
  for (const Row& row : rows_) {
    if (!(wire ? row.verb->wire : row.verb->peer)) continue;
    // Faults of the partner's transport say little about the subject.
    const unsigned weight = row.verb->verb == Verb::io && !subject ? 1 : row.weight;
    rows.emplace_back(&row, weight);
    all += weight;
  }
  // What the language or a stack does not have here is drawn again; a plain close fits always.
  constexpr int most_draws = 50;
  for (int draws = 0; draws < most_draws; ++draws) {
    std::size_t at = dice.below(all);
    const Row* row = nullptr;
    for (const auto& [candidate, weight] : rows) {
      row = candidate;
      if (at < weight) break;
      at -= weight;
    }
    const std::string_view beside = !wire && dice.percent(3) ? dice.pick(Texts{"aside ", "fork "}) : "";
    std::string text = fmt::format("{:<8} {}{}", actor, beside, statement(*row, dice));
    if (possible_line(draft, text)) return text;
  }
  return fmt::format("{:<8} release", spell(Actor::wire));
}

std::vector<std::string> Generator::options(const Stack& stack, Io io, Dice& dice) const {
  std::vector<std::string> chosen;
  // What blocks over a transport does not over memory.
  if (io == Io::nonblocking && stack.can("blocking-only")) chosen.emplace_back(spell(Option::memory_bio));
  if (!dice.percent(30)) return chosen;
  const std::size_t most = dice.percent(25) ? 2 : 1;
  const auto fits = [&](std::string_view option) {
    if (option == spell(Option::memory_bio)) return io == Io::nonblocking && !has_word(chosen, Option::memory_bio);
    return option != spell(Option::closes_transport) || !has_word(chosen, Option::memory_bio);
  };
  for (const std::string_view option : Words<Option>::list)
    if (chosen.size() < most && stack.can(option) && dice.percent(20) && fits(option)) chosen.emplace_back(option);
  return chosen;
}

// A session is seldom resumed by chance: one draft in ten begins with a first session, and in half of those that can, early data opens the
// second one. The draft is left as it is if a stack cannot do all of that.
bool Generator::resumes(Draft& draft, Dice& dice) const {
  if (!dice.percent(10)) return false;
  const bool early = draft.tls == Tls::v1_3 && dice.percent(50);
  const Option how = early || dice.percent(50) ? Option::tickets : Option::session_cache;
  Draft with = draft;
  for (auto* options : {&with.options, &with.partner_options}) {
    add(*options, {how});
    if (early) add(*options, {Option::early_data});
  }
  if (dice.percent(50)) add(draft.role == Role::client ? with.options : with.partner_options, {Option::saved_session});
  with.lines = to_resumption();
  if (early) {
    with.lines.insert(with.lines.end(), {"client   write-early 100", "client   handshake"});
    if (dice.percent(50)) with.lines.emplace_back("server   read-early to-end");
    if (dice.percent(75)) with.lines.emplace_back("server   handshake");
  } else {
    with.lines.emplace_back("both     handshake");
  }
  for (const std::string& line : with.lines)
    if (!possible_line(with, line)) return false;
  draft = std::move(with);
  return true;
}

Draft Generator::draft(std::uint64_t number) const {
  Dice dice = this->dice(number, "draft");
  Draft draft;
  std::vector<Role> roles;
  for (const Role role : {Role::client, Role::server})
    if (subject_.can(spell(role)) && partner_.can(spell(other(role)))) roles.push_back(role);
  draft.role = roles.empty() ? Role::client : dice.pick(roles);
  std::vector<Tls> versions;
  for (const Tls tls : {Tls::v1_0, Tls::v1_1, Tls::v1_2, Tls::v1_3}) {
    const std::string ability = fmt::format("tls-{}", spell(tls));
    if (!subject_.can(ability) || !partner_.can(ability)) continue;
    const std::size_t times = tls >= Tls::v1_2 ? 10 : 1;
    versions.insert(versions.end(), times, tls);
  }
  draft.tls = versions.empty() ? Tls::v1_3 : dice.pick(versions);
  const bool must_block = subject_.can("blocking-only") && !subject_.can(spell(Option::memory_bio));
  draft.io = dice.percent(60) && !must_block ? Io::nonblocking : Io::blocking;
  if (dice.percent(8)) draft.transport = TransportKind::tcp;
  draft.options = options(subject_, draft.io, dice);
  if (dice.percent(40)) draft.partner_options = options(partner_, Io::blocking, dice);

  std::size_t count = fewest_lines + dice.below(most_lines - fewest_lines + 1);
  const std::string handshake = fmt::format("{:<8} handshake", spell(Actor::both));
  if (resumes(draft, dice)) {
    count = std::min(most_lines, count + draft.lines.size());
  } else {
    if (dice.percent(12)) draft.lines.push_back(line_of(dice.percent(50) ? "wire" : "subject", draft, dice));
    if (dice.percent(92)) draft.lines.push_back(handshake);
  }
  while (draft.lines.size() < count) {
    const std::string drawn = line(draft, dice);
    draft.lines.push_back(drawn);
    // Two of a thing where there is mostly one; half a call, and then anything; a session after a session.
    std::string next;
    if (dice.percent(6)) next = drawn;
    for (const Flow flow : {Flow::recv, Flow::send})
      if (drawn.starts_with(fmt::format("subject  io {} short", spell(flow))) && dice.percent(50))
        next = fmt::format("subject  io {} EAGAIN after 1", spell(flow));
    if ((drawn.ends_with(" reconnect") || drawn.ends_with(" new-session")) && dice.percent(75)) next = handshake;
    if (!next.empty() && draft.lines.size() < count) draft.lines.push_back(next);
  }
  return draft;
}

}  // namespace tlsbye
