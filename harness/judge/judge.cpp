#include "harness/judge/judge.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <set>
#include <stdexcept>
#include <tuple>

#include "harness/data/printable.h"

namespace tlsbye {
namespace {

constexpr std::string_view option_situation = "option-";

bool names(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

const std::vector<std::string>* parameter(const Clause& clause, std::string_view name) {
  const auto found = clause.parameters.find(name);
  return found == clause.parameters.end() ? nullptr : &found->second;
}

// A clause that speaks of this one call only: a stack without the call can neither keep nor break it.
bool is_about_only(const Clause& clause, Call call) {
  const auto* calls = parameter(clause, "call");
  return calls && calls->size() == 1 && calls->front() == spell(call);
}

// The first ability that the clause needs and the stack says it has not.
std::optional<std::string> missing_ability(const Clause& clause, const StackInfo& stack) {
  for (std::size_t i = 0; i < Words<Call>::list.size(); ++i) {
    const auto call = static_cast<Call>(i);
    if (!is_about_only(clause, call)) continue;
    if (const auto* arguments = parameter(clause, "arguments"); call == Call::set && arguments) {
      // "quiet-shutdown on": each switch is an ability
      if (std::string ability = "set-" + arguments->front().substr(0, arguments->front().find(' ')); !stack.can(ability)) return ability;
    } else if (call == Call::close || call == Call::close_write || (is_extra(call) && call != Call::set)) {
      if (!stack.can(spell(call))) return std::string(spell(call));
    }
  }
  if (const auto* given = parameter(clause, "given"))
    for (const std::string& word : *given) {
      if (word.starts_with(option_situation))
        if (std::string ability = word.substr(option_situation.size()); !stack.can(ability)) return ability;
      if (word == "alert-by-application" && !stack.can("send-alert")) return "send-alert";
    }
  return std::nullopt;
}

// What the subject was asked for in this run and said it has not: the script's verb, and its words. Of a session that was abandoned nothing
// can be asked.
std::map<std::string, std::string_view> refusals(const Transcript& transcript) {
  std::map<std::string, std::string_view> refused;
  bool abandoned = false;
  for (const Event& event : transcript.events()) {
    if (event.as<NewSession>()) abandoned = false;
    if (const auto* raw = event.as<RawCall>(); raw && raw->side == Side::subject) abandoned |= raw->verb == "abandon";
    if (const auto* refusal = event.as<NotDone>(); refusal && refusal->unsupported && refusal->side == Side::subject && !abandoned)
      refused.emplace(refusal->verb, refusal->why);
  }
  return refused;
}

// Whether the partner did all that its lines asked for and no more: it had each call and option, and left the end of its transport to the
// script. A library with one call that closes both does what no line says, and what the script has behind that finds no way.
bool played_by_the_script(const Transcript& transcript) {
  bool may_end = false;
  for (const Event& event : transcript.events()) {
    if (const auto* refusal = event.as<NotDone>(); refusal && refusal->side == Side::partner && refusal->unsupported) return false;
    if (event.as<NewSession>()) may_end = false;
    const auto* raw = event.as<RawCall>();
    const auto* died = event.as<Died>();
    may_end |= (raw && raw->side == Side::partner) || (died && died->side == Side::partner);
    const auto* end = event.as<TransportEnd>();
    if (end && end->from == Side::partner && !end->delivered && !end->by_wire && !may_end) return false;
  }
  return true;
}

// A library whose transport is the application's makes no transport call: those that come are the adapter's, and say nothing of it. And
// what the one call that closes does is asked where there is no other.
bool is_asked(const Trait& trait, const StackInfo& stack) {
  constexpr std::array<std::string_view, 4> of_transport_calls{"sigpipe-on-broken-transport", "blocking-transport-that-would-block",
                                                               "interrupted-on-a-blocking-transport",
                                                               "interrupted-on-a-non-blocking-transport"};
  if (stack.can("moves-no-bytes") &&
      std::find(of_transport_calls.begin(), of_transport_calls.end(), trait.name) != of_transport_calls.end())
    return false;
  return trait.name != "one-way-close" || !stack.can(spell(Call::close));
}

// What the library calls the failure that an answer tells of: "failed" and "alert" have many names.
std::set<std::string> codes_of(const Trait::Answer& answer, const Transcript& transcript) {
  if (answer.answer != spell(Outcome::failed) && answer.answer != spell(Outcome::alert)) return {};
  for (const int number : answer.evidence)
    if (const auto* call = transcript.at(number).as<ApiCall>(); call && spell(call->outcome) == answer.answer && !call->code.empty())
      return {call->code};
  return {""};
}

// What a stack promises without a word: the rest are abilities. (A handshake that is refused is one that does not succeed.)
bool is_of_every_stack(std::string_view verb) { return verb == "open" || verb == spell(Call::read) || verb == spell(Call::write); }

// Whether the handshakes of this run were let alone, and then whether the subject came through one. Nothing where they were not: the wire
// or a planned fault touched one, one side alone was asked to shake hands, or the subject was to turn the other side away.
std::optional<bool> shook_hands(const Transcript& transcript) {
  for (const Option turns_away : {Option::verify_certificate, Option::require_certificate})
    if (has_word(transcript.options, turns_away)) return std::nullopt;
  bool by_subject = false, by_partner = false;
  for (const Event& event : transcript.events()) {
    if (const auto* call = event.as<ApiCall>()) {
      if (call->call != Call::handshake) {
        if (call->side == Side::subject) break;
        continue;
      }
      (call->side == Side::subject ? by_subject : by_partner) = true;
      if (call->side == Side::subject && call->outcome == Outcome::done) return true;
    }
    if (const auto* record = event.as<Record>(); record && (record->made || record->by_script)) return std::nullopt;
    if (const auto* held = event.as<Withheld>(); held && held->why == Withheld::Why::hold) return std::nullopt;
    if (event.as<Replaced>() || event.as<Lost>()) return std::nullopt;
    if (const auto* call = event.as<TransportCall>(); call && call->injected) return std::nullopt;
    if (const auto* end = event.as<TransportEnd>(); end && end->by_wire) return std::nullopt;
    if (event.as<RawCall>()) return std::nullopt;
  }
  return by_subject && by_partner ? std::optional(false) : std::nullopt;
}

}  // namespace

Verdict verdict_of(Finding::Kind kind, Strength strength) {
  switch (kind) {
    case Finding::Kind::not_reached:
      return Verdict::not_reached;
    case Finding::Kind::holds:
      return Verdict::conforms;
    case Finding::Kind::crashed:
      return Verdict::crashed;
    case Finding::Kind::hung:
      return Verdict::hung;
    case Finding::Kind::broken:
      break;
  }
  switch (strength) {
    case Strength::must:
    case Strength::documented:
    case Strength::expected:
      return Verdict::violates;
    case Strength::should:
      return Verdict::discouraged;
    case Strength::may:
    case Strength::observed:
      break;
  }
  return Verdict::differs;
}

bool StackInfo::can(std::string_view ability) const { return names(abilities, ability); }

std::string TraitAnswer::answer() const { return fmt::format("{}", fmt::join(answers, " or ")); }

std::string more_replay_words(const Provenance& provenance) { return pasted(provenance.replay_words); }

std::string pasted(const std::vector<std::string>& words) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-,/@=:+%";
  std::string text;
  for (const std::string& word : words) {
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) {
      text += " " + word;
      continue;
    }
    // What a terminal would not show, or not as it is, is written out.
    if (printable(word) != word) {
      text += " $'";
      for (const char c : word) {
        if (c == '\'' || c == '\\') text += '\\';
        text += c < ' ' || c > '~' ? fmt::format("\\x{:02x}", static_cast<unsigned char>(c)) : std::string(1, c);
      }
      text += "'";
      continue;
    }
    text += " '";
    for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    text += "'";
  }
  return text;
}

