//! Where in the frame is each header?

use crate::outcome::DropReason;
use crate::wire::ethernet::{EthernetHeader, MacAddr, TAG_LEN, VlanTag, ethertype};
use crate::wire::icmp;
use crate::wire::ipv4::{self, Ipv4Header};
use crate::wire::ipv6::{self, Ipv6Header, UpperLayer};
use crate::wire::tcp::{self, TcpHeader};
use crate::wire::udp::{self, UdpHeader};
use zerocopy::FromBytes;

/// Most 802.1Q tags that are looked behind; one more and the frame is switched by its MACs alone.
pub const MAX_TAGS: usize = 2;

/// The layer-3 protocol, as far as the dataplane cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// ARP and all others.
    Other,
}

/// The layer-4 protocol, as far as the dataplane cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP, with its whole header there.
    Tcp,
    /// UDP, with its whole header there.
    Udp,
    /// The family's own ICMP, with its whole header there.
    Icmp,
    /// Something else, a fragment, or nothing.
    Other,
}

/// Is the packet a piece of a larger one?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// It is all of it.
    Whole,
    /// The first piece: the layer-4 header begins at [`Layout::transport`].
    First,
    /// A later one, of which only the addresses are known.
    Later,
}

/// The offsets of a frame's headers in bytes, counted from its Ethernet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    network: u16,
    transport: u16,
    payload: u16,
    end: u32,
    network_kind: Network,
    transport_kind: Transport,
    piece: Piece,
    protocol: u8,
}

impl Layout {
    /// Parses a frame from its Ethernet header on.
    ///
    /// # Errors
    /// The [`DropReason`] of the first header that is wrong.
    #[inline]
    pub fn parse(frame: &[u8]) -> Result<Self, DropReason> {
        let (header, mut packet) =
            EthernetHeader::ref_from_prefix(frame).map_err(|_| DropReason::ShortFrame)?;
        if header.source.is_group() {
            return Err(DropReason::GroupSource);
        }
        if header.source == MacAddr::ZERO {
            return Err(DropReason::ZeroSource);
        }
        let mut ethertype = header.ethertype.get();
        let mut tags = 0;
        while matches!(ethertype, ethertype::VLAN | ethertype::SERVICE_VLAN) && tags < MAX_TAGS {
            let Ok((tag, rest)) = VlanTag::ref_from_prefix(packet) else { break };
            (ethertype, packet, tags) = (tag.ethertype.get(), rest, tags + 1);
        }
        let network = crate::wire::ethernet::HEADER_LEN + tags * TAG_LEN;
        match ethertype {
            ethertype::IPV4 => Self::ipv4(network, packet),
            ethertype::IPV6 => Self::ipv6(network, packet),
            _ => {
                let piece = (Piece::Whole, ipv6::NO_NEXT_HEADER);
                Ok(Self::without_transport(Network::Other, network, network, packet.len(), piece))
            }
        }
    }

    #[inline]
    fn ipv4(network: usize, packet: &[u8]) -> Result<Self, DropReason> {
        let header = Ipv4Header::parse(packet)?;
        let (at, end) = (header.header_len(), usize::from(header.total_length.get()));
        if header.is_fragment() {
            let first = header.flags_fragment.get() & ipv4::OFFSET_MASK == 0;
            let piece = (if first { Piece::First } else { Piece::Later }, header.protocol);
            return Ok(Self::without_transport(Network::Ipv4, network, network + at, end, piece));
        }
        Self::with_transport(Network::Ipv4, network, at, header.protocol, &packet[..end])
    }

