//! How are requests answered?
//!
//! The server knows nothing of topologies or engines: whoever runs it implements [`Daemon`] and
//! [`Network`]. It serves on the caller's runtime until told to stop, and lets answers under way
//! finish.
//!
//! | file | question |
//! |---|---|
//! | `socket` | where does one listen? |
//! | `clients` | who may be served at one time, and how long is one waited for? |
//! | `routes` | which requests are answered, and by whom? |
//! | `process`, `networks`, `changes`, [`flow::serve`](super::flow::serve) | how? |
//! | `body` | what does a client send beside its question? |
//! | `problem` | how is a request refused? |

mod body;
pub(super) mod changes;
mod clients;
pub(super) mod file;
pub(super) mod networks;
mod problem;
pub(super) mod process;
pub(super) mod routes;
mod socket;

pub use body::MAX_BODY;
pub use clients::{MAX_CLIENTS, Patience};
pub use socket::{BindError, bind, open_to};

use super::change::{Changed, Edit};
use super::creation::{Created, NewNetwork};
use super::file::{Applied, SandboxInfo};
use super::flow::serve::FlowPages;
use super::protocol::{
    DaemonInfo, FdbInfo, NetworkInfo, PortInfo, Problem, PublishedInfo, RulesInfo, TablesInfo,
};
use crate::capture::Names;
use crate::daemon::change::Request;
use clients::Counts;
use dataplane::capture::{Catch, Spec};
use dataplane::engine::{CaptureError, EngineStopped, FlowKey};
use dataplane::outcome::{DropReason, PortId};
use dataplane::pipeline::Story;
use dataplane::wire::ethernet::MacAddr;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::{TcpListener, UnixListener};

/// Something that takes its time. It is done whether it is waited for or not.
pub type Pending<T> = Pin<Box<dyn Future<Output = Result<T, Problem>> + Send>>;

/// The process that the server is a part of.
pub trait Daemon: Send + Sync + 'static {
    /// The process itself, but for who asks it.
    fn describe(&self) -> DaemonInfo;
    /// The networks, sorted by name.
    fn networks(&self) -> Vec<Arc<dyn Network>>;
    /// The network of this name; none while it ends.
    fn network(&self, name: &str) -> Option<Arc<dyn Network>>;
    /// Makes a network.
    fn create(&self, new: NewNetwork) -> Pending<Created>;
    /// Ends a network; none if there is none of this name.
    fn delete(&self, name: &str) -> Option<Pending<()>>;
    /// Changes a network while it runs; none if there is none of this name.
    fn edit(&self, name: &str, edit: Edit) -> Option<Pending<Changed>>;
    /// Changes what runs of files, or says how it would.
    fn change(&self, request: Request, dry_run: bool) -> Pending<Applied>;
    /// What runs, as a file of networks.
    fn config(&self) -> Pending<String>;
    /// The sandboxes of files.
    fn sandboxes(&self) -> Pending<Vec<SandboxInfo>>;
    /// Ends all networks and the process soon; returns at once.
    fn stop(&self);
}

/// A network that the server tells about.
pub trait Network: Send + Sync + 'static {
    /// The network as a whole.
    fn network(&self) -> NetworkInfo;
    /// Its ports, the host port first.
    fn ports(&self) -> Vec<PortInfo>;
    /// Its MAC table; `None` once the dataplane has stopped.
    fn fdb(&self) -> Option<Vec<FdbInfo>>;
    /// Its published ports.
    fn published(&self) -> Vec<PublishedInfo>;
    /// What may pass.
    fn rules(&self) -> RulesInfo;
    /// How full its tables are; `None` once the dataplane has stopped.
    fn tables(&self) -> Option<TablesInfo>;
    /// The names of its ports, each at its number.
    fn port_names(&self) -> Vec<String>;
    /// Its flows.
    fn flows(&self) -> FlowPages;
    /// How many flows it has.
    ///
    /// # Errors
    /// [`EngineStopped`]; so with the others.
    fn flow_count(&self) -> Result<usize, EngineStopped>;
    /// Removes these flows; returns how many of them there were.
    ///
    /// # Errors
    /// As of [`Self::flow_count`].
    fn remove_flows(&self, which: Vec<FlowKey>) -> Result<usize, EngineStopped>;
    /// Removes all flows; returns how many there were.
    ///
    /// # Errors
    /// As of [`Self::flow_count`].
    fn flush_flows(&self) -> Result<usize, EngineStopped>;
    /// The names of its ports, and where its rules were written.
    fn names(&self) -> Names;
    /// Begins a capture.
    ///
    /// # Errors
    /// [`CaptureError`].
    fn capture(&self, spec: Spec) -> Result<Catch, CaptureError>;
    /// What would be decided about a virtio header and a frame that came in now.
    ///
    /// # Errors
    /// [`EngineStopped`]; inside, the reason of a frame that does not parse.
    fn explain(
        &self,
        ingress: PortId,
        bytes: Vec<u8>,
    ) -> Result<Result<Story, DropReason>, EngineStopped>;
    /// The MAC of the host's next hop into the network, if it has one.
    fn next_hop(&self) -> Option<MacAddr>;
}

/// What every request is answered with.
#[derive(Clone)]
pub(crate) struct Served {
    daemon: Arc<dyn Daemon>,
    counts: Arc<Counts>,
    patience: Patience,
}

/// Answers Prometheus, and nothing else, at a TCP address for as long as it is polled.
pub async fn serve_metrics(listener: TcpListener, daemon: Arc<dyn Daemon>, patience: Patience) {
    let served = Served { daemon, counts: Arc::default(), patience };
    let router = routes::open_router(served.clone());
    clients::serve(listener, router, served, pending()).await;
}

/// Answers until `end` is ready, and then finishes what it has begun.
pub async fn serve(
    listener: UnixListener,
    daemon: Arc<dyn Daemon>,
    patience: Patience,
    end: impl Future<Output = ()>,
) {
    let served = Served { daemon, counts: Arc::default(), patience };
    clients::serve(listener, routes::router(served.clone()), served, end).await;
}
