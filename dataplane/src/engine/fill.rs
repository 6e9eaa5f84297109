//! How full are the tables?

use super::handle::{EngineStopped, Handle};

/// How much of a table is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// Entries that there are.
    pub used: usize,
    /// Entries that there can be.
    pub limit: usize,
}

/// How full the tables are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// The FDB, static entries included.
    pub fdb: Fill,
    /// Tracked flows of both families; nothing without a router.
    pub flows: Fill,
    /// External ports in use, all addresses and protocols together. There is no limit for all of them.
    pub nat_ports: usize,
}

impl Handle {
    /// How full the tables are.
    ///
    /// # Errors
    /// [`EngineStopped`].
    pub fn tables(&self) -> Result<Tables, EngineStopped> {
        self.stages(|pipeline, _| {
            let (fdb, router) = (pipeline.switch.fdb(), pipeline.router.as_ref());
            Tables {
                fdb: Fill { used: fdb.len(), limit: fdb.capacity() },
                flows: router.map_or(Fill::default(), |router| Fill {
                    used: router.flows(),
                    limit: router.flow_limit(),
                }),
                nat_ports: router.map_or(0, |router| router.ports_in_use()),
            }
        })
    }
}
