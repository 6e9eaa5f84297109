//! Bad input is refused before anything is made, and says what, where and what to do.

use dataplane::frame::Offloads;
use dataplane::port::tap::Tap;
use std::os::unix::process::CommandExt;
use std::process::Command;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::process::Finished;
use udp_bridge_tests::host::rtnl::Rtnl;

pub(super) fn add_to(suite: &mut Suite) {
    // Some of them are about IPv6.
    suite.add_needing(&[Need::Ipv6], "bad_arguments_of_up_are_refused", bad_arguments);
    suite.add("an_empty_name_is_refused", empty_name);
    suite.add("a_subnet_in_use_is_refused_and_a_free_one_named", subnet_in_use);
    suite.add("a_default_route_is_no_reason_to_refuse_a_subnet", default_route);
    suite.add("the_default_subnet_avoids_those_in_use", default_avoids);
    suite.add("a_namespace_that_exists_is_refused_and_not_touched", namespace_exists);
    suite.add("an_interface_that_exists_is_refused_and_not_touched", interface_exists);
    suite.add("a_missing_device_node_is_told", no_device);
    suite.add("a_device_node_that_may_not_be_opened_is_told_with_both_ways_out", no_permission);
}

/// Each is refused with code 2, and its message has all of these words.
const BAD: &[(&str, &[&str])] = &[
    ("", &["--ports"]),
    ("--ports 0", &["--ports 0", "1 to"]),
    ("--ports -1", &["-1"]),
    ("--ports many", &["many", "--ports"]),
    ("--ports 2000", &["--ports 2000", "1 to 1023"]),
    ("--ports 300 --subnet 10.1.0.0/24", &["--ports 300", "10.1.0.0/24", "253", "/23"]),
    ("--ports 3 --subnet banana", &["--subnet", "banana", "172.16.1.0/24"]),
    ("--ports 3 --subnet 10.1.0.0/33", &["--subnet", "10.1.0.0/33"]),
    ("--ports 3 --subnet 10.1.0.7/24", &["10.1.0.7/24", "10.1.0.0/24"]),
    ("--ports 1 --subnet 10.1.0.0/31", &["10.1.0.0/31", "too small", "/30"]),
    ("--ports 1 --subnet 224.0.0.0/24", &["224.0.0.0/24"]),
    ("--ports 1 --subnet 127.9.0.0/24", &["127.9.0.0/24"]),
    ("--ports 3 --subnet6 banana", &["--subnet6", "banana", "none"]),
    ("--ports 1 --subnet6 fd00:1::/127", &["fd00:1::/127"]),
    ("--ports 9 --subnet6 fd00:1::/126", &["--ports 9", "fd00:1::/126"]),
    ("--ports 3 --mtu 575 --subnet6 none", &["--mtu 575", "576"]),
    ("--ports 3 --mtu 1279", &["--mtu 1279", "1280", "--subnet6 none"]),
    ("--ports 3 --mtu 65522", &["--mtu 65522", "65521"]),
    ("--ports 3 --mtu 0", &["--mtu 0", "1280"]),
    ("--ports 3 --name a/b", &["--name", "a/b", "'/'"]),
    ("--ports 3 --name ..", &["--name", "dot"]),
    ("--ports 3 --name sixteen-letters-", &["--name", "15"]),
    ("--ports 3 --name=-x", &["--name"]),
    ("--ports 3 --host-if sixteen-letters-", &["--host-if", "15"]),
    ("--ports 3 --host-if a/b", &["--host-if", "a/b"]),
    ("--ports 3 --host-if lo", &["--host-if", "lo", "exists"]),
    ("--ports 3 --isolate 4", &["--isolate", "4", "1 to 3"]),
    ("--ports 3 --isolate x", &["--isolate", "x", "all"]),
    ("--ports 3 --no-offloads 4", &["--no-offloads", "4", "0 to 3"]),
    ("--ports 3 --fdb-ageing 0", &["--fdb-ageing"]),
    ("--ports 3 --fdb-max 2", &["--fdb-max", "not 2"]),
    ("--ports 3 --fdb-port-max 0", &["--fdb-port-max"]),
    ("--ports 3 --workers 0", &["--workers", "1 to 16", "not 0"]),
    ("--ports 3 --workers 17", &["--workers", "1 to 16", "not 17"]),
    ("--ports 3 --workers -1", &["--workers", "-1"]),
    ("--ports 3 --storm-packets 0", &["--storm-packets", "none"]),
    ("--ports 3 --icc=maybe", &["--icc", "maybe", "true"]),
    ("--ports 3 --rules /no/such/file", &["--rules /no/such/file"]),
    ("--ports 3 --rules /dev/zero", &["--rules /dev/zero", "16 MiB"]),
    ("--ports 3 --rules /dev/null", &["--rules /dev/null:1:1", "version = 1"]),
    ("--ports 3 --no-such-option", &["--no-such-option"]),
];

