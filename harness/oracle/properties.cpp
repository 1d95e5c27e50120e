#include "harness/oracle/properties.h"

#include <algorithm>

namespace tlsbye {
namespace {

constexpr ParameterRow call{"call", true, "the API call it speaks of, or several", "call..."};
constexpr ParameterRow any_call{"call", false, "the API call it speaks of, or several; all of them", "call..."};
constexpr ParameterRow given{"given", false, "the situation, all of these words, of the call that decides", "situation..."};

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
        {"code", false, "the library's names of the error codes allowed", "text..."},
        {"returns", false, "the raw return values allowed", "text..."},
        {"errno", false, "the error numbers allowed, by name", "text..."}},
       answers},
      {"emits",
       "In that situation the subject sends exactly these records from the beginning of the call until its next call begins.",
       {call, given, {"records", true, "the records in order; `a|b` either, `nothing` none, a last `...` any more", "record..."}},
       emits},
      {"transport-calls",
       "In that situation the library moves bytes on the transport in this direction, or does not.",
       {call, given, {"none", false, "no transport call that moves bytes so", "flow..."}, {"some", false, "at least one", "flow..."}},
       transport_calls},
      {"shows",
       "A state flag of the library says so right after the call.",
       {call,
        given,
        {"flag", true, "the flag's name, as the peer reports it", "text"},
        {"is", false, "the values allowed", "text..."},
        {"contains", false, "parts that the value has", "text..."},
        {"lacks", false, "parts that the value does not have", "text..."}},
       shows},
      {"session-goes-on",
       "After that call in that situation the first later call of another kind answers so.",
       {call, given, {"then", true, "the later call", "call..."}, {"outcome", true, "the outcomes allowed for it", "outcome..."}},
       session_goes_on},
      {"does-not-wait",
       "The call comes back without receiving anything and without asking to be called again for that.",
       {call, given},
       does_not_wait},
      {"every-call-returns", "Each API call comes back: the process neither dies nor hangs in it.", {any_call, given}, every_call_returns},
      {"repeated-calls-end", "A call that is repeated as its answers ask for comes to an end.", {any_call, given}, repeated_calls_end},
      {"direction-matches",
       "A call that asks to be made again names the direction of the transport call that failed.",
       {any_call, given, {"flag", false, "the state flag that names it, beside the outcome: recv or send", "text"}},
       direction_matches},
      {"transient-faults-leave-no-trace",
       "A call that met EAGAIN, EINTR or a short count, and is repeated, gets done as if nothing had happened, with one close_notify.",
       {call, given},
       transient_faults_leave_no_trace},
      {"one-close-notify", "The subject sends its close_notify at most once in a session.", {any_call, given}, one_close_notify},
      {"nothing-after-close-notify",
       "After its close_notify the subject sends no record of any type.",
       {any_call, given},
       nothing_after_close_notify},
      {"close-notify-is-warning",
       "Each close_notify that the subject sends has the level warning.",
       {any_call, given},
       close_notify_is_warning},
      {"close-notify-before-end",
       "A subject that closed, and whose transport then ended, had sent its close_notify before the end.",
       {any_call, given},
       close_notify_before_end},
      {"written-data-arrives-first",
       "All that the subject's writes were answered for is on the wire before its close_notify, and no more than that.",
       {any_call, given},
       written_data_arrives_first},
      {"transport-left-open", "No call of the library ends the transport.", {any_call, given}, transport_left_open},
      {"success-means-reply-received",
       "A two-way close that reports success has had the peer's close_notify delivered before.",
       {given},
       success_means_reply_received},
      {"waits-for-reply", "A two-way close that nothing answered does not report success.", {given}, waits_for_reply},
      {"end-of-data-means-close-notify",
       "A read that tells the end of the data has had the peer's close_notify delivered before.",
       {given},
       end_of_data_means_close_notify},
      {"truncation-is-told",
       "The first read or two-way close that meets the transport's end without close_notify tells neither success nor the end of the data.",
       {any_call, given},
       truncation_is_told},
      {"data-after-close-notify-ignored",
       "Application data delivered behind the peer's close_notify is never read.",
       {given},
       data_after_close_notify_ignored},
      {"all-data-before-end",
       "When a read first tells the end of the data, all data delivered before the close_notify has been read, intact.",
       {given},
       all_data_before_end},
      {"end-of-data-stays", "After end-of-data every later read tells it again.", {given}, end_of_data_stays},
      {"transport-reusable",
       "After the close, exactly the bytes that follow the peer's close_notify are left on the transport.",
       {{"call", false, "`close` (as it is without) or `close-write`: then after that and a read that told the end of the data",
         "close-call"},
        given},
       transport_reusable},
  };
  return table;
}

const Property* find_property(std::string_view name) {
  const auto& table = properties();
  const auto it = std::find_if(table.begin(), table.end(), [&](const Property& property) { return property.name == name; });
  return it == table.end() ? nullptr : &*it;
}

}  // namespace tlsbye
