//! Raw ICMP sockets: made, filtered, and read together with what comes beside a message.
//!
//! Source: raw(7), ipv6(7), cmsg(3); `net/ipv4/raw.c`, `net/ipv6/raw.c`.

use super::check;
use std::io;
use std::net::Ipv6Addr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// `ICMP_FILTER` of `include/uapi/linux/icmp.h`.
const ICMP_FILTER: libc::c_int = 1;
/// `ICMPV6_FILTER` of `include/uapi/linux/icmpv6.h`.
const ICMPV6_FILTER: libc::c_int = 1;

/// Room for all that we ask the kernel to put beside a message, in units of 8 bytes: the count of lost
/// ones, destination and hop limit take 88 bytes with their headers.
const CONTROL_WORDS: usize = 16;

/// A message as the kernel handed it over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// How many bytes of it were written.
    pub(crate) length: usize,
    /// Was something cut off, of it or of what comes beside it?
    pub(crate) cut: bool,
    /// Messages that the socket had no room for, from its start until this one came; wraps.
    pub(crate) lost: u32,
    /// Who sent it, if that is an IPv6 address.
    pub(crate) source: Option<Ipv6Addr>,
    /// Whom it is for, if that is an IPv6 address.
    pub(crate) destination: Option<Ipv6Addr>,
    /// IPv6 hops it had left.
    pub(crate) hop_limit: Option<u8>,
}

/// Makes a raw socket for ICMP in the calling thread's namespace.
///
/// # Errors
/// `EPERM` without `CAP_NET_RAW`.
pub(crate) fn socket_v4() -> io::Result<OwnedFd> {
    socket(libc::AF_INET, libc::IPPROTO_ICMP)
}

/// Makes a raw socket for ICMPv6 in the calling thread's namespace.
///
/// # Errors
/// `EPERM` without `CAP_NET_RAW`, `EAFNOSUPPORT` without IPv6.
pub(crate) fn socket_v6() -> io::Result<OwnedFd> {
    socket(libc::AF_INET6, libc::IPPROTO_ICMPV6)
}

fn socket(family: libc::c_int, protocol: libc::c_int) -> io::Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: socket(2) takes its arguments by value.
    let fd = unsafe { libc::socket(family, kind, protocol) };
    check(fd)?;
    // SAFETY: the call succeeded, so `fd` is open and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Lets only these types of ICMP pass, all below 32. The kernel looks at no other types: those from
/// 32 on pass (`icmp_filter` in `net/ipv4/raw.c`).
pub(crate) fn pass_only_v4(fd: BorrowedFd<'_>, types: &[u8]) -> io::Result<()> {
    // A bit that is set blocks.
    let blocked = types.iter().fold(u32::MAX, |mask, kind| mask & !(1 << (kind & 31)));
    set(fd, libc::SOL_RAW, ICMP_FILTER, &blocked)
}

/// Lets only these types of ICMPv6 pass.
pub(crate) fn pass_only_v6(fd: BorrowedFd<'_>, types: &[u8]) -> io::Result<()> {
    let mut blocked = [u32::MAX; 8];
    for kind in types {
        blocked[usize::from(kind >> 5)] &= !(1 << (kind & 31));
    }
    set(fd, libc::SOL_ICMPV6, ICMPV6_FILTER, &blocked)
}

/// Asks for the count of lost messages beside each message.
pub(crate) fn tell_lost(fd: BorrowedFd<'_>) -> io::Result<()> {
    set(fd, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, &1_i32)
}

/// Asks for destination and hop limit beside each ICMPv6 message.
pub(crate) fn tell_addressing(fd: BorrowedFd<'_>) -> io::Result<()> {
    set(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, &1_i32)?;
    set(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT, &1_i32)
}

/// Sets the receive buffer to `bytes`, which the kernel doubles for its own bookkeeping. Beyond
/// `net.core.rmem_max` only with `CAP_NET_ADMIN`; without it the buffer ends there.
pub(crate) fn set_receive_buffer(fd: BorrowedFd<'_>, bytes: i32) -> io::Result<()> {
    match set(fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &bytes) {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
            set(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, &bytes)
        }
        other => other,
    }
}

