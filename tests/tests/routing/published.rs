//! Published ports: from outside, from a sibling, from the namespace itself.

use udp_bridge_tests::network::*;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::World;

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
