//! What the forwarder has to do when ports, FDB entries or the router change.
//!
//! As [`super::forwarder`], without a thread or a poller: tests drive it. What the running engine is
//! asked comes from [`super::live`].

use super::desk::{Counters, Desk};
use super::forwarder::Forwarder;
use crate::clock::Time;
use crate::config::{ConfigError, MAX_PORTS, PortConfig, RouterConfig};
use crate::counters::PortCounters;
use crate::outcome::PortId;
use crate::pipeline::{Prepared, Router};
use crate::port::Port;
use crate::port::twin::Twins;
use crate::switch::{FdbError, FdbFull};
use crate::wire::ethernet::MacAddr;
use crossbeam_utils::CachePadded;

/// Why a port is not added.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// It contradicts itself or another port, or there are [`MAX_PORTS`].
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its own MAC does not fit the FDB.
    #[error(transparent)]
    Fdb(#[from] FdbFull),
}

impl Forwarder {
    /// Puts a port in. It counts from zero; the other ports go on.
    ///
    /// # Errors
    /// [`AddError`]; then nothing has changed, and the port is closed.
    pub fn add(&mut self, config: &PortConfig, port: Box<dyn Port>) -> Result<PortId, AddError> {
        self.add_with(config, (port, Vec::new()))
    }

    /// The same with a twin for each worker.
    pub(super) fn add_with(
        &mut self,
        config: &PortConfig,
        (port, twins): Twins,
    ) -> Result<PortId, AddError> {
        let desk = &mut self.desk;
        config.check()?;
        let id = desk.slots.vacancy(config)?;
        let evicted = desk.pipeline.add_port(id, config)?;
        match desk.counters.get(id.index()) {
            Some(counters) => counters.clear(),
            None => desk.counters = more(&desk.counters, id),
        }
        desk.count_eviction(evicted);
        desk.slots.put(id, config, port, twins);
        desk.name_to_captures(id, &config.name);
        Ok(id)
    }

    /// Takes a port of the switch out and hands it back; `None` if it is not there. What was of it goes
    /// with it; its flows end with [`Pipeline::purge`](crate::pipeline::Pipeline::purge), before its id is used again.
    pub fn remove(&mut self, id: PortId, now: Time) -> Option<Box<dyn Port>> {
        let port = self.desk.slots.take(id)?;
        self.desk.pipeline.remove_port(id);
        self.desk.send_parcels(now);
        self.desk.end_captures_of(id);
        Some(port)
    }

    /// Puts other listeners in the place of those there are, which are handed back.
    pub fn listen(&mut self, listeners: Vec<Box<dyn Port>>) -> Vec<Box<dyn Port>> {
        self.listen_with(listeners.into_iter().map(|port| (port, Vec::new())).collect())
    }

    /// The same with a twin of each for the worker that reads them.
    pub(super) fn listen_with(&mut self, listeners: Vec<Twins>) -> Vec<Box<dyn Port>> {
        let (ports, twins): (_, Vec<_>) = listeners.into_iter().unzip();
        self.desk.slots.listen(ports, twins.into_iter().flatten().collect())
    }

    /// From now on `mac` lives behind `port`.
    ///
    /// # Errors
    /// [`FdbError`]; then nothing has changed.
    pub fn add_fdb_entry(&mut self, mac: MacAddr, port: PortId) -> Result<(), FdbError> {
        let evicted = self.desk.pipeline.switch.add_entry(mac, port)?;
        self.desk.count_eviction(evicted);
        Ok(())
    }

    /// Puts another configuration of the router in force, with `spare` in its place if there is none.
    /// Returns what is to be dropped.
    ///
    /// # Errors
    /// `HostPort`: it is for a switch of more ports; then nothing has changed.
    pub fn route(
        &mut self,
        prepared: Prepared,
        spare: Option<Box<Router>>,
    ) -> Result<RouterConfig, ConfigError> {
        self.desk.pipeline.route(prepared, spare)
    }

    /// Takes the router out. What waited in it is dropped.
    pub fn unroute(&mut self, now: Time) -> Option<Box<Router>> {
        let router = self.desk.pipeline.unroute();
        self.desk.send_parcels(now);
        router
    }
}

impl Desk {
    pub(super) fn count_eviction(&self, loser: Option<PortId>) {
        if let Some(loser) = loser {
            self.counters[loser.index()].fdb_evictions.add(1);
        }
    }
}

/// Counters for more ports, this one included. Those that there are go on in other memory: a frame finds
/// its counters without a detour, at the price of this copy.
pub(super) fn more(counters: &Counters, id: PortId) -> Counters {
    // Twice as many each time, so that ports that come one by one are not copied each time.
    let room = (id.index() + 1).next_power_of_two().min(MAX_PORTS);
    let going_on = |index: usize| match counters.get(index) {
        Some(counted) => CachePadded::new(PortCounters::going_on(&counted.snapshot())),
        None => CachePadded::default(),
    };
    (0..room).map(going_on).collect()
}
