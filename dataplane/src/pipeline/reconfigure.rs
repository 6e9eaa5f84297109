//! How does a change get into the router, and the flows that it ends out of it?
//!
//! A change takes effect for the next frame: a flow of another epoch is judged before it is used. That
//! it also *ends* in the same step, with its lease and its place in the census, is the sweep that
//! [`Router::purge`] does. It goes in steps, so that frames are forwarded in between, and is over
//! before there is another change.
//!
//! Limits: [`PURGE_SLOTS`] and [`PURGE_FLOWS`] of one step.

use super::change::{Change, FormerRules};
use super::router::{Router, Shared};
use crate::clock::Time;
use crate::config::{ConfigError, PortLimits, RouterConfig};
use crate::filter::{Filter, Hits, kept_rules};
use crate::outbox::Outbox;
use crate::outcome::PortId;
use crate::routes::Routes;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most slots of each flow table that one step of a purge looks at: some 100 microseconds' work, which
/// the rings of the ports have room for.
pub const PURGE_SLOTS: usize = 8192;

/// After how many flows that have ended a step is over: to take one out of all tables takes a
/// microsecond.
pub const PURGE_FLOWS: usize = 256;

/// After how many slots a step looks whether it is over.
const PURGE_GRAIN: usize = 64;

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

    /// Looks at some slots of each table for flows that the last change ended: no more than
    /// [`PURGE_SLOTS`], and no further once [`PURGE_FLOWS`] have ended. True if there are more to be
    /// looked at.
    pub fn purge(&mut self, now: Time) -> bool {
        let (mut slots, before) = (0, self.flows());
        while self.unseen > 0 && slots < PURGE_SLOTS && before - self.flows() < PURGE_FLOWS {
            self.expire(now, PURGE_GRAIN);
            slots += PURGE_GRAIN;
        }
        self.unseen > 0
    }

    /// The rest of the purge, at once.
    pub fn settle(&mut self) {
        // At the start of time nothing expires: just what was changed goes.
        while self.purge(Time::START) {}
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
