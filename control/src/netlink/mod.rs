//! How do we talk to the kernel about links, addresses and routes?

use std::io;

/// The kernel refused a request, or did not answer.
#[derive(Debug, thiserror::Error)]
#[error("netlink: {source}")]
pub struct NetlinkError {
    /// What the kernel said.
    #[source]
    pub source: io::Error,
}
