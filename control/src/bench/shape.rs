//! How large is what stands, and how is it set up?
//!
//! Everything measured on one shape is measured on the same networks, which stand at the same time; what
//! needs another shape gets networks of its own, after those are taken down: see `stage`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Most ends of a network: the addresses of its subnet are these, the bridge and a little more.
pub const MAX_ENDS: u16 = 250;
/// Most published ports.
pub const MAX_PUBLISHED: u16 = 10_000;

/// What the networks of one stage have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// MTU of every interface.
    pub mtu: u16,
    /// Namespaces on each bridge.
    pub ends: u16,
    /// Ports that a host with NAT publishes.
    pub published: u16,
    /// Switches take frames from any MAC and flood without a limit, as RFC 2889 asks.
    pub open: bool,
    /// Is there any traffic within the network?
    pub bridged: bool,
    /// Is there any traffic through the host, or on a bridge that could route?
    pub routed: bool,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ports, MTU {}", self.ends, self.mtu)?;
        if self.routed {
            write!(f, ", NAT, {} published", self.published)?;
        }
        Ok(())
    }
}
