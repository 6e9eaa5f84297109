//! Published ports: from outside, from a sibling, from the namespace itself.

use crate::masquerade::{DOWN, at, families, through, up};
use dataplane::config::{Publish, PublishedPorts};
use udp_bridge_tests::network::*;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::World;

fn published() -> World {
    let publish = Publish {
        protocol: 17,
        address: None,
        ports: 8000..=8009,
        target_v4: inside(1),
        target_v6: Some(inside6(1)),
        target_port: 80,
    };
    network(4, |router| router.published = PublishedPorts::new(vec![publish])).start()
}

#[test]
fn a_call_from_outside_reaches_the_namespace_with_its_source() {
    for (inside, host, outside) in families() {
        let mut world = published();
        let call = udp(DOWN(), at(outside, 4000), at(host, 8003), b"hello");
        let heard = hear(&through(&mut world, 0, &call, 1));
        assert_eq!((heard.from, heard.to), (at(outside, 4000), at(inside, 83)));
        let answer = udp(up(1), heard.to, heard.from, b"welcome");
        let back = hear(&through(&mut world, 1, &answer, 0));
        assert_eq!((back.from, back.to), (at(host, 8003), at(outside, 4000)));
    }
}

#[test]
fn a_call_from_a_sibling_comes_from_the_address_that_was_called() {
    for (inside, host, _) in families() {
        let sibling = if host.is_ipv4() { inside_of(2).0 } else { inside_of(2).1 };
        for (caller, port) in [(sibling, 2), (inside, 1)] {
            let mut world = published();
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

fn inside_of(port: u16) -> (std::net::IpAddr, std::net::IpAddr) {
    (inside(port).into(), inside6(port).into())
}
