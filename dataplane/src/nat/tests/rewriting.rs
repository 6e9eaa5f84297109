//! Properties of rewriting.

use super::packets::{Kind, Recipe, cases, framed, ip_packet, message};
use crate::flow::{Address, Tuple};
use crate::frame::{Frame, Subject, with_plain_header};
use crate::nat::{check, rewrite, rewrite_error};
use crate::outcome::{DropReason, PortId};
use crate::wire::checksum::Sum;
use crate::wire::icmp::{v4, v6};
use crate::wire::vnet::{NEEDS_CSUM, VnetHeader};
use proptest::prelude::*;
use std::fmt::Debug;
use std::net::{Ipv4Addr, Ipv6Addr};
use zerocopy::{FromBytes, IntoBytes};

fn rewritten<A: Address>(mut bytes: Vec<u8>, to: &Tuple<A>) -> Vec<u8> {
    let mut frame = Frame::parse(PortId(0), &mut bytes).unwrap();
    check(&frame).unwrap();
    rewrite(&mut frame, to);
    // The hint that parsing writes is not the question here.
    VnetHeader::mut_from_prefix(&mut bytes).unwrap().0.hdr_len = 0.into();
    bytes
}

type Case<A> = (Recipe, Tuple<A>, Tuple<A>);

fn equals_building_anew<A: Address>((recipe, from, to): &Case<A>) -> Result<(), TestCaseError> {
    prop_assert_eq!(rewritten(recipe.bytes(from), to), recipe.bytes(to));
    if recipe.checksum_offset().is_some() {
        prop_assert_eq!(rewritten(recipe.partial(from), to), recipe.partial(to));
    }
    Ok(())
}

fn is_undone_by_rewriting_back<A: Address>(
    (recipe, from, to): &Case<A>,
) -> Result<(), TestCaseError> {
    // Whatever the checksum was, right or wrong: a damaged packet stays as damaged as it was.
    for damage in [0, 1, 0x1234] {
        let mut bytes = recipe.bytes(from);
        if let Some(offset) = recipe.checksum_offset() {
            let at = 10 + recipe.transport::<A>() + offset;
            let field = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
            // Zero and all ones are one number in two spellings, and zero means none for UDP.
            prop_assume!(damage == 0 || ![0, 0xffff].contains(&(field ^ damage)));
            bytes[at..at + 2].copy_from_slice(&(field ^ damage).to_be_bytes());
        }
        let there = rewritten(bytes.clone(), to);
        prop_assert_eq!(rewritten(there, from), bytes);
    }
    Ok(())
}

/// The first fragment with `cut` bytes of layer 4, and the rest of it.
fn fragments<A: Address>(recipe: &Recipe, tuple: &Tuple<A>, cut: usize) -> [Vec<u8>; 2] {
    let packet = recipe.packet(tuple);
    let headers = recipe.transport::<A>() - recipe.network();
    let cut = headers + cut;
    let (start, rest) = packet.split_at(cut);
    let pieces = [start.to_vec(), [&packet[..headers], rest].concat()];
    [0, 1].map(|index| {
        let mut piece = pieces[index].clone();
        let word = if index == 0 { 0 } else { ((cut - headers) / 8) as u16 };
        if A::LEN == 4 {
            let length = piece.len() as u16;
            piece[2..4].copy_from_slice(&length.to_be_bytes());
            let word = word | if index == 0 { 0x2000 } else { 0 };
            piece[6..8].copy_from_slice(&word.to_be_bytes());
            piece[10..12].fill(0);
            let sum = Sum::default().bytes(&piece[..headers]).checksum();
            piece[10..12].copy_from_slice(&sum.to_be_bytes());
        } else {
            let [high, low] = (word << 3 | u16::from(index == 0)).to_be_bytes();
            piece.splice(40..40, [piece[6], 0, high, low, 0, 0, 0, 7]);
            piece[6] = 44;
            let length = (piece.len() - 40) as u16;
            piece[4..6].copy_from_slice(&length.to_be_bytes());
        }
        with_plain_header(&framed::<A>(recipe.tags, &piece, 0))
    })
}

fn fragments_equal_those_built_anew<A: Address>(
    (recipe, from, to): &Case<A>,
    cut: usize,
) -> Result<(), TestCaseError> {
    let mut recipe = recipe.clone();
    recipe.payload.resize(200, 3);
    recipe.options = if A::LEN == 4 { recipe.options } else { 0 };
    // A TCP checksum must be in the first fragment.
    let cut = 24 + 8 * cut;
    for (from, expected) in
        fragments(&recipe, from, cut).into_iter().zip(fragments(&recipe, to, cut))
    {
        prop_assert_eq!(rewritten(from, to), expected);
    }
    Ok(())
}

