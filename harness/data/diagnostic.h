// What is wrong in a file or with a word, told to whoever wrote it: the place, the line, a caret, and the word that may have been meant.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace tlsbye {

// A place in a file and what is wrong there; rendered as `file:line:column: problem`, the line, a caret and a suggestion. Without a line
// (0) it is about the file as a whole: `file: problem`.
struct Diagnostic {
  std::string file;
  int line = 0;    // 1-based
  int column = 0;  // 1-based
  std::string source_line;
  std::string problem;
  std::string suggestion;  // "did you mean `close`?", may be empty
  std::string render() const;
};

// All of them, one below the other, without the last end of line.
std::string rendered(std::span<const Diagnostic> diagnostics);

// The number of letters to add, take away, change, or swap with their neighbour, to make one word out of the other.
std::size_t edit_distance(std::string_view one, std::string_view other);

// The known word nearest to `word`, where one is near enough to be a slip of the pen; empty otherwise. Of equally near ones the first.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

// "did you mean `close-write`?", or, where nothing is near, the whole list if it is short: "one of: client, server". May be empty.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

}  // namespace tlsbye
