//! What does each of several workers have of the ports?
//!
//! ```text
//!   under the lock of the tables                 a worker's own
//!   Slots ── Lending                             Stock
//!     │        │ a twin for each worker,  ──────>  │ its twin, MTU, counters
//!   the port   │ until it takes it                 │
//!     │        └ version ····· compared ·········· version
//! ```
//!
//! A worker decides under the lock and writes after it, by its own twin. Whatever changes a port raises
//! the version; a worker that comes by and finds another one than its own catches up before it decides
//! anything. So what was decided and what is written with never contradict each other, and no frame
//! costs more than a comparison. Nobody holds a port that was taken out once each worker has caught up,
//! which a [`Handle`](super::Handle) waits for.

use super::desk::Counters;
use super::refit::more;
use super::slots::{Slot, Slots};
use super::station::Inlet;
use crate::config::MAX_PORTS;
use crate::outcome::PortId;
use crate::port::Port;

/// What workers have not taken yet, and what has changed since they were there.
pub(super) struct Lending {
    version: u64,
    ports: Vec<Lot>,
    listeners: Lot,
}

/// A twin of a port for each worker, until it takes it.
#[derive(Default)]
struct Lot {
    /// When it changed last.
    version: u64,
    twins: Vec<Option<Box<dyn Port>>>,
}

impl Lot {
    fn of(version: u64, twins: Vec<Box<dyn Port>>) -> Self {
        Self { version, twins: twins.into_iter().map(Some).collect() }
    }
}

impl Lending {
    /// Of these ports each worker has one of the twins; of the listeners one worker has all.
    pub(super) fn new(ports: Vec<Vec<Box<dyn Port>>>, listeners: Vec<Box<dyn Port>>) -> Self {
        let ports = ports.into_iter().map(|twins| Lot::of(1, twins)).collect();
        Self { version: 1, ports, listeners: Lot::of(1, listeners) }
    }

    /// Changes with every change of a port.
    #[inline]
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Other twins, or none, are at this id.
    pub(super) fn put(&mut self, id: PortId, twins: Vec<Box<dyn Port>>) {
        self.version += 1;
        if self.ports.len() <= id.index() {
            self.ports.resize_with(id.index() + 1, Lot::default);
        }
        self.ports[id.index()] = Lot::of(self.version, twins);
    }

    /// There are other listeners.
    pub(super) fn put_listeners(&mut self, twins: Vec<Box<dyn Port>>) {
        self.version += 1;
        self.listeners = Lot::of(self.version, twins);
    }

    /// What a port does has changed.
    pub(super) fn note(&mut self, id: PortId) {
        self.version += 1;
        if let Some(lot) = self.ports.get_mut(id.index()) {
            lot.version = self.version;
        }
    }

    /// What all ports do has changed.
    pub(super) fn note_all(&mut self) {
        self.version += 1;
        self.ports.iter_mut().for_each(|lot| lot.version = self.version);
    }
}

/// What one worker has.
pub(super) struct Stock {
    /// Its number, from 0, of so many.
    worker: usize,
    workers: usize,
    version: u64,
    /// By id, as in [`Slots`].
    ports: Vec<Slot>,
    listeners: Vec<Box<dyn Port>>,
    /// What it has counted itself.
    counters: Counters,
}

/// Which of so many workers reads an inlet of a port of so many queues. A queue is the same worker's at
/// all ports, so is a flow's other direction. Ports of one queue are read by turns, and what the host hears
/// by the first worker.
fn reader_of(inlet: Inlet, queues: usize, workers: usize) -> usize {
    if inlet.is_listener() {
        0
    } else if queues == 1 {
        inlet.port.index() % workers
    } else {
        inlet.queue.index() % workers
    }
}

/// How many twins of a port so many workers need: one alone has the port itself.
pub(super) fn twins_for(workers: usize) -> usize {
    if workers == 1 { 0 } else { workers }
}

impl Stock {
    /// Nothing yet.
    pub(super) fn new(worker: usize, workers: usize) -> Self {
        let (ports, listeners, counters) = (Vec::new(), Vec::new(), [].into());
        Self { worker, workers, version: 0, ports, listeners, counters }
    }

