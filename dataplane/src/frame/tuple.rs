//! Which flow is a frame's packet of?

use super::{Frame, Piece, Transport};
use crate::flow::{Address, Tuple};
use crate::wire::icmp::{self, IcmpHeader, Kind};
use crate::wire::ipv4::{self, Ipv4Header};
use crate::wire::ipv6::{self, FragmentHeader, Ipv6Header, UpperLayer};
use crate::wire::{tcp, udp};
use zerocopy::FromBytes;

/// Whose packet it is, as far as the packet alone can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<A> {
    /// That of the flow with this tuple. A first fragment's too.
    Flow(Tuple<A>),
    /// An ICMP error about a packet of the flow with this tuple, as that packet was seen by whoever
    /// sends the error.
    Error(Tuple<A>),
    /// A fragment that does not say: only addresses and protocol are set in the tuple.
    Fragment(Tuple<A>),
    /// Nobody's: a header is cut off, or a kind of ICMP message that no flow has.
    Nobody,
}

impl Frame<'_> {
    /// Whose packet the frame carries, which must be of the address's family.
    #[inline]
    pub fn subject<A: Address>(&self) -> Subject<A> {
        let layout = self.layout();
        let packet = &self.ethernet()[layout.network()..layout.end()];
        let at = layout.transport() - layout.network();
        match (layout.piece(), layout.transport_kind()) {
            // The two ports come first in both.
            (Piece::Whole, Transport::Tcp | Transport::Udp) => {
                let [a, b, c, d] = [packet[at], packet[at + 1], packet[at + 2], packet[at + 3]];
                let ports = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
                Subject::Flow(tuple(packet, layout.protocol(), ports))
            }
            (Piece::Later, _) => Subject::Fragment(tuple(packet, layout.protocol(), (0, 0))),
            (Piece::Whole | Piece::First, _) => {
                subject(packet, layout.protocol(), packet.get(at..).unwrap_or_default())
            }
        }
    }

    /// The number that a fragment's datagram has, the same in all its fragments; 0 for what is whole.
    pub fn fragment_id(&self) -> u32 {
        let packet = self.packet();
        match self.layout().network_kind() {
            _ if self.layout().piece() == Piece::Whole => 0,
            super::Network::Ipv4 => {
                Ipv4Header::ref_from_prefix(packet).map_or(0, |(header, _)| header.id.get().into())
            }
            _ => {
                let end = self.layout().transport() - self.layout().network();
                let at = end.saturating_sub(ipv6::FRAGMENT_HEADER_LEN);
                FragmentHeader::ref_from_prefix(&packet[at..])
                    .map_or(0, |(header, _)| header.id.get())
            }
        }
    }
}

/// The tuple that the IP header's addresses make with these ports.
#[inline]
fn tuple<A: Address>(packet: &[u8], protocol: u8, ports: (u16, u16)) -> Tuple<A> {
    let addresses = &packet[A::OFFSET..A::OFFSET + 2 * A::LEN];
    Tuple {
        source: A::read(addresses),
        destination: A::read(&addresses[A::LEN..]),
        source_port: ports.0,
        destination_port: ports.1,
        protocol,
    }
}

/// Whose packet this is, with its layer 4 from `segment` on.
fn subject<A: Address>(packet: &[u8], protocol: u8, segment: &[u8]) -> Subject<A> {
    if protocol != A::ICMP {
        return match ports(protocol, segment) {
            Some(ports) => Subject::Flow(tuple(packet, protocol, ports)),
            None => Subject::Nobody,
        };
    }
    let Ok(header) = IcmpHeader::parse(segment) else { return Subject::Nobody };
    match header.classify(protocol) {
        Kind::Error => match inner(&segment[icmp::HEADER_LEN..]) {
            Some((tuple, _)) => Subject::Error(tuple),
            None => Subject::Nobody,
        },
        Kind::Other => Subject::Nobody,
        _ => Subject::Flow(tuple(packet, protocol, query(header, protocol))),
    }
}

/// The two ports of a segment of which at least the start is there; zeroes if the protocol has none.
fn ports(protocol: u8, segment: &[u8]) -> Option<(u16, u16)> {
    match protocol {
        tcp::PROTOCOL | udp::PROTOCOL => {
            let &[a, b, c, d] = segment.first_chunk()?;
            Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
        }
        _ => Some((0, 0)),
    }
}

/// What stands for the ports of an ICMP query.
fn query(header: &IcmpHeader, protocol: u8) -> (u16, u16) {
    let identifier = header.identifier.get();
    match header.classify(protocol) {
        Kind::Reply(request) => (request.into(), identifier),
        _ => (identifier, header.kind.into()),
    }
}

/// The flow of the packet that an ICMP error carries, of which at least the ports must be there, and
/// where in it layer 4 begins, in bytes. The packet may be cut off behind them.
pub(crate) fn inner<A: Address>(packet: &[u8]) -> Option<(Tuple<A>, usize)> {
    let (protocol, at) = if A::LEN == 4 {
        let (header, _) = Ipv4Header::ref_from_prefix(packet).ok()?;
        let whole = header.flags_fragment.get() & ipv4::OFFSET_MASK == 0;
        let sound = header.version_ihl >> 4 == 4 && header.header_len() >= ipv4::HEADER_LEN;
        (sound && whole).then_some((header.protocol, header.header_len()))?
    } else {
        let (header, _) = Ipv6Header::ref_from_prefix(packet).ok()?;
        if header.version_class_label.get() >> 28 != 6 {
            return None;
        }
        match header.upper_layer(packet) {
            UpperLayer::At(protocol, at) => (protocol, at),
            UpperLayer::Fragment(header, at)
                if header.offset_more.get() & ipv6::OFFSET_MASK == 0 =>
            {
                (header.next_header, at + ipv6::FRAGMENT_HEADER_LEN)
            }
            _ => return None,
        }
    };
    let segment = packet.get(at..)?;
    let ports = if protocol == A::ICMP {
        let header = IcmpHeader::parse(segment).ok()?;
        // An error about an error must not be (RFC 1122 3.2.2).
        if matches!(header.classify(protocol), Kind::Error | Kind::Other) {
            return None;
        }
        query(header, protocol)
    } else {
        ports(protocol, segment)?
    };
    Some((tuple(packet, protocol, ports), at))
}
