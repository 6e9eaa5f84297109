//! How others talk to a running engine: counters without disturbing it, questions between its passes.

use super::awake::Awake;
use super::forwarder::Forwarder;
use super::live::AddPortError;
use super::roster::{PortStatus, Roster};
use super::station::Inlet;
use super::worker::WAKER;
use crate::clock::Time;
use crate::config::PortConfig;
use crate::conntrack::FlowView;
use crate::filter::Hits;
use crate::outcome::PortId;
use crate::pipeline::{Cursor, Pipeline};
use crate::port::Port;
use crate::port::twin::Twins;
use crate::switch::FdbEntry;
use crossbeam_channel::{Receiver, Sender, bounded};
use mio::{Poll, Waker};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most slots of the flow tables that one request looks at, so that frames do not wait for it.
const PAGE_SLOTS: usize = 4096;

/// Most flows that one request removes by name.
const REMOVAL_BATCH: usize = 1024;

/// A question, answered between two passes.
pub(super) type Question = Box<dyn FnOnce(&mut Forwarder, Time) + Send>;

/// What is being read to its end, and how many frames were.
pub(super) type Waiting = Vec<(Inlet, usize)>;

/// What a worker can be asked to do.
pub(super) enum Request {
    /// Ask what needs no poller.
    Ask(Question),
    /// Put a port in.
    Add(PortConfig, Twins, Sender<Result<PortId, AddPortError>>),
    /// Read a port that the first worker has put in.
    Read(PortId, Sender<io::Result<()>>),
    /// Read no more of a port that the first worker takes out.
    Unread(PortId, Sender<()>),
    /// Put other listeners in the place of those there are, and hand those back.
    Listen(Vec<Twins>, Sender<io::Result<Vec<Box<dyn Port>>>>),
    /// Take a port out and hand it back, if it is there.
    Remove(PortId, Sender<Option<Box<dyn Port>>>),
    /// Read a few frames of each of these, or at first of all that it reads, and hand those back that may
    /// have more.
    Drain(Option<Waiting>, Sender<Waiting>),
    /// Take note of all changes, and let go of what was taken out.
    CatchUp(Sender<()>),
    /// End.
    Stop,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ask(_) => "Ask",
            Self::Add(..) => "Add",
            Self::Read(..) => "Read",
            Self::Unread(..) => "Unread",
            Self::Listen(..) => "Listen",
            Self::Remove(..) => "Remove",
            Self::Drain(..) => "Drain",
            Self::CatchUp(_) => "CatchUp",
            Self::Stop => "Stop",
        })
    }
}

/// The engine has ended.
#[derive(Debug, thiserror::Error)]
#[error("the dataplane has stopped")]
pub struct EngineStopped;

/// Where a page of flows begins; the default is the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowPage(Cursor);

/// A flow, named by its first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// The IP protocol number.
    pub protocol: u8,
    /// Source, destination and their ports, as in [`FlowView::original`].
    pub original: (IpAddr, IpAddr, u16, u16),
}

/// The way to one worker.
#[derive(Debug)]
pub(super) struct Line {
    requests: Sender<Request>,
    waker: Waker,
}

/// What handle and workers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) roster: Roster,
    /// To each worker, by its number; one at least.
    lines: Vec<Line>,
    pub(super) awake: Awake,
    /// Whoever changes which ports there are; that takes more than one request where there are several
    /// workers.
    changing: Mutex<()>,
}

/// The way to talk to an engine, from any thread.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
}

impl Line {
    /// A line, and its other end.
    ///
    /// # Errors
    /// What the poller says.
    pub(super) fn new() -> io::Result<(Self, (Poll, Receiver<Request>))> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let (sender, requests) = crossbeam_channel::unbounded();
        Ok((Self { requests: sender, waker }, (poll, requests)))
    }

    fn ask(&self, request: Request) -> Result<(), EngineStopped> {
        self.requests.send(request).map_err(|_| EngineStopped)?;
        self.waker.wake().map_err(|_| EngineStopped)
    }
}

impl Shared {
    pub(super) fn new(roster: Roster, lines: Vec<Line>) -> Self {
        Self { roster, lines, awake: Awake::new(), changing: Mutex::new(()) }
    }

    /// How many workers there are.
    pub(super) fn workers(&self) -> usize {
        self.lines.len()
    }

    /// Makes all workers end.
    pub(super) fn stop(&self) {
        // A worker that is gone needs no stopping.
        self.lines.iter().for_each(|line| drop(line.ask(Request::Stop)));
    }
}

impl Handle {
    /// All ports and their counters, by id; works after the engine's end too. One that was taken out
    /// stays, not alive and with its last counts, until its id is used again.
    pub fn ports(&self) -> Vec<PortStatus> {
        self.shared.roster.status()
    }

