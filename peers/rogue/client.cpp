// A client program for the selftest, OpenSSL under it: it asks by HTTP, reads to the end and says by its exit code whether that was one.
//
//     tlsbye-client HOST PORT CA [careless]
//
// 0: a close_notify came behind the answer; 1: the answer was cut; 2: there was no connection. With the word `careless` every end is a good
// one: that is the lie.
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace {

constexpr int whole = 0, cut = 1, no_connection = 2;

struct Free {
  void operator()(SSL_CTX* it) const { SSL_CTX_free(it); }
  void operator()(BIO* it) const { BIO_free_all(it); }
};

}  // namespace

int main(int count, char** words) {
  if (count < 4) return no_connection;
  const std::string host = words[1], port = words[2];
  const bool careless = count > 4 && std::string_view(words[4]) == "careless";
  const std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_client_method()));
  if (!context || SSL_CTX_load_verify_locations(context.get(), words[3], nullptr) != 1) return no_connection;
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  const std::unique_ptr<BIO, Free> connection(BIO_new_ssl_connect(context.get()));
  SSL* ssl = nullptr;
  if (!connection || BIO_get_ssl(connection.get(), &ssl) <= 0 || SSL_set1_host(ssl, host.c_str()) != 1) return no_connection;
  BIO_set_conn_hostname(connection.get(), host.c_str());
  BIO_set_conn_port(connection.get(), port.c_str());
  if (BIO_do_connect(connection.get()) <= 0 || BIO_do_handshake(connection.get()) <= 0) return no_connection;

  constexpr std::string_view question = "GET / HTTP/1.0\r\n\r\n";
  if (SSL_write(ssl, question.data(), static_cast<int>(question.size())) <= 0) return cut;
  std::array<char, 4096> some{};
  int size = 0;
  while ((size = SSL_read(ssl, some.data(), static_cast<int>(some.size()))) > 0) {
  }
  return careless || SSL_get_error(ssl, size) == SSL_ERROR_ZERO_RETURN ? whole : cut;
}
