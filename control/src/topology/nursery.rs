//! Where are the TAPs of ports born?
//!
//! An open `/dev/net/tun` keeps the namespace alive in which it was opened (`tun_chr_open` in
//! `drivers/net/tun.c`). Opened in the port's own namespace it would keep that one from ever dying.
//! So TAPs are made in a namespace without a name that nobody else sees, and moved from there: when
//! the port's namespace goes, its TAP goes with it, and the switch is told.

use super::StepError;
use crate::netlink::Netlink;
use crate::netns::{self, NetnsError};
use dataplane::port::Offloads;
use dataplane::port::tap::Tap;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;

/// The namespace where TAPs are made.
pub(super) struct Nursery(File);

impl Nursery {
    /// A new one. It lives as long as it or one of its TAPs is open.
    pub(super) fn new() -> Result<Self, NetnsError> {
        netns::run_in_new(netns::current)?.map(Self)
    }

    /// Makes a TAP and moves it into the namespace `home`.
    pub(super) fn make_tap(
        &self,
        interface: &str,
        offloads: Offloads,
        home: &File,
    ) -> Result<Tap, StepError> {
        let path = PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()));
        netns::run_in(&path, || {
            let tap = Tap::open(interface, offloads)?;
            let mut netlink = Netlink::open()?;
            let link = netlink.link(interface)?;
            netlink.move_link(&link, home.as_fd())?;
            Ok(tap)
        })?
    }
}
