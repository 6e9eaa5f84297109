//! Do several workers forward as one does, only at the same time?
//!
//! Every test runs an engine of two, three and four workers over ports in memory, with a thread for each
//! host. What happens when is the machine's to decide; what is asserted holds in any case.
//!
//! | file | about |
//! |---|---|
//! | [`order`] | what comes by one port stays in order, and is counted exactly, also while all that can change does |
//! | [`queues`] | by which queue of a port a frame leaves |
//! | [`tables`] | FDB, flows, leases and limits under several hands |
//! | [`crew`] | a running engine and its hosts, for the others |
#![allow(clippy::unwrap_used, reason = "an engine that cannot be made is a failed test")]

mod crew;
mod order;
mod queues;
mod tables;
