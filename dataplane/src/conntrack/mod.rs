//! What do we know of this flow? Connection tracking.
//!
//! ```text
//!   frame ─> Packet::of ─> find(tuple) ──hit──> update ──> NEW, ESTABLISHED, RELATED, INVALID
//!                              │
//!                              '─miss─> judge_new ─> (filter, NAT: by others) ─> insert
//! ```
//!
//! A table has an entry for each flow, in a slab, and an index with its two tuples, one for each
//! direction: the reply's is what NAT made of it. There is a table for each address family; one
//! [`Census`] counts both. What others keep with a flow, say the lease of a port, is the entry's
//! `extra`: it comes in with [`Conntrack::insert`] and goes out exactly once, with a [`Gone`].
//!
//! Time is an argument. An entry whose time is over is not found, but stays until
//! [`Conntrack::expire`], which is called now and then with a budget, comes to its slot or a new
//! flow needs its place.
//!
//! Rooms, in reading order: [`packet`] and [`segment`] (what a packet says), [`entry`] (one flow),
//! [`tcp`] (its state machine and windows), `slab` and `index` (the table), `insert` and `sweep`
//! (how flows come and go), [`census`] (limits), [`view`] (listing).
//!
//! Limits: [`ConntrackConfig::limit`] flows in all, [`ConntrackConfig::port_limit`] of a port. All memory
//! is taken at construction; an IPv4 flow takes 153 bytes of it at a million flows.
//! Sources: `net/netfilter/nf_conntrack_{core,proto_tcp,proto_udp,proto_icmp}.c`, RFC 4787, 5382, 5508.
//!
//! Known gaps: SCTP, DCCP and GRE are told apart by address alone. Early drop takes flows of the new
//! one's own family only.

pub mod census;
pub mod entry;
mod index;
mod insert;
mod lifetimes;
pub mod packet;
pub mod segment;
mod slab;
mod sweep;
pub mod tcp;
#[cfg(test)]
mod tests;
pub mod view;

pub use census::Census;
pub use entry::{Entry, NewFlow};
pub use insert::{EARLY_DROP_SLOTS, Inserted};
pub use packet::Packet;
pub use segment::Segment;
pub use sweep::SWEEPS;
pub use view::FlowView;

use crate::clock::Time;
use crate::config::ConntrackConfig;
use crate::flow::{Address, Direction, FlowState, Tuple};
use crate::outcome::{DropReason, PortId};
use index::Index;
use lifetimes::{Rules, tenths};
use slab::Slab;

/// Which entry; good until the entry is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowId(u32);

impl FlowId {
    /// A number that no other flow of the table has while it lives.
    #[inline]
    pub fn number(self) -> u32 {
        self.0
    }
}

/// A flow that was found, and which way the packet goes in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The flow.
    pub id: FlowId,
    /// As its first packet, or against it.
    pub direction: Direction,
}

/// What is left of a flow that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone<A, X> {
    /// Which it was; another flow may have that now.
    pub id: FlowId,
    /// How its first packet was addressed.
    pub original: Tuple<A>,
    /// How replies were addressed.
    pub reply: Tuple<A>,
    /// What others hung on it.
    pub extra: X,
    /// The port whose share it counted against.
    pub owner: PortId,
}

/// The table of one address family.
#[derive(Debug)]
pub struct Conntrack<A, X> {
    slab: Slab<Entry<A, X>>,
    index: Index,
    rules: Rules,
    /// The slot that the next sweep begins with.
    cursor: usize,
}

/// A copy of what is in the table: it knows what the table knows, and may hold as many.
impl<A: Address, X: Clone> Clone for Conntrack<A, X> {
    fn clone(&self) -> Self {
        let mut slab = self.slab.clone();
        let index = self.index.copy(&self.slab, &mut slab);
        Self { slab, index, rules: self.rules.clone(), cursor: self.cursor }
    }
}

impl<A: Address, X> Conntrack<A, X> {
    /// An empty table. It allocates all that it will ever need.
    pub fn new(config: &ConntrackConfig) -> Self {
        Self {
            slab: Slab::with_capacity(config.limit),
            index: Index::new(config.limit),
            rules: Rules::new(config),
            cursor: 0,
        }
    }

    /// Takes new timeouts and rules, which hold for each flow from its next packet on. Allocates if
    /// the limit is higher than it ever was.
    pub fn configure(&mut self, config: &ConntrackConfig) {
        self.rules = Rules::new(config);
        self.slab.reserve(config.limit);
        self.index.reserve(config.limit, &mut self.slab);
    }

    /// The flow whose packets of one direction have this tuple, if it is alive.
    #[inline]
    pub fn find(&self, tuple: &Tuple<A>, now: Time) -> Option<Hit> {
        let hash = self.index.hash(tuple);
        let ((at, direction), entry) = self.index.find(hash, tuple, &self.slab)?;
        (!entry.is_expired(tenths(now))).then_some(Hit { id: FlowId(at), direction })
    }

    /// May this packet begin a flow?
    ///
    /// # Errors
    /// `CtInvalid` if not: TCP that is neither a SYN nor, if connections may be picked up, a plain
    /// ACK; a fragment of TCP; ICMP that is no request.
    #[inline]
    pub fn judge_new(&self, packet: &Packet) -> Result<(), DropReason> {
        let sound = if packet.is_tcp() {
            packet.tcp.is_some_and(|segment| tcp::Tcp::may_begin(&segment, self.rules.loose))
        } else {
            packet.is_request::<A>()
        };
        if sound { Ok(()) } else { Err(DropReason::CtInvalid) }
    }

    /// Lets a packet do to its flow what it does: counts it, moves the connection's state and sets the
    /// flow's end. Says which state the packet has; one that is invalid changes nothing.
    ///
    /// `New` for a flow that was replied to before means that a closed connection is opened again. It
    /// keeps its tuples and extra; its marks are 0.
    ///
    /// One exception to "changes nothing": the called side's SYN in TIME_WAIT is invalid and ends the
    /// flow. It is not found any more then; the kernel looks the packet up again, and so may the caller.
    #[inline]
    pub fn update(&mut self, hit: Hit, packet: &Packet, now: Time) -> FlowState {
        match self.slab.get_mut(hit.id.0) {
            Some(entry) => entry.update(hit.direction, packet, tenths(now), &self.rules),
            None => FlowState::Invalid,
        }
    }

    /// The entry.
    #[inline]
    pub fn get(&self, id: FlowId) -> Option<&Entry<A, X>> {
        self.slab.get(id.0)
    }

    /// The entry, to be changed.
    #[inline]
    pub fn get_mut(&mut self, id: FlowId) -> Option<&mut Entry<A, X>> {
        self.slab.get_mut(id.0)
    }

    /// How many flows it holds, those included whose time is over but that were not swept.
    #[inline]
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Does it hold none?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
