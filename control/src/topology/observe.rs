//! What is on this machine already?

use super::record::living;
use super::{KnownNetwork, Site, networks};
use crate::netlink::{HostRoute, Netlink, NetlinkError, all_links};
use crate::netns::{self, Identity, NetnsError};
use crate::sysctl;
use crate::uplink::{self, UplinkError};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A route of the host.
pub type Route = HostRoute;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// All routes of all tables but for broadcast, anycast and multicast.
    pub routes: Vec<Route>,
    /// The names of the interfaces in the calling namespace.
    pub links: Vec<String>,
    /// The names in the directory of namespaces.
    pub namespaces: Vec<String>,
    /// The networks on record.
    pub networks: Vec<KnownNetwork>,
    /// Can interfaces have IPv6 here?
    pub ipv6: bool,
    /// The calling thread's namespace.
    pub home: Identity,
    /// What an uplink finds.
    pub host: uplink::Host,
    /// The uplinks of the networks that live on this host.
    pub uplinks: Vec<uplink::Entry>,
}

/// Why the machine cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The kernel does not answer.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// The namespace cannot be told from others.
    #[error(transparent)]
    Namespace(#[from] NetnsError),
    /// Settings cannot be read.
    #[error(transparent)]
    Uplink(#[from] UplinkError),
    /// A directory cannot be read.
    #[error("cannot read {}: {source}; is it yours, and a folder?", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// Looks at the calling thread's network namespace and at the site; changes nothing.
///
/// # Errors
/// See [`ObserveError`].
pub fn observe(site: &Site) -> Result<Observed, ObserveError> {
    let routes = Netlink::open()?.routes()?;
    let links = all_links()?.into_iter().map(|(_, name)| name).collect();
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| ObserveError::Directory { path, source }
    };
    let namespaces = names_in(&site.netns_dir).map_err(unreadable(&site.netns_dir))?;
    let networks = networks(site).map_err(unreadable(&site.state_dir))?;
    let living = living(site).map_err(unreadable(&site.state_dir))?;
    let home = netns::own()?;
    let uplinks = living.into_iter().filter_map(|(_, journal)| journal.uplink);
    Ok(Observed {
        routes,
        links,
        namespaces,
        networks,
        ipv6: sysctl::has_ipv6(),
        home,
        host: uplink::Host::observe()?,
        uplinks: uplinks.filter(|uplink| uplink.home == home).collect(),
    })
}

/// The names in a directory; none if it does not exist.
pub(super) fn names_in(directory: &Path) -> io::Result<Vec<String>> {
    match fs::read_dir(directory) {
        Ok(entries) => {
            entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
