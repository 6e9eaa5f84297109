//! Which data connection does this control connection announce?
//!
//! FTP names in its control connection the address and port of each data connection to come
//! (RFC 959, RFC 2428):
//!
//! ```text
//!  client  PORT 10,0,0,2,200,10     EPRT |1|10.0.0.2|51210|     the server connects to the client
//!  server  227 ... (10,0,0,3,200,10)   229 ... (|||51210|)      the client connects to the server
//! ```
//!
//! A control connection, port 21, has a [`Control`] beside its conntrack entry; no other flow has. The
//! way of each of its segments, both ways:
//!
//! ```text
//!  Control::acknowledge ──> conntrack ──> Control::on_packet ──┬─ nothing ──> Control::shift ──> NAT
//!    numbers as the          judges          announced?        └─ mangle, if translated ───────> NAT
//!    sender's peer sent      these
//! ```
//!
//! Each announcement makes one expectation: the first connection that fits is RELATED, as is what it
//! was translated to. When NAT gives the announced endpoint another address or port, [`Control::mangle`]
//! writes that into the segment. Its length changes, and with it all later sequence numbers one way
//! and all acknowledgments the other way, which [`Control::shift`] and [`Control::acknowledge`] do.
//!
//! Only the sender's own address is believed, and no port below [`LOWEST_PORT`]: otherwise an announcement
//! could open a way to somebody else.
//!
//! Limits: [`MAX_EXPECTATIONS`] in all, one for each control connection, for [`EXPECTATION_TIMEOUT`].
//!
//! Sources: RFC 959 3.2 and 5.3, RFC 1123 4.1.2.6, RFC 2428, RFC 2577; `nf_conntrack_ftp.c`, `nf_nat_ftp.c`,
//! `nf_conntrack_seqadj.c` in `net/netfilter`.
//!
//! Known gaps: a line that is cut into segments, or comes in a super-frame or behind another line in
//! one segment, is not seen or passes as it is (netfilter drops the first). After two announcements
//! in one direction, a segment sent again from before the first gets the second's numbers. A segment
//! that outgrows the MTU by its longer address is not cut. TLS (RFC 4217) hides it all.

mod command;
mod control;
mod expectations;
mod mangle;
mod sequence;
#[cfg(test)]
mod tests;

pub use control::{Announcement, Control};
pub use expectations::{
    EXPECTATION_TIMEOUT, Expectation, Expectations, Full, MAX_EXPECTATIONS, Replaced,
};
pub use mangle::{MAX_GROWTH, Unmangled};

/// The port of control connections.
pub const CONTROL_PORT: u16 = 21;

/// Lowest port of a data connection that is believed: below are services that an announcement must
/// not open (RFC 2577 section 3).
pub const LOWEST_PORT: u16 = 1024;
