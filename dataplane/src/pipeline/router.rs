//! The stages above layer 2, and what is asked of them beside packets.

use super::announce::Announced;
use super::path::Path;
use crate::clock::Time;
use crate::config::{ConfigError, Filtering, RouterConfig};
use crate::conntrack::{Census, Conntrack, Entry, FlowView, Gone};
use crate::filter::{Filter, Hits, Judgement, Question};
use crate::flow::{Address, Tuple};
use crate::fragments::Fragments;
use crate::frame::{Frame, Network};
use crate::gateway::Gateway;
use crate::nat::{Lease, Nat};
use crate::outbox::Outbox;
use crate::outcome::Outcome;
use crate::routes::{Routed, Routes};
use crate::switch::Switch;
use crate::wire::ethernet::MacAddr;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What decides above layer 2.
#[derive(Clone, Debug)]
pub struct Router {
    pub(super) v4: Family<Ipv4Addr>,
    pub(super) v6: Family<Ipv6Addr>,
    pub(super) shared: Shared,
}

/// What one address family has of its own.
#[derive(Clone, Debug)]
pub(super) struct Family<A: Routed> {
    pub(super) tracked: Conntrack<A, Option<Lease>>,
    pub(super) nat: Nat<A>,
    pub(super) fragments: Fragments<A>,
    pub(super) routes: Routes<A>,
    pub(super) announced: Announced<A>,
    /// To whom mappings have sent, and how many flows did; kept for [`Filtering::Address`] alone.
    contacts: HashMap<Contact<A>, u32, RandomState>,
}

