//! How do frames get from the engine to whoever reads them?
//!
//! One ring has the bytes, one the sightings, and one the stories if they are wanted. The bytes and the
//! story of a sighting are in their rings before it is in its own; so who has taken a sighting finds them.
//! Another one has the names of ports that came; each sighting says how many there were. All are wait-free
//! on both sides.

use super::filter::View;
use super::{RING_BYTES, RING_NAMES, RING_SIGHTINGS, STALL, Seen, Sighting, Spec};
use crate::clock::Time;
use crate::outcome::PortId;
use crate::pipeline::Story;
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
    stories: Option<Producer<Story>>,
    names: Producer<Named>,
    /// How many ports were named.
    named: u32,
    /// A name found no room.
    is_lost: bool,
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
    stories: Option<Consumer<Story>>,
    /// That of the frame that was taken last, if it has one.
    story: Option<Story>,
    names: Consumer<Named>,
    /// How many names were taken.
    taken: u32,
    /// How many of those that are here hold for what comes next.
    due: u32,
    missed: Arc<[AtomicU64]>,
}

/// A port that came while the capture went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its id, which may have been another's.
    pub port: PortId,
    /// Its name.
    pub name: String,
    /// How many frames were missed at this id before it came.
    pub missed: u64,
}

/// Begins a capture at a switch of so many ports.
pub fn begin(spec: Spec, ports: usize) -> (Capture, Catch) {
    sized(spec, ports, RING_BYTES, RING_SIGHTINGS)
}

/// The same with rings of one's own.
pub(super) fn sized(spec: Spec, ports: usize, bytes: usize, sightings: usize) -> (Capture, Catch) {
    let (bytes_in, bytes_out) = RingBuffer::new(bytes);
    let (sightings_in, sightings_out) = RingBuffer::new(sightings);
    // Who reads frees a sighting's place before it takes the story: there is one more of those.
    let stories = spec.stories.then(|| RingBuffer::new(sightings + 1));
    let (stories_in, stories_out) = stories.unzip();
    let (names_in, names_out) = RingBuffer::new(RING_NAMES);
    let missed: Arc<[AtomicU64]> = (0..ports).map(|_| AtomicU64::new(0)).collect();
    let capture = Capture {
        spec,
        bytes: bytes_in,
        sightings: sightings_in,
        stories: stories_in,
        names: names_in,
        named: 0,
        is_lost: false,
        missed: Arc::clone(&missed),
        full: None,
        pending: false,
    };
    let catch = Catch {
        bytes: bytes_out,
        sightings: sightings_out,
        stories: stories_out,
        story: None,
        names: names_out,
        taken: 0,
        due: 0,
        missed,
    };
    (capture, catch)
}

impl Capture {
    /// Takes the bytes of a frame, an Ethernet header and what follows, that comes in at a port, if it
    /// is wanted; then it returns true, and [`Self::came`] is next. `view` is `None` if it does not parse.
    pub fn comes(&mut self, port: PortId, view: Option<&View>, frame: &[u8], now: Time) -> bool {
        self.pending = self.wants(port, view) && self.copy(port, frame, now);
        self.pending
    }

    /// Is the story of the frame that came in last to be told?
    pub fn wants_story(&self) -> bool {
        self.pending && self.stories.is_some()
    }

    /// Says what became of the frame that came in last; with its [`Seen::Came`] goes its story, if it is
    /// [wanted](Self::wants_story).
    pub fn came(&mut self, sighting: &Sighting, story: Option<&Story>) {
        if std::mem::take(&mut self.pending) {
            if let (Some(stories), Some(story)) = (&mut self.stories, story) {
                // There is room for one more than there is for sightings.
                let _ = stories.push(*story);
            }
            self.push(sighting);
        }
    }

    /// Takes a frame that leaves by a port, if it is wanted.
    pub fn left(&mut self, sighting: &Sighting, view: &View, frame: &[u8], now: Time) {
        if self.wants(sighting.port, Some(view)) && self.copy(sighting.port, frame, now) {
            self.push(sighting);
        }
    }

    /// Says that frames at `port` are of a port of this name from now on. Not for a frame.
    pub fn name(&mut self, port: PortId, name: &str) {
        let missed = self.missed.get(port.index()).map_or(0, |it| it.load(Ordering::Relaxed));
        let named = Named { port, name: name.to_owned(), missed };
        match self.names.push(named) {
            Ok(()) => self.named = self.named.wrapping_add(1),
            Err(_) => self.is_lost = true,
        }
    }

    /// Is the capture over: is its reader gone, or has it not read for [`STALL`], or missed a name?
    pub fn is_over(&self, now: Time) -> bool {
        let is_stalled = |full: Full| self.is_unread(full) && now - full.since >= STALL;
        self.is_lost || self.full.is_some_and(is_stalled) || self.sightings.is_abandoned()
    }

    /// Is it of this port alone?
    pub fn is_of(&self, port: PortId) -> bool {
        self.spec.port == Some(port)
    }

    /// Is a frame at this port wanted? `view` is `None` if it does not parse.
    pub fn wants(&self, port: PortId, view: Option<&View>) -> bool {
        let here = self.spec.port.is_none_or(|wanted| wanted == port);
        here && !self.is_lost
            && match view {
                Some(view) => self.spec.filter.matches(view),
                None => self.spec.filter == super::Filter::All,
            }
    }

    fn push(&mut self, sighting: &Sighting) {
        // There was room when its bytes were taken, and nobody else writes.
        let _ = self.sightings.push(Sighting { named: self.named, ..*sighting });
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
        Self { stamp, port, offload, seen, length: length as u32, named: 0 }
    }
}

impl Catch {
    /// The next sighting; its frame, from the Ethernet header on, takes the place of what was in `frame`.
    /// Ports that came before it are told by [`Self::named`], its story by [`Self::story`].
    pub fn next(&mut self, frame: &mut Vec<u8>) -> Option<Sighting> {
        // RING_NAMES at most. Asked for first: what was seen before one of these is here by now, so if there
        // is nothing, it has been taken.
        let here = self.names.slots() as u32;
        let next = self.sightings.pop().ok();
        self.due = next.map_or(here, |sighting| sighting.named.wrapping_sub(self.taken));
        let sighting = next?;
        frame.resize(sighting.length as usize, 0);
        // They were written before the sighting was.
        self.bytes.pop_entire_slice(frame).ok()?;
        let has_story = matches!(sighting.seen, Seen::Came(_));
        self.story = self.stories.as_mut().filter(|_| has_story).and_then(|it| it.pop().ok());
        Some(sighting)
    }

    /// What became of the frame that [`Self::next`] has returned last, and by what; `None` if it did not
    /// come in and walk, or if stories were not asked for.
    pub fn story(&self) -> Option<&Story> {
        self.story.as_ref()
    }

    /// The next port that came before what [`Self::next`] has returned, or by now if that was nothing.
    pub fn named(&mut self) -> Option<Named> {
        self.due = self.due.checked_sub(1)?;
        self.taken = self.taken.wrapping_add(1);
        self.names.pop().ok()
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
