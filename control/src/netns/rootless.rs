//! How does a process without privileges get a place where it may make networks?

use std::io;

/// What failed.
#[derive(Debug, thiserror::Error)]
pub enum RootlessError {
    /// The kernel does not allow a user namespace.
    #[error("cannot enter a user namespace: {0}")]
    Unshare(#[source] io::Error),
}

/// May this process make namespaces and interfaces as it is (`CAP_SYS_ADMIN` and `CAP_NET_ADMIN`)?
pub fn is_privileged() -> bool {
    todo!()
}

/// Enters new user, mount and network namespaces. The process must have one thread.
///
/// # Errors
/// See [`RootlessError`].
pub fn enter() -> Result<(), RootlessError> {
    todo!()
}

/// Enters the user, mount and network namespaces of the process `pid`. The process must have one
/// thread.
///
/// # Errors
/// See [`RootlessError`].
pub fn join(pid: u32) -> Result<(), RootlessError> {
    let _ = pid;
    todo!()
}
