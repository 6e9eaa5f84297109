//! How others talk to a running engine: counters without disturbing it, questions between its passes.

use super::forwarder::Forwarder;
use super::live::AddPortError;
use super::roster::{PortStatus, Roster};
use crate::clock::Time;
use crate::config::PortConfig;
use crate::conntrack::FlowView;
use crate::filter::Hits;
use crate::outcome::PortId;
use crate::pipeline::{Cursor, Pipeline};
use crate::port::Port;
use crate::switch::FdbEntry;
use crossbeam_channel::{Sender, bounded};
use mio::Waker;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

/// Most slots of the flow tables that one request looks at, so that frames do not wait for it.
const PAGE_SLOTS: usize = 4096;

/// Most flows that one request removes by name.
const REMOVAL_BATCH: usize = 1024;

/// A question, answered between two passes.
pub(super) type Question = Box<dyn FnOnce(&mut Forwarder, Time) + Send>;

/// What an engine can be asked to do.
pub(super) enum Request {
    /// Ask what needs no poller.
    Ask(Question),
    /// Put a port in.
    Add(PortConfig, Box<dyn Port>, Sender<Result<PortId, AddPortError>>),
    /// Put other listeners in the place of those there are, and hand those back.
    Listen(Vec<Box<dyn Port>>, Sender<io::Result<Vec<Box<dyn Port>>>>),
    /// Take a port out and hand it back, if it is there.
    Remove(PortId, Sender<Option<Box<dyn Port>>>),
    /// End.
    Stop,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ask(_) => "Ask",
            Self::Add(..) => "Add",
            Self::Listen(..) => "Listen",
            Self::Remove(..) => "Remove",
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

/// What handle and engine share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) roster: Roster,
    pub(super) waker: Waker,
}

/// The way to talk to an engine, from any thread.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
    pub(super) requests: Sender<Request>,
}

impl Handle {
    /// All ports and their counters, by id; works after the engine's end too. One that was taken out
    /// stays, not alive and with its last counts, until its id is used again.
    pub fn ports(&self) -> Vec<PortStatus> {
        self.shared.roster.status()
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
        // An engine that is gone needs no stopping.
        let _ = self.ask(Request::Stop);
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

    /// Sends a request and waits for the reply.
    pub(super) fn reply<T>(
        &self,
        request: impl FnOnce(Sender<T>) -> Request,
    ) -> Result<T, EngineStopped> {
        let (reply, answer) = bounded(1);
        self.ask(request(reply))?;
        answer.recv().map_err(|_| EngineStopped)
    }

    fn ask(&self, request: Request) -> Result<(), EngineStopped> {
        self.requests.send(request).map_err(|_| EngineStopped)?;
        self.shared.waker.wake().map_err(|_| EngineStopped)
    }
}
