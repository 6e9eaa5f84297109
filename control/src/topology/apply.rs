//! How is the plan made real?

use super::{Endpoint, Plan, Site};
use crate::model::Network;
use dataplane::config::{Config, ConfigError};
use dataplane::port::Port;
use std::io;
use std::path::PathBuf;

/// Something that is not as it should be, though the network works without.
#[derive(Debug, thiserror::Error)]
pub enum Warning {
    /// The kernel has no IPv6.
    #[error("this kernel has no IPv6, so the network has none")]
    NoIpv6,
}

/// Why the plan could not be made real. Everything made before is removed again.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Stub.
    #[error("stub")]
    Stub,
}

/// Something that could not be removed.
#[derive(Debug, thiserror::Error)]
#[error("cannot remove {}: {source}", path.display())]
pub struct TeardownError {
    /// What it is.
    pub path: PathBuf,
    /// What the kernel said.
    #[source]
    pub source: io::Error,
}

/// A network that stands.
#[derive(Debug)]
pub struct Topology {
    /// The network.
    pub network: Network,
    /// The host's interface, port 0 of the switch.
    pub host: Endpoint,
    /// The ports' interfaces, ports 1 and up of the switch.
    pub ports: Vec<Endpoint>,
    /// What is not as it should be.
    pub warnings: Vec<Warning>,
}

/// Makes the plan real.
///
/// # Errors
/// See [`ApplyError`].
pub fn apply(plan: &Plan, site: &Site) -> Result<Topology, ApplyError> {
    let _ = (plan, site);
    todo!()
}

impl Topology {
    /// The TAPs in the order of the switch's ports; empty the second time.
    pub fn take_ports(&mut self) -> Vec<Box<dyn Port>> {
        todo!()
    }

    /// The configuration of the switch for this network.
    ///
    /// # Errors
    /// The dataplane refuses it.
    pub fn dataplane_config(&self) -> Result<Config, ConfigError> {
        todo!()
    }

    /// Removes the network and its record, without stopping at the first error.
    pub fn teardown(self) -> Vec<TeardownError> {
        todo!()
    }
}
