//! How are entries kept, and in which order?
//!
//! In a slab, of which a freed slot is used again first, with an index by MAC. The learned entries of a
//! port are a list through it, the longest unseen first.

use super::{Fdb, FdbKind};
use crate::clock::Time;
use crate::outcome::PortId;
use crate::wire::ethernet::MacAddr;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// No entry: the end of a list.
pub(super) const NIL: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) mac: MacAddr,
    pub(super) port: PortId,
    pub(super) kind: FdbKind,
    pub(super) refreshed: Time,
    pub(super) previous: u32,
    pub(super) next: u32,
}

/// The learned entries of one port, the longest unseen first.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub(super) head: u32,
    pub(super) tail: u32,
    pub(super) len: usize,
}

impl Slot {
    const UNUSED: Self = Self {
        mac: MacAddr::ZERO,
        port: PortId(0),
        kind: FdbKind::Learned,
        refreshed: Time::START,
        previous: NIL,
        next: NIL,
    };
}

impl List {
    pub(super) const EMPTY: Self = Self { head: NIL, tail: NIL, len: 0 };
}

/// Memory for a table, taken where no frame waits for it.
#[derive(Debug)]
pub struct Room {
    /// How many entries it is for.
    pub(super) entries: usize,
    pub(super) slots: Vec<Slot>,
    pub(super) free: Vec<u32>,
    pub(super) index: HashTable<u32>,
}

impl Room {
    /// Memory for so many entries.
    pub fn new(entries: usize) -> Self {
        Self {
            entries,
            slots: Vec::with_capacity(entries),
            free: Vec::with_capacity(entries),
            // Twice the room, so that removals never make it rehash on the way of a frame.
            index: HashTable::with_capacity(entries * 2),
        }
    }

    /// The same, of which each page has been written: to be moved into while frames wait, which takes
    /// longest where the system has to give pages.
    pub fn touched(entries: usize) -> Self {
        let mut room = Self::new(entries);
        room.slots.resize(entries, Slot::UNUSED);
        room.slots.clear();
        room.free.resize(entries, NIL);
        room.free.clear();
        // Multiples of an odd number are spread over all of the index.
        let spread = |&at: &u32| u64::from(at).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for at in 0..entries as u32 {
            room.index.insert_unique(spread(&at), at, spread);
        }
        room.index.clear();
        room
    }
}

impl Fdb {
    /// How many entries there is memory for.
    pub fn room(&self) -> usize {
        self.room
    }

    /// Moves into other memory; returns what it leaves, to be dropped elsewhere.
    pub(super) fn move_into(&mut self, mut room: Room) -> Room {
        // Entries keep their slots, so the lists stay as they are.
        room.slots.extend_from_slice(&self.slots);
        room.free.extend_from_slice(&self.free);
        for &at in &self.index {
            insert(&mut room.index, &room.slots, &self.seed, at);
        }
        std::mem::swap(&mut self.room, &mut room.entries);
        std::mem::swap(&mut self.slots, &mut room.slots);
        std::mem::swap(&mut self.free, &mut room.free);
        std::mem::swap(&mut self.index, &mut room.index);
        room
    }

    pub(super) fn store(&mut self, mac: MacAddr, port: PortId, kind: FdbKind, refreshed: Time) {
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
        insert(&mut self.index, &self.slots, &self.seed, at);
        match kind {
            FdbKind::Learned => self.link(at),
            FdbKind::Static => self.statics += 1,
        }
    }

    pub(super) fn remove(&mut self, at: u32) {
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
    pub(super) fn link(&mut self, at: u32) {
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

    pub(super) fn unlink(&mut self, at: u32) {
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

/// Notes where an entry is.
#[inline]
fn insert(index: &mut HashTable<u32>, slots: &[Slot], seed: &RandomState, at: u32) {
    let hash_of = |&at: &u32| hash(seed, slots[at as usize].mac);
    index.insert_unique(hash_of(&at), at, hash_of);
}

#[inline]
pub(super) fn hash(seed: &RandomState, mac: MacAddr) -> u64 {
    let [a, b, c, d, e, f] = mac.0;
    seed.hash_one(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
}
