//! To which address was a datagram sent, and how does its reply come from there?
//!
//! A socket that is bound to all addresses would reply from the one that the routing table likes best.
//! The kernel tells and takes the address beside the datagram (`IP_PKTINFO` in `man 7 ip`,
//! `IPV6_PKTINFO` in RFC 3542). In a dual-stack socket IPv4 addresses are mapped ones, both ways.

use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;

/// A datagram that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrived {
    /// How many bytes of the buffer it has.
    pub(super) length: usize,
    /// Who sent it.
    pub(super) from: SocketAddr,
    /// To which of our addresses.
    pub(super) to: IpAddr,
}

/// Receives one datagram from a socket that tells the address it was sent to.
///
/// # Errors
/// `WouldBlock` if there is none.
pub(super) fn receive(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<Arrived> {
    let mut beside = nix::cmsg_space!(in6_pktinfo);
    let mut into = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut into,
        Some(&mut beside),
        MsgFlags::empty(),
    )?;
    let from = message.address.and_then(address);
    let to = message.cmsgs()?.find_map(|beside| match beside {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some(IpAddr::V4(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes())))
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            Some(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr)))
        }
        _ => None,
    });
    match (from, to) {
        (Some(from), Some(to)) => Ok(Arrived { length: message.bytes, from, to }),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn address(storage: SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|&v4| SocketAddrV4::from(v4).into());
    v4.or_else(|| storage.as_sockaddr_in6().map(|&v6| SocketAddrV6::from(v6).into()))
}

/// Sends a datagram from one of our addresses.
///
/// # Errors
/// `WouldBlock` if the socket's queue is full; what the kernel says otherwise.
pub(super) fn send(
    socket: &impl AsRawFd,
    data: &[u8],
    from: IpAddr,
    to: SocketAddr,
) -> io::Result<()> {
    let (v4, v6);
    let beside = match from {
        IpAddr::V4(from) => {
            v4 = in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: in_addr { s_addr: u32::from_ne_bytes(from.octets()) },
                ipi_addr: in_addr { s_addr: 0 },
            };
            ControlMessage::Ipv4PacketInfo(&v4)
        }
        IpAddr::V6(from) => {
            v6 = in6_pktinfo { ipi6_addr: in6_addr { s6_addr: from.octets() }, ipi6_ifindex: 0 };
            ControlMessage::Ipv6PacketInfo(&v6)
        }
    };
    let to = SockaddrStorage::from(to);
    let data = [IoSlice::new(data)];
    sendmsg(socket.as_raw_fd(), &data, &[beside], MsgFlags::empty(), Some(&to))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::listener::Bound;
    use super::*;
    use crate::model::Protocol;
    use std::net::UdpSocket;
    use std::time::Duration;

    #[test]
    fn a_reply_comes_from_the_address_that_was_asked() {
        let door = UdpSocket::from(Bound::new(Protocol::Udp, None, 0).unwrap().socket);
        door.set_nonblocking(false).unwrap();
        door.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let port = door.local_addr().unwrap().port();
        for asked in ["127.0.0.7", "127.0.0.1", "::1"] {
            let asked: IpAddr = asked.parse().unwrap();
            let any = if asked.is_ipv4() { "0.0.0.0:0" } else { "[::1]:0" };
            // A machine without IPv6 has no ::1.
            let Ok(client) = UdpSocket::bind(any) else { continue };
            client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            client.send_to(b"question", (asked, port)).unwrap();
            let mut buffer = [0; 100];
            let arrived = receive(&door, &mut buffer).unwrap();
            assert_eq!(
                (&buffer[..arrived.length], arrived.to.to_canonical()),
                (&b"question"[..], asked)
            );
            send(&door, b"answer", arrived.to, arrived.from).unwrap();
            let (length, from) = client.recv_from(&mut buffer).unwrap();
            assert_eq!((&buffer[..length], from), (&b"answer"[..], (asked, port).into()));
        }
    }
}
