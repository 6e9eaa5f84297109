//! What did the user ask to have measured, and can it be?

use super::compare;
use super::settings::Settings;
use super::system::System;
use super::workload::{MAX_FLOWS, Workload};
use dataplane::config::{ConfigError, Workers};
use std::path::PathBuf;

/// Most rounds.
pub const MAX_ROUNDS: u32 = 1000;
/// The shortest measurement: busy time is counted in steps of 10 ms.
pub const MIN_SECONDS: f64 = 0.2;
/// The longest measurement.
pub const MAX_SECONDS: f64 = 600.0;
/// The least MTU: the networks carry IPv6.
pub const MIN_MTU: u16 = 1280;

/// Seconds of traffic before each measurement, where there is much to measure, and in a first look.
const WARM_UP: f64 = 0.3;
const MEDIUM_WARM_UP: f64 = 0.2;
const SHORT_WARM_UP: f64 = 0.1;
/// How long a first look, and everything, may take, in seconds; what is over is for what takes longer
/// than planned.
const QUICK: f64 = 50.0;
const FULL: f64 = 27.0 * 60.0;

/// Compares this bridge with others on this machine.
///
/// All are started in private namespaces and measured in turns; nothing outside them is touched. Others
/// that are not installed are left out. Measure on a quiet machine: processor time is counted for all of it.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    /// What to do instead of measuring
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// How often each workload is measured on each system
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub rounds: u32,
    /// How long each measurement takes, after 0.3 s of warming up
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    pub seconds: f64,
    /// Numbers of TCP flows to measure [default: 1,4; with --full 1,4,16]
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    pub flows: Vec<u32>,
    /// Measure only these: tcp-N, tcp-N-reverse, tcp-N-both, tcp-rr, tcp-rr-loaded, tcp-crr, udp-N,
    /// udp-N-lossless, udp-gso, broadcast-8, mesh-8, learning-rate, fdb-capacity, masq-flows,
    /// masq-flows-capacity; masq- before a name for the way out through the host, published- for the way
    /// in, nat-idle- for neither; /mtu-N, /ports-N or /published-N after it
    #[arg(long = "workload", value_name = "NAME", value_delimiter = ',')]
    pub workloads: Vec<String>,
    /// Measure only these: ours, kernel, nftables, ovs, ovs-tso, vde, slirp4netns, pasta, loopback
    #[arg(long = "system", value_name = "NAME", value_delimiter = ',')]
    pub systems: Vec<String>,
    /// How many threads forward in ours, as of `up --workers`; each number is measured as a system beside
    /// the others [default: as many as `up` takes by default]
    #[arg(long, value_name = "N,…", value_delimiter = ',', allow_negative_numbers = true)]
    pub workers: Vec<usize>,
    /// Measure the ways through the host, out and in, instead of those within the network
    #[arg(long, conflicts_with = "workloads")]
    pub routed: bool,
    /// Write every sample to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page with plots to this file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// MTU of every interface, for workloads that do not name one
    #[arg(long, value_name = "BYTES", default_value_t = 1500)]
    pub mtu: u16,
    /// Two short rounds, in less than a minute: a first look, not a figure to quote
    #[arg(long, conflicts_with_all = ["rounds", "seconds"])]
    pub quick: bool,
    /// Everything there is to measure, in less than half an hour
    #[arg(long, conflicts_with_all = ["quick", "rounds", "seconds", "workloads", "routed"])]
    pub full: bool,
    /// Measure even if the machine is busy with other things
    #[arg(long)]
    pub noisy: bool,
    /// Measure here, as the process within the private namespaces
    #[arg(long, hide = true)]
    pub inside: bool,
}

/// What `bench` can do beside measuring.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Verb {
    /// Tell what changed between two runs beyond noise
    Compare(compare::Options),
}

/// Why options are refused.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum OptionError {
    /// No rounds, or too many.
    #[error("--rounds must be 1 to {MAX_ROUNDS}, not {0}")]
    Rounds(u32),
    /// Too short or too long.
    #[error("--seconds must be {MIN_SECONDS} to {MAX_SECONDS}, not {0}")]
    Seconds(f64),
    /// No flows, or too many.
    #[error("--flows must be numbers from 1 to {MAX_FLOWS}, not {0}")]
    Flows(u32),
    /// An MTU that not all networks can have.
    #[error("--mtu must be {MIN_MTU} to {max}, not {0}", max = dataplane::config::MAX_MTU)]
    Mtu(u16),
    /// There is no such workload.
    #[error(
        "no workload is named {name:?}; there are {known} (tcp-N for 1 to {MAX_FLOWS} flows, udp-N for \
         18 to 65507 bytes), those between two ends also with masq-, published- or nat-idle- before the \
         name, and all with /mtu-N, /ports-N or (routed ones) /published-N after it"
    )]
    Workload {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// Ours cannot have as many workers.
    #[error("--workers: {0}")]
    Workers(ConfigError),
    /// Workers of ours, which is not measured.
    #[error("--workers is of the system ours, which --system leaves out")]
    WorkersOfNone,
    /// There is no such system.
    #[error(
        "no system is named {name:?}; there are {known} (--workers says how many workers ours has)"
    )]
    System {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
}

