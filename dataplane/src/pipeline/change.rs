//! What did a change take away, and does a flow rest on it?
//!
//! | taken away | flows that end |
//! |---|---|
//! | a port | those of the port, and those with an address that it had |
//! | an address that was given to a port, or that is another's now | those with this end |
//! | an external address of the configured list | those that go out, or came in, under it |
//! | a rule, the policy or ICC, where it let a flow's first packet pass | those that would not pass now |
//!
//! Everything else that a configuration may forbid needs no memory of the one before
//! ([`super::renewal`]). What merely forbids more than before, a rule that drops for one, takes nothing
//! away: it judges the packets of the flow, which stays.
//!
//! A change takes effect for the next frame: a flow of another epoch is judged before it is used. That
//! it also *ends* in the same step, with its lease and its place in the census, is the sweep that
//! [`Router::purge`] does. It goes in steps, so that frames are forwarded in between, and is over
//! before there is another change.

use super::family::Keep;
use super::renewal::is_allowed;
use super::router::{EVERYBODY, Router, Shared};
use crate::clock::Time;
use crate::config::{Action, ConfigError, PortLimits, RouterConfig};
use crate::conntrack::Entry;
use crate::filter::{By, Filter, Hits, Question, kept_rules};
use crate::flow::{FlowState, Zone};
use crate::gateway::{Gateway, HOST};
use crate::nat::Nat;
use crate::outbox::Outbox;
use crate::outcome::PortId;
use crate::routes::{Routed, Routes};
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a change took away.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    port: Option<PortId>,
    /// Addresses of the network.
    addresses: HashSet<IpAddr>,
    /// Addresses to translate to.
    external: HashSet<IpAddr>,
    rules: Option<FormerRules>,
}

/// The rules until now, where others took their place.
#[derive(Clone, Debug)]
struct FormerRules {
    filter: Filter,
    /// Is the rule still there?
    kept: Vec<bool>,
    /// Are policy and ICC what they were?
    same_policy: bool,
}

/// A configuration that is proven and compiled, to be put in force without delay.
#[derive(Debug)]
pub struct Prepared {
    config: RouterConfig,
    filter: Filter,
    v4: Routes<Ipv4Addr>,
    v6: Routes<Ipv6Addr>,
}

impl Prepared {
    /// Does the work that needs no router.
    ///
    /// # Errors
    /// The first contradiction in the configuration.
    pub fn new(config: RouterConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let filter = Filter::new(&config.filter);
        let (v4, v6) = (Routes::new(&config.host), Routes::new(&config.host));
        Ok(Self { config, filter, v4, v6 })
    }

    /// The configuration.
    pub fn config(&self) -> &RouterConfig {
        &self.config
    }
}

impl Router {
    /// Takes another configuration, from the next frame on. Flows that it does not allow go with their
    /// next packet, or with [`Self::purge`].
    ///
    /// # Errors
    /// The first contradiction in it; then nothing has changed.
    pub fn reconfigure(&mut self, config: RouterConfig) -> Result<(), ConfigError> {
        self.put_in_force(Prepared::new(config)?)?;
        Ok(())
    }

    /// The same with one that is prepared. Returns what was in force until now.
    ///
    /// # Errors
    /// `HostPort`: it is for a switch of more ports; then nothing has changed.
    pub fn put_in_force(&mut self, prepared: Prepared) -> Result<RouterConfig, ConfigError> {
        let Prepared { config, filter, v4, v6 } = prepared;
        config.check_ports(self.shared.ports)?;
        self.settle();
        let shared = &mut self.shared;
        let mut change = Change::between(&shared.config, &config);
        if config.filter != shared.config.filter {
            change.rules = Some(shared.replace_rules(filter, &config));
        }
        shared.census.configure(&config.conntrack, shared.ports);
        shared.gateway.configure(&config);
        shared.judges_bridged = config.filter.concerns_bridged();
        shared.tracks_bridged = config.filter.needs_state_of_bridged();
        shared.judges = config.filter.decides();
        let filtering = config.nat.filtering;
        let refilters = filtering != shared.config.nat.filtering;
        let former = std::mem::replace(&mut shared.config, config);
        self.v4.configure(&self.shared.config, v4);
        self.v6.configure(&self.shared.config, v6);
        self.v4.fragments.forget_addresses(|it| change.addresses.contains(&it.into()));
        self.v6.fragments.forget_addresses(|it| change.addresses.contains(&it.into()));
        if refilters {
            self.v4.meet_all(filtering);
            self.v6.meet_all(filtering);
        }
        self.begin(change);
        Ok(former)
    }

