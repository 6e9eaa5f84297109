//! Does a rule with too many combinations match?
//!
//! Such a rule is kept as it was written, and compared field by field.

use super::Question;
use crate::config::{Place, Rule};
use crate::flow::{FlowState, Zone};
use ipnet::IpNet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// A rule that is compared, not looked up.
#[derive(Clone, Debug)]
pub(super) struct Wide {
    index: u32,
    from: Option<Place>,
    to: Option<Place>,
    protocol: Option<u8>,
    sources: Box<[IpNet]>,
    destinations: Box<[IpNet]>,
    source_ports: Box<[RangeInclusive<u16>]>,
    destination_ports: Box<[RangeInclusive<u16>]>,
    states: Box<[FlowState]>,
}

impl Wide {
    /// Rule `index`.
    pub(super) fn new(index: u32, rule: &Rule) -> Self {
        Self {
            index,
            from: rule.from,
            to: rule.to,
            protocol: rule.protocol,
            sources: rule.sources.as_slice().into(),
            destinations: rule.destinations.as_slice().into(),
            source_ports: rule.source_ports.as_slice().into(),
            destination_ports: rule.destination_ports.as_slice().into(),
            states: rule.states.as_slice().into(),
        }
    }

    /// The rule's place among all.
    pub(super) fn index(&self) -> u32 {
        self.index
    }

    /// Does it match? What is cheap to compare, and most often different, comes first.
    pub(super) fn matches(&self, question: &Question) -> bool {
        self.protocol.is_none_or(|protocol| protocol == question.protocol)
            && covers(&self.destination_ports, question.destination_port)
            && covers(&self.source_ports, question.source_port)
            && (self.states.is_empty() || self.states.contains(&question.state))
            && is_in(self.from, question.from)
            && is_in(self.to, question.to)
            && contains(&self.destinations, question.destination)
            && contains(&self.sources, question.source)
    }
}

fn covers(ranges: &[RangeInclusive<u16>], port: u16) -> bool {
    ranges.is_empty() || ranges.iter().any(|range| range.contains(&port))
}

fn contains(nets: &[IpNet], address: IpAddr) -> bool {
    nets.is_empty() || nets.iter().any(|net| net.contains(&address))
}

fn is_in(place: Option<Place>, zone: Zone) -> bool {
    match (place, zone) {
        (None, _) | (Some(Place::Namespaces), Zone::Port(_)) => true,
        (Some(Place::Port(named)), Zone::Port(port)) => named == port,
        (Some(Place::Network(named)), Zone::Network(id)) => named == id,
        (Some(Place::Host), Zone::Host) | (Some(Place::Outside), Zone::Outside) => true,
        _ => false,
    }
}
