//! How are requests answered?
//!
//! The server knows nothing of topologies or engines: whoever runs it implements [`Network`]. It
//! serves on the caller's runtime until told to stop, and lets answers under way finish.
//!
//! Known gap: no limit on the number of connections; only the network's owner can connect.

use super::capture::{CAPTURE_PATH, serve as captures};
use super::flow::serve::{self as flows, FlowPages};
use super::flow::{FLOW_COUNT_PATH, FLOW_FLUSH_PATH, FLOWS_PATH};
use super::protocol::{
    FDB_PATH, FdbInfo, NETWORK_PATH, NetworkInfo, PORTS_PATH, PUBLISHED_PATH, PortInfo, Problem,
    PublishedInfo, RULES_PATH, RulesInfo, STOP_PATH, Stopping,
};
use super::trace::{TRACE_PATH, serve as traces};
use crate::capture::Names;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use dataplane::capture::{Catch, Spec};
use dataplane::engine::{CaptureError, EngineStopped, FlowKey};
use dataplane::outcome::{DropReason, PortId};
use dataplane::pipeline::Story;
use dataplane::wire::ethernet::MacAddr;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind as bind_to,
    listen as start_listening, socket,
};
use nix::sys::stat::{Mode, fchmod};
use std::fs;
use std::future::Future;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::UnixListener;

/// What the server tells about.
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
    /// Takes the network down soon; returns at once.
    fn stop(&self);
}

/// The socket cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {}: {source}; it must be a path of at most 107 bytes in a writable folder", path.display())]
pub struct BindError {
    path: PathBuf,
    source: io::Error,
}

/// Listens on the socket `path`, which only the caller's user may connect to. A socket that a dead
/// process left there is replaced; the caller holds the network's lock, so no living one is behind it.
///
/// # Errors
/// [`BindError`] with what the kernel said.
pub fn bind(path: &Path) -> Result<UnixListener, BindError> {
    let refuse = |source| BindError { path: path.to_owned(), source };
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(refuse(error)),
        _ => {}
    }
    listen(path).map_err(refuse)
}

/// On Linux a socket's file gets the mode that its descriptor has when it is bound (`unix_bind_bsd`
/// in net/unix/af_unix.c); set afterwards, there would be a moment in which others can connect.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    fchmod(&socket, Mode::S_IRUSR | Mode::S_IWUSR)?;
    bind_to(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    start_listening(&socket, Backlog::MAXCONN)?;
    UnixListener::from_std(socket.into())
}

/// Answers until `end` is ready.
///
/// # Errors
/// What the kernel said when the socket failed.
pub async fn serve(
    listener: UnixListener,
    network: Arc<dyn Network>,
    end: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router(network)).with_graceful_shutdown(end).await
}

fn router(network: Arc<dyn Network>) -> Router {
    Router::new()
        .route(NETWORK_PATH, get(describe))
        .route(PORTS_PATH, get(list_ports))
        .route(FDB_PATH, get(list_fdb))
        .route(PUBLISHED_PATH, get(list_published))
        .route(RULES_PATH, get(list_rules))
        .route(STOP_PATH, post(stop))
        .merge(flows::routes())
        .merge(captures::routes())
        .merge(traces::routes())
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(network)
}

async fn describe(State(network): State<Arc<dyn Network>>) -> Json<NetworkInfo> {
    Json(network.network())
}

async fn list_ports(State(network): State<Arc<dyn Network>>) -> Json<Vec<PortInfo>> {
    Json(network.ports())
}

async fn list_fdb(State(network): State<Arc<dyn Network>>) -> Result<Json<Vec<FdbInfo>>, Problem> {
    let detail = "the dataplane has stopped, and its MAC table with it; see the network's log";
    network.fdb().map(Json).ok_or_else(|| problem(StatusCode::SERVICE_UNAVAILABLE, detail))
}

async fn list_published(State(network): State<Arc<dyn Network>>) -> Json<Vec<PublishedInfo>> {
    Json(network.published())
}

async fn list_rules(State(network): State<Arc<dyn Network>>) -> Json<RulesInfo> {
    Json(network.rules())
}

async fn stop(State(network): State<Arc<dyn Network>>) -> impl IntoResponse {
    network.stop();
    (StatusCode::ACCEPTED, Json(Stopping { stopping: network.network().name }))
}

async fn unknown_path(uri: Uri) -> Problem {
    let detail = format!(
        "there is no {}; there are {NETWORK_PATH}, {PORTS_PATH}, {FDB_PATH}, {PUBLISHED_PATH}, {RULES_PATH}, {FLOWS_PATH}, {FLOW_COUNT_PATH}, {FLOW_FLUSH_PATH}, {CAPTURE_PATH}, {TRACE_PATH} and {STOP_PATH}",
        uri.path()
    );
    problem(StatusCode::NOT_FOUND, &detail)
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let right = match uri.path() {
        STOP_PATH | FLOW_FLUSH_PATH => "POST",
        FLOWS_PATH => "GET and DELETE",
        _ => "GET",
    };
    let detail = format!("{} takes {right}, not {method}", uri.path());
    problem(StatusCode::METHOD_NOT_ALLOWED, &detail)
}

pub(super) fn problem(status: StatusCode, detail: &str) -> Problem {
    Problem {
        kind: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or("Error").to_owned(),
        status: status.as_u16(),
        detail: detail.to_owned(),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let kind = header::HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}
