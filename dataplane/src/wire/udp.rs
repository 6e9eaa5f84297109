//! UDP headers (RFC 768).

use crate::outcome::DropReason;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// UDP's IP protocol number.
pub const PROTOCOL: u8 = 17;
/// Length of a header in bytes.
pub const HEADER_LEN: usize = 8;
/// Where in the header the checksum is.
pub const CHECKSUM_OFFSET: usize = 6;

/// A UDP header, 8 bytes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct UdpHeader {
    /// Source port.
    pub source: U16,
    /// Destination port.
    pub destination: U16,
    /// Length of header and payload in bytes.
    pub length: U16,
    /// Checksum of pseudo-header, header and payload; 0 means none (IPv4 only).
    pub checksum: U16,
}

impl UdpHeader {
    /// The header at the start of `datagram`. Its length field is not judged: receivers do that.
    ///
    /// # Errors
    /// `TransportLength` if it is cut off.
    #[inline]
    pub fn parse(datagram: &[u8]) -> Result<&Self, DropReason> {
        Self::ref_from_prefix(datagram)
            .map(|(header, _)| header)
            .map_err(|_| DropReason::TransportLength)
    }
}

/// A checksum as UDP writes it: a computed zero is sent as all ones (RFC 768), for zero means none.
#[inline]
pub fn nonzero(checksum: u16) -> u16 {
    if checksum == 0 { 0xffff } else { checksum }
}
