#include "reports/markdown_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace tlsbye::markdown_text {

std::string plain(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (std::string_view("|\\`*_<>[]").find(c) != std::string_view::npos) safe += '\\';
    safe += c == '\n' ? ' ' : c;
  }
  return safe;
}

std::string code(std::string_view text) { return fmt::format("`{}`", text); }

std::string line(std::string_view text) {
  std::string one(text);
  std::replace(one.begin(), one.end(), '\n', ' ');
  return one;
}

void Fitted::add(std::string_view head, const std::vector<std::string>& blocks, std::string_view foot) {
  text_ += head;
  std::size_t told = 0;
  while (told < blocks.size() && text_.size() + blocks[told].size() + kept_back <= most) text_ += blocks[told++];
  text_ += foot;
  if (told < blocks.size()) text_ += fmt::format("... and {} more; {} has them all.\n\n", blocks.size() - told, where_);
}

std::string Fitted::text() && {
  while (text_.ends_with("\n\n")) text_.pop_back();
  return std::move(text_);
}

}  // namespace tlsbye::markdown_text
