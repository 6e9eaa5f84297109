//! What a change of the running network takes away: which flows end with it, and what goes on?

use dataplane::clock::Time;
use dataplane::config::{Publish, RouterConfig, Rule};
use dataplane::flow::FlowState;
use dataplane::outcome::{DropReason, PortId};
use dataplane::pipeline::PURGE_FLOWS;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use udp_bridge_tests::counts::{dropped, held, received, sent};
use udp_bridge_tests::errors::tell;
use udp_bridge_tests::network::*;
use udp_bridge_tests::pieces::fragments;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::{PortSetup, Setup, World, own_mac};

pub(crate) fn checked() -> PortSetup {
    PortSetup { check_source: true, ..PortSetup::default() }
}

/// Three namespaces, of which the first has published ports.
pub(crate) fn config() -> RouterConfig {
    RouterConfig { published: publishing([published(17)]), ..router(4) }
}

pub(crate) fn world() -> World {
    network(4, |router| *router = config()).start()
}

/// From a namespace to the outside.
pub(crate) fn question(family: Family, port: u16, from: u16) -> Vec<u8> {
    udp(up(port), at(family.inside(port), from), at(family.outside, 53), b"question")
}

/// From the outside to what is published.
pub(crate) fn call(family: Family, to: u16) -> Vec<u8> {
    udp(down(), at(family.outside, 4000), at(family.host, to), b"call")
}

/// From a namespace to what its sibling has published.
pub(crate) fn hairpin(family: Family, port: u16, to: u16) -> Vec<u8> {
    udp(up(port), at(family.inside(port), 6000), at(family.host, to), b"hairpin")
}

/// The flows as their first packets were addressed, sorted.
pub(crate) fn flows(world: &mut World) -> Vec<(IpAddr, u16)> {
    let mut all: Vec<_> =
        world.flows().iter().map(|flow| (flow.original.0, flow.original.2)).collect();
    all.sort_unstable();
    all
}

#[test]
fn the_flows_of_a_port_end_with_it_and_the_others_go_on() {
    for family in FAMILIES {
        let mut world = world();
        through(&mut world, 1, &question(family, 1, 5000), 0);
        through(&mut world, 0, &call(family, 8000), 1);
        through(&mut world, 2, &hairpin(family, 2, 8001), 1);
        let stays = through(&mut world, 2, &question(family, 2, 5000), 0);
        assert_eq!((world.flows().len(), world.routed().leases()), (4, 3));
        assert!(world.remove(1));
        assert_eq!(flows(&mut world), [(family.inside(2), 5000)]);
        assert_eq!((world.routed().leases(), world.routed().ports_in_use()), (1, 1));
        assert_eq!(through(&mut world, 2, &question(family, 2, 5000), 0), stays);
        world.reconfigure(Some(config()));
        assert_eq!(through(&mut world, 2, &question(family, 2, 5000), 0), stays);
    }
}

#[test]
fn the_bridged_flows_of_a_port_end_with_it_at_both_ends() {
    for family in FAMILIES {
        let tracked = |router: &mut RouterConfig| {
            let state = vec![FlowState::Established];
            router.filter.rules = vec![Rule { states: state, ..Rule::default() }];
        };
        let mut world = network(4, tracked).start();
        for (from, to) in [(1, 2), (2, 1), (2, 3), (3, 1)] {
            let ends = (at(family.inside(from), 7000), at(family.inside(to), 7001));
            through(&mut world, from, &udp(across(from, to), ends.0, ends.1, b"hi"), to);
        }
        assert_eq!(world.flows().len(), 4);
        world.remove(1);
        assert_eq!(flows(&mut world), [(family.inside(2), 7000)]);
    }
}

#[test]
fn who_comes_in_anothers_place_hears_nothing_that_was_meant_for_it() {
    for family in FAMILIES {
        let mut world = network(4, |router| {
            *router = config();
            router.conntrack.port_limit = 1;
        })
        .start();
        let old = hear(&through(&mut world, 1, &question(family, 1, 5000), 0)).from;
        let answer = udp(down(), at(family.outside, 53), old, b"answer");
        through(&mut world, 0, &answer, 1);
        // The first piece of another answer is through, the second is late.
        let large = udp(down(), at(family.outside, 53), old, &[7; 64]);
        let pieces = fragments(&large, 40, 7);
        through(&mut world, 0, &pieces[0], 1);
        world.remove(1);
        assert_eq!(world.add(1, checked()), Ok(1));
        world.reconfigure(Some(RouterConfig { published: publishing([]), ..config() }));
        // Nobody has this port now, so it is the host's own.
        assert_eq!(hear(&through(&mut world, 0, &answer, 0)).to, old);
        world
            .moves(|world| world.send(0, &pieces[1]), [received(0, [pieces[1].len()]), held(0, 1)]);
        // And it has a share of flows of its own.
        through(&mut world, 1, &question(family, 1, 5001), 0);
        assert_eq!(world.flows().len(), 1);
    }
}

