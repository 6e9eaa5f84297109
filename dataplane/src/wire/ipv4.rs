//! IPv4 headers (RFC 791).

use super::checksum;
use crate::outcome::DropReason;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of a header without options in bytes.
pub const HEADER_LEN: usize = 20;
/// The bits of `flags_fragment` that are the offset, in units of 8 bytes.
pub const OFFSET_MASK: u16 = 0x1fff;
/// The bit of `flags_fragment` that forbids fragmentation.
pub const DONT_FRAGMENT: u16 = 0x4000;
/// The bit of `flags_fragment` that says more fragments follow.
pub const MORE_FRAGMENTS: u16 = 0x2000;
/// Where in the header the checksum is.
pub const CHECKSUM_OFFSET: usize = 10;
/// Where in the header the time to live is.
pub const TTL_OFFSET: usize = 8;

/// An IPv4 header without its options, 20 bytes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Ipv4Header {
    /// Version (4 bits) and header length in 32-bit words (4 bits).
    pub version_ihl: u8,
    /// DSCP (6 bits) and ECN (2 bits).
    pub tos: u8,
    /// Length of header and payload in bytes.
    pub total_length: U16,
    /// Identification, the same in all fragments of a datagram.
    pub id: U16,
    /// Reserved bit, don't fragment, more fragments, offset in units of 8 bytes (13 bits).
    pub flags_fragment: U16,
    /// Time to live, in hops.
    pub ttl: u8,
    /// What follows: an IP protocol number.
    pub protocol: u8,
    /// Checksum of the header.
    pub checksum: U16,
    /// Source address.
    pub source: [u8; 4],
    /// Destination address.
    pub destination: [u8; 4],
}

impl Ipv4Header {
    /// The header at the start of `packet`, proven to lie within it with its options and its payload.
    ///
    /// # Errors
    /// `Ipv4HeaderLength`, `IpVersion`, `Ipv4TotalLength` or `Ipv4Checksum`.
    #[inline]
    pub fn parse(packet: &[u8]) -> Result<&Self, DropReason> {
        let (header, rest) =
            Self::ref_from_prefix(packet).map_err(|_| DropReason::Ipv4HeaderLength)?;
        if header.version_ihl >> 4 != 4 {
            return Err(DropReason::IpVersion);
        }
        let options = header
            .header_len()
            .checked_sub(HEADER_LEN)
            .and_then(|length| rest.get(..length))
            .ok_or(DropReason::Ipv4HeaderLength)?;
        let total = usize::from(header.total_length.get());
        if total < header.header_len() || total > packet.len() {
            return Err(DropReason::Ipv4TotalLength);
        }
        if !checksum::is_valid(header, options) {
            return Err(DropReason::Ipv4Checksum);
        }
        Ok(header)
    }

    /// Length of the header with its options in bytes, as the header says.
    #[inline]
    pub fn header_len(&self) -> usize {
        usize::from(self.version_ihl & 0x0f) * 4
    }

    /// Is the packet a piece of a larger one?
    #[inline]
    pub fn is_fragment(&self) -> bool {
        self.flags_fragment.get() & 0x3fff != 0
    }
}
