//! Packets from scratch: what etherparse builds, with checksums that it computes.

use crate::flow::{Address, Tuple};
use crate::wire::checksum::pseudo_header;
use crate::wire::icmp::{self, v4, v6};
use crate::wire::vnet::{self, VnetHeader};
use crate::wire::{tcp, udp};
use etherparse::{
    Icmpv4Header, Icmpv4Type, Icmpv6Header, Icmpv6Type, IpNumber, Ipv4Header, Ipv4Options,
    TcpHeader, UdpHeader,
};
use proptest::collection::vec;
use proptest::prelude::*;
use zerocopy::IntoBytes;

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tcp,
    Udp,
    /// With a checksum field of zero.
    UdpUnsummed,
    Request,
    Reply,
    /// A protocol without ports.
    Other,
}

/// What to build a frame of, but for its tuple.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) kind: Kind,
    pub(super) ttl: u8,
    /// 802.1Q tags.
    pub(super) tags: usize,
    /// Words of IPv4 options, or IPv6 extension headers.
    pub(super) options: usize,
    pub(super) tcp_flags: u8,
    pub(super) tcp_options: Vec<u8>,
    pub(super) payload: Vec<u8>,
    /// Bytes behind the packet.
    pub(super) padding: usize,
}

impl Recipe {
    /// A plain packet of this kind.
    pub(super) fn plain(kind: Kind) -> Self {
        Self {
            kind,
            ttl: 64,
            tags: 0,
            options: 0,
            tcp_flags: 0x10,
            tcp_options: Vec::new(),
            payload: b"an odd payload.".to_vec(),
            padding: 0,
        }
    }

    pub(super) fn network(&self) -> usize {
        14 + 4 * self.tags
    }

    pub(super) fn transport<A: Address>(&self) -> usize {
        self.network() + if A::LEN == 4 { 20 + 4 * self.options } else { 40 + 8 * self.options }
    }

    pub(super) fn protocol<A: Address>(&self) -> u8 {
        match self.kind {
            Kind::Tcp => tcp::PROTOCOL,
            Kind::Udp | Kind::UdpUnsummed => udp::PROTOCOL,
            Kind::Request | Kind::Reply => A::ICMP,
            Kind::Other => 47,
        }
    }

    pub(super) fn checksum_offset(&self) -> Option<usize> {
        match self.kind {
            Kind::Tcp => Some(16),
            Kind::Udp | Kind::UdpUnsummed => Some(6),
            Kind::Request | Kind::Reply => Some(2),
            Kind::Other => None,
        }
    }

    /// A tuple of the recipe's protocol, of any addresses and ports.
    pub(super) fn tuple<A: Address>(
        &self,
        source: A,
        destination: A,
        ports: (u16, u16),
    ) -> Tuple<A> {
        let request = u16::from(if A::LEN == 4 { v4::ECHO_REQUEST } else { v6::ECHO_REQUEST });
        let (source_port, destination_port) = match self.kind {
            Kind::Request => (ports.0, request),
            Kind::Reply => (request, ports.0),
            Kind::Other => (0, 0),
            Kind::Tcp | Kind::Udp | Kind::UdpUnsummed => ports,
        };
        Tuple { source, destination, source_port, destination_port, protocol: self.protocol::<A>() }
    }

    /// The frame, complete.
    pub(super) fn frame<A: Address>(&self, tuple: &Tuple<A>) -> Vec<u8> {
        framed::<A>(self.tags, &self.packet(tuple), self.padding)
    }

    /// The virtio header and the frame.
    pub(super) fn bytes<A: Address>(&self, tuple: &Tuple<A>) -> Vec<u8> {
        [VnetHeader::default().as_bytes(), &self.frame(tuple)].concat()
    }

