//! What must the machine have for a test, and what if it has not?
//!
//! A test whose [`Need`] is lacking counts as ignored, never as passed, and a line on stderr says so.
//! Needs are looked at once per process, before the tests are listed, so that `cargo nextest` sees the
//! same.

use super::nftables::set_forward_policy;
use super::programs::{COTURN, find_program};
use super::rtnl::Rtnl;
use super::{Host, make_private, on_own_thread};
use dataplane::port::Offloads;
use dataplane::port::tap::Tap;
use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;

/// Something a machine may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// To make network and mount namespaces: `CAP_SYS_ADMIN` and `CAP_NET_ADMIN`.
    Privileges,
    /// To make TAPs: `/dev/net/tun`.
    Tun,
    /// A kernel with IPv6.
    Ipv6,
    /// A kernel with its own bridge.
    KernelBridge,
    /// A kernel with UDP segmentation in TAPs, since Linux 6.2.
    Uso,
    /// User namespaces for users without privileges.
    UserNamespaces,
    /// A kernel with nftables.
    Nftables,
    /// The program `ip`.
    IpCommand,
    /// The program `tshark`.
    Tshark,
    /// The program `tcpdump`.
    Tcpdump,
    /// The program `curl`, with `--json` (7.82).
    Curl,
    /// The program `systemd-analyze`.
    Systemd,
    /// The programs of coturn: a STUN server, and a client that asks it what NAT is on the way.
    Coturn,
    /// The program `nft`.
    Nft,
    /// Open vSwitch.
    OpenVswitch,
    /// VDE's switch.
    Vde,
    /// slirp4netns.
    Slirp,
    /// pasta.
    Pasta,
    /// A browser without a screen.
    Chromium,
}

impl Need {
    /// What everything here needs.
    pub const BASICS: &'static [Self] = &[Self::Privileges, Self::Tun];

    /// What is lacking, if it is.
    fn lacking(self) -> Option<&'static str> {
        static SEEN: [OnceLock<bool>; 19] = [const { OnceLock::new() }; 19];
        let there = *SEEN[self as usize].get_or_init(|| self.look());
        (!there).then(|| self.words())
    }

    fn look(self) -> bool {
        let basics = || Self::BASICS.iter().all(|need| need.lacking().is_none());
        match self {
            Self::Privileges => on_own_thread("probe", || make_private().is_ok()),
            Self::Tun => Self::Privileges.lacking().is_none() && granted(Offloads::NONE).is_some(),
            Self::Ipv6 => Path::new("/proc/sys/net/ipv6").exists(),
            Self::KernelBridge => basics() && Host::run(|_| Rtnl::open().try_bridge("br0").is_ok()),
            Self::Uso => granted(Offloads::ALL).is_some_and(|got| got.contains(Offloads::USO)),
            Self::UserNamespaces => user_namespaces(),
            Self::Nftables => basics() && Host::run(|_| set_forward_policy(false).is_ok()),
            Self::Tshark => find_program("tshark").is_some(),
            Self::Tcpdump => find_program("tcpdump").is_some(),
            Self::IpCommand => find_program("ip").is_some(),
            Self::Curl => runs("curl", &["--json", "", "--version"]),
            Self::Systemd => runs("systemd-analyze", &["--version"]),
            Self::Coturn => COTURN.iter().all(|program| find_program(program).is_some()),
            Self::Nft => find_program("nft").is_some(),
            Self::OpenVswitch => find_program("ovs-vswitchd").is_some(),
            Self::Vde => find_program("vde_switch").is_some(),
            Self::Slirp => find_program("slirp4netns").is_some(),
            Self::Pasta => find_program("pasta").is_some(),
            Self::Chromium => find_program("chromium").is_some(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Privileges => "privileges to make namespaces (run the tests as root)",
            Self::Tun => "/dev/net/tun",
            Self::Ipv6 => "IPv6 in the kernel",
            Self::KernelBridge => "the kernel's bridge module",
            Self::Uso => "a kernel with UDP segmentation in TAPs (Linux 6.2)",
            Self::UserNamespaces => "user namespaces without privileges",
            Self::Nftables => "nftables in the kernel",
            Self::IpCommand => "the program ip",
            Self::Tshark => "the program tshark",
            Self::Tcpdump => "the program tcpdump",
            Self::Curl => "the program curl",
            Self::Systemd => "the program systemd-analyze",
            Self::Coturn => "turnserver and turnutils_natdiscovery (Debian's package coturn)",
            Self::Nft => "nft (Debian's package nftables)",
            Self::OpenVswitch => "ovs-vswitchd (Debian's package openvswitch-switch)",
            Self::Vde => "vde_switch (Debian's package vde2)",
            Self::Slirp => "the program slirp4netns",
            Self::Pasta => "pasta (Debian's package passt)",
            Self::Chromium => "the program chromium",
        }
    }
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    let output = std::process::Command::new(program).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

fn granted(wanted: Offloads) -> Option<Offloads> {
    use dataplane::port::Port;
    on_own_thread("probe", || {
        make_private().ok()?;
        Tap::open("probe", wanted).ok().map(|tap| tap.offloads())
    })
}

/// Not all kernels have the first file; where it is, it decides.
fn user_namespaces() -> bool {
    let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    number("/proc/sys/kernel/unprivileged_userns_clone") != Some(0)
        && number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").unwrap_or(0) == 0
        && number("/proc/sys/user/max_user_namespaces").unwrap_or(0) > 0
}

/// A test that panics if it fails.
pub trait Test: FnOnce(&Host) + Send + 'static {}

impl<T: FnOnce(&Host) + Send + 'static> Test for T {}

/// The tests of one file, to be run by [`Suite::run`].
#[derive(Default)]
pub struct Suite {
    trials: Vec<Trial>,
    before: Option<fn()>,
}

impl Suite {
    /// A suite that runs `before` on the machine itself, before each test.
    pub fn with(before: fn()) -> Self {
        Self { trials: Vec::new(), before: Some(before) }
    }

    /// Adds a test that needs [`Need::BASICS`] and no more.
    pub fn add(&mut self, name: &str, test: impl Test) -> &mut Self {
        self.add_needing(&[], name, test)
    }

    /// Adds a test that needs [`Need::BASICS`] and `needs`.
    pub fn add_needing(&mut self, needs: &[Need], name: &str, test: impl Test) -> &mut Self {
        let lacking = Need::BASICS.iter().chain(needs).find_map(|need| need.lacking());
        if let Some(what) = lacking {
            eprintln!("SKIPPED {name}: this machine lacks {what}");
        }
        let before = self.before;
        let trial = Trial::test(name, move || match lacking {
            Some(what) => Err(Failed::from(format!("this machine lacks {what}"))),
            // So that the message reaches the summary and not the runner's own panic.
            None => catch_unwind(AssertUnwindSafe(|| {
                before.iter().for_each(|before| before());
                Host::run(test);
            }))
            .map_err(|panic| Failed::from(message(panic.as_ref()))),
        });
        self.trials.push(trial.with_ignored_flag(lacking.is_some()));
        self
    }

    /// Runs the tests as the arguments of the process say, at most `threads` at once.
    pub fn run(&mut self, threads: usize) -> ExitCode {
        let mut arguments = Arguments::from_args();
        arguments.test_threads.get_or_insert(threads);
        let conclusion: Conclusion =
            libtest_mimic::run(&arguments, std::mem::take(&mut self.trials));
        conclusion.exit_code()
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}
