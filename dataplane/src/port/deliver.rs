//! Does the frame fit the port it goes to, and what must be done to it first?
//!
//! Almost always nothing: the frame is written as it was read. A port without an offload that the
//! frame relies on gets segments or a complete checksum instead. What dies here is counted at the
//! egress port.

use super::Port;
use crate::counters::PortCounters;
use crate::frame::segment::Segments;
use crate::frame::{BUFFER_LEN, Frame, complete};
use crate::outcome::{DropReason, QueueId};
use crate::wire::vnet;

/// Room to cut and complete frames in, [`BUFFER_LEN`] bytes; one for an engine.
#[derive(Debug)]
pub struct Scratch(Box<[u8]>);

impl Default for Scratch {
    fn default() -> Self {
        Self(vec![0; BUFFER_LEN].into_boxed_slice())
    }
}

/// Writes `frame` to `port`, whose interface has this `mtu` in bytes, and counts what became of it.
///
/// # Errors
/// The reason, which was counted; of a super-frame that is cut, not what its segments die of.
#[inline]
pub fn deliver(
    frame: &Frame<'_>,
    port: &mut dyn Port,
    mtu: usize,
    counters: &PortCounters,
    scratch: &mut Scratch,
) -> Result<(), DropReason> {
    let result = if frame.largest_packet() > mtu {
        Err(DropReason::ExceedsMtu)
    } else if port.offloads().contains(frame.required_offloads()) {
        write(port, frame.queue(), frame.with_vnet_header(), counters)
    } else {
        deliver_plain(frame, port, counters, scratch)
    };
    if let Err(reason) = result {
        counters.dropped(reason).add(1);
    }
    result
}

/// Does the sender's work: cuts a super-frame, completes a checksum. Each segment that dies counts.
#[cold]
fn deliver_plain(
    frame: &Frame<'_>,
    port: &mut dyn Port,
    counters: &PortCounters,
    Scratch(room): &mut Scratch,
) -> Result<(), DropReason> {
    if frame.super_frame().is_none() {
        return write(port, frame.queue(), complete::complete(frame, room), counters);
    }
    let mut segments = Segments::of(frame).ok_or(DropReason::CannotSegment)?;
    while let Some(segment) = segments.write_next(room) {
        if let Err(reason) = write(port, frame.queue(), segment, counters) {
            counters.dropped(reason).add(1);
        }
    }
    Ok(())
}

#[inline]
fn write(
    port: &mut dyn Port,
    queue: QueueId,
    bytes: &[u8],
    counters: &PortCounters,
) -> Result<(), DropReason> {
    port.send_by(queue, bytes)?;
    counters.sent.add(1);
    counters.sent_bytes.add((bytes.len() - vnet::HEADER_LEN) as u64);
    Ok(())
}
