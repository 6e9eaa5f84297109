//! How are flows sent without holding them all?
//!
//! ```text
//!  engine ── a page ──> filter ──> lines ──> socket
//!     ^                                        │ has gone out
//!     └────────────────────────────────────────┘
//! ```
//!
//! One page is in memory at a time, and between two pages the rest of the process has its turn, also
//! where none of a page's flows is meant.

use super::{Flow, FlowCount, FlowFilter, FlowInfo};
use crate::api::protocol::Problem;
use crate::api::server::Network;
use crate::api::server::networks::{Named, beside};
use axum::Json;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use dataplane::engine::EngineStopped;
use dataplane::outcome::PortId;
use hyper::body::Frame;
use std::iter::Peekable;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The flows of a network, a page at a time; a page may be empty, and an error is the last.
pub type FlowPages = Box<dyn Iterator<Item = Result<Vec<Flow>, EngineStopped>> + Send>;

/// What the lines of flows are.
const LINES: &str = "application/x-ndjson";

/// Which flows a request means.
struct Choice {
    filter: FlowFilter,
    owner: Option<PortId>,
    /// Names of the ports, each at its number.
    names: Vec<String>,
}

impl Choice {
    /// Reads the request's query.
    fn read(network: &dyn Network, uri: &Uri) -> Result<Self, Problem> {
        let bad = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, detail);
        let filter: FlowFilter = uri
            .query()
            .unwrap_or_default()
            .parse()
            .map_err(|error: super::FilterError| bad(&error.to_string()))?;
        let names = network.port_names();
        let owner = match &filter.port {
            None => None,
            Some(wanted) => Some(find(&names, wanted).ok_or_else(|| {
                let (count, last) = (names.len(), names.last().cloned().unwrap_or_default());
                bad(&format!(
                    "there is no port {wanted:?}; there are {count}, the last is {last:?} (see `udp-bridge ps`)"
                ))
            })?),
        };
        Ok(Self { filter, owner, names })
    }

    fn matches(&self, flow: &Flow) -> bool {
        self.owner.is_none_or(|owner| owner == flow.owner) && self.filter.matches(flow)
    }

    fn count(&self, network: &dyn Network) -> Result<u64, EngineStopped> {
        if self.filter.is_all() {
            return Ok(network.flow_count()? as u64);
        }
        let mut flows = 0;
        for page in network.flows() {
            flows += page?.iter().filter(|flow| self.matches(flow)).count() as u64;
        }
        Ok(flows)
    }

    /// The flow as a line of JSON.
    fn write(&self, flow: &Flow, lines: &mut Vec<u8>) -> serde_json::Result<()> {
        let info = FlowInfo::new(flow, self.names.get(flow.owner.index()).cloned());
        serde_json::to_writer(&mut *lines, &info)?;
        lines.push(b'\n');
        Ok(())
    }
}

/// The port of this name, or else of this number.
pub(in crate::api) fn find(names: &[String], wanted: &str) -> Option<PortId> {
    let by_name = names.iter().position(|name| name == wanted);
    let index = by_name.or_else(|| wanted.parse().ok().filter(|number| *number < names.len()))?;
    u16::try_from(index).ok().map(PortId)
}

pub(in crate::api) async fn list(Named(network): Named, uri: Uri) -> Result<Response, Problem> {
    Lines::answer(network, &uri, false)
}

pub(in crate::api) async fn remove(Named(network): Named, uri: Uri) -> Result<Response, Problem> {
    Lines::answer(network, &uri, true)
}

pub(in crate::api) async fn count(
    Named(network): Named,
    uri: Uri,
) -> Result<Json<FlowCount>, Problem> {
    let choice = Choice::read(network.as_ref(), &uri)?;
    let counted = beside(move || choice.count(network.as_ref())).await?;
    let flows = counted.map_err(|stopped| gone(&stopped))?;
    Ok(Json(FlowCount { flows }))
}

pub(in crate::api) async fn flush(Named(network): Named) -> Result<Json<FlowCount>, Problem> {
    let flushed = beside(move || network.flush_flows()).await?;
    let flows = flushed.map_err(|stopped| gone(&stopped))?;
    Ok(Json(FlowCount { flows: flows as u64 }))
}

fn gone(stopped: &EngineStopped) -> Problem {
    let detail = format!("{stopped}, and its flows with it; see the network's log");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, &detail)
}

/// The lines of an answer, made as they go out.
struct Lines {
    network: Arc<dyn Network>,
    pages: Peekable<FlowPages>,
    choice: Choice,
    remove: bool,
}

/// Why lines end before the last one. The connection is broken off then, so that nobody takes a part
/// for all.
#[derive(Debug, thiserror::Error)]
enum LinesError {
    #[error(transparent)]
    Stopped(#[from] EngineStopped),
    #[error("cannot write a flow: {0}")]
    Json(#[from] serde_json::Error),
}

impl Lines {
    fn answer(network: Arc<dyn Network>, uri: &Uri, remove: bool) -> Result<Response, Problem> {
        let choice = Choice::read(network.as_ref(), uri)?;
        let mut pages = network.flows().peekable();
        if let Some(Err(stopped)) = pages.peek() {
            return Err(gone(stopped));
        }
        let body = Body::new(Self { network, pages, choice, remove });
        Ok(([(header::CONTENT_TYPE, LINES)], body).into_response())
    }

    /// The lines of a page, whose flows are removed if that was asked for.
    fn lines(&self, page: &[Flow]) -> Result<Vec<u8>, LinesError> {
        let mut lines = Vec::new();
        let mut keys = Vec::new();
        for flow in page.iter().filter(|flow| self.choice.matches(flow)) {
            self.choice.write(flow, &mut lines)?;
            if self.remove {
                keys.push(flow.key());
            }
        }
        if !keys.is_empty() {
            self.network.remove_flows(keys)?;
        }
        Ok(lines)
    }
}

impl HttpBody for Lines {
    type Data = Bytes;
    type Error = LinesError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, LinesError>>> {
        let Some(page) = self.pages.next() else { return Poll::Ready(None) };
        match page.map_err(LinesError::from).and_then(|page| self.lines(&page)) {
            Ok(lines) if lines.is_empty() => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Ok(lines) => Poll::Ready(Some(Ok(Frame::data(lines.into())))),
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }
}
