//! A Unix domain socket, which is a file: one that a crashed router left behind is replaced, one that somebody listens
//! on is not, and at the end it is removed unless it is another's by then.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll, ready};

use tokio::net::UnixListener;

use super::Incoming;
use crate::{ListenError, LocalAddress};

#[derive(Debug)]
pub(crate) struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of our file, by which it is known to be ours still.
    file: Option<(u64, u64)>,
}

impl UnixSocket {
    pub(super) fn bind(path: &Path, mode: Option<u32>) -> Result<Self, ListenError> {
        let address = || LocalAddress::Unix(path.to_owned());
        let failed = |source| ListenError::Bind { address: address(), source };
        match what_is_at(path).map_err(failed)? {
            Found::Nothing => {}
            Found::Stale => fs::remove_file(path).map_err(failed)?,
            Found::Listening => return Err(failed(io::ErrorKind::AddrInUse.into())),
            Found::OtherFile => return Err(ListenError::NotASocket { address: address() }),
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        let socket = UnixSocket { listener, path: path.to_owned(), file: identity(path) };
        if let Some(mode) = mode {
            fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed)?;
        }
        Ok(socket)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Incoming>> {
        let (stream, _) = ready!(self.listener.poll_accept(cx))?;
        Poll::Ready(Ok(Incoming::Unix(stream)))
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        if self.file.is_some() && self.file == identity(&self.path) {
            // If it can't be removed, the next one to listen there replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

enum Found {
    Nothing,
    /// A socket that nobody answers on.
    Stale,
    Listening,
    OtherFile,
}

fn what_is_at(path: &Path) -> io::Result<Found> {
    let file = match fs::symlink_metadata(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    if !file.file_type().is_socket() {
        return Ok(Found::OtherFile);
    }
    match net::UnixStream::connect(path) {
        Ok(_) => Ok(Found::Listening),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(Found::Stale),
        // A full backlog, for one, means that there is a listener.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Found::Listening),
        Err(error) => Err(error),
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|file| (file.dev(), file.ino()))
}
