//! Which rules choose a routing table, and how does one come and go?
//!
//! Source: `man 8 ip-rule`, `net/core/fib_rules.c`. Only what the routed uplink needs of a rule is
//! kept; a rule with other selectors (a mark, a source, a user) is listed as not [`Rule::plain`].

use super::{Attempt, Netlink, NetlinkError};
use ipnet::IpNet;
use netlink_packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_EXCL, Nla};
use netlink_packet_route::route::RouteProtocol;
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage, RulePortRange};
use netlink_packet_route::{AddressFamily, IpProtocol, RouteNetlinkMessage};
use nix::errno::Errno;
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// The table of the host's own addresses (`RT_TABLE_LOCAL`).
pub const TABLE_LOCAL: u32 = 255;

/// Who made a rule or route: the kernel (`RTPROT_KERNEL`).
pub const PROTOCOL_KERNEL: u8 = 2;

/// Who made a rule or route: us. Numbers above 4 are free to choose; this one is in no list of
/// iproute2 (`etc/iproute2/rt_protos`).
pub const PROTOCOL_OURS: u8 = 117;

/// The table in a message whose number does not fit a byte (`RT_TABLE_COMPAT`).
pub(super) const TABLE_IN_ATTRIBUTE: u8 = 252;

/// A rule that looks a table up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// Of IPv4, or of IPv6?
    pub ipv4: bool,
    /// Its place: lower ones are asked first.
    pub priority: u32,
    /// The table that it looks up; 0 for a rule that does something else.
    pub table: u32,
    /// Who made it.
    pub protocol: u8,
    /// The interface by which a packet came in; `None` for all.
    pub interface: Option<String>,
    /// Where the packet goes; `None` for everywhere.
    pub to: Option<IpNet>,
    /// The IP protocol number; `None` for all.
    pub ip_protocol: Option<u8>,
    /// The destination ports, as first and last; `None` for all.
    pub ports: Option<(u16, u16)>,
    /// Has it no selectors but these?
    pub plain: bool,
}

impl Rule {
    /// The rule that makes the host's own addresses be looked up.
    pub fn local(ipv4: bool, priority: u32, protocol: u8) -> Self {
        Self {
            ipv4,
            priority,
            table: TABLE_LOCAL,
            protocol,
            interface: None,
            to: None,
            ip_protocol: None,
            ports: None,
            plain: true,
        }
    }

    /// Does every packet of its family look the local table up here?
    pub fn is_local(&self) -> bool {
        *self == Self::local(self.ipv4, self.priority, self.protocol)
    }

    /// The destination ports as a range.
    pub fn port_range(&self) -> Option<RangeInclusive<u16>> {
        self.ports.map(|(first, last)| first..=last)
    }

    fn message(&self) -> RuleMessage {
        let mut message = RuleMessage::default();
        message.header.family = family(self.ipv4);
        message.header.action = RuleAction::ToTable;
        message.header.table = u8::try_from(self.table).unwrap_or(TABLE_IN_ATTRIBUTE);
        message.header.dst_len = self.to.map_or(0, |to| to.prefix_len());
        message.attributes = [
            Some(RuleAttribute::Priority(self.priority)),
            Some(RuleAttribute::Table(self.table)),
            Some(RuleAttribute::Protocol(RouteProtocol::from(self.protocol))),
            self.interface.clone().map(RuleAttribute::Iifname),
            self.to.map(|to| RuleAttribute::Destination(to.addr())),
            self.ip_protocol.map(|number| RuleAttribute::IpProtocol(IpProtocol::from(number))),
            self.ports.map(|(start, end)| {
                RuleAttribute::DestinationPortRange(RulePortRange { start, end })
            }),
        ]
        .into_iter()
        .flatten()
        .collect();
        message
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pref {}", self.priority)?;
        if let Some(interface) = &self.interface {
            write!(f, " iif {interface}")?;
        }
        if let Some(to) = &self.to {
            write!(f, " to {to}")?;
        }
        if let Some(number) = self.ip_protocol {
            write!(f, " ipproto {number}")?;
        }
        if let Some((first, last)) = self.ports {
            write!(f, " dport {first}-{last}")?;
        }
        write!(f, " lookup {} (IPv{})", self.table, if self.ipv4 { 4 } else { 6 })
    }
}

impl Netlink {
    /// The rules of one family in their order. None if the kernel has no rules of that family.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn rules(&mut self, ipv4: bool) -> Result<Vec<Rule>, NetlinkError> {
        let mut question = RuleMessage::default();
        question.header.family = family(ipv4);
        match self.dump(&RouteNetlinkMessage::GetRule(question)) {
            Ok(answer) => Ok(answer
                .into_iter()
                .filter_map(|message| match message {
                    RouteNetlinkMessage::NewRule(rule) => describe(&rule, ipv4),
                    _ => None,
                })
                .collect()),
            Err(error) if has_no_rules(&error) => Ok(Vec::new()),
            Err(source) => Err(NetlinkError::new(Attempt::ListRules, source)),
        }
    }

    /// Adds the rule behind those of the same priority; one that is there already stays as it is.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn add_rule(&mut self, rule: &Rule) -> Result<(), NetlinkError> {
        let request = RouteNetlinkMessage::NewRule(rule.message());
        let answer = self.request(request, NLM_F_CREATE | NLM_F_EXCL);
        done(answer, Errno::EEXIST, || Attempt::AddRule(rule.to_string()))
    }

    /// Removes the rule; one that is gone already is no error.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn remove_rule(&mut self, rule: &Rule) -> Result<(), NetlinkError> {
        let answer = self.request(RouteNetlinkMessage::DelRule(rule.message()), 0);
        done(answer, Errno::ENOENT, || Attempt::RemoveRule(rule.to_string()))
    }
}

