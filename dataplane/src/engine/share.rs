//! How do several workers forward with the same tables?
//!
//! ```text
//!    read           parse  ┌ lock: learn, judge, translate, who gets it ┐  write, each by its own twin
//!    own queues ──> ─────> └────────────────────────────────────────────┘ ───────────────────────────>
//! ```
//!
//! The two copies of the kernel, and what it does within a write, are done by several workers at a time;
//! the tables are one worker's for as long as a decision takes. A queue is read by one worker, which has
//! written a frame before it reads the next: so what comes by one queue stays in order wherever it goes.
//!
//! Rare things are done with the lock held to their end, exactly as one worker does them: whatever
//! leaves something to be sent beside the frame (answers, frames that have waited, another segment for
//! FTP's), and everything while something is captured. A worker that reads a later frame of the same
//! flow comes to the tables only after that.
//!
//! Time does not go back for the tables: who comes with an older pass's time decides at the newest.
//!
//! The lock is the standard library's: it spins for about as long as a decision takes and sleeps then,
//! so a holder that lost its processor is waited for without burning another. Whoever panics within it
//! makes all workers end ([`super::team`]); until they do, they may find tables half changed, as safe
//! as Rust makes it.

use super::courtesy::{Brought, Courtesy};
use super::desk::{Counters, Desk};
use super::forwarder::Forwarder;
use super::handle::Shared;
use super::lending::Stock;
use super::reading::{self, Reads, Served};
use super::roster::Counting;
use super::slots::Slot;
use super::station::{Inlet, Station};
use super::witness::Witness;
use crate::clock::Time;
use crate::config::MAX_PORTS;
use crate::frame::{Frame, FrameBuffer};
use crate::outcome::{DropReason, PortId, QueueId, Verdict};
use crate::pipeline::{Pipeline, Walked};
use crate::port::deliver::Scratch;
use crate::port::{Port, deliver};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What all workers decide with.
pub(super) struct Tables {
    pub(super) forwarder: Forwarder,
    /// The newest time that anything was done at.
    latest: Time,
}

impl Tables {
    pub(super) fn new(forwarder: Forwarder) -> Self {
        Self { forwarder, latest: Time::START }
    }

    #[inline]
    fn at(&mut self, now: Time) -> Time {
        self.latest = self.latest.max(now);
        self.latest
    }
}

/// What one of several workers works with.
pub(super) struct Share {
    desk: OwnDesk,
    buffer: FrameBuffer,
    courtesy: Courtesy,
}

/// All that a frame needs once it is read.
struct OwnDesk {
    tables: Arc<Mutex<Tables>>,
    stock: Stock,
    scratch: Scratch,
    /// Who gets the present frame.
    audience: Vec<PortId>,
    shared: Arc<Shared>,
}

#[inline]
fn lock(tables: &Mutex<Tables>) -> MutexGuard<'_, Tables> {
    tables.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Share {
    /// Worker number `worker` of so many.
    pub(super) fn new(
        tables: Arc<Mutex<Tables>>,
        (worker, workers): (usize, usize),
        shared: Arc<Shared>,
    ) -> Self {
        let desk = OwnDesk {
            tables,
            stock: Stock::new(worker, workers),
            scratch: Scratch::default(),
            audience: Vec::with_capacity(MAX_PORTS),
            shared,
        };
        let mut share = Self { desk, buffer: FrameBuffer::new(), courtesy: Courtesy::new() };
        share.tables(Time::START, |_, _| ());
        share
    }
}

impl Reads for OwnDesk {
    fn reader(&mut self, id: PortId) -> Option<&mut Box<dyn Port>> {
        self.stock.reader_mut(id)
    }

    fn counters(&self) -> &Counters {
        self.stock.counters()
    }

    fn receive(&mut self, ingress: PortId, queue: QueueId, bytes: &mut [u8], now: Time) {
        match Frame::parse_on(queue, ingress, bytes) {
            Ok(mut frame) => {
                self.decide(&mut frame, now);
                self.write(&frame);
            }
            Err(reason) => self.refuse(ingress, bytes, reason, now),
        }
    }

    fn bury(&mut self, id: PortId, now: Time) {
        self.tables(now, |forwarder, _| forwarder.desk.forget(id));
    }
}

