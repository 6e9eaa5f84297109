//! Between which two namespaces does the traffic run, and over which bridge?

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// A bridge that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bridge {
    /// This program.
    Ours,
    /// The kernel's, with veth pairs.
    Kernel,
}

impl fmt::Display for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "ours",
            Self::Kernel => "kernel",
        })
    }
}

/// Two namespaces that a bridge connects.
#[derive(Clone, Debug)]
pub(super) struct Path {
    /// What lies between.
    pub(super) bridge: Bridge,
    /// The first namespace.
    pub(super) client: PathBuf,
    /// The second namespace.
    pub(super) server: PathBuf,
    /// The address in the second one.
    pub(super) address: Ipv4Addr,
}
