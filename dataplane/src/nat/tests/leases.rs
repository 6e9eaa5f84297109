//! Leases against a slow model, and their limits.

use crate::config::NatConfig;
use crate::flow::Tuple;
use crate::nat::{CANDIDATES, Lease, MAX_POOLS, Nat};
use crate::outcome::DropReason;
use proptest::prelude::*;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const OTHER_OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

fn internal(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, host)
}

fn remote(host: u16) -> Ipv4Addr {
    let [high, low] = host.to_be_bytes();
    Ipv4Addr::new(198, 51, high, low)
}

fn config(ports: std::ops::RangeInclusive<u16>) -> NatConfig {
    NatConfig { ports, ..NatConfig::default() }
}

fn nat(ports: std::ops::RangeInclusive<u16>) -> Nat<Ipv4Addr> {
    Nat::new(&config(ports), 42)
}

/// What a host sends from a port to a remote host.
fn sent(protocol: u8, host: u8, port: u16, to: u16) -> Tuple<Ipv4Addr> {
    Tuple {
        source: internal(host),
        destination: remote(to),
        source_port: port,
        destination_port: 80,
        protocol,
    }
}

/// One lease that is out, and whose it is.
struct Out {
    lease: Lease,
    reply: Tuple<Ipv4Addr>,
    internal: (Ipv4Addr, u16),
}

/// Conntrack as a list, beside the leases.
struct Model {
    nat: Nat<Ipv4Addr>,
    ports: std::ops::RangeInclusive<u16>,
    out: Vec<Out>,
}

#[derive(Clone, Debug)]
enum Step {
    Lease { protocol: u8, host: u8, port: u16, to: u16, other: bool },
    Mapped { protocol: u8, index: u16, to: u16 },
    Release(prop::sample::Index),
    Configure(u16, u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let protocol = || prop_oneof![Just(6u8), Just(17), Just(1), Just(47)];
    let step = prop_oneof![
        12 => (protocol(), 1u8..6, 98u16..104, 0u16..3, any::<bool>()).prop_map(
            |(protocol, host, port, to, other)| Step::Lease { protocol, host, port, to, other }
        ),
        2 => (protocol(), 0u16..12, 0u16..3)
            .prop_map(|(protocol, index, to)| Step::Mapped { protocol, index, to }),
        6 => any::<prop::sample::Index>().prop_map(Step::Release),
        1 => (100u16..106, 0u16..6).prop_map(|(first, more)| Step::Configure(first, more)),
    ];
    prop::collection::vec(step, 1..200)
}

impl Model {
    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Lease { protocol, host, port, to, other } => {
                let external = if other { OTHER_OUTSIDE } else { OUTSIDE };
                self.lease(sent(protocol, host, port, to), external)
            }
            Step::Mapped { protocol, index, to } => self.lease_mapped(protocol, 100 + index, to),
            Step::Release(index) => {
                if !self.out.is_empty() {
                    let out = self.out.swap_remove(index.index(self.out.len()));
                    self.nat.release(out.lease);
                }
                Ok(())
            }
            Step::Configure(first, more) => {
                self.ports = first..=first + more;
                self.nat.configure(&config(self.ports.clone()));
                Ok(())
            }
        }
    }

    fn lease(&mut self, sent: Tuple<Ipv4Addr>, external: Ipv4Addr) -> Result<(), TestCaseError> {
        let reply =
            |port| Tuple { destination: external, destination_port: port, ..sent.inverted() };
        let is_taken = |reply: &Tuple<_>| self.out.iter().any(|out| out.reply == *reply);
        let ported = sent.protocol != 47;
        let choices = if ported { self.ports.clone() } else { sent.source_port..=sent.source_port };
        let any_free = choices.clone().any(|port| !is_taken(&reply(port)));
        let own = self.own_port(&sent, external);
        let got = self.nat.lease(&sent, external, is_taken);
        let Ok((lease, address, port)) = got else {
            let reason = if ported { DropReason::NatPortsFull } else { DropReason::CtClash };
            prop_assert_eq!(got.unwrap_err(), reason);
            prop_assert!(!any_free, "a port was free");
            return Ok(());
        };
        prop_assert!(any_free && choices.contains(&port) && address == external);
        prop_assert!(!is_taken(&reply(port)), "two flows have one tuple");
        if let Some(own) = own {
            prop_assert!(port == own || is_taken(&reply(own)), "the mapping was not kept to");
            prop_assert_eq!(lease.owns_mapping(), port == own);
        }
        prop_assert!(ported || !lease.owns_mapping());
        let internal = (sent.source, sent.source_port);
        self.out.push(Out { lease, reply: reply(port), internal });
        Ok(())
    }

    /// The port that the sender's other flows have, if it is in the range still.
    fn own_port(&self, sent: &Tuple<Ipv4Addr>, external: Ipv4Addr) -> Option<u16> {
        let port = self.out.iter().find(|out| {
            out.lease.owns_mapping()
                && out.internal == (sent.source, sent.source_port)
                && (out.reply.protocol, out.reply.destination) == (sent.protocol, external)
                && self.nat_keeps(out)
        })?;
        Some(port.reply.destination_port)
    }

    /// A mapping that was out of the range once is not kept to, even if it is in it again.
    fn nat_keeps(&self, out: &Out) -> bool {
        let port = out.reply.destination_port;
        self.ports.contains(&port)
            && self.nat.keeps_to(out.reply.protocol, out.internal, (out.reply.destination, port))
    }

    fn lease_mapped(&mut self, protocol: u8, port: u16, to: u16) -> Result<(), TestCaseError> {
        let mapped = self.nat.mapped(protocol, OUTSIDE, port);
        let reply = Tuple {
            source: remote(to),
            destination: OUTSIDE,
            source_port: 80,
            destination_port: port,
            protocol,
        };
        if self.out.iter().any(|out| out.reply == reply) {
            return Ok(());
        }
        let lease = self.nat.lease_mapped(protocol, OUTSIDE, port);
        prop_assert_eq!(lease.is_some(), mapped.is_some());
        if let (Some(lease), Some(internal)) = (lease, mapped) {
            prop_assert!(lease.owns_mapping());
            self.out.push(Out { lease, reply, internal });
        }
        Ok(())
    }

    /// What must hold at any time.
    fn audit(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.nat.in_use(), self.out.len());
        let mut ports: HashMap<_, Option<(Ipv4Addr, u16)>> = HashMap::new();
        for out in self.out.iter().filter(|out| out.reply.protocol != 47) {
            let Tuple { destination, destination_port, protocol, .. } = out.reply;
            let owner = ports.entry((protocol, destination, destination_port)).or_default();
            if out.lease.owns_mapping() {
                prop_assert!(owner.is_none_or(|owner| owner == out.internal), "two owners");
                *owner = Some(out.internal);
            }
        }
        prop_assert_eq!(self.nat.ports_in_use(), ports.len());
        for ((protocol, external, port), owner) in ports {
            prop_assert_eq!(self.nat.mapped(protocol, external, port), owner);
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn leases_are_those_of_a_slow_model(steps in steps(), seed: u64) {
        let ports = 100..=104;
        let nat = Nat::new(&config(ports.clone()), seed);
        let mut model = Model { nat, ports, out: Vec::new() };
        for step in &steps {
            model.take(step)?;
            model.audit()?;
        }
        for out in model.out.drain(..) {
            model.nat.release(out.lease);
        }
        model.audit()?;
        prop_assert_eq!((model.nat.in_use(), model.nat.ports_in_use()), (0, 0));
    }
}

