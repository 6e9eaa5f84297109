//! Where does a user-mode network stack stand, which connects one namespace with the host's sockets?
//!
//! ```text
//!   namespace NAME-1          namespace NAME, a host               namespace NAME-out
//!   eth0, a TAP ═══ the program ═══ sockets   up0 198.18.0.1 ──veth── eth0 198.18.0.2 …
//! ```
//!
//! There is no bridge: such a program leads out and, by published ports, in.

use super::namespace;
use super::outside::Outside;
use super::program::Running;
use super::{DataPath, System, SystemError, path};
use crate::netns;
use std::path::PathBuf;

/// The inside's interface.
pub(super) const END: &str = "eth0";

/// The host with its outside, and the namespace that the program connects with it.
pub(super) struct Surroundings {
    pub(super) host: PathBuf,
    pub(super) inside: PathBuf,
    pub(super) outside: Outside,
}

impl Surroundings {
    /// Makes them.
    pub(super) fn make(prefix: &str, mtu: u16) -> Result<Self, SystemError> {
        let host = namespace::make(prefix)?;
        let inside = namespace::make(&format!("{prefix}-1"))?;
        let outside = Outside::make(&format!("{prefix}-out"))?;
        netns::run_in(&host, || outside.attach(mtu))??;
        Ok(Self { host, inside, outside })
    }

    /// The two ways there are: out, and in to the inside, where servers listen on all addresses.
    pub(super) fn paths(&self, system: System, published: u16) -> Vec<path::Path> {
        let any = std::net::Ipv4Addr::UNSPECIFIED;
        vec![
            path::Path::out(system, &self.inside, &self.outside),
            path::Path::published(system, &self.inside, any, &self.outside, published),
        ]
    }

    /// All their namespaces.
    pub(super) fn namespaces(&self) -> Vec<PathBuf> {
        vec![self.host.clone(), self.inside.clone(), self.outside.netns().to_owned()]
    }
}

/// Such a program, and what it connects.
pub(super) struct Stack {
    pub(super) system: System,
    pub(super) around: Surroundings,
    /// How many ports it publishes.
    pub(super) published: u16,
    pub(super) program: Running,
}

impl DataPath for Stack {
    fn paths(&self) -> Vec<path::Path> {
        self.around.paths(self.system, self.published)
    }

    fn namespaces(&self) -> Vec<PathBuf> {
        self.around.namespaces()
    }

    fn processes(&self) -> Vec<u32> {
        vec![self.program.id()]
    }
}
