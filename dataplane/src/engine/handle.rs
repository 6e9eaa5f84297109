//! How others talk to a running engine: counters without disturbing it, questions between its passes.

use super::forwarder::Counters;
use crate::counters::CounterSnapshot;
use crate::outcome::PortId;
use crate::port::Port;
use crate::switch::FdbEntry;
use crossbeam_channel::{Sender, bounded};
use mio::Waker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What an engine can be asked to do.
pub(super) enum Request {
    /// Copy the FDB out.
    Fdb(Sender<Vec<FdbEntry>>),
    /// Take a port out and hand it back, if it is there.
    Remove(PortId, Sender<Option<Box<dyn Port>>>),
    /// End.
    Stop,
}

/// The engine has ended.
#[derive(Debug, thiserror::Error)]
#[error("the dataplane has stopped")]
pub struct EngineStopped;

/// A port and its counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortStatus {
    /// Its place in the switch.
    pub id: PortId,
    /// Its name.
    pub name: String,
    /// `false` once its device is gone.
    pub alive: bool,
    /// The counters now.
    pub counters: CounterSnapshot,
}

/// What handle and engine share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) names: Vec<String>,
    pub(super) alive: Vec<AtomicBool>,
    pub(super) counters: Counters,
    pub(super) waker: Waker,
}

impl Shared {
    /// Notes that a port is gone.
    pub(super) fn bury(&self, id: PortId) {
        self.alive[id.index()].store(false, Ordering::Relaxed);
    }
}

/// The way to talk to an engine, from any thread.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
    pub(super) requests: Sender<Request>,
}

impl Handle {
    /// All ports and their counters; works after the engine's end too.
    pub fn ports(&self) -> Vec<PortStatus> {
        let Shared { names, alive, counters, .. } = &*self.shared;
        let ports = names.iter().zip(alive).zip(counters.iter()).enumerate();
        ports
            .map(|(index, ((name, alive), counters))| PortStatus {
                id: PortId(index as u16),
                name: name.clone(),
                alive: alive.load(Ordering::Relaxed),
                counters: counters.snapshot(),
            })
            .collect()
    }

    /// The FDB's entries, in no order. Waits for the engine's present pass to end.
    ///
    /// # Errors
    /// [`EngineStopped`].
    pub fn fdb(&self) -> Result<Vec<FdbEntry>, EngineStopped> {
        let (reply, answer) = bounded(1);
        self.ask(Request::Fdb(reply))?;
        answer.recv().map_err(|_| EngineStopped)
    }

    /// Takes a port out of the switch and hands it back; `None` if that was done before. It counts as
    /// gone from now on. Waits for the engine's present pass to end.
    ///
    /// # Errors
    /// [`EngineStopped`].
    pub fn remove(&self, id: PortId) -> Result<Option<Box<dyn Port>>, EngineStopped> {
        let (reply, answer) = bounded(1);
        self.ask(Request::Remove(id, reply))?;
        answer.recv().map_err(|_| EngineStopped)
    }

    /// Makes the engine end after its present pass. It may have ended already.
    pub fn stop(&self) {
        // An engine that is gone needs no stopping.
        let _ = self.ask(Request::Stop);
    }

    fn ask(&self, request: Request) -> Result<(), EngineStopped> {
        self.requests.send(request).map_err(|_| EngineStopped)?;
        self.shared.waker.wake().map_err(|_| EngineStopped)
    }
}
