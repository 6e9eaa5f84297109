//! Which words do the benchmark and its workers exchange?

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddrV4;
use std::time::Duration;

/// The line that starts the traffic.
pub const START: &str = "start\n";

/// Which end of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Listens.
    Server,
    /// Connects.
    Client,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Client => "client",
        })
    }
}

/// What the two ends do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// TCP streams.
    Stream {
        /// Flows from the client to the server.
        to_server: u32,
        /// Flows from the server to the client.
        to_client: u32,
    },
    /// One byte there and one back over TCP, again and again.
    RoundTrips,
    /// The same with a new connection for each byte, one connection after the other.
    Connections,
    /// UDP from the client to the server.
    Datagrams {
        /// Bytes in one datagram.
        payload: usize,
        /// Datagrams in one super-frame; 1 for none.
        segments: usize,
        /// How many datagrams to send a second; as fast as it can if none.
        rate: Option<f64>,
    },
    /// UDP from the client to the server, each datagram a flow of its own.
    Flows {
        /// How many.
        count: u64,
        /// The number of the first, so that no two runs have the same.
        first: u64,
        /// How many to begin a second; as fast as it can if none.
        rate: Option<f64>,
    },
    /// Frames from many MACs, or to them; there is no other end.
    Frames {
        /// From them, so that a switch learns them?
        teach: bool,
        /// The number of the first.
        first: u32,
        /// How many.
        count: u32,
        /// How many to send a second; as fast as it can if none.
        rate: Option<f64>,
    },
    /// UDP among many ends with consecutive addresses, all of which are servers: each of them sends to
    /// all others in turn, or only the first one sends, to all at once.
    Mesh {
        /// How many there are.
        ends: u16,
        /// Which of them this is, from 0.
        own: u16,
        /// Does the first one send broadcasts, and no other anything?
        broadcast: bool,
    },
}

/// All that one end has to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Which end this is.
    pub role: Role,
    /// What to do.
    pub task: Task,
    /// Where the server listens, and port 0 lets it choose; or where the client finds it.
    pub server: SocketAddrV4,
    /// How many addresses, counted up from the server's, lead a client to it.
    pub addresses: u16,
    /// How long traffic flows before the measured span.
    pub warm_up: Duration,
    /// The measured span.
    pub span: Duration,
    /// The TCP congestion control to ask for.
    pub congestion: String,
}

impl Job {
    /// How long the traffic takes that matters.
    pub fn traffic(&self) -> Duration {
        self.warm_up + self.span
    }
}

/// An end is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Where the server listens.
    pub port: u16,
    /// The TCP congestion control in force; none for UDP.
    pub congestion: Option<String>,
}

/// What one end saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Bytes or datagrams received in the measured span, or round trips or connections made.
    pub count: u64,
    /// The measured span's length.
    pub seconds: f64,
    /// Processor time of the whole machine in the measured span.
    pub cpu_seconds: f64,
    /// Datagrams sent or received from the start to the end of the traffic.
    pub total: u64,
    /// Times of the round trips, or of the connections.
    pub latency: Option<Latency>,
}

/// Times in microseconds, of every round trip or connection in the measured span.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The shortest.
    pub min: f64,
    /// Half take no longer.
    pub p50: f64,
    /// 90 % take no longer.
    pub p90: f64,
    /// 99 % take no longer.
    pub p99: f64,
    /// 99.9 % take no longer.
    pub p999: f64,
    /// The longest.
    pub max: f64,
    /// The shape of it all: at each of [`QUANTILES`].
    #[serde(default)]
    pub quantiles: [f64; QUANTILES.len()],
}

/// Of 1,000 round trips or connections, how many take no longer than the [`Latency::quantiles`].
pub const QUANTILES: [usize; 16] =
    [10, 50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 950, 980, 990, 995, 999];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_one_line() {
        let job = Job {
            role: Role::Server,
            task: Task::RoundTrips,
            server: "10.0.0.1:0".parse().unwrap(),
            addresses: 1,
            warm_up: Duration::from_millis(300),
            span: Duration::from_secs(2),
            congestion: "cubic".into(),
        };
        let line = serde_json::to_string(&job).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Job>(&line).unwrap(), job);
    }
}
