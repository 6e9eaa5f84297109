//! What is asked of the process itself?

use super::Served;
use crate::api::protocol::{DaemonInfo, Stopping};
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

pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}
