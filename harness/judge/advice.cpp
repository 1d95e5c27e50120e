#include "harness/judge/advice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "harness/data/diagnostic.h"
#include "harness/data/file.h"
#include "harness/data/rows.h"

namespace tlsbye {
namespace {

using Section = AdviceRules::Section;
using Vocabulary = std::map<std::string, std::string, std::less<>>;

// Calls whose answers may be called otherwise than those of all others: "cut-of-handshake".
constexpr std::array<std::string_view, 3> calls_with_own_words{"handshake", "read", "write"};
constexpr std::array<std::string_view, 11> calls_and_such{
    "name", "close", "close-write", "close-transport", "read", "write", "peek", "handshake", "send-alert", "key-update", "free"};

class Reader {
 public:
  Reader(std::string_view text, std::string file, AdviceRules& into) : rows_(text, std::move(file), into.diagnostics), into_(into) {}

  void read() {
    std::vector<std::string> keys(calls_and_such.begin(), calls_and_such.end());
    for (const std::string_view outcome : Words<Outcome>::list) {
      keys.emplace_back(outcome);
      for (const std::string_view call : calls_with_own_words) keys.push_back(fmt::format("{}-of-{}", outcome, call));
    }
    for (const Outcome named : {Outcome::failed, Outcome::alert}) keys.push_back(fmt::format("{}-with", spell(named)));
    const std::vector<std::string_view> words(keys.begin(), keys.end());
    for (const toml::table* row : rows_.tables("stack", words, {"name"}, {"advice"})) {
      Vocabulary& vocabulary = into_.words[rows_.text(*row, "name").value_or("")];
      for (const auto& [key, value] : *row) vocabulary.emplace(key.str(), value.value_or(std::string()));
    }
    for (const toml::table* row : rows_.tables("advice", {"section", "question", "says", "otherwise"}, {"section", "question"}, {"stack"}))
      rule(*row);
  }

 private:
  void rule(const toml::table& row) {
    AdviceRules::Rule rule;
    const auto section = read_word<Section>(rows_.text(row, "section").value_or(""));
    if (section)
      rule.section = *section;
    else
      rows_.report(Rows::place(row, "section"), "no such section", "calls, answers, beware, resume");
    rule.question = rows_.text(row, "question").value_or("");
    const auto trait = std::find_if(traits().begin(), traits().end(), [&](const Trait& it) { return it.name == rule.question; });
    std::vector<std::string_view> names;
    for (const Trait& it : traits()) names.push_back(it.name);
    if (trait == traits().end()) rows_.report(Rows::place(row, "question"), "no such trait", did_you_mean(rule.question, names));
    if (const toml::table* says = row["says"].as_table()) {
      for (const auto& [answer, sentence] : *says) {
        if (trait != traits().end() && !gives(*trait, answer.str()))
          rows_.report(sentence.source(), fmt::format("`{}` is not an answer of {}", answer.str(), rule.question),
                       did_you_mean(answer.str(), trait->answers));
        rule.says.emplace(answer.str(), sentence.value_or(std::string()));
      }
    }
    if (row.contains("otherwise")) rule.otherwise = rows_.text(row, "otherwise").value_or("");
    if (rule.says.empty() && rule.otherwise.empty()) rows_.report(Rows::place(row, "question"), "an advice needs `says` or `otherwise`");
    into_.rules.push_back(std::move(rule));
  }

  // One of its answers, or several that runs gave: "no or yes".
  static bool gives(const Trait& trait, std::string_view answer) {
    constexpr std::string_view between = " or ";
    const std::size_t end = answer.find(between);
    const bool known = std::find(trait.answers.begin(), trait.answers.end(), answer.substr(0, end)) != trait.answers.end();
    return known && (end == std::string_view::npos || gives(trait, answer.substr(end + between.size())));
  }

  Rows rows_;
  AdviceRules& into_;
};

// What a stack calls things; for what it has no word those that are for all.
class Tongue {
 public:
  Tongue(const Vocabulary* own, const Vocabulary* common) : own_(own), common_(common) {}

