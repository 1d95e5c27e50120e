#include "harness/wire/wire.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <cerrno>

#include "harness/wire/connection_test.h"

namespace tlsbye {
namespace {

using Kind = RecordPattern::Kind;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

class EitherVersion : public testing::TestWithParam<Tls> {};
INSTANTIATE_TEST_SUITE_P(Wire, EitherVersion, testing::Values(Tls::v1_2, Tls::v1_3),
                         [](const auto& param) { return param.param == Tls::v1_2 ? "Tls12" : "Tls13"; });

TEST_P(EitherVersion, AConnectionPassesThroughAndIsDecrypted) {
  Connection c(GetParam());
  c.handshake();
  c.write(client, "hello");
  EXPECT_EQ(c.read(server), "hello");
  EXPECT_EQ(c.shutdown(client), 0);
  EXPECT_EQ(c.shutdown(server), 0);
  EXPECT_EQ(c.shutdown(server), 1);
  EXPECT_EQ(c.shutdown(client), 1);

  const auto sent = c.records(client);
  ASSERT_THAT(sent, SizeIs(2)) << c.story();
  EXPECT_EQ(sent[0].type, ContentType::application_data);
  EXPECT_EQ(sent[0].content_bytes, 5u);
  EXPECT_TRUE(sent[1].is_close_notify());
  EXPECT_EQ(sent[1].wire_bytes, GetParam() == Tls::v1_2 ? 31u : 24u);
  EXPECT_EQ(sent[1].fate, Fate::passed);
  EXPECT_TRUE(c.transcript.decrypted);
}

}  // namespace
}  // namespace tlsbye
