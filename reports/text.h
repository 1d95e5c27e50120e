// Lines of text for people: widths and wrapping. Internal to the reports.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tlsbye::text {

// How many columns UTF-8 text takes, as far as one column a character is true.
std::size_t width(std::string_view text);
// How many bytes the UTF-8 character takes that `text` begins with; 0 where it begins with none.
std::size_t character(std::string_view text);
// `text` and blanks up to `columns`; longer text stays as it is.
std::string padded(std::string_view text, std::size_t columns);

// Breaks `text` at blanks into lines of at most `columns`, the first begun with `first` and the others with `hanging` blanks. A word that
// is longer than a line stays whole.
std::vector<std::string> wrap(std::string_view text, std::size_t columns, std::size_t first, std::size_t hanging);

// "1.2", "1.2 and 1.3", "a, b and c"
std::string list(const std::vector<std::string>& words);

}  // namespace tlsbye::text
