//! What does a client send beside its question?
//!
//! At most [`MAX_BODY`] bytes, and not longer at it than [`Patience::body`](super::Patience::body).

use super::Served;
use super::clients::Counts;
use crate::api::protocol::Problem;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::LengthLimitError;
use std::error::Error;
use tokio::time::timeout;

/// Longest body: a file of rules, which has 16 MiB at most, with every second character escaped.
pub const MAX_BODY: usize = 32 << 20;

/// Reads a whole body.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    served: &Served,
) -> Result<Bytes, Problem> {
    let (counts, patience) = (&served.counts, served.patience.body);
    check_length(headers, counts)?;
    match timeout(patience, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_long(&error) => Err(too_large(counts)),
        Ok(Err(error)) => {
            Err(Problem::new(StatusCode::BAD_REQUEST, &format!("the body breaks off: {error}")))
        }
        Err(_) => {
            counts.timed_out.count();
            let detail = format!("the body was not there within {} s", patience.as_secs());
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, &detail))
        }
    }
}

/// Refuses a body that says itself that it is too long, before it is read.
pub(super) fn check_length(headers: &HeaderMap, counts: &Counts) -> Result<(), Problem> {
    let told = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length = told.and_then(|length| length.parse::<u64>().ok());
    match length {
        Some(length) if length > MAX_BODY as u64 => Err(too_large(counts)),
        _ => Ok(()),
    }
}

fn too_large(counts: &Counts) -> Problem {
    counts.too_large.count();
    let detail = format!("a body can have {MAX_BODY} bytes at most");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, &detail)
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
