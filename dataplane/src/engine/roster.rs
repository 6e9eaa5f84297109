//! What do others see of the ports while the engine runs?
//!
//! Names, whether they are alive, and the counters. The engine's threads write here when a port comes or
//! goes, never for a frame; others look whenever they want to, also after its end. Whoever looks at many
//! engines by turns asks first whether there is news.

use super::desk::Counters;
use super::news::News;
use crate::counters::CounterSnapshot;
use crate::outcome::PortId;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A port and its counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortStatus {
    /// Its place in the switch.
    pub id: PortId,
    /// Its name.
    pub name: String,
    /// `false` once its device is gone, or it was taken out.
    pub alive: bool,
    /// The counters now.
    pub counters: CounterSnapshot,
}

/// All ports, as others see them.
#[derive(Debug)]
pub(super) struct Roster {
    listed: Mutex<Listed>,
    /// Raised before each wait of a worker.
    pub(super) news: News,
}

#[derive(Debug)]
struct Listed {
    /// Name, and whether it is alive; by id.
    ports: Vec<(String, bool)>,
    /// That of the tables; behind it, where several workers count, one of each.
    sets: Vec<Counters>,
}

/// Which set of counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counting {
    /// What is counted with the tables in hand; where one thread alone counts, all.
    Tables,
    /// What a worker, by its number, counts beside them.
    Worker(usize),
}

impl Roster {
    /// These ports, all alive.
    pub(super) fn new(names: impl Iterator<Item = String>, counters: Counters) -> Self {
        let ports = names.map(|name| (name, true)).collect();
        let listed = Mutex::new(Listed { ports, sets: vec![counters] });
        Self { listed, news: News::new() }
    }

    /// Notes a new port, at the id of one that was taken out or the next one.
    pub(super) fn add(&self, id: PortId, name: String) {
        let mut listed = self.lock();
        match listed.ports.get_mut(id.index()) {
            Some(gone) => *gone = (name, true),
            None => listed.ports.push((name, true)),
        }
    }

    /// Notes where it is counted now.
    pub(super) fn count_in(&self, which: Counting, counters: &Counters) {
        let index = match which {
            Counting::Tables => 0,
            Counting::Worker(number) => number + 1,
        };
        let mut listed = self.lock();
        if listed.sets.len() <= index {
            listed.sets.resize(index + 1, Counters::default());
        }
        listed.sets[index] = Counters::clone(counters);
    }

    /// Notes that a port is gone.
    pub(super) fn bury(&self, id: PortId) {
        // One that is only read from is nobody's to ask about.
        if let Some((_, alive)) = self.lock().ports.get_mut(id.index()) {
            *alive = false;
        }
    }

    /// Unlists a port that was new and did not come to be.
    pub(super) fn withdraw(&self, id: PortId) {
        let ports = &mut self.lock().ports;
        // In another's place it stays what that was: gone.
        if ports.len() == id.index() + 1 {
            ports.pop();
        }
    }

    /// All ports and their counters, by id.
    pub(super) fn status(&self) -> Vec<PortStatus> {
        let listed = self.lock();
        let status = |(id, (name, alive)): (u16, &(String, bool))| PortStatus {
            id: PortId(id),
            name: name.clone(),
            alive: *alive,
            counters: listed.count(PortId(id)),
        };
        (0..).zip(&listed.ports).map(status).collect()
    }

    /// A panic elsewhere leaves the list as good as it was.
    fn lock(&self) -> MutexGuard<'_, Listed> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listed {
    /// What all have counted at a port.
    fn count(&self, id: PortId) -> CounterSnapshot {
        let mut counted = self.sets.iter().filter_map(|set| set.get(id.index()));
        let first = counted.next().map(|counters| counters.snapshot()).unwrap_or_default();
        counted.fold(first, |mut sum, counters| {
            sum.add(&counters.snapshot());
            sum
        })
    }
}
