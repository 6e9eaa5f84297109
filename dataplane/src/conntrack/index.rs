//! Which flow has this tuple?
//!
//! A hash table of slot numbers with the direction in the lowest bit: 4 bytes a tuple and one of the
//! table's own. Tuples are chosen by whoever sends packets, so they are hashed with a random seed.
//!
//! It is made at least twice as large as it will be full. Then a removal hardly ever leaves a mark
//! behind (it does if 16 neighbours in a row are taken), marks are used again, and so the table never
//! has to be put in order on the way of a packet.

use super::entry::Entry;
use super::slab::Slab;
use crate::flow::{Address, Direction, Tuple};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher};

/// How many buckets there are at least for each tuple.
const BUCKETS_PER_TUPLE: usize = 2;

/// Where a tuple was found: a slot and a direction.
pub(super) type Place = (u32, Direction);

/// The index of one slab.
#[derive(Debug)]
pub(super) struct Index {
    table: HashTable<u32>,
    seed: RandomState,
}

impl Index {
    /// An empty one for so many flows of two tuples.
    pub(super) fn new(flows: usize) -> Self {
        Self { table: HashTable::with_capacity(room(flows)), seed: RandomState::default() }
    }

    /// Makes room for so many flows in all, if there is less.
    pub(super) fn reserve<A: Address, X>(&mut self, flows: usize, slab: &Slab<Entry<A, X>>) {
        let missing = room(flows).saturating_sub(self.table.len());
        let seed = &self.seed;
        self.table.reserve(missing, |&at| rehash(seed, slab, at));
    }

    /// The hash of a tuple, the same for as long as the index lives.
    #[inline]
    pub(super) fn hash<A: Address>(&self, tuple: &Tuple<A>) -> u64 {
        hash(&self.seed, tuple)
    }

    /// Where the tuple with this hash is.
    #[inline]
    pub(super) fn find<A: Address, X>(
        &self,
        hash: u64,
        tuple: &Tuple<A>,
        slab: &Slab<Entry<A, X>>,
    ) -> Option<Place> {
        let same = |&at: &u32| {
            let (slot, direction) = unpack(at);
            slab.get(slot).is_some_and(|entry| entry.tuple(direction) == tuple)
        };
        self.table.find(hash, same).copied().map(unpack)
    }

    /// Adds the tuple with this hash, which must not be there.
    #[inline]
    pub(super) fn insert<A: Address, X>(
        &mut self,
        hash: u64,
        place: Place,
        slab: &Slab<Entry<A, X>>,
    ) {
        let seed = &self.seed;
        self.table.insert_unique(hash, pack(place), |&at| rehash(seed, slab, at));
    }

    /// Takes a place out, if it is there.
    #[inline]
    pub(super) fn remove(&mut self, hash: u64, place: Place) {
        let packed = pack(place);
        if let Ok(found) = self.table.find_entry(hash, |&at| at == packed) {
            found.remove();
        }
    }

    /// What it takes, in bytes.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.table.allocation_size()
    }
}

/// The capacity to ask for. The table fills 7/8 of its buckets at most.
fn room(flows: usize) -> usize {
    flows * 2 * BUCKETS_PER_TUPLE * 7 / 8
}

#[inline]
fn pack((slot, direction): Place) -> u32 {
    slot << 1 | direction as u32
}

#[inline]
fn unpack(at: u32) -> Place {
    (at >> 1, if at & 1 == 0 { Direction::Original } else { Direction::Reply })
}

#[cold]
fn rehash<A: Address, X>(seed: &RandomState, slab: &Slab<Entry<A, X>>, at: u32) -> u64 {
    let (slot, direction) = unpack(at);
    // What the index has, the slab has.
    slab.get(slot).map_or(0, |entry| hash(seed, entry.tuple(direction)))
}

#[inline]
fn hash<A: Address>(seed: &RandomState, tuple: &Tuple<A>) -> u64 {
    let mut addresses = [0; 32];
    tuple.source.write(&mut addresses);
    tuple.destination.write(&mut addresses[A::LEN..]);
    let mut hasher = seed.build_hasher();
    for word in addresses[..2 * A::LEN].as_chunks::<8>().0 {
        hasher.write_u64(u64::from_ne_bytes(*word));
    }
    let ports = u64::from(tuple.source_port) << 16 | u64::from(tuple.destination_port);
    hasher.write_u64(ports << 8 | u64::from(tuple.protocol));
    hasher.finish()
}
