//! What does one address family have of its own, and what goes back when a flow ends?
//!
//! A flow's entry keeps a lease and the port at its other end. Whoever removes an entry hands what is
//! left of it to [`Family::bury`]: that is the one place where leases of ended flows go back.

use super::announce::Announced;
use super::change::Now;
use super::router::Shared;
use crate::clock::Time;
use crate::config::{Filtering, RouterConfig};
use crate::conntrack::{Census, Conntrack, Entry, Gone};
use crate::flow::{Address, Tuple};
use crate::fragments::Fragments;
use crate::nat::{Lease, Nat};
use crate::outbox::Outbox;
use crate::outcome::{PortId, QueueId};
use crate::routes::{Routed, Routes};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::hash::BuildHasher;
use std::net::IpAddr;

/// Slots that one step of a flush looks at.
const FLUSH_STEP: usize = 4096;

/// The stages of one address family.
#[derive(Clone, Debug)]
pub(super) struct Family<A: Routed> {
    pub(super) tracked: Conntrack<A, Keep>,
    pub(super) nat: Nat<A>,
    pub(super) fragments: Fragments<A>,
    pub(super) routes: Routes<A>,
    pub(super) announced: Announced<A>,
    /// To whom mappings have sent, and how many flows did; kept for [`Filtering::Address`] alone.
    contacts: HashMap<Contact<A>, u32, RandomState>,
}

/// What is kept with a flow.
#[derive(Clone, Debug)]
pub(super) struct Keep {
    /// The external port, if it has one.
    pub(super) lease: Option<Lease>,
    /// The port at the other end than the owner's: the host's of all that is routed; all of them
    /// ([`EVERYBODY`](super::router::EVERYBODY)) while only flooded packets were seen.
    pub(super) peer: PortId,
    /// The queue that its first packet came by. What is routed of it leaves by the same one, so the
    /// kernel hands us both directions by it, though translation makes of them two flows of its own. Not so
    /// fragments, for the kernel tells them apart by their addresses alone: they leave by the queue they
    /// came by, all of a datagram by one.
    pub(super) queue: QueueId,
}

const _: () = assert!(size_of::<Keep>() == 8, "it is kept with each of a million flows");

/// Somebody outside to whom a mapping has sent.
type Contact<A> = (u8, A, u16, A);

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

    pub(super) fn configure(&mut self, config: &RouterConfig, routes: Routes<A>) {
        self.tracked.configure(&config.conntrack);
        self.nat.configure(&config.nat);
        self.routes = routes;
    }

    /// Notes whom a new flow's mapping sends to.
    pub(super) fn meet(&mut self, reply: &Tuple<A>, filtering: Filtering) {
        if filtering == Filtering::Address {
            *self.contacts.entry(contact(reply)).or_default() += 1;
        }
    }

    /// Notes whom the mappings of all flows send to, as if they began now.
    pub(super) fn meet_all(&mut self, filtering: Filtering) {
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
    pub(super) fn bury(&mut self, gone: Gone<A, Keep>) {
        if let Some(awaited) = self.announced.end(gone.id) {
            self.give_back(awaited.lease);
        }
        let Some(lease) = gone.extra.lease else { return };
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

    pub(super) fn give_up(&mut self, outbox: &mut Outbox, now: Time) {
        self.fragments.expire(outbox, now);
        let late = self.announced.expire(now).filter_map(|awaited| awaited.lease);
        late.for_each(|lease| self.nat.release(lease));
    }

    pub(super) fn remove_original(
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

    pub(super) fn flush(&mut self, census: &mut Census) -> usize {
        let before = self.tracked.len();
        let mut left = Vec::new();
        // Everything is stale; one round sees every slot.
        while !self.tracked.is_empty() {
            self.tracked.expire(Time::START, FLUSH_STEP, census, |_| true, |gone| left.push(gone));
            left.drain(..).for_each(|gone| self.bury(gone));
        }
        before
    }

    pub(super) fn expire(&mut self, shared: &mut Shared, now: Time, budget: usize) -> usize {
        let Self { tracked, routes, nat, .. } = self;
        let Shared { config, gateway, filter, change, census, epoch, .. } = shared;
        let judge = Now { config, gateway, filter, change, routes, nat, time: now };
        let stale = |entry: &Entry<A, Keep>| entry.epoch() != *epoch && !judge.allows(entry);
        let mut left = Vec::new();
        let seen = tracked.expire(now, budget, census, stale, |gone| left.push(gone));
        left.into_iter().for_each(|gone| self.bury(gone));
        seen
    }
}

/// The external side of a mapping and who is behind it, of a packet that comes in.
fn contact<A: Address>(reply: &Tuple<A>) -> Contact<A> {
    (reply.protocol, reply.destination, reply.destination_port, reply.source)
}
