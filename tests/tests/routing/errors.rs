//! ICMP errors: to whom do they go, from whom do they seem to come, and what do they quote?

use dataplane::outcome::DropReason;
use udp_bridge_tests::counts::{dropped, received};
use udp_bridge_tests::errors::{Complaint, complain};
use udp_bridge_tests::network::*;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::World;

const COMPLAINTS: [Complaint; 3] =
    [Complaint::PortUnreachable, Complaint::TimeExceeded, Complaint::TooBig(1400)];

fn publishing_world() -> World {
    network(4, |router| router.published = publishing([published(17)])).start()
}

/// The error's rest of header, and what it quotes, are as they should be.
#[track_caller]
fn quotes(error: &[u8], complaint: Complaint, frame: &[u8]) {
    let heard = hear(error);
    let quoted = &heard.payload[..];
    // Hops are counted on the way, and IPv4's checksum with them.
    let (hops, sum) = if error[12..14] == [0x08, 0] { (8, 10..12) } else { (7, 0..0) };
    let mut sent = frame[14..14 + quoted.len()].to_vec();
    sent[hops] = quoted[hops];
    sent[sum.clone()].copy_from_slice(&quoted[sum]);
    assert_eq!(quoted, sent);
    if let Complaint::TooBig(mtu) = complaint {
        let at = error.len() - quoted.len();
        assert_eq!(error[at - 2..at], mtu.to_be_bytes());
    }
}

#[test]
fn an_error_of_a_router_in_between_keeps_its_source() {
    for family in FAMILIES {
        for complaint in COMPLAINTS {
            let mut world = network(3, |_| {}).start();
            let frame = udp(up(1), at(family.inside(1), 5000), at(family.outside, 53), &[1; 60]);
            let out = through(&mut world, 1, &frame, 0);
            let error = complain(down(), family.hop, family.host, complaint, &out);
            let back = through(&mut world, 0, &error, 1);
            let heard = hear(&back);
            assert_eq!((heard.from.ip(), heard.to.ip()), (family.hop, family.inside(1)));
            quotes(&back, complaint, &frame);
        }
    }
}

#[test]
fn an_error_about_a_ping_is_about_the_ping_that_was_sent() {
    for family in FAMILIES {
        let mut world = network(3, |_| {}).start();
        let ping = echo(up(1), family.inside(1), family.outside, 7, false, 64);
        let out = through(&mut world, 1, &ping, 0);
        let error = complain(down(), family.hop, family.host, Complaint::TimeExceeded, &out);
        let back = through(&mut world, 0, &error, 1);
        assert_eq!(hear(&back).from.ip(), family.hop);
        quotes(&back, Complaint::TimeExceeded, &ping);
    }
}

#[test]
fn a_namespaces_error_about_a_call_comes_from_the_address_that_was_called() {
    for family in FAMILIES {
        for complaint in COMPLAINTS {
            let mut world = publishing_world();
            let call = udp(down(), at(family.outside, 4000), at(family.host, 8003), b"hello");
            let heard = through(&mut world, 0, &call, 1);
            let error = complain(up(1), family.inside(1), family.outside, complaint, &heard);
            let out = through(&mut world, 1, &error, 0);
            let told = hear(&out);
            assert_eq!((told.from.ip(), told.to.ip()), (family.host, family.outside));
            quotes(&out, complaint, &call);
        }
    }
}

#[test]
fn a_namespaces_error_about_an_answer_comes_from_the_hosts_address() {
    for family in FAMILIES {
        let mut world = network(3, |_| {}).start();
        let frame = udp(up(1), at(family.inside(1), 5000), at(family.outside, 53), b"question");
        let out = hear(&through(&mut world, 1, &frame, 0));
        let answer = udp(down(), at(family.outside, 53), out.from, b"too late");
        let heard = through(&mut world, 0, &answer, 1);
        let complaint = Complaint::PortUnreachable;
        let error = complain(up(1), family.inside(1), family.outside, complaint, &heard);
        let told = through(&mut world, 1, &error, 0);
        assert_eq!(hear(&told).from.ip(), family.host);
        quotes(&told, complaint, &answer);
    }
}

