//! What forwards by itself: the ports, the stages between them, and one buffer.
//!
//! No clock, no poller, no thread: tests and benchmarks drive it with ports in memory.

use super::desk::{Counters, Desk};
use super::lending::Lending;
use super::reading::{self, Served};
use super::slots::Slots;
use super::station::Inlet;
use crate::clock::Time;
use crate::config::Config;
use crate::frame::FrameBuffer;
use crate::outcome::{PortId, QueueId};
use crate::pipeline::Pipeline;
use crate::port::Port;
use crate::port::deliver::Scratch;
use crossbeam_utils::CachePadded;
use std::time::Duration;

/// Most entries of a table that one pass looks at to let them go.
const EXPIRY_BUDGET: usize = 64;

/// How often aged entries are looked for while frames flow.
const TICK: Duration = Duration::from_millis(500);

/// The ports, the pipeline between them, and one buffer.
pub struct Forwarder {
    pub(super) desk: Desk,
    buffer: FrameBuffer,
    next_tick: Time,
}

impl Forwarder {
    /// `ports[i]` is the port of `config.ports()[i]`. Ports beyond are no ports of the switch: what is
    /// read from them enters as if from the host, and nothing is written to them.
    pub fn new(config: &Config, ports: Vec<Box<dyn Port>>) -> Self {
        let slots = Slots::new(config.ports(), ports);
        let counters = config.ports().iter().map(|_| CachePadded::default()).collect();
        let pipeline = Pipeline::new(config);
        let (scratch, queue) = (Scratch::default(), QueueId::FIRST);
        let desk = Desk { slots, pipeline, counters, scratch, captures: None, queue };
        Self { desk, buffer: FrameBuffer::new(), next_tick: Time::START }
    }

    /// Reads up to `budget` frames of a port's first queue and sends each on its way.
    #[inline]
    pub fn serve(&mut self, id: PortId, budget: usize, now: Time) -> Served {
        self.serve_inlet(Inlet { port: id, queue: QueueId::FIRST }, budget, now)
    }

    /// The same of any queue.
    #[inline]
    pub(super) fn serve_inlet(&mut self, inlet: Inlet, budget: usize, now: Time) -> Served {
        reading::serve(&mut self.desk, &mut self.buffer, inlet, budget, now)
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