  // A stack without a two-way close has no other call than its one-way close.
  std::string call(std::string_view name) const {
    if (const auto* word = find(own_, name)) return *word;
    if (const auto* word = name == spell(Call::close) ? find(own_, spell(Call::close_write)) : nullptr) return *word;
    return common(name);
  }
  // An outcome of that call ("": of any). `codes`: what the library called it.
  std::string answer(std::string_view answer, std::string_view call = {}, const std::vector<std::string>& codes = {}) const {
    if (const auto* with = codes.empty() ? nullptr : find(own_, fmt::format("{}-with", answer))) {
      const std::size_t at = with->find(code_);
      return at == std::string::npos ? *with : std::string(*with).replace(at, code_.size(), fmt::format("{}", fmt::join(codes, " or ")));
    }
    if (const auto* word = find(own_, fmt::format("{}-of-{}", answer, call))) return *word;
    const auto* word = find(own_, answer);
    return word ? *word : common(answer);
  }
  // Whether it tells answers of that kind by what the library called them.
  bool names(std::string_view answer) const { return find(own_, fmt::format("{}-with", answer)) != nullptr; }
  // Only if it is the stack's own.
  const std::string* own(std::string_view word) const { return find(own_, word); }

 private:
  static constexpr std::string_view code_ = "{code}";
  static const std::string* find(const Vocabulary* in, std::string_view word) {
    const auto it = in ? in->find(word) : Vocabulary::const_iterator();
    return in && it != in->end() ? &it->second : nullptr;
  }
  std::string common(std::string_view word) const {
    const auto* it = find(common_, word);
    return it ? *it : std::string(word);
  }
  const Vocabulary* own_;
  const Vocabulary* common_;
};

// The call that a trait asks of, as far as its name says so: "write-after-cut".
std::string_view call_of(std::string_view trait) {
  const std::string_view call = trait.substr(0, trait.find('-'));
  return std::find(calls_with_own_words.begin(), calls_with_own_words.end(), call) == calls_with_own_words.end() ? "" : call;
}

// An answer of that trait. Where none of them is `done`, `sent` is not the outcome of that name.
std::string told_answer(std::string_view trait, const std::string& answer, const std::vector<std::string>& codes, const Tongue& tongue) {
  const auto it = std::find_if(traits().begin(), traits().end(), [&](const Trait& known) { return known.name == trait; });
  const bool of_outcomes =
      it == traits().end() || std::find(it->answers.begin(), it->answers.end(), spell(Outcome::done)) != it->answers.end();
  if (answer == spell(Outcome::sent) && !of_outcomes) return answer;
  return tongue.answer(answer, call_of(trait), codes);
}

// {close} and {answer} replaced by the stack's words. A word that nobody has stands as it is.
std::string filled(std::string_view sentence, std::string_view answer, const Tongue& tongue) {
  std::string text;
  while (true) {
    const auto open = sentence.find('{'), shut = sentence.find('}');
    if (open == std::string_view::npos || shut < open) return text.append(sentence);
    const std::string_view word = sentence.substr(open + 1, shut - open - 1);
    text.append(sentence.substr(0, open)).append(word == "answer" ? std::string(answer) : tongue.call(word));
    sentence.remove_prefix(shut + 1);
  }
}

// What a property said of a call, "close answered done, not cut or reset" or "read sent close_notify", with the stack's words for call and
// answers. `takes_all`: the one-way close was the one that closes the transport as well.
std::string in_words_of(const Tongue& tongue, std::string_view says, bool takes_all) {
  const auto call_word = [&](std::string_view call) {
    return tongue.call(takes_all && call == spell(Call::close_write) ? "close-transport" : call);
  };
  constexpr std::string_view answered = " answered ", sent = " sent ";
  if (const std::size_t at = says.find(sent); at != std::string_view::npos && read_word<Call>(says.substr(0, at)))
    return call_word(says.substr(0, at)).append(says.substr(at));
  const std::size_t at = says.find(answered);
  if (at == std::string_view::npos) return std::string(says);
  const std::size_t behind = at + answered.size();
  const std::size_t begin = says.rfind(' ', at - 1) == std::string_view::npos ? 0 : says.rfind(' ', at - 1) + 1;
  const std::size_t end = std::min(says.find_first_of(" ,;:", behind), says.size());
  const std::string_view call = says.substr(begin, at - begin), outcome = says.substr(behind, end - behind);
  const auto meaning = [&](std::string_view word) { return read_word<Outcome>(word) ? tongue.answer(word, call) : std::string(word); };
  std::string text = fmt::format("{}{}{}{}", says.substr(0, begin), call_word(call), answered, meaning(outcome));
  std::string_view rest = says.substr(end);
  for (std::string_view before = ", not "; rest.starts_with(before); before = " or ") {
    rest.remove_prefix(before.size());
    const std::size_t size = std::min(rest.find_first_of(" ,;:"), rest.size());
    text.append(before).append(meaning(rest.substr(0, size)));
    rest.remove_prefix(size);
  }
  return text + in_words_of(tongue, rest, takes_all);
}

struct Column {
  std::string version;
  Role role;
  Tls tls;
  std::optional<Io> only = {};  // none: whether reads and writes block or not
  friend auto operator<=>(const Column&, const Column&) = default;
};
using Columns = std::set<Column>;

// Which of `all`, both of one version, the sentence is true of, as few words as will do. `if_so`: "blocking " before each.
void add_places(std::string& text, const Columns& so, const Columns& all, std::string_view if_so) {
  const auto add = [&](std::string_view place) { text += fmt::format("{}{}{}", text.empty() ? "" : ", ", if_so, place); };
  std::set<Tls> versions;
  for (const Column& column : so) versions.insert(column.tls);
  for (const Tls tls : versions) {
    const auto of = [&](const Columns& columns) {
      std::set<Role> roles;
      for (const Column& column : columns)
        if (column.tls == tls) roles.insert(column.role);
      return roles;
    };
    const std::set<Role> roles = of(so);
    add(roles == of(all) ? fmt::format("TLS {}", spell(tls)) : fmt::format("TLS {} as {}", spell(tls), spell(*roles.begin())));
  }
}

std::string where(const Columns& so, const Columns& all) {
  if (so == all) return "";
  std::map<std::optional<Io>, Columns> by_io;
  for (Column column : so) {
    const std::optional<Io> only = std::exchange(column.only, std::nullopt);
    by_io[only].insert(std::move(column));
  }
  std::string text;
  for (const auto& [only, columns] : by_io) {
    const std::string if_so = only ? fmt::format("{} ", spell(*only)) : "";
    if (only && columns == all)
      text += fmt::format("{}{}", text.empty() ? "" : ", ", spell(*only));
    else
      add_places(text, columns, all, if_so);
  }
  return text;
}

// Of one of the answers of a trait: the one way of reading and writing that it was given in, and whether it was the only answer there.
std::optional<Io> only_io(const TraitAnswer& trait, std::size_t n) { return n < trait.only.size() ? trait.only[n] : std::nullopt; }
bool is_always(const TraitAnswer& trait, std::size_t n) {
  const std::optional<Io> own = only_io(trait, n);
  for (std::size_t other = 0; other < trait.answers.size(); ++other)
    if (other != n && (!own || !only_io(trait, other) || only_io(trait, other) == own)) return false;
  return true;
}

// What the library calls the answer, where that is said.
std::vector<std::string> codes_told(const TraitAnswer& trait, std::size_t n, const Tongue& tongue) {
  return n < trait.codes.size() && tongue.names(trait.answers[n]) ? trait.codes[n] : std::vector<std::string>();
}

// The same of a stack with these versions. They are named where it is not the same in each of them: "3.0.22 TLS 1.3; 3.5.7".
std::string where(const Columns& so, const Columns& all, const std::vector<std::string>& versions) {
  std::vector<std::string> named;
  std::set<std::string> places;
  for (const std::string& version : versions) {
    const auto of = [&](const Columns& columns) {
      Columns own;
      for (const Column& column : columns)
        if (column.version == version) own.insert(column);
      return own;
    };
    const Columns own = of(so);
    if (own.empty()) continue;
    const std::string place = where(own, of(all));
    places.insert(place);
    named.push_back(place.empty() ? version : fmt::format("{} {}", version, place));
  }
  if (named.size() == versions.size() && places.size() == 1) return *places.begin();
  return fmt::format("{}", fmt::join(named, "; "));
}

// One sentence with all the columns that it holds in, in the order in which they were met.
class Sentences {
 public:
  void add(std::string sentence, const Column& column, const std::string& replay, bool always) {
    const auto it = std::find_if(list_.begin(), list_.end(), [&](const Entry& entry) { return entry.sentence == sentence; });
    if (it != list_.end()) {
      it->columns.insert(column);
      it->always = it->always && always;
    } else {
      list_.push_back({std::move(sentence), {column}, replay, always});
    }
  }
  void give(Section section, const Columns& all, const std::vector<std::string>& versions, std::vector<Advice>& to) const {
    for (const Entry& entry : list_) {
      std::string place = where(entry.columns, all, versions);
      if (!entry.always) place += place.empty() ? "not in every run" : ", not in every run";
      to.push_back({section, entry.sentence, std::move(place), entry.replay});
    }
  }

