//! What did ICMP tell a socket?
//!
//! A socket that asked for it has a queue of errors (`IP_RECVERR`, ip(7)): each with the address of
//! the router or host that reported it, and what the report says.

use super::wait;
use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

/// One report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Who says it.
    pub from: IpAddr,
    /// The type and code of ICMP or ICMPv6.
    pub kind: (u8, u8),
    /// The error that the kernel made of it.
    pub errno: i32,
    /// What the report tells besides: an MTU.
    pub info: u32,
}

/// Asks for the reports of a socket of this family.
pub fn ask(socket: &impl AsFd, ipv4: bool) {
    if ipv4 {
        setsockopt(socket, Ipv4RecvErr, &true).unwrap();
    } else {
        setsockopt(socket, Ipv6RecvErr, &true).unwrap();
    }
}

/// The next report, if there is one already.
pub fn next(socket: &impl AsRawFd) -> Option<Report> {
    let mut space = nix::cmsg_space!([u8; 256]);
    let mut quoted = [0; 2048];
    let mut slices = [IoSliceMut::new(&mut quoted)];
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let fd = socket.as_raw_fd();
    let message = recvmsg::<SockaddrStorage>(fd, &mut slices, Some(&mut space), flags).ok()?;
    message.cmsgs().unwrap().find_map(|control| {
        let (error, from) = match control {
            ControlMessageOwned::Ipv4RecvErr(error, from) => {
                let from = Ipv4Addr::from(u32::from_be(from?.sin_addr.s_addr));
                (error, IpAddr::from(from))
            }
            ControlMessageOwned::Ipv6RecvErr(error, from) => {
                (error, Ipv6Addr::from(from?.sin6_addr.s6_addr).into())
            }
            _ => return None,
        };
        Some(Report {
            from,
            kind: (error.ee_type, error.ee_code),
            errno: error.ee_errno.cast_signed(),
            info: error.ee_info,
        })
    })
}

/// Sends `data` again and again until there is a report about it.
pub fn provoke<S: AsRawFd>(
    socket: &S,
    what: &str,
    send: impl Fn(&S) -> io::Result<usize>,
) -> Report {
    wait::for_some(what, || {
        // An error that waits is told to the sender first.
        let _ = send(socket);
        wait::until(wait::SHORT, || next(socket))
    })
}

/// A UDP socket with this many hops, connected to `to`, that asked for reports.
pub fn udp(to: SocketAddr, hops: u32) -> UdpSocket {
    let any: IpAddr =
        if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).unwrap();
    socket.connect(to).unwrap();
    set_hops(&SockRef::from(&socket), to.ip(), hops);
    ask(&socket, to.is_ipv4());
    socket
}

/// A raw socket for ICMP or ICMPv6 with this many hops, connected to `to`, that asked for reports.
pub fn icmp(to: IpAddr, hops: u32) -> Socket {
    let socket = match to {
        IpAddr::V4(_) => Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)),
        IpAddr::V6(_) => Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)),
    }
    .unwrap();
    socket.connect(&SockAddr::from(SocketAddr::new(to, 0))).unwrap();
    set_hops(&SockRef::from(&socket), to, hops);
    ask(&socket, to.is_ipv4());
    socket
}

fn set_hops(socket: &SockRef<'_>, to: IpAddr, hops: u32) {
    match to {
        IpAddr::V4(_) => socket.set_ttl_v4(hops).unwrap(),
        IpAddr::V6(_) => socket.set_unicast_hops_v6(hops).unwrap(),
    }
}
