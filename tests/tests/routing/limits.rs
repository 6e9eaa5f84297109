//! What happens where there is no more room?

use dataplane::gateway::ERRORS_PER_SECOND;
use dataplane::outcome::DropReason;
use std::time::Duration;
use udp_bridge_tests::counts::{dropped, received, sent};
use udp_bridge_tests::network::*;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::World;

fn question(family: Family, port: u16, from: u16, to: u16) -> Vec<u8> {
    udp(up(port), at(family.inside(port), from), at(family.outside, to), b"question")
}

#[test]
fn a_flow_that_was_never_answered_makes_room_and_gives_its_port_back() {
    for family in FAMILIES {
        let mut world = network(3, |router| {
            router.conntrack.limit = 2;
            router.conntrack.port_limit = 2;
        })
        .start();
        for (port, from) in [(1, 1), (1, 2), (2, 3), (2, 4)] {
            through(&mut world, port, &question(family, port, from, 53), 0);
            let (flows, ports) = (world.routed().flows(), world.routed().ports_in_use());
            assert_eq!(flows, ports);
            assert!(flows <= 2);
        }
        assert_eq!(world.flows().len(), 2);
    }
}

#[test]
fn a_namespace_that_is_full_leaves_room_to_its_sibling() {
    for family in FAMILIES {
        let mut world = network(3, |router| router.conntrack.port_limit = 2).start();
        through(&mut world, 1, &question(family, 1, 1, 53), 0);
        through(&mut world, 1, &question(family, 1, 2, 53), 0);
        let third = question(family, 1, 3, 53);
        world.moves(
            |world| world.send(1, &third),
            [received(1, [third.len()]), dropped(1, DropReason::CtPortFull, 1)],
        );
        through(&mut world, 2, &question(family, 2, 3, 53), 0);
        // Its two flows go on, and their end makes room again.
        through(&mut world, 1, &question(family, 1, 2, 53), 0);
        world.wait(Duration::from_secs(31));
        world.expire_router();
        through(&mut world, 1, &third, 0);
        assert_eq!((world.routed().leases(), world.flows().len()), (1, 1));
    }
}

#[test]
fn ports_that_ran_out_are_shared_towards_other_destinations() {
    for family in FAMILIES {
        let mut world = network(4, |router| router.nat.ports = 61_000..=61_001).start();
        let port_of = |world: &mut World, port, from, to| {
            let out = hear(&through(world, port, &question(family, port, from, to), 0));
            assert!((61_000..=61_001).contains(&out.from.port()));
            out.from.port()
        };
        // Two endpoints have a mapping each, the same towards everybody.
        let first = port_of(&mut world, 1, 5000, 53);
        let second = port_of(&mut world, 2, 5000, 53);
        assert_ne!(first, second);
        assert_eq!(port_of(&mut world, 1, 5000, 54), first);
        assert_eq!(port_of(&mut world, 2, 5000, 54), second);
        // The third has none left towards these two, but it has towards another.
        for to in [53, 54] {
            let frame = question(family, 3, 5000, to);
            world.moves(
                |world| world.send(3, &frame),
                [received(3, [frame.len()]), dropped(3, DropReason::NatPortsFull, 1)],
            );
        }
        let shared = port_of(&mut world, 3, 5000, 55);
        let owner = if shared == first { 1 } else { 2 };
        // Each hears what is meant for it.
        for (to, heard_by) in [(53, owner), (54, owner), (55, 3)] {
            let answer =
                udp(down(), at(family.outside, to), at(family.host, shared), b"this is for you");
            let back = hear(&through(&mut world, 0, &answer, heard_by));
            assert_eq!(back.to, at(family.inside(heard_by), 5000));
        }
        assert_eq!((world.routed().ports_in_use(), world.routed().leases()), (2, 5));
        world.wait(Duration::from_secs(200));
        world.expire_router();
        assert_eq!((world.routed().ports_in_use(), world.routed().leases()), (0, 0));
    }
}

#[test]
fn no_more_errors_are_sent_than_the_rate_allows() {
    for family in FAMILIES {
        let mut world = network(3, |_| {}).start();
        let (from, to) = (at(family.inside(1), 5000), at(family.outside, 33434));
        let probe = udp_with_hops(up(1), from, to, b"probe", 1);
        let (length, answer) = (probe.len(), probe.len() + family.of(28, 48));
        let burst = (ERRORS_PER_SECOND / 20) as usize;
        let many = burst + 10;
        world.moves(
            |world| (0..many).for_each(|_| world.send(1, &probe)),
            [
                received(1, vec![length; many]),
                dropped(1, DropReason::TtlExpired, many as u64),
                sent(1, vec![answer; burst]),
            ],
        );
        world.wait(Duration::from_secs(1) / ERRORS_PER_SECOND as u32);
        world.moves(
            |world| (0..2).for_each(|_| world.send(1, &probe)),
            [received(1, [length; 2]), dropped(1, DropReason::TtlExpired, 2), sent(1, [answer])],
        );
    }
}
