use super::filter::View;
use super::ring::sized;
use super::*;
use crate::clock::Time;
use crate::frame::{Frame, with_plain_header};
use crate::outcome::{DropReason, PortId, Verdict};
use crate::pipeline::Story;
use crate::pipeline::story::{About, Way};
use crate::wire::ethernet::MacAddr;
use crate::wire::vnet::VnetHeader;
use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use ipnet::IpNet;
use proptest::prelude::*;
use std::net::IpAddr;

const MACS: ([u8; 6], [u8; 6]) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);

fn address(v6: bool, n: u8) -> IpAddr {
    if v6 { IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, n.into()]) } else { [10, 0, n / 2, n].into() }
}

/// A frame of one of eight kinds.
fn frame(kind: u8, (from, to): (u8, u8), (sport, dport): (u16, u16)) -> Vec<u8> {
    let v6 = kind & 1 == 1;
    let (source, destination) = (address(v6, from), address(v6, to));
    let ethernet = PacketBuilder::ethernet2(MACS.0, MACS.1);
    let mut bytes = Vec::new();
    macro_rules! write {
        (|$ip:ident| $body:expr) => {
            match (source, destination) {
                (IpAddr::V4(a), IpAddr::V4(b)) => {
                    let $ip = ethernet.ipv4(a.octets(), b.octets(), 64);
                    $body.unwrap()
                }
                (IpAddr::V6(a), IpAddr::V6(b)) => {
                    let $ip = ethernet.ipv6(a.octets(), b.octets(), 64);
                    $body.unwrap()
                }
                _ => unreachable!(),
            }
        };
    }
    match kind / 2 {
        0 => write!(|ip| ip.tcp(sport, dport, 1, 1000).write(&mut bytes, b"x")),
        1 => write!(|ip| ip.udp(sport, dport).write(&mut bytes, b"x")),
        2 if v6 => write!(|ip| ip.icmpv6_echo_request(sport, 1).write(&mut bytes, b"x")),
        2 => write!(|ip| ip.icmpv4_echo_request(sport, 1).write(&mut bytes, b"x")),
        // ARP, and something that is neither.
        _ => {
            let ethertype: u16 = if v6 { 0x88cc } else { 0x0806 };
            let octets = |n| match address(false, n) {
                IpAddr::V4(address) => address.octets(),
                IpAddr::V6(_) => unreachable!(),
            };
            let parts: [&[u8]; 9] = [
                &MACS.1,
                &MACS.0,
                &ethertype.to_be_bytes(),
                &[0, 1, 8, 0, 6, 4, 0, 1],
                &MACS.0,
                &octets(from),
                &[0; 6],
                &octets(to),
                &[0; 18],
            ];
            bytes = parts.concat();
        }
    }
    bytes
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    (0u8..8, (0u8..4, 0u8..4), (0u16..4, 0u16..4))
        .prop_map(|(kind, ends, ports)| frame(kind, ends, ports))
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let side = || proptest::sample::select(vec![Side::Source, Side::Destination, Side::Either]);
    let protocols = [
        Protocol::Arp,
        Protocol::Ip,
        Protocol::Ip6,
        Protocol::Tcp,
        Protocol::Udp,
        Protocol::Icmp,
        Protocol::Icmp6,
    ];
    let net = (any::<bool>(), 0u8..4, 0u8..3).prop_map(|(v6, n, wide)| {
        let address = address(v6, n);
        let length = if v6 { 128 - wide } else { 32 - wide * 4 };
        IpNet::new(address, length).unwrap().trunc()
    });
    let leaf = prop_oneof![
        Just(Filter::All),
        proptest::sample::select(protocols.to_vec()).prop_map(Filter::Protocol),
        (side(), net).prop_map(|(side, net)| Filter::Net(side, net)),
        (side(), 0u16..4).prop_map(|(side, port)| Filter::Port(side, port)),
    ];
    leaf.prop_recursive(4, 16, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| Filter::Not(Box::new(one))),
            (inner.clone(), inner.clone())
                .prop_map(|(one, other)| Filter::And(Box::new(one), Box::new(other))),
            (inner.clone(), inner)
                .prop_map(|(one, other)| Filter::Or(Box::new(one), Box::new(other))),
        ]
    })
}

