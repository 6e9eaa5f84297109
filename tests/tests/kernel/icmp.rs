//! Raw ICMP sockets: which messages they get, and how.
//!
//! The outside is this test: it writes frames into the host's one interface.

use super::wire::{MACS, V4, V6, tap};
use dataplane::frame::{Frame, FrameBuffer, Offloads, with_plain_header};
use dataplane::outcome::PortId;
use dataplane::port::icmp::IcmpPort;
use dataplane::port::tap::Tap;
use dataplane::port::{Port, Received};
use dataplane::wire::checksum::{Sum, pseudo_header};
use dataplane::wire::ethernet::MacAddr;
use etherparse::{IpNumber, NetSlice, PacketBuilder, SlicedPacket};
use netlink_packet_route::link::LinkAttribute;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("an_echo_reply_to_the_host_is_seen_as_it_was_sent", |_| reply_is_seen(V4[1].into()));
    suite.add("an_icmp_request_is_not_seen", request_is_not_seen);
    suite.add("an_icmp_type_beyond_the_filter_is_seen", beyond_the_filter);
    suite.add("an_error_of_the_hosts_own_forwarding_is_seen", |_| own_errors(V4[0].into()));
    suite.add("messages_without_room_are_counted_once_each", |_| without_room(V4[1].into()));
    suite.add("a_raw_socket_sees_the_namespace_in_which_it_was_opened", opened_where_we_are);
    let mut over_ipv6 = |name, test: fn(&Host)| {
        suite.add_needing(&[Need::Ipv6], name, test);
    };
    over_ipv6("an_echo_reply_over_ipv6_has_its_header_again", |_| reply_is_seen(V6[1].into()));
    over_ipv6("requests_and_neighbour_discovery_are_not_seen", discovery_is_not_seen);
    over_ipv6("an_error_of_the_hosts_own_ipv6_forwarding_is_seen", |_| own_errors(V6[0].into()));
    over_ipv6("icmpv6_messages_without_room_are_counted", |_| without_room(V6[1].into()));
}

/// The MACs that the frames shall have.
const TAGGED: [MacAddr; 2] = [MacAddr([2, 0, 0, 0, 0, 0x11]), MacAddr([2, 0, 0, 0, 0, 0x12])];

fn open(family: IpAddr) -> IcmpPort {
    match family {
        IpAddr::V4(_) => IcmpPort::open_v4(TAGGED[0], TAGGED[1]),
        IpAddr::V6(_) => IcmpPort::open_v6(TAGGED[0], TAGGED[1]),
    }
    .unwrap()
}

/// What the port has now: a frame's IP packet, of a frame that the switch accepts.
fn read(port: &mut IcmpPort) -> Option<Vec<u8>> {
    let mut buffer = FrameBuffer::new();
    match port.receive(&mut buffer) {
        Received::Frame(length) => {
            let frame = Frame::parse(PortId(0), buffer.filled(length)).unwrap();
            assert_eq!((frame.source(), frame.destination()), (TAGGED[0], TAGGED[1]));
            assert_eq!(frame.len(), 14 + frame.packet().len(), "no padding");
            Some(frame.packet().to_vec())
        }
        Received::Empty | Received::Interrupted => None,
        other => panic!("{other:?}"),
    }
}

fn wait_for(port: &mut IcmpPort) -> Vec<u8> {
    wait::for_some("an ICMP message", || read(port))
}

/// A frame from end 1 to end 0: hop limit, source and destination, ICMP type, code and the rest.
fn icmp(hops: u8, source: IpAddr, destination: IpAddr, kind: [u8; 2], rest: &[u8]) -> Vec<u8> {
    let mut message = [&[kind[0], kind[1], 0, 0], rest].concat();
    let sum = match source {
        IpAddr::V4(_) => Sum::default(),
        IpAddr::V6(_) => addresses_sum(source, destination, message.len()),
    };
    let sum = (sum + Sum::default().bytes(&message)).checksum();
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    ip(hops, source, destination, message)
}

fn addresses_sum(source: IpAddr, destination: IpAddr, length: usize) -> Sum {
    let octets = |address| match address {
        IpAddr::V4(v4) => Ipv4Addr::octets(&v4).to_vec(),
        IpAddr::V6(v6) => Ipv6Addr::octets(&v6).to_vec(),
    };
    pseudo_header(&[octets(source), octets(destination)].concat(), 58, length as u32)
}

fn ip(hops: u8, source: IpAddr, destination: IpAddr, message: Vec<u8>) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(MACS[1].0, MACS[0].0);
    let mut frame = Vec::new();
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => builder
            .ipv4(source.octets(), destination.octets(), hops)
            .write(&mut frame, IpNumber(1), &message),
        (IpAddr::V6(source), IpAddr::V6(destination)) => builder
            .ipv6(source.octets(), destination.octets(), hops)
            .write(&mut frame, IpNumber(58), &message),
        _ => panic!("one family"),
    }
    .unwrap();
    frame
}

