//! What do the stages send of themselves?
//!
//! A stage only decides; what it wants to say beside its verdict (an ARP reply, an ICMP error, a frame
//! that has waited for its neighbour) it leaves in the [`Outbox`], and the engine sends it after the
//! walk. Nothing is put here for a frame that simply passes.
//!
//! Limits: [`CAPACITY`] frames of our own making. Frames that have waited are never lost here: how many
//! of them there are is bounded where they wait.

use crate::outcome::{PortId, QueueId};
use std::collections::VecDeque;

/// Most frames in the outbox when one of our own making is added: an answer, a question, an error. One
/// walk makes one or two.
pub const CAPACITY: usize = 256;

/// A frame that the dataplane sends of itself, virtio header first.
#[derive(Clone, Debug)]
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
    /// It came from `ingress` and has waited for its neighbour: write it to `egress`.
    Release {
        /// Where it had come from.
        ingress: PortId,
        /// The queue it had come by, and leaves by.
        queue: QueueId,
        /// Where the neighbour is.
        egress: PortId,
    },
    /// Walk it again, as if it had just come in from this port by this queue: it has waited.
    Walk(PortId, QueueId),
    /// Count it as dropped at this port: it has waited too long, or another waits in its place.
    Drop(PortId, crate::outcome::DropReason),
}

impl Errand {
    /// Is it about a frame that came in and has not ended yet?
    fn is_of_waiting(self) -> bool {
        match self {
            Self::Send(_) | Self::FloodNamespaces => false,
            Self::Release { .. } | Self::Walk(..) | Self::Drop(..) => true,
        }
    }
}

/// The frames to be sent.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    parcels: VecDeque<Parcel>,
}

impl Outbox {
    /// Adds a frame. Beyond [`CAPACITY`] one of our own is lost: it is repeated if anybody misses it.
    pub fn put(&mut self, errand: Errand, bytes: Vec<u8>) {
        if self.parcels.len() < CAPACITY || errand.is_of_waiting() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::DropReason;

    #[test]
    fn a_full_outbox_loses_what_we_say_but_no_frame_that_has_waited() {
        let mut outbox = Outbox::default();
        (0..=CAPACITY).for_each(|_| outbox.put(Errand::Send(PortId(1)), vec![0; 60]));
        outbox.put(Errand::FloodNamespaces, vec![0; 60]);
        let waited = [
            Errand::Walk(PortId(1), QueueId::FIRST),
            Errand::Drop(PortId(2), DropReason::Unresolved),
            Errand::Release { ingress: PortId(0), queue: QueueId::FIRST, egress: PortId(1) },
        ];
        waited.into_iter().for_each(|errand| outbox.put(errand, vec![0; 60]));
        let errands: Vec<_> =
            std::iter::from_fn(|| outbox.take()).map(|parcel| parcel.errand).collect();
        assert_eq!(errands[..CAPACITY], vec![Errand::Send(PortId(1)); CAPACITY]);
        assert_eq!(errands[CAPACITY..], waited);
        assert!(outbox.is_empty());
    }
}
