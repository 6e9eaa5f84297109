//! Ports that come and go, and entries of the FDB, while frames flow.

use dataplane::config::{ConfigError, MAX_PORTS, StormLimit};
use dataplane::engine::AddError;
use dataplane::outcome::{DropReason, PortId};
use dataplane::switch::{FdbError, FdbFull};
use dataplane::wire::ethernet::MacAddr;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use udp_bridge_tests::counts::{dropped, evicted, received, sent};
use udp_bridge_tests::packets::plain;
use udp_bridge_tests::world::{PortSetup, Setup, World, own_mac, strange_mac};

fn usual() -> PortSetup {
    PortSetup::default()
}

#[test]
fn a_port_that_comes_hears_and_is_heard_and_the_others_go_on_counting() {
    let mut world = Setup::of(2).start();
    let to_all = |from| plain(MacAddr::BROADCAST, own_mac(from), 60);
    world.moves(|world| world.send(0, &to_all(0)), [received(0, [60]), sent(1, [60])]);
    let before = world.counters();
    assert_eq!(world.add(2, usual()), Ok(2));
    assert_eq!(world.counters()[..2], before[..2]);
    world.moves(
        |world| world.send(0, &to_all(0)),
        [received(0, [60]), sent(1, [60]), sent(2, [60])],
    );
    world.moves(
        |world| world.send(2, &plain(own_mac(1), own_mac(2), 100)),
        [received(2, [100]), sent(1, [100])],
    );
    world.moves(
        |world| world.send(1, &plain(own_mac(2), own_mac(1), 100)),
        [received(1, [100]), sent(2, [100])],
    );
}

#[test]
fn a_port_that_goes_is_not_flooded_to_and_its_macs_are_nobodys() {
    let mut world = Setup::of(3).start();
    world.send(2, &plain(own_mac(0), strange_mac(1), 60));
    world.run();
    assert!(world.remove(2) && !world.remove(2));
    assert!(!world.is_alive(2));
    assert_eq!((world.home_of(own_mac(2)), world.home_of(strange_mac(1))), (None, None));
    for to in [own_mac(2), strange_mac(1), MacAddr::BROADCAST] {
        world.moves(
            |world| world.send(0, &plain(to, own_mac(0), 60)),
            [received(0, [60]), sent(1, [60])],
        );
    }
    assert!(!world.remove(9), "it was never there");
}

#[test]
fn who_gets_the_id_of_another_inherits_nothing() {
    let storm = StormLimit { frames_per_second: 10, bytes_per_second: 1 << 30 };
    let setup = Setup::of(3).switch(|switch| {
        switch.storm = Some(storm);
        switch.fdb_port_limit = 2;
    });
    let one = NonZeroU64::new(10);
    let mut world = setup.port(1, |port| port.limits.packets_in = one).start();
    world.forwarder().add_fdb_entry(strange_mac(9), PortId(1)).unwrap();
    for n in 1..4 {
        world.send(1, &plain(MacAddr::BROADCAST, strange_mac(n), 60));
        world.send(0, &plain(own_mac(1), own_mac(0), 60));
    }
    world.run();
    let old = &world.counters()[1];
    assert_eq!((old.received, old.fdb_evictions), (3, 1));
    assert!(old.dropped(DropReason::StormFrames) > 0);
    assert!(old.dropped(DropReason::LimitPacketsIn) > 0);
    assert!(world.remove(1));
    assert_eq!(world.add(1, usual()), Ok(1), "the lowest id that is free");
    assert_eq!(world.counters()[1], Default::default());
    for mac in [strange_mac(1), strange_mac(2), strange_mac(3), strange_mac(9)] {
        assert_eq!(world.home_of(mac), None);
    }
    // Its bucket of floods is full, it has no limit, and its share of the FDB is its own.
    world.moves(
        |world| world.send(1, &plain(MacAddr::BROADCAST, own_mac(1), 60)),
        [received(1, [60]), sent(0, [60]), sent(2, [60])],
    );
    world.moves(
        |world| (0..9).for_each(|_| world.send(0, &plain(own_mac(1), own_mac(0), 60))),
        [received(0, [60; 9]), sent(1, [60; 9])],
    );
    world.moves(
        |world| (1..3).for_each(|n| world.send(1, &plain(own_mac(0), strange_mac(n), 60))),
        [received(1, [60; 2]), sent(0, [60; 2])],
    );
}