    #[inline]
    fn ipv6(network: usize, packet: &[u8]) -> Result<Self, DropReason> {
        let header = Ipv6Header::parse(packet)?;
        let end = ipv6::HEADER_LEN + usize::from(header.payload_length.get());
        match header.upper_layer(&packet[..end]) {
            UpperLayer::At(protocol, at) if at <= end => {
                Self::with_transport(Network::Ipv6, network, at, protocol, &packet[..end])
            }
            UpperLayer::Fragment(header, at) => {
                let first = header.offset_more.get() & ipv6::OFFSET_MASK == 0;
                let piece = (if first { Piece::First } else { Piece::Later }, header.next_header);
                let at = network + at + ipv6::FRAGMENT_HEADER_LEN;
                Ok(Self::without_transport(Network::Ipv6, network, at, end, piece))
            }
            _ => {
                let (at, piece) =
                    (network + ipv6::HEADER_LEN, (Piece::Whole, ipv6::NO_NEXT_HEADER));
                Ok(Self::without_transport(Network::Ipv6, network, at, end, piece))
            }
        }
    }

    /// `packet` ends where its IP header says; the transport header begins at `at` in it.
    #[inline]
    fn with_transport(
        kind: Network,
        network: usize,
        at: usize,
        protocol: u8,
        packet: &[u8],
    ) -> Result<Self, DropReason> {
        let segment = packet.get(at..).unwrap_or_default();
        let (transport_kind, length) = match protocol {
            tcp::PROTOCOL => (Transport::Tcp, TcpHeader::parse(segment)?.header_len()),
            udp::PROTOCOL => {
                UdpHeader::parse(segment)?;
                (Transport::Udp, udp::HEADER_LEN)
            }
            icmp::PROTOCOL if kind == Network::Ipv4 && segment.len() >= icmp::HEADER_LEN => {
                (Transport::Icmp, icmp::HEADER_LEN)
            }
            icmp::PROTOCOL_V6 if kind == Network::Ipv6 && segment.len() >= icmp::HEADER_LEN => {
                (Transport::Icmp, icmp::HEADER_LEN)
            }
            _ => (Transport::Other, 0),
        };
        let transport = network + at;
        let piece = (Piece::Whole, protocol);
        let layout = Self::without_transport(kind, network, transport, packet.len(), piece);
        Ok(Self { payload: offset(transport + length), transport_kind, ..layout })
    }

    #[inline]
    fn without_transport(
        network_kind: Network,
        network: usize,
        transport: usize,
        packet_len: usize,
        (piece, protocol): (Piece, u8),
    ) -> Self {
        let (network_at, transport) = (offset(network), offset(transport));
        Self {
            network: network_at,
            transport,
            payload: transport,
            // 65,535 bytes behind an Ethernet header and tags at most.
            end: (network + packet_len) as u32,
            network_kind,
            transport_kind: Transport::Other,
            piece,
            protocol,
        }
    }

    /// Offset of the layer-3 header.
    #[inline]
    pub fn network(&self) -> usize {
        usize::from(self.network)
    }

    /// Offset of the layer-4 header; for what has none that we know, of what follows layer 3.
    #[inline]
    pub fn transport(&self) -> usize {
        usize::from(self.transport)
    }

    /// Offset of the payload: the length of all headers.
    #[inline]
    pub fn payload(&self) -> usize {
        usize::from(self.payload)
    }

    /// Where the layer-3 packet ends; what follows is padding.
    #[inline]
    pub fn end(&self) -> usize {
        self.end as usize
    }

    /// The layer-3 protocol.
    #[inline]
    pub fn network_kind(&self) -> Network {
        self.network_kind
    }

    /// Does the frame have a VLAN tag?
    #[inline]
    pub fn is_tagged(&self) -> bool {
        self.network() != crate::wire::ethernet::HEADER_LEN
    }

    /// Is the packet a piece of a larger one?
    #[inline]
    pub fn piece(&self) -> Piece {
        self.piece
    }

    /// The IP protocol number of layer 4, also of a fragment; 59, no next header, if it is not known.
    #[inline]
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// The layer-4 protocol.
    #[inline]
    pub fn transport_kind(&self) -> Transport {
        self.transport_kind
    }
}

/// An offset as it is stored. All headers together end far below 65,536 bytes: the extension headers
/// that are walked have 2,048 bytes each at most.
#[inline]
fn offset(at: usize) -> u16 {
    debug_assert!(at <= usize::from(u16::MAX));
    at as u16
}
