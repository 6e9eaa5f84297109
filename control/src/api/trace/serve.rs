//! How is it answered what becomes of a packet?

use super::{TraceQuery, TraceQueryError};
use crate::api::capture::body::{Piece, Pieces};
use crate::api::capture::serve::{PIECE, refused, stream};
use crate::api::protocol::Problem;
use crate::api::server::Network;
use crate::api::server::networks::{Named, beside};
use crate::capture::Names;
use crate::trace::described::Built;
use crate::trace::{Described, Explanation};
use axum::Json;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use dataplane::capture::{Catch, Filter, Protocol, Side, Spec};
use dataplane::frame::with_plain_header;
use dataplane::outcome::{DropReason, PortId};
use dataplane::pipeline::Story;
use dataplane::pipeline::story::Ends;
use dataplane::wire::{icmp, tcp, udp};
use std::net::IpAddr;

/// What the lines of followed packets are.
const LINES: &str = "application/x-ndjson";

pub(in crate::api) async fn trace(Named(network): Named, uri: Uri) -> Result<Response, Problem> {
    let bad = |error: TraceQueryError| Problem::new(StatusCode::BAD_REQUEST, &error.to_string());
    let asked: TraceQuery = uri.query().unwrap_or_default().parse().map_err(bad)?;
    beside(move || answer(network.as_ref(), &asked)).await?
}

fn answer(
    network: &dyn Network,
    TraceQuery { described, follow }: &TraceQuery,
) -> Result<Response, Problem> {
    let built = described
        .build(&network.ports(), network.next_hop())
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, &error.to_string()))?;
    let story = explain(network, &built)?;
    let names = network.names();
    if !follow {
        return Ok(Json(Explanation::of(&story, None, &names)).into_response());
    }
    let wanted = Wanted::new(described, &built, &story);
    let spec = Spec { port: None, filter: wanted.filter(), stories: true };
    let catch = network.capture(spec).map_err(|error| refused(&error))?;
    let packets = Packets { catch, names, wanted, frame: Vec::new(), is_done: false };
    Ok(([(header::CONTENT_TYPE, LINES)], stream(packets)?).into_response())
}

fn explain(network: &dyn Network, built: &Built) -> Result<Story, Problem> {
    let told = network.explain(built.ingress, with_plain_header(&built.frame));
    let told = told
        .map_err(|stopped| Problem::new(StatusCode::SERVICE_UNAVAILABLE, &stopped.to_string()))?;
    told.map_err(|reason: DropReason| Problem::new(StatusCode::BAD_REQUEST, reason.explain()))
}

/// Which packets belong to what was described.
struct Wanted {
    ingress: PortId,
    /// As it was described; the source counts only where it was.
    ends: Ends,
    from: Option<(IpAddr, Option<u16>)>,
    /// Who answers, behind NAT.
    reached: Option<(IpAddr, u16)>,
}

impl Wanted {
    fn new(described: &Described, built: &Built, story: &Story) -> Self {
        let reached = story.left.map(|left| (left.destination, left.destination_port));
        Self {
            ingress: built.ingress,
            ends: built.ends,
            from: described.from.map(|from| (from.address, from.port)),
            reached,
        }
    }

    /// What is to be captured: the protocol, from or to who was called.
    fn filter(&self) -> Filter {
        let protocol = match self.ends.protocol {
            tcp::PROTOCOL => Protocol::Tcp,
            udp::PROTOCOL => Protocol::Udp,
            icmp::PROTOCOL => Protocol::Icmp,
            _ => Protocol::Icmp6,
        };
        let has_ports = matches!(protocol, Protocol::Tcp | Protocol::Udp);
        let end = |side, (address, port): (IpAddr, u16)| {
            let net = Filter::Net(side, address.into());
            if has_ports { and(net, Filter::Port(side, port)) } else { net }
        };
        let called = (self.ends.destination, self.ends.destination_port);
        let mut ends = or(end(Side::Destination, called), end(Side::Source, called));
        if let Some(reached) = self.reached.filter(|reached| *reached != called) {
            ends = or(ends, end(Side::Source, reached));
        }
        and(Filter::Protocol(protocol), ends)
    }

    /// Is it the described packet, or one of a flow that such a packet began?
    fn is_meant(&self, story: &Story) -> bool {
        let Some(came) = story.came.ends() else { return false };
        let begun = story.known.map(|(flow, _)| flow.original);
        let came = (came.source, came.destination, came.source_port, came.destination_port);
        let is_one = story.ingress == self.ingress && self.is_described(came);
        is_one || begun.is_some_and(|begun| self.is_described(begun)) || self.is_answer(came, story)
    }

    fn is_described(
        &self,
        (source, destination, source_port, destination_port): (IpAddr, IpAddr, u16, u16),
    ) -> bool {
        let is_from = self.from.is_none_or(|(address, port)| {
            address == source && port.is_none_or(|port| port == source_port)
        });
        is_from
            && destination == self.ends.destination
            && destination_port == self.ends.destination_port
    }

    /// On the segment nothing need be tracked: an answer is told by its ends.
    fn is_answer(
        &self,
        (source, destination, source_port, destination_port): (IpAddr, IpAddr, u16, u16),
        story: &Story,
    ) -> bool {
        story.known.is_none()
            && self.is_described((destination, source, destination_port, source_port))
    }
}

fn and(one: Filter, other: Filter) -> Filter {
    Filter::And(Box::new(one), Box::new(other))
}

fn or(one: Filter, other: Filter) -> Filter {
    Filter::Or(Box::new(one), Box::new(other))
}

/// The lines of an answer, made as they go out.
struct Packets {
    catch: Catch,
    names: Names,
    wanted: Wanted,
    frame: Vec<u8>,
    is_done: bool,
}

impl Pieces for Packets {
    fn next(&mut self) -> Piece {
        if self.is_done {
            return Piece::End;
        }
        // Whether there will be more is asked before the last look at what there is.
        let is_over = self.catch.is_over();
        let mut lines = Vec::new();
        while lines.len() < PIECE {
            let next = self.catch.next(&mut self.frame);
            while let Some(named) = self.catch.named() {
                self.names.name(named.port, named.name);
            }
            let Some(sighting) = next else {
                self.is_done = is_over;
                break;
            };
            let Some(story) = self.catch.story() else { continue };
            if self.wanted.is_meant(story) {
                let told = Explanation::of(story, Some(sighting.stamp), &self.names);
                // What it consists of can always be written.
                if serde_json::to_writer(&mut lines, &told).is_ok() {
                    lines.push(b'\n');
                }
            }
        }
        match (lines.is_empty(), self.is_done) {
            (false, _) => Piece::Bytes(lines),
            (true, false) => Piece::Nothing,
            (true, true) => Piece::End,
        }
    }
}
