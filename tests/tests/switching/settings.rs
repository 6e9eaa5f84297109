//! Settings of the switch and of its ports that change while frames flow.

use dataplane::config::{ConfigError, MAX_FDB_CAPACITY, StormLimit};
use dataplane::engine::SettingError;
use dataplane::outcome::{DropReason, PortId};
use dataplane::port::Offloads;
use dataplane::wire::ethernet::MacAddr;
use std::time::Duration;
use udp_bridge_tests::counts::{dropped, evicted, received, sent};
use udp_bridge_tests::packets::{ETHERNET, Kind, plain};
use udp_bridge_tests::world::{Setup, World, own_mac, strange_mac};

/// Strangers of these numbers speak from behind `port`, to port 0.
fn speak(world: &World, port: u16, numbers: std::ops::Range<u32>) {
    numbers.for_each(|n| world.send(port, &plain(own_mac(0), strange_mac(n), 60)));
}

fn floods(world: &World, frames: usize, length: usize) {
    for _ in 0..frames {
        world.send(1, &plain(MacAddr::BROADCAST, own_mac(1), length));
    }
}

#[test]
fn a_smaller_fdb_lets_the_oldest_of_the_fullest_port_go_and_no_static_mac() {
    let mut world = Setup::of(3).start();
    world.forwarder().add_fdb_entry(strange_mac(900), PortId(2)).unwrap();
    speak(&world, 1, 0..30);
    speak(&world, 2, 100..106);
    world.run();
    assert_eq!(world.fdb().len(), 3 + 1 + 36);
    world.moves(
        |world| world.set_switch(|switch| switch.fdb_capacity = 3 + 1 + 10).unwrap(),
        [evicted(1, 25), evicted(2, 1)],
    );
    assert_eq!(world.fdb().len(), 14);
    let home = |world: &World, n| world.home_of(strange_mac(n));
    assert_eq!((home(&world, 24), home(&world, 25), home(&world, 29)), (None, Some(1), Some(1)));
    assert_eq!((home(&world, 100), home(&world, 105), home(&world, 900)), (None, Some(2), Some(2)));
    // It is full: who learns more makes room.
    world.moves(
        |world| speak(world, 1, 30..33),
        [received(1, [60; 3]), sent(0, [60; 3]), evicted(1, 2), evicted(2, 1)],
    );
    assert_eq!(world.fdb().len(), 14);
}

#[test]
fn a_smaller_share_costs_each_port_its_own_oldest() {
    let mut world = Setup::of(3).start();
    speak(&world, 1, 0..9);
    speak(&world, 2, 100..104);
    world.run();
    world.moves(
        |world| world.set_switch(|switch| switch.fdb_port_limit = 3).unwrap(),
        [evicted(1, 6), evicted(2, 1)],
    );
    world.moves(
        |world| speak(world, 2, 104..105),
        [received(2, [60]), sent(0, [60]), evicted(2, 1)],
    );
}

#[test]
fn a_larger_fdb_has_room_for_all_and_nobody_is_forgotten() {
    let mut world = Setup::of(2).switch(|switch| switch.fdb_capacity = 2 + 10).start();
    speak(&world, 1, 0..10);
    world.run();
    world.moves(|world| world.set_switch(|switch| switch.fdb_capacity = 2 + 700).unwrap(), []);
    assert!((0..10).all(|n| world.home_of(strange_mac(n)) == Some(1)));
    // The new limit, filled.
    world.moves(|world| speak(world, 1, 10..700), [received(1, [60; 690]), sent(0, [60; 690])]);
    world.moves(
        |world| speak(world, 1, 700..701),
        [received(1, [60]), sent(0, [60]), evicted(1, 1)],
    );
    assert_eq!(world.fdb().len(), 702);
}

#[test]
fn another_ageing_time_holds_for_what_is_known() {
    let mut world = Setup::of(2).start();
    speak(&world, 1, 0..1);
    world.run();
    world.wait(Duration::from_secs(20));
    world.set_switch(|switch| switch.ageing = Duration::from_secs(21)).unwrap();
    assert_eq!(world.home_of(strange_mac(0)), Some(1));
    world.set_switch(|switch| switch.ageing = Duration::from_secs(20)).unwrap();
    assert_eq!((world.home_of(strange_mac(0)), world.expire()), (None, 1));
}

#[test]
fn settings_out_of_bounds_change_nothing() {
    let mut world = Setup::of(3).start();
    world.forwarder().add_fdb_entry(strange_mac(9), PortId(2)).unwrap();
    let before = world.state();
    for asked in [4, MAX_FDB_CAPACITY + 1] {
        let refused = world.set_switch(|switch| switch.fdb_capacity = asked);
        assert_eq!(refused, Err(ConfigError::FdbCapacity { asked, least: 5 }));
    }
    let refused = world.set_switch(|switch| switch.fdb_port_limit = 0);
    assert_eq!(refused, Err(ConfigError::FdbPortLimit));
    let refused = world.set_switch(|switch| switch.ageing = Duration::ZERO);
    assert_eq!(refused, Err(ConfigError::Ageing));
    assert_eq!(world.state(), before);
    world.set_switch(|switch| switch.fdb_capacity = 5).unwrap();
}

