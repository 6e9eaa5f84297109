//! How does one interface of the network come to be?

use super::StepError;
use crate::addressing::Addresses;
use crate::model::Mtu;
use crate::netlink::{LinkChange, Netlink, NetlinkError};
use crate::netns::{self, Identity, NetnsError};
use crate::sysctl::{self, SysctlError};
use dataplane::port::Offloads;
use dataplane::port::tap::Tap;
use dataplane::wire::ethernet::MacAddr;
use ipnet::{Ipv4Net, Ipv6Net};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Frames that a TAP holds until we read them. When the ring is full the kernel drops, and tells us only
/// by the interface's `tx_dropped`; the default of 1,000 is less than what one UDP sender writes while the
/// loop serves the other ports.
/// It is shared among the device's queues.
const TX_QUEUE_LEN: u32 = 10_000;

/// What each of several queues has at least: the kernel's default.
const QUEUE_LEN_MIN: u32 = 1000;

/// An interface: the host's or a port's.
#[derive(Debug)]
pub struct Endpoint {
    /// Its number in the switch.
    pub number: u16,
    /// The name of the port, and of the host interface for the host's.
    pub name: String,
    /// The name of its namespace; `None` for the host's.
    pub namespace: Option<String>,
    /// The name of the interface in that namespace.
    pub interface: String,
    /// Its MAC.
    pub mac: MacAddr,
    /// Its IPv4 address with the subnet's prefix length.
    pub ipv4: Ipv4Net,
    /// Its IPv6 address with the subnet's prefix length, if the network has IPv6.
    pub ipv6: Option<Ipv6Net>,
    /// Its MTU in bytes.
    pub mtu: u16,
    /// What the kernel granted.
    pub offloads: Offloads,
    /// The file of its namespace and what it led to when it was made.
    home: Option<(PathBuf, Identity)>,
    tap: Option<Tap>,
}

/// What one interface is to be.
#[derive(Debug)]
pub(super) struct Blueprint {
    /// Its number in the switch.
    pub(super) number: u16,
    /// The port's name.
    pub(super) name: String,
    /// The interface's name.
    pub(super) interface: String,
    /// The namespace's name and file; `None` for the calling thread's.
    pub(super) namespace: Option<(String, PathBuf)>,
    /// Its addresses.
    pub(super) addresses: Addresses,
    /// Where the default routes go: the bridge's addresses, but not for the host itself and not in an
    /// internal network.
    pub(super) gateways: Vec<IpAddr>,
    /// Its MTU.
    pub(super) mtu: Mtu,
    /// The offloads to ask for.
    pub(super) offloads: Offloads,
    /// How many queues its TAP has.
    pub(super) queues: usize,
    /// Is it brought up at once?
    pub(super) up: bool,
}

impl Blueprint {
    /// Makes the interface in the calling thread's namespace and brings it up. Dropping the endpoint
    /// undoes it.
    pub(super) fn build(
        &self,
        netlink: &mut Netlink,
    ) -> Result<(Endpoint, Vec<SysctlError>), StepError> {
        let tap = Tap::open_queues(&self.interface, self.offloads, self.queues)?;
        let link = netlink.link(&self.interface)?;
        let Addresses { mac, ipv4, ipv6 } = self.addresses;
        let unset = if ipv6.is_some() { sysctl::prepare_ipv6(&self.interface) } else { Vec::new() };
        let change = LinkChange {
            mac: Some(mac),
            mtu: Some(self.mtu.get()),
            tx_queue_len: Some((TX_QUEUE_LEN / self.queues as u32).max(QUEUE_LEN_MIN)),
            up: self.up,
            ..LinkChange::default()
        };
        // Before it is up: then it has none from the first frame on.
        netlink.drop_queueing(&link)?;
        netlink.change_link(&link, &change)?;
        netlink.add_address(&link, ipv4.into())?;
        if let Some(ipv6) = ipv6 {
            netlink.add_address(&link, ipv6.into())?;
        }
        for &gateway in &self.gateways {
            netlink.add_default_route(&link, gateway)?;
        }
        Ok((self.endpoint(tap, netns::own()?), unset))
    }

    fn endpoint(&self, tap: Tap, identity: Identity) -> Endpoint {
        use dataplane::port::Port;
        Endpoint {
            number: self.number,
            name: self.name.clone(),
            namespace: self.namespace.as_ref().map(|(name, _)| name.clone()),
            interface: self.interface.clone(),
            mac: self.addresses.mac,
            ipv4: self.addresses.ipv4,
            ipv6: self.addresses.ipv6,
            mtu: self.mtu.get(),
            offloads: tap.offloads(),
            home: self.namespace.as_ref().map(|(_, path)| (path.clone(), identity)),
            tap: Some(tap),
        }
    }
}

impl Endpoint {
    /// The TAP, the first time it is asked for.
    pub fn take_tap(&mut self) -> Option<Tap> {
        self.tap.take()
    }

    /// Has everybody else left its namespace: is its name gone, and is no process in it?
    ///
    /// The kernel would not say so. An open `/dev/net/tun` keeps the namespace alive in which it was
    /// opened (`tun_chr_open`), so without us it would be gone. A TAP that is made elsewhere and moved
    /// there goes with the namespace, but a move waits for an RCU barrier: 20 ms a port.
    pub fn is_abandoned(&self) -> bool {
        let Some((path, identity)) = &self.home else { return false };
        // Where /proc cannot be read nobody can tell, and the port stays.
        !identity.is_at(path) && identity.has_process().is_ok_and(|some| !some)
    }

    /// Runs `visit` where the interface is; the host's is in the calling thread's namespace.
    pub(super) fn visit<T: Send>(
        &self,
        visit: impl FnOnce() -> Result<T, StepError> + Send,
    ) -> Result<T, StepError> {
        let Some((path, identity)) = &self.home else { return visit() };
        netns::run_in(path, || match netns::own()? == *identity {
            true => visit(),
            false => Err(StepError::Elsewhere(path.clone())),
        })?
    }

    /// The namespace's file; `None` for the host's.
    pub fn namespace_path(&self) -> Option<&Path> {
        self.home.as_ref().map(|(path, _)| path.as_path())
    }
}

/// Why the statistics of an interface cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The namespace cannot be entered.
    #[error(transparent)]
    Namespace(#[from] NetnsError),
    /// The kernel does not answer.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
}

/// How many frames the endpoint's namespace sent faster than they were read from its TAP: the
/// interface's `tx_dropped`. The host's is looked up in the calling thread's namespace.
///
/// # Errors
/// [`RingError`] if the namespace or the interface is gone.
pub fn ring_drops(endpoint: &Endpoint) -> Result<u64, RingError> {
    let visit = || Ok(Netlink::open()?.link(&endpoint.interface)?.tx_dropped);
    match endpoint.namespace_path() {
        Some(path) => netns::run_in(path, visit)?,
        None => visit(),
    }
}
