//! What becomes of the first packet of a flow?
//!
//! ```text
//!  from a namespace to ...                      from the outside to ...
//!   a published port ──> DNAT, and SNAT to       a published port ──> DNAT
//!                        the address called      a mapping that may hear it ──> DNAT
//!   the host, its subnet ──> as it is            anything else ──> the host's own
//!   the outside ──> SNAT
//!   another network ──> as it is: `across`        from another network ──> as it is: `across`
//! ```
//!
//! What was announced by FTP goes the way that its announcement says ([`super::announce`]).
//!
//! All of it is decided before anything is kept; what was leased for a flow that then is refused goes
//! back at once.
//!
//! Known gaps: the NAT's filtering is for the outside; a sibling may call every mapping. A SYN that
//! nobody asked for is the host's, which resets it at once where no mapping is (RFC 5382 REQ-4: not
//! within 6 s).

use super::announce::{Awaited, state_of};
use super::family::Keep;
use super::judge::is_hidden;
use super::path::{Fate, Path};
use super::router::EVERYBODY;
use crate::config::Filtering;
use crate::conntrack::{NewFlow, Packet};
use crate::flow::{FlowState, Tuple};
use crate::frame::Frame;
use crate::gateway::{HOST, Refusal};
use crate::nat::Lease;
use crate::outcome::{DropReason, PortId};
use crate::routes::Routed;
use std::net::IpAddr;

