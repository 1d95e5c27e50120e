#include "harness/oracle/http.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace tlsbye {
namespace {

constexpr std::string_view begins = "HTTP/1.";

// Takes the next line, without its end; nothing where it has not ended.
std::optional<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t from = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(from);
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

std::string small(std::string_view text) {
  std::string letters(text);
  for (char& c : letters)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return letters;
}

std::optional<std::size_t> number(std::string_view digits, int base) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  // Far from the end of what can be counted, so that lengths can be added.
  if (error != std::errc() || end != digits.data() + digits.size() || value > std::numeric_limits<std::size_t>::max() / 4)
    return std::nullopt;
  return value;
}

// `known`: what there is has all been looked at, so that what is missing has not come.
HttpAnswer chunks(std::string_view body, bool known) {
  const HttpAnswer missing = known ? HttpAnswer::unfinished : HttpAnswer::doubtful;
  for (;;) {
    const auto line = take_line(body);
    if (!line) return missing;
    const auto size = number(trimmed(line->substr(0, line->find(';'))), 16);
    if (!size) return HttpAnswer::doubtful;
    if (*size == 0) return HttpAnswer::whole;
    if (body.size() <= *size) return missing;
    body.remove_prefix(*size);
    const auto end = take_line(body);
    if (!end) return missing;
    if (!end->empty()) return HttpAnswer::doubtful;
  }
}

}  // namespace

std::string http_method(std::string_view request) {
  const auto line = take_line(request);
  if (!line) return {};
  const std::size_t end = line->find(' ');
  const std::size_t version = line->rfind(' ');
  if (end == std::string_view::npos || end == 0 || version <= end + 1 || !line->substr(version + 1).starts_with(begins)) return {};
  const std::string_view method = line->substr(0, end);
  return std::all_of(method.begin(), method.end(), [](char c) { return c >= 'A' && c <= 'Z'; }) ? std::string(method) : std::string();
}

HttpAnswer http_answer(std::string_view method, std::string_view beginning, std::size_t size) {
  const bool known = beginning.size() == size;
  const HttpAnswer missing = known ? HttpAnswer::unfinished : HttpAnswer::doubtful;
  std::string_view rest = beginning;
  for (;;) {
    if (rest.size() < begins.size() && begins.starts_with(rest)) return missing;
    if (!rest.starts_with(begins)) return HttpAnswer::none;
    const auto status_line = take_line(rest);
    if (!status_line) return missing;
    const std::size_t space = status_line->find(' ');
    const auto status = space == std::string_view::npos ? std::nullopt : number(status_line->substr(space + 1, 3), 10);
    if (!status || *status < 100 || *status == 101) return HttpAnswer::doubtful;
    std::optional<std::size_t> length;
    bool chunked = false, odd = false;
    for (;;) {
      const auto line = take_line(rest);
      if (!line) return missing;
      if (line->empty()) break;
      const std::size_t colon = line->find(':');
      if (colon == std::string_view::npos || line->front() == ' ' || line->front() == '\t') {
        odd = true;
        continue;
      }
      const std::string name = small(line->substr(0, colon));
      const std::string_view value = trimmed(line->substr(colon + 1));
      if (name == "content-length") {
        odd |= length.has_value();
        length = number(value, 10);
        odd |= !length.has_value();
      } else if (name == "transfer-encoding") {
        odd |= chunked || small(value) != "chunked" || status_line->starts_with("HTTP/1.0");
        chunked = true;
      }
    }
    if (odd || method == "CONNECT" || (chunked && length)) return HttpAnswer::doubtful;
    if (*status < 200) continue;  // another follows
    if (method == "HEAD" || *status == 204 || *status == 304) return HttpAnswer::whole;
    if (chunked) return chunks(rest, known);
    if (!length) return HttpAnswer::until_close;
    const std::size_t head = beginning.size() - rest.size();
    return size - head >= *length ? HttpAnswer::whole : HttpAnswer::unfinished;
  }
}

}  // namespace tlsbye
