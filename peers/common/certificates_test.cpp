#include "certificates.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

namespace tlsbye::peer {
namespace {

// Mbed TLS 3.6 takes no certificate in which it names none.
TEST(Certificates, WhereTheSignersKeyIsToBeNamedItIs) {
  for (const char* text : {ca_certificate, leaf_certificate}) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(text, -1), BIO_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
    ASSERT_TRUE(certificate);
    const std::unique_ptr<AUTHORITY_KEYID, decltype(&AUTHORITY_KEYID_free)> signer(
        static_cast<AUTHORITY_KEYID*>(X509_get_ext_d2i(certificate.get(), NID_authority_key_identifier, nullptr, nullptr)),
        AUTHORITY_KEYID_free);
    EXPECT_EQ(signer != nullptr, text == leaf_certificate);
    if (signer) {
      EXPECT_TRUE(signer->keyid);
    }
  }
}

}  // namespace
}  // namespace tlsbye::peer
