//! What is asked of the router beside packets: what it knows, and that it forget some of it.

use super::router::Router;
use crate::clock::Time;
use crate::conntrack::FlowView;
use crate::filter::Hits;
use std::net::IpAddr;

/// Where in the tables a page of flows begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// In the IPv4 table.
    V4(usize),
    /// In the IPv6 table.
    V6(usize),
}

impl Default for Cursor {
    fn default() -> Self {
        Self::V4(0)
    }
}

impl Router {
    /// How often each rule has decided.
    pub fn hits(&self) -> &Hits {
        &self.shared.hits
    }

    /// How many flows are tracked, expired ones that nobody has looked at since included.
    pub fn flows(&self) -> usize {
        self.v4.tracked.len() + self.v6.tracked.len()
    }

    /// How many external ports are in use, all addresses and protocols together.
    pub fn ports_in_use(&self) -> usize {
        self.v4.nat.ports_in_use() + self.v6.nat.ports_in_use()
    }

    /// How many leases of flows on external addresses are out.
    pub fn leases(&self) -> usize {
        self.v4.nat.in_use() + self.v6.nat.in_use()
    }

    /// A page of the flows: those in up to `slots` slots of the tables from `from` on, and where the
    /// next page begins.
    pub fn views(&self, from: Cursor, slots: usize, now: Time) -> (Vec<FlowView>, Option<Cursor>) {
        match from {
            Cursor::V4(at) => {
                let (views, next) = self.v4.tracked.views(at, slots, now);
                (views.collect(), Some(next.map_or(Cursor::V6(0), Cursor::V4)))
            }
            Cursor::V6(at) => {
                let (views, next) = self.v6.tracked.views(at, slots, now);
                (views.collect(), next.map(Cursor::V6))
            }
        }
    }

    /// Removes the flow whose first packet had this tuple; false if there is none.
    pub fn remove(&mut self, protocol: u8, ends: (IpAddr, IpAddr, u16, u16), now: Time) -> bool {
        let census = &mut self.shared.census;
        self.v4.remove_original(protocol, ends, census, now)
            || self.v6.remove_original(protocol, ends, census, now)
    }

    /// Removes all flows; returns how many there were.
    pub fn flush(&mut self) -> usize {
        let census = &mut self.shared.census;
        self.v4.flush(census) + self.v6.flush(census)
    }
}
