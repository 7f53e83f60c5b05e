//! Why a listener can't start. What goes wrong with a single connection is logged, not returned.

use std::io;
use std::path::PathBuf;

use crate::LocalAddress;

/// A listener that couldn't be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The socket couldn't be bound: the address is in use, not ours, or not allowed.
    #[error("can't listen on {address}: {}", reason(source))]
    Bind {
        /// Where it was to listen.
        address: LocalAddress,
        /// What the system said.
        source: io::Error,
    },
    /// There is a file where the Unix socket should be, and it isn't a socket.
    #[error("can't listen on {address}: there is a file that is no socket")]
    NotASocket {
        /// Where it was to listen.
        address: LocalAddress,
    },
    /// Certificates or key can't be used.
    #[error("can't listen on {address} with TLS: {source}")]
    Tls {
        /// Where it was to listen.
        address: LocalAddress,
        /// What is wrong with them.
        source: TlsError,
    },
    /// TLS was asked for on a Unix socket.
    #[error("can't listen on {address} with TLS: that is for TCP only")]
    TlsOnUnix {
        /// Where it was to listen.
        address: LocalAddress,
    },
    /// Neither RawSocket nor WebSocket nor HTTP was asked for.
    #[error("nothing is to be spoken on {address}")]
    NothingSpoken {
        /// Where it was to listen.
        address: LocalAddress,
    },
    /// The list of runtimes is empty.
    #[error("there is no runtime for the connections of {address}")]
    NoRuntime {
        /// Where it was to listen.
        address: LocalAddress,
    },
}

impl ListenError {
    /// Whether somebody else listens there.
    pub fn is_address_in_use(&self) -> bool {
        matches!(self, ListenError::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }
}

fn reason(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::AddrInUse => "the address is in use".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => source.to_string(),
    }
}

/// Certificates or keys that can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file can't be read or has no PEM in it that is of use.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What the files hold doesn't go together.
    #[error("{0}")]
    Refused(String),
}
