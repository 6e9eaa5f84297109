//! What does `up --ports N` declare?

use super::{
    Bridged, DeclaredNetwork, Endpoint, Filter, Limits, Model, Namespace, Sandbox, Settings, Way,
};
use crate::addressing::{default_subnets, default_subnets6};
use crate::model::rules::{self, KnownPorts};
use crate::model::{
    InterfaceName, ModelError, Network, NetworkName, NetworkRequest, RouterOptions, SandboxName,
    SubnetRequest, Subnets,
};
use ipnet::{Ipv4Net, Ipv6Net};
use std::collections::BTreeMap;

impl Model {
    /// The network of a request: sandboxes `NAME-1` to `NAME-N` with an endpoint `eth0` each.
    ///
    /// Subnets that the request leaves out are left to be leased.
    ///
    /// # Errors
    /// The first thing that is wrong with the request.
    pub fn of_request(request: &NetworkRequest) -> Result<Self, ModelError> {
        let name = request.name()?;
        let (subnet, subnet6) = (request.subnet()?, request.subnet6()?);
        // What is checked of a subnet is the same for all that could be chosen.
        let some = Subnets { v4: some_subnet(subnet), v6: some_subnet6(&name, subnet6) };
        let network = Network::new(request, some)?;
        let interface: InterfaceName = "eth0".parse()?;
        let sandboxes = (1..=network.ports()).map(|number| {
            (SandboxName::of_port(&name, number), sandbox(&network, number, interface.clone()))
        });
        let sandboxes = sandboxes.collect();
        let subnet = match subnet {
            SubnetRequest::Given(subnet) => Some(subnet),
            SubnetRequest::Default | SubnetRequest::None => None,
        };
        let declared = declared(request, &network, subnet, subnet6)?;
        Ok(Self { networks: BTreeMap::from([(name, declared)]), sandboxes })
    }
}

fn some_subnet(asked: SubnetRequest<Ipv4Net>) -> Ipv4Net {
    match asked {
        SubnetRequest::Given(subnet) => subnet,
        // There are 254.
        SubnetRequest::Default | SubnetRequest::None => {
            default_subnets().next().unwrap_or_default()
        }
    }
}

fn some_subnet6(name: &NetworkName, asked: SubnetRequest<Ipv6Net>) -> Option<Ipv6Net> {
    match asked {
        SubnetRequest::Given(subnet) => Some(subnet),
        SubnetRequest::Default => default_subnets6(name).next(),
        SubnetRequest::None => None,
    }
}

fn sandbox(network: &Network, number: u32, interface: InterfaceName) -> Sandbox {
    let endpoint = Endpoint {
        interface,
        ipv4: None,
        ipv6: None,
        mac: None,
        isolated: network.is_isolated(number),
        offloads: !network.is_plain(number),
        limits: Limits::default(),
    };
    let name = network.name();
    Sandbox::Bridge(Bridged {
        namespace: Namespace::Made,
        endpoints: BTreeMap::from([(name.clone(), endpoint)]),
        gateway: Some(name.clone()),
    })
}

fn declared(
    request: &NetworkRequest,
    network: &Network,
    subnet: Option<Ipv4Net>,
    subnet6: SubnetRequest<Ipv6Net>,
) -> Result<DeclaredNetwork, ModelError> {
    let known = KnownPorts { network: network.name(), count: network.ports() };
    let file = request.rules.as_ref().map(|file| rules::read(file, &known)).transpose()?;
    let (rules, policy) = file.unwrap_or_default();
    let RouterOptions { uplink, snat, nat_ports, filtering, conntrack } = network.router().clone();
    let published =
        network.publish().iter().map(|one| (one.written.to_string(), one.written.clone()));
    Ok(DeclaredNetwork {
        host_interface: network.host_interface().clone(),
        subnet,
        subnet6,
        workers: network.workers(),
        way: Way { kind: uplink, snat, ports: nat_ports },
        settings: Settings {
            mtu: network.mtu(),
            host_offloads: !network.is_plain(0),
            check_source: network.checks_source(),
            switch: network.switch().clone(),
            filter: Filter { rules, policy, icc: request.icc },
            internal: network.is_internal(),
            filtering,
            conntrack,
        },
        published: published.collect(),
        fixed: BTreeMap::new(),
    })
}
