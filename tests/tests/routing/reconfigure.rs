//! Another configuration, while flows are known: which of them go on?

use crate::endings::internal;
use dataplane::config::{Action, ConfigError, Publish, RouterConfig, Rule};
use dataplane::outcome::{DropReason, PortId};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use udp_bridge_tests::counts::{dropped, received, sent};
use udp_bridge_tests::network::*;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::{World, own_mac};

/// Port 8000 to 8009 are published on all addresses.
fn config() -> RouterConfig {
    RouterConfig { published: publishing([published(17)]), ..router(3) }
}

fn world() -> World {
    network(3, |router| *router = config()).start()
}

fn change(world: &mut World, change: impl FnOnce(&mut RouterConfig)) {
    let mut config = config();
    change(&mut config);
    assert_eq!(world.routed().reconfigure(config), Ok(()));
}

/// The host's address becomes another one.
fn moved(family: Family) -> (IpAddr, impl FnOnce(&mut RouterConfig)) {
    let other: IpAddr = family.of(
        Ipv4Addr::new(192, 0, 2, 99).into(),
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 99).into(),
    );
    let change = move |router: &mut RouterConfig| {
        router.host.addresses.remove(&family.host);
        router.host.addresses.insert(other);
        for route in &mut router.host.routes {
            if route.source == Some(family.host) {
                route.source = Some(other);
            }
        }
    };
    (other, change)
}

fn question(family: Family, to: u16) -> Vec<u8> {
    udp(up(1), at(family.inside(1), 5000), at(family.outside, to), b"question")
}

fn call(family: Family, to: u16) -> Vec<u8> {
    udp(down(), at(family.outside, 4000), at(family.host, to), b"hello")
}

#[test]
fn a_flow_begins_anew_when_its_address_is_gone() {
    for family in FAMILIES {
        let mut world = world();
        let old = hear(&through(&mut world, 1, &question(family, 53), 0)).from;
        let (other, gone) = moved(family);
        change(&mut world, gone);
        // Its reply is nobody's any more.
        let answer = udp(down(), at(family.outside, 53), old, b"answer");
        assert_eq!(hear(&through(&mut world, 0, &answer, 0)).to, old);
        let new = hear(&through(&mut world, 1, &question(family, 53), 0)).from;
        assert_eq!(new.ip(), other);
        assert_eq!((world.flows().len(), world.routed().ports_in_use()), (1, 1));
    }
}

#[test]
fn what_is_not_allowed_any_more_is_swept_away_without_a_packet() {
    for family in FAMILIES {
        let mut world = world();
        through(&mut world, 1, &question(family, 53), 0);
        through(&mut world, 0, &call(family, 8000), 1);
        let local = udp(up(2), at(family.inside(2), 5000), at(family.host, 8001), b"hairpin");
        through(&mut world, 2, &local, 1);
        assert_eq!((world.flows().len(), world.routed().leases()), (3, 2));
        change(&mut world, |_| {});
        world.expire_router();
        assert_eq!((world.flows().len(), world.routed().leases()), (3, 2));
        let (_, gone) = moved(family);
        change(&mut world, gone);
        world.expire_router();
        assert_eq!((world.flows().len(), world.routed().leases()), (0, 0));
    }
}

#[test]
fn a_port_that_is_not_published_any_more_is_the_hosts_from_the_next_packet_on() {
    for family in FAMILIES {
        let mut world = world();
        let heard = hear(&through(&mut world, 0, &call(family, 8000), 1));
        let answer = udp(up(1), heard.to, heard.from, b"welcome");
        through(&mut world, 1, &answer, 0);
        through(&mut world, 0, &call(family, 8001), 1);
        // Only the second port of the range stays.
        let rest = Publish { ports: 8001..=8009, target_port: 81, ..published(17) };
        change(&mut world, |router| router.published = publishing([rest]));
        assert_eq!(hear(&through(&mut world, 0, &call(family, 8000), 0)).to.port(), 8000);
        assert_eq!(hear(&through(&mut world, 0, &call(family, 8001), 1)).to.port(), 81);
        // What the namespace goes on saying is a flow of its own.
        let out = hear(&through(&mut world, 1, &answer, 0));
        assert!(out.from.port() >= 61_000, "{out:?}");
    }
}

