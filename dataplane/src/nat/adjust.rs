//! What else a router changes in passing: hops left, and the segment size that TCP agrees on.

use crate::frame::{Frame, Network, Piece};
use crate::wire::checksum::Sum;
use crate::wire::{ipv4, ipv6, tcp};

/// TCP option kinds (RFC 9293 3.2).
mod option {
    pub(super) const END: u8 = 0;
    pub(super) const NO_OPERATION: u8 = 1;
    pub(super) const MAXIMUM_SEGMENT_SIZE: u8 = 2;
    /// Length of the segment size option in bytes.
    pub(super) const MAXIMUM_SEGMENT_SIZE_LEN: usize = 4;
}

/// Hops that the packet may still make; `None` if it is not IP.
#[inline]
pub fn ttl(frame: &Frame<'_>) -> Option<u8> {
    Some(frame.packet()[ttl_offset(frame.layout().network_kind())?])
}

/// One hop more, for a packet that a router counted and that is handed back; never more than 255.
#[inline]
pub fn raise_ttl(frame: &mut Frame<'_>) {
    change_ttl(frame, |ttl| ttl.saturating_add(1));
}

/// One hop less; never less than 0.
#[inline]
pub fn lower_ttl(frame: &mut Frame<'_>) {
    change_ttl(frame, |ttl| ttl.saturating_sub(1));
}

fn change_ttl(frame: &mut Frame<'_>, change: impl FnOnce(u8) -> u8) {
    let layout = *frame.layout();
    let Some(at) = ttl_offset(layout.network_kind()) else { return };
    let packet = &mut frame.ethernet_mut()[layout.network()..layout.end()];
    let old = packet[at];
    packet[at] = change(old);
    if layout.network_kind() == Network::Ipv4 {
        // It is the upper half of its word; the protocol, which stays, is the lower.
        let change = Sum::change(&[old, 0], &[packet[at], 0]);
        write(packet, ipv4::CHECKSUM_OFFSET, change.update(word(packet, ipv4::CHECKSUM_OFFSET)));
    }
}

/// Lowers the segment size that a TCP SYN offers to what fits packets of `mtu` bytes without options
/// (RFC 9293 3.7.1). A SYN that offers none stays so, and so do all other packets.
#[inline]
pub fn clamp_mss(frame: &mut Frame<'_>, mtu: u16) {
    let layout = *frame.layout();
    let partial = frame.partial_checksum() == Some(layout.transport() + tcp::CHECKSUM_OFFSET);
    if layout.protocol() != tcp::PROTOCOL || layout.piece() == Piece::Later {
        return;
    }
    let ip =
        if layout.network_kind() == Network::Ipv4 { ipv4::HEADER_LEN } else { ipv6::HEADER_LEN };
    // 60 at most.
    let limit = mtu.saturating_sub((ip + tcp::HEADER_LEN) as u16);
    let segment = &mut frame.ethernet_mut()[layout.transport()..layout.end()];
    if segment.get(FLAGS_OFFSET).is_none_or(|flags| flags & tcp::flag::SYN == 0) {
        return;
    }
    let Some(at) = segment_size(segment).filter(|&at| word(segment, at) > limit) else { return };
    let (old, new) = (word(segment, at), limit);
    write(segment, at, new);
    if partial {
        // Whoever completes the checksum sums up the options too.
        return;
    }
    // At an odd place the halves belong to two words of the sum (RFC 1071, section 2 B).
    let swap = |word: u16| if at % 2 == 0 { word } else { word.swap_bytes() };
    let change = Sum::change(&swap(old).to_be_bytes(), &swap(new).to_be_bytes());
    write(segment, tcp::CHECKSUM_OFFSET, change.update(word(segment, tcp::CHECKSUM_OFFSET)));
}

/// Where in a TCP header the flags are.
const FLAGS_OFFSET: usize = 13;

/// Where in the segment the offered segment size is, if the header is whole and its options are sound.
fn segment_size(segment: &[u8]) -> Option<usize> {
    let end = tcp::TcpHeader::parse(segment).ok()?.header_len();
    let mut at = tcp::HEADER_LEN;
    while at < end {
        match segment[at] {
            option::END => return None,
            option::NO_OPERATION => at += 1,
            kind => {
                let length = usize::from(*segment[..end].get(at + 1)?);
                if length < 2 || at + length > end {
                    return None;
                }
                if kind == option::MAXIMUM_SEGMENT_SIZE {
                    return (length == option::MAXIMUM_SEGMENT_SIZE_LEN).then_some(at + 2);
                }
                at += length;
            }
        }
    }
    None
}

fn ttl_offset(network: Network) -> Option<usize> {
    match network {
        Network::Ipv4 => Some(ipv4::TTL_OFFSET),
        Network::Ipv6 => Some(ipv6::HOP_LIMIT_OFFSET),
        Network::Other => None,
    }
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn write(bytes: &mut [u8], at: usize, word: u16) {
    bytes[at..at + 2].copy_from_slice(&word.to_be_bytes());
}
