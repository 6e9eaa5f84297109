//! Which packet is meant, and which frame would bring it?
//!
//! It is the first packet of a flow: a TCP segment with SYN, a UDP datagram, an echo request. What is left
//! out of it is made up: [`SOURCE_PORT`] for a source port or identifier, an address from the documentation
//! ranges (RFC 5737, RFC 3849) for somebody outside.

use crate::api::protocol::PortInfo;
use crate::capture::words;
use dataplane::flow::Tuple;
use dataplane::outcome::PortId;
use dataplane::pipeline::story::Ends;
use dataplane::wire::ethernet::MacAddr;
use dataplane::wire::{icmp, tcp, udp};
use etherparse::{PacketBuilder, err::packet::BuildWriteError};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Where a packet comes from if nobody says it; of an echo request, the identifier.
pub const SOURCE_PORT: u16 = 40_000;

/// Somebody outside.
const OUTSIDE: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(203, 0, 113, 1), Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1));

/// Hops that a packet may make, as Linux sends it.
const HOPS: u8 = 64;

/// An address, and a port if one is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// The address.
    pub address: IpAddr,
    /// The port.
    pub port: Option<u16>,
}

impl FromStr for Who {
    type Err = DescribedError;

    /// Reads `10.0.0.5`, `10.0.0.5:443`, `fd00::5` or `[fd00::5]:443`.
    fn from_str(text: &str) -> Result<Self, DescribedError> {
        if let Ok(address) = text.parse() {
            return Ok(Self { address, port: None });
        }
        let end: SocketAddr = text.parse().map_err(|_| DescribedError::Address(text.to_owned()))?;
        Ok(Self { address: end.ip(), port: Some(end.port()) })
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.address, port).fmt(f),
            None => self.address.fmt(f),
        }
    }
}

/// A packet as somebody describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Where it comes from: a port's name or number, [`Self::HOST`] or [`Self::OUTSIDE`].
    pub port: String,
    /// `tcp`, `udp` or `icmp`, which is the address's own.
    pub protocol: String,
    /// Whom it calls.
    pub to: Who,
    /// Who sends it.
    pub from: Option<Who>,
}

/// Why no packet is as it was described.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescribedError {
    /// No address.
    #[error("{0:?} is no address like 10.0.0.5:443, [fd00::5]:443 or, for icmp, 10.0.0.5")]
    Address(String),
    /// Another protocol.
    #[error("{0:?}: a flow is of tcp, udp or icmp")]
    Protocol(String),
    /// A port is missing.
    #[error("{protocol} needs a port: {}", SocketAddr::new(to.address, 443))]
    PortMissing {
        /// The protocol.
        protocol: String,
        /// The address.
        to: Who,
    },
    /// ICMP has none.
    #[error("icmp has no port: write {0} alone")]
    PortTooMuch(IpAddr),
    /// Two families.
    #[error("{from} and {to} are of different families")]
    Families {
        /// Who sends.
        from: Who,
        /// Who is called.
        to: Who,
    },
    /// There is no such port.
    #[error(
        "there is no port {0:?} (see `udp-bridge ps`); beside ports there are `host` and `outside`"
    )]
    NoPort(String),
    /// The port has no address of the family.
    #[error("{0} has no address of this family; give one with --from")]
    NoAddress(String),
    /// The network has no next hop.
    #[error("nothing comes from outside: the network has no uplink")]
    NoUplink,
    /// Nobody to send a frame to.
    #[error(
        "nobody in the network has {0}: its sender asks for it and, without an answer, sends nothing"
    )]
    Nobody(IpAddr),
    /// The host reaches the address another way.
    #[error("{0} is not in the network: the host does not send it here")]
    NotHere(IpAddr),
    /// It cannot be built.
    #[error("there is no such packet: {0}")]
    Build(String),
}

/// A frame that would bring the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The port that it would come in by.
    pub ingress: PortId,
    /// The frame from its Ethernet header on.
    pub frame: Vec<u8>,
    /// Its ends.
    pub ends: Ends,
}

impl Described {
    /// The word for the host itself.
    pub const HOST: &'static str = "host";
    /// The word for whatever is behind the host.
    pub const OUTSIDE: &'static str = "outside";

    /// Proves that protocol and addresses fit.
    ///
    /// # Errors
    /// [`DescribedError`].
    pub fn check(&self) -> Result<u8, DescribedError> {
        let number = match (&self.protocol[..], self.to.address) {
            ("tcp", _) => tcp::PROTOCOL,
            ("udp", _) => udp::PROTOCOL,
            ("icmp", IpAddr::V4(_)) => icmp::PROTOCOL,
            ("icmp" | "icmp6", IpAddr::V6(_)) => icmp::PROTOCOL_V6,
            _ => return Err(DescribedError::Protocol(self.protocol.clone())),
        };
        let has_ports = matches!(number, tcp::PROTOCOL | udp::PROTOCOL);
        let (protocol, to) = (self.protocol.clone(), self.to);
        match (has_ports, to.port) {
            (true, None) => return Err(DescribedError::PortMissing { protocol, to }),
            (false, Some(_)) => return Err(DescribedError::PortTooMuch(to.address)),
            _ => {}
        }
        match self.from {
            Some(from) if from.address.is_ipv4() != to.address.is_ipv4() => {
                Err(DescribedError::Families { from, to })
            }
            _ => Ok(number),
        }
    }

