// What Markdown reports are made of: text that is not markup, and text that fits. Internal to the reports.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tlsbye::markdown_text {

// Text for a place between the bars of a table, or in a paragraph: nothing in it is markup.
std::string plain(std::string_view text);
std::string code(std::string_view text);  // one that may hold backticks
// A line inside a fence: it stays one line.
std::string line(std::string_view text);

// A text of sections, the most important first, that stays below so many characters: by default what GitHub takes as a comment (65,536),
// with some room for a text around it. Blocks that do not fit are counted instead of told; a section's head and foot are
// always there.
class Fitted {
 public:
  // `where`: what has those that were left out, "matrix.html".
  explicit Fitted(std::string where, std::size_t most = 60'000) : where_(std::move(where)), most_(most) {}
  void add(std::string head, std::vector<std::string> blocks = {}, std::string foot = {});
  // Ends with a single newline.
  std::string text() const;

 private:
  struct Section {
    std::string head;
    std::vector<std::string> blocks;
    std::string foot;
  };
  std::string where_;
  std::size_t most_;
  std::vector<Section> sections_;
};

}  // namespace tlsbye::markdown_text