fn send(tap: &mut Tap, frame: &[u8]) {
    tap.send(&with_plain_header(frame)).unwrap();
}

/// A port of the family of `address`, and the host's interface, whose address works: IPv6 takes a moment.
fn begin(address: IpAddr) -> (IcmpPort, Tap) {
    let (mut port, mut tap) = (open(address), tap("t0", 0, Offloads::NONE));
    let outside = if address.is_ipv4() { V4[1].into() } else { V6[1].into() };
    wait::for_some("the host hears its address", || {
        send(&mut tap, &echo_reply(outside, b"ready?"));
        read(&mut port)
    });
    while read(&mut port).is_some() {}
    (port, tap)
}

/// The host's address of the family of `other`.
fn local(other: IpAddr) -> IpAddr {
    if other.is_ipv4() { V4[0].into() } else { V6[0].into() }
}

fn echo_reply(from: IpAddr, data: &[u8]) -> Vec<u8> {
    let kind = if from.is_ipv4() { 0 } else { 129 };
    let rest = [&[0x12, 0x34, 0, 1], data].concat();
    icmp(57, from, local(from), [kind, 0], &rest)
}

/// Type and code of a packet without options, proven to be sound.
fn kind(packet: &[u8]) -> [u8; 2] {
    let sliced = SlicedPacket::from_ip(packet).unwrap();
    let (at, sum) = match sliced.net.unwrap() {
        NetSlice::Ipv4(ipv4) => {
            let header = ipv4.header().to_header();
            assert_eq!(header.header_checksum, header.calc_header_checksum());
            assert_eq!(usize::from(header.total_len), packet.len());
            (header.header_len(), Sum::default())
        }
        NetSlice::Ipv6(ipv6) => {
            let header = ipv6.header().to_header();
            assert_eq!(usize::from(header.payload_length), packet.len() - 40);
            assert_eq!(header.next_header, IpNumber::IPV6_ICMP);
            (40, pseudo_header(&packet[8..40], 58, packet.len() as u32 - 40))
        }
        NetSlice::Arp(_) => panic!("no IP packet"),
    };
    assert_eq!((sum + Sum::default().bytes(&packet[at..])).checksum(), 0);
    [packet[at], packet[at + 1]]
}

/// Each byte of the IP packet is there, but for what of an IPv6 header is not known any more.
fn reply_is_seen(from: IpAddr) {
    let (mut port, mut tap) = begin(from);
    for data in [&b""[..], b"odd", &[7; 1200]] {
        let frame = echo_reply(from, data);
        send(&mut tap, &frame);
        let packet = wait_for(&mut port);
        assert_eq!(packet, frame[14..]);
        kind(&packet);
    }
}

fn request_is_not_seen(_: &Host) {
    let (mut port, mut tap) = begin(V4[0].into());
    let (from, to) = (V4[1].into(), V4[0].into());
    // Echo, router advertisement and solicitation, timestamp, address mask: request and reply.
    for unwanted in [8, 5, 9, 10, 13, 17, 18] {
        send(&mut tap, &icmp(64, from, to, [unwanted, 0], &[0; 16]));
    }
    // They come in order, so this would be behind any of them.
    send(&mut tap, &icmp(64, from, to, [14, 0], &[0; 16]));
    assert_eq!(kind(&wait_for(&mut port)), [14, 0]);
    for error in [3, 4, 11, 12] {
        let inner = &icmp(64, to, from, [8, 0], &[0; 4])[14..];
        send(&mut tap, &icmp(64, from, to, [error, 0], &[&[0; 4], inner].concat()));
        assert_eq!(kind(&wait_for(&mut port)), [error, 0]);
    }
}

/// The kernel's filter has 32 bits.
fn beyond_the_filter(_: &Host) {
    let (mut port, mut tap) = begin(V4[0].into());
    send(&mut tap, &icmp(64, V4[1].into(), V4[0].into(), [40, 0], &[0; 4]));
    assert_eq!(kind(&wait_for(&mut port)), [40, 0]);
}

fn discovery_is_not_seen(_: &Host) {
    let (mut port, mut tap) = begin(V6[0].into());
    let (from, to) = (IpAddr::from(V6[1]), IpAddr::from(V6[0]));
    let target = [&[0; 4], &V6[0].octets()[..]].concat();
    for unwanted in [128, 130, 131, 133, 134, 135, 136, 137, 143] {
        send(&mut tap, &icmp(255, from, to, [unwanted, 0], &target));
    }
    send(&mut tap, &echo_reply(from, b"behind them"));
    assert_eq!(kind(&wait_for(&mut port)), [129, 0]);
    for error in 1..=4 {
        let inner = &icmp(64, to, from, [128, 0], &[0; 4])[14..];
        send(&mut tap, &icmp(64, from, to, [error, 0], &[&[0, 0, 5, 0], inner].concat()));
        assert_eq!(kind(&wait_for(&mut port)), [error, 0]);
    }
}

