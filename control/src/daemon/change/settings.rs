//! How are the settings of a running network and its endpoints changed?
//!
//! Those of the switch and its ports are: the router's are told by
//! [`settle`](crate::daemon::living::Living::settle).
//!
//! No frame is to be too large for where it goes. So a larger MTU is the switch's first and then the
//! interfaces', and a smaller one the interfaces' first; the switch has it when it has read what they sent
//! before.

use super::error::StepFailure;
use crate::daemon::living::{Living, lock};
use crate::model::{Limits, Mtu};
use crate::plan::{Change, EndpointChange, NetworkChange};
use dataplane::engine::{LimitError, SettingError};
use dataplane::outcome::PortId;
use dataplane::port::Offloads;
use std::collections::BTreeSet;

impl Living {
    /// Puts a setting of the network in force, from the next frame on.
    pub(super) fn set(&self, change: &NetworkChange) -> Result<(), StepFailure> {
        match change {
            NetworkChange::Mtu(change) => self.set_mtu(change),
            NetworkChange::HostOffloads(change) => self.set_offloads(PortId(0), change.to),
            NetworkChange::SourceCheck(change) => Ok(self.handle.set_source_check(change.to)?),
            NetworkChange::Switch(change) => Ok(self.handle.set_switch(change.to.clone())?),
            // The router's.
            NetworkChange::Filter(_)
            | NetworkChange::Internal(_)
            | NetworkChange::Filtering(_)
            | NetworkChange::Conntrack(_) => Ok(()),
        }
    }

    /// Puts a setting of an endpoint in force, from the next frame on.
    pub(super) fn set_of_port(
        &self,
        port: PortId,
        change: &EndpointChange,
    ) -> Result<(), StepFailure> {
        match change {
            EndpointChange::Limits(change) => self.limit(port, &change.to),
            EndpointChange::Offloads(change) => self.set_offloads(port, change.to),
            EndpointChange::Isolated(change) => {
                Ok(unless_gone(self.handle.set_isolated(port, change.to)).map(drop)?)
            }
        }
    }

    fn limit(&self, port: PortId, wanted: &Limits) -> Result<(), StepFailure> {
        match self.handle.set_limits(port, wanted.compile()) {
            Err(LimitError::NoSuchPort(_)) => return Ok(()),
            result => result?,
        }
        lock(&self.limits).insert(port.0, *wanted);
        Ok(())
    }

    fn set_mtu(&self, change: &Change<Mtu>) -> Result<(), StepFailure> {
        if change.to.get() > change.from.get() {
            self.handle.set_mtu(change.to.get())?;
            return self.set_interfaces_mtu(change.to).inspect_err(|_| {
                // The interfaces have what they had.
                let _ = self.handle.set_mtu(change.from.get());
            });
        }
        self.set_interfaces_mtu(change.to)?;
        Ok(self.handle.set_mtu(change.to.get())?)
    }

    fn set_interfaces_mtu(&self, mtu: Mtu) -> Result<(), StepFailure> {
        let ports = self.handle.ports();
        let alive: BTreeSet<_> =
            ports.iter().filter(|port| port.alive).map(|port| port.id.0).collect();
        self.with_topology(|topology| Ok(topology.set_mtu(mtu, |number| alive.contains(&number))?))
    }

    fn set_offloads(&self, port: PortId, wanted: bool) -> Result<(), StepFailure> {
        let wanted = if wanted { Offloads::ALL } else { Offloads::NONE };
        let Some(granted) = unless_gone(self.handle.set_offloads(port, wanted))? else {
            return Ok(());
        };
        self.with_topology(|topology| {
            topology.note_offloads(port.0, granted);
            Ok(())
        })
    }
}

/// A port that is gone has nothing to be changed.
fn unless_gone<T>(result: Result<T, SettingError>) -> Result<Option<T>, SettingError> {
    match result {
        Err(SettingError::NoSuchPort(_)) => Ok(None),
        result => result.map(Some),
    }
}
