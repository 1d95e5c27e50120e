#include "harness/wire/onlooker.h"

#include <gtest/gtest.h>

namespace tlsbye {
namespace {

using namespace std::string_view_literals;

// The last record of a client that began with `begun` of a record, and went on where nobody looked.
Record last_of(std::string_view begun, std::size_t missed) {
  const KeyLog keys;
  Transcript transcript(RunKey{"capture", "server", "", "client", "", Role::server, Tls::v1_3, {}});
  Onlooker onlooker(Role::server, keys, transcript);
  onlooker.saw(Side::partner, "\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03"sv, 1);
  onlooker.saw(Side::partner, begun, 2);
  onlooker.missed(Side::partner, missed, 3);
  onlooker.saw_end(Side::subject, End::fin, 4);
  onlooker.saw_all(5);
  Record last;
  for (const Event& event : transcript.events())
    if (const auto* record = event.as<Record>()) last = *record;
  return last;
}

TEST(Onlooker, ARecordThatIsCutByTheEndOfTheCaptureBehindAHoleWasNotSeen) {
  const Record record = last_of("\x17\x03\x03\x00\x13\x01\x02"sv, 1);
  EXPECT_TRUE(record.unseen);
  EXPECT_EQ(record.wire_bytes, 8U);
  EXPECT_NE(record.reading, Reading::read);
}

TEST(Onlooker, ARecordThatIsOnlyBegunWhenTheCaptureEndsIsNotTold) {
  EXPECT_FALSE(last_of("\x17\x03\x03\x00\x13\x01\x02"sv, 0).unseen);
}

}  // namespace
}  // namespace tlsbye
