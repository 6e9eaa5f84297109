//! What is this TCP connection's state, and can a segment be part of it?
//!
//! ```text
//!   segment ─> kind of flags ─> state table ─> RST? ─> window ─> new state
//!                   │               │            │        │
//!                invalid      invalid, ignore  invalid  invalid, ignore
//! ```
//!
//! `state` says where a segment leads, `window` whether its numbers fit, `reset` whether a RST is
//! believed; `astray` takes those that have no place in the state. This file joins them.
//!
//! An invalid segment changes nothing. A connection of which a fragment was seen, or that was picked
//! up in its middle, has its window no longer enforced: what was missed cannot be known.
//!
//! Source: `nf_conntrack_tcp_packet` in `net/netfilter/nf_conntrack_proto_tcp.c` (Linux 6.18).
//!
//! Known gaps: a SYN from the called side after the end makes the kernel begin a flow the other way at
//! once; here the old flow ends and the SYN's repetition begins the new one. The kernel shortens a
//! connection's time if both sides sent a FIN or RST outside the window; here it keeps it.

mod astray;
mod reset;
mod state;
mod window;

pub use state::State;
pub(in crate::conntrack) use state::{Step, step};

use super::lifetimes::{Rules, Tenths};
use super::segment::{Segment, SegmentKind};
use crate::flow::Direction;
use window::{Check, Side};

/// So many repetitions of one segment without an answer, and the connection's time is shortened
/// (`nf_conntrack_tcp_max_retrans`).
pub const MAX_REPETITIONS: u8 = 3;

/// What one side has said of itself, and what is known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Traits {
    /// By how many bits its windows are shifted.
    scale: u8,
    flags: u8,
}

impl Traits {
    /// It offered to scale windows.
    const SCALE: u8 = 0x01;
    /// It offered SACK.
    const SACK: u8 = 0x02;
    /// It was the first to send a FIN.
    const CLOSES: u8 = 0x04;
    /// Its window is not enforced.
    const LIBERAL: u8 = 0x08;
    /// It sent what is not acknowledged yet.
    const UNACKNOWLEDGED: u8 = 0x10;
    /// It acknowledged something.
    const ACKED: u8 = 0x20;
    /// Of the last segment: a SYN to a connection that waits for its last ACK; the answer may be an
    /// ACK that is not that one (RFC 5961 section 4).
    const CHALLENGES: u8 = 0x40;
    /// Of the last segment: both sides sent a SYN.
    const SIMULTANEOUS: u8 = 0x80;

    /// What the options of a SYN offer.
    fn offered(segment: &Segment) -> Self {
        let mut offered = Self { scale: segment.window_scale.unwrap_or(0), flags: 0 };
        if segment.window_scale.is_some() {
            offered.set(Self::SCALE);
        }
        if segment.sack_permitted {
            offered.set(Self::SACK);
        }
        offered
    }

    #[inline]
    fn has(self, flags: u8) -> bool {
        self.flags & flags != 0
    }

    #[inline]
    fn set(&mut self, flags: u8) {
        self.flags |= flags;
    }

    #[inline]
    fn clear(&mut self, flags: u8) {
        self.flags &= !flags;
    }
}

/// What is known of the flow besides its TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) seen_reply: bool,
    pub(super) assured: bool,
}

/// What is to be said of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// It cannot be; nothing changed.
    Invalid,
    /// It passes, but moved nothing.
    Ignored,
    /// It begins a new connection in place of the old one.
    Reopens,
    /// The other side begins a new connection; the old one is over.
    Ends,
    /// It is part of the connection, which was in this state before.
    Accepted {
        /// Where the connection came from.
        from: State,
    },
}

/// A connection. The fields that begin with `last` are those of the last segment that counted, 56 bytes
/// in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tcp {
    sides: [Side; 2],
    traits: [Traits; 2],
    last_sequence: u32,
    last_ack: u32,
    last_end: u32,
    last_window: u16,
    last_traits: Traits,
    last_kind: SegmentKind,
    last_direction: Direction,
    repetitions: u8,
    state: State,
}

impl Tcp {
    /// May this segment begin a connection? A SYN may, and any ACK if `loose`.
    #[inline]
    pub(super) fn may_begin(segment: &Segment, loose: bool) -> bool {
        match segment.kind() {
            Some(SegmentKind::Syn) => true,
            Some(SegmentKind::Ack) => loose,
            _ => false,
        }
    }

