//! Where may a test do what it wants? In a [`Host`]: a machine of its own, as far as names go.
//!
//! A thread leaves the machine's network and mount namespaces and mounts an empty `/run` that only it
//! and what it starts can see. Interfaces, addresses, routes, `/run/netns` and `/run/udp-bridge` are
//! private to the test then, and the kernel clears them away when the thread and its children end,
//! also after a panic. The test needs the privileges of root, see [`needs`].
//!
//! ```text
//!  machine ── test's process ── thread "host"      unshare(NEWNET | NEWNS), tmpfs on /run
//!                                  │  └─ Command   children inherit both namespaces
//!                                  └─ visit(path)  a thread in one of the host's named namespaces
//! ```
//!
//! | file | question |
//! |---|---|
//! | [`needs`] | what must the machine have for a test, and what if it has not? |
//! | [`rtnl`] | how is an interface made, addressed, moved? |
//! | [`snapshot`] | is the host as it was before? |
//! | [`wait`] | has it happened yet? |
//! | [`process`] | how does a child end whatever the test does? |
//! | [`product`] | how is the real command run? |
//! | [`api`] | how is it asked without the command? |
//! | [`programs`] | which programs of the machine are there? |
//! | [`outside`] | what is behind the host? |
//! | [`icmp_errors`] | what did ICMP tell a socket? |
//! | [`traffic`] | do two ends hear each other: ping, TCP, UDP? |

pub mod api;
pub mod icmp_errors;
pub mod needs;
pub mod outside;
pub mod process;
pub mod product;
pub mod programs;
pub mod rtnl;
pub mod snapshot;
pub mod talk;
pub mod traffic;
pub mod wait;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use std::fs::{self, File};
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

/// Where named namespaces are.
pub const NETNS_DIR: &str = "/run/netns";

/// Where udp-bridge keeps its state when it has privileges.
pub const STATE_DIR: &str = "/run/udp-bridge";

/// A private host. It exists only inside [`Host::run`].
pub struct Host {
    /// Tells its processes from all others.
    mark: String,
}

impl Host {
    /// Runs `test` on a private host with lo up, on a thread of its own; a panic goes on here.
    pub fn run<T: Send>(test: impl FnOnce(&Self) -> T + Send) -> T {
        on_own_thread("host", || {
            make_private().expect("a private host needs CAP_SYS_ADMIN");
            programs::hide_netfilter().unwrap();
            rtnl::Rtnl::open().up("lo");
            test(&Self { mark: process::new_mark() })
        })
    }

    /// The file of the namespace `name`.
    pub fn netns(&self, name: &str) -> PathBuf {
        Path::new(NETNS_DIR).join(name)
    }

    /// Makes the namespace `name` as `ip netns add` does, lo up in it.
    pub fn add_netns(&self, name: &str) {
        fs::create_dir_all(NETNS_DIR).unwrap();
        let path = self.netns(name);
        File::create_new(&path).unwrap();
        on_own_thread("netns", || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            bind(Path::new("/proc/thread-self/ns/net"), &path).unwrap();
            rtnl::Rtnl::open().up("lo");
        });
    }

    /// Unmounts and removes the namespace `name`.
    pub fn remove_netns(&self, name: &str) {
        let path = self.netns(name);
        nix::mount::umount2(&path, nix::mount::MntFlags::MNT_DETACH).unwrap();
        fs::remove_file(path).unwrap();
    }

    /// Runs `visit` in the namespace `name`; sockets that it returns stay in there.
    pub fn visit<T: Send>(&self, name: &str, visit: impl FnOnce() -> T + Send) -> T {
        let path = self.netns(name);
        on_own_thread(name, || {
            let file = File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            setns(file, CloneFlags::CLONE_NEWNET).unwrap();
            visit()
        })
    }

    /// Gives `/dev/net/tun` this mode on this host, whatever it is on the machine.
    pub fn open_tun_to(&self, mode: u32) {
        let node = Path::new("/run/tun");
        mknod(node, SFlag::S_IFCHR, Mode::from_bits_truncate(mode), makedev(10, 200)).unwrap();
        // The umask may have taken bits.
        fs::set_permissions(node, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        bind(node, Path::new(dataplane::port::tap::TUN_DEVICE)).unwrap();
    }

    /// Takes `/dev/net/tun` away: an empty directory lies over `/dev/net`.
    pub fn hide_tun(&self) {
        mount(Some("none"), "/dev/net", Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    }
}

fn on_own_thread<T: Send>(name: &str, run: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, run).unwrap();
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Leaves the machine's namespaces for new ones with an empty `/run`.
fn make_private() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
    // Devices are allowed here, see `open_tun_to`.
    mount(Some("run"), "/run", Some("tmpfs"), MsFlags::empty(), Some("mode=0755"))?;
    // What a program reads of /sys/class/net is of the namespace whose mount it is.
    match mount(Some("sys"), "/sys", Some("sysfs"), MsFlags::empty(), None::<&str>) {
        // Inside a container /sys may be locked; udp-bridge does not need it.
        Ok(()) | Err(nix::errno::Errno::EPERM) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn bind(from: &Path, to: &Path) -> nix::Result<()> {
    mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>)
}
