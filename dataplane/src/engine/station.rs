//! How does a worker get at ports and tables?
//!
//! | a worker | ports | tables |
//! |---|---|---|
//! | alone: a [`Forwarder`] | it has them | it has them: no lock, and the loop is compiled as if there were no other kind |
//! | one of several: a [`Share`](super::share::Share) | twins of all, and reads some queues | behind a lock, for the time of a decision |

use super::courtesy::Brought;
use super::forwarder::Forwarder;
use super::reading::Served;
use crate::clock::Time;
use crate::config::MAX_PORTS;
use crate::outcome::{PortId, QueueId};
use crate::port::Port;
use mio::Token;
use std::os::fd::RawFd;
use std::time::Duration;

/// A queue of a port: what is read in order, by one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inlet {
    pub(super) port: PortId,
    pub(super) queue: QueueId,
}

impl Inlet {
    /// All that a port of so many queues has; a device has 256 of them at most.
    pub(super) fn all(port: PortId, queues: usize) -> impl Iterator<Item = Self> {
        (0..=u8::MAX).take(queues).map(move |queue| Self { port, queue: QueueId(queue) })
    }

    /// Is its port only read from?
    pub(super) fn is_listener(&self) -> bool {
        self.port.index() >= MAX_PORTS
    }

    /// What the poller calls it.
    pub(super) fn token(self) -> Token {
        Token(self.port.index() | self.queue.index() << u16::BITS)
    }

    /// What the poller has called so.
    pub(super) fn of(token: Token) -> Self {
        let Token(bits) = token;
        Self { port: PortId(bits as u16), queue: QueueId((bits >> u16::BITS) as u8) }
    }
}

/// What a worker works with.
pub(super) trait Station {
    /// Reads up to `budget` frames of one inlet and sends each on its way.
    fn serve(&mut self, inlet: Inlet, budget: usize, now: Time) -> Served;

    /// What is this worker's to read.
    fn inlets(&self) -> Vec<Inlet>;

    /// The descriptor to wait on for an inlet; `None` for one that has none or was taken out.
    fn fd(&self, inlet: Inlet) -> Option<RawFd>;

    /// Does something with the tables, at this time or a little later.
    fn tables<T>(&mut self, now: Time, act: impl FnOnce(&mut Forwarder, Time) -> T) -> T;

    /// A pass is over that brought this; `is_busy` says whether an inlet had a frame a moment ago.
    fn passed(&mut self, _brought: Brought, _is_busy: bool, _now: Time) {}

    /// Has another worker had a frame within this time?
    fn is_kept_awake(&self, _now: Time, _linger: Duration) -> bool {
        false
    }
}

impl Station for Forwarder {
    #[inline]
    fn serve(&mut self, inlet: Inlet, budget: usize, now: Time) -> Served {
        self.serve_inlet(inlet, budget, now)
    }

    fn inlets(&self) -> Vec<Inlet> {
        let of = |id| Inlet::all(id, self.desk.slots.reader(id).map_or(0, Port::queues));
        self.ids().flat_map(of).collect()
    }

    fn fd(&self, inlet: Inlet) -> Option<RawFd> {
        self.desk.slots.reader(inlet.port)?.fd_of(inlet.queue)
    }

    #[inline]
    fn tables<T>(&mut self, now: Time, act: impl FnOnce(&mut Forwarder, Time) -> T) -> T {
        act(self, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::worker::WAKER;

    #[test]
    fn an_inlet_is_known_by_its_token() {
        for port in [0, 1, MAX_PORTS - 1, MAX_PORTS, MAX_PORTS + 1] {
            for inlet in Inlet::all(PortId(port as u16), 256) {
                assert_eq!(Inlet::of(inlet.token()), inlet);
                assert_ne!(inlet.token(), WAKER);
                assert_eq!(inlet.is_listener(), port >= MAX_PORTS);
            }
        }
        assert_eq!(Inlet::all(PortId(3), 256).count(), 256);
    }
}
