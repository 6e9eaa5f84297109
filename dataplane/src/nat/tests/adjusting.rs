//! Hops and segment sizes, against packets built with the new value.

use super::packets::{Kind, Recipe, cases};
use crate::flow::{Address, Tuple};
use crate::frame::Frame;
use crate::nat::{clamp_mss, lower_ttl, raise_ttl, ttl};
use crate::outcome::PortId;
use crate::wire::vnet::VnetHeader;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};
use zerocopy::FromBytes;

fn changed(mut bytes: Vec<u8>, change: impl FnOnce(&mut Frame<'_>)) -> Vec<u8> {
    change(&mut Frame::parse(PortId(0), &mut bytes).unwrap());
    // The hint that parsing writes is not the question here.
    VnetHeader::mut_from_prefix(&mut bytes).unwrap().0.hdr_len = 0.into();
    bytes
}

fn hops_equal_those_built_anew<A: Address>(
    (recipe, tuple, _): &(Recipe, Tuple<A>, Tuple<A>),
) -> Result<(), TestCaseError> {
    let with = |ttl| Recipe { ttl, ..recipe.clone() }.bytes(tuple);
    prop_assert_eq!(changed(recipe.bytes(tuple), raise_ttl), with(recipe.ttl + 1));
    prop_assert_eq!(changed(recipe.bytes(tuple), lower_ttl), with(recipe.ttl - 1));
    prop_assert_eq!(changed(with(255), raise_ttl), with(255));
    prop_assert_eq!(changed(with(0), lower_ttl), with(0));
    let mut bytes = recipe.bytes(tuple);
    prop_assert_eq!(ttl(&Frame::parse(PortId(0), &mut bytes).unwrap()), Some(recipe.ttl));
    Ok(())
}

/// A SYN whose segment size option is `skip` bytes behind the fixed header.
fn syn(skip: usize, size: u16) -> Recipe {
    let [high, low] = size.to_be_bytes();
    let mut tcp_options = vec![1; skip];
    tcp_options.extend([2, 4, high, low]);
    tcp_options.resize(tcp_options.len().next_multiple_of(4), 0);
    Recipe { tcp_flags: 2, tcp_options, payload: Vec::new(), ..Recipe::plain(Kind::Tcp) }
}

fn clamping_equals_building_anew<A: Address>(source: A, destination: A, skip: usize, size: u16) {
    let tuple = syn(0, 0).tuple(source, destination, (1, 2));
    let fits = if A::LEN == 4 { 1360 } else { 1340 };
    let expected = syn(skip, size.min(fits));
    let clamp = |frame: &mut Frame<'_>| clamp_mss(frame, 1400);
    assert_eq!(changed(syn(skip, size).bytes(&tuple), clamp), expected.bytes(&tuple));
    assert_eq!(changed(syn(skip, size).partial(&tuple), clamp), expected.partial(&tuple));
}

proptest! {
    #[test]
    fn changing_hops_equals_building_the_packet_anew(
        v4 in cases::<Ipv4Addr>(), v6 in cases::<Ipv6Addr>(),
    ) {
        hops_equal_those_built_anew(&v4)?;
        hops_equal_those_built_anew(&v6)?;
    }

    #[test]
    fn clamping_a_segment_size_equals_building_the_packet_anew(
        skip in 0usize..36, size in any::<u16>(), v4: (Ipv4Addr, Ipv4Addr), v6: (Ipv6Addr, Ipv6Addr),
    ) {
        clamping_equals_building_anew(v4.0, v4.1, skip, size);
        clamping_equals_building_anew(v6.0, v6.1, skip, size);
    }

    #[test]
    fn no_options_make_clamping_panic(
        mut tcp_options in prop::collection::vec(prop_oneof![0u8..6, any::<u8>()], 0..=40),
        mtu: u16,
    ) {
        tcp_options.truncate(tcp_options.len() & !3);
        let recipe = Recipe { tcp_options, ..syn(0, 0) };
        let tuple = recipe.tuple(Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST, (1, 2));
        let once = changed(recipe.bytes(&tuple), |frame| clamp_mss(frame, mtu));
        let twice = changed(once.clone(), |frame| clamp_mss(frame, mtu));
        prop_assert_eq!(once, twice);
    }
}

#[test]
fn only_a_syn_offers_a_segment_size() {
    let recipe = Recipe { tcp_flags: 16, ..syn(0, 9000) };
    let tuple = recipe.tuple(Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST, (1, 2));
    let after = changed(recipe.bytes(&tuple), |frame| clamp_mss(frame, 1400));
    assert_eq!(after, recipe.bytes(&tuple));
}