std::string replay_command(const RunReport& report, std::string_view replay) {
  return fmt::format("tlsbye replay {}{}", replay, more_replay_words(report.provenance));
}

Totals totals(const RunReport& report) {
  Totals counts{};
  for (const Cell& cell : report.cells) ++counts[static_cast<std::size_t>(cell.verdict)];
  return counts;
}

Judge::Judge(const std::vector<Clause>& clauses, Scope scope, const std::vector<Trait>& questions)
    : clauses_(&clauses), questions_(&questions), scope_(std::move(scope)) {
  for (std::size_t stack = 0; stack < scope_.stacks.size(); ++stack) {
    const StackInfo& info = scope_.stacks[stack];
    for (const Role role : scope_.roles) {
      for (const Tls tls : scope_.tls) {
        const bool old = tls == Tls::v1_0 || tls == Tls::v1_1;
        if (old && !info.can(fmt::format("tls-{}", spell(tls)))) continue;
        if (scope_.covers && !scope_.covers(info, role, tls)) continue;
        Column column;
        column.stack = stack;
        column.role = role;
        column.tls = tls;
        column.cells.resize(clauses.size());
        column.traits.resize(questions.size());
        RunKey key;
        key.subject = info.name;
        key.subject_version = info.version;
        key.role = role;
        key.tls = tls;
        for (const Io io : scope_.io) {
          key.io = io;
          for (std::size_t clause = 0; clause < clauses.size(); ++clause)
            if (clauses[clause].applies.covers(key)) column.applicable[static_cast<std::size_t>(io)].push_back(clause);
        }
        columns_.push_back(std::move(column));
      }
    }
  }
}

