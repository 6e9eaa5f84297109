//! Does the frame fit the port it goes to?

use dataplane::frame::{BUFFER_LEN, MAX_FRAME_LEN};
use dataplane::outcome::DropReason;
use dataplane::port::Offloads;
use dataplane::port::memory::QUEUE_LEN;
use dataplane::wire::ethernet::MacAddr;
use dataplane::wire::vnet;
use udp_bridge_tests::counts::{dropped, received, sent};
use udp_bridge_tests::packets::{ETHERNET, Kind, plain};
use udp_bridge_tests::world::{Setup, own_mac, strange_mac};

#[test]
fn a_packet_of_the_mtu_passes_and_one_byte_more_dies_at_the_egress_port() {
    for mtu in [576, 1500, 9000] {
        let mut world = Setup::of(2).port(1, |port| port.mtu = mtu).start();
        let length = usize::from(mtu) + ETHERNET;
        world.moves(
            |world| world.send(0, &plain(own_mac(1), own_mac(0), length)),
            [received(0, [length]), sent(1, [length])],
        );
        world.moves(
            |world| world.send(0, &plain(own_mac(1), own_mac(0), length + 1)),
            [received(0, [length + 1]), dropped(1, DropReason::ExceedsMtu, 1)],
        );
    }
}

#[test]
fn a_flood_reaches_the_ports_whose_mtu_it_fits() {
    let mut world = Setup::of(3).port(1, |port| port.mtu = 576).start();
    world.moves(
        |world| world.send(0, &plain(MacAddr::BROADCAST, own_mac(0), 1514)),
        [received(0, [1514]), dropped(1, DropReason::ExceedsMtu, 1), sent(2, [1514])],
    );
}

#[test]
fn a_super_frame_is_measured_by_its_segments() {
    for kind in Kind::ALL {
        let mut world = Setup::of(2).start();
        let fitting = (1500 - (kind.headers() - ETHERNET)) as u16;
        let offer = |size| kind.offloaded(own_mac(1), own_mac(0), &[1; 20_000], size);
        let length = kind.headers() + 20_000;
        world.moves(
            |world| world.send_raw(0, offer(fitting)),
            [received(0, [length]), sent(1, [length])],
        );
        assert_eq!(world.raw_received_by(1), [offer(fitting)], "it passes whole");
        world.moves(
            |world| world.send_raw(0, offer(fitting + 1)),
            [received(0, [length]), dropped(1, DropReason::ExceedsMtu, 1)],
        );
    }
}

#[test]
fn a_port_without_offloads_gets_segments() {
    for kind in Kind::ALL {
        let mut world = Setup::of(2).port(1, |port| port.offloads = Offloads::NONE).start();
        let payload: Vec<u8> = (0..3500u32).map(|n| n as u8).collect();
        let lengths = [1000, 1000, 1000, 500].map(|length| kind.headers() + length);
        world.moves(
            |world| world.send_raw(0, kind.offloaded(own_mac(1), own_mac(0), &payload, 1000)),
            [received(0, [kind.headers() + 3500]), sent(1, lengths)],
        );
        let parts = world.received_by(1);
        let arrived: Vec<u8> =
            parts.iter().flat_map(|part| &part[kind.headers()..]).copied().collect();
        assert_eq!(arrived, payload);
    }
}

#[test]
fn a_port_without_offloads_gets_the_complete_checksum() {
    for kind in Kind::ALL {
        let mut world = Setup::of(2).port(1, |port| port.offloads = Offloads::NONE).start();
        let complete = kind.frame(own_mac(1), own_mac(0), &[7; 333]);
        world.moves(
            |world| world.send_raw(0, kind.offloaded(own_mac(1), own_mac(0), &[7; 333], 0)),
            [received(0, [complete.len()]), sent(1, [complete.len()])],
        );
        let arrived = world.raw_received_by(1);
        assert_eq!(arrived[0][vnet::HEADER_LEN..], complete);
        assert_eq!(arrived[0][..2], [0, 0], "no flags, no segmentation");
    }
}

#[test]
fn a_flooded_super_frame_is_whole_for_one_port_and_segments_for_another() {
    let tcp_only = Offloads::CHECKSUM.with(Offloads::TSO4);
    let mut world = Setup::of(4)
        .port(1, |port| port.offloads = Offloads::NONE)
        .port(2, |port| port.offloads = tcp_only)
        .start();
    for (kind, cut_at_2) in [(Kind::TcpV4, false), (Kind::TcpV6, true), (Kind::UdpV4, true)] {
        let headers = kind.headers();
        let frame = kind.offloaded(MacAddr::BROADCAST, own_mac(0), &[1; 2000], 1000);
        let (whole, cut) = (vec![headers + 2000], vec![headers + 1000; 2]);
        world.moves(
            |world| world.send_raw(0, frame),
            [
                received(0, whole.clone()),
                sent(1, cut.clone()),
                sent(2, if cut_at_2 { cut } else { whole.clone() }),
                sent(3, whole),
            ],
        );
    }
}

