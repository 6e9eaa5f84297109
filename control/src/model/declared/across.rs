//! What may not be in two networks, or twice in one?

use super::{DeclaredNetwork, Endpoint, Members, Model};
use crate::model::rules::ports_in_words;
use crate::model::{Known, NetworkName, Problem, Refusal, SandboxName};
use crate::model::{SubnetRequest, Taker, UplinkKind};
use crate::spec::{Field, Spec};
use dataplane::config::first_overlap;
use ipnet::IpNet;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// Networks by name.
type Networks<'a> = BTreeMap<&'a NetworkName, &'a DeclaredNetwork>;

/// Checks everything that concerns more than one network, sandbox or endpoint.
pub(super) fn check(model: &Model, spec: &Spec, others: &Model) -> Result<(), Refusal> {
    host_interfaces(model)?;
    subnets(model)?;
    nat_ports(model)?;
    let networks: Networks<'_> = model.networks.iter().collect();
    published(&networks, spec)?;
    let all = others.networks.iter().chain(&model.networks).collect();
    // One that is there no more is forgotten.
    for (name, other) in &others.networks {
        let mut named = Vec::new();
        other.settings.filter.rules.iter().for_each(|rule| named.extend(rule.networks()));
        for (_, named) in named.into_iter().filter(|(_, one)| model.networks.contains_key(*one)) {
            check_other(&all, (name, other), named)
                .map_err(|problem| Refusal::new(Field::network(named, ""), problem))?;
        }
    }
    model.networks.iter().try_for_each(|(name, network)| {
        rules(&all, name, network)?;
        members(&model.members(name), name, network)
    })
}

/// The same where one network has become another, whose subnets, way and host's interface are as before.
pub(super) fn check_one(
    model: &Model,
    name: &NetworkName,
    network: &DeclaredNetwork,
    its: &Members<'_>,
    spec: &Spec,
) -> Result<(), Refusal> {
    let mut networks: Networks<'_> = model.networks.iter().collect();
    networks.insert(name, network);
    published(&networks, spec)?;
    rules(&networks, name, network)?;
    members(its, name, network)
}

fn host_interfaces(model: &Model) -> Result<(), Refusal> {
    let mut taken: BTreeMap<_, &NetworkName> = BTreeMap::new();
    for (name, network) in &model.networks {
        if let Some(other) = taken.insert(&network.host_interface, name) {
            let interface = network.host_interface.to_string();
            let problem = Problem::HostInterfaceTwice { interface, network: other.clone() };
            return Err(Refusal::new(Field::network(name, "host-interface"), problem));
        }
    }
    Ok(())
}

fn subnets(model: &Model) -> Result<(), Refusal> {
    let given = model.networks.iter().flat_map(|(name, network)| {
        let v6 = match network.subnet6 {
            SubnetRequest::Given(subnet) => Some(IpNet::from(subnet)),
            SubnetRequest::Default | SubnetRequest::None => None,
        };
        let v4 = network.subnet.map(IpNet::from);
        [("subnet", v4), ("subnet6", v6)]
            .into_iter()
            .filter_map(move |(key, subnet)| Some((name, key, subnet?)))
    });
    // In the order of their first addresses, one that overlaps any before it overlaps the widest so far.
    let mut sorted: Vec<_> = given.collect();
    sorted.sort_by_key(|(_, _, subnet)| (subnet.network(), subnet.prefix_len()));
    let mut before: Option<(&NetworkName, IpNet)> = None;
    for (name, key, subnet) in sorted {
        match before {
            Some((network, other)) if other.contains(&subnet) => {
                let network = network.clone();
                let problem = Problem::SubnetsOverlap { subnet, other, network };
                return Err(Refusal::new(Field::network(name, key), problem));
            }
            _ => before = Some((name, subnet)),
        }
    }
    Ok(())
}

