// Colours of a terminal. Internal to the reports.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "harness/judge/judge.h"

namespace tlsbye {

// Escape sequences, or nothing.
class Ink {
 public:
  explicit Ink(bool colour) : colour_(colour) {}
  std::string of(Verdict verdict, std::string_view text) const {
    switch (verdict) {
      case Verdict::conforms:
        return paint("32", text);
      case Verdict::violates:
        return paint("31;1", text);
      case Verdict::hung:
      case Verdict::crashed:
      case Verdict::harness_error:
        return paint("37;41;1", text);
      case Verdict::discouraged:
        return paint("33", text);
      case Verdict::known:
      case Verdict::stale:
        return paint("35", text);
      case Verdict::differs:
        return paint("36", text);
      case Verdict::not_reached:
      case Verdict::unsupported:
        return paint("2", text);
    }
    return std::string(text);
  }
  std::string strong(std::string_view text) const { return paint("1", text); }
  std::string faint(std::string_view text) const { return paint("2", text); }

 private:
  std::string paint(std::string_view how, std::string_view text) const {
    return colour_ ? fmt::format("\x1b[{}m{}\x1b[0m", how, text) : std::string(text);
  }
  bool colour_;
};

}  // namespace tlsbye
