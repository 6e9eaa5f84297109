//! What is a network to be?

use super::endpoint::mac;
use super::{Members, no_member, settings};
use crate::model::bounds::{prefix_for, room};
use crate::model::rules::Rule;
use crate::model::{
    InterfaceName, MAX_PORTS, MAX_PUBLISHED_PORTS, Mtu, NameFault, NetworkName, PublishFault,
    RouterOptions, SandboxName, SubnetRequest, UplinkKind, Written, parse_subnet, parse_subnet6,
};
use crate::model::{Known, Problem, Refusal};
use crate::spec::{Field, NetworkSpec, PolicyWord};
use dataplane::config::{Action, ConntrackConfig, FilterConfig, Filtering, SwitchConfig, Workers};
use dataplane::outcome::PortId;
use dataplane::wire::ethernet::MacAddr;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// A network, without its endpoints: those are the sandboxes'.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredNetwork {
    /// The name of the interface that the host reaches the network through.
    pub host_interface: InterfaceName,
    /// The IPv4 subnet; `None` if it is leased.
    pub subnet: Option<Ipv4Net>,
    /// The IPv6 subnet; [`SubnetRequest::Default`] if it is leased.
    pub subnet6: SubnetRequest<Ipv6Net>,
    /// How many threads forward.
    pub workers: Workers,
    /// The way out.
    pub way: Way,
    /// What can be changed while it runs.
    pub settings: Settings,
    /// The published ports by their text; no two of all networks overlap.
    pub published: BTreeMap<String, Written>,
    /// MACs that are known to live behind an endpoint without being its own.
    pub fixed: BTreeMap<MacAddr, Holder>,
}

/// How a network reaches the outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// By which way; `None` for what is possible.
    pub kind: Option<UplinkKind>,
    /// The addresses to translate to; empty for the one that the host would choose.
    pub snat: Vec<IpAddr>,
    /// The ports to translate to; `None` for the first that are free.
    pub ports: Option<RangeInclusive<u16>>,
}

impl Way {
    /// Does anybody say how it is to be?
    pub fn is_asked_for(&self) -> bool {
        self.kind == Some(UplinkKind::Route) || !self.snat.is_empty() || self.ports.is_some()
    }
}

/// What a network's switch and router do; all of it can be changed while they run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The MTU of every interface.
    pub mtu: Mtu,
    /// May the host's interface be given super-frames and packets without a checksum?
    pub host_offloads: bool,
    /// Are frames with a source MAC that is not the endpoint's dropped?
    pub check_source: bool,
    /// How the switch behaves.
    pub switch: SwitchConfig,
    /// What may pass.
    pub filter: Filter,
    /// Is there no way to the outside and back?
    pub internal: bool,
    /// Who outside may send to a mapping.
    pub filtering: Filtering,
    /// How flows are tracked.
    pub conntrack: ConntrackConfig,
}

/// What may pass, by the names of sandboxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The rules in their order.
    pub rules: Vec<Rule>,
    /// What becomes of what no rule names.
    pub policy: Action,
    /// May sandboxes begin flows to each other?
    pub icc: bool,
}

impl Filter {
    /// The same for the dataplane. A rule about sandboxes without a port in the network matches nothing,
    /// and is left out.
    pub fn compile(&self, port: impl Fn(&SandboxName) -> Option<PortId>) -> FilterConfig {
        let rules = self.rules.iter().filter_map(|rule| rule.compile(&port)).collect();
        FilterConfig { rules, policy: self.policy, icc: self.icc }
    }
}

/// Behind whom a MAC lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// The host.
    Host,
    /// A sandbox with an endpoint in the network.
    Sandbox(SandboxName),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Host => "host",
            Self::Sandbox(name) => name.as_str(),
        })
    }
}

impl DeclaredNetwork {
    /// What the router is to do.
    pub fn router(&self) -> RouterOptions {
        router(&self.way, &self.settings)
    }
}