/// An ICMP error from scratch, about the first `length` bytes of a packet.
fn error<A: Address>(recipe: &Recipe, ends: (A, A), inner: &Tuple<A>, length: usize) -> Vec<u8> {
    let mut quoted = recipe.packet(inner);
    quoted.truncate(length);
    let kind = if A::LEN == 4 { (v4::UNREACHABLE, 4) } else { (v6::TOO_BIG, 0) };
    let segment = message(ends.0, ends.1, kind, [0, 0, 5, 120], &quoted);
    let outer = Recipe { options: 1, ..Recipe::plain(Kind::Request) };
    with_plain_header(&framed::<A>(recipe.tags, &ip_packet(ends.0, ends.1, &outer, &segment), 3))
}

fn error_equals_one_built_anew<A: Address>(
    (recipe, from, to): &Case<A>,
    (ends, new_ends): ((A, A), (A, A)),
    length: usize,
) -> Result<(), TestCaseError> {
    // What the new half of a checksum would be, nobody can tell: it stays.
    prop_assume!(recipe.checksum_offset() != Some(7 + length));
    let length = recipe.transport::<A>() - recipe.network() + 8 + length;
    let mut bytes = error(recipe, ends, from, length);
    let mut frame = Frame::parse(PortId(0), &mut bytes).unwrap();
    let subject = frame.subject::<A>();
    // Less than 8 bytes of layer 4 are less than any error must carry (RFC 792).
    let whole = recipe.packet(from).len() + recipe.network() >= recipe.transport::<A>() + 8;
    prop_assume!(whole);
    prop_assert_eq!(subject, Subject::Error(*from));
    rewrite_error(&mut frame, new_ends.0, new_ends.1, to);
    VnetHeader::mut_from_prefix(&mut bytes).unwrap().0.hdr_len = 0.into();
    prop_assert_eq!(bytes, error(recipe, new_ends, to, length));
    Ok(())
}

fn never_panics<A: Address>(mut bytes: Vec<u8>, (_, _, to): &Case<A>) {
    if let Ok(mut frame) = Frame::parse(PortId(0), &mut bytes) {
        if frame.layout().network_kind() == crate::frame::Network::Other
            || (frame.layout().network_kind() == crate::frame::Network::Ipv4) != (A::LEN == 4)
        {
            return;
        }
        let _ = check(&frame);
        rewrite(&mut frame, to);
        if let Subject::Error(_) = frame.subject::<A>() {
            rewrite_error(&mut frame, to.source, to.destination, to);
        }
    }
}

/// The bytes with some of them changed, and cut off.
fn damaged(mut bytes: Vec<u8>, changes: &[(prop::sample::Index, u8)], cut: usize) -> Vec<u8> {
    for (at, value) in changes {
        let at = at.index(bytes.len());
        bytes[at] = *value;
    }
    bytes.truncate(bytes.len().saturating_sub(cut));
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec(any::<(prop::sample::Index, u8)>(), 0..5)
}

proptest! {
    #[test]
    fn rewriting_equals_building_the_packet_anew(
        v4 in cases::<Ipv4Addr>(), v6 in cases::<Ipv6Addr>(),
    ) {
        equals_building_anew(&v4)?;
        equals_building_anew(&v6)?;
    }

    #[test]
    fn rewriting_back_restores_every_byte(v4 in cases::<Ipv4Addr>(), v6 in cases::<Ipv6Addr>()) {
        is_undone_by_rewriting_back(&v4)?;
        is_undone_by_rewriting_back(&v6)?;
    }

    #[test]
    fn fragments_are_those_of_the_rewritten_packet(
        v4 in cases::<Ipv4Addr>(), v6 in cases::<Ipv6Addr>(), cut in 0usize..20,
    ) {
        fragments_equal_those_built_anew(&v4, cut)?;
        fragments_equal_those_built_anew(&v6, cut)?;
    }

    #[test]
    fn an_error_is_rewritten_inside_and_out_however_little_it_quotes(
        v4 in cases::<Ipv4Addr>(), v6 in cases::<Ipv6Addr>(), length in 0usize..60,
        ends in any::<((Ipv4Addr, Ipv4Addr), (Ipv4Addr, Ipv4Addr))>(),
        ends_v6 in any::<((Ipv6Addr, Ipv6Addr), (Ipv6Addr, Ipv6Addr))>(),
    ) {
        error_equals_one_built_anew(&v4, ends, length)?;
        error_equals_one_built_anew(&v6, ends_v6, length)?;
    }

    #[test]
    fn no_frame_makes_rewriting_panic(
        v4 in cases::<Ipv4Addr>(), v6 in cases::<Ipv6Addr>(), changes in changes(), cut in 0usize..60,
        partial in any::<bool>(),
    ) {
        let build = |recipe: &Recipe| partial && recipe.checksum_offset().is_some();
        let bytes = if build(&v4.0) { v4.0.partial(&v4.1) } else { v4.0.bytes(&v4.1) };
        never_panics(damaged(bytes, &changes, cut), &v4);
        let bytes = if build(&v6.0) { v6.0.partial(&v6.1) } else { v6.0.bytes(&v6.1) };
        never_panics(damaged(bytes, &changes, cut), &v6);
        let ends = (v4.1.source, v4.1.destination);
        never_panics(damaged(error(&v4.0, ends, &v4.1, 40), &changes, cut), &v4);
        let ends = (v6.1.source, v6.1.destination);
        never_panics(damaged(error(&v6.0, ends, &v6.1, 60), &changes, cut), &v6);
    }
}

