//! Which kernel settings do we change, and how?
//!
//! Settings of interfaces that we made go with the interface. Those of other interfaces are read
//! before they are written, and whoever writes them keeps what was there ([`crate::uplink`]).
//! `/proc/sys/net` shows the network namespace of the thread that opens a file in it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Where settings are.
const ROOT: &str = "/proc/sys";

/// The settings of IPv6 by interface; exists if the kernel has IPv6.
const IPV6: &str = "/proc/sys/net/ipv6/conf";

/// Whether new interfaces begin without IPv6. `net.ipv6.conf.all.disable_ipv6=1` sets it too.
const IPV6_OFF: &str = "/proc/sys/net/ipv6/conf/default/disable_ipv6";

/// Room for the longest setting there is: all odd ports, six bytes each. The kernel hands out a list
/// of ports in one read or not at all (`proc_do_large_bitmap` in `kernel/sysctl.c`).
const LONGEST: usize = 1 << 18;

/// Room for any other setting.
const USUAL: usize = 1 << 12;

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
#[error("cannot write {value:?} to {}: {source}", path.display())]
pub struct SysctlError {
    /// The setting's file.
    pub path: PathBuf,
    /// What should be in it.
    pub value: String,
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
    let set = |(key, value)| set(folder.join(key), value).err();
    IPV6_SETTINGS.into_iter().filter_map(set).collect()
}

/// The value of a setting like `net/ipv4/conf/lo/forwarding`; `None` if there is no such setting.
///
/// # Errors
/// It is there and cannot be read.
pub fn read(key: &str) -> io::Result<Option<String>> {
    let mut file = match File::open(Path::new(ROOT).join(key)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = vec![0; USUAL];
    let mut length = file.read(&mut bytes)?;
    if length == bytes.len() {
        bytes.resize(LONGEST, 0);
        length = File::open(Path::new(ROOT).join(key))?.read(&mut bytes)?;
    }
    bytes.truncate(length);
    Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned()))
}

/// Could a setting be written? That it cannot is so in many containers.
pub fn is_writable(key: &str) -> bool {
    // Opening writes nothing yet.
    OpenOptions::new().write(true).open(Path::new(ROOT).join(key)).is_ok()
}

/// Writes a setting like `net/ipv4/conf/lo/forwarding`.
///
/// # Errors
/// The kernel refuses, and the value is not there already.
pub fn write(key: &str, value: &str) -> Result<(), SysctlError> {
    set(Path::new(ROOT).join(key), value)
}

fn set(path: PathBuf, value: &str) -> Result<(), SysctlError> {
    // An empty write would change nothing.
    match fs::write(&path, format!("{value}\n")) {
        // Read-only in many containers: good enough if it is so already.
        Err(_) if fs::read_to_string(&path).is_ok_and(|now| now.trim() == value) => Ok(()),
        Err(source) => Err(SysctlError { path, value: value.to_owned(), source }),
        Ok(()) => Ok(()),
    }
}
