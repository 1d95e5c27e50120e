#include "harness/data/messages.h"

#include <cstdio>

namespace tlsbye {

void tell_user_text(std::string_view text) noexcept {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), stderr));
  static_cast<void>(std::fflush(stderr));
}

}  // namespace tlsbye