/// A packet from the host's own address, as the uplink hands it to the host, cannot be forwarded. The
/// error goes to that address.
fn own_errors(own: IpAddr) {
    let v6 = own.is_ipv6();
    let (mut port, mut inside) = begin(own);
    let sysctl = |name: &str, value: &str| {
        let family = if v6 { "ipv6" } else { "ipv4" };
        fs::write(format!("/proc/sys/net/{family}/conf/{name}"), value).unwrap();
    };
    sysctl("all/forwarding", "1");
    if !v6 {
        for (name, value) in
            [("t0/accept_local", "1"), ("t0/rp_filter", "0"), ("all/rp_filter", "0")]
        {
            sysctl(name, value);
        }
    }
    let nowhere: IpAddr = if v6 { "2001:db8::1".parse() } else { "198.51.100.1".parse() }.unwrap();
    let hosts: [IpAddr; 2] = if v6 { V6.map(IpAddr::from) } else { V4.map(IpAddr::from) };
    let request = if v6 { 128 } else { 8 };
    let mut provoke = |hops, destination, length| {
        let mut rest = vec![0; length];
        rest[..4].copy_from_slice(&[0x56, 0x78, 0, 1]);
        let frame = icmp(hops, own, destination, [request, 0], &rest);
        send(&mut inside, &frame);
        let packet = wait_for(&mut port);
        let (addresses, inner) = if v6 { (8..40, 48) } else { (12..20, 28) };
        let half = addresses.len() / 2;
        assert_eq!(packet[addresses.clone()][half..], frame[14..][addresses.clone()][..half]);
        // What was sent lies in the error.
        assert_eq!(packet[inner..][addresses.clone()], frame[14..][addresses]);
        kind(&packet)
    };
    let (unreachable, exceeded) = if v6 { ([1, 0], [3, 0]) } else { ([3, 0], [11, 0]) };
    assert_eq!(provoke(64, nowhere, 4), unreachable);
    // Straight back through the interface that it came from; a redirect may come too, unseen.
    assert_eq!(provoke(1, hosts[1], 4), exceeded);
    let (_narrow, behind) = narrow_way(v6);
    let too_big = if v6 { [2, 0] } else { [3, 4] };
    // An address takes a moment here too.
    wait::for_yes("the error about the MTU", || provoke(64, behind, 1400) == too_big);
}

/// An interface with the least MTU that IPv6 allows, and an address behind it.
fn narrow_way(v6: bool) -> (Tap, IpAddr) {
    let tap = Tap::open("t1", Offloads::NONE).unwrap();
    let rtnl = Rtnl::open();
    rtnl.set("t1", LinkAttribute::Mtu(1280));
    rtnl.up("t1");
    let net = |host: u8| -> IpAddr {
        let text = if v6 { format!("fd08::{host}") } else { format!("10.8.0.{host}") };
        text.parse().unwrap()
    };
    rtnl.add_address("t1", net(1), if v6 { 64 } else { 24 });
    rtnl.add_neighbour("t1", net(2), MACS[1]);
    (tap, net(2))
}

/// As many as the kernel's buffer does not take.
fn without_room(from: IpAddr) {
    const SENT: usize = 20_000;
    let (mut port, mut tap) = begin(from);
    let frame = echo_reply(from, &[7; 600]);
    for _ in 0..SENT {
        send(&mut tap, &frame);
    }
    let mut buffer = FrameBuffer::new();
    let (mut frames, mut lost) = (0, 0);
    // The kernel tells the count beside the first one that came through afterwards.
    wait::for_yes("all but the last are accounted for", || {
        loop {
            match port.receive(&mut buffer) {
                Received::Frame(_) => frames += 1,
                Received::Unreadable => lost += 1,
                Received::Empty => break,
                other => panic!("{other:?}"),
            }
        }
        if frames + lost < SENT {
            send(&mut tap, &frame);
            frames -= 1;
        }
        frames + lost == SENT
    });
    assert!(frames > 1000 && lost > 1000, "{frames} read, {lost} lost");
}

fn opened_where_we_are(host: &Host) {
    host.add_netns("ns");
    let mut there = host.visit("ns", || open(V4[0].into()));
    let (mut here, mut tap) = (open(V4[0].into()), tap("t0", 0, Offloads::NONE));
    send(&mut tap, &echo_reply(V4[1].into(), b"here"));
    wait_for(&mut here);
    assert_eq!(read(&mut there), None);
}