    /// Forgets a port that was taken out, all at once but for its flows, which are not used any more
    /// and go with [`Self::purge`]. Frames that wait for something of it are dropped.
    pub fn forget_port(&mut self, port: PortId, outbox: &mut Outbox) {
        let addresses = self.disown(port, outbox);
        self.v4.fragments.forget_port(port, |it| addresses.contains(&it.into()), outbox);
        self.v6.fragments.forget_port(port, |it| addresses.contains(&it.into()), outbox);
        self.shared.census.limit_port(port, PortLimits::NONE);
        self.begin(Change { port: Some(port), addresses, ..Change::default() });
    }

    /// Takes all addresses from a port, and ends the last purge, so that no flow is of an id that has no
    /// port. Returns the addresses. Also for a port that comes: they may have been given to its id
    /// before.
    pub fn disown(&mut self, port: PortId, outbox: &mut Outbox) -> HashSet<IpAddr> {
        self.settle();
        self.shared.config.hosts.retain(|&(.., at)| at != port);
        self.shared.gateway.forget_port(port, outbox)
    }

    /// Drops all frames that wait for something: the router is to go.
    pub fn close(&mut self, outbox: &mut Outbox) {
        self.shared.gateway.give_up(outbox);
        self.v4.fragments.give_up(outbox);
        self.v6.fragments.give_up(outbox);
    }

    /// Looks at up to `budget` slots of each table for flows that the last change ended. True if there
    /// are more to be looked at.
    pub fn purge(&mut self, now: Time, budget: usize) -> bool {
        if self.unseen > 0 {
            self.expire(now, budget);
        }
        self.unseen > 0
    }

    /// The rest of the purge, at once.
    pub fn settle(&mut self) {
        // At the start of time nothing expires: just what was changed goes.
        self.purge(Time::START, usize::MAX);
    }

    /// Gives a port other limits of flows; one that is new is known from now on.
    pub fn limit_port(&mut self, port: PortId, limits: PortLimits) {
        self.shared.ports = self.shared.ports.max(port.index() + 1);
        self.shared.census.limit_port(port, limits);
    }

    fn begin(&mut self, change: Change) {
        self.shared.epoch = self.shared.epoch.wrapping_add(1);
        self.shared.change = change;
        self.unseen = self.v4.tracked.rewind().max(self.v6.tracked.rewind());
    }
}

impl Shared {
    /// Puts other rules in force; what stays goes on counting.
    fn replace_rules(&mut self, filter: Filter, config: &RouterConfig) -> FormerRules {
        let (old, new) = (&self.config.filter, &config.filter);
        let kept = kept_rules(&old.rules, &new.rules);
        let same_policy = (old.policy, old.icc) == (new.policy, new.icc);
        self.hits = Hits::following(&self.hits, &kept, new.rules.len(), same_policy);
        let filter = std::mem::replace(&mut self.filter, filter);
        let kept = kept.iter().map(Option::is_some).collect();
        FormerRules { filter, kept, same_policy }
    }
}

impl Change {
    /// What one configuration has and the next has not; without the rules.
    fn between(old: &RouterConfig, new: &RouterConfig) -> Self {
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
                // Another flow had announced it.
                By::Flow => false,
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
        is_allowed(entry, self.config, self.routes, self.nat) && !self.change.ends(entry, self)
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
        if peer != HOST {
            return (Zone::Port(owner), Zone::Port(peer));
        }
        let (caller, called) = (entry.original().source, entry.reply().source);
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
