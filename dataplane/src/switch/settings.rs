//! How does the switch behave from now on? Its settings, changed while frames flow.
//!
//! Each is in force for the next frame. What is in the tables is kept, but for what could not be there:
//! learned MACs beyond a smaller limit, or behind a port that may send from its own MAC alone. These go a
//! few at a time, when the caller says so; they are not added to meanwhile.

use super::{Room, Storm, Switch};
use crate::clock::Time;
use crate::config::{ConfigError, SwitchConfig};
use crate::outcome::PortId;

impl Switch {
    /// Takes other settings. `room` is memory for a larger FDB; returns what is to be dropped elsewhere.
    /// [`Self::trim`] lets go what is beyond the limits.
    ///
    /// # Errors
    /// They are out of bounds, or there are more static MACs; then nothing has changed.
    pub fn configure(
        &mut self,
        config: &SwitchConfig,
        room: Option<Room>,
        now: Time,
    ) -> Result<Option<Room>, ConfigError> {
        config.check(self.fdb.statics())?;
        if config.storm != self.storm {
            self.storm = config.storm;
            for port in &mut self.ports {
                // Who had no limit begins with a full bucket, as a new port.
                port.storm = config.storm.map(|limit| match port.storm {
                    Some(storm) => storm.retuned(limit, now),
                    None => Storm::new(limit),
                });
            }
        }
        Ok(self.fdb.configure(config, room))
    }

    /// Lets one learned MAC go that is beyond the limits. Returns the port that lost it.
    pub fn trim(&mut self) -> Option<PortId> {
        self.fdb.trim()
    }

    /// Says whether a port reaches only ports that are not isolated.
    pub fn isolate(&mut self, port: PortId, isolated: bool) {
        self.ports[port.index()].isolated = isolated;
        self.count_audiences();
    }

    /// Says for all ports whether they may send from their own MACs alone. What they have learned until
    /// then is to be forgotten with [`Self::forget_learned`].
    pub fn check_source(&mut self, check: bool) {
        self.ports.iter_mut().for_each(|port| port.check_source = check);
    }

    /// Forgets learned MACs, at most `budget` of them. Returns how many.
    pub fn forget_learned(&mut self, budget: usize) -> usize {
        self.fdb.forget_learned(budget)
    }
}
