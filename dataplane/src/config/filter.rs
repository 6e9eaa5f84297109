//! What may pass?

use super::ConfigError;
use crate::flow::FlowState;
use crate::outcome::PortId;
use crate::wire::{icmp, tcp, udp};
use ipnet::IpNet;
use std::ops::RangeInclusive;

/// Most rules of one network.
pub const MAX_RULES: usize = 65_536;

/// The rules in their order, and what happens to what none of them names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterConfig {
    /// The first rule that matches decides.
    pub rules: Vec<Rule>,
    /// What becomes of a packet that no rule matches and that is neither ESTABLISHED nor RELATED,
    /// which then pass.
    pub policy: Action,
    /// May namespaces begin flows to each other? Decides before `policy`, after the rules.
    pub icc: bool,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// What is reached through the host.
    Outside,
}

impl FilterConfig {
    /// Does anything here concern packets that are only bridged, from one namespace to another or
    /// between one and the host?
    pub fn concerns_bridged(&self) -> bool {
        let outside = |place: Option<Place>| place == Some(Place::Outside);
        !self.icc
            || self.policy != Action::Accept
            || self.rules.iter().any(|rule| !outside(rule.from) && !outside(rule.to))
    }

    /// Do the rules make sense?
    ///
    /// # Errors
    /// `RuleCount`, or the first rule with ports of a protocol that has none, with addresses of two
    /// families, or with a range that is empty.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.rules.len() > MAX_RULES {
            return Err(ConfigError::RuleCount(self.rules.len()));
        }
        self.rules.iter().try_for_each(Rule::check)
    }
}

impl Rule {
    fn check(&self) -> Result<(), ConfigError> {
        let refuse = |why| Err(ConfigError::Rule { place: self.place.clone(), why });
        let ports = || self.source_ports.iter().chain(&self.destination_ports);
        if ports().next().is_some() && !matches!(self.protocol, Some(tcp::PROTOCOL | udp::PROTOCOL))
        {
            return refuse("ports need the protocol tcp or udp");
        }
        if ports().any(|range| range.is_empty() || *range.start() == 0) {
            return refuse("a port range begins at 1 or above and does not end before it begins");
        }
        let nets = || self.sources.iter().chain(&self.destinations);
        let (v4, v6) =
            (nets().any(|net| net.addr().is_ipv4()), nets().any(|net| net.addr().is_ipv6()));
        if v4 && v6 && !self.sources.is_empty() && !self.destinations.is_empty() {
            let both = |nets: &[IpNet]| {
                nets.iter().any(|net| net.addr().is_ipv4())
                    && nets.iter().any(|net| net.addr().is_ipv6())
            };
            if !both(&self.sources) && !both(&self.destinations) {
                return refuse("source and destination are of different address families");
            }
        }
        match self.protocol {
            Some(icmp::PROTOCOL) if v6 && !v4 => refuse("icmp has no IPv6 addresses; say icmpv6"),
            Some(icmp::PROTOCOL_V6) if v4 && !v6 => {
                refuse("icmpv6 has no IPv4 addresses; say icmp")
            }
            _ => Ok(()),
        }
    }
}
