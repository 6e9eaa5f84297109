//! What is the way of a frame that was read?
//!
//! No clock, no poller, no thread.

use super::reading::Reads;
use super::slots::{Slot, Slots};
use super::witness::{Captures, Witness};
use crate::clock::Time;
use crate::config::MAX_PORTS;
use crate::counters::PortCounters;
use crate::frame::Frame;
use crate::gateway::HOST;
use crate::limits::Limits;
use crate::outbox::{Errand, Parcel};
use crate::outcome::{DropReason, PortId, QueueId, Verdict};
use crate::pipeline::{Pipeline, Walked};
use crate::port::deliver::Scratch;
use crate::port::{Port, deliver};
use crossbeam_utils::CachePadded;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The counters of all ports, each on cache lines of its own.
pub type Counters = Arc<[CachePadded<PortCounters>]>;

/// All that a frame needs once it is read.
pub(super) struct Desk {
    pub(super) slots: Slots,
    pub(super) pipeline: Pipeline,
    /// Of the ports of the switch, and of some that may come.
    pub(super) counters: Counters,
    pub(super) scratch: Scratch,
    /// `None` while nothing is captured: all that this costs a frame is one look.
    pub(super) captures: Option<Box<Captures>>,
    /// The queue of the frame that is on its way. What it leaves to be sent goes by the same.
    pub(super) queue: QueueId,
}

impl Reads for Desk {
    #[inline]
    fn reader(&mut self, id: PortId) -> Option<&mut Box<dyn Port>> {
        self.slots.reader_mut(id)
    }

    #[inline]
    fn counters(&self) -> &Counters {
        &self.counters
    }

    #[inline]
    fn receive(&mut self, ingress: PortId, queue: QueueId, bytes: &mut [u8], now: Time) {
        self.queue = queue;
        self.forward::<false>(ingress, bytes, now);
        if !self.pipeline.outbox.is_empty() {
            self.send_parcels(now);
        }
    }

    fn bury(&mut self, id: PortId, _: Time) {
        self.forget(id);
    }
}

impl Desk {
    /// The port's device is gone.
    pub(super) fn forget(&mut self, id: PortId) {
        if id.index() < MAX_PORTS {
            self.pipeline.switch.remove_port(id);
        }
    }

    /// The way of one frame; the rest of it, if it has waited.
    #[inline]
    fn forward<const WAITED: bool>(&mut self, ingress: PortId, bytes: &mut [u8], now: Time) {
        if self.captures.is_none() {
            self.pass::<WAITED>(ingress, bytes, now, &mut ());
        } else {
            self.with_captures(|desk, captures| desk.pass::<WAITED>(ingress, bytes, now, captures));
        }
    }

    #[inline]
    fn pass<const WAITED: bool>(
        &mut self,
        ingress: PortId,
        bytes: &mut [u8],
        now: Time,
        witness: &mut impl Witness,
    ) {
        let mut frame = match Frame::parse_on(self.queue, ingress, bytes) {
            Ok(frame) => frame,
            Err(reason) => {
                witness.refused(ingress, bytes, reason, now);
                return self.counters[ingress.index()].dropped(reason).add(1);
            }
        };
        let pipeline = &mut self.pipeline;
        witness.comes(&frame, pipeline, now);
        let walked = match WAITED {
            false => pipeline.walk(&mut frame, now),
            true => pipeline.walk_on(&mut frame, now),
        };
        witness.ends(&frame, pipeline, walked.outcome, now);
        self.conclude(&frame, walked, now, witness);
    }

