//! Models for properties: few names, addresses and ports, so that two models have much in common and
//! one often takes what another lets go.

use super::Model;
use crate::model::rules::{Place, Rule};
use crate::spec::{
    EndpointSpec, FilteringWord, LimitsSpec, NetworkSpec, NoneWord, PolicyWord, ProfileWord, Rate,
    SandboxSpec, Spec, UplinkWord, VERSION,
};
use dataplane::config::Action;
use proptest::prelude::*;
use std::collections::BTreeSet;

const NETWORKS: [&str; 3] = ["back", "front", "side.1"];
const SANDBOXES: [&str; 6] = ["db", "front-2", "job", "old", "peer", "web"];

/// Any model.
pub(crate) fn model() -> impl Strategy<Value = Model> {
    proptest::collection::vec(any::<u8>(), 256).prop_map(|bytes| {
        let spec = Choices { bytes, at: 0 }.spec();
        Model::new(&spec).unwrap_or_else(|refusal| panic!("{refusal}\n{spec}"))
    })
}

/// A model and one that differs from it in some places.
pub(crate) fn two_models() -> impl Strategy<Value = (Model, Model)> {
    let changes = proptest::collection::vec((0..256_usize, any::<u8>()), 0..12);
    (proptest::collection::vec(any::<u8>(), 256), changes).prop_map(|(bytes, changes)| {
        let mut changed = bytes.clone();
        for (at, byte) in changes {
            changed[at] = byte;
        }
        let model = |bytes| Model::new(&Choices { bytes, at: 0 }.spec()).unwrap();
        (model(bytes), model(changed))
    })
}

struct Choices {
    bytes: Vec<u8>,
    at: usize,
}

impl Choices {
    fn below(&mut self, end: usize) -> usize {
        self.at += 1;
        usize::from(self.bytes[self.at % self.bytes.len()]) % end
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.one_in(3) { Some(make(self)) } else { None }
    }

    fn spec(mut self) -> Spec {
        let mut spec = Spec { version: VERSION, ..Spec::default() };
        let mut subnets = BTreeSet::new();
        for name in NETWORKS {
            // The bytes of one do not depend on what another takes.
            self.at = NETWORKS.iter().position(|one| *one == name).unwrap() * 40;
            if !self.one_in(5) {
                let network = self.network(&mut subnets);
                spec.networks.insert(name.to_owned(), network);
            }
        }
        for (number, name) in SANDBOXES.into_iter().enumerate() {
            self.at = 120 + number * 16;
            if !self.one_in(5) {
                let sandbox = self.sandbox(name, number, &spec);
                spec.sandboxes.insert(name.to_owned(), sandbox);
            }
        }
        self.share(&mut spec);
        self.at = 216;
        let mut ports = BTreeSet::new();
        for name in NETWORKS {
            self.members(name, &mut ports, &mut spec);
        }
        spec
    }

    fn network(&mut self, subnets: &mut BTreeSet<String>) -> NetworkSpec {
        let mut network = NetworkSpec::default();
        let subnet = format!("10.0.{}.0/28", self.below(4));
        if self.one_in(2) && subnets.insert(subnet.clone()) {
            network.subnet = Some(subnet);
        }
        let subnet6 = format!("fd00:{}::/64", self.below(4));
        match self.below(4) {
            0 => network.subnet6 = Some("none".to_owned()),
            1 if subnets.insert(subnet6.clone()) => network.subnet6 = Some(subnet6),
            _ => {}
        }
        network.mtu = self.maybe(|choices| 1400 + choices.below(3) as u32);
        let interface = format!("host{}", self.below(3));
        if self.one_in(3) && subnets.insert(interface.clone()) {
            network.host_interface = Some(interface);
        }
        network.host_offloads = self.maybe(|choices| choices.one_in(2));
        network.internal = self.maybe(|choices| choices.one_in(2));
        network.icc = self.maybe(|choices| choices.one_in(2));
        network.source_check = self.maybe(|choices| choices.one_in(2));
        network.workers = self.maybe(|choices| 1 + choices.below(3));
        network.policy = self.maybe(|_| PolicyWord::Reject);
        network.fdb.ageing = self.maybe(|choices| 1 + choices.below(400) as u64);
        network.fdb.max = self.maybe(|choices| 50 + choices.below(9000));
        network.storm.packets = self.maybe(|choices| Rate::Limited(1 + choices.below(9) as u64));
        network.storm.bytes = self.maybe(|_| Rate::Unlimited(NoneWord::None));
        network.conntrack.max = self.maybe(|choices| 1 + choices.below(5));
        network.conntrack.profile = self.maybe(|_| ProfileWord::Rfc);
        let seconds = 1 + self.below(90) as u64;
        if self.one_in(3) {
            network.conntrack.timeouts.insert("udp".to_owned(), seconds);
        }
        let (first, has_ports) = (5000 + self.below(3) * 10, self.one_in(3));
        let ports = format!("{first}-{}", first + 9);
        match self.below(3) {
            _ if network.internal == Some(true) => {}
            0 => network.uplink = Some(UplinkWord::None),
            1 if has_ports && subnets.insert(ports.clone()) => network.nat.ports = Some(ports),
            _ => network.nat.snat = vec!["192.0.2.1".parse().unwrap()],
        }
        if network.internal != Some(true) && network.uplink != Some(UplinkWord::None) {
            network.nat.filtering = self.maybe(|_| FilteringWord::Address);
        }
        network
    }