    /// Takes the news: may ports or counters be different from when this was last called? For the one who looks
    /// at them again and again, and there is one: what one has taken another is not told. It is never
    /// missed, but may be told twice.
    pub fn take_news(&self) -> bool {
        self.shared.roster.news.take()
    }

    /// The FDB's entries, in no order. Waits for the engine's present pass to end, as all below.
    ///
    /// # Errors
    /// [`EngineStopped`].
    pub fn fdb(&self) -> Result<Vec<FdbEntry>, EngineStopped> {
        self.stages(|pipeline, now| pipeline.switch.fdb().entries(now).collect())
    }

    /// A page of the tracked flows, and where the next one begins. Flows that come or go meanwhile may
    /// be missing.
    ///
    /// # Errors
    /// [`EngineStopped`].
    pub fn flows(
        &self,
        page: FlowPage,
    ) -> Result<(Vec<FlowView>, Option<FlowPage>), EngineStopped> {
        self.stages(move |pipeline, now| match &pipeline.router {
            None => (Vec::new(), None),
            Some(router) => {
                let (views, next) = router.views(page.0, PAGE_SLOTS, now);
                (views, next.map(FlowPage))
            }
        })
    }

    /// How many flows are tracked.
    ///
    /// # Errors
    /// [`EngineStopped`].
    pub fn flow_count(&self) -> Result<usize, EngineStopped> {
        self.stages(|pipeline, _| pipeline.router.as_ref().map_or(0, |router| router.flows()))
    }

    /// Removes these flows; returns how many of them there were.
    ///
    /// # Errors
    /// [`EngineStopped`]; those before may be removed.
    pub fn remove_flows(&self, which: Vec<FlowKey>) -> Result<usize, EngineStopped> {
        let mut removed = 0;
        for batch in which.chunks(REMOVAL_BATCH) {
            let batch = batch.to_vec();
            removed += self.stages(move |pipeline, now| {
                let Some(router) = &mut pipeline.router else { return 0 };
                let gone = |key: &&FlowKey| router.remove(key.protocol, key.original, now);
                batch.iter().filter(gone).count()
            })?;
        }
        Ok(removed)
    }

    /// Removes all flows; returns how many there were.
    ///
    /// # Errors
    /// [`EngineStopped`].
    pub fn flush_flows(&self) -> Result<usize, EngineStopped> {
        self.stages(|pipeline, _| pipeline.router.as_mut().map_or(0, |router| router.flush()))
    }

    /// How often each rule has decided; `None` without a router.
    ///
    /// # Errors
    /// [`EngineStopped`].
    pub fn rule_hits(&self) -> Result<Option<Hits>, EngineStopped> {
        self.stages(|pipeline, _| pipeline.router.as_ref().map(|router| router.hits().clone()))
    }

    /// Makes the engine end after its present pass. It may have ended already.
    pub fn stop(&self) {
        self.shared.stop();
    }

    /// Asks the stages and waits for the answer.
    pub(super) fn stages<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Pipeline, Time) -> T + Send + 'static,
    ) -> Result<T, EngineStopped> {
        self.forwarder(|forwarder, now| question(forwarder.pipeline_mut(), now))
    }

    /// Asks the forwarder and waits for the answer.
    pub(super) fn forwarder<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Forwarder, Time) -> T + Send + 'static,
    ) -> Result<T, EngineStopped> {
        self.reply(|reply| {
            Request::Ask(Box::new(move |forwarder, now| {
                // Whoever asked may have gone.
                let _ = reply.send(question(forwarder, now));
            }))
        })
    }

    /// Sends a request to the first worker, which answers for all, and waits for the reply.
    pub(super) fn reply<T>(
        &self,
        request: impl FnOnce(Sender<T>) -> Request,
    ) -> Result<T, EngineStopped> {
        self.reply_of(0, request)
    }

    /// Sends a request to one worker and waits for the reply.
    pub(super) fn reply_of<T>(
        &self,
        worker: usize,
        request: impl FnOnce(Sender<T>) -> Request,
    ) -> Result<T, EngineStopped> {
        let (reply, answer) = bounded(1);
        self.shared.lines.get(worker).ok_or(EngineStopped)?.ask(request(reply))?;
        answer.recv().map_err(|_| EngineStopped)
    }

    /// All workers but the first, which does what is asked.
    pub(super) fn others(&self) -> std::ops::Range<usize> {
        1..self.shared.workers()
    }

    /// Waits until all workers have seen all changes: no frame is written any more by what was there
    /// before. The first has, because it was asked for the change.
    pub(super) fn catch_up(&self) -> Result<(), EngineStopped> {
        self.others().try_for_each(|worker| self.reply_of(worker, Request::CatchUp))
    }

    /// Keeps others from changing which ports there are.
    pub(super) fn change(&self) -> MutexGuard<'_, ()> {
        // There is nothing in it that a panic could have broken.
        self.shared.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