#[test]
fn an_isolated_port_that_comes_hears_only_the_open_ones() {
    let isolated = || PortSetup { isolated: true, ..usual() };
    let mut world = Setup::of(2).port(1, |port| port.isolated = true).start();
    assert_eq!(world.add(2, isolated()), Ok(2));
    world.moves(
        |world| world.send(1, &plain(MacAddr::BROADCAST, own_mac(1), 60)),
        [received(1, [60]), sent(0, [60])],
    );
    world.remove(0);
    world.moves(
        |world| world.send(1, &plain(MacAddr::BROADCAST, own_mac(1), 60)),
        [received(1, [60]), dropped(1, DropReason::NobodyToFlood, 1)],
    );
}

#[test]
fn a_port_that_cannot_be_is_refused_and_nothing_has_changed() {
    let mut world = Setup::of(3).switch(|switch| switch.fdb_capacity = 4).start();
    let config = |error| Err(AddError::Config(error));
    let (counters, fdb) = (world.counters(), world.fdb());
    assert_eq!(world.add(2, usual()), config(ConfigError::DuplicateName("port-2".into())));
    let mtu = PortSetup { mtu: 67, ..usual() };
    assert_eq!(world.add(3, mtu), config(ConfigError::Mtu("port-3".into(), 67)));
    assert_eq!(world.add(3, usual()), Err(AddError::Fdb(FdbFull { capacity: 4 })));
    assert_eq!((world.counters(), world.fdb()), (counters, fdb));
    assert!(world.remove(1));
    assert_eq!(world.add(3, usual()), Ok(1));
}

#[test]
fn a_switch_has_no_more_ports_than_the_limit() {
    let mut world = Setup::of(1).start();
    for number in 1..MAX_PORTS as u16 {
        assert_eq!(world.add(number, usual()), Ok(number));
    }
    let full = Err(AddError::Config(ConfigError::PortCount(MAX_PORTS + 1)));
    assert_eq!(world.add(2000, usual()), full);
    assert!(world.remove(700) && world.remove(40));
    assert_eq!((world.add(2000, usual()), world.add(2001, usual())), (Ok(40), Ok(700)));
    assert_eq!(world.add(2002, usual()), full);
    let last = MAX_PORTS as u16 - 1;
    world.moves(
        |world| world.send(last, &plain(own_mac(2000), own_mac(last), 60)),
        [received(last, [60]), sent(40, [60])],
    );
}

#[test]
fn a_full_fdb_makes_room_for_the_mac_of_a_port_that_comes() {
    let mut world = Setup::of(2).switch(|switch| switch.fdb_capacity = 4).start();
    (1..3).for_each(|n| world.send(1, &plain(own_mac(0), strange_mac(n), 60)));
    world.run();
    world.moves(|world| assert_eq!(world.add(2, usual()), Ok(2)), [evicted(1, 1)]);
    assert_eq!((world.home_of(strange_mac(1)), world.home_of(own_mac(2))), (None, Some(2)));
}

#[test]
fn a_static_entry_moves_to_the_port_named_last_and_frames_do_not_move_it() {
    let mut world = Setup::of(3).start();
    let mac = strange_mac(1);
    let to_it = plain(mac, own_mac(0), 60);
    world.send(2, &plain(own_mac(0), mac, 60));
    world.run();
    for port in [1, 2, 1] {
        assert_eq!(world.forwarder().add_fdb_entry(mac, PortId(port)), Ok(()));
        world.moves(|world| world.send(0, &to_it), [received(0, [60]), sent(port, [60])]);
    }
    world.moves(
        |world| world.send(2, &plain(own_mac(0), mac, 60)),
        [received(2, [60]), dropped(2, DropReason::StaticMacElsewhere, 1)],
    );
    let remove = |world: &mut World, port| {
        world.forwarder().pipeline_mut().switch.remove_entry(mac, PortId(port))
    };
    assert_eq!(remove(&mut world, 2), Err(FdbError::NoSuchEntry { mac, port: PortId(2) }));
    assert_eq!(remove(&mut world, 1), Ok(()));
    assert_eq!(remove(&mut world, 1), Err(FdbError::NoSuchEntry { mac, port: PortId(1) }));
    world.moves(|world| world.send(0, &to_it), [received(0, [60]), sent(1, [60]), sent(2, [60])]);
}

