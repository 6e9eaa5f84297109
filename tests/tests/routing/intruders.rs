//! Frames of namespaces that want more than is theirs: another's name, a way around the rules.

use dataplane::config::{Action, Place, Rule};
use dataplane::flow::FlowState;
use dataplane::outcome::{DropReason, PortId};
use std::net::IpAddr;
use udp_bridge_tests::counts::{dropped, held, received, sent};
use udp_bridge_tests::errors::{Complaint, complain, tell};
use udp_bridge_tests::network::*;
use udp_bridge_tests::pieces::fragments;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::World;

/// The frame dies at the port where it comes in, and nobody is told.
#[track_caller]
fn dies(world: &mut World, port: u16, frame: &[u8], reason: DropReason) {
    world.moves(
        |world| world.send(port, frame),
        [received(port, [frame.len()]), dropped(port, reason, 1)],
    );
}

/// `accept_local` makes the host believe them: on the uplink they are our own translation.
#[test]
fn nobody_speaks_with_the_hosts_own_addresses_but_the_host() {
    for family in FAMILIES {
        for rules in [false, true] {
            let mut world = network(3, |router| {
                router.published = publishing([published(17)]);
                router.filter.policy = if rules { Action::Drop } else { Action::Accept };
                let all = Rule { states: vec![FlowState::New], ..Rule::default() };
                router.filter.rules = vec![all];
            })
            .start();
            for own in [family.host, family.bridge] {
                let targets =
                    [at(family.bridge, 53), at(family.outside, 53), at(family.host, 8000)];
                for to in targets {
                    let frame = udp(up(2), at(own, 5000), to, b"it is me");
                    dies(&mut world, 2, &frame, DropReason::SpoofedSource);
                }
                let error = complain(
                    up(2),
                    own,
                    family.bridge,
                    Complaint::PortUnreachable,
                    &udp(up(1), at(family.bridge, 9), at(own, 9), b"never sent"),
                );
                dies(&mut world, 2, &error, DropReason::SpoofedSource);
                let group: IpAddr = family.of([224, 0, 0, 251].into(), "ff02::fb".parse().unwrap());
                let mac = family.of([1, 0, 0x5e, 0, 0, 0xfb], [0x33, 0x33, 0, 0, 0, 0xfb]);
                let macs = (dataplane::wire::ethernet::MacAddr(mac), up(2).1);
                let frame = udp(macs, at(own, 5353), at(group, 5353), b"it is me");
                dies(&mut world, 2, &frame, DropReason::SpoofedSource);
            }
            assert!(world.flows().is_empty());
        }
    }
}

#[test]
fn no_flow_begins_to_a_group_or_to_nobody() {
    for family in FAMILIES {
        let mut world = network(3, |_| {}).start();
        let groups: &[&str] = family
            .of(&["224.0.0.251", "239.1.2.3", "255.255.255.255", "0.0.0.0"], &["ff05::1", "::"]);
        for group in groups {
            let to = at(group.parse::<IpAddr>().unwrap(), 53);
            let frame = udp(up(1), at(family.inside(1), 5000), to, b"all of you");
            // As it came: the host knows what to do with it.
            let out = through(&mut world, 1, &frame, 0);
            assert_eq!(hear(&out).from, at(family.inside(1), 5000));
        }
        assert!(world.flows().is_empty());
        assert_eq!(world.routed().leases(), 0);
    }
}

#[test]
fn a_fragment_of_another_port_is_of_another_datagram() {
    for family in FAMILIES {
        let mut world = network(3, |router| router.published = publishing([published(17)])).start();
        let (caller, called) = (at(family.outside, 4000), at(family.host, 8000));
        let pieces = fragments(&udp(down(), caller, called, &[1; 2000]), 1000, 9);
        through(&mut world, 0, &pieces[0], 1);
        // The namespace behind port 2 knows all that its fragments say, and has the caller's name.
        let forged = fragments(&udp(up(2), caller, called, &[2; 2000]), 1000, 9);
        world
            .moves(|world| world.send(2, &forged[1]), [received(2, [forged[1].len()]), held(2, 1)]);
        through(&mut world, 0, &pieces[1], 1);
    }
}

