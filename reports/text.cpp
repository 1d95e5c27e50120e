#include "reports/text.h"

#include <algorithm>
#include <array>

namespace tlsbye::text {

std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::size_t character(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = byte(0) < 0x80                      ? 1
                             : byte(0) >= 0xc2 && byte(0) < 0xe0 ? 2
                             : byte(0) >= 0xe0 && byte(0) < 0xf0 ? 3
                             : byte(0) >= 0xf0 && byte(0) < 0xf5 ? 4
                                                                 : 0;
  if (length > text.size()) return 0;
  char32_t value = length == 1 ? byte(0) : byte(0) & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    value = value << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  const bool valid =
      value >= least[length] && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff) && value != 0xfffe && value != 0xffff;
  return valid ? length : 0;
}

std::string padded(std::string_view text, std::size_t columns) {
  std::string line(text);
  if (const std::size_t used = width(text); used < columns) line.append(columns - used, ' ');
  return line;
}

std::vector<std::string> wrap(std::string_view text, std::size_t columns, std::size_t first, std::size_t hanging) {
  std::vector<std::string> lines;
  std::string line(first, ' ');
  bool empty = true;  // no word on this line yet
  while (!text.empty()) {
    const std::size_t blanks = std::min(text.find_first_not_of(' '), text.size());
    const std::size_t end = std::min(text.find(' ', blanks), text.size());
    const std::string_view word = text.substr(blanks, end - blanks);
    if (word.empty()) break;
    if (!empty && width(line) + blanks + width(word) > columns) {
      lines.push_back(std::move(line));
      line = std::string(hanging, ' ');
      empty = true;
    }
    // Blanks at the beginning of the text are its own indentation; those where a line was broken are not.
    if (!empty || lines.empty()) line.append(blanks, ' ');
    line += word;
    empty = false;
    text.remove_prefix(end);
  }
  if (!empty || lines.empty()) lines.push_back(std::move(line));
  return lines;
}

std::string list(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
  return text;
}

}  // namespace tlsbye::text
