//! What do we answer ourselves?
//!
//! The host routes what it has for the network to a *next hop* that is no machine: it exists in our
//! answers to ARP and neighbour discovery alone. What comes to its MAC is for the router.
//!
//! ```text
//!  host:  who has N? ────────> hear ──> N is at the next hop's MAC      (to the host)
//!  frame to a namespace ─────> resolve ──> Known(MAC, port)
//!                                 │  └───> Held, and who has it? asked   (to all namespaces)
//!                                 └──────> Unresolved: too many wait
//!  frame that may not go on ─> refuse ───> RST or ICMP error             (to its sender)
//! ```
//!
//! * [`neighbours`]: which MAC and port an address of the network has.
//! * [`refusals`]: what a sender is told.
//!
//! Limits: [`ERRORS_PER_SECOND`], and those of [`neighbours`].
//! Sources: RFC 826, RFC 4861, RFC 1812 4.3.2, RFC 4443 2.4; `net/ipv4/icmp.c`.

pub mod neighbours;
pub mod refusals;
#[cfg(test)]
mod tests;

pub use neighbours::{Neighbours, Resolved};
pub use refusals::Refusal;

use crate::bucket::Bucket;
use crate::clock::Time;
use crate::config::{NextHop, RouterConfig};
use crate::flow::Address;
use crate::frame::{Frame, Network, Transport, with_plain_header};
use crate::outbox::{Errand, Outbox};
use crate::outcome::{DropReason, PortId};
use crate::wire::arp::{self, ArpPacket};
use crate::wire::ethernet::{EthernetHeader, MacAddr, ethertype};
use crate::wire::ndisc::{self, NeighborMessage};
use crate::wire::{icmp, ipv6};
use ipnet::{Ipv4Net, Ipv6Net};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;
use zerocopy::IntoBytes;

/// Most ICMP errors and RSTs in a second (`net.ipv4.icmp_msgs_per_sec`).
pub const ERRORS_PER_SECOND: u64 = 1000;

/// How much of a second's errors may be sent at once: 50 (`net.ipv4.icmp_msgs_burst`).
const ERROR_BURST: Duration = Duration::from_millis(50);

/// The host's port of the switch.
pub const HOST: PortId = PortId(0);

/// Answers for the next hop, finds neighbours, and tells senders what became of their frames.
#[derive(Clone, Debug)]
pub struct Gateway {
    host_mac: MacAddr,
    ipv4: Ipv4Net,
    ipv6: Option<Ipv6Net>,
    next_hop: Option<NextHop>,
    neighbours: Neighbours,
    errors: Bucket,
}

impl Gateway {
    /// The gateway of a network whose host port has this MAC.
    pub fn new(config: &RouterConfig, host_mac: MacAddr) -> Self {
        Self {
            host_mac,
            ipv4: config.ipv4,
            ipv6: config.ipv6,
            next_hop: config.uplink.as_ref().map(|uplink| uplink.next_hop),
            neighbours: Neighbours::new(&config.hosts),
            errors: Bucket::new(ERRORS_PER_SECOND, ERROR_BURST),
        }
    }

    /// Takes another configuration; learned neighbours stay.
    pub fn configure(&mut self, config: &RouterConfig) {
        (self.ipv4, self.ipv6) = (config.ipv4, config.ipv6);
        self.next_hop = config.uplink.as_ref().map(|uplink| uplink.next_hop);
        self.neighbours.configure(&config.hosts);
    }

    /// The MAC of the host's port.
    #[inline]
    pub fn host_mac(&self) -> MacAddr {
        self.host_mac
    }

    /// The MAC of the next hop, if there is one.
    #[inline]
    pub fn next_hop_mac(&self) -> Option<MacAddr> {
        self.next_hop.map(|next_hop| next_hop.mac)
    }

    /// The bridge's own address of a family.
    pub fn address<A: Address>(&self) -> Option<A> {
        A::of(self.ipv4.addr().into()).or_else(|| A::of(self.ipv6?.addr().into()))
    }

