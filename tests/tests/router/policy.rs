//! `--icc=false`, `--internal`, `--rules`, as sockets see them.

use super::call::{Call, Protocol, connect, connected, udp};
use super::world::{NEEDS, World};
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener};
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::outside::Family;
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::traffic::End;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add_needing(NEEDS, "without_icc_siblings_do_not_meet_and_all_else_works", without_icc);
    suite.add_needing(NEEDS, "an_internal_network_meets_itself_and_the_host_alone", internal);
    suite.add_needing(NEEDS, "networks_do_not_meet_not_even_by_published_ports", apart);
    suite.add_needing(NEEDS, "rules_decide_who_goes_out_and_who_comes_in", rules);
}

/// Datagrams are sent until one is dropped for the reason; none of them arrives.
#[track_caller]
fn assert_dropped(world: &World<'_>, client: &End, to: SocketAddr, server: &End, reason: &str) {
    let hearer = udp(world.host, server, SocketAddr::new(to.ip(), to.port()));
    hearer.set_nonblocking(true).unwrap();
    assert_dropped_before(world, client, to, reason);
    // What is dropped was not delivered; the counter rose after the decision.
    assert!(hearer.recv(&mut [0]).is_err(), "a datagram to {to} arrived");
}

#[track_caller]
fn assert_dropped_before(world: &World<'_>, client: &End, to: SocketAddr, reason: &str) {
    let before = world.drops(reason);
    let socket = connected(world.host, client, to);
    wait::for_yes(&format!("{reason}: a datagram to {to}"), || {
        let _ = socket.send(b"hello?");
        world.drops(reason) > before
    });
}

fn without_icc(host: &Host) {
    let world = World::up(host, "--ports 2 --icc=false --publish 8080:ub0-1:80");
    let [first, second] = &world.ends[..] else { panic!("two ports") };
    for family in Family::BOTH {
        assert_dropped(&world, first, (family.of(second), 7000).into(), second, "no-icc");
        assert_dropped(&world, second, (family.of(first), 7000).into(), first, "no-icc");
        for end in &world.ends {
            let out = (family.of(&world.outside), 7000).into();
            Call::direct(end, &world.outside, out).make(host, Protocol::Tcp);
            let bridge = (family.of(&world.bridge), 7000).into();
            Call::direct(end, &world.bridge, bridge).make(host, Protocol::Tcp);
            end.ping(host, family.of(&world.bridge));
        }
        let (to, at) = ((family.host(), 8080).into(), (family.of(first), 80).into());
        Call { client: &world.outside, to, server: first, at }.make(host, Protocol::Tcp);
    }
}

fn internal(host: &Host) {
    let world = World::up(host, "--ports 2 --internal");
    let [first, second] = &world.ends[..] else { panic!("two ports") };
    for family in Family::BOTH {
        let sibling = (family.of(second), 7000).into();
        Call::direct(first, second, sibling).make(host, Protocol::Tcp);
        let bridge = (family.of(&world.bridge), 7000).into();
        Call::direct(first, &world.bridge, bridge).make(host, Protocol::Tcp);
        // No route leads out.
        let socket = udp(host, first, (family.any(), 0).into());
        let out: SocketAddr = (family.of(&world.outside), 7000).into();
        let error = socket.send_to(b"hello?", out).map_err(|error| error.kind());
        assert_eq!(error, Err(ErrorKind::NetworkUnreachable), "to {out}");
    }
    // Who makes a route of his own is told no by the dataplane.
    first.visit(host, || {
        Family::BOTH.iter().for_each(|of| Rtnl::open().add_default_route(of.of(&world.bridge)));
    });
    for family in Family::BOTH {
        let out = (family.of(&world.outside), 7000).into();
        assert_dropped(&world, first, out, &world.outside, "internal");
    }
}

/// The relay sees that it is not the host who calls: for UDP it says nothing.
fn apart(host: &Host) {
    let world = World::up(host, "--ports 1 --publish 8080:ub0-1:80");
    let _blue = host.up("--ports 1 --name blue");
    let blue = &host.ends("blue")[1];
    for family in Family::BOTH {
        let server = family.of(&world.ends[0]);
        let direct = connect(host, blue, (server, 80).into()).map(drop);
        assert_eq!(direct.map_err(|e| e.kind()), Err(ErrorKind::NetworkUnreachable));
        let listener = world.ends[0].visit(host, || TcpListener::bind((server, 80)).unwrap());
        listener.set_nonblocking(true).unwrap();
        // The reset may come before the connection is told to be there.
        let called = connect(host, blue, (family.host(), 8080).into());
        let ended = called.and_then(|mut stream| stream.read(&mut [0]));
        assert_eq!(ended.map_err(|e| e.kind()), Err(ErrorKind::ConnectionReset));
        assert!(listener.accept().is_err(), "somebody got through");
    }
}

const RULES: &str = r#"
version = 1
policy = "drop"

[[rule]]
from = "namespaces"
to = "outside"
protocol = "tcp"
port = 7000
verdict = "accept"

[[rule]]
from = "namespaces"
to = "outside"
protocol = "udp"
port = 7001
verdict = "reject"

[[rule]]
from = "outside"
to = "ub0-1"
protocol = "tcp"
port = 80
verdict = "accept"

[[rule]]
from = "ub0-2"
to = "ub0-1"
protocol = "icmp"
verdict = "accept"

[[rule]]
from = "ub0-2"
to = "ub0-1"
protocol = "icmpv6"
verdict = "accept"
"#;

fn rules(host: &Host) {
    std::fs::write("/run/rules.toml", RULES).unwrap();
    let publish = "--publish 8080:ub0-1:80 --publish 8081:ub0-1:81";
    let world = World::up(host, &format!("--ports 2 --rules /run/rules.toml {publish}"));
    let [first, second] = &world.ends[..] else { panic!("two ports") };
    for family in Family::BOTH {
        let out = |port| SocketAddr::new(family.of(&world.outside), port);
        Call::direct(second, &world.outside, out(7000)).make(host, Protocol::Tcp);
        assert_dropped(&world, second, out(7000), &world.outside, "filter-drop");
        assert_dropped(&world, second, out(7001), &world.outside, "filter-reject");
        let (to, at) = ((family.host(), 8080).into(), (family.of(first), 80).into());
        Call { client: &world.outside, to, server: first, at }.make(host, Protocol::Tcp);
        second.ping(host, family.of(first));
        assert_dropped(&world, second, (family.of(first), 7000).into(), first, "filter-drop");
    }
}