/// Sets an option whose value is a number or numbers.
fn set<T: Copy>(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: &T,
) -> io::Result<()> {
    // Options are a few bytes.
    let length = size_of::<T>() as libc::socklen_t;
    let value = std::ptr::from_ref(value).cast();
    // SAFETY: setsockopt(2) reads `length` bytes, all of `value`, which outlives the call.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, value, length) })
}

/// Reads one message into `space` without blocking.
///
/// # Errors
/// What recvmsg(2) says; `EAGAIN` when there is none.
pub(crate) fn receive(fd: BorrowedFd<'_>, space: &mut [u8]) -> io::Result<Message> {
    let mut control = [0_u64; CONTROL_WORDS];
    // SAFETY: `sockaddr_in6` is plain old data, for which all zeroes is a valid value.
    let mut sender: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
    let mut piece = libc::iovec { iov_base: space.as_mut_ptr().cast(), iov_len: space.len() };
    // SAFETY: `msghdr` is plain old data, for which all zeroes is a valid value.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = (&raw mut sender).cast();
    header.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
    header.msg_iov = &raw mut piece;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&control) as _;
    // SAFETY: `header` describes `sender`, `space` through `piece`, and `control` with their true
    // sizes. All of them outlive the call, and nothing else refers to them during it.
    let length = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header, 0) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    let mut message = Message {
        length,
        cut: header.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0,
        ..Message::default()
    };
    if libc::c_int::from(sender.sin6_family) == libc::AF_INET6 {
        message.source = Some(Ipv6Addr::from(sender.sin6_addr.s6_addr));
    }
    read_control(&header, &mut message);
    Ok(message)
}

/// Notes what came beside a message; `header` must be as recvmsg(2) left it.
fn read_control(header: &libc::msghdr, message: &mut Message) {
    // SAFETY: the kernel has set `msg_controllen` to what it wrote to `msg_control`, which is aligned
    // for a `cmsghdr`; CMSG_FIRSTHDR and CMSG_NXTHDR stay within it and return null at its end.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !next.is_null() {
        // SAFETY: not null, so a whole `cmsghdr` that the kernel wrote, and aligned.
        let control = unsafe { *next };
        match (control.cmsg_level, control.cmsg_type) {
            (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => {
                // SAFETY: `next` is what `value` asks for; so below.
                let count = unsafe { value(next) };
                message.lost = count.map(u32::from_ne_bytes).unwrap_or_default();
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                // SAFETY: see above. The address is the first member of `in6_pktinfo`.
                let address: Option<[u8; 16]> = unsafe { value(next) };
                message.destination = address.map(Ipv6Addr::from);
            }
            (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                // SAFETY: see above.
                let hops = unsafe { value(next) }.map(i32::from_ne_bytes);
                message.hop_limit = hops.and_then(|hops| u8::try_from(hops).ok());
            }
            _ => {}
        }
        // SAFETY: as of CMSG_FIRSTHDR.
        next = unsafe { libc::CMSG_NXTHDR(header, next) };
    }
}

/// The first `N` bytes of the value behind a header; `None` if it is shorter.
///
/// # Safety
/// `control` must point to a header that the kernel wrote, followed by the bytes that it counts.
unsafe fn value<const N: usize>(control: *const libc::cmsghdr) -> Option<[u8; N]> {
    // SAFETY: CMSG_LEN only computes; N is 16 at most.
    let needed = unsafe { libc::CMSG_LEN(N as libc::c_uint) };
    // SAFETY: the caller's promise.
    let length = unsafe { (*control).cmsg_len };
    if length < needed as _ {
        return None;
    }
    // SAFETY: there are at least N bytes of a value, and bytes are aligned anywhere.
    Some(unsafe { libc::CMSG_DATA(control).cast::<[u8; N]>().read() })
}
