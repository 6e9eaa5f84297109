//! What do the stages send of themselves?
//!
//! A stage only decides; what it wants to say beside its verdict (an ARP reply, an ICMP error, a frame
//! that has waited for its neighbour) it leaves in the [`Outbox`], and the engine sends it after the
//! walk. Nothing is put here for a frame that simply passes.

use crate::outcome::PortId;
use std::collections::VecDeque;

/// Most frames in the outbox. One walk leaves few: what waited for one neighbour or datagram.
pub const CAPACITY: usize = 256;

/// A frame that the dataplane sends of itself, virtio header first.
#[derive(Debug)]
pub struct Parcel {
    /// What to do with it.
    pub errand: Errand,
    /// The virtio header and the frame.
    pub bytes: Vec<u8>,
}

/// What to do with a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Write it to this port.
    Send(PortId),
    /// Write it to every port but the host's.
    FloodNamespaces,
    /// Walk it again, as if it had just come in from this port: it has waited.
    Walk(PortId),
    /// Count it as dropped at this port: it has waited too long.
    Drop(PortId, crate::outcome::DropReason),
}

/// The frames to be sent.
#[derive(Debug, Default)]
pub struct Outbox {
    parcels: VecDeque<Parcel>,
}

impl Outbox {
    /// Adds a frame. Beyond [`CAPACITY`] it is lost: what is sent from here is repeated by whoever
    /// misses it.
    pub fn put(&mut self, errand: Errand, bytes: Vec<u8>) {
        if self.parcels.len() < CAPACITY {
            self.parcels.push_back(Parcel { errand, bytes });
        }
    }

    /// The next frame to be sent.
    #[inline]
    pub fn take(&mut self) -> Option<Parcel> {
        self.parcels.pop_front()
    }

    /// Is there nothing to send?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.parcels.is_empty()
    }
}
