//! A namespace speaks to the outside under the host's address.

use dataplane::outcome::DropReason;
use std::net::IpAddr;
use udp_bridge_tests::counts::{dropped, received, sent};
use udp_bridge_tests::errors::{Complaint, ask, complain};
use udp_bridge_tests::network::*;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::own_mac;

/// The ends of both families: inside (behind port 1), the host's address, outside.
pub(crate) fn families() -> [(IpAddr, IpAddr, IpAddr); 2] {
    FAMILIES.map(|family| (family.inside(1), family.host, family.outside))
}

#[test]
fn a_datagram_leaves_under_the_hosts_address_and_its_reply_comes_back() {
    for (inside, host, outside) in families() {
        let mut world = network(3, |_| {}).start();
        let frame = udp(up(1), at(inside, 5000), at(outside, 53), b"question");
        let out = hear(&through(&mut world, 1, &frame, 0));
        assert_eq!((out.from.ip(), out.to), (host, at(outside, 53)));
        assert!((61_000..=65_535).contains(&out.from.port()), "{out:?}");
        assert_eq!((out.hops, out.payload.as_slice()), (64, &b"question"[..]));

        let reply = udp(down(), at(outside, 53), out.from, b"answer");
        let back = hear(&through(&mut world, 0, &reply, 1));
        assert_eq!((back.from, back.to), (at(outside, 53), at(inside, 5000)));
        assert_eq!(back.macs, (own_mac(1), own_mac(0)));
        assert_eq!(back.payload, b"answer");
        assert_eq!(world.flows().len(), 1);
    }
}

#[test]
fn a_ping_leaves_with_an_identifier_of_ours_and_its_reply_comes_back() {
    for (inside, host, outside) in families() {
        let mut world = network(3, |_| {}).start();
        let out = hear(&through(&mut world, 1, &echo(up(1), inside, outside, 7, false, 64), 0));
        assert_eq!((out.from.ip(), out.to.ip()), (host, outside));
        let reply = echo(down(), outside, host, out.id, true, 60);
        let back = hear(&through(&mut world, 0, &reply, 1));
        assert_eq!((back.from.ip(), back.to.ip(), back.id), (outside, inside, 7));
    }
}

#[test]
fn an_icmp_error_reaches_the_sender_as_about_its_own_packet() {
    for (inside, host, outside) in families() {
        let mut world = network(3, |_| {}).start();
        let frame = udp(up(1), at(inside, 5000), at(outside, 53), b"question");
        let out = through(&mut world, 1, &frame, 0);
        let error = complain(down(), outside, host, Complaint::PortUnreachable, &out);
        let back = hear(&through(&mut world, 0, &error, 1));
        assert_eq!((back.from.ip(), back.to.ip()), (outside, inside));
        // What it quotes is what was sent, but for the checksum of IP: hops were not touched.
        let quoted = &back.payload[..];
        assert_eq!(quoted, &frame[14..14 + quoted.len()]);
    }
}

#[test]
fn the_last_hop_is_told_from_the_bridges_address() {
    for (inside, host, outside) in families() {
        let mut world = network(3, |_| {}).start();
        let frame = udp_with_hops(up(1), at(inside, 5000), at(outside, 33434), b"probe", 1);
        let told = hear(&through(&mut world, 1, &frame, 1));
        let bridge: IpAddr = if host.is_ipv4() { BRIDGE.into() } else { BRIDGE6.into() };
        assert_eq!((told.from.ip(), told.to.ip()), (bridge, inside));
        assert_eq!(told.icmp, if host.is_ipv4() { (11, 0) } else { (3, 0) });
        assert!(world.flows().is_empty());
    }
}

#[test]
fn what_nobody_asked_for_goes_back_to_the_host_as_if_it_had_not_come() {
    for (_, host, outside) in families() {
        let mut world = network(3, |_| {}).start();
        let frame = udp_with_hops(down(), at(outside, 53), at(host, 62_000), b"hello", 63);
        let length = frame.len();
        let out = hear(&through(&mut world, 0, &frame, 0));
        assert_eq!((out.from, out.to, out.hops), (at(outside, 53), at(host, 62_000), 64));
        assert_eq!(out.macs, (own_mac(0), NEXT_HOP_MAC));
        world.moves(|world| world.send(0, &frame), [received(0, [length]), sent(0, [length])]);
    }
}

#[test]
fn somebody_outside_does_not_speak_to_a_namespace_directly() {
    for (inside, _, outside) in families() {
        let mut world = network(3, |_| {}).start();
        let frame = udp((own_mac(1), own_mac(0)), at(outside, 53), at(inside, 80), b"hello");
        world.moves(
            |world| world.send(0, &frame),
            [received(0, [frame.len()]), dropped(0, DropReason::NotPublished, 1)],
        );
    }
}

#[test]
fn without_an_uplink_all_that_leaves_is_the_hosts_affair() {
    for family in FAMILIES {
        let mut world = network(3, |router| router.uplink = None).start();
        let (inside, outside) = (at(family.inside(1), 5000), at(family.outside, 53));
        let out = udp(up(1), inside, outside, b"question");
        assert_eq!(through(&mut world, 1, &out, 0), out);
        let back = udp(across(0, 1), outside, inside, b"answer");
        assert_eq!(through(&mut world, 0, &back, 1), back);
        let hop = family.of(NEXT_HOP.0.into(), NEXT_HOP.1.into());
        let question = ask((own_mac(0), family.bridge), hop);
        let length = question.len();
        world.moves(
            |world| world.send(0, &question),
            [received(0, [length]), sent(1, [length]), sent(2, [length])],
        );
        assert!(world.flows().is_empty());
    }
}
