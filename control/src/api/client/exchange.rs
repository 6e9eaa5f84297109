//! How does a question go, and its answer come?
//!
//! One connection for each exchange, in a runtime of its own that is gone with it. An answer is read as a
//! whole, by its lines, or piece by piece for as long as it goes on.

use super::{Client, ClientError, LineReader, PATIENCE};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::future::pending;
use std::io;
use std::ops::ControlFlow;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::timeout;

impl Client {
    /// Asks for one value.
    pub(in crate::api) fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        target: &str,
    ) -> Result<T, ClientError> {
        self.exchange(method, target, Bytes::new(), PATIENCE, read)
    }

    /// Sends a request and reads the whole of its answer.
    pub(super) fn exchange<T>(
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
    pub(in crate::api) fn ask_stream(
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

/// Reads an answer that is JSON.
pub(super) fn read<T: DeserializeOwned>(target: &str, body: &[u8]) -> Result<T, ClientError> {
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
