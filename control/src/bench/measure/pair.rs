//! How are a client and a server led through one measurement?

use super::{CONGESTION, Timing};
use crate::bench::load::{Job, Ready, Role, Tally, Task};
use crate::bench::system::path::Path;
use crate::bench::worker::{Worker, WorkerError};
use std::net::SocketAddrV4;
use std::time::Duration;

/// How long an end may take beyond the time its traffic takes.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// How long a server may take to end after its client has.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A client and a server that are connected and wait for the start.
pub(super) struct Pair {
    server: Worker,
    client: Worker,
    traffic: Duration,
    /// The congestion controls in force, the client's first.
    pub(super) congestion: Vec<String>,
}

/// What both ends saw.
pub(super) struct Seen {
    pub(super) client: Tally,
    pub(super) server: Tally,
}

impl Seen {
    /// What the server received by the second.
    pub(super) fn rate(&self) -> f64 {
        self.server.count as f64 / self.server.seconds.max(f64::MIN_POSITIVE)
    }
}

/// The job of one end.
pub(super) fn job(
    role: Role,
    task: Task,
    server: SocketAddrV4,
    addresses: u16,
    timing: Timing,
) -> Job {
    let Timing { warm_up, span } = timing;
    let congestion = CONGESTION.to_owned();
    Job { role, task, server, addresses, warm_up, span, congestion }
}

impl Pair {
    /// Connects the two ends of the path.
    pub(super) fn connect(path: &Path, task: Task, timing: Timing) -> Result<Self, WorkerError> {
        let job = |role, server| job(role, task, server, path.addresses, timing);
        let mut server = Worker::start(&path.server, &job(Role::Server, path.listen))?;
        let listening: Ready = server.hear(PATIENCE)?;
        let reach = match path.reach.port() {
            0 => SocketAddrV4::new(*path.reach.ip(), listening.port),
            _ => path.reach,
        };
        let client_job = job(Role::Client, reach);
        let mut client = Worker::start(&path.client, &client_job)?;
        let traffic = client_job.traffic();
        match client.hear::<Ready>(PATIENCE) {
            Ok(connected) => {
                let both = [connected.congestion, listening.congestion];
                let congestion = both.into_iter().flatten().collect();
                Ok(Self { server, client, traffic, congestion })
            }
            Err(error) => Err(with_server(error, &mut server)),
        }
    }

    /// Starts the traffic.
    pub(super) fn go(&mut self) -> Result<(), WorkerError> {
        self.server.go()?;
        self.client.go()
    }

    /// Waits for what both saw.
    pub(super) fn finish(mut self) -> Result<Seen, WorkerError> {
        let client = self
            .client
            .hear(self.traffic + PATIENCE)
            .map_err(|error| with_server(error, &mut self.server))?;
        Ok(Seen { client, server: self.server.hear(PATIENCE)? })
    }
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
