//! Between which namespaces does the traffic run, and over which system?

use super::System;
use super::outside::{self, Outside};
use super::tracker::Tracker;
use crate::bench::workload::Way;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

/// The two ends of one way over one system.
#[derive(Clone, Debug)]
pub(in crate::bench) struct Path {
    /// What lies between.
    pub(in crate::bench) system: System,
    /// Which way it is.
    pub(in crate::bench) way: Way,
    /// The namespace that the client is in.
    pub(in crate::bench) client: PathBuf,
    /// The namespace that the server is in.
    pub(in crate::bench) server: PathBuf,
    /// Where the server listens; port 0 lets it choose.
    pub(in crate::bench) listen: SocketAddrV4,
    /// Where the client finds it; port 0 is the one that the server chose.
    pub(in crate::bench) reach: SocketAddrV4,
    /// How many addresses, counted up from `reach`, lead to the server.
    pub(in crate::bench) addresses: u16,
    /// All ends of the network, for what more than two take part in.
    pub(in crate::bench) ends: Vec<End>,
    /// What tracks the connections that run here, where that can be asked.
    pub(in crate::bench) tracker: Option<Tracker>,
}

/// One end of a network: a namespace and its address.
#[derive(Clone, Debug)]
pub(in crate::bench) struct End {
    /// The namespace's file.
    pub(in crate::bench) netns: PathBuf,
    /// Its address.
    pub(in crate::bench) address: Ipv4Addr,
}

impl End {
    /// The ends with these numbers, from 1, in namespaces called `PREFIX-1` and so on, with the
    /// addresses that follow the bridge's.
    pub(super) fn numbered(directory: &str, bridge: Ipv4Addr, count: u16) -> Vec<Self> {
        let end = |number: u16| Self {
            netns: PathBuf::from(format!("{directory}-{number}")),
            address: Ipv4Addr::from_bits(bridge.to_bits() + u32::from(number)),
        };
        (1..=count).map(end).collect()
    }
}

impl Path {
    /// The same, tracked by this one.
    pub(super) fn tracked_by(self, tracker: &Tracker) -> Self {
        Self { tracker: Some(tracker.clone()), ..self }
    }

    /// From the first end to the last; there are at least two.
    pub(in crate::bench) fn across(system: System, way: Way, ends: &[End]) -> Option<Self> {
        let (first, last) = (ends.first()?, ends.last()?);
        let any_port = SocketAddrV4::new(last.address, 0);
        Some(Self {
            system,
            way,
            client: first.netns.clone(),
            server: last.netns.clone(),
            listen: any_port,
            reach: any_port,
            addresses: 1,
            ends: ends.to_vec(),
            tracker: None,
        })
    }

    /// From a namespace through a host to its outside.
    pub(super) fn out(system: System, inside: &std::path::Path, outside: &Outside) -> Self {
        Self {
            system,
            way: Way::Masquerade,
            client: inside.to_owned(),
            server: outside.netns().to_owned(),
            listen: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0),
            reach: SocketAddrV4::new(outside::OUTSIDE, 0),
            addresses: outside::ADDRESSES,
            ends: Vec::new(),
            tracker: None,
        }
    }

    /// From the outside to the last of `published` ports, which leads to `inside` at this address.
    pub(super) fn published(
        system: System,
        inside: &std::path::Path,
        address: Ipv4Addr,
        outside: &Outside,
        published: u16,
    ) -> Self {
        let last = published.saturating_sub(1);
        Self {
            system,
            way: Way::Published,
            client: outside.netns().to_owned(),
            server: inside.to_owned(),
            listen: SocketAddrV4::new(address, outside::TARGET_PORT + last),
            reach: SocketAddrV4::new(outside::HOST, outside::PUBLISHED_PORT + last),
            addresses: 1,
            ends: Vec::new(),
            tracker: None,
        }
    }

    /// All ways of a bridge whose host publishes ports of the first end.
    pub(super) fn routed(
        system: System,
        ends: &[End],
        outside: &Outside,
        published: u16,
    ) -> Vec<Self> {
        let through = ends.first().map(|inside| {
            [
                Self::out(system, &inside.netns, outside),
                Self::published(system, &inside.netns, inside.address, outside, published),
            ]
        });
        let idle = Self::across(system, Way::NatIdle, ends);
        idle.into_iter().chain(through.into_iter().flatten()).collect()
    }
}