std::optional<std::size_t> Judge::find(const RunKey& key) const {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const StackInfo& stack = scope_.stacks[columns_[i].stack];
    if (stack.name == key.subject && stack.version == key.subject_version && columns_[i].role == key.role && columns_[i].tls == key.tls)
      return i;
  }
  return std::nullopt;
}

bool Judge::covers(const RunKey& key) const { return find(key).has_value(); }

Judge::Column& Judge::column(const RunKey& key) {
  if (const auto found = find(key)) return columns_[*found];
  throw std::invalid_argument(
      fmt::format("{} {} as {}, TLS {} is not in the judge's scope", key.subject, key.subject_version, spell(key.role), spell(key.tls)));
}

// Worse wins; of equals what the wire could read wins over what it could not, and then the earlier run.
bool Judge::Decision::gives_way_to(Verdict other, bool other_readable, std::size_t other_run) const {
  return std::tuple(other, other_readable, run) > std::tuple(verdict, readable, other_run);
}

// Of runs that say the same the first, in whatever order they come. Nothing is kept of what no run came to.
void Judge::Worst::meet(const Worst& other) {
  if (other.verdict == Verdict::not_reached || std::tuple(other.verdict, run) <= std::tuple(verdict, other.run)) return;
  *this = other;
}

bool Judge::take(std::size_t index, const Transcript& transcript, std::string_view replay) {
  Column& column = this->column(transcript.key());
  ++runs_;
  bool decided = false;
  const Facts facts(transcript, scope_.terms);
  const auto refused = refusals(transcript);
  const bool readable = decrypted(transcript);
  std::optional<Telling> telling;
  for (const auto& [verb, unused] : refused) ++(verb == spell(Call::handshake) ? column.handshakes : column.promises[verb]).refused;
  std::set<std::string_view> answered;
  for (const Event& event : transcript.events())
    if (const auto* call = event.as<ApiCall>(); call && call->side == Side::subject) answered.insert(spell(call->call));
  if (!answered.empty()) answered.insert("open");
  for (const std::string_view verb : answered) ++column.promises[std::string(verb)].kept;
  if (const auto shook = shook_hands(transcript)) ++(*shook ? column.handshakes.kept : column.handshakes.refused);
  Met& met = column.partners[{transcript.key().partner, transcript.key().partner_version}];
  ++met.runs;
  if (readable && played_by_the_script(transcript)) met.scenarios.insert(transcript.key().scenario);
  met.cells.resize(clauses_->size());
  for (const std::size_t clause_index : column.applicable[static_cast<std::size_t>(transcript.key().io)]) {
    const Clause& clause = (*clauses_)[clause_index];
    Decision& cell = column.cells[clause_index];
    Finding finding;
    Verdict verdict{};
    try {
      finding = judge(*clause.property, clause.asked, facts);  // which applies, as the column knows
      verdict = verdict_of(finding.kind, clause.strength);
    } catch (const std::exception& fault) {
      finding.says = fmt::format("the property {} failed itself: {}", clause.property ? clause.property->name : "", fault.what());
      verdict = Verdict::harness_error;
    }
    if (verdict == Verdict::not_reached) {
      const auto* calls = refused.empty() ? nullptr : parameter(clause, "call");
      for (const auto& [verb, why] : refused) {
        if (!calls || !names(*calls, verb)) continue;
        verdict = Verdict::unsupported;
        finding.says = why;
      }
    }
    met.cells[clause_index].meet({verdict, index, transcript.key().scenario, std::string(replay)});
    if (!cell.gives_way_to(verdict, readable, index)) continue;
    cell = {verdict, index, readable, transcript.key().scenario, std::string(replay), std::move(finding.says), {}};
    if (verdict == Verdict::not_reached) continue;
    if (!telling) telling.emplace(transcript);
    cell.evidence = tell_evidence(transcript, *telling, finding.evidence);
    decided = true;
  }
  for (std::size_t trait = 0; trait < column.traits.size(); ++trait) {
    if (!is_asked((*questions_)[trait], scope_.stacks[column.stack])) continue;
    for (const Facts* session = &facts; session; session = session->next()) {
      const auto answer = (*questions_)[trait].ask(*session);
      if (!answer) continue;
      Answered here{index, std::string(replay), {}, codes_of(*answer, transcript)};
      here.in[static_cast<std::size_t>(transcript.key().io)] = true;
      Answered& first = column.traits[trait].try_emplace(std::string(answer->answer), here).first->second;
      first.meet(here);
      decided |= first.run == index;
    }
  }
  return decided;
}

