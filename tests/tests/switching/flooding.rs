//! Who hears a flood?

use dataplane::outcome::DropReason;
use dataplane::wire::ethernet::MacAddr;
use udp_bridge_tests::counts::{dropped, received, sent};
use udp_bridge_tests::packets::plain;
use udp_bridge_tests::world::{Setup, own_mac, strange_mac};

const MULTICAST: MacAddr = MacAddr([0x01, 0, 0x5e, 0, 0, 0xfb]);

fn group(last: u8) -> MacAddr {
    MacAddr([0x01, 0x80, 0xc2, 0, 0, last])
}

#[test]
fn unknown_unicast_broadcast_and_multicast_reach_all_but_their_sender() {
    for destination in [strange_mac(1), MacAddr::BROADCAST, MULTICAST] {
        let mut world = Setup::of(4).start();
        let frame = plain(destination, own_mac(1), 60);
        let heard = [0, 2, 3].map(|port| sent(port, [60]));
        world.moves(|world| world.send(1, &frame), [received(1, [60])].into_iter().chain(heard));
        for port in [0, 2, 3] {
            assert_eq!(world.received_by(port), [&frame[..]]);
        }
        assert!(world.received_by(1).is_empty());
    }
}

#[test]
fn a_flood_from_any_of_64_ports_reaches_the_63_others() {
    let mut world = Setup::of(64).start();
    for from in world.ports() {
        let frame = plain(MacAddr::BROADCAST, own_mac(from), 100);
        let others = world.ports().filter(|&port| port != from).map(|port| sent(port, [100]));
        world.moves(|world| world.send(from, &frame), others.chain([received(from, [100])]));
    }
    for port in world.ports() {
        assert_eq!(world.received_by(port).len(), 63);
    }
}

#[test]
fn any_of_64_ports_reaches_any_other_alone() {
    let mut world = Setup::of(64).start();
    for (from, to) in world.ports().map(|port| (port, (port * 7 + 5) % 64)) {
        if from != to {
            let frame = plain(own_mac(to), own_mac(from), 64);
            world.moves(|world| world.send(from, &frame), [received(from, [64]), sent(to, [64])]);
        }
    }
}

#[test]
fn each_reserved_group_address_stays_where_it_is_and_the_next_one_is_flooded() {
    let mut world = Setup::of(3).start();
    for last in 0..=0x0f {
        world.moves(
            |world| world.send(0, &plain(group(last), own_mac(0), 60)),
            [received(0, [60]), dropped(0, DropReason::ReservedGroup, 1)],
        );
    }
    world.moves(
        |world| world.send(0, &plain(group(0x10), own_mac(0), 60)),
        [received(0, [60]), sent(1, [60]), sent(2, [60])],
    );
}

#[test]
fn isolated_ports_reach_the_open_one_and_it_reaches_them_but_not_each_other() {
    let isolate = |port: &mut udp_bridge_tests::world::PortSetup| port.isolated = true;
    let mut world = Setup::of(3).port(1, isolate).port(2, isolate).start();
    world.moves(
        |world| world.send(1, &plain(own_mac(2), own_mac(1), 60)),
        [received(1, [60]), dropped(1, DropReason::Isolated, 1)],
    );
    for (from, to) in [(1, 0), (0, 1), (0, 2)] {
        let frame = plain(own_mac(to), own_mac(from), 60);
        world.moves(|world| world.send(from, &frame), [received(from, [60]), sent(to, [60])]);
    }
    world.moves(
        |world| world.send(1, &plain(MacAddr::BROADCAST, own_mac(1), 60)),
        [received(1, [60]), sent(0, [60])],
    );
    world.moves(
        |world| world.send(0, &plain(MacAddr::BROADCAST, own_mac(0), 60)),
        [received(0, [60]), sent(1, [60]), sent(2, [60])],
    );
}

#[test]
fn two_open_ports_reach_each_other_beside_isolated_ones() {
    let mut world = Setup::of(4).port(3, |port| port.isolated = true).start();
    world.moves(
        |world| world.send(1, &plain(own_mac(2), own_mac(1), 60)),
        [received(1, [60]), sent(2, [60])],
    );
}

#[test]
fn where_all_are_isolated_a_flood_has_no_audience() {
    let isolate = |port: &mut udp_bridge_tests::world::PortSetup| port.isolated = true;
    let mut world = Setup::of(2).port(0, isolate).port(1, isolate).start();
    world.moves(
        |world| world.send(0, &plain(MacAddr::BROADCAST, own_mac(0), 60)),
        [received(0, [60]), dropped(0, DropReason::NobodyToFlood, 1)],
    );
}

#[test]
fn a_frame_for_a_host_behind_its_own_port_is_not_sent_back() {
    let mut world = Setup::of(3).start();
    world.moves(
        |world| world.send(1, &plain(own_mac(1), strange_mac(1), 60)),
        [received(1, [60]), dropped(1, DropReason::SamePort, 1)],
    );
}
