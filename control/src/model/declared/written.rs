//! How is a model written?
//!
//! The way back: what is at its default is left out, all else is a field. What comes out makes the same
//! model again.

use super::{
    Bridged, DeclaredNetwork, Endpoint, Holder, Limits, Model, Namespace, Sandbox, Settings, Way,
};
use crate::model::{Mtu, NetworkName, SubnetRequest, UplinkKind, storm_halves, usual_workers};
use crate::spec::{
    ConntrackSpec, EndpointSpec, Endpoints, FdbSpec, FilteringWord, LimitsSpec, NatSpec,
    NetworkSpec, NoneWord, PolicyWord, ProfileWord, Rate, SandboxSpec, Spec, StormSpec, UplinkWord,
    VERSION,
};
use dataplane::config::{Action, ConntrackConfig, Filtering, SwitchConfig, Timeouts};
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

impl Model {
    /// The same as one would write it.
    pub fn to_spec(&self) -> Spec {
        let networks = self.networks.iter();
        let sandboxes = self.sandboxes.iter();
        Spec {
            version: VERSION,
            networks: networks.map(|(name, one)| (name.to_string(), network(name, one))).collect(),
            sandboxes: sandboxes.map(|(name, one)| (name.to_string(), sandbox(one))).collect(),
        }
    }
}

/// The value, if it is not the default.
fn other<T: PartialEq>(value: T, default: T) -> Option<T> {
    (value != default).then_some(value)
}

fn network(name: &NetworkName, network: &DeclaredNetwork) -> NetworkSpec {
    let DeclaredNetwork { host_interface, subnet, subnet6, workers, .. } = network;
    let DeclaredNetwork { way, settings, published, fixed, .. } = network;
    let Way { kind, snat, ports } = way;
    let filter = &settings.filter;
    let fixed = fixed.iter().map(|(mac, holder)| (mac.to_string(), Holder::to_string(holder)));
    let policy = match filter.policy {
        Action::Accept => PolicyWord::Accept,
        Action::Drop => PolicyWord::Drop,
        Action::Reject => PolicyWord::Reject,
    };
    let filtering = match settings.filtering {
        Filtering::EndpointIndependent => FilteringWord::EndpointIndependent,
        Filtering::Address => FilteringWord::Address,
        Filtering::AddressAndPort => FilteringWord::AddressAndPort,
    };
    let (fdb, storm) = switch(&settings.switch);
    NetworkSpec {
        subnet: subnet.map(|subnet| subnet.to_string()),
        subnet6: match subnet6 {
            SubnetRequest::Default => None,
            SubnetRequest::None => Some("none".to_owned()),
            SubnetRequest::Given(subnet) => Some(subnet.to_string()),
        },
        mtu: other(settings.mtu.get().into(), Mtu::DEFAULT.into()),
        host_interface: other(host_interface.to_string(), name.to_string()),
        host_offloads: other(settings.host_offloads, true),
        uplink: kind.map(|kind| match kind {
            UplinkKind::Route => UplinkWord::Route,
            UplinkKind::None => UplinkWord::None,
        }),
        internal: other(settings.internal, false),
        icc: other(filter.icc, true),
        policy: other(policy, PolicyWord::Accept),
        source_check: other(settings.check_source, true),
        workers: other(workers.get(), usual_workers().get()),
        fdb: FdbSpec { fixed: fixed.collect(), ..fdb },
        storm,
        nat: NatSpec {
            // One port is a range, too.
            ports: ports.as_ref().map(|ports| format!("{}-{}", ports.start(), ports.end())),
            filtering: other(filtering, FilteringWord::AddressAndPort),
            snat: snat.clone(),
        },
        conntrack: conntrack(settings),
        publish: published.keys().cloned().collect(),
        rules: filter.rules.clone(),
    }
}

