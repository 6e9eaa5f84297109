//! What is there to tell about a running network?
//!
//! [`Living`] joins what was made (the topology) with what happens to it (the engine's counters). It
//! is what the api serves.

use super::change::{self, Declared};
use super::fullness::Fullness;
use super::rules;
use crate::api::change::LimitsInfo;
use crate::api::flow::Flow;
use crate::api::flow::serve::FlowPages;
use crate::api::protocol::{
    Counters, FdbInfo, FdbOrigin, NetworkInfo, PortInfo, PublishedInfo, RulesInfo, TablesInfo,
};
use crate::api::server;
use crate::capture::Names;
use crate::model::Limits;
use crate::publish::Relay;
use crate::topology::{Endpoint, FollowError, Site, Topology, ring_drops};
use crate::uplink::Caveat;
use dataplane::capture::{Catch, Spec};
use dataplane::config::RouterConfig;
use dataplane::engine::{
    CaptureError, EngineStopped, FdbEntry, FdbKind, FlowKey, FlowPage, Handle, PortStatus,
};
use dataplane::outcome::{DropReason, PortId};
use dataplane::pipeline::Story;
use dataplane::wire::ethernet::MacAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

/// What went through the switch since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Frames received from all ports.
    pub received_frames: u64,
    /// Bytes received from all ports.
    pub received_bytes: u64,
    /// Frames dropped for any reason.
    pub dropped_frames: u64,
    /// How many ports there are, the host port included.
    pub ports: usize,
    /// How many of them are gone.
    pub gone: usize,
}

impl Totals {
    /// Those of two networks together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            received_frames: self.received_frames + other.received_frames,
            received_bytes: self.received_bytes + other.received_bytes,
            dropped_frames: self.dropped_frames + other.dropped_frames,
            ports: self.ports + other.ports,
            gone: self.gone + other.gone,
        }
    }
}

/// A running network.
pub(super) struct Living {
    pub(super) network: NetworkInfo,
    pub(super) since: Instant,
    pub(super) handle: Handle,
    pub(super) relay: Relay,
    /// What a network of a file publishes, by its text.
    pub(super) relays: Mutex<BTreeMap<String, Relay>>,
    /// The ids of ports that were taken out on purpose.
    pub(super) removed: Mutex<BTreeSet<u16>>,
    /// How many ports there are, the host's not counted.
    pub(super) ports: AtomicUsize,
    /// Taken out when the network ends.
    pub(super) topology: Mutex<Option<Topology>>,
    /// Which ports were gone at the last look.
    pub(super) gone: Mutex<Vec<bool>>,
    /// Which tables were full at the last look.
    fullness: Mutex<Fullness>,
    pub(super) site: Site,
    /// What the router was told last. Locked behind the topology.
    pub(super) router: Mutex<Option<RouterConfig>>,
    /// What it is in the words of the model; what is of a file stands there.
    pub(super) declared: Mutex<Option<Declared>>,
    /// The limits of endpoints of a file, by the port's number.
    pub(super) limits: Mutex<BTreeMap<u16, Limits>>,
    /// Held by who changes it.
    pub(super) turn: Mutex<()>,
    /// Why it is to end, once somebody wants that.
    stop: watch::Sender<Option<&'static str>>,
}

impl Living {
    /// A network that stands from now on.
    pub(super) fn new(
        topology: Topology,
        handle: Handle,
        relay: Relay,
        rootless: bool,
        site: &Site,
        router: Option<RouterConfig>,
        declared: Option<Declared>,
    ) -> Self {
        Self {
            network: describe(&topology, rootless),
            since: Instant::now(),
            handle,
            relay,
            relays: Mutex::default(),
            removed: Mutex::default(),
            ports: AtomicUsize::new(topology.ports.len()),
            gone: Mutex::new(vec![false; topology.ports.len() + 1]),
            fullness: Mutex::default(),
            topology: Mutex::new(Some(topology)),
            site: site.clone(),
            router: Mutex::new(router),
            declared: Mutex::new(declared),
            limits: Mutex::default(),
            turn: Mutex::default(),
            stop: watch::Sender::new(None),
        }
    }

    /// Asks for the end; the first who does says why.
    pub(super) fn stop(&self, why: &'static str) {
        // Answers that would go on for ever end in order.
        self.handle.end_captures();
        self.stop.send_if_modified(|asked| {
            let first = asked.is_none();
            asked.get_or_insert(why);
            first
        });
    }

