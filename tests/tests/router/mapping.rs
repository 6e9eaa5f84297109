//! Under which address and port a socket goes out, and who may answer there.

use super::call::{Call, Protocol, udp};
use super::world::{MTU, NEEDS, World, outside};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::outside::{Family, UPLINK};
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add_needing(NEEDS, "two_namespaces_share_the_address_and_not_the_ports", two);
    suite.add_needing(NEEDS, "one_socket_has_one_port_towards_everybody", one_port);
    suite.add_needing(NEEDS, "an_address_and_ports_that_are_given_are_used", given);
    for (who, port, address) in [
        ("endpoint-independent", true, true),
        ("address", true, false),
        ("address-and-port", false, false),
    ] {
        let name =
            format!("with_nat_filtering_{}_others_reach_a_mapping_or_not", who.replace('-', "_"));
        suite.add_needing(NEEDS, &name, move |host| filtering(host, who, port, address));
    }
}

fn two(host: &Host) {
    let world = World::up(host, "--ports 2");
    for family in Family::BOTH {
        let server = udp(host, &world.outside, (family.of(&world.outside), 7000).into());
        let to = server.local_addr().unwrap();
        let clients: Vec<UdpSocket> =
            world.ends.iter().map(|end| udp(host, end, (family.of(end), 5000).into())).collect();
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

/// More addresses of the host.
const GIVEN: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9)),
];

fn given(host: &Host) {
    let outside = outside(host, MTU);
    for (address, prefix) in GIVEN.into_iter().zip([24, 64]) {
        Rtnl::open().add_address(UPLINK, address, prefix);
    }
    let arguments = "--ports 1 --snat 192.0.2.9 --snat 2001:db8::9 --nat-ports 20000-20999";
    let world = World::beside(host, outside, arguments);
    for (family, address) in Family::BOTH.into_iter().zip(GIVEN) {
        for protocol in Protocol::BOTH {
            let at = (family.of(&world.outside), 7000).into();
            let seen = Call::direct(&world.ends[0], &world.outside, at).make(host, protocol);
            assert_eq!(seen.source.ip(), address, "{protocol:?}");
            assert!((20_000..=20_999).contains(&seen.source.port()), "{protocol:?}: {seen:?}");
        }
    }
}

/// May another port, and another address, of the outside answer (RFC 4787 section 5)?
fn filtering(host: &Host, who: &str, other_port: bool, other_address: bool) {
    let world = World::up(host, &format!("--ports 1 --nat-filtering {who}"));
    for family in Family::BOTH {
        let client = udp(host, &world.ends[0], (family.any(), 0).into());
        let at = (family.of(&world.outside), 7000).into();
        let mapped = whom_sees(&udp(host, &world.outside, at), &client, at);
        let places = [
            ((family.of(&world.outside), 7001).into(), other_port),
            ((family.router(), 7000).into(), other_address),
        ];
        for (place, may) in places {
            let stranger = udp(host, &world.outside, place);
            let drops = world.drops("nat-filtered");
            let got = wait::for_some("the stranger is heard or dropped", || {
                stranger.send_to(b"may I?", mapped).unwrap();
                let heard = client.recv_from(&mut [0; 100]).ok();
                let dropped = world.drops("nat-filtered") > drops;
                heard.map(|(_, from)| Some(from)).or(dropped.then_some(None))
            });
            assert_eq!(got, may.then_some(place), "{who}: {place} to {mapped}");
        }
    }
}
