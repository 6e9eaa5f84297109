//! Who in one network gets what?

use super::lease::{Lease, NetworkLeases};
use super::pool::Pool;
use super::scheme::{ipv4, ipv6, mac, mac_of, number_of};
use super::{Addresses, AssignedNetwork};
use crate::model::declared::Members;
use crate::model::{
    DeclaredNetwork, Endpoint, Known, NetworkName, Problem, Refusal, SandboxName, Subnets, Taker,
};
use crate::spec::Field;
use dataplane::wire::ethernet::MacAddr;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where the addresses of one network are given out.
pub(super) struct Desk<'a> {
    pub(super) name: &'a NetworkName,
    pub(super) network: &'a DeclaredNetwork,
    pub(super) subnets: Subnets,
    pub(super) before: &'a NetworkLeases,
    pub(super) members: &'a Members<'a>,
}

/// Addresses of one kind by sandbox.
type Given<A> = HashMap<SandboxName, A>;

impl Desk<'_> {
    /// Gives everybody what was chosen, then what was leased before, then what is free.
    pub(super) fn give(&self) -> Result<AssignedNetwork, Refusal> {
        let Subnets { v4, v6 } = self.subnets;
        let preferred = |name: &SandboxName| number_of(self.name, name);
        let v4s = self.ipv4(v4, preferred)?;
        // The same number in both families, if it can be.
        let first = u32::from(v4.network());
        let number = |name: &SandboxName| {
            v4s.get(name).map(|address| u32::from(*address).wrapping_sub(first).wrapping_sub(1))
        };
        let v6s = v6.map(|subnet| self.ipv6(subnet, number)).transpose()?.unwrap_or_default();
        let macs = self.macs()?;
        let host = Addresses {
            mac: mac(self.name, 0, 0),
            ipv4: ipv4(v4, 0),
            ipv6: v6.map(|subnet| ipv6(subnet, 0)),
        };
        let endpoints = self.members.keys().filter_map(|name| {
            let net6 = |subnet: Ipv6Net| {
                let address = *v6s.get(*name)?;
                Ipv6Net::new(address, subnet.prefix_len()).ok()
            };
            let addresses = Addresses {
                mac: *macs.get(*name)?,
                ipv4: Ipv4Net::new(*v4s.get(*name)?, v4.prefix_len()).ok()?,
                ipv6: v6.and_then(net6),
            };
            Some((SandboxName::clone(name), addresses))
        });
        Ok(AssignedNetwork { subnets: self.subnets, host, endpoints: endpoints.collect() })
    }

    fn ipv4(
        &self,
        subnet: Ipv4Net,
        preferred: impl Fn(&SandboxName) -> Option<u32>,
    ) -> Result<Given<Ipv4Addr>, Refusal> {
        let mut pool = Pool::v4(subnet);
        let inside = |address: &Ipv4Addr| {
            subnet.contains(address) && ![subnet.network(), subnet.broadcast()].contains(address)
        };
        self.remember(&mut pool, |lease| Some(lease.ipv4).filter(inside));
        let given = self.claims(
            "address",
            &mut pool,
            |endpoint| endpoint.ipv4,
            |lease| Some(lease.ipv4).filter(inside),
        )?;
        self.rest("subnet", subnet.into(), pool, given, preferred)
    }

    fn ipv6(
        &self,
        subnet: Ipv6Net,
        preferred: impl Fn(&SandboxName) -> Option<u32>,
    ) -> Result<Given<Ipv6Addr>, Refusal> {
        let mut pool = Pool::v6(subnet);
        let inside = |address: &Ipv6Addr| subnet.contains(address) && *address != subnet.network();
        self.remember(&mut pool, |lease| lease.ipv6.filter(inside));
        let given = self.claims(
            "address6",
            &mut pool,
            |endpoint| endpoint.ipv6,
            |lease| lease.ipv6.filter(inside),
        )?;
        self.rest("subnet6", subnet.into(), pool, given, preferred)
    }

    /// Keeps what those had who are gone.
    fn remember<A: Copy + Eq + Hash + Ord>(
        &self,
        pool: &mut Pool<A>,
        leased: impl Fn(&Lease) -> Option<A>,
    ) {
        for (name, lease) in &self.before.endpoints {
            if let (false, Some(address)) = (self.members.contains_key(name), leased(lease)) {
                pool.remember(lease.gone.unwrap_or(u64::MAX), address);
            }
        }
    }

    /// Takes what was chosen, then what was leased before.
    fn claims<A: Copy + Eq + Hash + Ord + Into<IpAddr>>(
        &self,
        key: &str,
        pool: &mut Pool<A>,
        chosen: impl Fn(&Endpoint) -> Option<A>,
        leased: impl Fn(&Lease) -> Option<A>,
    ) -> Result<Given<A>, Refusal> {
        let mut given = HashMap::new();
        let mut choosers = HashMap::new();
        for (name, endpoint) in self.members {
            if let Some(address) = chosen(endpoint) {
                pool.take(address);
                choosers.insert(address, *name);
                given.insert(SandboxName::clone(name), address);
            }
        }
        for (name, lease) in self.leases() {
            let Some(address) = leased(lease).filter(|_| !given.contains_key(name)) else {
                continue;
            };
            if let Some(chooser) = choosers.get(&address) {
                let by = Taker::Sandbox(name.clone(), self.name.clone());
                let problem = Problem::AddressTaken { address: address.into(), by };
                return Err(Refusal::new(Field::endpoint(chooser, self.name).key(key), problem));
            }
            if pool.take(address) {
                given.insert(name.clone(), address);
            }
        }
        Ok(given)
    }

    /// Leases something free to all others.
    fn rest<A: Copy + Eq + Hash + Ord + Into<IpAddr>>(
        &self,
        key: &str,
        subnet: IpNet,
        mut pool: Pool<A>,
        mut given: Given<A>,
        preferred: impl Fn(&SandboxName) -> Option<u32>,
    ) -> Result<Given<A>, Refusal> {
        for name in self.in_order() {
            if given.contains_key(name) {
                continue;
            }
            let Some(address) = pool.lease(preferred(name)) else {
                let held =
                    given.iter().map(|(name, address)| (Into::<IpAddr>::into(*address), name));
                let held: BTreeMap<_, _> = held.collect();
                let holders = held.iter().map(|(address, name)| format!("{address} of {name}"));
                let problem = Problem::NoFreeAddress { subnet, holders: Known::of(holders) };
                return Err(Refusal::new(Field::network(self.name, key), problem));
            };
            given.insert(name.clone(), address);
        }
        Ok(given)
    }

    fn macs(&self) -> Result<Given<MacAddr>, Refusal> {
        let host = (mac(self.name, 0, 0), Taker::Bridge(self.name.clone()));
        let fixed = self.network.fixed.keys().map(|mac| (*mac, Taker::Static(self.name.clone())));
        let mut taken: HashMap<_, _> = fixed.chain([host]).collect();
        let mut given = HashMap::new();
        let own = |name: &SandboxName| Taker::Sandbox(name.clone(), self.name.clone());
        let held = |name: &SandboxName, endpoint: &Endpoint| {
            let lease = self.before.endpoints.get(name).map(|lease| lease.mac);
            lease.filter(|_| endpoint.mac.is_none())
        };
        for (name, endpoint) in self.members {
            let Some(mac) = held(name, endpoint) else { continue };
            match taken.get(&mac) {
                None => {
                    taken.insert(mac, own(name));
                    given.insert(SandboxName::clone(name), mac);
                }
                Some(Taker::Static(_)) => {
                    let field =
                        Field::network(self.name, "fdb").key("static").key(&mac.to_string());
                    return Err(Refusal::new(field, Problem::MacTaken { mac, by: own(name) }));
                }
                // Two of one MAC in a table that we did not write: the second gets another.
                Some(_) => {}
            }
        }
        for (name, endpoint) in self.members {
            let Some(mac) = endpoint.mac else { continue };
            if let Some(by) = taken.insert(mac, own(name)) {
                let problem = Problem::MacTaken { mac, by };
                return Err(Refusal::new(Field::endpoint(name, self.name).key("mac"), problem));
            }
            given.insert(SandboxName::clone(name), mac);
        }
        for name in self.in_order() {
            if given.contains_key(name) {
                continue;
            }
            // There are 2^40 candidates and some thousands at most are taken: one is free.
            let free = (0_u32..).map(|attempt| mac_of(self.name, name, attempt));
            let free = free.into_iter().find(|mac| !taken.contains_key(mac));
            let mac = free.unwrap_or(MacAddr::ZERO);
            taken.insert(mac, own(name));
            given.insert(name.clone(), mac);
        }
        Ok(given)
    }

    /// The leases of those who are here.
    fn leases(&self) -> impl Iterator<Item = (&SandboxName, &Lease)> {
        self.before.endpoints.iter().filter(|(name, _)| self.members.contains_key(name))
    }

    /// The members: those with a number in their name by number, then all others by name.
    fn in_order(&self) -> Vec<&SandboxName> {
        let mut names: Vec<_> = self.members.keys().copied().collect();
        names.sort_by_key(|name| number_of(self.name, name).unwrap_or(u32::MAX));
        names
    }
}
