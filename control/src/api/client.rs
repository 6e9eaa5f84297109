//! How is a running network asked?
//!
//! A [`Client`] knows a socket and blocks until the answer is there or [`PATIENCE`] is over. It starts
//! no thread, so that the caller may still enter a user namespace afterwards.

use super::protocol::{
    FDB_PATH, FdbInfo, NETWORK_PATH, NetworkInfo, PORTS_PATH, PUBLISHED_PATH, PortInfo, Problem,
    PublishedInfo, RULES_PATH, RulesInfo, STOP_PATH, Stopping,
};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long to wait for one answer.
pub const PATIENCE: Duration = Duration::from_secs(5);

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
    #[error("no answer from {} in {} s; the process may be stopped or stuck", .0.display(), PATIENCE.as_secs())]
    Timeout(PathBuf),
    /// The request cannot be written.
    #[error("cannot write the request: {0}")]
    Request(#[source] hyper::http::Error),
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
        path: &'static str,
        /// What it said.
        problem: Problem,
    },
    /// The answer makes no sense: another version is running.
    #[error(
        "cannot read the answer to {path}: {source}; is another version of udp-bridge running?"
    )]
    Malformed {
        /// What was asked.
        path: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Takes lines one after the other, until it has enough.
pub type LineReader<'a> = &'a mut dyn FnMut(&[u8]) -> ControlFlow<()>;

/// The way to one network.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// A client of the network that listens on `socket`.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// The network as a whole.
    ///
    /// # Errors
    /// [`ClientError`] says why there is no answer; so with the others.
    pub fn network(&self) -> Result<NetworkInfo, ClientError> {
        self.ask(Method::GET, NETWORK_PATH)
    }

    /// Its ports, the host port first.
    ///
    /// # Errors
    /// As of [`Self::network`].
    pub fn ports(&self) -> Result<Vec<PortInfo>, ClientError> {
        self.ask(Method::GET, PORTS_PATH)
    }

    /// Its MAC table.
    ///
    /// # Errors
    /// As of [`Self::network`].
    pub fn fdb(&self) -> Result<Vec<FdbInfo>, ClientError> {
        self.ask(Method::GET, FDB_PATH)
    }

    /// Its published ports.
    ///
    /// # Errors
    /// As of [`Self::network`].
    pub fn published(&self) -> Result<Vec<PublishedInfo>, ClientError> {
        self.ask(Method::GET, PUBLISHED_PATH)
    }

    /// What may pass.
    ///
    /// # Errors
    /// As of [`Self::network`].
    pub fn rules(&self) -> Result<RulesInfo, ClientError> {
        self.ask(Method::GET, RULES_PATH)
    }

    /// Asks the network to end. It is gone when its process is, not when this returns.
    ///
    /// # Errors
    /// As of [`Self::network`].
    pub fn stop(&self) -> Result<Stopping, ClientError> {
        self.ask(Method::POST, STOP_PATH)
    }

    /// Asks for one value.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &'static str,
    ) -> Result<T, ClientError> {
        self.ask_about(method, path, "")
    }

    /// The same with a query.
    pub(super) fn ask_about<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &'static str,
        query: &str,
    ) -> Result<T, ClientError> {
        let answer = runtime()?.block_on(async {
            timeout(PATIENCE, async {
                let (response, _driver) = self.send(method, path, query).await?;
                let status = response.status();
                Ok((status, self.collect(response).await?))
            })
            .await
        });
        let (status, body) = answer.map_err(|_| self.too_late())??;
        if status.is_success() {
            return read(path, &body);
        }
        Err(refused(path, &body))
    }

    /// Asks for lines. [`PATIENCE`] counts anew with each piece of the answer.
    pub(super) fn ask_lines(
        &self,
        method: Method,
        path: &'static str,
        query: &str,
        each: LineReader<'_>,
    ) -> Result<(), ClientError> {
        runtime()?.block_on(async {
            let sent = timeout(PATIENCE, self.send(method, path, query)).await;
            let (response, _driver) = sent.map_err(|_| self.too_late())??;
            if response.status() != StatusCode::OK {
                let body = timeout(PATIENCE, self.collect(response)).await;
                return Err(refused(path, &body.map_err(|_| self.too_late())??));
            }
            self.read_lines(response.into_body(), each).await
        })
    }

    /// Asks for an answer that may take for ever: hands on its bytes as they come, until it ends, `each`
    /// has enough or the user presses Ctrl-C. Only for its head [`PATIENCE`] counts.
    pub(super) fn ask_stream(
        &self,
        method: Method,
        path: &'static str,
        query: &str,
        each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), ClientError> {
        runtime()?.block_on(async {
            let sent = timeout(PATIENCE, self.send(method, path, query)).await;
            let (response, _driver) = sent.map_err(|_| self.too_late())??;
            if response.status() != StatusCode::OK {
                let body = timeout(PATIENCE, self.collect(response)).await;
                return Err(refused(path, &body.map_err(|_| self.too_late())??));
            }
            let mut body = response.into_body();
            loop {
                let frame = tokio::select! {
                    frame = body.frame() => frame,
                    // Without a handler the signal itself ends us.
                    Ok(()) = tokio::signal::ctrl_c() => return Ok(()),
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
            let frame = timeout(PATIENCE, body.frame()).await.map_err(|_| self.too_late())?;
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
        path: &'static str,
        query: &str,
    ) -> Result<(Response<Incoming>, Driver), ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|e| self.unreachable(e))?;
        let broken = |source| self.broken(source);
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let driver = Driver(tokio::spawn(connection));
        let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, "localhost")
            .body(Empty::<Bytes>::new())
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

    fn too_late(&self) -> ClientError {
        ClientError::Timeout(self.socket.clone())
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

fn runtime() -> Result<tokio::runtime::Runtime, ClientError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ClientError::Runtime)
}

fn read<T: DeserializeOwned>(path: &'static str, body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|source| ClientError::Malformed { path, source })
}

/// What an answer that is no success says.
fn refused(path: &'static str, body: &[u8]) -> ClientError {
    match read(path, body) {
        Ok(problem) => ClientError::Refused { path, problem },
        Err(malformed) => malformed,
    }
}
