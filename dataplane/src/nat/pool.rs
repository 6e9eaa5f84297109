//! Which ports of an external address are in use?

use crate::flow::Address;
use crate::outcome::DropReason;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::ops::RangeInclusive;

/// Most pairs of external address and protocol in use at once: 1,365 addresses with TCP, UDP and
/// ICMP each. A pool takes 8 KiB.
pub const MAX_POOLS: usize = 4096;

const WORD: usize = u64::BITS as usize;
const WORDS: usize = (u16::MAX as usize + 1) / WORD;

/// The ports that may be given out, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    first: u16,
    last: u16,
}

impl Ports {
    /// The range; an empty one is taken for its first port.
    pub(super) fn new(range: &RangeInclusive<u16>) -> Self {
        Self { first: *range.start(), last: *range.start().max(range.end()) }
    }

    /// How many there are.
    #[inline]
    pub(super) fn count(self) -> u32 {
        u32::from(self.last - self.first) + 1
    }

    /// Is it one of them?
    #[inline]
    pub(super) fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// The one `index` behind the first, beginning anew behind the last.
    #[inline]
    pub(super) fn at(self, index: u32) -> u16 {
        // The remainder is below the count, and so the sum at most the last port.
        self.first + (index % self.count()) as u16
    }
}

/// The ports in use of one external address and protocol. It covers all ports there are, so that the
/// range to choose from may change under it.
#[derive(Clone, Debug)]
pub(super) struct Pool<A> {
    /// The external address.
    external: A,
    /// The IP protocol number.
    protocol: u8,
    used: u32,
    used_in_range: u32,
    bits: Box<[u64]>,
}

impl<A> Pool<A> {
    /// A pool with all ports free.
    fn new(external: A, protocol: u8) -> Self {
        let bits = vec![0; WORDS].into_boxed_slice();
        Self { external, protocol, used: 0, used_in_range: 0, bits }
    }

    /// Are all ports free?
    #[inline]
    fn is_idle(&self) -> bool {
        self.used == 0
    }

    /// Is the port free?
    #[inline]
    pub(super) fn is_free(&self, port: u16) -> bool {
        let (word, bit) = place(port);
        self.bits[word] & bit == 0
    }

    /// Takes a port, which must be free.
    #[inline]
    pub(super) fn take(&mut self, port: u16, ports: Ports) {
        debug_assert!(self.is_free(port));
        let (word, bit) = place(port);
        self.bits[word] |= bit;
        self.used += 1;
        self.used_in_range += u32::from(ports.contains(port));
    }

    /// Frees a port, which must be in use.
    #[inline]
    pub(super) fn free(&mut self, port: u16, ports: Ports) {
        debug_assert!(!self.is_free(port));
        let (word, bit) = place(port);
        self.bits[word] &= !bit;
        self.used -= 1;
        self.used_in_range -= u32::from(ports.contains(port));
    }

    /// The first free port of the range from `start` on, beginning anew behind the last.
    #[inline]
    pub(super) fn find_free(&self, ports: Ports, start: u16) -> Option<u16> {
        if self.used_in_range >= ports.count() {
            return None;
        }
        self.scan(start, ports.last).or_else(|| self.scan(ports.first, start))
    }

    /// The first free port of `from..=to`, a word at a time.
    fn scan(&self, from: u16, to: u16) -> Option<u16> {
        let (first, last) = (usize::from(from) / WORD, usize::from(to) / WORD);
        (first..=last).find_map(|word| {
            let mut free = !self.bits[word];
            if word == first {
                free &= u64::MAX << (usize::from(from) % WORD);
            }
            // A port is below 65,536: so is the number of words times the bits of one.
            let port = (word * WORD) as u32 + free.trailing_zeros();
            (free != 0 && port <= u32::from(to)).then_some(port as u16)
        })
    }

