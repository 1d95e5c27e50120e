// The transport of a session, and where its keys go.
//
// The net.Conn is one of ours, which does what Go's own does (internal/poll): a read or write that is interrupted is made again, one that
// would block waits, no longer than until the deadline, and a write goes on until all is written. What it calls is the peer's, in C.
package main

/*
#include <stdint.h>
#include "shim.h"
static long receive_(const struct tlsbye_go_below* b, int t, void* p, long n, long long until) { return b->receive(t, p, n, until); }
static long send_(const struct tlsbye_go_below* b, int t, const void* p, long n, long long until) { return b->send(t, p, n, until); }
static long close_(const struct tlsbye_go_below* b, int t) { return b->close(t); }
static long long now_(const struct tlsbye_go_below* b) { return b->now(); }
static void key_(const struct tlsbye_go_below* b, void* keys, const char* p, long n) { b->key(keys, p, n); }
*/
import "C"

import (
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const never = -1

type transport struct {
	fd          C.int
	below       *C.struct_tlsbye_go_below
	read, write C.longlong    // deadlines
	closed      atomic.Bool   // by the library; a call beside it may wait
	exactly     time.Duration // what the application's own deadline is away: no time passes while a call is made
}

func (t *transport) Read(b []byte) (int, error) {
	if t.closed.Load() {
		return 0, gone("read")
	}
	n := C.receive_(t.below, t.fd, first(b), C.long(len(b)), t.read)
	if n < 0 && t.closed.Load() {
		return 0, gone("read")
	}
	if n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return moved("read", n)
}

func (t *transport) Write(b []byte) (int, error) {
	for done := 0; done < len(b); {
		if t.closed.Load() {
			return done, gone("write")
		}
		rest := b[done:]
		n, err := moved("write", C.send_(t.below, t.fd, first(rest), C.long(len(rest)), t.write))
		if done += n; err != nil && t.closed.Load() {
			return done, gone("write")
		} else if err != nil {
			return done, err
		}
	}
	return len(b), nil
}

func first(b []byte) unsafe.Pointer {
	if len(b) == 0 {
		return nil
	}
	return unsafe.Pointer(&b[0])
}

func moved(what string, n C.long) (int, error) {
	if n >= 0 {
		return int(n), nil
	}
	if syscall.Errno(-n) == syscall.ETIMEDOUT {
		return 0, &net.OpError{Op: what, Net: "tcp", Err: os.ErrDeadlineExceeded}
	}
	return 0, &net.OpError{Op: what, Net: "tcp", Err: os.NewSyscallError(what, syscall.Errno(-n))}
}

// Called by Conn.Close, which only sessions make that are to close the transport as well. As Go's own: once, and who waits is woken.
func (t *transport) Close() error {
	if t.closed.Swap(true) {
		return gone("close")
	}
	_, err := moved("close", C.close_(t.below, t.fd))
	return err
}

func gone(what string) error {
	return &net.OpError{Op: what, Net: "tcp", Err: net.ErrClosed}
}

func (t *transport) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (t *transport) RemoteAddr() net.Addr { return t.LocalAddr() }

func (t *transport) SetDeadline(at time.Time) error {
	t.SetReadDeadline(at)
	return t.SetWriteDeadline(at)
}
func (t *transport) SetReadDeadline(at time.Time) error  { t.read = t.until(at); return nil }
func (t *transport) SetWriteDeadline(at time.Time) error { t.write = t.until(at); return nil }

// Go's clock runs on while the peer's stands still: the deadlines of the library itself are whole seconds away, or now.
func (t *transport) until(at time.Time) C.longlong {
	if at.IsZero() {
		return never
	}
	left := time.Until(at)
	if t.exactly > 0 {
		left = t.exactly
	} else if left > 0 {
		left = (left + time.Second - 1) / time.Second * time.Second
	} else {
		left = 0
	}
	return C.now_(t.below) + C.longlong(left)
}

// Where the library's key log goes: a line in each write.
type keyLog struct {
	below *C.struct_tlsbye_go_below
	keys  unsafe.Pointer
}

func (k keyLog) Write(line []byte) (int, error) {
	text := []byte(strings.TrimSuffix(string(line), "\n"))
	C.key_(k.below, k.keys, (*C.char)(first(text)), C.long(len(text)))
	return len(line), nil
}
