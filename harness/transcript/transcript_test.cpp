#include "harness/transcript/transcript.h"

#include <gtest/gtest.h>

#include <type_traits>
#include <utility>

namespace tlsbye {
namespace {

// Whoever holds a transcript, even one that still grows, can read its events and append others; none can be changed or taken away.
static_assert(std::is_same_v<decltype(std::declval<Transcript&>().at(1)), const Event&>);
static_assert(std::is_same_v<decltype(std::declval<Transcript&>().events()), const std::vector<Event>&>);

TEST(Transcript, GrowsAtItsEndAndWhatIsThereStaysAsItIs) {
  Transcript transcript;
  EXPECT_EQ(transcript.add(1, Told{"one"}), 1);
  for (int line = 2; line < 100; ++line) EXPECT_EQ(transcript.add(line, Told{"more"}), line);
  EXPECT_EQ(transcript.at(1).number, 1);
  EXPECT_EQ(transcript.at(1).line, 1);
  EXPECT_EQ(transcript.at(1).as<Told>()->text, "one");
  EXPECT_EQ(transcript.next_number(), 100);
}

TEST(Transcript, CountsWhatItsEventsHoldTextsAndFlagsIncluded) {
  Transcript transcript;
  EXPECT_EQ(transcript.held(), 0u);
  transcript.add(1, TimePassed{1});
  EXPECT_EQ(transcript.held(), sizeof(Event));
  ApiCall call;
  call.words.assign(1000, 'x');
  call.state = {{"sent", "1"}};
  transcript.add(1, call);
  EXPECT_EQ(transcript.held(), 2 * sizeof(Event) + 1000 + sizeof call.state[0] + 5);
}

}  // namespace
}  // namespace tlsbye
