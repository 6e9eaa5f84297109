//! Fragments: they leave as they came, in whatever order, and none is forgotten uncounted.

use dataplane::config::{Action, Rule};
use dataplane::outcome::DropReason;
use std::net::SocketAddr;
use std::time::Duration;
use udp_bridge_tests::counts::{dropped, held, received, released, sent};
use udp_bridge_tests::network::*;
use udp_bridge_tests::pieces::{fragments, whole};
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::World;

/// The orders in which three fragments come, and how many of them wait for the first.
const ORDERS: [([usize; 3], u64); 4] =
    [([0, 1, 2], 0), ([1, 0, 2], 1), ([1, 2, 0], 2), ([2, 1, 0], 2)];

/// A datagram's way: in where and with which ends, out where and with which.
struct Way {
    from: u16,
    macs: Macs,
    ends: [SocketAddr; 2],
    to: u16,
    /// `None` where the source port is chosen anew.
    becomes: [Option<SocketAddr>; 2],
    hops: u8,
}

fn ways(family: Family) -> [Way; 5] {
    let inside = |port, l4| at(family.inside(port), l4);
    let (outside, host, bridge) =
        (at(family.outside, 53), at(family.host, 8003), at(family.bridge, 53));
    let own = |[from, to]: [SocketAddr; 2]| [Some(from), Some(to)];
    let way = |from, macs, ends, to, becomes, hops| Way { from, macs, ends, to, becomes, hops };
    let (ask, talk) = ([inside(2, 5000), outside], [inside(2, 5000), bridge]);
    [
        way(2, up(2), ask, 0, [None, Some(outside)], 64),
        way(2, up(2), [inside(2, 5000), host], 1, [None, Some(inside(1, 83))], 63),
        way(0, down(), [outside, host], 1, [Some(outside), Some(inside(1, 83))], 64),
        way(0, down(), [outside, at(family.host, 9)], 0, own([outside, at(family.host, 9)]), 65),
        way(2, up(2), talk, 0, own(talk), 64),
    ]
}

fn world() -> World {
    network(3, |router| router.published = publishing([published(17)])).start()
}

#[test]
fn a_datagram_in_fragments_arrives_whole_in_whatever_order() {
    let payload: Vec<u8> = (0..2900).map(|n| (n % 251) as u8).collect();
    for family in FAMILIES {
        for way in ways(family) {
            for (order, waits) in ORDERS {
                let mut world = world();
                let frame = udp(way.macs, way.ends[0], way.ends[1], &payload);
                let pieces = fragments(&frame, 1000, 4711);
                let lengths = || pieces.iter().map(Vec::len);
                let mut moves = vec![received(way.from, lengths()), sent(way.to, lengths())];
                if waits > 0 {
                    moves.extend([held(way.from, waits), released(way.from, waits)]);
                }
                world.moves(
                    |world| order.iter().for_each(|&n| world.send(way.from, &pieces[n])),
                    moves,
                );
                let heard = hear(&whole(&world.received_by(way.to)));
                assert_eq!(heard.payload, payload);
                assert_eq!(heard.hops, way.hops);
                for (end, expected) in [heard.from, heard.to].into_iter().zip(way.becomes) {
                    assert_eq!(end, expected.unwrap_or(at(family.host, end.port())));
                }
            }
        }
    }
}

#[test]
fn fragments_of_the_segment_follow_what_the_rules_said_of_the_first() {
    let rule = Rule {
        protocol: Some(17),
        destination_ports: vec![80..=80],
        action: Action::Accept,
        ..Rule::default()
    };
    for family in FAMILIES {
        for (order, waits) in ORDERS {
            let mut world = network(3, |router| {
                router.filter.policy = Action::Drop;
                router.filter.rules = vec![rule.clone()];
            })
            .start();
            let datagram = |to| {
                let ends = (at(family.inside(1), 5000), at(family.inside(2), to));
                fragments(&udp(across(1, 2), ends.0, ends.1, &[5; 2900]), 1000, to)
            };
            let pieces = datagram(80);
            let lengths = || pieces.iter().map(Vec::len);
            let mut moves = vec![received(1, lengths()), sent(2, lengths())];
            if waits > 0 {
                moves.extend([held(1, waits), released(1, waits)]);
            }
            world.moves(|world| order.iter().for_each(|&n| world.send(1, &pieces[n])), moves);
            // Where the first one is dropped, the others wait for ever.
            let pieces = datagram(81);
            let lengths = || pieces.iter().map(Vec::len);
            world.moves(
                |world| order.iter().for_each(|&n| world.send(1, &pieces[n])),
                [received(1, lengths()), dropped(1, DropReason::FilterDrop, 1), held(1, 2)],
            );
            world.wait(Duration::from_secs(60));
            let lost = dropped(1, DropReason::FragmentLost, 2);
            world.moves(World::expire_router, [lost]);
        }
    }
}

#[test]
fn fragments_wait_as_long_as_the_kernel_would_keep_them() {
    for family in FAMILIES {
        let mut world = world();
        let memory = Duration::from_secs(family.of(30, 60));
        let frame = udp(up(1), at(family.inside(1), 5000), at(family.outside, 53), &[1; 2900]);
        let pieces = fragments(&frame, 1000, 1);
        let lengths = || pieces[1..].iter().map(Vec::len);
        world.moves(
            |world| pieces[1..].iter().for_each(|piece| world.send(1, piece)),
            [received(1, lengths()), held(1, 2)],
        );
        world.wait(memory - Duration::from_millis(1));
        world.moves(World::expire_router, []);
        world.wait(Duration::from_millis(1));
        world.moves(World::expire_router, [dropped(1, DropReason::FragmentLost, 2)]);
    }
}

#[test]
fn a_later_fragment_makes_no_more_hops_than_it_may() {
    for family in FAMILIES {
        let mut world = world();
        let (caller, called) = (at(family.inside(2), 5000), at(family.host, 8000));
        let first = fragments(&udp(up(2), caller, called, &[1; 2900]), 1000, 1).swap_remove(0);
        let last = udp_with_hops(up(2), caller, called, &[1; 2900], 1);
        let last = fragments(&last, 1000, 1).swap_remove(2);
        through(&mut world, 2, &first, 1);
        world.moves(
            |world| world.send(2, &last),
            [received(2, [last.len()]), dropped(2, DropReason::TtlExpired, 1)],
        );
    }
}
