//! What was made, or was about to be?
//!
//! Written before anything is made, so that after a kill at any moment one knows what to look for.

use crate::model::NetworkName;
use crate::uplink::Entry;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// The journal's name in a network's folder.
pub(super) const JOURNAL: &str = "journal.json";
/// Its name until it is whole.
pub(super) const NEW_JOURNAL: &str = "journal.json.new";

/// What a network's process made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    /// The process.
    pub(super) pid: u32,
    /// How many ports and so namespaces it made or was about to make.
    pub(super) ports: u32,
    /// What its namespaces wear.
    pub(super) mark: String,
    /// The host's interface.
    pub(super) interface: String,
    /// Its way to the outside.
    pub(super) uplink: Option<Entry>,
}

impl Journal {
    /// The journal of this process for a network with this many ports and this host interface.
    pub(super) fn new(name: &NetworkName, ports: u32, interface: &str) -> Self {
        // The standard library seeds these hashers from the kernel's random numbers.
        let random = [(); 2].map(|()| RandomState::new().hash_one(name.as_str()));
        let mark = format!("udp-bridge {name} {:016x}{:016x}", random[0], random[1]);
        let interface = interface.to_owned();
        Self { pid: std::process::id(), ports, mark, interface, uplink: None }
    }

    /// The journal in a network's folder, if there is one.
    pub(super) fn read(folder: &Path) -> io::Result<Option<Self>> {
        match fs::read(folder.join(JOURNAL)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the journal into a network's folder, whole or not at all.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let path = folder.join(NEW_JOURNAL);
        let mut file = File::create(&path)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&path, folder.join(JOURNAL))?;
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_journals_have_the_same_mark() {
        let name = "ub0".parse().unwrap();
        assert_ne!(Journal::new(&name, 3, "ub0").mark, Journal::new(&name, 3, "ub0").mark);
    }

    #[test]
    fn a_journal_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Journal::read(folder.path()).unwrap(), None);
        let journal = Journal::new(&"ub0".parse().unwrap(), 3, "ub0");
        journal.write(folder.path()).unwrap();
        assert_eq!(Journal::read(folder.path()).unwrap(), Some(journal));
    }
}
