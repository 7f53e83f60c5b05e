//! TLS at both ends: of the generator, of the relay, and the certificate that a router is started with.
//!
//! A [`Tls`] stands beside a socket and never owns one, so that plain connections cost nothing for it, and works on
//! blocking sockets (where it waits) as on others (where it says how far it came). Nobody is authenticated: both ends are
//! on this machine. Sessions are never resumed, so each join pays for a whole handshake, as a new client's does.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::server::NoServerSessionStorage;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};

/// The first byte of a client that speaks TLS.
pub(crate) const FIRST_BYTE: u8 = 0x16;

/// The name in certificates, which nobody checks.
const HOST: &str = "localhost";
/// At most so much comes out of [`Tls::decrypt`] beyond what goes in: the record that was incomplete before.
pub(crate) const RECORD_MAX: usize = 32 * 1024;

/// A certificate that its own key has signed, and the key, both PEM.
pub(crate) struct Certificate {
    /// The certificate.
    pub(crate) certificate: String,
    /// Its private key.
    pub(crate) key: String,
}

impl Certificate {
    /// A new one.
    pub(crate) fn new() -> Result<Self> {
        let made = rcgen::generate_simple_self_signed([HOST.to_owned()])?;
        Ok(Self { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() })
    }
}

/// A server with a certificate of its own.
pub(crate) fn server_config() -> Result<Arc<ServerConfig>> {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

/// The client of all connections, made when the first of them needs it.
static CLIENT: LazyLock<Result<Arc<ClientConfig>>> = LazyLock::new(|| {
    let mut config = ClientConfig::clone(&*client::tls::danger_trusting_anybody()?);
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
});

/// One end of TLS whose handshake is done.
#[derive(Debug)]
pub(crate) struct Tls(Box<Connection>);

impl Tls {
    /// Does the client's side of the handshake on a blocking socket.
    pub(crate) fn client(socket: &mut (impl Read + Write)) -> Result<Self> {
        let config = CLIENT.as_ref().map_err(|error| anyhow::anyhow!("no TLS: {error:#}"))?;
        let connection = ClientConnection::new(Arc::clone(config), ServerName::try_from(HOST)?)?;
        Self::shake_hands(Connection::Client(connection), socket)
    }

    /// Does the server's side of the handshake on a blocking socket.
    pub(crate) fn server(socket: &mut (impl Read + Write), config: &Arc<ServerConfig>) -> Result<Self> {
        let connection = ServerConnection::new(Arc::clone(config))?;
        Self::shake_hands(Connection::Server(connection), socket)
    }

    fn shake_hands(connection: Connection, socket: &mut (impl Read + Write)) -> Result<Self> {
        let mut tls = Tls(Box::new(connection));
        while tls.0.is_handshaking() || tls.0.wants_write() {
            tls.0.complete_io(socket).context("the TLS handshake failed")?;
        }
        Ok(tls)
    }

    /// Reads from a blocking socket; 0 is the end.
    pub(crate) fn read(&mut self, socket: &mut impl Read, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.reader().read(room) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            if self.0.read_tls(socket)? == 0 {
                return Ok(0);
            }
            self.0.process_new_packets().map_err(io::Error::other)?;
        }
    }

    /// Decrypts what was read from a socket into `room` and answers how much of it that took.
    ///
    /// `room` has [`RECORD_MAX`] bytes more than `encrypted`, so that everything has room.
    pub(crate) fn decrypt(&mut self, mut encrypted: &[u8], room: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while !encrypted.is_empty() {
            if self.0.read_tls(&mut encrypted)? == 0 {
                // The other side has said that it ends: what comes behind that is nobody's.
                break;
            }
            self.0.process_new_packets().map_err(io::Error::other)?;
            filled += self.take_plain(room.get_mut(filled..).unwrap_or_default())?;
        }
        Ok(filled)
    }

    /// Everything that is decrypted already.
    fn take_plain(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        loop {
            match self.0.reader().read(room.get_mut(filled..).unwrap_or_default()) {
                Ok(0) => return Ok(filled),
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(filled),
                Err(error) => return Err(error),
            }
        }
    }

    /// Encrypts and writes until the socket is full or `bytes` end; says how many were taken. Of those, some may lie here
    /// until the next call ([`Tls::is_written`]).
    pub(crate) fn write(&mut self, socket: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        loop {
            while self.0.wants_write() {
                match self.0.write_tls(socket) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        return Ok(bytes.len() - rest.len());
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            if rest.is_empty() {
                return Ok(bytes.len());
            }
            let taken = self.0.writer().write(rest)?;
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// Says that nothing more will come, as far as that goes without waiting.
    pub(crate) fn close(&mut self, socket: &mut impl Write) -> io::Result<()> {
        self.0.send_close_notify();
        self.write(socket, &[]).map(drop)
    }

    /// Whether the socket has all that was taken.
    pub(crate) fn is_written(&self) -> bool {
        !self.0.wants_write()
    }

    /// Whether something was decrypted that nobody has read yet.
    pub(crate) fn is_read(&mut self) -> Result<bool> {
        Ok(self.0.process_new_packets()?.plaintext_bytes_to_read() == 0)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Both ends, on blocking sockets.
    fn pair() -> ((TcpStream, Tls), (TcpStream, Tls)) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        let config = server_config().unwrap();
        let server = std::thread::spawn(move || {
            let tls = Tls::server(&mut far, &config).unwrap();
            (far, tls)
        });
        let client = Tls::client(&mut near).unwrap();
        ((near, client), server.join().unwrap())
    }

    #[test]
    fn what_is_written_is_read() {
        let ((mut near, mut client), (mut far, mut server)) = pair();
        assert_eq!(client.write(&mut near, b"hello").unwrap(), 5);
        let mut room = [0; 16];
        assert_eq!(server.read(&mut far, &mut room).unwrap(), 5);
        assert!(server.is_read().unwrap());
        assert_eq!(&room[..5], b"hello");
        client.close(&mut near).unwrap();
        assert_eq!(server.read(&mut far, &mut room).unwrap(), 0);
    }

    #[test]
    fn a_full_socket_takes_the_rest_later() {
        let ((mut near, mut client), (mut far, mut server)) = pair();
        near.set_nonblocking(true).unwrap();
        let sent: Vec<u8> = (0..8_000_000_u32).map(|number| (number % 251) as u8).collect();
        let mut taken = client.write(&mut near, &sent).unwrap();
        assert!(taken < sent.len() && !client.is_written());
        let (mut raw, mut room) = (vec![0; 100_000], vec![0; 100_000 + RECORD_MAX]);
        let mut received = Vec::new();
        while received.len() < sent.len() {
            let read = far.read(&mut raw).unwrap();
            let filled = server.decrypt(&raw[..read], &mut room).unwrap();
            received.extend_from_slice(&room[..filled]);
            taken += client.write(&mut near, &sent[taken..]).unwrap();
        }
        assert!(client.is_written() && received == sent);
    }
}
