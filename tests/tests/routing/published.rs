//! Published ports: from outside, from a sibling, from the namespace itself.

use dataplane::config::Publish;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use udp_bridge_tests::network::*;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::World;

const LOCALHOST: (IpAddr, IpAddr) =
    (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST));

fn world() -> World {
    network(4, |router| router.published = publishing([published(17)])).start()
}

#[test]
fn a_call_from_outside_reaches_the_namespace_with_its_source() {
    for family in FAMILIES {
        let Family { host, outside, .. } = family;
        let inside = family.inside(1);
        let mut world = world();
        let call = udp(down(), at(outside, 4000), at(host, 8003), b"hello");
        let heard = hear(&through(&mut world, 0, &call, 1));
        assert_eq!((heard.from, heard.to), (at(outside, 4000), at(inside, 83)));
        let answer = udp(up(1), heard.to, heard.from, b"welcome");
        let back = hear(&through(&mut world, 1, &answer, 0));
        assert_eq!((back.from, back.to), (at(host, 8003), at(outside, 4000)));
    }
}

#[test]
fn a_call_from_a_sibling_comes_from_the_address_that_was_called() {
    for family in FAMILIES {
        let (host, inside, sibling) = (family.host, family.inside(1), family.inside(2));
        for (caller, port) in [(sibling, 2), (inside, 1)] {
            let mut world = world();
            let call = udp(up(port), at(caller, 4000), at(host, 8003), b"hello");
            let heard = hear(&through(&mut world, port, &call, 1));
            assert_eq!((heard.from.ip(), heard.to), (host, at(inside, 83)));
            assert_eq!(heard.hops, 63);
            let answer = udp(up(1), heard.to, heard.from, b"welcome");
            let back = hear(&through(&mut world, 1, &answer, port));
            assert_eq!((back.from, back.to), (at(host, 8003), at(caller, 4000)));
        }
    }
}

#[test]
fn a_sibling_without_a_hop_left_is_told_and_nothing_is_kept() {
    for family in FAMILIES {
        let mut world = world();
        let (caller, called) = (at(family.inside(2), 4000), at(family.host, 8003));
        let told = through(&mut world, 2, &udp_with_hops(up(2), caller, called, b"hello", 1), 2);
        assert_eq!(hear(&told).from.ip(), family.bridge);
        assert!(world.flows().is_empty());
        assert_eq!(world.routed().leases(), 0);
    }
}

#[test]
fn a_port_that_is_not_published_is_the_hosts_own() {
    for family in FAMILIES {
        let mut world = world();
        for port in [7999, 8010] {
            let call = udp(up(2), at(family.inside(2), 4000), at(family.host, port), b"hello");
            assert_eq!(through(&mut world, 2, &call, 0), call);
            let call = udp(down(), at(family.outside, 4000), at(family.host, port), b"hello");
            assert_eq!(hear(&through(&mut world, 0, &call, 0)).to.port(), port);
        }
        assert!(world.flows().is_empty());
    }
}

#[test]
fn a_port_of_one_address_is_not_published_on_another() {
    for family in FAMILIES {
        for bound in [family.host, family.of(LOCALHOST.0, LOCALHOST.1)] {
            let entry = Publish { address: Some(bound), ..published(17) };
            let mut world = network(3, |router| router.published = publishing([entry])).start();
            for called in [family.host, family.bridge, family.of(LOCALHOST.0, LOCALHOST.1)] {
                let call = udp(up(2), at(family.inside(2), 4000), at(called, 8000), b"hello");
                let reaches = called == bound && bound == family.host;
                through(&mut world, 2, &call, if reaches { 1 } else { 0 });
            }
            // From outside, loopback is nowhere.
            let call = udp(down(), at(family.outside, 4000), at(family.host, 8000), b"hello");
            through(&mut world, 0, &call, if bound == family.host { 1 } else { 0 });
        }
    }
}
