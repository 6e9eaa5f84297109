//! In which order is what measured?
//!
//! All systems of a stage stand all the time. In each round every workload runs on all of them, one
//! right after the other, and which goes first changes with the round: what drifts on the machine
//! drifts for all. A workload that fails on a system is not tried on it again; the rest goes on.
//!
//! | file | question |
//! |---|---|
//! | `one` | how is one workload measured on one path? |
//! | `pair` | how are a client and a server led? |
//! | `search` | at which rate is nothing lost? |
//! | `flows` | how fast does a NAT begin connections? |
//! | `learn` | how fast does a switch learn, and how much? |
//! | `sample` | what is kept? |

mod flows;
mod learn;
mod one;
mod pair;
mod sample;
mod search;

pub use sample::{Failure, Sample, Trial};

use super::settings::Settings;
use super::system::path::Path;
use super::system::{System, SystemError};
use super::worker::WorkerError;
use super::workload::{Load, Workload};
use crate::netns::NetnsError;
use one::One;
use std::time::Duration;

/// The congestion control that is asked for, everywhere the same; see the benchmark's head.
pub const CONGESTION: &str = "cubic";

/// In how many rounds searches take part where there is a budget of time.
const SHORT_ROUNDS: u32 = 2;

/// How long a measurement takes.
#[derive(Clone, Copy, Debug)]
struct Timing {
    /// Traffic before the measured span.
    warm_up: Duration,
    span: Duration,
}

/// Why there is no sample.
#[derive(Debug, thiserror::Error)]
enum MeasureError {
    /// One of the ends failed.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// An end cannot be looked at.
    #[error(transparent)]
    Namespace(NetnsError),
    /// The system cannot be asked for its connections.
    #[error(transparent)]
    System(#[from] SystemError),
}

/// What came of the rounds so far.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) samples: Vec<Sample>,
    pub(super) failures: Vec<Failure>,
}

/// Measures these workloads; `progress` hears of each measurement before it begins.
pub(super) fn run(
    settings: &Settings,
    workloads: &[Workload],
    paths: &[Path],
    results: &mut Results,
    mut progress: impl FnMut(u32, Workload, System),
) {
    let timing = Timing {
        warm_up: Duration::from_secs_f64(settings.warm_up),
        span: Duration::from_secs_f64(settings.seconds),
    };
    for round in 1..=settings.rounds {
        for &workload in workloads.iter().filter(|it| round <= rounds(settings, it.load)) {
            for path in in_turn(paths, workload, round) {
                let system = path.system;
                progress(round, workload, system);
                let failed = |it: &Failure| it.workload == workload && it.system == system;
                if results.failures.iter().any(failed) {
                    continue;
                }
                let one = One { round, workload, path, timing };
                match one.measure(workload.shape(settings.mtu).mtu) {
                    Ok(sample) => results.samples.push(sample),
                    Err(error) => {
                        let why = error.to_string();
                        results.failures.push(Failure { round, workload, system, why });
                    }
                }
            }
        }
    }
}

/// How many measurements one of this load is made of.
pub(super) fn steps(load: Load) -> usize {
    match load {
        Load::UdpLossless { .. } => 1 + search::STEPS as usize,
        Load::Flows => 1 + search::STEPS as usize,
        Load::FlowsCapacity => flows::FILLING_STEPS,
        // Each trial is two processes of the learner's and the asker's.
        Load::LearningRate => 1 + search::STEPS as usize,
        Load::FdbCapacity => learn::MANY_STEPS,
        _ => 1,
    }
}

/// In how many rounds it is measured: a search takes as long as many measurements, and where time is short
/// it takes part in the first ones only.
pub(super) fn rounds(settings: &Settings, load: Load) -> u32 {
    match settings.budget {
        Some(_) if steps(load) > 1 => settings.rounds.min(SHORT_ROUNDS),
        _ => settings.rounds,
    }
}

/// The paths that the workload can take, in this round's order: every other round turns it round.
fn in_turn(paths: &[Path], workload: Workload, round: u32) -> Vec<&Path> {
    let fits = |path: &&Path| {
        let whole = workload.load.ends() > 2;
        let unasked = workload.load.is_tracked() && path.tracker.is_none();
        let few = whole && path.ends.len() < workload.load.ends().into();
        path.way == workload.way && !few && !unasked
    };
    let mut turn: Vec<&Path> = paths.iter().filter(fits).collect();
    if round.is_multiple_of(2) {
        turn.reverse();
    }
    turn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::system::path::End;
    use crate::bench::workload::Way;
    use std::net::Ipv4Addr;
    use std::path::PathBuf;

    fn path(system: System, way: Way, ends: usize) -> Path {
        let end = End { netns: PathBuf::new(), address: Ipv4Addr::LOCALHOST };
        Path::across(system, way, &vec![end; ends]).unwrap()
    }

    fn order(name: &str, round: u32) -> Vec<System> {
        let paths = [
            path(System::OURS, Way::Bridged, 8),
            path(System::OURS, Way::NatIdle, 2),
            path(System::Kernel, Way::Bridged, 8),
            path(System::Loopback, Way::Bridged, 1),
        ];
        let workload = Workload::parse(name).unwrap();
        in_turn(&paths, workload, round).iter().map(|path| path.system).collect()
    }

    #[test]
    fn the_systems_take_turns_in_going_first() {
        assert_eq!(order("tcp-1", 1), [System::OURS, System::Kernel, System::Loopback]);
        assert_eq!(order("tcp-1", 2), [System::Loopback, System::Kernel, System::OURS]);
        assert_eq!(order("tcp-1", 3), order("tcp-1", 1));
    }

    #[test]
    fn a_way_that_a_system_does_not_have_is_not_measured_on_it() {
        assert_eq!(order("nat-idle-tcp-1", 1), [System::OURS]);
        assert_eq!(order("published-tcp-1", 1), []);
        assert_eq!(order("mesh-8", 1), [System::OURS, System::Kernel]);
    }
}