    fn recount(&mut self, ports: Ports) {
        let used = (ports.first..=ports.last).filter(|&port| !self.is_free(port)).count();
        // At most 65,536.
        self.used_in_range = used as u32;
    }
}

/// All pools. One that is idle is taken over before there is one more.
#[derive(Clone, Debug)]
pub(super) struct Pools<A> {
    pools: Vec<Pool<A>>,
    numbers: HashMap<(A, u8), u16, RandomState>,
}

impl<A: Address> Pools<A> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { pools: Vec::new(), numbers: HashMap::default() }
    }

    /// The pool of this number.
    #[inline]
    pub(super) fn get(&self, number: u16) -> &Pool<A> {
        &self.pools[usize::from(number)]
    }

    /// The pool of this number.
    #[inline]
    pub(super) fn get_mut(&mut self, number: u16) -> &mut Pool<A> {
        &mut self.pools[usize::from(number)]
    }

    /// The number of an address's and protocol's pool, if there is one.
    #[inline]
    pub(super) fn find(&self, external: A, protocol: u8) -> Option<u16> {
        self.numbers.get(&(external, protocol)).copied()
    }

    /// The same, of a new one if there is none.
    ///
    /// # Errors
    /// `NatPortsFull` beyond [`MAX_POOLS`].
    #[inline]
    pub(super) fn open(&mut self, external: A, protocol: u8) -> Result<u16, DropReason> {
        match self.find(external, protocol) {
            Some(number) => Ok(number),
            None => self.add(external, protocol),
        }
    }

    #[cold]
    fn add(&mut self, external: A, protocol: u8) -> Result<u16, DropReason> {
        let at = match self.pools.iter().position(Pool::is_idle) {
            Some(at) => {
                let idle = &mut self.pools[at];
                self.numbers.remove(&(idle.external, idle.protocol));
                (idle.external, idle.protocol) = (external, protocol);
                at
            }
            None if self.pools.len() == MAX_POOLS => return Err(DropReason::NatPortsFull),
            None => {
                self.pools.push(Pool::new(external, protocol));
                self.pools.len() - 1
            }
        };
        // Below MAX_POOLS.
        self.numbers.insert((external, protocol), at as u16);
        Ok(at as u16)
    }

    /// Counts anew what is in use of a changed range.
    pub(super) fn recount(&mut self, ports: Ports) {
        self.pools.iter_mut().for_each(|pool| pool.recount(ports));
    }
}

#[inline]
fn place(port: u16) -> (usize, u64) {
    (usize::from(port) / WORD, 1 << (usize::from(port) % WORD))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_free_port_found_is_the_next_one_in_the_range(
            (first, last) in (1u16.., 1u16..).prop_map(|(a, b)| (a.min(b), a.max(b))),
            length in 1u16..300, start in any::<u32>(),
            used in proptest::collection::vec(any::<u32>(), 0..300),
        ) {
            let last = last.min(first.saturating_add(length));
            let ports = Ports::new(&(first..=last));
            let mut pool = Pool::new((), 6);
            for index in used {
                let port = ports.at(index);
                if pool.is_free(port) {
                    pool.take(port, ports);
                }
            }
            let slow = (0..ports.count())
                .map(|step| ports.at(start % ports.count() + step))
                .find(|&port| pool.is_free(port));
            prop_assert_eq!(pool.find_free(ports, ports.at(start)), slow);
        }
    }

    #[test]
    fn a_changed_range_counts_only_its_own_ports() {
        let (old, new) = (Ports::new(&(10..=12)), Ports::new(&(12..=13)));
        let mut pool = Pool::new((), 6);
        (10..=12).for_each(|port| pool.take(port, old));
        assert_eq!(pool.find_free(old, 10), None);
        pool.recount(new);
        assert_eq!(pool.find_free(new, 12), Some(13));
        pool.free(10, new);
        pool.take(13, new);
        assert_eq!(pool.find_free(new, 13), None);
        assert!(!pool.is_idle());
    }
}
