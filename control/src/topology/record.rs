//! Which networks are on record, and who holds them?
//!
//! A network's folder in the state directory:
//!
//! | file | |
//! |---|---|
//! | `lock` | locked by the living process, as an open file description lock: one can ask who holds it without taking it |
//! | `journal.json` | what the process made: its mark, and how many namespaces |
//! | `api.sock` | the process's own socket, or a link to that of the site's daemon (`keeper`) |
//! | `log` | what a process in the background says |

use super::Site;
use super::holder::is_dying;
use super::journal::{JOURNAL, Journal, NEW_JOURNAL};
use super::lock;
use super::observe::names_in;
use crate::api::SOCKET_NAME;
use crate::model::NetworkName;
use nix::unistd::geteuid;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long one waits for a killed process to be gone: its 1,024 TAPs can take 20 ms each.
const DEATH_DEADLINE: Duration = Duration::from_secs(30);
/// How often one looks meanwhile.
const DEATH_INTERVAL: Duration = Duration::from_millis(5);

/// How often a folder is made that others remove meanwhile.
const CLAIM_ATTEMPTS: usize = 64;

const LOCK: &str = "lock";
/// All files that a network's folder can have.
const FILES: [&str; 5] = [NEW_JOURNAL, SOCKET_NAME, "log", JOURNAL, LOCK];

/// A network on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownNetwork {
    /// Its name.
    pub name: NetworkName,
    /// Is its process alive? One that was killed is not, though it may hold its lock still.
    pub alive: bool,
    /// The process that made it, if it got as far as writing that down.
    pub pid: Option<u32>,
}

/// Why a record cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Another process holds the network.
    #[error("network {0} is up in another process; end it with `udp-bridge down {0}`")]
    Held(NetworkName),
    /// The state directory could be changed by others.
    #[error("{} must be a directory of this user that nobody else can write to", .0.display())]
    Unsafe(PathBuf),
    /// A file cannot be made, read or written.
    #[error("cannot use the record {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// A network's folder, held by this process.
#[derive(Debug)]
pub(super) struct Record {
    folder: PathBuf,
    /// Holds the lock while it is open.
    _lock: File,
}

impl Record {
    /// Takes hold of the network's folder, making it if it is not there.
    pub(super) fn claim(site: &Site, name: &NetworkName) -> Result<Self, RecordError> {
        let folder = folder(site, name);
        let path = folder.join(LOCK);
        let lock = open_lock(&folder)?;
        if !take(&lock, &folder).map_err(failed(&path))? {
            return Err(RecordError::Held(name.clone()));
        }
        // Who held it before may have removed the file between our opening and locking it.
        match lock::is_at(&lock, &path) {
            Ok(true) => Ok(Self { folder, _lock: lock }),
            _ => Err(RecordError::Held(name.clone())),
        }
    }

    /// The journal, if there is one.
    pub(super) fn journal(&self) -> Result<Option<Journal>, RecordError> {
        Journal::read(&self.folder).map_err(failed(&self.folder.join(JOURNAL)))
    }

    /// Writes the journal, whole or not at all.
    pub(super) fn write(&self, journal: &Journal) -> Result<(), RecordError> {
        journal.write(&self.folder).map_err(failed(&self.folder.join(JOURNAL)))
    }

    /// Removes the folder; the lock is let go last.
    pub(super) fn discard(self) -> Result<(), RecordError> {
        for path in FILES.map(|name| self.folder.join(name)) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(failed(&path)(error));
                }
                _ => {}
            }
        }
        match fs::remove_dir(&self.folder) {
            // Since the lock's file is gone somebody else may have claimed the folder: it is theirs, or
            // they have removed it by now.
            Err(error)
                if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::NotFound) =>
            {
                Ok(())
            }
            result => result.map_err(failed(&self.folder)),
        }
    }
}

/// Opens the lock in a network's folder, making both if they are not there. Who held the folder may
/// remove it between the two: then once more.
fn open_lock(folder: &Path) -> Result<File, RecordError> {
    let path = folder.join(LOCK);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut opened = Err(ErrorKind::NotFound.into());
    for _ in 0..CLAIM_ATTEMPTS {
        prepare(folder).map_err(failed(folder))?;
        opened = options.open(&path);
        if !opened.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            break;
        }
    }
    opened.map_err(failed(&path))
}

/// Waits until no other process is about to make a network here; until the file is closed none is.
pub(super) fn lock_site(site: &Site) -> Result<File, RecordError> {
    let directory = &site.state_dir;
    prepare(directory).map_err(failed(directory))?;
    let metadata = fs::symlink_metadata(directory).map_err(failed(directory))?;
    let safe =
        metadata.is_dir() && metadata.uid() == geteuid().as_raw() && metadata.mode() & 0o022 == 0;
    if !safe {
        return Err(RecordError::Unsafe(directory.clone()));
    }
    let file = File::open(directory).map_err(failed(directory))?;
    file.lock().map_err(failed(directory))?;
    Ok(file)
}