    /// The connection that this segment begins, if it may.
    pub(super) fn begin(segment: &Segment, loose: bool) -> Option<Self> {
        if !Self::may_begin(segment, loose) {
            return None;
        }
        let kind = segment.kind()?;
        let end = segment.end();
        // What a connection in its middle agreed on is not known: take SACKs, do not judge windows.
        let unknown = Traits { scale: 0, flags: Traits::SACK | Traits::LIBERAL };
        let (state, side, traits) = if kind == SegmentKind::Syn {
            let traits = [Traits::offered(segment), Traits::default()];
            (State::SynSent, Side::opened(end, segment.window), traits)
        } else {
            let side = Side::picked_up(end, u32::from(segment.window));
            (State::Established, side, [unknown; 2])
        };
        let mut tcp = Self {
            sides: [side, Side::default()],
            traits,
            last_sequence: 0,
            last_ack: 0,
            last_end: 0,
            last_window: 0,
            last_traits: Traits::default(),
            last_kind: kind,
            last_direction: Direction::Original,
            repetitions: 0,
            state,
        };
        // The first segment always fits: a SYN as the only one, an ACK by being liberal.
        tcp.check(Direction::Original, kind, segment, false);
        Some(tcp)
    }

    /// The state.
    #[inline]
    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Judges a segment, and lets it move the connection.
    #[inline]
    pub(super) fn judge(
        &mut self,
        direction: Direction,
        segment: &Segment,
        standing: Standing,
        liberal: bool,
    ) -> Ruling {
        let Some(kind) = segment.kind() else { return Ruling::Invalid };
        let new = match step(direction, kind, self.state) {
            Step::Invalid => return Ruling::Invalid,
            Step::Ignore => return self.out_of_step(direction, kind, segment, liberal),
            Step::To(State::SynSent) if self.state != State::SynSent => {
                return self.anew(direction, kind, segment, liberal);
            }
            Step::To(State::Close) if kind == SegmentKind::Reset => {
                return self.reset(direction, segment, standing, liberal);
            }
            Step::To(State::TimeWait) if self.is_challenge_ack(direction, kind) => {
                self.last_traits.clear(Traits::CHALLENGES);
                return Ruling::Ignored;
            }
            // Both sent SYN and SYN+ACK, so this ACK opens the connection.
            Step::To(State::SynRecv)
                if direction == Direction::Reply
                    && kind == SegmentKind::Ack
                    && self.last_traits.has(Traits::SIMULTANEOUS) =>
            {
                State::Established
            }
            Step::To(new) => new,
        };
        self.fit(direction, kind, segment, new, liberal)
    }

    /// How long the connection lives now without another segment.
    #[inline]
    pub(super) fn lifetime(&self, kind: Option<SegmentKind>, rules: &Rules) -> Tenths {
        let usual = rules.tcp[self.state as usize];
        let unacknowledged =
            (self.traits[0].flags | self.traits[1].flags) & Traits::UNACKNOWLEDGED != 0;
        if self.repetitions >= MAX_REPETITIONS && usual > rules.tcp_max_retrans {
            rules.tcp_max_retrans
        } else if kind == Some(SegmentKind::Reset) {
            rules.tcp[State::Close as usize]
        } else if unacknowledged && usual > rules.tcp_unacknowledged {
            rules.tcp_unacknowledged
        } else if self.last_window == 0 && usual > rules.tcp_max_retrans {
            rules.tcp_max_retrans
        } else {
            usual
        }
    }

    /// Part of the connection passed unread, in a fragment: windows are not enforced from here on.
    #[cold]
    pub(super) fn lose_track(&mut self) {
        for traits in &mut self.traits {
            traits.set(Traits::LIBERAL);
        }
    }

    /// The segment counts if it fits the window.
    #[inline]
    fn fit(
        &mut self,
        direction: Direction,
        kind: SegmentKind,
        segment: &Segment,
        new: State,
        liberal: bool,
    ) -> Ruling {
        match self.check(direction, kind, segment, liberal) {
            Check::Invalid => Ruling::Invalid,
            Check::Ignore => Ruling::Ignored,
            Check::Accept => self.enter(direction, kind, new),
        }
    }

    #[inline]
    fn enter(&mut self, direction: Direction, kind: SegmentKind, new: State) -> Ruling {
        let from = self.state;
        (self.last_kind, self.last_direction, self.state) = (kind, direction, new);
        if new == State::SynSent2 {
            self.last_traits.set(Traits::SIMULTANEOUS);
        }
        if new == State::FinWait && from != new {
            self.traits[direction as usize].set(Traits::CLOSES);
        }
        Ruling::Accepted { from }
    }
}
