//! Does `udp-bridge bench` measure what it says, beside whatever else is there, and leave nothing behind?
//!
//! What is measured is not asserted, only that it was: these tests run on machines that do other things.
//!
//! | file | about |
//! |---|---|
//! | [`systems`] | each system carries its ways; one that is missing or fails leaves the rest |
//! | [`workloads`] | each kind of workload gives its figures |
//! | [`results`] | files, whole or not at all; comparing two runs |
//! | [`page`] | how the page looks in a browser |
//! | [`refusals`] | what is refused, and in which words |
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code"
)]

mod page;
mod refusals;
mod results;
mod runs;
mod systems;
mod workloads;

use std::process::ExitCode;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::product;

fn main() -> ExitCode {
    let mut suite = Suite::with(product::build);
    systems::add_to(&mut suite);
    workloads::add_to(&mut suite);
    results::add_to(&mut suite);
    page::add_to(&mut suite);
    refusals::add_to(&mut suite);
    suite.run(1)
}
