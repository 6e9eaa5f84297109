//! What is there to tell about a running network?
//!
//! What was made (the topology) joined with what happens to it (the engine's counters): the api serves it.

use super::{Living, endpoints, lock, statuses};
use crate::api::change::LimitsInfo;
use crate::api::flow::Flow;
use crate::api::flow::serve::FlowPages;
use crate::api::protocol::{
    Counters, FdbInfo, FdbOrigin, NetworkInfo, PortInfo, PublishedInfo, RulesInfo, TablesInfo,
};
use crate::api::server;
use crate::capture::Names;
use crate::daemon::{change, rules};
use crate::topology::{Endpoint, Topology, ring_drops};
use dataplane::capture::{Catch, Spec};
use dataplane::engine::{
    CaptureError, EngineStopped, FdbEntry, FdbKind, FlowKey, FlowPage, Handle, PortStatus,
};
use dataplane::outcome::{DropReason, PortId};
use dataplane::pipeline::Story;
use dataplane::wire::ethernet::MacAddr;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

impl server::Network for Living {
    fn network(&self) -> NetworkInfo {
        NetworkInfo {
            uptime_seconds: self.since.elapsed().as_secs(),
            mtu: self.mtu.load(Ordering::Relaxed),
            ports: self.ports.load(Ordering::Relaxed),
            ..self.network.clone()
        }
    }

    fn ports(&self) -> Vec<PortInfo> {
        let topology = lock(&self.topology);
        let Some(topology) = &*topology else { return Vec::new() };
        let isolated = |status: &PortStatus| topology.network.is_isolated(status.id.0.into());
        statuses(topology, &self.handle.ports())
            .map(|(made, status)| join(made, status, isolated(status), self.limits_of(made)))
            .collect()
    }

    fn fdb(&self) -> Option<Vec<FdbInfo>> {
        let mut entries = self.handle.fdb().ok()?;
        entries.sort_by_key(|entry| (entry.port, entry.kind == FdbKind::Learned, entry.mac));
        let topology = lock(&self.topology);
        let made = topology.iter().flat_map(endpoints).map(|made| (made.number, &made.name));
        let names: BTreeMap<_, _> = made.collect();
        let named = entries.iter().filter_map(|entry| {
            names.get(&entry.port.0).map(|name| locate(entry, (*name).clone()))
        });
        Some(named.collect())
    }

    fn published(&self) -> Vec<PublishedInfo> {
        self.relay.status()
    }

    fn rules(&self) -> RulesInfo {
        // Locked before the dataplane is asked: its rules are those of the network then.
        let topology = lock(&self.topology);
        let hits = self.handle.rule_hits().ok().flatten();
        let told = |made: &Topology| rules::describe(&made.network, hits.as_ref());
        topology.as_ref().map(told).unwrap_or_default()
    }

    fn tables(&self) -> Option<TablesInfo> {
        self.handle.tables().ok().map(TablesInfo::from)
    }

    fn port_names(&self) -> Vec<String> {
        let topology = lock(&self.topology);
        let mut names = Vec::new();
        for made in topology.iter().flat_map(endpoints) {
            names.resize(names.len().max(usize::from(made.number) + 1), String::new());
            names[usize::from(made.number)].clone_from(&made.name);
        }
        names
    }

    fn flows(&self) -> FlowPages {
        flow_pages(self.handle.clone())
    }

    fn flow_count(&self) -> Result<usize, EngineStopped> {
        self.handle.flow_count()
    }

    fn remove_flows(&self, which: Vec<FlowKey>) -> Result<usize, EngineStopped> {
        self.handle.remove_flows(which)
    }

    fn flush_flows(&self) -> Result<usize, EngineStopped> {
        self.handle.flush_flows()
    }

    fn names(&self) -> Names {
        let ports = self.port_names();
        let topology = lock(&self.topology);
        let Some(topology) = &*topology else { return Names::default() };
        let rules = &topology.network.filter().rules;
        Names { ports, rules: rules.iter().map(|rule| rule.place.clone()).collect() }
    }

    fn capture(&self, spec: Spec) -> Result<Catch, CaptureError> {
        self.handle.capture(spec)
    }

    fn explain(
        &self,
        ingress: PortId,
        bytes: Vec<u8>,
    ) -> Result<Result<Story, DropReason>, EngineStopped> {
        self.handle.explain(ingress, bytes)
    }

    fn next_hop(&self) -> Option<MacAddr> {
        let router = lock(&self.router);
        router.as_ref()?.uplink.as_ref().map(|uplink| uplink.next_hop.mac)
    }
}

impl Living {
    fn limits_of(&self, made: &Endpoint) -> LimitsInfo {
        lock(&self.limits).get(&made.number).map(change::told).unwrap_or_default()
    }
}

/// The flows of an engine; each page is asked for when its turn comes.
fn flow_pages(handle: Handle) -> FlowPages {
    let mut next = Some(FlowPage::default());
    Box::new(std::iter::from_fn(move || {
        let page = handle.flows(next.take()?);
        Some(page.map(|(flows, following)| {
            next = following;
            flows.into_iter().map(Flow::from).collect()
        }))
    }))
}

fn join(made: &Endpoint, status: &PortStatus, isolated: bool, limits: LimitsInfo) -> PortInfo {
    PortInfo {
        number: status.id.0,
        name: made.name.clone(),
        alive: status.alive,
        isolated,
        namespace: made.namespace.clone(),
        interface: made.interface.clone(),
        mac: made.mac,
        ipv4: made.ipv4,
        ipv6: made.ipv6,
        mtu: made.mtu,
        offloads: made.offloads.names().map(str::to_owned).collect(),
        limits,
        counters: Counters::from(&status.counters),
        // The interface of a port that is gone cannot be asked; that is told by `alive` already.
        ring_drops: ring_drops(made).ok(),
    }
}

fn locate(entry: &FdbEntry, port: String) -> FdbInfo {
    let (origin, age_seconds) = match entry.kind {
        FdbKind::Static => (FdbOrigin::Static, None),
        FdbKind::Learned => (FdbOrigin::Learned, Some(entry.age.as_secs())),
    };
    FdbInfo { mac: entry.mac, port, origin, age_seconds }
}
