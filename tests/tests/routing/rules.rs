//! Rules: whom do they stop, what is the sender told, and what passes in spite of them?

use crate::endings::internal;
use dataplane::config::{Action, Place, Rule};
use dataplane::flow::FlowState;
use dataplane::outcome::DropReason;
use dataplane::wire::ethernet::MacAddr;
use std::net::SocketAddr;
use udp_bridge_tests::counts::{answered, dropped, received, sent};
use udp_bridge_tests::errors::{ask, tell};
use udp_bridge_tests::network::*;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::{World, own_mac, strange_mac};

const RST: u8 = 0x04;
const RST_ACK: u8 = 0x14;

const MDNS: (MacAddr, MacAddr) =
    (MacAddr([0x01, 0, 0x5e, 0, 0, 0xfb]), MacAddr([0x33, 0x33, 0, 0, 0, 0xfb]));

fn syn(sequence: u32) -> Tcp<'static> {
    Tcp { flags: "S", sequence, ..Tcp::default() }
}

/// A rule for what goes to this TCP port.
fn to_port(port: u16, action: Action) -> Rule {
    Rule { protocol: Some(6), destination_ports: vec![port..=port], action, ..Rule::default() }
}

#[test]
fn a_rejected_segment_is_reset_as_whoever_was_called_would_do_it() {
    for family in FAMILIES {
        let rule = to_port(25, Action::Reject);
        let mut world = network(3, |router| router.filter.rules.push(rule)).start();
        let client = at(family.inside(1), 5000);
        let (outside, sibling) = (at(family.outside, 25), at(family.inside(2), 25));
        for (macs, server) in [(up(1), outside), (across(1, 2), sibling)] {
            let reset = hear(&through(&mut world, 1, &tcp(macs, client, server, syn(70)), 1));
            assert_eq!((reset.from, reset.to), (server, client));
            assert_eq!(reset.macs, (macs.1, macs.0));
            let said = reset.tcp.unwrap();
            assert_eq!((said.flags, said.sequence, said.acknowledgment), (RST_ACK, 0, 71));
            let data =
                Tcp { flags: "A", sequence: 70, acknowledgment: 9, payload: b"hey", mss: None };
            let reset = hear(&through(&mut world, 1, &tcp(macs, client, server, data), 1));
            let said = reset.tcp.unwrap();
            assert_eq!((said.flags, said.sequence, said.acknowledgment), (RST, 9, 0));
            // A reset is not answered.
            let reset = tcp(macs, client, server, Tcp { flags: "R", ..Tcp::default() });
            world.send(1, &reset);
            world.run();
            silence(&world);
        }
        assert!(world.flows().is_empty());
        assert_eq!(world.routed().hits().rules[0].packets, 5);
    }
}

#[test]
fn a_rejected_datagram_is_prohibited_and_quoted() {
    for family in FAMILIES {
        let mut world = network(3, |router| {
            router.filter.policy = Action::Reject;
            router.published = publishing([published(17)]);
        })
        .start();
        let prohibited = family.of((3, 13), (1, 1));
        let frame = udp(up(1), at(family.inside(1), 5000), at(family.outside, 53), b"question");
        let told = hear(&through(&mut world, 1, &frame, 1));
        assert_eq!((told.from.ip(), told.icmp), (family.bridge, prohibited));
        assert_eq!(told.payload, frame[14..]);
        // Somebody outside is told by the address that he called.
        let call = udp(down(), at(family.outside, 4000), at(family.host, 8000), b"hello");
        let told = hear(&through(&mut world, 0, &call, 0));
        assert_eq!((told.from.ip(), told.icmp), (family.host, prohibited));
        assert_eq!((told.to.ip(), told.payload), (family.outside, call[14..].to_vec()));
    }
}

