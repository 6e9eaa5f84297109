//! Where does this MAC live, and who gets a flood?
//!
//! ```text
//!  frame ──> admit ──> learn ──> forward ──┬─> Unicast(port)
//!              │         │          │      └─> Flood
//!              └─────────┴──────────┴────────> DropReason
//! ```
//!
//! * *admit*: a port with the source check on sends from its own MAC alone.
//! * *learn*: on other ports the source MAC is noted in the [`fdb`], unless it is another's own.
//! * *forward*: a known destination has one port; everything else is flooded, within the limits of
//!   [`storm`] control, to every port but the one it came from. Isolated ports do not reach each
//!   other. Reserved group addresses are not forwarded.
//!
//! Source: IEEE 802.1Q 8.6 to 8.8; `net/bridge/br_input.c`, `br_forward.c`.
//! Known gaps: no multicast snooping (a group is flooded), no VLAN filtering, no spanning tree.

mod entries;
pub mod fdb;
mod settings;
pub mod storm;
#[cfg(test)]
mod tests;

pub use entries::FdbError;
pub use fdb::{Fdb, FdbEntry, FdbFull, FdbKind, Learned, Room};
pub use storm::Storm;

use crate::clock::Time;
use crate::config::{Config, PortConfig, StormLimit};
use crate::frame::Frame;
use crate::outcome::{DropReason, Outcome, PortId, Verdict};
use crate::wire::ethernet::MacAddr;

/// What the switch knows of one port.
#[derive(Clone, Debug)]
struct PortState {
    mac: MacAddr,
    isolated: bool,
    check_source: bool,
    alive: bool,
    /// How many ports hear a flood from this one.
    audience: usize,
    storm: Option<Storm>,
}

/// A learning switch.
#[derive(Clone, Debug)]
pub struct Switch {
    fdb: Fdb,
    ports: Vec<PortState>,
    /// What each port may flood.
    storm: Option<StormLimit>,
}

impl PortState {
    fn new(port: &PortConfig, storm: Option<StormLimit>) -> Self {
        Self {
            mac: port.mac,
            isolated: port.isolated,
            check_source: port.check_source,
            alive: true,
            audience: 0,
            storm: storm.map(Storm::new),
        }
    }
}

impl Switch {
    /// A switch whose FDB holds the ports' own MACs as static entries.
    pub fn new(config: &Config) -> Self {
        let mut fdb = Fdb::new(config.switch(), config.ports().len());
        for (id, port) in config.ports_by_id() {
            // Config has proven that there is room, and nothing is learned yet.
            let _ = fdb.add_static(port.mac, id);
        }
        let storm = config.switch().storm;
        let ports = config.ports().iter().map(|port| PortState::new(port, storm));
        let mut switch = Self { fdb, ports: ports.collect(), storm };
        switch.count_audiences();
        switch
    }

    /// May this port send from this MAC?
    ///
    /// # Errors
    /// `SourceCheck`.
    #[inline]
    pub fn admit(&self, frame: &Frame<'_>) -> Result<(), DropReason> {
        let port = &self.ports[frame.ingress().index()];
        if port.check_source && frame.source() != port.mac {
            return Err(DropReason::SourceCheck);
        }
        Ok(())
    }

    /// Notes where the source MAC lives. Returns the port that lost an FDB entry to make room.
    ///
    /// # Errors
    /// `StaticMacElsewhere`.
    #[inline]
    pub fn learn(&mut self, frame: &Frame<'_>, now: Time) -> Result<Option<PortId>, DropReason> {
        let ingress = frame.ingress();
        if self.ports[ingress.index()].check_source {
            // Its one MAC is a static entry.
            return Ok(None);
        }
        match self.fdb.learn(frame.source(), ingress, now) {
            Learned::Known => Ok(None),
            Learned::New { evicted } | Learned::Moved { evicted, .. } => Ok(evicted),
            Learned::StaticElsewhere => Err(DropReason::StaticMacElsewhere),
        }
    }

    /// Where the frame goes.
    ///
    /// # Errors
    /// `ReservedGroup`, `SamePort`, `Isolated`, or what a flood may die of.
    #[inline]
    pub fn forward(&mut self, frame: &Frame<'_>, now: Time) -> Outcome {
        let destination = frame.destination();
        if destination.is_group() {
            if destination.is_reserved_group() {
                return Err(DropReason::ReservedGroup);
            }
            return self.flood(frame, now);
        }
        match self.fdb.lookup(destination, now) {
            None => self.flood(frame, now),
            Some(port) if port == frame.ingress() => Err(DropReason::SamePort),
            Some(port) if !self.hears(port, frame.ingress()) => Err(DropReason::Isolated),
            Some(port) => Ok(Verdict::Unicast(port)),
        }
    }

    /// Does a flood from `ingress` reach `port`? Never the port it came from.
    #[inline]
    pub fn is_flooded(&self, port: PortId, ingress: PortId) -> bool {
        port != ingress && self.ports[port.index()].alive && self.hears(port, ingress)
    }

    /// How many ports there are, those that are gone included.
    #[inline]
    pub fn ports(&self) -> usize {
        self.ports.len()
    }

    /// Is the port there still?
    pub fn has_port(&self, port: PortId) -> bool {
        self.ports.get(port.index()).is_some_and(|port| port.alive)
    }

    /// A port's own MAC; that of one that is gone until its id is used again.
    pub fn mac(&self, port: PortId) -> MacAddr {
        self.ports[port.index()].mac
    }

    /// Puts a port in, at the id of one that is gone or the next one. Returns the port that lost an FDB
    /// entry for its MAC, which takes the place of a static one elsewhere.
    ///
    /// # Errors
    /// [`FdbFull`]; then nothing has changed.
    pub fn add_port(&mut self, id: PortId, port: &PortConfig) -> Result<Option<PortId>, FdbFull> {
        self.fdb.add_ports(id.index() + 1);
        let evicted = self.fdb.add_static(port.mac, id)?;
        let state = PortState::new(port, self.storm);
        match self.ports.get_mut(id.index()) {
            Some(gone) => *gone = state,
            None => self.ports.push(state),
        }
        self.count_audiences();
        Ok(evicted)
    }

    /// Forgets all about a port that is gone.
    pub fn remove_port(&mut self, port: PortId) {
        self.ports[port.index()].alive = false;
        self.fdb.flush(port);
        self.count_audiences();
    }

    /// The forwarding database.
    pub fn fdb(&self) -> &Fdb {
        &self.fdb
    }

    /// Forgets aged entries, at most `budget` of them. Returns how many.
    pub fn expire(&mut self, now: Time, budget: usize) -> usize {
        self.fdb.expire(now, budget)
    }

    fn flood(&mut self, frame: &Frame<'_>, now: Time) -> Outcome {
        let port = &mut self.ports[frame.ingress().index()];
        if port.audience == 0 {
            return Err(DropReason::NobodyToFlood);
        }
        if let Some(storm) = &mut port.storm {
            storm.take((frame.len() * port.audience) as u64, now)?;
        }
        Ok(Verdict::Flood)
    }

    #[inline]
    fn hears(&self, port: PortId, ingress: PortId) -> bool {
        !(self.ports[port.index()].isolated && self.ports[ingress.index()].isolated)
    }

    fn count_audiences(&mut self) {
        let alive = || self.ports.iter().filter(|port| port.alive);
        let (all, open) = (alive().count(), alive().filter(|port| !port.isolated).count());
        for port in &mut self.ports {
            // An isolated port is heard by the open ones; an open one by all but itself.
            port.audience = if port.isolated { open } else { all.saturating_sub(1) };
        }
    }
}
