//! How are the settings of a running switch and of its ports changed?
//!
//! Each is in force for the next frame. What would take long goes in steps, with frames forwarded in
//! between, or is done by who asks:
//!
//! | setting | before | in one step | after |
//! |---|---|---|---|
//! | the switch's | memory for a larger FDB | limits, ageing, storm control | MACs beyond the limits go |
//! | MTU, lower | frames that wait are read | of all ports | |
//! | source check, on | | of all ports | what was learned goes |
//! | offloads | what is wanted no more is done here | the device is told | the rest is left to it |
//!
//! Frames that a device held when its offloads changed are as they were: what a frame leaves undone is
//! said by the frame.

use super::forwarder::Forwarder;
use super::handle::{EngineStopped, Handle, Request};
use crate::clock::Time;
use crate::config::{ConfigError, SwitchConfig, check_mtu};
use crate::outcome::PortId;
use crate::port::tap::OffloadSwitch;
use crate::port::{Offloads, Port};
use crate::switch::Room;
use std::io;

/// Most entries of the FDB that one step lets go: some 100 microseconds' work with 1,024 ports.
const FDB_STEP: usize = 256;

/// Why a setting is what it was.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// The engine is gone.
    #[error(transparent)]
    Stopped(#[from] EngineStopped),
    /// It is out of bounds.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No such port, or it is gone.
    #[error("there is no port {0}")]
    NoSuchPort(PortId),
    /// The device does not take it.
    #[error("the kernel does not change the offloads of port {port}: {source}")]
    Offloads {
        /// The port.
        port: PortId,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

impl Handle {
    /// Gives the switch other settings. MACs beyond a smaller limit go in the usual order, and count as
    /// evicted; static ones never go.
    ///
    /// # Errors
    /// [`SettingError`]: they are out of bounds, or the FDB holds as many static MACs; then nothing has
    /// changed.
    pub fn set_switch(&self, config: SwitchConfig) -> Result<(), SettingError> {
        // Not to take memory for a table that is refused.
        config.check(0)?;
        let there = self.stages(|pipeline, _| pipeline.switch.fdb().room())?;
        let wanted = config.fdb_capacity;
        let room = (wanted > there).then(|| Room::touched(wanted));
        // What was used until now is given back here, not on the way of a frame.
        let put = move |forwarder: &mut Forwarder, now| forwarder.set_switch(&config, room, now);
        drop(self.forwarder(put)??);
        while self.forwarder(|forwarder, _| forwarder.trim_fdb(FDB_STEP))? {}
        Ok(())
    }

    /// Gives all ports another MTU. A lower one is in force when all frames that wait at the ports now
    /// are read: so none is lost that was sent before the interfaces had theirs.
    ///
    /// # Errors
    /// [`SettingError`]: it is out of bounds; then nothing has changed.
    pub fn set_mtu(&self, mtu: u16) -> Result<(), SettingError> {
        check_mtu("all", mtu)?;
        if self.forwarder(move |forwarder, _| forwarder.largest_mtu())? > mtu.into() {
            self.drain()?;
        }
        self.forwarder(move |forwarder, _| forwarder.set_mtu(mtu))?;
        Ok(self.catch_up()?)
    }

    /// Says for all ports whether they may send from their own MACs alone. If so, what was learned is
    /// forgotten.
    ///
    /// # Errors
    /// [`EngineStopped`].
    pub fn set_source_check(&self, check: bool) -> Result<(), EngineStopped> {
        self.stages(move |pipeline, _| pipeline.switch.check_source(check))?;
        let forget =
            |forwarder: &mut Forwarder, _| forwarder.pipeline_mut().switch.forget_learned(FDB_STEP);
        while check && self.forwarder(forget)? == FDB_STEP {}
        Ok(())
    }

    /// Says whether a port reaches only ports that are not isolated.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn set_isolated(&self, id: PortId, isolated: bool) -> Result<(), SettingError> {
        self.stages(move |pipeline, _| {
            if !pipeline.switch.has_port(id) {
                return Err(SettingError::NoSuchPort(id));
            }
            pipeline.switch.isolate(id, isolated);
            Ok(())
        })?
    }

    /// Changes what frames may leave undone at a port, in both directions. Returns what the kernel
    /// grants.
    ///
    /// # Errors
    /// [`SettingError`]; then nothing has changed.
    pub fn set_offloads(&self, id: PortId, wanted: Offloads) -> Result<Offloads, SettingError> {
        let device = move |forwarder: &mut Forwarder, _| forwarder.device(id);
        let (before, switch) = self.forwarder(device)??;
        let put = |offloads| {
            let put = self.forwarder(move |forwarder, _| forwarder.set_offloads(id, offloads))?;
            self.catch_up()?;
            put
        };
        // What is done here in time is never missed at the other end.
        put(before.both(wanted))?;
        match switch.map_or(Ok(wanted), |switch| switch.set(wanted)) {
            Ok(granted) => put(granted),
            Err(source) => {
                put(before)?;
                Err(SettingError::Offloads { port: id, source })
            }
        }
    }

    /// Reads all frames that wait at the ports now, a few of each at a time.
    fn drain(&self) -> Result<(), EngineStopped> {
        for worker in 0..self.shared.workers() {
            let drain = |waiting| self.reply_of(worker, |reply| Request::Drain(waiting, reply));
            let mut waiting = drain(None)?;
            while !waiting.is_empty() {
                waiting = drain(Some(waiting))?;
            }
        }
        Ok(())
    }
}

impl Forwarder {
    /// Gives the switch other settings, with `room` for a larger FDB. Returns what is to be dropped.
    ///
    /// # Errors
    /// They are out of bounds; then nothing has changed.
    pub fn set_switch(
        &mut self,
        config: &SwitchConfig,
        room: Option<Room>,
        now: Time,
    ) -> Result<Option<Room>, ConfigError> {
        self.desk.pipeline.switch.configure(config, room, now)
    }

    /// Lets at most so many MACs go that are beyond the FDB's limits. True if there may be more.
    pub fn trim_fdb(&mut self, budget: usize) -> bool {
        let desk = &mut self.desk;
        (0..budget).all(|_| {
            let loser = desk.pipeline.switch.trim();
            desk.count_eviction(loser);
            loser.is_some()
        })
    }

    /// Gives all ports another MTU.
    pub fn set_mtu(&mut self, mtu: u16) {
        self.desk.slots.set_mtu(mtu);
    }

    /// Frames that are written to a port may leave this undone from now on. Returns what they may, for
    /// not every port can be changed.
    ///
    /// # Errors
    /// There is no such port.
    pub fn set_offloads(
        &mut self,
        id: PortId,
        offloads: Offloads,
    ) -> Result<Offloads, SettingError> {
        let port = self.port_mut(id)?;
        port.set_offloads(offloads);
        Ok(port.offloads())
    }

    /// A port's offloads, and what changes those of its device.
    fn device(&mut self, id: PortId) -> Result<(Offloads, Option<OffloadSwitch>), SettingError> {
        let port = self.port_mut(id)?;
        let failed = |source| SettingError::Offloads { port: id, source };
        Ok((port.offloads(), port.offload_switch().map_err(failed)?))
    }

    /// A port of the switch that is there, and its device too.
    fn port_mut(&mut self, id: PortId) -> Result<&mut dyn Port, SettingError> {
        let there =
            self.desk.slots.there_mut(id).filter(|_| self.desk.pipeline.switch.has_port(id));
        there.ok_or(SettingError::NoSuchPort(id))
    }

    fn largest_mtu(&self) -> usize {
        self.desk.slots.largest_mtu()
    }
}
