//! May a frame of the segment go where the switch sends it?
//!
//! Rules are asked only if one of them concerns the segment, and flows are tracked only if one of those
//! names a state. A frame is between the zones of its two ports, whatever its addresses say.

use super::belongs::is_discovery;
use super::path::{Fate, Path};
use super::router::EVERYBODY;
use crate::conntrack::Packet;
use crate::flow::{FlowState, Tuple, Zone};
use crate::fragments::Datagram;
use crate::frame::{Frame, Piece, Subject};
use crate::gateway::HOST;
use crate::outcome::{DropReason, Outcome, PortId, Verdict};
use crate::routes::Routed;
use std::net::IpAddr;

impl<A: Routed> Path<'_, A> {
    /// For the segment: as the switch says, if no rule forbids it.
    #[inline]
    pub(super) fn bridged(&mut self, frame: &mut Frame<'_>) -> Outcome {
        let from_outside = frame.ingress() == HOST && self.is_from_outside(frame);
        if from_outside && self.is_from_network(frame) {
            // What that network itself has sent, and may come, comes by the next hop.
            return Err(DropReason::OtherNetwork);
        }
        if from_outside && self.shared.config.uplink.is_some() {
            // Nobody outside speaks to a namespace but through a published port or a flow, and both
            // come by the next hop.
            return Err(DropReason::NotPublished);
        }
        if frame.destination().is_group() && self.is_forged(frame) {
            return Err(DropReason::SpoofedSource);
        }
        let outcome = self.switch.forward(frame, self.now)?;
        if !self.shared.judges_bridged || is_discovery(frame) {
            return Ok(outcome);
        }
        let from = match frame.ingress() {
            HOST if from_outside => Zone::Outside,
            HOST => Zone::Host,
            port => Zone::Port(port),
        };
        match outcome {
            Verdict::Unicast(HOST) => self.judge_bridged(frame, (from, Zone::Host), outcome),
            Verdict::Unicast(port) => self.judge_bridged(frame, (from, Zone::Port(port)), outcome),
            Verdict::Flood => self.judge_flood(frame, from),
            Verdict::Answered | Verdict::Held => Ok(outcome),
        }
    }

    fn judge_flood(&mut self, frame: &mut Frame<'_>, from: Zone) -> Outcome {
        let all = self.judge_bridged(frame, (from, Zone::Port(EVERYBODY)), Verdict::Flood);
        let is_for_host = frame.destination().is_group() && frame.ingress() != HOST;
        if all.is_ok() || !is_for_host {
            return all;
        }
        // Namespaces may not hear it; the host may.
        self.judge_bridged(frame, (from, Zone::Host), Verdict::Unicast(HOST))
    }

    /// Did the host forward this frame from somebody outside?
    #[inline]
    fn is_from_outside(&self, frame: &Frame<'_>) -> bool {
        let source = A::read(&frame.packet()[A::OFFSET..]);
        if frame.destination().is_group() || self.shared.gateway.address() == Some(source) {
            return false;
        }
        let address: IpAddr = source.into();
        let link_local = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
        !link_local && !address.is_unspecified() && !self.family.routes.is_own(source)
    }

    /// Does it wear an address of another network?
    #[inline]
    fn is_from_network(&self, frame: &Frame<'_>) -> bool {
        self.network_of(A::read(&frame.packet()[A::OFFSET..])).is_some()
    }

    /// Asks the rules about a packet that stays on the segment.
    fn judge_bridged(
        &mut self,
        frame: &mut Frame<'_>,
        between: (Zone, Zone),
        outcome: Verdict,
    ) -> Outcome {
        match frame.subject::<A>() {
            Subject::Flow(tuple) => {
                self.judge_flow(frame, &tuple, between)?;
                if frame.layout().piece() == Piece::First {
                    self.remember(frame, tuple, &Fate::Becomes(tuple));
                }
            }
            Subject::Fragment(tuple) => {
                let datagram = Datagram::of(frame, &tuple);
                if self.family.fragments.follow(&datagram).is_none() {
                    self.family.fragments.hold(datagram, frame, self.outbox, self.now)?;
                    return Ok(Verdict::Held);
                }
            }
            Subject::Error(inner) => {
                let ends = [port(between.0), port(between.1)];
                let hit = self.known(&inner.inverted());
                let about = hit.is_some_and(|hit| self.runs_between(hit, ends));
                let state = if about { FlowState::Related } else { FlowState::Invalid };
                self.judge_between(frame, &self.bare(frame), between, state)?;
            }
            Subject::Nobody => {
                self.judge_between(frame, &self.bare(frame), between, FlowState::Untracked)?;
            }
        }
        Ok(outcome)
    }

    /// Tracks a flow of the segment and asks the rules about its packet.
    fn judge_flow(
        &mut self,
        frame: &Frame<'_>,
        tuple: &Tuple<A>,
        between: (Zone, Zone),
    ) -> Result<(), DropReason> {
        if !self.shared.tracks_bridged {
            return self.judge_between(frame, tuple, between, FlowState::Untracked);
        }
        let packet = Packet::of(frame);
        let ends = [port(between.0), port(between.1)];
        if let Some(hit) = self.known(tuple) {
            let mut state = FlowState::Invalid;
            if self.runs_between(hit, ends) {
                state = self.family.tracked.update(hit, &packet, self.now);
            }
            if state == FlowState::Invalid {
                return self.judge_between(frame, tuple, between, state);
            }
            self.pass(frame, hit, tuple, state, Some(between))?;
            if self.family.announced.is_control(hit.id) {
                self.overhear(frame, hit, tuple);
            }
            return Ok(());
        }
        if self.family.tracked.judge_new(&packet).is_err() {
            return self.judge_between(frame, tuple, between, FlowState::Invalid);
        }
        let state = self.first_state(tuple, &packet);
        self.judge_between(frame, tuple, between, state)?;
        // A namespace's share, if one is part of it.
        let [from, to] = ends;
        let owned = from == HOST && to.index() < self.switch.ports();
        let ends = if owned { [to, from] } else { [from, to] };
        self.track(tuple, tuple.inverted(), ends, None, &packet, state)
    }
}

/// The port at which a zone is.
fn port(zone: Zone) -> PortId {
    match zone {
        Zone::Port(port) => port,
        Zone::Host | Zone::Network(_) | Zone::Outside => HOST,
    }
}
