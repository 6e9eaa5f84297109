//! In which order is a frame judged? The whole walk.

use crate::clock::Time;
use crate::config::Config;
use crate::frame::Frame;
use crate::outcome::{DropReason, PortId, Verdict};
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
    /// Where the frame goes.
    pub verdict: Verdict,
    /// The port that lost an FDB entry, because it or the table was full.
    pub evicted: Option<PortId>,
}

impl Pipeline {
    /// The stages as configured.
    pub fn new(config: &Config) -> Self {
        Self { switch: Switch::new(config) }
    }

    /// The way of a frame: may it come in, what do we learn of it, where does it go?
    ///
    /// # Errors
    /// The reason of the first stage that drops it.
    #[inline]
    pub fn walk(&mut self, frame: &Frame<'_>, now: Time) -> Result<Walked, DropReason> {
        self.switch.admit(frame)?;
        let evicted = self.switch.learn(frame, now)?;
        let verdict = self.switch.forward(frame, now)?;
        Ok(Walked { verdict, evicted })
    }
}
