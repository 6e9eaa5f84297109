//! Ping, TCP, UDP, fragments from a namespace to the outside.

use super::call::{Call, Protocol, connected, udp};
use super::world::{NEEDS, World};
use socket2::{Domain, Protocol as IpProtocol, Socket, Type};
use std::net::{SocketAddr, UdpSocket};
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::outside::Family;
use udp_bridge_tests::host::traffic::{End, pings, pings_with};
use udp_bridge_tests::host::{Host, wait};

/// The ports that translation uses if nobody says otherwise.
pub(super) const NAT_PORTS: std::ops::RangeInclusive<u16> = 61_000..=65_535;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add_needing(NEEDS, "a_ping_goes_out_under_the_hosts_address", ping);
    suite.add_needing(NEEDS, "a_large_ping_goes_out_and_back", large_ping);
    suite.add_needing(NEEDS, "tcp_and_udp_go_out_under_the_hosts_address_and_ports", tcp_and_udp);
    suite.add_needing(NEEDS, "two_namespaces_share_the_address_and_not_the_ports", two);
    suite.add_needing(NEEDS, "one_socket_has_one_port_towards_everybody", one_port);
    suite.add_needing(NEEDS, "a_datagram_in_fragments_arrives_whole_outside", fragments);
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

fn tcp_and_udp(host: &Host) {
    let world = World::up(host, "--ports 1");
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

fn two(host: &Host) {
    let world = World::up(host, "--ports 2");
    for family in Family::BOTH {
        let server = udp(host, &world.outside, (family.of(&world.outside), 7000).into());
        let to = server.local_addr().unwrap();
        let clients: Vec<UdpSocket> =
            world.ends.iter().map(|end| bound(host, end, (family.of(end), 5000).into())).collect();
        let seen: Vec<SocketAddr> =
            clients.iter().map(|client| whom_sees(&server, client, to)).collect();
        assert!(seen[0] != seen[1] && seen.iter().all(|one| one.ip() == family.host()), "{seen:?}");
        // Each hears what is said to its own.
        for (source, client) in seen.iter().zip(&clients) {
            server.send_to(source.to_string().as_bytes(), source).unwrap();
            let mut buffer = [0; 100];
            let got = wait::for_some("an answer", || client.recv(&mut buffer).ok());
            assert_eq!(buffer[..got], *source.to_string().as_bytes());
        }
    }
}

fn bound(host: &Host, end: &End, at: SocketAddr) -> UdpSocket {
    udp(host, end, at)
}

/// The source of what the client sends, as the server sees it.
fn whom_sees(server: &UdpSocket, client: &UdpSocket, to: SocketAddr) -> SocketAddr {
    let own = client.local_addr().unwrap().to_string();
    wait::for_some("a datagram", || {
        client.send_to(own.as_bytes(), to).unwrap();
        let mut buffer = [0; 100];
        let (got, from) = server.recv_from(&mut buffer).ok()?;
        (buffer[..got] == *own.as_bytes()).then_some(from)
    })
}

/// Endpoint-independent mapping (RFC 4787 4.1).
fn one_port(host: &Host) {
    let world = World::up(host, "--ports 1");
    for family in Family::BOTH {
        let client = udp(host, &world.ends[0], (family.any(), 0).into());
        let places = [
            (family.of(&world.outside), 7000).into(),
            (family.of(&world.outside), 7001).into(),
            (family.router(), 7000).into(),
        ];
        let seen = places.map(|at| whom_sees(&udp(host, &world.outside, at), &client, at));
        assert!(seen[0] == seen[1] && seen[1] == seen[2], "{seen:?}");
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
