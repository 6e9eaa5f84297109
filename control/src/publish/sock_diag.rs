//! Which sockets have a port?
//!
//! The kernel lists them over `NETLINK_SOCK_DIAG`, as it does for ss(8). The messages are of fixed
//! form and few, so they are written and read here. Sources: `man 7 sock_diag`,
//! `include/uapi/linux/inet_diag.h`, `net/ipv4/inet_diag.c`.
//!
//! Known gap: a kernel without `CONFIG_INET_DIAG` lists nothing.

use crate::model::Protocol;
use netlink_sys::{Socket, SocketAddr as NetlinkAddr, protocols::NETLINK_SOCK_DIAG};
use nix::libc;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `SOCK_DIAG_BY_FAMILY`, the type of request and answer.
const BY_FAMILY: u16 = 20;
/// The length of `struct nlmsghdr`.
const HEADER: usize = 16;
/// The length of `struct inet_diag_req_v2`.
const REQUEST: usize = 56;
/// The length of `struct inet_diag_msg`.
const ANSWER: usize = 72;
/// Most datagrams of one answer that are read; a port has few sockets, but connections count too.
const MAX_DATAGRAMS: usize = 4096;

/// A socket in the calling thread's network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Its own address.
    pub(super) address: IpAddr,
    /// Does it wait for clients, or is it one end of a connection?
    pub(super) waits: bool,
    /// Its inode, which its owner's descriptors lead to; 0 if it has no owner any more.
    pub(super) inode: u32,
}

/// All sockets of the protocol whose own port is `port`.
///
/// # Errors
/// The kernel does not answer.
pub(super) fn sockets(protocol: Protocol, port: u16) -> io::Result<Vec<Held>> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&NetlinkAddr::new(0, 0))?;
    let mut all = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        socket.send(&request(family, protocol, port), 0)?;
        for _ in 0..MAX_DATAGRAMS {
            let (datagram, _) = socket.recv_from_full()?;
            if read(&datagram, port, &mut all)? {
                break;
            }
        }
    }
    Ok(all)
}

fn request(family: i32, protocol: Protocol, port: u16) -> [u8; HEADER + REQUEST] {
    let mut bytes = [0; HEADER + REQUEST];
    let length = (HEADER + REQUEST) as u32;
    // NLM_F_REQUEST and NLM_F_DUMP.
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    bytes[0..4].copy_from_slice(&length.to_ne_bytes());
    bytes[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
    bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
    let body = &mut bytes[HEADER..];
    // The constants of both are below 256.
    body[0] = family as u8;
    body[1] = protocol.number();
    // In any state.
    body[4..8].copy_from_slice(&u32::MAX.to_ne_bytes());
    body[8..10].copy_from_slice(&port.to_be_bytes());
    bytes
}

/// Reads one datagram of an answer; true if it was the last.
fn read(datagram: &[u8], port: u16, all: &mut Vec<Held>) -> io::Result<bool> {
    let mut rest = datagram;
    while let Some(header) = rest.first_chunk::<HEADER>() {
        let [a, b, c, d, kind_low, kind_high, ..] = *header;
        let length = u32::from_ne_bytes([a, b, c, d]) as usize;
        let Some(body) = rest.get(HEADER..length) else { return Ok(true) };
        match i32::from(u16::from_ne_bytes([kind_low, kind_high])) {
            libc::NLMSG_DONE => return Ok(true),
            libc::NLMSG_ERROR => {
                let code = body.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes));
                return Err(io::Error::from_raw_os_error(-code));
            }
            kind if kind == i32::from(BY_FAMILY) => all.extend(describe(body, port)),
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

fn describe(body: &[u8], port: u16) -> Option<Held> {
    let body = body.first_chunk::<ANSWER>()?;
    if body[4..6] != port.to_be_bytes() {
        return None;
    }
    let source: [u8; 16] = body[8..24].try_into().ok()?;
    let address = if i32::from(body[0]) == libc::AF_INET {
        IpAddr::V4(Ipv4Addr::new(source[0], source[1], source[2], source[3]))
    } else {
        IpAddr::V6(Ipv6Addr::from(source))
    };
    let remote_port = &body[6..8];
    let inode = u32::from_ne_bytes(body[68..72].try_into().ok()?);
    Some(Held { address, waits: remote_port == [0, 0], inode })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsRawFd;
    use std::os::linux::fs::MetadataExt;

    fn inode(socket: &impl AsRawFd) -> u32 {
        let path = format!("/proc/self/fd/{}", socket.as_raw_fd());
        std::fs::metadata(path).unwrap().st_ino() as u32
    }

    #[test]
    fn a_listening_socket_and_its_connections_are_listed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _client = TcpStream::connect(address).unwrap();
        let (server, _) = listener.accept().unwrap();
        let found = sockets(Protocol::Tcp, address.port()).unwrap();
        let held = |inode, waits| Held { address: address.ip(), waits, inode };
        assert!(found.contains(&held(inode(&listener), true)), "{found:?}");
        assert!(found.contains(&held(inode(&server), false)), "{found:?}");
        assert!(
            sockets(Protocol::Udp, address.port())
                .unwrap()
                .iter()
                .all(|one| one.inode != inode(&listener))
        );
    }

    #[test]
    fn a_udp_socket_of_ipv6_is_listed() {
        let Ok(socket) = UdpSocket::bind("[::1]:0") else { return };
        let address = socket.local_addr().unwrap();
        let found = sockets(Protocol::Udp, address.port()).unwrap();
        let held = Held { address: address.ip(), waits: true, inode: inode(&socket) };
        assert!(found.contains(&held), "{found:?}");
    }

    #[test]
    fn a_datagram_that_is_cut_off_is_the_last() {
        let mut all = Vec::new();
        let request = request(libc::AF_INET, Protocol::Tcp, 80);
        assert!(read(&request[..40], 80, &mut all).unwrap());
        assert!(!read(&[], 80, &mut all).unwrap());
        assert!(all.is_empty());
    }
}
