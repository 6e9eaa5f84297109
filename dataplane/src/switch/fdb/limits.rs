//! Who makes room, and what if the limits change?
//!
//! Where there is no room, learned entries go: those of the port that has too many, else of the port
//! that has most, and of these the one that was seen longest ago. Static ones never do. Who loses an
//! entry so is named to the caller, who counts it.
//!
//! Other limits hold for the next frame. What is beyond them goes a few at a time, in the same order,
//! so that no frame waits for all of it; until then whoever learns does it as in a full table.
//!
//! Known gap: a table that gets larger than it ever was is copied while frames wait, up to a microsecond
//! for each entry that is in it.

use super::slots::Room;
use super::{Fdb, FdbKind};
use crate::clock::Time;
use crate::config::SwitchConfig;
use crate::outcome::PortId;
use crate::wire::ethernet::MacAddr;

/// As many static entries as the table may have: one more would leave no room to learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the FDB holds {capacity} MACs, and all but one of them are static: there is no room for another"
)]
pub struct FdbFull {
    /// How many entries it holds.
    pub capacity: usize,
}

impl Fdb {
    /// Takes other limits and another ageing time, which hold for what is in the table too. `room` is
    /// moved into if there is more than it has; returns what was not needed, to be dropped elsewhere.
    /// [`Self::trim`] lets go what is beyond the limits.
    pub fn configure(&mut self, config: &SwitchConfig, room: Option<Room>) -> Option<Room> {
        (self.capacity, self.port_limit) = (config.fdb_capacity, config.fdb_port_limit);
        self.ageing = config.ageing;
        match room {
            Some(room) if room.entries > self.room => Some(self.move_into(room)),
            unneeded => unneeded,
        }
    }

    /// Lets one learned entry go that is beyond the limits, in the usual order. Returns the port that
    /// lost it; `None` if nothing is.
    pub fn trim(&mut self) -> Option<PortId> {
        let over = self.lists.iter().position(|list| list.len > self.port_limit);
        // At most MAX_PORTS.
        let over = over.map(|port| PortId(port as u16));
        let loser = over.or_else(|| self.fullest().filter(|_| self.len() > self.capacity))?;
        self.remove(self.lists[loser.index()].head);
        Some(loser)
    }

    /// Forgets learned entries, at most `budget` of them, whatever their age. Returns how many.
    pub fn forget_learned(&mut self, budget: usize) -> usize {
        let mut forgotten = 0;
        for port in 0..self.lists.len() {
            while self.lists[port].len > 0 && forgotten < budget {
                self.remove(self.lists[port].head);
                forgotten += 1;
            }
        }
        forgotten
    }

    /// How many entries are static.
    pub fn statics(&self) -> usize {
        self.statics
    }

    /// Adds a static entry, in place of any other of this MAC. Returns the port that lost a learned one
    /// for it, because the table was full or had more than it may have by now.
    ///
    /// # Errors
    /// [`FdbFull`]; then nothing has changed.
    pub fn add_static(&mut self, mac: MacAddr, port: PortId) -> Result<Option<PortId>, FdbFull> {
        let known = self.find(mac);
        let others = self.statics - usize::from(known.is_some_and(|at| self.is_static(at)));
        if others + 1 >= self.capacity {
            return Err(FdbFull { capacity: self.capacity });
        }
        if let Some(at) = known {
            self.remove(at);
        }
        let loser = if self.len() >= self.capacity { self.fullest() } else { None };
        if let Some(loser) = loser {
            self.remove(self.lists[loser.index()].head);
        }
        self.store(mac, port, FdbKind::Static, Time::START);
        Ok(loser)
    }

    /// Adds a learned entry. Returns the port that lost one for it.
    pub(super) fn insert(&mut self, mac: MacAddr, port: PortId, now: Time) -> Option<PortId> {
        let loser = self.loser(port);
        if let Some(loser) = loser {
            self.remove(self.lists[loser.index()].head);
        }
        self.store(mac, port, FdbKind::Learned, now);
        loser
    }

    /// The port that must lose an entry before `port` can have another.
    fn loser(&self, port: PortId) -> Option<PortId> {
        if self.lists[port.index()].len >= self.port_limit {
            return Some(port);
        }
        if self.len() < self.capacity {
            return None;
        }
        self.fullest()
    }

    /// The port with most learned entries; `None` if there are none, which is not so where the table is
    /// full: there is always room for one that is not static.
    fn fullest(&self) -> Option<PortId> {
        let lists = self.lists.iter().enumerate().filter(|(_, list)| list.len > 0);
        let (fullest, _) = lists.max_by_key(|(_, list)| list.len)?;
        // At most MAX_PORTS.
        Some(PortId(fullest as u16))
    }

    fn is_static(&self, at: u32) -> bool {
        self.slots[at as usize].kind == FdbKind::Static
    }
}