#[test]
fn what_was_let_out_may_be_answered_and_nothing_else_comes_in() {
    for family in FAMILIES {
        let rule = Rule {
            from: Some(Place::Namespaces),
            to: Some(Place::Outside),
            states: vec![FlowState::New],
            ..Rule::default()
        };
        let mut world = network(3, |router| {
            router.filter.policy = Action::Drop;
            router.filter.rules = vec![rule];
            router.published = publishing([published(17)]);
        })
        .start();
        let out = udp(up(1), at(family.inside(1), 5000), at(family.outside, 53), b"question");
        let external = hear(&through(&mut world, 1, &out, 0)).from;
        let answer = udp(down(), at(family.outside, 53), external, b"answer");
        through(&mut world, 0, &answer, 1);
        through(&mut world, 1, &out, 0);
        let call = udp(down(), at(family.outside, 4000), at(family.host, 8000), b"hello");
        world.moves(
            |world| world.send(0, &call),
            [received(0, [call.len()]), dropped(0, DropReason::FilterDrop, 1)],
        );
        let hits = world.routed().hits().clone();
        assert_eq!((hits.rules[0].packets, hits.flow.packets, hits.policy.packets), (1, 2, 1));
    }
}

#[test]
fn a_connection_between_namespaces_passes_in_the_direction_it_may_begin() {
    for family in FAMILIES {
        let rule = Rule { states: vec![FlowState::New], ..to_port(80, Action::Accept) };
        let mut world = network(3, |router| {
            router.filter.policy = Action::Drop;
            router.filter.rules = vec![rule];
        })
        .start();
        let (client, server) = (at(family.inside(1), 5000), at(family.inside(2), 80));
        let ack = |flags, sequence, acknowledgment| Tcp {
            flags,
            sequence,
            acknowledgment,
            ..Tcp::default()
        };
        let talk = [
            (1, tcp(across(1, 2), client, server, syn(1)), 2),
            (2, tcp(across(2, 1), server, client, ack("SA", 50, 2)), 1),
            (1, tcp(across(1, 2), client, server, ack("A", 2, 51)), 2),
        ];
        for (from, frame, to) in talk {
            assert_eq!(through(&mut world, from, &frame, to), frame, "bridged as it is");
        }
        let mut dies = |port, frame: Vec<u8>| {
            world.moves(
                |world| world.send(port, &frame),
                [received(port, [frame.len()]), dropped(port, DropReason::FilterDrop, 1)],
            );
        };
        dies(2, tcp(across(2, 1), server, at(family.inside(1), 6000), syn(1)));
        dies(1, udp(across(1, 2), client, server, b"no TCP"));
    }
}

/// A neighbour is asked for and told of, whatever the rules say.
#[track_caller]
fn finds_its_neighbours(world: &mut World, family: Family) {
    let me = (own_mac(1), family.inside(1));
    for target in [family.bridge, family.inside(2)] {
        let question = ask(me, target);
        world.moves(
            |world| world.send(1, &question),
            [received(1, [question.len()]), sent(0, [question.len()]), sent(2, [question.len()])],
        );
    }
    for (port, who) in [(0, (own_mac(0), family.bridge)), (2, (own_mac(2), family.inside(2)))] {
        world.ports().for_each(|port| drop(world.received_by(port)));
        let answer = tell(me, who);
        assert_eq!(through(world, 1, &answer, port), answer);
    }
    let hop = family.of(NEXT_HOP.0.into(), NEXT_HOP.1.into());
    let question = ask((own_mac(0), family.bridge), hop);
    world.moves(
        |world| world.send(0, &question),
        [received(0, [question.len()]), answered(0, 1), sent(0, [question.len()])],
    );
}

#[test]
fn neighbours_are_found_whatever_the_rules_say() {
    for family in FAMILIES {
        let mut world = network(3, |router| {
            router.filter.policy = Action::Drop;
            router.filter.icc = false;
            router.filter.rules = vec![Rule { action: Action::Reject, ..Rule::default() }];
            internal(router);
        })
        .start();
        finds_its_neighbours(&mut world, family);
        assert!(world.flows().is_empty());
    }
}

