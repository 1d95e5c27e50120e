// Go's crypto/tls with a C interface, for peers/go.cpp. It makes the calls that it is asked for and nothing else: what they mean is said there.
package main

/*
#include <stdint.h>
#include "shim.h"
*/
import "C"

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/cgo"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// What is kept of a run: the key of a server's tickets, and the session that a client keeps.
var ticketKey *[32]byte
var kept *tls.ClientSessionState

// A client's session, as its tls.ClientSessionCache.
type one struct{ session *tls.ClientSessionState }

func (o *one) Get(string) (*tls.ClientSessionState, bool)    { return o.session, o.session != nil }
func (o *one) Put(_ string, session *tls.ClientSessionState) { o.session = session }

type session struct {
	conn      *tls.Conn
	transport *transport
	cache     *one
	limit     time.Duration // of a read
}

//export tlsbye_go_version
func tlsbye_go_version() *C.char { return C.CString(runtime.Version()) }

//export tlsbye_go_forget
func tlsbye_go_forget() { ticketKey, kept = nil, nil }

//export tlsbye_go_open
func tlsbye_go_open(options *C.struct_tlsbye_go_options) C.uintptr_t {
	version := uint16(options.version)
	suite := tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	if version < tls.VersionTLS12 {
		suite = tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA
	}
	// The suites of TLS 1.3 cannot be chosen: the other side's pick is the only one that both have.
	config := &tls.Config{
		MinVersion: version, MaxVersion: version,
		CipherSuites: []uint16{suite}, CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256},
		InsecureSkipVerify: true, ServerName: "localhost", SessionTicketsDisabled: options.tickets == 0,
		KeyLogWriter: keyLog{options.below, options.keys},
	}
	s := &session{transport: &transport{fd: options.transport, below: options.below, read: never, write: never}, cache: &one{kept}}
	if options.client != 0 {
		if options.tickets != 0 {
			config.ClientSessionCache = s.cache
		}
		s.conn = tls.Client(s.transport, config)
		return C.uintptr_t(cgo.NewHandle(s))
	}
	pair, err := tls.X509KeyPair([]byte(C.GoString(options.certificate)), []byte(C.GoString(options.key)))
	if err != nil {
		return 0
	}
	config.Certificates = []tls.Certificate{pair}
	if options.require_certificate != 0 {
		config.ClientAuth = tls.RequireAnyClientCert
	}
	if ticketKey == nil {
		ticketKey = new([32]byte)
		rand.Read(ticketKey[:])
	}
	if options.tickets != 0 {
		config.SetSessionTicketKeys([][32]byte{*ticketKey})
	}
	s.conn = tls.Server(s.transport, config)
	return C.uintptr_t(cgo.NewHandle(s))
}

func of(handle C.uintptr_t) *session { return cgo.Handle(handle).Value().(*session) }

//export tlsbye_go_free
func tlsbye_go_free(handle C.uintptr_t) { cgo.Handle(handle).Delete() }

//export tlsbye_go_limit
func tlsbye_go_limit(handle C.uintptr_t, ms C.long) {
	of(handle).limit = time.Duration(ms) * time.Millisecond
	of(handle).conn.SetReadDeadline(time.Time{})
}

//export tlsbye_go_keep
func tlsbye_go_keep(handle C.uintptr_t) C.int {
	kept = of(handle).cache.session
	if kept == nil {
		return 0
	}
	return 1
}

//export tlsbye_go_resumed
func tlsbye_go_resumed(handle C.uintptr_t) C.int {
	if of(handle).conn.ConnectionState().DidResume {
		return 1
	}
	return 0
}

//export tlsbye_go_do
func tlsbye_go_do(handle C.uintptr_t, call C.enum_tlsbye_go_call, data unsafe.Pointer, size C.long, result *C.struct_tlsbye_go_result) {
	s, n := of(handle), 0
	var err error
	switch call {
	case C.tlsbye_go_handshake:
		err = s.conn.Handshake()
	case C.tlsbye_go_read:
		if s.limit > 0 {
			s.transport.exactly = s.limit
			s.conn.SetReadDeadline(time.Now().Add(s.limit))
			s.transport.exactly = 0
		}
		n, err = s.conn.Read(unsafe.Slice((*byte)(data), size))
	case C.tlsbye_go_write:
		n, err = s.conn.Write(unsafe.Slice((*byte)(data), size))
	case C.tlsbye_go_close_write:
		err = s.conn.CloseWrite()
	case C.tlsbye_go_close:
		err = s.conn.Close()
	}
	result.n = C.long(n)
	if err == nil {
		return
	}
	kind, code, number := what(err)
	result.error, result.error_number = C.int(kind), C.int(number)
	copyText(result.code[:], code)
	copyText(result.words[:], err.Error())
}

// An error's kind, its name, and errno.
func what(err error) (kind C.enum_tlsbye_go_error, code string, number syscall.Errno) {
	var of *net.OpError
	switch {
	case errors.As(err, &number):
		return C.tlsbye_go_of_system, "syscall.Errno", number
	case errors.Is(err, os.ErrDeadlineExceeded):
		return C.tlsbye_go_other, "os.ErrDeadlineExceeded", 0
	case errors.Is(err, net.ErrClosed):
		return C.tlsbye_go_not_now, "net.ErrClosed", 0
	case errors.Is(err, io.EOF):
		return C.tlsbye_go_eof, "io.EOF", 0
	case errors.Is(err, io.ErrUnexpectedEOF):
		return C.tlsbye_go_short, "io.ErrUnexpectedEOF", 0
	case errors.As(err, &of) && of.Op == "remote error":
		return C.tlsbye_go_of_peer, "remote error", 0
	case errors.As(err, &of) && of.Op == "local error":
		return C.tlsbye_go_other, "local error", 0
	case strings.Contains(err.Error(), "protocol is shutdown"):
		return C.tlsbye_go_not_now, "tls.errShutdown", 0
	case strings.Contains(err.Error(), "CloseWrite called before handshake complete"):
		return C.tlsbye_go_not_now, "tls.errEarlyCloseWrite", 0
	}
	return C.tlsbye_go_other, fmt.Sprintf("%T", err), 0
}

func copyText(to []C.char, text string) {
	for i := 0; i < len(text) && i < len(to)-1; i++ {
		to[i] = C.char(text[i])
	}
}

func main() {}