void Judge::Answered::meet(const Answered& other) {
  for (std::size_t io = 0; io < in.size(); ++io) in[io] = in[io] || other.in[io];
  codes.insert(other.codes.begin(), other.codes.end());
  if (other.run < run) run = other.run, replay = other.replay;
}

void Judge::lose(std::size_t index, const RunKey& key, std::string_view replay, std::string_view why) {
  column(key).lost.emplace(index, Lost{key.scenario, std::string(replay), std::string(why)});
}

std::set<std::string_view> Judge::deciding() const {
  std::set<std::string_view> replays;
  for (const Column& column : columns_) {
    for (const Decision& cell : column.cells)
      if (cell.verdict != Verdict::not_reached) replays.insert(cell.replay);
    for (const auto& trait : column.traits)
      for (const auto& [answer, answered] : trait) replays.insert(answered.replay);
  }
  return replays;
}

void Judge::merge(Judge&& other) {
  if (clauses_ != other.clauses_ || columns_.size() != other.columns_.size())
    throw std::invalid_argument("judges of different clauses or scopes cannot be merged");
  runs_ += other.runs_;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Column& mine = columns_[i];
    Column& theirs = other.columns_[i];
    for (std::size_t clause = 0; clause < mine.cells.size(); ++clause) {
      Decision& candidate = theirs.cells[clause];
      if (mine.cells[clause].gives_way_to(candidate.verdict, candidate.readable, candidate.run)) mine.cells[clause] = std::move(candidate);
    }
    for (std::size_t trait = 0; trait < mine.traits.size(); ++trait) {
      for (auto& [answer, answered] : theirs.traits[trait]) {
        mine.traits[trait].try_emplace(answer, answered).first->second.meet(answered);
      }
    }
    for (const auto& [partner, met] : theirs.partners) {
      Met& here = mine.partners[partner];
      here.runs += met.runs;
      here.scenarios.insert(met.scenarios.begin(), met.scenarios.end());
      here.cells.resize(clauses_->size());
      for (std::size_t clause = 0; clause < met.cells.size(); ++clause) here.cells[clause].meet(met.cells[clause]);
    }
    mine.lost.merge(theirs.lost);
    for (const auto& [verb, promise] : theirs.promises) {
      mine.promises[verb].kept += promise.kept;
      mine.promises[verb].refused += promise.refused;
    }
    mine.handshakes.kept += theirs.handshakes.kept;
    mine.handshakes.refused += theirs.handshakes.refused;
  }
}

