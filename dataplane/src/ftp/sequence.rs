//! By how much do the sequence numbers differ on the two sides of a mangled text?
//!
//! ```text
//!  the sender's numbers     ────start══end────────
//!                          before │    │ after           difference to the receiver's
//!  the receiver's numbers   ────start════end──────
//! ```
//!
//! Only the last text is remembered; all that were before it are in `before`.

use crate::frame::{Frame, Piece, Transport};
use crate::wire::checksum::Sum;
use crate::wire::tcp::{self, TcpHeader};
use zerocopy::FromBytes;

/// Where in a TCP header the sequence number is, and behind it the acknowledgment.
pub(super) const SEQUENCE_OFFSET: usize = 4;
const ACKNOWLEDGMENT_OFFSET: usize = 8;

/// TCP option kinds (RFC 9293 3.2, RFC 2018).
mod option {
    pub(super) const END: u8 = 0;
    pub(super) const NO_OPERATION: u8 = 1;
    pub(super) const SELECTIVE_ACKNOWLEDGMENT: u8 = 5;
}

/// The difference in one direction. In the sender's numbers, but for the differences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shift {
    start: u32,
    end: u32,
    before: u32,
    after: u32,
}

impl Shift {
    /// The number for the receiver of what the sender numbered so.
    pub(super) fn out(&self, sequence: u32) -> u32 {
        let shift = if is_before(sequence, self.end) { self.before } else { self.after };
        sequence.wrapping_add(shift)
    }

    /// The number for the sender of what the receiver acknowledges so. A part of the text is none.
    pub(super) fn back(&self, acknowledged: u32) -> u32 {
        let (early, late) =
            (acknowledged.wrapping_sub(self.before), acknowledged.wrapping_sub(self.after));
        if !is_before(late, self.end) {
            late
        } else if is_before(early, self.start) {
            early
        } else {
            self.start
        }
    }

    /// A text of the sender's, from `start` to before `end`, has been replaced by one of another length.
    /// One that is not behind the last has been replaced before.
    pub(super) fn replace(&mut self, start: u32, end: u32, length: u32) {
        let is_first = *self == Self::default();
        if is_first || !is_before(start, self.end) {
            let before = self.after;
            let after = before.wrapping_add(length).wrapping_sub(end.wrapping_sub(start));
            *self = Self { start, end, before, after };
        }
    }

    /// Is there any difference?
    pub(super) fn is_none(&self) -> bool {
        (self.before, self.after) == (0, 0)
    }
}

/// Is `a` before `b`, in numbers that wrap (RFC 9293 3.4)?
pub(super) fn is_before(a: u32, b: u32) -> bool {
    // The sign of the difference.
    (a.wrapping_sub(b) as i32) < 0
}

/// The TCP header of a whole segment, whose options lie within it.
pub(super) fn header<'f>(frame: &'f Frame<'_>) -> Option<&'f TcpHeader> {
    let layout = frame.layout();
    if (layout.piece(), layout.transport_kind()) != (Piece::Whole, Transport::Tcp) {
        return None;
    }
    TcpHeader::ref_from_prefix(&frame.ethernet()[layout.transport()..])
        .ok()
        .map(|(header, _)| header)
}

/// Changes the segment's sequence number.
pub(super) fn change_sequence(frame: &mut Frame<'_>, change: impl Fn(u32) -> u32) {
    change_header(frame, |header| change_number(header, SEQUENCE_OFFSET, change));
}

/// Changes all that the segment acknowledges: its number, if it has one, and its selective blocks.
pub(super) fn change_acknowledgments(frame: &mut Frame<'_>, change: impl Fn(u32) -> u32) {
    if header(frame).is_none_or(|header| header.flags & tcp::flag::ACK == 0) {
        return;
    }
    change_header(frame, |header| {
        change_number(header, ACKNOWLEDGMENT_OFFSET, &change);
        let mut at = tcp::HEADER_LEN;
        while let Some(&kind) = header.get(at) {
            let length = match kind {
                option::END => return,
                option::NO_OPERATION => 1,
                _ => header.get(at + 1).map_or(0, |&length| usize::from(length)),
            };
            if length == 0
                || (length == 1 && kind != option::NO_OPERATION)
                || at + length > header.len()
            {
                return;
            }
            if kind == option::SELECTIVE_ACKNOWLEDGMENT {
                let edges = (at + 2..at + length).step_by(4);
                edges.filter(|edge| edge + 4 <= at + length).for_each(|edge| {
                    change_number(header, edge, &change);
                });
            }
            at += length;
        }
    });
}

fn change_number(header: &mut [u8], at: usize, change: impl Fn(u32) -> u32) {
    if let Some(field) = header.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *field = change(u32::from_be_bytes(*field)).to_be_bytes();
    }
}

/// Longest TCP header in bytes: 15 words.
const MAX_HEADER_LEN: usize = 60;

/// Changes the TCP header, options included, and the checksum if it is complete: a partial one sums up
/// nothing of it.
fn change_header(frame: &mut Frame<'_>, change: impl FnOnce(&mut [u8])) {
    if header(frame).is_none() {
        return;
    }
    let layout = *frame.layout();
    let checksum = layout.transport() + tcp::CHECKSUM_OFFSET;
    let partial = frame.partial_checksum() == Some(checksum);
    let bytes = frame.ethernet_mut();
    let header = &mut bytes[layout.transport()..layout.payload()];
    let mut room = [0; MAX_HEADER_LEN];
    let old = &mut room[..header.len()];
    old.copy_from_slice(header);
    change(header);
    if !partial {
        let change = Sum::change(old, header);
        let field = u16::from_be_bytes([bytes[checksum], bytes[checksum + 1]]);
        bytes[checksum..checksum + 2].copy_from_slice(&change.update(field).to_be_bytes());
    }
}