/// The same question, answered by another parser and by looking at all that there is.
fn slowly(filter: &Filter, bytes: &[u8]) -> bool {
    let packet = SlicedPacket::from_ethernet(bytes).unwrap();
    let is_arp = bytes[12..14] == [8, 6];
    let ends: Vec<(Side, IpAddr)> = match &packet.net {
        Some(NetSlice::Ipv4(ip)) => vec![
            (Side::Source, ip.header().source_addr().into()),
            (Side::Destination, ip.header().destination_addr().into()),
        ],
        Some(NetSlice::Ipv6(ip)) => vec![
            (Side::Source, ip.header().source_addr().into()),
            (Side::Destination, ip.header().destination_addr().into()),
        ],
        _ if is_arp => {
            let at = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&bytes[at..at + 4]).unwrap());
            vec![(Side::Source, at(28)), (Side::Destination, at(38))]
        }
        _ => Vec::new(),
    };
    let ports: Vec<(Side, u16)> = match &packet.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            vec![(Side::Source, tcp.source_port()), (Side::Destination, tcp.destination_port())]
        }
        Some(TransportSlice::Udp(udp)) => {
            vec![(Side::Source, udp.source_port()), (Side::Destination, udp.destination_port())]
        }
        _ => Vec::new(),
    };
    let is_meant = |wanted: Side, side: Side| wanted == Side::Either || wanted == side;
    match filter {
        Filter::All => true,
        Filter::Protocol(protocol) => match protocol {
            Protocol::Arp => is_arp,
            Protocol::Ip => matches!(packet.net, Some(NetSlice::Ipv4(_))),
            Protocol::Ip6 => matches!(packet.net, Some(NetSlice::Ipv6(_))),
            Protocol::Tcp => matches!(packet.transport, Some(TransportSlice::Tcp(_))),
            Protocol::Udp => matches!(packet.transport, Some(TransportSlice::Udp(_))),
            Protocol::Icmp => matches!(packet.transport, Some(TransportSlice::Icmpv4(_))),
            Protocol::Icmp6 => matches!(packet.transport, Some(TransportSlice::Icmpv6(_))),
        },
        Filter::Net(side, net) => {
            ends.iter().any(|(of, end)| is_meant(*side, *of) && net.contains(end))
        }
        Filter::Port(side, port) => {
            ports.iter().any(|(of, number)| is_meant(*side, *of) && number == port)
        }
        Filter::Not(other) => !slowly(other, bytes),
        Filter::And(one, other) => slowly(one, bytes) && slowly(other, bytes),
        Filter::Or(one, other) => slowly(one, bytes) || slowly(other, bytes),
    }
}

fn view(bytes: &[u8]) -> View {
    let mut bytes = with_plain_header(bytes);
    View::of(&Frame::parse(PortId(0), &mut bytes).unwrap())
}

proptest! {
    #[test]
    fn a_filter_says_what_looking_at_everything_says(filter in any_filter(), frame in any_frame()) {
        prop_assert_eq!(filter.matches(&view(&frame)), slowly(&filter, &frame));
    }
}

#[test]
fn a_later_fragment_has_a_protocol_and_no_ports() {
    let mut bytes = frame(2, (1, 2), (1, 2));
    // An offset of 8 bytes; the header's checksum is made right again.
    bytes[21] = 1;
    bytes[24..26].fill(0);
    let sum = !bytes[14..34].chunks(2).fold(0u32, |sum, two| {
        let sum = sum + u32::from(u16::from_be_bytes([two[0], two[1]]));
        (sum & 0xffff) + (sum >> 16)
    });
    bytes[24..26].copy_from_slice(&(sum as u16).to_be_bytes());
    let view = view(&bytes);
    assert!(Filter::Protocol(Protocol::Udp).matches(&view));
    assert!(!Filter::Port(Side::Either, 1).matches(&view));
}

fn sighting(port: u16, length: usize) -> Sighting {
    let seen = Seen::Refused(DropReason::ShortFrame);
    Sighting::new(7, PortId(port), length, VnetHeader::default(), seen)
}

/// Lets a frame come in that does not parse.
fn comes(capture: &mut Capture, port: u16, frame: &[u8], now: Time) {
    capture.comes(PortId(port), None, frame, now);
    capture.came(&sighting(port, frame.len()), None);
}

#[test]
fn frames_come_out_as_they_went_in_and_in_order() {
    let (mut capture, mut catch) = sized(Spec::ALL, 2, 1 << 10, 16);
    let mut bytes = Vec::new();
    for round in 0..100_usize {
        for length in [round, 0, 300] {
            comes(&mut capture, 1, &vec![round as u8; length], Time::START);
        }
        for length in [round, 0, 300] {
            assert_eq!(catch.next(&mut bytes), Some(sighting(1, length)));
            assert_eq!(bytes, vec![round as u8; length]);
        }
        assert_eq!(catch.next(&mut bytes), None);
    }
    assert_eq!(catch.missed(), [0, 0]);
}