Cell Judge::cell(const Column& column, std::size_t clause_index) const {
  const Clause& clause = (*clauses_)[clause_index];
  const StackInfo& stack = scope_.stacks[column.stack];
  const Decision& decision = column.cells[clause_index];
  Cell cell;
  cell.clause = clause.id;
  cell.ref = clause.ref;
  cell.strength = clause.strength;
  cell.stack = stack.name;
  cell.version = stack.version;
  cell.role = column.role;
  cell.tls = column.tls;
  cell.verdict = decision.verdict;
  if (decision.verdict != Verdict::not_reached) {
    cell.scenario = decision.scenario;
    cell.replay = decision.replay;
    cell.says = decision.says;
    cell.evidence = decision.evidence;
    return cell;
  }
  const auto unsupported = [&](std::string_view what) {
    cell.verdict = Verdict::unsupported;
    cell.says = fmt::format("{} says that it has no {}", stack.name, what);
  };
  if (!stack.can(spell(column.role))) {
    unsupported(fmt::format("{} role", spell(column.role)));
  } else if (!stack.can(fmt::format("tls-{}", spell(column.tls)))) {
    unsupported(fmt::format("TLS {}", spell(column.tls)));
  } else if (clause.applies.io == std::vector{Io::nonblocking} && stack.can("blocking-only")) {
    unsupported("non-blocking sessions");
  } else if (const auto missing = missing_ability(clause, stack)) {
    unsupported(*missing);
  } else if (!column.lost.empty()) {
    const Lost& lost = column.lost.begin()->second;
    cell.verdict = Verdict::harness_error;
    cell.scenario = lost.scenario;
    cell.replay = lost.replay;
    cell.says = lost.why;
  } else {
    const bool none_readable = decision.run != no_run && !decision.readable;
    cell.says = none_readable ? "the wire had no keys for any run" : "no run came to the situation";
  }
  return cell;
}

RunCounts Judge::counts() const {
  RunCounts counts;
  for (const Column& column : columns_) {
    const StackInfo& info = scope_.stacks[column.stack];
    for (const auto& [run, loss] : column.lost) counts.lost.push_back({run, fmt::format("{}: {}", loss.replay, loss.why)});
    if (column.handshakes.kept + column.handshakes.refused > 0)
      counts.handshakes.push_back({info.name, info.version, fmt::format("as {}, TLS {}", spell(column.role), spell(column.tls)),
                                   column.handshakes.kept, column.handshakes.refused});
    for (const auto& [verb, promise] : column.promises) {
      const auto known = std::find_if(counts.calls.begin(), counts.calls.end(), [&, &what = verb](const RunCounts::Asked& it) {
        return it.stack == info.name && it.version == info.version && it.what == what;
      });
      if (known == counts.calls.end()) {
        counts.calls.push_back({info.name, info.version, verb, promise.kept, promise.refused});
      } else {
        known->kept += promise.kept;
        known->refused += promise.refused;
      }
    }
  }
  return counts;
}

