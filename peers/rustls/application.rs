//! What rustls asks of an application: a transport, a place for keys, a mind about certificates.
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, KeyLog, SignatureScheme};
use std::ffi::{c_char, c_int, c_void};
use std::io::{self, Read, Write};

// The transport: libc's functions, as std::net has them, but for who opened it.
extern "C" {
    fn recv(fd: c_int, into: *mut c_void, size: usize, flags: c_int) -> isize;
    fn send(fd: c_int, from: *const c_void, size: usize, flags: c_int) -> isize;
}
const MSG_NOSIGNAL: c_int = 0x4000;

pub struct Transport(pub c_int);

fn moved(n: isize) -> io::Result<usize> {
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

impl Read for Transport {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        moved(unsafe { recv(self.0, into.as_mut_ptr().cast(), into.len(), 0) })
    }
}

impl Write for Transport {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        moved(unsafe { send(self.0, from.as_ptr().cast(), from.len(), MSG_NOSIGNAL) })
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub type Log = extern "C" fn(*mut c_void, *const c_char, usize);

#[derive(Debug)]
pub struct Keys(pub Log, pub *mut c_void);
unsafe impl Send for Keys {}
unsafe impl Sync for Keys {}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl KeyLog for Keys {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}", hex(client_random), hex(secret));
        (self.0)(self.1, line.as_ptr().cast(), line.len());
    }
}

// Takes any certificate.
#[derive(Debug)]
pub struct Any;

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self, _: &CertificateDer<'_>, _: &[CertificateDer<'_>], _: &ServerName<'_>, _: &[u8], _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self, _: &[u8], _: &CertificateDer<'_>, _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self, _: &[u8], _: &CertificateDer<'_>, _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