    /// Waits until somebody has asked for the end, and says why.
    pub(super) async fn stop_asked(&self) -> &'static str {
        let mut asked = self.stop.subscribe();
        // The sender lives as long as `self`, so this ends only when there is a reason.
        let why = asked.wait_for(Option::is_some).await;
        why.ok().and_then(|why| *why).unwrap_or_default()
    }

    /// Has somebody asked for the end?
    pub(super) fn is_ending(&self) -> bool {
        self.stop.borrow().is_some()
    }

    /// Ends what is relayed, and gives the host's ports back.
    pub(super) async fn end_relay(&self) {
        self.relay.end().await;
        let relays = std::mem::take(&mut *lock(&self.relays));
        for relay in relays.into_values() {
            relay.end().await;
        }
    }

    /// What was made, to be removed; `None` the second time.
    pub(super) fn take_topology(&self) -> Option<Topology> {
        lock(&self.topology).take()
    }

    /// Ends the engine behind its guard's back.
    #[cfg(test)]
    pub(super) fn end_engine(&self) {
        self.handle.stop();
    }

    /// What is not as it should be.
    pub(super) fn warnings(&self) -> Vec<String> {
        let topology = lock(&self.topology);
        topology.iter().flat_map(|made| &made.warnings).map(ToString::to_string).collect()
    }

    /// Looks at all ports, and logs those that died since the last look.
    pub(super) fn look(&self) -> Totals {
        self.remove_abandoned();
        let removed = lock(&self.removed).clone();
        let mut ports = self.handle.ports();
        ports.retain(|port| port.alive || !removed.contains(&port.id.0));
        let mut totals = Totals { ports: ports.len(), ..Totals::default() };
        let mut gone = lock(&self.gone);
        for port in &ports {
            if gone.len() <= port.id.index() {
                gone.resize(port.id.index() + 1, false);
            }
            let was_gone = &mut gone[port.id.index()];
            // Another one may have its number since.
            *was_gone &= !port.alive;
            totals.received_frames += port.counters.received;
            totals.received_bytes += port.counters.received_bytes;
            totals.dropped_frames += port.counters.dropped_total();
            totals.gone += usize::from(!port.alive);
            if !port.alive && !*was_gone {
                *was_gone = true;
                tracing::warn!("port {} is gone: its namespace or device was removed", port.name);
            }
        }
        drop(gone);
        for full in lock(&self.fullness).look(&ports) {
            tracing::warn!("{full}");
        }
        totals
    }

    /// Looks at the host, which has changed, and tells the router if that concerns it.
    ///
    /// # Errors
    /// The rules or settings could not be changed, or not all; the next call makes the others.
    pub(super) fn follow(&self) -> Result<(), FollowError> {
        // Held until the router is told, so that nobody who changes the network tells it in between.
        let mut topology = lock(&self.topology);
        let followed = topology.as_mut().map(|topology| topology.follow(&self.site));
        if let Some((router, caveats)) = followed.transpose()?.flatten() {
            self.tell_router(router, &caveats);
        }
        Ok(())
    }

    /// Is it in a user namespace of its own?
    pub(super) fn is_rootless(&self) -> bool {
        self.network.rootless
    }

    fn limits_of(&self, made: &Endpoint) -> LimitsInfo {
        match &*lock(&self.declared) {
            Some(declared) => declared.limits(&made.name),
            None => lock(&self.limits).get(&made.number).map(change::told).unwrap_or_default(),
        }
    }

    fn tell_router(&self, router: RouterConfig, caveats: &[Caveat]) {
        let mut told = lock(&self.router);
        if told.as_ref() == Some(&router) {
            return;
        }
        for caveat in caveats {
            tracing::warn!("{caveat}");
        }
        match self.handle.reconfigure(router.clone()) {
            Ok(()) => *told = Some(router),
            Err(error) => {
                tracing::warn!("the router does not follow a change of the host: {error}");
            }
        }
    }

    /// Takes ports out whose namespaces nobody else has any more, so that those can end.
    fn remove_abandoned(&self) {
        // Whoever follows the host with it may wait for others; the next look is soon.
        let Ok(topology) = self.topology.try_lock() else { return };
        let Some(topology) = &*topology else { return };
        let ports = self.handle.ports();
        let known = statuses(topology, &ports);
        for (_, port) in known.filter(|(made, port)| port.alive && made.is_abandoned()) {
            // The engine's end is seen elsewhere. Closing the TAP ends the namespace.
            drop(self.handle.remove(port.id));
        }
    }
}

impl server::Network for Living {
    fn network(&self) -> NetworkInfo {
        let topology = lock(&self.topology);
        NetworkInfo {
            uptime_seconds: self.since.elapsed().as_secs(),
            mtu: topology.as_ref().map_or(self.network.mtu, |made| made.network.mtu().get()),
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
        let relays = lock(&self.relays);
        let all = std::iter::once(&self.relay).chain(relays.values());
        all.flat_map(Relay::status).collect()
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

/// All endpoints in the order of the switch's ports.
fn endpoints(topology: &Topology) -> impl Iterator<Item = &Endpoint> {
    std::iter::once(&topology.host).chain(&topology.ports)
}

/// The endpoints with what is known of their ports.
fn statuses<'a>(
    topology: &'a Topology,
    ports: &'a [PortStatus],
) -> impl Iterator<Item = (&'a Endpoint, &'a PortStatus)> {
    let status = |made: &Endpoint| ports.get(usize::from(made.number));
    endpoints(topology).filter_map(move |made| Some((made, status(made)?)))
}

fn describe(topology: &Topology, rootless: bool) -> NetworkInfo {
    let subnets = topology.network.subnets();
    NetworkInfo {
        name: topology.network.name().to_string(),
        pid: process::id(),
        rootless,
        uptime_seconds: 0,
        subnet: subnets.v4,
        subnet6: subnets.v6,
        mtu: topology.network.mtu().get(),
        host_if: topology.host.interface.clone(),
        ports: topology.ports.len(),
    }
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

/// What these locks guard is consistent at any time, so a panic elsewhere does not spoil it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