#[test]
fn addresses_that_were_given_to_an_id_before_its_port_came_are_not_its_own() {
    for family in FAMILIES {
        let mut world = world();
        world.remove(1);
        world.reconfigure(Some(config()));
        assert_eq!(world.add(7, checked()), Ok(1));
        world.moves(
            |world| world.send(0, &call(family, 8000)),
            [
                received(0, [call(family, 8000).len()]),
                held(0, 1),
                // It is asked for.
                sent(1, [family.of(42, 86)]),
                sent(2, [family.of(42, 86)]),
                sent(3, [family.of(42, 86)]),
            ],
        );
    }
}

#[test]
fn frames_that_wait_of_a_port_are_dropped_with_it() {
    for family in FAMILIES {
        let mut world = network(4, |_| {}).start();
        // One waits for its first fragment, one for a neighbour that it calls by the host.
        let large = udp(up(1), at(family.inside(1), 5), at(family.outside, 53), &[7; 64]);
        let late = fragments(&large, 40, 7).remove(1);
        let nobody = at(family.nobody(1), 80);
        let mut publish = published(17);
        match nobody.ip() {
            IpAddr::V4(address) => publish.target_v4 = address,
            IpAddr::V6(address) => publish.target_v6 = Some(address),
        }
        world.reconfigure(Some(RouterConfig { published: publishing([publish]), ..router(4) }));
        for port in [1, 2] {
            world.send(port, &hairpin(family, port, 8000));
        }
        world.send(1, &late);
        world.run();
        assert_eq!(world.counters()[1].held, 2);
        world.ports().for_each(|port| drop(world.received_by(port)));
        world.remove(1);
        assert_eq!(world.counters()[1].dropped(DropReason::Unresolved), 1);
        assert_eq!(world.counters()[1].dropped(DropReason::FragmentLost), 1);
        // The other one goes on when the neighbour is there.
        let told = tell((own_mac(3), nobody.ip()), (own_mac(0), family.bridge));
        world.send(3, &told);
        world.run();
        let came = world.received_by(3);
        assert_eq!(came.len(), 1, "{came:x?}");
        assert_eq!(hear(&came[0]).to.ip(), nobody.ip());
    }
}

#[test]
fn a_flow_by_a_published_port_ends_with_the_publishing_without_a_packet() {
    for family in FAMILIES {
        let mut world = world();
        through(&mut world, 0, &call(family, 8000), 1);
        through(&mut world, 2, &hairpin(family, 2, 8000), 1);
        through(&mut world, 0, &call(family, 8001), 1);
        let rest = Publish { ports: 8001..=8009, target_port: 81, ..published(17) };
        world.reconfigure(Some(RouterConfig { published: publishing([rest]), ..config() }));
        let all = world.flows();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].original.3, world.routed().leases()), (8001, 0));
    }
}

#[test]
fn a_flow_under_an_external_address_ends_when_that_is_not_used_any_more() {
    for family in FAMILIES {
        let others: [IpAddr; 2] = family.of(
            [Ipv4Addr::new(192, 0, 2, 10).into(), Ipv4Addr::new(192, 0, 2, 11).into()],
            [
                Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 10).into(),
                Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 11).into(),
            ],
        );
        let with = |addresses: &[IpAddr]| {
            let mut config = config();
            config.host.addresses.extend(others);
            config.nat.addresses = addresses.to_vec();
            config
        };
        let mut world = network(4, |router| *router = with(&others)).start();
        let wears = |world: &mut World, port| {
            hear(&through(world, port, &question(family, port, 5000), 0)).from.ip()
        };
        for gone in others {
            let left: Vec<_> = others.into_iter().filter(|&it| it != gone).collect();
            world.reconfigure(Some(with(&others)));
            let before = [1, 2, 3].map(|port| wears(&mut world, port));
            world.reconfigure(Some(with(&left)));
            let stay = (1..4).zip(before).filter(|(_, wore)| *wore != gone);
            let stay: Vec<_> = stay.map(|(port, _)| (family.inside(port), 5000)).collect();
            assert_eq!(flows(&mut world), stay);
            for port in 1..4 {
                assert_eq!(wears(&mut world, port), left[0]);
            }
            world.routed().flush();
        }
    }
}

