//! Where does this MAC live? The forwarding database.
//!
//! A slab of entries with a hash index by MAC. Each port's learned entries form a list, the one that
//! was seen longest ago first; so the oldest of a port, to evict or to expire, is its list's head.
//! Static entries are in no list: they neither age nor move nor make room.
//!
//! Learning writes only when something changes: a new MAC, a move, or a *refresh* of an entry whose
//! stamp is older than one [`Fdb::refresh_step`]. So an entry lives between `ageing - step` and
//! `ageing` after its last frame.
//!
//! Limits: [`SwitchConfig::fdb_capacity`] entries in all; beyond it the port with most learned
//! entries loses its oldest. [`SwitchConfig::fdb_port_limit`] for one port; beyond it that port loses
//! its own oldest. Keys are chosen by whoever sends frames, so they are hashed with a random seed.
//! Source: `net/bridge/br_fdb.c`.
//!
//! | file | question |
//! |---|---|
//! | `mod` | where does a MAC live, and since when? |
//! | `limits` | who makes room, and what if the limits change? |
//! | `slots` | how are entries kept, and in which order? |

mod limits;
mod slots;

pub use limits::FdbFull;
pub use slots::Room;

use crate::clock::Time;
use crate::config::SwitchConfig;
use crate::outcome::PortId;
use crate::wire::ethernet::MacAddr;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use slots::{List, NIL, Slot, hash};
use std::time::Duration;

/// Where an entry comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdbKind {
    /// Given by the configuration.
    Static,
    /// Learned from a frame.
    Learned,
}

/// An entry as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdbEntry {
    /// The MAC.
    pub mac: MacAddr,
    /// The port it lives behind.
    pub port: PortId,
    /// Where the entry comes from.
    pub kind: FdbKind,
    /// Time since the entry was last refreshed; zero for a static one.
    pub age: Duration,
}

/// What learning a MAC did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Nothing: it was known, here.
    Known,
    /// It is new, and `evicted` names the port that lost an entry for it, if one did.
    New {
        /// The port that lost its oldest entry.
        evicted: Option<PortId>,
    },
    /// It lived elsewhere until now; `evicted` as for a new one.
    Moved {
        /// Where it lived.
        from: PortId,
        /// The port that lost its oldest entry.
        evicted: Option<PortId>,
    },
    /// It is a static entry of another port and stays there.
    StaticElsewhere,
}

/// The forwarding database of one switch.
#[derive(Clone, Debug)]
pub struct Fdb {
    slots: Vec<Slot>,
    free: Vec<u32>,
    index: HashTable<u32>,
    /// How many entries there is memory for.
    room: usize,
    lists: Vec<List>,
    seed: RandomState,
    /// How many of the entries are static.
    statics: usize,
    capacity: usize,
    port_limit: usize,
    ageing: Duration,
}

impl Fdb {
    /// An empty table for `ports` ports. It allocates all it will ever need for these.
    pub fn new(config: &SwitchConfig, ports: usize) -> Self {
        let Room { entries, slots, free, index } = Room::new(config.fdb_capacity);
        Self {
            slots,
            free,
            index,
            room: entries,
            lists: vec![List::EMPTY; ports],
            seed: RandomState::default(),
            statics: 0,
            capacity: config.fdb_capacity,
            port_limit: config.fdb_port_limit,
            ageing: config.ageing,
        }
    }

    /// Where `mac` lives, if that is known at `now`.
    #[inline]
    pub fn lookup(&self, mac: MacAddr, now: Time) -> Option<PortId> {
        let slot = &self.slots[self.find(mac)? as usize];
        (!self.is_expired(slot, now)).then_some(slot.port)
    }

