//! How are frames watched over the api?
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/networks/NAME/capture?port=&filter=&count=` | pcapng, as frames come ([`crate::capture::pcapng`]) |
//!
//! All parts of the query may be left out: then it is every port, every frame, without end. The answer
//! ends when `count` frames were sent or the network goes; it is ended when the client goes, or does not
//! read for some seconds while there is more than fits the rings. Several clients may watch at a time.

mod ask;
pub(in crate::api) mod body;
mod interfaces;
mod query;
pub mod serve;
#[cfg(test)]
mod tests;

pub(crate) use body::NICE;
pub use query::{CaptureQuery, QueryError};
