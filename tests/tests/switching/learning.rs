//! Where does the switch believe a MAC to live, and for how long?

use dataplane::engine::FdbKind;
use dataplane::outcome::DropReason;
use dataplane::wire::ethernet::MacAddr;
use std::time::Duration;
use udp_bridge_tests::counts::{dropped, received, sent};
use udp_bridge_tests::packets::plain;
use udp_bridge_tests::world::{Setup, World, own_mac, strange_mac};

const GUEST: u32 = 1;
const A_NANOSECOND: Duration = Duration::from_nanos(1);

/// The guest speaks from behind `port`, to port 0.
fn guest_speaks(world: &mut World, port: u16) {
    let frame = plain(own_mac(0), strange_mac(GUEST), 60);
    world.moves(|world| world.send(port, &frame), [received(port, [60]), sent(0, [60])]);
}

/// Port 0 answers, and the guest alone hears it.
fn guest_is_found(world: &mut World, port: u16) {
    let frame = plain(strange_mac(GUEST), own_mac(0), 70);
    world.moves(|world| world.send(0, &frame), [received(0, [70]), sent(port, [70])]);
}

/// Port 0 answers, and all others hear it.
fn guest_is_looked_for(world: &mut World) {
    let frame = plain(strange_mac(GUEST), own_mac(0), 70);
    let heard = [1, 2].map(|port| sent(port, [70]));
    world.moves(|world| world.send(0, &frame), heard.into_iter().chain([received(0, [70])]));
}

#[test]
fn who_has_spoken_is_found() {
    let mut world = Setup::of(3).start();
    guest_is_looked_for(&mut world);
    guest_speaks(&mut world, 1);
    assert_eq!(world.home_of(strange_mac(GUEST)), Some(1));
    guest_is_found(&mut world, 1);
}

#[test]
fn who_speaks_elsewhere_has_moved() {
    let mut world = Setup::of(3).start();
    guest_speaks(&mut world, 1);
    guest_speaks(&mut world, 2);
    guest_is_found(&mut world, 2);
    assert_eq!(world.fdb().iter().filter(|entry| entry.kind == FdbKind::Learned).count(), 1);
}

#[test]
fn a_mac_is_forgotten_exactly_when_the_ageing_time_is_over() {
    for ageing in [Duration::from_secs(300), Duration::from_secs(20), Duration::from_secs(1)] {
        let mut world = Setup::of(3).switch(|switch| switch.ageing = ageing).start();
        guest_speaks(&mut world, 1);
        world.wait(ageing - A_NANOSECOND);
        guest_is_found(&mut world, 1);
        assert_eq!(world.expire(), 0);
        world.wait(A_NANOSECOND);
        guest_is_looked_for(&mut world);
        assert_eq!(world.expire(), 1);
        guest_is_looked_for(&mut world);
    }
}

#[test]
fn who_keeps_speaking_is_not_forgotten() {
    let mut world = Setup::of(3).start();
    for _ in 0..40 {
        guest_speaks(&mut world, 1);
        world.wait(Duration::from_secs(299));
        guest_is_found(&mut world, 1);
    }
}

#[test]
fn the_ports_own_macs_do_not_age() {
    let mut world = Setup::of(3).start();
    world.wait(Duration::from_secs(1_000_000));
    assert_eq!(world.expire(), 0);
    world.moves(
        |world| world.send(0, &plain(own_mac(2), own_mac(0), 60)),
        [received(0, [60]), sent(2, [60])],
    );
}

#[test]
fn a_ports_own_mac_cannot_be_taken_over() {
    let mut world = Setup::of(3).start();
    world.moves(
        |world| world.send(1, &plain(own_mac(0), own_mac(2), 60)),
        [received(1, [60]), dropped(1, DropReason::StaticMacElsewhere, 1)],
    );
    assert_eq!(world.home_of(own_mac(2)), Some(2));
}

#[test]
fn a_checked_port_speaks_from_its_own_mac_alone_and_learns_nothing() {
    let mut world = Setup::of(3).port(1, |port| port.check_source = true).start();
    world.moves(
        |world| {
            world.send(1, &plain(own_mac(0), strange_mac(GUEST), 60));
            world.send(1, &plain(own_mac(0), own_mac(2), 60));
            world.send(1, &plain(own_mac(0), own_mac(1), 60));
        },
        [received(1, [60; 3]), dropped(1, DropReason::SourceCheck, 2), sent(0, [60])],
    );
    assert_eq!(world.home_of(strange_mac(GUEST)), None);
    guest_speaks(&mut world, 2);
    guest_is_found(&mut world, 2);
}

#[test]
fn nothing_is_learned_of_a_frame_that_is_refused() {
    let mut world = Setup::of(3).start();
    let group = MacAddr([3, 0, 0, 0, 0, 1]);
    world.moves(
        |world| world.send(1, &plain(own_mac(0), group, 60)),
        [received(1, [60]), dropped(1, DropReason::GroupSource, 1)],
    );
    assert_eq!(world.fdb().len(), 3);
}
