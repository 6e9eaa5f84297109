//! Traceroute: each router that takes the last hop from a packet tells its sender.
//!
//! `ub0-1 ── bridge ── host ── outside ── far`: the bridge is the namespace's first hop, and the host's
//! own forwarding is the same hop, for it is the host that counts it.

use super::world::{MTU, NEEDS, World, outside};
use std::net::IpAddr;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::icmp_errors::{self, Report};
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::outside::Family;
use udp_bridge_tests::host::traffic::{echo_request, pings};
use udp_bridge_tests::host::wait;

/// Where a traceroute begins to count its ports.
const PORT: u16 = 33_434;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add_needing(NEEDS, "traceroute_by_udp_shows_every_hop", by_udp);
    suite.add_needing(NEEDS, "traceroute_by_icmp_shows_every_hop", by_icmp);
}

/// The type and code of: no hops left, nobody at this port.
fn kinds(family: Family) -> [(u8, u8); 2] {
    match family {
        Family::V4 => [(11, 0), (3, 3)],
        Family::V6 => [(3, 0), (1, 4)],
    }
}

fn by_udp(host: &Host) {
    let outside = outside(host, MTU);
    let far = host.add_far(MTU);
    let world = World::beside(host, outside, "--ports 1");
    for family in Family::BOTH {
        let [expired, nobody] = kinds(family);
        let path: [(IpAddr, (u8, u8)); 3] = [
            (family.of(&world.bridge), expired),
            (family.router(), expired),
            (family.of(&far), nobody),
        ];
        for (hops, expected) in (1..).zip(path) {
            let to = (family.of(&far), PORT + hops as u16).into();
            let socket = world.ends[0].visit(host, || icmp_errors::udp(to, hops));
            let what = format!("a report about hop {hops} of the way to {to}");
            let Report { from, kind, .. } =
                icmp_errors::provoke(&socket, &what, |socket| socket.send(b"how far is it?"));
            assert_eq!((from, kind), expected, "{what}");
        }
    }
}

fn by_icmp(host: &Host) {
    let outside = outside(host, MTU);
    let far = host.add_far(MTU);
    let world = World::beside(host, outside, "--ports 1");
    for family in Family::BOTH {
        let to = family.of(&far);
        let [expired, _] = kinds(family);
        for (hops, router) in [(1, family.of(&world.bridge)), (2, family.router())] {
            let socket = world.ends[0].visit(host, || icmp_errors::icmp(to, hops));
            let what = format!("a report about hop {hops} of the way to {to}");
            let request = echo_request(family == Family::V4, 1, 20);
            let Report { from, kind, .. } =
                icmp_errors::provoke(&socket, &what, |socket| socket.send(&request));
            assert_eq!((from, kind), (router, expired), "{what}");
        }
        assert!(world.ends[0].visit(host, || pings(to, wait::LONG)), "{to} is three hops away");
    }
}
