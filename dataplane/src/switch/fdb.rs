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

use crate::clock::Time;
use crate::config::SwitchConfig;
use crate::outcome::PortId;
use crate::wire::ethernet::MacAddr;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;
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

/// No entry: the end of a list.
const NIL: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Slot {
    mac: MacAddr,
    port: PortId,
    kind: FdbKind,
    refreshed: Time,
    previous: u32,
    next: u32,
}

/// The learned entries of one port, the longest unseen first.
#[derive(Clone, Copy, Debug)]
struct List {
    head: u32,
    tail: u32,
    len: usize,
}

/// The forwarding database of one switch.
#[derive(Clone, Debug)]
pub struct Fdb {
    slots: Vec<Slot>,
    free: Vec<u32>,
    index: HashTable<u32>,
    lists: Vec<List>,
    seed: RandomState,
    /// How many of the entries are static.
    statics: usize,
    capacity: usize,
    port_limit: usize,
    ageing: Duration,
}

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
    /// An empty table for `ports` ports. It allocates all it will ever need for these.
    pub fn new(config: &SwitchConfig, ports: usize) -> Self {
        Self {
            slots: Vec::with_capacity(config.fdb_capacity),
            free: Vec::with_capacity(config.fdb_capacity),
            // Twice the room, so that removals never make it rehash on the way of a frame.
            index: HashTable::with_capacity(config.fdb_capacity * 2),
            lists: vec![List { head: NIL, tail: NIL, len: 0 }; ports],
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
            self.lists.resize(ports, List { head: NIL, tail: NIL, len: 0 });
        }
    }

    /// Adds a static entry, in place of any other of this MAC. Returns the port that lost a learned one
    /// for it, because the table was full.
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
        let loser = if self.len() == self.capacity { self.fullest() } else { None };
        if let Some(loser) = loser {
            self.remove(self.lists[loser.index()].head);
        }
        self.store(mac, port, FdbKind::Static, Time::START);
        Ok(loser)
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

    /// Adds a learned entry. Returns the port that lost one for it.
    fn insert(&mut self, mac: MacAddr, port: PortId, now: Time) -> Option<PortId> {
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

    /// The port with most learned entries, where the table is full: one is not static, so its list is
    /// not empty.
    fn fullest(&self) -> Option<PortId> {
        let fullest = self.lists.iter().enumerate().max_by_key(|(_, list)| list.len)?;
        Some(PortId(fullest.0 as u16))
    }

    fn is_static(&self, at: u32) -> bool {
        self.slots[at as usize].kind == FdbKind::Static
    }

    fn store(&mut self, mac: MacAddr, port: PortId, kind: FdbKind, refreshed: Time) {
        let slot = Slot { mac, port, kind, refreshed, previous: NIL, next: NIL };
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at as usize] = slot;
                at
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as u32
            }
        };
        let (slots, seed) = (&self.slots, &self.seed);
        self.index.insert_unique(hash(seed, mac), at, |&at| hash(seed, slots[at as usize].mac));
        match kind {
            FdbKind::Learned => self.link(at),
            FdbKind::Static => self.statics += 1,
        }
    }

    fn remove(&mut self, at: u32) {
        let Slot { mac, kind, .. } = self.slots[at as usize];
        match kind {
            FdbKind::Learned => self.unlink(at),
            FdbKind::Static => self.statics -= 1,
        }
        if let Ok(found) = self.index.find_entry(self.hash(mac), |&other| other == at) {
            found.remove();
            self.free.push(at);
        }
    }

    /// Puts an entry at the tail of its port's list: seen last.
    fn link(&mut self, at: u32) {
        let list = &mut self.lists[self.slots[at as usize].port.index()];
        let tail = std::mem::replace(&mut list.tail, at);
        list.len += 1;
        if tail == NIL {
            list.head = at;
        } else {
            self.slots[tail as usize].next = at;
        }
        let slot = &mut self.slots[at as usize];
        (slot.previous, slot.next) = (tail, NIL);
    }

    fn unlink(&mut self, at: u32) {
        let Slot { port, previous, next, .. } = self.slots[at as usize];
        let list = &mut self.lists[port.index()];
        list.len -= 1;
        if previous == NIL {
            list.head = next;
        } else {
            self.slots[previous as usize].next = next;
        }
        let list = &mut self.lists[port.index()];
        if next == NIL {
            list.tail = previous;
        } else {
            self.slots[next as usize].previous = previous;
        }
    }
}

#[inline]
fn hash(seed: &RandomState, mac: MacAddr) -> u64 {
    let [a, b, c, d, e, f] = mac.0;
    seed.hash_one(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
}
