//! How do the namespaces of a file come and go?
//!
//! A namespace that we make is marked and named as those of `up --ports N` are, and written down before:
//! in the folder `.up-PID` of the state directory, which its process holds as long as it lives. Whoever
//! comes after a killed one removes what wears its mark ([`Sandboxes::sweep`]). A namespace that is
//! adopted is only looked up: it is never written down, and so never removed.
//!
//! | file in `.up-PID` | |
//! |---|---|
//! | `lock` | locked by the living process |
//! | `journal.json` | the mark, and the names of the namespaces that it made |
//! | `api.sock` | the socket of an `up -f` without a daemon |
//! | `log` | what an `up -f` in the background says |

use super::namespaces;
use super::observe::names_in;
use super::record::{RecordError, failed, lock_site};
use super::{Site, StepError, lock};
use crate::api::SOCKET_NAME;
use crate::model::{Namespace, SandboxName};
use crate::netlink::Netlink;
use crate::netns;
use crate::plan::SandboxState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const PREFIX: &str = ".up-";
const LOCK: &str = "lock";
const JOURNAL: &str = "journal.json";
const NEW_JOURNAL: &str = "journal.json.new";
const FILES: [&str; 5] = [NEW_JOURNAL, SOCKET_NAME, "log", JOURNAL, LOCK];

/// Where a sandbox is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Home {
    /// A namespace of ours or somebody else's, at this path.
    At(PathBuf),
    /// The host's own.
    Host,
}

/// What is written down of them.
#[derive(Debug, Serialize, Deserialize)]
struct Journal {
    mark: String,
    names: BTreeSet<String>,
}

/// The folder of this process, held.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    _lock: File,
}

/// The sandboxes of a process. Dropping them removes those that it made.
#[derive(Debug)]
pub struct Sandboxes {
    site: Site,
    folder: Option<Folder>,
    journal: Journal,
    homes: BTreeMap<SandboxName, Home>,
}

impl Sandboxes {
    /// None yet.
    pub fn new(site: &Site) -> Self {
        // The standard library seeds these hashers from the kernel's random numbers.
        let random = [(); 2].map(|()| RandomState::new().hash_one("sandboxes"));
        let mark = format!("udp-bridge sandbox {:016x}{:016x}", random[0], random[1]);
        let journal = Journal { mark, names: BTreeSet::new() };
        Self { site: site.clone(), folder: None, journal, homes: BTreeMap::new() }
    }

    /// The name of a process's folder in the state directory.
    pub fn folder_name() -> String {
        format!("{PREFIX}{}", std::process::id())
    }

    /// Takes the folder of this process, which stays until the end; returns its path.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn claim(&mut self) -> Result<PathBuf, RecordError> {
        if let Some(folder) = &self.folder {
            return Ok(folder.path.clone());
        }
        let _turn = lock_site(&self.site)?;
        let path = self.site.state_dir.join(Self::folder_name());
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(failed(&path)(error));
            }
            _ => {}
        }
        let file = path.join(LOCK);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let held = options.open(&file).map_err(failed(&file))?;
        lock::take(&held).map_err(failed(&file))?;
        self.folder = Some(Folder { path: path.clone(), _lock: held });
        Ok(path)
    }

    /// Where a sandbox is, if it is there.
    pub fn home(&self, name: &SandboxName) -> Option<&Home> {
        self.homes.get(name)
    }

    /// Makes, adopts or names a namespace.
    ///
    /// # Errors
    /// A namespace cannot be made, or the record not be written; nothing is left then.
    pub fn create(&mut self, name: &SandboxName, state: &SandboxState) -> Result<(), StepError> {
        let home = match state {
            SandboxState::Bridge(Namespace::Made, _) | SandboxState::None => {
                Home::At(self.make(name)?)
            }
            SandboxState::Bridge(Namespace::Path(path), _) => Home::At(path.clone()),
            SandboxState::Bridge(Namespace::Pid(pid), _) => Home::At(pid_path(pid.get())),
            SandboxState::Host => Home::Host,
            // Whose it is was made before.
            SandboxState::Container(other) => self.home(other).cloned().unwrap_or(Home::Host),
        };
        self.homes.insert(name.clone(), home);
        Ok(())
    }

    fn make(&mut self, name: &SandboxName) -> Result<PathBuf, StepError> {
        netns::prepare_directory(&self.site.netns_dir)?;
        let path = self.site.netns_dir.join(name.as_str());
        self.journal.names.insert(name.to_string());
        self.write()?;
        let mark = self.journal.mark.clone();
        // The mark comes before the name: a process killed between the two leaves nothing at all.
        let made = netns::run_in_new(|| {
            namespaces::mark(&mut Netlink::open()?, &mark)?;
            Ok::<_, StepError>(netns::pin(&path)?)
        });
        match made.map_err(StepError::from).flatten() {
            Ok(()) => Ok(path),
            Err(error) => {
                self.journal.names.remove(name.as_str());
                self.write()?;
                Err(error)
            }
        }
    }

    /// Removes a namespace that we made, or lets go of one that we did not.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&mut self, name: &SandboxName) -> Result<(), super::TeardownError> {
        if self.journal.names.contains(name.as_str()) {
            let names = vec![name.to_string()];
            let removal = namespaces::remove(&self.site.netns_dir, names, &self.journal.mark);
            if let Some(error) = removal.errors.into_iter().next() {
                return Err(error);
            }
            self.journal.names.remove(name.as_str());
            if let Err(error) = self.write() {
                // Whoever sweeps finds no such namespace.
                tracing::warn!("the sandbox {name} is gone, and still in the journal: {error}");
            }
            self.let_go();
        }
        self.homes.remove(name);
        Ok(())
    }

    /// Removes the folder if there is nothing to be written in it.
    fn let_go(&mut self) {
        let is_empty = |folder: &mut Folder| !folder.path.join(SOCKET_NAME).exists();
        if self.journal.names.is_empty()
            && let Some(folder) = self.folder.take_if(is_empty)
        {
            discard(&folder.path);
        }
    }

    fn write(&mut self) -> Result<(), RecordError> {
        let folder = self.claim()?;
        let write = || -> io::Result<()> {
            let path = folder.join(NEW_JOURNAL);
            fs::write(&path, serde_json::to_vec(&self.journal)?)?;
            File::open(&path)?.sync_all()?;
            fs::rename(&path, folder.join(JOURNAL))
        };
        write().map_err(failed(&folder))
    }

    /// The folders of all processes, alive or not; none if the state directory cannot be read.
    pub fn folders(site: &Site) -> Vec<PathBuf> {
        let names = names_in(&site.state_dir).unwrap_or_default().into_iter();
        let ours = names.filter(|name| name.starts_with(PREFIX));
        ours.map(|name| site.state_dir.join(name)).collect()
    }

    /// Removes what killed processes have left of theirs; returns the names of the namespaces.
    ///
    /// # Errors
    /// The state directory cannot be read or locked; what cannot be removed is left to the next.
    pub fn sweep(site: &Site) -> Result<Vec<String>, RecordError> {
        if Self::folders(site).is_empty() {
            return Ok(Vec::new());
        }
        let _turn = lock_site(site)?;
        let mut removed = Vec::new();
        for folder in Self::folders(site) {
            removed.extend(sweep_one(site, &folder));
        }
        Ok(removed)
    }
}