fn nat_ports(model: &Model) -> Result<(), Refusal> {
    let given =
        |(name, network): (_, &'_ DeclaredNetwork)| Some((name, network.way.ports.clone()?));
    let mut sorted: Vec<(&NetworkName, _)> = model.networks.iter().filter_map(given).collect();
    sorted.sort_by_key(|(_, ports)| *ports.start());
    for pair in sorted.windows(2) {
        let ((one, ports), (two, others)) = (&pair[0], &pair[1]);
        if others.start() <= ports.end() {
            let (network, ports) = (NetworkName::clone(one), ports_in_words(ports));
            let field = Field::network(two, "nat").key("ports");
            return Err(Refusal::new(field, Problem::NatPortsTaken { network, ports }));
        }
    }
    Ok(())
}

fn published(networks: &Networks<'_>, spec: &Spec) -> Result<(), Refusal> {
    let all: Vec<_> = networks
        .iter()
        .flat_map(|(name, network)| {
            network.published.iter().map(move |(text, one)| (name, text, one))
        })
        .collect();
    let taken: Vec<_> = all.iter().map(|(_, _, one)| one.host_ports()).collect();
    let Some((one, two)) = first_overlap(&taken) else { return Ok(()) };
    let ((first, text, _), (second, other, _)) = (&all[one], &all[two]);
    let is_it = |written: &String| {
        written.parse().is_ok_and(|written: crate::model::Written| written.to_string() == **other)
    };
    let list = spec.networks.get(second.as_str()).map(|network| &network.publish);
    let index = list.and_then(|list| list.iter().position(is_it));
    let field = Field::network(second, "publish").index(index.unwrap_or_default());
    let (text, network) = (String::clone(text), NetworkName::clone(first));
    Err(Refusal::new(field, Problem::PublishedTwice { text, network }))
}

/// Is every network that a rule names another one, and are both routed?
fn rules(
    networks: &Networks<'_>,
    name: &NetworkName,
    network: &DeclaredNetwork,
) -> Result<(), Refusal> {
    for (index, rule) in network.settings.filter.rules.iter().enumerate() {
        for (key, other) in rule.networks() {
            check_other(networks, (name, network), other).map_err(|problem| {
                let field = Field::network(name, "rules").index(index).key(key);
                Refusal::new(field, problem)
            })?;
        }
    }
    Ok(())
}

fn check_other(
    networks: &Networks<'_>,
    (name, network): (&NetworkName, &DeclaredNetwork),
    other: &NetworkName,
) -> Result<(), Problem> {
    if name == other {
        return Err(Problem::OwnNetwork(name.clone()));
    }
    let Some(there) = networks.get(other) else {
        let known = Known::of(networks.keys().copied().filter(|known| *known != name));
        return Err(Problem::NoNetwork { name: other.to_string(), known });
    };
    let is_routed = |network: &DeclaredNetwork| {
        network.way.kind != Some(UplinkKind::None) && !network.settings.internal
    };
    match [(name, network), (other, *there)].into_iter().find(|(_, one)| !is_routed(one)) {
        Some((name, _)) => Err(Problem::NotRouted(name.clone())),
        None => Ok(()),
    }
}

/// Are the chosen addresses and MACs of a network each one's own, and inside?
fn members(
    members: &Members<'_>,
    name: &NetworkName,
    network: &DeclaredNetwork,
) -> Result<(), Refusal> {
    let mut addresses = HashMap::new();
    let fixed = |mac| (mac, Taker::Static(name.clone()));
    let mut macs: HashMap<_, _> = network.fixed.keys().copied().map(fixed).collect();
    for (&sandbox, endpoint) in members {
        let field = Field::endpoint(sandbox, name);
        for (key, address) in chosen(endpoint) {
            check_address(name, network, address)
                .and_then(|()| take(&mut addresses, address, name, sandbox))
                .map_err(|problem| Refusal::new(field.clone().key(key), problem))?;
        }
        if let Some(mac) = endpoint.mac {
            let own = Taker::Sandbox(sandbox.clone(), name.clone());
            if let Some(by) = macs.insert(mac, own) {
                let problem = Problem::MacTaken { mac, by };
                return Err(Refusal::new(field.key("mac"), problem));
            }
        }
    }
    Ok(())
}

fn chosen(endpoint: &Endpoint) -> impl Iterator<Item = (&'static str, IpAddr)> + use<> {
    let v4 = endpoint.ipv4.map(|address| ("address", address.into()));
    let v6 = endpoint.ipv6.map(|address| ("address6", address.into()));
    v4.into_iter().chain(v6)
}

fn take(
    taken: &mut HashMap<IpAddr, SandboxName>,
    address: IpAddr,
    network: &NetworkName,
    sandbox: &SandboxName,
) -> Result<(), Problem> {
    match taken.insert(address, sandbox.clone()) {
        Some(other) => {
            let by = Taker::Sandbox(other, network.clone());
            Err(Problem::AddressTaken { address, by })
        }
        None => Ok(()),
    }
}

/// Can an endpoint of the network have this address?
fn check_address(
    name: &NetworkName,
    network: &DeclaredNetwork,
    address: IpAddr,
) -> Result<(), Problem> {
    let unknown = |field| Problem::AddressWithoutSubnet { network: name.clone(), field };
    let subnet = match address {
        IpAddr::V4(_) => network.subnet.map(IpNet::from).ok_or_else(|| unknown("subnet"))?,
        IpAddr::V6(_) => match network.subnet6 {
            SubnetRequest::Given(subnet) => subnet.into(),
            SubnetRequest::Default => return Err(unknown("subnet6")),
            SubnetRequest::None => return Err(Problem::NoIpv6(name.clone())),
        },
    };
    if !subnet.contains(&address) {
        return Err(Problem::AddressOutside { address, subnet, network: name.clone() });
    }
    // The last of an IPv6 subnet is an address like any other.
    let is_last = address.is_ipv4() && address == subnet.broadcast();
    if address == subnet.network() || is_last {
        return Err(Problem::AddressOfSubnet { address, subnet });
    }
    if address == bridge(subnet) {
        return Err(Problem::AddressTaken { address, by: Taker::Bridge(name.clone()) });
    }
    Ok(())
}

/// The bridge's address: the first behind the subnet's own.
fn bridge(subnet: IpNet) -> IpAddr {
    match subnet {
        IpNet::V4(subnet) => crate::addressing::ipv4(subnet, 0).addr().into(),
        IpNet::V6(subnet) => crate::addressing::ipv6(subnet, 0).addr().into(),
    }
}
