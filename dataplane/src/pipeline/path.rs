//! The way of one packet above layer 2.
//!
//! Three things may be meant by a frame:
//!
//! | it is | and goes |
//! |---|---|
//! | for the segment | as the switch says, if no rule forbids it |
//! | from a namespace to the host's MAC | to the host, to the outside as the host, or to a sibling whose published port was called |
//! | from the host to our next hop | to a namespace, or back to the host if it is not for any |
//!
//! Each question on the way has its file:
//!
//! ```text
//!  walk ─┬─ for the segment ──> bridged ────────────> judge ──> as the switch says
//!        └─ for the router ───> known ──────────────> judge ─┐
//!             │                   └─ new ──> begin ─> judge ─┤
//!             └─ fragment, error, none ──> belongs ─> judge ─┴──> leave
//! ```
//!
//! Known gaps: frames for a group, or for a MAC that nobody has, are judged as to a namespace that no
//! rule names. Fragments that come in through the uplink do not reach us (the host's rules go by
//! ports); those that leave do. What a namespace sends to a sibling by the host's MAC comes back from
//! the host as from somebody else, and dies as `not-published`. A frame with a VLAN tag is switched:
//! the router is in no VLAN.

use super::family::Family;
use super::router::Shared;
use crate::clock::Time;
use crate::conntrack::{Hit, Packet};
use crate::flow::Tuple;
use crate::frame::{Frame, Piece, Subject};
use crate::gateway::HOST;
use crate::nat;
use crate::outbox::Outbox;
use crate::outcome::{DropReason, Outcome, QueueId, Verdict};
use crate::routes::Routed;
use crate::switch::Switch;

/// One packet's way, with all that it may ask on it.
pub(super) struct Path<'r, A: Routed> {
    pub(super) family: &'r mut Family<A>,
    pub(super) shared: &'r mut Shared,
    pub(super) switch: &'r mut Switch,
    pub(super) outbox: &'r mut Outbox,
    pub(super) now: Time,
    /// The queue that the packet came by.
    pub(super) queue: QueueId,
}

/// What becomes of a packet.
pub(super) enum Fate<A> {
    /// It wears this tuple from here on.
    Becomes(Tuple<A>),
    /// So does this one, of a control connection of FTP.
    Announces(Hit, Tuple<A>),
    /// It goes to the host as it is.
    Plain,
    /// It came from the host and is the host's own.
    HandBack,
}

impl<A: Routed> Path<'_, A> {
    /// The way of the frame's packet.
    #[inline]
    pub(super) fn walk(mut self, frame: &mut Frame<'_>) -> Outcome {
        if self.is_for_router(frame) { self.routed(frame) } else { self.bridged(frame) }
    }

    /// Is it to the host's MAC, or from the host to our next hop?
    #[inline]
    fn is_for_router(&self, frame: &Frame<'_>) -> bool {
        let gateway = &self.shared.gateway;
        let to_router = if frame.ingress() == HOST {
            gateway.next_hop_mac() == Some(frame.destination())
        } else {
            gateway.host_mac() == frame.destination()
        };
        to_router && !frame.layout().is_tagged()
    }

    /// What the router is to pass on.
    #[inline]
    fn routed(&mut self, frame: &mut Frame<'_>) -> Outcome {
        match frame.subject::<A>() {
            Subject::Flow(tuple) => {
                let fate = self.fate(frame, &tuple)?;
                if frame.layout().piece() == Piece::First {
                    self.remember(frame, tuple, &fate);
                }
                self.carry_out(frame, fate)
            }
            Subject::Fragment(tuple) => self.follow_first(frame, &tuple),
            Subject::Error(inner) => self.error(frame, inner),
            Subject::Nobody => self.of_nobody(frame),
        }
    }

    /// Known flow, or a new one?
    #[inline]
    fn fate(&mut self, frame: &mut Frame<'_>, tuple: &Tuple<A>) -> Result<Fate<A>, DropReason> {
        nat::check(frame)?;
        let packet = Packet::of(frame);
        match self.known(tuple) {
            Some(hit) => self.go_on(frame, tuple, hit, &packet),
            None if frame.ingress() == HOST => self.begin_from_outside(frame, tuple, &packet),
            None => self.begin_from_namespace(frame, tuple, &packet),
        }
    }

    /// Does to the packet what was decided, and finds its way out.
    #[inline]
    pub(super) fn carry_out(&mut self, frame: &mut Frame<'_>, fate: Fate<A>) -> Outcome {
        match fate {
            Fate::Becomes(tuple) => {
                self.clamp(frame, &tuple);
                nat::rewrite(frame, &tuple);
                self.leave(frame, tuple.destination)
            }
            Fate::Announces(hit, tuple) => self.carry_control(frame, hit, tuple),
            Fate::Plain => Ok(Verdict::Unicast(HOST)),
            Fate::HandBack => self.hand_back(frame),
        }
    }
}
