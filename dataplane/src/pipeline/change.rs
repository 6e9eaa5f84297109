//! What did a change take away, and does a flow rest on it?
//!
//! | taken away | flows that end |
//! |---|---|
//! | a port | those of the port, and those with an address that it had |
//! | an address that was given to a port, or that is another's now | those with this end |
//! | an external address of the configured list | those that go out, or came in, under it |
//! | a rule, the policy or ICC, where it let a flow's first packet pass | those that would not pass now |
//! | anything | those with other networks that would not pass now |
//!
//! Everything else that a configuration may forbid needs no memory of the one before
//! ([`super::renewal`]). What merely forbids more than before, a rule that drops for one, takes nothing
//! away: it judges the packets of the flow, which stays.
//!
//! What was taken away is known until the flows that rested on it have ended ([`super::reconfigure`]).

use super::family::Keep;
use super::renewal::is_allowed;
use super::router::EVERYBODY;
use crate::clock::Time;
use crate::config::{Action, RouterConfig};
use crate::conntrack::Entry;
use crate::filter::{By, Filter, Question};
use crate::flow::{FlowState, NetworkId, Zone};
use crate::gateway::{Gateway, HOST};
use crate::nat::Nat;
use crate::outcome::PortId;
use crate::routes::{Routed, Routes};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// What a change took away.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    pub(super) port: Option<PortId>,
    /// Addresses of the network.
    pub(super) addresses: HashSet<IpAddr>,
    /// Addresses to translate to.
    pub(super) external: HashSet<IpAddr>,
    pub(super) rules: Option<FormerRules>,
}

/// The rules until now, where others took their place.
#[derive(Clone, Debug)]
pub(super) struct FormerRules {
    pub(super) filter: Filter,
    /// Is the rule still there?
    pub(super) kept: Vec<bool>,
    /// Are policy and ICC what they were?
    pub(super) same_policy: bool,
}

impl Change {
    /// What one configuration has and the next has not; without the rules.
    pub(super) fn between(old: &RouterConfig, new: &RouterConfig) -> Self {
        let given: HashMap<_, _> =
            new.hosts.iter().map(|&(address, mac, port)| (address, (mac, port))).collect();
        let lost = old
            .hosts
            .iter()
            .filter(|(address, mac, port)| given.get(address) != Some(&(*mac, *port)));
        let external = old.nat.addresses.iter().filter(|it| !new.nat.addresses.contains(it));
        Self {
            addresses: lost.map(|&(address, ..)| address).collect(),
            external: external.copied().collect(),
            ..Self::default()
        }
    }

    /// Did the change take something away that this flow rests on?
    fn ends<A: Routed>(&self, entry: &Entry<A, Keep>, now: &Now<'_, A>) -> bool {
        let (original, reply) = (entry.original(), entry.reply());
        let ports = [entry.owner(), entry.extra().peer];
        if self.port.is_some_and(|port| ports.contains(&port)) {
            return true;
        }
        if !self.addresses.is_empty()
            && [original.source, reply.source].iter().any(|&it| self.addresses.contains(&it.into()))
        {
            return true;
        }
        if !self.external.is_empty()
            && now.external(entry).is_some_and(|it| self.external.contains(&it.into()))
        {
            return true;
        }
        self.rules.as_ref().is_some_and(|rules| rules.end(entry, now))
    }
}

impl FormerRules {
    /// Did a rule let the flow begin that is not there any more, and would it not begin now?
    fn end<A: Routed>(&self, entry: &Entry<A, Keep>, now: &Now<'_, A>) -> bool {
        let question = now.question(entry);
        if now.filter.judge(&question).action == Action::Accept {
            return false;
        }
        let before = self.filter.judge(&question);
        before.action == Action::Accept
            && match before.by {
                By::Rule(index) => !self.kept.get(index as usize).is_some_and(|&kept| kept),
                By::Icc | By::Policy => !self.same_policy,
                // Another flow had announced it; isolation accepts nothing.
                By::Flow | By::Isolation => false,
            }
    }
}

