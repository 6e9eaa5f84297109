//! Ping, TCP, UDP, fragments from a namespace to the outside.

use super::call::{Call, Protocol, connected, udp};
use super::world::{NEEDS, World};
use socket2::{Domain, Protocol as IpProtocol, Socket, Type};
use std::net::UdpSocket;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::outside::Family;
use udp_bridge_tests::host::traffic::{End, pings, pings_with};
use udp_bridge_tests::host::{Host, wait};

/// The ports that translation uses if nobody says otherwise.
pub(super) const NAT_PORTS: std::ops::RangeInclusive<u16> = 61_000..=65_535;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add_needing(NEEDS, "a_ping_goes_out_under_the_hosts_address", ping);
    suite.add_needing(NEEDS, "a_large_ping_goes_out_and_back", large_ping);
    suite.add_needing(NEEDS, "tcp_and_udp_go_out_under_the_hosts_address_and_ports", |host| {
        tcp_and_udp(host, "");
    });
    suite.add_needing(NEEDS, "so_they_do_by_two_workers", |host| tcp_and_udp(host, " --workers 2"));
    suite.add_needing(NEEDS, "a_datagram_in_fragments_arrives_whole_outside", fragments);
    suite.add_needing(NEEDS, "two_networks_go_out_side_by_side", two_networks);
    suite.add_needing(NEEDS, "without_an_uplink_nothing_is_translated", without);
}

/// What an end hears of echo requests: a raw socket as if it were UDP, for its `recv_from`.
fn echo_requests(host: &Host, end: &End, family: Family) -> UdpSocket {
    let (domain, protocol) = match family {
        Family::V4 => (Domain::IPV4, IpProtocol::ICMPV4),
        Family::V6 => (Domain::IPV6, IpProtocol::ICMPV6),
    };
    let socket = end.visit(host, || Socket::new(domain, Type::RAW, Some(protocol)).unwrap());
    socket.set_read_timeout(Some(wait::SHORT)).unwrap();
    socket.into()
}

fn ping(host: &Host) {
    let world = World::up(host, "--ports 2");
    for family in Family::BOTH {
        let (request, header) = if family == Family::V4 { (8, 20) } else { (128, 0) };
        let hearer = echo_requests(host, &world.outside, family);
        for end in &world.ends {
            end.ping(host, family.of(&world.outside));
            let from = wait::for_some("an echo request", || {
                let mut buffer = [0; 2048];
                let (length, from) = hearer.recv_from(&mut buffer).ok()?;
                (buffer[..length].get(header) == Some(&request)).then_some(from.ip())
            });
            assert_eq!(from, family.host());
        }
    }
}

fn large_ping(host: &Host) {
    let world = World::up(host, "--ports 1");
    for family in Family::BOTH {
        let to = family.of(&world.outside);
        let answered = world.ends[0].visit(host, || pings_with(to, 3000, wait::LONG));
        assert!(answered, "no answer to 3000 bytes from {to}");
    }
}

fn tcp_and_udp(host: &Host, workers: &str) {
    let world = World::up(host, &format!("--ports 1{workers}"));
    for family in Family::BOTH {
        let at = (family.of(&world.outside), 7000).into();
        for protocol in Protocol::BOTH {
            let call = Call::direct(&world.ends[0], &world.outside, at);
            let seen = call.make(host, protocol);
            assert_eq!(seen.source.ip(), family.host(), "{protocol:?}: {call}");
            assert!(NAT_PORTS.contains(&seen.source.port()), "{protocol:?}: {call}: {seen:?}");
        }
    }
}

fn fragments(host: &Host) {
    let world = World::up(host, "--ports 1");
    for family in Family::BOTH {
        for length in [4000, 20_000] {
            let at = (family.of(&world.outside), 7000).into();
            let seen = Call::direct(&world.ends[0], &world.outside, at).send(host, length);
            assert_eq!(seen.source.ip(), family.host());
        }
    }
}

fn two_networks(host: &Host) {
    let world = World::up(host, "--ports 1");
    let _blue = host.up("--ports 1 --name blue");
    let blue = &host.ends("blue")[1];
    for family in Family::BOTH {
        let at = (family.of(&world.outside), 7000).into();
        let seen = [&world.ends[0], blue].map(|end| {
            let call = Call::direct(end, &world.outside, at);
            Protocol::BOTH.map(|protocol| call.make(host, protocol).source)
        });
        assert!(seen.iter().flatten().all(|source| source.ip() == family.host()), "{seen:?}");
        // Each network has ports of its own.
        assert!(seen[0].iter().all(|source| NAT_PORTS.contains(&source.port())), "{seen:?}");
        assert!(!seen[1].iter().any(|source| NAT_PORTS.contains(&source.port())), "{seen:?}");
    }
}

/// The host forwards nothing, and the outside would not know where to answer.
fn without(host: &Host) {
    let world = World::up(host, "--ports 2 --uplink none");
    for family in Family::BOTH {
        let server = udp(host, &world.outside, (family.of(&world.outside), 7000).into());
        let client = connected(host, &world.ends[0], server.local_addr().unwrap());
        for _ in 0..3 {
            // Refused at most.
            let _ = client.send(b"hello?");
        }
        // What was sent before has arrived or is gone when the host has answered.
        world.ends[0].ping(host, family.of(&world.bridge));
        world.ends[0].ping(host, family.of(&world.ends[1]));
        server.set_nonblocking(true).unwrap();
        assert!(server.recv(&mut [0]).is_err());
        assert!(pings(family.of(&world.outside), wait::LONG), "the host itself goes out");
    }
}
