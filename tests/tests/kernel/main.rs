//! What does udp-bridge take for granted of the kernel?
//!
//! Each assumption about TAP devices and raw sockets is a test of its own: when a kernel breaks one, it
//! is named here and not in a hung TCP connection. The tests need root and run in namespaces of their
//! own.
//!
//! | file | about |
//! |---|---|
//! | [`header`] | the virtio header: what the kernel leaves undone and what it accepts |
//! | [`icmp`] | raw sockets: which ICMP messages they get, and how |
//! | [`offloads`] | which frames come with which offload mask |
//! | [`life`] | moves between namespaces, interfaces going down, devices going away |
//! | [`queues`] | several queues of one TAP: by which does the kernel hand us what? |
//! | [`snapshots`] | do the snapshots of a host notice what is left behind? |
//! | [`workers`] | several threads on the same TAPs |
//! | [`wire`] | a TAP and a cable between two of them, for the others |
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code"
)]

mod header;
mod icmp;
mod life;
mod offloads;
mod queues;
mod snapshots;
mod wire;
mod workers;

use std::process::ExitCode;
use udp_bridge_tests::host::needs::Suite;

fn main() -> ExitCode {
    let mut suite = Suite::default();
    header::add_to(&mut suite);
    icmp::add_to(&mut suite);
    life::add_to(&mut suite);
    offloads::add_to(&mut suite);
    queues::add_to(&mut suite);
    snapshots::add_to(&mut suite);
    workers::add_to(&mut suite);
    suite.run(2)
}
