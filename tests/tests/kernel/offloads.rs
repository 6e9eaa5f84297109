//! Which frames come with which offload mask?

use super::wire::{Cable, Seen, V4, V6, read_protocol, tap};
use dataplane::frame::Offloads;
use dataplane::port::Port;
use dataplane::port::tap::{Tap, TapError};
use dataplane::wire::checksum::{Sum, pseudo_header};
use dataplane::wire::vnet::{VnetHeader, gso};
use nix::sys::socket::{setsockopt, sockopt};
use std::net::{IpAddr, UdpSocket};
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::traffic::{End, random, transfer};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("all_but_udp_segmentation_is_granted_by_every_kernel", all_granted);
    suite.add_needing(&[Need::Uso], "all_offloads_are_granted", |_| {
        assert_eq!(Tap::open("t0", Offloads::ALL).unwrap().offloads(), Offloads::ALL);
    });
    suite.add("segmentation_is_not_granted_without_checksums", segmentation_needs_checksums);
    suite.add("tcp_comes_in_super_frames", |host| tcp_super_frames(host, V4[1].into(), gso::TCPV4));
    suite.add_needing(&[Need::Ipv6], "tcp_over_ipv6_comes_in_super_frames", |host| {
        tcp_super_frames(host, V6[1].into(), gso::TCPV6);
    });
    suite.add_needing(&[Need::Uso], "udp_comes_in_super_frames", udp_super_frames);
    suite.add_needing(&[Need::Uso], "a_living_device_takes_other_offloads", changed);
    suite.add("without_offloads_tcp_comes_cut_and_complete", |host| plain_tcp(host, V4[1].into()));
    suite.add_needing(
        &[Need::Ipv6],
        "without_offloads_tcp_over_ipv6_comes_cut_and_complete",
        |host| {
            plain_tcp(host, V6[1].into());
        },
    );
    suite.add("without_udp_segmentation_datagrams_come_cut", udp_cut_by_the_kernel);
}

fn all_granted(_: &Host) {
    let tap = Tap::open("t0", Offloads::ALL).unwrap();
    let all = Offloads::ALL.without(Offloads::USO);
    assert!(tap.offloads().contains(all), "granted: {}", tap.offloads());
}

fn segmentation_needs_checksums(_: &Host) {
    for offloads in [Offloads::TSO4, Offloads::TSO6, Offloads::USO] {
        match Tap::open("t0", offloads) {
            Err(TapError::VirtioHeader { .. }) => {}
            // A kernel without USO grants nothing instead.
            Ok(tap) => assert_eq!(tap.offloads(), Offloads::NONE),
            Err(other) => panic!("{other}"),
        }
    }
}

/// Sends 1 MiB through a cable; returns what passed.
fn megabyte(host: &Host, offloads: Offloads, to: IpAddr) -> Vec<Seen> {
    let [a, b] = [("a", 0), ("b", 1)].map(|(name, end)| End {
        namespace: Some(name.to_owned()),
        ipv4: V4[end],
        ipv6: Some(V6[end]),
    });
    let data = random(1 << 20, 1);
    let (arrived, passed) = Cable::lay(host, offloads).during(|| transfer(host, &a, &b, to, &data));
    assert!(arrived == data, "the bytes were changed");
    passed
}

fn tcp_super_frames(host: &Host, to: IpAddr, kind: u8) {
    let passed = megabyte(host, Offloads::ALL, to);
    let largest = passed
        .iter()
        .filter(|seen| seen.header.gso_kind() == kind)
        .max_by_key(|seen| seen.frame.len())
        .expect("super-frames of the kind");
    assert!(largest.frame.len() > 10_000, "largest: {} bytes", largest.frame.len());
    assert!(largest.header.needs_checksum());
    let segment = usize::from(largest.header.gso_size.get());
    assert!((1000..=1460).contains(&segment), "MTU 1500 in segments of {segment}");
    let transport = if to.is_ipv4() { 34 } else { 54 };
    assert_eq!(usize::from(largest.header.csum_start.get()), transport);
    assert_eq!(largest.header.csum_offset.get(), 16);
}

fn plain_tcp(host: &Host, to: IpAddr) {
    let passed = megabyte(host, Offloads::NONE, to);
    let tcp: Vec<_> = passed.iter().filter(|seen| seen.protocol() == Some(6)).collect();
    assert!(tcp.len() > (1 << 20) / 1460, "{} frames", tcp.len());
    for seen in tcp {
        assert_eq!((seen.header.flags & 1, seen.header.gso_type), (0, gso::NONE));
        assert!(seen.frame.len() <= 1514, "{} bytes", seen.frame.len());
        assert_complete(&seen.frame);
    }
}

/// The transport checksum, from scratch.
fn assert_complete(frame: &[u8]) {
    let (addresses, protocol, transport) = match frame[14] >> 4 {
        4 => (26..34, frame[23], 34),
        _ => (22..54, frame[20], 54),
    };
    let segment = &frame[transport..];
    let sum = pseudo_header(&frame[addresses], protocol, segment.len() as u32);
    assert_eq!((sum + Sum::default().bytes(segment)).checksum(), 0, "{frame:02x?}");
}

/// 3,000 bytes with one system call, to be cut into datagrams of 1,000.
fn send_with_gso() {
    let socket = UdpSocket::bind((V4[0], 0)).unwrap();
    setsockopt(&socket, sockopt::UdpGsoSegment, &1000).unwrap();
    socket.send_to(&random(3000, 2), (V4[1], 9)).unwrap();
}

fn udp_super_frames(_: &Host) {
    let mut tap = tap("t0", 0, Offloads::ALL);
    send_with_gso();
    let Seen { header, frame } = read_protocol(&mut tap, 17);
    assert_eq!(frame.len(), 42 + 3000);
    assert!(header.needs_checksum());
    assert_eq!((header.gso_type, header.gso_size.get()), (gso::UDP_L4, 1000));
    assert_eq!((header.csum_start.get(), header.csum_offset.get()), (34, 6));
}

fn changed(_: &Host) {
    let mut tap = tap("t0", 0, Offloads::ALL);
    let switch = tap.offload_switch().unwrap().unwrap();
    let frames = |tap: &mut Tap, count| -> Vec<usize> {
        send_with_gso();
        (0..count).map(|_| read_protocol(tap, 17).frame.len()).collect()
    };
    for _ in 0..3 {
        assert_eq!(frames(&mut tap, 1), [42 + 3000]);
        // What is in the ring stays what it was.
        send_with_gso();
        assert_eq!(switch.set(Offloads::NONE).unwrap(), Offloads::NONE);
        assert_eq!(read_protocol(&mut tap, 17).frame.len(), 42 + 3000);
        assert_eq!(frames(&mut tap, 3), [42 + 1000; 3]);
        assert!(switch.set(Offloads::TSO4).is_err(), "no segmentation without checksums");
        assert_eq!(frames(&mut tap, 3), [42 + 1000; 3]);
        assert_eq!(switch.set(Offloads::ALL).unwrap(), Offloads::ALL);
    }
}

fn udp_cut_by_the_kernel(_: &Host) {
    let mut tap = tap("t0", 0, Offloads::ALL.without(Offloads::USO));
    send_with_gso();
    for _ in 0..3 {
        let Seen { header, frame } = read_protocol(&mut tap, 17);
        assert_eq!(frame.len(), 42 + 1000);
        assert_eq!(VnetHeader { hdr_len: 0.into(), ..header }.gso_type, gso::NONE);
    }
}