/// A kernel without the family, or without rules at all (`CONFIG_IP_MULTIPLE_TABLES`), where a network
/// can still be had that has no way to the outside.
fn has_no_rules(error: &std::io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EAFNOSUPPORT | Errno::EOPNOTSUPP))
}

/// A request's answer, of which one error is as good as success.
pub(super) fn done<T>(
    answer: std::io::Result<T>,
    harmless: Errno,
    attempt: impl FnOnce() -> Attempt,
) -> Result<(), NetlinkError> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) if error.raw_os_error() == Some(harmless as i32) => Ok(()),
        Err(source) => Err(NetlinkError::new(attempt(), source)),
    }
}

fn family(ipv4: bool) -> AddressFamily {
    if ipv4 { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

fn describe(message: &RuleMessage, ipv4: bool) -> Option<Rule> {
    let header = &message.header;
    // A kernel without IPv6 answers a question about it with all families it has.
    if header.family != family(ipv4) {
        return None;
    }
    let is_lookup = header.action == RuleAction::ToTable;
    let mut rule = Rule::local(ipv4, 0, 0);
    rule.table = if is_lookup { header.table.into() } else { 0 };
    rule.plain = is_lookup && header.src_len == 0 && header.tos == 0 && header.flags.is_empty();
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Priority(priority) => rule.priority = *priority,
            RuleAttribute::Table(table) if is_lookup => rule.table = *table,
            RuleAttribute::Protocol(protocol) => rule.protocol = (*protocol).into(),
            RuleAttribute::Iifname(name) => rule.interface = Some(name.clone()),
            RuleAttribute::Destination(address) => rule.to = net(*address, header.dst_len),
            RuleAttribute::IpProtocol(number) => rule.ip_protocol = Some((*number).into()),
            RuleAttribute::DestinationPortRange(range) => {
                rule.ports = Some((range.start, range.end));
            }
            // What the kernel adds to every rule, and since Linux 6.15 to one with a single port.
            RuleAttribute::SuppressPrefixLen(u32::MAX) | RuleAttribute::Table(_) => {}
            RuleAttribute::Other(other) if is_whole_port_mask(other) => {}
            _ => rule.plain = false,
        }
    }
    Some(rule)
}

/// Does it say that all bits of a destination port count (`FRA_DPORT_MASK`)?
fn is_whole_port_mask(attribute: &DefaultNla) -> bool {
    const FRA_DPORT_MASK: u16 = 29;
    let mut mask = [0; 2];
    attribute.kind() == FRA_DPORT_MASK && attribute.value_len() == mask.len() && {
        attribute.emit_value(&mut mask);
        mask == [0xff, 0xff]
    }
}

fn net(address: IpAddr, prefix: u8) -> Option<IpNet> {
    IpNet::new(address, prefix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_as_it_was_written() {
        let rule = Rule {
            ipv4: true,
            priority: 1,
            table: 0x7562_0003,
            protocol: PROTOCOL_OURS,
            interface: Some("eth0".to_owned()),
            to: Some("192.0.2.1/32".parse().unwrap()),
            ip_protocol: Some(17),
            ports: Some((61_000, 65_535)),
            plain: true,
        };
        assert_eq!(describe(&rule.message(), true), Some(rule.clone()));
        assert_eq!(describe(&rule.message(), false), None);
        assert!(!rule.is_local());
        let local = Rule::local(false, 0, PROTOCOL_KERNEL);
        assert_eq!(describe(&local.message(), false), Some(local.clone()));
        assert!(local.is_local());
    }

    #[test]
    fn a_rule_for_one_port_is_plain_though_the_kernel_adds_a_mask() {
        let rule = Rule { ports: Some((80, 80)), ..Rule::local(true, 1, PROTOCOL_OURS) };
        let masked = |mask: [u8; 2]| {
            let mut message = rule.message();
            message.attributes.push(RuleAttribute::Other(DefaultNla::new(29, mask.to_vec())));
            describe(&message, true).unwrap()
        };
        assert_eq!(masked([0xff, 0xff]), rule);
        assert!(!masked([0xff, 0xf0]).plain);
    }

    #[test]
    fn a_kernel_that_knows_no_rules_has_none() {
        assert!(has_no_rules(&Errno::EAFNOSUPPORT.into()));
        assert!(has_no_rules(&Errno::EOPNOTSUPP.into()));
        assert!(!has_no_rules(&Errno::EPERM.into()));
    }

    #[test]
    fn a_rule_with_other_selectors_is_not_plain() {
        let mut message = Rule::local(true, 5, PROTOCOL_KERNEL).message();
        message.attributes.push(RuleAttribute::FwMark(7));
        let rule = describe(&message, true).unwrap();
        assert!(!rule.plain && !rule.is_local());
    }
}
