//! Which programs of the machine are there?
//!
//! On some hosts none, so that what works there works without them. What a test compares with is kept
//! then: a copy that is out of the way of all who look for it by name.

use super::{Host, bind};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::fs;
use std::path::{Path, PathBuf};

/// Where programs lie; some of them lead to others of them.
const PLACES: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// The programs of netfilter. No host has them: all that is tested works without them.
const NETFILTER: [&str; 11] = [
    "nft",
    "iptables",
    "iptables-save",
    "iptables-restore",
    "ip6tables",
    "xtables-nft-multi",
    "xtables-legacy-multi",
    "ebtables",
    "arptables",
    "ipset",
    "conntrack",
];

/// Where programs are kept that a host has while all others are hidden.
const KEPT: &str = "/run/kept";

/// The STUN server of coturn.
pub const TURNSERVER: &str = "turnserver";

/// Its client that tells how a NAT behaves (RFC 5780).
pub const NATDISCOVERY: &str = "turnutils_natdiscovery";

/// The programs of coturn that tests use.
pub(super) const COTURN: [&str; 2] = [TURNSERVER, NATDISCOVERY];

/// The program of this name, if the machine has it.
pub(super) fn find_program(name: &str) -> Option<PathBuf> {
    PLACES.iter().map(|place| Path::new(place).join(name)).find(|path| path.is_file())
}

/// Takes the programs of netfilter away from the calling thread's mount namespace: in the place of each
/// lies what cannot be run.
pub(super) fn hide_netfilter() -> nix::Result<()> {
    let paths = PLACES.iter().flat_map(|place| NETFILTER.map(|name| Path::new(place).join(name)));
    paths.filter(|path| path.is_file()).try_for_each(|path| bind(Path::new("/dev/null"), &path))
}

impl Host {
    /// Takes all programs of the machine away: an empty directory lies over each place where they
    /// are, on this host alone. What this host starts by the path of its own still runs.
    pub fn hide_programs(&self) {
        for place in PLACES {
            let path = Path::new(place);
            if path.is_dir() {
                mount(Some("none"), path, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
            }
        }
    }

    /// Gives this host the programs of netfilter: for what other systems than ours do with them.
    pub fn show_netfilter(&self) {
        for path in
            PLACES.iter().flat_map(|place| NETFILTER.map(|name| Path::new(place).join(name)))
        {
            // A place that leads to another has its programs hidden twice.
            while umount2(&path, MntFlags::MNT_DETACH).is_ok() {}
        }
    }

    /// The path of a copy of the program, which stays when programs are hidden.
    pub fn keep_program(&self, name: &str) -> PathBuf {
        let program = find_program(name).unwrap_or_else(|| panic!("{name} is not here"));
        fs::create_dir_all(KEPT).unwrap();
        let kept = Path::new(KEPT).join(name);
        fs::copy(program, &kept).unwrap();
        kept
    }
}
