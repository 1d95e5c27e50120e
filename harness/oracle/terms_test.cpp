#include "harness/oracle/terms.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "harness/oracle/tale.h"

namespace tlsbye {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using Kind = Finding::Kind;

std::vector<Term> terms(std::string_view text) {
  const LoadedTerms loaded = parse_terms(text, "terms.toml");
  EXPECT_THAT(loaded.diagnostics, IsEmpty());
  return loaded.terms;
}
// As Mbed TLS has it of mbedtls_ssl_read, for the stack that the tales are about.
const std::vector<Term>& no_more_after_a_read() {
  static const std::vector<Term> list = terms(R"(
[[terms]]
stack   = "gnutls"
since   = "3.7"
after   = ["read"]
answers = ["end-of-data", "cut", "failed"]
forbids = ["read", "write"]
cites   = ["ssl.h"]
says    = "The context is not used for reading or writing any more."
)");
  return list;
}

Kind found(const Transcript& transcript, std::string_view property, const Parameters& with = {},
           const std::vector<Term>& terms = no_more_after_a_read()) {
  return judge(*find_property(property), with, Facts(transcript, terms)).kind;
}

Tale ended() { return Tale().handshake().arrives(close_notify()).reads(Outcome::end_of_data); }

TEST(Terms, WhatAForbiddenCallAnswersIsHeldAgainstNobody) {
  const Transcript reads_on = ended().fin_arrives().reads(Outcome::cut);
  EXPECT_EQ(found(reads_on, "end-of-data-stays", {}, {}), Kind::broken);
  EXPECT_EQ(found(reads_on, "end-of-data-stays"), Kind::not_reached);
  const Parameters no_cut{{"call", {"read"}}, {"never", {"cut"}}};
  EXPECT_EQ(found(reads_on, "answers", no_cut, {}), Kind::broken);
  EXPECT_EQ(found(reads_on, "answers", no_cut), Kind::holds) << "the read before it was allowed";
}

TEST(Terms, WhatAForbiddenCallSendsIsHeldAgainstNobody) {
  const Transcript writes_on =
      Tale().handshake().close(Outcome::sent, {close_notify()}).arrives(close_notify()).reads(Outcome::end_of_data).writes(5);
  EXPECT_EQ(found(writes_on, "nothing-after-close-notify", {}, {}), Kind::broken);
  EXPECT_EQ(found(writes_on, "nothing-after-close-notify"), Kind::not_reached);
}

TEST(Terms, WhatCameBeforeItCounts) {
  const Transcript early =
      Tale().handshake().close(Outcome::sent, {close_notify()}).writes(5).arrives(close_notify()).reads(Outcome::end_of_data).writes(5);
  EXPECT_EQ(found(early, "nothing-after-close-notify"), Kind::broken);
}

TEST(Terms, OtherCallsStacksAndVersionsAreNotForbidden) {
  const Transcript closes = ended().close(Outcome::failed);
  const Parameters done{{"call", {"close"}}, {"outcome", {"done"}}};
  EXPECT_EQ(found(closes, "answers", done), Kind::broken);
  const Transcript reads_on = ended().fin_arrives().reads(Outcome::cut);
  for (const auto& [key, value] : {std::pair("stack", "openssl"), std::pair("before", "3.7.9"), std::pair("since", "3.8")}) {
    const std::string text = fmt::format("[[terms]]\n{}{} = '{}'\nanswers = 'end-of-data'\nforbids = 'read'\ncites = 'x'\nsays = 'y'\n",
                                         std::string_view(key) == "stack" ? "" : "stack = 'gnutls'\n", key, value);
    EXPECT_EQ(found(reads_on, "end-of-data-stays", {}, terms(text)), Kind::broken) << text;
  }
}

TEST(Terms, CrashesAndHangsCount) {
  EXPECT_EQ(found(ended().dies(Call::read), "every-call-returns"), Kind::crashed);
  EXPECT_EQ(found(ended().dies(Call::read, Died::How::spun), "every-call-returns"), Kind::hung);
}

TEST(Terms, AClauseMaySpeakOfForbiddenCalls) {
  const Parameters named{{"call", {"read"}}, {"given", {"against-terms"}}, {"never", {"cut"}}};
  EXPECT_EQ(found(ended().fin_arrives().reads(Outcome::cut), "answers", named), Kind::broken);
  EXPECT_EQ(found(ended(), "answers", named), Kind::not_reached);
}

TEST(Terms, AClearedObjectIsAsGoodAsNew) {
  const Parameters no_cut{{"call", {"read"}}, {"given", {"cleared"}}, {"never", {"cut"}}};
  EXPECT_EQ(found(ended().extra(Call::clear).reads(Outcome::cut), "answers", no_cut), Kind::broken);
  EXPECT_EQ(found(ended().extra(Call::clear, {}, Outcome::refused).reads(Outcome::cut), "answers", no_cut), Kind::not_reached);
}

TEST(Terms, TheLibrarysOwnFlagMayHaveToSaySo) {
  const std::vector<Term> fatal =
      terms("[[terms]]\nstack = 'gnutls'\nanswers = 'failed'\nflag = 'fatal=yes'\nforbids = 'read'\ncites = 'x'\nsays = 'y'\n");
  const Parameters no_cut{{"call", {"read"}}, {"never", {"cut"}}};
  const auto after = [](std::string said) {
    return Tale().handshake().reads(Outcome::failed).shows("fatal", std::move(said)).reads(Outcome::cut);
  };
  EXPECT_EQ(found(after("no"), "answers", no_cut, fatal), Kind::broken);
  EXPECT_EQ(found(after("yes"), "answers", no_cut, fatal), Kind::holds);
}

TEST(Terms, ACallMayBeForThoseWhoAreAlone) {
  const std::vector<Term> alone =
      terms("[[terms]]\nstack = 'gnutls'\nafter = 'key-update'\nanswers = 'done'\nbeside = true\nforbids = 'read'\ncites = 'x'\nsays = 'y'\n");
  const Parameters no_cut{{"call", {"read"}}, {"never", {"cut"}}, {"given", {"threads"}}};
  const Transcript beside = Tale().handshake().beside(Call::key_update, Outcome::done).reads(Outcome::cut);
  EXPECT_EQ(found(beside, "answers", no_cut, {}), Kind::broken);
  EXPECT_EQ(found(beside, "answers", no_cut, alone), Kind::not_reached);
  const Parameters no_cut_alone{{"call", {"read"}}, {"never", {"cut"}}};
  EXPECT_EQ(found(Tale().handshake().extra(Call::key_update).reads(Outcome::cut), "answers", no_cut_alone, alone), Kind::broken);
}

TEST(TermsFile, SaysWhatIsWrongWithIt) {
  const auto problem = [](std::string_view text) {
    const LoadedTerms loaded = parse_terms(text, "terms.toml");
    EXPECT_THAT(loaded.terms, IsEmpty());
    return loaded.diagnostics.empty() ? "nothing" : loaded.diagnostics.front().render();
  };
  EXPECT_THAT(problem("[[terms]]\nstack = 'x'\nanswers = 'failt'\nforbids = 'read'\ncites = 'x'\nsays = 'y'\n"), HasSubstr("`failed`"));
  EXPECT_THAT(problem("[[terms]]\nstack = 'x'\nanswers = 'failed'\nforbids = 'raed'\ncites = 'x'\nsays = 'y'\n"), HasSubstr("`read`"));
  EXPECT_THAT(problem("[[terms]]\nstack = 'x'\nanswers = 'failed'\nforbids = 'read'\nsays = 'y'\n"), HasSubstr("cites"));
  EXPECT_THAT(problem("[[terms]]\nstack = 'x'\nanswers = 'failed'\nflag = 'fatal'\nforbids = 'read'\ncites = 'x'\nsays = 'y'\n"),
              HasSubstr("`fatal=yes`"));
}

TEST(TermsFile, OursIsSoundAndAFolderMayHaveNone) {
  const LoadedTerms ours = load_terms(TLSBYE_SOURCE_DIR "/scenarios/clauses");
  EXPECT_THAT(ours.diagnostics, IsEmpty());
  EXPECT_FALSE(ours.terms.empty());
  EXPECT_THAT(load_terms(TLSBYE_SOURCE_DIR "/scenarios").terms, IsEmpty());
}

}  // namespace
}  // namespace tlsbye