    /// Looks into ARP and neighbour discovery: notes who is where, and answers the host when it asks
    /// for the next hop. True if the frame was for us alone.
    #[inline]
    pub fn hear(&mut self, frame: &Frame<'_>, outbox: &mut Outbox, now: Time) -> bool {
        if frame.layout().is_tagged() {
            return false;
        }
        match (frame.layout().network_kind(), frame.layout().transport_kind()) {
            (Network::Other, _) => self.hear_arp(frame, outbox, now),
            (Network::Ipv6, Transport::Icmp) => self.hear_ndisc(frame, outbox, now),
            _ => false,
        }
    }

    fn hear_arp(&mut self, frame: &Frame<'_>, outbox: &mut Outbox, now: Time) -> bool {
        let at = frame.layout().network();
        let type_of = &frame.ethernet()[at - 2..at];
        if type_of != ethertype::ARP.to_be_bytes() {
            return false;
        }
        let Some(packet) = ArpPacket::parse(&frame.ethernet()[at..]) else { return false };
        if frame.ingress() != HOST {
            let at = (frame.source(), frame.ingress());
            if self.ipv4.contains(&packet.sender()) {
                self.neighbours.learn(packet.sender().into(), at, outbox, self.host_mac, now);
            }
            return false;
        }
        let asked = self.next_hop.filter(|next_hop| {
            packet.operation.get() == arp::REQUEST && packet.target() == next_hop.ipv4
        });
        let Some(next_hop) = asked else { return false };
        let answer = ArpPacket::new(
            arp::REPLY,
            (next_hop.mac, next_hop.ipv4),
            (packet.sender_mac, packet.sender()),
        );
        let bytes = ethernet(frame.source(), next_hop.mac, ethertype::ARP, answer.as_bytes());
        outbox.put(Errand::Send(HOST), bytes);
        true
    }

    fn hear_ndisc(&mut self, frame: &Frame<'_>, outbox: &mut Outbox, now: Time) -> bool {
        let message = &frame.ethernet()[frame.layout().transport()..frame.layout().end()];
        let Some((kind, target, mac)) = ndisc::parse(message) else { return false };
        if frame.packet()[ipv6::HOP_LIMIT_OFFSET] != ndisc::HOP_LIMIT {
            return false;
        }
        let [source, _] = addresses(frame);
        if frame.ingress() != HOST {
            let at = (frame.source(), frame.ingress());
            let tells = kind == icmp::v6::NEIGHBOR_ADVERTISEMENT;
            let who = if tells { target } else { source };
            let inside = self.ipv6.is_some_and(|net| net.contains(&who));
            if inside && (mac.is_some() || tells) {
                self.neighbours.learn(who.into(), at, outbox, self.host_mac, now);
            }
            return false;
        }
        let asked = kind == icmp::v6::NEIGHBOR_SOLICITATION && !source.is_unspecified();
        let next_hop = self.next_hop.filter(|next_hop| asked && target == next_hop.ipv6);
        let Some(next_hop) = next_hop else { return false };
        let answer = NeighborMessage::advertisement(target, next_hop.mac, [next_hop.ipv6, source]);
        let packet = ipv6_packet(next_hop.ipv6, source, ndisc::HOP_LIMIT, answer.as_bytes());
        let bytes = ethernet(frame.source(), next_hop.mac, ethertype::IPV6, &packet);
        outbox.put(Errand::Send(HOST), bytes);
        true
    }

    /// Where an address of the network is. If that is not known the frame is kept, and the
    /// namespaces are asked.
    ///
    /// # Errors
    /// `Unresolved`: no more frames can be kept.
    #[inline]
    pub fn resolve(
        &mut self,
        address: IpAddr,
        frame: &Frame<'_>,
        outbox: &mut Outbox,
        now: Time,
    ) -> Result<Resolved, DropReason> {
        if let Some((mac, port)) = self.neighbours.find(address, now) {
            return Ok(Resolved::Known(mac, port));
        }
        if self.neighbours.hold(address, frame, outbox, now)? {
            self.ask(address, outbox);
        }
        Ok(Resolved::Held)
    }

