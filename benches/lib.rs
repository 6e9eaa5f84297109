//! What the benchmarks of the packet path share, so that all of them measure the same.
//!
//! | | |
//! |---|---|
//! | [`flows`] | connections and their frames |
//! | [`switching`] | a switch alone, frames that are bridged |
//! | [`routing`] | a router before two namespaces, connections that go through it |
//! | [`tables`] | tables with so many entries |
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot build what it measures has failed")]

pub mod flows;
pub mod routing;
pub mod switching;
pub mod tables;