/// What a router is to do with this way out and these settings.
pub(crate) fn router(way: &Way, settings: &Settings) -> RouterOptions {
    RouterOptions {
        uplink: way.kind,
        snat: way.snat.clone(),
        nat_ports: way.ports.clone(),
        filtering: settings.filtering,
        conntrack: settings.conntrack.clone(),
    }
}

/// Proves a network valid in itself and for its members.
pub(super) fn new(
    name: &NetworkName,
    written: &NetworkSpec,
    members: &Members<'_>,
) -> Result<DeclaredNetwork, Refusal> {
    let refuse = |key: &str, problem: Problem| Refusal::new(Field::network(name, key), problem);
    let subnet = written.subnet.as_deref().map(parse_subnet).transpose();
    let subnet = subnet.map_err(|fault| refuse("subnet", fault.into()))?;
    let subnet6 = written.subnet6.as_deref().map(parse_subnet6).transpose();
    let subnet6 = subnet6.map_err(|fault| refuse("subnet6", fault.into()))?;
    let subnet6 = subnet6.unwrap_or(SubnetRequest::Default);
    check_room(name, members, subnet, subnet6)?;
    let host_interface = host_interface(name, written, members)
        .map_err(|problem| refuse("host-interface", problem))?;
    let RouterOptions { uplink, snat, nat_ports, filtering, conntrack } =
        settings::router(name, written)?;
    let fixed = fixed(name, written, members)?;
    let settings = Settings {
        mtu: mtu(written, subnet6).map_err(|problem| refuse("mtu", problem))?,
        host_offloads: written.host_offloads.unwrap_or(true),
        check_source: written.source_check.unwrap_or(true),
        switch: settings::switch(name, written, members.len() + fixed.len())?,
        filter: filter(name, written, members)?,
        internal: written.internal.unwrap_or(false),
        filtering,
        conntrack,
    };
    let published = published(name, written, subnet6, members)?;
    let workers = settings::workers(name, written)?;
    let way = Way { kind: uplink, snat, ports: nat_ports };
    Ok(DeclaredNetwork {
        host_interface,
        subnet,
        subnet6,
        workers,
        way,
        settings,
        published,
        fixed,
    })
}

/// Are there addresses and ports for all members?
fn check_room(
    name: &NetworkName,
    members: &Members<'_>,
    subnet: Option<Ipv4Net>,
    subnet6: SubnetRequest<Ipv6Net>,
) -> Result<(), Refusal> {
    let endpoints = u32::try_from(members.len()).unwrap_or(u32::MAX);
    if endpoints > MAX_PORTS {
        let problem = Problem::TooManyPorts { network: name.clone(), endpoints };
        return Err(Refusal::new(Field::network(name, ""), problem));
    }
    // As in `Network::new`: the subnet's own, the broadcast and the bridge's address are nobody's.
    let (v4, v6) = (subnet.map_or(24, |subnet| subnet.prefix_len()), subnet6);
    let holds = room(32, v4, 3);
    let members = Known::of(members.keys());
    if endpoints > holds {
        let prefix = prefix_for(32, endpoints, 3);
        let problem = match subnet.map(IpNet::from) {
            Some(subnet) => Problem::SubnetFull { subnet, holds, endpoints, members, prefix },
            None => Problem::NoSubnetForSoMany { holds, endpoints, members, prefix },
        };
        return Err(Refusal::new(Field::network(name, "subnet"), problem));
    }
    let SubnetRequest::Given(subnet) = v6 else { return Ok(()) };
    let holds = room(128, subnet.prefix_len(), 2);
    if endpoints > holds {
        let (subnet, prefix) = (subnet.into(), prefix_for(128, endpoints, 2));
        let problem = Problem::SubnetFull { subnet, holds, endpoints, members, prefix };
        return Err(Refusal::new(Field::network(name, "subnet6"), problem));
    }
    Ok(())
}

