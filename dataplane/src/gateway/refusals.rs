//! What is a sender told whose packet does not go on?
//!
//! Sources: RFC 1812 4.3.2 (when an ICMP error must not be sent, and how much it quotes), RFC 4443 2.4,
//! RFC 9293 3.5.2 (which RST answers which segment).

use crate::flow::Address;
use crate::frame::{Frame, Piece, Subject, Transport};
use crate::wire::checksum::{Sum, pseudo_header};
use crate::wire::ethernet::ethertype;
use crate::wire::icmp;
use crate::wire::ipv4::{self, Ipv4Header};
use crate::wire::ipv6::{self, Ipv6Header};
use crate::wire::tcp::{self, TcpHeader, flag};
use std::net::IpAddr;
use zerocopy::{FromBytes, IntoBytes};

/// Most bytes of an ICMP error over IPv4 with its header (RFC 1812 4.3.2.3).
const MAX_V4: usize = 576;
/// Most bytes of an ICMPv6 error with its header (RFC 4443 2.4 c).
const MAX_V6: usize = 1280;
/// The time to live of what we send.
const HOPS: u8 = 64;

/// Why a packet does not go on, as its sender is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has made all its hops.
    TimeExceeded,
    /// There is no route.
    NoRoute,
    /// A rule forbids it: TCP hears a RST, everybody else that it is prohibited.
    Rejected,
}

impl Refusal {
    /// Type and code of the ICMP error.
    fn message(self, v4: bool) -> (u8, u8) {
        match (self, v4) {
            (Self::TimeExceeded, true) => (icmp::v4::TIME_EXCEEDED, 0),
            (Self::TimeExceeded, false) => (icmp::v6::TIME_EXCEEDED, 0),
            (Self::NoRoute, true) => (icmp::v4::UNREACHABLE, 0),
            (Self::NoRoute, false) => (icmp::v6::UNREACHABLE, 0),
            (Self::Rejected, true) => (icmp::v4::UNREACHABLE, icmp::v4::CODE_PROHIBITED),
            (Self::Rejected, false) => (icmp::v6::UNREACHABLE, icmp::v6::CODE_PROHIBITED),
        }
    }
}

/// The EtherType and packet that tell the sender; `None` where one must be silent.
pub(super) fn answer<A: Address>(
    frame: &Frame<'_>,
    refusal: Refusal,
    source: A,
) -> Option<(u16, Vec<u8>)> {
    let layout = frame.layout();
    let subject: Subject<A> = frame.subject();
    // Not about errors, later fragments, or what was meant for many.
    let sender = match subject {
        Subject::Flow(tuple) => tuple.source,
        _ => return None,
    };
    let address: IpAddr = sender.into();
    if address.is_unspecified() || address.is_multicast() || frame.destination().is_group() {
        return None;
    }
    // We would have to answer in its VLAN, where we are not.
    if layout.is_tagged() {
        return None;
    }
    let packet = frame.packet();
    let rejected = refusal == Refusal::Rejected;
    let (protocol, from, message) = match layout.transport_kind() {
        Transport::Tcp if rejected => {
            let called = A::read(&packet[A::OFFSET + A::LEN..]);
            (tcp::PROTOCOL, called, reset::<A>(frame, called, sender)?)
        }
        Transport::Icmp if layout.piece() == Piece::Whole && !is_query(frame) => return None,
        _ => (A::ICMP, source, error::<A>(packet, refusal, source, sender)),
    };
    Some(datagram(protocol, from, sender, &message))
}

fn is_query(frame: &Frame<'_>) -> bool {
    let message = &frame.ethernet()[frame.layout().transport()..];
    icmp::IcmpHeader::parse(message).is_ok_and(|header| {
        let kind = header.classify(frame.layout().protocol());
        matches!(kind, icmp::Kind::Request | icmp::Kind::Reply(_))
    })
}

/// An ICMP error that quotes as much of the packet as may be.
fn error<A: Address>(packet: &[u8], refusal: Refusal, source: A, sender: A) -> Vec<u8> {
    let v4 = A::LEN == 4;
    let most = if v4 { MAX_V4 - ipv4::HEADER_LEN } else { MAX_V6 - ipv6::HEADER_LEN };
    let quote = &packet[..packet.len().min(most - icmp::HEADER_LEN)];
    let (kind, code) = refusal.message(v4);
    let mut message = vec![kind, code, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(quote);
    let sum = if v4 { Sum::default() } else { pseudo(source, sender, A::ICMP, message.len()) };
    let checksum = sum.bytes(&message).checksum();
    message[icmp::CHECKSUM_OFFSET..][..2].copy_from_slice(&checksum.to_be_bytes());
    message
}

/// The RST that ends what a segment begins or goes on with; none for a RST.
fn reset<A: Address>(frame: &Frame<'_>, from: A, to: A) -> Option<Vec<u8>> {
    let layout = frame.layout();
    let (segment, _) = TcpHeader::ref_from_prefix(&frame.ethernet()[layout.transport()..]).ok()?;
    if segment.flags & flag::RST != 0 {
        return None;
    }
    let payload = (layout.end() - layout.payload()) as u32;
    let controls = segment.flags & (flag::SYN | flag::FIN);
    let length = payload + controls.count_ones();
    let acknowledged = segment.flags & flag::ACK != 0;
    let mut header = TcpHeader {
        source: segment.destination,
        destination: segment.source,
        sequence: 0.into(),
        acknowledgment: 0.into(),
        offset: (tcp::HEADER_LEN as u8 / 4) << 4,
        flags: flag::RST,
        window: 0.into(),
        checksum: 0.into(),
        urgent: 0.into(),
    };
    if acknowledged {
        header.sequence = segment.acknowledgment;
    } else {
        header.acknowledgment = segment.sequence.get().wrapping_add(length).into();
        header.flags |= flag::ACK;
    }
    let sum = pseudo(from, to, tcp::PROTOCOL, tcp::HEADER_LEN).bytes(header.as_bytes());
    header.checksum = sum.checksum().into();
    Some(header.as_bytes().to_vec())
}

fn pseudo<A: Address>(source: A, destination: A, protocol: u8, length: usize) -> Sum {
    let mut addresses = [0; 32];
    source.write(&mut addresses);
    destination.write(&mut addresses[A::LEN..]);
    // An error is 1,280 bytes at most.
    pseudo_header(&addresses[..2 * A::LEN], protocol, length as u32)
}

/// The message behind an IP header of the family.
fn datagram<A: Address>(protocol: u8, source: A, destination: A, message: &[u8]) -> (u16, Vec<u8>) {
    // As `pseudo`: far below 65,536 bytes.
    let length = message.len() as u16;
    match (source.into(), destination.into()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut header = Ipv4Header {
                version_ihl: 0x45,
                tos: 0,
                total_length: (ipv4::HEADER_LEN as u16 + length).into(),
                id: 0.into(),
                flags_fragment: ipv4::DONT_FRAGMENT.into(),
                ttl: HOPS,
                protocol,
                checksum: 0.into(),
                source: source.octets(),
                destination: destination.octets(),
            };
            header.checksum = Sum::default().bytes(header.as_bytes()).checksum().into();
            (ethertype::IPV4, [header.as_bytes(), message].concat())
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let header = Ipv6Header {
                version_class_label: (6 << 28).into(),
                payload_length: length.into(),
                next_header: protocol,
                hop_limit: HOPS,
                source: source.octets(),
                destination: destination.octets(),
            };
            (ethertype::IPV6, [header.as_bytes(), message].concat())
        }
        // Both are of the one family `A`.
        _ => (0, Vec::new()),
    }
}
