//! What the tests of `udp-bridge` share: one file or folder for each place that they play in.
//!
//! Everything here is test code: what cannot go on panics with the reason.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code"
)]

pub mod counts;
pub mod ending;
pub mod errors;
pub mod fuzz;
pub mod host;
pub mod network;
pub mod null;
pub mod openapi;
pub mod packets;
pub mod pieces;
pub mod talk;
pub mod world;
