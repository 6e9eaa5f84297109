//! Does the real command do what it says, in real namespaces?
//!
//! Each test is a private host of its own, see `udp_bridge_tests::host`. They need root and
//! `/dev/net/tun`, and nothing that is not in a fresh Debian.
//!
//! | file | about |
//! |---|---|
//! | [`reach`] | ping, TCP and UDP between all ends; a megabyte at every MTU, with offloads and without |
//! | [`verbs`] | `exec`, `ps`, `fdb`, `doctor`, several networks |
//! | [`conntrack`] | the flows of a network, listed, counted and deleted |
//! | [`look`] | `top` on a terminal, metrics, manual and completions |
//! | [`switching`] | what the switch drops and counts, isolation, ports that die |
//! | [`endings`] | nothing is left behind, however it ends |
//! | [`refusals`] | bad input is refused before anything is made |
//! | [`rootless`] | the same without privileges |
//! | [`workers`] | how many threads forward if nobody says |
//! | [`scale`] | 250 ports |
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code"
)]

mod conntrack;
mod endings;
mod look;
mod reach;
mod refusals;
mod rootless;
mod scale;
mod switching;
mod verbs;
mod workers;

use std::process::ExitCode;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::product;

fn main() -> ExitCode {
    if let Some(code) = rootless::ping_for_a_test() {
        return code;
    }
    let mut suite = Suite::with(product::build);
    verbs::add_to(&mut suite);
    conntrack::add_to(&mut suite);
    look::add_to(&mut suite);
    switching::add_to(&mut suite);
    endings::add_to(&mut suite);
    refusals::add_to(&mut suite);
    rootless::add_to(&mut suite);
    reach::add_to(&mut suite);
    workers::add_to(&mut suite);
    scale::add_to(&mut suite);
    // One at a time: the machine has few cores and some of these want all of them.
    suite.run(1)
}
