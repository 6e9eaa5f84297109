//! Reads, walks, writes: what the engine does with one port that has frames.
//!
//! No clock, no poller, no thread: tests and benchmarks drive it with ports in memory.

use crate::clock::Time;
use crate::config::Config;
use crate::counters::PortCounters;
use crate::frame::{Frame, FrameBuffer};
use crate::outcome::{DropReason, PortId, Verdict};
use crate::pipeline::Pipeline;
use crate::port::deliver::Scratch;
use crate::port::{Port, Received, deliver};
use crate::wire::vnet;
use crossbeam_utils::CachePadded;
use std::os::fd::RawFd;
use std::sync::Arc;

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

struct Slot {
    /// `None` once it was taken out.
    port: Option<Box<dyn Port>>,
    mtu: usize,
}

/// The ports, the pipeline between them, and one buffer.
pub struct Forwarder {
    slots: Vec<Slot>,
    pipeline: Pipeline,
    counters: Counters,
    buffer: FrameBuffer,
    scratch: Scratch,
}

impl Forwarder {
    /// `ports[i]` is the port of `config.ports()[i]`. Ports without a partner are left out.
    pub fn new(config: &Config, ports: Vec<Box<dyn Port>>) -> Self {
        let slots: Vec<Slot> = ports
            .into_iter()
            .zip(config.ports())
            .map(|(port, config)| Slot { port: Some(port), mtu: usize::from(config.mtu) })
            .collect();
        let counters = slots.iter().map(|_| CachePadded::default()).collect();
        Self {
            slots,
            pipeline: Pipeline::new(config),
            counters,
            buffer: FrameBuffer::new(),
            scratch: Scratch::default(),
        }
    }

    /// Reads up to `budget` frames of one port and sends each on its way.
    #[inline]
    pub fn serve(&mut self, id: PortId, budget: usize, now: Time) -> Served {
        let mut frames = 0;
        while frames < budget {
            let Some(port) = &mut self.slots[id.index()].port else { return Served::Gone };
            match port.receive(&mut self.buffer) {
                Received::Frame(length) => self.forward(id, length, now),
                Received::Unreadable => self.lose(id),
                Received::Interrupted => continue,
                Received::Empty if frames == 0 => return Served::Idle,
                Received::Empty => return Served::Dry(frames),
                Received::Gone => {
                    // Its device is gone: nothing goes there any more.
                    self.pipeline.switch.remove_port(id);
                    return Served::Gone;
                }
            }
            frames += 1;
        }
        Served::More
    }

    /// The way of the one frame in the buffer.
    #[inline]
    fn forward(&mut self, ingress: PortId, length: usize, now: Time) {
        let Self { slots, pipeline, counters, buffer, scratch } = self;
        let counted = &counters[ingress.index()];
        counted.received.add(1);
        counted.received_bytes.add(length.saturating_sub(vnet::HEADER_LEN) as u64);
        let frame = match Frame::parse(ingress, buffer.filled(length)) {
            Ok(frame) => frame,
            Err(reason) => return counted.dropped(reason).add(1),
        };
        let walked = pipeline.walk(&frame, now);
        if let Some(loser) = walked.evicted {
            counters[loser.index()].fdb_evictions.add(1);
        }
        let mut hand = |id: PortId| {
            let Slot { port, mtu, .. } = &mut slots[id.index()];
            let counters = &counters[id.index()];
            match port {
                Some(port) => deliver(&frame, port.as_mut(), *mtu, counters, scratch),
                None => counters.dropped(DropReason::EgressGone).add(1),
            }
        };
        match walked.outcome {
            Err(reason) => counted.dropped(reason).add(1),
            Ok(Verdict::Unicast(egress)) => hand(egress),
            Ok(Verdict::Flood) => (0..counters.len() as u16)
                .map(PortId)
                .filter(|&egress| pipeline.switch.is_flooded(egress, ingress))
                .for_each(hand),
            Ok(Verdict::Answered | Verdict::Held) => {}
        }
    }

    /// A frame that came without its bytes.
    #[cold]
    fn lose(&self, ingress: PortId) {
        let counted = &self.counters[ingress.index()];
        counted.received.add(1);
        counted.dropped(DropReason::UnreadableFrame).add(1);
    }

    /// Takes a port out and hands it back; `None` if that was done before.
    pub fn remove(&mut self, id: PortId) -> Option<Box<dyn Port>> {
        self.pipeline.switch.remove_port(id);
        self.slots[id.index()].port.take()
    }

    /// Is the port there?
    pub fn is_alive(&self, id: PortId) -> bool {
        self.pipeline.switch.has_port(id)
    }

    /// The ids of all ports, those that are gone included.
    pub fn ids(&self) -> impl Iterator<Item = PortId> + use<> {
        (0..self.slots.len() as u16).map(PortId)
    }

    /// The descriptor to wait on for a port; `None` for one that has none or was taken out.
    pub fn fd(&self, id: PortId) -> Option<RawFd> {
        self.slots[id.index()].port.as_ref()?.fd()
    }

    /// Gives the ports back, but for those that were taken out.
    pub fn into_ports(self) -> Vec<Box<dyn Port>> {
        self.slots.into_iter().filter_map(|slot| slot.port).collect()
    }

    /// The counters, to read from anywhere.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The stages.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Lets what has aged out go, at most `budget` entries. Returns how many went.
    pub fn expire(&mut self, now: Time, budget: usize) -> usize {
        self.pipeline.switch.expire(now, budget)
    }
}
