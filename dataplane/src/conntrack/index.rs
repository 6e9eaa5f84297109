//! Which flow has this tuple?
//!
//! ```text
//!   heads   [ 0 | 7 | 0 | 4 | … ]         by hash: the first place of a chain, or none
//!                 │       │
//!   entries       └─> slot 3, reply ─> slot 1, original        each entry has a link for each tuple
//! ```
//!
//! A *place* is a slot and a direction. There are at least as many heads as tuples, so a chain has
//! one or two places. Nothing is left behind by a removal and nothing is ever put in order, so the
//! work for a packet is the same after years. (An open table was tried: with two thousand tuples that
//! come and go in four thousand buckets, its marks of removal made it grow within 100,000 flows.)
//!
//! Tuples are chosen by whoever sends packets, so they are hashed with a random seed.

use super::entry::Entry;
use super::slab::Slab;
use crate::flow::{Address, Direction, Tuple};
use foldhash::fast::RandomState;
use std::hash::{BuildHasher, Hasher};

/// A slot and a direction.
pub(super) type Place = (u32, Direction);

/// A place in one number. Zero is the end of a chain, so that heads need not be written before use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Link(u32);

impl Link {
    #[inline]
    fn to((slot, direction): Place) -> Self {
        // Slots are below 2^24 (config::MAX_FLOWS).
        Self((slot << 1 | direction as u32) + 1)
    }

    #[inline]
    fn place(self) -> Option<Place> {
        let at = self.0.checked_sub(1)?;
        Some((at >> 1, if at & 1 == 0 { Direction::Original } else { Direction::Reply }))
    }
}

/// The index of one slab.
#[derive(Debug)]
pub(super) struct Index {
    /// A power of two of them.
    heads: Vec<u32>,
    seed: RandomState,
}

impl Index {
    /// An empty one for so many flows of two tuples.
    pub(super) fn new(flows: usize) -> Self {
        // Zeroed memory costs nothing until it is touched.
        Self { heads: vec![0; heads_for(flows)], seed: RandomState::default() }
    }

    /// Makes room for so many flows in all, if there is less.
    pub(super) fn reserve<A: Address, X>(&mut self, flows: usize, slab: &mut Slab<Entry<A, X>>) {
        if heads_for(flows) <= self.heads.len() {
            return;
        }
        let old = std::mem::replace(&mut self.heads, vec![0; heads_for(flows)]);
        for head in old {
            let mut link = Link(head);
            while let Some((slot, direction)) = link.place() {
                let Some(entry) = slab.get(slot) else { break };
                let (next, hash) = (entry.link(direction), self.hash(entry.tuple(direction)));
                self.insert(hash, (slot, direction), slab);
                link = next;
            }
        }
    }

    /// One for a copy of the slab, which finds the same. It is as small as what is in it allows: most
    /// tables are far from full, and memory that was never touched is not worth a copy.
    pub(super) fn copy<A: Address, X>(
        &self,
        slab: &Slab<Entry<A, X>>,
        copy: &mut Slab<Entry<A, X>>,
    ) -> Self {
        let needed = heads_for(slab.used());
        if needed > self.heads.len() / 4 {
            return Self { heads: self.heads.clone(), seed: self.seed.clone() };
        }
        let mut index = Self { heads: vec![0; needed], seed: self.seed.clone() };
        for &head in self.heads.iter().filter(|&&head| head != 0) {
            let mut link = Link(head);
            while let Some((slot, direction)) = link.place() {
                let Some(entry) = slab.get(slot) else { break };
                index.insert(index.hash(entry.tuple(direction)), (slot, direction), copy);
                link = entry.link(direction);
            }
        }
        index
    }

    /// The hash of a tuple, the same for as long as the index lives.
    #[inline]
    pub(super) fn hash<A: Address>(&self, tuple: &Tuple<A>) -> u64 {
        let mut addresses = [0; 32];
        tuple.source.write(&mut addresses);
        tuple.destination.write(&mut addresses[A::LEN..]);
        let mut hasher = self.seed.build_hasher();
        for word in addresses[..2 * A::LEN].as_chunks::<8>().0 {
            hasher.write_u64(u64::from_ne_bytes(*word));
        }
        let ports = u64::from(tuple.source_port) << 16 | u64::from(tuple.destination_port);
        hasher.write_u64(ports << 8 | u64::from(tuple.protocol));
        hasher.finish()
    }

    /// The entry that has the tuple with this hash, and where it is.
    #[inline]
    pub(super) fn find<'s, A: Address, X>(
        &self,
        hash: u64,
        tuple: &Tuple<A>,
        slab: &'s Slab<Entry<A, X>>,
    ) -> Option<(Place, &'s Entry<A, X>)> {
        let mut link = Link(self.heads[self.head(hash)]);
        loop {
            let (slot, direction) = link.place()?;
            let entry = slab.get(slot)?;
            if entry.tuple(direction) == tuple {
                return Some(((slot, direction), entry));
            }
            link = entry.link(direction);
        }
    }

    /// Adds the tuple with this hash, which must not be there.
    #[inline]
    pub(super) fn insert<A: Address, X>(
        &mut self,
        hash: u64,
        (slot, direction): Place,
        slab: &mut Slab<Entry<A, X>>,
    ) {
        let head = self.head(hash);
        if let Some(entry) = slab.get_mut(slot) {
            entry.set_link(direction, Link(self.heads[head]));
            self.heads[head] = Link::to((slot, direction)).0;
        }
    }

    /// Takes a place out of the chain of this hash, if it is there.
    pub(super) fn remove<A: Address, X>(
        &mut self,
        hash: u64,
        place: Place,
        slab: &mut Slab<Entry<A, X>>,
    ) {
        let (head, wanted) = (self.head(hash), Link::to(place));
        let Some(next) = slab.get(place.0).map(|entry| entry.link(place.1)) else { return };
        let mut link = Link(self.heads[head]);
        if link == wanted {
            self.heads[head] = next.0;
            return;
        }
        while let Some((slot, direction)) = link.place() {
            let Some(entry) = slab.get_mut(slot) else { return };
            link = entry.link(direction);
            if link == wanted {
                entry.set_link(direction, next);
                return;
            }
        }
    }

    /// Which chain a hash has; there is one for each.
    #[inline]
    fn head(&self, hash: u64) -> usize {
        hash as usize & (self.heads.len() - 1)
    }

    /// What the heads take, in bytes.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.heads.capacity() * size_of::<u32>()
    }
}

/// How many heads so many flows need: one for each tuple at least.
fn heads_for(flows: usize) -> usize {
    (2 * flows).max(2).next_power_of_two()
}
