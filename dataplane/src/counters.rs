//! What happened at each port?
//!
//! One [`PortCounters`] per port, written by one thread at a time and read by anyone. A count is a
//! relaxed load and store, never a locked instruction: with one writer none is lost, and a reader sees
//! each value whole, though not all of them at one instant. Where several threads count, each has a set
//! of its own, and one more belongs to whoever holds the lock of the tables; a reader adds them up.
//!
//! Bytes count from the Ethernet header on. A super-frame counts as one frame where it was read and
//! where it is written whole; cut for a port, each of its segments counts there.

use crate::outcome::DropReason;
#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A count with one writer.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. Only the one thread whose counter it is may call this.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// The present value.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The counters of one port.
#[derive(Debug)]
pub struct PortCounters {
    /// Frames read from the port.
    pub received: Counter,
    /// Bytes read from the port; none for a frame that the kernel lost.
    pub received_bytes: Counter,
    /// Frames written to the port.
    pub sent: Counter,
    /// Bytes written to the port.
    pub sent_bytes: Counter,
    /// FDB entries that this port lost because it or the table was full.
    pub fdb_evictions: Counter,
    /// Frames that were for the dataplane itself, which answered them.
    pub answered: Counter,
    /// Frames that were kept until their neighbour or their first fragment was known.
    pub held: Counter,
    /// Frames of those that then went on through the stages.
    pub released: Counter,
    dropped: [Counter; DropReason::COUNT],
}

impl Default for PortCounters {
    fn default() -> Self {
        Self {
            received: Counter::default(),
            received_bytes: Counter::default(),
            sent: Counter::default(),
            sent_bytes: Counter::default(),
            fdb_evictions: Counter::default(),
            answered: Counter::default(),
            held: Counter::default(),
            released: Counter::default(),
            dropped: std::array::from_fn(|_| Counter::default()),
        }
    }
}

impl PortCounters {
    /// Counters that go on from these values, in other memory.
    pub(crate) fn going_on(from: &CounterSnapshot) -> Self {
        let at = |value| Counter(AtomicU64::new(value));
        Self {
            received: at(from.received),
            received_bytes: at(from.received_bytes),
            sent: at(from.sent),
            sent_bytes: at(from.sent_bytes),
            fdb_evictions: at(from.fdb_evictions),
            answered: at(from.answered),
            held: at(from.held),
            released: at(from.released),
            dropped: from.dropped.map(at),
        }
    }

    /// Begins anew, for another port.
    pub(crate) fn clear(&self) {
        let Self { received, received_bytes, sent, sent_bytes, .. } = self;
        let Self { fdb_evictions, answered, held, released, dropped, .. } = self;
        let counters = [received, received_bytes, sent, sent_bytes];
        let others = [fdb_evictions, answered, held, released];
        counters
            .into_iter()
            .chain(others)
            .chain(dropped)
            .for_each(|count| count.0.store(0, Relaxed));
    }

    /// The counter of one reason.
    #[inline]
    pub fn dropped(&self, reason: DropReason) -> &Counter {
        &self.dropped[reason as usize]
    }

    /// The values now.
    pub fn snapshot(&self) -> CounterSnapshot {
        CounterSnapshot {
            received: self.received.get(),
            received_bytes: self.received_bytes.get(),
            sent: self.sent.get(),
            sent_bytes: self.sent_bytes.get(),
            fdb_evictions: self.fdb_evictions.get(),
            answered: self.answered.get(),
            held: self.held.get(),
            released: self.released.get(),
            dropped: std::array::from_fn(|index| self.dropped[index].get()),
        }
    }
}

/// The counters of one port at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterSnapshot {
    /// Frames read from the port.
    pub received: u64,
    /// Bytes read from the port.
    pub received_bytes: u64,
    /// Frames written to the port.
    pub sent: u64,
    /// Bytes written to the port.
    pub sent_bytes: u64,
    /// FDB entries that this port lost because it or the table was full.
    pub fdb_evictions: u64,
    /// Frames that were for the dataplane itself, which answered them.
    pub answered: u64,
    /// Frames that were kept until their neighbour or their first fragment was known.
    pub held: u64,
    /// Frames of those that then went on through the stages.
    pub released: u64,
    dropped: [u64; DropReason::COUNT],
}

impl Default for CounterSnapshot {
    fn default() -> Self {
        PortCounters::default().snapshot()
    }
}

impl CounterSnapshot {
    /// Adds what another set has counted at the same port.
    pub(crate) fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.received_bytes += other.received_bytes;
        self.sent += other.sent;
        self.sent_bytes += other.sent_bytes;
        self.fdb_evictions += other.fdb_evictions;
        self.answered += other.answered;
        self.held += other.held;
        self.released += other.released;
        for (sum, count) in self.dropped.iter_mut().zip(other.dropped) {
            *sum += count;
        }
    }

    /// Frames dropped for one reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// Frames dropped for any reason.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// The reasons that have counted, with their counts.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.iter().map(|&reason| (reason, self.dropped(reason))).filter(|(_, n)| *n > 0)
    }
}

#[cfg(all(test, loom))]
mod model {
    use super::*;
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    /// What two workers have counted, as a reader adds it up.
    fn sum(sets: &[Counter; 2]) -> u64 {
        sets.iter().map(Counter::get).sum()
    }

    #[test]
    fn workers_that_count_in_sets_of_their_own_lose_nothing_and_no_sum_goes_back() {
        loom::model(|| {
            let sets = Arc::new([Counter::default(), Counter::default()]);
            let worker = |own: usize| {
                let sets = Arc::clone(&sets);
                thread::spawn(move || {
                    sets[own].add(1);
                    sets[own].add(2);
                })
            };
            let workers = [worker(0), worker(1)];
            let (before, after) = (sum(&sets), sum(&sets));
            assert!(before <= after, "{before} before {after}");
            for worker in workers {
                worker.join().unwrap();
            }
            assert_eq!(sum(&sets), 6);
        });
    }

    #[test]
    fn whoever_holds_the_lock_is_the_one_writer_of_its_set() {
        loom::model(|| {
            let set = Arc::new((Mutex::new(()), Counter::default()));
            let worker = || {
                let set = Arc::clone(&set);
                thread::spawn(move || {
                    let _held = set.0.lock().unwrap();
                    set.1.add(1);
                })
            };
            let workers = [worker(), worker()];
            for worker in workers {
                worker.join().unwrap();
            }
            assert_eq!(set.1.get(), 2);
        });
    }
}
