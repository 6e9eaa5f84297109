//! Between which two namespaces does the traffic run, and over which bridge?

use super::outside::{self, Outside};
use super::workload::Way;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

/// A bridge that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bridge {
    /// This program.
    Ours,
    /// The kernel's, with veth pairs.
    Kernel,
}

impl fmt::Display for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "ours",
            Self::Kernel => "kernel",
        })
    }
}

/// The two ends of one way over one bridge.
#[derive(Clone, Debug)]
pub(super) struct Path {
    /// What lies between.
    pub(super) bridge: Bridge,
    /// Which way it is.
    pub(super) way: Way,
    /// The namespace that the client is in.
    pub(super) client: PathBuf,
    /// The namespace that the server is in.
    pub(super) server: PathBuf,
    /// Where the server listens; port 0 lets it choose.
    pub(super) listen: SocketAddrV4,
    /// Where the client finds it; port 0 is the one that the server chose.
    pub(super) reach: SocketAddrV4,
    /// How many addresses, counted up from `reach`, lead to the server.
    pub(super) addresses: u16,
}

/// One end of a bridge: a namespace and its address.
pub(super) struct End {
    /// The namespace's file.
    pub(super) netns: PathBuf,
    /// Its address.
    pub(super) address: Ipv4Addr,
}

impl Path {
    /// From the first end to the second.
    pub(super) fn across(bridge: Bridge, way: Way, ends: &[End; 2]) -> Self {
        let [first, second] = ends;
        let any_port = SocketAddrV4::new(second.address, 0);
        Self {
            bridge,
            way,
            client: first.netns.clone(),
            server: second.netns.clone(),
            listen: any_port,
            reach: any_port,
            addresses: 1,
        }
    }

    /// The ways that a bridge has whose host publishes a port of the first end.
    pub(super) fn routed(bridge: Bridge, ends: &[End; 2], outside: &Outside) -> [Self; 3] {
        let inside = &ends[0];
        let out = Self {
            bridge,
            way: Way::Masquerade,
            client: inside.netns.clone(),
            server: outside.netns().to_owned(),
            listen: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0),
            reach: SocketAddrV4::new(outside::OUTSIDE, 0),
            addresses: outside::ADDRESSES,
        };
        let published = Self {
            bridge,
            way: Way::Published,
            client: outside.netns().to_owned(),
            server: inside.netns.clone(),
            listen: SocketAddrV4::new(inside.address, outside::TARGET_PORT),
            reach: SocketAddrV4::new(outside::HOST, outside::PUBLISHED_PORT),
            addresses: 1,
        };
        [Self::across(bridge, Way::NatIdle, ends), out, published]
    }
}