#[test]
fn no_namespace_complains_of_what_was_sent_to_somebody_outside() {
    for family in FAMILIES {
        let mut world = network(3, |_| {}).start();
        let question = udp(up(1), at(family.inside(1), 5000), at(family.outside, 53), b"question");
        let out = through(&mut world, 1, &question, 0);
        for from in [family.outside, family.inside(2)] {
            let forged = complain(up(2), from, family.host, Complaint::PortUnreachable, &out);
            dies(&mut world, 2, &forged, DropReason::SpoofedSource);
        }
    }
}

/// Two that work together: what one may say to the host or the outside, it must not say to the other.
#[test]
fn a_flow_to_the_host_or_outside_is_no_way_to_a_sibling() {
    for family in FAMILIES {
        let mut world = network(3, |router| router.filter.icc = false).start();
        let client = at(family.inside(1), 5000);
        for server in [at(family.bridge, 53), at(family.outside, 53)] {
            let out = hear(&through(&mut world, 1, &udp(up(1), client, server, b"question"), 0));
            let answer = udp(across(0, 1), server, client, b"answer");
            match server.ip() == family.bridge {
                true => through(&mut world, 0, &answer, 1),
                false => through(&mut world, 0, &udp(down(), server, out.from, b"answer"), 1),
            };
            let aside = udp(across(1, 2), client, server, b"psst");
            dies(&mut world, 1, &aside, DropReason::NoIcc);
            let back = udp(across(2, 1), server, client, b"psst");
            dies(&mut world, 2, &back, DropReason::NoIcc);
            // The flow itself goes on.
            through(&mut world, 1, &udp(up(1), client, server, b"question"), 0);
        }
    }
}

/// What is related to a flow is so where the flow is.
#[test]
fn an_error_about_a_flow_is_no_way_to_a_sibling() {
    for family in FAMILIES {
        let mut world = network(4, |router| {
            router.filter.icc = false;
            router.published = publishing([published(17)]);
        })
        .start();
        let (client, server) = (at(family.inside(1), 5000), at(family.bridge, 53));
        let question = udp(up(1), client, server, b"question");
        through(&mut world, 1, &question, 0);
        let complaint = Complaint::PortUnreachable;
        let about = |macs| complain(macs, family.inside(2), client.ip(), complaint, &question);
        dies(&mut world, 2, &about(across(2, 1)), DropReason::NoIcc);
        dies(&mut world, 2, &about(up(2)), DropReason::SpoofedSource);
        // Nor about what somebody else got from outside.
        let call = udp(down(), at(family.outside, 4000), at(family.host, 8000), b"hello");
        let called = through(&mut world, 0, &call, 1);
        let error =
            |port| complain(up(port), family.inside(port), family.outside, complaint, &called);
        dies(&mut world, 2, &error(2), DropReason::SpoofedSource);
        through(&mut world, 1, &error(1), 0);
        // The host may complain.
        let error = complain(across(0, 1), family.bridge, client.ip(), complaint, &question);
        through(&mut world, 0, &error, 1);
    }
}

#[test]
fn nobody_goes_on_with_a_siblings_flow() {
    for family in FAMILIES {
        let mut world = network(4, |router| router.published = publishing([published(17)])).start();
        let (one, outside) = (at(family.inside(2), 5000), at(family.outside, 53));
        through(&mut world, 2, &udp(up(2), one, outside, b"question"), 0);
        dies(&mut world, 3, &udp(up(3), one, outside, b"question"), DropReason::SpoofedSource);
        // Hairpin: neither as who calls, nor as who is called.
        let called = at(family.host, 8000);
        let seen = hear(&through(&mut world, 2, &udp(up(2), one, called, b"hello"), 1));
        dies(&mut world, 3, &udp(up(3), one, called, b"hello"), DropReason::SpoofedSource);
        let answer = |port| udp(up(port), at(family.inside(1), 80), seen.from, b"hello");
        dies(&mut world, 3, &answer(3), DropReason::SpoofedSource);
        through(&mut world, 1, &answer(1), 2);
        // From outside.
        let caller = at(family.outside, 4000);
        through(&mut world, 0, &udp(down(), caller, called, b"hello"), 1);
        let answer = |port| udp(up(port), at(family.inside(1), 80), caller, b"hello");
        dies(&mut world, 3, &answer(3), DropReason::SpoofedSource);
        through(&mut world, 1, &answer(1), 0);
    }
}

