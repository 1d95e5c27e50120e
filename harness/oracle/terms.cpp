#include "harness/oracle/terms.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/data/file.h"
#include "harness/data/rows.h"

namespace tlsbye {
namespace {

template <typename Enum>
std::bitset<Words<Enum>::list.size()> set_of(Rows& rows, const toml::table& row, std::string_view key) {
  std::bitset<Words<Enum>::list.size()> set;
  for (const Enum value : rows.enums<Enum>(row, key)) set.set(static_cast<std::size_t>(value));
  return set;
}

}  // namespace

LoadedTerms load_terms(const std::filesystem::path& folder) {
  LoadedTerms loaded;
  const std::filesystem::path file = folder / "terms.toml";
  if (std::error_code error; !std::filesystem::exists(file, error)) return loaded;
  if (const auto text = read_text(file, loaded.diagnostics)) return parse_terms(*text, file.string());
  return loaded;
}

LoadedTerms parse_terms(std::string_view text, const std::string& file) {
  LoadedTerms loaded;
  Rows rows(text, file, loaded.diagnostics);
  for (const toml::table* row : rows.tables("terms", {"stack", "since", "before", "after", "answers", "flag", "beside", "forbids", "cites", "says"},
                                            {"stack", "answers", "forbids", "cites", "says"})) {
    Term it;
    it.applies.stacks = rows.texts(*row, "stack");
    it.applies.since = rows.text(*row, "since").value_or("");
    it.applies.before = rows.text(*row, "before").value_or("");
    it.applies.tls.assign({Tls::v1_0, Tls::v1_1, Tls::v1_2, Tls::v1_3});
    it.after = set_of<Call>(rows, *row, "after");
    if (!row->contains("after")) it.after.set();
    it.answers = set_of<Outcome>(rows, *row, "answers");
    it.forbids = set_of<Call>(rows, *row, "forbids");
    if (const auto flag = rows.text(*row, "flag")) {
      const std::size_t equals = std::min(flag->find('='), flag->size());
      it.flag = flag->substr(0, equals);
      it.value = flag->substr(std::min(equals + 1, flag->size()));
      if (it.flag.empty() || it.value.empty()) rows.report(Rows::place(*row, "flag"), "a flag and its value are written `fatal=yes`");
    }
    it.beside = rows.yes(*row, "beside").value_or(false);
    it.cites = rows.texts(*row, "cites");
    it.says = rows.text(*row, "says").value_or("");
    loaded.terms.push_back(std::move(it));
  }
  if (!loaded.diagnostics.empty()) loaded.terms.clear();
  return loaded;
}

void Facts::find_forbidden(const std::vector<Term>& terms) {
  for (const Term& term : terms) {
    if (!term.applies.covers(transcript_->key())) continue;
    Since since = never;
    for (SubjectCall& call : calls_) {
      if (is_so(since) && call.began > since && term.forbids.test(static_cast<std::size_t>(call.call))) {
        if (!is_so(call.against_terms)) call.against_terms = since;
        if (!is_so(against_terms_) || call.began < against_terms_) against_terms_ = call.began;
      }
      if (!call.api) continue;
      const bool answers = term.after.test(static_cast<std::size_t>(call.call)) &&
                           term.answers.test(static_cast<std::size_t>(call.api->outcome)) &&
                           (term.flag.empty() || call.api->flag(term.flag) == term.value) &&
                           (!term.beside || call.api->aside != Aside::no);
      if (call.call == Call::clear && call.answered(Outcome::done))
        since = never;
      else if (answers && !is_so(since))
        since = call.ended;
    }
  }
}

}  // namespace tlsbye
