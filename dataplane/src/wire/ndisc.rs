//! Neighbour solicitations and advertisements (RFC 4861 4.3 and 4.4), with one link-layer option.

use super::checksum::pseudo_header;
use super::ethernet::MacAddr;
use super::icmp;
use std::net::Ipv6Addr;
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of a message without options in bytes.
pub const LEN: usize = 24;

/// The hop limit of every message: it has passed no router.
pub const HOP_LIMIT: u8 = 255;

/// The option with the sender's MAC, of a solicitation.
const SOURCE_LINK_LAYER: u8 = 1;
/// The option with the target's MAC, of an advertisement.
const TARGET_LINK_LAYER: u8 = 2;

/// Flags of an advertisement: it answers a solicitation, and replaces what was known.
const SOLICITED_OVERRIDE: u32 = 0x6000_0000;

/// A message with its one option, 32 bytes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct NeighborMessage {
    /// [`icmp::v6::NEIGHBOR_SOLICITATION`] or [`icmp::v6::NEIGHBOR_ADVERTISEMENT`].
    pub kind: u8,
    code: u8,
    checksum: U16,
    flags: U32,
    target: [u8; 16],
    option: u8,
    /// In units of 8 bytes.
    option_len: u8,
    /// The MAC that the option tells.
    pub mac: MacAddr,
}

impl NeighborMessage {
    /// Asks who has `target`; `mac` is the sender's.
    pub fn solicitation(target: Ipv6Addr, mac: MacAddr, addresses: [Ipv6Addr; 2]) -> Self {
        Self::new(icmp::v6::NEIGHBOR_SOLICITATION, 0, target, SOURCE_LINK_LAYER, mac, addresses)
    }

    /// Answers that `mac` has `target`.
    pub fn advertisement(target: Ipv6Addr, mac: MacAddr, addresses: [Ipv6Addr; 2]) -> Self {
        let kind = icmp::v6::NEIGHBOR_ADVERTISEMENT;
        Self::new(kind, SOLICITED_OVERRIDE, target, TARGET_LINK_LAYER, mac, addresses)
    }

    fn new(
        kind: u8,
        flags: u32,
        target: Ipv6Addr,
        option: u8,
        mac: MacAddr,
        [source, destination]: [Ipv6Addr; 2],
    ) -> Self {
        let mut message = Self {
            kind,
            code: 0,
            checksum: U16::ZERO,
            flags: flags.into(),
            target: target.octets(),
            option,
            option_len: 1,
            mac,
        };
        let addresses = [source.octets(), destination.octets()].concat();
        let length = size_of::<Self>() as u32;
        let sum = pseudo_header(&addresses, icmp::PROTOCOL_V6, length).bytes(message.as_bytes());
        message.checksum = sum.checksum().into();
        message
    }

    /// The address that is asked for or told.
    pub fn target(&self) -> Ipv6Addr {
        self.target.into()
    }
}

/// The kind, target and MAC of the neighbour message in `bytes`; the MAC only if its option is the
/// first, as every stack has it. `None` if it is no such message.
pub fn parse(bytes: &[u8]) -> Option<(u8, Ipv6Addr, Option<MacAddr>)> {
    let (fixed, options) = bytes.split_at_checked(LEN)?;
    let (kind, target) = (fixed[0], <[u8; 16]>::try_from(&fixed[8..]).ok()?);
    let wanted = match kind {
        icmp::v6::NEIGHBOR_SOLICITATION => SOURCE_LINK_LAYER,
        icmp::v6::NEIGHBOR_ADVERTISEMENT => TARGET_LINK_LAYER,
        _ => return None,
    };
    let mac = match options {
        [option, 1, a, b, c, d, e, f, ..] if *option == wanted => {
            Some(MacAddr([*a, *b, *c, *d, *e, *f]))
        }
        _ => None,
    };
    Some((kind, target.into(), mac))
}

/// The group that whoever has `target` listens to (RFC 4291 2.7.1).
pub fn solicited_node(target: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = target.octets();
    let low = u16::from_be_bytes([b, c]);
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), low)
}
