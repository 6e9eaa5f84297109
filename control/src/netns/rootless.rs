//! How does a process without privileges get a place where it may make networks?
//!
//! It makes a user namespace, where it is root, with a mount and a network namespace of its own. The
//! host side of the network is in there as well: nothing that the user does not own is touched, and
//! nothing of it is reachable from outside.
//!
//! A `/run/netns` of our own is made with a tmpfs. Where that directory is missing there is nothing to
//! mount on, and `/run` is not ours to write: then `/run` itself becomes a tmpfs in which everything
//! of the old one is mounted again.

use crate::netlink::{LinkChange, Netlink, NetlinkError};
use crate::netns::NETNS_DIR;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{getegid, geteuid};
use rustix::thread::{CapabilitySet, capabilities};
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

/// Why there is no such place.
#[derive(Debug, thiserror::Error)]
pub enum RootlessError {
    /// The kernel does not make a user namespace.
    #[error("cannot make a user namespace: {0}; {hint}", hint = unshare_hint(.0))]
    Unshare(#[source] io::Error),
    /// A file under `/proc` cannot be written.
    #[error("cannot map the user in {path}: {source}")]
    Map {
        /// The file.
        path: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The mounts cannot be set up.
    #[error("cannot set up {}: {source}", path.display())]
    Mount {
        /// The mount point.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The loopback interface cannot be brought up.
    #[error(transparent)]
    Loopback(#[from] NetlinkError),
    /// A running network's namespace cannot be entered.
    #[error("cannot enter {}: {source}", path.display())]
    Join {
        /// The namespace's file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// What may help.
fn unshare_hint(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOSPC) => "raise user.max_user_namespaces, or run as root",
        Some(Errno::EPERM) => {
            "a security policy or kernel.unprivileged_userns_clone=0 forbids it; allow it, or run as \
             root"
        }
        Some(Errno::EINVAL) => "this kernel has none; run as root",
        _ => "run as root",
    }
}

/// May this process make namespaces and interfaces where it is (`CAP_SYS_ADMIN` and `CAP_NET_ADMIN`)?
pub fn is_privileged() -> bool {
    let needed = CapabilitySet::SYS_ADMIN | CapabilitySet::NET_ADMIN;
    capabilities(None).is_ok_and(|sets| sets.effective.contains(needed))
}

/// Enters new user, mount and network namespaces, with a loopback interface that is up and an empty
/// directory of namespaces. The process must have one thread.
///
/// # Errors
/// [`RootlessError`] says which step failed; the process must not go on then.
pub fn enter() -> Result<(), RootlessError> {
    become_root_with(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET)?;
    let root = Path::new("/");
    mount(None::<&str>, root, None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .map_err(|errno| mount_failed(root, errno))?;
    own_netns_directory(Path::new(NETNS_DIR))?;
    let mut netlink = Netlink::open()?;
    let loopback = netlink.link("lo")?;
    netlink.change_link(&loopback, &LinkChange { up: true, ..LinkChange::default() })?;
    Ok(())
}

/// Enters a new user namespace as its root, and makes these other namespaces within it.
pub(crate) fn become_root_with(others: CloneFlags) -> Result<(), RootlessError> {
    let (uid, gid) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | others)
        .map_err(|errno| RootlessError::Unshare(errno.into()))?;
    // Without this the kernel takes no group map from us (user_namespaces(7)).
    write_map("/proc/self/setgroups", "deny")?;
    write_map("/proc/self/uid_map", &format!("0 {uid} 1"))?;
    write_map("/proc/self/gid_map", &format!("0 {gid} 1"))
}

fn write_map(path: &'static str, text: &str) -> Result<(), RootlessError> {
    fs::write(path, text).map_err(|source| RootlessError::Map { path, source })
}

fn mount_failed(path: &Path, error: impl Into<io::Error>) -> RootlessError {
    RootlessError::Mount { path: path.to_owned(), source: error.into() }
}

/// Makes `directory` exist, empty and writable, for this mount namespace alone.
fn own_netns_directory(directory: &Path) -> Result<(), RootlessError> {
    if directory.is_dir() {
        return mount_tmpfs(directory);
    }
    let run = directory.parent().unwrap_or(directory);
    copy_up(run)?;
    fs::create_dir(directory).map_err(|error| mount_failed(directory, error))
}

fn mount_tmpfs(path: &Path) -> Result<(), RootlessError> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), path, Some("tmpfs"), flags, Some("mode=0755"))
        .map_err(|errno| mount_failed(path, errno))
}

/// Puts a tmpfs over the folder and mounts everything that was in it again.
fn copy_up(folder: &Path) -> Result<(), RootlessError> {
    let failed = |error| mount_failed(folder, error);
    // The open folder still leads below the tmpfs, with all mounts inside it.
    let old = File::open(folder).map_err(failed)?;
    let below = PathBuf::from(format!("/proc/self/fd/{}", old.as_raw_fd()));
    let names: Vec<OsString> = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect())
        .map_err(failed)?;
    mount_tmpfs(folder)?;
    for name in names {
        // What vanishes meanwhile or cannot be mounted is missing in here, and nothing we need is.
        let _ = mount_again(&below.join(&name), &folder.join(&name));
    }
    Ok(())
}

fn mount_again(from: &Path, to: &Path) -> io::Result<()> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if kind.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    if kind.is_dir() {
        fs::create_dir(to)?;
    } else {
        File::create_new(to)?;
    }
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    Ok(mount(Some(from), to, None::<&str>, flags, None::<&str>)?)
}

/// Enters the user, mount and network namespaces of the process `pid`, those of them that are not
/// this process's own. The process must have one thread.
///
/// # Errors
/// The process is gone or belongs to somebody else.
pub fn join(pid: u32) -> Result<(), RootlessError> {
    let folder = env::current_dir();
    let mut others = Vec::new();
    // The user namespace comes first: it gives the right to enter the others.
    for (name, kind) in [
        ("user", CloneFlags::CLONE_NEWUSER),
        ("mnt", CloneFlags::CLONE_NEWNS),
        ("net", CloneFlags::CLONE_NEWNET),
    ] {
        let path = PathBuf::from(format!("/proc/{pid}/ns/{name}"));
        let open = || {
            let file = File::open(&path)?;
            let own = fs::metadata(format!("/proc/self/ns/{name}"))?;
            Ok((own.ino() != file.metadata()?.ino()).then_some(file))
        };
        let other = open().map_err(|source| RootlessError::Join { path: path.clone(), source })?;
        others.extend(other.map(|file| (path, file, kind)));
    }
    for (path, file, kind) in others {
        setns(file, kind).map_err(|errno| RootlessError::Join { path, source: errno.into() })?;
    }
    // Entering a mount namespace leads to its root; where the old folder is unknown there, stay.
    if let Ok(folder) = folder {
        let _ = env::set_current_dir(folder);
    }
    Ok(())
}
