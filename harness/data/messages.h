// Messages for the user, on standard error.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace tlsbye {

// Writes the text as it is, and at once. Where standard error is closed, full, or a terminal that hung up, the text is lost and nothing
// else is: no error is given, and none thrown, so that destructors and threads may call it. Nothing of ours writes to standard error in
// another way.
void tell_user_text(std::string_view text) noexcept;

// The same of a format and its arguments.
template <typename... Args>
void tell_user(fmt::format_string<Args...> text, Args&&... args) {
  tell_user_text(fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace tlsbye
