//! What flows cost in memory.

use super::*;
use crate::conntrack::index::Index;
use crate::conntrack::slab::Slab;
use std::net::Ipv6Addr;

const MILLION: usize = 1_000_000;

/// What others hang on an entry, as large as it may be for the figure to hold.
type Extra = [u32; 4];

#[test]
fn a_million_ipv4_flows_take_153_bytes_each() {
    let slot = Slab::<Entry<Ipv4Addr, Extra>>::SLOT_LEN;
    let index = Index::new(MILLION).memory().div_ceil(MILLION);
    assert_eq!((slot, slot + index), (144, 153));
    assert_eq!(size_of::<Tuple<Ipv4Addr>>(), 14);
}

#[test]
fn a_million_ipv6_flows_take_201_bytes_each() {
    let slot = Slab::<Entry<Ipv6Addr, Extra>>::SLOT_LEN;
    let index = Index::new(MILLION).memory().div_ceil(MILLION);
    assert_eq!((slot, slot + index), (192, 201));
}

#[test]
fn no_memory_is_taken_however_long_flows_come_and_go() {
    let config = ConntrackConfig { limit: 1024, port_limit: 1024, ..ConntrackConfig::default() };
    let mut table = Conntrack::new(&config);
    let mut census = Census::new(&config, 2);
    let (memory, now) = (table.index.memory(), Time::START);
    for n in 0..100_000u32 {
        let original = tuple(n as u16, (n >> 16) as u16, 17);
        // Two owners, so that neither's share is used up before the table is.
        let new = NewFlow { owner: PortId(n as u16 % 2), ..flow(original, n) };
        let inserted = table.insert(new, &plain(17), &mut census, now);
        assert_eq!(inserted.unwrap().1.is_some(), n >= 1024);
    }
    assert_eq!((table.index.memory(), table.slab.used()), (memory, 1024));
}
