//! What did a killed process leave, and how does it go?

use super::Site;
use super::record::{Record, RecordError, known, lock_site};
use super::standing::{Holdings, TeardownError};
use crate::model::NetworkName;

/// What [`clear`] found of a killed process.
#[derive(Debug, Default)]
pub struct Cleared {
    /// Was there a record of the network at all?
    pub found: bool,
    /// The namespaces that were removed.
    pub namespaces: Vec<String>,
    /// The namespaces of such names that somebody else made since, and that were left alone.
    pub left: Vec<String>,
}

/// Why leftovers cannot be cleared.
#[derive(Debug, thiserror::Error)]
pub enum ClearError {
    /// The record cannot be read, or the network's process is alive.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Some things could not be removed.
    #[error("cannot clear all that is left of network {name}: {}", list(.errors))]
    Remove {
        /// The network.
        name: NetworkName,
        /// One for each.
        errors: Vec<TeardownError>,
    },
}

fn list(errors: &[TeardownError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Removes what a killed process left of the network: its namespaces that are still its own, and its
/// record. Interfaces need no clearing, they went with the process.
///
/// # Errors
/// [`RecordError::Held`] if the network's process is alive; see [`ClearError`] for the others.
pub fn clear(site: &Site, name: &NetworkName) -> Result<Cleared, ClearError> {
    if known(site, name.clone()).is_none() {
        return Ok(Cleared::default());
    }
    let turn = lock_site(site)?;
    let record = Record::claim(site, name)?;
    let Some(journal) = record.journal()? else {
        // Killed before it wrote down, and so before it made anything.
        record.discard()?;
        return Ok(Cleared { found: true, ..Cleared::default() });
    };
    let (removal, errors) = Holdings::of(site, name, record, &journal).release(&turn);
    if !errors.is_empty() {
        return Err(ClearError::Remove { name: name.clone(), errors });
    }
    Ok(Cleared { found: true, namespaces: removal.removed, left: removal.left })
}
