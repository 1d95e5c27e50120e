// The loader of scenarios/clauses/*.toml. Everything that can be wrong with a clause is told at once, with its place.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "harness/data/diagnostic.h"
#include "harness/data/file.h"
#include "harness/data/glob.h"
#include "harness/data/rows.h"
#include "harness/data/version.h"
#include "harness/oracle/finding.h"
#include "harness/oracle/oracle.h"

namespace tlsbye {
namespace {

// Data of other kinds that lives beside the clauses.
constexpr std::array<std::string_view, 6> not_clauses{"catalogue.toml",      "out-of-scope.toml", "cases.toml",
                                                      "contradictions.toml", "advice.toml",       "terms.toml"};

const Rows::Keys clause_keys{"id", "ref", "strength", "applies", "cites", "says", "contradicts", "property", "with"};

bool is_version(std::string_view text) {
  if (text.size() > 1 && text.back() >= 'a' && text.back() <= 'z') text.remove_suffix(1);  // 1.1.1w
  return !text.empty() && text.front() >= '0' && text.front() <= '9' && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.front() != '-' && text.back() != '-' &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string_view::npos;
}

template <typename Enum>
std::bitset<Words<Enum>::list.size()> set_of(const std::vector<std::string>& words) {
  std::bitset<Words<Enum>::list.size()> set;
  for (const std::string& word : words)
    if (const auto value = read_word<Enum>(word)) set.set(static_cast<std::size_t>(*value));
  return set;
}

// What such calls can come to at all, so that a list that allows all of it is found out.
Outcomes possible(const std::vector<std::string>& calls) {
  const auto among = [&](std::string_view call) { return std::find(calls.begin(), calls.end(), call) != calls.end(); };
  Outcomes all;
  all.set();
  all.reset(static_cast<std::size_t>(Outcome::unsupported));
  if (!among("close")) all.reset(static_cast<std::size_t>(Outcome::sent));
  if (!among("read") && !among("close") && !among("peek") && !among("read-early"))
    all.reset(static_cast<std::size_t>(Outcome::end_of_data));
  return all;
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (std::size_t from = 0;;) {
    const std::size_t bar = text.find(at, from);
    parts.emplace_back(text.substr(from, bar - from));
    if (bar == std::string_view::npos) return parts;
    from = bar + 1;
  }
}

bool is_record_word(std::string_view word) {
  for (const std::string_view prefix : {"plain ", "protected "})
    if (word.starts_with(prefix)) word.remove_prefix(prefix.size());
  constexpr std::array<std::string_view, 8> words{"nothing", "alert", "fatal-alert", "application_data", "handshake", "change_cipher_spec",
                                                  "raw",     "..."};
  return std::find(words.begin(), words.end(), word) != words.end() || alert_number(word);
}

std::vector<std::string_view> record_words() {
  static const std::vector<std::string> alerts = [] {
    std::vector<std::string> names;
    for (int number = 0; number < 256; ++number)
      if (const auto name = alert_name(static_cast<std::uint8_t>(number)); alert_number(name) && !name.starts_with("alert "))
        names.push_back(name);
    return names;
  }();
  std::vector<std::string_view> words{"nothing", "alert", "fatal-alert", "application_data", "handshake", "change_cipher_spec",
                                      "raw",     "..."};
  words.insert(words.end(), alerts.begin(), alerts.end());
  return words;
}

std::vector<std::string_view> situation_words() {
  std::vector<std::string_view> words;
  for (const Situation& situation : situations()) words.push_back(situation.name);
  return words;
}

// The word without `not `, `already `, `formerly ` and `newly `, for suggestions.
std::string_view bare(std::string_view word) {
  const auto begins = [&](std::string_view prefix) { return word.starts_with(prefix); };
  while (begins("not ") || begins("already ") || begins("formerly ") || begins("newly ")) word.remove_prefix(word.find(' ') + 1);
  return word;
}

// Of all files of clauses: what can be said only when all are known.
struct Names {
  struct Named {
    std::string id;
    Diagnostic place;
  };
  std::vector<std::string> stems;  // of the files
  std::vector<Named> named, contradicted;

