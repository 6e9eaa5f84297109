//! Which external port does a flow get?

use super::lease::{Kind, Lease};
use super::mapping::{Endpoint, Mappings};
use super::pool::{Pools, Ports};
use super::random::{Random, mix};
use crate::config::NatConfig;
use crate::flow::{Address, Tuple};
use crate::outcome::DropReason;
use crate::wire::{tcp, udp};

/// Most ports that are looked at for a flow that shares one; as many as netfilter tries
/// (`NF_NAT_MAX_ATTEMPTS`). A range of no more than this is searched whole.
pub const CANDIDATES: u32 = 128;

/// Source NAT's ports, for one address family.
#[derive(Clone, Debug)]
pub struct Nat<A> {
    ports: Ports,
    addresses: Box<[A]>,
    pools: Pools<A>,
    mappings: Mappings<A>,
    leases: usize,
    random: Random,
}

impl<A: Address> Nat<A> {
    /// Nothing leased yet. The seed decides which ports are chosen and should be random.
    pub fn new(config: &NatConfig, seed: u64) -> Self {
        Self {
            ports: Ports::new(&config.ports),
            addresses: addresses(config),
            pools: Pools::new(),
            mappings: Mappings::new(),
            leases: 0,
            random: Random::new(seed),
        }
    }

    /// Follows a changed configuration. Leases that are out stay valid until they are released; new
    /// flows get ports of the new range, also those of endpoints that have a mapping outside of it.
    pub fn configure(&mut self, config: &NatConfig) {
        self.addresses = addresses(config);
        let ports = Ports::new(&config.ports);
        if ports != self.ports {
            self.ports = ports;
            self.pools.recount(ports);
            self.mappings.retire(|port| ports.contains(port));
        }
    }

    /// The configured external address that this namespace keeps to (RFC 4787 REQ-2); `None` if none
    /// of the family is configured. A changed list of addresses may change the answer.
    pub fn external_for(&self, internal: A) -> Option<A> {
        let mut bytes = [0; 16];
        internal.write(&mut bytes);
        let number = u128::from_be_bytes(bytes);
        let (low, high) = (number as u64, (number >> 64) as u64);
        // The remainder is below a usize.
        let index = mix(low ^ mix(high)).checked_rem(self.addresses.len() as u64)?;
        self.addresses.get(index as usize).copied()
    }

    /// The external address and port, or query identifier, for a flow that begins with `sent`: its
    /// tuple as it leaves, but for its source, which is still the internal one.
    ///
    /// `taken` says whether a flow already has this reply tuple. The port of a protocol without ports
    /// is the one in `sent`.
    ///
    /// # Errors
    /// `NatPortsFull` if no port of the range is free towards the destination, as far as
    /// [`CANDIDATES`] show, or there are [`MAX_POOLS`](super::MAX_POOLS); `CtClash` if the protocol has
    /// no ports and another flow is known to the destination by the external address.
    pub fn lease(
        &mut self,
        sent: &Tuple<A>,
        external: A,
        mut taken: impl FnMut(&Tuple<A>) -> bool,
    ) -> Result<(Lease, A, u16), DropReason> {
        let mut reply = Tuple { destination: external, ..sent.inverted() };
        if !has_ports::<A>(sent.protocol) {
            if taken(&reply) {
                return Err(DropReason::CtClash);
            }
            self.leases += 1;
            let lease = Lease::new(0, Kind::Portless);
            return Ok((lease, external, sent.source_port));
        }
        let is_free = |port| {
            reply.destination_port = port;
            !taken(&reply)
        };
        let pool = self.pools.open(external, sent.protocol)?;
        let endpoint = Endpoint { pool, port: sent.source_port, address: sent.source };
        let lease = self.lease_of(endpoint, is_free).ok_or(DropReason::NatPortsFull)?;
        self.leases += 1;
        let port = self.mappings.get(lease.mapping()).port;
        Ok((lease, external, port))
    }

    /// A mapping for an endpoint that announced itself, before there is a flow: what FTP needs.
    ///
    /// # Errors
    /// `NatPortsFull` if there is no port that it could have for itself.
    pub fn lease_endpoint(
        &mut self,
        protocol: u8,
        internal: (A, u16),
        external: A,
    ) -> Result<(Lease, u16), DropReason> {
        let sent = Tuple {
            source: internal.0,
            destination: external,
            source_port: internal.1,
            destination_port: 0,
            protocol,
        };
        match self.lease(&sent, external, |_| false)? {
            (lease, _, port) if lease.owns_mapping() => Ok((lease, port)),
            (lease, ..) => {
                self.release(lease);
                Err(DropReason::NatPortsFull)
            }
        }
    }

    /// One more lease on the mapping that has this external port, for a flow that began outside, or
    /// at a sibling.
    pub fn lease_mapped(&mut self, protocol: u8, external: A, port: u16) -> Option<Lease> {
        let slot = self.owned(protocol, external, port)?;
        self.mappings.get_mut(slot).owners += 1;
        self.leases += 1;
        Some(Lease::new(slot, Kind::Owner))
    }

    /// The internal address and port of the mapping that has this external port.
    pub fn mapped(&self, protocol: u8, external: A, port: u16) -> Option<(A, u16)> {
        let slot = self.owned(protocol, external, port)?;
        let internal = &self.mappings.get(slot).internal;
        Some((internal.address, internal.port))
    }

