//! How does a network reach the outside, and the outside it?
//!
//! Theory of operation. The dataplane translates what a namespace sends to an address A of the host
//! and writes it to the host's interface of the network, the TAP. The host forwards it like any
//! router. Replies come to A, where the host would keep them. Rules with port ranges send them to a
//! table of our own instead, whose only route leads back to the TAP, to a neighbour that does not exist
//! but in the dataplane's answers:
//!
//! ```text
//!     namespace ── switch ── SNAT ──> TAP ub0 ──> host's routing ──> U ──> outside
//!     namespace <─ switch ─ un-NAT <─ TAP ub0 <── table T <─ rule ── U <── outside
//!
//!     pref 1  iif U to A ipproto tcp|udp dport R-R'  lookup T      one for each U, A and range
//!     pref 2  lookup local                                         moved here from pref 0
//!     pref 3  iif ub1 to S lookup T                                S: our subnets; ub1: the TAP of a
//!                                                                  network that our rules name
//!     table T: default via N dev ub0 onlink
//! ```
//!
//! The kernel asks the `local` rule first, so it must make room: a new one is added behind ours before
//! the old one goes, and the other way round at the end. There is no moment without one.
//!
//! What is on the host is derived from the host: our rules and routes wear a protocol number of our
//! own. What was there before and is changed, the settings of other interfaces, is in a `ledger` from
//! before it is written until the last network that needs it is gone. Every network's journal holds an
//! [`Entry`] from before its first rule is made. Whoever clears up after a killed process does the same
//! as one that ends in order.
//!
//! | file | question |
//! |---|---|
//! | `host` | what does the host have? |
//! | `beside` | which networks are on it? |
//! | `choose` | what does a network have of it for as long as it stands? (pure) |
//! | `plan` | which rules and settings follow from that? (pure) |
//! | `local` | how does the rule that the kernel asks first make room? (pure) |
//! | `ports` | sets of ports, and few ranges that cover them (pure) |
//! | `apply` | how are they made and followed? |
//! | `lower` | how are they taken away? |
//! | `tap` | how is the network's own interface set? |
//! | `ledger` | what was there before? |
//! | `view` | what does the dataplane have to know of the host's routes? |
//! | `error` | why not? |
//!
//! Port 65535 can be in no rule, so nothing is translated to it.
//!
//! Known gaps. Fragments but the first have no ports, so replies in fragments stay with the host. A
//! rule of somebody else at pref 0 or 1 comes before `local` while a network stands, and one at pref 0 may
//! come before ours. Who moves the `local` rule while a network stands gets it back at pref 0 in the
//! end. An interface that is renamed keeps its settings.
//!
//! Networks do not reach each other: each engine drops what is between them, and what comes by another
//! network's TAP for a published port meets no rule of ours but the relay, which serves the host alone.
//! Where the filter's rules name another network, what comes by that one's TAP is sent to the next hop,
//! too: so the dataplane can tell it from what only wears such an address, which the host sends to the
//! namespaces' own MACs.

mod apply;
mod beside;
mod choose;
mod error;
mod host;
mod ledger;
mod local;
mod lower;
mod plan;
pub mod ports;
mod tap;
#[cfg(test)]
mod tests;
mod view;

pub use apply::{Caveat, Look, Note, Others, Uplink};
pub use beside::Beside;
pub use choose::{Claim, LAST_PORT, Wanted, choose};
pub use error::{Refusal, UplinkError};
pub use host::Host;
pub use ledger::LEDGER;
pub use local::{Step, move_local, restore_local};
pub use lower::lower;
pub use plan::{Desired, MAX_PAIRS, MAX_RANGES, desired};
pub use tap::give_back;
pub use view::{MAX_PREFIXES, host_view};

use crate::netns::Identity;
use ports::Range;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a network's journal says of its uplink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The namespace that its rules are in.
    pub home: Identity,
    /// Its table.
    pub table: u32,
    /// The host's interface of the network.
    pub interface: String,
    /// Does IPv6 go out too?
    pub ipv6: bool,
    /// The ports that it translates to.
    pub ports: Range,
    /// The ports that it publishes.
    pub published: Vec<Claim>,
    /// The keys of the settings that must be as they are for it.
    pub needs: BTreeSet<String>,
    /// The ports that it took from those that the host gives away, or that a killed one had taken.
    pub reserved: Vec<Range>,
}