  // With `whole`, names of other files must exist too.
  void check(bool whole, std::vector<Diagnostic>& diagnostics) const {
    std::vector<std::string_view> ids;
    for (const Named& it : named) ids.push_back(it.id);
    for (const Named& it : contradicted) {
      if (std::find(ids.begin(), ids.end(), it.id) != ids.end()) continue;
      if (!whole && std::find(stems.begin(), stems.end(), it.id.substr(0, it.id.find('/'))) == stems.end()) continue;
      diagnostics.push_back(it.place);
      diagnostics.back().problem = fmt::format("`contradicts` names an unknown clause: {}", it.id);
      diagnostics.back().suggestion = did_you_mean(it.id, ids);
    }
  }
};

// Reads one file.
class Reader {
 public:
  Reader(std::string_view text, std::string file, std::string stem, Names& names, LoadedClauses& into)
      : rows_(text, file, into.diagnostics), file_(std::move(file)), stem_(std::move(stem)), names_(names), into_(into) {
    names_.stems.push_back(stem_);
  }

  void read() {
    for (const toml::table* row : rows_.tables("clause", clause_keys, {"id", "strength", "cites", "says", "property"})) clause(*row);
  }

 private:
  void problem(const toml::source_region& at, std::string problem, std::string suggestion = {}) {
    rows_.report(at, std::move(problem), std::move(suggestion));
  }
  std::string string(const toml::table& table, std::string_view key) { return rows_.text(table, key).value_or(""); }

  void clause(const toml::table& table) {
    Clause it;
    it.file = file_;
    it.file_line = static_cast<int>(table.source().begin.line);
    it.ref = rows_.texts(table, "ref");
    it.cites = rows_.texts(table, "cites");
    it.says = string(table, "says");
    identify(it, table);
    if (const auto list = rows_.enums<Strength>(table, "strength"); !list.empty()) it.strength = list.front();
    if (const toml::table* to = rows_.table(table, "applies")) applies(it.applies, *to);
    property(it, table);
    if (rows_.is_good(table)) into_.clauses.push_back(std::move(it));
  }

  void identify(Clause& it, const toml::table& table) {
    const std::string name = string(table, "id");
    it.id = stem_ + "/" + name;
    if (!name.empty()) {
      const auto at = Rows::place(table, "id");
      if (!is_name(name)) problem(at, fmt::format("`{}` is not in kebab-case", name), "lower-case words and digits, joined by hyphens");
      const auto same = std::find_if(names_.named.begin(), names_.named.end(), [&](const auto& other) { return other.id == it.id; });
      if (same != names_.named.end())
        problem(at, fmt::format("a clause of this name stands already at {}:{}", same->place.file, same->place.line));
      else
        names_.named.push_back({it.id, rows_.diagnostic_at(at)});
    }
    it.contradicts = string(table, "contradicts");
    if (it.contradicts.empty()) return;
    if (it.contradicts.find('/') == std::string::npos) it.contradicts = stem_ + "/" + it.contradicts;
    names_.contradicted.push_back({it.contradicts, rows_.diagnostic_at(Rows::place(table, "contradicts"))});
  }

  void applies(Applies& to, const toml::table& table) {
    rows_.check_keys(table, {"stack", "since", "before", "tls", "role", "io"}, "`applies`");
    to.stacks = rows_.texts(table, "stack");
    to.since = string(table, "since");
    to.before = string(table, "before");
    for (const auto& [key, value] : {std::pair{"since", to.since}, {"before", to.before}})
      if (!value.empty() && !is_version(value))
        problem(Rows::place(table, key), fmt::format("`{}` is not a version", value),
                "numbers with dots between them, perhaps a letter behind");
    if (!to.since.empty() && !to.before.empty() && compare_versions(to.since, to.before) >= 0)
      problem(Rows::place(table, "before"), "no version is since that and before this");
    to.tls = rows_.enums<Tls>(table, "tls");
    to.roles = rows_.enums<Role>(table, "role");
    to.io = rows_.enums<Io>(table, "io");
  }

  void property(Clause& it, const toml::table& table) {
    const std::string name = string(table, "property");
    if (name.empty()) return;
    it.property = find_property(name);
    if (!it.property) {
      std::vector<std::string_view> known;
      for (const Property& property : properties()) known.push_back(property.name);
      return problem(Rows::place(table, "property"), fmt::format("unknown property `{}`", name), did_you_mean(name, known));
    }
    static const toml::table none;
    const toml::table* with = rows_.table(table, "with");
    const toml::table& given = with ? *with : none;
    const auto where = Rows::place(table, with ? "with" : "property");
    std::vector<std::string_view> known;
    for (const ParameterRow& row : it.property->parameters) known.push_back(row.name);
    rows_.check_keys(given, known, fmt::format("the parameters of {}", name));
    for (const ParameterRow& row : it.property->parameters) {
      if (given.contains(row.name))
        parameter(it.parameters, row, given);
      else if (row.required)
        problem(where, fmt::format("{} needs `{}`: {}", name, row.name, row.meaning));
    }
    if (!rows_.is_good(table)) return;
    it.asked = Question(it.parameters);
    check_can_fail(it, where);
  }