/// What is in force now, as far as it decides about known flows.
pub(super) struct Now<'r, A: Routed> {
    pub(super) config: &'r RouterConfig,
    pub(super) gateway: &'r Gateway,
    pub(super) filter: &'r Filter,
    pub(super) change: &'r Change,
    pub(super) routes: &'r Routes<A>,
    pub(super) nat: &'r Nat<A>,
    pub(super) time: Time,
}

impl<A: Routed> Now<'_, A> {
    /// May a flow that was begun before the last change go on?
    pub(super) fn allows(&self, entry: &Entry<A, Keep>) -> bool {
        is_allowed(entry, self.config, self.routes, self.nat)
            && !(self.is_across(entry) && self.is_refused(entry))
            && !self.change.ends(entry, self)
    }

    /// Is it a flow with another network? What gateways of our own forward on the segment is none.
    fn is_across(&self, entry: &Entry<A, Keep>) -> bool {
        let ends = [entry.original().source, entry.reply().source];
        [entry.owner(), entry.extra().peer].contains(&HOST)
            && ends.iter().any(|&end| self.network_of(end).is_some())
    }

    fn is_refused(&self, entry: &Entry<A, Keep>) -> bool {
        self.filter.judge(&self.question(entry)).action != Action::Accept
    }

    fn network_of(&self, address: A) -> Option<NetworkId> {
        self.routes.network_of(address).filter(|_| !self.config.is_inside(address.into()))
    }

    /// The address of the host that somebody outside knows the flow by, if that is translated.
    fn external(&self, entry: &Entry<A, Keep>) -> Option<A> {
        entry.extra().lease.as_ref()?;
        let (original, reply) = (entry.original(), entry.reply());
        if self.is_outside(reply.source) {
            Some(reply.destination)
        } else if self.is_outside(original.source) {
            Some(original.destination)
        } else {
            None
        }
    }

    fn is_outside(&self, address: A) -> bool {
        !self.routes.is_own(address) && !self.config.is_inside(address.into())
    }

    /// Where an address is, as rules name it.
    fn zone(&self, address: A) -> Zone {
        if self.routes.is_own(address) {
            return Zone::Host;
        }
        if let Some(id) = self.network_of(address) {
            return Zone::Network(id);
        }
        if self.is_outside(address) {
            return Zone::Outside;
        }
        Zone::Port(self.gateway.port_of(address.into(), self.time).unwrap_or(EVERYBODY))
    }

    /// What the rules were asked about the flow's first packet.
    fn question(&self, entry: &Entry<A, Keep>) -> Question {
        let (sent, reply) = (entry.original(), entry.reply());
        let (from, to) = self.between(entry);
        Question {
            from,
            to,
            protocol: sent.protocol,
            // After DNAT, before SNAT.
            source: sent.source.into(),
            destination: reply.source.into(),
            source_port: sent.source_port,
            destination_port: reply.source_port,
            state: if entry.is_related() { FlowState::Related } else { FlowState::New },
        }
    }

    /// From where to where the first packet went.
    fn between(&self, entry: &Entry<A, Keep>) -> (Zone, Zone) {
        let (owner, peer) = (entry.owner(), entry.extra().peer);
        let (caller, called) = (entry.original().source, entry.reply().source);
        if self.is_across(entry) && self.network_of(caller).is_some() {
            return (self.zone(caller), self.zone(called));
        }
        if peer != HOST {
            return (Zone::Port(owner), Zone::Port(peer));
        }
        let to = self.zone(called);
        if self.routes.is_own(caller) {
            (Zone::Host, to)
        } else if self.is_outside(caller) && matches!(to, Zone::Port(_)) {
            (Zone::Outside, to)
        } else {
            (Zone::Port(owner), to)
        }
    }
}
