//! Which daemon keeps the networks of a site?
//!
//! At most one: it holds `daemon.lock` in the state directory, in which its process id stands, and
//! listens on `api.sock` beside it. Both go when it ends in order. What a killed one left is taken
//! over by the next, or swept away by whoever clears up after it.
//!
//! Networks can stand without a daemon too, each held by a process of its own (see `record`); both
//! kinds live side by side.

use super::holder::is_dying;
use super::record::{RecordError, failed, lock_site};
use super::{Site, lock};
use crate::api::SOCKET_NAME;
use nix::unistd::{Gid, chown};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The lock's name in the state directory.
pub const LOCK_NAME: &str = "daemon.lock";

/// How long one waits for a killed daemon to be gone: the kernel closes its TAPs, 20 ms each.
const DEATH_DEADLINE: Duration = Duration::from_secs(30);
/// How often one looks meanwhile.
const DEATH_INTERVAL: Duration = Duration::from_millis(5);

/// Why a site cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// Another daemon keeps it.
    #[error(
        "a daemon keeps {} already, process {}; end it first, or use it: `udp-bridge up` does",
        site.display(), pid.map_or("unknown".to_owned(), |pid| pid.to_string())
    )]
    Held {
        /// The state directory.
        site: PathBuf,
        /// The daemon's process, if it got as far as writing that down.
        pid: Option<u32>,
    },
    /// A file cannot be made or written.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A site, kept by this process. Dropping it removes the lock and the socket.
#[derive(Debug)]
pub struct Keeper {
    state_dir: PathBuf,
    /// Holds the lock while it is open.
    _lock: File,
}

/// A daemon that keeps a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its process, if it got as far as writing that down.
    pub pid: Option<u32>,
}

impl Keeper {
    /// Takes the site over. With a group its members may reach what is open to them in the state
    /// directory, which is otherwise its owner's alone.
    ///
    /// # Errors
    /// [`KeeperError::Held`] if a daemon lives there.
    pub fn claim(site: &Site, group: Option<Gid>) -> Result<Self, KeeperError> {
        // Makes the directory, and makes sure that it is ours.
        drop(lock_site(site)?);
        let directory = &site.state_dir;
        let mut lock = take(directory)?;
        open_to(directory, group).map_err(failed(directory))?;
        let path = directory.join(LOCK_NAME);
        lock.set_len(0)
            .and_then(|()| write!(lock, "{}", std::process::id()))
            .map_err(failed(&path))?;
        Ok(Self { state_dir: directory.clone(), _lock: lock })
    }

    /// The daemon that keeps a site, if one does. A killed one does not, though it may hold the lock
    /// still.
    pub fn of(site: &Site) -> Option<Kept> {
        let mut file = File::open(site.state_dir.join(LOCK_NAME)).ok()?;
        let pid = read_pid(&mut file);
        (lock::is_held(&file) && !pid.is_some_and(is_dying)).then_some(Kept { pid })
    }

    /// Removes what a killed daemon left of itself; its networks are not looked at.
    ///
    /// # Errors
    /// The files cannot be removed.
    pub fn sweep(site: &Site) -> Result<(), KeeperError> {
        let left = [LOCK_NAME, SOCKET_NAME]
            .iter()
            .any(|name| fs::symlink_metadata(site.state_dir.join(name)).is_ok());
        if !left || Self::of(site).is_some() {
            return Ok(());
        }
        match take(&site.state_dir) {
            Ok(lock) => drop(Self { state_dir: site.state_dir.clone(), _lock: lock }),
            // One has begun meanwhile.
            Err(KeeperError::Held { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        for name in [SOCKET_NAME, LOCK_NAME] {
            let path = self.state_dir.join(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    tracing::warn!("cannot remove {}: {error}", path.display());
                }
                _ => {}
            }
        }
    }
}

/// Takes the lock in the state directory, waiting for a dying holder.
fn take(directory: &Path) -> Result<File, KeeperError> {
    let path = directory.join(LOCK_NAME);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let deadline = Instant::now() + DEATH_DEADLINE;
    loop {
        let mut file = options.open(&path).map_err(failed(&path))?;
        if lock::take(&file).map_err(failed(&path))? {
            // Who held it before may have removed the file between our opening and locking it.
            if lock::is_at(&file, &path).unwrap_or(false) {
                return Ok(file);
            }
            continue;
        }
        let pid = read_pid(&mut file);
        if !pid.is_some_and(is_dying) || Instant::now() > deadline {
            return Err(KeeperError::Held { site: directory.to_owned(), pid });
        }
        sleep(DEATH_INTERVAL);
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    file.rewind().ok()?;
    text.trim().parse().ok()
}

/// Members of the group may pass through the directory, and not list it.
fn open_to(directory: &Path, group: Option<Gid>) -> io::Result<()> {
    if let Some(group) = group {
        chown(directory, None, Some(group))?;
    }
    let mode = if group.is_some() { 0o710 } else { 0o700 };
    fs::set_permissions(directory, Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> (tempfile::TempDir, Site) {
        let folder = tempfile::tempdir().unwrap();
        let site =
            Site { state_dir: folder.path().join("state"), netns_dir: folder.path().join("netns") };
        (folder, site)
    }

    #[test]
    fn a_site_is_kept_by_one_and_who_comes_second_is_told_by_whom() {
        let (_folder, site) = site();
        assert_eq!(Keeper::of(&site), None);
        let keeper = Keeper::claim(&site, None).unwrap();
        let pid = std::process::id();
        assert_eq!(Keeper::of(&site), Some(Kept { pid: Some(pid) }));
        let error = Keeper::claim(&site, None).unwrap_err().to_string();
        assert!(error.contains(&format!("process {pid}")), "{error}");
        drop(keeper);
        assert_eq!(Keeper::of(&site), None);
        assert_eq!(fs::read_dir(&site.state_dir).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_daemon_left_is_swept_and_what_a_living_one_has_is_not() {
        let (_folder, site) = site();
        Keeper::sweep(&site).unwrap();
        let keeper = Keeper::claim(&site, None).unwrap();
        Keeper::sweep(&site).unwrap();
        assert!(Keeper::of(&site).is_some());
        drop(keeper);
        for name in [LOCK_NAME, SOCKET_NAME] {
            fs::write(site.state_dir.join(name), "4194999").unwrap();
        }
        assert_eq!(Keeper::of(&site), None);
        Keeper::sweep(&site).unwrap();
        assert_eq!(fs::read_dir(&site.state_dir).unwrap().count(), 0);
    }

    #[test]
    fn a_group_may_pass_through_the_state_directory_and_nobody_else() {
        let (_folder, site) = site();
        let mode =
            |site: &Site| fs::metadata(&site.state_dir).unwrap().permissions().mode() & 0o777;
        drop(Keeper::claim(&site, Some(nix::unistd::getegid())).unwrap());
        assert_eq!(mode(&site), 0o710);
        drop(Keeper::claim(&site, None).unwrap());
        assert_eq!(mode(&site), 0o700);
    }
}
