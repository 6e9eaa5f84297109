//! What does a packet do to its flow?
//!
//! TCP is judged by [`crate::conntrack::tcp`]; what the others need fits here. UDP lives longer once it is a
//! stream: replied to, and older than two seconds. ICMP queries and the rest just live on.
//!
//! Sources: `nf_conntrack_udp_packet` in `net/netfilter/nf_conntrack_proto_udp.c`,
//! `nf_conntrack_proto_icmp.c`, `nf_conntrack_proto_generic.c`, and `resolve_normal_ct` in
//! `nf_conntrack_core.c` for the states.

use super::tally::Tally;
use super::{ASSURED, Entry, RELATED, SEEN_REPLY};
use crate::conntrack::lifetimes::{Rules, Tenths};
use crate::conntrack::packet::Packet;
use crate::conntrack::segment::SegmentKind;
use crate::conntrack::tcp::{Ruling, Standing, State, Tcp};
use crate::flow::{Address, Direction, FlowState};
use crate::wire::icmp::Kind;
use crate::wire::{icmp, udp};

/// A flow of UDP is a stream if it was replied to and is older than this: two seconds.
const STREAM_AGE: Tenths = 20;

/// What is kept by protocol.
#[derive(Clone, Copy, Debug)]
pub(super) enum Detail {
    Tcp(Tcp),
    Udp {
        /// From when on it may be a stream.
        stream_from: Tenths,
    },
    /// The family's ICMP, a query.
    Icmp,
    Other,
}

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

impl<A: Address, X> Entry<A, X> {
    /// Lets a packet do what it does, and says which state it has.
    #[inline]
    pub(in crate::conntrack) fn update(
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
    pub(super) fn start(&mut self, packet: &Packet, now: Tenths, rules: &Rules) {
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
    pub(super) fn begin<A: Address>(packet: &Packet, now: Tenths, rules: &Rules) -> Option<Self> {
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
