//! Does a segment fit what both sides have said so far?
//!
//! For each side we keep what it has sent and what it was allowed to send:
//!
//! ```text
//!   end          highest byte sent                         max_window   widest window it offered
//!   max_end      highest byte the other side allowed       max_ack      highest byte it acknowledged
//! ```
//!
//! A segment fits if all of these hold:
//!
//! ```text
//!   1  it begins at or before          sender.max_end                             not too far ahead
//!   2  what it acknowledges is sent    ack <= receiver.end                        not from the future
//!   3  it ends at or after             sender.end - receiver.max_window           not too old
//!   4  its acknowledgment is           ack >= receiver.end - MAX_ACK_WINDOW       not too old
//! ```
//!
//! where `ack` is the highest right edge of a SACK block if the connection has SACK. What fails 1 or
//! 2 is invalid; what fails 3 or 4 is old, passes, and changes nothing, as does a segment that
//! oversteps the window a little.
//!
//! Sources: Guido van Rooij, "Real Stateful TCP Packet Filtering in IP Filter" (2000);
//! `tcp_in_window` in `net/netfilter/nf_conntrack_proto_tcp.c`; RFC 7323 (window scale).

use super::{State, Tcp, Traits};
use crate::conntrack::segment::{Segment, SegmentKind, is_after, is_before};
use crate::flow::Direction;
use crate::wire::tcp::flag;

/// How far behind an acknowledgment may be if no window was wider: the largest unscaled window and a
/// bit (the kernel's `MAXACKWINCONST`).
pub(in super::super) const MAX_ACK_WINDOW: u32 = 66_000;

/// What one side has sent and was allowed to send. The window is 0 until it has sent something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) end: u32,
    pub(super) max_end: u32,
    pub(super) max_window: u32,
    pub(super) max_ack: u32,
}

impl Side {
    /// Of a side whose SYN ends at `end`. It may send no more until it is answered.
    pub(super) fn opened(end: u32, window: u16) -> Self {
        Self { end, max_end: end, max_window: u32::from(window).max(1), max_ack: 0 }
    }

    /// Of a side that was picked up in the middle, with a window that is scaled already.
    pub(super) fn picked_up(end: u32, window: u32) -> Self {
        let max_window = window.max(1);
        Self { end, max_end: end.wrapping_add(max_window), max_window, max_ack: 0 }
    }
}

/// Does it fit?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// It does, or nobody minds.
    Accept,
    /// It passes, but says nothing about the connection.
    Ignore,
    /// It cannot be.
    Invalid,
}

/// What a segment claims, with what it leaves unsaid filled in.
struct Claim {
    sequence: u32,
    end: u32,
    ack: u32,
    sack: u32,
}

/// Both sides, seen from a segment that goes from one to the other.
struct Pair {
    sender: Side,
    receiver: Side,
    sends: Traits,
    receives: Traits,
}

impl Tcp {
    /// Judges a segment and, unless it is invalid, notes what it says.
    #[inline]
    pub(super) fn check(
        &mut self,
        direction: Direction,
        kind: SegmentKind,
        segment: &Segment,
        liberal: bool,
    ) -> Check {
        let (from, to) = (direction as usize, direction.opposite() as usize);
        let mut pair = Pair {
            sender: self.sides[from],
            receiver: self.sides[to],
            sends: self.traits[from],
            receives: self.traits[to],
        };
        let check = match self.meet(&mut pair, direction, segment) {
            None => Check::Accept,
            Some(claim) => match pair.fault(&claim) {
                None => {
                    pair.learn(&claim, segment);
                    self.count_repetition(direction, kind, &claim, segment);
                    Check::Accept
                }
                Some(_) if liberal || pair.sends.has(Traits::LIBERAL) => Check::Accept,
                Some(fault) => fault,
            },
        };
        if check != Check::Invalid {
            (self.sides[from], self.sides[to]) = (pair.sender, pair.receiver);
            (self.traits[from], self.traits[to]) = (pair.sends, pair.receives);
        }
        check
    }

    /// Gets to know a side that begins; then the segment's claim, or `None` if it is a SYN that there
    /// is nothing to compare with.
    #[inline]
    fn meet(&self, pair: &mut Pair, direction: Direction, segment: &Segment) -> Option<Claim> {
        let end = segment.end();
        let ack = segment.acknowledgment;
        let sack = if pair.receives.has(Traits::SACK) { segment.sack() } else { ack };
        let unknown = pair.sender.max_window == 0;
        let syn = segment.has(flag::SYN);
        // A SYN beyond the one before: the caller tries anew with other numbers or options.
        let anew = syn
            && is_after(end, pair.sender.end)
            && matches!(self.state, State::SynSent | State::SynRecv);
        if syn && (unknown || anew) {
            pair.open(direction, segment);
            if !segment.has(flag::ACK) && (unknown || direction == Direction::Reply) {
                return None;
            }
        } else if unknown {
            pair.pick_up(end, sack, segment.window);
        }
        let mut claim = Claim { sequence: segment.sequence, end, ack, sack };
        // No acknowledgment, or the zero that some hosts put beside RST: nothing to object to.
        let reset = segment.has(flag::RST);
        if !segment.has(flag::ACK) || (reset && ack == 0) {
            (claim.ack, claim.sack) = (pair.receiver.end, pair.receiver.end);
        }
        // The answer to a SYN to a closed port carries no number (RFC 9293 3.10.7.1).
        if reset && segment.sequence == 0 && self.state == State::SynSent {
            (claim.sequence, claim.end) = (pair.sender.end, pair.sender.end);
        }
        Some(claim)
    }