    /// Has anything changed since it caught up?
    #[inline]
    pub(super) fn is_behind(&self, slots: &Slots) -> bool {
        slots.lending.as_ref().is_some_and(|lending| lending.version() != self.version)
    }

    /// Takes note of all changes. True if it counts in other memory from now on.
    #[cold]
    pub(super) fn catch_up(&mut self, slots: &mut Slots) -> bool {
        let Some(mut lending) = slots.lending.take() else { return false };
        let grows = self.counters.len() < slots.len();
        if grows {
            // At most MAX_PORTS.
            self.counters = more(&self.counters, PortId(slots.len() as u16 - 1));
        }
        self.ports.resize_with(slots.len(), Slot::empty);
        for (index, lot) in lending.ports.iter_mut().enumerate() {
            if lot.version > self.version {
                let twin = lot.twins.get_mut(self.worker).and_then(Option::take);
                self.renew(PortId(index as u16), twin, slots);
            }
        }
        if lending.listeners.version > self.version && self.worker == 0 {
            self.listeners = lending.listeners.twins.drain(..).flatten().collect();
        }
        self.version = lending.version;
        slots.lending = Some(lending);
        grows
    }

    /// A port has come, gone, or changed.
    fn renew(&mut self, id: PortId, twin: Option<Box<dyn Port>>, slots: &Slots) {
        let mine = &mut self.ports[id.index()];
        if twin.is_some() {
            self.counters[id.index()].clear();
            mine.port = twin;
        }
        match slots.there(id) {
            None => mine.port = None,
            Some(slot) => {
                mine.mtu = slot.mtu;
                if let (Some(mine), Some(theirs)) = (&mut mine.port, &slot.port) {
                    mine.set_offloads(theirs.offloads());
                }
            }
        }
    }

    /// What is read from, under this id.
    #[inline]
    pub(super) fn reader_mut(&mut self, id: PortId) -> Option<&mut Box<dyn Port>> {
        match id.index().checked_sub(MAX_PORTS) {
            None => self.ports.get_mut(id.index())?.port.as_mut(),
            Some(listener) => self.listeners.get_mut(listener),
        }
    }

    /// The same, to be asked.
    pub(super) fn reader(&self, id: PortId) -> Option<&dyn Port> {
        match id.index().checked_sub(MAX_PORTS) {
            None => self.ports.get(id.index())?.port.as_deref(),
            Some(listener) => self.listeners.get(listener).map(AsRef::as_ref),
        }
    }

    /// What is this worker's to read.
    pub(super) fn inlets(&self) -> Vec<Inlet> {
        // At most MAX_PORTS, and one or two listeners.
        let ports = (0..self.ports.len() as u16).map(PortId);
        let listeners = (MAX_PORTS as u16..).take(self.listeners.len()).map(PortId);
        let mine = |id| {
            let queues = self.reader(id).map_or(0, Port::queues);
            let all = Inlet::all(id, queues);
            all.filter(move |&it| reader_of(it, queues, self.workers) == self.worker)
        };
        ports.chain(listeners).flat_map(mine).collect()
    }

    /// What this worker has counted.
    #[inline]
    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Ports, to write to, and counters.
    #[inline]
    pub(super) fn split(&mut self) -> (&mut [Slot], &Counters) {
        (&mut self.ports, &self.counters)
    }

    /// Its number.
    pub(super) fn worker(&self) -> usize {
        self.worker
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::QueueId;

    #[test]
    fn each_inlet_has_one_reader_and_a_queue_the_same_at_all_ports() {
        for workers in 1..=16 {
            for port in (0..40).map(PortId) {
                let inlet = |queue| Inlet { port, queue: QueueId(queue) };
                assert_eq!(reader_of(inlet(0), 1, workers), port.index() % workers);
                for queue in 0..32 {
                    let reader = reader_of(inlet(queue), 32, workers);
                    assert_eq!(reader, usize::from(queue) % workers);
                }
            }
            let listener = Inlet { port: PortId(MAX_PORTS as u16), queue: QueueId::FIRST };
            assert_eq!(reader_of(listener, 1, workers), 0);
        }
    }
}
