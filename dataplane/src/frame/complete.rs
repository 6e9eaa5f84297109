//! Finishes a partial checksum, for a port that takes only complete ones.
//!
//! Source: `skb_checksum_help` in `net/core/dev.c`.

use super::Frame;
use crate::wire::checksum::Sum;
use crate::wire::udp;
use crate::wire::vnet::{self, VnetHeader};
use zerocopy::IntoBytes;

/// Writes the frame with a complete checksum, and a virtio header that says so, to the start of
/// `room`, which must be as long as [`Frame::with_vnet_header`]. Returns what was written.
///
/// The frame must not be a super-frame: [`super::segment`] completes what it cuts.
pub fn complete<'r>(frame: &Frame<'_>, room: &'r mut [u8]) -> &'r [u8] {
    let from = frame.with_vnet_header();
    let room = &mut room[..from.len()];
    room.copy_from_slice(from);
    let offload = frame.offload();
    let header = VnetHeader { hdr_len: offload.hdr_len, ..Default::default() };
    room[..vnet::HEADER_LEN].copy_from_slice(header.as_bytes());
    if offload.needs_checksum() {
        let start = vnet::HEADER_LEN + usize::from(offload.csum_start.get());
        let at = start + usize::from(offload.csum_offset.get());
        // The field holds the pseudo-header's sum, so it is summed with the rest.
        let sum = Sum::default().bytes(&room[start..]).checksum();
        // Only UDP needs it; the kernel does so for all, and either is valid.
        let value = udp::nonzero(sum);
        room[at..at + 2].copy_from_slice(&value.to_be_bytes());
    }
    room
}
