#include "harness/oracle/closing.h"

#include <gmock/gmock.h>

#include "harness/oracle/tale.h"

namespace tlsbye {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

Asked said_by_partner(std::string_view which) {
  Asked asked{};
  asked.side = Side::partner;
  asked.verb = "say";
  asked.arguments = which;
  return asked;
}
ProgramDid exit_with(int code) { return {Side::subject, ProgramDid::What::ended, 10, "exit code", code, {}}; }
// The answer came, the first half of it if `which` is "beginning".
Tale answered(std::string_view which) { return Tale().of_the_wire_alone().sent(data(5)).add(said_by_partner(which)).arrives(data(100)); }

TEST(Closing, ASuccessAfterACutAnswerIsFound) {
  EXPECT_THAT(success_although_cut(answered("beginning").fin_arrives().add(exit_with(0)).transcript()), HasSubstr("second half"));
  EXPECT_THAT(success_although_cut(answered("beginning").reset_arrives().add(exit_with(0)).transcript()), HasSubstr("exit code 0"));
}

TEST(Closing, NobodyIsAccusedOfASuccessThatMayBeOne) {
  EXPECT_THAT(success_although_cut(answered("").fin_arrives().add(exit_with(0)).transcript()), IsEmpty());            // it was all
  EXPECT_THAT(success_although_cut(answered("beginning").fin_arrives().add(exit_with(56)).transcript()), IsEmpty());  // it noticed
  EXPECT_THAT(success_although_cut(answered("beginning").fin_arrives().transcript()), IsEmpty());  // nobody knows how it ended
  EXPECT_THAT(success_although_cut(answered("beginning").add(exit_with(0)).transcript()), IsEmpty());  // it did not wait for the end
  EXPECT_THAT(success_although_cut(answered("beginning").arrives(close_notify()).fin_arrives().add(exit_with(0)).transcript()), IsEmpty());
}

TEST(Closing, ACloseNotifyInTheClearSaysNothingOfTheAnswer) {
  const Tale tale = answered("beginning").arrives(in_the_clear(close_notify())).fin_arrives().add(exit_with(0));
  EXPECT_THAT(success_although_cut(tale.transcript()), HasSubstr("exit code 0"));
}

TEST(Closing, BehindRecordsUnderKeysACloseNotifyInTheClearIsTheEndOfNothing) {
  const Tale tale =
      Tale().of_the_wire_alone().sent(data(5)).arrives(data(5)).sent(in_the_clear(close_notify())).sent(data(5)).own_end_seen();
  std::vector<std::string> acts;
  for (const ClosingAct& act : closing_of(tale.transcript())) acts.push_back(told(act, "server"));
  EXPECT_THAT(acts, testing::ElementsAre("server close_notify in the clear", "server FIN without close_notify"));
}

TEST(Closing, WhoGoesOnInTheClearWithoutACloseNotifyIsToldSo) {
  const Tale tale = Tale().of_the_wire_alone().sent(data(5)).arrives(data(5)).sent(raw_bytes("421 bye")).own_end_seen();
  std::vector<std::string> acts;
  for (const ClosingAct& act : closing_of(tale.transcript())) acts.push_back(told(act, "server"));
  EXPECT_THAT(acts, testing::ElementsAre("server 7 bytes outside TLS", "server FIN without close_notify"));
}

TEST(Closing, OfWhatWasNotCapturedNothingIsTold) {
  const Record hole = but(unreadable(), [](Record& it) { it.unseen = true, it.wire_bytes = 1; });
  const Tale tale = Tale().of_the_wire_alone().sent(data(5)).arrives(data(5)).sent(close_notify()).sent(hole).arrives(close_notify());
  std::vector<std::string> acts;
  for (const ClosingAct& act : closing_of(tale.transcript())) acts.push_back(told(act, act.side == Side::subject ? "server" : "client"));
  EXPECT_THAT(acts, testing::ElementsAre("server close_notify", "client close_notify"));
}

}  // namespace
}  // namespace tlsbye