#[test]
fn a_port_of_the_range_is_kept_if_it_is_free() {
    let mut nat = nat(1000..=2000);
    let (first, _, port) = nat.lease(&sent(6, 1, 1500, 1), OUTSIDE, |_| false).unwrap();
    assert_eq!(port, 1500);
    let (second, _, port) = nat.lease(&sent(6, 2, 1500, 1), OUTSIDE, |_| false).unwrap();
    assert_ne!(port, 1500);
    let (udp, _, port) = nat.lease(&sent(17, 2, 1500, 1), OUTSIDE, |_| false).unwrap();
    assert_eq!(port, 1500, "protocols do not share ports");
    let (outside, _, port) = nat.lease(&sent(6, 3, 999, 1), OUTSIDE, |_| false).unwrap();
    assert!((1000..=2000).contains(&port));
    for lease in [first, second, udp, outside] {
        nat.release(lease);
    }
    assert_eq!((nat.in_use(), nat.ports_in_use()), (0, 0));
}

#[test]
fn each_port_serves_one_endpoint_until_none_is_left_and_then_others_elsewhere() {
    let mut nat = nat(100..=103);
    let mut replies = Vec::new();
    let mut leases = Vec::new();
    let mut lease = |nat: &mut Nat<_>, sent| {
        let (lease, external, port) = nat.lease(&sent, OUTSIDE, |reply| replies.contains(reply))?;
        let owns = lease.owns_mapping();
        leases.push(lease);
        replies.push(Tuple { destination: external, destination_port: port, ..sent.inverted() });
        Ok::<_, DropReason>((port, owns))
    };
    for host in 1..=4 {
        assert!(lease(&mut nat, sent(6, host, 5, 1)).unwrap().1);
    }
    assert_eq!(lease(&mut nat, sent(6, 5, 5, 1)), Err(DropReason::NatPortsFull));
    for host in 5..=8 {
        assert!(!lease(&mut nat, sent(6, host, 5, 2)).unwrap().1, "a guest elsewhere");
    }
    assert_eq!(lease(&mut nat, sent(6, 9, 5, 2)), Err(DropReason::NatPortsFull));
    assert_eq!((nat.in_use(), nat.ports_in_use()), (8, 4));
    for lease in leases {
        nat.release(lease);
    }
    assert_eq!((nat.in_use(), nat.ports_in_use()), (0, 0));
}

