//! How is a running network asked?
//!
//! A [`Client`] knows a socket and blocks until the answer is there or [`PATIENCE`] is over. It starts
//! no thread, so that the caller may still enter a user namespace afterwards.

use super::protocol::{
    FDB_PATH, FdbInfo, NETWORK_PATH, NetworkInfo, PORTS_PATH, PortInfo, Problem, RULES_PATH,
    RulesInfo, STOP_PATH, Stopping,
};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::UnixStream;

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

    fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &'static str,
    ) -> Result<T, ClientError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ClientError::Runtime)?;
        let answer = runtime
            .block_on(async { tokio::time::timeout(PATIENCE, self.exchange(method, path)).await });
        let (status, body) = answer.map_err(|_| ClientError::Timeout(self.socket.clone()))??;
        let malformed = |source| ClientError::Malformed { path, source };
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(malformed);
        }
        let problem = serde_json::from_slice(&body).map_err(malformed)?;
        Err(ClientError::Refused { path, problem })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &'static str,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|e| self.unreachable(e))?;
        let broken = |source| ClientError::Exchange { socket: self.socket.clone(), source };
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let driver = tokio::spawn(connection);
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = method;
        *request.uri_mut() = hyper::Uri::from_static(path);
        let host = header::HeaderValue::from_static("localhost");
        request.headers_mut().insert(header::HOST, host);
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(broken)?.to_bytes();
        driver.abort();
        Ok((status, body))
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
