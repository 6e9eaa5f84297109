//! Which interfaces has a sandbox?

use crate::model::{InterfaceName, NetworkName, SandboxName};
use crate::model::{Known, Problem, Refusal};
use crate::spec::{EndpointSpec, Field, LimitsSpec, SandboxSpec};
use dataplane::config::PortLimits;
use dataplane::wire::ethernet::MacAddr;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::{NonZeroU64, NonZeroUsize};

/// A sandbox's interface in one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name in the sandbox; no other endpoint of the sandbox has it.
    pub interface: InterfaceName,
    /// The IPv4 address; `None` if it is leased.
    pub ipv4: Option<Ipv4Addr>,
    /// The IPv6 address; `None` if it is leased, or there is none.
    pub ipv6: Option<Ipv6Addr>,
    /// The MAC; `None` if it is leased.
    pub mac: Option<MacAddr>,
    /// Does it reach only what is not isolated?
    pub isolated: bool,
    /// May it be given super-frames and packets without a checksum?
    pub offloads: bool,
    /// What it may have.
    pub limits: Limits,
}

/// What an endpoint may have; `None` for no limit. *In* is towards the sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Flows that it has begun.
    pub flows: Option<NonZeroU64>,
    /// Flows that it begins, per second.
    pub new_flows: Option<NonZeroU64>,
    /// Packets to it, per second.
    pub packets_in: Option<NonZeroU64>,
    /// Packets from it, per second.
    pub packets_out: Option<NonZeroU64>,
    /// Bytes to it, per second.
    pub bytes_in: Option<NonZeroU64>,
    /// Bytes from it, per second.
    pub bytes_out: Option<NonZeroU64>,
}

impl Limits {
    /// The same for the dataplane.
    pub fn compile(&self) -> PortLimits {
        let Self { flows, new_flows, packets_in, packets_out, bytes_in, bytes_out } = *self;
        // More than can be counted is no less than all.
        let flows = flows.map(|most| NonZeroUsize::try_from(most).unwrap_or(NonZeroUsize::MAX));
        PortLimits { flows, new_flows, packets_in, packets_out, bytes_in, bytes_out }
    }