/// The story of a frame that walked, told apart by the port it came from.
fn story(port: u16) -> Story {
    Story {
        ingress: PortId(port),
        macs: (MacAddr(MACS.0), MacAddr(MACS.1)),
        source_home: None,
        home: None,
        way: Way::Segment,
        came: About::NotIp,
        known: None,
        begun: None,
        called: None,
        judged: None,
        left: None,
        neighbour: None,
        outcome: Ok(Verdict::Flood),
    }
}

fn fate(&Story { came, left, judged, outcome, .. }: &Story) -> Fate {
    Fate { came: came.ends(), left, judged, outcome }
}

#[test]
fn a_story_is_told_with_its_own_frame_and_only_to_who_asked() {
    for stories in [true, false] {
        let (mut capture, mut catch) = sized(Spec { stories, ..Spec::ALL }, 4, 100, 3);
        let (mut bytes, plain) = (Vec::new(), VnetHeader::default());
        for port in 0..4 {
            assert!(!capture.wants_story(), "of no frame");
            let walked = Seen::Came(fate(&story(port)));
            capture.comes(PortId(port), None, &[1], Time::START);
            assert_eq!(capture.wants_story(), stories && port < 3, "there is room for three");
            capture.came(&Sighting::new(7, PortId(port), 1, plain, walked), Some(&story(port)));
        }
        for port in 0..3 {
            assert!(catch.next(&mut bytes).is_some());
            assert_eq!(catch.story(), stories.then(|| story(port)).as_ref());
        }
        comes(&mut capture, 1, &[1], Time::START);
        assert!(catch.next(&mut bytes).is_some());
        assert_eq!(catch.story(), None, "it has not walked");
    }
}

#[test]
fn what_does_not_fit_is_counted_for_its_port_and_leaves_no_trace() {
    // Room for 100 bytes and for three sightings.
    let (mut capture, mut catch) = sized(Spec::ALL, 3, 100, 3);
    let mut bytes = Vec::new();
    comes(&mut capture, 1, &[1; 101], Time::START);
    comes(&mut capture, 1, &[1; 60], Time::START);
    comes(&mut capture, 2, &[2; 60], Time::START);
    comes(&mut capture, 2, &[3; 1], Time::START);
    comes(&mut capture, 2, &[4; 1], Time::START);
    comes(&mut capture, 1, &[5; 1], Time::START);
    assert_eq!(catch.missed(), [0, 2, 1]);
    for (port, frame) in [(1, &[1; 60][..]), (2, &[3]), (2, &[4])] {
        assert_eq!(catch.next(&mut bytes), Some(sighting(port, frame.len())));
        assert_eq!(bytes, frame);
    }
    assert_eq!(catch.next(&mut bytes), None);
    comes(&mut capture, 0, &[6; 100], Time::START);
    assert_eq!(catch.next(&mut bytes), Some(sighting(0, 100)));
}

/// What [`Catch::named`] tells now.
fn named(catch: &mut Catch) -> Vec<(u16, String, u64)> {
    let told = std::iter::from_fn(|| catch.named());
    told.map(|named| (named.port.0, named.name, named.missed)).collect()
}

#[test]
fn a_port_that_comes_is_told_between_the_frames_before_it_and_those_after() {
    let (mut capture, mut catch) = sized(Spec::ALL, 2, 100, 3);
    let mut bytes = Vec::new();
    comes(&mut capture, 1, &[1], Time::START);
    comes(&mut capture, 1, &[1; 100], Time::START);
    capture.name(PortId(1), "db");
    capture.name(PortId(0), "dns");
    comes(&mut capture, 1, &[2], Time::START);
    capture.name(PortId(1), "late");
    assert!(catch.next(&mut bytes).is_some());
    assert_eq!((bytes[0], named(&mut catch)), (1, vec![]));
    assert!(catch.next(&mut bytes).is_some());
    assert_eq!(bytes[0], 2);
    assert_eq!(named(&mut catch), [(1, "db".to_owned(), 1), (0, "dns".to_owned(), 0)]);
    assert!(catch.next(&mut bytes).is_none());
    assert_eq!(named(&mut catch), [(1, "late".to_owned(), 1)], "no frame was before it");
}

