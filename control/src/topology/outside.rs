//! How do a network's uplink and its record go together?
//!
//! What is shared with other networks is decided under the site's lock, from the journals of those
//! that live; what this one makes is in its own journal before it is made.

use super::journal::Journal;
use super::record::{folder, killed, living, lock_site};
use super::{Outlook, RecordError, Site, Topology, Warning};
use crate::addressing::next_hop;
use crate::compile;
use crate::model::{Network, NetworkName, UplinkKind, Written};
use crate::netns;
use crate::publish::for_dataplane;
use crate::uplink::{self, Caveat, Claim, Entry, Others, Uplink, UplinkError, Wanted};
use dataplane::config::{HostView, NatConfig, RouterConfig};
use std::collections::HashSet;
use std::io;

/// What a network asks of its uplink; `None` if it is to have none.
pub(super) fn wanted(network: &Network) -> Option<Wanted> {
    let router = network.router();
    // An internal network needs no replies from outside.
    let goes_out = router.uplink != Some(UplinkKind::None) && !network.is_internal();
    goes_out.then(|| Wanted {
        interface: network.host_interface().to_string(),
        ipv6: network.subnets().v6.is_some(),
        ports: router.nat_ports.as_ref().map(|ports| (*ports.start(), *ports.end())),
        snat: router.snat.clone(),
        published: network.publish().iter().map(|one| claim(&one.written)).collect(),
    })
}

/// What a published port takes of the host.
pub(super) fn claim(written: &Written) -> Claim {
    let ports = (*written.ports.start(), *written.ports.end());
    Claim { protocol: written.protocol.number(), address: written.address, ports }
}

/// The entries of all other networks that live.
pub(super) fn others(site: &Site, except: &NetworkName) -> io::Result<Vec<Entry>> {
    let all = living(site)?.into_iter().filter(|(name, _)| name != except);
    Ok(all.filter_map(|(_, journal)| journal.uplink).collect())
}

/// Those of them whose host is this one: networks that share the folder for state may stand in hosts of
/// their own, where the same ports and tables are free.
pub(super) fn neighbours(site: &Site, except: &NetworkName) -> Result<Vec<Entry>, UplinkError> {
    let unreadable = |source| UplinkError::Ledger { path: site.state_dir.clone(), source };
    let (mut others, home) = (others(site, except).map_err(unreadable)?, netns::own()?);
    others.retain(|other| other.home == home);
    Ok(others)
}

/// The entries of the networks that were killed and not cleared up after.
fn dead(site: &Site) -> io::Result<Vec<Entry>> {
    Ok(killed(site)?.into_iter().filter_map(|(_, journal)| journal.uplink).collect())
}

/// Makes the uplink of a network whose host interface is up. The caller holds the site's lock. Who did
/// not ask for an uplink gets a warning where there can be none.
pub(super) fn raise(topology: &mut Topology, site: &Site) -> Result<(), UplinkError> {
    let Some(wanted) = wanted(&topology.network) else { return Ok(()) };
    match try_raise(topology, site, &wanted) {
        Ok(()) => Ok(()),
        Err(error) if topology.network.router().asks_for_uplink().is_some() => Err(error),
        Err(error) => {
            let name = topology.network.name().clone();
            give_up(site, &name)?;
            topology.warnings.push(Warning::NoUplink(error));
            Ok(())
        }
    }
}

/// Makes an uplink whole again that could not be taken away whole. The caller holds the site's lock.
pub(super) fn mend(topology: &mut Topology, site: &Site) -> Result<(), UplinkError> {
    let name = topology.network.name();
    let seen = Outlook::look(site)?;
    let beside = seen.beside(&topology.network);
    let mut note = |entry: &Entry| note(site, name, Some(entry));
    let Some(uplink) = &mut topology.uplink else { return Ok(()) };
    let look = uplink.look(&seen.host, &beside);
    uplink.make(&look, &mut note)
}

fn try_raise(topology: &mut Topology, site: &Site, wanted: &Wanted) -> Result<(), UplinkError> {
    let name = topology.network.name().clone();
    let unreadable = |source| UplinkError::Ledger { path: site.state_dir.clone(), source };
    let others = neighbours(site, &name)?;
    let dead = dead(site).map_err(unreadable)?;
    let seen = Outlook::look(site)?;
    let taken: HashSet<_> = seen.host.addresses().collect();
    let next_hop = next_hop(&topology.network, &taken);
    let mut note = |entry: &Entry| note(site, &name, Some(entry));
    let others = Others { living: &others, dead: &dead };
    let look = (&seen.host, &seen.beside(&topology.network));
    let made = Uplink::raise(&site.state_dir, wanted, next_hop, others, look, &mut note)?;
    if wanted.ipv6 && !made.entry().ipv6 {
        topology.warnings.push(Caveat::Ipv6NotForwarded.into());
    }
    topology.uplink = Some(made);
    Ok(())
}

