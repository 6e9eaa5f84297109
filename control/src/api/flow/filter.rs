//! Which flows are meant?
//!
//! A filter is a conjunction: a flow matches if each part that is given does. It is checked at both
//! ends: parts that cannot hold together are an error, not an empty list.

use super::{Family, Flow, has_ports};
use dataplane::wire::{icmp, tcp};
use ipnet::IpNet;
use std::net::IpAddr;

/// The states of a TCP connection, as conntrack(8) writes them.
pub const STATES: [&str; 9] = [
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSE",
    "SYN_SENT2",
];

/// Which flows; the default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowFilter {
    /// Of this family.
    pub family: Option<Family>,
    /// Of this IP protocol.
    pub protocol: Option<u8>,
    /// Begun from here.
    pub original_source: Option<IpNet>,
    /// Begun to there.
    pub original_destination: Option<IpNet>,
    /// Begun from this TCP or UDP port.
    pub original_source_port: Option<u16>,
    /// Begun to this TCP or UDP port.
    pub original_destination_port: Option<u16>,
    /// Answered from here.
    pub reply_source: Option<IpNet>,
    /// Answered to there.
    pub reply_destination: Option<IpNet>,
    /// TCP in this state, one of [`STATES`].
    pub state: Option<String>,
    /// Of the port with this name or number.
    pub port: Option<String>,
}

/// Why a filter makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// No such part.
    #[error(
        "a filter has no part {0:?}; there are family, protocol, orig-src, orig-dst, orig-port-src, orig-port-dst, reply-src, reply-dst, state and port"
    )]
    UnknownPart(String),
    /// A part's value cannot be read.
    #[error("{part}={value} is no {wanted}")]
    Value {
        /// Which part.
        part: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// Ports of something that has none.
    #[error("ports are those of tcp and udp; protocol {0} has none")]
    PortsOf(u8),
    /// A state of something that has none.
    #[error("states are those of tcp; protocol {0} has none")]
    StateOf(u8),
    /// Two parts of different families.
    #[error("{0} and {1} are of different families, so no flow has both")]
    Families(String, String),
}

impl FlowFilter {
    /// Are these all flows?
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// Can any flow match?
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self) -> Result<(), FilterError> {
        let ports = self.original_source_port.or(self.original_destination_port);
        match self.protocol {
            Some(protocol) if ports.is_some() && !has_ports(protocol) => {
                return Err(FilterError::PortsOf(protocol));
            }
            Some(protocol) if self.state.is_some() && protocol != tcp::PROTOCOL => {
                return Err(FilterError::StateOf(protocol));
            }
            _ => {}
        }
        let mut families = self.families();
        let Some((first, family)) = families.next() else { return Ok(()) };
        match families.find(|(_, other)| *other != family) {
            Some((other, _)) => Err(FilterError::Families(first, other)),
            None => Ok(()),
        }
    }

    /// The family that the filter's parts imply, if any does.
    pub fn implied_family(&self) -> Option<Family> {
        self.families().next().map(|(_, family)| family)
    }

    /// Each part that says a family, in words, with that family.
    fn families(&self) -> impl Iterator<Item = (String, Family)> + '_ {
        let said = self.family.map(|family| (format!("family {}", family.name()), family));
        let of_protocol = match self.protocol {
            Some(icmp::PROTOCOL) => Some(("protocol icmp".to_owned(), Family::Ipv4)),
            Some(icmp::PROTOCOL_V6) => Some(("protocol icmpv6".to_owned(), Family::Ipv6)),
            _ => None,
        };
        let addresses = self.addresses().into_iter().filter_map(|(_, net)| *net);
        let of_addresses = addresses.map(|net| (net.to_string(), Family::of(net.addr())));
        said.into_iter().chain(of_protocol).chain(of_addresses)
    }

    pub(super) fn addresses(&self) -> [(&'static str, &Option<IpNet>); 4] {
        [
            ("orig-src", &self.original_source),
            ("orig-dst", &self.original_destination),
            ("reply-src", &self.reply_source),
            ("reply-dst", &self.reply_destination),
        ]
    }

    /// Is the flow meant, its port aside?
    pub fn matches(&self, flow: &Flow) -> bool {
        let is = |wanted: Option<u16>, port: u16| {
            wanted.is_none_or(|wanted| wanted == port && has_ports(flow.protocol))
        };
        let within =
            |net: &Option<IpNet>, address: &IpAddr| net.is_none_or(|net| net.contains(address));
        self.family.is_none_or(|family| family == Family::of(flow.original.0))
            && self.protocol.is_none_or(|protocol| protocol == flow.protocol)
            && within(&self.original_source, &flow.original.0)
            && within(&self.original_destination, &flow.original.1)
            && is(self.original_source_port, flow.original.2)
            && is(self.original_destination_port, flow.original.3)
            && within(&self.reply_source, &flow.reply.0)
            && within(&self.reply_destination, &flow.reply.1)
            && self.state.as_deref().is_none_or(|state| flow.tcp_state == Some(state))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::flows;
    use super::*;

    fn filter(query: &str) -> FlowFilter {
        query.parse().unwrap()
    }

    #[test]
    fn each_part_picks_its_flows() {
        let cases: [(&str, &[usize]); 14] = [
            ("", &[0, 1, 2]),
            ("family=ipv6", &[2]),
            ("protocol=6", &[0]),
            ("protocol=47", &[2]),
            ("orig-src=172.16.1.2", &[0, 1]),
            ("orig-src=172.16.1.3", &[]),
            ("orig-dst=198.51.100.0/24&protocol=1", &[1]),
            ("reply-src=2001:db8::2", &[2]),
            ("reply-dst=192.0.2.1", &[0, 1]),
            ("orig-port-src=43210", &[0]),
            ("orig-port-dst=80", &[0]),
            // The echo's type is not a port.
            ("orig-port-dst=8", &[]),
            ("state=ESTABLISHED", &[0]),
            ("state=established&orig-port-dst=81", &[]),
        ];
        for (query, wanted) in cases {
            let filter = filter(query);
            let flows = flows();
            let chosen: Vec<_> = (0..3).filter(|&index| filter.matches(&flows[index])).collect();
            assert_eq!(chosen, wanted, "{query}");
        }
    }

    #[test]
    fn what_cannot_be_read_or_hold_together_is_refused() {
        let cases = [
            ("colour=red", "no part \"colour\""),
            ("family=ipx", "family=ipx is no ipv4 or ipv6"),
            ("protocol=256", "protocol=256 is no protocol"),
            ("orig-src=10.0.0.0/33", "orig-src=10.0.0.0/33 is no address"),
            ("orig-port-dst=65536", "orig-port-dst=65536"),
            ("state=OPEN", "state=OPEN is no state"),
            ("state", "state= is no state"),
            ("protocol=1&orig-port-dst=80", "protocol 1 has none"),
            ("protocol=17&state=CLOSE", "protocol 17 has none"),
            ("family=ipv4&orig-src=::1", "family ipv4 and ::1/128"),
            ("orig-src=10.0.0.1&reply-src=::1", "10.0.0.1/32 and ::1/128"),
            ("protocol=58&orig-src=10.0.0.1", "protocol icmpv6 and 10.0.0.1/32"),
        ];
        for (query, words) in cases {
            let error = query.parse::<FlowFilter>().unwrap_err().to_string();
            assert!(error.contains(words), "{query}: {error}");
        }
    }
}