#[test]
fn a_sibling_is_told_by_the_address_that_it_called() {
    for family in FAMILIES {
        let mut world = publishing_world();
        let call = udp(up(2), at(family.inside(2), 4000), at(family.host, 8003), b"hello");
        let heard = through(&mut world, 2, &call, 1);
        let complaint = Complaint::PortUnreachable;
        let error = complain(up(1), family.inside(1), family.host, complaint, &heard);
        let told = through(&mut world, 1, &error, 2);
        assert_eq!(hear(&told).from.ip(), family.host);
        quotes(&told, complaint, &call);
    }
}

#[test]
fn errors_about_nothing_reach_nobody() {
    for family in FAMILIES {
        let mut world = network(3, |_| {}).start();
        let Family { host, outside, .. } = family;
        let about = |from, to| udp(up(1), at(from, 5000), at(to, 53), b"never sent");
        let complaint = Complaint::PortUnreachable;
        let error = complain(down(), outside, host, complaint, &about(host, outside));
        world.moves(
            |world| world.send(0, &error),
            [received(0, [error.len()]), dropped(0, DropReason::NotOurs, 1)],
        );
        let inside = family.inside(1);
        let error = complain(up(1), inside, outside, complaint, &about(outside, inside));
        world.moves(
            |world| world.send(1, &error),
            [received(1, [error.len()]), dropped(1, DropReason::CtInvalid, 1)],
        );
    }
}

#[test]
fn a_namespaces_error_to_the_host_reaches_it() {
    for family in FAMILIES {
        let mut world = network(3, |_| {}).start();
        let inside = family.inside(1);
        let frame = udp(across(0, 1), at(family.bridge, 4000), at(inside, 9), b"hello");
        let heard = through(&mut world, 0, &frame, 1);
        let complaint = Complaint::PortUnreachable;
        let error = complain(up(1), inside, family.bridge, complaint, &heard);
        assert_eq!(through(&mut world, 1, &error, 0), error);
    }
}

#[test]
fn a_traceroute_shows_the_bridge_and_then_the_routers_behind_it() {
    for family in FAMILIES {
        let mut world = network(3, |_| {}).start();
        let (inside, outside) = (family.inside(1), family.outside);
        let to = |hops: u16| at(outside, 33_433 + hops);
        let probes: [fn(_, _, _, _) -> Vec<u8>; 2] = [
            |from, to: std::net::SocketAddr, hops, _| {
                udp_with_hops(up(1), at(from, 5000), to, b"probe", hops)
            },
            |from, to, hops, id| echo(up(1), from, to.ip(), id, false, hops),
        ];
        for probe in probes {
            let first = probe(inside, to(1), 1, 9);
            let told = through(&mut world, 1, &first, 1);
            assert_eq!(hear(&told).from.ip(), family.bridge);
            quotes(&told, Complaint::TimeExceeded, &first);
            let second = probe(inside, to(2), 2, 9);
            let out = through(&mut world, 1, &second, 0);
            assert_eq!(hear(&out).hops, 2, "the host counts this hop");
            let error = complain(down(), family.hop, family.host, Complaint::TimeExceeded, &out);
            let told = through(&mut world, 0, &error, 1);
            assert_eq!(hear(&told).from.ip(), family.hop);
            quotes(&told, Complaint::TimeExceeded, &second);
        }
    }
}

#[test]
fn what_the_host_has_heard_by_itself_is_not_handed_to_it_again() {
    for family in FAMILIES {
        // Where the flows of the segment are tracked, too.
        let mut world = network(3, |router| router.filter.icc = false).start();
        let (bridge, inside) = (family.bridge, family.inside(1));
        let ping = echo(across(0, 1), bridge, inside, 7, false, 64);
        assert_eq!(through(&mut world, 0, &ping, 1), ping);
        let frame = udp(across(0, 1), at(bridge, 4000), at(inside, 9), b"hello");
        let heard = through(&mut world, 0, &frame, 1);
        let complaint = Complaint::PortUnreachable;
        for macs in [up(1), down()] {
            let reply = echo(macs, inside, bridge, 7, true, 64);
            let error = complain(macs, inside, bridge, complaint, &heard);
            for frame in [reply, error] {
                if macs == up(1) {
                    assert_eq!(through(&mut world, 1, &frame, 0), frame);
                    continue;
                }
                // The copy of what came to the host.
                world.moves(
                    |world| world.send(0, &frame),
                    [received(0, [frame.len()]), dropped(0, DropReason::NotOurs, 1)],
                );
            }
        }
        let flows = world.flows();
        let ping = flows.iter().find(|flow| flow.protocol != 17).map(|flow| flow.packets);
        assert_eq!(ping, Some([1, 1]));
    }
}
