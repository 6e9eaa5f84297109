//! How do we talk to the kernel about links, addresses and routes?
//!
//! A [`Netlink`] is a route socket of the network namespace whose thread opened it. Each call is one
//! request and waits for the kernel's answer; there is no second request under way. Notifications come on
//! a socket of their own, the [`Monitor`]; chains of nftables are listed by [`forward_chains`]. Source:
//! `man 7 rtnetlink`, `net/core/rtnetlink.c`.

mod address;
mod bridge;
mod chains;
mod interface;
mod link;
mod lookup;
mod monitor;
mod own;
mod route;
mod rule;
mod socket;

pub use chains::{ForwardChain, forward_chains};
pub use interface::Interface;
pub use link::{Link, LinkChange, all_links};
pub use lookup::Way;
pub use monitor::Monitor;
pub use route::HostRoute;
pub use rule::{PROTOCOL_KERNEL, PROTOCOL_OURS, Rule, TABLE_LOCAL};
pub use socket::Netlink;

use ipnet::IpNet;
use nix::errno::Errno;
use std::fmt;
use std::io;
use std::net::IpAddr;

/// What was asked of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// To open a route socket.
    Open,
    /// To look up an interface.
    FindLink(String),
    /// To make an interface.
    AddLink(String),
    /// To change an interface's settings.
    ChangeLink(String),
    /// To give an interface an address.
    AddAddress(String, IpNet),
    /// To route everything through an interface.
    AddDefaultRoute(String, IpAddr),
    /// To take such a route away.
    RemoveDefaultRoute(String, IpAddr),
    /// To look up where an address leads.
    FindRoute(IpAddr),
    /// To list all routes.
    ListRoutes,
    /// To list all interfaces.
    ListLinks,
    /// To list all addresses.
    ListAddresses,
    /// To list the rules.
    ListRules,
    /// To add a rule.
    AddRule(String),
    /// To remove a rule.
    RemoveRule(String),
    /// To remove the default route of a table.
    RemoveTableRoute(u32),
    /// To find the way to an address.
    FindWay(IpAddr),
    /// To tell of changes.
    Monitor,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => write!(f, "open a route socket"),
            Self::FindLink(name) => write!(f, "look up the interface {name}"),
            Self::AddLink(name) => write!(f, "make the interface {name}"),
            Self::ChangeLink(name) => write!(f, "set up the interface {name}"),
            Self::AddAddress(name, address) => write!(f, "give {name} the address {address}"),
            Self::AddDefaultRoute(name, gateway) => {
                write!(f, "add a default route via {gateway} on {name}")
            }
            Self::RemoveDefaultRoute(name, gateway) => {
                write!(f, "remove the default route via {gateway} on {name}")
            }
            Self::FindRoute(address) => write!(f, "say where {address} leads"),
            Self::ListRoutes => write!(f, "list the routes"),
            Self::ListLinks => write!(f, "list the interfaces"),
            Self::ListAddresses => write!(f, "list the addresses"),
            Self::ListRules => write!(f, "list the rules"),
            Self::AddRule(rule) => write!(f, "add the rule {rule}"),
            Self::RemoveRule(rule) => write!(f, "remove the rule {rule}"),
            Self::RemoveTableRoute(table) => {
                write!(f, "remove the default route of table {table}")
            }
            Self::FindWay(address) => write!(f, "find the way to {address}"),
            Self::Monitor => write!(f, "tell of changes"),
        }
    }
}

/// The kernel refused a request, or did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the kernel refuses to {attempt}: {source}")]
pub struct NetlinkError {
    /// What was attempted.
    pub attempt: Attempt,
    /// What the kernel said.
    #[source]
    pub source: io::Error,
}

impl NetlinkError {
    fn new(attempt: Attempt, source: impl Into<io::Error>) -> Self {
        Self { attempt, source: source.into() }
    }

    /// Is there no such interface (`ENODEV`)?
    pub fn is_no_device(&self) -> bool {
        self.source.raw_os_error() == Some(Errno::ENODEV as i32)
    }
}
