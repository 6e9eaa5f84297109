//! FTP through the router: control connections whose announcements are made true, and the data
//! connections that follow.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a conversation that cannot go on has failed its test"
)]

mod control;
mod endings;
mod words;

use crate::masquerade::families;
use control::*;
use dataplane::config::{Action, Publish, PublishedPorts, RouterConfig, Rule};
use dataplane::flow::FlowState;
use std::net::IpAddr;
use udp_bridge_tests::counts::{answered, received, sent};
use udp_bridge_tests::network::*;
use udp_bridge_tests::world::World;
use words::*;

/// A world where nothing may begin but connections to port 21 and what was announced.
fn world(change: impl FnOnce(&mut RouterConfig)) -> World {
    network(4, |router| {
        configure(router);
        change(router);
    })
    .start()
}

fn configure(router: &mut RouterConfig) {
    let rule =
        |place: &str| Rule { place: place.into(), action: Action::Accept, ..Rule::default() };
    router.conntrack.ftp = true;
    router.filter.policy = Action::Drop;
    router.filter.rules = vec![
        Rule { states: vec![FlowState::Related], ..rule("announced") },
        Rule { protocol: Some(6), destination_ports: vec![21..=21], ..rule("control") },
    ];
    router.published = PublishedPorts::new(vec![Publish {
        protocol: 6,
        address: None,
        ports: 21..=21,
        target_v4: inside(1),
        target_v6: Some(inside6(1)),
        target_port: 21,
    }]);
}

/// Client, the address that it calls, and server.
type Parties = (Host, IpAddr, Host);

/// Whoever can speak FTP with whom, in both families.
fn all_parties() -> Vec<(&'static str, Parties)> {
    let siblings = [(inside(2).into(), inside(1).into()), (inside6(2).into(), inside6(1).into())];
    let each = families().into_iter().zip(siblings);
    each.flat_map(|((inside, host, far), (sibling, server)): (_, (IpAddr, IpAddr))| {
        [
            ("to the outside", ((namespace(1), inside), far, (outside(), far))),
            ("published", ((outside(), far), host, (namespace(1), server))),
            ("hairpin", ((namespace(2), sibling), host, (namespace(1), server))),
            ("bridged", ((neighbour(2, 1), sibling), server, (neighbour(1, 2), server))),
        ]
    })
    .collect()
}

fn open_control(world: &mut World, ((from, client), called, (to, server)): Parties) -> Connection {
    Connection::open(world, (from, at(client, 40_000)), at(called, 21), (to, at(server, 21)))
        .expect("control connections may begin")
}

/// How often the rule for RELATED has decided.
fn related(world: &mut World) -> u64 {
    world.routed().hits().rules[0].packets
}

/// Talks on after an announcement: all numbers fit, in both directions.
fn talk(world: &mut World, control: &mut Connection) {
    for what in ["150 Here it comes.\r\n", "226 Done.\r\n"] {
        assert_eq!(control.say(world, SERVER, what), what);
        control.say(world, CLIENT, "");
        assert_eq!(control.say(world, CLIENT, "NOOP\r\n"), "NOOP\r\n");
        control.say(world, SERVER, "");
    }
}

#[test]
fn a_passive_client_reaches_the_announced_port() {
    for (case, parties) in all_parties() {
        let ((from, client), called, (to, server)) = parties;
        for written in notations(client, pasv, epsv) {
            let mut world = world(|_| {});
            let mut control = open_control(&mut world, parties);
            for (round, own) in [(0, at(server, 50_000)), (1, at(server, 1024))] {
                control.say(&mut world, CLIENT, "EPSV or PASV\r\n");
                let heard = control.say(&mut world, SERVER, &written(own));
                let told = at(called, port_in(&heard));
                assert_eq!(heard, written(told), "{case}");
                let caller = (from, at(client, 41_000 + round));
                let mut data = Connection::open(&mut world, caller, told, (to, own))
                    .unwrap_or_else(|| panic!("{case}: {heard:?}"));
                assert_eq!(data.say(&mut world, SERVER, "content"), "content");
                assert_eq!(data.peer(SERVER).ip(), control.peer(SERVER).ip());
                talk(&mut world, &mut control);
            }
            assert_eq!(related(&mut world), 2, "{case}");
        }
    }
}

