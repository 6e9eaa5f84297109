//! What does a command in a namespace see of the file system?
//!
//! A mount namespace of its own, from which nothing gets back, with two things changed as
//! `ip netns exec` changes them: `/sys` belongs to the network namespace, and each file of
//! `/etc/netns/NAME` stands in the place of the one in `/etc`.

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use std::fs;
use std::io;
use std::path::Path;

const NOTHING: Option<&str> = None;

/// Gives the calling process its view. It must be in the network namespace already.
pub(super) fn enter(namespace: &str) -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_SLAVE, NOTHING)?;
    if let Err(error) = renew_sys() {
        // In a user namespace the kernel refuses it where parts of /sys are masked, as they are in
        // containers; the command then sees the host's, and works.
        tracing::debug!("/sys stays as it is: {error}");
    }
    replace_files(&Path::new("/etc/netns").join(namespace))
}

fn renew_sys() -> io::Result<()> {
    // It cannot be unmounted where it came from another user namespace; then it is covered.
    let _ = umount2("/sys", MntFlags::MNT_DETACH);
    Ok(mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), NOTHING)?)
}

fn replace_files(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let target = Path::new("/etc").join(entry.file_name());
        if target.exists() {
            mount(Some(&entry.path()), &target, NOTHING, MsFlags::MS_BIND, NOTHING)?;
        } else {
            tracing::warn!(
                "{} replaces nothing: there is no {}",
                entry.path().display(),
                target.display()
            );
        }
    }
    Ok(())
}
