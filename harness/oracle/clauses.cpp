// The loader of scenarios/clauses/*.toml. Everything that can be wrong with a clause is told at once, with its place.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cstdlib>

#include "harness/data/diagnostic.h"
#include "harness/data/file.h"
#include "harness/data/glob.h"
#include "harness/oracle/finding.h"
#include "harness/oracle/oracle.h"

namespace tlsbye {
namespace {

// Data of other kinds that lives beside the clauses.
constexpr std::array<std::string_view, 6> not_clauses{"catalogue.toml",      "out-of-scope.toml", "cases.toml",
                                                      "contradictions.toml", "advice.toml",       "terms.toml"};

constexpr std::array<std::string_view, 9> clause_keys{"id",   "ref",         "strength", "applies", "cites",
                                                      "says", "contradicts", "property", "with"};

template <typename List>
std::vector<std::string_view> words_of(const List& list) {
  return {list.begin(), list.end()};
}

// "5.5.4" -> 5, 5, 4: what is between numbers does not count, and neither does what follows the first that is none ("1.1.1w").
int compare_versions(std::string_view one, std::string_view other) {
  const auto next = [](std::string_view& text) {
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    long number = 0;
    while (!text.empty() && !digit(text.front())) text.remove_prefix(1);
    while (!text.empty() && digit(text.front())) number = number * 10 + (text.front() - '0'), text.remove_prefix(1);
    return number;
  };
  while (!one.empty() || !other.empty()) {
    const long a = next(one);
    const long b = next(other);
    if (a != b) return a < b ? -1 : 1;
  }
  return 0;
}

bool is_version(std::string_view text) {
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
  if (!among("read") && !among("close") && !among("peek")) all.reset(static_cast<std::size_t>(Outcome::end_of_data));
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

// The word without `not `, `already ` and `formerly `, for suggestions.
std::string_view bare(std::string_view word) {
  while (word.starts_with("not ") || word.starts_with("already ") || word.starts_with("formerly ")) word.remove_prefix(word.find(' ') + 1);
  return word;
}

class Loader {
 public:
  explicit Loader(LoadedClauses& into) : into_(into) {}

  void text(std::string_view text, const std::string& file, const std::string& stem) {
    file_ = file;
    stem_ = stem;
    stems_.push_back(stem);
    lines_.clear();
    for (const std::string& line : split(text, '\n')) lines_.push_back(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
    toml::table table;
    try {
      table = toml::parse(text, file);
    } catch (const toml::parse_error& error) {
      problem(error.source().begin, std::string(error.description()));
      return;
    }
    for (const auto& [key, value] : table)
      if (key.str() != "clause")
        problem(key.source().begin, fmt::format("unknown table or key `{}`", key.str()),
                did_you_mean(key.str(), std::array<std::string_view, 1>{"clause"}));
    const toml::node* clauses = table.get("clause");
    if (!clauses) return;
    if (!clauses->is_array_of_tables()) return problem(clauses->source().begin, "clauses are written [[clause]]");
    for (const toml::node& node : *clauses->as_array()) clause(*node.as_table());
  }

  // What can be said only when all clauses are known. With `whole`, names of other files must exist too.
  void finish(bool whole) {
    std::vector<std::string_view> ids;
    for (const Named& it : named_) ids.push_back(it.id);
    for (const Named& it : contradicted_) {
      if (std::find(ids.begin(), ids.end(), it.id) != ids.end()) continue;
      const bool known_file = std::find(stems_.begin(), stems_.end(), it.id.substr(0, it.id.find('/'))) != stems_.end();
      if (whole || known_file) report(it.diagnostic, fmt::format("`contradicts` names no clause: {}", it.id), did_you_mean(it.id, ids));
    }
  }

 private:
  struct Named {
    std::string id;
    Diagnostic diagnostic;  // its place
  };

  Diagnostic place(const toml::source_position& at) const {
    Diagnostic diagnostic;
    diagnostic.file = file_;
    diagnostic.line = static_cast<int>(at.line);
    diagnostic.column = static_cast<int>(at.column);
    if (at.line > 0 && at.line <= lines_.size()) diagnostic.source_line = lines_[at.line - 1];
    return diagnostic;
  }
  void report(Diagnostic diagnostic, std::string problem, std::string suggestion) {
    diagnostic.problem = std::move(problem);
    diagnostic.suggestion = std::move(suggestion);
    into_.diagnostics.push_back(std::move(diagnostic));
    good_ = false;
  }
  void problem(const toml::source_position& at, std::string problem, std::string suggestion = {}) {
    report(place(at), std::move(problem), std::move(suggestion));
  }
  static toml::source_position at(const toml::node& node) { return node.source().begin; }

  // A word with its place.
  struct Word {
    std::string text;
    toml::source_position at;
  };

  // A string (or, for raw returns, a number), or a list of them.
  std::vector<Word> words(const toml::node& node, std::string_view key) {
    std::vector<Word> list;
    const auto one = [&](const toml::node& it) {
      if (const auto* text = it.as_string())
        list.push_back({text->get(), at(it)});
      else if (const auto* number = it.as_integer(); number && (key == "returns" || key == "growth"))
        list.push_back({fmt::format("{}", number->get()), at(it)});
      else
        problem(at(it), fmt::format("`{}` must be a string or a list of strings", key));
    };
    if (const auto* array = node.as_array()) {
      if (array->empty()) problem(at(node), fmt::format("`{}` is empty", key));
      for (const toml::node& it : *array) one(it);
    } else {
      one(node);
    }
    return list;
  }

  std::vector<std::string> strings(const toml::table& table, std::string_view key) {
    std::vector<std::string> list;
    if (const toml::node* node = table.get(key))
      for (Word& word : words(*node, key)) list.push_back(std::move(word.text));
    return list;
  }

  std::string string(const toml::table& table, std::string_view key) {
    const toml::node* node = table.get(key);
    if (!node) return {};
    if (const auto* text = node->as_string()) return text->get();
    problem(at(*node), fmt::format("`{}` must be a string", key));
    return {};
  }

  template <typename Keys>
  void check_keys(const toml::table& table, const Keys& known, std::string_view where) {
    for (const auto& [key, value] : table)
      if (std::find(known.begin(), known.end(), key.str()) == known.end())
        problem(key.source().begin, fmt::format("unknown key `{}` in {}", key.str(), where), did_you_mean(key.str(), words_of(known)));
  }

  template <typename Enum>
  std::vector<Enum> enums(const toml::table& table, std::string_view key) {
    std::vector<Enum> list;
    if (const toml::node* node = table.get(key))
      for (const Word& word : words(*node, key)) {
        if (const auto value = read_word<Enum>(word.text))
          list.push_back(*value);
        else
          problem(word.at, fmt::format("`{}` is no {}", word.text, key), did_you_mean(word.text, words_of(Words<Enum>::list)));
      }
    return list;
  }

  void clause(const toml::table& table) {
    good_ = true;
    check_keys(table, clause_keys, "a clause");
    for (const std::string_view key : {"id", "strength", "cites", "says", "property"})
      if (!table.contains(key)) problem(at(table), fmt::format("the clause has no `{}`", key));
    Clause it;
    it.file = file_;
    it.file_line = static_cast<int>(at(table).line);
    it.ref = strings(table, "ref");
    it.cites = strings(table, "cites");
    it.says = string(table, "says");
    identify(it, table);
    if (const auto list = enums<Strength>(table, "strength"); !list.empty()) it.strength = list.front();
    if (const toml::node* node = table.get("applies")) applies(it.applies, *node);
    property(it, table);
    if (good_) into_.clauses.push_back(std::move(it));
  }

  void identify(Clause& it, const toml::table& table) {
    const std::string name = string(table, "id");
    it.id = stem_ + "/" + name;
    if (const toml::node* node = table.get("id"); node && node->is_string()) {
      if (!is_name(name)) problem(at(*node), fmt::format("`{}` is no kebab-case name", name));
      const auto same = std::find_if(named_.begin(), named_.end(), [&](const Named& other) { return other.id == it.id; });
      if (same != named_.end())
        problem(at(*node), fmt::format("a clause of this name stands already at {}:{}", same->diagnostic.file, same->diagnostic.line));
      else
        named_.push_back({it.id, place(at(*node))});
    }
    it.contradicts = string(table, "contradicts");
    if (!it.contradicts.empty()) {
      if (it.contradicts.find('/') == std::string::npos) it.contradicts = stem_ + "/" + it.contradicts;
      contradicted_.push_back({it.contradicts, place(at(*table.get("contradicts")))});
    }
  }

  void applies(Applies& to, const toml::node& node) {
    const auto* table = node.as_table();
    if (!table) return problem(at(node), "`applies` must be a table");
    check_keys(*table, std::array<std::string_view, 6>{"stack", "since", "before", "tls", "role", "io"}, "`applies`");
    to.stacks = strings(*table, "stack");
    to.since = string(*table, "since");
    to.before = string(*table, "before");
    for (const std::string_view key : {"since", "before"})
      if (const auto* value = table->get(key); value && value->is_string() && !is_version(value->as_string()->get()))
        problem(at(*value), fmt::format("`{}` is no version: numbers with dots between them", value->as_string()->get()));
    if (!to.since.empty() && !to.before.empty() && compare_versions(to.since, to.before) >= 0)
      problem(at(*table->get("before")), "no version is since that and before this");
    to.tls = enums<Tls>(*table, "tls");
    to.roles = enums<Role>(*table, "role");
    to.io = enums<Io>(*table, "io");
  }

  void property(Clause& it, const toml::table& table) {
    const toml::node* node = table.get("property");
    const std::string name = string(table, "property");
    if (!node || !node->is_string()) return;
    it.property = find_property(name);
    if (!it.property) {
      std::vector<std::string_view> known;
      for (const Property& property : properties()) known.push_back(property.name);
      return problem(at(*node), fmt::format("unknown property `{}`", name), did_you_mean(name, known));
    }
    const toml::node* with = table.get("with");
    if (with && !with->is_table()) return problem(at(*with), "`with` must be a table");
    static const toml::table none;
    const toml::table& given = with ? *with->as_table() : none;
    std::vector<std::string_view> known;
    for (const ParameterRow& row : it.property->parameters) known.push_back(row.name);
    check_keys(given, known, fmt::format("the parameters of {}", name));
    for (const ParameterRow& row : it.property->parameters) {
      const toml::node* value = given.get(row.name);
      if (value)
        parameter(it.parameters, row, *value);
      else if (row.required)
        problem(at(with ? *with : *node), fmt::format("{} needs `{}`: {}", name, row.name, row.meaning));
    }
    if (!good_) return;
    it.asked = Question(it.parameters);
    check_can_fail(it, at(with ? *with : *node));
  }

  void parameter(Parameters& to, const ParameterRow& row, const toml::node& node) {
    const std::vector<Word> list = words(node, row.name);
    if (list.size() > 1 && !row.values.ends_with("...")) problem(list[1].at, fmt::format("`{}` is one word, not a list", row.name));
    for (const Word& word : list) {
      check_word(row, word);
      to[std::string(row.name)].push_back(word.text);
    }
  }

  void check_word(const ParameterRow& row, const Word& word) {
    const auto refuse = [&](std::string_view kind, std::string_view text, const std::vector<std::string_view>& known) {
      problem(word.at, fmt::format("`{}` is no {}", word.text, kind), did_you_mean(text, known));
    };
    const auto among = [&](const auto& known) { return std::find(known.begin(), known.end(), word.text) != known.end(); };
    if (row.values.starts_with("call")) {
      if (!read_word<Call>(word.text)) refuse("call", word.text, words_of(Words<Call>::list));
    } else if (row.values.starts_with("close-call")) {
      constexpr std::array<std::string_view, 2> closes{"close", "close-write"};
      if (!among(closes)) refuse("way to close", word.text, words_of(closes));
    } else if (row.values.starts_with("outcome")) {
      if (!read_word<Outcome>(word.text)) refuse("outcome", word.text, words_of(Words<Outcome>::list));
    } else if (row.values.starts_with("flow")) {
      if (!read_word<Flow>(word.text)) refuse("flow", word.text, words_of(Words<Flow>::list));
    } else if (row.values.starts_with("fault")) {
      constexpr std::array<std::string_view, 3> faults{"EAGAIN", "EINTR", "short"};
      if (!among(faults)) refuse("transient fault", word.text, words_of(faults));
    } else if (row.values.starts_with("alert")) {
      if (word.text != "error" && !alert_number(word.text)) refuse("alert", word.text, record_words());
    } else if (row.values == "level" || row.values == "usage" || row.values == "wait") {
      const std::vector<std::string_view> known = row.values == "level"   ? std::vector<std::string_view>{"warning", "fatal"}
                                                  : row.values == "usage" ? std::vector<std::string_view>{"descriptors", "heap"}
                                                                          : std::vector<std::string_view>{"call", "arrival"};
      if (!among(known)) refuse(row.values, word.text, known);
    } else if (row.values == "number") {
      if (word.text.empty() || word.text.find_first_not_of("0123456789") != std::string::npos) refuse("number", word.text, {});
    } else if (row.values.starts_with("situation")) {
      if (Given probe; !probe.add(word.text)) refuse("situation", bare(word.text), situation_words());
    } else if (row.values.starts_with("record")) {
      for (const std::string& part : split(word.text, '|'))
        if (!is_record_word(part)) refuse("record", part, record_words());
    }
  }

  // A check that cannot fail is a defect, and so is one that cannot hold.
  void check_can_fail(const Clause& it, const toml::source_position& where) {
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

  LoadedClauses& into_;
  std::string file_, stem_;
  std::vector<std::string> lines_;
  std::vector<std::string> stems_;
  std::vector<Named> named_, contradicted_;
  bool good_ = true;  // the clause at hand, so far
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
  Loader loader(loaded);
  loader.text(text, file, stem);
  loader.finish(false);
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
  Loader loader(loaded);
  for (const auto& file : files) {
    if (const auto text = read_text(file, loaded.diagnostics)) loader.text(*text, file.string(), file.stem().string());
  }
  loader.finish(true);
  return loaded;
}

namespace {

// What rests on a call that the stack's terms of use forbid is held against nobody, unless the clause speaks of such calls.
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
