//! Are all ports free, and ours now?
//!
//! All or none: with the first that is not free, those bound before are closed again.

use super::holders::{Holder, holder};
use super::listener::{Bound, Refused};
use super::{PublishError, descriptors};
use crate::model::{Network, Protocol, Publish};
use crate::netlink::Netlink;
use crate::topology::Site;
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use std::net::{IpAddr, SocketAddrV4, SocketAddrV6};

/// The sockets of a network's published ports. Dropping them gives the ports back.
#[derive(Debug, Default)]
pub struct Reserved {
    /// For each entry its sockets, in the order of its ports.
    pub(super) entries: Vec<Vec<Bound>>,
}

impl Reserved {
    /// Binds all published ports of the network in the calling thread's network namespace.
    ///
    /// # Errors
    /// The first that the host has not to give, with who has it.
    pub fn bind(network: &Network, site: &Site, rootless: bool) -> Result<Self, PublishError> {
        if network.publish().is_empty() {
            return Ok(Self::default());
        }
        if rootless {
            return Err(PublishError::Rootless);
        }
        check_addresses(network.publish())?;
        descriptors::make_room(network)?;
        let entries = network.publish().iter().map(|publish| bind_entry(publish, site));
        Ok(Self { entries: entries.collect::<Result<_, _>>()? })
    }

    /// The same for one more entry of a network that is up.
    ///
    /// # Errors
    /// As of [`Self::bind`].
    pub fn bind_one(publish: &Publish, site: &Site, rootless: bool) -> Result<Self, PublishError> {
        if rootless {
            return Err(PublishError::Rootless);
        }
        check_addresses(std::slice::from_ref(publish))?;
        descriptors::make_room_for(publish.written.ports.len())?;
        Ok(Self { entries: vec![bind_entry(publish, site)?] })
    }

    /// How many ports are held.
    pub fn len(&self) -> usize {
        self.entries.iter().map(Vec::len).sum()
    }

    /// Is nothing published?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// A host that lets sockets have foreign addresses (`ip_nonlocal_bind`) would let these pass too.
fn check_addresses(published: &[Publish]) -> Result<(), PublishError> {
    if published.iter().all(|publish| publish.written.address.is_none()) {
        return Ok(());
    }
    let mut netlink = Netlink::open()?;
    for publish in published {
        let Some(address) = publish.written.address.filter(|one| !one.is_unspecified()) else {
            continue;
        };
        if !netlink.is_own_address(address)? {
            return Err(no_such_address(publish, address));
        }
    }
    Ok(())
}

fn no_such_address(publish: &Publish, address: IpAddr) -> PublishError {
    let all = getifaddrs().into_iter().flatten().filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|&v4| IpAddr::V4(*SocketAddrV4::from(v4).ip()));
        let v6 = address.as_sockaddr_in6().map(|&v6| IpAddr::V6(*SocketAddrV6::from(v6).ip()));
        v4.or(v6)
    });
    let mut known: Vec<_> = all.filter(|one| one.is_ipv4() == address.is_ipv4()).collect();
    known.sort_unstable();
    known.dedup();
    PublishError::NoSuchAddress { text: publish.written.to_string(), address, known }
}

fn bind_entry(publish: &Publish, site: &Site) -> Result<Vec<Bound>, PublishError> {
    let written = &publish.written;
    let bind = |port| {
        Bound::new(written.protocol, written.address, port)
            .map_err(|refused| explain(publish, &refused, site))
    };
    written.ports.clone().map(bind).collect()
}

fn explain(publish: &Publish, refused: &Refused, site: &Site) -> PublishError {
    let (text, protocol) = (publish.written.to_string(), publish.written.protocol);
    let &Refused { address, errno } = refused;
    match errno {
        Errno::EADDRINUSE => {
            let holder = find_holder(protocol, refused, site);
            PublishError::InUse { text, address, protocol, holder }
        }
        Errno::EADDRNOTAVAIL => no_such_address(publish, address.ip()),
        _ => PublishError::Listen { text, address, protocol, source: errno.into() },
    }
}

fn find_holder(protocol: Protocol, refused: &Refused, site: &Site) -> Option<Holder> {
    let dual_stack = refused.address.ip().is_unspecified() && refused.address.is_ipv6();
    holder(protocol, refused.address, dual_stack, site)
}
