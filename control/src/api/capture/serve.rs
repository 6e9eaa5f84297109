//! How are frames sent as they come?
//!
//! ```text
//!  engine ══ rings ══> Catch ──> blocks ──> socket
//!                                  ^          │ the one before goes out
//!                                  └──────────┘ or a rest, if there was nothing
//! ```
//!
//! Frames are taken out of the rings only when the client takes the ones before: who reads slowly misses
//! frames, and is told how many. Who has gone drops the answer, and with it the capture.

use super::CaptureQuery;
use super::body::{Piece, Pieces, Stream};
use super::interfaces::Interfaces;
use crate::api::flow::serve::find;
use crate::api::protocol::Problem;
use crate::api::server::Network;
use crate::api::server::networks::{Named, beside};
use crate::capture::{Names, pcapng, words};
use axum::body::Body;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use dataplane::capture::{Catch, Spec};
use dataplane::engine::CaptureError;
use std::io;

/// About how many bytes go out in one piece.
pub const PIECE: usize = 128 << 10;

/// What the answer is.
const PCAPNG: &str = "application/x-pcapng";

pub(in crate::api) async fn capture(Named(network): Named, uri: Uri) -> Result<Response, Problem> {
    let bad = |error: super::QueryError| Problem::new(StatusCode::BAD_REQUEST, &error.to_string());
    let asked: CaptureQuery = uri.query().unwrap_or_default().parse().map_err(bad)?;
    let (spec, _) = choose(network.as_ref(), &asked)?;
    let watched = network.clone();
    let catch = beside(move || watched.capture(spec)).await?.map_err(|error| refused(&error))?;
    // From now on the capture tells which ports come, so none is overlooked.
    let frames = Frames::new(catch, network.names(), asked);
    Ok(([(header::CONTENT_TYPE, PCAPNG)], stream(frames)?).into_response())
}

/// An answer in pieces that goes on for ever.
pub(in crate::api) fn stream(pieces: impl Pieces) -> Result<Body, Problem> {
    let busy = |error: io::Error| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            &format!("there is no thread for it: {error}"),
        )
    };
    Stream::of(pieces).map(Body::new).map_err(busy)
}

/// What is to be captured, and the names of what there is.
pub(in crate::api) fn choose(
    network: &dyn Network,
    asked: &CaptureQuery,
) -> Result<(Spec, Names), Problem> {
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, &detail);
    let names = network.names();
    let port = asked.port.as_ref().map(|wanted| {
        find(&names.ports, wanted)
            .ok_or_else(|| bad(format!("there is no port {wanted:?} (see `udp-bridge ps`)")))
    });
    let filter = asked.parsed_filter().map_err(|error| bad(error.to_string()))?;
    Ok((Spec { port: port.transpose()?, filter, stories: false }, names))
}

/// Why nothing is captured: too many at once is the client's to mend.
pub(in crate::api) fn refused(error: &CaptureError) -> Problem {
    match error {
        CaptureError::Full(_) => Problem::new(StatusCode::TOO_MANY_REQUESTS, &error.to_string()),
        CaptureError::Stopped(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())
        }
    }
}

/// The blocks of an answer, made as they go out.
struct Frames {
    catch: Catch,
    names: Names,
    interfaces: Interfaces,
    /// How many frames may still be sent.
    left: Option<u64>,
    frame: Vec<u8>,
    comment: String,
    stamp: u64,
    state: Sending,
}

/// How far the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Head,
    Frames,
    Done,
}

impl Frames {
    fn new(catch: Catch, names: Names, asked: CaptureQuery) -> Self {
        Self {
            catch,
            names,
            interfaces: Interfaces::new(asked.filter),
            left: asked.count,
            frame: Vec::new(),
            comment: String::new(),
            stamp: 0,
            state: Sending::Head,
        }
    }

    /// The next piece; empty if there is nothing now.
    fn piece(&mut self) -> Vec<u8> {
        let mut piece = Vec::new();
        if self.state == Sending::Head {
            pcapng::begin(&mut piece);
            self.interfaces.describe_all(&self.names, &mut piece);
            self.state = Sending::Frames;
        }
        // Whether there will be more is asked before the last look at what there is.
        let is_over = self.catch.is_over();
        let mut is_empty = false;
        while piece.len() < PIECE && self.left != Some(0) && !is_empty {
            is_empty = !self.one(&mut piece);
        }
        if self.left == Some(0) || (is_over && is_empty) {
            self.state = Sending::Done;
        }
        let missed = self.catch.missed();
        self.interfaces.tell(&missed, self.stamp, self.state == Sending::Done, &mut piece);
        piece
    }

    /// Adds a frame, and before it the ports that came before it; false if there is none.
    fn one(&mut self, piece: &mut Vec<u8>) -> bool {
        let next = self.catch.next(&mut self.frame);
        while let Some(named) = self.catch.named() {
            self.interfaces.rename(&named, self.stamp, piece);
            self.names.name(named.port, named.name);
        }
        let Some(sighting) = next else { return false };
        self.stamp = sighting.stamp;
        let interface = self.interfaces.of(sighting.port, &self.names, piece);
        self.comment.clear();
        words::comment(&sighting, &self.names, &mut self.comment);
        pcapng::packet(interface, &sighting, &self.frame, &self.comment, piece);
        self.left = self.left.map(|left| left - 1);
        true
    }
}

impl Pieces for Frames {
    fn next(&mut self) -> Piece {
        if self.state == Sending::Done {
            return Piece::End;
        }
        match self.piece() {
            piece if !piece.is_empty() => Piece::Bytes(piece),
            _ if self.state == Sending::Done => Piece::End,
            _ => Piece::Nothing,
        }
    }
}