    /// Each limit with its field.
    pub fn all(&self) -> [(&'static str, Option<NonZeroU64>); 6] {
        [
            ("flows", self.flows),
            ("new-flows", self.new_flows),
            ("packets-in", self.packets_in),
            ("packets-out", self.packets_out),
            ("bytes-in", self.bytes_in),
            ("bytes-out", self.bytes_out),
        ]
    }

    /// Proves limits valid; `field` is theirs.
    ///
    /// # Errors
    /// A limit of zero.
    pub fn new(field: &Field, written: &LimitsSpec) -> Result<Self, Refusal> {
        let limit = |key: &str, written: Option<u64>| match written.map(NonZeroU64::new) {
            None => Ok(None),
            Some(Some(limit)) => Ok(Some(limit)),
            Some(None) => Err(Refusal::new(field.clone().key(key), Problem::LimitZero)),
        };
        Ok(Self {
            flows: limit("flows", written.flows)?,
            new_flows: limit("new-flows", written.new_flows)?,
            packets_in: limit("packets-in", written.packets_in)?,
            packets_out: limit("packets-out", written.packets_out)?,
            bytes_in: limit("bytes-in", written.bytes_in)?,
            bytes_out: limit("bytes-out", written.bytes_out)?,
        })
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.all().into_iter().filter_map(|(name, limit)| Some((name, limit?)));
        let words: Vec<_> = set.map(|(name, limit)| format!("{name} {limit}")).collect();
        if words.is_empty() { f.write_str("none") } else { f.write_str(&words.join(", ")) }
    }
}

/// Proves the endpoints of a sandbox valid in themselves.
pub(super) fn all(
    sandbox: &SandboxName,
    written: &SandboxSpec,
    networks: &BTreeMap<String, NetworkName>,
) -> Result<BTreeMap<NetworkName, Endpoint>, Refusal> {
    let mut interfaces = Interfaces::of(written);
    let mut endpoints = BTreeMap::new();
    for (text, written) in &written.endpoints.0 {
        let field = Field::endpoint(sandbox, text);
        let Some(network) = networks.get(text) else {
            let (name, known) = (text.clone(), Known::of(networks.values()));
            return Err(Refusal::new(field, Problem::NoNetwork { name, known }));
        };
        let interface = interfaces
            .next(network, written)
            .map_err(|problem| Refusal::new(field.clone().key("interface"), problem))?;
        endpoints.insert(network.clone(), endpoint(&field, interface, written)?);
    }
    Ok(endpoints)
}

fn endpoint(
    field: &Field,
    interface: InterfaceName,
    written: &EndpointSpec,
) -> Result<Endpoint, Refusal> {
    let refuse = |key: &str, problem| Refusal::new(field.clone().key(key), problem);
    let malformed = |given: &String, family, example| {
        let given = given.clone();
        Problem::AddressMalformed { given, family, example }
    };
    let ipv4 = written.address.as_ref().map(|text| {
        text.parse().map_err(|_| refuse("address", malformed(text, "IPv4", "172.16.1.10")))
    });
    let ipv6 = written.address6.as_ref().map(|text| {
        text.parse().map_err(|_| refuse("address6", malformed(text, "IPv6", "fd00:1::10")))
    });
    let mac = written
        .mac
        .as_deref()
        .map(|text| mac(text, Problem::MacGroup).map_err(|problem| refuse("mac", problem)));
    Ok(Endpoint {
        interface,
        ipv4: ipv4.transpose()?,
        ipv6: ipv6.transpose()?,
        mac: mac.transpose()?,
        isolated: written.isolated.unwrap_or(false),
        offloads: written.offloads.unwrap_or(true),
        limits: Limits::new(&field.clone().key("limits"), &written.limits)?,
    })
}

/// The MAC of one station; what is wrong with any other is said by who asks.
pub(super) fn mac(text: &str, group: fn(MacAddr) -> Problem) -> Result<MacAddr, Problem> {
    let mac: MacAddr = text.parse().map_err(|_| Problem::MacMalformed(text.to_owned()))?;
    if mac.is_unicast() { Ok(mac) } else { Err(group(mac)) }
}

/// The names of a sandbox's interfaces: those that were chosen, and `eth0`, `eth1`, … for the others.
struct Interfaces<'a> {
    chosen: HashSet<&'a str>,
    taken: HashMap<InterfaceName, NetworkName>,
    next: u32,
}

impl<'a> Interfaces<'a> {
    fn of(written: &'a SandboxSpec) -> Self {
        let chosen = written.endpoints.0.iter().filter_map(|(_, one)| one.interface.as_deref());
        Self { chosen: chosen.collect(), taken: HashMap::new(), next: 0 }
    }

    fn next(
        &mut self,
        network: &NetworkName,
        written: &EndpointSpec,
    ) -> Result<InterfaceName, Problem> {
        let name = match &written.interface {
            Some(chosen) => chosen.parse()?,
            None => self.free()?,
        };
        if InterfaceName::as_str(&name) == "lo" {
            return Err(Problem::Loopback);
        }
        match self.taken.insert(name.clone(), network.clone()) {
            Some(network) => Err(Problem::InterfaceTwice { interface: name.to_string(), network }),
            None => Ok(name),
        }
    }

    fn free(&mut self) -> Result<InterfaceName, Problem> {
        loop {
            let name = format!("eth{}", self.next);
            self.next += 1;
            if !self.chosen.contains(name.as_str()) {
                return Ok(name.parse()?);
            }
        }
    }
}

/// The network of the sandbox's default route: the one that says so, or the first that does not say no.
pub(super) fn gateway(
    sandbox: &SandboxName,
    written: &SandboxSpec,
    networks: &BTreeMap<String, NetworkName>,
) -> Result<Option<NetworkName>, Refusal> {
    let all = &written.endpoints.0;
    let mut chosen = all.iter().filter(|(_, one)| one.gateway == Some(true));
    let first = chosen.next();
    if let (Some((first, _)), Some((second, _))) = (first, chosen.next())
        && let Some(first) = networks.get(first)
    {
        let field = Field::endpoint(sandbox, second).key("gateway");
        return Err(Refusal::new(field, Problem::Gateways(first.clone())));
    }
    let willing = || all.iter().find(|(_, one)| one.gateway.is_none());
    Ok(first.or_else(willing).and_then(|(network, _)| networks.get(network)).cloned())
}
