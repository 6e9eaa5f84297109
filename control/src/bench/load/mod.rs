//! What does one end of a measurement do?
//!
//! # Theory of operation
//!
//! A measurement is two processes of this program, a server in one namespace and a client in the
//! other. Each enters its namespace by itself, is told its `Job` in one line of JSON on standard
//! input, and answers on standard output:
//!
//! ```text
//!      bench            server               client
//!        | ---- Job ----->|                     |
//!        |<---- Ready ----| (it listens)        |
//!        | ---- Job ------|-------------------->|
//!        |                |<=== connections ====|
//!        |<---------------|------- Ready -------|
//!        | ---- start --->|                     |
//!        | ---- start ----|-------------------->|
//!        |                |<=== traffic ========|   warm-up, the measured span, a tail
//!        |<---- Tally ----|-------- Tally ------|
//! ```
//!
//! Each end measures over its own span of its own clock (`meter`); what counts is what was
//! *received*. A process is one thread with one poll loop, as iperf3 before 3.16 is: with one thread
//! a flow the generators, not the bridge, would fight for the processors of a small machine.
//!
//! Known gap: IPv4 only.

mod crr;
mod flows;
mod latency;
mod learn;
mod mesh;
mod meter;
mod pace;
mod protocol;
mod rr;
mod sockets;
mod tcp;
mod udp;

pub use learn::ASKER;
pub use protocol::{Job, Latency, QUANTILES, Ready, Role, START, Tally, Task};

use crate::netlink::NetlinkError;
use crate::netns::{self, NetnsError};
use dataplane::port::tap::TapError;
use meter::Meter;
use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

/// Payload of one segment of a UDP super-frame.
pub const GSO_PAYLOAD: usize = 1400;
/// Segments of a UDP super-frame.
pub const GSO_SEGMENTS: usize = 32;

/// How a worker process is started.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The file of the network namespace to work in
    #[arg(long, value_name = "FILE")]
    pub netns: PathBuf,
}

/// Why a worker gives up.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The namespace cannot be entered.
    #[error(transparent)]
    Namespace(#[from] NetnsError),
    /// There is no TAP to send frames with.
    #[error(transparent)]
    Tap(#[from] TapError),
    /// The TAP cannot be connected.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// What came on standard input is no message of the benchmark.
    #[error("this verb is for `udp-bridge bench` alone: {0}")]
    Message(#[source] serde_json::Error),
    /// Standard input or output is closed.
    #[error("the benchmark went away: {0}")]
    Parent(#[source] io::Error),
    /// A system call for the traffic failed.
    #[error("cannot {what}: {source}")]
    Traffic {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The other end stopped before the measured span was over.
    #[error("the other end closed its connection too early")]
    PeerClosed,
    /// The traffic stopped before the measured span was seen to its end.
    #[error("the measured span has no end")]
    NoSpan,
}

impl LoadError {
    /// For `map_err`: what was tried when the kernel said no.
    fn traffic<E: Into<io::Error>>(what: &'static str) -> impl Fn(E) -> Self {
        move |source| Self::Traffic { what, source: source.into() }
    }
}

/// The address with this number of those that lead to the server, all of them in turn.
fn spread(server: SocketAddrV4, addresses: u16, number: u32) -> SocketAddrV4 {
    let nth = number % u32::from(addresses.max(1));
    SocketAddrV4::new(Ipv4Addr::from_bits(server.ip().to_bits().wrapping_add(nth)), server.port())
}

/// Works as one end of one measurement.
///
/// # Errors
/// [`LoadError`] says what could not be done; the benchmark shows it with the end's name.
pub fn run(options: &Options) -> Result<(), LoadError> {
    netns::enter(&options.netns)?;
    let mut parent = Parent { input: io::stdin().lock(), output: io::stdout().lock() };
    let job: Job = serde_json::from_str(&parent.line()?).map_err(LoadError::Message)?;
    let tally = match job.task {
        Task::Stream { to_server, to_client } => tcp::run(&job, to_server, to_client, &mut parent),
        Task::RoundTrips => rr::run(&job, &mut parent),
        Task::Connections => crr::run(&job, &mut parent),
        Task::Datagrams { payload, segments, rate } => {
            udp::run(&job, payload, segments, rate, &mut parent)
        }
        Task::Flows { count, first, rate } => flows::run(&job, count, first, rate, &mut parent),
        Task::Frames { teach, first, count, rate } => {
            learn::run(&job, teach, first, count, rate, &mut parent)
        }
        Task::Mesh { ends, own, broadcast } => mesh::run(&job, ends, own, broadcast, &mut parent),
    }?;
    parent.say(&tally)
}

/// The benchmark, at the other end of standard input and output.
struct Parent<'a> {
    input: io::StdinLock<'a>,
    output: io::StdoutLock<'a>,
}

impl Parent<'_> {
    fn line(&mut self) -> Result<String, LoadError> {
        let mut line = String::new();
        match self.input.read_line(&mut line).map_err(LoadError::Parent)? {
            0 => Err(LoadError::Parent(io::ErrorKind::UnexpectedEof.into())),
            _ => Ok(line),
        }
    }

    fn say<T: serde::Serialize>(&mut self, message: &T) -> Result<(), LoadError> {
        let mut line = serde_json::to_vec(message).map_err(LoadError::Message)?;
        line.push(b'\n');
        self.output.write_all(&line).map_err(LoadError::Parent)?;
        self.output.flush().map_err(LoadError::Parent)
    }

    /// Says that this end is ready and waits for the start.
    fn ready(&mut self, ready: &Ready) -> Result<(), LoadError> {
        self.say(ready)?;
        self.start()
    }

    /// Waits for the start.
    fn start(&mut self) -> Result<(), LoadError> {
        self.line().map(drop)
    }
}
