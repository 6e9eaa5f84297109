//! Reads, walks, writes: what the engine does with one port that has frames.
//!
//! No clock, no poller, no thread: tests and benchmarks drive it with ports in memory.

use super::lending::Lending;
use super::slots::{Slot, Slots};
use super::witness::{Captures, Witness};
use crate::clock::Time;
use crate::config::{Config, MAX_PORTS};
use crate::counters::PortCounters;
use crate::frame::{Frame, FrameBuffer};
use crate::gateway::HOST;
use crate::limits::Limits;
use crate::outbox::{Errand, Parcel};
use crate::outcome::{DropReason, PortId, Verdict};
use crate::pipeline::Pipeline;
use crate::port::deliver::Scratch;
use crate::port::{Port, Received, deliver};
use crate::wire::vnet;
use crossbeam_utils::CachePadded;
use std::ops::RangeInclusive;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

/// Most entries of a table that one pass looks at to let them go.
const EXPIRY_BUDGET: usize = 64;

/// How often aged entries are looked for while frames flow.
const TICK: Duration = Duration::from_millis(500);

/// What serving a port came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// It had nothing.
    Idle,
    /// It had this many frames, and then no more.
    Dry(usize),
    /// It used up its budget; there may be more.
    More,
    /// It is gone.
    Gone,
}

/// The counters of all ports, each on cache lines of its own.
pub type Counters = Arc<[CachePadded<PortCounters>]>;

/// The ports, the pipeline between them, and one buffer.
pub struct Forwarder {
    pub(super) desk: Desk,
    buffer: FrameBuffer,
    next_tick: Time,
}

/// All that a frame needs once it is read.
pub(super) struct Desk {
    pub(super) slots: Slots,
    pub(super) pipeline: Pipeline,
    /// Of the ports of the switch, and of some that may come.
    pub(super) counters: Counters,
    pub(super) scratch: Scratch,
    /// `None` while nothing is captured: all that this costs a frame is one look.
    pub(super) captures: Option<Box<Captures>>,
}

impl Forwarder {
    /// `ports[i]` is the port of `config.ports()[i]`. Ports beyond are no ports of the switch: what is
    /// read from them enters as if from the host, and nothing is written to them.
    pub fn new(config: &Config, ports: Vec<Box<dyn Port>>) -> Self {
        let slots = Slots::new(config.ports(), ports);
        let counters = config.ports().iter().map(|_| CachePadded::default()).collect();
        let pipeline = Pipeline::new(config);
        let desk = Desk { slots, pipeline, counters, scratch: Scratch::default(), captures: None };
        Self { desk, buffer: FrameBuffer::new(), next_tick: Time::START }
    }

    /// Reads up to `budget` frames of one port and sends each on its way.
    #[inline]
    pub fn serve(&mut self, id: PortId, budget: usize, now: Time) -> Served {
        let Self { desk, buffer, .. } = self;
        // What is read from a listener enters as if from the host.
        let enters_as = if id.index() < MAX_PORTS { id } else { HOST };
        let mut frames = 0;
        while frames < budget {
            let Some(port) = desk.slots.reader_mut(id) else { return Served::Gone };
            match port.receive(buffer) {
                Received::Frame(length) => desk.receive(enters_as, buffer.filled(length), now),
                Received::Unreadable => desk.lose(enters_as),
                Received::Interrupted => continue,
                Received::Empty if frames == 0 => return Served::Idle,
                Received::Empty => return Served::Dry(frames),
                Received::Gone => {
                    // Its device is gone: nothing goes there any more.
                    desk.bury(id);
                    return Served::Gone;
                }
            }
            frames += 1;
        }
        Served::More
    }

    /// Is the port there?
    pub fn is_alive(&self, id: PortId) -> bool {
        self.desk.pipeline.switch.has_port(id)
    }

    /// The ids of all ports, those that are gone and those that are only read from included.
    pub fn ids(&self) -> impl Iterator<Item = PortId> + use<> {
        self.desk.slots.ids()
    }

    /// The ids of those that are only read from.
    pub fn listener_ids(&self) -> impl Iterator<Item = PortId> + use<> {
        self.desk.slots.listener_ids()
    }

    /// The descriptor to wait on for a port; `None` for one that has none or was taken out.
    pub fn fd(&self, id: PortId) -> Option<RawFd> {
        self.desk.slots.reader(id)?.fd()
    }

    /// Gives the ports back, but for those that were taken out.
    pub fn into_ports(self) -> Vec<Box<dyn Port>> {
        self.desk.slots.into_ports()
    }

    /// The counters, to read from anywhere.
    pub fn counters(&self) -> &Counters {
        &self.desk.counters
    }

    /// The stages.
    pub fn pipeline(&self) -> &Pipeline {
        &self.desk.pipeline
    }

    /// The stages, to be configured anew or asked to let something go.
    pub fn pipeline_mut(&mut self) -> &mut Pipeline {
        &mut self.desk.pipeline
    }

