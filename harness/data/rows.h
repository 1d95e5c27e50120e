// Reading the project's TOML files. Every file is a list of [[name]] tables; one place words what can be wrong with their form: what does
// not parse, unknown and missing keys, values of another type, words that are not of a closed list. Callers name keys, and add what only
// they can know by report().
#pragma once

#include <toml++/toml.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/data/diagnostic.h"
#include "peers/protocol/words.h"

namespace tlsbye {

// One text being read. What is wrong with it goes to `diagnostics` as file:line:column, with the line and a suggestion. The text and the
// list outlive it.
class Rows {
 public:
  Rows(std::string_view text, std::string file, std::vector<Diagnostic>& diagnostics);

  using Keys = std::vector<std::string_view>;
  using Known = std::span<const std::string_view>;

  // The tables under [[name]], in order, their keys checked. Anything else at the top of the file but `beside` is reported.
  std::vector<const toml::table*> tables(std::string_view name, const Keys& keys, const Keys& required, const Keys& beside = {});
  // Reports each key of the table that is not among `keys`. `in` says what kind of table it is, where the reader does not see it at once.
  void check_keys(const toml::table& table, const Keys& keys, std::string_view in = {});

  // Where the value of `key` stands, or the table if there is none.
  static toml::source_region place(const toml::table& row, std::string_view key);

  // The value under `key`; nothing if there is none, or (reported) if it is of another type. Strings must not be empty.
  std::optional<std::string> text(const toml::table& row, std::string_view key);
  std::optional<bool> yes(const toml::table& row, std::string_view key);
  std::optional<std::string> date(const toml::table& row, std::string_view key);
  const toml::table* table(const toml::table& row, std::string_view key);

  // One string or a list of them: `a = "x"`, `a = ["x", "y"]`; with `numbers`, integers too, as they are written. Empty if there is none,
  // or (reported) if it is something else.
  struct Word {
    std::string text;
    toml::source_region at;
  };
  enum class Numbers { no, yes };
  std::vector<Word> words(const toml::table& row, std::string_view key, Numbers numbers = Numbers::no);
  std::vector<std::string> texts(const toml::table& row, std::string_view key, Numbers numbers = Numbers::no);

  // The same, of a closed list; what is not of it, or stands there twice, is reported.
  std::vector<std::string> texts_of(const toml::table& row, std::string_view key, Known known);
  template <typename Enum>
  std::vector<Enum> enums(const toml::table& row, std::string_view key) {
    std::vector<Enum> all;
    for (const std::string& word : texts_of(row, key, Words<Enum>::list))
      if (const auto value = read_word<Enum>(word)) all.push_back(*value);
    return all;
  }
  // Reports that `word`, a value of `key`, is not of the list.
  void report_stranger(const toml::source_region& at, std::string_view word, std::string_view key, Known known);

  // Whether nothing is reported, so far, between the head of such a table and the next one's.
  bool is_good(const toml::table& row) const;

  void report(const toml::source_region& at, std::string problem, std::string suggestion = {});
  // The place for a later report, with the line that stands there.
  Diagnostic diagnostic_at(const toml::source_region& at) const;

 private:
  std::string_view text_;
  std::string file_;
  std::vector<Diagnostic>* diagnostics_;
  toml::table root_;
  std::vector<int> heads_;  // the lines on which tables() begin
};

}  // namespace tlsbye
