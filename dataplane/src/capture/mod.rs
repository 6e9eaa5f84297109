//! Who sees frames come and go, beside the path?
//!
//! ```text
//!  engine's thread                                  anybody's thread
//!   came, left ──> port? filter? ──> Capture ══════> Catch ──> a file, a terminal
//!                                       │   rings
//!                                       └ no room: missed, counted for the port
//! ```
//!
//! A frame is seen where it comes in and at each port where it goes out: each is a [`Sighting`], with
//! the frame's bytes as they are there. What became of it is in the sighting of its coming. All that this
//! was decided by, the [`Story`](crate::pipeline::Story), is several times as long, and beside it for who
//! asks for that.
//!
//! All memory is taken when a capture begins. The engine only ever writes to the rings; if a frame does
//! not fit, it is counted and the path goes on. Time is an argument here too.
//!
//! An id may be one port's and then another's. A port that comes is [`Named`] before its first frame, and the
//! reader learns it between the last frame before and the first one after.
//!
//! Limits: [`MAX_CAPTURES`] of one engine; [`RING_BYTES`] and [`RING_SIGHTINGS`], and as many stories, that
//! nobody has read yet, and [`RING_NAMES`]; [`STALL`] after which a capture that nobody reads ends.
//!
//! Known gaps: a super-frame is seen once, not as the segments that a port without offloads gets. A frame
//! that has waited in vain is not seen to die; it is counted.

pub mod filter;
mod ring;
#[cfg(test)]
mod tests;

pub use filter::{Filter, Protocol, Side};
pub use ring::{Capture, Catch, Named, begin};

use crate::config::MAX_PORTS;
use crate::outcome::{DropReason, PortId};
use crate::pipeline::Fate;
use crate::pipeline::story::Ends;
use crate::wire::vnet::VnetHeader;
use std::time::Duration;

/// Most captures of one engine at a time: one for each of a few people who look at once. Each takes
/// its rings' memory as it is used, 11 MiB at most, or 21 MiB with stories.
pub const MAX_CAPTURES: usize = 4;

/// Most bytes of frames that wait to be read: 8 MiB, a hundred and more of the longest super-frames,
/// or what a port at 10 Gbit/s sends in 6 ms.
pub const RING_BYTES: usize = 8 << 20;

/// Most sightings that wait to be read: what a million frames a second, each seen twice, bring in 8 ms.
pub const RING_SIGHTINGS: usize = 1 << 14;

/// Most names of ports that came and that nobody has read yet: as many as a switch has ports. Who leaves
/// more of them has not read for long, and the capture ends.
pub const RING_NAMES: usize = MAX_PORTS;

/// How long nothing may be read of a ring that is full before the capture ends: nobody is there any more.
pub const STALL: Duration = Duration::from_secs(5);

/// What is to be captured.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// At this port alone; `None` for all.
    pub port: Option<PortId>,
    /// What matches this.
    pub filter: Filter,
    /// Are the stories of frames that come to be told?
    pub stories: bool,
}

impl Spec {
    /// All frames at all ports, without their stories.
    pub const ALL: Self = Self { port: None, filter: Filter::All, stories: false };
}

/// What happened to a frame where it was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    /// It came in and walked.
    Came(Fate),
    /// It came in and died before it walked: its headers make no sense.
    Refused(DropReason),
    /// It went out.
    Left {
        /// The port that it had come from; `None` for a frame of our own.
        from: Option<PortId>,
        /// Between which ends it had come; `None` if it is not IP, our own, or has waited.
        came: Option<Ends>,
        /// Between which ends it goes out.
        goes: Option<Ends>,
        /// Did the port take it?
        taken: Result<(), DropReason>,
    },
}

impl Seen {
    /// Was it on its way out?
    pub fn is_outbound(&self) -> bool {
        matches!(self, Self::Left { .. })
    }
}

/// A frame at a port.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sighting {
    /// When: nanoseconds since 1970, never less than those of the one before.
    pub stamp: u64,
    /// Where.
    pub port: PortId,
    /// What its sender left undone.
    pub offload: VnetHeader,
    /// What happened to it.
    pub seen: Seen,
    /// Length in bytes from the Ethernet header on.
    length: u32,
    /// How many ports had been named by then.
    named: u32,
}
