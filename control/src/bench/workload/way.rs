//! From where to where can traffic run?

use serde::{Deserialize, Serialize};

/// From where to where the traffic runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Way {
    /// Between two namespaces of a bridge that routes nothing.
    Bridged,
    /// The same on a bridge that could.
    NatIdle,
    /// From a namespace to the outside, under the host's address.
    Masquerade,
    /// From the outside to a published port.
    Published,
}

impl Way {
    /// All ways. The one whose prefix is empty comes last: every name begins with it.
    pub const ALL: [Self; 4] = [Self::NatIdle, Self::Masquerade, Self::Published, Self::Bridged];

    /// Does it take a bridge with an outside behind its host?
    pub fn is_routed(self) -> bool {
        self != Self::Bridged
    }

    /// What stands before the load in a workload's name.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Bridged => "",
            Self::NatIdle => "nat-idle-",
            Self::Masquerade => "masq-",
            Self::Published => "published-",
        }
    }
}
