//! A blocking socket, with TLS or without: what connections are opened on.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustls::ServerConfig;

use crate::tls::{FIRST_BYTE, Tls};

/// How long the other side may take for each answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: TcpStream,
    tls: Option<Tls>,
}

impl Stream {
    /// Connects, and does the client's side of the TLS handshake if there is to be one.
    pub(crate) fn connect(address: SocketAddr, tls: bool) -> Result<Self> {
        let mut socket = TcpStream::connect_timeout(&address, PATIENCE)
            .with_context(|| format!("can't connect to {address}"))?;
        prepare(&socket)?;
        let tls = if tls { Some(Tls::client(&mut socket)?) } else { None };
        Ok(Self { socket, tls })
    }

    /// Takes a client, and does the server's side of the TLS handshake if it speaks TLS.
    pub(crate) fn accept(mut socket: TcpStream, config: &Arc<ServerConfig>) -> Result<Self> {
        prepare(&socket)?;
        let mut first = [0];
        ensure!(socket.peek(&mut first)? > 0, "the other side closed the connection");
        let tls = if first == [FIRST_BYTE] { Some(Tls::server(&mut socket, config)?) } else { None };
        Ok(Self { socket, tls })
    }

    /// The socket, and the TLS on it.
    ///
    /// # Errors
    /// There is something decrypted in it, which no readiness of the socket would tell of.
    pub(crate) fn into_parts(mut self) -> Result<(TcpStream, Option<Tls>)> {
        if let Some(tls) = &mut self.tls {
            ensure!(tls.is_read()?, "the other side sent more than its answer");
        }
        Ok((self.socket, self.tls))
    }
}

impl Read for Stream {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.read(room),
            Some(tls) => tls.read(&mut self.socket, room),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.socket.write(bytes) };
        let taken = tls.write(&mut self.socket, bytes)?;
        // On a blocking socket that is only so when patience is at an end.
        if tls.is_written() { Ok(taken) } else { Err(ErrorKind::TimedOut.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn prepare(socket: &TcpStream) -> Result<()> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(())
}