impl Options {
    /// Proves the options possible.
    ///
    /// # Errors
    /// The first option that is not.
    pub fn check(&self) -> Result<Settings, OptionError> {
        let (rounds, seconds, warm_up, budget) = match (self.quick, self.full) {
            (true, _) => (2, 0.5, SHORT_WARM_UP, Some(QUICK)),
            (_, true) => (5, self.seconds, MEDIUM_WARM_UP, Some(FULL)),
            _ => (self.rounds, self.seconds, WARM_UP, None),
        };
        if rounds == 0 || rounds > MAX_ROUNDS {
            return Err(OptionError::Rounds(rounds));
        }
        if !(MIN_SECONDS..=MAX_SECONDS).contains(&seconds) {
            return Err(OptionError::Seconds(seconds));
        }
        if self.mtu < MIN_MTU || self.mtu > dataplane::config::MAX_MTU {
            return Err(OptionError::Mtu(self.mtu));
        }
        if let Some(flows) = self.flows.iter().find(|flows| !(1..=MAX_FLOWS).contains(*flows)) {
            return Err(OptionError::Flows(*flows));
        }
        let (workloads, systems) = (self.chosen_workloads()?, self.chosen_systems()?);
        let (mtu, noisy) = (self.mtu, self.noisy);
        Ok(Settings { rounds, seconds, warm_up, budget, mtu, workloads, systems, noisy })
    }

    /// The workloads named, or those that belong to the other options; each once.
    fn chosen_workloads(&self) -> Result<Vec<Workload>, OptionError> {
        let flows = match (&self.flows[..], self.full) {
            ([], false) => &[1, 4],
            ([], true) => &[1, 4, 16][..],
            (named, _) => named,
        };
        let asked = if !self.workloads.is_empty() {
            let read = |name: &String| {
                let known = || names(&Workload::known());
                Workload::parse(name)
                    .ok_or_else(|| OptionError::Workload { name: name.clone(), known: known() })
            };
            self.workloads.iter().map(read).collect::<Result<_, _>>()?
        } else if self.full {
            Workload::full(flows)
        } else if self.routed {
            Workload::routed(flows)
        } else if self.quick && self.flows.is_empty() {
            Workload::quick()
        } else {
            Workload::usual(flows)
        };
        Ok(once(asked))
    }

    /// The systems named, or all, with ours for each number of workers; each once.
    fn chosen_systems(&self) -> Result<Vec<System>, OptionError> {
        let read = |name: &String| {
            let known = || System::ALL.map(|it| it.to_string()).join(", ");
            let named = System::ALL.into_iter().find(|it| it.to_string() == *name);
            named.ok_or_else(|| OptionError::System { name: name.clone(), known: known() })
        };
        let named: Vec<System> = self.systems.iter().map(read).collect::<Result<_, _>>()?;
        let named = if named.is_empty() { System::ALL.to_vec() } else { once(named) };
        let ours = self.chosen_workers()?;
        if !self.workers.is_empty() && !named.contains(&System::OURS) {
            return Err(OptionError::WorkersOfNone);
        }
        let each = |system: System| if system.is_ours() { ours.clone() } else { vec![system] };
        Ok(named.into_iter().flat_map(each).collect())
    }

    /// Ours with each number of workers, once; or as it is by default.
    fn chosen_workers(&self) -> Result<Vec<System>, OptionError> {
        let read = |&count: &usize| Workers::new(count).map_err(OptionError::Workers);
        let all: Vec<Workers> = self.workers.iter().map(read).collect::<Result<_, _>>()?;
        if all.is_empty() {
            return Ok(vec![System::OURS]);
        }
        Ok(once(all).into_iter().map(|asked| System::Ours(Some(asked))).collect())
    }
}

fn once<T: PartialEq>(all: Vec<T>) -> Vec<T> {
    let mut once = Vec::new();
    for one in all {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once
}

fn names(workloads: &[Workload]) -> String {
    workloads.iter().map(Workload::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
