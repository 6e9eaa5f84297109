//! How do the host and its networks look at one moment?
//!
//! To look costs some hundred questions to the kernel, each of them dearer the more namespaces there are:
//! its `/proc/sys/net` has an entry for every namespace under one name, and looks through them in turn
//! (`proc_sys_compare` in `fs/proc/proc_sysctl.c`). So who tells many networks looks once.

use super::Site;
use super::record::living;
use crate::model::{Network, NetworkName};
use crate::uplink::{self, Beside, Host, UplinkError};
use dataplane::config::{HostView, Rule};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many times somebody has looked.
static LOOKS: AtomicU64 = AtomicU64::new(1);

/// The host and all networks on it, of this process and of others, at one moment.
#[derive(Debug)]
pub struct Outlook {
    /// The larger, the later.
    pub(super) order: u64,
    pub(super) host: Host,
    /// All networks by their host interfaces.
    taps: Vec<(String, NetworkName)>,
    /// What dataplanes have to know of it, without and with IPv6; once one was told.
    views: [Mutex<Option<View>>; 2],
}

/// What a dataplane has to know of the host, and whether that is all.
type View = (HostView, bool);

impl Outlook {
    /// Looks at the calling thread's namespace and at the site.
    ///
    /// # Errors
    /// The kernel does not answer, or the journals cannot be read.
    pub fn look(site: &Site) -> Result<Self, UplinkError> {
        // Counted before: what is seen behind it is as new as that at least.
        let order = LOOKS.fetch_add(1, Ordering::Relaxed);
        let unreadable = |source| UplinkError::Ledger { path: site.state_dir.clone(), source };
        let all = living(site).map_err(unreadable)?.into_iter();
        let taps = all.map(|(name, journal)| (journal.interface, name)).collect();
        Ok(Self { order, host: Host::observe()?, taps, views: Default::default() })
    }

    /// The networks, as the rules of this one name them.
    pub(super) fn beside(&self, network: &Network) -> Beside {
        let named = network.filter().rules.iter().flat_map(Rule::networks);
        Beside::of(self.taps.iter().cloned()).naming(named.filter_map(NetworkName::of_id).collect())
    }

    /// What a dataplane has to know of the host, and whether that is all. Which networks a rule names
    /// is none of it.
    pub(super) fn view(&self, ipv6: bool) -> Result<View, UplinkError> {
        let mut view = self.views[usize::from(ipv6)].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = &*view {
            return Ok(view.clone());
        }
        let beside = Beside::of(self.taps.iter().cloned());
        Ok(view.insert(uplink::host_view(&self.host, &beside, ipv6)?).clone())
    }
}