std::vector<std::string> problems_of(RunCounts counts, const std::vector<StackInfo>& stacks) {
  std::vector<std::string> problems = std::move(counts.before);
  std::sort(counts.lost.begin(), counts.lost.end(), [](const auto& one, const auto& other) { return one.run < other.run; });
  for (RunCounts::Lost& lost : counts.lost) problems.push_back(std::move(lost.what));
  const auto by_name = [](const RunCounts::Asked& one, const RunCounts::Asked& other) { return one.what < other.what; };
  std::sort(counts.handshakes.begin(), counts.handshakes.end(), by_name);
  std::sort(counts.calls.begin(), counts.calls.end(), by_name);
  const auto runs = [](std::size_t count) { return fmt::format("{} {}", count, count == 1 ? "run" : "runs"); };
  for (const StackInfo& info : stacks) {
    const auto broken = [&](const RunCounts::Asked& it) {
      return it.stack == info.name && it.version == info.version && it.refused > 0 && it.kept == 0;
    };
    for (const RunCounts::Asked& it : counts.handshakes)
      if (broken(it))
        problems.push_back(fmt::format("{} {}: no handshake succeeds, in {} that let it alone", info.id(), it.what, runs(it.refused)));
    for (const RunCounts::Asked& it : counts.calls)
      if (broken(it) && (info.can(it.what) || is_of_every_stack(it.what)))
        problems.push_back(
            fmt::format("{} promises `{}`, and refused it whenever it was asked, in {}", info.id(), it.what, runs(it.refused)));
  }
  std::sort(counts.silent.begin(), counts.silent.end(),
            [](const auto& one, const auto& other) { return std::tie(one.stack, one.request) < std::tie(other.stack, other.request); });
  constexpr std::size_t often = 10;  // a call that never comes back, in run after run, is told once for all of them
  for (const RunCounts::Silent& it : counts.silent)
    if (it.never >= often && it.never > it.times)
      problems.push_back(fmt::format("{}: `{}` never came back in {} runs; after the first few it was waited for a tenth as long", it.stack,
                                     it.request, it.never));
  return problems;
}

std::optional<Disagreement> Judge::disagreement(const Column& column, std::size_t clause_index) const {
  const StackInfo& stack = scope_.stacks[column.stack];
  Disagreement it{(*clauses_)[clause_index].id, stack.name, stack.version, column.role, column.tls, {}, {}};
  const auto has_a_say = [](const Worst& worst) {
    return worst.verdict != Verdict::not_reached && worst.verdict != Verdict::unsupported && worst.verdict != Verdict::harness_error;
  };
  Worst decided;
  for (const auto& [partner, met] : column.partners)
    if (has_a_say(met.cells[clause_index])) decided.meet(met.cells[clause_index]);
  std::set<Verdict> verdicts;
  for (const auto& [partner, met] : column.partners) {
    const Worst& worst = met.cells[clause_index];
    if (!has_a_say(worst) || (worst.verdict != decided.verdict && !met.scenarios.contains(decided.scenario))) continue;
    verdicts.insert(worst.verdict);
    it.found.push_back({partner.first, partner.second, worst.verdict, worst.replay});
  }
  if (verdicts.size() < 2) return std::nullopt;
  return it;
}

