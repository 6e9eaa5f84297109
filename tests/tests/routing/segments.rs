//! What TCP agrees on, and what senders leave undone: segment sizes, checksums, super-frames.

use dataplane::frame::Offloads;
use std::net::SocketAddr;
use udp_bridge_tests::network::*;
use udp_bridge_tests::pieces::unfinished;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::World;

const SERVER: u16 = 8003;

/// A world whose way to the outside takes packets of 1400 bytes, and a published TCP port.
fn narrow() -> World {
    network(3, |router| {
        router.host.routes.iter_mut().for_each(|route| route.mtu = 1400);
        router.published = publishing([published(6)]);
    })
    .start()
}

fn offered(frame: &[u8]) -> Option<u16> {
    hear(frame).tcp.and_then(|said| said.mss)
}

#[test]
fn both_ends_of_a_connection_agree_on_segments_that_fit_the_way() {
    for family in FAMILIES {
        for (mss, agreed) in [(Some(1460), Some(family.of(1360, 1340))), (Some(900), Some(900))]
            .into_iter()
            .chain([(None, None)])
        {
            let mut world = narrow();
            let open = Tcp { flags: "S", mss, ..Tcp::default() };
            let accept = Tcp { flags: "SA", acknowledgment: 1, mss, ..Tcp::default() };
            // Out and back.
            let (client, server) = (at(family.inside(1), 5000), at(family.outside, 80));
            let out = through(&mut world, 1, &tcp(up(1), client, server, open), 0);
            assert_eq!(offered(&out), agreed);
            let answer = tcp(down(), server, hear(&out).from, accept);
            assert_eq!(offered(&through(&mut world, 0, &answer, 1)), agreed);
            // In and out.
            let (client, called) = (at(family.outside, 4000), at(family.host, SERVER));
            let heard = through(&mut world, 0, &tcp(down(), client, called, open), 1);
            assert_eq!(offered(&heard), agreed);
            let answer = tcp(up(1), hear(&heard).to, client, accept);
            assert_eq!(offered(&through(&mut world, 1, &answer, 0)), agreed);
        }
    }
}

#[test]
fn siblings_agree_on_what_they_offer() {
    for family in FAMILIES {
        let mut world = narrow();
        let open = Tcp { flags: "S", mss: Some(1460), ..Tcp::default() };
        let call = tcp(up(2), at(family.inside(2), 4000), at(family.host, SERVER), open);
        assert_eq!(offered(&through(&mut world, 2, &call, 1)), Some(1460));
    }
}

/// A world with a known flow of each protocol, from port 1 to port 80 outside, under these external
/// ports. Port `plain` has no offloads.
fn flowing(family: Family, plain: u16) -> (World, [u16; 2]) {
    let mut world = network(3, |_| {}).port(plain, |port| port.offloads = Offloads::NONE).start();
    let (client, server) = (at(family.inside(1), 5000), at(family.outside, 80));
    let tcp_port = crate::endings::connect(&mut world, family);
    let out = hear(&through(&mut world, 1, &udp(up(1), client, server, b"hello"), 0));
    (world, [tcp_port, out.from.port()])
}

/// A segment or datagram with so much payload.
fn packet(protocol: u8, macs: Macs, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    // What `connect` left to be sent in each direction.
    let (sequence, acknowledgment) = if to.port() == 80 { (101, 901) } else { (901, 101) };
    let data = Tcp { flags: "A", sequence, acknowledgment, payload, mss: None };
    if protocol == 6 { tcp(macs, from, to, data) } else { udp(macs, from, to, payload) }
}

/// One direction of a known flow: where its packets come in, where they come out, and as what.
struct Way {
    from: u16,
    macs: Macs,
    ends: [SocketAddr; 2],
    to: u16,
    macs_after: Macs,
    ends_after: [SocketAddr; 2],
}

fn ways(family: Family, external: u16) -> [Way; 2] {
    let (inside, outside) = (at(family.inside(1), 5000), at(family.outside, 80));
    let host = at(family.host, external);
    [
        Way {
            from: 1,
            macs: up(1),
            ends: [inside, outside],
            to: 0,
            macs_after: up(1),
            ends_after: [host, outside],
        },
        Way {
            from: 0,
            macs: down(),
            ends: [outside, host],
            to: 1,
            macs_after: across(0, 1),
            ends_after: [outside, inside],
        },
    ]
}

#[test]
fn what_a_sender_left_undone_stays_so_under_other_addresses() {
    for family in FAMILIES {
        let (mut world, ports) = flowing(family, 2);
        for (protocol, external) in [(6, ports[0]), (17, ports[1])] {
            for Way { from, macs, ends, to, macs_after, ends_after } in ways(family, external) {
                for (length, size) in [(100, 0), (9000, 1000)] {
                    let payload = vec![7; length];
                    let sent = packet(protocol, macs, ends[0], ends[1], &payload);
                    world.send_raw(from, unfinished(sent, size));
                    world.run();
                    let expected =
                        packet(protocol, macs_after, ends_after[0], ends_after[1], &payload);
                    assert_eq!(world.raw_received_by(to), [unfinished(expected, size)]);
                }
            }
        }
    }
}

#[test]
fn a_port_without_offloads_gets_whole_packets_with_right_checksums() {
    for family in FAMILIES {
        for plain in [0, 1] {
            let (mut world, ports) = flowing(family, plain);
            for (protocol, external) in [(6, ports[0]), (17, ports[1])] {
                for Way { from, macs, ends, to, ends_after, .. } in ways(family, external) {
                    if to != plain {
                        continue;
                    }
                    for (length, size) in [(99, 0), (8999, 1000)] {
                        let payload: Vec<u8> = (0..length).map(|n| n as u8).collect();
                        let sent = packet(protocol, macs, ends[0], ends[1], &payload);
                        world.send_raw(from, unfinished(sent, size));
                        world.run();
                        let heard: Vec<_> =
                            world.received_by(to).iter().map(|frame| hear(frame)).collect();
                        assert_eq!(heard.len(), if size == 0 { 1 } else { 9 });
                        assert!(heard.iter().all(|one| [one.from, one.to] == ends_after));
                        let all: Vec<u8> = heard.into_iter().flat_map(|one| one.payload).collect();
                        assert_eq!(all, payload);
                    }
                }
            }
        }
    }
}

#[test]
fn a_datagram_without_a_checksum_stays_without() {
    let (mut world, ports) = flowing(V4, 2);
    for Way { from, macs, ends, to, ends_after, .. } in ways(V4, ports[1]) {
        let mut frame = udp(macs, ends[0], ends[1], b"who cares");
        frame[40..42].fill(0);
        let out = through(&mut world, from, &frame, to);
        assert_eq!(out[40..42], [0, 0]);
        assert_eq!([hear(&out).from, hear(&out).to], ends_after);
    }
}