    /// The port behind which an address of the network is, as far as it is known.
    pub fn port_of(&self, address: IpAddr, now: Time) -> Option<PortId> {
        self.neighbour(address, now).map(|(_, port)| port)
    }

    /// At which MAC and port an address of the network is, as far as it is known.
    pub fn neighbour(&self, address: IpAddr, now: Time) -> Option<(MacAddr, PortId)> {
        self.neighbours.find(address, now)
    }

    fn ask(&self, address: IpAddr, outbox: &mut Outbox) {
        let mac = self.host_mac;
        let bytes = match address {
            IpAddr::V4(target) => {
                let question =
                    ArpPacket::new(arp::REQUEST, (mac, self.ipv4.addr()), (MacAddr::ZERO, target));
                ethernet(MacAddr::BROADCAST, mac, ethertype::ARP, question.as_bytes())
            }
            IpAddr::V6(target) => {
                let Some(source) = self.ipv6.map(|net| net.addr()) else { return };
                let group = ndisc::solicited_node(target);
                let question = NeighborMessage::solicitation(target, mac, [source, group]);
                let packet = ipv6_packet(source, group, ndisc::HOP_LIMIT, question.as_bytes());
                ethernet(MacAddr::of_group(group), mac, ethertype::IPV6, &packet)
            }
        };
        outbox.put(Errand::FloodNamespaces, bytes);
    }

    /// Tells the sender of a frame, before it was changed, why it does not go on; `source` is the
    /// address to tell it from. Silent where the RFCs ask for silence, and beyond the rate limit.
    pub fn refuse<A: Address>(
        &mut self,
        frame: &Frame<'_>,
        refusal: Refusal,
        source: A,
        outbox: &mut Outbox,
        now: Time,
    ) {
        let Some((ethertype, packet)) = refusals::answer(frame, refusal, source) else { return };
        if !self.errors.take(1, now) {
            return;
        }
        let from = if frame.destination().is_group() { self.host_mac } else { frame.destination() };
        let bytes = ethernet(frame.source(), from, ethertype, &packet);
        outbox.put(Errand::Send(frame.ingress()), bytes);
    }

    /// Forgets a port that is gone, and drops the frames of it that wait. Returns the addresses that it
    /// had.
    pub fn forget_port(&mut self, port: PortId, outbox: &mut Outbox) -> HashSet<IpAddr> {
        self.neighbours.forget_port(port, outbox)
    }

    /// Drops all frames that wait for a neighbour.
    pub fn give_up(&mut self, outbox: &mut Outbox) {
        self.neighbours.give_up(outbox);
    }

    /// Gives up on neighbours that did not answer; their frames are dropped.
    pub fn expire(&mut self, outbox: &mut Outbox, now: Time) {
        self.neighbours.expire(outbox, now);
    }

    /// Does any frame wait for its neighbour?
    pub fn is_waiting(&self) -> bool {
        self.neighbours.is_waiting()
    }
}

/// The addresses of an IPv6 packet, source first.
fn addresses(frame: &Frame<'_>) -> [Ipv6Addr; 2] {
    let packet = frame.packet();
    [Ipv6Addr::read(&packet[8..]), Ipv6Addr::read(&packet[24..])]
}

/// A frame with a plain virtio header.
fn ethernet(destination: MacAddr, source: MacAddr, ethertype: u16, packet: &[u8]) -> Vec<u8> {
    let header = EthernetHeader { destination, source, ethertype: ethertype.into() };
    with_plain_header(&[header.as_bytes(), packet].concat())
}

/// An ICMPv6 packet.
fn ipv6_packet(source: Ipv6Addr, destination: Ipv6Addr, hops: u8, message: &[u8]) -> Vec<u8> {
    let header = ipv6::Ipv6Header {
        version_class_label: (6 << 28).into(),
        // A neighbour message is 32 bytes.
        payload_length: (message.len() as u16).into(),
        next_header: icmp::PROTOCOL_V6,
        hop_limit: hops,
        source: source.octets(),
        destination: destination.octets(),
    };
    [header.as_bytes(), message].concat()
}