fn switch(switch: &SwitchConfig) -> (FdbSpec, StormSpec) {
    let default = SwitchConfig::default();
    let fdb = FdbSpec {
        ageing: other(switch.ageing.as_secs(), default.ageing.as_secs()),
        max: other(switch.fdb_capacity, default.fdb_capacity),
        port_max: other(switch.fdb_port_limit, default.fdb_port_limit),
        fixed: BTreeMap::new(),
    };
    let rate = |half: Option<u64>| match half {
        Some(rate) => Rate::Limited(rate),
        None => Rate::Unlimited(NoneWord::None),
    };
    let (packets, bytes) = storm_halves(switch.storm);
    let (default_packets, default_bytes) = storm_halves(default.storm);
    let storm = StormSpec {
        packets: other(packets, default_packets).map(rate),
        bytes: other(bytes, default_bytes).map(rate),
    };
    (fdb, storm)
}

fn conntrack(settings: &Settings) -> ConntrackSpec {
    let ConntrackConfig { limit, port_limit, timeouts, loose, liberal, ftp } = &settings.conntrack;
    let default = ConntrackConfig::default();
    let differing = |profile: Timeouts| -> BTreeMap<String, u64> {
        let pairs = timeouts.all().zip(profile.all());
        let differ = |((name, ours), (_, theirs)): ((&str, Duration), (&str, Duration))| {
            (ours != theirs).then(|| (name.to_owned(), ours.as_secs()))
        };
        pairs.filter_map(differ).collect()
    };
    let (linux, rfc) = (differing(Timeouts::LINUX), differing(Timeouts::RFC));
    let is_rfc = rfc.len() < linux.len();
    ConntrackSpec {
        max: other(*limit, default.limit),
        port_max: other(*port_limit, (limit / 4).max(1)),
        profile: is_rfc.then_some(ProfileWord::Rfc),
        timeouts: if is_rfc { rfc } else { linux },
        loose: other(*loose, default.loose),
        liberal: other(*liberal, default.liberal),
        ftp: other(*ftp, default.ftp),
    }
}

fn sandbox(sandbox: &Sandbox) -> SandboxSpec {
    let mode = |text: String| SandboxSpec { mode: Some(text), ..SandboxSpec::default() };
    let Bridged { namespace, endpoints, gateway } = match sandbox {
        Sandbox::Bridge(bridged) => bridged,
        Sandbox::None => return mode("none".to_owned()),
        Sandbox::Host => return mode("host".to_owned()),
        Sandbox::Container(other) => return mode(format!("container:{other}")),
    };
    let (path, pid) = match namespace {
        Namespace::Made => (None, None),
        Namespace::Path(path) => (Some(path.display().to_string()), None),
        Namespace::Pid(pid) => (None, Some(pid.get())),
    };
    let endpoints = endpoints.iter().enumerate().map(|(number, (network, one))| {
        // The first is the gateway if none says so, unless it says no.
        let is_gateway = gateway.as_ref() == Some(network);
        let said = match gateway {
            Some(_) => other(is_gateway, number == 0).filter(|gateway| *gateway),
            None => Some(false),
        };
        (network.to_string(), EndpointSpec { gateway: said, ..endpoint(one) })
    });
    SandboxSpec { mode: None, namespace: path, pid, endpoints: Endpoints(endpoints.collect()) }
}

fn endpoint(endpoint: &Endpoint) -> EndpointSpec {
    let Endpoint { interface, ipv4, ipv6, mac, isolated, offloads, limits } = endpoint;
    EndpointSpec {
        interface: Some(interface.to_string()),
        address: ipv4.map(|address| address.to_string()),
        address6: ipv6.map(|address| address.to_string()),
        mac: mac.map(|mac| mac.to_string()),
        isolated: other(*isolated, false),
        offloads: other(*offloads, true),
        gateway: None,
        limits: limits_spec(limits),
    }
}

fn limits_spec(limits: &Limits) -> LimitsSpec {
    let written = |limit: Option<NonZeroU64>| limit.map(NonZeroU64::get);
    LimitsSpec {
        flows: written(limits.flows),
        new_flows: written(limits.new_flows),
        packets_in: written(limits.packets_in),
        packets_out: written(limits.packets_out),
        bytes_in: written(limits.bytes_in),
        bytes_out: written(limits.bytes_out),
    }
}
