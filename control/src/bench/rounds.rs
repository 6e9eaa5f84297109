//! In which order is what measured?
//!
//! Both bridges stand all the time. In each round every workload runs on both, one right after the
//! other, and which goes first changes with the round: what drifts on the machine drifts for both.

use super::BenchError;
use super::load::{Job, Latency, Ready, Role, Tally};
use super::options::Settings;
use super::path::{Bridge, Path};
use super::worker::{Worker, WorkerError};
use super::workload::{Load, Way, Workload};
use serde::{Deserialize, Serialize};
use std::net::SocketAddrV4;
use std::time::Duration;

/// The congestion control that is asked for, here and there the same; see the module's head.
pub const CONGESTION: &str = "cubic";
/// Traffic before the measured span.
const WARM_UP: Duration = Duration::from_millis(300);
/// How long an end may take beyond the time its traffic takes.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a server may take to end after its client has.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// One measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The round, from 1.
    pub round: u32,
    /// What was measured.
    pub workload: Workload,
    /// On which bridge.
    pub bridge: Bridge,
    /// Bytes, round trips, connections or datagrams in the measured span.
    pub count: u64,
    /// The measured span.
    pub seconds: f64,
    /// Processor time of the whole machine in it.
    pub cpu_seconds: f64,
    /// Datagrams sent from start to end; UDP only.
    pub sent: Option<u64>,
    /// Datagrams that arrived of those; UDP only.
    pub received: Option<u64>,
    /// Times of round trips or connections; `tcp-rr` and `tcp-crr` only.
    pub latency: Option<Latency>,
    /// The TCP congestion control in force at the two ends, client first; TCP only.
    pub congestion: Vec<String>,
}

/// Measures everything; `progress` hears of each measurement before it begins.
///
/// # Errors
/// The first measurement that fails.
pub(super) fn run(
    settings: &Settings,
    paths: &[Path],
    mut progress: impl FnMut(u32, Workload, Bridge),
) -> Result<Vec<Sample>, BenchError> {
    let mut samples = Vec::new();
    for round in 1..=settings.rounds {
        for &workload in &settings.workloads {
            for path in in_turn(paths, workload.way, round) {
                progress(round, workload, path.bridge);
                let sample = measure(settings, round, workload, path).map_err(|source| {
                    BenchError::Worker { workload, bridge: path.bridge, source }
                })?;
                samples.push(sample);
            }
        }
    }
    Ok(samples)
}

/// How many measurements that will be.
pub(super) fn count(settings: &Settings, paths: &[Path]) -> usize {
    let each = settings.workloads.iter().map(|it| in_turn(paths, it.way, 1).len());
    settings.rounds as usize * each.sum::<usize>()
}

/// The paths of this way in this round's order: every other round turns it round.
fn in_turn(paths: &[Path], way: Way, round: u32) -> Vec<&Path> {
    let mut turn: Vec<&Path> = paths.iter().filter(|path| path.way == way).collect();
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
    let job = |role, server| Job {
        role,
        task: workload.load.task(settings.mtu),
        server,
        addresses: path.addresses,
        warm_up: WARM_UP,
        span: Duration::from_secs_f64(settings.seconds),
        congestion: CONGESTION.to_owned(),
    };
    let mut server = Worker::start(&path.server, &job(Role::Server, path.listen))?;
    let listening: Ready = server.hear(PATIENCE)?;
    let reach = match path.reach.port() {
        0 => SocketAddrV4::new(*path.reach.ip(), listening.port),
        _ => path.reach,
    };
    let client_job = job(Role::Client, reach);
    let mut client = Worker::start(&path.client, &client_job)?;
    let patience = client_job.traffic() + PATIENCE;
    let (connected, tally) = lead(&mut server, &mut client, patience)
        .map_err(|client| with_server(client, &mut server))?;
    let served: Tally = server.hear(PATIENCE)?;
    let congestion = [connected.congestion, listening.congestion].into_iter().flatten().collect();
    Ok(sample(round, workload, path.bridge, congestion, &tally, &served))
}

