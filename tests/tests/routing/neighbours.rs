//! Who is where? ARP and neighbour discovery between host, router and namespaces.

use dataplane::gateway::neighbours::{MEMORY, PATIENCE, QUEUE};
use dataplane::outcome::DropReason;
use std::net::IpAddr;
use std::time::Duration;
use udp_bridge_tests::counts::{answered, dropped, held, received, released, sent};
use udp_bridge_tests::errors::{ask, tell, told};
use udp_bridge_tests::network::*;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::{World, own_mac};

fn next_hop(family: Family) -> IpAddr {
    if family.is_v4() { NEXT_HOP.0.into() } else { NEXT_HOP.1.into() }
}

/// The length of an ARP or neighbour message as a frame.
fn length(family: Family) -> usize {
    family.of(42, 86)
}

#[test]
fn the_host_asks_for_the_next_hop_and_is_answered_alone() {
    for family in FAMILIES {
        let mut world = network(3, |_| {}).start();
        let question = ask((own_mac(0), family.bridge), next_hop(family));
        let length = length(family);
        world.moves(
            |world| world.send(0, &question),
            [received(0, [length]), answered(0, 1), sent(0, [length])],
        );
        let answer = told(&only(&world, 0));
        assert_eq!(answer.macs, (own_mac(0), NEXT_HOP_MAC));
        assert_eq!((answer.asks, answer.target), (false, next_hop(family)));
        assert_eq!(answer.mac, NEXT_HOP_MAC);
    }
}

#[test]
fn a_namespace_that_asks_for_the_next_hop_is_not_answered() {
    for family in FAMILIES {
        let mut world = network(3, |_| {}).start();
        let question = ask((own_mac(1), family.inside(1)), next_hop(family));
        let length = length(family);
        world.moves(
            |world| world.send(1, &question),
            [received(1, [length]), sent(0, [length]), sent(2, [length])],
        );
        assert!(world.received_by(1).is_empty());
    }
}

#[test]
fn what_the_host_asks_of_others_is_left_to_them() {
    for family in FAMILIES {
        let mut world = network(3, |_| {}).start();
        let question = ask((own_mac(0), family.bridge), family.inside(1));
        let length = length(family);
        world.moves(
            |world| world.send(0, &question),
            [received(0, [length]), sent(1, [length]), sent(2, [length])],
        );
    }
}

/// A namespace has begun flows from an address that it took itself. The replies, in order.
fn replies(world: &mut World, family: Family, count: u8) -> Vec<Vec<u8>> {
    let (who, server) = (at(family.nobody(1), 5000), at(family.outside, 53));
    let out = hear(&through(world, 1, &udp(up(1), who, server, b"question"), 0));
    (0..count).map(|n| udp(down(), server, out.from, &[n; 10])).collect()
}

#[test]
fn replies_to_an_unknown_address_wait_until_it_is_told_and_keep_their_order() {
    for family in FAMILIES {
        let mut world = network(3, |_| {}).start();
        let replies = replies(&mut world, family, QUEUE as u8);
        let lengths = || replies.iter().map(Vec::len);
        let question = length(family);
        world.moves(
            |world| replies.iter().for_each(|reply| world.send(0, reply)),
            [
                received(0, lengths()),
                held(0, QUEUE as u64),
                sent(1, [question]),
                sent(2, [question]),
            ],
        );
        let asked = told(&only(&world, 1));
        assert_eq!((asked.asks, asked.target), (true, family.nobody(1)));
        assert_eq!((asked.macs.1, asked.mac), (own_mac(0), own_mac(0)));
        assert_eq!(told(&only(&world, 2)), asked);

        let answer = tell((own_mac(1), family.nobody(1)), (own_mac(0), family.bridge));
        world.moves(
            |world| world.send(1, &answer),
            [
                received(1, [question]),
                sent(0, [question]),
                released(0, QUEUE as u64),
                sent(1, lengths()),
            ],
        );
        for (n, frame) in (0..).zip(world.received_by(1)) {
            let heard = hear(&frame);
            assert_eq!(heard.macs, (own_mac(1), own_mac(0)));
            assert_eq!((heard.to, heard.payload), (at(family.nobody(1), 5000), vec![n; 10]));
        }
        // It is known now.
        world.received_by(0);
        through(&mut world, 0, &replies[0], 1);
    }
}

#[test]
fn replies_to_an_address_that_nobody_has_are_given_up() {
    for family in FAMILIES {
        let mut world = network(3, |_| {}).start();
        let replies = replies(&mut world, family, QUEUE as u8);
        replies.iter().for_each(|reply| world.send(0, reply));
        world.run();
        world.wait(PATIENCE - Duration::from_millis(1));
        world.moves(World::expire_router, []);
        world.wait(Duration::from_millis(1));
        let lost = dropped(0, DropReason::Unresolved, QUEUE as u64);
        world.moves(World::expire_router, [lost]);
        // The next one is asked for anew.
        let question = length(family);
        world.moves(
            |world| world.send(0, &replies[0]),
            [received(0, [replies[0].len()]), held(0, 1), sent(1, [question]), sent(2, [question])],
        );
    }
}

#[test]
fn a_learned_address_moves_with_its_next_word_and_is_forgotten_in_silence() {
    for family in FAMILIES {
        let mut world = network(3, |_| {}).start();
        let replies = replies(&mut world, family, 1);
        for port in [1, 2] {
            world.send(port, &tell((own_mac(port), family.nobody(1)), (own_mac(0), family.bridge)));
            world.run();
            world.received_by(0);
            let heard = hear(&through(&mut world, 0, &replies[0], port));
            assert_eq!(heard.macs.0, own_mac(port));
        }
        // Its flow is kept alive meanwhile.
        for _ in 0..3 {
            world.wait(MEMORY / 4);
            through(&mut world, 0, &replies[0], 2);
        }
        world.wait(MEMORY / 4);
        let question = length(family);
        world.moves(
            |world| world.send(0, &replies[0]),
            [received(0, [replies[0].len()]), held(0, 1), sent(1, [question]), sent(2, [question])],
        );
    }
}