#[test]
fn another_storm_limit_gives_no_burst_to_who_has_spent_it() {
    let limit =
        |frames_per_second| Some(StormLimit { frames_per_second, bytes_per_second: 1 << 40 });
    let mut world = Setup::of(2).switch(|switch| switch.storm = limit(100)).start();
    let storm = |frames| dropped(1, DropReason::StormFrames, frames);
    world
        .moves(|world| floods(world, 12, 60), [received(1, [60; 12]), sent(0, [60; 10]), storm(2)]);
    for rate in [1000, 100, 5000, 100] {
        world.set_switch(|switch| switch.storm = limit(rate)).unwrap();
        world.moves(|world| floods(world, 1, 60), [received(1, [60]), storm(1)]);
    }
    world.wait(Duration::from_millis(10));
    world.moves(|world| floods(world, 2, 60), [received(1, [60; 2]), sent(0, [60]), storm(1)]);
    world.set_switch(|switch| switch.storm = None).unwrap();
    world.moves(|world| floods(world, 500, 60), [received(1, [60; 500]), sent(0, [60; 500])]);
    // Also for who comes later.
    world.set_switch(|switch| switch.storm = limit(10)).unwrap();
    world.moves(|world| floods(world, 2, 60), [received(1, [60; 2]), sent(0, [60]), storm(1)]);
}

#[test]
fn another_mtu_is_that_of_all_ports() {
    let mut world = Setup::of(2).start();
    for mtu in [9000, 576, 1500] {
        world.forwarder().set_mtu(mtu);
        let length = usize::from(mtu) + ETHERNET;
        for (from, to) in [(0, 1), (1, 0)] {
            let frame = |length| plain(own_mac(to), own_mac(from), length);
            world.moves(
                |world| world.send(from, &frame(length)),
                [received(from, [length]), sent(to, [length])],
            );
            world.moves(
                |world| world.send(from, &frame(length + 1)),
                [received(from, [length + 1]), dropped(to, DropReason::ExceedsMtu, 1)],
            );
        }
    }
}

#[test]
fn with_the_source_check_strangers_are_forgotten_and_refused_until_it_goes() {
    let mut world = Setup::of(3).start();
    speak(&world, 1, 0..700);
    world.run();
    let switch = |world: &mut World, check| {
        let switch = &mut world.forwarder().pipeline_mut().switch;
        switch.check_source(check);
        if check {
            std::iter::repeat_with(|| switch.forget_learned(256)).take(4).collect()
        } else {
            vec![]
        }
    };
    assert_eq!(switch(&mut world, true), [256, 256, 188, 0]);
    assert_eq!(world.fdb().len(), 3);
    world.moves(
        |world| speak(world, 1, 0..2),
        [received(1, [60; 2]), dropped(1, DropReason::SourceCheck, 2)],
    );
    switch(&mut world, false);
    world.moves(|world| speak(world, 1, 0..2), [received(1, [60; 2]), sent(0, [60; 2])]);
    assert_eq!(world.home_of(strange_mac(1)), Some(1));
}

#[test]
fn who_is_isolated_now_reaches_open_ports_alone() {
    let mut world = Setup::of(4).port(2, |port| port.isolated = true).start();
    let to = |to, from| plain(to, own_mac(from), 60);
    let isolate = |world: &mut World, isolated| {
        world.forwarder().pipeline_mut().switch.isolate(PortId(1), isolated);
    };
    isolate(&mut world, true);
    world.moves(
        |world| world.send(1, &to(own_mac(2), 1)),
        [received(1, [60]), dropped(1, DropReason::Isolated, 1)],
    );
    world.moves(
        |world| world.send(1, &to(MacAddr::BROADCAST, 1)),
        [received(1, [60]), sent(0, [60]), sent(3, [60])],
    );
    isolate(&mut world, false);
    world.moves(|world| world.send(1, &to(own_mac(2), 1)), [received(1, [60]), sent(2, [60])]);
    world.moves(
        |world| world.send(1, &to(MacAddr::BROADCAST, 1)),
        [received(1, [60]), sent(0, [60]), sent(2, [60]), sent(3, [60])],
    );
}

#[test]
fn a_port_gets_complete_frames_from_when_its_offloads_go_until_they_come_back() {
    for kind in Kind::ALL {
        let mut world = Setup::of(2).start();
        let frame = || kind.offloaded(own_mac(1), own_mac(0), &[7; 3500], 1000);
        let whole = kind.headers() + 3500;
        let cut = [1000, 1000, 1000, 500].map(|length| kind.headers() + length);
        for _ in 0..2 {
            world.moves(
                |world| world.send_raw(0, frame()),
                [received(0, [whole]), sent(1, [whole])],
            );
            let set = |world: &mut World, offloads| {
                world.forwarder().set_offloads(PortId(1), offloads).unwrap()
            };
            assert_eq!(set(&mut world, Offloads::NONE), Offloads::NONE);
            world.moves(|world| world.send_raw(0, frame()), [received(0, [whole]), sent(1, cut)]);
            // What it sends itself may still be what it was.
            let own = kind.offloaded(own_mac(0), own_mac(1), &[7; 3500], 1000);
            world.moves(|world| world.send_raw(1, own), [received(1, [whole]), sent(0, [whole])]);
            assert_eq!(set(&mut world, Offloads::ALL), Offloads::ALL);
        }
        let nobody = world.forwarder().set_offloads(PortId(7), Offloads::ALL);
        assert!(matches!(nobody, Err(SettingError::NoSuchPort(PortId(7)))));
    }
}