fn host_interface(
    name: &NetworkName,
    written: &NetworkSpec,
    members: &Members<'_>,
) -> Result<InterfaceName, Problem> {
    let text = written.host_interface.as_deref().unwrap_or(name.as_str());
    if members.keys().any(|sandbox| sandbox.as_str() == text) {
        return Err(Problem::HostInterfaceIsSandbox(text.to_owned()));
    }
    let interface: InterfaceName = text.parse()?;
    if text == "lo" { Err(Problem::Loopback) } else { Ok(interface) }
}

fn mtu(written: &NetworkSpec, subnet6: SubnetRequest<Ipv6Net>) -> Result<Mtu, Problem> {
    let mtu = written.mtu.unwrap_or(Mtu::DEFAULT.into());
    Ok(Mtu::new(mtu, subnet6 != SubnetRequest::None)?)
}

fn filter(
    name: &NetworkName,
    written: &NetworkSpec,
    members: &Members<'_>,
) -> Result<Filter, Refusal> {
    for (index, rule) in written.rules.iter().enumerate() {
        let missing = |(_, sandbox): &(&str, &SandboxName)| !members.contains_key(*sandbox);
        if let Some((key, sandbox)) = rule.sandboxes().find(missing) {
            let field = Field::network(name, "rules").index(index).key(key);
            return Err(Refusal::new(field, no_member(sandbox.as_str(), name, members)));
        }
    }
    let policy = match written.policy {
        None | Some(PolicyWord::Accept) => Action::Accept,
        Some(PolicyWord::Drop) => Action::Drop,
        Some(PolicyWord::Reject) => Action::Reject,
    };
    let icc = written.icc.unwrap_or(true);
    Ok(Filter { rules: written.rules.clone(), policy, icc })
}

fn published(
    name: &NetworkName,
    written: &NetworkSpec,
    subnet6: SubnetRequest<Ipv6Net>,
    members: &Members<'_>,
) -> Result<BTreeMap<String, Written>, Refusal> {
    let mut published = BTreeMap::new();
    let mut count = 0;
    for (index, text) in written.publish.iter().enumerate() {
        let refuse =
            |problem: Problem| Refusal::new(Field::network(name, "publish").index(index), problem);
        let one: Written = text.parse().map_err(|fault: PublishFault| refuse(fault.into()))?;
        let sandbox: SandboxName =
            one.name.parse().map_err(|fault: NameFault| refuse(fault.into()))?;
        if !members.contains_key(&sandbox) {
            return Err(refuse(no_member(&one.name, name, members)));
        }
        if subnet6 == SubnetRequest::None && one.needs_ipv6() {
            return Err(refuse(Problem::PublishNoIpv6(name.clone())));
        }
        count += one.ports.len();
        if count > MAX_PUBLISHED_PORTS {
            return Err(refuse(PublishFault::TooMany.into()));
        }
        let text = one.to_string();
        if published.insert(text.clone(), one).is_some() {
            return Err(refuse(Problem::PublishedTwice { text, network: name.clone() }));
        }
    }
    Ok(published)
}

fn fixed(
    name: &NetworkName,
    written: &NetworkSpec,
    members: &Members<'_>,
) -> Result<BTreeMap<MacAddr, Holder>, Refusal> {
    let mut fixed = BTreeMap::new();
    for (text, holder) in &written.fdb.fixed {
        let refuse =
            |problem| Refusal::new(Field::network(name, "fdb").key("static").key(text), problem);
        let mac = mac(text, Problem::StaticMacGroup).map_err(refuse)?;
        let holder = match holder.as_str() {
            "host" => Holder::Host,
            other => match other.parse() {
                Ok(sandbox) if members.contains_key(&sandbox) => Holder::Sandbox(sandbox),
                Ok(_) => return Err(refuse(no_member(other, name, members))),
                Err(fault) => return Err(refuse(Problem::Name(fault))),
            },
        };
        // One MAC can be written in capitals and in small letters.
        if fixed.insert(mac, holder).is_some() {
            let by = crate::model::Taker::Static(name.clone());
            return Err(refuse(Problem::MacTaken { mac, by }));
        }
    }
    Ok(fixed)
}