#[test]
fn an_active_client_is_reached_at_the_announced_port() {
    for (case, parties) in all_parties() {
        let ((from, client), _, (to, server)) = parties;
        for written in notations(client, port, eprt) {
            let mut world = world(|_| {});
            let mut control = open_control(&mut world, parties);
            for own in [at(client, 5000), at(client, 50_000)] {
                let heard = control.say(&mut world, CLIENT, &written(own));
                let told = at(control.peer(SERVER).ip(), port_in(&heard));
                assert_eq!(heard, written(told), "{case}");
                control.repeat(&mut world, CLIENT, &written(own), &heard);
                assert_eq!(control.say(&mut world, SERVER, "200 Well.\r\n"), "200 Well.\r\n");
                let caller = (to, at(server, 20));
                let mut data = Connection::open(&mut world, caller, told, (from, own))
                    .unwrap_or_else(|| panic!("{case}: {heard:?}"));
                assert_eq!(data.say(&mut world, SERVER, "content"), "content");
                // The client knows the caller as the server that it called.
                assert_eq!(data.peer(SERVER).ip(), control.peer(CLIENT).ip());
                talk(&mut world, &mut control);
            }
            assert_eq!(related(&mut world), 2, "{case}");
        }
    }
}

#[test]
fn nothing_is_listened_to_unless_it_was_asked_for() {
    for (case, parties) in all_parties() {
        let ((from, client), called, (to, server)) = parties;
        let mut world = world(|router| router.conntrack.ftp = false);
        let mut control = open_control(&mut world, parties);
        let (own, open) = (at(client, 5000), at(server, 50_000));
        assert_eq!(control.say(&mut world, CLIENT, &eprt(own)), eprt(own), "{case}");
        assert_eq!(control.say(&mut world, SERVER, &epsv(open)), epsv(open), "{case}");
        let caller = (from, at(client, 41_000));
        let data = Connection::open(&mut world, caller, at(called, 50_000), (to, open));
        assert!(data.is_none(), "{case}");
        assert_eq!(related(&mut world), 0);
    }
}

#[test]
fn only_who_was_announced_comes_in_and_only_once() {
    for (inside, host, far) in families() {
        let mut world = world(|_| {});
        let client = (namespace(1), inside);
        let mut control = open_control(&mut world, (client, far, (outside(), far)));
        let own = at(inside, 5000);
        let told = at(host, port_in(&control.say(&mut world, CLIENT, &eprt(own))));
        let stranger: IpAddr =
            if far.is_ipv4() { [198, 51, 100, 8].into() } else { "2001:db8:f::8".parse().unwrap() };
        let mut call = |from: IpAddr, port| {
            let caller = (outside(), at(from, port));
            Connection::open(&mut world, caller, told, (namespace(1), own)).is_some()
        };
        assert!(!call(stranger, 20));
        assert!(call(far, 20));
        assert!(!call(far, 21));
    }
}

#[test]
fn an_address_that_is_not_the_speakers_is_not_believed() {
    for (inside, _, far) in families() {
        let mut world = world(|_| {});
        let client = (namespace(1), inside);
        let mut control = open_control(&mut world, (client, far, (outside(), far)));
        for line in [eprt(at(far, 5000)), eprt(at(inside, 1023))] {
            assert_eq!(control.say(&mut world, CLIENT, &line), line);
        }
    }
}

#[test]
fn a_passive_port_that_is_published_alike_keeps_its_number() {
    for (_, host, far) in families() {
        let mut world = world(|router| {
            let publish = |ports: std::ops::RangeInclusive<u16>| Publish {
                protocol: 6,
                address: None,
                target_port: *ports.start(),
                ports,
                target_v4: inside(1),
                target_v6: Some(inside6(1)),
            };
            router.published = PublishedPorts::new(vec![publish(21..=21), publish(3000..=3009)]);
        });
        let server = if far.is_ipv4() { inside(1).into() } else { inside6(1).into() };
        let parties = ((outside(), far), host, (namespace(1), server));
        let mut control = open_control(&mut world, parties);
        let open = at(server, 3003);
        assert_eq!(control.say(&mut world, SERVER, &epsv(open)), epsv(open));
        let caller = (outside(), at(far, 41_000));
        assert!(
            Connection::open(&mut world, caller, at(host, 3003), (namespace(1), open)).is_some()
        );
        assert_eq!(related(&mut world), 1);
    }
}

#[test]
fn a_mangled_segment_counts_once_as_come_and_once_as_sent() {
    for (inside, host, far) in families() {
        let mut world = world(|_| {});
        let client = (namespace(1), inside);
        let control = open_control(&mut world, (client, far, (outside(), far)));
        let line = eprt(at(inside, 5000));
        let frame = control.frame(CLIENT, "PA", line.as_bytes());
        let length = frame.len() + eprt(at(host, 61_000)).len() - line.len();
        world.moves(
            |world| world.send(1, &frame),
            [received(1, [frame.len()]), answered(1, 1), sent(0, [length])],
        );
    }
}
