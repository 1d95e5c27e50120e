// What `tlsbye judge` says of a capture: for people, as Markdown for a bug report, as JSON for programs.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "harness/capture/judged.h"
#include "reports/terminal.h"

namespace tlsbye {

struct JudgedCapture {
  std::string file;
  std::uint64_t packets = 0, others = 0;  // all of them; those without a TCP segment
  std::vector<std::string> remarks;       // on the file itself: that its end is missing, that there are no keys
  std::vector<JudgedConnection> connections;
};

// Each ends with a newline.
std::string captured_text(const JudgedCapture& capture, const TerminalStyle& style = {});
std::string captured_markdown(const JudgedCapture& capture);
std::string captured_json(const JudgedCapture& capture);

}  // namespace tlsbye
