//! What did the user ask to have measured, and can it be?

use super::workload::{MAX_FLOWS, Workload};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Most rounds.
pub const MAX_ROUNDS: u32 = 1000;
/// The shortest measurement: busy time is counted in steps of 10 ms.
pub const MIN_SECONDS: f64 = 0.2;
/// The longest measurement.
pub const MAX_SECONDS: f64 = 600.0;
/// The least MTU: the networks carry IPv6.
pub const MIN_MTU: u16 = 1280;

/// Compares this bridge with the kernel's on this machine.
///
/// Both are built in private namespaces and measured in turns; nothing outside them is touched.
/// Measure on a quiet machine: processor time is counted for all of it.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// How often each workload is measured on each bridge
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub rounds: u32,
    /// How long each measurement takes, after 0.3 s of warming up
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    pub seconds: f64,
    /// Numbers of TCP flows to measure
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1, 4])]
    pub flows: Vec<u32>,
    /// Measure only these: tcp-N, tcp-N-reverse, tcp-both, tcp-rr, tcp-crr, udp-18, udp-gso; masq- before
    /// a name for the way out through the host, published- for the way in, nat-idle- for neither
    #[arg(long = "workload", value_name = "NAME", value_delimiter = ',')]
    pub workloads: Vec<String>,
    /// Measure the ways through the host, out and in, instead of those within the network
    #[arg(long, conflicts_with = "workloads")]
    pub routed: bool,
    /// Write every sample to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// MTU of every interface
    #[arg(long, value_name = "BYTES", default_value_t = 1500)]
    pub mtu: u16,
    /// Two rounds of half a second: a first look, not a figure to quote
    #[arg(long, conflicts_with_all = ["rounds", "seconds"])]
    pub quick: bool,
    /// Measure here, as the process within the private namespaces
    #[arg(long, hide = true)]
    pub inside: bool,
}

/// Options that were found possible.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How often each workload is measured on each bridge.
    pub rounds: u32,
    /// How long each measurement takes.
    pub seconds: f64,
    /// MTU of every interface.
    pub mtu: u16,
    /// What is measured, in this order.
    pub workloads: Vec<Workload>,
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
    /// An MTU that not both networks can have.
    #[error("--mtu must be {MIN_MTU} to {max}, not {0}", max = dataplane::config::MAX_MTU)]
    Mtu(u16),
    /// There is no such workload.
    #[error(
        "no workload is named {name:?}; there are {known} (and tcp-N for 1 to {MAX_FLOWS} flows), \
         and all of them with masq-, published- or nat-idle- before the name"
    )]
    Workload {
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
        let (rounds, seconds) = if self.quick { (2, 0.5) } else { (self.rounds, self.seconds) };
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
        Ok(Settings { rounds, seconds, mtu: self.mtu, workloads: self.chosen()? })
    }

    /// The workloads named, or all of them; each once.
    fn chosen(&self) -> Result<Vec<Workload>, OptionError> {
        let all = Workload::bridged(&self.flows);
        let asked = if self.routed {
            Workload::routed(&self.flows)
        } else if self.workloads.is_empty() {
            all
        } else {
            let read = |name: &String| {
                Workload::parse(name)
                    .ok_or_else(|| OptionError::Workload { name: name.clone(), known: names(&all) })
            };
            self.workloads.iter().map(read).collect::<Result<_, _>>()?
        };
        let mut once = Vec::new();
        for workload in asked {
            if !once.contains(&workload) {
                once.push(workload);
            }
        }
        Ok(once)
    }
}

fn names(workloads: &[Workload]) -> String {
    workloads.iter().map(Workload::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, FromArgMatches};

    fn options(arguments: &[&str]) -> Options {
        let command = Options::augment_args(clap::Command::new("bench"));
        let words = std::iter::once("bench").chain(arguments.iter().copied());
        Options::from_arg_matches(&command.try_get_matches_from(words).unwrap()).unwrap()
    }

    fn refused(arguments: &[&str]) -> OptionError {
        options(arguments).check().unwrap_err()
    }

    #[test]
    fn without_options_everything_is_measured_five_times_for_two_seconds() {
        let settings = options(&[]).check().unwrap();
        assert_eq!((settings.rounds, settings.seconds, settings.mtu), (5, 2.0, 1500));
        assert_eq!(
            names(&settings.workloads),
            "tcp-1, tcp-1-reverse, tcp-4, tcp-4-reverse, tcp-both, tcp-rr, udp-18, udp-gso"
        );
    }

    #[test]
    fn routed_is_the_ways_through_the_host_and_the_bridge_beside_them() {
        let settings = options(&["--routed", "--flows", "1"]).check().unwrap();
        assert_eq!(
            names(&settings.workloads),
            "masq-tcp-1, masq-tcp-1-reverse, published-tcp-1, masq-tcp-crr, masq-udp-18, \
             masq-udp-gso, tcp-1, nat-idle-tcp-1"
        );
    }

    #[test]
    fn quick_is_two_rounds_of_half_a_second() {
        let settings = options(&["--quick"]).check().unwrap();
        assert_eq!((settings.rounds, settings.seconds), (2, 0.5));
    }

    #[test]
    fn workloads_are_measured_once_in_the_order_named() {
        let settings = options(&["--workload", "udp-18,tcp-8", "--workload", "udp-18"]).check();
        assert_eq!(names(&settings.unwrap().workloads), "udp-18, tcp-8");
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        assert_eq!(refused(&["--rounds", "0"]), OptionError::Rounds(0));
        assert_eq!(refused(&["--rounds", "1001"]), OptionError::Rounds(1001));
        assert_eq!(refused(&["--seconds", "0.1"]), OptionError::Seconds(0.1));
        assert!(matches!(refused(&["--seconds", "nan"]), OptionError::Seconds(_)));
        assert_eq!(refused(&["--flows", "1,0"]), OptionError::Flows(0));
        assert_eq!(refused(&["--mtu", "1279"]), OptionError::Mtu(1279));
        assert_eq!(refused(&["--mtu", "65535"]), OptionError::Mtu(65535));
    }

    #[test]
    fn an_unknown_workload_is_told_the_known_ones() {
        assert_eq!(
            refused(&["--flows", "2", "--workload", "sctp"]).to_string(),
            "no workload is named \"sctp\"; there are tcp-2, tcp-2-reverse, tcp-both, tcp-rr, \
             udp-18, udp-gso (and tcp-N for 1 to 64 flows), and all of them with masq-, published- \
             or nat-idle- before the name"
        );
    }
}