    /// Does what was decided.
    #[inline(always)]
    pub(super) fn conclude(
        &mut self,
        frame: &Frame<'_>,
        walked: Walked,
        now: Time,
        witness: &mut impl Witness,
    ) {
        self.count_eviction(walked.evicted);
        // Its flow may have another than the one it came by.
        self.queue = frame.queue();
        let Self { slots, pipeline, counters, scratch, .. } = self;
        let Pipeline { switch, limits, .. } = pipeline;
        let (ingress, ports) = (frame.ingress(), slots.len() as u16);
        let counted = &counters[ingress.index()];
        let mut to = |id: PortId| {
            let taken = hand(slots, limits, counters, scratch, frame, id, now);
            witness.leaves(frame, id, taken, now);
        };
        match walked.outcome {
            Err(reason) => counted.dropped(reason).add(1),
            Ok(Verdict::Unicast(egress)) => to(egress),
            Ok(Verdict::Flood) => (0..ports)
                .map(PortId)
                .filter(|&egress| switch.is_flooded(egress, ingress))
                .for_each(to),
            Ok(Verdict::Answered) => counted.answered.add(1),
            Ok(Verdict::Held) => counted.held.add(1),
        }
    }

    /// Sends what the stages have left to be sent.
    #[cold]
    pub(super) fn send_parcels(&mut self, now: Time) {
        while let Some(Parcel { errand, mut bytes }) = self.pipeline.outbox.take() {
            match errand {
                Errand::Walk(ingress, queue) => {
                    self.queue = queue;
                    self.counters[ingress.index()].released.add(1);
                    self.forward::<true>(ingress, &mut bytes, now);
                }
                Errand::Drop(ingress, reason) => {
                    self.counters[ingress.index()].dropped(reason).add(1);
                }
                Errand::Release { ingress, queue, egress } => {
                    self.queue = queue;
                    self.counters[ingress.index()].released.add(1);
                    self.send(Some(ingress), &mut bytes, egress..=egress, now);
                }
                Errand::Send(egress) => self.send(None, &mut bytes, egress..=egress, now),
                Errand::FloodNamespaces => {
                    let last = PortId(self.slots.len() as u16 - 1);
                    self.send(None, &mut bytes, PortId(1)..=last, now);
                }
            }
        }
    }

    /// Writes a frame of our own, or one that has waited since it came by `from`, to these ports.
    fn send(
        &mut self,
        from: Option<PortId>,
        bytes: &mut [u8],
        to: RangeInclusive<PortId>,
        now: Time,
    ) {
        if self.captures.is_none() {
            self.send_before(bytes, to, now, &mut ());
        } else {
            self.with_captures(|desk, captures| {
                captures.sends(from);
                desk.send_before(bytes, to, now, captures);
            });
        }
    }

    fn send_before(
        &mut self,
        bytes: &mut [u8],
        to: RangeInclusive<PortId>,
        now: Time,
        witness: &mut impl Witness,
    ) {
        let Self { slots, pipeline, counters, scratch, .. } = self;
        // It was built here, or parsed before: there is no reason to be counted.
        let Ok(frame) = Frame::parse_on(self.queue, HOST, bytes) else { return };
        let Pipeline { switch, limits, .. } = pipeline;
        for id in (to.start().0..=to.end().0).map(PortId).filter(|&id| switch.has_port(id)) {
            let taken = hand(slots, limits, counters, scratch, &frame, id, now);
            witness.leaves(&frame, id, taken, now);
        }
    }
}

/// Writes a frame to one port, if it is there and may get it. Returns what became of it, which is counted.
#[inline]
pub(super) fn hand(
    slots: &mut Slots,
    limits: &mut Limits,
    counters: &Counters,
    scratch: &mut Scratch,
    frame: &Frame<'_>,
    id: PortId,
    now: Time,
) -> Result<(), DropReason> {
    let counters = &counters[id.index()];
    if let Err(reason) = limits.enter(id, frame, now) {
        counters.dropped(reason).add(1);
        return Err(reason);
    }
    let Slot { port, mtu } = slots.port_mut(id);
    match port {
        Some(port) => deliver(frame, port.as_mut(), *mtu, counters, scratch),
        None => {
            counters.dropped(DropReason::EgressGone).add(1);
            Err(DropReason::EgressGone)
        }
    }
}
