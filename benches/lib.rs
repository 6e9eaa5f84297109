//! What the benchmarks of the packet path share, so that all of them measure the same: those by the clock
//! (criterion) and the counts of instructions that are recorded in `instructions.toml`.
//!
//! | | |
//! |---|---|
//! | [`flows`] | connections and their frames |
//! | [`switching`] | a switch alone, frames that are bridged |
//! | [`routing`] | a router before two namespaces, connections that go through it |
//! | [`tables`] | tables with so many entries |
//! | [`counting`] | how instructions are counted, recorded and compared |
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot build what it measures has failed")]

pub mod counting;
pub mod flows;
pub mod routing;
pub mod switching;
pub mod tables;
