// Properties of what the subject makes of what it gets.
#include "harness/oracle/finding.h"
#include "harness/oracle/properties.h"

namespace tlsbye {

Finding success_means_reply_received(const Facts& facts, const Asked&) {
  if (facts.options().quiet_shutdown) return not_reached("it was asked to close without a word");
  Tally tally;
  for (const SubjectCall& call : facts.calls()) {
    if (call.call != Call::close || !call.answered(Outcome::done) || !is_so(call.before.handshake_done)) continue;
    Since reply = call.after.close_notify_arrived();
    if (!is_so(reply) && facts.options().ignore_eof) reply = std::max({reply, call.after.fin, call.met.recv_eof});
    if (reply == unclear) continue;
    if (tally.add(is_so(reply) ? holds("close was done after the peer's close_notify had come", {reply, call.ended})
                               : broken("close reported success without the peer's close_notify", {call.ended})))
      break;
  }
  return tally.result(facts.transcript().decrypted ? "no two-way close reported success" : no_keys);
}

}  // namespace tlsbye
