//! What is kept of one flow?
//!
//! 144 bytes for IPv4 with 16 bytes of what others hang on it. What each packet needs comes first.

mod life;
mod tally;

use super::index::Link;
use super::lifetimes::{Rules, Tenths};
use super::packet::Packet;
use super::tcp::State;
use crate::flow::{Address, Direction, Tuple};
use crate::outcome::PortId;
use life::Detail;
use tally::Tally;

/// The entry of one flow. `X` is what others hang on it.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Entry<A, X> {
    tuples: [Tuple<A>; 2],
    /// What follows each tuple in its chain of the index.
    links: [Link; 2],
    deadline: Tenths,
    epoch: u32,
    owner: PortId,
    status: u8,
    marks: u8,
    extra: X,
    detail: Detail,
    tallies: [Tally; 2],
}

/// It was replied to.
const SEEN_REPLY: u8 = 1;
/// It is more than an attempt: it is not dropped early.
const ASSURED: u8 = 2;
/// Another flow announced it.
const RELATED: u8 = 4;

/// What a new flow is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewFlow<A, X> {
    /// As its first packet was seen.
    pub original: Tuple<A>,
    /// As its replies will be seen.
    pub reply: Tuple<A>,
    /// The port whose share it counts against.
    pub owner: PortId,
    /// Did another flow announce it?
    pub related: bool,
    /// What others hang on it.
    pub extra: X,
}

impl<A: Address, X> Entry<A, X> {
    /// The entry of a flow that begins with this packet. Gives the flow back if it cannot.
    pub(in crate::conntrack) fn begin(
        new: NewFlow<A, X>,
        packet: &Packet,
        now: Tenths,
        rules: &Rules,
    ) -> Result<Self, X> {
        let Some(detail) = Detail::begin::<A>(packet, now, rules) else { return Err(new.extra) };
        let mut entry = Self {
            tuples: [new.original, new.reply],
            links: [Link::default(); 2],
            deadline: now,
            epoch: 0,
            owner: new.owner,
            status: if new.related { RELATED } else { 0 },
            marks: 0,
            extra: new.extra,
            detail,
            tallies: [Tally::default(); 2],
        };
        entry.start(packet, now, rules);
        Ok(entry)
    }

    /// How the packets of one direction are addressed.
    #[inline]
    pub fn tuple(&self, direction: Direction) -> &Tuple<A> {
        &self.tuples[direction as usize]
    }

    /// How the first packet was addressed.
    #[inline]
    pub fn original(&self) -> &Tuple<A> {
        &self.tuples[0]
    }

    /// How replies are addressed.
    #[inline]
    pub fn reply(&self) -> &Tuple<A> {
        &self.tuples[1]
    }

    /// What others hung on it.
    #[inline]
    pub fn extra(&self) -> &X {
        &self.extra
    }

    /// What others hung on it, to be changed.
    #[inline]
    pub fn extra_mut(&mut self) -> &mut X {
        &mut self.extra
    }

    /// The port whose share it counts against.
    #[inline]
    pub fn owner(&self) -> PortId {
        self.owner
    }

    /// Was it replied to?
    #[inline]
    pub fn seen_reply(&self) -> bool {
        self.status & SEEN_REPLY != 0
    }

    /// Did another flow announce it?
    #[inline]
    pub fn is_related(&self) -> bool {
        self.status & RELATED != 0
    }

    /// Is it safe from being dropped early, but when it closes?
    #[inline]
    pub fn is_assured(&self) -> bool {
        self.status & ASSURED != 0
    }

    /// The epoch of the configuration it was last judged by.
    #[inline]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Notes by which epoch of the configuration it was judged.
    #[inline]
    pub fn set_epoch(&mut self, epoch: u32) {
        self.epoch = epoch;
    }

    /// A byte for whoever judges the flow; 0 for a new one, and again when a connection is reopened.
    #[inline]
    pub fn marks(&self) -> u8 {
        self.marks
    }

    /// Sets that byte.
    #[inline]
    pub fn set_marks(&mut self, marks: u8) {
        self.marks = marks;
    }

    /// The state of its connection, if it is TCP.
    pub fn tcp_state(&self) -> Option<State> {
        if let Detail::Tcp(tcp) = &self.detail { Some(tcp.state()) } else { None }
    }

    /// Its packets, in each direction.
    pub fn packets(&self) -> [u64; 2] {
        self.tallies.map(Tally::packets)
    }

    /// Its bytes, in each direction.
    pub fn bytes(&self) -> [u64; 2] {
        self.tallies.map(Tally::bytes)
    }

    #[inline]
    pub(in crate::conntrack) fn link(&self, direction: Direction) -> Link {
        self.links[direction as usize]
    }

    #[inline]
    pub(in crate::conntrack) fn set_link(&mut self, direction: Direction, link: Link) {
        self.links[direction as usize] = link;
    }

    #[inline]
    pub(in crate::conntrack) fn is_expired(&self, now: Tenths) -> bool {
        now >= self.deadline
    }

    /// How long it has to live.
    pub(in crate::conntrack) fn remaining(&self, now: Tenths) -> Tenths {
        self.deadline.saturating_sub(now)
    }

    /// Is it a connection that is about to end?
    pub(in crate::conntrack) fn is_closing(&self) -> bool {
        self.tcp_state().is_some_and(State::is_closing)
    }

    /// What it was, without the rest.
    pub(in crate::conntrack) fn into_parts(self) -> ([Tuple<A>; 2], X, PortId) {
        (self.tuples, self.extra, self.owner)
    }
}
