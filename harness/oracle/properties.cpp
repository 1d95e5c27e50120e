#include "harness/oracle/properties.h"

#include <algorithm>

namespace tlsbye {
namespace {

constexpr ParameterRow call{"call", true, "the API call it speaks of", "call"};
constexpr ParameterRow given{"given", false, "the situation, all of these words", "situation..."};

}  // namespace

// The table of all properties: name, meaning, parameters, judge.
const std::vector<Property>& properties() {
  static const std::vector<Property> table{
      {"answers",
       "Every such call of the subject in that situation answers so.",
       {call,
        given,
        {"outcome", false, "the outcomes allowed", "outcome..."},
        {"never", false, "the outcomes forbidden", "outcome..."},
        {"code", false, "the library's names of its error codes that are allowed", "text..."},
        {"returns", false, "the raw return values allowed", "text..."},
        {"errno", false, "the error numbers allowed, by name", "text..."}},
       answers},
      {"emits",
       "In that situation the subject sends exactly these records from the beginning of the call until its next call begins.",
       {call, given, {"records", true, "the records in order; `a|b` either, `nothing` none, a last `...` any more", "record..."}},
       emits},
      {"success-means-reply-received",
       "A two-way close that reports success has had the peer's close_notify delivered before.",
       {},
       success_means_reply_received},
  };
  return table;
}

const Property* find_property(std::string_view name) {
  const auto& table = properties();
  const auto it = std::find_if(table.begin(), table.end(), [&](const Property& property) { return property.name == name; });
  return it == table.end() ? nullptr : &*it;
}

}  // namespace tlsbye
