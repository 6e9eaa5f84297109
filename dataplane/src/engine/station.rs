//! How does a worker get at ports and tables?
//!
//! | a worker | ports | tables |
//! |---|---|---|
//! | alone: a [`Forwarder`] | it has them | it has them: no lock, and the loop is compiled as if there were no other kind |
//! | one of several: a [`Share`](super::share::Share) | twins of all, and reads some | behind a lock, for the time of a decision |

use super::forwarder::Forwarder;
use super::reading::Served;
use crate::clock::Time;
use crate::outcome::PortId;
use std::os::fd::RawFd;

/// What a worker works with.
pub(super) trait Station {
    /// Reads up to `budget` frames of one port and sends each on its way.
    fn serve(&mut self, id: PortId, budget: usize, now: Time) -> Served;

    /// The ids that are this worker's to read.
    fn ids(&self) -> Vec<PortId>;

    /// Is it this worker's to read?
    fn reads(&self, id: PortId) -> bool;

    /// The descriptor to wait on for a port; `None` for one that has none or was taken out.
    fn fd(&self, id: PortId) -> Option<RawFd>;

    /// Does something with the tables, at this time or a little later.
    fn tables<T>(&mut self, now: Time, act: impl FnOnce(&mut Forwarder, Time) -> T) -> T;

    /// No port had a frame.
    fn rest(&mut self) {}
}

impl Station for Forwarder {
    #[inline]
    fn serve(&mut self, id: PortId, budget: usize, now: Time) -> Served {
        Self::serve(self, id, budget, now)
    }

    fn ids(&self) -> Vec<PortId> {
        Self::ids(self).collect()
    }

    fn reads(&self, _: PortId) -> bool {
        true
    }

    fn fd(&self, id: PortId) -> Option<RawFd> {
        Self::fd(self, id)
    }

    #[inline]
    fn tables<T>(&mut self, now: Time, act: impl FnOnce(&mut Forwarder, Time) -> T) -> T {
        act(self, now)
    }
}
