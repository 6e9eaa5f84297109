//! Is what is captured what was sent, on a real network, for us and for other programs?
//!
//! | file | about |
//! |---|---|
//! | [`files`] | known packets, read back: by a crate, by tshark, through a pipe by tcpdump |
//! | [`readers`] | readers that stop, stall, ask for nonsense; how many there may be |
//! | [`trace`] | what is explained is what then happens |
//! | [`documented`] | what docs/capture.md and docs/trace.md show runs |
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code"
)]

mod documented;
mod files;
mod readers;
mod trace;

use std::process::ExitCode;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::product;

fn main() -> ExitCode {
    let mut suite = Suite::with(product::build);
    files::add_to(&mut suite);
    readers::add_to(&mut suite);
    trace::add_to(&mut suite);
    documented::add_to(&mut suite);
    suite.run(1)
}
