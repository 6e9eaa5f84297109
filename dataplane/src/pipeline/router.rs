//! What decides above layer 2, and with which configuration?
//!
//! One [`Router`] has a `Family` for each of IPv4 and IPv6 and what both share. A frame's way through
//! it is in `path`; what else may be asked of it, in `inspect`.

use super::change::Change;
use super::family::Family;
use super::path::Path;
use crate::clock::Time;
use crate::config::RouterConfig;
use crate::conntrack::Census;
use crate::filter::{Filter, Hits, Judgement, Question};
use crate::frame::{Frame, Network};
use crate::gateway::Gateway;
use crate::outbox::Outbox;
use crate::outcome::{Outcome, PortId, Verdict};
use crate::switch::Switch;
use crate::wire::ethernet::MacAddr;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Stands for any namespace, where a frame goes to all.
pub(super) const EVERYBODY: PortId = PortId(u16::MAX);

/// What decides above layer 2.
#[derive(Clone, Debug)]
pub struct Router {
    pub(super) v4: Family<Ipv4Addr>,
    pub(super) v6: Family<Ipv6Addr>,
    pub(super) shared: Shared,
    /// How many slots of each table are still to be looked at for flows that the last change ended.
    pub(super) unseen: usize,
}

/// What both families share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) config: RouterConfig,
    pub(super) gateway: Gateway,
    pub(super) filter: Filter,
    pub(super) census: Census,
    pub(super) hits: Hits,
    /// Who judged last; whoever is to know clears it before.
    pub(super) judged: Option<Judgement>,
    /// Does any rule concern bridged packets?
    pub(super) judges_bridged: bool,
    /// Must a bridged packet's flow be known to judge it?
    pub(super) tracks_bridged: bool,
    /// Can a packet be dropped by the filter at all?
    pub(super) judges: bool,
    /// How many ports the switch has.
    pub(super) ports: usize,
    /// Changes with the configuration; a flow of another epoch is judged anew.
    pub(super) epoch: u32,
    /// What the last change took away, while flows are looked for that rest on it.
    pub(super) change: Change,
}

impl Router {
    /// The stages as configured, for a switch of so many ports whose host port has this MAC.
    pub fn new(config: &RouterConfig, host_mac: MacAddr, ports: usize) -> Self {
        let shared = Shared {
            gateway: Gateway::new(config, host_mac),
            filter: Filter::new(&config.filter),
            census: Census::new(&config.conntrack, ports),
            hits: Hits::new(&config.filter),
            judged: None,
            judges_bridged: config.filter.concerns_bridged(),
            tracks_bridged: config.filter.needs_state_of_bridged(),
            judges: config.filter.decides(),
            config: config.clone(),
            ports,
            epoch: 0,
            change: Change::default(),
        };
        Self { v4: Family::new(config), v6: Family::new(config), shared, unseen: 0 }
    }

    /// Where a frame goes that the switch has let in.
    #[inline]
    pub(super) fn route(
        &mut self,
        frame: &mut Frame<'_>,
        switch: &mut Switch,
        outbox: &mut Outbox,
        now: Time,
    ) -> Outcome {
        let Self { v4, v6, shared, .. } = self;
        if shared.gateway.hear(frame, outbox, now) {
            return Ok(Verdict::Answered);
        }
        let queue = frame.queue();
        match frame.layout().network_kind() {
            Network::Ipv4 => Path { family: v4, shared, switch, outbox, now, queue }.walk(frame),
            Network::Ipv6 => Path { family: v6, shared, switch, outbox, now, queue }.walk(frame),
            Network::Other => switch.forward(frame, now),
        }
    }

    /// Lets expired flows go, looking at no more than `budget` slots of each table; returns how many
    /// it looked at.
    pub fn expire(&mut self, now: Time, budget: usize) -> usize {
        let Self { v4, v6, shared, unseen } = self;
        let seen = v4.expire(shared, now, budget) + v6.expire(shared, now, budget);
        *unseen = unseen.saturating_sub(budget);
        seen
    }

    /// How many slots are to be looked at in half a second, so that all are seen within a minute.
    pub fn expiry_share(&self) -> usize {
        self.v4.tracked.sweep_budget() + self.v6.tracked.sweep_budget()
    }

    /// Gives up on what has waited too long: frames for a neighbour, fragments for their first,
    /// connections that were announced.
    pub fn give_up(&mut self, outbox: &mut Outbox, now: Time) {
        self.shared.gateway.expire(outbox, now);
        self.v4.give_up(outbox, now);
        self.v6.give_up(outbox, now);
    }

    /// Is there anything that time will end?
    pub fn is_idle(&self) -> bool {
        self.flows() == 0
            && !self.shared.gateway.is_waiting()
            && self.v4.fragments.is_empty()
            && self.v6.fragments.is_empty()
    }
}

impl Shared {
    /// Asks the rules, and counts who decided.
    pub(super) fn judge(&mut self, question: &Question, bytes: usize) -> Judgement {
        let judgement = self.filter.judge(question);
        self.hits.count(judgement, bytes);
        self.judged = Some(judgement);
        judgement
    }
}
