//! What did the user publish, and can it be so?
//!
//! ```text
//! --publish [ADDR:]PORT[-PORT]:NAME:PORT[-PORT][/tcp|udp]
//!            └──── the host's ───┘ └── a namespace's ──┘
//! ```
//!
//! A [`Written`] is the text taken apart, a [`Publish`] is proven to name a port of the network.
//! Whether the host has the address and whether its ports are free is [`crate::publish`]'s to say.

use super::{ModelError, NetworkName, Subnets};
use dataplane::config::{HostPorts, first_overlap};
use dataplane::wire::{tcp, udp};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Most published ports of one network, each one of a range counted. Each has a socket of its own.
pub const MAX_PUBLISHED_PORTS: usize = 65_536;

/// Whose ports?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TCP's.
    Tcp,
    /// UDP's.
    Udp,
}

impl Protocol {
    /// Its IP protocol number.
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => tcp::PROTOCOL,
            Self::Udp => udp::PROTOCOL,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// What is wrong with a `--publish`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishFault {
    /// It is not made of the right parts.
    #[error(
        "write it like 8080:ub0-1:80, 192.0.2.1:8000-8009:ub0-1:8000-8009 or [::1]:53:ub0-1:53/udp"
    )]
    Malformed,
    /// The address is none.
    #[error("{0:?} is no address: write an IPv4 address, or an IPv6 one in brackets")]
    Address(String),
    /// An IPv4 address in the form that IPv6 has for it.
    #[error("no interface has an address like ::ffff:{0}: write {0}, without brackets")]
    Mapped(Ipv4Addr),
    /// A port is out of bounds.
    #[error("{0:?} is no port: ports are 1 to 65535")]
    Port(String),
    /// A range ends before it begins.
    #[error("the range {0} ends before it begins")]
    Reversed(String),
    /// The protocol is none that has ports.
    #[error("{0:?} is not published: write /tcp or /udp")]
    Protocol(String),
    /// The ranges differ in length.
    #[error("the host's range has {host} ports and the namespace's {target}: they must be as many")]
    Lengths {
        /// Ports of the host.
        host: usize,
        /// Ports of the namespace.
        target: usize,
    },
    /// The network has no such port.
    #[error("there is no port {name:?}: the ports are {known}")]
    UnknownPort {
        /// The name as written.
        name: String,
        /// Those that there are, in words.
        known: String,
    },
    /// An IPv6 address of the host, but no IPv6 in the network.
    #[error(
        "the network has no IPv6 to lead it to: publish an IPv4 address, or give the network a \
         --subnet6"
    )]
    NoIpv6,
    /// Two of them share a port.
    #[error("a port of it is published already, by --publish {0}")]
    Twice(String),
    /// More than there may be.
    #[error("that makes more than {MAX_PUBLISHED_PORTS} published ports: publish fewer")]
    TooMany,
}

/// A `--publish` taken apart; [`fmt::Display`] writes it as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The host's address; `None` for all.
    pub address: Option<IpAddr>,
    /// The host's ports.
    pub ports: RangeInclusive<u16>,
    /// The name of the network's port.
    pub name: String,
    /// The ports there, as many.
    pub targets: RangeInclusive<u16>,
    /// Whose ports.
    pub protocol: Protocol,
}

impl FromStr for Written {
    type Err = PublishFault;

    fn from_str(text: &str) -> Result<Self, PublishFault> {
        let (rest, protocol) = match text.rsplit_once('/') {
            None => (text, Protocol::Tcp),
            Some((rest, "tcp")) => (rest, Protocol::Tcp),
            Some((rest, "udp")) => (rest, Protocol::Udp),
            Some((_, other)) => return Err(PublishFault::Protocol(other.to_owned())),
        };
        let (address, rest) = split_address(rest)?;
        let mut parts = rest.split(':');
        let (Some(ports), Some(name), Some(targets), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(PublishFault::Malformed);
        };
        if name.is_empty() {
            return Err(PublishFault::Malformed);
        }
        let (ports, targets) = (range(ports)?, range(targets)?);
        if ports.len() != targets.len() {
            return Err(PublishFault::Lengths { host: ports.len(), target: targets.len() });
        }
        Ok(Self { address, ports, name: name.to_owned(), targets, protocol })
    }
}

