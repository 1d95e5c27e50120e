#include "harness/data/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace tlsbye {
namespace {

// Whether a character may stand in a line that people read: not what controls a terminal, ends a line, or turns the direction of writing.
bool is_printable(char32_t c) {
  const auto within = [c](char32_t first, char32_t last) { return first <= c && c <= last; };
  return !(c < 0x20 || within(0x7f, 0x9f) || c == 0x61c || within(0x200b, 0x200f) || within(0x2028, 0x202e) || within(0x2060, 0x206f) ||
           c == 0xfeff || within(0xfff0, 0xfffb) || within(0xe0000, 0xe0fff));
}

// The UTF-8 character (RFC 3629) at the beginning of the text, and how many bytes it has; 0 where the text begins with none.
std::pair<char32_t, std::size_t> first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return {byte(0), 1};
  const std::size_t size = byte(0) < 0xc2 ? 0 : byte(0) < 0xe0 ? 2 : byte(0) < 0xf0 ? 3 : byte(0) < 0xf5 ? 4 : 0;
  if (size == 0 || text.size() < size) return {0, 0};
  char32_t character = byte(0) & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {0, 0};
    character = character << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = character >= 0xd800 && character <= 0xdfff;
  return {character, character < least[size] || character > 0x10ffff || surrogate ? 0 : size};
}

}  // namespace

std::string printable(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    const auto [character, size] = first_character(text);
    const std::size_t taken = std::max<std::size_t>(size, 1);
    if (size > 0 && is_printable(character))
      safe += text.substr(0, taken);
    else
      for (const unsigned char byte : text.substr(0, taken)) safe += fmt::format("\\x{:02x}", byte);
    text.remove_prefix(taken);
  }
  return safe;
}

}  // namespace tlsbye
