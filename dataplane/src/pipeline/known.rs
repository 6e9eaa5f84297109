//! What becomes of a packet of a known flow: what the flow's other side knows it as.
//!
//! A flow is one of two ports, of which one is the host's if it is routed. Its packets are believed only
//! between these: otherwise a namespace could speak under what was allowed to another, and two that work
//! together could speak to each other under what each may say to somebody else.
//!
//! A flow of another epoch, so from before the configuration changed, is judged anew first
//! ([`super::renewal`]).

use super::path::{Fate, Path};
use super::router::EVERYBODY;
use crate::conntrack::{Hit, Packet};
use crate::flow::{Direction, FlowState, Tuple, Zone};
use crate::frame::{Frame, Piece};
use crate::gateway::HOST;
use crate::outcome::{DropReason, PortId};
use crate::routes::Routed;

impl<A: Routed> Path<'_, A> {
    /// The flow of this tuple, if it is known and may still go on.
    #[inline]
    pub(super) fn known(&mut self, tuple: &Tuple<A>) -> Option<Hit> {
        let hit = self.family.tracked.find(tuple, self.now)?;
        let epoch = self.shared.epoch;
        if self.family.tracked.get(hit.id)?.epoch() == epoch { Some(hit) } else { self.renew(hit) }
    }

    /// What becomes of a routed packet of this flow.
    #[inline]
    pub(super) fn go_on(
        &mut self,
        frame: &mut Frame<'_>,
        tuple: &Tuple<A>,
        hit: Hit,
        packet: &Packet,
    ) -> Result<Fate<A>, DropReason> {
        let becomes = self.translated(hit).unwrap_or(*tuple);
        if frame.layout().piece() == Piece::Whole
            && let Some(entry) = self.family.tracked.get(hit.id)
        {
            frame.put_on(entry.extra().queue);
        }
        let plain = becomes == *tuple;
        self.check_ends(frame, tuple, hit, plain)?;
        let announces = self.family.announced.is_control(hit.id);
        let acknowledged = if announces { Some(self.acknowledge(frame, hit)) } else { None };
        let packet = acknowledged.as_ref().unwrap_or(packet);
        let state = self.family.tracked.update(hit, packet, self.now);
        if state == FlowState::Invalid {
            return Err(DropReason::CtInvalid);
        }
        self.pass(frame, hit, &becomes, state, None)?;
        if announces && frame.layout().piece() == Piece::Whole {
            self.refuse_last_hop(frame, &becomes)?;
            if state == FlowState::New {
                self.reopen_control(hit, packet);
            }
            return Ok(Fate::Announces(hit, becomes));
        }
        if plain && frame.ingress() != HOST {
            return Ok(Fate::Plain);
        }
        self.refuse_last_hop(frame, &becomes)?;
        Ok(Fate::Becomes(becomes))
    }

    /// Does the packet come from where its flow's packets come from?
    #[inline]
    fn check_ends(
        &mut self,
        frame: &Frame<'_>,
        tuple: &Tuple<A>,
        hit: Hit,
        plain: bool,
    ) -> Result<(), DropReason> {
        let from_host = frame.ingress() == HOST;
        if !plain {
            // A namespace in the name of somebody outside, or the other way round, or of another.
            let forged = self.is_inside(tuple.source) == from_host
                || !(from_host || self.is_at(frame.ingress(), tuple.source, hit));
            return if forged { Err(DropReason::SpoofedSource) } else { Ok(()) };
        }
        self.check_plain_ends(frame, tuple, hit)
    }

    /// The same of a flow that is not translated.
    #[cold]
    fn check_plain_ends(
        &mut self,
        frame: &Frame<'_>,
        tuple: &Tuple<A>,
        hit: Hit,
    ) -> Result<(), DropReason> {
        if frame.ingress() == HOST {
            // The copy of a reply to the host, which was counted on its way there.
            let is_copy = tuple.protocol == A::ICMP && !self.is_to_inside(tuple.destination);
            return if is_copy { Err(DropReason::NotOurs) } else { Ok(()) };
        }
        let between = self.runs_between(hit, [frame.ingress(), HOST]);
        if between { Ok(()) } else { Err(DropReason::CtInvalid) }
    }

    /// Is this address, an end of a translated flow, behind this port? It is where the flow began, or
    /// where it was heard of since.
    #[inline]
    fn is_at(&self, port: PortId, address: A, hit: Hit) -> bool {
        let Some(entry) = self.family.tracked.get(hit.id) else { return false };
        let (owner, peer) = (entry.owner(), entry.extra().peer);
        // A flow of the host's share leads to an address that was not known yet.
        port == owner
            || port == peer
            || owner == HOST
            || peer == EVERYBODY
            || self.port_of(address) == Some(port)
    }

    /// Is it a flow between these two ports? One whose first packet was flooded is between its owner and
    /// the first port that it is seen with.
    pub(super) fn runs_between(&mut self, hit: Hit, [one, two]: [PortId; 2]) -> bool {
        let Some(entry) = self.family.tracked.get_mut(hit.id) else { return false };
        let other = match entry.owner() {
            owner if owner == one => two,
            owner if owner == two => one,
            _ => return false,
        };
        let peer = entry.extra().peer;
        if peer == EVERYBODY && other != EVERYBODY {
            entry.extra_mut().peer = other;
            entry.set_marks(0);
            return true;
        }
        peer == other
    }

    /// What a packet of a known flow becomes.
    #[inline]
    pub(super) fn translated(&self, hit: Hit) -> Option<Tuple<A>> {
        let entry = self.family.tracked.get(hit.id)?;
        Some(match hit.direction {
            Direction::Original => entry.reply().inverted(),
            Direction::Reply => entry.original().inverted(),
        })
    }

    /// May a packet of a known flow pass? Asked once for each direction and state. A packet of the
    /// segment is between two zones, a routed one between those of its addresses.
    #[inline]
    pub(super) fn pass(
        &mut self,
        frame: &Frame<'_>,
        hit: Hit,
        becomes: &Tuple<A>,
        state: FlowState,
        between: Option<(Zone, Zone)>,
    ) -> Result<(), DropReason> {
        if !self.shared.judges {
            return Ok(());
        }
        let bit = 1 << (hit.direction as u8 * 2 + u8::from(state == FlowState::Established));
        let Some(entry) = self.family.tracked.get(hit.id) else { return Ok(()) };
        if entry.marks() & bit != 0 {
            return Ok(());
        }
        // As the namespaces see it: after DNAT, before SNAT.
        let sent = entry.tuple(hit.direction);
        let (source, source_port) = (sent.source, sent.source_port);
        let seen = Tuple { source, source_port, ..*becomes };
        match between {
            Some(zones) => self.judge_between(frame, &seen, zones, state)?,
            None => self.judge(frame, &seen, state)?,
        }
        if let Some(entry) = self.family.tracked.get_mut(hit.id) {
            entry.set_marks(entry.marks() | bit);
        }
        Ok(())
    }
}
