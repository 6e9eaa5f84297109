//! What is this TCP connection's state, and can a segment be part of it?
//!
//! ```text
//!   segment ─> kind of flags ─> state table ─> RST? ─> window ─> new state
//!                   │               │            │        │
//!                invalid      invalid, ignore  invalid  invalid, ignore
//! ```
//!
//! [`state`] says where a segment leads, [`window`] whether its numbers fit; this file joins them and
//! holds what neither can: how far a RST is believed (RFC 5961), a closed connection that is opened
//! again, and getting in step with two hosts who know better.
//!
//! An invalid segment changes nothing. A connection of which a fragment was seen, or that was picked
//! up in its middle, has its window no longer enforced: what was missed cannot be known.
//!
//! Source: `nf_conntrack_tcp_packet` in `net/netfilter/nf_conntrack_proto_tcp.c` (Linux 6.18).
//!
//! Known gaps: a SYN from the called side after the end makes the kernel begin a flow the other way at
//! once; here the old flow ends and the SYN's repetition begins the new one. The kernel shortens a
//! connection's time if both sides sent a FIN or RST outside the window; here it keeps it.

mod state;
mod window;

pub use state::State;
pub(in crate::conntrack) use state::{Step, step};

use super::lifetimes::{Rules, Tenths};
use super::segment::{Segment, SegmentKind, is_before};
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

/// How far is a RST to be believed?
enum Reset {
    /// Not at all.
    Invalid,
    /// Whatever its numbers; it leads to this state.
    Trusted(State),
    /// If it fits the window; it leads to this state.
    Checked(State),
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

    /// A SYN where a connection has ended. It is believed if that end was seen; else the connection
    /// may be alive after all.
    #[cold]
    fn anew(
        &mut self,
        direction: Direction,
        kind: SegmentKind,
        segment: &Segment,
        liberal: bool,
    ) -> Ruling {
        let closed = (self.traits[0].flags | self.traits[1].flags) & Traits::CLOSES != 0;
        let reset = self.last_direction == direction && self.last_kind == SegmentKind::Reset;
        match direction {
            _ if !closed && !reset => self.out_of_step(direction, kind, segment, liberal),
            Direction::Original => Ruling::Reopens,
            Direction::Reply => Ruling::Ends,
        }
    }

    /// A segment that has no place in the state, but may have one in what the two hosts know.
    #[cold]
    fn out_of_step(
        &mut self,
        direction: Direction,
        kind: SegmentKind,
        segment: &Segment,
        liberal: bool,
    ) -> Ruling {
        // It acknowledges a SYN that we ignored: the hosts are in step, we are not.
        let answers = kind == SegmentKind::SynAck
            && self.last_kind == SegmentKind::Syn
            && self.last_direction != direction
            && segment.acknowledgment == self.last_end;
        if !answers {
            self.note(direction, kind, segment);
            return Ruling::Ignored;
        }
        let mut synced = *self;
        let (from, to) = (direction as usize, direction.opposite() as usize);
        synced.sides[to] = Side::opened(self.last_end, self.last_window);
        synced.sides[from] = Side::default();
        synced.last_traits.clear(Traits::CHALLENGES);
        synced.traits[to] = synced.last_traits;
        synced.traits[from] = Traits { scale: 0, flags: self.traits[from].flags & Traits::LIBERAL };
        match synced.fit(direction, kind, segment, State::SynRecv, liberal) {
            Ruling::Accepted { .. } => {
                *self = synced;
                Ruling::Accepted { from: State::SynSent }
            }
            other => other,
        }
    }

    /// Keeps what an ignored segment said, in case it turns out to be true.
    fn note(&mut self, direction: Direction, kind: SegmentKind, segment: &Segment) {
        (self.last_kind, self.last_direction) = (kind, direction);
        (self.last_sequence, self.last_end) = (segment.sequence, segment.end());
        self.last_window = segment.window;
        if kind == SegmentKind::Syn && direction == Direction::Original {
            self.last_traits = Traits::offered(segment);
            if self.state == State::LastAck {
                self.last_traits.set(Traits::CHALLENGES);
            }
        }
        let before_answer = self.state == State::SynSent;
        if before_answer && kind == SegmentKind::Ack && direction == Direction::Reply {
            self.last_ack = segment.acknowledgment;
        }
    }

    /// Is this ACK the answer to a SYN that we ignored, and so not the last one?
    fn is_challenge_ack(&self, direction: Direction, kind: SegmentKind) -> bool {
        self.state == State::LastAck
            && kind == SegmentKind::Ack
            && self.last_direction != direction
            && self.last_kind == SegmentKind::Syn
            && self.last_traits.has(Traits::CHALLENGES)
    }

    /// Judges a RST.
    #[cold]
    fn reset(
        &mut self,
        direction: Direction,
        segment: &Segment,
        standing: Standing,
        liberal: bool,
    ) -> Ruling {
        match self.believe(direction, segment, standing) {
            Reset::Invalid => Ruling::Invalid,
            Reset::Trusted(new) => self.enter(direction, SegmentKind::Reset, new),
            Reset::Checked(new) => self.fit(direction, SegmentKind::Reset, segment, new, liberal),
        }
    }

    /// How far a RST is believed. It resets an open connection only if its number is the very one that
    /// the other side expects; otherwise that side will ask back (RFC 5961 section 3.2), and so the
    /// connection stays as it is.
    fn believe(&self, direction: Direction, segment: &Segment, standing: Standing) -> Reset {
        // The numbers may be those of a connection that has taken this one's place.
        if self.state.is_closing() {
            return Reset::Trusted(State::Close);
        }
        let peer = direction.opposite() as usize;
        let expected = self.sides[peer].max_ack;
        let open = self.state == State::Established && standing.assured;
        let mut new = State::Close;
        // After a SYN that we ignored, what was acknowledged before says nothing.
        if self.traits[peer].has(Traits::ACKED) && self.last_kind != SegmentKind::Syn {
            // Zero: probably the answer to a SYN.
            if segment.sequence == 0 && !open {
                return Reset::Checked(new);
            }
            if is_before(segment.sequence, expected) {
                return Reset::Invalid;
            }
            // Right behind this side's last segment, which may be under way still.
            let follows = self.last_kind == SegmentKind::Ack
                && self.last_direction == direction
                && segment.sequence == self.last_end;
            if !open || segment.sequence == expected || follows {
                return Reset::Checked(new);
            }
            new = self.state;
        }
        // The answer to a SYN or ACK that we ignored: it acknowledges what we did not note.
        let answers = segment.acknowledgment == self.last_end
            && ((standing.seen_reply && self.last_kind == SegmentKind::Syn)
                || (!standing.assured && self.last_kind == SegmentKind::Ack));
        // The answer to the ACK of a server that had an old connection still.
        let rejects = self.state == State::SynSent
            && self.last_kind == SegmentKind::Ack
            && self.last_direction == Direction::Reply
            && segment.sequence == self.last_ack;
        if answers || rejects { Reset::Trusted(new) } else { Reset::Checked(new) }
    }
}
