// Suggestions for words that nobody knows: what every diagnostic of this project ends with.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace tlsbye {

// The number of letters to add, take away, change, or swap with their neighbour, to make one word out of the other.
std::size_t edit_distance(std::string_view one, std::string_view other);

// The known word nearest to `word`, where one is near enough to be a slip of the pen; empty otherwise. Of equally near ones the first.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

// "did you mean `close-write`?", or, where nothing is near, the whole list if it is short: "one of: client, server". May be empty.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

}  // namespace tlsbye