/// Somebody outside to whom a mapping has sent.
type Contact<A> = (u8, A, u16, A);

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
    ports: usize,
    /// Changes with the configuration; a flow of another epoch is judged anew.
    pub(super) epoch: u32,
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
        };
        Self { v4: Family::new(config), v6: Family::new(config), shared }
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
        let Self { v4, v6, shared } = self;
        if shared.gateway.hear(frame, outbox, now) {
            return Ok(crate::outcome::Verdict::Answered);
        }
        match frame.layout().network_kind() {
            Network::Ipv4 => Path { family: v4, shared, switch, outbox, now }.walk(frame),
            Network::Ipv6 => Path { family: v6, shared, switch, outbox, now }.walk(frame),
            Network::Other => switch.forward(frame, now),
        }
    }

    /// Takes another configuration, from the next frame on. Flows are judged anew; those that it does
    /// not allow go with their next packet, or within a minute.
    ///
    /// # Errors
    /// The first contradiction in it; then nothing has changed.
    pub fn reconfigure(&mut self, config: RouterConfig) -> Result<(), ConfigError> {
        config.check()?;
        let shared = &mut self.shared;
        if config.filter != shared.config.filter {
            shared.filter = Filter::new(&config.filter);
            shared.hits = Hits::new(&config.filter);
        }
        shared.census.configure(&config.conntrack, shared.ports);
        shared.gateway.configure(&config);
        shared.judges_bridged = config.filter.concerns_bridged();
        shared.tracks_bridged = config.filter.needs_state_of_bridged();
        shared.judges = config.filter.decides();
        shared.epoch = shared.epoch.wrapping_add(1);
        let filtering = config.nat.filtering;
        let refilters = filtering != self.shared.config.nat.filtering;
        self.v4.configure(&config);
        self.v6.configure(&config);
        if refilters {
            self.v4.meet_all(filtering);
            self.v6.meet_all(filtering);
        }
        self.shared.config = config;
        Ok(())
    }

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

    /// Lets expired flows go, looking at no more than `budget` slots of each table; returns how many
    /// it looked at.
    pub fn expire(&mut self, now: Time, budget: usize) -> usize {
        let Self { v4, v6, shared } = self;
        v4.expire(shared, now, budget) + v6.expire(shared, now, budget)
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

impl<A: Routed> Family<A> {
    pub(super) fn new(config: &RouterConfig) -> Self {
        // Ports begin at a place that nobody outside can guess.
        let seed = std::hash::RandomState::new().hash_one(A::LEN);
        Self {
            tracked: Conntrack::new(&config.conntrack),
            nat: Nat::new(&config.nat, seed),
            fragments: Fragments::new(),
            routes: Routes::new(&config.host),
            announced: Announced::new(),
            contacts: HashMap::default(),
        }
    }

    fn configure(&mut self, config: &RouterConfig) {
        self.tracked.configure(&config.conntrack);
        self.nat.configure(&config.nat);
        self.routes = Routes::new(&config.host);
    }

    /// Notes whom a new flow's mapping sends to.
    pub(super) fn meet(&mut self, reply: &Tuple<A>, filtering: Filtering) {
        if filtering == Filtering::Address {
            *self.contacts.entry(contact(reply)).or_default() += 1;
        }
    }

    /// Notes whom the mappings of all flows send to, as if they began now.
    fn meet_all(&mut self, filtering: Filtering) {
        self.contacts.clear();
        // At the start of time none of them has expired: each will be buried once.
        let (flows, _) = self.tracked.views(0, usize::MAX, Time::START);
        let replies: Vec<_> = flows
            .filter(|flow| flow.original.0 != flow.reply.1)
            .filter_map(|flow| {
                let (source, destination, source_port, destination_port) = flow.reply;
                Some(Tuple {
                    source: A::of(source)?,
                    destination: A::of(destination)?,
                    source_port,
                    destination_port,
                    protocol: flow.protocol,
                })
            })
            .collect();
        replies.iter().for_each(|reply| self.meet(reply, filtering));
    }

    /// Has the mapping behind this external address and port sent to `remote`?
    pub(super) fn has_met(&self, from_outside: &Tuple<A>) -> bool {
        self.contacts.contains_key(&contact(from_outside))
    }

    /// Takes back what a flow held.
    pub(super) fn bury(&mut self, gone: Gone<A, Option<Lease>>) {
        if let Some(awaited) = self.announced.end(gone.id) {
            self.give_back(awaited.lease);
        }
        let Some(lease) = gone.extra else { return };
        self.nat.release(lease);
        let contact = contact(&gone.reply);
        if let Some(flows) = self.contacts.get_mut(&contact) {
            *flows -= 1;
            if *flows == 0 {
                self.contacts.remove(&contact);
            }
        }
    }

    /// Takes back a lease, if there is one.
    pub(super) fn give_back(&mut self, lease: Option<Lease>) {
        if let Some(lease) = lease {
            self.nat.release(lease);
        }
    }

    fn give_up(&mut self, outbox: &mut Outbox, now: Time) {
        self.fragments.expire(outbox, now);
        let late = self.announced.expire(now).filter_map(|awaited| awaited.lease);
        late.for_each(|lease| self.nat.release(lease));
    }

    fn remove_original(
        &mut self,
        protocol: u8,
        (source, destination, source_port, destination_port): (IpAddr, IpAddr, u16, u16),
        census: &mut Census,
        now: Time,
    ) -> bool {
        let (Some(source), Some(destination)) = (A::of(source), A::of(destination)) else {
            return false;
        };
        let tuple = Tuple { source, destination, source_port, destination_port, protocol };
        let hit = self.tracked.find(&tuple, now);
        match hit.and_then(|hit| self.tracked.remove(hit.id, census)) {
            Some(gone) => {
                self.bury(gone);
                true
            }
            None => false,
        }
    }

    fn flush(&mut self, census: &mut Census) -> usize {
        let before = self.tracked.len();
        let mut left = Vec::new();
        // Everything is stale; one round sees every slot.
        while !self.tracked.is_empty() {
            self.tracked.expire(Time::START, FLUSH_STEP, census, |_| true, |gone| left.push(gone));
            left.drain(..).for_each(|gone| self.bury(gone));
        }
        before
    }

    fn expire(&mut self, shared: &mut Shared, now: Time, budget: usize) -> usize {
        let Self { tracked, routes, nat, .. } = self;
        let (config, epoch) = (&shared.config, shared.epoch);
        let stale = |entry: &Entry<A, Option<Lease>>| {
            entry.epoch() != epoch && !is_allowed(entry, config, routes, nat)
        };
        let mut left = Vec::new();
        let seen = tracked.expire(now, budget, &mut shared.census, stale, |gone| left.push(gone));
        left.into_iter().for_each(|gone| self.bury(gone));
        seen
    }
}

/// Slots that one step of a flush looks at.
const FLUSH_STEP: usize = 4096;

/// The external side of a mapping and who is behind it, of a packet that comes in.
fn contact<A: Address>(reply: &Tuple<A>) -> Contact<A> {
    (reply.protocol, reply.destination, reply.destination_port, reply.source)
}

/// May a flow that was begun under another configuration go on: does the network still reach the
/// outside, is the flow's external address still the host's, and does the published port it came by
/// still lead there?
pub(super) fn is_allowed<A: Routed>(
    entry: &Entry<A, Option<Lease>>,
    config: &RouterConfig,
    routes: &Routes<A>,
    nat: &Nat<A>,
) -> bool {
    let (original, reply) = (entry.original(), entry.reply());
    let is_outside = |end: A| !routes.is_own(end) && !config.is_inside(end.into());
    let leaves = is_outside(original.source) || is_outside(reply.source);
    if leaves && original.inverted() != *reply && !config.has_outside() {
        return false;
    }
    if original.source != reply.destination && !routes.is_own(reply.destination) {
        return false;
    }
    let called = (original.destination, original.destination_port);
    let reached = (reply.source, reply.source_port);
    if called == reached {
        return true;
    }
    let target = match config.published.find(original.protocol, called.0.into(), called.1) {
        Some((address, port)) => A::of(address).map(|address| (address, port)),
        None => nat.mapped(original.protocol, called.0, called.1),
    };
    target == Some(reached) && routes.is_own(called.0)
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
