//! Which flow do packets belong to that do not say so themselves: later fragments, ICMP errors, and
//! messages that are of none?

use super::path::{Fate, Path};
use crate::conntrack::Hit;
use crate::flow::{Direction, FlowState, Tuple};
use crate::fragments::Datagram;
use crate::frame::{Frame, Piece};
use crate::gateway::HOST;
use crate::nat;
use crate::outcome::{DropReason, Outcome, Verdict};
use crate::routes::Routed;
use crate::wire::icmp;

impl<A: Routed> Path<'_, A> {
    /// Later fragments do what the first one did.
    #[cold]
    pub(super) fn remember(&mut self, frame: &Frame<'_>, tuple: Tuple<A>, fate: &Fate<A>) {
        let becomes = if let Fate::Becomes(becomes) = fate { *becomes } else { tuple };
        let datagram = Datagram::of(frame, &tuple);
        self.family.fragments.remember(datagram, becomes, self.outbox, self.now);
    }

    #[cold]
    pub(super) fn follow_first(&mut self, frame: &mut Frame<'_>, tuple: &Tuple<A>) -> Outcome {
        nat::check(frame)?;
        let datagram = Datagram::of(frame, tuple);
        let Some(becomes) = self.family.fragments.follow(&datagram) else {
            self.family.fragments.hold(datagram, frame, self.outbox, self.now)?;
            return Ok(Verdict::Held);
        };
        let plain = (becomes.source, becomes.destination) == (tuple.source, tuple.destination);
        if plain && frame.ingress() != HOST {
            return Ok(Verdict::Unicast(HOST));
        }
        self.refuse_last_hop(frame, &becomes)?;
        nat::rewrite(frame, &becomes);
        self.leave(frame, becomes.destination)
    }

    /// An ICMP error goes to whoever sent the packet that it carries, which it shows as they sent it.
    #[cold]
    pub(super) fn error(&mut self, frame: &mut Frame<'_>, inner: Tuple<A>) -> Outcome {
        nat::check(frame)?;
        let from_host = frame.ingress() == HOST;
        let Some(hit) = self.known(&inner.inverted()) else {
            return match from_host {
                true => Err(DropReason::NotOurs),
                false => self.unknown(frame, FlowState::Invalid),
            };
        };
        let Some(entry) = self.family.tracked.get(hit.id) else {
            return Err(DropReason::CtInvalid);
        };
        // The error travels in the hit's direction; what it is about went the other way.
        let sent = match hit.direction {
            Direction::Original => *entry.reply(),
            Direction::Reply => *entry.original(),
        };
        if !from_host && !self.may_complain(frame, hit, &inner) {
            return Err(DropReason::SpoofedSource);
        }
        let sender = A::read(&frame.packet()[A::OFFSET..]);
        // The far end wears the address that the sender of the packet had called, and so does
        // whatever is behind us for somebody outside.
        let source =
            if !from_host || sender == inner.destination { sent.destination } else { sender };
        let seen = Tuple {
            source: sender,
            destination: sent.source,
            source_port: 0,
            destination_port: 0,
            protocol: A::ICMP,
        };
        self.judge(frame, &seen, FlowState::Related)?;
        self.refuse_last_hop(frame, &seen)?;
        nat::rewrite_error(frame, source, sent.source, &sent);
        self.leave(frame, sent.source)
    }

    /// Is the namespace that the error comes from where the packet that it is about had gone?
    fn may_complain(&mut self, frame: &Frame<'_>, hit: Hit, inner: &Tuple<A>) -> bool {
        let Some(entry) = self.family.tracked.get(hit.id) else { return false };
        let (ingress, called) = (frame.ingress(), inner.destination);
        if self.is_forged(frame) {
            return false;
        }
        if entry.original().inverted() == *entry.reply() {
            return self.runs_between(hit, [ingress, HOST]);
        }
        self.is_inside(called) && self.port_of(called).is_none_or(|port| port == ingress)
    }

    /// A message that no flow has.
    #[cold]
    pub(super) fn of_nobody(&mut self, frame: &mut Frame<'_>) -> Outcome {
        match frame.ingress() {
            // The host has it already: its ICMP does not come by the next hop, but is overheard.
            HOST if frame.layout().protocol() == A::ICMP => Err(DropReason::NotOurs),
            HOST => self.hand_back(frame),
            _ => self.unknown(frame, FlowState::Untracked),
        }
    }

    /// What has no flow, from a namespace: only the host may want it.
    fn unknown(&mut self, frame: &Frame<'_>, state: FlowState) -> Outcome {
        if is_discovery(frame) {
            return Ok(Verdict::Unicast(HOST));
        }
        if self.is_forged(frame) {
            return Err(DropReason::SpoofedSource);
        }
        let bare = self.bare(frame);
        if !self.family.routes.is_own(bare.destination) && !self.is_inside(bare.destination) {
            return Err(DropReason::CtInvalid);
        }
        self.judge(frame, &bare, state)?;
        Ok(Verdict::Unicast(HOST))
    }
}

/// Neighbour and router discovery, without which there is no IPv6 (RFC 4890 4.3.1): no rule is asked. It
/// never comes in fragments (RFC 6980).
#[inline]
pub(super) fn is_discovery(frame: &Frame<'_>) -> bool {
    const DISCOVERY: std::ops::RangeInclusive<u8> = 133..=137;
    frame.layout().protocol() == icmp::PROTOCOL_V6
        && frame.layout().piece() == Piece::Whole
        && frame
            .ethernet()
            .get(frame.layout().transport())
            .is_some_and(|kind| DISCOVERY.contains(kind))
}
