//! What has changed since the last look?
//!
//! At the ports once a second, where there is news, for the log and the line of totals; at the host when it
//! says that something of it has changed.

use super::{Living, endpoints, lock};
use crate::topology::{Endpoint, FollowError, Outlook};
use dataplane::config::RouterConfig;
use dataplane::engine::ReconfigureError;
use dataplane::outcome::PortId;

/// What went through the switch since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Frames received from all ports.
    pub received_frames: u64,
    /// Bytes received from all ports.
    pub received_bytes: u64,
    /// Frames dropped for any reason.
    pub dropped_frames: u64,
    /// How many ports there are, the host port included.
    pub ports: usize,
    /// How many of them are gone.
    pub gone: usize,
}

impl Totals {
    /// Those of two networks together.
    pub(in crate::daemon) fn plus(self, other: Self) -> Self {
        Self {
            received_frames: self.received_frames + other.received_frames,
            received_bytes: self.received_bytes + other.received_bytes,
            dropped_frames: self.dropped_frames + other.dropped_frames,
            ports: self.ports + other.ports,
            gone: self.gone + other.gone,
        }
    }
}

/// Why a network is behind a change of its host.
#[derive(Debug, thiserror::Error)]
pub(in crate::daemon) enum BehindError {
    /// Its rules cannot be changed.
    #[error(transparent)]
    Rules(#[from] FollowError),
    /// The router goes on as before.
    #[error("the router does not take it: {0}")]
    Router(#[from] ReconfigureError),
}

impl Living {
    /// What has been counted so far; logs which ports died since the last look.
    pub(in crate::daemon) fn look(&self) -> Totals {
        let mut seen = lock(&self.seen);
        // Many networks rest, and reading the counters of all their ports would take time.
        if self.handle.take_news() {
            *seen = self.count();
        }
        *seen
    }

    /// Looks at all ports, and logs those that died and tables that became full.
    fn count(&self) -> Totals {
        let mut ports = self.handle.ports();
        let removed = lock(&self.removed).clone();
        ports.retain(|port| port.alive || !removed.contains(&port.id.0));
        let mut totals = Totals { ports: ports.len(), ..Totals::default() };
        let mut gone = lock(&self.gone);
        for port in &ports {
            if gone.len() <= port.id.index() {
                gone.resize(port.id.index() + 1, false);
            }
            let was_gone = &mut gone[port.id.index()];
            // Another one may have its number since.
            *was_gone &= !port.alive;
            totals.received_frames += port.counters.received;
            totals.received_bytes += port.counters.received_bytes;
            totals.dropped_frames += port.counters.dropped_total();
            totals.gone += usize::from(!port.alive);
            if !port.alive && !*was_gone {
                *was_gone = true;
                tracing::warn!("port {} is gone: its namespace or device was removed", port.name);
            }
        }
        drop(gone);
        for full in lock(&self.fullness).look(&ports) {
            tracing::warn!("{full}");
        }
        totals
    }

    /// Follows the host, which has changed, and tells the router if that concerns it.
    ///
    /// # Errors
    /// The rules or settings could not be changed, or not all, or the router does not take them; the next
    /// call does the rest.
    pub(in crate::daemon) fn follow(&self, seen: &Outlook) -> Result<(), BehindError> {
        // Held until the router is told, so that nobody who changes the network tells it in between.
        let mut topology = lock(&self.topology);
        let topology = topology.as_mut().filter(|topology| !topology.knows_better(seen));
        let followed = topology.map(|topology| topology.follow_seen(&self.site, seen));
        if let Some(followed) = followed.transpose()? {
            let (router, caveats) = followed.unzip();
            if self.tell(router)? {
                for caveat in caveats.unwrap_or_default() {
                    tracing::warn!("{caveat}");
                }
            }
        }
        Ok(())
    }

    /// Tells the router what it was not told before; was there anything?
    ///
    /// # Errors
    /// It does not take it, and goes on as before.
    pub(in crate::daemon) fn tell(
        &self,
        router: Option<RouterConfig>,
    ) -> Result<bool, ReconfigureError> {
        let mut told = lock(&self.router);
        let is_new = *told != router;
        if is_new {
            self.handle.reconfigure(router.clone())?;
            *told = router;
        }
        Ok(is_new)
    }

    /// Takes ports out whose namespaces nobody else has any more, so that those can end.
    pub(in crate::daemon) fn remove_abandoned(&self) {
        // Whoever follows the host with it may wait for others; the next look is soon.
        let Ok(topology) = self.topology.try_lock() else { return };
        let Some(topology) = &*topology else { return };
        let gone = lock(&self.gone).clone();
        let is_gone =
            |made: &Endpoint| gone.get(usize::from(made.number)).is_some_and(|gone| *gone);
        for made in endpoints(topology).filter(|made| !is_gone(made) && made.is_abandoned()) {
            // The engine's end is seen elsewhere. Closing the TAP ends the namespace.
            drop(self.handle.remove(PortId(made.number)));
        }
    }
}
