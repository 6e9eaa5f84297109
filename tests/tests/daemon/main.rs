//! Does one process hold many networks, and answer for all of them?
//!
//! Each test is a private host of its own, see `udp_bridge_tests::host`.
//!
//! | file | about |
//! |---|---|
//! | [`house`] | a daemon for a test |
//! | [`holding`] | networks come and go in one daemon, by the api and by the commands |
//! | [`endings`] | nothing is left behind, however the daemon ends; two daemons do not fight |
//! | [`clients`] | who may ask, and what becomes of those who ask badly |
//! | [`metrics`] | what Prometheus reads at a TCP address |
//! | [`documents`] | the examples, the description and the unit file are right |
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code"
)]

mod clients;
mod documents;
mod endings;
mod holding;
mod house;
mod metrics;

use std::process::ExitCode;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::product;

fn main() -> ExitCode {
    let mut suite = Suite::with(product::build);
    holding::add_to(&mut suite);
    endings::add_to(&mut suite);
    clients::add_to(&mut suite);
    metrics::add_to(&mut suite);
    documents::add_to(&mut suite);
    // One at a time: the machine has few cores and some of these want all of them.
    suite.run(1)
}
