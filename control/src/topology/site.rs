//! Where on this machine are the records and the namespaces?

use crate::netns::NETNS_DIR;
use nix::unistd::geteuid;
use std::env;
use std::path::PathBuf;

/// The two directories that everything here works in.
///
/// Find it with [`Site::here`] *before* entering a user namespace, where every process looks
/// privileged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Holds a folder for each network.
    pub state_dir: PathBuf,
    /// Holds a file for each named namespace; `ip netns` knows one such directory alone.
    pub netns_dir: PathBuf,
}

impl Site {
    /// Where the records of privileged processes are.
    pub const STATE_DIR: &str = "/run/udp-bridge";

    /// The site of this process: [`Site::STATE_DIR`] for a `privileged` one, otherwise
    /// `$XDG_RUNTIME_DIR/udp-bridge` or `/tmp/udp-bridge-UID`.
    pub fn here(privileged: bool) -> Self {
        let state_dir = if privileged {
            PathBuf::from(Self::STATE_DIR)
        } else {
            match env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
                Some(runtime) if runtime.is_absolute() => runtime.join("udp-bridge"),
                _ => env::temp_dir().join(format!("udp-bridge-{}", geteuid())),
            }
        };
        Self { state_dir, netns_dir: PathBuf::from(NETNS_DIR) }
    }
}
