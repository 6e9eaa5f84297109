//! What was there before?
//!
//! One file for all networks of a site, written before a setting is: several networks may need the
//! same one, and the last of them puts it back, whoever changed it. Only who holds the site's lock
//! reads or writes it.

use super::UplinkError;
use super::host::value_of;
use crate::netns::Identity;
use crate::sysctl;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The ledger's name in the state directory. No network has it, for it starts with a dot.
pub const LEDGER: &str = ".uplink.json";
/// Its name until it is whole.
const NEW_LEDGER: &str = ".uplink.json.new";

/// A setting that was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Change {
    /// The namespace.
    home: Identity,
    /// Its key.
    key: String,
    /// What it was.
    before: String,
    /// What it was set to.
    ours: String,
    /// What the setting for all interfaces was then; `None` if there is none.
    #[serde(default)]
    all: Option<String>,
}

/// All settings that were changed.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    changes: Vec<Change>,
}

impl Ledger {
    /// Reads the ledger of the state directory `folder`; it may not be there.
    pub(super) fn open(folder: &Path) -> Result<Self, UplinkError> {
        let path = folder.join(LEDGER);
        let read = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        match read {
            Ok(changes) => Ok(Self { path, changes }),
            Err(source) => Err(UplinkError::Ledger { path, source }),
        }
    }

    /// Writes a setting, and what it was before that.
    pub(super) fn set(
        &mut self,
        home: Identity,
        key: &str,
        value: &str,
    ) -> Result<(), UplinkError> {
        let Some(before) = value_of(key)? else { return Ok(()) };
        if before == value {
            return Ok(());
        }
        self.changes.retain(|change| change.home != home || change.key != key);
        let (key, ours, all) = (key.to_owned(), value.to_owned(), value_for_all(key)?);
        self.changes.push(Change { home, key: key.clone(), before, ours, all });
        self.save()?;
        Ok(sysctl::write(&key, value)?)
    }

    /// Puts back all settings of the calling thread's namespace that nobody needs. One that was
    /// changed again by somebody else stays as it is.
    pub(super) fn restore(
        &mut self,
        home: Identity,
        needed: impl Fn(&str) -> bool,
    ) -> Vec<UplinkError> {
        let mut errors = Vec::new();
        let mut left = Vec::new();
        for change in std::mem::take(&mut self.changes) {
            if change.home != home || needed(&change.key) {
                left.push(change);
            } else if let Err(error) = change.undo() {
                errors.push(error);
                left.push(change);
            }
        }
        self.changes = left;
        errors.extend(self.save().err());
        errors
    }

    /// Forgets all settings of a namespace that is gone.
    pub(super) fn forget(&mut self, home: Identity) -> Result<(), UplinkError> {
        self.changes.retain(|change| change.home != home);
        self.save()
    }

    fn save(&self) -> Result<(), UplinkError> {
        let failed = |source| UplinkError::Ledger { path: self.path.clone(), source };
        if self.changes.is_empty() { self.remove() } else { self.replace() }.map_err(failed)
    }

    /// With what a killed process had not finished.
    fn remove(&self) -> io::Result<()> {
        for path in [self.path.with_file_name(NEW_LEDGER), self.path.clone()] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whole or not at all.
    fn replace(&self) -> io::Result<()> {
        let new = self.path.with_file_name(NEW_LEDGER);
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(&self.changes)?)?;
        file.sync_all()?;
        fs::rename(new, &self.path)
    }
}

impl Change {
    fn undo(&self) -> Result<(), UplinkError> {
        match value_of(&self.key)? {
            Some(now) if now == self.ours && !self.is_wanted_for_all()? => {
                Ok(sysctl::write(&self.key, &self.before)?)
            }
            // Its interface is gone, or somebody else has changed it.
            _ => Ok(()),
        }
    }

    /// Has somebody else set it so for all interfaces since, as by `net.ipv4.ip_forward=1`?
    fn is_wanted_for_all(&self) -> Result<bool, UplinkError> {
        let now = value_for_all(&self.key)?;
        Ok(now != self.all && now.as_ref() == Some(&self.ours))
    }
}

/// The value for all interfaces of a setting like `net/ipv4/conf/eth0/forwarding`; who changes that
/// changes the setting of every interface.
fn value_for_all(key: &str) -> Result<Option<String>, UplinkError> {
    match key.split('/').collect::<Vec<_>>()[..] {
        [net, family, conf, _, setting] => value_of(&[net, family, conf, "all", setting].join("/")),
        _ => Ok(None),
    }
}