/// Starts the traffic once the client is connected, and waits for what the client saw.
fn lead(
    server: &mut Worker,
    client: &mut Worker,
    patience: Duration,
) -> Result<(Ready, Tally), WorkerError> {
    let connected = client.hear(PATIENCE)?;
    server.go()?;
    client.go()?;
    Ok((connected, client.hear(patience)?))
}

/// Adds why the server ended, if it has: it may be the one that failed first.
fn with_server(client: WorkerError, server: &mut Worker) -> WorkerError {
    match server.hear::<Tally>(LAST_WORDS) {
        Err(server @ WorkerError::Ended { .. }) => {
            WorkerError::Both { client: Box::new(client), server: Box::new(server) }
        }
        _ => client,
    }
}

/// What the two ends saw, together.
fn sample(
    round: u32,
    workload: Workload,
    bridge: Bridge,
    congestion: Vec<String>,
    client: &Tally,
    server: &Tally,
) -> Sample {
    let udp = workload.load.is_udp();
    let receiver = match workload.load {
        Load::Tcp { reverse: true, .. } | Load::TcpRoundTrip | Load::TcpConnect => client,
        _ => server,
    };
    let count = match workload.load {
        Load::TcpBoth => client.count + server.count,
        _ => receiver.count,
    };
    Sample {
        round,
        workload,
        bridge,
        count,
        seconds: receiver.seconds,
        cpu_seconds: receiver.cpu_seconds,
        sent: udp.then_some(client.total),
        received: udp.then_some(server.total),
        latency: client.latency,
        congestion,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::path::End;
    use std::net::Ipv4Addr;
    use std::path::PathBuf;

    fn path(bridge: Bridge, way: Way) -> Path {
        let end = || End { netns: PathBuf::new(), address: Ipv4Addr::LOCALHOST };
        Path::across(bridge, way, &[end(), end()])
    }

    fn order(way: Way, round: u32) -> Vec<Bridge> {
        let paths = [
            path(Bridge::Ours, Way::Bridged),
            path(Bridge::Ours, Way::NatIdle),
            path(Bridge::Kernel, Way::Bridged),
        ];
        in_turn(&paths, way, round).iter().map(|path| path.bridge).collect()
    }

    #[test]
    fn the_bridges_take_turns_in_going_first() {
        assert_eq!(order(Way::Bridged, 1), [Bridge::Ours, Bridge::Kernel]);
        assert_eq!(order(Way::Bridged, 2), [Bridge::Kernel, Bridge::Ours]);
        assert_eq!(order(Way::Bridged, 3), [Bridge::Ours, Bridge::Kernel]);
    }

    #[test]
    fn a_way_that_a_bridge_does_not_have_is_not_measured_on_it() {
        assert_eq!(order(Way::NatIdle, 1), [Bridge::Ours]);
        assert_eq!(order(Way::Published, 1), []);
    }

    #[test]
    fn what_the_receiver_saw_counts() {
        let tally = |count, total| Tally { count, total, seconds: 2.0, ..Tally::default() };
        let (client, server) = (tally(10, 100), tally(7, 70));
        let seen = |load| {
            let workload = Workload { way: Way::Bridged, load };
            sample(1, workload, Bridge::Ours, Vec::new(), &client, &server)
        };
        assert_eq!(seen(Load::Tcp { flows: 1, reverse: false }).count, 7);
        assert_eq!(seen(Load::Tcp { flows: 1, reverse: true }).count, 10);
        assert_eq!(seen(Load::TcpBoth).count, 17);
        assert_eq!(seen(Load::TcpConnect).count, 10);
        let udp = seen(Load::UdpSmall);
        assert_eq!((udp.count, udp.sent, udp.received), (7, Some(100), Some(70)));
        assert_eq!(seen(Load::TcpRoundTrip).sent, None);
    }
}
