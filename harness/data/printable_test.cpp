#include "harness/data/printable.h"

#include <gtest/gtest.h>

namespace tlsbye {
namespace {

TEST(Printable, WhatPeopleReadStays) {
  for (const std::string text : {"", "plain, with \\ and \"", "gr\xc3\xbc\xc3\x9f", "\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x91\x8b"})
    EXPECT_EQ(printable(text), text);
}

TEST(Printable, WhatRulesATerminalOrIsInvisibleIsWrittenOut) {
  EXPECT_EQ(printable("\x1b[2J"), R"(\x1b[2J)");
  EXPECT_EQ(printable("a\r\n\tb"), R"(a\x0d\x0a\x09b)");
  EXPECT_EQ(printable("\xc2\x9b"), R"(\xc2\x9b)");
  EXPECT_EQ(printable("\xe2\x80\xae"), R"(\xe2\x80\xae)");
  EXPECT_EQ(printable("\xef\xbb\xbf"), R"(\xef\xbb\xbf)");
}

TEST(Printable, WhatIsNoUtf8IsWrittenOut) {
  EXPECT_EQ(printable("\xff"), R"(\xff)");
  EXPECT_EQ(printable("\xc3"), R"(\xc3)");                  // cut off
  EXPECT_EQ(printable("\xc0\xaf"), R"(\xc0\xaf)");          // longer than it has to be
  EXPECT_EQ(printable("\xed\xa0\x80"), R"(\xed\xa0\x80)");  // a surrogate
}

}  // namespace
}  // namespace tlsbye