  void parameter(Parameters& to, const ParameterRow& row, const toml::table& given) {
    const bool raw = row.name == "returns" || row.name == "growth";
    const auto list = rows_.words(given, row.name, raw ? Rows::Numbers::yes : Rows::Numbers::no);
    if (list.size() > 1 && !row.values.ends_with("...")) problem(list[1].at, fmt::format("`{}` is one word, not a list", row.name));
    for (const Rows::Word& word : list) {
      check_word(row, word);
      to[std::string(row.name)].push_back(word.text);
    }
  }

  void check_word(const ParameterRow& row, const Rows::Word& word) {
    const auto refuse = [&](const auto& known) { rows_.report_stranger(word.at, word.text, row.name, known); };
    const auto one_of = [&](const auto& known) {
      if (std::find(known.begin(), known.end(), word.text) == known.end()) refuse(known);
    };
    using Few = std::vector<std::string_view>;
    if (row.values.starts_with("call")) {
      one_of(Words<Call>::list);
    } else if (row.values.starts_with("close-call")) {
      one_of(Few{"close", "close-write"});
    } else if (row.values.starts_with("outcome")) {
      one_of(Words<Outcome>::list);
    } else if (row.values.starts_with("flow")) {
      one_of(Words<Flow>::list);
    } else if (row.values.starts_with("fault")) {
      one_of(Few{"EAGAIN", "EINTR", "short"});
    } else if (row.values.starts_with("alert")) {
      if (word.text != "error" && !alert_number(word.text)) refuse(record_words());
    } else if (row.values == "level") {
      one_of(Few{"warning", "fatal"});
    } else if (row.values == "usage") {
      one_of(Few{"descriptors", "heap"});
    } else if (row.values == "wait") {
      one_of(Few{"call", "arrival"});
    } else if (row.values == "number") {
      if (word.text.find_first_not_of("0123456789") != std::string::npos) problem(word.at, fmt::format("`{}` is not a number", word.text));
    } else if (row.values.starts_with("situation")) {
      if (Given probe; !probe.add(word.text))
        problem(word.at, fmt::format("`{}` is not a situation", word.text), did_you_mean(bare(word.text), situation_words()));
    } else if (row.values.starts_with("record")) {
      for (const std::string& part : split(word.text, '|'))
        if (!is_record_word(part)) problem(word.at, fmt::format("`{}` is not a record", part), did_you_mean(part, record_words()));
    }
  }

  // A check that cannot fail is a defect, and so is one that cannot hold.
  void check_can_fail(const Clause& it, const toml::source_region& where) {
    const Parameters& with = it.parameters;
    const Question& asked = it.asked;
    const auto has = [&](std::string_view key) { return with.contains(key); };
    if ((asked.given.must & asked.given.must_not).any()) problem(where, "`given` asks for a situation and its opposite");
    const std::string_view name = it.property->name;
    if (name == "answers") {
      if (!has("outcome") && !has("never") && !has("code") && !has("returns") && !has("errno"))
        return problem(where, "answers needs one of `outcome`, `never`, `code`, `returns`, `errno`");
      Outcomes allowed = possible(with.at("call"));
      const Outcomes all = allowed;
      if (asked.outcome) allowed &= *asked.outcome;
      if (asked.forbidden) allowed &= ~*asked.forbidden;
      if (allowed.none()) return problem(where, "no outcome of that call is allowed: the clause cannot hold");
      if (allowed == all && !has("code") && !has("returns") && !has("errno"))
        problem(where, "every outcome of that call is allowed: the clause cannot fail");
    } else if (name == "session-goes-on") {
      if ((possible(with.at("then")) & ~*asked.outcome).none())
        problem(where, "every outcome of that call is allowed: the clause cannot fail");
    } else if (name == "transport-calls") {
      if (!has("none") && !has("some")) problem(where, "transport-calls needs `none` or `some`");
      if ((asked.no_flow & asked.some_flow).any()) problem(where, "the same flow is in `none` and in `some`: the clause cannot hold");
    } else if (name == "shows") {
      if (has("is") + has("contains") + has("lacks") == 0) problem(where, "shows needs one of `is`, `contains`, `lacks`");
    } else if (name == "emits") {
      const auto open = [](const std::vector<std::string>& word) { return std::find(word.begin(), word.end(), "...") != word.end(); };
      if (std::all_of(asked.records.begin(), asked.records.end(), open)) problem(where, "any records are allowed: the clause cannot fail");
    }
  }

