//! How fast do changes of running networks take effect, what do many networks take, and what does
//! looking at them cost?
//!
//! ```text
//!   cargo bench -p udp-bridge-live [-- NAME…]
//! ```
//!
//! | name | what is measured | where |
//! |---|---|---|
//! | `requests` | a published port, a rule, limits: added and removed, at 3 and 250 ports | [`requests`] |
//! | `apply` | a file that differs in one of 250 sandboxes, and proof that it is in force | [`apply`] |
//! | `many` | 1,000 endpoints over 50 networks: until ready, memory, idle, until gone | [`many`] |
//! | `watched` | throughput and packet rate with and without `top`, scrapes and captures | [`watched`] |
//!
//! Each runs the real command on a private host (`udp_bridge_tests::host`): network and mount namespaces
//! of its own, and an empty `/run`. The command is built first, as this is. That takes root, and
//! `/dev/net/tun`.
//!
//! What is compared is measured in turns, round by round; a table has the median of the rounds, the least
//! and the greatest. Nothing here judges a time. What does not work at all is a panic.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark has no users; what cannot go on ends it with the reason"
)]

mod apply;
mod load;
mod looking;
mod many;
mod processor;
mod requests;
mod table;
mod watched;

use control::bench::cpu::{Machine, busy_share};
use nix::unistd::geteuid;
use std::path::Path;
use std::process::ExitCode;
use table::Table;
use udp_bridge_tests::host::{Host, product};

/// What is measured on a private host.
type Part = fn(&Host) -> Table;

/// All parts, by name.
const PARTS: [(&str, Part); 4] = [
    ("requests", requests::measure),
    ("apply", apply::measure),
    ("many", many::measure),
    ("watched", watched::measure),
];

/// Above this share of busy processors before it begins, figures mean little.
const QUIET: f64 = 0.05;

fn main() -> ExitCode {
    let (options, wanted): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    if !options.iter().any(|option| option == "--bench") {
        println!("this is run by `cargo bench -p udp-bridge-live`");
        return ExitCode::SUCCESS;
    }
    let known = |name: &String| PARTS.iter().any(|(part, _)| part == name);
    if let Some(name) = wanted.iter().find(|name| !known(name)) {
        let names = PARTS.map(|(part, _)| part).join(", ");
        eprintln!("there is no {name} to measure; there are {names}");
        return ExitCode::FAILURE;
    }
    if !geteuid().is_root() || !Path::new(dataplane::port::tap::TUN_DEVICE).exists() {
        eprintln!(
            "NOTHING IS MEASURED: this makes namespaces and TAPs, and needs root and /dev/net/tun"
        );
        return ExitCode::FAILURE;
    }
    product::build();
    print!("{}", conditions());
    for (name, part) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|one| one == name) {
            println!("\n{name}: {}", Host::run(part));
        }
    }
    ExitCode::SUCCESS
}

/// The machine, and whether it is quiet.
fn conditions() -> String {
    let Machine { kernel, cpu, cores, .. } = Machine::observe();
    let busy = busy_share(cores).unwrap();
    let mut text = format!("kernel      {kernel}\nprocessor   {cpu}, {cores} cores\n");
    text += &format!("busy        {:.0} % before this began\n", busy * 100.0);
    if busy > QUIET {
        text += "            measure again when the machine is quiet\n";
    }
    text
}
