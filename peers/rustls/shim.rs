//! rustls with a C interface, for peers/rustls.cpp. It makes the calls that it is asked for and nothing else: what they mean is said there.
use rustls::client::Resumption;
use rustls::crypto::{ring, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::NoServerSessionStorage;
use rustls::{version, CipherSuite, ClientConfig, ClientConnection, Connection, ServerConfig};
use rustls::{ConnectionCommon, ServerConnection, SideData, Stream};
use std::ffi::{c_char, c_int, c_long, c_void, CStr};
use std::io::{self, ErrorKind, Read, Write};
use std::ops::DerefMut;
use std::sync::Arc;

mod application;
use application::{Any, Keys, Log, Transport};

pub struct Session {
    connection: Connection,
    transport: Transport,
}

fn open(transport: c_int, client: bool, tls13: bool, certificate: &[u8], key: &[u8], keys: Keys) -> Result<Session, Box<dyn std::error::Error>> {
    let suite = if tls13 { CipherSuite::TLS13_AES_128_GCM_SHA256 } else { CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 };
    let all = ring::default_provider();
    let provider = Arc::new(CryptoProvider {
        cipher_suites: all.cipher_suites.into_iter().filter(|it| it.suite() == suite).collect(),
        kx_groups: vec![ring::kx_group::X25519, ring::kx_group::SECP256R1],
        ..ring::default_provider()
    });
    let versions = if tls13 { [&version::TLS13] } else { [&version::TLS12] };
    let connection = if client {
        let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&versions)?;
        let mut config = config.dangerous().with_custom_certificate_verifier(Arc::new(Any)).with_no_client_auth();
        config.key_log = Arc::new(keys);
        config.resumption = Resumption::disabled();
        ClientConnection::new(Arc::new(config), ServerName::try_from("localhost")?)?.into()
    } else {
        let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(&versions)?.with_no_client_auth();
        let mut config =
            config.with_single_cert(vec![CertificateDer::from_pem_slice(certificate)?], PrivateKeyDer::from_pem_slice(key)?)?;
        config.key_log = Arc::new(keys);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        ServerConnection::new(Arc::new(config))?.into()
    };
    Ok(Session { connection, transport: Transport(transport) })
}

// Where it would block, I/O that got on a little is a success: what is left is told by wants_write and is_handshaking alone.
fn complete<S: SideData>(connection: &ConnectionCommon<S>) -> io::Result<usize> {
    if connection.wants_write() || connection.is_handshaking() {
        return Err(ErrorKind::WouldBlock.into());
    }
    Ok(0)
}

fn make<C, S>(connection: &mut C, transport: &mut Transport, call: c_int, data: &mut [u8]) -> io::Result<usize>
where
    C: DerefMut<Target = ConnectionCommon<S>>,
    S: SideData,
{
    match call {
        0 if !connection.is_handshaking() => Ok(0),
        0 => connection.complete_io(transport).and_then(|_| complete(connection)),
        1 => Stream::new(connection, transport).read(data),
        2 => Stream::new(connection, transport).write(data),
        3 => Stream::new(connection, transport).flush().and_then(|_| complete(connection)),
        _ => {
            connection.send_close_notify();
            Ok(0)
        }
    }
}

#[repr(C)]
pub struct Outcome {
    n: c_long,
    error: c_int,
    error_number: c_int,
    code: [u8; 64],
    words: [u8; 512],
}

fn copy(text: &str, to: &mut [u8]) {
    let size = text.len().min(to.len() - 1);
    to[..size].copy_from_slice(&text.as_bytes()[..size]);
    to[size] = 0;
}

// As the enum Error of shim.h.
fn kind(error: &io::Error) -> (c_int, String) {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner @ rustls::Error::AlertReceived(_)) => return (5, format!("{inner:?}")),
        Some(inner @ rustls::Error::HandshakeNotComplete) => return (6, format!("{inner:?}")),
        Some(inner) => return (7, format!("{inner:?}")),
        None => {}
    }
    let kind = match error.kind() {
        ErrorKind::WouldBlock => 1,
        ErrorKind::Interrupted => 2,
        ErrorKind::UnexpectedEof => 3,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => 4,
        _ => 7,
    };
    (kind, format!("ErrorKind::{:?}", error.kind()))
}

/// # Safety
/// The texts end with a zero, and `words` has room for 512 bytes.
#[no_mangle]
pub unsafe extern "C" fn tlsbye_rustls_open(
    transport: c_int, client: bool, tls13: bool, certificate: *const c_char, key: *const c_char, log: Log, keys: *mut c_void, words: *mut u8,
) -> *mut Session {
    let (certificate, key) = (CStr::from_ptr(certificate).to_bytes(), CStr::from_ptr(key).to_bytes());
    match open(transport, client, tls13, certificate, key, Keys(log, keys)) {
        Ok(session) => Box::into_raw(Box::new(session)),
        Err(error) => {
            copy(&error.to_string(), std::slice::from_raw_parts_mut(words, 512));
            std::ptr::null_mut()
        }
    }
}

/// # Safety
/// Of tlsbye_rustls_open, once.
#[no_mangle]
pub unsafe extern "C" fn tlsbye_rustls_free(session: *mut Session) {
    drop(Box::from_raw(session));
}

/// # Safety
/// `data` has `size` bytes.
#[no_mangle]
pub unsafe extern "C" fn tlsbye_rustls_do(session: &mut Session, call: c_int, data: *mut u8, size: usize, outcome: &mut Outcome) {
    let Session { connection, transport } = session;
    let data = if size > 0 { std::slice::from_raw_parts_mut(data, size) } else { &mut [] };
    let result = match connection {
        Connection::Client(it) => make(it, transport, call, data),
        Connection::Server(it) => make(it, transport, call, data),
    };
    match result {
        Ok(n) => outcome.n = n as c_long,
        Err(error) => {
            let (kind, code) = kind(&error);
            outcome.error = kind;
            outcome.error_number = error.raw_os_error().unwrap_or(0);
            copy(&code, &mut outcome.code);
            copy(&error.to_string(), &mut outcome.words);
        }
    }
}

#[no_mangle]
pub extern "C" fn tlsbye_rustls_wants_read(session: &Session) -> bool {
    session.connection.wants_read()
}

#[no_mangle]
pub extern "C" fn tlsbye_rustls_wants_write(session: &Session) -> bool {
    session.connection.wants_write()
}
