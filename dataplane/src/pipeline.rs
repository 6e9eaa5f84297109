//! In which order is a frame judged? The whole walk.

use crate::clock::Time;
use crate::config::Config;
use crate::frame::Frame;
use crate::outcome::{Outcome, PortId};
use crate::switch::Switch;

/// The stages, in order.
#[derive(Debug)]
pub struct Pipeline {
    /// The one stage so far.
    pub switch: Switch,
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
        Self { switch: Switch::new(config) }
    }

    /// The way of a frame: may it come in, what do we learn of it, where does it go?
    #[inline]
    pub fn walk(&mut self, frame: &Frame<'_>, now: Time) -> Walked {
        let learned = self.switch.admit(frame).and_then(|()| self.switch.learn(frame, now));
        match learned {
            Ok(evicted) => Walked { outcome: self.switch.forward(frame, now), evicted },
            Err(reason) => Walked { outcome: Err(reason), evicted: None },
        }
    }
}