impl<A: Routed> Path<'_, A> {
    /// From a namespace to the host's MAC.
    pub(super) fn begin_from_namespace(
        &mut self,
        frame: &Frame<'_>,
        tuple: &Tuple<A>,
        packet: &Packet,
    ) -> Result<Fate<A>, DropReason> {
        if self.is_forged(frame) {
            return Err(DropReason::SpoofedSource);
        }
        let awaited = self.awaited(tuple, packet);
        let fate = self.choose_from_namespace(frame, tuple, packet, awaited.as_ref());
        // The flow has a lease of its own, if it needs one.
        self.family.give_back(awaited.and_then(|awaited| awaited.lease));
        fate
    }

    fn choose_from_namespace(
        &mut self,
        frame: &Frame<'_>,
        tuple: &Tuple<A>,
        packet: &Packet,
        awaited: Option<&Awaited<A>>,
    ) -> Result<Fate<A>, DropReason> {
        let state = state_of(awaited);
        if is_not_routed(tuple.destination) {
            return self.begin_plain(frame, tuple, packet, state);
        }
        let own = self.family.routes.is_own(tuple.destination);
        let target = if own { self.target(tuple) } else { None };
        let Some((address, port)) = target else {
            if !own && self.network_of(tuple.destination).is_some() {
                return self.begin_to_network(frame, tuple, packet, state);
            }
            if own || self.is_inside(tuple.destination) || self.shared.config.uplink.is_none() {
                return self.begin_plain(frame, tuple, packet, state);
            }
            return self.begin_to_outside(frame, tuple, packet, awaited.map(|it| it.caller));
        };
        if !self.is_inside(tuple.source) {
            return Err(DropReason::SpoofedSource);
        }
        self.family.tracked.judge_new(packet)?;
        let reached = Tuple { destination: address, destination_port: port, ..*tuple };
        self.judge(frame, &reached, state)?;
        self.refuse_last_hop(frame, &reached)?;
        let to = (&reached, tuple.destination);
        self.begin_translated(frame, tuple, to, packet, state)
    }

    /// To the host itself, or to whom the host sends it: nothing is translated.
    fn begin_plain(
        &mut self,
        frame: &Frame<'_>,
        tuple: &Tuple<A>,
        packet: &Packet,
        state: FlowState,
    ) -> Result<Fate<A>, DropReason> {
        if !self.shared.judges {
            return Ok(Fate::Plain);
        }
        if !self.shared.tracks_bridged {
            self.judge(frame, tuple, FlowState::Untracked)?;
            return Ok(Fate::Plain);
        }
        if self.family.tracked.judge_new(packet).is_err() {
            self.judge(frame, tuple, FlowState::Invalid)?;
            return Ok(Fate::Plain);
        }
        self.judge(frame, tuple, state)?;
        self.track(tuple, tuple.inverted(), [frame.ingress(), HOST], None, packet, state)?;
        Ok(Fate::Plain)
    }

    /// Under the address that who is called knows the sender by already, if it announced that.
    fn begin_to_outside(
        &mut self,
        frame: &Frame<'_>,
        tuple: &Tuple<A>,
        packet: &Packet,
        known_as: Option<A>,
    ) -> Result<Fate<A>, DropReason> {
        if !self.is_inside(tuple.source) {
            return Err(DropReason::SpoofedSource);
        }
        if !self.shared.config.has_outside() {
            return Err(DropReason::Internal);
        }
        if is_hidden::<A>(tuple.protocol) {
            return Err(DropReason::HiddenTransport);
        }
        self.family.tracked.judge_new(packet)?;
        let state = state_of(known_as.as_ref());
        self.judge(frame, tuple, state)?;
        self.refuse_last_hop(frame, tuple)?;
        let way = self.family.routes.way(tuple.destination).and_then(|way| way.source);
        let Some(source) = way else {
            self.refuse(frame, Refusal::NoRoute);
            return Err(DropReason::NoRoute);
        };
        let external = known_as
            .filter(|&address| self.family.routes.is_own(address))
            .or_else(|| self.family.nat.external_for(tuple.source))
            .unwrap_or(source);
        self.begin_translated(frame, tuple, (tuple, external), packet, state)
    }

    /// A flow whose source becomes the external address; `reached` is `tuple` after DNAT.
    fn begin_translated(
        &mut self,
        frame: &Frame<'_>,
        tuple: &Tuple<A>,
        (reached, external): (&Tuple<A>, A),
        packet: &Packet,
        state: FlowState,
    ) -> Result<Fate<A>, DropReason> {
        let (tracked, now) = (&self.family.tracked, self.now);
        let taken = |reply: &Tuple<A>| tracked.find(reply, now).is_some();
        let (lease, source, port) = self.family.nat.lease(reached, external, taken)?;
        let reply = Tuple { destination: source, destination_port: port, ..reached.inverted() };
        let peer = if self.is_inside(reached.destination) {
            self.port_of(reached.destination).unwrap_or(EVERYBODY)
        } else {
            HOST
        };
        self.track(tuple, reply, [frame.ingress(), peer], Some(lease), packet, state)?;
        self.family.meet(&reply, self.shared.config.nat.filtering);
        Ok(Fate::Becomes(reply.inverted()))
    }

    /// From the host to our next hop.
    pub(super) fn begin_from_outside(
        &mut self,
        frame: &Frame<'_>,
        tuple: &Tuple<A>,
        packet: &Packet,
    ) -> Result<Fate<A>, DropReason> {
        if self.is_to_inside(tuple.destination) {
            return self.begin_from_network(frame, tuple, packet);
        }
        if tuple.protocol == A::ICMP {
            return Err(DropReason::NotOurs);
        }
        let Tuple { protocol, destination, destination_port, .. } = *tuple;
        if !self.family.routes.is_own(destination) {
            return Ok(Fate::HandBack);
        }
        let awaited = self.awaited(tuple, packet);
        let state = state_of(awaited.as_ref());
        let known = match &awaited {
            Some(awaited) => Some(awaited.reached),
            None => self.published(tuple),
        };
        let mapped = || self.family.nat.mapped(protocol, destination, destination_port);
        let Some((address, port)) = known.or_else(mapped) else { return Ok(Fate::HandBack) };
        let mut lease = awaited.and_then(|awaited| awaited.lease);
        let reached = Tuple { destination: address, destination_port: port, ..*tuple };
        let allowed = self
            .may_come_in(tuple, known.is_some())
            .and_then(|()| self.family.tracked.judge_new(packet))
            .and_then(|()| self.judge(frame, &reached, state));
        if let Err(reason) = allowed {
            self.family.give_back(lease);
            return Err(reason);
        }
        if known.is_none() {
            lease = self.family.nat.lease_mapped(protocol, destination, destination_port);
        }
        let owner = self.port_of(address).unwrap_or(HOST);
        self.track(tuple, reached.inverted(), [owner, HOST], lease, packet, state)?;
        Ok(Fate::Becomes(reached))
    }

    /// May anybody come in from outside, and may the sender, if it calls a mapping?
    fn may_come_in(&self, tuple: &Tuple<A>, is_known: bool) -> Result<(), DropReason> {
        if !self.shared.config.has_outside() {
            return Err(DropReason::Internal);
        }
        let source = tuple.source;
        let is_ours = self.is_inside(source) || self.family.routes.is_own(source);
        // Another network's namespaces do not come by the outside.
        if is_ours || self.network_of(source).is_some() {
            return Err(DropReason::SpoofedSource);
        }
        if is_known || self.may_enter(tuple) { Ok(()) } else { Err(DropReason::NatFiltered) }
    }

    /// May the sender use the mapping that it calls (RFC 4787 section 5)?
    fn may_enter(&self, tuple: &Tuple<A>) -> bool {
        match self.shared.config.nat.filtering {
            Filtering::EndpointIndependent => true,
            Filtering::Address => self.family.has_met(tuple),
            // Whoever was sent to from there has a flow, and did not come here.
            Filtering::AddressAndPort => false,
        }
    }

    /// Who is behind an address and port of the host that a namespace calls.
    fn target(&self, tuple: &Tuple<A>) -> Option<(A, u16)> {
        let Tuple { protocol, destination, destination_port, .. } = *tuple;
        self.published(tuple)
            .or_else(|| self.family.nat.mapped(protocol, destination, destination_port))
    }

    fn published(&self, tuple: &Tuple<A>) -> Option<(A, u16)> {
        let published = &self.shared.config.published;
        let Tuple { protocol, destination, destination_port, .. } = *tuple;
        let (address, port) = published.find(protocol, destination.into(), destination_port)?;
        Some((A::of(address)?, port))
    }

    /// Keeps a flow of these ports, its owner's first. What it holds goes back if there is no room.
    pub(super) fn track(
        &mut self,
        original: &Tuple<A>,
        reply: Tuple<A>,
        [owner, peer]: [PortId; 2],
        lease: Option<Lease>,
        packet: &Packet,
        state: FlowState,
    ) -> Result<(), DropReason> {
        let related = state == FlowState::Related;
        let extra = Keep { lease, peer, queue: self.queue };
        let new = NewFlow { original: *original, reply, owner, related, extra };
        let census = &mut self.shared.census;
        match self.family.tracked.insert(new, packet, census, self.now) {
            Ok((id, evicted)) => {
                if let Some(entry) = self.family.tracked.get_mut(id) {
                    entry.set_epoch(self.shared.epoch);
                }
                evicted.into_iter().for_each(|gone| self.family.bury(gone));
                if self.shared.config.conntrack.ftp {
                    self.family.announced.begin(id, original, &reply, packet);
                }
                Ok(())
            }
            Err((reason, keep)) => {
                self.family.give_back(keep.lease);
                Err(reason)
            }
        }
    }
}

/// Is it an address that no router passes on: of the link or of the machine alone (RFC 4291 2.5.3 and
/// 2.5.6, RFC 3927, RFC 1122 3.2.1.3), of a group, or of nobody?
pub(super) fn is_not_routed(address: impl Into<IpAddr>) -> bool {
    let address = address.into();
    let of_link = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    of_link || address.is_loopback() || address.is_multicast() || address.is_unspecified()
}
