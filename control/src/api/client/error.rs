//! Why is there no answer?

use crate::api::protocol::Problem;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens: the process is dead, and its socket is at most a leftover.
    #[error("nobody listens on {}: {source}", socket.display())]
    NotRunning {
        /// The socket.
        socket: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The socket may not be used.
    #[error("cannot connect to {}: {source}; ask as the user who started the network", socket.display())]
    Connect {
        /// The socket.
        socket: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// No runtime to ask with.
    #[error("cannot prepare a request: {0}")]
    Runtime(#[source] io::Error),
    /// The process listens and does not answer.
    #[error("no answer from {} in {} s; the process may be stopped or stuck", socket.display(), patience.as_secs())]
    Timeout {
        /// The socket.
        socket: PathBuf,
        /// How long it was waited for.
        patience: Duration,
    },
    /// The request cannot be written.
    #[error("cannot write the request: {0}")]
    Request(#[source] hyper::http::Error),
    /// The request's body cannot be written.
    #[error("cannot write the request: {0}")]
    Body(#[source] serde_json::Error),
    /// The exchange broke off.
    #[error("the exchange with {} broke off: {source}", socket.display())]
    Exchange {
        /// The socket.
        socket: PathBuf,
        /// What the HTTP layer said.
        source: hyper::Error,
    },
    /// The process says no.
    #[error("the network refuses {path}: {}", problem.detail)]
    Refused {
        /// What was asked.
        path: String,
        /// What it said.
        problem: Problem,
    },
    /// The answer makes no sense: another version is running.
    #[error(
        "cannot read the answer to {path}: {source}; is another version of udp-bridge running?"
    )]
    Malformed {
        /// What was asked.
        path: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}
