//! Who forwards, and how are they told what to do?
//!
//! ```text
//!   Handle ── requests ──> Worker ─── when is which port served?
//!   (any thread)             │ station
//!                 ┌──────────┴──────────┐
//!                 v alone               v one of several
//!             Forwarder               Share ── Stock: twins of the ports, counters of its own
//!             ports, stages,            │
//!             counters, buffer          └ lock ──> Tables: a Forwarder with the ports and stages
//! ```
//!
//! One worker has all to itself: no lock, nothing atomic, one buffer. With more of them each reads a queue of
//! every port, and what is decided about a frame is decided under one lock, between
//! the copies of the kernel, which are made by all at a time (docs/decisions/0011, 0014). What comes by one queue
//! stays in order either way.
//!
//! * `worker`: the loop; `answer`: what it does about requests. `station`: what it works with.
//! * `reading`: how a port is read, by both. `forwarder`: reads, walks, writes, alone, with its `desk`, the way
//!   of a frame; `share`: the same as one of several.
//! * `slots`: which ports there are; `lending`: what each worker has of them; `roster`: what others see, `news`:
//!   whether there is anything to see.
//! * [`Handle`], in `handle`, `live`, `settings`, `fill`, `watching`: how they are asked; `refit`: what the forwarder
//!   does then. `witness`: who is told of each frame.
//! * `team`: how several begin and end; `processors`: where they run; `awake`: when none of them sleeps; `courtesy`:
//!   when one lets others have its processor.
//!
//! Workers are the only readers of the clock.

mod answer;
mod awake;
mod courtesy;
mod desk;
mod fill;
mod forwarder;
mod handle;
mod lending;
#[cfg(all(test, loom))]
mod lending_model;
mod live;
mod news;
mod processors;
mod reading;
mod refit;
mod roster;
mod settings;
mod share;
mod slots;
mod station;
mod team;
mod watching;
mod witness;
mod worker;

pub use crate::switch::{FdbEntry, FdbKind};
pub use answer::DRAINED_FRAMES;
pub use desk::Counters;
pub use fill::{Fill, Tables};
pub use forwarder::Forwarder;
pub use handle::{EngineStopped, FlowKey, FlowPage, Handle};
pub use live::{AddPortError, FdbEntryError, LimitError, ListenError, ReconfigureError};
pub use reading::Served;
pub use refit::AddError;
pub use roster::PortStatus;
pub use settings::SettingError;
pub use watching::CaptureError;
pub use witness::CapturesFull;

use crate::clock::Clock;
use crate::config::{Config, Workers};
use crate::port::Port;
use crate::port::twin::twins;
use handle::{Line, Shared};
use lending::{Lending, twins_for};
use roster::Roster;
use share::Share;
use std::io;
use std::sync::{Arc, Mutex};
use team::Team;
use worker::Worker;

/// All that forwards. Run it on a thread of its own.
pub struct Engine(Kind);

enum Kind {
    Alone(Box<Worker<Forwarder>>),
    Several(Box<Team>),
}

impl Engine {
    /// An engine whose `ports[i]` is described by `config.ports()[i]`, and the handle to it.
    ///
    /// # Errors
    /// `InvalidInput` if ports and configuration differ in number; what the poller says otherwise.
    pub fn new(config: Config, ports: Vec<Box<dyn Port>>) -> io::Result<(Self, Handle)> {
        Self::listening(config, ports, Vec::new())
    }

    /// The same with `listeners`, ports that are only read from: what they bring enters as if from
    /// the host's port.
    ///
    /// # Errors
    /// As of [`Self::new`].
    pub fn listening(
        config: Config,
        ports: Vec<Box<dyn Port>>,
        listeners: Vec<Box<dyn Port>>,
    ) -> io::Result<(Self, Handle)> {
        Self::with_workers(config, ports, listeners, Workers::ONE)
    }

    /// The same with so many threads, the one that runs it included.
    ///
    /// # Errors
    /// As of [`Self::new`].
    pub fn with_workers(
        config: Config,
        ports: Vec<Box<dyn Port>>,
        listeners: Vec<Box<dyn Port>>,
        workers: Workers,
    ) -> io::Result<(Self, Handle)> {
        if ports.len() != config.ports().len() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} ports for {} configured ones", ports.len(), config.ports().len()),
            ));
        }
        let count = twins_for(workers.get());
        let with_twins = |ports: Vec<_>, count| ports.into_iter().map(move |it| twins(it, count));
        let (mut ports, of_ports): (Vec<_>, _) = with_twins(ports, count).unzip();
        let (listeners, of_listeners): (_, Vec<_>) = with_twins(listeners, count.min(1)).unzip();
        ports.extend::<Vec<_>>(listeners);
        let mut forwarder = Forwarder::new(&config, ports);
        let names = config.ports().iter().map(|port| port.name.clone());
        let roster = Roster::new(names, Arc::clone(forwarder.counters()));
        let lines = (0..workers.get()).map(|_| Line::new()).collect::<io::Result<Vec<_>>>()?;
        let (lines, mut ends): (_, Vec<_>) = lines.into_iter().unzip();
        let shared = Arc::new(Shared::new(roster, lines));
        let handle = Handle { shared: Arc::clone(&shared) };
        let clock = Clock::start();
        if workers == Workers::ONE
            && let Some(end) = ends.pop()
        {
            let worker = Worker::new(forwarder, end, shared, clock);
            return Ok((Self(Kind::Alone(Box::new(worker))), handle));
        }
        forwarder.lend(Lending::new(of_ports, of_listeners.into_iter().flatten().collect()));
        let tables = Arc::new(Mutex::new(share::Tables::new(forwarder)));
        let of = |(number, end)| {
            let numbers = (number, workers.get());
            let share = Share::new(Arc::clone(&tables), numbers, Arc::clone(&shared));
            Worker::new(share, end, Arc::clone(&shared), clock)
        };
        let workers = (0..).zip(ends).map(of).collect();
        Ok((Self(Kind::Several(Box::new(Team { workers, tables, shared }))), handle))
    }

    /// Forwards until [`Handle::stop`] is called, then hands the ports back.
    ///
    /// # Errors
    /// What the poller says. A port's failure is never one: a port whose device is gone is removed.
    pub fn run(self) -> io::Result<Vec<Box<dyn Port>>> {
        match self.0 {
            Kind::Alone(worker) => worker.run().map(Forwarder::into_ports),
            Kind::Several(team) => team.run(),
        }
    }
}