    /// Takes a lease back. The port is free when the last lease on it is back.
    pub fn release(&mut self, lease: Lease) {
        self.leases -= 1;
        let mapping = match lease.kind() {
            Kind::Portless => return,
            Kind::Owner | Kind::Guest => self.mappings.get_mut(lease.mapping()),
        };
        if lease.kind() == Kind::Owner {
            mapping.owners -= 1;
        } else {
            mapping.guests -= 1;
        }
        let (pool, port) = (mapping.internal.pool, mapping.port);
        let (owners, guests) = (mapping.owners, mapping.guests);
        if lease.kind() == Kind::Owner && owners == 0 {
            self.mappings.orphan(lease.mapping());
        }
        if (owners, guests) == (0, 0) {
            self.mappings.remove(lease.mapping());
            self.pools.get_mut(pool).free(port, self.ports);
        }
    }

    /// How many leases are out.
    pub fn in_use(&self) -> usize {
        self.leases
    }

    /// How many external ports are in use, all addresses and protocols together.
    pub fn ports_in_use(&self) -> usize {
        self.mappings.len()
    }

    /// Would a new flow of the internal endpoint get this external one?
    #[cfg(test)]
    pub(super) fn keeps_to(&self, protocol: u8, internal: (A, u16), external: (A, u16)) -> bool {
        let Some(pool) = self.pools.find(external.0, protocol) else { return false };
        let endpoint = Endpoint { pool, port: internal.1, address: internal.0 };
        let slot = self.mappings.of_endpoint(&endpoint);
        slot.is_some_and(|slot| self.mappings.get(slot).port == external.1)
    }

    /// The endpoint's own mapping first, then a new one, then a port that others use.
    #[inline]
    fn lease_of(
        &mut self,
        endpoint: Endpoint<A>,
        mut is_free: impl FnMut(u16) -> bool,
    ) -> Option<Lease> {
        let own = self.mappings.of_endpoint(&endpoint);
        if let Some(mapping) = own {
            if is_free(self.mappings.get(mapping).port) {
                self.mappings.get_mut(mapping).owners += 1;
                return Some(Lease::new(mapping, Kind::Owner));
            }
        } else if let Some(port) = self.unused_port(&endpoint)
            && is_free(port)
        {
            return Some(self.own(endpoint, port));
        }
        self.share(endpoint, own.is_none(), is_free)
    }

    /// A port that nobody uses: the one that the sender uses itself, or any.
    #[inline]
    fn unused_port(&mut self, endpoint: &Endpoint<A>) -> Option<u16> {
        let pool = self.pools.get(endpoint.pool);
        if self.ports.contains(endpoint.port) && pool.is_free(endpoint.port) {
            return Some(endpoint.port);
        }
        let start = self.ports.at(self.random.below(self.ports.count()));
        pool.find_free(self.ports, start)
    }

    /// A port that is free towards this destination, whoever else uses it. Without a mapping of its
    /// own the endpoint may get one on a port that has none.
    fn share(
        &mut self,
        endpoint: Endpoint<A>,
        may_own: bool,
        mut is_free: impl FnMut(u16) -> bool,
    ) -> Option<Lease> {
        let start = self.random.below(self.ports.count());
        let candidates = 0..self.ports.count().min(CANDIDATES);
        let port =
            candidates.map(|step| self.ports.at(start + step)).find(|&port| is_free(port))?;
        let used = self.mappings.on_port(endpoint.pool, port);
        let owned = used.is_some_and(|slot| self.mappings.get(slot).owners > 0);
        if may_own && !owned {
            return Some(self.own(endpoint, port));
        }
        let mapping = used.unwrap_or_else(|| self.occupy(endpoint, port));
        self.mappings.get_mut(mapping).guests += 1;
        Some(Lease::new(mapping, Kind::Guest))
    }

    /// Gives the endpoint a mapping on this port, which no other endpoint has.
    #[inline]
    fn own(&mut self, endpoint: Endpoint<A>, port: u16) -> Lease {
        let mapping = match self.pools.get(endpoint.pool).is_free(port) {
            true => None,
            false => self.mappings.on_port(endpoint.pool, port),
        };
        let mapping = mapping.unwrap_or_else(|| self.occupy(endpoint, port));
        self.mappings.give(mapping, endpoint);
        self.mappings.get_mut(mapping).owners = 1;
        Lease::new(mapping, Kind::Owner)
    }

    #[inline]
    fn occupy(&mut self, endpoint: Endpoint<A>, port: u16) -> u32 {
        self.pools.get_mut(endpoint.pool).take(port, self.ports);
        self.mappings.add(endpoint, port)
    }

    /// The mapping on this port, if it has an owner.
    fn owned(&self, protocol: u8, external: A, port: u16) -> Option<u32> {
        let pool = self.pools.find(external, protocol)?;
        let slot = self.mappings.on_port(pool, port)?;
        (self.mappings.get(slot).owners > 0).then_some(slot)
    }
}

/// Has the protocol ports, or identifiers, that may be translated?
#[inline]
fn has_ports<A: Address>(protocol: u8) -> bool {
    matches!(protocol, tcp::PROTOCOL | udp::PROTOCOL) || protocol == A::ICMP
}

/// The configured external addresses of the family.
fn addresses<A: Address>(config: &NatConfig) -> Box<[A]> {
    config.addresses.iter().filter_map(|&address| A::of(address)).collect()
}