/// Undoes what was noted of an uplink that could not be made.
pub(super) fn give_up(site: &Site, name: &NetworkName) -> Result<(), UplinkError> {
    let path = folder(site, name);
    let failed = |source| UplinkError::Ledger { path: path.clone(), source };
    let Some(entry) = Journal::read(&path).map_err(failed)?.and_then(|journal| journal.uplink)
    else {
        return Ok(());
    };
    let others = others(site, name).map_err(failed)?;
    match uplink::lower(&site.state_dir, &entry, &others).into_iter().next() {
        Some(error) => Err(error),
        None => note(site, name, None),
    }
}

/// Writes the entry of an uplink into the network's journal.
pub(super) fn note(
    site: &Site,
    name: &NetworkName,
    entry: Option<&Entry>,
) -> Result<(), UplinkError> {
    let path = folder(site, name);
    let write = || -> io::Result<()> {
        let mut journal = Journal::read(&path)?.ok_or(io::ErrorKind::NotFound)?;
        journal.uplink = entry.cloned();
        journal.write(&path)
    };
    write().map_err(|source| UplinkError::Ledger { path: path.clone(), source })
}

/// Why a change of the host cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The rules cannot be changed.
    #[error(transparent)]
    Uplink(#[from] UplinkError),
    /// Another process holds the site's lock, and it cannot be waited for.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Topology {
    /// Looks at the host again, changes rules and settings as its interfaces and addresses ask, and
    /// returns what the router is to be told now, with what is left out; `None` for a network without
    /// a router.
    ///
    /// # Errors
    /// [`FollowError`]; some of the changes may be made then, and the next call makes the others.
    pub fn follow(
        &mut self,
        site: &Site,
    ) -> Result<Option<(RouterConfig, Vec<Caveat>)>, FollowError> {
        self.follow_seen(site, &Outlook::look(site)?)
    }

    /// Has this network followed what was seen later than this?
    pub fn knows_better(&self, seen: &Outlook) -> bool {
        seen.order < self.followed
    }

    /// As [`Self::follow`], with what somebody has seen for many networks.
    ///
    /// # Errors
    /// As of [`Self::follow`].
    pub fn follow_seen(
        &mut self,
        site: &Site,
        seen: &Outlook,
    ) -> Result<Option<(RouterConfig, Vec<Caveat>)>, FollowError> {
        let beside = seen.beside(&self.network);
        // Where there is another network, somebody must keep them apart.
        if !beside.has_others(self.network.name()) && !self.asks_for_router() {
            self.followed = seen.order;
            return Ok(None);
        }
        let (view, caveats) = match &mut self.uplink {
            None => (seen.view(false)?.0, Vec::new()),
            Some(uplink) => {
                let mut look = uplink.look(&seen.host, &beside);
                if uplink.is_shared(&look) {
                    let _turn = lock_site(site)?;
                    let name = self.network.name();
                    let mut note = |entry: &Entry| note(site, name, Some(entry));
                    // Others may have changed it meanwhile.
                    look = uplink.look(&uplink::Host::observe()?, &beside);
                    uplink.settle_shared(&look, &mut note)?;
                }
                uplink.settle_rules(&look)?;
                let (view, all) = seen.view(uplink.entry().ipv6)?;
                (view, look.caveats(all))
            }
        };
        self.followed = seen.order;
        Ok(self.router(view).map(|router| (router, caveats)))
    }

    /// Is there to be a router, whoever else is on the host?
    pub fn asks_for_router(&self) -> bool {
        self.uplink.is_some() || self.router(HostView::default()).is_some()
    }

    /// What the router is told while the host looks like this; `None` if there is to be none.
    pub fn router(&self, host: HostView) -> Option<RouterConfig> {
        let (network, internal) = (&self.network, self.network.is_internal());
        let way = |uplink: &Uplink| {
            let (first, last) = uplink.entry().ports;
            (uplink.next_hop(), first..=last)
        };
        // What keeps the outside out has a next hop like any other, though no route leads there.
        let shut = || (next_hop(network, &HashSet::new()), NatConfig::DEFAULT_PORTS);
        let uplink = self.uplink.as_ref().map(way).or_else(|| internal.then(shut));
        let filter = network.filter().clone();
        let published = for_dataplane(network);
        compile::router(network, compile::Parts { uplink, host, published, filter, internal })
    }
}
