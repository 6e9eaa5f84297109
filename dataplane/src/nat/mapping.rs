//! Who is behind this external port, and which external port has this endpoint?
//!
//! A slab of mappings with two hash indexes, by external port and by internal endpoint. A mapping
//! without an owner is only in the first: it keeps the port for its guests.

use crate::flow::Address;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// An address and port behind the NAT, as seen by one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Endpoint<A> {
    /// The pool's number.
    pub(super) pool: u16,
    /// The port, or what stands for it.
    pub(super) port: u16,
    /// The address.
    pub(super) address: A,
}

/// An external port in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapping<A> {
    /// Whose it is, or was if it has no owner's lease.
    pub(super) internal: Endpoint<A>,
    /// The external port.
    pub(super) port: u16,
    /// Leases of flows of the endpoint.
    pub(super) owners: u32,
    /// Leases of flows of other endpoints.
    pub(super) guests: u32,
}

/// All mappings.
#[derive(Clone, Debug)]
pub(super) struct Mappings<A> {
    slots: Vec<Mapping<A>>,
    free: Vec<u32>,
    by_endpoint: HashTable<u32>,
    by_port: HashTable<u32>,
    hasher: RandomState,
}

impl<A: Address> Mappings<A> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_endpoint: HashTable::new(),
            by_port: HashTable::new(),
            // Endpoints are chosen by whoever sends, so they are hashed with a random seed.
            hasher: RandomState::default(),
        }
    }

    /// The mapping in a slot that is in use.
    #[inline]
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Mapping<A> {
        &mut self.slots[slot as usize]
    }

    /// The mapping in a slot that is in use.
    #[inline]
    pub(super) fn get(&self, slot: u32) -> &Mapping<A> {
        &self.slots[slot as usize]
    }

    /// The slot of the endpoint's mapping.
    #[inline]
    pub(super) fn of_endpoint(&self, endpoint: &Endpoint<A>) -> Option<u32> {
        let hash = self.hasher.hash_one(endpoint);
        self.by_endpoint.find(hash, |&slot| self.get(slot).internal == *endpoint).copied()
    }

    /// The slot of the mapping on this port of a pool.
    #[inline]
    pub(super) fn on_port(&self, pool: u16, port: u16) -> Option<u32> {
        let hash = self.hasher.hash_one((pool, port));
        let same = |&slot: &u32| {
            let mapping = self.get(slot);
            (mapping.internal.pool, mapping.port) == (pool, port)
        };
        self.by_port.find(hash, same).copied()
    }

    /// A new mapping without leases on a port that has none, not yet found by its endpoint.
    pub(super) fn add(&mut self, internal: Endpoint<A>, port: u16) -> u32 {
        let mapping = Mapping { internal, port, owners: 0, guests: 0 };
        let slot = match self.free.pop() {
            Some(slot) => {
                *self.get_mut(slot) = mapping;
                slot
            }
            None => {
                self.slots.push(mapping);
                // There are less than 2^32: pools are few, and each has 65,536 ports.
                (self.slots.len() - 1) as u32
            }
        };
        let (slots, hasher) = (&self.slots, &self.hasher);
        let hash = |&slot: &u32| {
            let mapping = &slots[slot as usize];
            hasher.hash_one((mapping.internal.pool, mapping.port))
        };
        self.by_port.insert_unique(hash(&slot), slot, hash);
        slot
    }

    /// Makes the mapping that of `endpoint`, which has none.
    pub(super) fn give(&mut self, slot: u32, endpoint: Endpoint<A>) {
        self.get_mut(slot).internal = endpoint;
        let (slots, hasher) = (&self.slots, &self.hasher);
        let hash = |&slot: &u32| hasher.hash_one(slots[slot as usize].internal);
        self.by_endpoint.insert_unique(hash(&slot), slot, hash);
    }

    /// The mapping is its endpoint's no more, if it was.
    pub(super) fn orphan(&mut self, slot: u32) {
        let hash = self.hasher.hash_one(self.get(slot).internal);
        if let Ok(entry) = self.by_endpoint.find_entry(hash, |&other| other == slot) {
            entry.remove();
        }
    }

    /// Forgets a mapping that has no leases.
    pub(super) fn remove(&mut self, slot: u32) {
        let mapping = self.get(slot);
        debug_assert_eq!((mapping.owners, mapping.guests), (0, 0));
        let hash = self.hasher.hash_one((mapping.internal.pool, mapping.port));
        if let Ok(entry) = self.by_port.find_entry(hash, |&other| other == slot) {
            entry.remove();
        }
        self.free.push(slot);
    }

    /// Mappings whose port is not `kept` are found by their endpoint no more; leases on them stay.
    pub(super) fn retire(&mut self, kept: impl Fn(u16) -> bool) {
        let slots = &self.slots;
        self.by_endpoint.retain(|slot| kept(slots[*slot as usize].port));
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_port.len()
    }
}