/// The networks on record, sorted by name.
///
/// # Errors
/// The state directory exists but cannot be read.
pub fn networks(site: &Site) -> io::Result<Vec<KnownNetwork>> {
    let mut known: Vec<KnownNetwork> = names_in(&site.state_dir)?
        .iter()
        .filter_map(|name| name.parse().ok())
        .filter_map(|name| known(site, name))
        .collect();
    known.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(known)
}

/// The journals of the networks that live.
pub(super) fn living(site: &Site) -> io::Result<Vec<(NetworkName, Journal)>> {
    journals(site, |network| network.alive)
}

/// The journals of the networks whose processes were killed, and that nobody has cleared up after.
pub(super) fn killed(site: &Site) -> io::Result<Vec<(NetworkName, Journal)>> {
    journals(site, |network| !network.alive)
}

fn journals(
    site: &Site,
    is_meant: impl Fn(&KnownNetwork) -> bool,
) -> io::Result<Vec<(NetworkName, Journal)>> {
    let meant = networks(site)?.into_iter().filter(is_meant);
    // Who has no journal yet has made nothing yet.
    let with_journal = meant.filter_map(|network| {
        let journal = Journal::read(&folder(site, &network.name)).ok().flatten()?;
        Some((network.name, journal))
    });
    Ok(with_journal.collect())
}

/// A network's folder.
pub(super) fn folder(site: &Site, name: &NetworkName) -> PathBuf {
    site.state_dir.join(name.as_str())
}

/// What is known of a network; nothing if it has no folder, or vanishes just now.
pub(super) fn known(site: &Site, name: NetworkName) -> Option<KnownNetwork> {
    let folder = folder(site, &name);
    let metadata = fs::symlink_metadata(&folder).ok()?;
    if !metadata.is_dir() {
        return None;
    }
    let pid = holder(&folder);
    let held = File::open(folder.join(LOCK)).is_ok_and(|file| lock::is_held(&file));
    let alive = held && !pid.is_some_and(is_dying);
    Some(KnownNetwork { name, alive, pid })
}

/// Takes the lock, waiting for a dying holder; false if a living one has it.
fn take(file: &File, folder: &Path) -> io::Result<bool> {
    let deadline = Instant::now() + DEATH_DEADLINE;
    loop {
        if lock::take(file)? {
            return Ok(true);
        }
        if !holder(folder).is_some_and(is_dying) || Instant::now() > deadline {
            return Ok(false);
        }
        sleep(DEATH_INTERVAL);
    }
}

/// The process that wrote the journal.
fn holder(folder: &Path) -> Option<u32> {
    Journal::read(folder).ok().flatten().map(|journal| journal.pid)
}

fn prepare(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

pub(super) fn failed(path: &Path) -> impl FnOnce(io::Error) -> RecordError {
    let path = path.to_owned();
    |source| RecordError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn site() -> (tempfile::TempDir, Site) {
        let folder = tempfile::tempdir().unwrap();
        let site =
            Site { state_dir: folder.path().join("state"), netns_dir: folder.path().join("netns") };
        (folder, site)
    }

    #[test]
    fn a_network_is_held_by_one_and_seen_by_all() {
        let (_folder, site) = site();
        let name: NetworkName = "ub0".parse().unwrap();
        assert_eq!(networks(&site).unwrap(), []);
        drop(lock_site(&site).unwrap());
        let record = Record::claim(&site, &name).unwrap();
        assert!(matches!(Record::claim(&site, &name), Err(RecordError::Held(_))));
        let pid = None;
        assert_eq!(
            networks(&site).unwrap(),
            [KnownNetwork { name: name.clone(), alive: true, pid }]
        );
        let journal = Journal::new(&name, 3, "ub0");
        record.write(&journal).unwrap();
        assert_eq!(record.journal().unwrap(), Some(journal));
        drop(record);
        let pid = Some(std::process::id());
        assert_eq!(
            networks(&site).unwrap(),
            [KnownNetwork { name: name.clone(), alive: false, pid }]
        );
        Record::claim(&site, &name).unwrap().discard().unwrap();
        assert_eq!(networks(&site).unwrap(), []);
    }

    #[test]
    fn a_folder_that_is_claimed_while_it_is_discarded_is_left_to_the_claimer() {
        let (_folder, site) = site();
        let name: NetworkName = "ub0".parse().unwrap();
        drop(lock_site(&site).unwrap());
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..300 {
                        match Record::claim(&site, &name) {
                            Ok(record) => record.discard().unwrap(),
                            Err(error) => assert!(matches!(error, RecordError::Held(_)), "{error}"),
                        }
                    }
                });
            }
        });
        assert_eq!(networks(&site).unwrap(), []);
    }

    #[test]
    fn a_state_directory_that_others_can_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, site) = site();
        drop(lock_site(&site).unwrap());
        fs::set_permissions(&site.state_dir, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(lock_site(&site), Err(RecordError::Unsafe(_))));
    }
}
