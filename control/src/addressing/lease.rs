//! Who had which address?
//!
//! The table has a line for each endpoint that ever was, until there are too many: those that are, and
//! those that are *remembered*, which get the same again when they come back. What is remembered is
//! given to somebody else only when nothing else is left, the longest gone first.
//!
//! Limits: [`MAX_REMEMBERED`].

use crate::model::{NetworkName, SandboxName};
use dataplane::wire::ethernet::MacAddr;
use ipnet::{Ipv4Net, Ipv6Net};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Most endpoints that are gone and remembered, and as many networks: some 150 bytes of JSON each. Who
/// makes sandboxes of ever new names must not fill the disk.
pub const MAX_REMEMBERED: usize = 1024;

/// The table of all leases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leases {
    /// The networks that are or were.
    pub networks: BTreeMap<NetworkName, NetworkLeases>,
    /// How often something went away: the clock of `gone`.
    pub(super) departures: u64,
}

/// A network's part of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkLeases {
    /// The IPv4 subnet, if it has had one.
    pub subnet: Option<Ipv4Net>,
    /// The IPv6 subnet, if it has had one.
    pub subnet6: Option<Ipv6Net>,
    /// The endpoints by sandbox.
    pub endpoints: BTreeMap<SandboxName, Lease>,
    /// When it went away; `None` if it is there.
    pub gone: Option<u64>,
}

/// What an endpoint has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its IPv4 address.
    pub ipv4: Ipv4Addr,
    /// Its IPv6 address, if it has had one.
    pub ipv6: Option<Ipv6Addr>,
    /// Its MAC.
    pub mac: MacAddr,
    /// When it went away; `None` if it is there.
    pub gone: Option<u64>,
}

impl Leases {
    /// Marks what is not there any more, and forgets what is too much to remember.
    pub(super) fn depart(&mut self, is_there: impl Fn(&NetworkName, Option<&SandboxName>) -> bool) {
        let now = self.departures + 1;
        for (name, network) in &mut self.networks {
            note(&mut network.gone, is_there(name, None), now);
            for (sandbox, lease) in &mut network.endpoints {
                note(&mut lease.gone, is_there(name, Some(sandbox)), now);
            }
        }
        let has_left = |gone: Option<u64>| gone == Some(now);
        let endpoints =
            |network: &NetworkLeases| network.endpoints.values().any(|lease| has_left(lease.gone));
        if self.networks.values().any(|network| has_left(network.gone) || endpoints(network)) {
            self.departures = now;
        }
        self.forget();
    }

    /// Forgets the longest gone beyond [`MAX_REMEMBERED`].
    fn forget(&mut self) {
        let networks = self.networks.values().map(|network| network.gone);
        let oldest = oldest_kept(networks);
        self.networks.retain(|_, network| network.gone.is_none_or(|gone| gone >= oldest));
        let endpoints = self.networks.values().flat_map(|network| network.endpoints.values());
        let oldest = oldest_kept(endpoints.map(|lease| lease.gone));
        for network in self.networks.values_mut() {
            network.endpoints.retain(|_, lease| lease.gone.is_none_or(|gone| gone >= oldest));
        }
    }
}

fn note(gone: &mut Option<u64>, is_there: bool, now: u64) {
    *gone = if is_there { None } else { gone.or(Some(now)) };
}

/// The departure from which on all are remembered. Who left together is forgotten together.
fn oldest_kept(gone: impl Iterator<Item = Option<u64>>) -> u64 {
    let mut gone: Vec<u64> = gone.flatten().collect();
    if gone.len() <= MAX_REMEMBERED {
        return 0;
    }
    gone.sort_unstable();
    // The first that is kept may have left with others that are too many.
    let first = gone.len() - MAX_REMEMBERED;
    if gone[first - 1] == gone[first] { gone[first] + 1 } else { gone[first] }
}
