//! `rp_filter`, addresses that come and go.

use super::call::{Call, Protocol, connected, udp};
use super::world::{MTU, NEEDS, World, outside};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::outside::{Family, UPLINK, set_sysctl};
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    for (value, word) in [("0", "off"), ("1", "strict"), ("2", "loose")] {
        let name = format!("out_and_in_with_rp_filter_{word}");
        suite.add_needing(NEEDS, &name, move |host| rp_filter(host, &["u0"], value));
        let name = format!("out_and_in_with_rp_filter_{word}_for_all_interfaces");
        suite.add_needing(NEEDS, &name, move |host| rp_filter(host, &["u0", "all"], value));
    }
    suite.add_needing(NEEDS, "an_address_that_goes_takes_its_flows_and_the_next_one_serves", moves);
    suite.add_needing(NEEDS, "a_socket_speaks_on_while_the_address_changes", speaks_on);
}

/// Reverse path filtering is of IPv4 alone; that IPv6 works beside it is tested on the way.
fn rp_filter(host: &Host, interfaces: &[&str], value: &str) {
    let outside = outside(host, MTU);
    for interface in interfaces {
        set_sysctl(&format!("ipv4/conf/{interface}/rp_filter"), value);
    }
    let before = host.snapshot();
    let publish = "--ports 1 --publish 8080:ub0-1:80 --publish 8080:ub0-1:80/udp";
    let world = World::beside(host, outside, publish);
    let end = &world.ends[0];
    for family in Family::BOTH {
        end.ping(host, family.of(&world.outside));
        for protocol in Protocol::BOTH {
            let there = (family.of(&world.outside), 7000).into();
            Call::direct(end, &world.outside, there).make(host, protocol);
            let (to, at) = ((family.host(), 8080).into(), (family.of(end), 80).into());
            Call { client: &world.outside, to, server: end, at }.make(host, protocol);
        }
    }
    drop(world);
    before.assert_same(&host.snapshot());
}

/// The time between two datagrams.
const INTERVAL: Duration = Duration::from_millis(5);

/// The host's next addresses.
const NEXT: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)),
];

fn moves(host: &Host) {
    let world = World::up(host, "--ports 1 --publish 8080:ub0-1:80");
    let end = &world.ends[0];
    for (family, next) in Family::BOTH.into_iter().zip(NEXT) {
        let there = (family.of(&world.outside), 7000).into();
        let (mut old, _peer, seen) = Call::direct(end, &world.outside, there).connect(host);
        assert_eq!(seen.source.ip(), family.host());
        renumber(family, next);
        assert_ends(&mut old);
        // The rules follow a moment later than the address.
        wait::for_yes("new flows have the new address", || {
            Call::direct(end, &world.outside, there).send(host, 100).source.ip() == next
        });
        Call::direct(end, &world.outside, there).make(host, Protocol::Tcp);
        let (to, at) = ((next, 8080).into(), (family.of(end), 80).into());
        Call { client: &world.outside, to, server: end, at }.make(host, Protocol::Tcp);
    }
}

/// Gives the host its next address instead of the first one.
fn renumber(family: Family, next: IpAddr) {
    let prefix = if family == Family::V4 { 24 } else { 64 };
    let rtnl = Rtnl::open();
    rtnl.remove_address(UPLINK, family.host(), prefix);
    rtnl.add_address(UPLINK, next, prefix);
    // The last address of IPv4 took the route with it.
    if family == Family::V4 {
        rtnl.add_default_route(family.router());
    }
}

/// Datagrams go out without a pause, so that the flow would never expire by itself.
fn speaks_on(host: &Host) {
    let world = World::up(host, "--ports 1");
    for (family, next) in Family::BOTH.into_iter().zip(NEXT) {
        let at = (family.of(&world.outside), 7000).into();
        let server = udp(host, &world.outside, at);
        let client = connected(host, &world.ends[0], at);
        client.set_read_timeout(Some(INTERVAL)).unwrap();
        let (stop, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    // For a moment no route leads out, and the host says so.
                    let _ = client.send(b"still there?");
                    let heard = client.recv(&mut [0; 100]).is_ok();
                    answers.fetch_add(heard.into(), Ordering::Relaxed);
                }
            });
            let done = catch_unwind(AssertUnwindSafe(|| {
                let old = heard_from(&server, family.host());
                renumber(family, next);
                let new = heard_from(&server, next);
                let before = answers.load(Ordering::Relaxed);
                wait::for_yes("the socket hears an answer", || {
                    server.send_to(b"yes", new).unwrap();
                    answers.load(Ordering::Relaxed) > before
                });
                wait::for_yes("the flow of the old address is gone", || {
                    let listed = host.udp_bridge("conntrack -L").ok().stdout;
                    !listed.contains(&format!("dst={} ", old.ip()))
                });
            }));
            stop.store(true, Ordering::Relaxed);
            done.unwrap_or_else(|panic| resume_unwind(panic));
        });
    }
}

/// The source of a datagram, once it is of this address.
fn heard_from(server: &UdpSocket, address: IpAddr) -> SocketAddr {
    wait::for_some(&format!("a datagram from {address}"), || {
        let (_, source) = server.recv_from(&mut [0; 100]).ok()?;
        (source.ip() == address).then_some(source)
    })
}

/// Nobody knows the flow by its next address: the outside says so.
fn assert_ends(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(wait::SHORT)).unwrap();
    let end = wait::for_some("the old flow has ended", || {
        let said = stream.write_all(b"still there?");
        let heard = stream.read(&mut [0; 100]);
        [said.err(), heard.err()]
            .into_iter()
            .flatten()
            .map(|error| error.kind())
            .find(|kind| !matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut))
    });
    assert!(matches!(end, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{end:?}");
}
