//! How does a named namespace come about?
//!
//! A namespace lives as long as something holds it: here a file under `/run/netns` with the
//! namespace mounted on it, as `ip netns add` leaves it. Entering one sticks to the thread, so each
//! visit has a thread of its own that ends with it.

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

/// Where named namespaces are.
const DIRECTORY: &str = "/run/netns";
/// The calling thread's network namespace.
const OWN: &str = "/proc/thread-self/ns/net";

/// Makes the namespace `name`; gives its file.
pub(super) fn make(name: &str) -> io::Result<PathBuf> {
    let path = Path::new(DIRECTORY).join(name);
    File::create_new(&path)?;
    on_a_thread(|| -> io::Result<()> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        Ok(mount(Some(OWN), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?)
    })??;
    Ok(path)
}

/// Runs `action` in the namespace at `path`.
pub(super) fn run_in<T: Send>(path: &Path, action: impl FnOnce() -> T + Send) -> io::Result<T> {
    let namespace = File::open(path)?;
    on_a_thread(|| -> io::Result<T> {
        setns(namespace, CloneFlags::CLONE_NEWNET)?;
        Ok(action())
    })?
}

fn on_a_thread<T: Send>(action: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, action)?;
        thread.join().map_err(|_| io::Error::other("the thread in the namespace panicked"))
    })
}
