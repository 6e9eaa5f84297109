//! What is a running network?
//!
//! A [`Living`] joins what was made (the topology) with what happens to it (the engine).
//!
//! | file | question |
//! |---|---|
//! | `tell` | what is there to tell about it? |
//! | `look` | what has changed since the last look? |

mod look;
mod tell;

pub use look::Totals;

use super::fullness::Fullness;
use crate::api::protocol::NetworkInfo;
use crate::model::Limits;
use crate::publish::Relay;
use crate::topology::{Endpoint, Site, Topology};
use dataplane::config::RouterConfig;
use dataplane::engine::{Handle, PortStatus};
use std::collections::{BTreeMap, BTreeSet};
use std::process;
use std::sync::atomic::{AtomicU16, AtomicUsize};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

/// What a network is made of.
pub(super) struct Parts {
    pub(super) topology: Topology,
    pub(super) handle: Handle,
    pub(super) relay: Relay,
    /// What the router was told.
    pub(super) router: Option<RouterConfig>,
}

/// A running network.
pub(super) struct Living {
    pub(super) network: NetworkInfo,
    pub(super) since: Instant,
    pub(super) handle: Handle,
    pub(super) relay: Relay,
    /// The ids of ports that were taken out on purpose.
    pub(super) removed: Mutex<BTreeSet<u16>>,
    /// The MTU as it is now. Not asked of the topology, whose lock may be held for long.
    pub(super) mtu: AtomicU16,
    /// How many ports there are, the host's not counted.
    pub(super) ports: AtomicUsize,
    /// Taken out when the network ends.
    pub(super) topology: Mutex<Option<Topology>>,
    /// Which ports were gone when they were last looked at.
    gone: Mutex<Vec<bool>>,
    /// What was counted then.
    seen: Mutex<Totals>,
    /// Which tables were full then.
    fullness: Mutex<Fullness>,
    pub(super) site: Site,
    /// What the router was told last. Locked behind the topology.
    pub(super) router: Mutex<Option<RouterConfig>>,
    /// The limits of its ports that have some, by the port's number.
    pub(super) limits: Mutex<BTreeMap<u16, Limits>>,
    /// Why it is to end, once somebody wants that.
    stop: watch::Sender<Option<&'static str>>,
}

impl Living {
    /// A network that stands from now on.
    pub(super) fn new(parts: Parts, rootless: bool, site: &Site) -> Self {
        let Parts { topology, handle, relay, router } = parts;
        Self {
            network: describe(&topology, rootless),
            since: Instant::now(),
            handle,
            relay,
            removed: Mutex::default(),
            mtu: AtomicU16::new(topology.network.mtu().get()),
            ports: AtomicUsize::new(topology.ports.len()),
            gone: Mutex::new(vec![false; topology.ports.len() + 1]),
            seen: Mutex::default(),
            fullness: Mutex::default(),
            topology: Mutex::new(Some(topology)),
            site: site.clone(),
            router: Mutex::new(router),
            limits: Mutex::default(),
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

/// What these locks guard is consistent at any time, so a panic elsewhere does not spoil it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
