//! What is kept of one flow, and what does a packet do to it?
//!
//! 144 bytes for IPv4 with 16 bytes of what others hang on it. What each packet needs comes first.
//!
//! Sources for what is not TCP: `nf_conntrack_udp_packet` in `net/netfilter/nf_conntrack_proto_udp.c`,
//! `nf_conntrack_proto_icmp.c`, `nf_conntrack_proto_generic.c`, and `resolve_normal_ct` in
//! `nf_conntrack_core.c` for the states.

use super::index::Link;
use super::lifetimes::{Rules, Tenths};
use super::packet::Packet;
use super::segment::SegmentKind;
use super::tcp::{Ruling, Standing, State, Tcp};
use crate::flow::{Address, Direction, FlowState, Tuple};
use crate::outcome::PortId;
use crate::wire::icmp::Kind;
use crate::wire::{icmp, udp};

/// A flow of UDP is a stream if it was replied to and is older than this: two seconds.
const STREAM_AGE: Tenths = 20;

/// What a flow's packets and bytes were in one direction: 40 and 56 bits of count. The bytes stop at
/// their highest value.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, packed(4))]
struct Tally {
    /// The packets' upper 8 bits and, below them, the bytes.
    high: u64,
    /// The packets' lower 32 bits.
    packets: u32,
}

impl Tally {
    /// The bits of `high` that are the bytes'.
    const BYTES: u32 = 56;
    const MAX_BYTES: u64 = (1 << Self::BYTES) - 1;

    #[inline]
    fn count(&mut self, length: u32) {
        let (packets, carry) = self.packets.overflowing_add(1);
        let bytes = (self.bytes() + u64::from(length)).min(Self::MAX_BYTES);
        let upper = (self.high >> Self::BYTES).wrapping_add(u64::from(carry));
        self.high = upper << Self::BYTES | bytes;
        self.packets = packets;
    }

    fn packets(self) -> u64 {
        (self.high >> Self::BYTES) << 32 | u64::from(self.packets)
    }

    fn bytes(self) -> u64 {
        self.high & Self::MAX_BYTES
    }
}

/// What is kept by protocol.
#[derive(Clone, Copy, Debug)]
enum Detail {
    Tcp(Tcp),
    Udp {
        /// From when on it may be a stream.
        stream_from: Tenths,
    },
    /// The family's ICMP, a query.
    Icmp,
    Other,
}

/// The entry of one flow. `X` is what others hang on it.
#[derive(Debug)]
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

/// What a packet does to its flow's life.
enum Effect {
    Invalid,
    /// Nothing: it passes.
    Pass,
    /// The flow lives so long from now on, and is it assured?
    Live(Tenths, bool),
    /// The flow is over with this packet.
    End,
    /// The flow is over, and this packet is part of none.
    EndUnseen,
    /// A new flow takes its place.
    Anew,
}

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
    pub(super) fn begin(
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
    pub(super) fn link(&self, direction: Direction) -> Link {
        self.links[direction as usize]
    }

    #[inline]
    pub(super) fn set_link(&mut self, direction: Direction, link: Link) {
        self.links[direction as usize] = link;
    }

    #[inline]
    pub(super) fn is_expired(&self, now: Tenths) -> bool {
        now >= self.deadline
    }

    /// How long it has to live.
    pub(super) fn remaining(&self, now: Tenths) -> Tenths {
        self.deadline.saturating_sub(now)
    }

    /// Is it a connection that is about to end?
    pub(super) fn is_closing(&self) -> bool {
        self.tcp_state().is_some_and(State::is_closing)
    }

    /// What it was, without the rest.
    pub(super) fn into_parts(self) -> ([Tuple<A>; 2], X, PortId) {
        (self.tuples, self.extra, self.owner)
    }

    /// Lets a packet do what it does, and says which state it has.
    #[inline]
    pub(super) fn update(
        &mut self,
        direction: Direction,
        packet: &Packet,
        now: Tenths,
        rules: &Rules,
    ) -> FlowState {
        match self.effect(direction, packet, now, rules) {
            Effect::Invalid => return FlowState::Invalid,
            Effect::EndUnseen => {
                self.deadline = now;
                return FlowState::Invalid;
            }
            Effect::Anew => return self.reopen(packet, now, rules),
            Effect::Pass => {}
            Effect::End => self.deadline = now,
            Effect::Live(lifetime, assured) => {
                self.deadline = now.saturating_add(lifetime);
                self.status |= if assured { ASSURED } else { 0 };
            }
        }
        self.tallies[direction as usize].count(packet.length);
        if direction == Direction::Reply {
            self.status |= SEEN_REPLY;
            return FlowState::Established;
        }
        if self.seen_reply() {
            FlowState::Established
        } else if self.status & RELATED != 0 {
            FlowState::Related
        } else {
            FlowState::New
        }
    }

    #[inline]
    fn effect(
        &mut self,
        direction: Direction,
        packet: &Packet,
        now: Tenths,
        rules: &Rules,
    ) -> Effect {
        let standing = Standing { seen_reply: self.seen_reply(), assured: self.is_assured() };
        match &mut self.detail {
            Detail::Tcp(tcp) => effect_of_tcp(tcp, direction, packet, standing, rules),
            Detail::Udp { stream_from } if standing.seen_reply && now > *stream_from => {
                Effect::Live(rules.udp_stream, true)
            }
            Detail::Udp { .. } => Effect::Live(rules.udp, false),
            // An identifier that equals a type could make a request look like a reply.
            Detail::Icmp => match (direction, packet.icmp) {
                (Direction::Original, Some(Kind::Reply(_)))
                | (Direction::Reply, Some(Kind::Request)) => Effect::Invalid,
                _ => Effect::Live(icmp_lifetime::<A>(rules), false),
            },
            Detail::Other => Effect::Live(rules.generic, false),
        }
    }

    /// A new connection takes the place of one that has ended, with its addresses and owner.
    #[cold]
    fn reopen(&mut self, packet: &Packet, now: Tenths, rules: &Rules) -> FlowState {
        // Whoever says that it is opened anew has seen its SYN, which may begin a connection.
        if let Some(detail) = Detail::begin::<A>(packet, now, rules) {
            (self.detail, self.status, self.marks) = (detail, 0, 0);
            self.tallies = [Tally::default(); 2];
            self.start(packet, now, rules);
        }
        FlowState::New
    }

    /// Counts the first packet and sets the first deadline.
    fn start(&mut self, packet: &Packet, now: Tenths, rules: &Rules) {
        let lifetime = match &self.detail {
            Detail::Tcp(tcp) => unreplied(tcp, tcp.lifetime(None, rules), rules),
            Detail::Udp { .. } => rules.udp,
            Detail::Icmp => icmp_lifetime::<A>(rules),
            Detail::Other => rules.generic,
        };
        self.deadline = now.saturating_add(lifetime);
        self.tallies[0].count(packet.length);
    }
}

