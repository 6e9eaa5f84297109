//! Where does one listen?

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind as bind_to,
    listen as start_listening, socket,
};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, chown};
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// The socket cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {}: {source}; it must be a path of at most 107 bytes in a writable folder", path.display())]
pub struct BindError {
    path: PathBuf,
    source: io::Error,
}

/// Listens on the socket `path`, which only the caller's user may connect to. A socket that a dead
/// process left there is replaced; the caller holds the lock beside it, so no living one is behind it.
///
/// # Errors
/// [`BindError`] with what the kernel said.
pub fn bind(path: &Path) -> Result<UnixListener, BindError> {
    let refuse = |source| BindError { path: path.to_owned(), source };
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(refuse(error)),
        _ => {}
    }
    listen(path).map_err(refuse)
}

/// On Linux a socket's file gets the mode that its descriptor has when it is bound (`unix_bind_bsd`
/// in net/unix/af_unix.c); set afterwards, there would be a moment in which others can connect.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    fchmod(&socket, Mode::S_IRUSR | Mode::S_IWUSR)?;
    bind_to(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    start_listening(&socket, Backlog::MAXCONN)?;
    UnixListener::from_std(socket.into())
}

/// Opens a socket to the members of a group too. Until then they are refused.
///
/// # Errors
/// As of [`bind`].
pub fn open_to(path: &Path, group: Gid) -> Result<(), BindError> {
    let refuse = |source| BindError { path: path.to_owned(), source };
    chown(path, None, Some(group)).map_err(|errno| refuse(errno.into()))?;
    fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(refuse)
}
