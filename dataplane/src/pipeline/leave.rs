//! Where does a packet go whose addresses are what they are to be?

use super::path::Path;
use crate::flow::Tuple;
use crate::frame::Frame;
use crate::gateway::{HOST, Resolved};
use crate::nat;
use crate::outcome::{DropReason, Outcome, Verdict};
use crate::routes::Routed;
use crate::wire::tcp;

impl<A: Routed> Path<'_, A> {
    /// Sends a packet, its addresses translated, to the next host on its way.
    #[inline]
    pub(super) fn leave(&mut self, frame: &mut Frame<'_>, destination: A) -> Outcome {
        let inside = self.is_inside(destination) && !self.family.routes.is_own(destination);
        if !inside {
            return match frame.ingress() {
                HOST => self.hand_back(frame),
                _ => Ok(Verdict::Unicast(HOST)),
            };
        }
        if frame.ingress() != HOST {
            // The host has not seen it, so the hop is ours; `refuse_last_hop` has left one.
            nat::lower_ttl(frame);
        }
        let gateway = &mut self.shared.gateway;
        match gateway.resolve(destination.into(), frame, self.outbox, self.now)? {
            Resolved::Known(mac, port) => {
                frame.readdress(mac, gateway.host_mac());
                Ok(Verdict::Unicast(port))
            }
            Resolved::Held => Ok(Verdict::Held),
        }
    }

    /// The packet is for the host itself, which sent it here by its port: as if it had not. Not so
    /// ICMP, of which we only get copies: handed back, it would be copied again, without end.
    pub(super) fn hand_back(&mut self, frame: &mut Frame<'_>) -> Outcome {
        if frame.layout().protocol() == A::ICMP {
            return Err(DropReason::NotOurs);
        }
        let gateway = &self.shared.gateway;
        let (host, Some(next_hop)) = (gateway.host_mac(), gateway.next_hop_mac()) else {
            return Err(DropReason::SamePort);
        };
        nat::raise_ttl(frame);
        frame.readdress(host, next_hop);
        Ok(Verdict::Unicast(HOST))
    }

    /// A connection with the outside must not agree on segments that do not fit the way.
    #[inline]
    pub(super) fn clamp(&self, frame: &mut Frame<'_>, tuple: &Tuple<A>) {
        if tuple.protocol != tcp::PROTOCOL || !is_syn(frame) {
            return;
        }
        let remote = if frame.ingress() == HOST { tuple.source } else { tuple.destination };
        if let Some(way) = self.family.routes.way(remote)
            && !self.is_inside(remote)
        {
            nat::clamp_mss(frame, way.mtu);
        }
    }
}

/// Does the frame open a TCP connection, or answer such?
#[inline]
fn is_syn(frame: &Frame<'_>) -> bool {
    let flags = frame.ethernet().get(frame.layout().transport() + tcp::FLAGS_OFFSET);
    flags.is_some_and(|flags| flags & tcp::flag::SYN != 0)
}
