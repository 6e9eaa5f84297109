//! How do interfaces and ways out come and go while a network stands?
//!
//! An interface is made in a namespace that is there, and brought up only when the switch knows all of
//! it. It goes when its TAP is closed.

use super::apply::raise_descriptor_limit;
use super::endpoint::Blueprint;
use super::outside::{claim, give_up, mend, neighbours, note, raise};
use super::record::lock_site;
use super::{Endpoint, Site, StepError, Topology};
use crate::addressing::Addresses;
use crate::model::{Mtu, Written};
use crate::netlink::{LinkChange, Netlink};
use crate::netns;
use crate::plan::EndpointState;
use crate::uplink::{self, UplinkError};
use dataplane::port::Offloads;
use std::net::IpAddr;
use std::path::Path;

/// An interface that is to be made in a namespace.
#[derive(Clone, Copy, Debug)]
pub struct NewEndpoint<'a> {
    /// The sandbox's name.
    pub name: &'a str,
    /// Its number in the switch.
    pub number: u16,
    /// What the namespace is called where it is shown: its name, or its path.
    pub namespace: &'a str,
    /// The namespace's file.
    pub path: &'a Path,
    /// All else.
    pub state: &'a EndpointState,
    /// Its MTU.
    pub mtu: Mtu,
    /// How many queues its TAP has.
    pub queues: usize,
}

impl NewEndpoint<'_> {
    /// Makes the interface, which is not up yet. Dropping it undoes that.
    ///
    /// # Errors
    /// The namespace cannot be entered, or the kernel refuses a step.
    pub fn make(&self) -> Result<Endpoint, StepError> {
        let offloads = if self.state.offloads { Offloads::ALL } else { Offloads::NONE };
        let blueprint = Blueprint {
            number: self.number,
            name: self.name.to_owned(),
            interface: self.state.interface.to_string(),
            namespace: Some((self.namespace.to_owned(), self.path.to_owned())),
            addresses: self.state.addresses,
            gateways: Vec::new(),
            mtu: self.mtu,
            offloads,
            queues: self.queues,
            up: false,
        };
        raise_descriptor_limit(1, self.queues);
        netns::run_in(self.path, || Ok(blueprint.build(&mut Netlink::open()?)?.0))?
    }

    /// Brings the interface up.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn bring_up(&self) -> Result<(), StepError> {
        netns::run_in(self.path, || {
            let mut netlink = Netlink::open()?;
            let link = netlink.link(self.state.interface.as_str())?;
            Ok(netlink.change_link(&link, &LinkChange { up: true, ..LinkChange::default() })?)
        })?
    }
}

/// Leads the default routes of the namespace at `path` by an interface to the host's addresses, or does
/// so no longer.
///
/// # Errors
/// The namespace cannot be entered, or the kernel refuses; routes before may be changed then.
pub fn lead(path: &Path, interface: &str, host: &Addresses, there: bool) -> Result<(), StepError> {
    let v6 = host.ipv6.map(|net| IpAddr::from(net.addr()));
    netns::run_in(path, || {
        let mut netlink = Netlink::open()?;
        let link = match netlink.link(interface) {
            // No route of ours leads by an interface that is gone. Whoever has renamed it keeps the route.
            Err(error) if !there && error.is_no_device() => return Ok(()),
            link => link?,
        };
        for gateway in [Some(IpAddr::from(host.ipv4.addr())), v6].into_iter().flatten() {
            // One that is there already goes first: to add it once more would fail as if it were another's.
            netlink.remove_default_route(&link, gateway)?;
            if there {
                netlink.add_default_route(&link, gateway)?;
            }
        }
        Ok(())
    })?
}

impl Topology {
    /// Makes the way out that the network asks for; one that is there already is made whole. Who did not ask for one gets a warning where there
    /// can be none.
    ///
    /// # Errors
    /// There can be none; nothing of it is left.
    pub fn raise_way(&mut self, site: &Site) -> Result<(), StepError> {
        let _turn = lock_site(site)?;
        if self.uplink.is_some() {
            return Ok(mend(self, site)?);
        }
        if let Err(error) = raise(self, site) {
            give_up(site, &self.network.name().clone())?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Takes the way out away, if there is one.
    ///
    /// # Errors
    /// Rules or settings of it stay; it is there still, then.
    pub fn lower_way(&mut self, site: &Site) -> Result<(), StepError> {
        let _turn = lock_site(site)?;
        let name = self.network.name().clone();
        let Some(uplink) = &self.uplink else { return Ok(()) };
        let others = neighbours(site, &name)?;
        if let Some(error) =
            uplink::lower(&site.state_dir, uplink.entry(), &others).into_iter().next()
        {
            return Err(error.into());
        }
        note(site, &name, None)?;
        self.uplink = None;
        // The interface stays.
        Ok(uplink::give_back(&self.host.interface).map_err(UplinkError::from)?)
    }

    /// Is there a way out?
    pub fn has_way(&self) -> bool {
        self.uplink.is_some()
    }

    /// Claims a port that is published from now on; it stays as it is if it was claimed before.
    /// [`Self::follow`] makes its rules.
    ///
    /// # Errors
    /// Another network has it, or the journal cannot be written; nothing has changed then.
    pub fn claim(&mut self, site: &Site, written: &Written) -> Result<(), StepError> {
        let Some(mut uplink) = self.uplink.clone() else { return Ok(()) };
        let _turn = lock_site(site)?;
        uplink.claim(claim(written), &neighbours(site, self.network.name())?)?;
        note(site, self.network.name(), Some(uplink.entry()))?;
        self.uplink = Some(uplink);
        Ok(())
    }

    /// Lets a port go that is published no more.
    ///
    /// # Errors
    /// The journal cannot be written; nothing has changed then.
    pub fn disclaim(&mut self, site: &Site, written: &Written) -> Result<(), StepError> {
        let Some(mut uplink) = self.uplink.clone() else { return Ok(()) };
        let _turn = lock_site(site)?;
        uplink.disclaim(&claim(written));
        note(site, self.network.name(), Some(uplink.entry()))?;
        self.uplink = Some(uplink);
        Ok(())
    }
}
