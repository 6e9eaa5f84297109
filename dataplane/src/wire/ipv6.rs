//! IPv6 headers and the way through extension headers (RFC 8200).

use crate::outcome::DropReason;
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of the fixed header in bytes.
pub const HEADER_LEN: usize = 40;
/// The protocol number that says nothing follows.
pub const NO_NEXT_HEADER: u8 = 59;
/// The bits of a fragment header's `offset_more` that are the offset, in bytes.
pub const OFFSET_MASK: u16 = 0xfff8;
/// The bit of a fragment header's `offset_more` that says more fragments follow.
pub const MORE_FRAGMENTS: u16 = 1;
/// The protocol number that says a fragment header follows.
pub const FRAGMENT: u8 = extension::FRAGMENT;
/// Where in the header the hop limit is.
pub const HOP_LIMIT_OFFSET: usize = 7;

/// Most extension headers that are walked; a packet with more is switched, but not looked into.
pub const MAX_EXTENSIONS: usize = 8;

/// Next-header values of the extensions that may precede a transport header.
mod extension {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const DESTINATION: u8 = 60;
}

/// Does this number of what follows a header lead to no layer 4: to an extension header that was not
/// walked, or to nothing?
#[inline]
pub fn leads_nowhere(next_header: u8) -> bool {
    matches!(
        next_header,
        extension::HOP_BY_HOP
            | extension::ROUTING
            | extension::FRAGMENT
            | extension::AUTHENTICATION
            | extension::DESTINATION
            | NO_NEXT_HEADER
    )
}

/// The fixed IPv6 header, 40 bytes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Ipv6Header {
    /// Version (4 bits), traffic class (8), flow label (20).
    pub version_class_label: U32,
    /// Length of all that follows this header in bytes.
    pub payload_length: U16,
    /// What follows: an IP protocol or extension header number.
    pub next_header: u8,
    /// Hops left.
    pub hop_limit: u8,
    /// Source address.
    pub source: [u8; 16],
    /// Destination address.
    pub destination: [u8; 16],
}

/// Where the extension headers lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpperLayer {
    /// To this protocol, this many bytes from the start of the IPv6 header.
    At(u8, usize),
    /// To a fragment header, this many bytes from the start of the IPv6 header.
    Fragment(FragmentHeader, usize),
    /// Nowhere we can tell: cut off, or too many extensions.
    Unknown,
}

/// A fragment extension header, 8 bytes (RFC 8200 4.5).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct FragmentHeader {
    /// What follows: an IP protocol or extension header number.
    pub next_header: u8,
    /// Zero.
    pub reserved: u8,
    /// Offset in units of 8 bytes (13 bits), two reserved bits, more fragments.
    pub offset_more: U16,
    /// Identification, the same in all fragments of a packet.
    pub id: U32,
}

/// Length of a fragment header in bytes.
pub const FRAGMENT_HEADER_LEN: usize = 8;

impl Ipv6Header {
    /// The header at the start of `packet`, proven to lie within it with its payload.
    ///
    /// # Errors
    /// `Ipv6Length` or `IpVersion`.
    #[inline]
    pub fn parse(packet: &[u8]) -> Result<&Self, DropReason> {
        let (header, rest) = Self::ref_from_prefix(packet).map_err(|_| DropReason::Ipv6Length)?;
        if header.version_class_label.get() >> 28 != 6 {
            return Err(DropReason::IpVersion);
        }
        if usize::from(header.payload_length.get()) > rest.len() {
            return Err(DropReason::Ipv6Length);
        }
        Ok(header)
    }

    /// Walks the extension headers behind this header, which must be the start of `packet`.
    #[inline]
    pub fn upper_layer(&self, packet: &[u8]) -> UpperLayer {
        let (mut next, mut at) = (self.next_header, HEADER_LEN);
        for _ in 0..=MAX_EXTENSIONS {
            let units = match next {
                extension::HOP_BY_HOP | extension::ROUTING | extension::DESTINATION => 8,
                // Its length is counted in 4 bytes, less two of them (RFC 4302, 2.2).
                extension::AUTHENTICATION => 4,
                extension::FRAGMENT => {
                    let header = packet.get(at..).map(FragmentHeader::read_from_prefix);
                    let Some(Ok((header, _))) = header else { return UpperLayer::Unknown };
                    return UpperLayer::Fragment(header, at);
                }
                protocol => return UpperLayer::At(protocol, at),
            };
            let Some(&[following, length]) = packet.get(at..at + 2) else {
                return UpperLayer::Unknown;
            };
            next = following;
            at += if units == 8 {
                (usize::from(length) + 1) * 8
            } else {
                (usize::from(length) + 2) * 4
            };
        }
        UpperLayer::Unknown
    }
}
