//! What is said of files of networks?

use serde::{Deserialize, Serialize};

/// A file that was put in force, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// How many steps it takes.
    pub steps: usize,
    /// The steps in words, a line each; what is made anew and why comes before.
    pub text: String,
}

/// A sandbox of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxInfo {
    /// Its name.
    pub name: String,
    /// The file of its namespace; absent for the host's own.
    pub namespace: Option<String>,
}

/// A sandbox that is to be connected to a network. What is left out is leased.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewEndpoint {
    /// The sandbox.
    pub sandbox: String,
    /// The name of its interface.
    pub interface: Option<String>,
    /// Its IPv4 address.
    pub address: Option<String>,
    /// Its IPv6 address.
    pub address6: Option<String>,
    /// Its MAC.
    pub mac: Option<String>,
}
