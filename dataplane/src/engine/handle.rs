//! How others talk to a running engine: counters without disturbing it, questions between its passes.

use super::forwarder::Counters;
use super::witness::CapturesFull;
use crate::capture::{self, Capture, Catch, Spec};
use crate::clock::Time;
use crate::config::{ConfigError, RouterConfig};
use crate::conntrack::FlowView;
use crate::counters::CounterSnapshot;
use crate::filter::Hits;
use crate::outcome::{DropReason, PortId};
use crate::pipeline::{Cursor, Pipeline, Story};
use crate::port::Port;
use crate::switch::FdbEntry;
use crossbeam_channel::{Sender, bounded};
use mio::Waker;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Most slots of the flow tables that one request looks at, so that frames do not wait for it.
const PAGE_SLOTS: usize = 4096;

/// Most flows that one request removes by name.
const REMOVAL_BATCH: usize = 1024;

/// A question to the stages, answered between two passes.
pub(super) type Question = Box<dyn FnOnce(&mut Pipeline, Time) + Send>;

/// What an engine can be asked to do.
pub(super) enum Request {
    /// Ask the stages.
    Stages(Question),
    /// Take a port out and hand it back, if it is there.
    Remove(PortId, Sender<Option<Box<dyn Port>>>),
    /// Begin a capture.
    Capture(Box<Capture>, Sender<Result<(), CapturesFull>>),
    /// End all captures.
    EndCaptures,
    /// End.
    Stop,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stages(_) => "Stages",
            Self::Remove(..) => "Remove",
            Self::Capture(..) => "Capture",
            Self::EndCaptures => "EndCaptures",
            Self::Stop => "Stop",
        })
    }
}

/// The engine has ended.
#[derive(Debug, thiserror::Error)]
#[error("the dataplane has stopped")]
pub struct EngineStopped;

/// Why a configuration is not in force.
#[derive(Debug, thiserror::Error)]
pub enum ReconfigureError {
    /// The engine is gone.
    #[error(transparent)]
    Stopped(#[from] EngineStopped),
    /// It contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The network was made as a switch alone.
    #[error("this network has no router to be configured")]
    NoRouter,
}

/// Why nothing is captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The engine is gone.
    #[error(transparent)]
    Stopped(#[from] EngineStopped),
    /// There are as many as there may be.
    #[error(transparent)]
    Full(#[from] CapturesFull),
}

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

/// A port and its counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortStatus {
    /// Its place in the switch.
    pub id: PortId,
    /// Its name.
    pub name: String,
    /// `false` once its device is gone.
    pub alive: bool,
    /// The counters now.
    pub counters: CounterSnapshot,
}

/// What handle and engine share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) names: Vec<String>,
    pub(super) alive: Vec<AtomicBool>,
    pub(super) counters: Counters,
    pub(super) waker: Waker,
}

impl Shared {
    /// Notes that a port is gone.
    pub(super) fn bury(&self, id: PortId) {
        // One that is only read from is nobody's to ask about.
        if let Some(alive) = self.alive.get(id.index()) {
            alive.store(false, Ordering::Relaxed);
        }
    }
}

/// The way to talk to an engine, from any thread.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
    pub(super) requests: Sender<Request>,
}

impl Handle {
    /// All ports and their counters; works after the engine's end too.
    pub fn ports(&self) -> Vec<PortStatus> {
        let Shared { names, alive, counters, .. } = &*self.shared;
        let ports = names.iter().zip(alive).zip(counters.iter()).enumerate();
        ports
            .map(|(index, ((name, alive), counters))| PortStatus {
                id: PortId(index as u16),
                name: name.clone(),
                alive: alive.load(Ordering::Relaxed),
                counters: counters.snapshot(),
            })
            .collect()
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

    /// Puts another configuration of the router in force, from the next frame on.
    ///
    /// # Errors
    /// [`ReconfigureError`]; then nothing has changed.
    pub fn reconfigure(&self, config: RouterConfig) -> Result<(), ReconfigureError> {
        self.stages(move |pipeline, _| match &mut pipeline.router {
            None => Err(ReconfigureError::NoRouter),
            Some(router) => Ok(router.reconfigure(config)?),
        })?
    }

    /// Begins a capture, with the next frame after this has returned at the latest. It ends when the catch
    /// is dropped, or is not read for [`crate::capture::STALL`] while its rings are full.
    ///
    /// # Errors
    /// [`CaptureError`].
    pub fn capture(&self, spec: Spec) -> Result<Catch, CaptureError> {
        let (capture, catch) = capture::begin(spec, self.shared.names.len());
        let (reply, answer) = bounded(1);
        self.ask(Request::Capture(Box::new(capture), reply))?;
        answer.recv().map_err(|_| EngineStopped)??;
        Ok(catch)
    }

    /// Ends all captures; what was seen by then can still be read.
    pub fn end_captures(&self) {
        // An engine that is gone captures nothing.
        let _ = self.ask(Request::EndCaptures);
    }

    /// What would be decided about a frame that came in by `ingress` now, a virtio header and what
    /// follows it. Nothing changes; the path waits while the tables of the frame's family are copied.
    ///
    /// # Errors
    /// [`EngineStopped`]; inside, the reason of a frame that does not parse.
    pub fn explain(
        &self,
        ingress: PortId,
        mut bytes: Vec<u8>,
    ) -> Result<Result<Story, DropReason>, EngineStopped> {
        self.stages(move |pipeline, now| pipeline.explain(ingress, &mut bytes, now))
    }

    /// Takes a port out of the switch and hands it back; `None` if that was done before. It counts as
    /// gone from now on. Waits for the engine's present pass to end.
    ///
    /// # Errors
    /// [`EngineStopped`].
    pub fn remove(&self, id: PortId) -> Result<Option<Box<dyn Port>>, EngineStopped> {
        let (reply, answer) = bounded(1);
        self.ask(Request::Remove(id, reply))?;
        answer.recv().map_err(|_| EngineStopped)
    }

    /// Makes the engine end after its present pass. It may have ended already.
    pub fn stop(&self) {
        // An engine that is gone needs no stopping.
        let _ = self.ask(Request::Stop);
    }

    /// Asks the stages and waits for the answer.
    fn stages<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Pipeline, Time) -> T + Send + 'static,
    ) -> Result<T, EngineStopped> {
        let (reply, answer) = bounded(1);
        self.ask(Request::Stages(Box::new(move |pipeline, now| {
            // Whoever asked may have gone.
            let _ = reply.send(question(pipeline, now));
        })))?;
        answer.recv().map_err(|_| EngineStopped)
    }

    fn ask(&self, request: Request) -> Result<(), EngineStopped> {
        self.requests.send(request).map_err(|_| EngineStopped)?;
        self.shared.waker.wake().map_err(|_| EngineStopped)
    }
}
