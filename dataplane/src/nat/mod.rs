//! Which addresses does it wear?
//!
//! Two halves. *Leases* choose the external port of a flow; *rewriting* puts the chosen addresses and
//! ports into a frame.
//!
//! ```text
//!  first packet of a flow                          every packet of it
//!    Nat::lease ──> Lease, external port             rewrite (or rewrite_error)
//!      │                                             clamp_mss, raise_ttl
//!      ├─ the sender's mapping, if it has one
//!      ├─ a new mapping on a free port
//!      └─ a guest on a port in use, towards a destination that nobody else has there
//! ```
//!
//! A *mapping* gives an internal endpoint (address and port) the same external port towards every
//! destination (endpoint-independent mapping, RFC 4787 REQ-1). It lives as long as one lease on it.
//! Each entry of conntrack that is translated holds one [`Lease`] and hands it back when it ends.
//!
//! When the ports run out, flows become *guests*: one external port then serves several internal
//! endpoints, each towards other destinations, as netfilter does it. Conntrack, which knows all flows,
//! says what is taken. A port whose mapping has ended, but which has guests, may be mapped anew.
//!
//! Limits: [`MAX_POOLS`] pairs of external address and protocol in use at once; [`CANDIDATES`] ports
//! looked at for a guest. Beyond either the packet dies of `NatPortsFull`. Of a protocol without ports
//! one flow at a time fits between an external address and a destination; the next is a `CtClash`.
//!
//! Sources: RFC 4787 (UDP), RFC 5382 (TCP), RFC 5508 (ICMP), RFC 7857 (updates to all three),
//! RFC 6056 (choosing ports), RFC 1624 (checksums); `net/netfilter/nf_nat_core.c`.
//!
//! Known gaps: protocols other than TCP, UDP and ICMP are translated by address alone, and a checksum
//! of theirs that covers the addresses (DCCP, UDP-Lite) is not updated. An IPv6 packet with a routing
//! header or a home address option sums up another address than its header shows; its checksum comes
//! out wrong. So does that of a TCP segment whose first fragment ends before its checksum field.

mod adjust;
mod choose;
mod lease;
mod mapping;
mod pool;
mod random;
mod rewrite;
#[cfg(test)]
mod tests;

pub use adjust::{clamp_mss, lower_ttl, raise_ttl, ttl};
pub use choose::{CANDIDATES, Nat};
pub use lease::Lease;
pub use pool::MAX_POOLS;
pub use rewrite::{check, rewrite, rewrite_error};
