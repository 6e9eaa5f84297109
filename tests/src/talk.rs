//! Packets between named ends, and what is read of those that arrive.
//!
//! Built and read by etherparse, not by the code under test. Both families by one function.
#![allow(clippy::expect_used, reason = "a test that cannot build its packets has failed")]

use dataplane::wire::ethernet::MacAddr;
use etherparse::{IpNumber, NetSlice, PacketBuilder, SlicedPacket, TransportSlice, ip_number};
use std::net::{IpAddr, SocketAddr};

/// The two MACs of a frame: to whom, from whom.
pub type Macs = (MacAddr, MacAddr);

macro_rules! ip {
    ($macs:expr, $from:expr, $to:expr, $hops:expr, |$builder:ident| $body:expr) => {{
        let ethernet = PacketBuilder::ethernet2($macs.1.0, $macs.0.0);
        match ($from, $to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let $builder = ethernet.ipv4(from.octets(), to.octets(), $hops);
                $body
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let $builder = ethernet.ipv6(from.octets(), to.octets(), $hops);
                $body
            }
            _ => panic!("two families in one packet"),
        }
    }};
}

/// A UDP datagram with 64 hops left.
pub fn udp(macs: Macs, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    udp_with_hops(macs, from, to, payload, 64)
}

/// A UDP datagram.
pub fn udp_with_hops(
    macs: Macs,
    from: SocketAddr,
    to: SocketAddr,
    payload: &[u8],
    hops: u8,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    ip!(macs, from.ip(), to.ip(), hops, |ip| ip
        .udp(from.port(), to.port())
        .write(&mut bytes, payload))
    .expect("a datagram that fits");
    bytes
}

/// What a TCP segment says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp<'p> {
    /// Letters of the flags: `S`, `A`, `F`, `R`, `P`.
    pub flags: &'p str,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgment number.
    pub acknowledgment: u32,
    /// What it carries.
    pub payload: &'p [u8],
    /// The MSS option, on a SYN.
    pub mss: Option<u16>,
}

/// A TCP segment with a window of 64,000.
pub fn tcp(macs: Macs, from: SocketAddr, to: SocketAddr, says: Tcp<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    ip!(macs, from.ip(), to.ip(), 64, |ip| {
        let mut tcp = ip.tcp(from.port(), to.port(), says.sequence, 64_000);
        for flag in says.flags.chars() {
            tcp = match flag {
                'S' => tcp.syn(),
                'A' => tcp.ack(says.acknowledgment),
                'F' => tcp.fin(),
                'R' => tcp.rst(),
                'P' => tcp.psh(),
                _ => panic!("no flag is called {flag}"),
            };
        }
        if let Some(mss) = says.mss {
            let option = etherparse::TcpOptionElement::MaximumSegmentSize(mss);
            tcp = tcp.options(&[option]).expect("one option fits");
        }
        tcp.write(&mut bytes, says.payload)
    })
    .expect("a segment that fits");
    bytes
}

/// An echo request or reply.
pub fn echo(macs: Macs, from: IpAddr, to: IpAddr, id: u16, reply: bool, hops: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let ethernet = PacketBuilder::ethernet2(macs.1.0, macs.0.0);
    let payload = b"echo, echo";
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let ip = ethernet.ipv4(from.octets(), to.octets(), hops);
            let icmp =
                if reply { ip.icmpv4_echo_reply(id, 1) } else { ip.icmpv4_echo_request(id, 1) };
            icmp.write(&mut bytes, payload)
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let ip = ethernet.ipv6(from.octets(), to.octets(), hops);
            let icmp =
                if reply { ip.icmpv6_echo_reply(id, 1) } else { ip.icmpv6_echo_request(id, 1) };
            icmp.write(&mut bytes, payload)
        }
        _ => panic!("two families in one packet"),
    }
    .expect("an echo that fits");
    bytes
}

/// What an arrived packet says of itself. All its checksums have been found right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Destination and source MAC.
    pub macs: Macs,
    /// Source address and port; the port is 0 where there is none.
    pub from: SocketAddr,
    /// Destination address and port.
    pub to: SocketAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// Hops left.
    pub hops: u8,
    /// ICMP's type and code, or zeroes.
    pub icmp: (u8, u8),
    /// Of an ICMP query: its identifier.
    pub id: u16,
    /// Of a TCP segment: what it says.
    pub tcp: Option<Said>,
    /// What follows the layer-4 header.
    pub payload: Vec<u8>,
}

