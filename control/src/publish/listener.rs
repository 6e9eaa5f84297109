//! How is one socket made?
//!
//! Without an address it is a dual-stack one, so that one socket keeps the port of both families; on
//! a kernel without IPv6 it is an IPv4 one. With an address it is of that family alone.

use crate::model::Protocol;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket,
    sockopt,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

/// A socket that keeps a port.
#[derive(Debug)]
pub struct Bound {
    /// The socket; it listens if it is a TCP one.
    pub socket: OwnedFd,
    /// Where it is bound to.
    pub address: SocketAddr,
}

/// Why a socket cannot be bound, and to what.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) address: SocketAddr,
    pub(super) errno: Errno,
}

impl Bound {
    /// Binds a socket to a port of the address, or of all.
    pub(super) fn new(
        protocol: Protocol,
        address: Option<IpAddr>,
        port: u16,
    ) -> Result<Self, Refused> {
        let wanted = SocketAddr::new(address.unwrap_or(Ipv6Addr::UNSPECIFIED.into()), port);
        match open(protocol, wanted, address.is_none()) {
            Err(Errno::EAFNOSUPPORT) if address.is_none() => {
                let wanted = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
                let refuse = |errno| Refused { address: wanted, errno };
                let socket = open(protocol, wanted, false).map_err(refuse)?;
                Ok(Self { socket, address: wanted })
            }
            Ok(socket) => Ok(Self { socket, address: wanted }),
            Err(errno) => Err(Refused { address: wanted, errno }),
        }
    }
}

fn open(protocol: Protocol, address: SocketAddr, dual_stack: bool) -> nix::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let kind = match protocol {
        Protocol::Tcp => SockType::Stream,
        Protocol::Udp => SockType::Datagram,
    };
    let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)?;
    if address.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6V6Only, &!dual_stack)?;
    }
    match protocol {
        // Connections of an earlier network that are in TIME_WAIT shall not keep the port. Two that
        // listen still exclude each other (`inet_csk_bind_conflict`).
        Protocol::Tcp => setsockopt(&socket, sockopt::ReuseAddr, &true)?,
        // Replies must come from the address that was asked. A UDP socket with SO_REUSEADDR would
        // share the port.
        Protocol::Udp if address.is_ipv4() => {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        }
        Protocol::Udp => setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?,
    }
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address))?;
    if protocol == Protocol::Tcp {
        listen(&socket, Backlog::MAXCONN)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The errno of binding a second socket beside the first.
    fn beside(protocol: Protocol, first: &str, second: &str) -> Option<Errno> {
        let first = Bound::new(protocol, Some(first.parse().unwrap()), 0).unwrap();
        let bound = nix::sys::socket::getsockname::<SockaddrStorage>(first.socket.as_raw_fd());
        let port = bound.unwrap().as_sockaddr_in().unwrap().port();
        Bound::new(protocol, Some(second.parse().unwrap()), port).err().map(|no| no.errno)
    }

    #[test]
    fn a_bound_port_excludes_a_second_user_of_its_address_alone() {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            assert_eq!(beside(protocol, "127.0.0.1", "127.0.0.1"), Some(Errno::EADDRINUSE));
            assert_eq!(beside(protocol, "127.0.0.1", "0.0.0.0"), Some(Errno::EADDRINUSE));
            assert_eq!(beside(protocol, "127.0.0.1", "127.0.0.2"), None);
        }
    }

    #[test]
    fn an_address_of_nobody_is_not_bound() {
        let refused = Bound::new(Protocol::Tcp, Some("192.0.2.77".parse().unwrap()), 0);
        assert_eq!(refused.err().map(|no| no.errno), Some(Errno::EADDRNOTAVAIL));
    }
}