    /// Lets aged FDB entries go, at most `budget` of them. Returns how many went.
    pub fn expire(&mut self, now: Time, budget: usize) -> usize {
        self.desk.pipeline.switch.expire(now, budget)
    }

    /// Has a look at what ages, if it is time for that. Returns when to look again, and how many slots of
    /// the flow tables are to be looked at until then.
    pub(super) fn tick(&mut self, now: Time) -> (Time, Option<usize>) {
        if now < self.next_tick {
            return (self.next_tick, None);
        }
        let more = self.expire(now, EXPIRY_BUDGET) == EXPIRY_BUDGET;
        self.next_tick = if more { now } else { now + TICK };
        self.give_up(now);
        self.clear_captures(now);
        let router = &self.desk.pipeline.router;
        (self.next_tick, Some(router.as_ref().map_or(0, |router| router.expiry_share())))
    }

    /// Lets flows go that have expired, looking at a few slots; returns at how many.
    pub(super) fn expire_flows(&mut self, now: Time) -> usize {
        let router = &mut self.desk.pipeline.router;
        router.as_mut().map_or(0, |router| router.expire(now, EXPIRY_BUDGET))
    }

    /// When something will be due; `None` for never.
    pub(super) fn due(&self) -> Option<Time> {
        let pipeline = &self.desk.pipeline;
        let flows = pipeline.router.as_ref().is_some_and(|router| !router.is_idle());
        let aged = pipeline.switch.fdb().next_expiry();
        let due = if flows || self.is_captured() { Some(self.next_tick) } else { aged }?;
        Some(due.max(self.next_tick))
    }

    /// Lets workers have these twins of the ports, and see all changes from now on.
    pub(super) fn lend(&mut self, lending: Lending) {
        self.desk.slots.lending = Some(lending);
    }

    /// Gives up on what has waited too long in the router, and sends what that leaves to be sent.
    pub fn give_up(&mut self, now: Time) {
        let Pipeline { router, outbox, .. } = &mut self.desk.pipeline;
        if let Some(router) = router {
            router.give_up(outbox, now);
            self.desk.send_parcels(now);
        }
    }
}

impl Desk {
    /// The way of a frame that was read, and of what it leaves to be sent.
    #[inline]
    fn receive(&mut self, ingress: PortId, bytes: &mut [u8], now: Time) {
        let counted = &self.counters[ingress.index()];
        counted.received.add(1);
        counted.received_bytes.add(bytes.len().saturating_sub(vnet::HEADER_LEN) as u64);
        self.forward::<false>(ingress, bytes, now);
        if !self.pipeline.outbox.is_empty() {
            self.send_parcels(now);
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
        let Self { slots, pipeline, counters, scratch, .. } = self;
        let counted = &counters[ingress.index()];
        let mut frame = match Frame::parse(ingress, bytes) {
            Ok(frame) => frame,
            Err(reason) => {
                witness.refused(ingress, bytes, reason, now);
                return counted.dropped(reason).add(1);
            }
        };
        witness.comes(&frame, pipeline, now);
        let walked = match WAITED {
            false => pipeline.walk(&mut frame, now),
            true => pipeline.walk_on(&mut frame, now),
        };
        witness.ends(&frame, pipeline, walked.outcome, now);
        if let Some(loser) = walked.evicted {
            counters[loser.index()].fdb_evictions.add(1);
        }
        let Pipeline { switch, limits, .. } = pipeline;
        let ports = slots.len() as u16;
        let mut to = |id: PortId| {
            let taken = hand(slots, limits, counters, scratch, &frame, id, now);
            witness.leaves(&frame, id, taken, now);
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
                Errand::Walk(ingress) => {
                    self.counters[ingress.index()].released.add(1);
                    self.forward::<true>(ingress, &mut bytes, now);
                }
                Errand::Drop(ingress, reason) => {
                    self.counters[ingress.index()].dropped(reason).add(1);
                }
                Errand::Release { ingress, egress } => {
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
        let Ok(frame) = Frame::parse(HOST, bytes) else { return };
        let Pipeline { switch, limits, .. } = pipeline;
        for id in (to.start().0..=to.end().0).map(PortId).filter(|&id| switch.has_port(id)) {
            let taken = hand(slots, limits, counters, scratch, &frame, id, now);
            witness.leaves(&frame, id, taken, now);
        }
    }

    /// The port's device is gone.
    pub(super) fn bury(&mut self, id: PortId) {
        if id.index() < MAX_PORTS {
            self.pipeline.switch.remove_port(id);
        }
    }

    /// A frame that came without its bytes.
    #[cold]
    fn lose(&self, ingress: PortId) {
        let counted = &self.counters[ingress.index()];
        counted.received.add(1);
        counted.dropped(DropReason::UnreadableFrame).add(1);
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