/// The address in front, if there is one, and what follows it.
fn split_address(text: &str) -> Result<(Option<IpAddr>, &str), PublishFault> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (address, rest) = bracketed.split_once("]:").ok_or(PublishFault::Malformed)?;
        let parsed: Ipv6Addr =
            address.parse().map_err(|_| PublishFault::Address(address.to_owned()))?;
        if let Some(mapped) = parsed.to_ipv4_mapped() {
            return Err(PublishFault::Mapped(mapped));
        }
        return Ok((Some(parsed.into()), rest));
    }
    match text.split_once(':') {
        Some((address, rest)) if rest.split(':').count() == 3 => {
            let parsed: Ipv4Addr =
                address.parse().map_err(|_| PublishFault::Address(address.to_owned()))?;
            Ok((Some(parsed.into()), rest))
        }
        _ => Ok((None, text)),
    }
}

fn range(text: &str) -> Result<RangeInclusive<u16>, PublishFault> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first)?, port(last)?);
    if first > last { Err(PublishFault::Reversed(text.to_owned())) } else { Ok(first..=last) }
}

fn port(text: &str) -> Result<u16, PublishFault> {
    // `parse` would take a sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err(PublishFault::Port(text.to_owned())),
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(IpAddr::V4(address)) => write!(f, "{address}:")?,
            Some(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
            None => {}
        }
        write_range(f, &self.ports)?;
        write!(f, ":{}:", self.name)?;
        write_range(f, &self.targets)?;
        write!(f, "/{}", self.protocol)
    }
}

fn write_range(f: &mut fmt::Formatter<'_>, range: &RangeInclusive<u16>) -> fmt::Result {
    if range.start() == range.end() {
        write!(f, "{}", range.start())
    } else {
        write!(f, "{}-{}", range.start(), range.end())
    }
}

/// Ports of the host that lead to a port of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// What was written, and its parts.
    pub written: Written,
    /// The number of the network's port.
    pub number: u32,
}

impl Publish {
    /// What it takes of the host.
    fn host_ports(&self) -> HostPorts {
        let Written { protocol, address, ports, .. } = &self.written;
        let (first, last) = (*ports.start(), *ports.end());
        HostPorts { protocol: protocol.number(), address: *address, first, last }
    }
}

/// Reads all that is published of a network.
///
/// # Errors
/// [`ModelError::Publish`] for the first that is wrong, with its text.
pub(super) fn read_all(
    texts: &[String],
    network: &NetworkName,
    ports: u32,
    subnets: &Subnets,
) -> Result<Vec<Publish>, ModelError> {
    let mut all = Vec::with_capacity(texts.len());
    let mut count = 0;
    for text in texts {
        let refuse = |fault| ModelError::Publish { text: text.clone(), fault };
        let written: Written = text.parse().map_err(refuse)?;
        let number = find_port(&written.name, network, ports).map_err(refuse)?;
        count += written.ports.len();
        if count > MAX_PUBLISHED_PORTS {
            return Err(refuse(PublishFault::TooMany));
        }
        // A loopback address leads no further than the host, whose relay can change the family.
        let reaches_out = |address: IpAddr| address.is_ipv6() && !address.is_loopback();
        if subnets.v6.is_none() && written.address.is_some_and(reaches_out) {
            return Err(refuse(PublishFault::NoIpv6));
        }
        all.push(Publish { written, number });
    }
    let taken: Vec<_> = all.iter().map(Publish::host_ports).collect();
    match first_overlap(&taken) {
        Some((one, two)) => Err(ModelError::Publish {
            text: texts[two].clone(),
            fault: PublishFault::Twice(texts[one].clone()),
        }),
        None => Ok(all),
    }
}

fn find_port(name: &str, network: &NetworkName, ports: u32) -> Result<u32, PublishFault> {
    let number = name.strip_prefix(network.as_str()).and_then(|rest| rest.strip_prefix('-'));
    let number = number.and_then(|digits| digits.parse().ok());
    match number.filter(|number| (1..=ports).contains(number)) {
        // Not written with zeros in front, for one.
        Some(number) if network.port(number) == name => Ok(number),
        _ => {
            let known = if ports == 1 {
                network.port(1)
            } else {
                format!("{} to {}", network.port(1), network.port(ports))
            };
            Err(PublishFault::UnknownPort { name: name.to_owned(), known })
        }
    }
}

#[cfg(test)]
#[path = "publish_tests.rs"]
mod tests;