#[test]
fn a_super_frame_with_cwr_set_is_cut_for_a_port_that_does_not_take_it() {
    let without_ecn = Offloads::ALL.without(Offloads::TSO_ECN);
    let mut world = Setup::of(2).port(1, |port| port.offloads = without_ecn).start();
    let mut frame = Kind::TcpV4.offloaded(own_mac(1), own_mac(0), &[1; 2000], 1000);
    frame[1] |= vnet::gso::ECN;
    world.moves(|world| world.send_raw(0, frame), [received(0, [2054]), sent(1, [1054, 1054])]);
}

#[test]
fn a_port_that_takes_super_frames_but_no_partial_checksums_gets_segments() {
    let mut world = Setup::of(2).port(1, |port| port.offloads = Offloads::TSO4).start();
    let frame = Kind::TcpV4.offloaded(own_mac(1), own_mac(0), &[1; 2000], 1000);
    world.moves(|world| world.send_raw(0, frame), [received(0, [2054]), sent(1, [1054, 1054])]);
}

#[test]
fn a_host_that_does_not_read_loses_what_does_not_fit_its_queue() {
    let mut world = Setup::of(3).start();
    let frame = plain(own_mac(1), own_mac(0), 60);
    world.moves(
        |world| (0..QUEUE_LEN).for_each(|_| world.send(0, &frame)),
        [received(0, [60; QUEUE_LEN]), sent(1, [60; QUEUE_LEN])],
    );
    world.moves(
        |world| world.send(0, &plain(MacAddr::BROADCAST, own_mac(0), 60)),
        [received(0, [60]), dropped(1, DropReason::EgressFull, 1), sent(2, [60])],
    );
    world.received_by(1);
    world.moves(|world| world.send(0, &frame), [received(0, [60]), sent(1, [60])]);
}

#[test]
fn each_segment_that_finds_no_room_counts() {
    let mut world = Setup::of(2).port(1, |port| port.offloads = Offloads::NONE).start();
    let frame = plain(own_mac(1), own_mac(0), 60);
    (0..QUEUE_LEN - 2).for_each(|_| world.send(0, &frame));
    world.run();
    world.moves(
        |world| {
            world.send_raw(0, Kind::TcpV4.offloaded(own_mac(1), own_mac(0), &[1; 5000], 1000));
        },
        [received(0, [5054]), sent(1, [1054; 2]), dropped(1, DropReason::EgressFull, 3)],
    );
}

#[test]
fn a_frame_longer_than_any_is_cut_by_the_read_and_dies() {
    let mut world = Setup::of(2).start();
    // What a read can bring: one byte more than the longest frame has.
    world.moves(
        |world| world.send(0, &plain(own_mac(1), own_mac(0), 2 * BUFFER_LEN)),
        [received(0, [MAX_FRAME_LEN + 1]), dropped(0, DropReason::OversizedFrame, 1)],
    );
}

#[test]
fn a_port_that_vanishes_is_removed_and_the_rest_goes_on() {
    let mut world = Setup::of(3).start();
    world.moves(
        |world| world.send(2, &plain(own_mac(0), strange_mac(1), 60)),
        [received(2, [60]), sent(0, [60])],
    );
    world.moves(
        |world| {
            // Port 0 is served first: the switch does not know yet.
            world.host(2).vanish();
            world.send(0, &plain(strange_mac(1), own_mac(0), 60));
        },
        [received(0, [60]), dropped(2, DropReason::EgressGone, 1)],
    );
    assert!(!world.is_alive(2));
    assert_eq!(world.home_of(strange_mac(1)), None);
    assert_eq!(world.home_of(own_mac(2)), None);
    for destination in [own_mac(2), strange_mac(1), MacAddr::BROADCAST, own_mac(1)] {
        world.moves(
            |world| world.send(0, &plain(destination, own_mac(0), 60)),
            [received(0, [60]), sent(1, [60])],
        );
    }
}

#[test]
fn the_last_port_has_nobody_to_talk_to_and_stays() {
    let mut world = Setup::of(2).start();
    world.host(1).vanish();
    world.run();
    world.moves(
        |world| world.send(0, &plain(own_mac(1), own_mac(0), 60)),
        [received(0, [60]), dropped(0, DropReason::NobodyToFlood, 1)],
    );
}
