//! How is a network namespace made, entered and removed?

pub mod rootless;

use std::io;
use std::path::{Path, PathBuf};

/// What failed.
#[derive(Debug, thiserror::Error)]
pub enum NetnsError {
    /// A namespace cannot be opened.
    #[error("cannot open the network namespace {}: {source}", path.display())]
    Open {
        /// Its file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// Runs `action` in the namespace at `path`, on a thread of its own that ends with it.
///
/// # Errors
/// The namespace cannot be opened or entered.
pub fn run_in<T: Send>(path: &Path, action: impl FnOnce() -> T + Send) -> Result<T, NetnsError> {
    let _ = (path, action);
    todo!()
}

/// Enters the namespace at `path` with the calling thread, for good.
///
/// # Errors
/// The namespace cannot be opened or entered.
pub fn enter(path: &Path) -> Result<(), NetnsError> {
    let _ = path;
    todo!()
}
