//! What may pass?

use super::ConfigError;
use crate::flow::{FlowState, NetworkId};
use crate::outcome::PortId;
use crate::wire::{icmp, tcp, udp};
use ipnet::IpNet;
use std::ops::RangeInclusive;

/// Most rules of one network.
pub const MAX_RULES: usize = 65_536;

/// The rules in their order, and what happens to what none of them names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterConfig {
    /// The first rule that matches decides.
    pub rules: Vec<Rule>,
    /// What becomes of a packet that no rule matches and that is neither ESTABLISHED nor RELATED,
    /// which then pass.
    pub policy: Action,
    /// May namespaces begin flows to each other? Decides before `policy`, after the rules.
    pub icc: bool,
}

impl Default for FilterConfig {
    /// Everything may pass.
    fn default() -> Self {
        Self { rules: Vec::new(), policy: Action::Accept, icc: true }
    }
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Action {
    /// It goes on.
    #[default]
    Accept,
    /// It dies in silence.
    Drop,
    /// It dies, and its sender is told: by a RST for TCP, by an ICMP error for all others.
    Reject,
}

/// One rule. What is `None` or empty matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Where the rule was written, for people: `rules.toml:12`.
    pub place: String,
    /// Where packets come from.
    pub from: Option<Place>,
    /// Where they go.
    pub to: Option<Place>,
    /// The IP protocol number.
    pub protocol: Option<u8>,
    /// Source prefixes, one of which must contain the address.
    pub sources: Vec<IpNet>,
    /// Destination prefixes. A published port is seen here as what it leads to.
    pub destinations: Vec<IpNet>,
    /// Source ports, of TCP and UDP.
    pub source_ports: Vec<RangeInclusive<u16>>,
    /// Destination ports, of TCP and UDP; as what a published port leads to.
    pub destination_ports: Vec<RangeInclusive<u16>>,
    /// States; a rule without matches all.
    pub states: Vec<FlowState>,
    /// What becomes of what matches.
    pub action: Action,
}

/// A set of zones as a rule names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// One port's namespace.
    Port(PortId),
    /// Any port's namespace.
    Namespaces,
    /// The host itself.
    Host,
    /// Another network of this host.
    Network(NetworkId),
    /// What is reached through the host, and is no network of it.
    Outside,
}

impl Place {
    /// Can it be no end of what stays in the network?
    fn is_elsewhere(self) -> bool {
        matches!(self, Self::Outside | Self::Network(_))
    }
}

impl FilterConfig {
    /// Does anything here concern packets that are only bridged, from one namespace to another or
    /// between one and the host?
    pub fn concerns_bridged(&self) -> bool {
        !self.icc || self.policy != Action::Accept || self.rules.iter().any(Rule::concerns_bridged)
    }

    /// Must the state of bridged packets be known to judge them? If not, they need not be tracked.
    pub fn needs_state_of_bridged(&self) -> bool {
        !self.icc
            || self.policy != Action::Accept
            || self.rules.iter().any(|rule| rule.concerns_bridged() && !rule.states.is_empty())
    }

    /// Can a packet be dropped at all?
    pub fn decides(&self) -> bool {
        !self.icc || self.policy != Action::Accept || !self.rules.is_empty()
    }

    /// Do the rules make sense?
    ///
    /// # Errors
    /// `RuleCount`, or what [`Rule::check`] says of the first rule that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.rules.len() > MAX_RULES {
            return Err(ConfigError::RuleCount(self.rules.len()));
        }
        let refuse = |rule: &Rule, why| ConfigError::Rule { place: rule.place.clone(), why };
        self.rules.iter().try_for_each(|rule| rule.check().map_err(|why| refuse(rule, why)))
    }
}

/// What contradicts itself within a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Ports of a protocol that has none, or of no protocol.
    #[error(
        "only tcp and udp have ports: give one of them as the protocol, or leave the ports out"
    )]
    PortsWithoutProtocol,
    /// A range that ends before it begins, or port 0, which is none.
    #[error("a port range goes from 1 to 65535 and does not end before it begins")]
    PortRange,
    /// Source and destination have no family in common, or one has a family that the other lacks.
    #[error(
        "source and destination must be of the same address families: make one rule for IPv4 and \
         one for IPv6"
    )]
    Families,
    /// Addresses that ICMP cannot have.
    #[error("icmp goes between IPv4 addresses only: give those, or the protocol icmpv6")]
    IcmpFamily,
    /// Addresses that ICMPv6 cannot have.
    #[error("icmpv6 goes between IPv6 addresses only: give those, or the protocol icmp")]
    Icmpv6Family,
    /// Neither end can be a namespace.
    #[error(
        "only traffic of the namespaces is seen here: from or to must be one of them, \
         \"namespaces\", or left out"
    )]
    NoNamespace,
}

/// Which families the prefixes of a list are of.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Families {
    v4: bool,
    v6: bool,
}

impl Families {
    /// `None` if the list is empty, and so matches all.
    fn of(nets: &[IpNet]) -> Option<Self> {
        let v4 = nets.iter().any(|net| net.addr().is_ipv4());
        let v6 = nets.iter().any(|net| net.addr().is_ipv6());
        (v4 || v6).then_some(Self { v4, v6 })
    }
}

impl Rule {
    /// Does the rule make sense?
    ///
    /// # Errors
    /// The first thing that could never match, or means nothing.
    pub fn check(&self) -> Result<(), RuleError> {
        self.check_ports()?;
        self.check_families()?;
        let is_no_namespace =
            |place: Option<Place>| place.is_some_and(|it| it == Place::Host || it.is_elsewhere());
        if is_no_namespace(self.from) && is_no_namespace(self.to) {
            return Err(RuleError::NoNamespace);
        }
        Ok(())
    }

    /// The other networks that it names.
    pub fn networks(&self) -> impl Iterator<Item = NetworkId> {
        [self.from, self.to].into_iter().filter_map(|place| match place {
            Some(Place::Network(id)) => Some(id),
            _ => None,
        })
    }

    fn concerns_bridged(&self) -> bool {
        let stays = |place: Option<Place>| place.is_none_or(|place| !place.is_elsewhere());
        stays(self.from) && stays(self.to)
    }

    fn check_ports(&self) -> Result<(), RuleError> {
        let mut ports = self.source_ports.iter().chain(&self.destination_ports).peekable();
        let has_ports = matches!(self.protocol, Some(tcp::PROTOCOL | udp::PROTOCOL));
        if ports.peek().is_some() && !has_ports {
            return Err(RuleError::PortsWithoutProtocol);
        }
        if ports.any(|range| range.is_empty() || *range.start() == 0) {
            return Err(RuleError::PortRange);
        }
        Ok(())
    }

    fn check_families(&self) -> Result<(), RuleError> {
        let (source, destination) = (Families::of(&self.sources), Families::of(&self.destinations));
        if source.is_some() && destination.is_some() && source != destination {
            return Err(RuleError::Families);
        }
        let Some(families) = source.or(destination) else { return Ok(()) };
        match self.protocol {
            Some(icmp::PROTOCOL) if families.v6 => Err(RuleError::IcmpFamily),
            Some(icmp::PROTOCOL_V6) if families.v4 => Err(RuleError::Icmpv6Family),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
