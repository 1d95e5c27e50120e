#include "harness/data/diagnostic.h"

#include <gtest/gtest.h>

#include <array>

namespace tlsbye {
namespace {

constexpr std::array<std::string_view, 4> verbs{"close", "close-write", "read", "write"};

TEST(EditDistance, CountsLettersAddedTakenAwayChangedAndSwapped) {
  EXPECT_EQ(edit_distance("close", "close"), 0u);
  EXPECT_EQ(edit_distance("close", "closes"), 1u);
  EXPECT_EQ(edit_distance("close", "lose"), 1u);
  EXPECT_EQ(edit_distance("close", "clone"), 1u);
  EXPECT_EQ(edit_distance("clsoe", "close"), 1u);
  EXPECT_EQ(edit_distance("", "close"), 5u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(Suggestion, TheNearestKnownWordIsNamed) {
  EXPECT_EQ(did_you_mean("close_write", verbs), "did you mean `close-write`?");
  EXPECT_EQ(did_you_mean("raed", verbs), "did you mean `read`?");
  constexpr std::string_view versions[] = {"1.0", "1.1", "1.2", "1.3"};
  EXPECT_EQ(did_you_mean("1.4", versions), "one of: 1.0, 1.1, 1.2, 1.3");
}

TEST(Suggestion, AWordThatIsNearToNothingGetsTheList) {
  EXPECT_EQ(nearest("bye", verbs), "");
  EXPECT_EQ(did_you_mean("bye", verbs), "one of: close, close-write, read, write");
}

TEST(Diagnostic, ShowsPlaceProblemLineCaretAndSuggestion) {
  const Diagnostic d{"scenarios/a.toml", 12, 10, "subject  clsoe until done", "unknown verb `clsoe`", "did you mean `close`?"};
  EXPECT_EQ(d.render(),
            "scenarios/a.toml:12:10: unknown verb `clsoe`\n"
            "  subject  clsoe until done\n"
            "           ^\n"
            "  did you mean `close`?\n");
}

TEST(Diagnostic, TheCaretStandsRightAfterTabs) {
  const Diagnostic d{"a.toml", 1, 9, "subject\tclsoe", "unknown verb `clsoe`", ""};
  EXPECT_EQ(d.render(), "a.toml:1:9: unknown verb `clsoe`\n  subject\tclsoe\n         \t^\n");
}

TEST(Diagnostic, WithoutALineItNamesTheFileOnly) {
  const Diagnostic d{"nowhere", 0, 0, "", "cannot read this folder", ""};
  EXPECT_EQ(d.render(), "nowhere: cannot read this folder\n");
}

}  // namespace
}  // namespace tlsbye
