//! Which networks are on record?

use super::{Site, TeardownError};
use crate::model::NetworkName;
use std::io;

/// A network on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownNetwork {
    /// Its name.
    pub name: NetworkName,
    /// Is its process alive?
    pub alive: bool,
    /// The process that made it.
    pub pid: Option<u32>,
}

/// What [`clear`] found of a killed process.
#[derive(Debug, Default)]
pub struct Cleared {
    /// Was there a record of the network at all?
    pub found: bool,
    /// The namespaces that were removed.
    pub namespaces: Vec<String>,
    /// The namespaces on record that somebody else made since, and that were left alone.
    pub left: Vec<String>,
}

/// Why leftovers cannot be cleared.
#[derive(Debug, thiserror::Error)]
pub enum ClearError {
    /// The network's process is alive.
    #[error("network {0} is up: end it with `udp-bridge down {0}`")]
    Alive(NetworkName),
    /// The record cannot be read.
    #[error("cannot read the record of network {name}: {source}")]
    Record {
        /// The network.
        name: NetworkName,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// Some things could not be removed.
    #[error("cannot remove all leftovers of network {name}: {}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Remove {
        /// The network.
        name: NetworkName,
        /// One for each.
        errors: Vec<TeardownError>,
    },
}

/// Removes what a killed process left behind.
///
/// # Errors
/// See [`ClearError`].
pub fn clear(site: &Site, name: &NetworkName) -> Result<Cleared, ClearError> {
    let _ = (site, name);
    todo!()
}

/// The networks on record, sorted by name.
///
/// # Errors
/// The state directory exists but cannot be read.
pub fn networks(site: &Site) -> io::Result<Vec<KnownNetwork>> {
    let _ = site;
    todo!()
}
