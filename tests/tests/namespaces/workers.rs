//! How many workers has a network, if nobody says?

use nix::mount::{MsFlags, mount};
use nix::net::if_::if_nametoindex;
use std::fs;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::product::Network;
use udp_bridge_tests::host::rtnl::Rtnl;

/// Where the C library reads which processors there are.
const ONLINE: &str = "/sys/devices/system/cpu/online";
/// What stands there for these tests.
const PRETENDED: &str = "/run/online";

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("there_are_two_workers_where_there_are_two_processors", usual);
    suite.add("a_network_keeps_its_workers_when_processors_come_or_go", kept);
}

/// A machine of these processors, `0-1` and the like, from now on.
fn pretend(processors: &str) {
    let is_first = !fs::exists(PRETENDED).unwrap();
    fs::write(PRETENDED, format!("{processors}\n")).unwrap();
    if is_first {
        mount(Some(PRETENDED), ONLINE, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    }
}

/// `udp-bridge up` with these arguments and nothing about workers.
fn up<'h>(host: &'h Host, arguments: &str) -> Network<'h> {
    host.up_as(&mut host.command(&format!("up {arguments}")))
}

/// How many threads forward, and how many frames a queue of the host's interface holds.
fn seen(host: &Host) -> (usize, u32) {
    let (_, length) = Rtnl::open().queueing("ub0");
    (host.threads_named("dataplane") + host.threads_named("dataplane-1"), length)
}

/// Of a network of the command line and of one of a file.
fn usual(host: &Host) {
    fs::write("/run/one.toml", "version = 1\n[networks.ub0]\n").unwrap();
    for (processors, expected) in [("0", (1, 10_000)), ("0-1", (2, 5000)), ("0-63", (2, 5000))] {
        pretend(processors);
        for arguments in ["--ports 1", "-f /run/one.toml"] {
            let _network = up(host, arguments);
            assert_eq!(seen(host), expected, "{processors}, {arguments}");
        }
    }
}

/// Neither a change nor the same file makes it anew.
fn kept(host: &Host) {
    let file = "version = 1\n[networks.ub0]\n[sandboxes.one.endpoints.ub0]\n";
    fs::write("/run/one.toml", file).unwrap();
    for (before, after) in [("0", "0-1"), ("0-1", "0")] {
        pretend(before);
        let _network = up(host, "-f /run/one.toml");
        let was = seen(host);
        pretend(after);
        let interface = if_nametoindex("ub0").unwrap();
        host.udp_bridge("rule add protocol=\"udp\" verdict=\"drop\"").ok();
        host.udp_bridge("rule rm 0").ok();
        host.udp_bridge("apply -f /run/one.toml").ok();
        assert_eq!(seen(host), was, "{before}, then {after}");
        assert_eq!(if_nametoindex("ub0").unwrap(), interface, "{before}, then {after}");
    }
}