 private:
  struct Entry {
    std::string sentence;
    Columns columns;
    std::string replay;
    bool always;
  };
  std::vector<Entry> list_;
};

// What runs showed to be broken. Documents and editions say the same: where several clauses were broken by the same in the same scenario,
// it is told once.
class Broken {
 public:
  void add(const Cell& cell) {
    const Column column{cell.version, cell.role, cell.tls};
    const auto it = std::find_if(list_.begin(), list_.end(), [&](const Entry& entry) {
      return entry.says == cell.says && (entry.scenario == cell.scenario || entry.has(cell.clause));
    });
    if (it == list_.end()) {
      list_.push_back({{cell.clause}, cell.says, cell.scenario, cell.replay, {column}});
      return;
    }
    if (!it->has(cell.clause)) it->clauses.push_back(cell.clause);
    it->columns.insert(column);
  }
  void give(Section section, const Tongue& tongue, const Columns& all, const std::vector<std::string>& versions,
            std::vector<Advice>& to) const {
    for (const Entry& entry : list_)
      to.push_back({section,
                    fmt::format("{}: {}", fmt::join(entry.clauses, ", "), in_words_of(tongue, entry.says, takes_all(entry.scenario))),
                    where(entry.columns, all, versions), entry.replay});
  }

 private:
  // The scenarios of this family have the option of that name.
  static bool takes_all(std::string_view scenario) { return scenario.starts_with(fmt::format("{}/", spell(Option::closes_transport))); }
  struct Entry {
    std::vector<std::string> clauses;
    std::string says, scenario, replay;
    Columns columns;
    bool has(const std::string& clause) const { return std::find(clauses.begin(), clauses.end(), clause) != clauses.end(); }
  };
  std::vector<Entry> list_;
};

Tongue tongue_of(std::string_view stack, const AdviceRules& rules) {
  const auto words = [&](std::string_view name) {
    const auto found = rules.words.find(name);
    return found == rules.words.end() ? nullptr : &found->second;
  };
  return {words(stack), words("*")};
}

std::vector<std::string> versions_of(std::string_view stack, const RunReport& report) {
  std::vector<std::string> versions;
  for (const StackInfo& it : report.stacks)
    if (it.name == stack) versions.push_back(it.version);
  return versions;
}

// What a stack answered to the question of a trait.
class Answers {
 public:
  Answers(const RunReport& report, std::string_view trait, std::string_view stack, const Tongue& tongue) : trait_(trait) {
    for (const TraitAnswer& it : report.traits) {
      if (it.trait != trait || it.stack != stack) continue;
      all_.insert({it.version, it.role, it.tls});
      for (std::size_t n = 0; n < it.answers.size(); ++n) {
        Given& given = given_.try_emplace({it.answers[n], codes_told(it, n, tongue)}).first->second;
        given.columns.insert({it.version, it.role, it.tls, only_io(it, n)});
        if (given.replay.empty()) given.replay = n < it.replays.size() ? it.replays[n] : it.replay;
        for (const Io io : {Io::blocking, Io::nonblocking})
          if (only_io(it, n).value_or(io) == io) by_place_[{it.role, it.tls, io}].insert(it.answers[n]);
      }
    }
  }

