// Reading the project's flat TOML lists: a file of [[name]] tables whose values are strings, dates or lists of strings.
#pragma once

#include <toml++/toml.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/data/diagnostic.h"

namespace tlsbye {

// One text being read; what is wrong with it goes to `diagnostics`, with place, line and suggestion.
class Rows {
 public:
  Rows(std::string_view text, std::string file, std::vector<Diagnostic>& diagnostics);

  // The tables under [[name]], in order. Anything else at the top of the file but `beside` is reported, and so is each key of a table that
  // is not among `keys`. `required` keys that are missing are reported too.
  std::vector<const toml::table*> tables(std::string_view name, const std::vector<std::string_view>& keys,
                                         const std::vector<std::string_view>& required, std::string_view beside = {});

  // The value; nullopt where there is none or (reported) where it is of another type. A string must not be empty.
  std::optional<std::string> text(const toml::table& row, std::string_view key);
  // One string or a list of them: `a = "x"`, `a = ["x", "y"]`. Empty where there is none or (reported) where it is something else.
  std::vector<std::string> texts(const toml::table& row, std::string_view key);
  std::optional<bool> yes(const toml::table& row, std::string_view key);
  std::optional<std::string> date(const toml::table& row, std::string_view key);

  void report(const toml::source_region& where, std::string problem, std::string suggestion = {});
  // Where the value of `key` stands, or the table where there is none.
  static toml::source_region place(const toml::table& row, std::string_view key);

 private:
  std::string_view text_;
  std::string file_;
  std::vector<Diagnostic>* diagnostics_;
  toml::table root_;
};

}  // namespace tlsbye
