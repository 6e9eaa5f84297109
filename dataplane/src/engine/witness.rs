//! Who is told of each frame that passes?
//!
//! Nobody, mostly: then [`Witness`] is `()`, all of its calls are nothing, and the path is compiled
//! without them. While anything is captured it is [`Captures`], and the path is compiled once more.

use super::desk::Desk;
use super::forwarder::Forwarder;
use crate::capture::filter::View;
use crate::capture::{Capture, MAX_CAPTURES, Seen, Sighting};
use crate::clock::{Time, WallClock};
use crate::frame::Frame;
use crate::outcome::{DropReason, Outcome, PortId};
use crate::pipeline::story::{About, Ends};
use crate::pipeline::{Fate, Pipeline, Story};
use crate::wire::vnet::{self, VnetHeader};

/// Is told what happens to a frame, in this order: it comes and ends, or is refused; then it leaves, by no
/// port or some.
pub(super) trait Witness {
    /// A frame does not parse.
    fn refused(&mut self, _: PortId, _: &[u8], _: DropReason, _: Time) {}
    /// It is about to walk.
    fn comes(&mut self, _: &Frame<'_>, _: &mut Pipeline, _: Time) {}
    /// It has walked.
    fn ends(&mut self, _: &Frame<'_>, _: &Pipeline, _: Outcome, _: Time) {}
    /// Those that leave next are our own, or have waited since they came by this port.
    fn sends(&mut self, _: Option<PortId>) {}
    /// It was handed to a port, which took it or did not.
    fn leaves(&mut self, _: &Frame<'_>, _: PortId, _: Result<(), DropReason>, _: Time) {}
}

impl Witness for () {}

/// The captures of one engine.
#[derive(Debug, Default)]
pub(super) struct Captures {
    list: Vec<Capture>,
    clock: WallClock,
    /// Does anybody want the frame that came last?
    is_wanted: bool,
    /// Of the frame that walks, if it is to be told.
    story: Option<Story>,
    /// Where what leaves had come from, and between which ends.
    origin: (Option<PortId>, Option<Ends>),
}

/// There are [`MAX_CAPTURES`] already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {MAX_CAPTURES} captures of this network already; end one of them first")]
pub struct CapturesFull;

impl Captures {
    /// Adds one, in place of one that is over.
    pub(super) fn add(&mut self, capture: Capture, now: Time) -> Result<(), CapturesFull> {
        self.list.retain(|capture| !capture.is_over(now));
        if self.list.len() >= MAX_CAPTURES {
            return Err(CapturesFull);
        }
        self.list.push(capture);
        Ok(())
    }

    /// Lets each that wants a frame have its bytes; true if any did.
    fn take(&mut self, port: PortId, view: Option<&View>, frame: &[u8], now: Time) -> bool {
        let took = |took, capture: &mut Capture| capture.comes(port, view, frame, now) || took;
        self.list.iter_mut().fold(false, took)
    }

    /// Ends those of a port alone; true if none is left.
    fn forget(&mut self, port: PortId) -> bool {
        self.list.retain(|capture| !capture.is_of(port));
        self.list.is_empty()
    }

    /// Tells all of them that a port has come.
    fn name(&mut self, port: PortId, name: &str) {
        self.list.iter_mut().for_each(|capture| capture.name(port, name));
    }

    /// Lets go of those that are over; true if none is left.
    pub(super) fn clear(&mut self, now: Time) -> bool {
        self.list.retain(|capture| !capture.is_over(now));
        self.list.is_empty()
    }
}

impl Forwarder {
    /// Begins a capture with the next frame.
    ///
    /// # Errors
    /// [`CapturesFull`].
    pub fn capture(&mut self, capture: Capture, now: Time) -> Result<(), CapturesFull> {
        self.desk.captures.get_or_insert_default().add(capture, now)
    }

    /// Is anything captured?
    pub fn is_captured(&self) -> bool {
        self.desk.captures.is_some()
    }

    /// Ends the captures that are over.
    pub fn clear_captures(&mut self, now: Time) {
        self.desk.captures.take_if(|captures| captures.clear(now));
    }

    /// Ends all captures.
    pub fn end_captures(&mut self) {
        self.desk.captures = None;
    }
}

impl Desk {
    /// Ends the captures of a port that was taken out: its id may soon be another's.
    pub(super) fn end_captures_of(&mut self, port: PortId) {
        self.captures.take_if(|captures| captures.forget(port));
    }

    /// Tells the captures that a port has come, perhaps with an id that was another's.
    pub(super) fn name_to_captures(&mut self, port: PortId, name: &str) {
        if let Some(captures) = &mut self.captures {
            captures.name(port, name);
        }
    }

    /// Does something that the captures, if there are any, are to be told of.
    #[cold]
    pub(super) fn with_captures(&mut self, act: impl FnOnce(&mut Self, &mut Captures)) {
        if let Some(mut captures) = self.captures.take() {
            act(self, &mut captures);
            self.captures = Some(captures);
        }
    }
}

impl Witness for Captures {
    fn refused(&mut self, ingress: PortId, bytes: &[u8], reason: DropReason, now: Time) {
        let frame = bytes.get(vnet::HEADER_LEN..).unwrap_or_default();
        if !self.take(ingress, None, frame, now) {
            return;
        }
        let (stamp, seen) = (self.clock.now(), Seen::Refused(reason));
        let sighting = Sighting::new(stamp, ingress, frame.len(), VnetHeader::default(), seen);
        self.list.iter_mut().for_each(|capture| capture.came(&sighting, None));
    }

    fn comes(&mut self, frame: &Frame<'_>, pipeline: &mut Pipeline, now: Time) {
        self.origin = (Some(frame.ingress()), About::of(frame).ends());
        self.is_wanted = self.take(frame.ingress(), Some(&View::of(frame)), frame.ethernet(), now);
        pipeline.forget_judgement();
        // Where nobody is to be told, nothing is looked up.
        let is_told = self.list.iter().any(Capture::wants_story);
        self.story = is_told.then(|| Story::begin(pipeline, frame, now));
    }

    fn ends(&mut self, frame: &Frame<'_>, pipeline: &Pipeline, outcome: Outcome, now: Time) {
        if !self.is_wanted {
            return;
        }
        if let Some(story) = &mut self.story {
            story.finish(pipeline, frame, outcome, now);
        }
        let seen = Seen::Came(Fate::of(self.origin.1, pipeline, frame, outcome));
        let (stamp, length, offload) = (self.clock.now(), frame.len(), *frame.offload());
        let sighting = Sighting::new(stamp, frame.ingress(), length, offload, seen);
        let story = self.story.as_ref();
        self.list.iter_mut().for_each(|capture| capture.came(&sighting, story));
    }

    fn sends(&mut self, from: Option<PortId>) {
        self.origin = (from, None);
    }

    fn leaves(
        &mut self,
        frame: &Frame<'_>,
        egress: PortId,
        taken: Result<(), DropReason>,
        now: Time,
    ) {
        let view = View::of(frame);
        if !self.list.iter().any(|capture| capture.wants(egress, Some(&view))) {
            return;
        }
        let ((from, came), goes) = (self.origin, About::of(frame).ends());
        let (stamp, length, offload) = (self.clock.now(), frame.len(), *frame.offload());
        let seen = Seen::Left { from, came, goes, taken };
        let sighting = Sighting::new(stamp, egress, length, offload, seen);
        for capture in &mut self.list {
            capture.left(&sighting, &view, frame.ethernet(), now);
        }
    }
}
