//! How does an answer go on for ever without holding anybody up?

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// How long to rest when there was nothing: the rings hold what comes meanwhile, up to some millions of
/// frames a second.
pub(in crate::api) const POLL: Duration = Duration::from_millis(4);

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
pub(in crate::api) trait Pieces: Unpin {
    /// The next one; asked for when the one before has gone out, or after [`POLL`].
    fn next(&mut self) -> Piece;
}

/// An answer in pieces.
pub(in crate::api) struct Stream<P> {
    pieces: P,
    /// `None` until it has rested once: a timer is made on the server's own thread.
    rest: Option<Pin<Box<Sleep>>>,
}

impl<P: Pieces> Stream<P> {
    pub(in crate::api) fn of(pieces: P) -> Self {
        Self { pieces, rest: None }
    }
}

impl<P: Pieces> HttpBody for Stream<P> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            match self.pieces.next() {
                Piece::Bytes(bytes) => return Poll::Ready(Some(Ok(Frame::data(bytes.into())))),
                Piece::End => return Poll::Ready(None),
                Piece::Nothing => {}
            }
            let rest = self.rest.insert(Box::pin(sleep(POLL)));
            if rest.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    }
}
