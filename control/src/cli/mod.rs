//! What does the user say, and what is shown?
//!
//! A file a verb: it parses its options, calls the room that does the work, and prints. What is
//! printed goes through `output`; every error ends in `exit`, which knows the exit codes.

mod apply;
mod capture;
mod completions;
mod config;
mod connect;
mod conntrack;
mod daemon;
mod down;
mod error;
mod exec;
mod exit;
mod fdb;
mod known;
mod limit;
mod logs;
mod man;
mod output;
mod port_list;
mod ports;
mod ps;
mod publish;
mod report;
mod rule;
mod rules;
mod status;
mod table;
mod top;
mod trace;
mod units;
mod up;
mod watched;

#[cfg(test)]
pub(crate) mod examples;

pub use exit::CliError;

use crate::bench;
use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "udp-bridge", version, about = ABOUT, after_help = exit::CODES)]
#[command(disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
}

const ABOUT: &str = "A userspace bridge for Linux: namespaces, TAPs and a learning switch in one \
                     process";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a network and keep it up until Ctrl-C, `down` or the end of the terminal
    Up(Box<up::Options>),
    /// Hold many networks until SIGTERM: `up` asks a running daemon for its network
    Daemon(daemon::Options),
    /// Take networks down, and clear what a killed process left behind
    Down(down::Options),
    /// Change what runs until it is what a file says, all of it or nothing
    Apply(apply::Options),
    /// Print what runs as a file of networks
    Config(config::Options),
    /// Connect a sandbox of a file to a network
    Connect(connect::Options),
    /// Disconnect a sandbox of a file from a network
    Disconnect(connect::DisconnectOptions),
    /// List networks and their ports, with counters
    Ps(ps::Options),
    /// Run a command in a port's namespace
    Exec(exec::Options),
    /// Show ports, busiest flows and drops on a whole screen, by the second
    Top(top::Options),
    /// Show which MACs live behind which ports; add and remove entries
    Fdb(fdb::Options),
    /// Show which ports of the host lead where
    Ports(ports::Options),
    /// Publish ports of the host while a network is up
    Publish(publish::Options),
    /// Take published ports back while a network is up
    Unpublish(publish::Options),
    /// Show what may pass, and how often each rule decided
    Rules(rules::Options),
    /// Add and remove rules while a network is up
    Rule(rule::Options),
    /// Set and show what ports may have: flows, packets and bytes by the second
    Limit(limit::Options),
    /// Show, count or delete tracked flows, as conntrack(8) does
    Conntrack(conntrack::Options),
    /// Show or keep frames as they come and go, with what became of them
    Capture(capture::Options),
    /// Tell what would become of a packet and why, or what becomes of those that come
    Trace(trace::Options),
    /// Measure this bridge beside the kernel's and others, in private namespaces
    Bench(bench::Options),
    /// Send or receive for `bench`
    #[command(hide = true)]
    Load(bench::load::Options),
    /// Tell what this machine has and lacks, and what to do about it
    Doctor(report::Options),
    /// Print a shell's script that completes commands and options
    Completions(completions::Options),
    /// Print the manual's first page, or write all of them
    Man(man::Options),
    /// Try something that changes the process for good, and print what came of it as JSON
    #[command(hide = true)]
    Probe(report::ProbeOptions),
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    // Children are started by /proc/self/exe, and `ps` would call them "exe". It is only a name.
    let _ = rustix::thread::set_name(c"udp-bridge");
    let result = match CommandLine::parse().verb {
        Verb::Up(options) => up::run(&options),
        Verb::Daemon(options) => daemon::run(&options),
        Verb::Down(options) => down::run(&options),
        Verb::Apply(options) => apply::run(&options),
        Verb::Config(options) => config::run(&options),
        Verb::Connect(options) => connect::run(&options),
        Verb::Disconnect(options) => connect::disconnect(&options),
        Verb::Ps(options) => ps::run(&options),
        Verb::Exec(options) => exec::run(&options),
        Verb::Top(options) => top::run(&options),
        Verb::Fdb(options) => fdb::run(&options),
        Verb::Ports(options) => ports::run(&options),
        Verb::Publish(options) => publish::run(&options),
        Verb::Unpublish(options) => publish::unpublish(&options),
        Verb::Rule(options) => rule::run(&options),
        Verb::Limit(options) => limit::run(&options),
        Verb::Rules(options) => rules::run(&options),
        Verb::Conntrack(options) => conntrack::run(&options),
        Verb::Capture(options) => capture::run(&options),
        Verb::Trace(options) => trace::run(&options),
        Verb::Bench(options) => bench::run(&options).map_err(CliError::from),
        Verb::Load(options) => bench::load::run(&options).map_err(CliError::from),
        Verb::Doctor(options) => report::run(&options),
        Verb::Completions(options) => completions::run(&options, CommandLine::command()),
        Verb::Man(options) => man::run(&options, CommandLine::command()),
        Verb::Probe(options) => report::probe(&options),
    };
    exit::code(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