    /// Notes that a frame from `mac` came in by `port`.
    #[inline]
    pub fn learn(&mut self, mac: MacAddr, port: PortId, now: Time) -> Learned {
        let Some(at) = self.find(mac) else {
            let evicted = self.insert(mac, port, now);
            return Learned::New { evicted };
        };
        let slot = &self.slots[at as usize];
        match (slot.kind, slot.port == port) {
            (_, true) if slot.kind == FdbKind::Static || !self.is_stale(slot, now) => {
                Learned::Known
            }
            (FdbKind::Learned, _) => self.relearn(at, port, now),
            (FdbKind::Static, _) => Learned::StaticElsewhere,
        }
    }

    /// Makes room for so many ports.
    pub fn add_ports(&mut self, ports: usize) {
        if ports > self.lists.len() {
            self.lists.resize(ports, List::EMPTY);
        }
    }

    /// Removes the entry of a MAC, static or learned, if it is at this port. Says whether it was.
    pub fn remove_entry(&mut self, mac: MacAddr, port: PortId) -> bool {
        let found = self.find(mac).filter(|&at| self.slots[at as usize].port == port);
        if let Some(at) = found {
            self.remove(at);
        }
        found.is_some()
    }

    /// Forgets every entry of a port, static ones too.
    pub fn flush(&mut self, port: PortId) {
        let of_port: Vec<u32> =
            self.index.iter().copied().filter(|&at| self.slots[at as usize].port == port).collect();
        for at in of_port {
            self.remove(at);
        }
    }

    /// Forgets learned entries that have aged out, at most `budget` of them. Returns how many.
    pub fn expire(&mut self, now: Time, budget: usize) -> usize {
        let mut expired = 0;
        for port in 0..self.lists.len() {
            while expired < budget {
                let head = self.lists[port].head;
                if head == NIL || !self.is_expired(&self.slots[head as usize], now) {
                    break;
                }
                self.remove(head);
                expired += 1;
            }
        }
        expired
    }

    /// When the next entry ages out, if there is one.
    pub fn next_expiry(&self) -> Option<Time> {
        let heads = self.lists.iter().map(|list| list.head).filter(|&head| head != NIL);
        heads.map(|head| self.slots[head as usize].refreshed + self.ageing).min()
    }

    /// All entries that have not aged out, in no order.
    pub fn entries(&self, now: Time) -> impl Iterator<Item = FdbEntry> + '_ {
        let slots = self.index.iter().map(|&at| &self.slots[at as usize]);
        slots.filter(move |slot| !self.is_expired(slot, now)).map(move |slot| FdbEntry {
            mac: slot.mac,
            port: slot.port,
            kind: slot.kind,
            age: match slot.kind {
                FdbKind::Static => Duration::ZERO,
                FdbKind::Learned => now - slot.refreshed,
            },
        })
    }

    /// How many entries the table holds, expired ones that have not been swept included.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// How many it can hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Does the table hold nothing?
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// How old a stamp may get before a frame renews it: a sixteenth of the ageing time, at most a
    /// second.
    pub fn refresh_step(&self) -> Duration {
        (self.ageing / 16).min(Duration::from_secs(1))
    }

    #[inline]
    fn is_expired(&self, slot: &Slot, now: Time) -> bool {
        slot.kind == FdbKind::Learned && now - slot.refreshed >= self.ageing
    }

    #[inline]
    fn is_stale(&self, slot: &Slot, now: Time) -> bool {
        now - slot.refreshed >= self.refresh_step()
    }

    #[inline]
    fn find(&self, mac: MacAddr) -> Option<u32> {
        self.index.find(self.hash(mac), |&at| self.slots[at as usize].mac == mac).copied()
    }

    #[inline]
    fn hash(&self, mac: MacAddr) -> u64 {
        hash(&self.seed, mac)
    }

    /// A frame from a known MAC: its entry is stale, has aged out, or is another port's.
    fn relearn(&mut self, at: u32, port: PortId, now: Time) -> Learned {
        let Slot { mac, port: from, .. } = self.slots[at as usize];
        if from == port {
            self.unlink(at);
            self.slots[at as usize].refreshed = now;
            self.link(at);
            return Learned::Known;
        }
        self.remove(at);
        let evicted = self.insert(mac, port, now);
        Learned::Moved { from, evicted }
    }
}
