//! What the tests of udp-bridge share. The tests themselves are in `tests/tests`.
//!
//! Everything here is test code: what cannot go on panics with the reason.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code"
)]

pub mod host;