    fn sandbox(&mut self, name: &str, number: usize, spec: &Spec) -> SandboxSpec {
        let mut sandbox = SandboxSpec::default();
        match self.below(8) {
            0 => sandbox.mode = Some("none".to_owned()),
            1 => sandbox.mode = Some("host".to_owned()),
            2 => sandbox.namespace = Some(format!("/run/netns/old-{name}")),
            3 => sandbox.pid = Some(1 + number as u32),
            _ => {}
        }
        if sandbox.mode.is_some() {
            return sandbox;
        }
        let turned = self.one_in(2);
        let mut networks: Vec<_> = spec.networks.iter().collect();
        if turned {
            networks.reverse();
        }
        let mut has_gateway = false;
        for (network, written) in networks {
            if self.one_in(3) {
                continue;
            }
            let endpoint = self.endpoint(number, written, &mut has_gateway);
            sandbox.endpoints.0.push((network.clone(), endpoint));
        }
        sandbox
    }

    fn endpoint(
        &mut self,
        number: usize,
        network: &NetworkSpec,
        has_gateway: &mut bool,
    ) -> EndpointSpec {
        let mut endpoint = EndpointSpec::default();
        // Two of each sandbox's own, and sometimes leased to another before.
        let last = 2 + number * 2 + self.below(2);
        if let Some(subnet) = &network.subnet
            && self.one_in(3)
        {
            endpoint.address = Some(subnet.replace("0/28", &last.to_string()));
        }
        endpoint.mac = self.maybe(|choices| format!("02:00:00:00:0{number}:0{}", choices.below(2)));
        endpoint.isolated = self.maybe(|choices| choices.one_in(2));
        endpoint.gateway =
            if *has_gateway { None } else { self.maybe(|choices| choices.one_in(2)) };
        *has_gateway |= endpoint.gateway == Some(true);
        let bytes = 1 + self.below(9) as u64;
        endpoint.limits = LimitsSpec {
            bytes_in: self.maybe(|_| bytes),
            flows: self.maybe(|_| bytes),
            ..LimitsSpec::default()
        };
        endpoint
    }

    /// Lets some sandboxes share the namespace of the one before them.
    fn share(&mut self, spec: &mut Spec) {
        self.at = 240;
        let names: Vec<_> = spec.sandboxes.keys().cloned().collect();
        for pair in names.windows(2) {
            if self.one_in(5) {
                let mode = Some(format!("container:{}", pair[0]));
                let sharing = SandboxSpec { mode, ..SandboxSpec::default() };
                spec.sandboxes.insert(pair[1].clone(), sharing);
            }
        }
    }

    /// Publishes ports of the members of a network, makes rules about them and fixes MACs.
    fn members(&mut self, name: &str, ports: &mut BTreeSet<usize>, spec: &mut Spec) {
        let is_routed = |network: &NetworkSpec| {
            network.internal != Some(true) && network.uplink != Some(UplinkWord::None)
        };
        let mut others = spec.networks.iter().filter(|(other, _)| *other != name);
        let other = others.find(|(_, other)| is_routed(other)).map(|(other, _)| other.clone());
        let Some(network) = spec.networks.get_mut(name) else { return };
        if let Some(other) = other.filter(|_| is_routed(network))
            && self.one_in(3)
        {
            let place = Some(Place::Network(other.parse().unwrap()));
            let (from, to) = if self.one_in(2) { (place, None) } else { (None, place) };
            network.rules.push(Rule { from, to, ..Rule::default() });
        }
        let is_member =
            |sandbox: &SandboxSpec| sandbox.endpoints.0.iter().any(|(network, _)| network == name);
        let members = spec.sandboxes.iter().filter(|(_, sandbox)| is_member(sandbox));
        for (member, _) in members {
            let port = 8000 + self.below(8);
            if self.one_in(2) && ports.insert(port) {
                network.publish.push(format!("{port}:{member}:80"));
            }
            if self.one_in(4) {
                let place = Some(Place::Sandbox(member.parse().unwrap()));
                let rule = Rule { to: place, action: Action::Drop, ..Rule::default() };
                network.rules.push(rule);
            }
            if self.one_in(6) {
                let mac = format!("02:00:00:00:ff:0{}", self.below(3));
                network.fdb.fixed.insert(mac, member.clone());
            }
        }
    }
}