    /// The frame that would bring the packet into a network of these ports, the host's first.
    ///
    /// # Errors
    /// [`DescribedError`].
    pub fn build(
        &self,
        ports: &[PortInfo],
        next_hop: Option<MacAddr>,
    ) -> Result<Built, DescribedError> {
        let protocol = self.check()?;
        let unknown = || DescribedError::NoPort(self.port.clone());
        let host = ports.first().ok_or_else(unknown)?;
        let (sender, source, to_mac) = match &self.port[..] {
            Self::OUTSIDE => {
                let next_hop = next_hop.ok_or(DescribedError::NoUplink)?;
                let v4 = self.to.address.is_ipv4();
                (host, if v4 { OUTSIDE.0.into() } else { OUTSIDE.1.into() }, next_hop)
            }
            Self::HOST => {
                let to_mac = holder(ports, self.to.address)
                    .ok_or(DescribedError::NotHere(self.to.address))?;
                (host, self.own_address(host)?, to_mac)
            }
            name => {
                let sender = find(ports, name).ok_or_else(unknown)?;
                (sender, self.own_address(sender)?, self.neighbour(ports, sender, host)?)
            }
        };
        let (source, source_port) = match self.from {
            Some(from) => (from.address, from.port.unwrap_or(SOURCE_PORT)),
            None => (source, SOURCE_PORT),
        };
        let destination_port = match protocol {
            icmp::PROTOCOL => icmp::v4::ECHO_REQUEST.into(),
            icmp::PROTOCOL_V6 => icmp::v6::ECHO_REQUEST.into(),
            // It was checked that there is one.
            _ => self.to.port.unwrap_or_default(),
        };
        let destination = self.to.address;
        let ends = Tuple { source, destination, source_port, destination_port, protocol };
        Ok(Built {
            ingress: PortId(sender.number),
            frame: frame((sender.mac, to_mac), &ends)?,
            ends,
        })
    }

    /// To whom a namespace sends the frame: to a sibling, or to the host.
    fn neighbour(
        &self,
        ports: &[PortInfo],
        sender: &PortInfo,
        host: &PortInfo,
    ) -> Result<MacAddr, DescribedError> {
        let to = self.to.address;
        let on_link = match to {
            IpAddr::V4(to) => sender.ipv4.contains(&to),
            IpAddr::V6(to) => sender.ipv6.is_some_and(|net| net.contains(&to)),
        };
        match holder(ports, to) {
            Some(mac) => Ok(mac),
            None if on_link => Err(DescribedError::Nobody(to)),
            None => Ok(host.mac),
        }
    }

    fn own_address(&self, port: &PortInfo) -> Result<IpAddr, DescribedError> {
        address(port, self.to.address.is_ipv4())
            .or(self.from.map(|from| from.address))
            .ok_or_else(|| DescribedError::NoAddress(port.name.clone()))
    }
}

fn address(port: &PortInfo, v4: bool) -> Option<IpAddr> {
    if v4 { Some(port.ipv4.addr().into()) } else { port.ipv6.map(|net| net.addr().into()) }
}

/// The MAC of who has an address.
fn holder(ports: &[PortInfo], wanted: IpAddr) -> Option<MacAddr> {
    let has = |port: &&PortInfo| address(port, wanted.is_ipv4()) == Some(wanted);
    ports.iter().find(has).map(|port| port.mac)
}

/// The port of this name, or else of this number.
fn find<'p>(ports: &'p [PortInfo], wanted: &str) -> Option<&'p PortInfo> {
    let by_name = ports.iter().find(|port| port.name == wanted);
    by_name.or_else(|| ports.iter().find(|port| wanted.parse() == Ok(port.number)))
}

fn frame((from, to): (MacAddr, MacAddr), ends: &Ends) -> Result<Vec<u8>, DescribedError> {
    let ethernet = PacketBuilder::ethernet2(from.0, to.0);
    let ip = match (ends.source, ends.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            ethernet.ipv4(source.octets(), destination.octets(), HOPS)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            ethernet.ipv6(source.octets(), destination.octets(), HOPS)
        }
        _ => return Err(DescribedError::Build(words::pair(ends).to_string())),
    };
    let mut bytes = Vec::new();
    let (source, destination) = (ends.source_port, ends.destination_port);
    let written: Result<(), BuildWriteError> = match ends.protocol {
        tcp::PROTOCOL => ip.tcp(source, destination, 1, 64_000).syn().write(&mut bytes, &[]),
        udp::PROTOCOL => ip.udp(source, destination).write(&mut bytes, &[]),
        icmp::PROTOCOL => ip.icmpv4_echo_request(source, 1).write(&mut bytes, &[]),
        _ => ip.icmpv6_echo_request(source, 1).write(&mut bytes, &[]),
    };
    written.map_err(|error| DescribedError::Build(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
#[path = "described_tests.rs"]
mod tests;
