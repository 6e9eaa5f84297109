//! Which named namespaces are ours, and how do they go?

use super::TeardownError;
use crate::netlink::{Link, LinkChange, Netlink, NetlinkError};
use crate::netns;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What is found under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    /// A namespace with our mark, or the empty file that one was about to be mounted on.
    Ours,
    SomebodyElses,
}

/// What became of a list of names.
#[derive(Debug, Default)]
pub(super) struct Removal {
    /// These were ours and are gone.
    pub(super) removed: Vec<String>,
    /// These are somebody else's and stay.
    pub(super) left: Vec<String>,
    /// These are ours and could not be removed.
    pub(super) errors: Vec<TeardownError>,
}

/// Puts the mark on the calling thread's namespace and brings its `lo` up.
pub(super) fn mark(netlink: &mut Netlink, mark: &str) -> Result<(), NetlinkError> {
    let loopback = netlink.link(LOOPBACK)?;
    let alias = Some(mark.to_owned());
    netlink.change_link(&loopback, &LinkChange { alias, up: true, ..LinkChange::default() })
}

const LOOPBACK: &str = "lo";

/// Removes the namespaces with these names that wear the mark.
pub(super) fn remove(directory: &Path, names: Vec<String>, mark: &str) -> Removal {
    let mut removal = Removal::default();
    for name in names {
        let path = directory.join(&name);
        let result = find(&path, mark).and_then(|found| {
            if found == Found::Ours {
                netns::remove(&path)?;
            }
            Ok(found)
        });
        match result {
            Ok(Found::Nothing) => {}
            Ok(Found::Ours) => removal.removed.push(name),
            Ok(Found::SomebodyElses) => removal.left.push(name),
            Err(source) => removal.errors.push(TeardownError::Namespace { path, source }),
        }
    }
    removal
}

fn find(path: &Path, mark: &str) -> io::Result<Found> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    if !metadata.is_file() {
        return Ok(Found::SomebodyElses);
    }
    if !netns::is_mounted(path)? {
        let empty = metadata.len() == 0 && metadata.uid() == nix::unistd::geteuid().as_raw();
        return Ok(if empty { Found::Ours } else { Found::SomebodyElses });
    }
    // A namespace that may not be entered was not made by us.
    let alias = netns::run_in(path, || Netlink::open()?.link(LOOPBACK));
    match alias {
        Ok(Ok(Link { alias: Some(alias), .. })) if alias == mark => Ok(Found::Ours),
        Ok(Err(NetlinkError { source, .. })) | Err(netns::NetnsError::Thread(source)) => {
            Err(source)
        }
        Ok(Ok(_)) | Err(_) => Ok(Found::SomebodyElses),
    }
}
