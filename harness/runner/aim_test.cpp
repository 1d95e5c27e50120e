#include "harness/runner/aim.h"

#include <gmock/gmock.h>

namespace tlsbye {
namespace {

// A transcript of records of 100 bytes, of which the third is a close_notify, and of the calls that move them.
class Aimed : public testing::Test {
 protected:
  void record(ContentType type, std::string content, std::size_t bytes = 100) {
    Record it;
    it.from = Side::subject;
    it.type = type;
    it.content = std::move(content);
    it.wire_bytes = bytes;
    it.offset = sent_;
    sent_ += bytes;
    transcript.add(1, it);
  }
  void sends(long result) {
    transcript.add(1, TransportCall{Side::subject, Call::close, 2, "send", Flow::send, 300, result, result < 0 ? "EAGAIN" : "", false});
  }
  void three_records(std::size_t second = 100) {
    record(ContentType::handshake, "");
    record(ContentType::application_data, "", second);
    record(ContentType::alert, std::string("\1\0", 2));
  }
  static AimedLine at_close_notify(Fault fault, int times = 1, std::size_t count = 1) {
    return {1, Side::subject, 0, {{Flow::send, fault, times, 0, count}, {RecordPattern::Kind::close_notify, {}}}};
  }
  // "fault xTIMES after AFTER (COUNT)"
  static std::vector<std::string> told(const std::vector<FaultPlan>& plans) {
    std::vector<std::string> words;
    for (const FaultPlan& it : plans)
      words.push_back(std::string(spell(it.fault)) + " x" + std::to_string(it.times) + " after " + std::to_string(it.after) + " (" +
                      std::to_string(it.count) + ")");
    return words;
  }
  Transcript transcript;
  std::size_t sent_ = 0;
};

TEST_F(Aimed, ARecordThatBeginsItsCallIsMetByTheFaultAlone) {
  sends(100), sends(-1), sends(100), sends(100);
  three_records();
  EXPECT_THAT(told(plans_of(at_close_notify(Fault::eagain, 2), transcript)), testing::ElementsAre("EAGAIN x2 after 3 (1)"));
  EXPECT_THAT(told(plans_of(at_close_notify(Fault::short_count, 2, 7), transcript)), testing::ElementsAre("short x2 after 3 (7)"));
}

TEST_F(Aimed, OneThatLiesWithinItsCallIsMetByTheNextOne) {
  sends(100), sends(200);
  three_records();
  EXPECT_THAT(told(plans_of(at_close_notify(Fault::epipe), transcript)),
              testing::ElementsAre("short x1 after 1 (100)", "EPIPE x1 after 2 (1)"));
  EXPECT_THAT(told(plans_of(at_close_notify(Fault::short_count, 1, 7), transcript)), testing::ElementsAre("short x1 after 1 (107)"));
  EXPECT_THAT(told(plans_of(at_close_notify(Fault::short_count, 2, 7), transcript)),
              testing::ElementsAre("short x1 after 1 (107)", "short x1 after 2 (7)"));
}

TEST_F(Aimed, OnlyWhatIsMovedBehindTheLineCounts) {
  sends(100), sends(100), sends(100);
  three_records();
  AimedLine late = at_close_notify(Fault::eagain);
  late.asked = 2;
  EXPECT_THAT(told(plans_of(late, transcript)), testing::ElementsAre("EAGAIN x1 after 0 (1)"));
  late.asked = 3;
  EXPECT_TRUE(plans_of(late, transcript).empty());
}

TEST_F(Aimed, AFaultThatFellWithinARecordHasMissedIt) {
  const AimedLine line = at_close_notify(Fault::eagain);
  sends(100), sends(200);
  three_records();
  const auto plans = plans_of(line, transcript);
  for (const std::size_t second : {100, 101, 99}) {
    transcript = Transcript();
    sent_ = 0;
    sends(100), sends(100), sends(-1), sends(static_cast<long>(second));
    three_records(second);
    EXPECT_EQ(met_a_record(plans, line, transcript), second == 100) << second;
  }
}

}  // namespace
}  // namespace tlsbye
