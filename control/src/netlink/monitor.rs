//! When has something changed?
//!
//! A [`Monitor`] hears of every change of links, addresses, routes and rules in the network namespace
//! whose thread opened it, and says no more than that there was one: whoever wants to know looks at
//! everything again. So a notification that the kernel could not deliver (`ENOBUFS`) is worth as much
//! as any other. Source: `man 7 rtnetlink`, `include/uapi/linux/rtnetlink.h`.

use super::{Attempt, NetlinkError};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::errno::Errno;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// `RTNLGRP_LINK`, and address, route and rule of IPv4 and IPv6.
const GROUPS: [u32; 7] = [1, 5, 7, 8, 9, 11, 19];

/// A socket that becomes readable when something changes. It does not block.
pub struct Monitor(Socket);

impl Monitor {
    /// Begins to listen.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn open() -> Result<Self, NetlinkError> {
        let open = || -> io::Result<Socket> {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind(&SocketAddr::new(0, 0))?;
            for group in GROUPS {
                socket.add_membership(group)?;
            }
            socket.set_non_blocking(true)?;
            Ok(socket)
        };
        open().map(Self).map_err(|source| NetlinkError::new(Attempt::Monitor, source))
    }

    /// Throws away what was heard so far; was there anything?
    ///
    /// # Errors
    /// The socket is unusable.
    pub fn drain(&self) -> io::Result<bool> {
        // The content is of no interest, so a buffer that cuts it off is large enough.
        let mut buffer = Vec::with_capacity(64);
        let mut changed = false;
        loop {
            buffer.clear();
            match self.0.recv(&mut buffer, 0) {
                Ok(_) => changed = true,
                Err(error) => match error.raw_os_error().map(Errno::from_raw) {
                    Some(Errno::EAGAIN) => return Ok(changed),
                    Some(Errno::ENOBUFS) => changed = true,
                    Some(Errno::EINTR) => {}
                    _ => return Err(error),
                },
            }
        }
    }
}

impl AsRawFd for Monitor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LinkChange, Netlink};
    use super::*;
    use crate::netns::{rootless, run_in_new};

    #[test]
    fn a_change_is_heard_once_and_quiet_is_quiet() {
        if !rootless::is_privileged() {
            return;
        }
        let heard = run_in_new(|| {
            let monitor = Monitor::open().unwrap();
            let quiet = monitor.drain().unwrap();
            let mut netlink = Netlink::open().unwrap();
            let loopback = netlink.link("lo").unwrap();
            let up = LinkChange { up: true, ..LinkChange::default() };
            netlink.change_link(&loopback, &up).unwrap();
            [quiet, monitor.drain().unwrap(), monitor.drain().unwrap()]
        });
        assert_eq!(heard.unwrap(), [false, true, false]);
    }
}