#[test]
fn a_port_that_is_published_elsewhere_leads_there_at_once() {
    for family in FAMILIES {
        let mut world = world();
        through(&mut world, 0, &call(family, 8000), 1);
        let elsewhere =
            Publish { target_v4: inside(2), target_v6: Some(inside6(2)), ..published(17) };
        change(&mut world, |router| router.published = publishing([elsewhere]));
        let heard = hear(&through(&mut world, 0, &call(family, 8000), 2));
        assert_eq!(heard.to, at(family.inside(2), 80));
        assert_eq!(world.flows().len(), 1);
    }
}

#[test]
fn new_rules_judge_flows_that_are_known_and_leave_the_others_alone() {
    for family in FAMILIES {
        let mut world = world();
        let before =
            [53, 54].map(|to| hear(&through(&mut world, 1, &question(family, to), 0)).from);
        let rule = Rule {
            protocol: Some(17),
            destination_ports: vec![53..=53],
            action: Action::Drop,
            ..Rule::default()
        };
        let with_rule = |router: &mut RouterConfig| router.filter.rules = vec![rule.clone()];
        change(&mut world, with_rule);
        let frame = question(family, 53);
        world.moves(
            |world| world.send(1, &frame),
            [received(1, [frame.len()]), dropped(1, DropReason::FilterDrop, 1)],
        );
        assert_eq!(hear(&through(&mut world, 1, &question(family, 54), 0)).from, before[1]);
        // Once for each state and direction, then no more.
        world.moves(
            |world| world.send(1, &question(family, 54)),
            [received(1, [frame.len()]), sent(0, [frame.len()])],
        );
        let counts = |world: &mut World| {
            let hits = world.routed().hits();
            (hits.rules[0].packets, hits.policy.packets)
        };
        assert_eq!(counts(&mut world), (1, 1));
        // The same rules go on counting, other ones begin anew.
        change(&mut world, with_rule);
        assert_eq!(counts(&mut world), (1, 1));
        change(&mut world, |_| {});
        world.received_by(0);
        assert_eq!(hear(&through(&mut world, 1, &question(family, 53), 0)).from, before[0]);
        assert!(world.routed().hits().rules.is_empty());
    }
}

#[test]
fn a_network_that_becomes_internal_ends_what_it_had_outside_and_nothing_else() {
    for family in FAMILIES {
        let mut world = world();
        through(&mut world, 1, &question(family, 53), 0);
        through(&mut world, 0, &call(family, 8000), 1);
        let local = udp(up(2), at(family.inside(2), 5000), at(family.host, 8001), b"hairpin");
        let heard = through(&mut world, 2, &local, 1);
        change(&mut world, internal);
        for (port, frame) in [(1, question(family, 53)), (0, call(family, 8000))] {
            world.moves(
                |world| world.send(port, &frame),
                [received(port, [frame.len()]), dropped(port, DropReason::Internal, 1)],
            );
        }
        assert_eq!(through(&mut world, 2, &local, 1), heard);
        assert_eq!(world.flows().len(), 1);
    }
}

#[test]
fn a_configuration_that_contradicts_itself_changes_nothing() {
    for family in FAMILIES {
        let mut world = world();
        let before = through(&mut world, 1, &question(family, 53), 0);
        let mut wrong = config();
        internal(&mut wrong);
        wrong.conntrack.limit = 0;
        world.routed().reconfigure(wrong).unwrap_err();
        assert_eq!(through(&mut world, 1, &question(family, 53), 0), before);
    }
}

#[test]
fn a_configuration_with_a_port_that_there_is_not_changes_nothing() {
    let mut world = network(3, |_| {}).start();
    for family in FAMILIES {
        let mut config = router(3);
        let (address, port) = (family.nobody(1), PortId(3));
        config.hosts.push((address, own_mac(1), port));
        config.uplink = None;
        let refused = world.routed().reconfigure(config);
        assert_eq!(refused, Err(ConfigError::HostPort { address, port }));
        let out = udp(up(1), at(family.inside(1), 5000), at(family.outside, 53), b"question");
        assert_eq!(hear(&through(&mut world, 1, &out, 0)).from.ip(), family.host);
    }
}