RunReport Judge::report() const {
  RunReport report;
  report.stacks = scope_.stacks;
  report.runs = runs_;
  for (std::size_t clause = 0; clause < clauses_->size(); ++clause) {
    for (const Column& column : columns_) {
      const bool applies = std::any_of(column.applicable.begin(), column.applicable.end(),
                                       [&](const auto& list) { return std::binary_search(list.begin(), list.end(), clause); });
      if (!applies) continue;
      report.cells.push_back(cell(column, clause));
      if (auto it = disagreement(column, clause)) report.disagreements.push_back(std::move(*it));
    }
    const Clause& it = (*clauses_)[clause];
    if (!report.cells.empty() && report.cells.back().clause == it.id)
      report.clauses.push_back({it.id, std::string(spell(it.strength)), it.says, it.cites,
                                it.property ? std::string(it.property->name) : "", it.contradicts, it.file.filename().string(),
                                it.file_line});
  }
  for (std::size_t trait = 0; trait < questions_->size(); ++trait) {
    for (const Column& column : columns_) {
      const auto& answers = column.traits[trait];
      if (answers.empty()) continue;
      const StackInfo& stack = scope_.stacks[column.stack];
      TraitAnswer told{std::string((*questions_)[trait].name), stack.name, stack.version, column.role, column.tls, {}, {}};
      const Answered* first = nullptr;
      std::array<bool, Words<Io>::list.size()> tried{};
      for (const auto& [answer, answered] : answers)
        for (std::size_t io = 0; io < tried.size(); ++io) tried[io] = tried[io] || answered.in[io];
      for (const auto& [answer, answered] : answers) {
        told.answers.push_back(answer);
        if (!first || answered.run < first->run) first = &answered;
        // Where one run's failure had no name, the names of others do not tell all.
        const bool named = !answered.codes.contains("");
        told.codes.push_back(named ? std::vector(answered.codes.begin(), answered.codes.end()) : std::vector<std::string>());
        if (answers.size() == 1) continue;
        told.replays.push_back(answered.replay);
        const bool one = tried[0] && tried[1] && answered.in[0] != answered.in[1];
        told.only.push_back(one ? std::optional(answered.in[0] ? Io{0} : Io{1}) : std::nullopt);
      }
      if (std::none_of(told.only.begin(), told.only.end(), [](const auto& io) { return io.has_value(); })) told.only.clear();
      if (std::all_of(told.codes.begin(), told.codes.end(), [](const auto& codes) { return codes.empty(); })) told.codes.clear();
      told.replay = first->replay;
      report.traits.push_back(std::move(told));
    }
  }
  for (std::size_t stack = 0; stack < scope_.stacks.size(); ++stack) {
    std::map<Partner, Pair> pairs;
    for (const Column& column : columns_) {
      if (column.stack != stack) continue;
      for (const auto& [partner, met] : column.partners) {
        const StackInfo& info = scope_.stacks[stack];
        Pair& pair = pairs.try_emplace(partner, Pair{info.name, info.version, partner.first, partner.second}).first->second;
        pair.runs += met.runs;
        for (const Worst& worst : met.cells)
          if (worst.verdict != Verdict::not_reached) ++pair.totals[static_cast<std::size_t>(worst.verdict)];
      }
    }
    for (auto& [partner, pair] : pairs) report.pairs.push_back(std::move(pair));
  }
  report.counts = counts();
  report.problems = problems_of(report.counts, report.stacks);
  return report;
}

std::string told(const Disagreement& it) {
  std::string text = fmt::format("{} {}  {} ({} {}):", it.stack, it.version, it.clause, spell(it.role), spell(it.tls));
  for (const auto& found : it.found)
    text += fmt::format("{}{} with {} {}", &found == &it.found.front() ? " " : ", ", spell(found.verdict), found.partner,
                        found.partner_version);
  return text;
}

std::string told(const EvidenceLine& line) {
  if (line.label.empty()) return "  " + line.text;
  return fmt::format("{} {:<5} {}", line.decisive ? '>' : ' ', line.label, line.text);
}

std::vector<EvidenceLine> tell_evidence(const Transcript& transcript, const Telling& telling, const std::vector<int>& decisive,
                                        std::size_t most) {
  std::set<int> marked;
  for (const int number : decisive)
    if (number >= 1 && number < transcript.next_number()) marked.insert(telling.shown_as(number));
  while (marked.size() > most) marked.erase(std::prev(marked.end(), 2));
  std::set<int> shown = marked;
  // Widen around the decisive events, one step at a time, what came before first. What came after the last of them decided nothing.
  for (int distance = 1; distance < transcript.next_number() && shown.size() < most && !marked.empty(); ++distance) {
    for (const int step : {-distance, distance}) {
      for (const int number : marked) {
        const int near = number + step;
        if (shown.size() >= most || near < 1 || near > *marked.rbegin()) continue;
        if (!telling.leaves_out(near)) shown.insert(near);
      }
    }
  }
  std::vector<EvidenceLine> lines;
  int previous = 0;
  for (const int number : shown) {
    bool left_out = false;
    for (int between = previous + 1; between < number && !left_out; ++between) left_out = !telling.leaves_out(between);
    if (left_out) lines.push_back({"", "...", false});
    lines.push_back({telling.label(number), telling.text(number, Detail::repeatable), marked.contains(number)});
    previous = number;
  }
  return lines;
}

}  // namespace tlsbye
