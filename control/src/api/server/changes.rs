//! How is a running network changed?
//!
//! Each change is done beside, for it waits for the dataplane and for other changes of the
//! process. It is done whole once it has begun, whether the client waits or not.

use super::body::read;
use super::networks::{Named, unknown};
use super::{Network, Served};
use crate::api::change::{
    Changed, Edit, LimitsInfo, NewFdb, NewPublished, NewRule, RuleId, WhichFdb,
};
use crate::api::paths::{self, segment};
use crate::api::protocol::Problem;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use std::collections::HashMap;

/// What a path names besides the network.
type Names = Path<HashMap<String, String>>;

pub(super) async fn publish(
    State(served): State<Served>,
    Named(network): Named,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let new: NewPublished = json(&read(&headers, body, &served).await?, "published port")?;
    change(&served, &*network, Edit::Publish(new)).await
}

pub(super) async fn unpublish(
    State(served): State<Served>,
    Named(network): Named,
    Path(names): Names,
) -> Result<Response, Problem> {
    change(&served, &*network, Edit::Unpublish(named(&names, "spec"))).await
}

pub(super) async fn add_rule(
    State(served): State<Served>,
    Named(network): Named,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let new: NewRule = json(&read(&headers, body, &served).await?, "rule")?;
    change(&served, &*network, Edit::AddRule(new)).await
}

pub(super) async fn remove_rule(
    State(served): State<Served>,
    Named(network): Named,
    Path(names): Names,
) -> Result<Response, Problem> {
    let text = named(&names, "id");
    let id = text.parse().map_err(|_| {
        let detail = format!("{text:?} is no rule: rules are numbered from 0");
        Problem::new(StatusCode::BAD_REQUEST, &detail)
    })?;
    change(&served, &*network, Edit::RemoveRule(id)).await
}

pub(super) async fn set_limits(
    State(served): State<Served>,
    Named(network): Named,
    Path(names): Names,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let limits: LimitsInfo = json(&read(&headers, body, &served).await?, "set of limits")?;
    change(&served, &*network, Edit::SetLimits(named(&names, "port"), limits)).await
}

pub(super) async fn add_fdb(
    State(served): State<Served>,
    Named(network): Named,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let new: NewFdb = json(&read(&headers, body, &served).await?, "entry of the MAC table")?;
    change(&served, &*network, Edit::AddFdb(new)).await
}

pub(super) async fn remove_fdb(
    State(served): State<Served>,
    Named(network): Named,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let which = WhichFdb::read(query.as_deref().unwrap_or_default())?;
    change(&served, &*network, Edit::RemoveFdb(which.mac)).await
}

impl WhichFdb {
    /// Reads a query. A MAC needs no encoding, and is read with one.
    fn read(query: &str) -> Result<Self, Problem> {
        let mac = query.strip_prefix("mac=").filter(|mac| !mac.contains('&'));
        let mac = mac.map(|mac| mac.replace("%3A", ":").replace("%3a", ":"));
        mac.map(|mac| Self { mac }).ok_or_else(|| {
            let detail = "say which entry: ?mac=02:00:00:00:00:10 and no more";
            Problem::new(StatusCode::BAD_REQUEST, detail)
        })
    }
}

fn named(names: &HashMap<String, String>, key: &str) -> String {
    names.get(key).cloned().unwrap_or_default()
}

fn json<T: DeserializeOwned>(bytes: &Bytes, what: &str) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let detail = format!("the body is no {what} in JSON: {error}");
        Problem::new(StatusCode::BAD_REQUEST, &detail)
    })
}

async fn change(served: &Served, network: &dyn Network, edit: Edit) -> Result<Response, Problem> {
    let name = network.network().name;
    let changed = served.daemon.edit(&name, edit).ok_or_else(|| unknown(served, &name))?;
    Ok(match changed.await? {
        Changed::Done => StatusCode::NO_CONTENT.into_response(),
        Changed::Published(publish) => {
            let place = paths::of(paths::PUBLISHED_ONE, &name);
            let place = place.replace("{spec}", &segment(&publish));
            created(place, NewPublished { publish })
        }
        Changed::Rule(id) => {
            let place = paths::of(paths::RULE, &name).replace("{id}", &id.to_string());
            created(place, RuleId { id })
        }
    })
}

fn created(place: String, body: impl serde::Serialize) -> Response {
    (StatusCode::CREATED, [(header::LOCATION, place)], Json(body)).into_response()
}
