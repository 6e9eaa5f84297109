//! How do we talk to the kernel about links, addresses and routes?
//!
//! A [`Netlink`] is a route socket of the network namespace whose thread opened it. Each call is one
//! request and waits for the kernel's answer; there is no notification and no second request under
//! way. Source: `man 7 rtnetlink`, `net/core/rtnetlink.c`.

mod address;
mod bridge;
mod link;
mod lookup;
mod route;
mod socket;

pub use link::{Link, LinkChange, all_links};
pub use route::HostRoute;
pub use socket::Netlink;

use ipnet::IpNet;
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
    /// To look up where an address leads.
    FindRoute(IpAddr),
    /// To list all routes.
    ListRoutes,
    /// To list all interfaces.
    ListLinks,
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
            Self::FindRoute(address) => write!(f, "say where {address} leads"),
            Self::ListRoutes => write!(f, "list the routes"),
            Self::ListLinks => write!(f, "list the interfaces"),
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
}
