//! What is asked of the process itself?

use super::networks::beside;
use super::{Network, Served};
use crate::api::protocol::{DaemonInfo, Problem, Stopping};
use crate::metrics::{self, NetworkScrape, Scrape};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

/// The description of all of this, for programs.
pub(crate) const OPENAPI: &str = include_str!("../openapi.json");

pub(super) async fn describe(State(served): State<Served>) -> Json<DaemonInfo> {
    Json(DaemonInfo { clients: served.counts.told(), ..served.daemon.describe() })
}

pub(super) async fn stop(State(served): State<Served>) -> impl IntoResponse {
    served.daemon.stop();
    (StatusCode::ACCEPTED, Json(Stopping { stopping: served.daemon.describe().pid }))
}

pub(super) async fn metrics(State(served): State<Served>) -> Result<impl IntoResponse, Problem> {
    let networks = served.daemon.networks();
    let scraped = beside(move || {
        Scrape { networks: networks.iter().map(|network| scrape(&**network)).collect() }.text()
    });
    let text = scraped.await?.map_err(|error| {
        let detail = format!("the metrics cannot be written: {error}; please report this");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, &detail)
    })?;
    Ok(([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], text))
}

/// What a network counts now.
fn scrape(network: &dyn Network) -> NetworkScrape {
    NetworkScrape {
        network: network.network(),
        ports: network.ports(),
        published: network.published(),
        rules: network.rules(),
        tables: network.tables(),
    }
}

pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}
