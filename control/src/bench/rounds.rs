//! In which order is what measured?
//!
//! Both bridges stand all the time. In each round every workload runs on both, one right after the
//! other, and which goes first changes with the round: what drifts on the machine drifts for both.

use super::BenchError;
use super::load::{Job, Latency, Ready, Role, Tally};
use super::options::Settings;
use super::path::{Bridge, Path};
use super::worker::{Worker, WorkerError};
use super::workload::Workload;
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
    /// Bytes, round trips or datagrams in the measured span.
    pub count: u64,
    /// The measured span.
    pub seconds: f64,
    /// Processor time of the whole machine in it.
    pub cpu_seconds: f64,
    /// Datagrams sent from start to end; UDP only.
    pub sent: Option<u64>,
    /// Datagrams that arrived of those; UDP only.
    pub received: Option<u64>,
    /// Round-trip times; `tcp-rr` only.
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
            for path in in_turn(paths, round) {
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

/// The paths in this round's order: every other round turns it round.
fn in_turn(paths: &[Path], round: u32) -> Vec<&Path> {
    let mut turn: Vec<&Path> = paths.iter().collect();
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
    let job = |role, port| Job {
        role,
        task: workload.task(settings.mtu),
        server: SocketAddrV4::new(path.address, port),
        warm_up: WARM_UP,
        span: Duration::from_secs_f64(settings.seconds),
        congestion: CONGESTION.to_owned(),
    };
    let mut server = Worker::start(&path.server, &job(Role::Server, 0))?;
    let listening: Ready = server.hear(PATIENCE)?;
    let mut client = Worker::start(&path.client, &job(Role::Client, listening.port))?;
    let patience = job(Role::Client, 0).traffic() + PATIENCE;
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
    let udp = matches!(workload, Workload::UdpSmall | Workload::UdpGso);
    let receiver = match workload {
        Workload::Tcp { reverse: true, .. } | Workload::TcpRoundTrip => client,
        _ => server,
    };
    let count = match workload {
        Workload::TcpBoth => client.count + server.count,
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
    use std::net::Ipv4Addr;

    fn path(bridge: Bridge) -> Path {
        let nowhere = std::path::PathBuf::new();
        let address = Ipv4Addr::LOCALHOST;
        Path { bridge, client: nowhere.clone(), server: nowhere, address }
    }

    fn order(round: u32) -> Vec<Bridge> {
        let paths = [path(Bridge::Ours), path(Bridge::Kernel)];
        in_turn(&paths, round).iter().map(|path| path.bridge).collect()
    }

    #[test]
    fn the_bridges_take_turns_in_going_first() {
        assert_eq!(order(1), [Bridge::Ours, Bridge::Kernel]);
        assert_eq!(order(2), [Bridge::Kernel, Bridge::Ours]);
        assert_eq!(order(3), [Bridge::Ours, Bridge::Kernel]);
    }

    #[test]
    fn what_the_receiver_saw_counts() {
        let tally = |count, total| Tally { count, total, seconds: 2.0, ..Tally::default() };
        let (client, server) = (tally(10, 100), tally(7, 70));
        let seen = |workload| sample(1, workload, Bridge::Ours, Vec::new(), &client, &server);
        assert_eq!(seen(Workload::Tcp { flows: 1, reverse: false }).count, 7);
        assert_eq!(seen(Workload::Tcp { flows: 1, reverse: true }).count, 10);
        assert_eq!(seen(Workload::TcpBoth).count, 17);
        let udp = seen(Workload::UdpSmall);
        assert_eq!((udp.count, udp.sent, udp.received), (7, Some(100), Some(70)));
        assert_eq!(seen(Workload::TcpRoundTrip).sent, None);
    }
}
