//! Is a network changed while it runs, and does everything else go on?
//!
//! | file | about |
//! |---|---|
//! | [`published`] | ports of the host come and go, under traffic and under refusals |
//! | [`others`] | rules, limits and entries of the MAC table come and go |
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code"
)]

mod others;
mod published;

use std::process::ExitCode;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::product;

fn main() -> ExitCode {
    let mut suite = Suite::with(product::build);
    published::add_to(&mut suite);
    others::add_to(&mut suite);
    suite.run(1)
}
