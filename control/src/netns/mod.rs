//! How is a network namespace made, entered and removed?
//!
//! A named namespace is a file under a directory of namespaces (`/run/netns`) with the namespace bind-
//! mounted on it, as `ip netns add` does it; the directory is a shared mount, so that other mount
//! namespaces see what is added. A thread that has entered a namespace is never used for anything
//! else: each visit has a thread of its own, which ends with the visit.

pub mod rootless;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

/// Where `ip netns` has its namespaces.
pub const NETNS_DIR: &str = "/run/netns";

/// The calling thread's own network namespace.
const OWN: &str = "/proc/thread-self/ns/net";

/// What failed.
#[derive(Debug, thiserror::Error)]
pub enum NetnsError {
    /// A namespace cannot be opened.
    #[error("cannot open the network namespace {}: {source}", path.display())]
    Open {
        /// Its file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A namespace cannot be entered.
    #[error("cannot enter the network namespace {}: {source}", path.display())]
    Enter {
        /// Its file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// No namespace can be made.
    #[error("cannot make a network namespace: {0}")]
    Make(#[source] io::Error),
    /// A namespace cannot be given its name.
    #[error("cannot name a network namespace {}: {source}", path.display())]
    Pin {
        /// The file that was to be.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The directory of namespaces cannot be made or shared.
    #[error("cannot set up the directory of namespaces {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// There is no thread for the visit.
    #[error("cannot start a thread for a network namespace: {0}")]
    Thread(#[source] io::Error),
}

/// Runs `visit` in the namespace at `path`, on a thread of its own.
///
/// # Errors
/// The namespace cannot be opened or entered.
pub fn run_in<T: Send>(path: &Path, visit: impl FnOnce() -> T + Send) -> Result<T, NetnsError> {
    on_own_thread(|| {
        enter(path)?;
        Ok(visit())
    })
}

/// Runs `visit` in a new namespace, on a thread of its own. The namespace goes with it if the visit
/// neither [pins](pin) it nor keeps a descriptor of it.
///
/// # Errors
/// The namespace cannot be made.
pub fn run_in_new<T: Send>(visit: impl FnOnce() -> T + Send) -> Result<T, NetnsError> {
    on_own_thread(|| {
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| NetnsError::Make(errno.into()))?;
        Ok(visit())
    })
}

fn on_own_thread<T: Send>(
    visit: impl FnOnce() -> Result<T, NetnsError> + Send,
) -> Result<T, NetnsError> {
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("netns".to_owned());
        let visitor = builder.spawn_scoped(scope, visit).map_err(NetnsError::Thread)?;
        visitor.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Which namespace it is: device and inode of its file, unique as long as it lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    device: u64,
    inode: u64,
}

/// The calling thread's namespace.
///
/// # Errors
/// There is no `/proc`.
pub fn own() -> Result<Identity, NetnsError> {
    identity(Path::new(OWN)).map_err(|source| NetnsError::Open { path: OWN.into(), source })
}

fn identity(path: &Path) -> io::Result<Identity> {
    let metadata = fs::metadata(path)?;
    Ok(Identity { device: metadata.dev(), inode: metadata.ino() })
}

impl Identity {
    /// Does the file lead to this namespace?
    pub fn is_at(&self, path: &Path) -> bool {
        identity(path).is_ok_and(|found| found == *self)
    }

    /// Is any process in this namespace? Threads that are elsewhere than their process do not count.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn has_process(&self) -> io::Result<bool> {
        // What is no process has no such file; what ends meanwhile is no process any more.
        Ok(fs::read_dir("/proc")?.flatten().any(|entry| self.is_at(&entry.path().join("ns/net"))))
    }

    /// Has the namespace a name, as by `ip netns add`, so that it lives on without processes? Names in
    /// other mount namespaces do not count.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn has_name(&self) -> io::Result<bool> {
        // The fourth field is what is mounted (`man 5 proc_pid_mountinfo`).
        let namespace = format!("net:[{}]", self.inode);
        let mounts = fs::read_to_string("/proc/thread-self/mountinfo")?;
        Ok(mounts.lines().any(|line| line.split(' ').nth(3) == Some(namespace.as_str())))
    }
}

/// Enters the namespace at `path` with the calling thread, for good.
///
/// # Errors
/// The namespace cannot be opened or entered.
pub fn enter(path: &Path) -> Result<(), NetnsError> {
    let file =
        File::open(path).map_err(|source| NetnsError::Open { path: path.to_owned(), source })?;
    setns(file, CloneFlags::CLONE_NEWNET)
        .map_err(|errno| NetnsError::Enter { path: path.to_owned(), source: errno.into() })
}

/// Gives the calling thread's namespace the name that `path` ends with.
///
/// # Errors
/// The name is taken (`EEXIST`), or the kernel refuses the mount; nothing is left then.
pub fn pin(path: &Path) -> Result<(), NetnsError> {
    let failed = |source| NetnsError::Pin { path: path.to_owned(), source };
    // Not even readable, as `ip netns` has it: nobody takes the file itself for a namespace.
    OpenOptions::new().write(true).create_new(true).mode(0o000).open(path).map_err(failed)?;
    mount(Some(OWN), path, None::<&str>, MsFlags::MS_BIND, None::<&str>).map_err(|errno| {
        // The mount's error matters more than one about an empty file.
        let _ = fs::remove_file(path);
        failed(errno.into())
    })
}

/// Is there a namespace mounted on the file?
///
/// # Errors
/// The file cannot be opened.
pub fn is_mounted(path: &Path) -> io::Result<bool> {
    Ok(fstatfs(File::open(path)?)?.filesystem_type() == NSFS_MAGIC)
}

/// Takes the name from the namespace at `path`; without other users it is gone then.
///
/// # Errors
/// The kernel refuses to unmount or to remove the file.
pub fn remove(path: &Path) -> io::Result<()> {
    match umount2(path, MntFlags::MNT_DETACH) {
        // EINVAL: nothing is mounted there.
        Ok(()) | Err(Errno::EINVAL) => fs::remove_file(path),
        Err(errno) => Err(errno.into()),
    }
}

/// Makes the directory of namespaces if it is not there, and shares its mount.
///
/// # Errors
/// The kernel refuses one of the steps.
pub fn prepare_directory(path: &Path) -> Result<(), NetnsError> {
    let failed = |source| NetnsError::Directory { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o755).create(path).map_err(failed)?;
    // `ip netns` takes the same lock, so that the directory is mounted on itself once only.
    let directory = File::open(path).map_err(failed)?;
    directory.lock().map_err(failed)?;
    match share(path) {
        // EINVAL: it is no mount of its own yet.
        Err(Errno::EINVAL) => {
            mount(Some(path), path, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)
                .and_then(|()| share(path))
        }
        result => result,
    }
    .map_err(|errno| failed(errno.into()))
}

fn share(path: &Path) -> nix::Result<()> {
    mount(None::<&str>, path, None::<&str>, MsFlags::MS_SHARED | MsFlags::MS_REC, None::<&str>)
}
