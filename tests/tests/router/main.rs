//! Do namespaces reach the outside, and does it reach them, without netfilter?
//!
//! Each test is a private host with a namespace `outside` behind a veth pair, see
//! `udp_bridge_tests::host::outside`; sockets on all sides tell whom they see. On these hosts no
//! program is to be found: every directory of programs is empty, so that what works here works
//! without `ip`, `nft`, `iptables` and all others, by path or by name. Each test is about IPv4 and
//! IPv6 where it does not say otherwise.
//!
//! | file | about |
//! |---|---|
//! | [`world`] | the host with its outside and a network |
//! | [`call`] | a conversation, and the addresses that both sides see |
//! | [`out`] | ping, TCP, UDP, fragments from a namespace to the outside |
//! | [`mapping`] | under which address and port, and who may answer there |
//! | [`discovery`] | what a STUN client that was not written here says of the NAT |
//! | [`hops`] | traceroute |
//! | [`published`] | published ports from everywhere |
//! | [`errors`] | ICMP errors reach the socket that they are about; path MTU |
//! | [`changes`] | `rp_filter`, addresses that come and go |
//! | [`host`] | the host's own connectivity and services |
//! | [`policy`] | `--icc=false`, `--internal`, `--rules` |
//! | [`endings`] | what kill -9 leaves is undone |
//! | [`kernel`] | no netfilter object, no kernel conntrack; what our own shows |
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code"
)]

mod call;
mod changes;
mod discovery;
mod endings;
mod errors;
mod hops;
mod host;
mod kernel;
mod mapping;
mod out;
mod policy;
mod published;
mod world;

use std::process::ExitCode;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::product;

fn main() -> ExitCode {
    let mut suite = Suite::with(product::build);
    out::add_to(&mut suite);
    mapping::add_to(&mut suite);
    discovery::add_to(&mut suite);
    hops::add_to(&mut suite);
    published::add_to(&mut suite);
    errors::add_to(&mut suite);
    changes::add_to(&mut suite);
    host::add_to(&mut suite);
    policy::add_to(&mut suite);
    endings::add_to(&mut suite);
    kernel::add_to(&mut suite);
    suite.run(1)
}
