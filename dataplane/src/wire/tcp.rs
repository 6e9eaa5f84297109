//! TCP headers (RFC 9293).

use crate::outcome::DropReason;
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// TCP's IP protocol number.
pub const PROTOCOL: u8 = 6;
/// Length of a header without options in bytes.
pub const HEADER_LEN: usize = 20;
/// Where in the header the checksum is.
pub const CHECKSUM_OFFSET: usize = 16;
/// Where in the header the flags are.
pub const FLAGS_OFFSET: usize = 13;

/// The flags; segmentation must treat some with care.
pub mod flag {
    /// No more data from the sender: on the last segment only.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push: on the last segment only.
    pub const PSH: u8 = 0x08;
    /// The acknowledgment number is valid.
    pub const ACK: u8 = 0x10;
    /// The urgent offset is valid.
    pub const URG: u8 = 0x20;
    /// Congestion experienced, echoed.
    pub const ECE: u8 = 0x40;
    /// Congestion window reduced: on the first segment only.
    pub const CWR: u8 = 0x80;
}

/// A TCP header without its options, 20 bytes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct TcpHeader {
    /// Source port.
    pub source: U16,
    /// Destination port.
    pub destination: U16,
    /// Sequence number of the first byte of payload.
    pub sequence: U32,
    /// Next byte expected from the other side.
    pub acknowledgment: U32,
    /// Header length in 32-bit words (4 bits), reserved (4 bits).
    pub offset: u8,
    /// CWR, ECE, URG, ACK, PSH, RST, SYN, FIN.
    pub flags: u8,
    /// Receive window, unscaled.
    pub window: U16,
    /// Checksum of pseudo-header, header and payload.
    pub checksum: U16,
    /// Offset of urgent data.
    pub urgent: U16,
}

impl TcpHeader {
    /// The header at the start of `segment`, proven to lie within it with its options.
    ///
    /// # Errors
    /// `TransportLength` if it is cut off, `TcpOffset` if its own length is wrong.
    #[inline]
    pub fn parse(segment: &[u8]) -> Result<&Self, DropReason> {
        let (header, rest) =
            Self::ref_from_prefix(segment).map_err(|_| DropReason::TransportLength)?;
        match header.header_len().checked_sub(HEADER_LEN) {
            Some(options) if options <= rest.len() => Ok(header),
            _ => Err(DropReason::TcpOffset),
        }
    }

    /// Length of the header with its options in bytes, as the header says.
    #[inline]
    pub fn header_len(&self) -> usize {
        usize::from(self.offset >> 4) * 4
    }
}