#[track_caller]
fn assert_refused(refused: &Finished, words: &[&str]) {
    assert_eq!(refused.code(), Some(2), "{refused:#?}");
    for word in words {
        assert!(refused.stderr.contains(word), "{word:?} is not in {:?}", refused.stderr);
    }
    assert!(refused.stdout.is_empty(), "{refused:#?}");
}

fn bad_arguments(host: &Host) {
    let before = host.snapshot();
    let mut faults = Vec::new();
    for (arguments, words) in BAD {
        for detach in ["", " --detach"] {
            let refused = host.udp_bridge(&format!("up {arguments}{detach}"));
            let said = words.iter().all(|word| refused.stderr.contains(word));
            if refused.code() != Some(2) || !said {
                faults.push(format!("{arguments}{detach}: {refused:?}, wanted {words:?}"));
                // So that the next ones are not refused for this one's sake.
                host.udp_bridge("down --all");
            }
        }
        before.assert_same(&host.snapshot());
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

fn empty_name(host: &Host) {
    let before = host.snapshot();
    let refused = host.finish(host.command("up --ports 3 --name").arg(""));
    assert_refused(&refused, &["--name", "empty"]);
    let refused = host.finish(host.command("up --ports 3 --host-if").arg(""));
    assert_refused(&refused, &["--host-if", "empty"]);
    before.assert_same(&host.snapshot());
}

/// An interface with this address, as long as the TAP lives.
fn interface(name: &str, address: [u8; 4], prefix: u8) -> Tap {
    let tap = Tap::open(name, Offloads::NONE).unwrap();
    let rtnl = Rtnl::open();
    rtnl.add_address(name, address, prefix);
    rtnl.up(name);
    tap
}

fn subnet_in_use(host: &Host) {
    let _tap = interface("held0", [10, 50, 0, 1], 16);
    let before = host.snapshot();
    for (subnet, way_out) in [
        ("10.50.7.0/24", "is free"),
        ("10.50.0.0/16", "is free"),
        // Nothing of that size is free among the private addresses.
        ("10.0.0.0/8", "choose another"),
    ] {
        let refused = host.udp_bridge(&format!("up --ports 3 --subnet {subnet}"));
        assert_refused(&refused, &["--subnet", subnet, "10.50.0.0/16", "held0", way_out]);
        before.assert_same(&host.snapshot());
    }
}

/// A default route leads everywhere and is in nobody's way.
fn default_route(host: &Host) {
    let _tap = interface("held0", [10, 50, 0, 1], 16);
    Rtnl::open().add_default_route([10, 50, 0, 2]);
    let before = host.snapshot();
    let network = host.up("--ports 1 --subnet 10.60.0.0/24");
    let ends = network.ends();
    ends[0].ping(host, ends[1].ipv4.into());
    host.udp_bridge("down").ok();
    before.assert_same(&host.snapshot());
}

fn default_avoids(host: &Host) {
    let _tap = interface("held0", [172, 16, 1, 77], 30);
    let network = host.up("--ports 1");
    assert_eq!(network.ends()[0].ipv4.octets(), [172, 16, 2, 1]);
}

fn namespace_exists(host: &Host) {
    host.add_netns("ub0-2");
    let before = host.snapshot();
    let refused = host.udp_bridge("up --ports 3");
    assert_refused(&refused, &["ub0-2", "exists", "not ours"]);
    before.assert_same(&host.snapshot());
    host.visit("ub0-2", || ());
}

fn interface_exists(host: &Host) {
    let _tap = interface("ub0", [10, 50, 0, 1], 16);
    let before = host.snapshot();
    let refused = host.udp_bridge("up --ports 3");
    assert_refused(&refused, &["--host-if", "ub0", "exists", "not ours"]);
    before.assert_same(&host.snapshot());
}

fn no_device(host: &Host) {
    host.hide_tun();
    let before = host.snapshot();
    let refused = host.udp_bridge("up --ports 3");
    assert_eq!(refused.code(), Some(1), "{refused:?}");
    assert!(refused.stderr.contains("/dev/net/tun"), "{refused:?}");
    assert!(refused.stderr.contains("modprobe tun"), "{refused:?}");
    before.assert_same(&host.snapshot());
    assert_eq!(host.udp_bridge("doctor").code(), Some(1));
}

fn no_permission(host: &Host) {
    let programs = host.open_programs_to_all();
    host.open_tun_to(0o600);
    let before = host.snapshot();
    let mut command = Command::new(programs.join("udp-bridge"));
    let nobody = command.args(["up", "--ports", "3"]).uid(65_534).gid(65_534);
    let refused = host.finish(nobody);
    assert_eq!(refused.code(), Some(1), "{refused:?}");
    for word in ["/dev/net/tun", "root", "chmod"] {
        assert!(refused.stderr.contains(word), "{word:?} is not in {refused:?}");
    }
    before.assert_same(&host.snapshot());
}