  bool none() const { return all_.empty(); }
  // What was given, each answer with the names that the library has for it.
  using Named = std::pair<std::string, std::vector<std::string>>;
  std::vector<Named> given(std::string_view answer) const {
    std::vector<Named> named;
    for (const auto& [it, unused] : given_)
      if (it.first == answer) named.push_back(it);
    return named;
  }
  // No role, TLS version and way of reading and writing of both is answered differently.
  bool alike(const Answers& other) const {
    return std::all_of(by_place_.begin(), by_place_.end(), [&](const auto& place) {
      const auto there = other.by_place_.find(place.first);
      return there == other.by_place_.end() || there->second == place.second;
    });
  }
  // "SSL_ERROR_ZERO_RETURN [TLS 1.3]", each with a run that shows it.
  std::vector<std::pair<std::string, std::string>> told(const Tongue& tongue, const std::vector<std::string>& versions) const {
    std::vector<std::pair<std::string, std::string>> lines;
    for (const auto& [named, given] : given_) {
      const std::string place = where(given.columns, all_, versions);
      const std::string word = told_answer(trait_, named.first, named.second, tongue);
      lines.emplace_back(place.empty() ? word : fmt::format("{} [{}]", word, place), given.replay);
    }
    return lines;
  }

 private:
  struct Given {
    Columns columns;
    std::string replay;
  };
  std::string_view trait_;
  Columns all_;
  std::map<Named, Given> given_;
  std::map<std::tuple<Role, Tls, Io>, std::set<std::string>> by_place_;
};

constexpr std::array<std::string_view, 4> headings{"The calls", "What answers mean", "What to avoid", "Which sessions can be resumed"};

std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string lines;
  std::size_t column = indent;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (column > indent && column + 1 + word.size() > width) {
      lines += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += word.size();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

AdviceRules parse_advice(std::string_view text, const std::string& file) {
  AdviceRules rules;
  Reader(text, file, rules).read();
  return rules;
}

AdviceRules load_advice(const std::filesystem::path& directory) {
  const std::string file = (directory / "advice.toml").string();
  AdviceRules unread;
  if (const auto text = read_text(file, unread.diagnostics)) return parse_advice(*text, file);
  return unread;
}

std::vector<Advice> advise(const RunReport& report, std::string_view stack, const AdviceRules& rules) {
  std::vector<Advice> advice;
  const Tongue tongue = tongue_of(stack, rules);
  const std::vector<std::string> versions = versions_of(stack, report);
  for (std::size_t i = 0; i < headings.size(); ++i) {
    const auto section = static_cast<Section>(i);
    for (const AdviceRules::Rule& rule : rules.rules) {
      if (rule.section != section) continue;
      Columns all;
      Sentences sentences;
      for (const TraitAnswer& trait : report.traits) {
        if (trait.trait != rule.question || trait.stack != stack) continue;
        all.insert({trait.version, trait.role, trait.tls});
        if (const auto both = trait.answers.size() > 1 ? rule.says.find(trait.answer()) : rule.says.end(); both != rule.says.end()) {
          sentences.add(filled(both->second, trait.answer(), tongue), {trait.version, trait.role, trait.tls}, trait.replay, true);
          continue;
        }
        for (std::size_t n = 0; n < trait.answers.size(); ++n) {
          const std::string& answer = trait.answers[n];
          const std::string& replay = n < trait.replays.size() ? trait.replays[n] : trait.replay;
          const auto it = rule.says.find(answer);
          const std::string& sentence = it != rule.says.end() ? it->second : rule.otherwise;
          if (sentence.empty()) continue;
          const std::string word = told_answer(trait.trait, answer, codes_told(trait, n, tongue), tongue);
          sentences.add(filled(sentence, word, tongue), {trait.version, trait.role, trait.tls, only_io(trait, n)}, replay,
                        is_always(trait, n));
        }
      }
      sentences.give(section, all, versions, advice);
    }
    if (section != Section::beware) continue;
    Columns all;
    Broken broken;
    for (const Cell& cell : report.cells) {
      if (cell.stack != stack) continue;
      all.insert({cell.version, cell.role, cell.tls});
      const Verdict verdict = cell.was.value_or(cell.verdict);
      if (verdict == Verdict::violates || verdict == Verdict::crashed || verdict == Verdict::hung) broken.add(cell);
    }
    broken.give(section, tongue, all, versions, advice);
  }
  return advice;
}

std::string advice_title(const RunReport& report, std::string_view stack) {
  std::string versions;
  for (const StackInfo& it : report.stacks)
    if (it.name == stack) versions += (versions.empty() ? "" : ", ") + it.version;
  return fmt::format("How to close safely on {} {}", stack, versions);
}

std::string_view advice_heading(AdviceRules::Section section) { return headings[static_cast<std::size_t>(section)]; }

std::string tell_move(const RunReport& report, std::string_view from, std::string_view to, const AdviceRules& rules, std::size_t width) {
  const std::array<std::string_view, 2> names{from, to};
  const std::array<Tongue, 2> tongues{tongue_of(from, rules), tongue_of(to, rules)};
  const std::array<std::vector<std::string>, 2> versions{versions_of(from, report), versions_of(to, report)};
  std::string text =
      fmt::format("Moving from {} {} to {} {}\nas {} runs showed it; `tlsbye replay ID{}` shows any of them again.\n", from,
                  fmt::join(versions[0], ", "), to, fmt::join(versions[1], ", "), report.runs, more_replay_words(report.provenance));

  text += "\nWhat it is called\n";
  std::vector<std::string_view> keys(calls_and_such.begin() + 1, calls_and_such.end());
  keys.insert(keys.end(), Words<Outcome>::list.begin(), Words<Outcome>::list.end());
  for (const std::string_view key : keys) {
    const std::string *before = tongues[0].own(key), *after = tongues[1].own(key);
    const std::string none = "nothing: no call waits for the peer's close_notify";
    if (key == spell(Call::close)) {
      if (before && !after && tongues[1].own(spell(Call::close_write))) after = &none;
      if (after && !before && tongues[0].own(spell(Call::close_write))) before = &none;
    }
    if (!before || !after || *before == *after) continue;
    text += fmt::format("  {:<15} {}\n", key, wrapped(fmt::format("{} -> {}", *before, *after), 18, width));
  }

  text += "\nWhat changes\n";
  std::vector<std::string_view> same;
  for (const Trait& trait : traits()) {
    const std::array<Answers, 2> answers{Answers(report, trait.name, from, tongues[0]), Answers(report, trait.name, to, tongues[1])};
    if (answers[0].none() || answers[1].none()) continue;
    if (answers[0].alike(answers[1])) {
      same.push_back(trait.name);
      continue;
    }
    text += fmt::format("  {}\n", wrapped(trait.question, 2, width));
    for (std::size_t i = 0; i < names.size(); ++i)
      for (const auto& [line, replay] : answers[i].told(tongues[i], versions[i]))
        text += fmt::format("      {:<9} {}\n                {}\n", names[i], wrapped(line, 16, width), replay);
    for (const AdviceRules::Rule& rule : rules.rules) {
      if (rule.question != trait.name) continue;
      for (const std::string_view answer : trait.answers) {
        const auto it = rule.says.find(answer);
        const std::string& sentence = it != rule.says.end() ? it->second : rule.otherwise;
        if (sentence.empty()) continue;
        std::vector<std::string> all;
        for (const auto& [outcome, codes] : answers[1].given(answer)) {
          const std::string word = told_answer(trait.name, outcome, codes, tongues[1]);
          if (std::string so = filled(sentence, word, tongues[1]); std::find(all.begin(), all.end(), so) == all.end())
            all.push_back(std::move(so));
        }
        for (const std::string& so : all) text += fmt::format("      so        {}\n", wrapped(so, 16, width));
      }
    }
  }
  const std::string alike = fmt::format("{}", fmt::join(same, ", "));
  if (!same.empty()) text += fmt::format("\nWhat does not, as far as it was seen\n  {}\n", wrapped(alike, 2, width));
  return text;
}

std::string tell_advice(const RunReport& report, std::string_view stack, const AdviceRules& rules, std::size_t width) {
  std::string text = advice_title(report, stack) + fmt::format("\nas {} runs showed it; `tlsbye replay ID{}` shows any of them again.\n",
                                                               report.runs, more_replay_words(report.provenance));
  std::optional<Section> section;
  int number = 0;
  for (const Advice& it : advise(report, stack, rules)) {
    if (section != it.section) text += fmt::format("\n{}\n", advice_heading(it.section)), number = 0;
    section = it.section;
    const std::string mark = it.section == Section::calls ? fmt::format("{}.", ++number) : "-";
    const std::string sentence = it.where.empty() ? it.sentence : fmt::format("{} [{}]", it.sentence, it.where);
    text += fmt::format("  {:<3} {}\n      {}\n", mark, wrapped(sentence, 6, width), it.replay);
  }
  return text;
}

}  // namespace tlsbye