#[test]
fn a_capture_that_misses_a_name_takes_no_more_and_is_over() {
    let (mut capture, mut catch) = sized(Spec::ALL, 2, 100, 3);
    for _ in 0..RING_NAMES {
        capture.name(PortId(1), "one");
    }
    comes(&mut capture, 1, &[1], Time::START);
    assert!(!capture.is_over(Time::START));
    capture.name(PortId(1), "another");
    comes(&mut capture, 1, &[2], Time::START);
    assert!(capture.is_over(Time::START));
    let mut bytes = Vec::new();
    assert!(catch.next(&mut bytes).is_some());
    assert_eq!(named(&mut catch).len(), RING_NAMES);
    assert!(catch.next(&mut bytes).is_none(), "whose it would be is not known");
}

#[test]
fn a_capture_that_nobody_reads_is_over_after_a_while_and_not_before() {
    let (mut capture, mut catch) = sized(Spec::ALL, 1, 100, 3);
    let late = Time::START + STALL;
    comes(&mut capture, 0, &[1; 80], Time::START);
    assert!(!capture.is_over(late), "there is room");
    comes(&mut capture, 0, &[1; 80], Time::START);
    assert!(!capture.is_over(Time::START));
    assert!(catch.next(&mut Vec::new()).is_some());
    comes(&mut capture, 0, &[1; 80], late);
    assert!(!capture.is_over(late), "it was read");
    comes(&mut capture, 0, &[1; 80], late);
    assert!(capture.is_over(late + STALL));
}

#[test]
fn a_capture_that_was_full_once_and_is_read_is_not_over_when_nothing_more_comes() {
    let (mut capture, mut catch) = sized(Spec::ALL, 1, 100, 3);
    comes(&mut capture, 0, &[1; 80], Time::START);
    comes(&mut capture, 0, &[1; 80], Time::START);
    assert_eq!(catch.missed(), [1]);
    let bytes = &mut Vec::new();
    assert!(catch.next(bytes).is_some() && catch.next(bytes).is_none());
    assert!(!capture.is_over(Time::START + STALL), "all was read, and there is room");
    comes(&mut capture, 0, &[1; 80], Time::START + STALL);
    assert!(catch.next(bytes).is_some());
}

#[test]
fn a_reader_that_takes_a_little_at_a_time_has_not_stalled() {
    let (mut capture, mut catch) = sized(Spec::ALL, 1, 100, 9);
    let later = |stalls: u32| Time::START + STALL / 2 * stalls;
    for _ in 0..9 {
        comes(&mut capture, 0, &[1; 10], Time::START);
    }
    for step in 0..4 {
        comes(&mut capture, 0, &[1; 80], later(step));
        assert!(!capture.is_over(later(step)), "step {step}");
        assert!(catch.next(&mut Vec::new()).is_some());
    }
    comes(&mut capture, 0, &[1; 80], later(4));
    assert!(!capture.is_over(later(5)));
    assert!(capture.is_over(later(6)), "now nothing is read any more");
}

#[test]
fn either_end_sees_that_the_other_is_gone() {
    let (capture, catch) = sized(Spec::ALL, 1, 100, 3);
    assert!(!capture.is_over(Time::START) && !catch.is_over());
    drop(catch);
    assert!(capture.is_over(Time::START));
    let (capture, catch) = sized(Spec::ALL, 1, 100, 3);
    drop(capture);
    assert!(catch.is_over());
}

#[test]
fn only_what_is_wanted_at_a_port_is_taken() {
    let spec = Spec { port: Some(PortId(1)), filter: Filter::Protocol(Protocol::Udp), ..Spec::ALL };
    let (mut capture, mut catch) = sized(spec, 2, 1000, 10);
    for (port, kind) in [(0, 2), (1, 0), (1, 2)] {
        let bytes = frame(kind, (1, 2), (1, 2));
        capture.comes(PortId(port), Some(&view(&bytes)), &bytes, Time::START);
        capture.came(&sighting(port, bytes.len()), None);
        capture.left(&sighting(port, bytes.len()), &view(&bytes), &bytes, Time::START);
    }
    comes(&mut capture, 1, &[1; 9], Time::START);
    let mut bytes = Vec::new();
    for _ in 0..2 {
        assert_eq!(catch.next(&mut bytes).unwrap().port, PortId(1));
        assert_eq!(bytes, frame(2, (1, 2), (1, 2)));
    }
    assert_eq!((catch.next(&mut bytes), catch.missed()), (None, vec![0, 0]));
}

#[test]
fn a_sighting_is_two_cache_lines_and_a_story_is_no_part_of_it() {
    assert!(size_of::<Sighting>() <= 128, "{}", size_of::<Sighting>());
    assert!(size_of::<Story>() > 3 * size_of::<Sighting>(), "{}", size_of::<Story>());
}