    /// The same with a partial checksum.
    pub(super) fn partial<A: Address>(&self, tuple: &Tuple<A>) -> Vec<u8> {
        let mut frame = self.frame(tuple);
        let (start, offset) = (self.transport::<A>(), self.checksum_offset().unwrap());
        let addresses = self.network() + A::OFFSET;
        let length = frame.len() - self.padding - start;
        let protocol = self.protocol::<A>();
        let sum = pseudo_header(&frame[addresses..addresses + 2 * A::LEN], protocol, length as u32);
        // ICMP for IPv4 has no pseudo-header.
        let sum = if protocol == icmp::PROTOCOL { 0 } else { sum.folded() };
        frame[start + offset..start + offset + 2].copy_from_slice(&sum.to_be_bytes());
        let header = VnetHeader {
            flags: vnet::NEEDS_CSUM,
            csum_start: (start as u16).into(),
            csum_offset: (offset as u16).into(),
            ..Default::default()
        };
        [header.as_bytes(), &frame].concat()
    }

    /// The IP packet, complete.
    pub(super) fn packet<A: Address>(&self, tuple: &Tuple<A>) -> Vec<u8> {
        ip_packet(tuple.source, tuple.destination, self, &self.segment(tuple))
    }

    fn segment<A: Address>(&self, tuple: &Tuple<A>) -> Vec<u8> {
        match self.kind {
            Kind::Tcp => self.tcp(tuple),
            Kind::Udp | Kind::UdpUnsummed => self.udp(tuple),
            Kind::Request => {
                let kind = if A::LEN == 4 { v4::ECHO_REQUEST } else { v6::ECHO_REQUEST };
                self.query(tuple, kind, tuple.source_port)
            }
            Kind::Reply => {
                let kind = if A::LEN == 4 { v4::ECHO_REPLY } else { v6::ECHO_REPLY };
                self.query(tuple, kind, tuple.destination_port)
            }
            Kind::Other => self.payload.clone(),
        }
    }

    fn tcp<A: Address>(&self, tuple: &Tuple<A>) -> Vec<u8> {
        let mut header = TcpHeader::new(tuple.source_port, tuple.destination_port, 77, 1000);
        header.syn = self.tcp_flags & 2 != 0;
        header.ack = self.tcp_flags & 16 != 0;
        header.acknowledgment_number = 99;
        header.set_options_raw(&self.tcp_options).unwrap();
        let (source, destination) = (octets(tuple.source), octets(tuple.destination));
        header.checksum = if A::LEN == 4 {
            header.calc_checksum_ipv4_raw(four(&source), four(&destination), &self.payload)
        } else {
            header.calc_checksum_ipv6_raw(sixteen(&source), sixteen(&destination), &self.payload)
        }
        .unwrap();
        [&header.to_bytes()[..], &self.payload].concat()
    }

    fn udp<A: Address>(&self, tuple: &Tuple<A>) -> Vec<u8> {
        let mut header = UdpHeader {
            source_port: tuple.source_port,
            destination_port: tuple.destination_port,
            length: (8 + self.payload.len()) as u16,
            checksum: 0,
        };
        let (source, destination) = (octets(tuple.source), octets(tuple.destination));
        if self.kind == Kind::Udp {
            header.checksum = if A::LEN == 4 {
                header.calc_checksum_ipv4_raw(four(&source), four(&destination), &self.payload)
            } else {
                header.calc_checksum_ipv6_raw(
                    sixteen(&source),
                    sixteen(&destination),
                    &self.payload,
                )
            }
            .unwrap();
        }
        [&header.to_bytes()[..], &self.payload].concat()
    }

    fn query<A: Address>(&self, tuple: &Tuple<A>, kind: u8, identifier: u16) -> Vec<u8> {
        let [a, b] = identifier.to_be_bytes();
        message(tuple.source, tuple.destination, (kind, 0), [a, b, 0, 9], &self.payload)
    }
}

/// An ICMP message from scratch.
pub(super) fn message<A: Address>(
    source: A,
    destination: A,
    (type_u8, code_u8): (u8, u8),
    bytes5to8: [u8; 4],
    payload: &[u8],
) -> Vec<u8> {
    let (source, destination) = (octets(source), octets(destination));
    let header = if A::LEN == 4 {
        let kind = Icmpv4Type::Unknown { type_u8, code_u8, bytes5to8 };
        Icmpv4Header::with_checksum(kind, payload).to_bytes().to_vec()
    } else {
        let kind = Icmpv6Type::Unknown { type_u8, code_u8, bytes5to8 };
        Icmpv6Header::with_checksum(kind, sixteen(&source), sixteen(&destination), payload)
            .unwrap()
            .to_bytes()
            .to_vec()
    };
    [&header, payload].concat()
}