fn a_udp_sum_of_zero_is_spelled_as_all_ones<A: Address + Debug>(source: A, destination: A) {
    let recipe = Recipe::plain(Kind::Udp);
    let tuple = |port| recipe.tuple(source, destination, (port, 53));
    let at = 10 + recipe.transport::<A>() + 6;
    let zero = (0..=u16::MAX).find(|&port| recipe.bytes(&tuple(port))[at..at + 2] == [0xff; 2]);
    let zero = zero.expect("some port makes the sum zero");
    let there = rewritten(recipe.bytes(&tuple(1)), &tuple(zero));
    assert_eq!(there, recipe.bytes(&tuple(zero)));
    assert_eq!(rewritten(there, &tuple(1)), recipe.bytes(&tuple(1)));
}

#[test]
fn a_computed_udp_checksum_is_never_zero() {
    a_udp_sum_of_zero_is_spelled_as_all_ones(Ipv4Addr::LOCALHOST, Ipv4Addr::new(9, 8, 7, 6));
    a_udp_sum_of_zero_is_spelled_as_all_ones(Ipv6Addr::LOCALHOST, Ipv6Addr::from([7; 16]));
}

#[test]
fn an_echo_reply_of_zeroes_alone_keeps_a_valid_checksum() {
    let recipe = Recipe { payload: vec![0; 6], ..Recipe::plain(Kind::Reply) };
    let tuple = |id| recipe.tuple(Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST, (id, 0));
    // The recipe's sequence number is no zero, so it is made one, in the sum too.
    let zeroed = |id| {
        let mut bytes = recipe.bytes(&tuple(id));
        let at = 10 + recipe.transport::<Ipv4Addr>();
        bytes[at + 6..at + 8].fill(0);
        bytes[at + 2..at + 4].fill(0);
        let sum = Sum::default().bytes(&bytes[at..]).checksum();
        bytes[at + 2..at + 4].copy_from_slice(&sum.to_be_bytes());
        bytes
    };
    assert_eq!(rewritten(zeroed(5), &tuple(0)), zeroed(0));
    assert_eq!(rewritten(zeroed(0), &tuple(5)), zeroed(5));
}

#[test]
fn a_partial_checksum_must_be_the_packets_own_or_inside_its_payload() {
    let recipe = Recipe::plain(Kind::Udp);
    let tuple = recipe.tuple(Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST, (1, 2));
    let checked = |field: u16| {
        let mut bytes = recipe.bytes(&tuple);
        let header = VnetHeader {
            flags: NEEDS_CSUM,
            csum_start: 14.into(),
            csum_offset: (field - 14).into(),
            ..Default::default()
        };
        bytes[..10].copy_from_slice(header.as_bytes());
        check(&Frame::parse(PortId(0), &mut bytes).unwrap())
    };
    // Ethernet ends at 14, IPv4 at 34, UDP at 42, the payload at 57.
    for headers in (14..40).chain([41]) {
        assert_eq!(checked(headers), Err(DropReason::BadOffload), "{headers}");
    }
    for sound in [40, 42, 55] {
        assert_eq!(checked(sound), Ok(()), "{sound}");
    }
}

#[test]
fn a_fragment_has_no_partial_checksum() {
    let recipe = Recipe { payload: vec![1; 64], ..Recipe::plain(Kind::Udp) };
    let tuple = recipe.tuple(Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST, (1, 2));
    for mut bytes in fragments(&recipe, &tuple, 24) {
        let header = VnetHeader {
            flags: NEEDS_CSUM,
            csum_start: 34.into(),
            csum_offset: 6.into(),
            ..Default::default()
        };
        bytes[..10].copy_from_slice(header.as_bytes());
        let frame = Frame::parse(PortId(0), &mut bytes).unwrap();
        assert_eq!(check(&frame), Err(DropReason::BadOffload));
    }
}
