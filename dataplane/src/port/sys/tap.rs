//! The ioctls of a TAP device.
//!
//! Everything else about a TAP is an ordinary `open`, `read` and `write`.
//! Source: `drivers/net/tun.c`, `include/uapi/linux/if_tun.h`.

use super::{INTERFACE_NAME_MAX, check};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `TUN_F_*`: what the kernel may leave undone in frames it hands to us.
pub(crate) mod offload {
    pub(crate) const CSUM: u32 = 0x01;
    pub(crate) const TSO4: u32 = 0x02;
    pub(crate) const TSO6: u32 = 0x04;
    pub(crate) const TSO_ECN: u32 = 0x08;
    pub(crate) const USO4: u32 = 0x20;
    pub(crate) const USO6: u32 = 0x40;
}

/// Which queue of a device an open `/dev/net/tun` is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The only one of a new device.
    Only,
    /// The first of several, of a new device.
    First,
    /// The next one of a device that was made for several.
    Next,
}

/// Makes the TAP device `name` for an open `/dev/net/tun`, without packet information and with a
/// virtio header before each frame, or adds a queue to it. To make one, a device that exists already is
/// never attached to.
///
/// # Errors
/// `EINVAL` for a name of 0 or more than [`INTERFACE_NAME_MAX`] bytes or with a zero byte, `EPERM`
/// without `CAP_NET_ADMIN`, `EBUSY` for a device that exists, and whatever else `TUNSETIFF` says.
pub(crate) fn set_interface(fd: BorrowedFd<'_>, name: &str, which: Which) -> io::Result<()> {
    if name.is_empty() || name.len() > INTERFACE_NAME_MAX || name.contains('\0') {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // SAFETY: `ifreq` is plain old data, for which all zeroes is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    let queue = match which {
        Which::Only => libc::IFF_TUN_EXCL,
        Which::First => libc::IFF_TUN_EXCL | libc::IFF_MULTI_QUEUE,
        Which::Next => libc::IFF_MULTI_QUEUE,
    };
    let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR | queue;
    // The flags fill 16 bits; the field is a signed short.
    request.ifr_ifru.ifru_flags = flags as i16;
    // SAFETY: TUNSETIFF reads and writes one `ifreq`, which `request` is, and it outlives the call.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TUNSETIFF, &raw mut request) })
}

/// Sets the size of the virtio header to `bytes`.
pub(crate) fn set_vnet_header_size(fd: BorrowedFd<'_>, bytes: i32) -> io::Result<()> {
    // SAFETY: TUNSETVNETHDRSZ reads one `int`, which `bytes` is, and it outlives the call.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TUNSETVNETHDRSZ, &raw const bytes) })
}

/// Sets the offloads of the device to the `TUN_F_*` bits in `mask`.
pub(crate) fn set_offload(fd: BorrowedFd<'_>, mask: u32) -> io::Result<()> {
    // SAFETY: TUNSETOFFLOAD takes its argument by value and touches no memory of ours.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TUNSETOFFLOAD, libc::c_ulong::from(mask)) })
}