#[test]
fn an_address_that_moves_to_another_port_leaves_its_flows_behind() {
    for family in FAMILIES {
        let mut world = world();
        through(&mut world, 1, &question(family, 1, 5000), 0);
        through(&mut world, 2, &question(family, 2, 5000), 0);
        let mut config = config();
        let address = family.inside(1);
        let moved = config.hosts.iter_mut().find(|host| host.0 == address).unwrap();
        (moved.1, moved.2) = (own_mac(3), PortId(3));
        world.reconfigure(Some(config));
        assert_eq!(flows(&mut world), [(family.inside(2), 5000)]);
    }
}

#[test]
fn a_switch_gets_a_router_and_is_a_switch_again() {
    for family in FAMILIES {
        let mut world = Setup::of(4).start();
        let question = question(family, 1, 5000);
        let plain = || [received(1, [question.len()]), sent(0, [question.len()])];
        world.moves(|world| world.send(1, &question), plain());
        assert_eq!(
            world.received_by(0),
            std::slice::from_ref(&question),
            "nobody has translated it"
        );
        world.reconfigure(Some(config()));
        let out = hear(&through(&mut world, 1, &question, 0));
        assert_eq!(out.from.ip(), family.host);
        let answer = udp(down(), at(family.outside, 53), out.from, b"answer");
        assert_eq!(hear(&through(&mut world, 0, &answer, 1)).to, at(family.inside(1), 5000));
        // One that waits for its first fragment when the router goes has ended.
        let late = fragments(
            &udp(up(1), at(family.inside(1), 1), at(family.outside, 53), &[7; 64]),
            40,
            7,
        );
        world.moves(|world| world.send(1, &late[1]), [received(1, [late[1].len()]), held(1, 1)]);
        world.moves(|world| world.reconfigure(None), [dropped(1, DropReason::FragmentLost, 1)]);
        assert_eq!(through(&mut world, 1, &question, 0), question);
    }
}

#[test]
fn between_the_steps_of_a_purge_frames_flow_and_no_ended_flow_is_used() {
    for family in FAMILIES {
        let mut world = network(4, |router| {
            *router = config();
        })
        .start();
        let flows = 2 * PURGE_FLOWS as u16 + 100;
        let ended = (1000..1000 + flows).map(|from| question(family, 1, from));
        let ended: Vec<_> =
            ended.map(|frame| hear(&through(&mut world, 1, &frame, 0)).from).collect();
        let stays = through(&mut world, 2, &question(family, 2, 5000), 0);
        assert!(world.forwarder().remove(PortId(1), Time::START).is_some());
        let mut steps = 0;
        loop {
            let more = world.forwarder().pipeline_mut().purge(Time::START);
            // One that has not been looked at yet is none, the other one goes on.
            let answer = udp(down(), at(family.outside, 53), ended[ended.len() - 1], b"answer");
            assert_eq!(hear(&through(&mut world, 0, &answer, 0)).to, ended[ended.len() - 1]);
            assert_eq!(through(&mut world, 2, &question(family, 2, 5000), 0), stays);
            steps += 1;
            if !more {
                break;
            }
        }
        assert_eq!((steps, world.flows().len()), (3, 1));
    }
}

#[test]
fn a_change_ends_the_purge_of_the_one_before_it() {
    for family in FAMILIES {
        let mut world = world();
        for from in 1000..1000 + 2 * PURGE_FLOWS as u16 {
            through(&mut world, 1, &question(family, 1, from), 0);
        }
        through(&mut world, 2, &question(family, 2, 5000), 0);
        assert!(world.forwarder().remove(PortId(1), Time::START).is_some());
        assert!(world.flows().len() > 1, "nobody has looked yet");
        assert_eq!(world.add(1, checked()), Ok(1));
        assert_eq!(flows(&mut world), [(family.inside(2), 5000)]);
    }
}
