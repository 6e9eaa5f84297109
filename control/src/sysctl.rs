//! Which kernel settings of an interface do we change?
//!
//! Only settings of interfaces that we made, so nothing has to be put back: they go with the
//! interface. `/proc/sys/net` shows the network namespace of the thread that opens a file in it.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The settings of IPv6 by interface; exists if the kernel has IPv6.
const IPV6: &str = "/proc/sys/net/ipv6/conf";

/// Whether new interfaces begin without IPv6. `net.ipv6.conf.all.disable_ipv6=1` sets it too.
const IPV6_OFF: &str = "/proc/sys/net/ipv6/conf/default/disable_ipv6";

/// The settings of IPv6 that an interface gets before it comes up, with the values.
const IPV6_SETTINGS: [(&str, &str); 3] = [
    // Where it is 1, as on many hosts and in most containers, the kernel takes no address.
    ("disable_ipv6", "0"),
    // Our addresses are unique; detecting duplicates of the link-local one holds back the first
    // packets as well.
    ("accept_dad", "0"),
    // The addresses and routes are ours to give; no neighbour announces others.
    ("accept_ra", "0"),
];

/// A setting could not be changed.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {value} to {}: {source}", path.display())]
pub struct SysctlError {
    /// The setting's file.
    pub path: PathBuf,
    /// What should be in it.
    pub value: &'static str,
    /// What the kernel said.
    #[source]
    pub source: io::Error,
}

/// Can an interface that is made in the calling thread's network namespace have IPv6? Not if the
/// kernel has none, nor if it is switched off and `/proc/sys` is read-only, as in containers.
pub fn has_ipv6() -> bool {
    match fs::read_to_string(IPV6_OFF) {
        // Opening writes nothing yet.
        Ok(off) => off.trim() == "0" || OpenOptions::new().write(true).open(IPV6_OFF).is_ok(),
        Err(_) => false,
    }
}

/// Sets up IPv6 on an interface that is still down; returns what could not be set.
pub fn prepare_ipv6(interface: &str) -> Vec<SysctlError> {
    let folder = Path::new(IPV6).join(interface);
    let set = |(key, value)| {
        let path = folder.join(key);
        set(&path, value).err().map(|source| SysctlError { path, value, source })
    };
    IPV6_SETTINGS.into_iter().filter_map(set).collect()
}

fn set(path: &Path, value: &str) -> io::Result<()> {
    match fs::write(path, value) {
        // Read-only in many containers: good enough if it is so already.
        Err(error) if fs::read_to_string(path).is_ok_and(|now| now.trim() == value) => {
            drop(error);
            Ok(())
        }
        result => result,
    }
}
