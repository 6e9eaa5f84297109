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
    /// What is reached through the host.
    Outside,
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
        "only traffic of the namespaces is seen here: from or to must be a port, \"namespaces\", \
         or left out"
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
        let is_elsewhere = |place| matches!(place, Some(Place::Host | Place::Outside));
        if is_elsewhere(self.from) && is_elsewhere(self.to) {
            return Err(RuleError::NoNamespace);
        }
        Ok(())
    }

    fn concerns_bridged(&self) -> bool {
        self.from != Some(Place::Outside) && self.to != Some(Place::Outside)
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
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn refusal(rule: Rule) -> Option<RuleError> {
        rule.check().err()
    }

    #[test]
    fn only_tcp_and_udp_have_ports() {
        let with = |protocol| {
            let of = |source_ports, destination_ports| {
                refusal(Rule { protocol, source_ports, destination_ports, ..Rule::default() })
            };
            assert_eq!(of(vec![], vec![]), None);
            assert_eq!(of(vec![80..=80], vec![]), of(vec![], vec![80..=80]));
            of(vec![80..=80], vec![])
        };
        for protocol in [Some(tcp::PROTOCOL), Some(udp::PROTOCOL)] {
            assert_eq!(with(protocol), None);
        }
        for protocol in [None, Some(icmp::PROTOCOL), Some(132)] {
            assert_eq!(with(protocol), Some(RuleError::PortsWithoutProtocol));
        }
    }

    #[test]
    fn a_port_range_has_ports_but_not_port_0() {
        let of = |range| {
            let destination_ports = vec![1..=65_535, range];
            refusal(Rule { protocol: Some(6), destination_ports, ..Rule::default() })
        };
        assert_eq!(of(65_535..=65_535), None);
        #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
        let backwards = 81..=80;
        assert_eq!(of(backwards), Some(RuleError::PortRange));
        assert_eq!(of(0..=80), Some(RuleError::PortRange));
    }

    #[test]
    fn every_address_must_be_able_to_match() {
        let of = |protocol, sources: &[&str], destinations: &[&str]| {
            let (sources, destinations) = (nets(sources), nets(destinations));
            refusal(Rule { protocol, sources, destinations, ..Rule::default() })
        };
        let (v4, v6, both) = (&["10.0.0.0/8"][..], &["fd00::/8"][..], &["10.0.0.0/8", "fd00::/8"]);
        for (sources, destinations) in [(v4, v4), (v6, v6), (v4, &[]), (both, both), (&[], both)] {
            assert_eq!(of(None, sources, destinations), None);
        }
        for (sources, destinations) in [(v4, v6), (v6, v4), (v4, both), (both, v6)] {
            assert_eq!(of(None, sources, destinations), Some(RuleError::Families));
        }
        assert_eq!(of(Some(icmp::PROTOCOL), v4, &[]), None);
        assert_eq!(of(Some(icmp::PROTOCOL), both, &[]), Some(RuleError::IcmpFamily));
        assert_eq!(of(Some(icmp::PROTOCOL_V6), &[], v6), None);
        assert_eq!(of(Some(icmp::PROTOCOL_V6), &[], v4), Some(RuleError::Icmpv6Family));
    }

    #[test]
    fn one_end_can_be_a_namespace() {
        let of = |from, to| refusal(Rule { from, to, ..Rule::default() });
        let (host, outside) = (Some(Place::Host), Some(Place::Outside));
        assert_eq!(of(host, outside), Some(RuleError::NoNamespace));
        assert_eq!(of(outside, outside), Some(RuleError::NoNamespace));
        assert_eq!(of(host, None), None);
        assert_eq!(of(Some(Place::Namespaces), outside), None);
        assert_eq!(of(outside, Some(Place::Port(PortId(1)))), None);
    }

    #[test]
    fn there_are_as_many_rules_as_the_limit_and_no_more() {
        let with = |count| {
            let rules = vec![Rule::default(); count];
            FilterConfig { rules, ..FilterConfig::default() }.check()
        };
        assert_eq!(with(MAX_RULES), Ok(()));
        assert_eq!(with(MAX_RULES + 1), Err(ConfigError::RuleCount(MAX_RULES + 1)));
    }

    #[test]
    fn a_wrong_rule_is_named_by_its_place() {
        let rule = Rule { place: "rules.toml:12".into(), protocol: Some(1), ..Rule::default() };
        let rules = vec![Rule::default(), Rule { source_ports: vec![1..=1], ..rule }];
        let error = FilterConfig { rules, ..FilterConfig::default() }.check().unwrap_err();
        assert!(error.to_string().starts_with("rules.toml:12: only tcp and udp"), "{error}");
    }

    #[test]
    fn bridged_packets_are_tracked_only_where_their_state_makes_a_difference() {
        let with = |change: &dyn Fn(&mut FilterConfig)| {
            let mut config = FilterConfig::default();
            change(&mut config);
            config.needs_state_of_bridged()
        };
        let new = || Rule { states: vec![FlowState::New], ..Rule::default() };
        assert!(!with(&|_| {}));
        assert!(with(&|config| config.icc = false));
        assert!(with(&|config| config.policy = Action::Reject));
        assert!(!with(&|config| config.rules.push(Rule::default())));
        assert!(with(&|config| config.rules.push(new())));
        let outside = || Rule { from: Some(Place::Outside), ..new() };
        assert!(!with(&|config| config.rules.push(outside())));
    }

    #[test]
    fn bridged_packets_are_judged_only_where_something_is_said_of_them() {
        let with = |change: &dyn Fn(&mut FilterConfig)| {
            let mut config = FilterConfig::default();
            change(&mut config);
            config.concerns_bridged()
        };
        assert!(!with(&|_| {}));
        assert!(with(&|config| config.icc = false));
        assert!(with(&|config| config.policy = Action::Drop));
        assert!(with(&|config| config.rules.push(Rule::default())));
        let rule = |from, to| Rule { from, to, ..Rule::default() };
        assert!(!with(&|c| c.rules.push(rule(Some(Place::Outside), None))));
        assert!(!with(&|c| c.rules.push(rule(Some(Place::Namespaces), Some(Place::Outside)))));
        assert!(with(&|c| c.rules.push(rule(Some(Place::Host), None))));
    }
}
