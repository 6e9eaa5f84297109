//! What will be made?

use super::Observed;
use crate::model::{ModelError, Network, NetworkRequest};

/// Everything that [`super::apply()`] will make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    network: Network,
    ipv6_missing: bool,
}

impl Plan {
    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }
}

/// Why a request cannot be carried out here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The request is wrong in itself.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Decides what will be made; nothing is touched.
///
/// # Errors
/// See [`PlanError`].
pub fn plan(request: &NetworkRequest, observed: &Observed) -> Result<Plan, PlanError> {
    let _ = (request, observed);
    todo!()
}
