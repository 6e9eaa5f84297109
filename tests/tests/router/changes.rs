//! `rp_filter`, addresses that come and go.

use super::call::{Call, Protocol};
use super::world::{MTU, NEEDS, World, outside};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream};
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

/// The host's next addresses.
const NEXT: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)),
];

fn moves(host: &Host) {
    let world = World::up(host, "--ports 1 --publish 8080:ub0-1:80");
    let end = &world.ends[0];
    for (family, next) in Family::BOTH.into_iter().zip(NEXT) {
        let prefix = if family == Family::V4 { 24 } else { 64 };
        let there = (family.of(&world.outside), 7000).into();
        let (mut old, _peer, seen) = Call::direct(end, &world.outside, there).connect(host);
        assert_eq!(seen.source.ip(), family.host());
        let rtnl = Rtnl::open();
        rtnl.remove_address(UPLINK, family.host(), prefix);
        rtnl.add_address(UPLINK, next, prefix);
        // The last address of IPv4 took the route with it.
        if family == Family::V4 {
            rtnl.add_default_route(family.router());
        }
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
