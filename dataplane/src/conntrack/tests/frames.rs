//! What is read of a frame.

use super::*;
use crate::frame::{Frame, Subject, with_plain_header};
use crate::wire::icmp::Kind;
use etherparse::{PacketBuilder, PacketBuilderStep, TcpOptionElement};

type Ipv4Step = PacketBuilderStep<etherparse::IpHeaders>;

fn ipv4() -> Ipv4Step {
    PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
}

/// The packet of a frame, padded as Ethernet does it.
fn packet(mut frame: Vec<u8>) -> Packet {
    frame.resize(frame.len().max(60), 0xee);
    let mut bytes = with_plain_header(&frame);
    Packet::of(&Frame::parse(PortId(0), &mut bytes).unwrap())
}

#[test]
fn a_segment_is_read_with_its_options_and_without_the_padding() {
    let options =
        [TcpOptionElement::WindowScale(9), TcpOptionElement::SelectiveAcknowledgementPermitted];
    let mut frame = Vec::new();
    let tcp = ipv4().tcp(1, 2, 1000, 500).syn().options(&options).unwrap();
    tcp.write(&mut frame, b"abc").unwrap();
    let packet = packet(frame);
    let expected = Segment {
        sequence: 1000,
        window: 500,
        flags: SYN,
        payload: 3,
        window_scale: Some(9),
        sack_permitted: true,
        ..Segment::default()
    };
    assert_eq!((packet.protocol, packet.length, packet.icmp), (6, 20 + 28 + 3, None));
    assert_eq!(packet.tcp, Some(expected));
}

#[test]
fn a_super_frame_is_one_segment_of_its_whole_payload() {
    let mut frame = Vec::new();
    let ipv6 = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv6([1; 16], [2; 16], 64);
    ipv6.tcp(1, 2, 1000, 500).ack(7).write(&mut frame, &[0; 40_000]).unwrap();
    let packet = packet(frame);
    assert_eq!((packet.length, packet.tcp.map(|tcp| tcp.payload)), (40_060, Some(40_000)));
    assert_eq!(packet.tcp.map(|tcp| tcp.end()), Some(41_000));
}

#[test]
fn udp_and_icmp_are_told_apart() {
    let mut frame = Vec::new();
    ipv4().udp(1, 2).write(&mut frame, b"abc").unwrap();
    assert_eq!(packet(frame), Packet { protocol: 17, length: 31, icmp: None, tcp: None });
    for (request, kind) in [(true, Kind::Request), (false, Kind::Reply(8))] {
        let mut frame = Vec::new();
        let echo =
            if request { ipv4().icmpv4_echo_request(7, 1) } else { ipv4().icmpv4_echo_reply(7, 1) };
        echo.write(&mut frame, b"abcd").unwrap();
        let read = packet(frame);
        assert_eq!((read.protocol, read.length, read.icmp), (1, 32, Some(kind)));
    }
}

#[test]
fn of_a_fragment_only_the_kind_of_icmp_is_read() {
    let fragment = |protocol: u8, more: u8, offset: u8| {
        let mut frame = Vec::new();
        if protocol == 6 {
            ipv4().tcp(1, 2, 3, 4).ack(5).write(&mut frame, &[8; 64]).unwrap();
        } else {
            ipv4().icmpv4_echo_request(7, 1).write(&mut frame, &[8; 64]).unwrap();
        }
        (frame[20], frame[21]) = (more << 5, offset);
        (frame[24], frame[25]) = (0, 0);
        let header: u32 =
            frame[14..34].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
        let folded = !((header & 0xffff) + (header >> 16)) as u16;
        frame[24..26].copy_from_slice(&folded.to_be_bytes());
        packet(frame)
    };
    assert_eq!(fragment(6, 1, 0).tcp, None);
    assert_eq!(fragment(1, 1, 0).icmp, Some(Kind::Request));
    assert_eq!(fragment(1, 0, 9).icmp, None);
}

#[test]
fn a_ping_and_its_answer_are_one_flow() {
    let mut story = Story::new(1);
    let mut states = Vec::new();
    for reply in [false, true, false] {
        let mut frame = Vec::new();
        let ends = if reply { (SERVER, CLIENT) } else { (CLIENT, SERVER) };
        let ip =
            PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(ends.0.octets(), ends.1.octets(), 64);
        let echo = if reply { ip.icmpv4_echo_reply(77, 1) } else { ip.icmpv4_echo_request(77, 1) };
        echo.write(&mut frame, b"abcd").unwrap();
        let mut bytes = with_plain_header(&frame);
        let frame = Frame::parse(PortId(0), &mut bytes).unwrap();
        let Subject::Flow(tuple) = frame.subject::<Ipv4Addr>() else { panic!("no flow") };
        let expected = if reply { Reply } else { Original };
        let found = story.table.find(&tuple, story.now).map(|hit| hit.direction);
        assert!(found.is_none_or(|direction| direction == expected));
        states.push(story.packet(expected, &Packet::of(&frame)));
    }
    assert_eq!(states, [New, Established, Established]);
}