#[test]
fn a_port_that_only_guests_use_is_mapped_anew() {
    let mut nat = nat(100..=100);
    let (owner, _, _) = nat.lease(&sent(6, 1, 5, 1), OUTSIDE, |_| false).unwrap();
    let (guest, _, _) = nat.lease(&sent(6, 2, 5, 2), OUTSIDE, |_| false).unwrap();
    assert_eq!(nat.mapped(6, OUTSIDE, 100), Some((internal(1), 5)));
    nat.release(owner);
    assert_eq!(nat.mapped(6, OUTSIDE, 100), None, "a guest is not an owner");
    assert!(nat.lease_mapped(6, OUTSIDE, 100).is_none());
    let (owner, _, port) = nat.lease(&sent(6, 3, 7, 3), OUTSIDE, |_| false).unwrap();
    assert!(owner.owns_mapping() && port == 100);
    nat.release(guest);
    assert_eq!(nat.mapped(6, OUTSIDE, 100), Some((internal(3), 7)));
    nat.release(owner);
    assert_eq!(nat.ports_in_use(), 0);
}

#[test]
fn an_announced_endpoint_gets_a_port_for_itself_or_none() {
    let mut nat = nat(100..=100);
    let (lease, port) = nat.lease_endpoint(6, (internal(1), 5), OUTSIDE).unwrap();
    assert_eq!(nat.mapped(6, OUTSIDE, port), Some((internal(1), 5)));
    let refused = nat.lease_endpoint(6, (internal(2), 5), OUTSIDE);
    assert_eq!(refused.unwrap_err(), DropReason::NatPortsFull);
    assert_eq!(nat.in_use(), 1);
    nat.release(lease);
}

#[test]
fn no_more_candidates_are_looked_at_than_the_limit_says() {
    let mut nat = nat(1..=u16::MAX);
    let mut asked = 0;
    let refused = nat.lease(&sent(6, 1, 0, 1), OUTSIDE, |_| {
        asked += 1;
        true
    });
    assert_eq!(refused.unwrap_err(), DropReason::NatPortsFull);
    // The unused port that was tried first comes on top.
    assert_eq!(asked, CANDIDATES + 1);
}

#[test]
fn there_are_no_more_pools_than_the_limit_says_and_an_idle_one_is_taken_over() {
    let mut nat = nat(100..=200);
    let external = |index: usize| Ipv4Addr::from(index as u32);
    let mut lease =
        |index| nat.lease(&sent(6, 1, 1, 1), external(index), |_| false).map(|(lease, ..)| lease);
    let mut leases: Vec<_> = (0..MAX_POOLS).map(|index| lease(index).unwrap()).collect();
    assert_eq!(lease(MAX_POOLS).unwrap_err(), DropReason::NatPortsFull);
    nat.release(leases.pop().unwrap());
    let last = nat.lease(&sent(6, 1, 1, 1), external(MAX_POOLS), |_| false).unwrap();
    assert_eq!(nat.mapped(6, external(MAX_POOLS), last.2), Some((internal(1), 1)));
    assert_eq!(nat.mapped(6, external(MAX_POOLS - 1), last.2), None);
    nat.release(last.0);
    leases.into_iter().for_each(|lease| nat.release(lease));
}

#[test]
fn a_namespace_keeps_to_one_of_the_configured_addresses() {
    let addresses: Vec<IpAddr> =
        [OUTSIDE.into(), OTHER_OUTSIDE.into(), IpAddr::from(Ipv6Addr::LOCALHOST)].to_vec();
    let config = NatConfig { addresses, ..NatConfig::default() };
    let nat = Nat::<Ipv4Addr>::new(&config, 1);
    let chosen: Vec<_> = (0..100).map(|host| nat.external_for(internal(host)).unwrap()).collect();
    let again: Vec<_> = (0..100).map(|host| nat.external_for(internal(host)).unwrap()).collect();
    assert_eq!(chosen, again);
    let first = chosen.iter().filter(|&&address| address == OUTSIDE).count();
    assert!((20..80).contains(&first), "{first} of 100");
    assert_eq!(Nat::new(&config, 1).external_for(Ipv6Addr::UNSPECIFIED), Some(Ipv6Addr::LOCALHOST));
    assert_eq!(Nat::<Ipv4Addr>::new(&NatConfig::default(), 1).external_for(OUTSIDE), None);
}
