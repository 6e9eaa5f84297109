//! In which order is what measured?
//!
//! All systems of a stage stand all the time. In each round every workload runs on all of them, one
//! right after the other, and which goes first changes with the round: what drifts on the machine
//! drifts for all. A workload that fails on a system is not tried on it again; the rest goes on.
//!
//! | file | question |
//! |---|---|
//! | [`pair`] | how are a client and a server led? |
//! | [`search`] | at which rate is nothing lost? |
//! | [`sample`] | what is kept? |

mod pair;
mod sample;
mod search;

pub use sample::{Failure, Sample, Trial};

use super::load::{Ready, Role, Tally, Task};
use super::options::Settings;
use super::system::System;
use super::system::path::{End, Path};
use super::worker::{Worker, WorkerError};
use super::workload::{Direction, Load, Workload};
use pair::{PATIENCE, Pair, Seen};
use std::net::SocketAddrV4;
use std::time::Duration;

/// The congestion control that is asked for, everywhere the same; see the benchmark's head.
pub const CONGESTION: &str = "cubic";
/// How long a measurement takes.
#[derive(Clone, Copy, Debug)]
struct Timing {
    /// Traffic before the measured span.
    warm_up: Duration,
    span: Duration,
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
    for round in 1..=settings.rounds {
        for &workload in workloads {
            for path in in_turn(paths, workload, round) {
                let system = path.system;
                progress(round, workload, system);
                let failed = |it: &Failure| it.workload == workload && it.system == system;
                if results.failures.iter().any(failed) {
                    continue;
                }
                match measure(settings, round, workload, path) {
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
        _ => 1,
    }
}

/// The paths that the workload can take, in this round's order: every other round turns it round.
fn in_turn(paths: &[Path], workload: Workload, round: u32) -> Vec<&Path> {
    let fits = |path: &&Path| {
        let whole = workload.load.ends() > 2;
        path.way == workload.way && !(whole && path.ends.len() < workload.load.ends().into())
    };
    let mut turn: Vec<&Path> = paths.iter().filter(fits).collect();
    if round.is_multiple_of(2) {
        turn.reverse();
    }
    turn
}

fn measure(
    settings: &Settings,
    round: u32,
    workload: Workload,
    path: &Path,
) -> Result<Sample, WorkerError> {
    let timing = Timing {
        warm_up: Duration::from_secs_f64(settings.warm_up),
        span: Duration::from_secs_f64(settings.seconds),
    };
    let task = workload.load.task(workload.shape(settings.mtu).mtu);
    let sample = |seen: &Seen| sample(round, workload, path.system, seen);
    match (workload.load, task) {
        (Load::UdpLossless { .. }, Task::Datagrams { payload, .. }) => {
            let found = search::search(path, payload, timing)?;
            let nothing = || Seen { client: Tally::default(), server: Tally::default() };
            let seen = found.passed.unwrap_or_else(nothing);
            Ok(Sample { trials: found.trials, ..sample(&seen) })
        }
        (_, Task::Mesh { broadcast, .. }) => {
            let ends = &path.ends[..workload.load.ends().into()];
            Ok(sample(&all_at_once(ends, broadcast, timing)?))
        }
        _ => {
            let mut beside = match workload.load.beside() {
                Some(task) => Some(Pair::connect(path, task, timing)?),
                None => None,
            };
            let mut pair = Pair::connect(path, task, timing)?;
            let congestion = std::mem::take(&mut pair.congestion);
            beside.iter_mut().try_for_each(Pair::go)?;
            pair.go()?;
            let seen = pair.finish()?;
            let streams = beside.map(Pair::finish).transpose()?;
            let rate = |tally: &Tally| tally.count as f64 / tally.seconds;
            let beside = streams.map(|it| rate(&it.client) + rate(&it.server));
            Ok(Sample { beside, congestion, ..sample(&seen) })
        }
    }
}

/// All of these ends at once; what they received is added up as the server's.
fn all_at_once(ends: &[End], broadcast: bool, timing: Timing) -> Result<Seen, WorkerError> {
    let count = ends.len() as u16;
    let mut workers = Vec::new();
    for (own, end) in (0..).zip(ends) {
        let task = Task::Mesh { ends: count, own, broadcast };
        let at = SocketAddrV4::new(end.address, 0);
        let mut worker = Worker::start(&end.netns, &pair::job(Role::Server, task, at, 1, timing))?;
        worker.hear::<Ready>(PATIENCE)?;
        workers.push(worker);
    }
    workers.iter_mut().try_for_each(Worker::go)?;
    let mut all = Tally::default();
    for worker in &mut workers {
        let one: Tally = worker.hear(timing.warm_up + timing.span + PATIENCE)?;
        all.count += one.count;
        all.total += one.total;
        // The spans are about the same, and the processor time is the whole machine's in each.
        all.seconds = all.seconds.max(one.seconds);
        all.cpu_seconds = all.cpu_seconds.max(one.cpu_seconds);
    }
    Ok(Seen { client: Tally::default(), server: all })
}

/// What the two ends saw, together.
fn sample(round: u32, workload: Workload, system: System, seen: &Seen) -> Sample {
    let Seen { client, server } = seen;
    let udp = workload.load.is_udp();
    let receiver = match workload.load {
        Load::Tcp { direction: Direction::In, .. }
        | Load::TcpRoundTrip
        | Load::TcpLoadedRoundTrip
        | Load::TcpConnect => client,
        _ => server,
    };
    let count = match workload.load {
        Load::Tcp { direction: Direction::Both, .. } => client.count + server.count,
        _ => receiver.count,
    };
    Sample {
        round,
        workload,
        system,
        count,
        seconds: receiver.seconds,
        cpu_seconds: receiver.cpu_seconds,
        sent: udp.then_some(client.total),
        received: udp.then_some(server.total),
        latency: client.latency,
        beside: None,
        trials: Vec::new(),
        congestion: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::workload::Way;
    use std::net::Ipv4Addr;
    use std::path::PathBuf;

    fn path(system: System, way: Way, ends: usize) -> Path {
        let end = End { netns: PathBuf::new(), address: Ipv4Addr::LOCALHOST };
        Path::across(system, way, &vec![end; ends]).unwrap()
    }

    fn order(name: &str, round: u32) -> Vec<System> {
        let paths = [
            path(System::Ours, Way::Bridged, 8),
            path(System::Ours, Way::NatIdle, 2),
            path(System::Kernel, Way::Bridged, 8),
            path(System::Loopback, Way::Bridged, 1),
        ];
        let workload = Workload::parse(name).unwrap();
        in_turn(&paths, workload, round).iter().map(|path| path.system).collect()
    }

    #[test]
    fn the_systems_take_turns_in_going_first() {
        assert_eq!(order("tcp-1", 1), [System::Ours, System::Kernel, System::Loopback]);
        assert_eq!(order("tcp-1", 2), [System::Loopback, System::Kernel, System::Ours]);
        assert_eq!(order("tcp-1", 3), order("tcp-1", 1));
    }

    #[test]
    fn a_way_that_a_system_does_not_have_is_not_measured_on_it() {
        assert_eq!(order("nat-idle-tcp-1", 1), [System::Ours]);
        assert_eq!(order("published-tcp-1", 1), []);
        assert_eq!(order("mesh-8", 1), [System::Ours, System::Kernel]);
    }

    #[test]
    fn what_the_receiver_saw_counts() {
        let tally = |count, total| Tally { count, total, seconds: 2.0, ..Tally::default() };
        let all = Seen { client: tally(10, 100), server: tally(7, 70) };
        let seen = |name| sample(1, Workload::parse(name).unwrap(), System::Ours, &all);
        assert_eq!(seen("tcp-1").count, 7);
        assert_eq!(seen("tcp-1-reverse").count, 10);
        assert_eq!(seen("tcp-1-both").count, 17);
        assert_eq!(seen("tcp-crr").count, 10);
        let udp = seen("udp-18");
        assert_eq!((udp.count, udp.sent, udp.received), (7, Some(100), Some(70)));
        assert_eq!(seen("tcp-rr").sent, None);
    }
}
