//! How are running networks asked?
//!
//! A [`Client`] knows a socket and blocks until the answer is there or [`PATIENCE`] is over; a
//! [`NetworkClient`] asks about one network. They start no thread, so that the caller may still enter a
//! user namespace afterwards.
//!
//! | file | question |
//! |---|---|
//! | `mod` | what is a process asked? |
//! | `network` | and about one network? |
//! | `file` | and for a file of networks? |
//! | `exchange` | how does a question go, and its answer come? |
//! | `error` | why is there none? |

mod error;
mod exchange;
mod file;
mod network;

pub use error::ClientError;
pub use file::How;
pub use network::NetworkClient;

use super::creation::{Created, NewNetwork};
use super::paths;
use super::protocol::{DaemonInfo, NetworkInfo, Stopping};
use exchange::read;
use hyper::Method;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

/// How long to wait for one answer.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait for a network to be made or taken down: one of 1,023 ports takes seconds, and
/// others may have their turn before.
pub const LONG_PATIENCE: Duration = Duration::from_secs(60);

/// Takes lines one after the other, until it has enough.
pub type LineReader<'a> = &'a mut dyn FnMut(&[u8]) -> ControlFlow<()>;

/// The way to a process that holds networks.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// A client of the process that listens on `socket`.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// The way to its network of this name.
    pub fn network(&self, name: &str) -> NetworkClient {
        NetworkClient::new(self.clone(), name)
    }

    /// The process itself.
    ///
    /// # Errors
    /// [`ClientError`] says why there is no answer; so with the others.
    pub fn daemon(&self) -> Result<DaemonInfo, ClientError> {
        self.ask(Method::GET, paths::DAEMON)
    }

    /// The networks that it holds.
    ///
    /// # Errors
    /// As of [`Self::daemon`].
    pub fn networks(&self) -> Result<Vec<NetworkInfo>, ClientError> {
        self.ask(Method::GET, paths::NETWORKS)
    }

    /// Makes a network.
    ///
    /// # Errors
    /// As of [`Self::daemon`]; [`ClientError::Refused`] has the words of `up`.
    pub fn create(&self, new: &NewNetwork) -> Result<Created, ClientError> {
        let body = serde_json::to_vec(new).map_err(ClientError::Body)?;
        self.exchange(Method::POST, paths::NETWORKS, body.into(), LONG_PATIENCE, read)
    }

    /// Asks the process to end all of its networks and itself. It is gone when its socket is, not when
    /// this returns.
    ///
    /// # Errors
    /// As of [`Self::daemon`].
    pub fn stop(&self) -> Result<Stopping, ClientError> {
        self.ask(Method::POST, paths::STOP)
    }
}
