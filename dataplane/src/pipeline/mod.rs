//! In which order is a frame judged? The whole walk.
//!
//! ```text
//!  admit ──> limits ──> learn ──┬─ for the segment ───────────────────────> forward   (switch)
//!                               │    with rules for it: track ─> filter ──┘
//!                               ├─ from a namespace, to the host's MAC ──┐
//!                               │                                        v
//!                               │     translate: known flow, or ─> NAT ─> filter ─> new flow
//!                               │                                        ^        │
//!                               └─ from the host, to our next hop ───────┘        v
//!                                                                        leave: host, or neighbour
//! ```
//!
//! The stages above layer 2:
//!
//! * `router`: which there are; `family`: those of IPv4 or IPv6 alone.
//! * `live`: what can change while frames flow; `reconfigure`: how; `change` and `renewal`: which flows
//!   outlive that; `inspect`: what is asked beside packets.
//!
//! [`story`]: what was decided, and by what, for people to read.
//!
//! The way of one packet through them, one code for both families, a file for each question:
//!
//! * `path`: all of it in one screen.
//! * `bridged`: may it stay on the segment? `known`: what becomes of it in a known flow? `begin`:
//!   what of the first packet of a flow? `across`: and of one between networks? `belongs`: what of a
//!   fragment, an error? `announce`: what does FTP say of connections to come?
//! * `judge`: may it pass? `leave`: where does it go?

mod across;
mod announce;
mod begin;
mod belongs;
mod bridged;
mod change;
mod family;
mod inspect;
mod judge;
mod known;
mod leave;
mod live;
mod path;
mod reconfigure;
mod renewal;
mod router;
pub mod story;

pub use inspect::Cursor;
pub use reconfigure::{PURGE_FLOWS, PURGE_SLOTS, Prepared};
pub use router::Router;
pub use story::{Fate, Story};

use crate::clock::Time;
use crate::config::Config;
use crate::frame::Frame;
use crate::limits::Limits;
use crate::outbox::Outbox;
use crate::outcome::{Outcome, PortId};
use crate::switch::Switch;

/// The stages, in order.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Layer 2.
    pub switch: Switch,
    /// How much each port may send and get.
    pub limits: Limits,
    /// Layer 3 and 4; `None` for a switch alone.
    pub router: Option<Box<Router>>,
    /// What the stages want to be sent beside the frame.
    pub outbox: Outbox,
}

/// What the walk decided, and what it cost another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walked {
    /// Where the frame goes, or the reason of the first stage that dropped it.
    pub outcome: Outcome,
    /// The port that lost an FDB entry, because it or the table was full; also of a frame that was
    /// learned from and died later.
    pub evicted: Option<PortId>,
}

impl Pipeline {
    /// The stages as configured.
    pub fn new(config: &Config) -> Self {
        let mut pipeline = Self {
            switch: Switch::new(config),
            limits: Limits::new(),
            router: None,
            outbox: Outbox::default(),
        };
        if let Some(router) = config.router() {
            let router = Router::new(router, config.ports()[0].mac, config.ports().len());
            pipeline.router = Some(Box::new(router));
        }
        config.ports_by_id().for_each(|(id, port)| pipeline.limit(id, port.limits));
        pipeline
    }

    /// The way of a frame: may it come in, what do we learn of it, where does it go?
    #[inline]
    pub fn walk(&mut self, frame: &mut Frame<'_>, now: Time) -> Walked {
        let admitted = self.switch.admit(frame).and_then(|()| self.limits.leave(frame, now));
        match admitted {
            Ok(()) => self.walk_on(frame, now),
            Err(reason) => Walked { outcome: Err(reason), evicted: None },
        }
    }

    /// The way of a frame that was let in before, and has waited since.
    #[inline]
    pub fn walk_on(&mut self, frame: &mut Frame<'_>, now: Time) -> Walked {
        let evicted = match self.switch.learn(frame, now) {
            Ok(evicted) => evicted,
            Err(reason) => return Walked { outcome: Err(reason), evicted: None },
        };
        let outcome = match &mut self.router {
            None => self.switch.forward(frame, now),
            Some(router) => router.route(frame, &mut self.switch, &mut self.outbox, now),
        };
        Walked { outcome, evicted }
    }
}
