//! How a running network is changed.
//!
//! Each of these is one request: the frame after it sees all of it, and frames before it saw nothing of
//! it. What takes time and needs no engine, compiling rules or making tables, is done by who asks. When
//! the call returns, the flows that the change concerns have ended; they were not used since it took
//! effect. All other flows go on.

use super::forwarder::Forwarder;
use super::handle::{EngineStopped, Handle, Request};
use super::lending::twins_for;
use super::refit::AddError;
use crate::config::{ConfigError, PortConfig, PortLimits, RouterConfig};
use crate::outcome::PortId;
use crate::pipeline::{Pipeline, Prepared, Router};
use crate::port::Port;
use crate::port::twin::twins;
use crate::switch::FdbError;
use crate::wire::ethernet::MacAddr;
use std::io;

/// Why a port is not added.
#[derive(Debug, thiserror::Error)]
pub enum AddPortError {
    /// The engine is gone.
    #[error(transparent)]
    Stopped(#[from] EngineStopped),
    /// The switch cannot have it.
    #[error(transparent)]
    Refused(#[from] AddError),
    /// The poller does not take its descriptor.
    #[error("cannot wait for the port's frames: {0}")]
    Poll(#[source] io::Error),
}

/// Why a port's limits are what they were.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// The engine is gone.
    #[error(transparent)]
    Stopped(#[from] EngineStopped),
    /// No such port, or it is gone.
    #[error("there is no port {0}")]
    NoSuchPort(PortId),
}

/// Why the FDB is what it was.
#[derive(Debug, thiserror::Error)]
pub enum FdbEntryError {
    /// The engine is gone.
    #[error(transparent)]
    Stopped(#[from] EngineStopped),
    /// The switch refuses.
    #[error(transparent)]
    Refused(#[from] FdbError),
}

/// Why a configuration is not in force.
#[derive(Debug, thiserror::Error)]
pub enum ReconfigureError {
    /// The engine is gone.
    #[error(transparent)]
    Stopped(#[from] EngineStopped),
    /// It contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Why there are no other listeners.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The engine is gone.
    #[error(transparent)]
    Stopped(#[from] EngineStopped),
    /// The poller does not take a descriptor. Those before it are listened to.
    #[error("cannot wait for what the host hears: {0}")]
    Poll(#[source] io::Error),
}

impl Handle {
    /// Puts a port into the switch. It gets the lowest id that is free, never 0, and inherits nothing of
    /// a port that had it before; only rules that name the id hold for it, until they are configured
    /// otherwise. Its addresses are made known with [`Self::reconfigure`].
    ///
    /// # Errors
    /// [`AddPortError`]: its name or MAC is another's, there are
    /// [`MAX_PORTS`](crate::config::MAX_PORTS), …; then nothing has changed, and the port is closed.
    pub fn add(&self, config: PortConfig, port: Box<dyn Port>) -> Result<PortId, AddPortError> {
        // What allocates is done here, not on the way of a frame.
        let port = twins(port, self.twins());
        let _changing = self.change();
        let id = self.reply(|reply| Request::Add(config, port, reply))??;
        for worker in self.others() {
            if let Err(error) = self.reply_of(worker, |reply| Request::Read(id, reply))? {
                self.take_out(id)?;
                self.shared.roster.withdraw(id);
                return Err(AddPortError::Poll(error));
            }
        }
        Ok(id)
    }

    /// Takes a port out of the switch and hands it back; `None` if it is not there. With it go its FDB
    /// entries, limits and neighbours, the frames that wait for or of it, its flows, and captures of it alone. Rules and
    /// published ports that name it stay until they are configured otherwise.
    ///
    /// # Errors
    /// [`EngineStopped`].
    pub fn remove(&self, id: PortId) -> Result<Option<Box<dyn Port>>, EngineStopped> {
        let _changing = self.change();
        self.take_out(id)
    }

    /// The same, for one that keeps others from changing ports.
    fn take_out(&self, id: PortId) -> Result<Option<Box<dyn Port>>, EngineStopped> {
        // Nobody reads it any more; then nobody writes to it.
        for worker in self.others() {
            self.reply_of(worker, |reply| Request::Unread(id, reply))?;
        }
        let port = self.reply(|reply| Request::Remove(id, reply))?;
        self.catch_up()?;
        self.purge()?;
        Ok(port)
    }

    /// How many twins of a port are needed.
    fn twins(&self) -> usize {
        twins_for(self.shared.workers())
    }

    /// Gives a port other limits, from the next frame on. A bucket whose rate stays keeps what is in
    /// it. Nobody's flows end because there are more than may be from now on.
    ///
    /// # Errors
    /// [`LimitError`].
    pub fn set_limits(&self, id: PortId, limits: PortLimits) -> Result<(), LimitError> {
        self.stages(move |pipeline, _| {
            if !pipeline.switch.has_port(id) {
                return Err(LimitError::NoSuchPort(id));
            }
            pipeline.limit(id, limits);
            Ok(())
        })?
    }

    /// The limits of a port; none for one that is not there.
    ///
    /// # Errors
    /// [`EngineStopped`].
    pub fn limits(&self, id: PortId) -> Result<PortLimits, EngineStopped> {
        self.stages(move |pipeline, _| pipeline.limits.of(id))
    }

    /// From now on `mac` lives behind `port`, wherever it was (`bridge fdb add`).
    ///
    /// # Errors
    /// [`FdbEntryError`]; then nothing has changed.
    pub fn add_fdb_entry(&self, mac: MacAddr, port: PortId) -> Result<(), FdbEntryError> {
        Ok(self.forwarder(move |forwarder, _| forwarder.add_fdb_entry(mac, port))??)
    }

    /// `mac` is not known to live behind `port` any more (`bridge fdb del`).
    ///
    /// # Errors
    /// [`FdbEntryError`]; then nothing has changed.
    pub fn remove_fdb_entry(&self, mac: MacAddr, port: PortId) -> Result<(), FdbEntryError> {
        Ok(self.stages(move |pipeline, _| pipeline.switch.remove_entry(mac, port))??)
    }

    /// Puts another configuration of the router in force, all of it from the next frame on; `None` for
    /// a switch alone. Where there was no router there is one now, and the other way round.
    ///
    /// # Errors
    /// [`ReconfigureError`]; then nothing has changed.
    pub fn reconfigure(
        &self,
        router: impl Into<Option<RouterConfig>>,
    ) -> Result<(), ReconfigureError> {
        let Some(config) = router.into() else {
            // Its tables are given back here, not on the way of a frame.
            drop(self.forwarder(Forwarder::unroute)?);
            return Ok(());
        };
        let prepared = Prepared::new(config)?;
        let spare = self.spare(&prepared)?;
        // So is what was in force.
        drop(self.forwarder(move |forwarder, _| forwarder.route(prepared, spare))??);
        Ok(self.purge()?)
    }

    /// Reads what the host hears from these from now on; hands those back that were read until now.
    ///
    /// # Errors
    /// [`ListenError`].
    pub fn listen(&self, listeners: Vec<Box<dyn Port>>) -> Result<Vec<Box<dyn Port>>, ListenError> {
        let one_each = self.twins().min(1);
        let listeners = listeners.into_iter().map(|port| twins(port, one_each)).collect();
        self.reply(|reply| Request::Listen(listeners, reply))?.map_err(ListenError::Poll)
    }

    /// A router to be put in, if there is none.
    fn spare(&self, prepared: &Prepared) -> Result<Option<Box<Router>>, EngineStopped> {
        let missing =
            |pipeline: &mut Pipeline, _| pipeline.router.is_none().then(|| pipeline.router_base());
        let base = self.stages(missing)?;
        Ok(base.map(|(mac, ports)| Box::new(Router::new(prepared.config(), mac, ports))))
    }

    /// Ends the flows that the last change concerns, a part of the tables between two passes.
    fn purge(&self) -> Result<(), EngineStopped> {
        while self.stages(Pipeline::purge)? {}
        Ok(())
    }
}
