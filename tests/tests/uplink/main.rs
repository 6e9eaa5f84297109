//! Is the routed uplink on the host exactly what it should be, and gone without a trace afterwards?
//!
//! Each test is a private host of its own with a namespace `outside` behind a veth pair. Rules, routes
//! and settings are read back by netlink and from /proc; no traffic is translated here.
//!
//! | file | about |
//! |---|---|
//! | [`world`] | the host with its outside, and how it is read |
//! | [`standing`] | what is there while a network stands, and that it follows the host |
//! | [`endings`] | nothing is left behind, and the host is never without its `local` rule |
//! | [`refusals`] | what is refused before anything is touched |
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code"
)]

mod endings;
mod refusals;
mod standing;
mod world;

use std::process::ExitCode;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::product;

fn main() -> ExitCode {
    let mut suite = Suite::with(product::build);
    standing::add_to(&mut suite);
    endings::add_to(&mut suite);
    refusals::add_to(&mut suite);
    suite.run(1)
}