    /// Counts how often one side says the same: data or a probe that is not answered.
    #[inline]
    fn count_repetition(
        &mut self,
        direction: Direction,
        kind: SegmentKind,
        claim: &Claim,
        segment: &Segment,
    ) {
        if kind != SegmentKind::Ack {
            return;
        }
        let same = self.last_direction == direction
            && self.last_sequence == claim.sequence
            && self.last_ack == claim.ack
            && self.last_end == claim.end
            && self.last_window == segment.window;
        if same {
            self.repetitions = self.repetitions.saturating_add(1);
            return;
        }
        self.last_direction = direction;
        (self.last_sequence, self.last_end) = (claim.sequence, claim.end);
        (self.last_ack, self.last_window) = (claim.ack, segment.window);
        self.repetitions = 0;
    }
}

impl Pair {
    /// The sender begins with this SYN.
    fn open(&mut self, direction: Direction, segment: &Segment) {
        self.sender = Side::opened(segment.end(), segment.window);
        let liberal = self.sends.flags & Traits::LIBERAL;
        self.sends = Traits::offered(segment);
        self.sends.set(liberal);
        // Windows are scaled only if both sides offer it (RFC 7323 section 2.2).
        let both = self.sends.has(Traits::SCALE) && self.receives.has(Traits::SCALE);
        if direction == Direction::Reply && !both {
            (self.sends.scale, self.receives.scale) = (0, 0);
        }
    }

    /// The sender's past is not known; this segment stands for it.
    fn pick_up(&mut self, end: u32, sack: u32, window: u16) {
        self.sender = Side::picked_up(end, u32::from(window) << self.sends.scale);
        if self.receiver.max_window == 0 {
            (self.receiver.end, self.receiver.max_end) = (sack, sack);
        } else if sack == self.receiver.end.wrapping_add(1) {
            // The answer to a keepalive of which we saw no byte.
            self.receiver.end = sack;
        }
    }

    /// What is wrong with the claim, if anything.
    #[inline]
    fn fault(&mut self, claim: &Claim) -> Option<Check> {
        let Self { sender, receiver, .. } = &*self;
        let oldest_ack = receiver.end.wrapping_sub(sender.max_window.max(MAX_ACK_WINDOW));
        let acked_is_sent = !is_after(claim.sack, receiver.end);
        let ack_is_recent = !is_before(claim.sack, oldest_ack);
        let oldest_end = sender.end.wrapping_sub(receiver.max_window);
        let is_recent = !is_before(claim.end, oldest_end);

        if is_after(claim.sequence, sender.max_end) {
            let excess = claim.end.wrapping_sub(sender.max_end).wrapping_add(1);
            let bearable = receiver.max_window != 0
                && is_recent
                && ack_is_recent
                && excess <= receiver.max_window
                && acked_is_sent;
            if !bearable {
                return Some(Check::Invalid);
            }
            // The receiver may take it all the same, and then its acknowledgment must not be a fault.
            self.sender.end = claim.end;
            self.sends.set(Traits::UNACKNOWLEDGED);
            return Some(Check::Ignore);
        }
        if !acked_is_sent {
            return Some(Check::Invalid);
        }
        let is_current = (receiver.max_window == 0 || is_recent) && ack_is_recent;
        (!is_current).then_some(Check::Ignore)
    }

    /// Notes what a fitting segment says.
    #[inline]
    fn learn(&mut self, claim: &Claim, segment: &Segment) {
        let Self { sender, receiver, sends, receives } = self;
        // The window of a SYN is never scaled (RFC 7323 section 2.2).
        let scale = if segment.has(flag::SYN) { 0 } else { sends.scale };
        let window = u32::from(segment.window) << scale;
        let reach = window.wrapping_add(claim.sack.wrapping_sub(claim.ack));
        sender.max_window = sender.max_window.max(reach);
        if is_after(claim.end, sender.end) {
            sender.end = claim.end;
            sends.set(Traits::UNACKNOWLEDGED);
        }
        if segment.has(flag::ACK) {
            if !sends.has(Traits::ACKED) || is_after(claim.ack, sender.max_ack) {
                sender.max_ack = claim.ack;
            }
            sends.set(Traits::ACKED);
        }
        if receiver.max_window != 0 && is_after(claim.end, sender.max_end) {
            let excess = claim.end.wrapping_sub(sender.max_end);
            receiver.max_window = receiver.max_window.wrapping_add(excess);
        }
        let allowed = claim.sack.wrapping_add(window);
        if !is_before(allowed, receiver.max_end) {
            // A closed window is probed with one byte (RFC 9293 3.8.6.1).
            receiver.max_end = allowed.wrapping_add(u32::from(window == 0));
        }
        if claim.ack == receiver.end {
            receives.clear(Traits::UNACKNOWLEDGED);
        }
    }
}
