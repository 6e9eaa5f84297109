//! Which addresses of a subnet are free?

use super::scheme::{ipv4, ipv6};
use crate::model::room;
use ipnet::{Ipv4Net, Ipv6Net};
use std::collections::{BTreeSet, HashSet};
use std::hash::Hash;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Most numbers that are tried in an IPv6 subnet: those of all ports, and of all that are remembered,
/// many times over.
const MAX_NUMBERS: u32 = 1 << 16;

/// The addresses of one subnet, by number: 0 is the bridge's, ports follow.
pub(super) struct Pool<A> {
    at: Box<dyn Fn(u32) -> A>,
    /// How many numbers there are besides the bridge's.
    holds: u32,
    taken: HashSet<A>,
    /// What is remembered, by when it was let go.
    remembered: BTreeSet<(u64, A)>,
    reserved: HashSet<A>,
    /// All below are taken or reserved.
    next: u32,
}

impl Pool<Ipv4Addr> {
    pub(super) fn v4(subnet: Ipv4Net) -> Self {
        Self::new(room(32, subnet.prefix_len(), 3), move |number| ipv4(subnet, number).addr())
    }
}

impl Pool<Ipv6Addr> {
    pub(super) fn v6(subnet: Ipv6Net) -> Self {
        let holds = room(128, subnet.prefix_len(), 2).min(MAX_NUMBERS);
        Self::new(holds, move |number| ipv6(subnet, number).addr())
    }
}

impl<A: Copy + Eq + Hash + Ord> Pool<A> {
    fn new(holds: u32, at: impl Fn(u32) -> A + 'static) -> Self {
        let taken = HashSet::from([at(0)]);
        let (remembered, reserved) = (BTreeSet::new(), HashSet::new());
        Self { at: Box::new(at), holds, taken, remembered, reserved, next: 1 }
    }

    /// Takes this address; false if somebody has it.
    pub(super) fn take(&mut self, address: A) -> bool {
        self.taken.insert(address)
    }

    /// Keeps an address for one who may come back.
    pub(super) fn remember(&mut self, gone: u64, address: A) {
        self.remembered.insert((gone, address));
        self.reserved.insert(address);
    }

    /// Takes an address that is free: that of this number if it can be, or the lowest. What is
    /// remembered comes last, the longest gone first. `None` if all are taken.
    pub(super) fn lease(&mut self, preferred: Option<u32>) -> Option<A> {
        let address = self.choose(preferred)?;
        self.taken.insert(address);
        Some(address)
    }

    fn choose(&mut self, preferred: Option<u32>) -> Option<A> {
        let is_free =
            |address: &A| !self.taken.contains(address) && !self.reserved.contains(address);
        let preferred = preferred.filter(|number| *number <= self.holds).map(&self.at);
        if let Some(address) = preferred.filter(is_free) {
            return Some(address);
        }
        let lowest = (self.next..=self.holds).find(|number| is_free(&(self.at)(*number)));
        self.next = lowest.unwrap_or(self.holds + 1);
        if let Some(number) = lowest {
            return Some((self.at)(number));
        }
        self.remembered.iter().map(|(_, address)| *address).find(|one| !self.taken.contains(one))
    }
}
