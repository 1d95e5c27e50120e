#include "harness/wire/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace tlsbye {
namespace {

std::string record(char type, std::string_view payload) {
  std::string bytes;
  append_header(bytes, static_cast<std::uint8_t>(type), payload.size());
  return bytes.append(payload);
}

TEST(Record, AShortHeaderIsKeptUntilTheRestArrives) {
  const std::string bytes = record(21, "ab");
  RecordReader reader;
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
    reader.feed({&bytes[i], 1});
    EXPECT_FALSE(reader.next()) << i;
    EXPECT_EQ(reader.rest(), bytes.substr(0, i + 1));
    EXPECT_EQ(reader.announced(), i < 4 ? 0u : 7u);
  }
  reader.feed({&bytes.back(), 1});
  const auto whole = reader.next();
  ASSERT_TRUE(whole);
  EXPECT_FALSE(whole->raw);
  EXPECT_EQ(whole->type(), 21);
  EXPECT_EQ(whole->payload(), "ab");
  EXPECT_EQ(reader.rest(), "");
}

TEST(Record, RecordsInOneReadAreToldApart) {
  RecordReader reader;
  reader.feed(record(22, "one") + record(23, "") + record(23, "three") + "\x17");
  EXPECT_EQ(reader.next()->payload(), "one");
  EXPECT_EQ(reader.next()->payload(), "");
  EXPECT_EQ(reader.next()->payload(), "three");
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.rest(), "\x17");
}

TEST(Record, WhatCannotBeAHeaderIsRawAndSoIsWhatFollows) {
  for (const std::string& raw :
       {std::string("QUIT\r\n"), std::string("\x15\x02"), std::string("\x15\x03\x09"), std::string("\x17\x03\x03\xff\xff")}) {
    RecordReader reader;
    reader.feed(record(21, "ab") + raw);
    EXPECT_FALSE(reader.next()->raw);
    const auto rest = reader.next();
    ASSERT_TRUE(rest);
    EXPECT_TRUE(rest->raw);
    EXPECT_EQ(rest->bytes, raw);
    reader.feed(record(21, "cd"));
    EXPECT_TRUE(reader.next()->raw);
  }
}

TEST(Record, TheLargestRecordIsARecord) {
  RecordReader reader;
  reader.feed(record(23, std::string(largest_payload, 'x')));
  EXPECT_FALSE(reader.next()->raw);
}

TEST(Record, AnyBytesComeOutAsTheyWentIn) {
  std::mt19937 random(20);
  for (int round = 0; round < 2000; ++round) {
    RecordReader reader;
    std::string in, out;
    for (int feeds = 0; feeds < 8; ++feeds) {
      std::string bytes;
      for (std::size_t i = random() % 40; i > 0; --i) bytes += static_cast<char>(random() % 3 ? random() % 26 : random());
      if (random() % 2) bytes.insert(0, record(static_cast<char>(20 + random() % 4), bytes));
      in += bytes;
      reader.feed(bytes);
      while (const auto framed = reader.next()) {
        ASSERT_FALSE(framed->bytes.empty());
        out += framed->bytes;
      }
    }
    EXPECT_EQ(out.append(reader.rest()), in);
  }
}

}  // namespace
}  // namespace tlsbye
