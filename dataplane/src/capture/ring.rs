//! How do frames get from the engine to whoever reads them?
//!
//! One ring has the bytes, one the sightings. The bytes of a sighting are in their ring before it is in
//! its own; so who has taken a sighting finds its bytes. Both are wait-free on both sides.

use super::filter::View;
use super::{RING_BYTES, RING_SIGHTINGS, STALL, Seen, Sighting, Spec};
use crate::clock::Time;
use crate::outcome::PortId;
use crate::wire::vnet::VnetHeader;
use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The engine's end of a capture.
#[derive(Debug)]
pub struct Capture {
    spec: Spec,
    bytes: Producer<u8>,
    sightings: Producer<Sighting>,
    missed: Arc<[AtomicU64]>,
    /// `None` while what is wanted fits.
    full: Option<Full>,
    /// Bytes of a frame that came in are written, and its sighting is not yet.
    pending: bool,
}

/// A ring that a frame did not fit into.
#[derive(Clone, Copy, Debug)]
struct Full {
    /// When that was, after the last time that something was read.
    since: Time,
    /// How many more sightings there was room for then. Nothing is written meanwhile, so another number
    /// says that something was read.
    slots: usize,
}

/// The reader's end.
#[derive(Debug)]
pub struct Catch {
    bytes: Consumer<u8>,
    sightings: Consumer<Sighting>,
    missed: Arc<[AtomicU64]>,
}

/// Begins a capture at a switch of so many ports.
pub fn begin(spec: Spec, ports: usize) -> (Capture, Catch) {
    sized(spec, ports, RING_BYTES, RING_SIGHTINGS)
}

/// The same with rings of one's own.
pub(super) fn sized(spec: Spec, ports: usize, bytes: usize, sightings: usize) -> (Capture, Catch) {
    let (bytes_in, bytes_out) = RingBuffer::new(bytes);
    let (sightings_in, sightings_out) = RingBuffer::new(sightings);
    let missed: Arc<[AtomicU64]> = (0..ports).map(|_| AtomicU64::new(0)).collect();
    let capture = Capture {
        spec,
        bytes: bytes_in,
        sightings: sightings_in,
        missed: Arc::clone(&missed),
        full: None,
        pending: false,
    };
    (capture, Catch { bytes: bytes_out, sightings: sightings_out, missed })
}

impl Capture {
    /// Takes the bytes of a frame, an Ethernet header and what follows, that comes in at a port, if it
    /// is wanted; then it returns true, and [`Self::came`] is next. `view` is `None` if it does not parse.
    pub fn comes(&mut self, port: PortId, view: Option<&View>, frame: &[u8], now: Time) -> bool {
        self.pending = self.wants(port, view) && self.copy(port, frame, now);
        self.pending
    }

    /// Says what became of the frame that came in last.
    pub fn came(&mut self, sighting: Sighting) {
        if std::mem::take(&mut self.pending) {
            // There was room when its bytes were taken, and nobody else writes.
            let _ = self.sightings.push(sighting);
        }
    }

    /// Takes a frame that leaves by a port, if it is wanted.
    pub fn left(&mut self, sighting: Sighting, view: &View, frame: &[u8], now: Time) {
        if self.wants(sighting.port, Some(view)) && self.copy(sighting.port, frame, now) {
            let _ = self.sightings.push(sighting);
        }
    }

    /// Is the capture over: is its reader gone, or has it not read for [`STALL`]?
    pub fn is_over(&self, now: Time) -> bool {
        let is_stalled = |full: Full| self.is_unread(full) && now - full.since >= STALL;
        self.full.is_some_and(is_stalled) || self.sightings.is_abandoned()
    }

    /// Is it of this port alone?
    pub fn is_of(&self, port: PortId) -> bool {
        self.spec.port == Some(port)
    }

    /// Is a frame at this port wanted? `view` is `None` if it does not parse.
    pub fn wants(&self, port: PortId, view: Option<&View>) -> bool {
        let here = self.spec.port.is_none_or(|wanted| wanted == port);
        here && match view {
            Some(view) => self.spec.filter.matches(view),
            None => self.spec.filter == super::Filter::All,
        }
    }

    /// Puts bytes into their ring, if there is room for them and for a sighting.
    fn copy(&mut self, port: PortId, frame: &[u8], now: Time) -> bool {
        let room = self.sightings.slots() > 0 && self.bytes.push_entire_slice(frame).is_ok();
        if room {
            self.full = None;
            return true;
        }
        if !self.full.is_some_and(|full| self.is_unread(full)) {
            self.full = Some(Full { since: now, slots: self.sightings.slots() });
        }
        if let Some(missed) = self.missed.get(port.index()) {
            missed.fetch_add(1, Ordering::Relaxed);
        }
        false
    }

    /// Was nothing read since?
    fn is_unread(&self, full: Full) -> bool {
        self.sightings.slots() == full.slots
    }
}

impl Sighting {
    /// A frame of so many bytes at a port.
    pub fn new(stamp: u64, port: PortId, length: usize, offload: VnetHeader, seen: Seen) -> Self {
        // A frame is 64 KiB and some bytes at most.
        Self { stamp, port, offload, seen, length: length as u32 }
    }
}

impl Catch {
    /// The next sighting; its frame, from the Ethernet header on, takes the place of what was in `frame`.
    pub fn next(&mut self, frame: &mut Vec<u8>) -> Option<Sighting> {
        let sighting = self.sightings.pop().ok()?;
        frame.resize(sighting.length as usize, 0);
        // They were written before the sighting was.
        self.bytes.pop_entire_slice(frame).ok()?;
        Some(sighting)
    }

    /// Will nothing come any more, but for what is here already? True once the engine has ended, or has
    /// ended the capture.
    pub fn is_over(&self) -> bool {
        self.sightings.is_abandoned()
    }

    /// How many wanted frames found no room so far, at each port.
    pub fn missed(&self) -> Vec<u64> {
        self.missed.iter().map(|missed| missed.load(Ordering::Relaxed)).collect()
    }
}
