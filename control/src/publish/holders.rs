//! Who has a port that is not free?
//!
//! The kernel says which sockets have it; a socket is known by its inode, and `/proc` says whose
//! descriptors lead to that. Another user's processes are seen by root alone.

use super::sock_diag::{Held, sockets};
use crate::model::Protocol;
use crate::topology::{Site, networks};
use std::fmt;
use std::fs;
use std::net::{IpAddr, SocketAddr};

/// Who has a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Another network of this program publishes it.
    Network(String),
    /// Some process.
    Process {
        /// Its id.
        pid: u32,
        /// Its name, as ps(1) shows it.
        command: String,
    },
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(name) => write!(f, "published by network {name}"),
            Self::Process { pid, command } => write!(f, "{command} (process {pid}) has it"),
        }
    }
}

/// Who stands in the way of a socket bound to `address`; `dual_stack` if it is to serve both families.
pub(super) fn holder(
    protocol: Protocol,
    address: SocketAddr,
    dual_stack: bool,
    site: &Site,
) -> Option<Holder> {
    let mut held = sockets(protocol, address.port()).ok()?;
    held.retain(|socket| socket.inode != 0 && conflicts(socket, address.ip(), dual_stack));
    // Those that wait for clients come first.
    held.sort_by_key(|socket| !socket.waits);
    held.iter().find_map(|socket| owner(socket.inode)).map(|pid| name(pid, site))
}

/// Could the socket be one that excludes another on this address?
fn conflicts(socket: &Held, wanted: IpAddr, dual_stack: bool) -> bool {
    let (there, wanted) = (socket.address.to_canonical(), wanted.to_canonical());
    // Whether an IPv6 socket serves IPv4 too is not told.
    let wide = there.is_unspecified() && (there.is_ipv6() || wanted.is_ipv4());
    dual_stack
        || wide
        || there == wanted
        || wanted.is_unspecified() && wanted.is_ipv4() == there.is_ipv4()
}

/// The first process with a descriptor of the socket.
fn owner(inode: u32) -> Option<u32> {
    let socket = format!("socket:[{inode}]");
    let leads_there = |entry: fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str() == socket.as_str())
    };
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        // What may not be looked at, or has ended, is not the one.
        let mut descriptors = fs::read_dir(entry.path().join("fd")).ok()?.flatten();
        descriptors.any(leads_there).then_some(pid)
    })
}

fn name(pid: u32, site: &Site) -> Holder {
    let networks = networks(site).unwrap_or_default();
    match networks.iter().find(|network| network.alive && network.pid == Some(pid)) {
        Some(network) => Holder::Network(network.name.to_string()),
        None => {
            let command = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            let command = command.trim_end();
            let command = if command.is_empty() { "a process" } else { command };
            Holder::Process { pid, command: command.to_owned() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};
    use std::path::PathBuf;

    fn nowhere() -> Site {
        let missing = PathBuf::from("/nonexistent");
        Site { state_dir: missing.clone(), netns_dir: missing }
    }

    #[test]
    fn a_port_that_this_process_has_is_told_as_its_own() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        for wanted in [IpAddr::from([127, 0, 0, 1]), Ipv4Addr::UNSPECIFIED.into()] {
            let found = holder(Protocol::Tcp, (wanted, port).into(), false, &nowhere());
            let Some(Holder::Process { pid, command }) = found else { panic!("{found:?}") };
            assert_eq!(pid, std::process::id());
            assert!(!command.is_empty());
        }
        let other = holder(Protocol::Tcp, ([127, 0, 0, 9], port).into(), false, &nowhere());
        assert_eq!(other, None);
    }
}