#[test]
fn without_icc_siblings_do_not_speak_but_published_ports_are_reached() {
    for family in FAMILIES {
        let mut world = network(3, |router| {
            router.filter.icc = false;
            router.published = publishing([published(17)]);
        })
        .start();
        let called = at(family.host, 8000);
        for direct in [
            udp(across(2, 1), at(family.inside(2), 4000), at(family.inside(1), 80), b"hello"),
            udp(up(2), at(family.inside(2), 4000), called, b"hello"),
        ] {
            world.moves(
                |world| world.send(2, &direct),
                [received(2, [direct.len()]), dropped(2, DropReason::NoIcc, 1)],
            );
        }
        through(&mut world, 0, &udp(down(), at(family.outside, 4000), called, b"hello"), 1);
        through(&mut world, 1, &udp(up(1), at(family.inside(1), 4000), called, b"hello"), 1);
        let out = udp(up(2), at(family.inside(2), 4000), at(family.outside, 53), b"question");
        through(&mut world, 2, &out, 0);
    }
}

#[test]
fn an_internal_network_neither_calls_nor_is_called() {
    for family in FAMILIES {
        let mut world = network(3, |router| {
            router.published = publishing([published(17)]);
            internal(router);
        })
        .start();
        let called = at(family.host, 8000);
        let out = udp(up(1), at(family.inside(1), 5000), at(family.outside, 53), b"question");
        let call = udp(down(), at(family.outside, 4000), called, b"hello");
        for (port, frame) in [(1, out), (0, call)] {
            world.moves(
                |world| world.send(port, &frame),
                [received(port, [frame.len()]), dropped(port, DropReason::Internal, 1)],
            );
        }
        // Siblings, the host and what is published among them are inside.
        let hello = udp(across(2, 1), at(family.inside(2), 4000), at(family.inside(1), 80), b"hi");
        through(&mut world, 2, &hello, 1);
        through(&mut world, 2, &udp(up(2), at(family.inside(2), 4000), called, b"hello"), 1);
        let host = udp(up(2), at(family.inside(2), 4000), at(family.bridge, 53), b"hello");
        through(&mut world, 2, &host, 0);
    }
}

#[test]
fn a_message_that_is_of_no_flow_is_judged_on_its_way_to_the_host() {
    for family in FAMILIES {
        let mut world = network(3, |router| router.filter.policy = Action::Drop).start();
        let mut frame = echo(up(1), family.inside(1), family.host, 7, false, 64);
        // A redirect is neither query nor error, and an unknown type of ICMPv6 neither.
        let (at, kind) = family.of((34, 5), (54, 200));
        frame[at] = kind;
        world.moves(
            |world| world.send(1, &frame),
            [received(1, [frame.len()]), dropped(1, DropReason::FilterDrop, 1)],
        );
    }
}

#[test]
fn what_goes_to_a_mac_that_nobody_has_is_refused_once() {
    for family in FAMILIES {
        let mut world = network(3, |router| router.filter.policy = Action::Reject).start();
        let macs = (strange_mac(1), own_mac(1));
        let frame = udp(macs, at(family.inside(1), 5000), at(family.nobody(1), 80), b"anybody?");
        let answer = frame.len() + family.of(28, 48);
        world.moves(
            |world| world.send(1, &frame),
            [
                received(1, [frame.len()]),
                dropped(1, DropReason::FilterReject, 1),
                sent(1, [answer]),
            ],
        );
        assert_eq!(world.routed().hits().policy.packets, 1);
    }
}

#[test]
fn a_group_is_heard_by_the_host_where_namespaces_may_not() {
    for family in FAMILIES {
        let to_host = Rule { to: Some(Place::Host), ..Rule::default() };
        let mut world = network(3, |router| {
            router.filter.policy = Action::Drop;
            router.filter.rules = vec![to_host];
        })
        .start();
        let group = family.of([224, 0, 0, 251].into(), "ff02::fb".parse().unwrap());
        let macs = (family.of(MDNS.0, MDNS.1), own_mac(1));
        let frame = udp(macs, at(family.inside(1), 5353), SocketAddr::new(group, 5353), b"who?");
        world.moves(
            |world| world.send(1, &frame),
            [received(1, [frame.len()]), sent(0, [frame.len()])],
        );
    }
}