/// What an arrived TCP segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The flags byte.
    pub flags: u8,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgment number.
    pub acknowledgment: u32,
    /// The MSS option.
    pub mss: Option<u16>,
}

/// Reads a frame from its Ethernet header on. Panics if it is no IP packet, or a checksum is wrong.
pub fn hear(frame: &[u8]) -> Heard {
    let sliced = SlicedPacket::from_ethernet(frame).expect("a packet that can be read");
    let mac = |at: usize| MacAddr(frame[at..at + 6].try_into().expect("six bytes"));
    let (from, to, protocol, hops) = match sliced.net.as_ref().expect("an IP packet") {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum());
            let addresses = (header.source_addr().into(), header.destination_addr().into());
            (addresses.0, addresses.1, header.protocol(), header.ttl())
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            let addresses: (IpAddr, IpAddr) =
                (header.source_addr().into(), header.destination_addr().into());
            (addresses.0, addresses.1, header.next_header(), header.hop_limit())
        }
        NetSlice::Arp(_) => panic!("an ARP packet"),
    };
    let mut heard = Heard {
        macs: (mac(0), mac(6)),
        from: SocketAddr::new(from, 0),
        to: SocketAddr::new(to, 0),
        protocol: protocol.0,
        hops,
        icmp: (0, 0),
        id: 0,
        tcp: None,
        payload: Vec::new(),
    };
    read_transport(&mut heard, sliced.transport.as_ref());
    heard
}

fn read_transport(heard: &mut Heard, transport: Option<&TransportSlice<'_>>) {
    let segment = match transport {
        Some(TransportSlice::Udp(udp)) => {
            heard.from.set_port(udp.source_port());
            heard.to.set_port(udp.destination_port());
            heard.payload = udp.payload().to_vec();
            udp.slice()
        }
        Some(TransportSlice::Tcp(tcp)) => {
            heard.from.set_port(tcp.source_port());
            heard.to.set_port(tcp.destination_port());
            heard.payload = tcp.payload().to_vec();
            let mss = tcp.options_iterator().find_map(|option| match option {
                Ok(etherparse::TcpOptionElement::MaximumSegmentSize(mss)) => Some(mss),
                _ => None,
            });
            heard.tcp = Some(Said {
                flags: tcp.slice()[13],
                sequence: tcp.sequence_number(),
                acknowledgment: tcp.acknowledgment_number(),
                mss,
            });
            tcp.slice()
        }
        Some(TransportSlice::Icmpv4(icmp)) => {
            heard.icmp = (icmp.type_u8(), icmp.code_u8());
            heard.id = u16::from_be_bytes([icmp.slice()[4], icmp.slice()[5]]);
            heard.payload = icmp.payload().to_vec();
            icmp.slice()
        }
        Some(TransportSlice::Icmpv6(icmp)) => {
            heard.icmp = (icmp.type_u8(), icmp.code_u8());
            heard.id = u16::from_be_bytes([icmp.slice()[4], icmp.slice()[5]]);
            heard.payload = icmp.payload().to_vec();
            icmp.slice()
        }
        Some(TransportSlice::Igmp(_)) | None => return,
    };
    assert!(is_sound(heard, segment), "a wrong checksum: {heard:?}");
}

/// Is the checksum of layer 4 right, summed word by word?
fn is_sound(heard: &Heard, segment: &[u8]) -> bool {
    let number = IpNumber(heard.protocol);
    if number == ip_number::UDP && segment[6..8] == [0, 0] {
        return heard.from.is_ipv4();
    }
    let mut bytes = Vec::new();
    let pseudo = number != ip_number::ICMP;
    for address in [heard.from.ip(), heard.to.ip()] {
        match address {
            _ if !pseudo => {}
            IpAddr::V4(address) => bytes.extend(address.octets()),
            IpAddr::V6(address) => bytes.extend(address.octets()),
        }
    }
    if pseudo {
        bytes.extend((segment.len() as u32).to_be_bytes());
        bytes.extend([0, 0, 0, heard.protocol]);
    }
    bytes.extend(segment);
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum == 0xffff
}
