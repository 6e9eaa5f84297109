//! How does one namespace of a system come about, and an interface in it to its address?
//!
//! For what stands beside our own network: the other systems, and the outside of all.

use crate::bench::measure::CONGESTION;
use crate::netlink::{Link, LinkChange, Netlink, NetlinkError};
use crate::netns::{self, NETNS_DIR, NetnsError};
use crate::sysctl;
use ipnet::Ipv4Net;
use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

/// Why a namespace is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// It cannot be made or entered.
    #[error(transparent)]
    Namespace(#[from] NetnsError),
    /// It cannot be opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// Its file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// It cannot be removed.
    #[error("cannot remove the namespace {}: {source}", path.display())]
    Remove {
        /// Its file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The kernel refuses a step within it.
    #[error(transparent)]
    Step(#[from] NetlinkError),
}

/// The file of the namespace with this name.
pub(super) fn file(name: &str) -> PathBuf {
    PathBuf::from(NETNS_DIR).join(name)
}

/// The setting of what the sockets of a namespace do that do not choose.
const CONGESTION_KEY: &str = "net/ipv4/tcp_congestion_control";

/// Makes an empty one of this name, and gives its file. Its sockets get the congestion control of all
/// measurements, where the kernel lets us choose: those of other systems' programs do not ask for it.
pub(super) fn make(name: &str) -> Result<PathBuf, NamespaceError> {
    let path = file(name);
    netns::run_in_new(|| {
        // Refused unless the machine lists it in `tcp_allowed_congestion_control`; what is in force is told.
        let _ = sysctl::write(CONGESTION_KEY, CONGESTION);
        netns::pin(&path)
    })??;
    Ok(path)
}

/// What the sockets of this namespace do that do not choose; `None` where the kernel does not tell.
pub(in crate::bench) fn congestion(netns: &Path) -> Option<String> {
    netns::run_in(netns, || sysctl::read(CONGESTION_KEY)).ok()?.ok()?
}

/// Removes them, and with them their interfaces.
pub(super) fn remove_all<P: AsRef<Path>>(
    paths: impl IntoIterator<Item = P>,
) -> Result<(), NamespaceError> {
    paths.into_iter().try_for_each(|path| {
        let path = path.as_ref();
        netns::remove(path)
            .map_err(|source| NamespaceError::Remove { path: path.to_owned(), source })
    })
}

/// Opens it, for an interface to be made in it from elsewhere.
pub(super) fn open(path: &Path) -> Result<File, NamespaceError> {
    File::open(path).map_err(|source| NamespaceError::Open { path: path.to_owned(), source })
}

/// Brings the interface and `lo` up, and gives the interface its address.
pub(super) fn set_up(
    netlink: &mut Netlink,
    link: &Link,
    address: Ipv4Addr,
    prefix: u8,
) -> Result<(), NetlinkError> {
    let loopback = netlink.link("lo")?;
    for link in [&loopback, link] {
        netlink.change_link(link, &LinkChange { up: true, ..LinkChange::default() })?;
    }
    netlink.add_address(link, Ipv4Net::new_assert(address, prefix).into())
}

/// Sets the MTU of this interface in the calling thread's namespace, and [sets it up](set_up).
pub(super) fn set_up_with_mtu(
    interface: &str,
    mtu: u16,
    address: Ipv4Addr,
    prefix: u8,
) -> Result<(), NetlinkError> {
    let mut netlink = Netlink::open()?;
    let link = netlink.link(interface)?;
    netlink.change_link(&link, &LinkChange { mtu: Some(mtu), ..LinkChange::default() })?;
    set_up(&mut netlink, &link, address, prefix)
}

/// Has this interface of the namespace come up and got an IPv4 address?
pub(super) fn has_address(netns: &Path, interface: &str) -> bool {
    let look = || -> Result<bool, NetlinkError> {
        let all = Netlink::open()?.interfaces()?;
        let found = all.iter().find(|it| it.name == interface);
        Ok(found.is_some_and(|it| it.up && it.addresses.iter().any(|net| net.addr().is_ipv4())))
    };
    matches!(netns::run_in(netns, look), Ok(Ok(true)))
}

/// Is there an interface of this name in the namespace?
pub(super) fn has_interface(netns: &Path, interface: &str) -> bool {
    let look = || Netlink::open()?.link(interface);
    matches!(netns::run_in(netns, look), Ok(Ok(_)))
}

/// Routes everything of the calling thread's namespace through the interface.
pub(super) fn add_default_route(interface: &str, gateway: Ipv4Addr) -> Result<(), NetlinkError> {
    let mut netlink = Netlink::open()?;
    let link = netlink.link(interface)?;
    netlink.add_default_route(&link, IpAddr::V4(gateway))
}
