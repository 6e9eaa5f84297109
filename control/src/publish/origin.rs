//! Is a client on this host?
//!
//! A client's address that is the host's own is: the kernel accepts no packet from elsewhere that
//! claims to come from here (`fib_validate_source`), and a TCP handshake could not be completed.

use super::relay::lock;
use crate::netlink::{Netlink, NetlinkError};
use std::net::IpAddr;
use std::sync::Mutex;

/// Asks the kernel of the network namespace in which it was opened.
pub(super) struct Origin {
    netlink: Mutex<Netlink>,
}

impl Origin {
    /// Opens the way to the kernel.
    pub(super) fn open() -> Result<Self, NetlinkError> {
        Ok(Self { netlink: Mutex::new(Netlink::open()?) })
    }

    /// Is this address one of the host's own now? Not if the kernel does not say.
    pub(super) fn is_here(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_loopback()
            || lock(&self.netlink).is_own_address(address).unwrap_or_else(|error| {
                tracing::warn!("{error}; {address} is taken for a stranger");
                false
            })
    }
}
