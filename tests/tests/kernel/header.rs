//! The virtio header: what the kernel leaves undone, and what it accepts.

use super::wire::{MACS, Seen, V4, V6, read_protocol, tap};
use dataplane::frame::{Offloads, with_plain_header};
use dataplane::outcome::DropReason;
use dataplane::port::Port;
use dataplane::wire::checksum::{Sum, pseudo_header};
use dataplane::wire::vnet::{self, VnetHeader, gso};
use etherparse::PacketBuilder;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::{Host, wait};
use zerocopy::IntoBytes;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("a_udp_packet_comes_with_a_partial_checksum", |_| partial_checksum_of(V4[0].into()));
    suite.add_needing(
        &[Need::Ipv6],
        "a_udp_packet_over_ipv6_comes_with_a_partial_checksum",
        |_| {
            partial_checksum_of(V6[0].into());
        },
    );
    suite.add("a_partial_checksum_is_trusted_when_we_write_it", partial_is_trusted);
    suite.add("a_wrong_checksum_is_not_trusted_without_the_flag", wrong_is_dropped);
    suite.add("a_malformed_super_frame_is_refused", malformed_is_refused);
    suite.add("a_write_shorter_than_ethernet_is_refused", short_is_refused);
    suite.add("an_udp_super_frame_is_received_though_the_mask_is_empty", super_frame_without_mask);
}

/// The header is 10 bytes and says where the checksum of the UDP packet goes.
fn partial_checksum_of(local: IpAddr) {
    let mut tap = tap("t0", 0, Offloads::ALL);
    let remote: IpAddr = if local.is_ipv4() { V4[1].into() } else { V6[1].into() };
    let socket = UdpSocket::bind((local, 0)).unwrap();
    socket.send_to(b"hello", (remote, 9)).unwrap();

    let Seen { header, frame } = read_protocol(&mut tap, 17);
    let (transport, addresses) = if local.is_ipv4() { (34, 26..34) } else { (54, 22..54) };
    assert_eq!(header.flags, vnet::NEEDS_CSUM);
    assert_eq!((header.gso_type, header.gso_size.get()), (gso::NONE, 0));
    assert_eq!((header.csum_start.get(), header.csum_offset.get()), (transport, 6));
    let transport = usize::from(transport);
    assert_eq!(frame.len(), transport + 8 + 5, "the frame begins right behind 10 bytes");
    assert_eq!((&frame[..6], &frame[6..12]), (&MACS[1].0[..], &MACS[0].0[..]));
    let field = u16::from_be_bytes([frame[transport + 6], frame[transport + 7]]);
    assert_eq!(field, pseudo_header(&frame[addresses], 17, 13).folded());
}

/// A UDP packet from end 1 to `port` of end 0, with this as its checksum field.
fn packet(port: u16, payload: &[u8], checksum: Option<u16>) -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(MACS[1].0, MACS[0].0)
        .ipv4(V4[1].octets(), V4[0].octets(), 64)
        .udp(7, port)
        .write(&mut frame, payload)
        .unwrap();
    if let Some(value) = checksum {
        frame[40..42].copy_from_slice(&value.to_be_bytes());
    }
    frame
}

fn listener() -> (UdpSocket, u16) {
    let socket = UdpSocket::bind(SocketAddr::from((V4[0], 0))).unwrap();
    socket.set_read_timeout(Some(wait::LONG)).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

fn partial() -> VnetHeader {
    VnetHeader {
        flags: vnet::NEEDS_CSUM,
        hdr_len: 42.into(),
        csum_start: 34.into(),
        csum_offset: 6.into(),
        ..Default::default()
    }
}

/// The kernel does not look at a checksum that is still to be completed.
fn partial_is_trusted(_: &Host) {
    let mut tap = tap("t0", 0, Offloads::ALL);
    let (socket, port) = listener();
    let frame = packet(port, b"nonsense", Some(0x1234));
    tap.send(&[partial().as_bytes(), &frame].concat()).unwrap();
    let mut buffer = [0; 100];
    let length = socket.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"nonsense");
}

fn wrong_is_dropped(_: &Host) {
    let mut tap = tap("t0", 0, Offloads::ALL);
    let (socket, port) = listener();
    tap.send(&with_plain_header(&packet(port, b"wrong", Some(0x1234)))).unwrap();
    tap.send(&with_plain_header(&packet(port, b"right", None))).unwrap();
    let mut buffer = [0; 100];
    let length = socket.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"right", "the wrong one was first");
}

/// EINVAL is the kernel's answer to a virtio header that contradicts the frame.
fn malformed_is_refused(_: &Host) {
    let mut tap = tap("t0", 0, Offloads::ALL);
    let frame = packet(9, &[7; 3000], None);
    let cut = VnetHeader { gso_type: gso::UDP_L4, gso_size: 1000.into(), ..partial() };
    let mut send = |header: VnetHeader| tap.send(&[header.as_bytes(), &frame].concat());
    assert_eq!(send(cut), Ok(()), "the well-formed one");
    let refused = Err(DropReason::EgressRefused);
    assert_eq!(send(VnetHeader { gso_size: 0.into(), ..cut }), refused, "segments of nothing");
    assert_eq!(send(VnetHeader { gso_type: 99, ..cut }), refused, "an unknown kind");
    assert_eq!(send(VnetHeader { csum_start: 60_000.into(), ..cut }), refused, "beyond the frame");
    assert_eq!(send(VnetHeader { hdr_len: 60_000.into(), ..cut }), refused, "headers beyond it");
}

fn short_is_refused(_: &Host) {
    let mut tap = tap("t0", 0, Offloads::ALL);
    assert_eq!(tap.send(&with_plain_header(&[2; 13])), Err(DropReason::EgressRefused));
    assert_eq!(tap.send(&[0; 4]), Err(DropReason::EgressRefused));
}

/// The mask says what we are given, not what we may give: so a port opened without offloads could
/// take super-frames. That it is given none is our choice.
fn super_frame_without_mask(_: &Host) {
    let mut tap = tap("t0", 0, Offloads::NONE);
    let (socket, port) = listener();
    let payload: Vec<u8> = (0..2500_u32).map(|index| index as u8).collect();
    let frame = packet(port, &payload, None);
    let sum = pseudo_header(&frame[26..34], 17, 2508).folded();
    let header = VnetHeader { gso_type: gso::UDP_L4, gso_size: 1000.into(), ..partial() };
    tap.send(&[header.as_bytes(), &packet(port, &payload, Some(sum))].concat()).unwrap();
    let mut arrived = Vec::new();
    let mut buffer = [0; 4000];
    for expected in [1000, 1000, 500] {
        let length = socket.recv(&mut buffer).unwrap();
        assert_eq!(length, expected);
        arrived.extend_from_slice(&buffer[..length]);
    }
    assert_eq!(arrived, payload);
    socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert_eq!(socket.recv(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    // What etherparse computed is what the kernel would have, had it been asked.
    let whole = pseudo_header(&frame[26..34], 17, 2508) + Sum::default().bytes(&frame[34..]);
    assert_eq!(whole.checksum(), 0);
}
