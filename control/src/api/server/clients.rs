//! Who may be served at one time, and how long is one waited for?
//!
//! ```text
//!     accept ──> a place is free? ── yes ──> HTTP: head ──> body ──> answer ──> the next head
//!                      │                       │ nothing, or too slow: 408
//!                      └─ no: 503              └ no HTTP: 400, from the HTTP layer without a body
//! ```
//!
//! Each client has a task. None of them can end the server: what goes wrong with one is counted, and
//! its connection is closed.
//!
//! Known gap: a client that does not read its answer keeps its place, as `conntrack | less` does. It
//! costs no more than that: answers are made as they go out.

use super::Served;
use super::body::check_length;
use super::problem::PROBLEM_JSON;
use crate::api::protocol::{ClientsInfo, Problem};
use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Most clients at one time. People and their scripts are few; each costs a descriptor, and the memory
/// of what it sends.
pub const MAX_CLIENTS: usize = 64;

/// Most clients at one time that are told why they are refused; more are turned away without a word.
const MAX_REFUSED: usize = 64;

/// How long a client is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the head of a request, from the beginning or the last answer.
    pub head: Duration,
    /// For the body behind it.
    pub body: Duration,
}

impl Default for Patience {
    /// Long enough for a busy machine and a person at `socat`.
    fn default() -> Self {
        Self { head: Duration::from_secs(10), body: Duration::from_secs(10) }
    }
}

/// How long a client that is refused has to read why.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(1);

/// The pause when the kernel has no descriptor or memory for a connection, which stays in the queue.
const SHORTAGE_PAUSE: Duration = Duration::from_secs(1);

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn count(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What became of clients.
#[derive(Debug)]
pub(super) struct Counts {
    places: Arc<Semaphore>,
    refused: Count,
    pub(super) timed_out: Count,
    malformed: Count,
    pub(super) too_large: Count,
}

impl Default for Counts {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(MAX_CLIENTS));
        let (refused, timed_out, malformed, too_large) = Default::default();
        Self { places, refused, timed_out, malformed, too_large }
    }
}

impl Counts {
    /// The counts for whoever asks.
    pub(super) fn told(&self) -> ClientsInfo {
        ClientsInfo {
            connected: (MAX_CLIENTS - self.places.available_permits()) as u64,
            refused: self.refused.get(),
            timed_out: self.timed_out.get(),
            malformed: self.malformed.get(),
            too_large: self.too_large.get(),
        }
    }
}

/// Where clients come from.
pub(super) trait Listener: Send + Sync {
    /// What one is talked to through.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next client.
    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }
}

/// Serves clients until `end` is ready, and those that are being answered then until they have their
/// answer.
pub(super) async fn serve(
    listener: impl Listener,
    router: Router,
    served: Served,
    end: impl Future<Output = ()>,
) {
    let ending = watch::Sender::new(false);
    let refusals = Arc::new(Semaphore::new(MAX_REFUSED));
    let mut tasks = JoinSet::new();
    let mut end = pin!(end);
    loop {
        tokio::select! {
            () = &mut end => break,
            Some(_) = tasks.join_next() => {}
            accepted = accept(&listener) => match served.counts.places.clone().try_acquire_owned() {
                Ok(place) => {
                    let client = Client { router: router.clone(), served: served.clone() };
                    tasks.spawn(client.serve(accepted, place, ending.subscribe()));
                }
                Err(_) => {
                    served.counts.refused.count();
                    if let Ok(permit) = refusals.clone().try_acquire_owned() {
                        tasks.spawn(refuse(accepted, permit));
                    }
                }
            }
        }
    }
    drop(listener);
    ending.send_replace(true);
    while tasks.join_next().await.is_some() {}
}

/// The next client.
async fn accept<L: Listener>(listener: &L) -> L::Stream {
    loop {
        match listener.next().await {
            Ok(stream) => return stream,
            // It was given up while it waited.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!("cannot accept a client of the api: {error}");
                sleep(SHORTAGE_PAUSE).await;
            }
        }
    }
}

type Answered = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// What a client is served with.
struct Client {
    router: Router,
    served: Served,
}

impl Client {
    async fn serve(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        _place: OwnedSemaphorePermit,
        mut ending: watch::Receiver<bool>,
    ) {
        let counts = self.served.counts.clone();
        // Has it asked anything yet?
        let asked = Arc::new(AtomicBool::new(false));
        let service = service_fn({
            let (asked, counts) = (asked.clone(), counts.clone());
            let router = TowerToHyperService::new(self.router);
            move |request| -> Answered {
                asked.store(true, Relaxed);
                Box::pin(answer(router.clone(), request, counts.clone()))
            }
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.served.patience.head)
            .serve_connection(TokioIo::new(stream), service);
        let mut told_to_end = false;
        let result = loop {
            tokio::select! {
                result = poll_fn(|context| connection.poll_without_shutdown(context)) => break result,
                _ = ending.wait_for(|ending| *ending), if !told_to_end => {
                    told_to_end = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
            }
        };
        let parts = connection.into_parts();
        let mut stream = parts.io.into_inner();
        match result {
            // One that rests between two requests would take words for the answer to its next.
            Err(error) if error.is_timeout() && asked.load(Relaxed) => {}
            Err(error) if error.is_timeout() => {
                counts.timed_out.count();
                say(&mut stream, &too_late(self.served.patience.head)).await;
            }
            Err(error) if error.is_parse() => counts.malformed.count(),
            // It is done, or went away.
            Ok(()) | Err(_) => {}
        }
        // It may be gone.
        let _ = stream.shutdown().await;
    }
}

/// Answers one request.
async fn answer(
    router: TowerToHyperService<Router>,
    request: hyper::Request<Incoming>,
    counts: Arc<Counts>,
) -> Result<Response, Infallible> {
    if let Err(problem) = check_length(request.headers(), &counts) {
        return Ok(problem.into_response());
    }
    router.call(request.map(Body::new)).await
}

fn too_late(patience: Duration) -> Problem {
    let detail = format!("no whole request was there within {} s", patience.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, &detail)
}

/// Tells a client that there is no place for it.
async fn refuse(mut stream: impl AsyncRead + AsyncWrite + Unpin, _permit: OwnedSemaphorePermit) {
    let detail = format!("{MAX_CLIENTS} clients are connected, as many as can be; try again");
    say(&mut stream, &Problem::new(StatusCode::SERVICE_UNAVAILABLE, &detail)).await;
    // What it sends meanwhile is read, so that it does not take the end for a failure.
    let drain = async {
        let mut buffer = [0; 4096];
        while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
    };
    let _ = timeout(REFUSAL_PATIENCE, drain).await;
}

/// Writes a problem to a client that has no HTTP layer, and ends our side.
async fn say(stream: &mut (impl AsyncWrite + Unpin), problem: &Problem) {
    let body = serde_json::to_string(problem).unwrap_or_default();
    let text = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: {PROBLEM_JSON}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        problem.status,
        problem.title,
        body.len(),
    );
    // It may be gone; one that does not read is not waited for.
    let write = async {
        let _ = stream.write_all(text.as_bytes()).await;
        let _ = stream.shutdown().await;
    };
    let _ = timeout(REFUSAL_PATIENCE, write).await;
}