#[test]
fn an_entry_that_cannot_be_is_refused() {
    let mut world = Setup::of(3).switch(|switch| switch.fdb_capacity = 5).start();
    let own = FdbError::OwnMac { mac: own_mac(1), port: PortId(1) };
    let mut add = |mac, port| world.forwarder().add_fdb_entry(mac, PortId(port));
    assert_eq!(add(own_mac(1), 2), Err(own));
    assert_eq!(add(own_mac(1), 1), Ok(()), "it is there already");
    assert_eq!(add(MacAddr::BROADCAST, 1), Err(FdbError::Mac(MacAddr::BROADCAST)));
    assert_eq!(add(MacAddr::ZERO, 1), Err(FdbError::Mac(MacAddr::ZERO)));
    assert_eq!(add(strange_mac(1), 3), Err(FdbError::NoSuchPort(PortId(3))));
    assert_eq!(add(strange_mac(1), 1), Ok(()));
    assert_eq!(add(strange_mac(2), 1), Err(FdbError::Full(FdbFull { capacity: 5 })));
    assert_eq!(add(strange_mac(1), 2), Ok(()), "one that moves needs no room");
    let switch = &mut world.forwarder().pipeline_mut().switch;
    assert_eq!(switch.remove_entry(own_mac(1), PortId(1)), Err(own));
    assert_eq!(switch.remove_entry(own_mac(1), PortId(2)), Err(own));
    world.remove(1);
    let switch = &mut world.forwarder().pipeline_mut().switch;
    let gone = Err(FdbError::NoSuchPort(PortId(1)));
    assert_eq!(switch.add_entry(strange_mac(1), PortId(1)), gone.map(|()| None));
}

/// What may happen.
#[derive(Clone, Debug)]
enum Step {
    Add,
    Remove(u16),
    Send(u16, u16),
    Flood(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Add),
        2 => (1u16..8).prop_map(Step::Remove),
        5 => (0u16..8, 0u16..8).prop_map(|(from, to)| Step::Send(from, to)),
        2 => (0u16..8).prop_map(Step::Flood),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    /// The model: which numbers the ports have, and how many frames each has got and sent.
    #[test]
    fn ports_that_come_and_go_are_what_a_map_of_ports_is(
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let mut world = Setup::of(2).start();
        let mut model: BTreeMap<u16, (u16, u64, u64)> =
            (0..2).map(|id| (id, (id, 0, 0))).collect();
        let mut next = 2;
        for step in steps {
            match step {
                Step::Add => {
                    let id = (1..).find(|id| !model.contains_key(id)).unwrap();
                    prop_assert_eq!(world.add(next, usual()), Ok(id));
                    model.insert(id, (next, 0, 0));
                    next += 1;
                }
                Step::Remove(id) => {
                    prop_assert_eq!(world.remove(id), model.remove(&id).is_some());
                }
                Step::Send(from, to) => {
                    let (Some(&sender), Some(&target)) = (model.get(&from), model.get(&to)) else {
                        continue;
                    };
                    if from != to {
                        world.send(from, &plain(own_mac(target.0), own_mac(sender.0), 60));
                        world.run();
                        model.get_mut(&from).unwrap().1 += 1;
                        model.get_mut(&to).unwrap().2 += 1;
                    }
                }
                Step::Flood(from) => {
                    let Some(&sender) = model.get(&from) else { continue };
                    world.send(from, &plain(MacAddr::BROADCAST, own_mac(sender.0), 60));
                    world.run();
                    model.get_mut(&from).unwrap().1 += 1;
                    let others = model.iter_mut().filter(|(id, _)| **id != from);
                    others.for_each(|(_, port)| port.2 += 1);
                }
            }
            for (&id, &(number, received, sent)) in &model {
                let counters = &world.counters()[usize::from(id)];
                prop_assert_eq!((counters.received, counters.sent), (received, sent));
                prop_assert_eq!(world.home_of(own_mac(number)), Some(id));
            }
            prop_assert_eq!(world.fdb().len(), model.len());
        }
    }
}
