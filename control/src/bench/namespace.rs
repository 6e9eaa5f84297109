//! How does one namespace of a topology come about, and an interface in it to its address?
//!
//! For what stands beside our own network: the kernel's bridge, and the outside of both.

use crate::netlink::{Link, LinkChange, Netlink, NetlinkError};
use crate::netns::{self, NETNS_DIR, NetnsError};
use ipnet::Ipv4Net;
use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
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
    /// The kernel refuses a step within it.
    #[error(transparent)]
    Step(#[from] NetlinkError),
}

/// Makes an empty one of this name, and gives its file.
pub(super) fn make(name: &str) -> Result<PathBuf, NamespaceError> {
    let path = PathBuf::from(NETNS_DIR).join(name);
    netns::run_in_new(|| netns::pin(&path))??;
    Ok(path)
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