/// Removes what is left in the folder of one process, unless it lives. One that is being killed is
/// waited for by who holds its networks.
fn sweep_one(site: &Site, folder: &Path) -> Vec<String> {
    let lock = File::open(folder.join(LOCK));
    if lock.is_ok_and(|file| lock::is_held(&file)) {
        return Vec::new();
    }
    let read = fs::read(folder.join(JOURNAL)).ok();
    let journal: Option<Journal> = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut removed = Vec::new();
    if let Some(journal) = journal {
        let names = journal.names.into_iter().collect();
        let removal = namespaces::remove(&site.netns_dir, names, &journal.mark);
        removed = removal.removed;
        if !removal.errors.is_empty() {
            return removed;
        }
    }
    discard(folder);
    removed
}

fn discard(folder: &Path) {
    for name in FILES {
        // What cannot be removed keeps the folder, and the next sweep tries again.
        let _ = fs::remove_file(folder.join(name));
    }
    let _ = fs::remove_dir(folder);
}

impl Drop for Sandboxes {
    fn drop(&mut self) {
        let Some(folder) = self.folder.take() else { return };
        let names = self.journal.names.iter().cloned().collect();
        let removal = namespaces::remove(&self.site.netns_dir, names, &self.journal.mark);
        for error in &removal.errors {
            tracing::error!("{error}");
        }
        if removal.errors.is_empty() {
            discard(&folder.path);
        }
    }
}

/// The namespace of a process.
fn pid_path(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/ns/net"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_swept_and_what_a_living_one_has_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let site =
            Site { state_dir: folder.path().join("state"), netns_dir: folder.path().join("netns") };
        assert!(Sandboxes::sweep(&site).unwrap().is_empty());
        let mut sandboxes = Sandboxes::new(&site);
        let ours = sandboxes.claim().unwrap();
        let dead = site.state_dir.join(".up-4194999");
        fs::create_dir(&dead).unwrap();
        fs::create_dir(&site.netns_dir).unwrap();
        // Killed before it mounted the namespace, and somebody else's file.
        fs::write(site.netns_dir.join("web"), "").unwrap();
        fs::write(site.netns_dir.join("theirs"), "").unwrap();
        let journal = Journal { mark: "m".to_owned(), names: BTreeSet::from(["web".to_owned()]) };
        fs::write(dead.join(JOURNAL), serde_json::to_vec(&journal).unwrap()).unwrap();
        assert_eq!(Sandboxes::sweep(&site).unwrap(), ["web"]);
        assert!(!dead.exists() && ours.exists() && site.netns_dir.join("theirs").exists());
        drop(sandboxes);
        assert!(!ours.exists());
    }
}
