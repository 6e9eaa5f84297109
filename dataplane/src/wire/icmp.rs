//! ICMP (RFC 792) and ICMPv6 (RFC 4443) headers.

use crate::outcome::DropReason;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// ICMP's IP protocol number.
pub const PROTOCOL: u8 = 1;
/// ICMPv6's IP protocol number.
pub const PROTOCOL_V6: u8 = 58;
/// Length of a header in bytes. What an error is about, the inner packet, follows it.
pub const HEADER_LEN: usize = 8;
/// Where in the header the checksum is.
pub const CHECKSUM_OFFSET: usize = 2;
/// Where in the header of a query its identifier is.
pub const IDENTIFIER_OFFSET: usize = 4;

/// Types of ICMP.
pub mod v4 {
    /// Echo reply.
    pub const ECHO_REPLY: u8 = 0;
    /// Destination unreachable.
    pub const UNREACHABLE: u8 = 3;
    /// Source quench (deprecated by RFC 6633).
    pub const SOURCE_QUENCH: u8 = 4;
    /// Redirect.
    pub const REDIRECT: u8 = 5;
    /// Echo request.
    pub const ECHO_REQUEST: u8 = 8;
    /// Time exceeded.
    pub const TIME_EXCEEDED: u8 = 11;
    /// Parameter problem.
    pub const PARAMETER_PROBLEM: u8 = 12;
    /// Timestamp request.
    pub const TIMESTAMP: u8 = 13;
    /// Timestamp reply.
    pub const TIMESTAMP_REPLY: u8 = 14;
    /// Code of `UNREACHABLE`: the port.
    pub const CODE_PORT: u8 = 3;
    /// Code of `UNREACHABLE`: fragmentation needed; the MTU is in the last two bytes of the header.
    pub const CODE_FRAGMENTATION_NEEDED: u8 = 4;
    /// Code of `UNREACHABLE`: communication administratively prohibited (RFC 1812).
    pub const CODE_PROHIBITED: u8 = 13;
}

/// Types of ICMPv6.
pub mod v6 {
    /// Destination unreachable.
    pub const UNREACHABLE: u8 = 1;
    /// Packet too big; the MTU is in the last four bytes of the header.
    pub const TOO_BIG: u8 = 2;
    /// Time exceeded.
    pub const TIME_EXCEEDED: u8 = 3;
    /// Parameter problem.
    pub const PARAMETER_PROBLEM: u8 = 4;
    /// Echo request.
    pub const ECHO_REQUEST: u8 = 128;
    /// Echo reply.
    pub const ECHO_REPLY: u8 = 129;
    /// Neighbour solicitation (RFC 4861).
    pub const NEIGHBOR_SOLICITATION: u8 = 135;
    /// Neighbour advertisement (RFC 4861).
    pub const NEIGHBOR_ADVERTISEMENT: u8 = 136;
    /// Code of `UNREACHABLE`: communication administratively prohibited.
    pub const CODE_PROHIBITED: u8 = 1;
    /// Code of `UNREACHABLE`: the port.
    pub const CODE_PORT: u8 = 4;
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Begins a query; its reply carries the same identifier.
    Request,
    /// Answers a query whose request has this type.
    Reply(u8),
    /// Tells of the packet that it carries.
    Error,
    /// Neither: router and neighbour discovery, multicast groups, redirects.
    Other,
}

/// The fixed part of a header, 8 bytes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct IcmpHeader {
    /// Which message.
    pub kind: u8,
    /// Which variant of it.
    pub code: u8,
    /// Checksum of the message; of ICMPv6 with a pseudo-header.
    pub checksum: U16,
    /// The identifier of a query; the upper half of the rest otherwise.
    pub identifier: U16,
    /// The sequence number of a query; the lower half of the rest otherwise.
    pub sequence: U16,
}

impl IcmpHeader {
    /// The header at the start of `message`.
    ///
    /// # Errors
    /// `TransportLength` if it is cut off.
    #[inline]
    pub fn parse(message: &[u8]) -> Result<&Self, DropReason> {
        Self::ref_from_prefix(message)
            .map(|(header, _)| header)
            .map_err(|_| DropReason::TransportLength)
    }

    /// What the message is, for ICMP if `protocol` is [`PROTOCOL`] and for ICMPv6 otherwise.
    #[inline]
    pub fn classify(&self, protocol: u8) -> Kind {
        match (protocol, self.kind) {
            (PROTOCOL, v4::ECHO_REQUEST | v4::TIMESTAMP) | (PROTOCOL_V6, v6::ECHO_REQUEST) => {
                Kind::Request
            }
            (PROTOCOL, v4::ECHO_REPLY) => Kind::Reply(v4::ECHO_REQUEST),
            (PROTOCOL, v4::TIMESTAMP_REPLY) => Kind::Reply(v4::TIMESTAMP),
            (PROTOCOL_V6, v6::ECHO_REPLY) => Kind::Reply(v6::ECHO_REQUEST),
            (PROTOCOL, v4::UNREACHABLE | v4::SOURCE_QUENCH | v4::TIME_EXCEEDED)
            | (PROTOCOL, v4::PARAMETER_PROBLEM)
            | (PROTOCOL_V6, v6::UNREACHABLE..=v6::PARAMETER_PROBLEM) => Kind::Error,
            _ => Kind::Other,
        }
    }
}