impl OwnDesk {
    /// Decides who gets a frame; nobody, if it ends here or is on its way already.
    fn decide(&mut self, frame: &mut Frame<'_>, now: Time) {
        let Self { tables, stock, audience, shared, .. } = self;
        audience.clear();
        let mut tables = lock(tables);
        let now = tables.at(now);
        let desk = &mut tables.forwarder.desk;
        catch_up(stock, desk, shared);
        desk.queue = frame.queue();
        if desk.captures.is_some() {
            return desk.follow_seen(frame, now);
        }
        let walked = desk.pipeline.walk(frame, now);
        if !desk.pipeline.outbox.is_empty() {
            return desk.conclude_here(frame, walked, now);
        }
        let counters = stock.counters();
        if let Some(loser) = walked.evicted {
            counters[loser.index()].fdb_evictions.add(1);
        }
        let ingress = frame.ingress();
        let counted = &counters[ingress.index()];
        let Pipeline { switch, limits, .. } = &mut desk.pipeline;
        let mut enters = |egress: &PortId| match limits.enter(*egress, frame, now) {
            Ok(()) => true,
            Err(reason) => {
                counters[egress.index()].dropped(reason).add(1);
                false
            }
        };
        match walked.outcome {
            Err(reason) => counted.dropped(reason).add(1),
            Ok(Verdict::Unicast(egress)) => audience.extend(Some(egress).filter(enters)),
            Ok(Verdict::Flood) => {
                // At most MAX_PORTS.
                let all = (0..desk.slots.len() as u16).map(PortId);
                let who = all.filter(|it| switch.is_flooded(*it, ingress) && enters(it));
                audience.extend(who);
            }
            Ok(Verdict::Answered) => counted.answered.add(1),
            Ok(Verdict::Held) => counted.held.add(1),
        }
    }

    /// Writes a frame to all who get it, each by this worker's twin.
    fn write(&mut self, frame: &Frame<'_>) {
        let Self { stock, scratch, audience, .. } = self;
        let (slots, counters) = stock.split();
        for egress in audience.iter().map(|egress| egress.index()) {
            let (Slot { port, mtu }, counters) = (&mut slots[egress], &counters[egress]);
            match port {
                // What it dies of is counted.
                Some(port) => {
                    let _ = deliver(frame, port.as_mut(), *mtu, counters, scratch);
                }
                None => counters.dropped(DropReason::EgressGone).add(1),
            }
        }
    }

    /// A frame does not parse.
    #[cold]
    fn refuse(&mut self, ingress: PortId, bytes: &[u8], reason: DropReason, now: Time) {
        self.stock.counters()[ingress.index()].dropped(reason).add(1);
        let mut tables = lock(&self.tables);
        let now = tables.at(now);
        tables.forwarder.desk.with_captures(|_, captures| {
            captures.refused(ingress, bytes, reason, now);
        });
    }

    /// Does something with the tables, at this time or a little later.
    fn tables<T>(&mut self, now: Time, act: impl FnOnce(&mut Forwarder, Time) -> T) -> T {
        let Self { tables, stock, shared, .. } = self;
        let mut tables = lock(tables);
        let now = tables.at(now);
        let result = act(&mut tables.forwarder, now);
        catch_up(stock, &mut tables.forwarder.desk, shared);
        result
    }
}

/// Takes note of what has changed about ports, if anything has.
#[inline]
fn catch_up(stock: &mut Stock, desk: &mut Desk, shared: &Shared) {
    if stock.is_behind(&desk.slots) && stock.catch_up(&mut desk.slots) {
        shared.roster.count_in(Counting::Worker(stock.worker()), stock.counters());
    }
}

impl Desk {
    /// The whole way of a frame while something is captured.
    #[cold]
    fn follow_seen(&mut self, frame: &mut Frame<'_>, now: Time) {
        self.with_captures(|desk, captures| {
            captures.comes(frame, &mut desk.pipeline, now);
            let walked = desk.pipeline.walk(frame, now);
            captures.ends(frame, &desk.pipeline, walked.outcome, now);
            desk.conclude(frame, walked, now, captures);
        });
        self.send_parcels(now);
    }

    /// The rest of the way of a frame that leaves more than itself to be sent.
    #[cold]
    fn conclude_here(&mut self, frame: &Frame<'_>, walked: Walked, now: Time) {
        self.conclude(frame, walked, now, &mut ());
        self.send_parcels(now);
    }
}

impl Station for Share {
    fn serve(&mut self, inlet: Inlet, budget: usize, now: Time) -> Served {
        reading::serve(&mut self.desk, &mut self.buffer, inlet, budget, now)
    }

    fn inlets(&self) -> Vec<Inlet> {
        self.desk.stock.inlets()
    }

    fn fd(&self, inlet: Inlet) -> Option<RawFd> {
        self.desk.stock.reader(inlet.port)?.fd_of(inlet.queue)
    }

    fn tables<T>(&mut self, now: Time, act: impl FnOnce(&mut Forwarder, Time) -> T) -> T {
        self.desk.tables(now, act)
    }

    /// Without a frame it lets others have the processor: there may be as many workers as processors, and
    /// those who send and receive need some too.
    fn passed(&mut self, brought: Brought, is_busy: bool, now: Time) {
        if brought != Brought::Nothing {
            self.desk.shared.awake.note(now);
        }
        if self.courtesy.passed(brought, is_busy, now) {
            std::thread::yield_now();
        }
    }

    fn is_kept_awake(&self, now: Time, linger: Duration) -> bool {
        now - self.desk.shared.awake.last() < linger
    }
}
