//! Where is the table of leases?
//!
//! In the state directory, for all processes that keep networks of files there. It is read anew for each
//! change, and written when it is in force. That it can be written is tried before the first step.

use super::ChangeError;
use crate::addressing::Leases;
use crate::topology::Site;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::PathBuf;

const NAME: &str = "leases.json";
const NEW: &str = "leases.json.new";

fn path(site: &Site) -> PathBuf {
    site.state_dir.join(NAME)
}

/// The table; an empty one if there is none.
pub(super) fn read(site: &Site) -> Result<Leases, ChangeError> {
    let path = path(site);
    let failed = |source| ChangeError::Leases { path: path.clone(), source };
    match fs::read_to_string(&path) {
        Ok(text) => {
            Leases::from_json(&text).map_err(|error| failed(io::Error::other(error.to_string())))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Leases::default()),
        Err(error) => Err(failed(error)),
    }
}

/// Tries whether the table can be written.
pub(super) fn check(site: &Site) -> Result<(), ChangeError> {
    let new = site.state_dir.join(NEW);
    let failed = |source| ChangeError::Leases { path: path(site), source };
    File::create(&new).and_then(|_| fs::remove_file(&new)).map_err(failed)
}

/// Writes the table, whole or not at all.
pub(super) fn write(site: &Site, leases: &Leases) -> Result<(), ChangeError> {
    let path = path(site);
    let write = || -> io::Result<()> {
        let text = leases.to_json().map_err(|error| io::Error::other(error.to_string()))?;
        let new = site.state_dir.join(NEW);
        fs::write(&new, text)?;
        File::open(&new)?.sync_all()?;
        fs::rename(&new, &path)
    };
    write().map_err(|source| ChangeError::Leases { path: path.clone(), source })
}