/// An IP packet from scratch, of the recipe's protocol, options and TTL.
pub(super) fn ip_packet<A: Address>(
    source: A,
    destination: A,
    recipe: &Recipe,
    segment: &[u8],
) -> Vec<u8> {
    let (source, destination) = (octets(source), octets(destination));
    let protocol = recipe.protocol::<A>();
    if A::LEN == 4 {
        let options = [1; 40];
        let mut header = Ipv4Header::new(
            segment.len() as u16,
            recipe.ttl,
            IpNumber(protocol),
            four(&source),
            four(&destination),
        )
        .unwrap();
        header.options = Ipv4Options::try_from(&options[..4 * recipe.options]).unwrap();
        header.total_len += 4 * recipe.options as u16;
        header.header_checksum = header.calc_header_checksum();
        return [&header.to_bytes()[..], segment].concat();
    }
    let mut packet = vec![0x60, 0, 0, 0, 0, 0, protocol, recipe.ttl];
    let length = (8 * recipe.options + segment.len()) as u16;
    packet[4..6].copy_from_slice(&length.to_be_bytes());
    packet.extend(source.iter().chain(&destination));
    for index in 0..recipe.options {
        // Destination options of padding alone.
        let next = if index + 1 == recipe.options { protocol } else { 60 };
        packet.extend([next, 0, 1, 4, 0, 0, 0, 0]);
        packet[6] = 60;
    }
    packet.extend(segment);
    packet
}

/// The packet in a frame.
pub(super) fn framed<A: Address>(tags: usize, packet: &[u8], padding: usize) -> Vec<u8> {
    let mut frame = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]].concat();
    frame.extend([0x81, 0, 0, 5].repeat(tags));
    frame.extend(if A::LEN == 4 { [8, 0] } else { [0x86, 0xdd] });
    frame.extend(packet);
    frame.extend(std::iter::repeat_n(0xee, padding));
    frame
}

pub(super) fn octets<A: Address>(address: A) -> Vec<u8> {
    let mut bytes = vec![0; A::LEN];
    address.write(&mut bytes);
    bytes
}

fn four(bytes: &[u8]) -> [u8; 4] {
    bytes.try_into().unwrap()
}

fn sixteen(bytes: &[u8]) -> [u8; 16] {
    bytes.try_into().unwrap()
}

/// Recipes of all kinds.
pub(super) fn recipes() -> impl Strategy<Value = Recipe> {
    let kind = prop_oneof![
        Just(Kind::Tcp),
        Just(Kind::Udp),
        Just(Kind::UdpUnsummed),
        Just(Kind::Request),
        Just(Kind::Reply),
        Just(Kind::Other),
    ];
    let words = vec(prop_oneof![Just(0), Just(0xff), any::<u8>()], 0..120);
    (kind, 2u8..255, 0usize..3, 0usize..4, words, 0usize..7).prop_map(
        |(kind, ttl, tags, options, payload, padding)| {
            let tcp_options = vec![1; 4 * options];
            Recipe { kind, ttl, tags, options, tcp_flags: 16, tcp_options, payload, padding }
        },
    )
}

/// Two tuples of the recipe: what a packet has, and what it is to get.
pub(super) fn cases<A: Address + Arbitrary>() -> impl Strategy<Value = (Recipe, Tuple<A>, Tuple<A>)>
{
    let port = || prop_oneof![Just(0), Just(0xffff), any::<u16>()];
    let addresses = (any::<(A, A)>(), any::<(A, A)>());
    (recipes(), addresses, (port(), port()), (port(), port())).prop_map(
        |(recipe, (from, to), from_ports, to_ports)| {
            let from = recipe.tuple(from.0, from.1, from_ports);
            let to = recipe.tuple(to.0, to.1, to_ports);
            (recipe, from, to)
        },
    )
}
