#include "harness/oracle/http.h"

#include <gtest/gtest.h>

namespace tlsbye {
namespace {

HttpAnswer so_far(std::string_view text, std::string_view method = "GET") { return http_answer(method, text, text.size()); }

TEST(Http, ARequestIsKnownByItsFirstLineAlone) {
  EXPECT_EQ(http_method("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "GET");
  EXPECT_EQ(http_method("HEAD /a b HTTP/1.0\n"), "HEAD");
  for (const char* other : {"", "GET / HTTP/1.1", "GET /\r\n", "EHLO HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\n", "a1 LOGIN x HTTP/1.1\r\n",
                            " / HTTP/1.1\r\n"})
    EXPECT_EQ(http_method(other), "") << other;
}

TEST(Http, AnAnswerIsWholeWhereItsOwnLengthSaysSo) {
  EXPECT_EQ(so_far("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello"), HttpAnswer::whole);
  EXPECT_EQ(so_far("HTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nHello and more"), HttpAnswer::whole);
  EXPECT_EQ(so_far("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nHello\r\n0\r\n"), HttpAnswer::whole);
  EXPECT_EQ(so_far("HTTP/1.1 204 No Content\r\n\r\n"), HttpAnswer::whole);
  EXPECT_EQ(so_far("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD"), HttpAnswer::whole);
  EXPECT_EQ(so_far("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), HttpAnswer::whole);
}

TEST(Http, AnAnswerOfWhichSomethingIsMissingIsUnfinished) {
  for (const char* text :
       {"", "HTT", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Len", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHell", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n0", "HTTP/1.1 100 Continue\r\n\r\n"})
    EXPECT_EQ(so_far(text), HttpAnswer::unfinished) << text;
}

TEST(Http, WithoutALengthOnlyTheCloseIsTheEnd) {
  EXPECT_EQ(so_far("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nHello"), HttpAnswer::until_close);
  EXPECT_EQ(so_far("HTTP/1.1 200 OK\n\n"), HttpAnswer::until_close);
}

TEST(Http, WhatIsDoubtfulIsUnclear) {
  for (const char* text :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nHello", "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nHello", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "HTTP/1.1 x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nHello\r\n0\r\n"})
    EXPECT_EQ(so_far(text), HttpAnswer::doubtful) << text;
  EXPECT_EQ(so_far("HTTP/1.1 200 OK\r\n\r\n", "CONNECT"), HttpAnswer::doubtful);
}

TEST(Http, OtherProtocolsAreNone) {
  for (const char* text : {"220 smtp ready\r\n", "HTTP/2", "\x12"}) EXPECT_EQ(so_far(text), HttpAnswer::none) << text;
}

TEST(Http, OfALongAnswerTheBeginningIsEnoughWhereTheLengthIsTold) {
  const std::string_view text = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n01234";
  EXPECT_EQ(http_answer("GET", text, text.size() - 5 + 1000), HttpAnswer::whole);
  EXPECT_EQ(http_answer("GET", text, text.size() - 5 + 999), HttpAnswer::unfinished);
  EXPECT_EQ(http_answer("GET", "HTTP/1.1 200 OK\r\nX: 1", 100), HttpAnswer::doubtful);
  EXPECT_EQ(http_answer("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n0", 100), HttpAnswer::doubtful);
}

}  // namespace
}  // namespace tlsbye
