//! Which ports has a network whose ports have names?
//!
//! A network of a file has sandboxes for ports. Their numbers are those of the switch: who comes gets the
//! lowest that is free, so there may be gaps.

use super::{InterfaceName, Network, NetworkName, Publish, SandboxName, Way, Written};
use crate::addressing::Addresses;
use crate::plan::NetworkState;
use dataplane::outcome::PortId;
use std::collections::{BTreeMap, BTreeSet};

/// The number of a port; 0 is the host's.
type Number = u32;

/// The ports of a network by number, and the host's addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The host's.
    pub host: Addresses,
    /// The endpoints by number, from 1.
    pub members: BTreeMap<Number, Member>,
}

/// One port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The sandbox.
    pub sandbox: SandboxName,
    /// The interface in it.
    pub interface: InterfaceName,
    /// Its addresses.
    pub addresses: Addresses,
}

impl Network {
    /// A network as it stands, whose endpoints have these numbers. What is about an endpoint without a
    /// number leads nowhere yet.
    pub fn of_state(
        name: &NetworkName,
        state: &NetworkState,
        numbers: &BTreeMap<SandboxName, Number>,
    ) -> Self {
        let known = |sandbox: &SandboxName| numbers.get(sandbox).copied();
        let there = || state.endpoints.iter().filter_map(|(one, it)| Some((known(one)?, one, it)));
        let member = |sandbox: &SandboxName, endpoint: &crate::plan::EndpointState| Member {
            sandbox: sandbox.clone(),
            interface: endpoint.interface.clone(),
            addresses: endpoint.addresses,
        };
        let members: BTreeMap<_, _> =
            there().map(|(number, one, it)| (number, member(one, it))).collect();
        let publish = |written: &Written| {
            let sandbox: Option<SandboxName> = written.name.parse().ok();
            let number = sandbox.and_then(|sandbox| known(&sandbox)).unwrap_or_default();
            Publish { written: written.clone(), number }
        };
        let port = |sandbox: &SandboxName| known(sandbox).map(|number| PortId(number as u16));
        let plain: BTreeSet<_> =
            there().filter(|(.., it)| !it.offloads).map(|(number, ..)| number).collect();
        let host_plain = (!state.settings.host_offloads).then_some(0);
        Self {
            name: name.clone(),
            host_interface: state.identity.host_interface.clone(),
            ports: u32::try_from(members.len()).unwrap_or(u32::MAX),
            subnets: state.identity.subnets,
            mtu: state.settings.mtu,
            isolated: there().filter(|(.., it)| it.isolated).map(|(number, ..)| number).collect(),
            plain: plain.into_iter().chain(host_plain).collect(),
            publish: state.published.values().map(publish).collect(),
            check_source: state.settings.check_source,
            switch: state.settings.switch.clone(),
            workers: state.identity.workers,
            filter: state.settings.filter.compile(port),
            internal: state.settings.internal,
            router: state.router(),
            members: Some(Box::new(Named { host: state.identity.host, members })),
        }
    }

    /// Names and addresses of its ports, if they do not follow from numbers.
    pub fn named(&self) -> Option<&Named> {
        self.members.as_deref()
    }

    /// The name of port `number`.
    pub fn port_name(&self, number: Number) -> String {
        match self.named().map(|named| named.members.get(&number)) {
            None => self.name.port(number),
            Some(member) => member.map(|one| one.sandbox.to_string()).unwrap_or_default(),
        }
    }

    /// The same with these published ports and this way out, as it is before its endpoints are there.
    pub fn claiming(&self, way: &Way, published: &BTreeMap<String, Written>) -> Self {
        let publish = published.values().map(|one| Publish { written: one.clone(), number: 0 });
        let mut network = Self { publish: publish.collect(), ..self.clone() };
        network.router.uplink = way.kind;
        network.router.snat.clone_from(&way.snat);
        network.router.nat_ports.clone_from(&way.ports);
        network
    }
}
