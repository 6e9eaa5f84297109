//! What is on this machine already?

use super::{KnownNetwork, Site};
use crate::netlink::NetlinkError;
use ipnet::IpNet;
use std::io;
use std::path::PathBuf;

/// A route of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub destination: IpNet,
    /// Through which interface, if through one.
    pub interface: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// All routes of all tables but for multicast.
    pub routes: Vec<Route>,
    /// The names of the interfaces in the calling namespace.
    pub links: Vec<String>,
    /// The names in the directory of namespaces.
    pub namespaces: Vec<String>,
    /// The networks on record.
    pub networks: Vec<KnownNetwork>,
    /// Does the kernel have IPv6?
    pub ipv6: bool,
}

/// Why the machine cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The kernel does not answer.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// A directory cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// Looks at the calling thread's network namespace and at the site.
///
/// # Errors
/// See [`ObserveError`].
pub fn observe(site: &Site) -> Result<Observed, ObserveError> {
    let _ = site;
    todo!()
}
