//! How are running networks asked?
//!
//! A [`Client`] knows a socket and blocks until the answer is there or [`PATIENCE`] is over; a
//! [`NetworkClient`] asks about one network. They start no thread, so that the caller may still enter a
//! user namespace afterwards.

mod file;
mod network;

pub use file::How;
pub use network::NetworkClient;

use super::creation::{Created, NewNetwork};
use super::paths;
use super::protocol::{DaemonInfo, NetworkInfo, Problem, Stopping};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::future::pending;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long to wait for one answer.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait for a network to be made or taken down: one of 1,023 ports takes seconds, and
/// others may have their turn before.
pub const LONG_PATIENCE: Duration = Duration::from_secs(60);

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

    /// Asks for one value.
    pub(in crate::api) fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        target: &str,
    ) -> Result<T, ClientError> {
        self.exchange(method, target, Bytes::new(), PATIENCE, read)
    }

    /// Sends a request and reads the whole of its answer.
    fn exchange<T>(
        &self,
        method: Method,
        target: &str,
        body: Bytes,
        patience: Duration,
        read: impl FnOnce(&str, &[u8]) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let answer = runtime()?.block_on(async {
            timeout(patience, async {
                let (response, _driver) = self.send(method, target, body).await?;
                let status = response.status();
                Ok((status, self.collect(response).await?))
            })
            .await
        });
        let (status, body) = answer.map_err(|_| self.too_late(patience))??;
        if status.is_success() { read(target, &body) } else { Err(refused(target, &body)) }
    }

    /// Asks for lines. [`PATIENCE`] counts anew with each piece of the answer.
    pub(in crate::api) fn ask_lines(
        &self,
        method: Method,
        target: &str,
        each: LineReader<'_>,
    ) -> Result<(), ClientError> {
        let too_late = |_| self.too_late(PATIENCE);
        runtime()?.block_on(async {
            let sent = timeout(PATIENCE, self.send(method, target, Bytes::new())).await;
            let (response, _driver) = sent.map_err(too_late)??;
            if response.status() != StatusCode::OK {
                let body = timeout(PATIENCE, self.collect(response)).await;
                return Err(refused(target, &body.map_err(too_late)??));
            }
            self.read_lines(response.into_body(), each).await
        })
    }

    /// Asks for an answer that may take for ever: hands on its bytes as they come, until it ends, `each`
    /// has enough or the user presses Ctrl-C. Only for its head [`PATIENCE`] counts.
    pub(super) fn ask_stream(
        &self,
        method: Method,
        target: &str,
        each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), ClientError> {
        let too_late = |_| self.too_late(PATIENCE);
        runtime()?.block_on(async {
            // One for all of the answer: what comes while bytes are handed on would be missed by a new one.
            // Without a handler the signal itself ends us.
            let mut interrupts = signal(SignalKind::interrupt()).ok();
            let sent = timeout(PATIENCE, self.send(method, target, Bytes::new())).await;
            let (response, _driver) = sent.map_err(too_late)??;
            if response.status() != StatusCode::OK {
                let body = timeout(PATIENCE, self.collect(response)).await;
                return Err(refused(target, &body.map_err(too_late)??));
            }
            let mut body = response.into_body();
            loop {
                let frame = tokio::select! {
                    frame = body.frame() => frame,
                    () = next(&mut interrupts) => return Ok(()),
                };
                let Some(frame) = frame else { return Ok(()) };
                let frame = frame.map_err(|source| self.broken(source))?;
                if frame.data_ref().is_some_and(|data| each(data).is_break()) {
                    return Ok(());
                }
            }
        })
    }

    /// Hands on the lines of an answer as they come.
    async fn read_lines(
        &self,
        mut body: Incoming,
        each: LineReader<'_>,
    ) -> Result<(), ClientError> {
        // The line that is not at its end yet.
        let mut rest = Vec::new();
        loop {
            let frame = timeout(PATIENCE, body.frame()).await;
            let frame = frame.map_err(|_| self.too_late(PATIENCE))?;
            let Some(frame) = frame else { return Ok(()) };
            let frame = frame.map_err(|source| self.broken(source))?;
            let Some(data) = frame.data_ref() else { continue };
            rest.extend_from_slice(data);
            let mut begin = 0;
            while let Some(length) = rest[begin..].iter().position(|&byte| byte == b'\n') {
                if each(&rest[begin..begin + length]).is_break() {
                    return Ok(());
                }
                begin += length + 1;
            }
            rest.drain(..begin);
        }
    }

    /// Sends a request and waits for the head of its answer. The exchange goes on until the driver
    /// is dropped.
    async fn send(
        &self,
        method: Method,
        target: &str,
        body: Bytes,
    ) -> Result<(Response<Incoming>, Driver), ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|e| self.unreachable(e))?;
        let broken = |source| self.broken(source);
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let driver = Driver(tokio::spawn(connection));
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, "localhost")
            .body(Full::new(body))
            .map_err(ClientError::Request)?;
        Ok((sender.send_request(request).await.map_err(broken)?, driver))
    }

    async fn collect(&self, response: Response<Incoming>) -> Result<Bytes, ClientError> {
        let body = response.into_body().collect().await;
        Ok(body.map_err(|source| self.broken(source))?.to_bytes())
    }

    fn broken(&self, source: hyper::Error) -> ClientError {
        ClientError::Exchange { socket: self.socket.clone(), source }
    }

    fn too_late(&self, patience: Duration) -> ClientError {
        ClientError::Timeout { socket: self.socket.clone(), patience }
    }

    fn unreachable(&self, source: io::Error) -> ClientError {
        let socket = self.socket.clone();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ClientError::NotRunning { socket, source }
            }
            _ => ClientError::Connect { socket, source },
        }
    }
}

/// Moves the bytes of an exchange until it is dropped.
struct Driver(JoinHandle<Result<(), hyper::Error>>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for the next signal; for ever where none can be heard.
async fn next(signals: &mut Option<Signal>) {
    match signals {
        Some(signals) => drop(signals.recv().await),
        None => pending().await,
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, ClientError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ClientError::Runtime)
}

fn read<T: DeserializeOwned>(target: &str, body: &[u8]) -> Result<T, ClientError> {
    let path = target.to_owned();
    serde_json::from_slice(body).map_err(|source| ClientError::Malformed { path, source })
}

/// What an answer that is no success says.
fn refused(target: &str, body: &[u8]) -> ClientError {
    match read(target, body) {
        Ok(problem) => ClientError::Refused { path: target.to_owned(), problem },
        Err(malformed) => malformed,
    }
}
