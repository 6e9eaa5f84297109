//! What cannot be changed while it runs?
//!
//! An identity that differs means: removed and made anew, and with it what depends on it. A network
//! takes its endpoints along, a sandbox its endpoints and those who share its namespace.

use super::{EndpointState, Identity, State};
use crate::model::{NetworkName, SandboxName};
use std::collections::{BTreeMap, BTreeSet};

/// Something that is removed and made anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// A network, with all of its endpoints.
    Network(NetworkName, Reason),
    /// A sandbox, with all of its endpoints.
    Sandbox(SandboxName, Reason),
    /// An endpoint alone.
    Endpoint(SandboxName, NetworkName, Reason),
}

/// What differs that cannot be changed, in the words of the file: before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A field.
    Field {
        /// The field's name.
        field: &'static str,
        /// Its value before.
        from: String,
        /// Its value after.
        to: String,
    },
    /// The sandbox whose namespace it shares is made anew.
    Shares(SandboxName),
}

/// All that is replaced.
#[derive(Debug, Default)]
pub(super) struct Replaced {
    pub(super) list: Vec<Replacement>,
    networks: BTreeSet<NetworkName>,
    sandboxes: BTreeSet<SandboxName>,
    endpoints: BTreeMap<NetworkName, BTreeSet<SandboxName>>,
}

impl Replaced {
    /// Is the network there before and after, and the same?
    pub(super) fn keeps_network(&self, from: &State, to: &State, name: &NetworkName) -> bool {
        let is_there = |state: &State| state.networks.contains_key(name);
        is_there(from) && is_there(to) && !self.networks.contains(name)
    }

    /// The same of a sandbox.
    pub(super) fn keeps_sandbox(&self, from: &State, to: &State, name: &SandboxName) -> bool {
        let is_there = |state: &State| state.sandboxes.contains_key(name);
        is_there(from) && is_there(to) && !self.sandboxes.contains(name)
    }

    /// The same of an endpoint.
    pub(super) fn keeps_endpoint(
        &self,
        from: &State,
        to: &State,
        network: &NetworkName,
        sandbox: &SandboxName,
    ) -> bool {
        let has = |state: &State| {
            state.networks.get(network).is_some_and(|one| one.endpoints.contains_key(sandbox))
        };
        let replaced = self.endpoints.get(network).is_some_and(|all| all.contains(sandbox))
            || self.networks.contains(network)
            || self.sandboxes.contains(sandbox);
        has(from) && has(to) && !replaced
    }
}

pub(super) fn find(from: &State, to: &State) -> Replaced {
    let mut replaced = Replaced::default();
    for (name, network) in &from.networks {
        let Some(wanted) = to.networks.get(name) else { continue };
        if let Some(reason) = of_network(&network.identity, &wanted.identity) {
            replaced.list.push(Replacement::Network(name.clone(), reason));
            replaced.networks.insert(name.clone());
        }
    }
    sandboxes(from, to, &mut replaced);
    for (network, state) in &from.networks {
        let Some(wanted) = to.networks.get(network) else { continue };
        for (sandbox, endpoint) in &state.endpoints {
            let Some(wanted) = wanted.endpoints.get(sandbox) else { continue };
            if !replaced.keeps_endpoint(from, to, network, sandbox) {
                continue;
            }
            if let Some(reason) = of_endpoint(endpoint, wanted) {
                replaced.endpoints.entry(network.clone()).or_default().insert(sandbox.clone());
                let one = Replacement::Endpoint(sandbox.clone(), network.clone(), reason);
                replaced.list.push(one);
            }
        }
    }
    replaced
}

fn sandboxes(from: &State, to: &State, replaced: &mut Replaced) {
    let mut roots = Vec::new();
    for (name, sandbox) in &from.sandboxes {
        let Some(wanted) = to.sandboxes.get(name) else { continue };
        if sandbox.bare() != wanted.bare() {
            let (from, to) = (sandbox.to_string(), wanted.to_string());
            let reason = Reason::Field { field: "mode", from, to };
            replaced.list.push(Replacement::Sandbox(name.clone(), reason));
            replaced.sandboxes.insert(name.clone());
            roots.push(name);
        }
    }
    for root in roots {
        for sharing in from.sharing(root) {
            // Who stays with another one's namespace is not the same when that is another.
            if to.sandboxes.contains_key(sharing) && replaced.sandboxes.insert(sharing.clone()) {
                let reason = Reason::Shares(root.clone());
                replaced.list.push(Replacement::Sandbox(sharing.clone(), reason));
            }
        }
    }
}

/// What differs, if the values do.
fn differs<T: PartialEq>(
    field: &'static str,
    from: &T,
    to: &T,
    words: impl Fn(&T) -> String,
) -> Option<Reason> {
    (from != to).then(|| Reason::Field { field, from: words(from), to: words(to) })
}

fn of_network(from: &Identity, to: &Identity) -> Option<Reason> {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    differs("subnet", &from.subnets.v4, &to.subnets.v4, ToString::to_string)
        .or_else(|| {
            let words =
                |subnet: &Option<ipnet::Ipv6Net>| or_none(subnet.map(|net| net.to_string()));
            differs("subnet6", &from.subnets.v6, &to.subnets.v6, words)
        })
        .or_else(|| {
            let (from, to) = (&from.host_interface, &to.host_interface);
            differs("host-interface", from, to, ToString::to_string)
        })
        .or_else(|| differs("workers", &from.workers, &to.workers, |count| count.get().to_string()))
        .or_else(|| differs("host", &from.host, &to.host, |host| host.mac.to_string()))
}

fn of_endpoint(from: &EndpointState, to: &EndpointState) -> Option<Reason> {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let (old, new) = (&from.addresses, &to.addresses);
    differs("interface", &from.interface, &to.interface, ToString::to_string)
        .or_else(|| differs("address", &old.ipv4, &new.ipv4, |net| net.addr().to_string()))
        .or_else(|| {
            differs("address6", &old.ipv6, &new.ipv6, |net| {
                or_none(net.map(|net| net.addr().to_string()))
            })
        })
        .or_else(|| differs("mac", &old.mac, &new.mac, ToString::to_string))
}
