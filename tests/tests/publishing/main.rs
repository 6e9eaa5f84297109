//! Do published ports do on the host what they promise, in real namespaces?
//!
//! Here the client is the host itself, whom the listening sockets serve. Clients from elsewhere are
//! the dataplane's.
//!
//! | file | about |
//! |---|---|
//! | [`relay`] | TCP and UDP through the relay: addresses, half-close, resets, strangers |
//! | [`reserve`] | a port is kept and given back; who has one that is not free |
//! | [`refusals`] | what is refused before anything is made |
//! | [`limits`] | every limit filled; 10,000 ports |
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code"
)]

mod limits;
mod refusals;
mod relay;
mod reserve;

use serde_json::Value;
use std::process::ExitCode;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::product;

fn main() -> ExitCode {
    let mut suite = Suite::with(product::build);
    relay::add_to(&mut suite);
    reserve::add_to(&mut suite);
    refusals::add_to(&mut suite);
    limits::add_to(&mut suite);
    // One at a time: some of these open thousands of sockets.
    suite.run(1)
}

/// What `ports --json` tells of the network's entry at `index`.
fn published(host: &Host, index: usize) -> Value {
    let listed = host.udp_bridge("ports ub0 --json").ok().stdout;
    let all: Value = serde_json::from_str(&listed).unwrap();
    all[0]["published"][index].clone()
}

/// How many clients of the entry at `index` were refused for this reason.
fn refused(host: &Host, index: usize, reason: &str) -> u64 {
    let entry = published(host, index);
    let reasons = entry["refused"].as_array().unwrap();
    let found = reasons.iter().find(|refused| refused["reason"] == reason);
    found.map_or(0, |refused| refused["count"].as_u64().unwrap())
}
