//! Do networks come to be, change and go as a file says?
//!
//! Each test is a private host of its own, see `udp_bridge_tests::host`.
//!
//! | file | about |
//! |---|---|
//! | [`written`] | files for tests, and a process that has made one |
//! | [`examples`] | the examples of the documentation run as written |
//! | [`making`] | all of a file is made or nothing, and goes again; what is adopted stays |
//! | [`across`] | networks are apart unless rules of both say otherwise |
//! | [`companions`] | networks whose rules name each other, as they come and go |
//! | [`scene`] | two sandboxes that talk while somebody changes what runs |
//! | [`settings`] | every setting is changed while others talk, and changed back |
//! | [`changing`] | what runs becomes what a file says |
//! | [`halfway`] | a step that fails halfway leaves what was there before |
//! | [`streaming`] | who is not concerned by a change notices nothing |
//! | [`numbered`] | what `up --ports` made, in the words of a file |
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code"
)]

mod across;
mod changing;
mod companions;
mod examples;
mod halfway;
mod making;
mod numbered;
mod scene;
mod settings;
mod streaming;
mod written;

use std::process::ExitCode;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::product;

fn main() -> ExitCode {
    let mut suite = Suite::with(product::build);
    examples::add_to(&mut suite);
    making::add_to(&mut suite);
    changing::add_to(&mut suite);
    streaming::add_to(&mut suite);
    settings::add_to(&mut suite);
    across::add_to(&mut suite);
    companions::add_to(&mut suite);
    halfway::add_to(&mut suite);
    numbered::add_to(&mut suite);
    // One at a time: the machine has few cores.
    suite.run(1)
}