/// An address that nobody was given may move.
#[test]
fn a_flow_moves_with_its_address() {
    for family in FAMILIES {
        let mut world = network(4, |_| {}).start();
        let (who, outside) = (at(family.nobody(1), 5000), at(family.outside, 53));
        let seen = hear(&through(&mut world, 1, &udp(up(1), who, outside, b"question"), 0)).from;
        dies(&mut world, 2, &udp(up(2), who, outside, b"question"), DropReason::SpoofedSource);
        world.send(2, &tell((up(2).1, who.ip()), (up(2).0, family.bridge)));
        world.run();
        world.received_by(0);
        let out = hear(&through(&mut world, 2, &udp(up(2), who, outside, b"question"), 0));
        assert_eq!(out.from, seen);
    }
}

#[test]
fn a_flow_to_one_sibling_is_no_way_to_another() {
    for family in FAMILIES {
        let mut world = network(4, |router| {
            let to = Some(Place::Port(PortId(2)));
            router.filter.rules =
                vec![Rule { to, states: vec![FlowState::New], ..Rule::default() }];
            router.filter.policy = Action::Drop;
        })
        .start();
        // To the MAC of one, but the address of the other.
        let (client, server) = (at(family.inside(1), 5000), at(family.inside(3), 80));
        let sent_to = |macs| udp(macs, client, server, b"hello");
        for _ in 0..3 {
            through(&mut world, 1, &sent_to(across(1, 2)), 2);
        }
        dies(&mut world, 1, &sent_to(across(1, 3)), DropReason::FilterDrop);
        dies(&mut world, 1, &sent_to(up(1)), DropReason::CtInvalid);
    }
}

#[test]
fn a_flow_whose_first_packet_was_flooded_is_of_the_port_that_answers() {
    for family in FAMILIES {
        let all = Rule { states: vec![FlowState::New], ..Rule::default() };
        let mut world = network(4, |router| {
            router.filter.rules = vec![Rule { from: Some(Place::Port(PortId(1))), ..all }];
            router.filter.policy = Action::Drop;
        })
        .start();
        let (client, server) = (at(family.inside(1), 5000), at(family.inside(2), 80));
        let hello =
            udp((udp_bridge_tests::world::strange_mac(1), up(1).1), client, server, b"hello");
        let all = [0, 2, 3].map(|port| sent(port, [hello.len()]));
        let moves = all.into_iter().chain([received(1, [hello.len()])]);
        world.moves(|world| world.send(1, &hello), moves);
        for port in [0, 2, 3] {
            world.received_by(port);
        }
        through(&mut world, 2, &udp(across(2, 1), server, client, b"hello"), 1);
        let forged = udp(across(3, 1), server, client, b"hello");
        dies(&mut world, 3, &forged, DropReason::FilterDrop);
        through(&mut world, 1, &udp(across(1, 2), client, server, b"hello"), 2);
    }
}

/// The frame with a VLAN tag.
fn tagged(frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &[0x81, 0, 0, 7], &frame[12..]].concat()
}

#[test]
fn the_router_is_not_in_any_vlan() {
    for family in FAMILIES {
        let mut world = network(3, |router| router.published = publishing([published(17)])).start();
        for to in [at(family.outside, 53), at(family.host, 8000)] {
            let frame = tagged(&udp(up(2), at(family.inside(2), 5000), to, b"hello"));
            assert_eq!(through(&mut world, 2, &frame, 0), frame, "it is switched");
        }
        assert!(world.flows().is_empty());
    }
}

