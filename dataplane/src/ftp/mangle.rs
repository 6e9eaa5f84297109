//! Writes another endpoint into an announcement.

use super::command::{self, MAX_TEXT};
use super::control::{Announcement, Side};
use super::sequence::{self, SEQUENCE_OFFSET};
use crate::flow::Address;
use crate::frame::{Frame, MAX_FRAME_LEN};
use crate::wire::checksum::{Sum, pseudo_header};
use crate::wire::vnet::{self, VnetHeader};
use crate::wire::{ipv4, tcp};
use zerocopy::IntoBytes;

/// By how many bytes a frame may grow at most: the longest text in place of the shortest, `|||1|`.
pub const MAX_GROWTH: usize = MAX_TEXT - 5;

/// Why an announcement cannot be mangled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmangled {
    /// The announcement comes in a super-frame: its segments are not told apart.
    #[error("the announcement comes in a super-frame: its segments are not told apart")]
    SuperFrame,
    /// The segment's checksum is wrong or inside its payload: a new one would hide that.
    #[error("the segment's checksum is wrong or inside its payload: a new one would hide that")]
    Checksum,
    /// The endpoint has no form in the announcement's notation.
    #[error("the endpoint has no form in the announcement's notation")]
    Notation,
    /// The frame would be longer than a frame may be, or the room is too small.
    #[error("the frame would be longer than a frame may be, or the room is too small")]
    TooLong,
}

/// Writes the mangled frame to `room` and notes in `side` what that does to its numbers. Padding
/// behind the packet is left out.
pub(super) fn mangle<A: Address>(
    frame: &Frame<'_>,
    side: &mut Side<A>,
    announcement: &Announcement<A>,
    to: (A, u16),
    room: &mut [u8],
) -> Result<usize, Unmangled> {
    let layout = *frame.layout();
    let header = sequence::header(frame).ok_or(Unmangled::Checksum)?;
    if frame.super_frame().is_some() {
        return Err(Unmangled::SuperFrame);
    }
    if !is_checksum_sound::<A>(frame) {
        return Err(Unmangled::Checksum);
    }
    let mut text = [0; MAX_TEXT];
    let length = command::write(&mut text, announcement.notation, to.0, to.1);
    let text = &text[..length.ok_or(Unmangled::Notation)?];

    let (before, rest) =
        frame.ethernet()[..layout.end()].split_at(layout.payload() + announcement.text.start);
    let pieces = [before, text, &rest[announcement.text.len()..]];
    let length = vnet::HEADER_LEN + pieces.iter().map(|piece| piece.len()).sum::<usize>();
    let packet_len = length - vnet::HEADER_LEN - layout.network();
    if length > room.len()
        || length - vnet::HEADER_LEN > MAX_FRAME_LEN
        || packet_len > usize::from(u16::MAX)
    {
        return Err(Unmangled::TooLong);
    }
    let offload = VnetHeader { hdr_len: frame.offload().hdr_len, ..Default::default() };
    let mut at = 0;
    for piece in [offload.as_bytes()].into_iter().chain(pieces) {
        room[at..at + piece.len()].copy_from_slice(piece);
        at += piece.len();
    }

    let sequence = header.sequence.get();
    let start = sequence.wrapping_add(announcement.text.start as u32);
    let end = sequence.wrapping_add(announcement.text.end as u32);
    side.shift.replace(start, end, text.len() as u32);
    side.replaced = Some((start, to));
    let packet = &mut room[vnet::HEADER_LEN + layout.network()..length];
    set_lengths::<A>(packet);
    let (addresses, segment) = packet.split_at_mut(layout.transport() - layout.network());
    let numbered = side.shift.out(sequence).to_be_bytes();
    segment[SEQUENCE_OFFSET..SEQUENCE_OFFSET + 4].copy_from_slice(&numbered);
    let field = tcp::CHECKSUM_OFFSET..tcp::CHECKSUM_OFFSET + 2;
    segment[field.clone()].fill(0);
    let sum = sum::<A>(addresses, segment).checksum();
    segment[field].copy_from_slice(&sum.to_be_bytes());
    Ok(length)
}

/// Is the checksum right, or yet to be completed in its own place?
fn is_checksum_sound<A: Address>(frame: &Frame<'_>) -> bool {
    let layout = frame.layout();
    if let Some(partial) = frame.partial_checksum() {
        return partial == layout.transport() + tcp::CHECKSUM_OFFSET;
    }
    let (addresses, segment) = frame.packet().split_at(layout.transport() - layout.network());
    sum::<A>(addresses, segment).checksum() == 0
}

/// The sum of a segment and its pseudo-header, which is in the IP header before it.
fn sum<A: Address>(ip: &[u8], segment: &[u8]) -> Sum {
    let addresses = &ip[A::OFFSET..A::OFFSET + 2 * A::LEN];
    // A segment has 65,535 bytes at most.
    pseudo_header(addresses, tcp::PROTOCOL, segment.len() as u32) + Sum::default().bytes(segment)
}

/// Writes the packet's length into its IP header, and for IPv4 the header checksum.
fn set_lengths<A: Address>(packet: &mut [u8]) {
    // The caller has checked that it fits 16 bits.
    let total = packet.len() as u16;
    if A::LEN == 4 {
        let new = total.to_be_bytes();
        let change = Sum::change(&packet[2..4], &new);
        packet[2..4].copy_from_slice(&new);
        let field = &mut packet[ipv4::CHECKSUM_OFFSET..ipv4::CHECKSUM_OFFSET + 2];
        let old = u16::from_be_bytes([field[0], field[1]]);
        field.copy_from_slice(&change.update(old).to_be_bytes());
    } else {
        let payload = total - crate::wire::ipv6::HEADER_LEN as u16;
        packet[4..6].copy_from_slice(&payload.to_be_bytes());
    }
}
