//! How does an answer go on for ever without holding anybody up?
//!
//! ```text
//!  engine ══ rings ══> thread of the answer ── pieces ──> server's thread ──> socket
//!                       yields to the path       one waits
//! ```
//!
//! Where processors are short the path goes first: who looks misses frames, and is told so.

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How long to rest when there was nothing: the rings hold what comes meanwhile, up to two million
/// frames a second.
pub(in crate::api) const POLL: Duration = Duration::from_millis(4);

/// How nice the thread of an answer is (`man 2 setpriority`): beside the path it gets a thirtieth of a
/// processor that both want (`sched_prio_to_weight` in `kernel/sched/core.c`).
pub(crate) const NICE: i32 = 15;

/// What the thread of an answer is called.
const THREAD: &str = "looking";

/// What comes next of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::api) enum Piece {
    /// These bytes; not none.
    Bytes(Vec<u8>),
    /// Nothing now.
    Nothing,
    /// The end.
    End,
}

/// Somebody who has a piece after another.
pub(in crate::api) trait Pieces: Send + 'static {
    /// The next one; asked for when the one before is about to go out, or after [`POLL`].
    fn next(&mut self) -> Piece;
}

/// An answer in pieces.
pub(in crate::api) struct Stream(Receiver<Bytes>);

impl Stream {
    /// Begins to make the pieces, on a thread of their own.
    ///
    /// # Errors
    /// There can be no more threads.
    pub(in crate::api) fn of(pieces: impl Pieces) -> io::Result<Self> {
        // One waits while another goes out; more would be older than what the rings hold.
        let (sender, receiver) = channel(1);
        let run = move || {
            // Nobody who may make the thread is refused this.
            let _ = rustix::process::setpriority_process(None, NICE);
            make(pieces, &sender);
        };
        thread::Builder::new().name(THREAD.to_owned()).spawn(run)?;
        Ok(Self(receiver))
    }
}

/// Makes pieces until the end, or until nobody wants any more.
fn make(mut pieces: impl Pieces, to: &Sender<Bytes>) {
    while !to.is_closed() {
        match pieces.next() {
            // Who is gone is seen next.
            Piece::Bytes(bytes) => drop(to.blocking_send(bytes.into())),
            Piece::Nothing => thread::sleep(POLL),
            Piece::End => return,
        }
    }
}

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}
