//! How far is a RST to be believed?
//!
//! Whoever guesses four numbers could reset a connection if any RST in the window were taken. So an open
//! connection is reset only by the very number that its other side expects, or by one right behind the
//! last segment; another one in the window passes, and that side will ask back (RFC 5961 section 3.2).

use super::{Ruling, Standing, State, Tcp, Traits};
use crate::conntrack::segment::{Segment, SegmentKind, is_before};
use crate::flow::Direction;

/// What is to be done with a RST.
enum Reset {
    /// Not at all.
    Invalid,
    /// Whatever its numbers; it leads to this state.
    Trusted(State),
    /// If it fits the window; it leads to this state.
    Checked(State),
}

impl Tcp {
    /// Judges a RST.
    #[cold]
    pub(super) fn reset(
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
