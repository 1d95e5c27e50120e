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

// CommonMark 6.1: a longer fence than any that is inside, and a blank between two backticks that would meet.
std::string code(std::string_view text) {
  std::size_t longest = 0, row = 0;
  for (const char c : text) longest = std::max(longest, row = c == '`' ? row + 1 : 0);
  const std::string fence(longest + 1, '`');
  const std::string_view apart = text.starts_with('`') || text.ends_with('`') ? " " : "";
  return fmt::format("{0}{1}{2}{1}{0}", fence, apart, line(text));
}

std::string line(std::string_view text) {
  std::string one(text);
  std::replace(one.begin(), one.end(), '\n', ' ');
  return one;
}

void Fitted::add(std::string head, std::vector<std::string> blocks, std::string foot) {
  sections_.push_back({std::move(head), std::move(blocks), std::move(foot)});
}

std::string Fitted::text() const {
  const auto note = [&](std::size_t left) { return fmt::format("... and {} more; {} has them all.\n\n", left, where_); };
  std::size_t room = most_;  // for blocks
  for (const Section& section : sections_) {
    const std::size_t kept = section.head.size() + section.foot.size() + (section.blocks.empty() ? 0 : note(section.blocks.size()).size());
    room -= std::min(room, kept);
  }
  std::string text;
  for (const auto& [head, blocks, foot] : sections_) {
    text += head;
    std::size_t told = 0;
    for (; told < blocks.size() && blocks[told].size() <= room; ++told) {
      text += blocks[told];
      room -= blocks[told].size();
    }
    text += foot;
    if (told < blocks.size()) text += note(blocks.size() - told);
  }
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

}  // namespace tlsbye::markdown_text