impl Detail {
    fn begin<A: Address>(packet: &Packet, now: Tenths, rules: &Rules) -> Option<Self> {
        if packet.is_tcp() {
            return Some(Self::Tcp(Tcp::begin(packet.tcp.as_ref()?, rules.loose)?));
        }
        Some(match packet.protocol {
            udp::PROTOCOL => Self::Udp { stream_from: now.saturating_add(STREAM_AGE) },
            protocol if protocol == A::ICMP => {
                (packet.icmp == Some(Kind::Request)).then_some(Self::Icmp)?
            }
            _ => Self::Other,
        })
    }
}

#[inline]
fn effect_of_tcp(
    tcp: &mut Tcp,
    direction: Direction,
    packet: &Packet,
    standing: Standing,
    rules: &Rules,
) -> Effect {
    let Some(segment) = &packet.tcp else {
        tcp.lose_track();
        return Effect::Live(tcp.lifetime(None, rules), false);
    };
    let from = match tcp.judge(direction, segment, standing, rules.liberal) {
        Ruling::Invalid => return Effect::Invalid,
        Ruling::Ignored => return Effect::Pass,
        Ruling::Reopens => return Effect::Anew,
        Ruling::Ends => return Effect::EndUnseen,
        Ruling::Accepted { from } => from,
    };
    let kind = segment.kind();
    let lifetime = tcp.lifetime(kind, rules);
    if standing.seen_reply {
        let opens = matches!(from, State::SynRecv | State::Established);
        return Effect::Live(lifetime, opens && tcp.state() == State::Established);
    }
    match kind {
        // Refused at once: there was no connection.
        Some(SegmentKind::Reset) => Effect::End,
        // A SYN that is repeated does not keep an attempt alive.
        Some(SegmentKind::Syn) if from == State::SynSent => Effect::Pass,
        _ => Effect::Live(unreplied(tcp, lifetime, rules), false),
    }
}

/// A connection of which one side was never heard does not live as long as an open one.
fn unreplied(tcp: &Tcp, lifetime: Tenths, rules: &Rules) -> Tenths {
    match tcp.state() {
        State::Established => lifetime.min(rules.tcp_unacknowledged),
        _ => lifetime,
    }
}

#[inline]
fn icmp_lifetime<A: Address>(rules: &Rules) -> Tenths {
    if A::ICMP == icmp::PROTOCOL { rules.icmp } else { rules.icmpv6 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_counts_beyond_32_bits_of_packets_and_stops_at_56_bits_of_bytes() {
        let mut tally = Tally { high: Tally::MAX_BYTES - 1000, packets: u32::MAX };
        tally.count(999);
        assert_eq!((tally.packets(), tally.bytes()), (1 << 32, Tally::MAX_BYTES - 1));
        tally.count(1500);
        assert_eq!((tally.packets(), tally.bytes()), ((1 << 32) + 1, Tally::MAX_BYTES));
    }
}