  Rows rows_;
  std::string file_, stem_;
  Names& names_;
  LoadedClauses& into_;
};

}  // namespace

Question::Question(const Parameters& parameters) {
  const auto list = [&](std::string_view key) -> std::vector<std::string> {
    const auto it = parameters.find(key);
    return it == parameters.end() ? std::vector<std::string>{} : it->second;
  };
  const auto outcomes = [&](std::string_view key) {
    return parameters.contains(key) ? std::optional(set_of<Outcome>(list(key))) : std::nullopt;
  };
  calls = set_of<Call>(list("call"));
  then = set_of<Call>(list("then"));
  for (const std::string& word : list("given")) given.add(word);
  arguments = list("arguments");
  outcome = outcomes("outcome");
  forbidden = outcomes("never");
  code = list("code");
  returns = list("returns");
  error_number = list("errno");
  for (const std::string& word : list("records")) records.push_back(split(word, '|'));
  no_flow = set_of<Flow>(list("none"));
  some_flow = set_of<Flow>(list("some"));
  const auto one = [&](std::string_view key) { return parameters.contains(key) ? list(key).front() : std::string(); };
  flag = one("flag");
  faults = list("faults");
  alerts = list("alert");
  level = one("level");
  usage = one("of");
  since = one("since");
  growth = std::atoll(one("growth").c_str());
  is = list("is");
  contains = list("contains");
  lacks = list("lacks");
}

bool Applies::covers(const RunKey& run) const {
  const auto among = [](const auto& list, const auto& value) {
    return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
  };
  const bool versions = tls.empty() ? run.tls == Tls::v1_2 || run.tls == Tls::v1_3 : among(tls, run.tls);
  return versions && among(roles, run.role) && among(io, run.io) && (stacks.empty() || matches_any(stacks, run.subject)) &&
         (since.empty() || compare_versions(run.subject_version, since) >= 0) &&
         (before.empty() || compare_versions(run.subject_version, before) < 0);
}

LoadedClauses parse_clauses(std::string_view text, const std::string& file, const std::string& stem) {
  LoadedClauses loaded;
  Names names;
  Reader(text, file, stem, names, loaded).read();
  names.check(false, loaded.diagnostics);
  return loaded;
}

LoadedClauses load_clauses(const std::filesystem::path& directory) {
  LoadedClauses loaded;
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() == ".toml" && std::find(not_clauses.begin(), not_clauses.end(), name) == not_clauses.end())
      files.push_back(entry.path());
  }
  if (error) loaded.diagnostics.push_back({directory.string(), 0, 0, {}, fmt::format("cannot be read: {}", error.message()), {}});
  std::sort(files.begin(), files.end());
  Names names;
  for (const auto& file : files)
    if (const auto text = read_text(file, loaded.diagnostics)) Reader(*text, file.string(), file.stem().string(), names, loaded).read();
  names.check(true, loaded.diagnostics);
  return loaded;
}

namespace {

// What rests on a call that the stack's terms of use forbid is unclear, unless the clause speaks of such calls.
Finding judge_session(const Property& property, const Question& asked, const Facts& session) {
  static const Given against_terms = [] {
    Given given;
    given.add("not against-terms");
    return given;
  }();
  const auto beyond = [&](const Finding& it) {
    return it.kind == Finding::Kind::broken && is_so(session.against_terms()) && it.evidence.back() >= session.against_terms();
  };
  Finding finding = property.judge(session, asked);
  if (!beyond(finding) || (asked.given.named & against_terms.named).any()) return finding;
  Question allowed = asked;
  allowed.given.must_not |= against_terms.must_not;
  finding = property.judge(session, allowed);
  return beyond(finding) ? not_reached("the stack's terms of use forbid a call that it rests on") : finding;
}

}  // namespace

Finding judge(const Property& property, const Question& asked, const Facts& facts) {
  if (!facts.next()) return judge_session(property, asked, facts);
  Tally tally;
  std::string otherwise;
  for (const Facts* session = &facts; session; session = session->next()) {
    Finding finding = judge_session(property, asked, *session);
    if (otherwise.empty()) otherwise = finding.says;
    if (tally.add(std::move(finding))) break;
  }
  return tally.result(otherwise);
}

Finding judge(const Clause& clause, const Facts& facts) {
  if (!clause.applies.covers(facts.transcript().key())) return not_reached("the clause does not speak of this stack, role or version");
  return judge(*clause.property, clause.asked, facts);
}

}  // namespace tlsbye
