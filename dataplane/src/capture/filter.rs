//! Is this frame wanted?
//!
//! A [`Filter`] means what the same words mean in pcap-filter(7). What it asks of a frame is taken out of
//! it once, into a [`View`].
//!
//! Differences: 802.1Q tags are looked behind. A frame whose headers make no sense matches [`Filter::All`]
//! alone.

use crate::frame::{Frame, Network, Piece};
use crate::wire::arp::ArpPacket;
use crate::wire::ethernet::ethertype;
use crate::wire::{icmp, tcp, udp};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A protocol that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// ARP.
    Arp,
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// TCP over either.
    Tcp,
    /// UDP over either.
    Udp,
    /// ICMP.
    Icmp,
    /// ICMPv6.
    Icmp6,
}

/// Which end of a packet is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Its source.
    Source,
    /// Its destination.
    Destination,
    /// One of both.
    Either,
}

/// Which frames are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Filter {
    /// All.
    #[default]
    All,
    /// Those of a protocol.
    Protocol(Protocol),
    /// From or to an address in this prefix; of ARP, the addresses that it speaks of.
    Net(Side, IpNet),
    /// From or to a TCP or UDP port.
    Port(Side, u16),
    /// Those that do not match.
    Not(Box<Filter>),
    /// Those that match both.
    And(Box<Filter>, Box<Filter>),
    /// Those that match one of both.
    Or(Box<Filter>, Box<Filter>),
}

impl Filter {
    /// Is this frame wanted?
    pub fn matches(&self, view: &View) -> bool {
        match self {
            Self::All => true,
            Self::Protocol(protocol) => view.is_of(*protocol),
            Self::Net(side, net) => {
                view.ends.is_some_and(|ends| side.any(ends, |end| net.contains(&end)))
            }
            Self::Port(side, port) => {
                view.ports.is_some_and(|ports| side.any(ports, |of| of == *port))
            }
            Self::Not(other) => !other.matches(view),
            Self::And(one, other) => one.matches(view) && other.matches(view),
            Self::Or(one, other) => one.matches(view) || other.matches(view),
        }
    }
}

impl Side {
    fn any<T>(self, (source, destination): (T, T), mut is: impl FnMut(T) -> bool) -> bool {
        match self {
            Self::Source => is(source),
            Self::Destination => is(destination),
            Self::Either => is(source) || is(destination),
        }
    }
}

/// What a filter can see of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    network: Network,
    is_arp: bool,
    protocol: u8,
    ends: Option<(IpAddr, IpAddr)>,
    ports: Option<(u16, u16)>,
}

impl View {
    /// What there is to see of a frame.
    pub fn of(frame: &Frame<'_>) -> Self {
        let layout = frame.layout();
        let packet = frame.packet();
        let mut view = Self {
            network: layout.network_kind(),
            is_arp: false,
            protocol: layout.protocol(),
            ends: None,
            ports: None,
        };
        match layout.network_kind() {
            Network::Ipv4 => {
                view.ends = Some((v4(&packet[12..]).into(), v4(&packet[16..]).into()));
            }
            Network::Ipv6 => {
                view.ends = Some((v6(&packet[8..]).into(), v6(&packet[24..]).into()));
            }
            Network::Other => view.see_arp(frame),
        }
        let has_ports = matches!(view.protocol, tcp::PROTOCOL | udp::PROTOCOL);
        if has_ports && layout.piece() != Piece::Later && view.network != Network::Other {
            let segment = packet.get(layout.transport() - layout.network()..).unwrap_or_default();
            view.ports = segment
                .first_chunk()
                .map(|&[a, b, c, d]| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])));
        }
        view
    }

    fn see_arp(&mut self, frame: &Frame<'_>) {
        let at = frame.layout().network();
        let (header, packet) = frame.ethernet().split_at(at);
        if !header.ends_with(&ethertype::ARP.to_be_bytes()) {
            return;
        }
        self.is_arp = true;
        self.ends = ArpPacket::parse(packet).map(|arp| (arp.sender().into(), arp.target().into()));
    }

    fn is_of(&self, protocol: Protocol) -> bool {
        let (v4, v6) = (self.network == Network::Ipv4, self.network == Network::Ipv6);
        match protocol {
            Protocol::Arp => self.is_arp,
            Protocol::Ip => v4,
            Protocol::Ip6 => v6,
            Protocol::Tcp => (v4 || v6) && self.protocol == tcp::PROTOCOL,
            Protocol::Udp => (v4 || v6) && self.protocol == udp::PROTOCOL,
            Protocol::Icmp => v4 && self.protocol == icmp::PROTOCOL,
            Protocol::Icmp6 => v6 && self.protocol == icmp::PROTOCOL_V6,
        }
    }
}

fn v4(bytes: &[u8]) -> Ipv4Addr {
    crate::flow::Address::read(bytes)
}

fn v6(bytes: &[u8]) -> Ipv6Addr {
    crate::flow::Address::read(bytes)
}
