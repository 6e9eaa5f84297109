//! Are all ports free, and ours now?
//!
//! All or none: with the first that is not free, those bound before are closed again. A port that the
//! process holds itself, for something that is published no more when this one is, is bound when its
//! turn comes.

use super::holders::{Holder, holder};
use super::listener::{Bound, Refused};
use super::{PublishError, descriptors};
use crate::model::{Protocol, Written};
use crate::netlink::Netlink;
use crate::topology::Site;
use dataplane::config::HostPorts;
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use std::net::{IpAddr, SocketAddrV4, SocketAddrV6};

/// The sockets of one `--publish`. Dropping them gives the ports back.
#[derive(Debug)]
pub struct Reserved {
    /// What it is.
    pub(super) written: Written,
    /// A socket for each of its ports, in their order; `None` for one that is ours already.
    pub(super) sockets: Vec<Option<Bound>>,
}

impl Reserved {
    /// Binds all that is to be published in the calling thread's network namespace, but for ports among
    /// those that are `held`, which are [completed](Self::complete) later. TAPs of so many `queues` are to be made
    /// besides.
    ///
    /// # Errors
    /// The first that the host has not to give, with who has it.
    pub fn bind(
        all: &[&Written],
        held: &[HostPorts],
        queues: usize,
        site: &Site,
        rootless: bool,
    ) -> Result<Vec<Self>, PublishError> {
        if all.is_empty() {
            return Ok(Vec::new());
        }
        if rootless {
            return Err(PublishError::Rootless);
        }
        check_addresses(all)?;
        descriptors::make_room(all.iter().map(|written| written.ports.len()).sum(), queues)?;
        all.iter().map(|written| bind_entry(written, held, site)).collect()
    }

    /// Binds the ports that were held.
    ///
    /// # Errors
    /// As of [`Self::bind`].
    pub fn complete(&mut self, site: &Site) -> Result<(), PublishError> {
        for (port, socket) in self.written.ports.clone().zip(&mut self.sockets) {
            if socket.is_none() {
                *socket = Some(bind_port(&self.written, port, site)?);
            }
        }
        Ok(())
    }

    /// What it is that is published.
    pub fn written(&self) -> &Written {
        &self.written
    }
}

/// A host that lets sockets have foreign addresses (`ip_nonlocal_bind`) would let these pass too.
fn check_addresses(published: &[&Written]) -> Result<(), PublishError> {
    if published.iter().all(|written| written.address.is_none()) {
        return Ok(());
    }
    let mut netlink = Netlink::open()?;
    for written in published {
        let Some(address) = written.address.filter(|one| !one.is_unspecified()) else {
            continue;
        };
        if !netlink.is_own_address(address)? {
            return Err(no_such_address(written, address));
        }
    }
    Ok(())
}

fn no_such_address(written: &Written, address: IpAddr) -> PublishError {
    let all = getifaddrs().into_iter().flatten().filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|&v4| IpAddr::V4(*SocketAddrV4::from(v4).ip()));
        let v6 = address.as_sockaddr_in6().map(|&v6| IpAddr::V6(*SocketAddrV6::from(v6).ip()));
        v4.or(v6)
    });
    let mut known: Vec<_> = all.filter(|one| one.is_ipv4() == address.is_ipv4()).collect();
    known.sort_unstable();
    known.dedup();
    PublishError::NoSuchAddress { text: written.to_string(), address, known }
}

fn bind_entry(
    written: &Written,
    held: &[HostPorts],
    site: &Site,
) -> Result<Reserved, PublishError> {
    let one = |port| HostPorts { first: port, last: port, ..written.host_ports() };
    let is_held = |port| held.iter().any(|other| other.overlaps(&one(port)));
    let bind = |port| match is_held(port) {
        true => Ok(None),
        false => bind_port(written, port, site).map(Some),
    };
    let sockets = written.ports.clone().map(bind).collect::<Result<_, _>>()?;
    Ok(Reserved { written: written.clone(), sockets })
}

fn bind_port(written: &Written, port: u16, site: &Site) -> Result<Bound, PublishError> {
    Bound::new(written.protocol, written.address, port)
        .map_err(|refused| explain(written, &refused, site))
}

fn explain(written: &Written, refused: &Refused, site: &Site) -> PublishError {
    let (text, protocol) = (written.to_string(), written.protocol);
    let &Refused { address, errno } = refused;
    match errno {
        Errno::EADDRINUSE => {
            let holder = find_holder(protocol, refused, site);
            PublishError::InUse { text, address, protocol, holder }
        }
        Errno::EADDRNOTAVAIL => no_such_address(written, address.ip()),
        _ => PublishError::Listen { text, address, protocol, source: errno.into() },
    }
}

fn find_holder(protocol: Protocol, refused: &Refused, site: &Site) -> Option<Holder> {
    let dual_stack = refused.address.ip().is_unspecified() && refused.address.is_ipv6();
    holder(protocol, refused.address, dual_stack, site)
}
