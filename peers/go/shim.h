/* What peers/go.cpp and shim.go know of each other. Plain C: cgo reads it, too. */
#ifndef TLSBYE_PEERS_GO_SHIM_H
#define TLSBYE_PEERS_GO_SHIM_H

enum tlsbye_go_call { tlsbye_go_handshake, tlsbye_go_read, tlsbye_go_write, tlsbye_go_close_write, tlsbye_go_close };

/* What an error is, as far as Go's own values and types tell. */
enum tlsbye_go_error {
  tlsbye_go_none,
  tlsbye_go_eof,       /* io.EOF */
  tlsbye_go_short,     /* io.ErrUnexpectedEOF */
  tlsbye_go_of_peer,   /* a net.OpError of "remote error": the peer's alert */
  tlsbye_go_of_system, /* a syscall.Errno: errno of the transport */
  tlsbye_go_not_now,   /* the connection is closed for that, or not yet open */
  tlsbye_go_other
};

struct tlsbye_go_result {
  long n; /* bytes, of a read and a write */
  int error, error_number;
  char code[64], words[512];
};

/* The transport, and where keys go. Times are by the peer's clock, in nanoseconds; -1 for none. Below zero a result is -errno. */
struct tlsbye_go_below {
  long (*receive)(int transport, void* into, long size, long long until);
  long (*send)(int transport, const void* from, long size, long long until);
  long (*close)(int transport);
  long long (*now)(void);
  void (*key)(void* keys, const char* line, long size);
};

struct tlsbye_go_options {
  int transport, client, version; /* 0x0303 */
  int tickets, require_certificate;
  const char *certificate, *key; /* PEM */
  const struct tlsbye_go_below* below;
  void* keys;
};

#endif
