//! What becomes of a packet between this network and another one of the host?
//!
//! Each network has an engine and rules of its own, and the host routes between them as between any
//! two subnets. Nothing is translated:
//!
//! ```text
//!  ours ──> routed: may it go there? ──> host TAP ══ the host's routing ══> their host TAP ──> judged there
//!  ours <── from the host to our next hop: known, or may it come? <── host TAP ══ the host's routing ══ theirs
//! ```
//!
//! So both networks must allow that a flow begins. Its replies are known to both, and pass.
//!
//! A source of another network is believed only of what comes by the next hop: the host sends there
//! what has come in by that network's own TAP, whose engine lets no other sources out. What wears such
//! an address and comes by another way, from outside for one, dies.

use super::path::{Fate, Path};
use super::router::EVERYBODY;
use crate::conntrack::Packet;
use crate::flow::{FlowState, NetworkId, Tuple, Zone};
use crate::frame::Frame;
use crate::gateway::HOST;
use crate::outcome::DropReason;
use crate::routes::Routed;

impl<A: Routed> Path<'_, A> {
    /// The other network that an address belongs to.
    #[inline]
    pub(super) fn network_of(&self, address: A) -> Option<NetworkId> {
        self.family.routes.network_of(address).filter(|_| !self.is_inside(address))
    }

    /// Did the host send this to our next hop for somebody in the network?
    #[inline]
    pub(super) fn is_to_inside(&self, destination: A) -> bool {
        self.is_inside(destination) && !self.family.routes.is_own(destination)
    }

    /// From a namespace to another network.
    pub(super) fn begin_to_network(
        &mut self,
        frame: &Frame<'_>,
        tuple: &Tuple<A>,
        packet: &Packet,
        state: FlowState,
    ) -> Result<Fate<A>, DropReason> {
        if !self.is_inside(tuple.source) {
            return Err(DropReason::SpoofedSource);
        }
        self.family.tracked.judge_new(packet)?;
        let between = (Zone::Port(frame.ingress()), self.zone(tuple.destination));
        self.judge_between(frame, tuple, between, state)?;
        self.track(tuple, tuple.inverted(), [frame.ingress(), HOST], None, packet, state)?;
        // The host counts the hop, and knows what fits the way.
        Ok(Fate::Plain)
    }

    /// From another network, by the next hop.
    pub(super) fn begin_from_network(
        &mut self,
        frame: &Frame<'_>,
        tuple: &Tuple<A>,
        packet: &Packet,
    ) -> Result<Fate<A>, DropReason> {
        if self.network_of(tuple.source).is_none() {
            return Err(DropReason::SpoofedSource);
        }
        self.family.tracked.judge_new(packet)?;
        let state = self.first_state(tuple, packet);
        let between = (self.zone(tuple.source), self.zone(tuple.destination));
        self.judge_between(frame, tuple, between, state)?;
        // Behind a port that is not known yet: it is the one that answers.
        let ends = match self.port_of(tuple.destination) {
            Some(port) => [port, HOST],
            None => [HOST, EVERYBODY],
        };
        self.track(tuple, tuple.inverted(), ends, None, packet, state)?;
        Ok(Fate::Becomes(*tuple))
    }
}
