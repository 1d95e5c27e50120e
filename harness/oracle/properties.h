// The judges of all properties, by theme. What each says stands in the table in properties.cpp.
#pragma once

#include "harness/oracle/oracle.h"

namespace tlsbye {

// calls.cpp: what calls answer
Finding answers(const Facts& facts, const Question& asked);
Finding shows(const Facts& facts, const Question& asked);
Finding transport_calls(const Facts& facts, const Question& asked);
Finding does_not_wait(const Facts& facts, const Question& asked);
Finding session_goes_on(const Facts& facts, const Question& asked);
Finding every_call_returns(const Facts& facts, const Question& asked);
Finding repeated_calls_end(const Facts& facts, const Question& asked);
Finding direction_matches(const Facts& facts, const Question& asked);
Finding comes_back(const Facts& facts, const Question& asked);
Finding wait_is_limited(const Facts& facts, const Question& asked);
Finding raises_no_signal(const Facts& facts, const Question& asked);
Finding transient_faults_leave_no_trace(const Facts& facts, const Question& asked);

// sending.cpp: what the subject puts on the wire
Finding emits(const Facts& facts, const Question& asked);
Finding success_means_own_close_notify_sent(const Facts& facts, const Question& asked);
Finding early_data_is_ended_as_due(const Facts& facts, const Question& asked);
Finding sends_readable_records(const Facts& facts, const Question& asked);
Finding one_close_notify(const Facts& facts, const Question& asked);
Finding nothing_after_close_notify(const Facts& facts, const Question& asked);
Finding close_notify_is_warning(const Facts& facts, const Question& asked);
Finding close_notify_before_end(const Facts& facts, const Question& asked);
Finding written_data_arrives_first(const Facts& facts, const Question& asked);
Finding alert_level(const Facts& facts, const Question& asked);
Finding written_data_is_received(const Facts& facts, const Question& asked);
Finding transport_left_open(const Facts& facts, const Question& asked);
Finding transport_closed_at_once(const Facts& facts, const Question& asked);

// receiving.cpp: what it makes of what it gets
Finding success_means_reply_received(const Facts& facts, const Question& asked);
Finding waits_for_reply(const Facts& facts, const Question& asked);
Finding end_of_data_means_close_notify(const Facts& facts, const Question& asked);
Finding truncation_is_told(const Facts& facts, const Question& asked);
Finding data_after_close_notify_ignored(const Facts& facts, const Question& asked);
Finding all_data_before_end(const Facts& facts, const Question& asked);
Finding end_of_data_stays(const Facts& facts, const Question& asked);
Finding transport_reusable(const Facts& facts, const Question& asked);
Finding data_intact(const Facts& facts, const Question& asked);

// programs.cpp: what a real program makes of what it gets
Finding success_means_answer_received(const Facts& facts, const Question& asked);

// runs.cpp: a whole run, and one run held against another
Finding usage_bounded(const Facts& facts, const Question& asked);
Finding as_without_faults(const Facts& facts, const Question& asked);
Finding same_error_wherever_it_ends(const Facts& facts, const Question& asked);

}  // namespace tlsbye