/// The frame, of IPv6, with so many empty destination options before its layer 4, behind a fragment
/// header if it is the first of several fragments.
pub(crate) fn hidden(frame: &[u8], options: usize, fragment: bool) -> Vec<u8> {
    let mut headers = Vec::new();
    let mut first = frame[20];
    for _ in 0..options {
        headers.splice(0..0, [first, 0, 1, 4, 0, 0, 0, 0]);
        first = 60;
    }
    if fragment {
        headers.splice(0..0, [first, 0, 0, 1, 0, 0, 0, 5]);
        first = 44;
    }
    let mut hidden = [&frame[..54], &headers, &frame[54..]].concat();
    hidden[20] = first;
    let length = (hidden.len() - 54) as u16;
    hidden[18..20].copy_from_slice(&length.to_be_bytes());
    hidden
}

#[test]
fn extension_headers_do_not_hide_a_packet_from_the_rules() {
    let rule = Rule {
        protocol: Some(17),
        destination_ports: vec![53..=53],
        action: Action::Drop,
        ..Rule::default()
    };
    let mut world = network(3, |router| router.filter.rules = vec![rule]).start();
    let (client, sibling) = (at(V6.inside(1), 5000), at(V6.inside(2), 53));
    let (host, outside) = (at(V6.bridge, 53), at(V6.outside, 53));
    for (macs, to) in [(across(1, 2), sibling), (up(1), host), (up(1), outside)] {
        let frame = udp(macs, client, to, b"question");
        dies(&mut world, 1, &hidden(&frame, 8, false), DropReason::FilterDrop);
        dies(&mut world, 1, &hidden(&frame, 9, false), DropReason::HiddenTransport);
        dies(&mut world, 1, &hidden(&frame, 1, true), DropReason::HiddenTransport);
    }
    // Without rules the host may look itself, but nothing can be translated.
    let mut world = network(3, |_| {}).start();
    let frame = hidden(&udp(up(1), client, outside, b"question"), 9, false);
    dies(&mut world, 1, &frame, DropReason::HiddenTransport);
    through(&mut world, 1, &hidden(&udp(up(1), client, host, b"question"), 9, false), 0);
}

/// To a sibling by the host's MAC: the host gets it, with rules or without.
#[test]
fn what_the_host_is_to_pass_on_goes_to_the_host_each_time() {
    for family in FAMILIES {
        for icc in [true, false] {
            let mut world = network(3, |router| {
                router.filter.icc = icc;
                let states = vec![FlowState::New];
                router.filter.rules = vec![Rule { states, ..Rule::default() }];
            })
            .start();
            let frame = udp(up(1), at(family.inside(1), 5000), at(family.inside(2), 80), b"hello");
            for _ in 0..2 {
                assert_eq!(through(&mut world, 1, &frame, 0), frame);
            }
            for piece in fragments(&frame, 8, 3) {
                assert_eq!(through(&mut world, 1, &piece, 0), piece);
            }
        }
    }
}

#[test]
fn only_the_hosts_own_addresses_have_published_ports() {
    for family in FAMILIES {
        let mut world = network(3, |router| router.published = publishing([published(17)])).start();
        let call = udp(down(), at(family.outside, 4000), at(family.stranger, 8000), b"hello");
        let back = hear(&through(&mut world, 0, &call, 0));
        assert_eq!((back.to, back.hops), (at(family.stranger, 8000), 65));
    }
}

/// Trap of old NATs: a flow that was the host's goes on past what was published since.
#[test]
fn a_flow_to_the_host_ends_when_its_port_is_published() {
    for family in FAMILIES {
        let rules = vec![Rule { states: vec![FlowState::New], ..Rule::default() }];
        let mut config = router(3);
        config.filter.rules = rules;
        let mut world = network(3, |router| router.filter = config.filter.clone()).start();
        let frame = udp(up(2), at(family.inside(2), 5000), at(family.host, 8000), b"hello");
        through(&mut world, 2, &frame, 0);
        config.published = publishing([published(17)]);
        world.routed().reconfigure(config).unwrap();
        assert_eq!(hear(&through(&mut world, 2, &frame, 1)).to, at(family.inside(1), 80));
    }
}
