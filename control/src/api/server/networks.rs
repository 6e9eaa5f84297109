//! What is asked of networks?
//!
//! What waits for a dataplane, visits namespaces or changes the host is done on threads beside, so
//! that no network keeps the clients of another waiting.

use super::body::read;
use super::{Network, Served};
use crate::api::creation::{Created, NewNetwork};
use crate::api::paths;
use crate::api::protocol::{FdbInfo, NetworkInfo, PortInfo, Problem, PublishedInfo, RulesInfo};
use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// The network that a request's path names.
pub(in crate::api) struct Named(pub(in crate::api) Arc<dyn Network>);

impl FromRequestParts<Served> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, served: &Served) -> Result<Self, Problem> {
        let name = name(parts, served).await?;
        served.daemon.network(&name).map(Self).ok_or_else(|| unknown(served, &name))
    }
}

/// The name in the path, of a network or not.
async fn name(parts: &mut Parts, served: &Served) -> Result<String, Problem> {
    let path = Path::<HashMap<String, String>>::from_request_parts(parts, served).await;
    let Path(mut parameters) = path.map_err(|rejection| {
        let detail = format!("the path cannot be read: {rejection}");
        Problem::new(StatusCode::BAD_REQUEST, &detail)
    })?;
    Ok(parameters.remove("network").unwrap_or_default())
}

fn unknown(served: &Served, name: &str) -> Problem {
    let known: Vec<_> = served.daemon.networks().iter().map(|one| one.network().name).collect();
    let known = if known.is_empty() { "there are none".to_owned() } else { known.join(", ") };
    let detail = format!("this process holds no network {name:?}; those that it holds: {known}");
    Problem::new(StatusCode::NOT_FOUND, &detail)
}

pub(super) async fn list(State(served): State<Served>) -> Json<Vec<NetworkInfo>> {
    Json(served.daemon.networks().iter().map(|network| network.network()).collect())
}

pub(super) async fn create(
    State(served): State<Served>,
    headers: HeaderMap,
    body: Body,
) -> Result<impl IntoResponse, Problem> {
    let bytes = read(&headers, body, &served).await?;
    let new: NewNetwork = serde_json::from_slice(&bytes).map_err(|error| {
        let detail = format!("the body is no network in JSON: {error}");
        Problem::new(StatusCode::BAD_REQUEST, &detail)
    })?;
    let created: Created = served.daemon.create(new).await?;
    let place = paths::of(paths::NETWORK, &created.network.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(created)))
}

pub(super) async fn describe(Named(network): Named) -> Json<NetworkInfo> {
    Json(network.network())
}

/// A network that is ending already is waited for as well, though it cannot be asked any more.
pub(super) async fn delete(
    State(served): State<Served>,
    Path(parameters): Path<HashMap<String, String>>,
) -> Result<StatusCode, Problem> {
    let name = parameters.get("network").map(String::as_str).unwrap_or_default();
    match served.daemon.delete(name) {
        Some(ended) => ended.await.map(|()| StatusCode::NO_CONTENT),
        None => Err(unknown(&served, name)),
    }
}

pub(super) async fn ports(Named(network): Named) -> Result<Json<Vec<PortInfo>>, Problem> {
    beside(move || network.ports()).await.map(Json)
}

pub(super) async fn fdb(Named(network): Named) -> Result<Json<Vec<FdbInfo>>, Problem> {
    let detail = "the dataplane has stopped, and its MAC table with it; see the network's log";
    let gone = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail);
    beside(move || network.fdb()).await?.map(Json).ok_or_else(gone)
}

pub(super) async fn published(Named(network): Named) -> Json<Vec<PublishedInfo>> {
    Json(network.published())
}

pub(super) async fn rules(Named(network): Named) -> Result<Json<RulesInfo>, Problem> {
    beside(move || network.rules()).await.map(Json)
}

/// Does something that takes its time on another thread.
pub(in crate::api) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    spawn_blocking(work).await.map_err(|error| {
        let detail = format!("the answer cannot be made: {error}; please report this");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, &detail)
    })
}
