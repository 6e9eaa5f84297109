//! How is a port published, and published no more?
//!
//! Its sockets are ours already. Then come the policy rules of the uplink, the dataplane, the relay; they
//! go the other way round. So nobody is led to where nothing is.

use super::error::StepFailure;
use super::held::Numbers;
use super::network::Look;
use crate::daemon::living::Living;
use crate::model::Written;
use crate::plan::NetworkState;
use crate::publish::Reserved;
use tokio::runtime::Handle as Runtime;

impl Living {
    /// Publishes what is reserved, whole. If that fails, what is left of it is
    /// [withdrawn](Self::disclaim) by who asked.
    pub(super) fn publish(
        &self,
        reserved: Reserved,
        after: &NetworkState,
        numbers: &Numbers,
    ) -> Result<(), StepFailure> {
        let written = reserved.written();
        let look = self.with_topology(|topology| {
            topology.claim(&self.site, written)?;
            Ok(if topology.has_way() { Look::AtHost } else { Look::AtUs })
        })?;
        self.settle(after, numbers, look)?;
        self.with_topology(|topology| Ok(self.relay.add(&topology.network, reserved)?))
    }

    /// Publishes a port no longer; what is relayed by it ends.
    pub(super) fn unpublish(
        &self,
        written: &Written,
        after: &NetworkState,
        numbers: &Numbers,
    ) -> Result<(), StepFailure> {
        self.settle(after, numbers, Look::AtUs)?;
        self.disclaim(written)?;
        // Without the topology's lock: its tasks end on the runtime's own thread, which may wait for it.
        Runtime::current().block_on(self.relay.remove(written));
        Ok(())
    }

    /// Publishes again what [`Self::unpublish`] could not take away whole: its sockets are ours still.
    pub(super) fn reclaim(
        &self,
        written: &Written,
        before: &NetworkState,
        numbers: &Numbers,
    ) -> Result<(), StepFailure> {
        self.with_topology(|topology| Ok(topology.claim(&self.site, written)?))?;
        self.settle(before, numbers, Look::AtHost)
    }

    /// Takes the policy rules of a published port away.
    pub(super) fn disclaim(&self, written: &Written) -> Result<(), StepFailure> {
        self.with_topology(|topology| {
            if topology.has_way() {
                topology.disclaim(&self.site, written)?;
                topology.follow(&self.site)?;
            }
            Ok(())
        })
    }
}
