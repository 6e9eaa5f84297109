//! The unsafe folder: what of the kernel no safe library offers.
//!
//! | file | system calls |
//! |---|---|
//! | [`tap`] | the ioctls of a TAP device |
//! | [`icmp`] | raw sockets with a filter, and what comes beside a message |
#![allow(unsafe_code)]

pub(super) mod icmp;
pub(super) mod tap;

use std::io;

/// Longest interface name in bytes, without the terminating zero.
pub const INTERFACE_NAME_MAX: usize = libc::IFNAMSIZ - 1;

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
