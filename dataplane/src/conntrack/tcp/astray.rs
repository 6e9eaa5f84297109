//! What of a segment that has no place in the connection's state?
//!
//! The two hosts may know better than we do: one was restarted, or we missed a segment. So a SYN that
//! means nothing to us passes, and if the other side answers it, the connection is the new one. What
//! both say to a SYN that is astray, RFC 5961 section 4 has: an ACK that asks back, and then a RST.

use super::{Ruling, Side, State, Tcp, Traits};
use crate::conntrack::segment::{Segment, SegmentKind};
use crate::flow::Direction;

impl Tcp {
    /// A SYN where a connection has ended. It is believed if that end was seen; else the connection
    /// may be alive after all.
    #[cold]
    pub(super) fn anew(
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
    pub(super) fn out_of_step(
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
    pub(super) fn is_challenge_ack(&self, direction: Direction, kind: SegmentKind) -> bool {
        self.state == State::LastAck
            && kind == SegmentKind::Ack
            && self.last_direction != direction
            && self.last_kind == SegmentKind::Syn
            && self.last_traits.has(Traits::CHALLENGES)
    }
}
