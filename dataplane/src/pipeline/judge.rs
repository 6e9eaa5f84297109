//! May the packet pass, between which zones is it, and who is told if it may not?

use super::path::Path;
use super::router::EVERYBODY;
use crate::filter::Question;
use crate::flow::{FlowState, Tuple, Zone};
use crate::frame::Frame;
use crate::gateway::{HOST, Refusal};
use crate::nat;
use crate::outcome::{DropReason, PortId};
use crate::routes::Routed;
use crate::wire::ipv6;

impl<A: Routed> Path<'_, A> {
    /// Asks the rules about a routed packet with these ends.
    pub(super) fn judge(
        &mut self,
        frame: &Frame<'_>,
        seen: &Tuple<A>,
        state: FlowState,
    ) -> Result<(), DropReason> {
        if !self.shared.judges {
            return Ok(());
        }
        let from = match frame.ingress() {
            HOST => self.zone(seen.source),
            port => Zone::Port(port),
        };
        self.judge_between(frame, seen, (from, self.zone(seen.destination)), state)
    }

    /// Asks the rules about a packet between these zones.
    pub(super) fn judge_between(
        &mut self,
        frame: &Frame<'_>,
        seen: &Tuple<A>,
        (from, to): (Zone, Zone),
        state: FlowState,
    ) -> Result<(), DropReason> {
        if is_hidden::<A>(seen.protocol) {
            return Err(DropReason::HiddenTransport);
        }
        let question = Question {
            from,
            to,
            protocol: seen.protocol,
            source: seen.source.into(),
            destination: seen.destination.into(),
            source_port: seen.source_port,
            destination_port: seen.destination_port,
            state,
        };
        let judgement = self.shared.judge(&question, frame.packet().len());
        let Some(reason) = judgement.reason() else { return Ok(()) };
        match reason {
            DropReason::FilterReject => self.refuse(frame, Refusal::Rejected),
            // Our own learn at once that there is no way; others learn nothing.
            DropReason::OtherNetwork if frame.ingress() != HOST => {
                self.refuse(frame, Refusal::NoRoute);
            }
            _ => {}
        }
        Err(reason)
    }

    /// Where an address is.
    pub(super) fn zone(&self, address: A) -> Zone {
        if self.family.routes.is_own(address) {
            return Zone::Host;
        }
        if self.is_inside(address) {
            return Zone::Port(self.port_of(address).unwrap_or(EVERYBODY));
        }
        self.network_of(address).map_or(Zone::Outside, Zone::Network)
    }

    /// The port behind which an address of the network is, as far as it is known.
    #[inline]
    pub(super) fn port_of(&self, address: A) -> Option<PortId> {
        self.shared.gateway.port_of(address.into(), self.now)
    }

    /// Is it an address of the network?
    #[inline]
    pub(super) fn is_inside(&self, address: A) -> bool {
        self.shared.config.is_inside(address.into())
    }

    /// Does a namespace speak in the name of the host, or of another network? The host believes what
    /// comes in by the uplink's port (`accept_local`), for what we translate wears its addresses; and
    /// other networks believe that what comes from here is ours. Link-local addresses are each link's.
    #[inline]
    pub(super) fn is_forged(&self, frame: &Frame<'_>) -> bool {
        if frame.ingress() == HOST {
            return false;
        }
        let source = A::read(&frame.packet()[A::OFFSET..]);
        self.family.routes.is_own(source) && !is_link_local(source)
            || self.network_of(source).is_some()
    }

    /// Tells the frame's sender why it does not go on: from the bridge's address, but to the outside
    /// from the address that it had called.
    pub(super) fn refuse(&mut self, frame: &Frame<'_>, refusal: Refusal) {
        let source = if frame.ingress() == HOST {
            Some(A::read(&frame.packet()[A::OFFSET + A::LEN..]))
        } else {
            self.shared.gateway.address()
        };
        if let Some(source) = source {
            self.shared.gateway.refuse(frame, refusal, source, self.outbox, self.now);
        }
    }

    /// A router drops what has no hop left. What comes from the host has been through one already.
    #[inline]
    pub(super) fn refuse_last_hop(
        &mut self,
        frame: &Frame<'_>,
        becomes: &Tuple<A>,
    ) -> Result<(), DropReason> {
        let last = frame.ingress() != HOST && nat::ttl(frame).is_some_and(|ttl| ttl <= 1);
        if !last || self.family.routes.is_own(becomes.destination) {
            return Ok(());
        }
        self.refuse(frame, Refusal::TimeExceeded);
        Err(DropReason::TtlExpired)
    }

    /// Addresses and protocol of a packet that has no ports to be judged by.
    pub(super) fn bare(&self, frame: &Frame<'_>) -> Tuple<A> {
        let addresses = &frame.packet()[A::OFFSET..A::OFFSET + 2 * A::LEN];
        Tuple {
            source: A::read(addresses),
            destination: A::read(&addresses[A::LEN..]),
            source_port: 0,
            destination_port: 0,
            protocol: frame.layout().protocol(),
        }
    }
}

/// Is a packet's layer 4 not to be seen, if this is the protocol that its headers lead to?
#[inline]
pub(super) fn is_hidden<A: Routed>(protocol: u8) -> bool {
    A::LEN == 16 && ipv6::leads_nowhere(protocol)
}

fn is_link_local(address: impl Into<std::net::IpAddr>) -> bool {
    match address.into() {
        std::net::IpAddr::V4(address) => address.is_link_local(),
        std::net::IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}
